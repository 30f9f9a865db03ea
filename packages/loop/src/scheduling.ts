/**
 * What a loop is asked to call, soon or later. CPython: `call_soon`, `call_later` and `call_at` of `base_events.BaseEventLoop`.
 *
 * Callbacks come in here; the turn, in base-events.ts, takes them out and runs them.
 */
import type { Context } from "./contextvars.ts";
import { checkContext } from "./contextvars.ts";
import type { Callback, CallbackOptions, Runnable } from "./events.ts";
import { Handle, NO_ARGS, TimerHandle } from "./events.ts";
import { RuntimeError } from "./exceptions.ts";
import { ReadyQueue } from "./ready-queue.ts";
import { Reporting } from "./reporting.ts";
import { describe } from "./reprs.ts";
import type { Clock, Selector } from "./selectors/selector.ts";
import { iscoroutine, isGeneratorFunction } from "./suspend.ts";
import { TimerHeap } from "./timer-heap.ts";

/** BaseEventLoop, which cannot be imported here: it imports this. */
type Loop = Handle["_loop"];

export interface SchedulingOptions {
  clock: Clock;
  selector: Selector;
  /** Another order of ready handles. */
  ready?: ReadyQueue | undefined;
  /** Default: the environment variable AIOLOOP_DEBUG is set and not empty. */
  debug?: boolean | undefined;
}

export class Scheduling extends Reporting {
  /** @internal */
  readonly _ready: ReadyQueue;
  /** @internal */
  readonly _scheduled: TimerHeap = new TimerHeap();
  /** @internal */
  readonly _clock: Clock;
  /** @internal */
  readonly _selector: Selector;
  /** @internal the last reading of the clock; see the head of base-events.ts */
  _now: number;
  /** @internal nothing is ready, and whoever makes something ready has to wake the loop; or it is closed for good */
  _parked = false;
  /** @internal */
  _closed = false;

  #timerCount = 0;

  constructor(options: SchedulingOptions) {
    super(options.debug);
    this._clock = options.clock;
    this._selector = options.selector;
    this._ready = options.ready ?? new ReadyQueue();
    this._now = this._clock.time();
  }

  /** Seconds on the loop's monotonic clock. CPython: `BaseEventLoop.time`. */
  time(): number {
    this._now = this._clock.time();
    return this._now;
  }

  /**
   * Calls `callback(...args)` in the next turn, after what is ready already; to give a context write
   * `callSoon({ callback, context }, ...args)`. @throws RuntimeError if the loop is closed. CPython: `BaseEventLoop.call_soon`.
   */
  callSoon<A extends unknown[]>(this: Loop, callback: Callback<A> | CallbackOptions<A>, ...args: A): Handle {
    if (this._closed) this._checkClosed("callSoon");
    if (typeof callback !== "function" || this._debug)
      return this.#callSoonChecked("callSoon", callback, args);
    const handle = new Handle(callback as Callback<unknown[]>, args, this, null);
    this._enqueue(handle);
    return handle;
  }

  /**
   * callSoon under the name that programs use for calls from outside the loop: a listener, a promise, a message. A thread
   * has its loops to itself and callSoon wakes a waiting loop as well, so the two do the same. It never calls at once.
   * CPython: `BaseEventLoop.call_soon_threadsafe`.
   */
  callSoonThreadsafe<A extends unknown[]>(
    this: Loop,
    callback: Callback<A> | CallbackOptions<A>,
    ...args: A
  ): Handle {
    this._checkClosed("callSoonThreadsafe");
    return this.#callSoonChecked("callSoonThreadsafe", callback, args);
  }

  /**
   * Calls `callback(...args)` after `delay` seconds; a delay of 0 or less: in the next turn, after what is ready.
   * @throws TypeError unless delay is a number, RangeError unless it is finite. CPython: `BaseEventLoop.call_later`.
   */
  callLater<A extends unknown[]>(
    this: Loop,
    delay: number,
    callback: Callback<A> | CallbackOptions<A>,
    ...args: A
  ): TimerHandle;
  // Written so that with one argument, as most timers have, no array is made for it.
  callLater(
    this: Loop,
    delay: number,
    callback: Callback<unknown[]> | CallbackOptions<unknown[]>,
    arg?: unknown,
    ...more: unknown[]
  ): TimerHandle {
    if (this._closed) this._checkClosed("callLater");
    if (!Number.isFinite(delay)) refuseTime("callLater", "delay", delay);
    // biome-ignore lint/complexity/noArguments: their number, without an array
    const count = arguments.length - 2;
    const timer = this.#callAt("callLater", this.time() + delay, callback, NO_ARGS);
    if (count > 0) timer._takeOne(arg);
    if (count > 1) timer._takeSeveral([arg, ...more]);
    return timer;
  }

