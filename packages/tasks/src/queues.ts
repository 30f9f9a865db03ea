/** Queues between tasks. CPython: `queues`. */
import type { Coroutine } from "@aioloop/loop";
import { describe, inspectable } from "@aioloop/loop/kernel";
import { coroutine } from "./coroutines.ts";
import { Event } from "./locks.ts";
import { LoopBound } from "./loop-bound.ts";
import type { CoroutineIterable, CoroutineIterator } from "./managers.ts";
import type { Compare, QueueItems } from "./queue-items.ts";
import { compareItems, Fifo, Lifo, Smallest } from "./queue-items.ts";
import { Waiters } from "./waiters.ts";

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
 * First in, first out, of at most `maxsize` items (0 or less: of any number). `yield* asyncFor(queue, function* (item) { … })`
 * takes items until the queue is shut down and empty.
 *
 * Waking a waiter takes it out of the list; it then looks anew, since another may have been faster. Who is cancelled after being
 * woken passes the wake-up on, or an item would lie beside sleeping getters. CPython: `queues.Queue`.
 */
export class Queue<T> extends LoopBound implements CoroutineIterable<T> {
  readonly #maxsize: number;
  readonly #items: QueueItems<T>;
  readonly #getters: Waiters = new Waiters();
  readonly #putters: Waiters = new Waiters();
  /** Items put and not reported by `taskDone()`. */
  #unfinished = 0;
  readonly #finished: Event = new Event();
  #isShutdown = false;

  /** `items`: another place to keep them, in another order. @throws TypeError unless maxsize is a number, RangeError if it is NaN. */
  constructor(maxsize = 0, items: QueueItems<T> = new Fifo()) {
    super();
    const usage = `new ${new.target.name}(maxsize)`;
    if (typeof maxsize !== "number")
      throw new TypeError(`${usage}: maxsize must be a number, got ${describe(maxsize)}`);
    if (Number.isNaN(maxsize))
      throw new RangeError(`${usage}: maxsize must be a number, 0 for no limit, got NaN`);
    this.#maxsize = maxsize;
    this.#items = items;
    this.#finished.set();
  }

  /** How many items may be in it; 0 or less: any number. CPython: `Queue.maxsize`. */
  get maxsize(): number {
    return this.#maxsize;
  }

  /** How many items are in it. CPython: `Queue.qsize`. */
  qsize(): number {
    this._accessed("read");
    return this.#items.length;
  }

  /** CPython: `Queue.empty`. */
  empty(): boolean {
    this._accessed("read");
    return this.#isEmpty();
  }

  /** Whether `maxsize` items are in it. CPython: `Queue.full`. */
  full(): boolean {
    this._accessed("read");
    return this.#isFull();
  }

