/** The statements of control flow, of tasks, and of what waits for them; oracle.py says what each does. */
import type { Coroutine, ReturnWhen, Task, Yieldable } from "aioloop";
import {
  allTasks,
  asCompleted,
  asyncWith,
  createTask,
  currentTask,
  gather,
  isCancelled,
  shield,
  sleep,
  timeout,
  wait,
  waitFor,
} from "aioloop";
import type { ProgramErrorName } from "./exceptions.ts";
import { kindOf, ProgramError, Returned } from "./exceptions.ts";
import type { Scope, StatementTable } from "./interpreter.ts";
import type { AwaitableSpec, Block } from "./program.ts";

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
    throw new ProgramError(name, text);
  },

  *return(_at: Scope, value: unknown) {
    throw new Returned(value);
  },

  *try(at: Scope, body: Block, handlers: Handlers, final: Block) {
    try {
      yield* at.block(body);
    } catch (error) {
      if (error instanceof Returned) throw error;
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

  *timeout(at: Scope, seconds: number | null, body: Block) {
    const limit = timeout(seconds);
    try {
      yield* asyncWith(limit, function* () {
        at.log("timeout", "enter");
        yield* at.block(body);
      });
    } finally {
      at.log("timeout", "exit", limit.expired());
    }
  },

  // ---- tasks

  *spawn(at: Scope, variable: string, name: string) {
    const task = createTask(at.interpreter.coroutine(name), { name: variable });
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

  *sleep(at: Scope, seconds: number) {
    yield* at.observe("sleep", sleep(seconds));
  },

  *await(at: Scope, target: AwaitableSpec) {
    yield* at.observe("await", at.item(target));
  },

  *gather(at: Scope, targets: readonly AwaitableSpec[], returnExceptions: boolean) {
    const items = targets.map((target) => at.item(target));
    yield* at.observe("gather", returnExceptions ? gatherKinds(items) : gather(items));
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

  *as_completed(at: Scope, targets: readonly AwaitableSpec[], seconds: number | null) {
    const items = targets.map((target) => at.item(target));
    for (const next of asCompleted(items, { timeout: seconds })) {
      try {
        at.log("as_completed", "ok", yield* next);
      } catch (error) {
        at.log("as_completed", "raised", kindOf(error));
        if (isCancelled(error)) throw error;
      }
    }
  },
} satisfies StatementTable;

function thisTask(): Task<unknown> {
  const task = currentTask();
  if (task === null) throw new Error("a statement runs outside of any task");
  return task;
}

/** gather with its exceptions as results, written as a trace has them. */
function* gatherKinds(items: readonly Yieldable<unknown>[]): Coroutine<unknown[]> {
  const results = yield* gather(items, { returnExceptions: true });
  return results.map((result) => (result instanceof Error ? ["!", kindOf(result)] : result));
}
