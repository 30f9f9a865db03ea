/**
 * Future: a result that is not there yet. CPython: `futures.Future`.
 *
 * Done callbacks are Handles from the moment they are added; to finish a future is to put them into the ready queue.
 * A Task waits by adding the one handle it owns, so to wait and to wake allocate nothing.
 *
 *      _state      _result                         _callback, _callbacks
 *      PENDING     undefined                       the first handle, and the others in order
 *      FINISHED    the value                       null, null: they have been scheduled
 *      FAILED      a Failure (exception, flag)     null, null
 *      CANCELLED   the CancelledError a task       null, null
 *                  ended with, until handed out
 *
 * Differences: no `__del__`, so an exception that nobody retrieved is reported when the future has been collected or when
 * its loop is closed, whichever is first (failures.ts); thenable, so `await future` works in async functions.
 */
import type { BaseEventLoop } from "./base-events.ts";
import type { Context } from "./contextvars.ts";
import { checkContext } from "./contextvars.ts";
import type { Callback, Runnable } from "./events.ts";
import { getEventLoop, handleOf } from "./events.ts";
import { CancelledError, InvalidStateError, RuntimeError } from "./exceptions.ts";
import { Failure } from "./failures.ts";
import { inspectable } from "./inspectable.ts";
import { describe } from "./reprs.ts";
import type { Suspend, Yieldable } from "./suspend.ts";
import { AWAITABLE, SUSPEND, WAIT } from "./suspend.ts";
import { firstFrame, remember, tracebackOf } from "./tracebacks.ts";

/** The states' names, as reports show them; FAILED is FINISHED with an exception. CPython: `base_futures._PENDING` and so on. */
export const PENDING = "PENDING";
export const CANCELLED = "CANCELLED";
export const FINISHED = "FINISHED";

export const Pending = 0;
export const Finished = 1;
export const Failed = 2;
export const Cancelled = 3;
const STATE_NAMES = [PENDING, FINISHED, FINISHED, CANCELLED] as const;

/** Futures that are being shown: one whose result or subject leads back to it must not be shown without end. */
const showing = new Set<object>();

/** @internal What few futures have, kept apart so that the others stay small. */
export interface Rare {
  cancelMessage: string | null;
  /** Most have one. */
  awaitedBy: Future<unknown> | Set<Future<unknown>> | null;
}

export interface FutureOptions {
  /** The loop it belongs to for life; by default `getEventLoop()`. */
  loop?: BaseEventLoop | undefined;
  /** What is waited for (a Lock, a Queue, some words): reports name it. */
  subject?: unknown;
}

// The brands are constants of the prototypes: nothing per object.
// biome-ignore lint/correctness/noUnusedVariables: a merged declaration repeats the class's parameters
export interface Future<T> {
  readonly [AWAITABLE]: true;
}

export class Future<T> implements Yieldable<T>, PromiseLike<T> {
  /** @internal */
  readonly _loop: BaseEventLoop;
  /** @internal */
  _state: 0 | 1 | 2 | 3 = Pending;
  /** @internal by `_state`, see the head of this file */
  _result: unknown = undefined;
  /** @internal */
  _callback: Runnable | null = null;
  /** @internal */
  _callbacks: Runnable[] | null = null;
  /** @internal */
  readonly _subject: unknown;
  /** @internal */
  _rare: Rare | null = null;

  constructor(options?: FutureOptions);
  /** @internal without an object for the options */
  constructor(options: FutureOptions | undefined, loop: BaseEventLoop, subject?: unknown);
  constructor(
    options?: FutureOptions,
    loop: BaseEventLoop = options?.loop ?? getEventLoop(),
    subject: unknown = options?.subject,
  ) {
    this._loop = loop;
    this._subject = subject;
    if (loop._debug) remember(this);
  }

  /** The loop this future belongs to. CPython: `Future.get_loop`. */
  getLoop(): BaseEventLoop {
    return this._loop;
  }

