/** Queues between tasks. CPython: `queues`. */
import type { Coroutine, Future } from "@aioloop/loop";
import { describe, inspectable } from "@aioloop/loop/kernel";
import { coroutine } from "./coroutines.ts";
import { Event } from "./locks.ts";
import { LoopBound } from "./loop-bound.ts";

/** `getNowait()` of an empty queue. CPython: `queues.QueueEmpty`. */
export class QueueEmpty extends Error {
  static {
    this.prototype.name = "QueueEmpty";
  }
}

/** `putNowait()` to a full queue. CPython: `queues.QueueFull`. */
export class QueueFull extends Error {
  static {
    this.prototype.name = "QueueFull";
  }
}

/** The queue was shut down. CPython: `queues.QueueShutDown`. */
export class QueueShutDown extends Error {
  static {
    this.prototype.name = "QueueShutDown";
  }
}

/**
 * First in, first out, of at most `maxsize` items (0 or less: of any number).
 *
 * A waiter is a future in `#getters` or `#putters`. Waking it takes it out and finishes it; it then looks anew, since another
 * may have been faster. Who is cancelled after being woken passes the wake-up on, or an item would lie beside sleeping getters.
 * CPython: `queues.Queue`.
 */
export class Queue<T> extends LoopBound {
  readonly #maxsize: number;
  readonly #getters: Set<Future<void>> = new Set();
  readonly #putters: Set<Future<void>> = new Set();
  #unfinished = 0;
  readonly #finished: Event = new Event();
  #isShutdown = false;
  #items: (T | undefined)[] = [];
  /** Items before this place have been taken; they are cut off when they are half of the array. */
  #head = 0;

  constructor(maxsize = 0) {
    super();
    if (typeof maxsize !== "number")
      throw new TypeError(`new Queue(maxsize): maxsize must be a number, got ${describe(maxsize)}`);
    this.#maxsize = maxsize;
    this.#finished.set();
  }

  get maxsize(): number {
    return this.#maxsize;
  }

  /** How many items are in it. CPython: `Queue.qsize`. */
  qsize(): number {
    return this.#items.length - this.#head;
  }

  empty(): boolean {
    return this.qsize() === 0;
  }

  /** Whether `maxsize` items are in it. CPython: `Queue.full`. */
  full(): boolean {
    return this.#maxsize > 0 && this.qsize() >= this.#maxsize;
  }

  /** Adds an item; waits while the queue is full. @throws QueueShutDown. CPython: `Queue.put`. */
  put(item: T): Coroutine<void> {
    return put(this, this.#putters, item);
  }

  /** Takes the next item; waits while there is none. @throws QueueShutDown once it is empty. CPython: `Queue.get`. */
  get(): Coroutine<T> {
    return get(this, this.#getters);
  }

  /** Adds an item at once. @throws QueueFull, QueueShutDown. CPython: `Queue.put_nowait`. */
  putNowait(item: T): void {
    this._accessed("write");
    if (this.#isShutdown) throw new QueueShutDown(`putNowait() of ${this}: it was shut down`);
    if (this.full()) throw new QueueFull(`putNowait() of ${this}: it is full. put() waits for room`);
    this.#items.push(item);
    this.#unfinished += 1;
    this.#finished.clear();
    this._wakeNext(this.#getters);
  }

  /** Takes the next item at once. @throws QueueEmpty, or QueueShutDown once it is empty. CPython: `Queue.get_nowait`. */
  getNowait(): T {
    this._accessed("write");
    if (this.empty()) {
      if (this.#isShutdown) throw new QueueShutDown(`getNowait() of ${this}: it was shut down and is empty`);
      throw new QueueEmpty(`getNowait() of ${this}: it is empty. get() waits for an item`);
    }
    const item = this.#items[this.#head] as T;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    this._wakeNext(this.#putters);
    return item;
  }

  /** An item that was taken has been dealt with. @throws RangeError if called more often than items were put. CPython: `Queue.task_done`. */
  taskDone(): void {
    this._accessed("write");
    if (this.#unfinished <= 0)
      throw new RangeError(`taskDone() of ${this}: called more often than items were put`);
    this.#unfinished -= 1;
    if (this.#unfinished === 0) this.#finished.set();
  }

  /** Waits until `taskDone()` was called for every item. CPython: `Queue.join`. */
  join(): Coroutine<void> {
    return join(() => this.#unfinished, this.#finished);
  }

  /**
   * No more items: put raises QueueShutDown from now on, get once the queue is empty; `immediate` empties it.
   * CPython: `Queue.shutdown`.
   */
  shutdown(immediate = false): void {
    this._accessed("write");
    this.#isShutdown = true;
    if (immediate) {
      this.#unfinished = Math.max(0, this.#unfinished - this.qsize());
      this.#items = [];
      this.#head = 0;
      if (this.#unfinished === 0) this.#finished.set();
    }
    for (const waiters of [this.#getters, this.#putters]) {
      for (const waiter of waiters) if (!waiter.done()) waiter.setResult();
      waiters.clear();
    }
  }

  /** @internal */
  get _isShutdown(): boolean {
    return this.#isShutdown;
  }

  /** @internal Wakes the oldest waiter that is not done. CPython: `Queue._wakeup_next`. */
  _wakeNext(waiters: Set<Future<void>>): void {
    for (const waiter of waiters) {
      waiters.delete(waiter);
      if (!waiter.done()) {
        waiter.setResult();
        return;
      }
    }
  }

  override toString(): string {
    const parts = [`maxsize=${this.#maxsize}`, `qsize=${this.qsize()}`];
    if (this.#getters.size > 0) parts.push(`getters=${this.#getters.size}`);
    if (this.#putters.size > 0) parts.push(`putters=${this.#putters.size}`);
    if (this.#unfinished > 0) parts.push(`unfinished=${this.#unfinished}`);
    if (this.#isShutdown) parts.push("shutdown");
    return `<${this.constructor.name} ${parts.join(" ")}>`;
  }
}

const put: <T>(queue: Queue<T>, putters: Set<Future<void>>, item: T) => Coroutine<void> = coroutine(
  function* put<T>(queue: Queue<T>, putters: Set<Future<void>>, item: T) {
    queue._accessed("read");
    while (queue.full()) {
      if (queue._isShutdown) throw new QueueShutDown(`put() of ${queue}: it was shut down`);
      yield* turnIn(queue, putters, () => !queue.full());
    }
    queue.putNowait(item);
  },
);

const get: <T>(queue: Queue<T>, getters: Set<Future<void>>) => Coroutine<T> = coroutine(function* get<T>(
  queue: Queue<T>,
  getters: Set<Future<void>>,
) {
  queue._accessed("read");
  while (queue.empty()) {
    if (queue._isShutdown) throw new QueueShutDown(`get() of ${queue}: it was shut down and is empty`);
    yield* turnIn(queue, getters, () => !queue.empty());
  }
  return queue.getNowait();
});

/** Waits to be woken. */
function* turnIn<T>(
  queue: Queue<T>,
  waiters: Set<Future<void>>,
  isWorthWaking: () => boolean,
): Coroutine<void> {
  const waiter = queue._getLoop().createFuture(queue);
  waiters.add(waiter);
  try {
    yield* waiter;
  } catch (error) {
    waiter.cancel();
    waiters.delete(waiter);
    if (isWorthWaking() && !waiter.cancelled()) queue._wakeNext(waiters);
    throw error;
  }
}

const join = coroutine(function* join(unfinished: () => number, finished: Event) {
  if (unfinished() > 0) yield* finished.wait();
});

inspectable(Queue);
