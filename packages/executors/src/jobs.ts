/** A call that a pool makes, and its future at the same time. */
import { Future, PENDING, RUNNING } from "./futures.ts";

/** The pool of a job, as its future needs it. */
export interface JobOwner {
  /** Whether a worker has taken the job. */
  _hasBegun(job: JobFuture): boolean;
  /** Takes a waiting job back; false if a worker was faster. */
  _withdraw(job: JobFuture): boolean;
  /** A running job's cancellation was asked for. True: it was stopped. */
  _askToEnd(job: JobFuture): boolean;
}

export class JobFuture<T = unknown> extends Future<T> {
  /** @internal */
  readonly _pool: JobOwner;
  /** @internal */
  readonly _number: number;
  /** @internal a cancellation stops the worker */
  readonly _terminates: boolean;
  /** @internal where the pool keeps it: a place in a ring, a slot; -1 for none */
  _place = -1;
  /** @internal the index of the worker that has it, -1 before that is known */
  _worker = -1;

  constructor(pool: JobOwner, number: number, terminates: boolean) {
    super();
    this._pool = pool;
    this._number = number;
    this._terminates = terminates;
  }

  /** @internal */
  override _noteBegun(): void {
    if (this._state === PENDING && this._pool._hasBegun(this)) this._state = RUNNING;
  }

  /** @internal */
  override _withdraw(): boolean {
    return this._pool._withdraw(this);
  }

  /** @internal */
  override _knowsAtOnce(): boolean {
    return true;
  }

  /** @internal */
  override _askToEnd(): boolean {
    return this._pool._askToEnd(this);
  }

  /** @internal A worker's answer. */
  _finish(value: unknown, failed: boolean): void {
    if (this._isDone()) return;
    if (failed) this.setException(value);
    else this.setResult(value as T);
  }

  /** @internal As `cancel`, but a running one is let alone. */
  _cancelIfWaiting(): void {
    this._refresh();
    if (this._state === PENDING) this.cancel();
  }
}
