/**
 * The errors of executors. CPython: `concurrent.futures._base`, `thread`, `process`.
 *
 * CancelledError and InvalidStateError are other classes than those of the loop, as in CPython: a worker's call that was cancelled
 * is not the cancellation of a task. TimeoutError is one class everywhere.
 */
import { RuntimeError } from "@aioloop/loop";

export { TimeoutError } from "@aioloop/loop";

/** What CancelledError and InvalidStateError have in common. CPython: `concurrent.futures._base.Error`. */
export class ExecutorError extends Error {
  static {
    this.prototype.name = "ExecutorError";
  }
}

/** The call was cancelled before it began. CPython: `concurrent.futures.CancelledError`. */
export class CancelledError extends ExecutorError {
  static {
    this.prototype.name = "CancelledError";
  }
}

/** A future is in a state that does not allow the operation. CPython: `concurrent.futures.InvalidStateError`. */
export class InvalidStateError extends ExecutorError {
  static {
    this.prototype.name = "InvalidStateError";
  }
}

/** An executor whose workers cannot be relied on any more. CPython: `concurrent.futures.BrokenExecutor`. */
export class BrokenExecutor extends RuntimeError {
  static {
    this.prototype.name = "BrokenExecutor";
  }
}

/** A worker thread died, or its initializer failed. CPython: `concurrent.futures.thread.BrokenThreadPool`. */
export class BrokenThreadPool extends BrokenExecutor {
  static {
    this.prototype.name = "BrokenThreadPool";
  }
}

/** A child process died, or its initializer failed. CPython: `concurrent.futures.process.BrokenProcessPool`. */
export class BrokenProcessPool extends BrokenExecutor {
  static {
    this.prototype.name = "BrokenProcessPool";
  }
}
