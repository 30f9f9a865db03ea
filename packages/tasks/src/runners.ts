/**
 * run and Runner: the way into a program and out of it. CPython: `runners`.
 *
 * A Runner has the same steps on a synchronous loop, which returns, and on a host loop, which gives promises. They are
 * written once, as a generator that yields each run of the loop; `drive` takes it through either way.
 */
import type { AbstractTask, Context, Future, HostedEventLoop, Yieldable } from "@aioloop/loop";
import {
  _getRunningLoop,
  copyContext,
  DeadlockError,
  isCancelled,
  iscoroutine,
  isfuture,
  KeyboardInterrupt,
  RuntimeError,
  SyncEventLoop,
  setEventLoop,
} from "@aioloop/loop";
import { delegate, describe, Failed, inspectable, isAwaitableObject, isThenable } from "@aioloop/loop/kernel";
import { iscoroutinefunction } from "./coroutines.ts";
import { allTasks } from "./current-tasks.ts";
import { newEventLoop } from "./event-loops.ts";
import { gather } from "./gather.ts";
import { SigintWatch } from "./sigint.ts";
import type { Task } from "./tasks.ts";

/** How long the threads of the default executor are waited for at the end, in seconds. CPython: `constants.THREAD_JOIN_TIMEOUT`. */
const THREAD_JOIN_TIMEOUT = 300;

export type AnyLoop = SyncEventLoop | HostedEventLoop;

export interface RunnerOptions<L extends AnyLoop = AnyLoop> {
  /** Debug mode of the loop; by default as it comes. */
  debug?: boolean | null | undefined;
  /** Makes the loop; by default newEventLoop. */
  loopFactory?: (() => L) | null | undefined;
}

export interface RunOptions {
  /** Debug mode of the loop; by default the environment variable AIOLOOP_DEBUG decides. */
  debug?: boolean | null | undefined;
  /** Aborting it cancels main; if main ends so, `run` throws the signal's reason. */
  signal?: AbortSignal | null | undefined;
}

export interface RunnerRunOptions {
  /** The context of main; by default the Runner's own, which lasts from one run to the next. */
  context?: Context | null | undefined;
  signal?: AbortSignal | null | undefined;
}

/** What `run` gives on a loop L: the value, or a promise of it. */
export type Ran<L extends AnyLoop, T> = L extends SyncEventLoop ? T : Promise<T>;

type Steps<T> = Generator<() => unknown, T, unknown>;

/**
 * Runs several mains one after the other on one loop, with one context. Close it, or declare it with `using`
 * (`await using` on a host loop). CPython: `runners.Runner`.
 */
export class Runner<L extends AnyLoop = HostedEventLoop> {
  #state: "created" | "initialized" | "closed" = "created";
  #loop: L | null = null;
  #context: Context | null = null;
  #setsEventLoop = false;
  readonly #options: RunnerOptions<L>;

  constructor(options: RunnerOptions<L> = {}) {
    this.#options = options;
  }

  /** The loop, made when first needed. @throws RuntimeError once closed. CPython: `Runner.get_loop`. */
  getLoop(): L {
    return this.#init().loop;
  }

  /**
   * Runs `main` until it is done. @throws what it throws; KeyboardInterrupt if Ctrl-C ended it; RuntimeError inside a turn.
   * CPython: `Runner.run`.
   */
  run<T>(main: Yieldable<T>, options?: RunnerRunOptions): Ran<L, T> {
    checkMain(main, "runner.run");
    const inside = _getRunningLoop();
    if (inside !== null) {
      throw new RuntimeError(
        `runner.run() inside a coroutine or callback of ${inside}: await the work instead, \`yield* main()\``,
      );
    }
    const { loop, context } = this.#init();
    if (loop.isRunning())
      throw new RuntimeError("runner.run() while it runs another main: await the promise of that one first");
    return drive(loop, mainSteps(loop, main, options?.context ?? context, options?.signal ?? null)) as Ran<
      L,
      T
    >;
  }

