/** From anything that can be awaited to a Future. CPython: `tasks.ensure_future`. */
import { getEventLoop } from "./events.ts";
import type { Future, LoopOption } from "./futures.ts";
import { isfuture } from "./futures.ts";
import { describe } from "./reprs.ts";
import type { Awaitable, Yieldable } from "./suspend.ts";
import { delegate, isAwaitableObject, iscoroutine, isThenable } from "./suspend.ts";
import { wrapFuture } from "./wrap-future.ts";

/**
 * Futures come back as they are, a coroutine is made a task, a promise a future.
 * @throws TypeError for what cannot be awaited, RangeError for a future of another loop than `loop`.
 * CPython: `tasks.ensure_future`.
 */
export function ensureFuture<T>(awaitable: Awaitable<T>, options?: LoopOption): Future<T> {
  const loop = options?.loop ?? null;
  if (isfuture(awaitable)) {
    if (loop !== null && awaitable.getLoop() !== loop) {
      throw new RangeError(`${awaitable} belongs to a different loop than ${loop}`);
    }
    return awaitable as Future<T>;
  }
  if (iscoroutine(awaitable)) return (loop ?? getEventLoop()).createTask(awaitable as Yieldable<T>);
  if (isAwaitableObject(awaitable))
    return (loop ?? getEventLoop()).createTask(delegate(awaitable as Yieldable<T>));
  if (isThenable(awaitable)) return wrapFuture(awaitable, options);
  throw notAwaitable(awaitable);
}

function notAwaitable(value: unknown): TypeError {
  const hint =
    typeof value === "function"
      ? `: call it, \`${describe(value)}()\``
      : ": a future, a task, a coroutine or a promise can be awaited";
  return new TypeError(`${describe(value)} cannot be awaited${hint}`);
}
