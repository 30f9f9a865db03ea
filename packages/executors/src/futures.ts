/**
 * The future of a call in a worker. CPython: `concurrent.futures._base.Future`.
 *
 *      PENDING ──► RUNNING ──► FINISHED
 *         └─────► CANCELLED ──► CANCELLED_AND_NOTIFIED
 *
 * CPython's is shared by threads and locked; this one belongs to the thread that made it, and changes when that thread takes what
 * its workers sent: in its event loop, while it blocks in `result`, `wait` or `asCompleted`, and when it is asked
 * (`done`, `running`, `cancel`). The three ways to wait: `future.result()` blocks the thread, `await future` and
 * `yield* wrapFuture(future)` do not.
 */
import type { ExecutorFuture, Source } from "@aioloop/loop";
import { logger, RuntimeError } from "@aioloop/loop";
import { describe, inspectable } from "@aioloop/loop/kernel";
import { blockUntil, doorbell } from "./doorbell.ts";
import { CancelledError, InvalidStateError, TimeoutError } from "./exceptions.ts";

export const PENDING = "PENDING";
export const RUNNING = "RUNNING";
export const CANCELLED = "CANCELLED";
export const CANCELLED_AND_NOTIFIED = "CANCELLED_AND_NOTIFIED";
export const FINISHED = "FINISHED";

export type FutureState =
  | typeof PENDING
  | typeof RUNNING
  | typeof CANCELLED
  | typeof CANCELLED_AND_NOTIFIED
  | typeof FINISHED;

/** With the future as its argument; what kind of future is the business of who added it. */
type DoneCallback = (future: object) => unknown;

export class Future<T = unknown> implements ExecutorFuture<T> {
  /** @internal */
  _state: FutureState = PENDING;
  /** @internal the result, or what was thrown where `_failed` */
  _value: unknown = undefined;
  /** @internal */
  _failed = false;
  /** The first callback stands here alone: most futures have no other. */
  #callback: DoneCallback | null = null;
  #callbacks: DoneCallback[] | null = null;
  /** Those of `wait` and `asCompleted`, which count a cancelled future only once its executor knows. */
  #waiters: Set<DoneCallback> | null = null;

  /** The bell that rings when it may be done; null where nothing is under way that could ring. */
  get source(): Source | null {
    const bell = doorbell();
    return bell.isExpecting ? bell.source : null;
  }

  /**
   * Cancels the call unless it has begun; true if it was cancelled, now or before. A call that has begun is told that its
   * cancellation was asked for (`jobCancelled`, `jobSignal`), and runs on. CPython: `Future.cancel`.
   */
  cancel(): boolean {
    this._refresh();
    if (this._state === PENDING && this._withdraw()) this.#becomeCancelled();
    else if (!this._isDone() && this._askToEnd()) this.#becomeCancelled();
    return this._isCancelled();
  }