  /** True once it has a result or an exception or was cancelled. CPython: `Future.done`. */
  done(): boolean {
    return this._state !== Pending;
  }

  /** True if it was cancelled. CPython: `Future.cancelled`. */
  cancelled(): boolean {
    return this._state === Cancelled;
  }

  /**
   * Cancels the future: who awaits it gets a CancelledError with this message. False if it was done already.
   * CPython: `Future.cancel`.
   */
  cancel(msg: string | null = null): boolean {
    if (this._state !== Pending) {
      this._retrieve();
      return false;
    }
    this._setCancelMessage(msg);
    this._finish(Cancelled, undefined);
    return true;
  }

  /**
   * The result. @throws the exception it was given, CancelledError if it was cancelled, InvalidStateError while it is pending.
   * CPython: `Future.result`.
   */
  result(): T {
    if (this._state === Finished) return this._result as T;
    if (this._state === Failed) {
      const failure = this._result as Failure;
      failure.retrieve();
      throw failure.exception;
    }
    if (this._state === Cancelled) throw this._makeCancelledError();
    throw new InvalidStateError(`result() of ${this}: the result is not ready`);
  }

  /**
   * The exception, null if there is a result.
   * @throws CancelledError if it was cancelled, InvalidStateError while it is pending. CPython: `Future.exception`.
   */
  exception(): unknown {
    if (this._state === Finished) return null;
    if (this._state === Failed) {
      const failure = this._result as Failure;
      failure.retrieve();
      return failure.exception;
    }
    if (this._state === Cancelled) throw this._makeCancelledError();
    throw new InvalidStateError(`exception() of ${this}: the exception is not set`);
  }

  /**
   * Calls `callback(this)` through the loop once done, or soon if it is. It runs in `context`, by default in a copy of
   * the context that is current now. CPython: `Future.add_done_callback`.
   */
  addDoneCallback(callback: Callback<[this]>, options?: { context?: Context | null }): void {
    if (typeof callback !== "function") {
      throw new TypeError(
        `addDoneCallback(callback): callback must be a function, got ${describe(callback)}`,
      );
    }
    this._addRunnable(handleOf(callback, this, this._loop, checkContext(options?.context)));
  }

  /**
   * Takes back every callback that is this function, and says how many there were. Those of a done future are
   * on their way already and stay. CPython: `Future.remove_done_callback`, which compares by equality.
   */
  removeDoneCallback(callback: Callback<[this]>): number {
    if (typeof callback !== "function") {
      throw new TypeError(
        `removeDoneCallback(callback): callback must be the function that was added, got ${describe(callback)}`,
      );
    }
    if (this._callback === null) return 0;
    const all = this._runnables();
    const kept = all.filter((one) => one._asHandle()._callback !== callback);
    this._callback = kept[0] ?? null;
    this._callbacks = kept.length > 1 ? kept.slice(1) : null;
    return all.length - kept.length;
  }

  /** Gives the result. @throws InvalidStateError unless pending. CPython: `Future.set_result`. */
  setResult(result: T): void {
    if (this._state !== Pending) this._refuse("setResult");
    this._finish(Finished, result);
  }

  /**
   * Gives an exception: an error, or an error class, of which one is made. Any other value is kept as it is, since
   * JavaScript can throw anything. @throws InvalidStateError unless pending. CPython: `Future.set_exception`.
   */
  setException(exception: unknown): void {
    if (this._state !== Pending) this._refuse("setException");
    const isClass =
      exception === Error || (typeof exception === "function" && exception.prototype instanceof Error);
    const thrown: unknown = isClass ? new (exception as new () => Error)() : exception;
    this._finish(Failed, new Failure(thrown, this));
  }

  /**
   * For `await` in async functions. Calls nothing synchronously. Done: needs no loop. Pending: through the loop; rejects
   * where that loop is closed, or is closed before the future is done.
   */
  then<A = T, B = never>(
    onfulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return new Promise<T>((resolve, reject) => this._settle(resolve, reject)).then(onfulfilled, onrejected);
  }

