/**
 * Virtual time that goes no further than it is told to, and what comes from outside of the loop: results of simulated executors.
 *
 *      time ──► limit            select() jumps to the next deadline, or to an arrival that is due before it, but not past the limit
 */
import type { Clock, Selector } from "@aioloop/loop";
import type { Choice, Chooser } from "./choices.ts";

/** Something that will come from outside: a result. Under way from `SimSelector.announce` on. */
export interface Arrival {
  /** When it comes if nobody chooses otherwise, in seconds of the loop's clock. */
  readonly due: number;
  /** For reports. */
  readonly label: string;
  /** Makes something ready. */
  land(): void;
}

export class SimSelector implements Selector, Clock, Choice {
  readonly stream = "order";
  readonly kind = "arrival";
  /** How far time may go, in seconds. */
  limit: number = Number.POSITIVE_INFINITY;
  #now: number;
  #resolution: number;
  readonly #arrivals: Arrival[] = [];
  readonly #chooser: Chooser;
  readonly #onIdle: () => boolean;

  /** `onIdle` is called when nothing is ready, before time passes; true if that has made something ready. */
  constructor(start: number, chooser: Chooser, onIdle: () => boolean) {
    this.#now = start;
    this.#resolution = grainAt(start);
    this.#chooser = chooser;
    this.#onIdle = onIdle;
  }

  // ---- the choice: 0 is what time says, i the i-th arrival of those under way, now

  get count(): number {
    return this.#arrivals.length + 1;
  }

  subject(way: number): Arrival | null {
    return this.#arrivals[way - 1] ?? null;
  }

  label(way: number): string {
    return this.subject(way)?.label ?? "nothing from outside";
  }

  // ---- the clock

  get polls(): boolean {
    return this.#arrivals.length > 0;
  }

  get resolution(): number {
    return this.#resolution;
  }

  time(): number {
    return this.#now;
  }

  // ---- what is under way

  /** The next that will come by itself; null if nothing is under way. */
  nextArrival(): number | null {
    const next = this.#next();
    return next === null ? null : Math.max(next.due, this.#now);
  }

  announce(arrival: Arrival): void {
    this.#arrivals.push(arrival);
  }

  /** It will not come. */
  withdraw(arrival: Arrival): void {
    const i = this.#arrivals.indexOf(arrival);
    if (i >= 0) this.#arrivals.splice(i, 1);
  }

  /** Time passes without anything happening. */
  passTo(time: number): void {
    this.#now = time;
    this.#resolution = grainAt(time);
  }

  select(timeout: number | null, deadline: number): boolean {
    const isIdle = timeout !== 0;
    if (isIdle && this.#onIdle()) return true;
    if (this.#arrivals.length > 0) {
      const chosen = this.#chooser.choose(this);
      if (chosen > 0) return this.#land(this.#arrivals[chosen - 1] as Arrival);
      const next = this.#next() as Arrival;
      if (next.due <= this.#now || (isIdle && next.due <= deadline && next.due <= this.limit)) {
        if (next.due > this.#now) this.passTo(next.due);
        return this.#land(next);
      }
    }
    if (!isIdle) return true;
    if (timeout === null || deadline > this.limit) return false;
    this.passTo(deadline);
    return true;
  }

  #next(): Arrival | null {
    let next: Arrival | null = null;
    for (const arrival of this.#arrivals) if (next === null || arrival.due < next.due) next = arrival;
    return next;
  }

  #land(arrival: Arrival): true {
    this.withdraw(arrival);
    arrival.land();
    return true;
  }

  wakeup(): void {}

  close(): void {
    this.#arrivals.length = 0;
  }
}

/** A nanosecond; more where a double cannot tell two such times apart. */
function grainAt(time: number): number {
  return Math.max(1e-9, Math.abs(time) * Number.EPSILON);
}