  /** Cancels and awaits what is left, and closes the loop; idempotent. CPython: `Runner.close`. */
  close(): Ran<L, void> {
    const loop = this.#loop;
    if (this.#state !== "initialized" || loop === null) {
      this.#state = this.#state === "created" ? "created" : "closed";
      return Promise.resolve() as Ran<L, void>; // which loop it would have been nobody knows; a promise serves both
    }
    if (loop.isRunning())
      throw new RuntimeError("runner.close() while it runs a main: await the promise of that one first");
    this.#state = "closed";
    this.#loop = null;
    return drive(loop, closingSteps(loop, this.#setsEventLoop)) as Ran<L, void>;
  }

  #init(): { loop: L; context: Context } {
    if (this.#state === "closed") throw new RuntimeError("the Runner is closed: make a new one");
    if (this.#loop === null || this.#context === null) {
      const { loopFactory, debug } = this.#options;
      const loop = (loopFactory?.() ?? this._newEventLoop()) as L;
      if (typeof loop?.runUntilComplete !== "function") {
        throw new TypeError(`loopFactory must return an event loop, got ${describe(loop)}`);
      }
      if (!loopFactory) {
        setEventLoop(loop);
        this.#setsEventLoop = true;
      }
      if (debug !== null && debug !== undefined) loop.setDebug(debug);
      this.#loop = loop;
      this.#context = copyContext();
      this.#state = "initialized";
    }
    return { loop: this.#loop, context: this.#context };
  }

  /** @internal The loop where no factory is given. */
  _newEventLoop(): AnyLoop {
    return newEventLoop();
  }

  [Symbol.dispose](): void {
    if (this.#loop !== null && !(this.#loop instanceof SyncEventLoop)) {
      throw new RuntimeError("a Runner of a host loop closes asynchronously: declare it with `await using`");
    }
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  toString(): string {
    return `<Runner ${this.#state}>`;
  }
}

inspectable(Runner);

export interface Run {
  <T>(main: Yieldable<T>, options: RunOptions & { loopFactory: () => SyncEventLoop }): T;
  <T>(
    main: Yieldable<T>,
    options?: RunOptions & { loopFactory?: (() => HostedEventLoop) | null | undefined },
  ): Promise<T>;
  <T>(main: Yieldable<T>, options: RunOptions & { loopFactory: () => AnyLoop }): T | Promise<T>;
}

/**
 * Runs a program: makes a loop, runs `main` to its end, cancels and awaits what is left, closes the loop. On the default host loop
 * it gives a promise; with `loopFactory: () => new VirtualEventLoop()` (or a blocking loop) it returns the value.
 * @throws what main throws; TypeError unless main is a coroutine; RuntimeError inside a turn. CPython: `runners.run`.
 */
export const run: Run = runWith(Runner);

/** @internal `run` with a Runner whose loops are others. */
export function runWith(RunnerClass: typeof Runner<AnyLoop>): Run {
  const run = <T>(
    main: Yieldable<T>,
    options: RunOptions & { loopFactory?: (() => AnyLoop) | null | undefined } = {},
  ): T | Promise<T> => {
    checkMain(main, "run");
    const inside = _getRunningLoop();
    if (inside !== null) {
      throw new RuntimeError(
        `run() inside a coroutine or callback of ${inside}: await the work instead, \`yield* main()\``,
      );
    }
    const runner = new RunnerClass({ debug: options.debug, loopFactory: options.loopFactory });
    const loop = runner.getLoop();
    return drive(loop, runSteps(runner, main, options.signal ?? null));
  };
  return run as Run;
}

function* runSteps<T>(runner: Runner<AnyLoop>, main: Yieldable<T>, signal: AbortSignal | null): Steps<T> {
  let value: T;
  try {
    value = (yield () => runner.run(main, { signal })) as T;
  } catch (error) {
    try {
      yield () => runner.close();
    } catch (closing) {
      // What hangs in its clean-up hangs because of the first deadlock, and that is the one to look at.
      if (closing instanceof DeadlockError && error instanceof DeadlockError) throw error;
      // Neither may be lost. CPython chains them (`__context__`).
      if (closing instanceof Error && closing !== error) closing.cause ??= error;
      throw closing;
    }
    throw error;
  }
  yield () => runner.close();
  return value;
}

function* mainSteps<T>(
  loop: AnyLoop,
  main: Yieldable<T>,
  context: Context,
  signal: AbortSignal | null,
): Steps<T> {
  const task = loop.createTask(asCoroutine(main), { context });
  const interrupts = loop instanceof SyncEventLoop ? null : new SigintWatch(task);
  const onAbort = () => void task.cancel();
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted === true) onAbort();
  try {
    const result = (yield () => loop.runUntilComplete(task)) as T;
    // A promise of a future waits for it, which must happen while there is a loop to finish it.
    if (isfuture(result) && !(loop instanceof SyncEventLoop)) {
      return (yield () => loop.runUntilComplete(result as Future<T>)) as T;
    }
    return result;
  } catch (error) {
    if (isCancelled(error)) {
      const isInterrupted = interrupts !== null && interrupts.count > 0;
      if (isInterrupted && uncancel(task) === 0) throw new KeyboardInterrupt();
      if (!isInterrupted && signal?.aborted === true && uncancel(task) === 0) throw signal.reason;
    }
    throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    interrupts?.end();
  }
}

/** How many requests are left; a task of another factory may not count them, and its error is let through then. */
function uncancel(task: AbstractTask): number {
  return (task as Partial<Task<unknown>>).uncancel?.() ?? 1;
}

function* closingSteps(loop: AnyLoop, setsEventLoop: boolean): Steps<void> {
  try {
    yield* cancelAllTasks(loop);
    yield () => loop.runUntilComplete(loop.shutdownAsyncgens());
    yield () => loop.runUntilComplete(loop.shutdownDefaultExecutor(THREAD_JOIN_TIMEOUT));
  } finally {
    if (setsEventLoop) setEventLoop(null);
    loop.close();
  }
}

/** CPython: `runners._cancel_all_tasks`. */
function* cancelAllTasks(loop: AnyLoop): Steps<void> {
  const tasks = [...allTasks(loop)];
  if (tasks.length === 0) return;
  for (const task of tasks) task.cancel();
  yield () => loop.runUntilComplete(gather(tasks, { returnExceptions: true }));
  for (const task of tasks) {
    if (task._state !== Failed) continue;
    loop.callExceptionHandler({
      message: "unhandled exception during run() shutdown",
      exception: task.exception(),
      task,
    });
  }
}

/** Takes the steps: at once on a synchronous loop, promise by promise on a host loop. */
function drive<T>(loop: AnyLoop, steps: Steps<T>): T | Promise<T> {
  return loop instanceof SyncEventLoop ? driveSync(steps) : driveAsync(steps);
}

function driveSync<T>(steps: Steps<T>): T {
  let next = steps.next();
  while (next.done !== true) {
    let value: unknown;
    try {
      value = next.value();
    } catch (error) {
      next = steps.throw(error);
      continue;
    }
    next = steps.next(value);
  }
  return next.value;
}

async function driveAsync<T>(steps: Steps<T>): Promise<T> {
  let next = steps.next();
  while (next.done !== true) {
    let value: unknown;
    try {
      value = await next.value();
    } catch (error) {
      next = steps.throw(error);
      continue;
    }
    next = steps.next(value);
  }
  return next.value;
}

function asCoroutine<T>(main: Yieldable<T>): Yieldable<T> {
  return iscoroutine(main) ? main : delegate(main);
}

function checkMain(main: unknown, caller: string): void {
  if (iscoroutine(main) || isAwaitableObject(main)) return;
  const usage = `${caller}(main()): main() must be a coroutine`;
  if (typeof main === "function") {
    const name = describe(main);
    const isAsync = Object.prototype.toString.call(main) === "[object AsyncFunction]";
    const instead = iscoroutinefunction(main)
      ? `call it: ${caller}(${name}())`
      : isAsync
        ? "write function* and yield* instead of async and await"
        : "write function* main() { … }";
    throw new TypeError(
      `${usage}, got ${isAsync ? "the async function" : "the function"} ${name}: ${instead}`,
    );
  }
  if (isThenable(main)) {
    throw new TypeError(
      `${usage}, got a promise: write function* and yield* instead of async and await, and \`yield* wrapFuture(promise)\` for one promise`,
    );
  }
  throw new TypeError(`${usage}, got ${describe(main)}: write function* main() { … }`);
}