  #becomeCancelled(): void {
    this._state = CANCELLED;
    if (this._knowsAtOnce()) this.setRunningOrNotifyCancel();
    this.#invokeCallbacks();
  }

  cancelled(): boolean {
    this._refresh();
    return this._isCancelled();
  }

  running(): boolean {
    this._refresh();
    return this._state === RUNNING;
  }

  /** True once it is cancelled or finished. Takes what workers sent, so that it may be asked again and again. */
  done(): boolean {
    this._refresh();
    return this._isDone();
  }

  /**
   * Blocks the thread until the call has ended, and returns its result.
   * @param timeout seconds; null waits without end
   * @throws what the call threw; TimeoutError; CancelledError; RuntimeError if nothing is under way that could end it.
   * CPython: `Future.result`.
   */
  result(timeout: number | null = null): T {
    this.#waitUntilDone("result", timeout);
    if (this._failed) throw this._value;
    return this._value as T;
  }

  /**
   * Blocks the thread until the call has ended, and returns what it threw, null if it returned.
   * @param timeout seconds; null waits without end
   * @throws TimeoutError; CancelledError; RuntimeError if nothing is under way that could end it. CPython: `Future.exception`.
   */
  exception(timeout: number | null = null): unknown {
    this.#waitUntilDone("exception", timeout);
    return this._failed ? this._value : null;
  }

  /**
   * Calls `callback(future)` when the future is done; at once if it is. What a callback throws is logged.
   * CPython: `Future.add_done_callback`.
   */
  addDoneCallback(callback: (future: this) => unknown): void {
    if (typeof callback !== "function") {
      throw new TypeError(`addDoneCallback(callback): a function is required, got ${describe(callback)}`);
    }
    this._refresh();
    const added = callback as DoneCallback;
    if (this._isDone()) call(added, this);
    else if (this.#callback === null && this.#callbacks === null) this.#callback = added;
    else (this.#callbacks ??= []).push(added);
  }

  /** Makes it a promise for `await`. */
  then<R = T, E = never>(
    onResult?: ((value: T) => R | PromiseLike<R>) | null,
    onError?: ((reason: unknown) => E | PromiseLike<E>) | null,
  ): Promise<R | E> {
    return new Promise<T>((resolve, reject) => {
      this.addDoneCallback(() => {
        if (this._isCancelled()) reject(cancelledError(this));
        else if (this._failed) reject(this._value);
        else resolve(this._value as T);
      });
    }).then(onResult, onError);
  }

  // ---- for executors

  /**
   * An executor calls this when it takes the call up. True: go on. False: it was cancelled, and those who wait for it know now.
   * @throws RuntimeError in any other state. CPython: `Future.set_running_or_notify_cancel`.
   */
  setRunningOrNotifyCancel(): boolean {
    if (this._state === CANCELLED) {
      this._state = CANCELLED_AND_NOTIFIED;
      this.#notify();
      return false;
    }
    if (this._state === PENDING) {
      this._state = RUNNING;
      return true;
    }
    logger.error(`setRunningOrNotifyCancel(): ${this} is in an unexpected state`);
    throw new RuntimeError(
      `setRunningOrNotifyCancel(): the future is ${this._state}; an executor takes a call up once`,
    );
  }

  /** @throws InvalidStateError if it is done. CPython: `Future.set_result`. */
  setResult(result: T): void {
    this.#finish("setResult", result, false);
  }

  /** @throws InvalidStateError if it is done. CPython: `Future.set_exception`. */
  setException(exception: unknown): void {
    this.#finish("setException", exception, true);
  }

  /** @internal What its executor knows of it by now. */
  _refresh(): void {
    if (this._isDone()) return;
    doorbell().look();
    this._noteBegun();
  }

  /** @internal The call may have begun, which nobody tells. */
  _noteBegun(): void {}

  /** @internal Takes a pending call back; false if it has begun. */
  _withdraw(): boolean {
    return true;
  }

  /** @internal Whether a cancelled call is in no queue any more, so that no worker has to meet it first. */
  _knowsAtOnce(): boolean {
    return false;
  }

  /** @internal The call has begun, and its cancellation is asked for. True: it was stopped. */
  _askToEnd(): boolean {
    return false;
  }

  /** @internal Before the thread blocks. */
  _checkBlocking(_operation: string): void {}

  /** @internal */
  _isDone(): boolean {
    return this._state !== PENDING && this._state !== RUNNING;
  }

  /** @internal Done, and its executor knows: what `wait` and `asCompleted` count. */
  _isSettled(): boolean {
    return this._state === FINISHED || this._state === CANCELLED_AND_NOTIFIED;
  }

  /** @internal */
  _isCancelled(): boolean {
    return this._state === CANCELLED || this._state === CANCELLED_AND_NOTIFIED;
  }

  /** @internal Called once, when it is settled; returns a function that takes it back. */
  _whenSettled(waiter: DoneCallback): () => void {
    if (this._isSettled()) {
      waiter(this);
      return () => {};
    }
    this.#waiters ??= new Set();
    this.#waiters.add(waiter);
    return () => void this.#waiters?.delete(waiter);
  }

  #finish(operation: string, value: unknown, failed: boolean): void {
    if (this._isDone()) {
      throw new InvalidStateError(`${operation}(): ${this} is ${this._state}; it can be set once`);
    }
    this._value = value;
    this._failed = failed;
    this._state = FINISHED;
    this.#notify();
    this.#invokeCallbacks();
  }

  #notify(): void {
    const waiters = this.#waiters;
    this.#waiters = null;
    if (waiters !== null) for (const waiter of waiters) waiter(this);
  }

  #invokeCallbacks(): void {
    const first = this.#callback;
    const others = this.#callbacks;
    this.#callback = null;
    this.#callbacks = null;
    if (first !== null) call(first, this);
    if (others !== null) for (const callback of others) call(callback, this);
  }

  #waitUntilDone(operation: string, timeout: number | null): void {
    if (timeout !== null) checkTimeout(`${operation}(timeout)`, timeout);
    this._refresh();
    if (!this._isDone()) {
      this._checkBlocking(operation);
      if (
        !blockUntil(
          () => this._isDone(),
          timeout,
          () => `${operation}() of ${this}`,
        )
      ) {
        throw new TimeoutError(`${operation}(${timeout}): ${this} was not done within ${timeout} seconds`);
      }
    }
    if (this._isCancelled()) throw cancelledError(this);
  }

  toString(): string {
    this._noteBegun();
    const end = this._failed
      ? ` raised ${describe(this._value)}`
      : this._state === FINISHED
        ? ` returned ${describe(this._value)}`
        : "";
    return `<Future ${this._state}${end}>`;
  }
}

inspectable(Future);

function call(callback: DoneCallback, future: object): void {
  try {
    callback(future);
  } catch (error) {
    logger.error(`a done callback of ${future} failed: ${describe(error)}\n${(error as Error)?.stack ?? ""}`);
  }
}

function cancelledError(future: Future<unknown>): CancelledError {
  return new CancelledError(`${future}: the call was cancelled before it began`);
}

/** @internal */
export function checkTimeout(usage: string, timeout: unknown): void {
  if (typeof timeout !== "number") {
    throw new TypeError(
      `${usage}: timeout must be a number of seconds, or null for none, got ${describe(timeout)}`,
    );
  }
  if (Number.isNaN(timeout)) throw new RangeError(`${usage}: timeout must be a number of seconds, got NaN`);
}
