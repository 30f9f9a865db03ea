/** From what is not a future of the loop to one that is: promises, and the futures of executors. CPython: `futures.wrap_future`. */
import type { ExecutorFuture } from "./abstract-executor.ts";
import { getEventLoop } from "./events.ts";
import type { LoopOption } from "./futures.ts";
import { Future, isfuture } from "./futures.ts";
import { describe } from "./reprs.ts";
import { isThenable } from "./suspend.ts";

/**
 * A promise, or the future of an executor, as a future for `yield*`. A future of a loop comes back as it is. Cancelling what comes
 * back cancels the executor's future; it does not stop what a promise stands for (see `abortable`).
 * CPython: `futures.wrap_future`.
 */
export function wrapFuture<T>(source: PromiseLike<T> | ExecutorFuture<T>, options?: LoopOption): Future<T> {
  if (isfuture(source)) return source as Future<T>;
  if (isExecutorFuture(source)) return chained(source as ExecutorFuture<T>, options);
  if (!isThenable(source)) {
    throw new TypeError(`wrapFuture(promise): a promise or a future is required, got ${describe(source)}`);
  }
  const future = new Future<T>({ loop: options?.loop ?? getEventLoop(), subject: "a native promise" });
  const isWanted = () => !future.done() && !future.getLoop().isClosed();
  source.then(
    (value) => {
      if (isWanted()) future.setResult(value);
    },
    (error: unknown) => {
      if (isWanted()) future.setException(error);
    },
  );
  return future;
}

function isExecutorFuture(value: unknown): value is ExecutorFuture<unknown> {
  const shape = value as Partial<ExecutorFuture<unknown>> | null | undefined;
  return (
    typeof shape?.running === "function" &&
    typeof shape.addDoneCallback === "function" &&
    typeof shape.cancel === "function" &&
    typeof shape.result === "function"
  );
}

/**
 * Ties the two together: a result goes one way, in a turn of the loop, a cancellation the other. A loop that blocks waits for
 * the source as long as its future is pending. CPython: `futures._chain_future`.
 */
function chained<T>(origin: ExecutorFuture<T>, options: LoopOption | undefined): Future<T> {
  const loop = options?.loop ?? getEventLoop();
  const future = new Future<T>({ loop, subject: origin });
  const { source = null } = origin;
  if (source !== null) loop._selector.expect?.(source);
  future.addDoneCallback(() => {
    if (source !== null) loop._selector.expectNoMore?.(source);
    if (future.cancelled()) origin.cancel();
  });
  origin.addDoneCallback(() => {
    if (!future.cancelled() && !loop.isClosed()) loop.callSoonThreadsafe(copyState, origin, future);
  });
  return future;
}

/** CPython: `futures._copy_future_state`. */
function copyState(origin: ExecutorFuture<unknown>, future: Future<unknown>): void {
  if (future.done()) return;
  if (origin.cancelled()) {
    future.cancel();
    return;
  }
  let result: unknown;
  try {
    result = origin.result();
  } catch (error) {
    future.setException(error);
    return;
  }
  future.setResult(result);
}