  /** `yield* future` waits until it is done and gives its result. A done one does not give up control. CPython: `Future.__await__`. */
  [Symbol.iterator](): Iterator<Suspend | undefined, T, unknown> {
    return new FutureAwaiter<T>(this);
  }

  toString(): string {
    if (showing.has(this)) return `<${this.constructor.name} …>`;
    showing.add(this);
    try {
      return `<${[this.constructor.name, ...this._describe()].join(" ")}>`;
    } finally {
      showing.delete(this);
    }
  }

  // ---- for the kernel and for subclasses

  /** @internal Runs when done, soon if it is. */
  _addRunnable(one: Runnable): void {
    if (this._state !== Pending) this._loop._enqueue(one);
    else if (this._callback === null) this._callback = one;
    else if (this._callbacks === null) this._callbacks = [one];
    else this._callbacks.push(one);
  }

  /** @internal */
  _runnables(): Runnable[] {
    return this._callback === null ? [] : [this._callback, ...(this._callbacks ?? [])];
  }

  /** @internal The one way from pending to done. CPython: `Future.__schedule_callbacks`. */
  _finish(state: 1 | 2 | 3, result: unknown): void {
    this._state = state;
    this._result = result;
    const first = this._callback;
    if (first === null) return;
    const loop = this._loop;
    const others = this._callbacks;
    this._callback = null;
    this._callbacks = null;
    loop._enqueue(first);
    if (others !== null) for (let i = 0; i < others.length; i++) loop._enqueue(others[i] as Runnable);
  }

  /** @internal Somebody has seen the exception. */
  _retrieve(): void {
    if (this._state === Failed) (this._result as Failure).retrieve();
  }

  /** @internal What a waiter is to be thrown; only of one that failed or was cancelled. */
  _thrown(): unknown {
    if (this._state === Cancelled) return this._makeCancelledError();
    const failure = this._result as Failure;
    failure.retrieve();
    return failure.exception;
  }

  /** @internal The error a task ended with is handed out once, then new ones with the message. CPython: `Future._make_cancelled_error`. */
  _makeCancelledError(): CancelledError {
    const stored = this._result;
    if (this._state === Cancelled && stored !== undefined) {
      this._result = undefined;
      return stored as CancelledError;
    }
    return new CancelledError(this._rare === null ? null : this._rare.cancelMessage);
  }

  /** @internal */
  _setCancelMessage(msg: string | null): void {
    if (msg !== null) this._rareOnes().cancelMessage = msg;
    else if (this._rare !== null) this._rare.cancelMessage = null;
  }

  /** @internal */
  get _cancelMessage(): string | null {
    return this._rare === null ? null : this._rare.cancelMessage;
  }

  /** @internal */
  _rareOnes(): Rare {
    this._rare ??= { cancelMessage: null, awaitedBy: null };
    return this._rare;
  }

  /** @internal Those that were noted by futureAddToAwaitedBy. */
  _awaiters(): Future<unknown>[] {
    const known = this._rare?.awaitedBy ?? null;
    return known === null ? [] : known instanceof Set ? [...known] : [known];
  }

  /** @internal */
  _settle(resolve: (value: T) => void, reject: (reason: unknown) => void): void {
    if (this._state === Pending) this._loop._promiseWaits(this, resolve, reject);
    else if (this._state === Finished) resolve(this._result as T);
    else reject(this._thrown());
  }

  /** @internal what stands in `toString` behind the class. CPython: `base_futures._future_repr_info`. */
  _describe(): string[] {
    const parts: string[] = [this._stateName()];
    if (this._state === Finished) parts.push(`result=${describe(this._result)}`);
    if (this._state === Failed) parts.push(`exception=${describe((this._result as Failure).exception)}`);
    if (this._subject !== undefined) parts.push(`for ${describeSubject(this._subject)}`);
    const waiting = this._runnables();
    if (waiting.length > 0) {
      const names = waiting.map((one) => one._asHandle()._name());
      if (names.length > 2) names.splice(1, names.length - 2, `<${names.length - 2} more>`);
      parts.push(`cb=[${names.join(", ")}]`);
    }
    const created = tracebackOf(this);
    if (created !== null) parts.push(`created at ${firstFrame(created)}`);
    return parts;
  }

