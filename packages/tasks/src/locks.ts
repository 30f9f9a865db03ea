/** Synchronization between tasks of one loop. CPython: `locks`. */
import type { Coroutine, Future } from "@aioloop/loop";
import { inspectable } from "@aioloop/loop/kernel";
import { coroutine } from "./coroutines.ts";
import { LoopBound } from "./loop-bound.ts";

/** A flag that tasks wait for. CPython: `locks.Event`. */
export class Event extends LoopBound {
  readonly #waiters: Set<Future<void>> = new Set();
  #value = false;

  isSet(): boolean {
    this._accessed("read");
    return this.#value;
  }

  /** Wakes all that wait; they go on even if the flag is cleared before they run. CPython: `Event.set`. */
  set(): void {
    this._accessed("write");
    if (this.#value) return;
    this.#value = true;
    for (const waiter of this.#waiters) if (!waiter.done()) waiter.setResult();
  }

  clear(): void {
    this._accessed("write");
    this.#value = false;
  }

  /** Waits until the flag is set; returns true, at once if it is. CPython: `Event.wait`. */
  wait(): Coroutine<true> {
    return waitForEvent(this, () => this.#value, this.#waiters);
  }

  override toString(): string {
    const waiters = this.#waiters.size > 0 ? `, waiters:${this.#waiters.size}` : "";
    return `<Event [${this.#value ? "set" : "unset"}${waiters}]>`;
  }
}

const waitForEvent = coroutine(function* wait(
  event: Event,
  isSet: () => boolean,
  waiters: Set<Future<void>>,
) {
  event._accessed("read");
  if (isSet()) return true as const;
  const waiter = event._getLoop().createFuture(event);
  waiters.add(waiter);
  try {
    yield* waiter;
    return true as const;
  } finally {
    waiters.delete(waiter);
  }
});

inspectable(Event);
