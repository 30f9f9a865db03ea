/**
 * The errors of loop and tasks, under asyncio's names.
 *
 * CPython keeps CancelledError, KeyboardInterrupt and SystemExit outside `Exception`, so that `except Exception`
 * lets them pass. JavaScript has one hierarchy and one `catch`: what CPython's split does there, `isCancelled`
 * does here, and `leavesLoop` tells the two that also stop the loop.
 */
import { WaitGraph } from "./wait-graph.ts";

/** An operation that the state of an object does not allow. CPython: builtin `RuntimeError`. */
export class RuntimeError extends Error {
  static {
    this.prototype.name = "RuntimeError";
  }
}

/** No value for a key or a context variable. CPython: builtin `LookupError`. */
export class LookupError extends Error {
  static {
    this.prototype.name = "LookupError";
  }
}

/**
 * Thrown into a coroutine whose task is cancelled, and out of a future that was cancelled.
 * CPython: `exceptions.CancelledError`, there a BaseException; here every `catch` sees it: let it pass (`isCancelled`).
 */
export class CancelledError extends Error {
  static {
    this.prototype.name = "CancelledError";
  }
  /** What was given to `cancel(msg)`, null where nothing was. */
  readonly msg: string | null;

  constructor(msg: string | null = null) {
    super(msg ?? "");
    this.msg = msg;
  }
}

/** An operation took longer than its deadline. One class for all of aioloop. CPython: builtin `TimeoutError`. */
export class TimeoutError extends Error {
  static {
    this.prototype.name = "TimeoutError";
  }
}

/** A future is in a state that does not allow the operation. CPython: `exceptions.InvalidStateError`. */
export class InvalidStateError extends Error {
  static {
    this.prototype.name = "InvalidStateError";
  }
}

/** The user pressed Ctrl-C. Leaves the loop at once. CPython: builtin `KeyboardInterrupt`. */
export class KeyboardInterrupt extends Error {
  static {
    this.prototype.name = "KeyboardInterrupt";
  }
}

/** The program asks to end. Leaves the loop at once. CPython: builtin `SystemExit`. */
export class SystemExit extends Error {
  static {
    this.prototype.name = "SystemExit";
  }
  /** The exit code that is asked for. */
  readonly code: number;

  constructor(code = 0) {
    super(`exit with code ${code}`);
    this.code = code;
  }
}

/**
 * Nothing is ready, nothing is scheduled and nothing can wake the loop, while a program is unfinished.
 * CPython has no such error: there `run_forever` would wait for ever.
 */
export class DeadlockError extends RuntimeError {
  static {
    this.prototype.name = "DeadlockError";
  }
  /** Who waited for what, and who held it; the message says the same in words. Not enumerable: who prints the error would print the loop. */
  declare readonly graph: WaitGraph;

  constructor(message: string, graph: WaitGraph = new WaitGraph([], [], [])) {
    super(message);
    Object.defineProperty(this, "graph", { value: graph });
  }
}

/**
 * Whether `error` is a cancellation, which a `catch` should throw on:
 * `catch (error) { if (isCancelled(error)) throw error; … }`.
 */
export function isCancelled(error: unknown): error is CancelledError {
  return error instanceof CancelledError;
}

/** KeyboardInterrupt and SystemExit are recorded and also leave the loop (`tasks.Task.__step`, `events.Handle._run`). */
export function leavesLoop(error: unknown): error is KeyboardInterrupt | SystemExit {
  return error instanceof KeyboardInterrupt || error instanceof SystemExit;
}