  /**
   * Calls `callback(...args)` when the loop's clock (`loop.time()`) says `when`, in seconds.
   * @throws TypeError unless when is a number, RangeError unless it is finite. CPython: `BaseEventLoop.call_at`.
   */
  callAt<A extends unknown[]>(
    this: Loop,
    when: number,
    callback: Callback<A> | CallbackOptions<A>,
    ...args: A
  ): TimerHandle {
    if (this._closed) this._checkClosed("callAt");
    if (!Number.isFinite(when)) refuseTime("callAt", "when", when);
    return this.#callAt("callAt", when, callback, args);
  }

  #callAt<A extends unknown[]>(
    this: Loop,
    operation: string,
    when: number,
    given: Callback<A> | CallbackOptions<A>,
    args: readonly unknown[],
  ): TimerHandle {
    const isPlain = typeof given === "function" && !this._debug;
    const callback = isPlain ? (given as Callback<unknown[]>) : checkCallback(operation, given, this._debug);
    const context = isPlain ? null : contextIn(given);
    const timer = new TimerHandle(when, this.#timerCount++, callback, args, this, context);
    this._scheduled.push(timer);
    // A sleeping selector has been told another time: it has to look again.
    if (this._parked) this._selector.wakeup();
    return timer;
  }

  #callSoonChecked<A extends unknown[]>(
    this: Loop,
    operation: string,
    given: Callback<A> | CallbackOptions<A>,
    args: A,
  ): Handle {
    const callback = checkCallback(operation, given, this._debug);
    const handle = new Handle(callback, args, this, contextIn(given));
    this._enqueue(handle);
    return handle;
  }

  /** @internal Everything that becomes ready comes through here. */
  _enqueue(one: Runnable): void {
    this._ready.push(one);
    if (this._parked) this.#wake();
  }

  /** @internal What I/O brings: a parked loop turns when all of it is there. */
  _enqueueArrival(handle: Handle): void {
    this._ready.push(handle);
    if (!this._parked) return;
    if (this._closed || this._selector.gather === undefined) this.#wake();
    else this._selector.gather();
  }

  #wake(): void {
    if (this._closed) {
      this._ready.clear();
      throw new RuntimeError(
        "a callback cannot be scheduled: the event loop is closed. Finish its futures before close()",
      );
    }
    this._selector.wakeup();
  }

  /** @internal */
  _timerCancelled(): void {
    this._scheduled.cancelled += 1;
  }

  /** @internal */
  _checkClosed(operation: string): void {
    if (this._closed)
      throw new RuntimeError(`${operation}(): the event loop is closed. Make a new one: newEventLoop()`);
  }
}

/** A coroutine function would do nothing: found here in debug mode, else when it has run. CPython: `_check_callback`. */
function checkCallback<A extends unknown[]>(
  operation: string,
  given: Callback<A> | CallbackOptions<A>,
  debug: boolean,
): Callback<unknown[]> {
  const callback = typeof given === "function" ? given : given?.callback;
  if (typeof callback !== "function") {
    const call = operation === "callLater" ? "delay, " : operation === "callAt" ? "when, " : "";
    const got = iscoroutine(given) ? "a coroutine: write createTask(coro)" : describe(given);
    throw new TypeError(`${operation}(${call}callback, ...args): callback must be a function, got ${got}`);
  }
  if (debug && isGeneratorFunction(callback)) {
    throw new TypeError(
      `${operation}(): ${describe(callback)} is a coroutine function, and calling it runs nothing. Write createTask(${describe(callback)}())`,
    );
  }
  return callback as Callback<unknown[]>;
}

function contextIn<A extends unknown[]>(given: Callback<A> | CallbackOptions<A>): Context | null {
  return typeof given === "function" ? null : checkContext(given.context);
}

function refuseTime(operation: string, name: string, value: unknown): never {
  if (typeof value === "number") {
    throw new RangeError(
      `${operation}(${name}, callback): ${name} must be a finite number of seconds, got ${value}. What is to happen never needs no timer`,
    );
  }
  throw new TypeError(
    `${operation}(${name}, callback): ${name} must be a number of seconds, got ${describe(value)}`,
  );
}
