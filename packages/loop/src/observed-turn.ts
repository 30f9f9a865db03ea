/**
 * The part of a turn that runs the handles, for those who watch: debug mode, and instruments. CPython has debug mode within
 * `BaseEventLoop._run_once`; here a loop that nobody watches pays nothing for it.
 */
import type { Handle } from "./events.ts";
import type { Instruments } from "./instruments.ts";
import { logger } from "./log.ts";
import type { ReadyQueue } from "./ready-queue.ts";

/** What is needed of the loop; named by shape, since the loop names what it calls. */
interface Observed {
  readonly _ready: ReadyQueue;
  readonly _instrument: Instruments | null;
  readonly _debug: boolean;
  readonly slowCallbackDuration: number;
  _currentHandle: Handle | null;
}

export function runObserved(loop: Observed, count: number): void {
  for (; count > 0; count--) {
    const one = loop._ready.shift();
    const handle = one._asHandle();
    if (handle.cancelled()) continue;
    loop._currentHandle = handle;
    const isTold = loop._instrument !== null; // one that comes while the handle runs is not told of its end
    loop._instrument?.handleBefore(handle);
    const started = loop._debug ? wallClock() : 0;
    try {
      one._run();
    } finally {
      loop._currentHandle = null;
    }
    if (loop._debug) {
      const took = wallClock() - started;
      if (took >= loop.slowCallbackDuration) {
        logger.warning(`Executing ${handle} took ${took.toFixed(3)} seconds`);
      }
    }
    if (isTold) loop._instrument?.handleAfter(handle);
  }
}

function wallClock(): number {
  return performance.now() / 1000;
}
