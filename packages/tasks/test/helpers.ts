/** What the tests of this package share: programs under virtual time, and what they left behind. */
import type { Coroutine, ExceptionContext, Future, Yieldable } from "@aioloop/loop";
import { setLogger } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import { currentTask, run, VirtualEventLoop } from "@aioloop/tasks";
import { expect } from "vitest";

export { collectGarbage } from "../../loop/test/helpers.ts";

export interface ProgramOptions {
  debug?: boolean;
  /** Takes what reaches the exception handler; without it nothing may. */
  reports?: ExceptionContext[];
}

/** Runs `main(loop)` under virtual time, start to end with `run`, and gives its result. */
export function program<T>(
  main: (loop: VirtualEventLoop) => Yieldable<T>,
  { debug = false, reports }: ProgramOptions = {},
): T {
  const loop = new VirtualEventLoop({ debug });
  const seen = reports ?? [];
  loop.setExceptionHandler((_loop, context) => void seen.push(context));
  const value = run(main(loop), { loopFactory: () => loop });
  if (reports === undefined) expect(seen.map(({ message }) => message)).toEqual([]);
  return value;
}

/** One turn of the loop, seen from outside. */
export function turn(loop: VirtualEventLoop): void {
  loop.stop();
  loop.runForever();
}

/** The task whose code asks. */
export function self(): Task<unknown> {
  return currentTask() as Task<unknown>;
}

/** What a call throws; a test that gets here without an error has failed. */
export function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

/** The same for what a coroutine awaits. */
export function* errorOf(awaitable: Yieldable<unknown>): Coroutine<unknown> {
  let value: unknown;
  try {
    value = yield* awaitable;
  } catch (error) {
    return error;
  }
  throw new Error(`nothing was thrown; the result was ${value}`);
}

/** The text of an error, with its class: what a user reads first. */
export function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : `${error}`;
}

/** How a future ended, in a word, without retrieving more than that. */
export function endOf(future: Future<unknown>): string {
  if (!future.done()) return "pending";
  if (future.cancelled()) return "cancelled";
  const exception = future.exception();
  return exception === null ? `result ${future.result()}` : `exception ${textOf(exception)}`;
}

/** What is written to the log while `work` runs. */
export function logOf(work: () => unknown): string[] {
  const log: string[] = [];
  const add = (message: string) => void log.push(message);
  setLogger({ debug: add, info: add, warning: add, error: add });
  try {
    work();
  } finally {
    setLogger(null);
  }
  return log;
}

/** The same for what comes later, out of finalizers. */
export async function logOfLater(work: () => Promise<unknown>): Promise<string[]> {
  const log: string[] = [];
  const add = (message: string) => void log.push(message);
  setLogger({ debug: add, info: add, warning: add, error: add });
  try {
    await work();
  } finally {
    setLogger(null);
  }
  return log;
}
