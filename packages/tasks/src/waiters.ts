/**
 * Who waits at a primitive, oldest first. CPython: the `collections.deque` of futures in `locks` and `queues`.
 *
 * A doubly linked list, since any waiter may leave from the middle when its task is cancelled: a deque searches for it,
 * ten thousand cancelled at once search ten thousand times.
 */
import type { Future } from "@aioloop/loop";

/** A place in the list: in it from `add` to `remove`. */
export interface Waiter {
  readonly future: Future<void>;
  before: Waiter | null;
  after: Waiter | null;
  isListed: boolean;
}

export class Waiters {
  /** How many are in it. */
  length = 0;
  #first: Waiter | null = null;
  #last: Waiter | null = null;
  // Nobody is to be looked at twice. All before the first of these have been cancelled, all before the second are done.
  #live: Waiter | null = null;
  #sleeper: Waiter | null = null;

  add(future: Future<void>): Waiter {
    const before = this.#last;
    const waiter: Waiter = { future, before, after: null, isListed: true };
    if (before === null) this.#first = waiter;
    else before.after = waiter;
    this.#last = waiter;
    this.#live ??= waiter;
    this.#sleeper ??= waiter;
    this.length += 1;
    return waiter;
  }

  /** Takes it out, if it is still in. */
  remove(waiter: Waiter): void {
    if (!waiter.isListed) return;
    const { before, after } = waiter;
    if (this.#live === waiter) this.#live = after;
    if (this.#sleeper === waiter) this.#sleeper = after;
    if (before === null) this.#first = after;
    else before.after = after;
    if (after === null) this.#last = before;
    else after.before = before;
    waiter.before = waiter.after = null;
    waiter.isListed = false;
    this.length -= 1;
  }

  first(): Future<void> | null {
    return this.#first === null ? null : this.#first.future;
  }

  /** Whether somebody waits who was not cancelled; it may have been woken, and not run yet. */
  hasLive(): boolean {
    while (this.#live?.future.cancelled()) this.#live = this.#live.after;
    return this.#live !== null;
  }

  /** Wakes the oldest who sleeps and takes it out, with those before it that are done. False if nobody slept. */
  wakeNext(): boolean {
    for (let waiter = this.#first; waiter !== null; waiter = this.#first) {
      this.remove(waiter);
      if (waiter.future.done()) continue;
      waiter.future.setResult();
      return true;
    }
    return false;
  }

  /** Wakes up to `count` who sleep, oldest first, and leaves them in the list until they run. */
  wake(count: number): void {
    for (let woken = 0; !(woken >= count) && this.#sleeper !== null; this.#sleeper = this.#sleeper.after) {
      if (this.#sleeper.future.done()) continue;
      this.#sleeper.future.setResult();
      woken += 1;
    }
  }

  /** `, waiters:2`, or nothing if there are none. */
  toString(): string {
    return this.length > 0 ? `, waiters:${this.length}` : "";
  }
}
