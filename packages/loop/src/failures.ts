/**
 * Exceptions that nobody retrieved. CPython: `futures.Future.__del__`.
 *
 * There a future reports when it is destroyed. Here the exception of a failed future stands in a record of its own, which
 * its loop keeps until somebody retrieves it; the report comes when the future has been collected (it holds the record,
 * the record does not hold it) or when the loop is closed, whichever is first.
 */
import type { Context } from "./contextvars.ts";
import { opened, running } from "./contextvars.ts";
import { tracebackOf } from "./tracebacks.ts";

/** What is needed of a future and of its loop; named by shape, since both name failures. */
interface FailedFuture {
  readonly _loop: FailureKeeper;
  /** A task's. */
  readonly _context?: Context;
  _title(): string;
}

interface FailureKeeper {
  readonly _failures: Set<Failure>;
  /** those since the loop last had time to wait */
  readonly _freshFailures: Failure[];
  callExceptionHandler(context: {
    message: string;
    exception: unknown;
    future: string;
    sourceTraceback?: string;
  }): void;
}

/** A loop that never has time is not to gather them for ever. */
const MOST_FRESH = 1000;

export class Failure {
  readonly exception: unknown;
  readonly loop: FailureKeeper;
  /** As the future would show, without holding it: its class, and a task's name. */
  readonly #of: string;
  readonly #title: string;
  readonly #sourceTraceback: string | null;
  /** The one a task failed in: its report is made there (gh-96704). */
  readonly #context: Context | null;
  #open = true;

  constructor(exception: unknown, future: FailedFuture) {
    this.exception = exception;
    this.loop = future._loop;
    this.#of = future.constructor.name;
    this.#title = future._title();
    this.#sourceTraceback = tracebackOf(future);
    this.#context = future._context === undefined ? null : running.context;
    this.loop._failures.add(this);
    this.loop._freshFailures.push(this);
    if (this.loop._freshFailures.length === MOST_FRESH) releaseFrames(this.loop);
    collected.register(future, this, this);
  }

  /** Somebody has seen it: nothing to report any more. */
  retrieve(): void {
    if (!this.#open) return;
    this.#open = false;
    this.loop._failures.delete(this);
    collected.unregister(this); // it would hold the exception, and that its frames, see below
  }

  /** See `releaseFrames` below. */
  releaseFrames(): void {
    if (this.#open && this.exception instanceof Error) void this.exception.stack;
  }

  report(): void {
    if (!this.#open) return;
    this.retrieve();
    const context = this.#context;
    if (context === null || context === running.context || context._entered) this.#tell();
    else opened(context).run(() => this.#tell());
  }

  #tell(): void {
    this.loop.callExceptionHandler({
      message: `${this.#of} exception was never retrieved`,
      exception: this.exception,
      future: this.#title,
      ...(this.#sourceTraceback !== null && { sourceTraceback: this.#sourceTraceback }),
    });
  }
}

const collected = new FinalizationRegistry<Failure>((failure) => failure.report());

/**
 * Until `stack` is read V8 keeps what the frames of an error were called on, the task among it, which then is never collected. Reading takes
 * some 10 µs, so it waits until the loop has time, when most failures have been retrieved.
 */
export function releaseFrames(loop: FailureKeeper): void {
  for (const failure of loop._freshFailures) failure.releaseFrames();
  loop._freshFailures.length = 0;
}
