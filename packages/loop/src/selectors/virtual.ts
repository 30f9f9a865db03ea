/**
 * Virtual time: nothing waits, the clock jumps to the next deadline. An hour of sleeps passes in a millisecond.
 * CPython has none; its tests have `test.test_asyncio.utils.TestLoop`.
 */
import type { Clock, Selector } from "./selector.ts";

export class VirtualSelector implements Selector, Clock {
  readonly polls = false;
  #now: number;
  #resolution: number;

  /** `start`: the time at the beginning, in seconds. */
  constructor(start = 0) {
    this.#now = start;
    this.#resolution = resolutionAt(start);
  }

  get resolution(): number {
    return this.#resolution;
  }

  time(): number {
    return this.#now;
  }

  select(timeout: number | null, deadline: number): boolean {
    if (timeout === null) return false;
    if (timeout > 0) {
      this.#now = deadline;
      this.#resolution = resolutionAt(deadline);
    }
    return true;
  }

  wakeup(): void {}

  close(): void {}
}

/** A nanosecond; from half a year on more, since a time plus its grain must be a later time or nothing is ever due. */
export function resolutionAt(time: number): number {
  return Math.max(1e-9, Math.abs(time) * Number.EPSILON);
}
