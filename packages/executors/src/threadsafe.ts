/** A coroutine for a loop, from outside of it. CPython: `tasks.run_coroutine_threadsafe`. */
import type { BaseEventLoop, Yieldable } from "@aioloop/loop";
import { ensureFuture, iscoroutine, RuntimeError } from "@aioloop/loop";
import { describe, isAwaitableObject } from "@aioloop/loop/kernel";
import { Future } from "./futures.ts";

/** Its loop turns in the thread that holds it: to block that thread would be to wait for oneself. */
class CoroutineFuture<T> extends Future<T> {
  #cancelTask: () => void = () => {};

  /** @internal */
  _attach(cancelTask: () => void): void {
    this.#cancelTask = cancelTask;
  }

  /** @internal */
  override _checkBlocking(operation: string): void {
    throw new RuntimeError(
      `${operation}() of a runCoroutineThreadsafe() future would wait for ever: it blocks the thread whose loop has to run the coroutine. Write \`await future\`, or \`yield* wrapFuture(future)\` in a coroutine`,
    );
  }

  /** @internal */
  override _knowsAtOnce(): boolean {
    return true;
  }

  override cancel(): boolean {
    const isCancelled = super.cancel();
    if (isCancelled) this.#cancelTask();
    return isCancelled;
  }
}

/**
 * Runs a coroutine in `loop` from code that is not: a listener, an async function. Gives an executor's future; cancelling it
 * cancels the task. A loop and its tasks belong to one thread here, so there is no other thread to call this from.
 * @throws TypeError unless `coro` is a coroutine. CPython: `asyncio.run_coroutine_threadsafe`.
 */
export function runCoroutineThreadsafe<T>(coro: Yieldable<T>, loop: BaseEventLoop): Future<T> {
  if (!iscoroutine(coro) && !isAwaitableObject(coro)) {
    const hint = typeof coro === "function" ? `: call it, \`${describe(coro)}()\`` : "";
    throw new TypeError(
      `runCoroutineThreadsafe(coro, loop): a coroutine is required, got ${describe(coro)}${hint}`,
    );
  }
  const future = new CoroutineFuture<T>();
  loop.callSoonThreadsafe(() => {
    if (future.cancelled()) {
      (coro as Partial<Generator>).return?.(undefined); // never started, and not to be reported as forgotten
      return;
    }
    try {
      const task = ensureFuture(coro, { loop });
      future._attach(() => loop.callSoonThreadsafe(() => task.cancel()));
      task.addDoneCallback(() => {
        if (future.cancelled()) return;
        if (task.cancelled()) {
          future.cancel();
          return;
        }
        future.setRunningOrNotifyCancel();
        const error = task.exception();
        if (error !== null) future.setException(error);
        else future.setResult(task.result());
      });
    } catch (error) {
      future.setException(error);
      throw error;
    }
  });
  return future;
}
