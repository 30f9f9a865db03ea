/** Between cancellation and AbortSignal, as the host's APIs have it. CPython has no twin. */
import type { Coroutine } from "@aioloop/loop";
import { isCancelled, wrapFuture } from "@aioloop/loop";
import { describe, isThenable } from "@aioloop/loop/kernel";
import { coroutine } from "./coroutines.ts";

/**
 * Calls `start(signal)` and awaits its promise; when the task is cancelled, so is the signal:
 * `yield* abortable((signal) => fetch(url, { signal }))`. The task goes on at once, without waiting for the promise.
 */
export const abortable: <T>(start: (signal: AbortSignal) => PromiseLike<T>) => Coroutine<T> = coroutine(
  function* abortable<T>(start: (signal: AbortSignal) => PromiseLike<T>) {
    if (typeof start !== "function") {
      throw new TypeError(`abortable((signal) => promise): a function is required, got ${describe(start)}`);
    }
    const controller = new AbortController();
    const promise = start(controller.signal);
    if (!isThenable(promise)) {
      throw new TypeError(
        `abortable((signal) => promise): the function must return a promise, it returned ${describe(promise)}`,
      );
    }
    try {
      return yield* wrapFuture(promise);
    } catch (error) {
      if (isCancelled(error)) controller.abort(error);
      throw error;
    }
  },
);
