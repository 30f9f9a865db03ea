/** What comes before and after the turns of `runUntilComplete`, for both kinds of loop. CPython: `BaseEventLoop.run_until_complete`. */
import type { BaseEventLoop } from "./base-events.ts";
import { ensureFuture } from "./ensure-future.ts";
import type { AbstractTask } from "./events.ts";
import { leavesLoop, RuntimeError } from "./exceptions.ts";
import type { Future } from "./futures.ts";
import { isfuture } from "./futures.ts";
import type { Awaitable } from "./suspend.ts";

export interface Run<T> {
  readonly future: Future<T>;
  readonly isOurs: boolean;
}

export function prepareRun<T>(loop: BaseEventLoop, awaitable: Awaitable<T>): Run<T> {
  loop._checkClosed("runUntilComplete");
  loop._checkRunning("runUntilComplete");
  const isOurs = !isfuture(awaitable);
  const future = ensureFuture(awaitable, { loop });
  if (isOurs && "_logDestroyPending" in future) (future as AbstractTask<T>)._logDestroyPending = false;
  future.addDoneCallback(stopLoopOf);
  return { future, isOurs };
}

export function finishRun<T>({ future, isOurs }: Run<T>, failed: boolean): T;
export function finishRun<T>({ future, isOurs }: Run<T>, failed: true): undefined;
export function finishRun<T>({ future, isOurs }: Run<T>, failed: boolean): T | undefined {
  future.removeDoneCallback(stopLoopOf);
  if (failed) {
    if (isOurs) future._retrieve(); // it is what ended the run, and need not be reported again
    return undefined;
  }
  if (!future.done()) {
    throw new RuntimeError(`runUntilComplete(): the event loop was stopped before ${future} was done`);
  }
  return future.result();
}

/** What leaves the loop has stopped it already. CPython: `base_events._run_until_complete_cb`. */
function stopLoopOf(future: Future<unknown>): void {
  if (!future.cancelled() && leavesLoop(future.exception())) return;
  future.getLoop().stop();
}
