/** The statements of control flow, of tasks, and of what waits for them; oracle.py says what each does. */
import type { Coroutine, ReturnWhen, Task, TaskOptions, Yieldable } from "aioloop";
import {
  allTasks,
  asCompleted,
  asyncFor,
  createTask,
  currentTask,
  gather,
  isCancelled,
  shield,
  sleep,
  staggeredRace,
  wait,
  waitFor,
} from "aioloop";
import type { ProgramErrorName } from "./exceptions.ts";
import { isException, kindOf, programError, Returned } from "./exceptions.ts";
import type { Scope, StatementTable } from "./interpreter.ts";
import type { AwaitableSpec, Block } from "./program.ts";
import { attempt } from "./statements-attempts.ts";
import { contextOf } from "./statements-contexts.ts";

interface Handlers {
  readonly cancelled?: Block;
  readonly error?: Block;
}

export const coreStatements = {
  // ---- control flow

  *log(at: Scope, text: string) {
    at.log("log", text);
  },

  *raise(_at: Scope, name: ProgramErrorName, text: string) {
    throw programError(name, text);
  },

  *return(_at: Scope, value: unknown) {
    throw new Returned(value);
  },

  *try(at: Scope, body: Block, handlers: Handlers, final: Block) {
    try {
      yield* at.block(body);
    } catch (error) {
      if (error instanceof Returned || !(isCancelled(error) || isException(error))) throw error;
      const handler = isCancelled(error) ? handlers.cancelled : handlers.error;
      if (handler === undefined) throw error;
      at.log("caught", kindOf(error));
      yield* at.block(handler);
    } finally {
      if (final.length > 0) {
        at.log("finally");
        yield* at.block(final);
      }
    }
  },

  // ---- tasks

  *spawn(at: Scope, variable: string, name: string, options: SpawnOptions = {}) {
    const task = createTask(at.interpreter.coroutine(name), taskOptions(at, variable, options));
    at.interpreter.variables.set(variable, task);
    at.log("spawn", variable);
  },

  *cancel(at: Scope, target: AwaitableSpec, message: string | null) {
    const future = at.future(target);
    at.log("cancel", message === null ? future.cancel() : future.cancel(message));
  },

  *status(at: Scope, target: AwaitableSpec) {
    const future = at.future(target);
    at.log("status", future.cancelled() ? "cancelled" : future.done() ? "done" : "pending");
  },

  *result(at: Scope, target: AwaitableSpec) {
    const future = at.future(target);
    attempt(at, "result", () => future.result(), isAnything);
  },

  *exception(at: Scope, target: AwaitableSpec) {
    const future = at.future(target);
    const read = () => (future.exception() === null ? null : kindOf(future.exception()));
    attempt(at, "exception", read, isAnything);
  },

  *uncancel(at: Scope) {
    at.log("uncancel", thisTask().uncancel());
  },

  *cancelling(at: Scope) {
    at.log("cancelling", thisTask().cancelling());
  },

  *all_tasks(at: Scope) {
    at.log("all_tasks", allTasks().size);
  },

  // ---- waiting

  *sleep(at: Scope, seconds: number, value: unknown = null) {
    yield* at.observe("sleep", sleep(seconds, value));
  },

  *await(at: Scope, target: AwaitableSpec) {
    yield* at.observe("await", at.item(target));
  },

  *gather(at: Scope, targets: readonly AwaitableSpec[], returnExceptions: boolean) {
    const items = targets.map((target) => at.item(target));
    yield* at.observe("gather", returnExceptions ? gatherKinds(items) : gather(items));
  },

  *gather_as(at: Scope, variable: string, targets: readonly AwaitableSpec[]) {
    at.interpreter.variables.set(variable, gather(targets.map((target) => at.item(target))));
    at.log("gather_as", variable);
  },

  *wait(at: Scope, variables: readonly string[], seconds: number | null, returnWhen: ReturnWhen) {
    const tasks = new Map(variables.map((name) => [name, at.variable(name)]));
    const [done, pending] = yield* wait(tasks.values(), { timeout: seconds, returnWhen });
    const namesIn = (some: typeof done) =>
      [...tasks.keys()].filter((name) => some.has(tasks.get(name)!)).sort();
    at.log("wait", namesIn(done), namesIn(pending));
  },

  *wait_for(at: Scope, target: AwaitableSpec, seconds: number | null) {
    yield* at.observe("wait_for", waitFor(at.item(target), seconds));
  },

  *shield(at: Scope, target: AwaitableSpec) {
    yield* at.observe("shield", shield(at.item(target)));
  },

  *shield_as(at: Scope, variable: string, target: AwaitableSpec) {
    at.interpreter.variables.set(variable, shield(at.item(target)));
    at.log("shield_as", variable);
  },

  *as_completed(at: Scope, targets: readonly AwaitableSpec[], seconds: number | null) {
    const items = targets.map((target) => at.item(target));
    for (const next of asCompleted(items, { timeout: seconds })) yield* resultOf(at, "as_completed", next);
  },

  *async_for(at: Scope, targets: readonly AwaitableSpec[], seconds: number | null) {
    const items = targets.map((target) => at.item(target));
    yield* at.observe("async_for", asyncForAll(at, items, seconds));
  },

  *staggered(at: Scope, names: readonly string[], delay: number | null) {
    yield* at.observe("staggered", staggeredKinds(at, names, delay));
  },
} satisfies StatementTable;

/** How a task is made. */
export interface SpawnOptions {
  readonly context?: string;
  readonly eager?: boolean;
}

export function taskOptions(at: Scope, variable: string, { context, eager }: SpawnOptions): TaskOptions {
  return {
    name: variable,
    ...(context !== undefined && { context: contextOf(at, context) }),
    ...(eager !== undefined && { eagerStart: eager }),
  };
}

/** For `attempt`: nothing that is thrown ends the coroutine. */
const isAnything = (): boolean => true;

function thisTask(): Task<unknown> {
  const task = currentTask();
  if (task === null) throw new Error("a statement runs outside of any task");
  return task;
}

function* asyncForAll(
  at: Scope,
  items: readonly Yieldable<unknown>[],
  seconds: number | null,
): Coroutine<void> {
  yield* asyncFor(asCompleted(items, { timeout: seconds }), function* (future) {
    const place = items.indexOf(future);
    yield* resultOf(at, "async_for", future, place < 0 ? null : place);
  });
}

/** One result among several: only a cancellation, or what leaves the loop, ends the statement. */
function* resultOf(
  at: Scope,
  what: string,
  awaitable: Yieldable<unknown>,
  ...before: unknown[]
): Coroutine<void> {
  try {
    at.log(what, ...before, "ok", yield* awaitable);
  } catch (error) {
    if (isCancelled(error) || isException(error)) at.log(what, ...before, "raised", kindOf(error));
    if (!isException(error)) throw error;
  }
}

/** staggeredRace with its exceptions written as a trace has them. */
function* staggeredKinds(at: Scope, names: readonly string[], delay: number | null): Coroutine<unknown> {
  const starts = names.map((name) => () => at.interpreter.coroutine(name));
  const [value, index, exceptions] = yield* staggeredRace(starts, delay);
  return [value ?? null, index, exceptions.map((error) => (error === null ? null : kindOf(error)))];
}

/** gather with its exceptions as results, written as a trace has them. */
function* gatherKinds(items: readonly Yieldable<unknown>[]): Coroutine<unknown[]> {
  const results = yield* gather(items, { returnExceptions: true });
  return results.map((result) => (result instanceof Error ? ["!", kindOf(result)] : result));
}
