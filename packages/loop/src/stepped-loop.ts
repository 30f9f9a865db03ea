/**
 * A synchronous loop whose owner says when it goes on, a handle at a time: for loops under control, in tests. CPython has none.
 *
 * Between two calls it stands still, perhaps in the middle of a turn; the next call goes on with the rest of that turn.
 */
import { SyncEventLoop } from "./sync-loop.ts";

export abstract class SteppedEventLoop extends SyncEventLoop {
  /** Called after each handle, in the turn: what it throws ends the run. */
  protected abstract afterStep(): void;

  /**
   * Runs handles until `isDone()`, which is asked before each; false if nothing was left to run and the selector would not wait.
   * @throws what leaves a loop; what `afterStep()` throws; RuntimeError if a loop runs already, or this one is closed
   */
  protected drive(operation: string, isDone: () => boolean): boolean {
    if (!this._closed) this._checkRunning(operation);
    const todo = this._todo;
    this._runForeverSetup(operation);
    this._todo = todo;
    this._enter();
    let left = todo;
    try {
      while (!isDone()) {
        const ran = this._runOnce(1);
        left = this._todo;
        if (ran < 0) return false;
        if (ran > 0) this.afterStep();
      }
      return true;
    } finally {
      this._leave();
      this._runForeverCleanup();
      this._todo = left;
    }
  }

  override runForever(): void {
    let hasBegun = false; // stopped before it began: one turn
    const isStopped = () => {
      if (!hasBegun) {
        hasBegun = true;
        return false;
      }
      return this._todo === 0 && this._isStopping;
    };
    if (!this.drive("runForever", isStopped)) throw this._deadlock();
  }
}
