/**
 * The timers, earliest first. CPython: `heapq` on `BaseEventLoop._scheduled`.
 *
 * A cancelled timer stays in and is dropped when it comes to the head, since taking it out of the middle is a search.
 * Where more than MIN_SCHEDULED are in and over half of them cancelled, the heap is built anew without them
 * (`base_events._MIN_SCHEDULED_TIMER_HANDLES`, `_MIN_CANCELLED_TIMER_HANDLES_FRACTION`): O(n), paid for by as many cancellations.
 */
import { Heap } from "heap-js";
import type { TimerHandle } from "./events.ts";

const MIN_SCHEDULED = 100;
const MIN_CANCELLED_FRACTION = 0.5;

export class TimerHeap {
  /** How many timers are in, the cancelled ones among them counted too. */
  length = 0;
  /** How many of them are cancelled. */
  cancelled = 0;
  readonly #heap: Heap<TimerHandle> = new Heap<TimerHandle>(earlierFirst);

  push(timer: TimerHandle): void {
    if (this.cancelled > MIN_SCHEDULED) this.purge(); // also within a turn, however many it sets and cancels
    timer._scheduled = true;
    this.#heap.add(timer);
    this.length += 1;
  }

  /** The earliest timer. There must be one. */
  peek(): TimerHandle {
    return this.#heap.peek() as TimerHandle;
  }

  pop(): TimerHandle {
    const timer = this.#heap.pop() as TimerHandle;
    timer._scheduled = false;
    this.length -= 1;
    return timer;
  }

  /** Drops cancelled timers: all of them if they are too many, else those at the head. */
  purge(): void {
    if (this.cancelled === 0) return;
    if (this.length > MIN_SCHEDULED && this.cancelled > this.length * MIN_CANCELLED_FRACTION) {
      this.#rebuild();
      return;
    }
    while (this.length > 0 && this.peek()._callback === null) {
      this.pop();
      this.cancelled -= 1;
    }
  }

  clear(): void {
    for (const timer of this.#heap.heapArray) timer._scheduled = false;
    this.#heap.clear();
    this.length = 0;
    this.cancelled = 0;
  }

  /** In no particular order, for reports. */
  [Symbol.iterator](): IterableIterator<TimerHandle> {
    return this.#heap.heapArray[Symbol.iterator]();
  }

  #rebuild(): void {
    const kept: TimerHandle[] = [];
    for (const timer of this.#heap.heapArray) {
      if (timer._callback === null) timer._scheduled = false;
      else kept.push(timer);
    }
    if (kept.length === 0) this.#heap.clear();
    else this.#heap.init(kept);
    this.length = kept.length;
    this.cancelled = 0;
  }
}

function earlierFirst(a: TimerHandle, b: TimerHandle): number {
  return a._when - b._when || a._seq - b._seq;
}
