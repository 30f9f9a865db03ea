/**
 * A synchronous loop whose owner says when it goes on, a handle at a time: for loops under control, in tests. CPython has none.
 *
 * Between two calls it stands still, perhaps in the middle of a turn; the next call goes on with the rest of that turn.
 */
import { SyncEventLoop } from "./sync-loop.ts";

/** Why it stands still: what it was driven for has come; `stop()` was called; nothing is left to run, and the selector does not wait. */
export type Standstill = "done" | "stopped" | "idle";

export abstract class SteppedEventLoop extends SyncEventLoop {
  /** Called after each handle, in the turn: what it throws ends the run. */
  protected abstract afterStep(): void;

  /**
   * Runs handles until `isDone()`, which is asked before each; until the end of the turn in which `stop()` was called (before it began:
   * of its first turn); or until nothing is left.
   * @throws what leaves a loop; what `afterStep()` throws; RuntimeError if a loop runs already, or this one is closed
   */
  protected drive(operation: string, isDone: () => boolean): Standstill {
    this._runForeverSetup(operation);
    this._enter();
    let hasBegun = false;
    try {
      for (;;) {
        if (isDone()) return "done";
        if (hasBegun && this._todo === 0 && this._isStopping) return "stopped";
        hasBegun = true;
        const ran = this._runOnce(1);
        if (ran < 0) return "idle";
        if (ran > 0) this.afterStep();
      }
    } finally {
      const left = this._todo; // also where something was thrown: the turn goes on with them
      this._leave();
      this._runForeverCleanup();
      this._todo = left;
    }
  }

  override runForever(): void {
    let standstill: Standstill;
    try {
      standstill = this.drive("runForever", never);
    } catch (error) {
      if (!this.isRunning()) this._todo = 0; // as in other loops: the next turn takes all that is ready
      throw error;
    }
    if (standstill === "idle") throw this._deadlock();
  }
}

function never(): boolean {
  return false;
}
