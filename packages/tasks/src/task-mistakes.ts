/** What is said about what a Task cannot do anything with. CPython: the messages in `tasks.Task.__init__` and `__step`. */
import type { AbstractTask } from "@aioloop/loop";
import { Future, iscoroutine, logger } from "@aioloop/loop";
import { describe, isThenable } from "@aioloop/loop/kernel";

export function notACoroutine(value: unknown): TypeError {
  const asked = "createTask(coro): a coroutine is required";
  if (typeof value === "function")
    return new TypeError(`${asked}, got the function ${describe(value)}: call it, \`${describe(value)}()\``);
  if (value instanceof Future)
    return new TypeError(`${asked}, got ${value}: a future can be awaited as it is, or use ensureFuture()`);
  if (isThenable(value))
    return new TypeError(
      `${asked}, got a promise: write \`yield* wrapFuture(promise)\`, or gather([promise])`,
    );
  return new TypeError(`${asked}, got ${describe(value)}`);
}

export function badYield(task: AbstractTask, value: unknown): TypeError {
  const name = `Task '${task.getName()}'`;
  if (value instanceof Future) {
    const kind = "getCoro" in value ? "task" : "future";
    return new TypeError(
      `${name} got a ${kind} from \`yield\`: write \`yield* ${kind}\` instead of \`yield ${kind}\``,
    );
  }
  if (iscoroutine(value)) {
    const called = (value as { name?: unknown }).name; // coroutine()'s have one, and sleep's
    const call = typeof called === "string" ? `${called}(…)` : "coroutine()";
    return new TypeError(
      `${name} got a coroutine from \`yield\`: write \`yield* ${call}\` instead of \`yield ${call}\``,
    );
  }
  if (isThenable(value)) {
    return new TypeError(
      `${name} got a Promise from \`yield\`: write \`yield* wrapFuture(promise)\` instead of \`yield promise\``,
    );
  }
  return new TypeError(
    `${name} got ${describe(value)} from \`yield\`: a coroutine awaits with \`yield* awaitable\`; a bare \`yield\` gives way once`,
  );
}

const warned = new WeakSet<AbstractTask>();

/** Debug mode: somebody caught a CancelledError and did not throw it on; or cleans up, and takes its time. */
export function warnSwallowed(task: AbstractTask, what: string): void {
  if (warned.has(task)) return;
  warned.add(task);
  logger.warning(
    `${task} was cancelled and ${what}. Unless that is meant (clean-up, or a cancellation that was dealt with: uncancel()), let the error pass: \`catch (error) { if (isCancelled(error)) throw error; … }\``,
  );
}
