/**
 * sleep. CPython: `tasks.sleep`.
 *
 * The steps are CPython's: a future, a timer that sets it unless it was cancelled, and the timer cancelled when the wait
 * ends. They are written out as iterators instead of a `function*` because half of what a concurrent program does is
 * sleep: a Sleep is its own Suspend and its own iterator result, one object where a generator would take four.
 */
import type { Coroutine, Future, TimerHandle } from "@aioloop/loop";
import { getRunningLoop, RuntimeError } from "@aioloop/loop";
import { describe, inspectable, SUSPEND, setResultUnlessCancelled, slots, WAIT } from "@aioloop/loop/kernel";
import { unwatch, watch } from "./never-awaited.ts";

/**
 * Waits `delay` seconds and gives `result`. A delay of 0 or less gives way once; Infinity waits until it is cancelled.
 * Lazy: nothing happens before `yield*`. @throws RangeError if delay is NaN, TypeError unless it is a number. CPython: `tasks.sleep`.
 */
export function sleep(delay: number): Coroutine<void>;
export function sleep<T>(delay: number, result: T): Coroutine<T>;
export function sleep(delay: number, result?: unknown): Coroutine<unknown> {
  if (delay === 0 && result === undefined && !slots.debug) return GIVE_WAY as unknown as Coroutine<unknown>;
  if (typeof delay !== "number" || Number.isNaN(delay)) refuse(delay);
  return (delay > 0 ? new Sleep(delay, result) : new GiveWayOnce(result)) as unknown as Coroutine<unknown>;
}

function refuse(delay: unknown): never {
  if (typeof delay === "number")
    throw new RangeError("sleep(delay): delay must be a number of seconds, got NaN");
  throw new TypeError(`sleep(delay): delay must be a number of seconds, got ${describe(delay)}`);
}

function reused(): RuntimeError {
  return new RuntimeError(
    "cannot reuse <coroutine sleep>: it was awaited already. Call sleep() again for a new one",
  );
}

/** What a bare `yield` gives, made by one: an object of the same shape keeps the Task's look at it fast. */
const [GIVEN_WAY, ENDED] = (() => {
  const generator = (function* () {
    yield;
  })();
  return [generator.next(), generator.next()] as [
    IteratorYieldResult<undefined>,
    IteratorReturnResult<undefined>,
  ];
})();

/**
 * sleep(0): one bare yield, and no state: what `next` is given tells a first call (undefined) from a resumption (RESUMED).
 * So all of them can be one object, and giving way allocates nothing. It may be awaited again and again; who tells
 * awaitables apart by identity asks `isShared`.
 */
class GiveWay {
  get name(): string {
    return "sleep";
  }

  next(value?: unknown): IteratorResult<undefined, unknown> {
    return value === undefined ? GIVEN_WAY : ENDED;
  }

  throw(error: unknown): never {
    throw error;
  }

  return(value?: unknown): IteratorReturnResult<unknown> {
    return { value, done: true };
  }

  [Symbol.iterator](): this {
    return this;
  }

  toString(): string {
    return "<coroutine sleep(0)>";
  }
}

const GIVE_WAY = new GiveWay();

/** With a result, or in debug mode, which is to notice one that is never awaited. */
class GiveWayOnce extends GiveWay {
  readonly #result: unknown;
  #isUsed = false;

  constructor(result: unknown) {
    super();
    this.#result = result;
    watch(this, "sleep");
  }

  override next(value?: unknown): IteratorResult<undefined, unknown> {
    if (value === undefined) {
      if (this.#isUsed) throw reused();
      this.#isUsed = true;
      unwatch(this);
    }
    return value === undefined ? GIVEN_WAY : { value: this.#result, done: true };
  }

  override throw(error: unknown): never {
    unwatch(this);
    throw error;
  }

  override return(value?: unknown): IteratorReturnResult<unknown> {
    unwatch(this);
    return super.return(value);
  }
}

/** Whether an awaitable stands for many: each time it is given counts as another one. */
export function isShared(awaitable: unknown): boolean {
  return awaitable === GIVE_WAY;
}

export interface Sleep {
  readonly [SUSPEND]: typeof WAIT;
}

/** Stands for the future of a sleep that has not begun. It belongs to no loop, so a Task that is handed it refuses it. */
const NOT_BEGUN = Object.freeze({ _loop: null }) as unknown as Future<unknown>;
/** The same, for one that a Task will begin with. */
const TAKEN = Object.freeze({ _loop: null }) as unknown as Future<unknown>;

/** sleep(delay): created (future NOT_BEGUN), waiting (future pending or done), ended (done true). */
export class Sleep {
  future: Future<unknown> = NOT_BEGUN;
  value: unknown = undefined;
  done = false;
  readonly #delay: number;
  readonly #result: unknown;
  #timer: TimerHandle | null = null;

  constructor(delay: number, result: unknown) {
    this.#delay = delay;
    this.#result = result;
    watch(this, "sleep");
  }

  get name(): string {
    return "sleep";
  }

  next(): this {
    if (this.done) throw reused();
    if (this.future === NOT_BEGUN || this.future === TAKEN) {
      unwatch(this);
      const loop = slots.running ?? getRunningLoop();
      const future = loop.createFuture<unknown>(this);
      this.future = future;
      // Infinity needs no timer, and would keep a loop from seeing that it waits for nothing.
      if (this.#delay !== Number.POSITIVE_INFINITY) {
        this.#timer =
          this.#result === undefined
            ? loop.callLater(this.#delay, setResultUnlessCancelled, future)
            : loop.callLater(this.#delay, setResultUnlessCancelled, future, this.#result);
      }
      this.value = this;
      return this;
    }
    if (!this.future.done()) throw this._misused();
    this.#timer?.cancel();
    this.value = this.future.result();
    this.done = true;
    return this;
  }

  /** Whether neither a task nor a `yield*` has begun with it. */
  _isFresh(): boolean {
    return this.future === NOT_BEGUN && !this.done;
  }

  /** A Task will begin with it. */
  _take(): void {
    if (!this._isFresh()) throw this._misused();
    this.future = TAKEN;
  }

  _misused(): RuntimeError {
    return this.done ? reused() : new RuntimeError(`${this} is being awaited already: call sleep() for each`);
  }

  throw(error: unknown): never {
    this.#end();
    throw error;
  }

  return(value?: unknown): IteratorReturnResult<unknown> {
    this.#end();
    return { value, done: true };
  }

  #end(): void {
    unwatch(this);
    this.#timer?.cancel();
    this.done = true;
  }

  [Symbol.iterator](): this {
    return this;
  }

  toString(): string {
    return `<coroutine sleep(${this.#delay})>`;
  }
}

Object.defineProperty(Sleep.prototype, SUSPEND, { value: WAIT });
inspectable(Sleep, GiveWay);
