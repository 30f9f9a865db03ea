/**
 * Where a queue keeps its items, which is the order they come out in. CPython: `Queue._init`, `_put` and `_get`, which its
 * subclasses override.
 */
import { RuntimeError } from "@aioloop/loop";
import { describe } from "@aioloop/loop/kernel";

export interface QueueItems<T> {
  readonly length: number;
  push(item: T): void;
  /** The next one; there is one. */
  pop(): T;
  clear(): void;
}

/** The front of the list is cut off when it is this long, and half of the whole. */
const CUT = 32;

/** First in, first out. */
export class Fifo<T> implements QueueItems<T> {
  #items: (T | undefined)[] = [];
  /** Items before this place have been taken. */
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  pop(): T {
    if (this.#head === this.#items.length - 1) {
      const last = this.#items.pop() as T; // the array keeps its room, unlike one set to length 0
      if (this.#head > 0) {
        this.#items = [];
        this.#head = 0;
      }
      return last;
    }
    const item = this.#items[this.#head] as T;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head >= CUT && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}

/** Last in, first out. */
export class Lifo<T> implements QueueItems<T> {
  readonly #items: T[] = [];

  get length(): number {
    return this.#items.length;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  pop(): T {
    return this.#items.pop() as T;
  }

  clear(): void {
    this.#items.length = 0;
  }
}

/** Less than 0: `a` comes out before `b`. */
export type Compare<T> = (a: T, b: T) => number;

interface Entry<T> {
  readonly item: T;
  readonly turn: number;
}

/**
 * The smallest first, equal ones first in, first out (CPython's come in any order).
 *
 * A binary heap: the children of place i are at 2i + 1 and 2i + 2. A comparison may throw. So the way of an item is found
 * first, and things are moved only then: whatever throws, nothing is lost and the heap is as it was.
 */
export class Smallest<T> implements QueueItems<T> {
  readonly #heap: Entry<T>[] = [];
  readonly #compare: Compare<T>;
  #turns = 0;
  #isComparing = false;

  constructor(compare: Compare<T>) {
    this.#compare = compare;
  }

  get length(): number {
    return this.#heap.length;
  }

  push(item: T): void {
    this.#refuseWhileComparing();
    const heap = this.#heap;
    const entry: Entry<T> = { item, turn: this.#turns };
    if (heap.length === 0) this.#isBefore(entry, entry); // what cannot be compared is to be refused where it is put
    const path: number[] = [];
    for (let place = heap.length; place > 0; ) {
      const parent = (place - 1) >> 1;
      if (!this.#isBefore(entry, heap[parent] as Entry<T>)) break;
      path.push(parent);
      place = parent;
    }
    this.#turns += 1;
    heap.push(entry);
    this.#moveAlong(heap.length - 1, path, entry);
  }

  pop(): T {
    this.#refuseWhileComparing();
    const heap = this.#heap;
    const last = heap.length - 1;
    const entry = heap[last] as Entry<T>;
    const path: number[] = [];
    for (let child = 1; child < last; child = 2 * child + 1) {
      const right = child + 1;
      if (right < last && this.#isBefore(heap[right] as Entry<T>, heap[child] as Entry<T>)) child = right;
      if (!this.#isBefore(heap[child] as Entry<T>, entry)) break;
      path.push(child);
    }
    const { item } = heap[0] as Entry<T>;
    heap.pop();
    if (last > 0) this.#moveAlong(0, path, entry);
    return item;
  }

  clear(): void {
    this.#refuseWhileComparing();
    this.#heap.length = 0;
  }

  /** The way that is being looked for leads through the heap as it is. */
  #refuseWhileComparing(): void {
    if (this.#isComparing)
      throw new RuntimeError("PriorityQueue: compare(a, b) must not change the queue that calls it");
  }

  /** What stands along the path moves one place back, and `entry` goes to its end. */
  #moveAlong(start: number, path: readonly number[], entry: Entry<T>): void {
    let place = start;
    for (const next of path) {
      this.#heap[place] = this.#heap[next] as Entry<T>;
      place = next;
    }
    this.#heap[place] = entry;
  }

  #isBefore(a: Entry<T>, b: Entry<T>): boolean {
    const order = this.#orderOf(a.item, b.item);
    if (typeof order !== "number" || Number.isNaN(order))
      throw new TypeError(`PriorityQueue: compare(a, b) must return a number, got ${describe(order)}`);
    return order < 0 || (order === 0 && a.turn < b.turn);
  }

  #orderOf(a: T, b: T): number {
    this.#isComparing = true;
    try {
      return this.#compare(a, b);
    } finally {
      this.#isComparing = false;
    }
  }
}

/**
 * Numbers, bigints and strings by `<`, arrays element by element as Python compares tuples.
 * @throws TypeError for anything else, and for what has no order, as NaN or a number beside a string.
 */
export function compareItems(a: unknown, b: unknown): number {
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let i = 0; i < a.length && i < b.length; i++) {
      if (Object.is(a[i], b[i])) continue; // as in Python, what is the same needs no order
      const order = compareItems(a[i], b[i]);
      if (order !== 0) return order;
    }
    return a.length - b.length;
  }
  if (isOrdered(a) && isOrdered(b) && (typeof a === "string") === (typeof b === "string")) {
    if (a < b) return -1;
    return a > b ? 1 : 0; // a bigint and a number may be equal
  }
  throw new TypeError(
    `PriorityQueue: ${describe(a)} and ${describe(b)} have no order. Put [priority, …] with numbers or strings, or write new PriorityQueue(maxsize, { compare: (a, b) => … })`,
  );
}

function isOrdered(value: unknown): value is number | bigint | string {
  return (
    typeof value === "bigint" ||
    typeof value === "string" ||
    (typeof value === "number" && !Number.isNaN(value))
  );
}
