/** A loop that has the thread until it is done: `while` around the turn, as in CPython's `BaseEventLoop.run_forever`. */
import { BaseEventLoop, PARKED, STOPPED } from "./base-events.ts";
import { finishRun, prepareRun } from "./run-until-complete.ts";
import type { Awaitable } from "./suspend.ts";

export class SyncEventLoop extends BaseEventLoop {
  /**
   * Turns until `stop()`. @throws DeadlockError when nothing is ready, nothing is scheduled and nothing can come.
   * CPython: `BaseEventLoop.run_forever`.
   */
  runForever(): void {
    this._runForeverSetup("runForever");
    this._enter();
    try {
      for (;;) {
        const status = this._runBatch();
        if (status === STOPPED) return;
        if (status === PARKED) throw this._deadlock();
      }
    } finally {
      this._leave();
      this._runForeverCleanup();
    }
  }

  /**
   * Runs until `awaitable` is done and returns its result; a coroutine is made a task.
   * @throws what it throws; DeadlockError; RuntimeError if the loop is stopped before. CPython: `BaseEventLoop.run_until_complete`.
   */
  runUntilComplete<T>(awaitable: Awaitable<T>): T {
    const run = prepareRun(this, awaitable);
    try {
      this.runForever();
    } catch (error) {
      finishRun(run, true);
      throw error;
    }
    return finishRun(run, false);
  }
}
