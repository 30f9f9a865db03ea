/**
 * The ready queue: handles and tasks to run, first in, first out. CPython: the `collections.deque` in `base_events.BaseEventLoop._ready`.
 *
 * A ring buffer, so that neither end ever moves the others:
 *
 *      slots   . . A B C D . .        capacity a power of two: an index wraps by `& mask`
 *                  ^head    ^head + length
 *
 * It doubles when full. An empty one that has grown past KEEP slots gives them back: a burst of a million handles
 * does not stay in memory.
 */
import type { Runnable } from "./events.ts";

const SMALLEST = 64;
const KEEP = 1 << 15;

/** One of the four seams: a loop given another order of ready handles explores schedules with it. */
export class ReadyQueue {
  /** How many wait. */
  length = 0;
  #slots: (Runnable | undefined)[] = new Array<Runnable | undefined>(SMALLEST).fill(undefined);
  #mask: number = SMALLEST - 1;
  #head = 0;

  push(one: Runnable): void {
    if (this.length > this.#mask) this.#grow();
    this.#slots[(this.#head + this.length) & this.#mask] = one;
    this.length += 1;
  }

  /** The oldest. There must be one. */
  shift(): Runnable {
    const one = this.#slots[this.#head] as Runnable;
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & this.#mask;
    this.length -= 1;
    return one;
  }

  /** Called by the loop when it is about to wait. */
  trim(): void {
    if (this.length === 0 && this.#mask >= KEEP) this.clear();
  }

  clear(): void {
    this.#slots = new Array<Runnable | undefined>(SMALLEST).fill(undefined);
    this.#mask = SMALLEST - 1;
    this.#head = 0;
    this.length = 0;
  }

  /** In order, for reports. */
  *[Symbol.iterator](): IterableIterator<Runnable> {
    for (let i = 0; i < this.length; i++) yield this.#slots[(this.#head + i) & this.#mask] as Runnable;
  }

  #grow(): void {
    const old = this.#slots;
    const capacity = old.length * 2;
    const slots = new Array<Runnable | undefined>(capacity).fill(undefined);
    for (let i = 0; i < this.length; i++) slots[i] = old[(this.#head + i) & this.#mask];
    this.#slots = slots;
    this.#mask = capacity - 1;
    this.#head = 0;
  }
}