  #isEmpty(): boolean {
    return this.#items.length === 0;
  }

  #isFull(): boolean {
    return this.#maxsize > 0 && this.#items.length >= this.#maxsize;
  }

  /** Adds an item; waits while the queue is full. @throws QueueShutDown. CPython: `Queue.put`. */
  put(item: T): Coroutine<void> {
    return Queue.#put(this, item);
  }

  static readonly #put: <T>(queue: Queue<T>, item: T) => Coroutine<void> = coroutine(function* put<T>(
    queue: Queue<T>,
    item: T,
  ) {
    queue._accessed("read");
    let hasWaited = false;
    while (queue.#isFull()) {
      hasWaited = true;
      if (queue.#isShutdown) throw new QueueShutDown(`put() of ${queue}: it was shut down`);
      const waiter = queue.#putters.add(queue._getLoop().createFuture(queue));
      try {
        yield* waiter.future;
      } catch (error) {
        waiter.future.cancel(); // thrown in from outside, it would not be done
        queue.#putters.remove(waiter);
        if (!queue.#isFull() && !waiter.future.cancelled()) queue.#putters.wakeNext();
        throw error;
      }
    }
    try {
      queue.putNowait(item);
    } catch (error) {
      if (hasWaited && !queue.#isFull()) queue.#putters.wakeNext(); // the item has no order: the room is for the next
      throw error;
    }
  });

  /** Takes the next item; waits while there is none. @throws QueueShutDown once it is shut down and empty. CPython: `Queue.get`. */
  get(): Coroutine<T> {
    return Queue.#get(this);
  }

  static readonly #get: <T>(queue: Queue<T>) => Coroutine<T> = coroutine(function* get<T>(queue: Queue<T>) {
    queue._accessed("read");
    let hasWaited = false;
    while (queue.#isEmpty()) {
      hasWaited = true;
      if (queue.#isShutdown) throw new QueueShutDown(`get() of ${queue}: it was shut down and is empty`);
      const waiter = queue.#getters.add(queue._getLoop().createFuture(queue));
      try {
        yield* waiter.future;
      } catch (error) {
        waiter.future.cancel(); // thrown in from outside, it would not be done
        queue.#getters.remove(waiter);
        if (!queue.#isEmpty() && !waiter.future.cancelled()) queue.#getters.wakeNext();
        throw error;
      }
    }
    try {
      return queue.getNowait();
    } catch (error) {
      if (hasWaited && !queue.#isEmpty()) queue.#getters.wakeNext();
      throw error;
    }
  });

  /** Adds an item at once. @throws QueueFull, QueueShutDown. CPython: `Queue.put_nowait`. */
  putNowait(item: T): void {
    this._accessed("write");
    if (this.#isShutdown) throw new QueueShutDown(`putNowait() of ${this}: it was shut down`);
    if (this.#isFull()) throw new QueueFull(`putNowait() of ${this}: it is full. put() waits for room`);
    this.#items.push(item);
    this.#unfinished += 1;
    if (this.#unfinished === 1) this.#finished.clear();
    this.#getters.wakeNext();
  }

  /** Takes the next item at once. @throws QueueEmpty, or QueueShutDown once it is shut down and empty. CPython: `Queue.get_nowait`. */
  getNowait(): T {
    this._accessed("write");
    if (this.#isEmpty()) {
      if (this.#isShutdown) throw new QueueShutDown(`getNowait() of ${this}: it was shut down and is empty`);
      throw new QueueEmpty(`getNowait() of ${this}: it is empty. get() waits for an item`);
    }
    const item = this.#items.pop();
    this.#putters.wakeNext();
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

  /** Waits until `taskDone()` was called for every item that was put. CPython: `Queue.join`. */
  join(): Coroutine<void> {
    return Queue.#join(this);
  }

  static readonly #join: (queue: Queue<unknown>) => Coroutine<void> = coroutine(function* join(
    queue: Queue<unknown>,
  ) {
    queue._accessed("read");
    if (queue.#unfinished > 0) yield* queue.#finished._waitAs(queue);
  });

  /**
   * No more items: put raises QueueShutDown from now on, get once the queue is empty. `immediate` empties it, and counts what
   * was in it as dealt with. CPython: `Queue.shutdown`.
   */
  shutdown(immediate = false): void {
    this._accessed("write");
    if (immediate) {
      const dropped = this.#items.length;
      this.#items.clear();
      this.#unfinished = Math.max(0, this.#unfinished - dropped);
      if (this.#unfinished === 0) this.#finished.set();
    }
    this.#isShutdown = true;
    while (this.#getters.wakeNext());
    while (this.#putters.wakeNext());
  }

  /**
   * For `asyncFor`: item after item until the queue is shut down and empty. CPython has none (gh-81515: users write the loop with
   * its `except QueueShutDown` themselves).
   */
  aiter(): CoroutineIterator<T> {
    return { anext: () => Queue.#next(this) };
  }

  static readonly #next: <T>(queue: Queue<T>) => Coroutine<IteratorResult<T, unknown>> = coroutine(
    function* next<T>(queue: Queue<T>) {
      try {
        return { value: yield* queue.get(), done: false } as const;
      } catch (error) {
        if (error instanceof QueueShutDown) return { value: undefined, done: true } as const;
        throw error;
      }
    },
  );

  override toString(): string {
    const parts = [`maxsize=${this.#maxsize}`, `qsize=${this.#items.length}`];
    if (this.#getters.length > 0) parts.push(`getters=${this.#getters.length}`);
    if (this.#putters.length > 0) parts.push(`putters=${this.#putters.length}`);
    if (this.#unfinished > 0) parts.push(`unfinished=${this.#unfinished}`);
    if (this.#isShutdown) parts.push("shutdown");
    return `<${this.constructor.name} ${parts.join(" ")}>`;
  }
}

/** Last in, first out. CPython: `queues.LifoQueue`. */
export class LifoQueue<T> extends Queue<T> {
  constructor(maxsize = 0) {
    super(maxsize, new Lifo());
  }
}

export interface PriorityQueueOptions<T> {
  /** Less than 0 where `a` is to come out before `b`, as for `Array.sort`. */
  compare?: Compare<T> | undefined;
}

/**
 * The smallest first; equal ones first in, first out. Numbers, bigints and strings compare by `<`, arrays element by element, as
 * Python's tuples (`[priority, item]`); for anything else give `compare`. What cannot be compared is refused where it is put.
 * CPython: `queues.PriorityQueue`.
 */
export class PriorityQueue<T> extends Queue<T> {
  constructor(maxsize = 0, options: PriorityQueueOptions<T> = {}) {
    const compare = options.compare ?? compareItems;
    if (typeof compare !== "function") {
      throw new TypeError(
        `new PriorityQueue(maxsize, { compare }): compare must be a function, got ${describe(compare)}`,
      );
    }
    super(maxsize, new Smallest(compare));
  }
}

inspectable(Queue);
