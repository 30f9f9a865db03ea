/** For functions that run in a worker: what they can ask about their call, and how they move what they return. */

const JOB = Symbol.for("aioloop.job");
const TRANSFER = Symbol.for("aioloop.transfer");

interface CurrentJob {
  cancelled(): boolean;
  signal(): AbortSignal;
}

function current(): CurrentJob | undefined {
  return (globalThis as { [JOB]?: CurrentJob })[JOB];
}

/**
 * Whether the cancellation of the running call was asked for: a function that works for long without giving way asks now and then,
 * and returns early. False outside of a worker. Functions sent by source can use it without importing it.
 */
export function jobCancelled(): boolean {
  return current()?.cancelled() ?? false;
}

/**
 * Aborted when the cancellation of the running call is asked for: for asynchronous functions (`fetch(url, { signal: jobSignal() })`).
 * Never aborted outside of a worker. Functions sent by source can use it without importing it.
 */
export function jobSignal(): AbortSignal {
  return current()?.signal() ?? new AbortController().signal;
}

/**
 * Returned by a worker function, moves the buffers and ports in `list` to the caller instead of copying them:
 * `return transfer(pixels, [pixels.buffer])`. Called outside of a worker it gives `value` as it is.
 */
export function transfer<T>(value: T, list: readonly object[]): T {
  if (current() === undefined) return value;
  return { [TRANSFER]: list, value } as T;
}