  /** @internal How a report names it when it is gone. */
  _title(): string {
    return `<${this.constructor.name}>`;
  }

  /** @internal */
  _stateName(): string {
    return STATE_NAMES[this._state].toLowerCase();
  }

  /** @internal */
  _refuse(operation: string): never {
    throw new InvalidStateError(
      `${operation}() of ${this}: it is ${this._stateName()} already. Ask \`if (!future.done())\` first where two may finish it`,
    );
  }
}

Object.defineProperty(Future.prototype, AWAITABLE, { value: true });
inspectable(Future);

// biome-ignore lint/correctness/noUnusedVariables: a merged declaration repeats the class's parameters
export interface FutureAwaiter<T> {
  readonly [SUSPEND]: typeof WAIT;
}

/**
 * The iterator behind `yield* future`: hands itself to the Task, and reads the result when it is resumed. It is its own
 * iterator result, so that a wait allocates one object (a `function*` here took 1.5 times as long).
 */
export class FutureAwaiter<T> implements Iterator<Suspend | undefined, T, unknown> {
  readonly future: Future<T>;
  value: T | Suspend | undefined = undefined;
  done = false;

  constructor(future: Future<T>) {
    this.future = future;
  }

  next(): IteratorResult<Suspend | undefined, T> {
    const future = this.future;
    if (future._state === Pending) {
      if (this.value !== undefined) throw this.#resumedEarly();
      this.value = this as Suspend;
      return this as unknown as IteratorYieldResult<Suspend>;
    }
    this.done = true;
    this.value = future._state === Finished ? (future._result as T) : future.result();
    return this as unknown as IteratorReturnResult<T>;
  }

  throw(error: unknown): never {
    throw error;
  }

  return(value?: unknown): IteratorReturnResult<T> {
    return { value: value as T, done: true };
  }

  #resumedEarly(): RuntimeError {
    return new RuntimeError(
      `a coroutine was resumed while ${this.future}, for which it waits, is pending: is it in two tasks, or driven by hand?`,
    );
  }
}

Object.defineProperty(FutureAwaiter.prototype, SUSPEND, { value: WAIT });

/** Whether `value` is a Future or a Task. CPython: `futures.isfuture`. */
export function isfuture(value: unknown): value is Future<unknown> {
  return value instanceof Future;
}

export interface LoopOption {
  /** By default `getEventLoop()`. */
  loop?: BaseEventLoop | null | undefined;
}

/** @internal Sets the result unless it was cancelled meanwhile; any other done future refuses. CPython: `futures._set_result_unless_cancelled`. */
export function setResultUnlessCancelled<T>(future: Future<T>, result?: T): void {
  if (future._state !== Cancelled) future.setResult(result as T);
}

/** Notes that `waiter` waits for `future`: call graphs follow it. CPython: `futures.future_add_to_awaited_by`. */
export function futureAddToAwaitedBy(future: Future<unknown>, waiter: Future<unknown>): void {
  const rare = future._rareOnes();
  const known = rare.awaitedBy;
  if (known === null) rare.awaitedBy = waiter;
  else if (known instanceof Set) known.add(waiter);
  else if (known !== waiter) rare.awaitedBy = new Set([known, waiter]);
}

/** Takes the note back. CPython: `futures.future_discard_from_awaited_by`. */
export function futureDiscardFromAwaitedBy(future: Future<unknown>, waiter: Future<unknown>): void {
  const rare = future._rare;
  if (rare === null) return;
  if (rare.awaitedBy === waiter) rare.awaitedBy = null;
  else if (rare.awaitedBy instanceof Set) rare.awaitedBy.delete(waiter);
}

/** @internal */
export function describeSubject(subject: unknown): string {
  return typeof subject === "string" ? subject : describe(subject);
}
