/** Work for another thread, from a coroutine. CPython: `threads`. */
import type { Coroutine, Job } from "@aioloop/loop";
import { getRunningLoop } from "@aioloop/loop";
import { coroutine } from "./coroutines.ts";

/**
 * Calls `fn(...args)` in the loop's default executor and waits for its result; keywords travel with the function, as in
 * `runInExecutor`. Context variables do not go along: a worker is an interpreter of its own, and gets values as arguments.
 * @throws what the call throws; TypeError for what cannot be sent. CPython: `threads.to_thread`.
 */
export const toThread: <A extends unknown[], R>(fn: Job<A, R>, ...args: A) => Coroutine<Awaited<R>> =
  coroutine(function* toThread<A extends unknown[], R>(fn: Job<A, R>, ...args: A) {
    return yield* getRunningLoop().runInExecutor(null, fn, ...args);
  });
