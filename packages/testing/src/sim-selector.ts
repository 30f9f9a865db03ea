/**
 * Virtual time that goes no further than it is told to, and what comes from outside of the loop: results of simulated executors.
 *
 *      time ──► limit            select() jumps to the next deadline, or to an arrival that is due before it, but not past the limit
 *
 * When something from outside comes is nowhere promised, so each moment at which a loop could hear of it is a choice. `due` is only
 * what happens if nobody chooses.
 *
 *      something is ready    it may come now: between two turns, or between two handles of one
 *      nothing is ready      one of these is next: an arrival, in a moment of its own;
 *                                                  an arrival, in the turn of the next timer and before it;
 *                                                  the next timer, and an arrival behind it;
 *                                                  the next timer alone: what it overtakes takes twice as long from then on
 *
 * No others tell themselves apart: where in the time between two timers it comes matters for what it sets in motion only, and that can be
 * had from the first or the second. Twice as long, since otherwise to be late by many timers would take as many deviations.
 */
import type { Clock, Selector, TimerHandle } from "@aioloop/loop";
import { resolutionAt } from "@aioloop/loop/kernel";
import type { Choice, Chooser } from "./choices.ts";
import { labelOf } from "./labels.ts";

/** Something that will come from outside: a result. Under way from `SimSelector.announce` on. */
export interface Arrival {
  /** When it comes if nobody chooses otherwise, in seconds of the loop's clock. */
  readonly due: number;
  /** For reports. */
  readonly label: string;
  /** Makes something ready. */
  land(): void;
}

/** What the selector knows of an arrival. */
interface UnderWay {
  readonly arrival: Arrival;
  /** When it was announced. */
  readonly since: number;
  due: number;
  /** It was to come while something was ready, and came not: it comes when nothing is. */
  isHeld: boolean;
}

/** What may be next. */
interface Way {
  readonly one: UnderWay | null;
  /** When that is; null for now, without any jump. */
  readonly time: number | null;
  /** Whether the next timer is due then. */
  readonly timer: "none" | "same turn" | "before" | "alone";
}

const NOT_YET: Way = { one: null, time: null, timer: "none" };

export class SimSelector implements Selector, Clock, Choice {
  readonly stream = "order";
  readonly kind = "arrival";
  /** How far time may go, in seconds. */
  limit: number = Number.POSITIVE_INFINITY;
  #now: number;
  #resolution: number;
  #underWay: UnderWay[] = [];
  /** Of the present choice. */
  #ways: Way[] = [];
  /** How much was ready for the next turn when somebody was last asked in the middle of one. */
  #heard = 0;
  readonly #chooser: Chooser;
  readonly #onIdle: () => boolean;
  readonly #nextTimer: () => TimerHandle;

  /**
   * `onIdle` is called when nothing is ready, before time passes; true if that has made something ready. `nextTimer` is called where there
   * is one.
   */
  constructor(start: number, chooser: Chooser, onIdle: () => boolean, nextTimer: () => TimerHandle) {
    this.#now = start;
    this.#resolution = resolutionAt(start);
    this.#chooser = chooser;
    this.#onIdle = onIdle;
    this.#nextTimer = nextTimer;
  }

  // ---- the choice

  get count(): number {
    return this.#ways.length;
  }

  /** An arrival, or a timer; null for neither: nothing comes yet. */
  subject(way: number): Arrival | TimerHandle | null {
    const { one, timer } = this.#ways[way] ?? NOT_YET;
    if (one !== null && timer !== "before") return one.arrival;
    return timer === "none" ? null : this.#nextTimer();
  }

  label(way: number): string {
    const { one, timer } = this.#ways[way] ?? NOT_YET;
    if (timer === "none") return one === null ? "nothing from outside" : one.arrival.label;
    const next = labelOf(this.#nextTimer());
    if (one === null) return next;
    return timer === "before"
      ? `${next} just before ${one.arrival.label}`
      : `${one.arrival.label} just before ${next}`;
  }

  // ---- the clock

  get polls(): boolean {
    return this.#underWay.length > 0;
  }

  get resolution(): number {
    return this.#resolution;
  }

  time(): number {
    return this.#now;
  }

  /** Time passes without anything happening. */
  passTo(time: number): void {
    this.#now = time;
    this.#resolution = resolutionAt(time);
  }

  // ---- what is under way

  /** The next that will come by itself; null if nothing is under way. */
  nextArrival(): number | null {
    const due = Math.min(...this.#underWay.map((one) => one.due));
    return this.#underWay.length === 0 ? null : Math.max(due, this.#now);
  }

  announce(arrival: Arrival): void {
    this.#underWay.push({ arrival, since: this.#now, due: arrival.due, isHeld: false });
    this.#heard = 0;
  }

  /** It will not come. */
  withdraw(arrival: Arrival): void {
    this.#underWay = this.#underWay.filter((one) => one.arrival !== arrival);
  }

  // ---- waiting

  select(timeout: number | null, deadline: number): boolean {
    this.#heard = 0;
    if (timeout !== null && deadline < this.#now + this.#resolution) {
      if (this.#underWay.length > 0) this.#poll();
      return true;
    }
    if (this.#onIdle()) return true;
    // What the loop takes for due at the limit is due.
    const hasTimer = timeout !== null && deadline < this.limit + this.#resolution;
    const end = Math.min(deadline, this.limit);
    if (this.#underWay.length > 0) return this.#waitFor(end, hasTimer);
    if (hasTimer) this.passTo(end);
    return hasTimer;
  }

  /** Something is ready, and a turn begins: what is due comes, and what else may. */
  #poll(): void {
    // What is announced meanwhile has its time later, lest they announce each other without end.
    for (let left = this.#underWay.length; left > 0 && this.#underWay.length > 0; left--) {
      const due = earliest(this.#underWay.filter((one) => !one.isHeld && one.due <= this.#now));
      const way = this.#choose(this.#waysNow(due));
      if (way.one !== null) {
        this.#land(way);
        continue;
      }
      for (const one of this.#underWay) if (one.due <= this.#now) one.isHeld = true;
      return;
    }
  }

  /** Between two handles of a turn: `ready` of them stand there for the next. What comes now comes behind those, and before all others. */
  interrupt(ready: number): void {
    if (ready === this.#heard) return; // the same as before the last handle
    this.#heard = ready;
    const way = this.#choose(this.#waysNow(null));
    if (way.one !== null) this.#land(way);
  }

  #waysNow(first: UnderWay | null): Way[] {
    const ways: Way[] = first === null ? [] : [nowOf(first)];
    ways.push(NOT_YET);
    for (const one of this.#underWay) if (one !== first) ways.push(nowOf(one));
    return ways;
  }

  /** Nothing is ready until `end`, where a timer is due, or which is the limit. False: nothing has come. */
  #waitFor(end: number, hasTimer: boolean): boolean {
    const way = this.#choose(this.#waysUntil(end, hasTimer));
    const { one, timer } = way;
    if (one !== null && timer !== "before") {
      this.#land(way);
      return true;
    }
    for (const late of this.#underWay) {
      if (late !== one && late.due <= end) late.due = end + (end - late.since);
      late.isHeld = false;
    }
    if (!hasTimer) return false;
    if (one !== null) one.due = end;
    this.passTo(end);
    return true;
  }

  #waysUntil(end: number, hasTimer: boolean): Way[] {
    const first = earliest(this.#underWay);
    const ways: Way[] = [];
    for (const one of this.#underWay) {
      const isInTime = one.due < end || (one.due === end && !hasTimer);
      ways.push({ one, time: isInTime ? Math.max(one.due, this.#now) : null, timer: "none" });
    }
    if (hasTimer) for (const one of this.#underWay) ways.push({ one, time: end, timer: "same turn" });
    const passes: Way = { one: null, time: null, timer: hasTimer ? "alone" : "none" };
    if (end < Number.POSITIVE_INFINITY) ways.push(passes);
    if (hasTimer) for (const one of this.#underWay) ways.push({ one, time: end, timer: "before" });
    const wanted = first === null || first.due > end ? null : first;
    const isFirst = (way: Way) =>
      wanted === null
        ? way === passes
        : way.one === wanted && way.timer === (wanted.due === end && hasTimer ? "same turn" : "none");
    return [...ways.filter(isFirst), ...ways.filter((way) => !isFirst(way))];
  }

  #choose(ways: Way[]): Way {
    this.#ways = ways;
    return ways[ways.length > 1 ? this.#chooser.choose(this) : 0] as Way;
  }

  #land({ one, time }: Way): void {
    if (time !== null && time > this.#now) this.passTo(time);
    const { arrival } = one as UnderWay;
    this.withdraw(arrival);
    arrival.land();
  }

  wakeup(): void {}

  close(): void {
    this.#underWay = [];
  }
}

function nowOf(one: UnderWay): Way {
  return { one, time: null, timer: "none" };
}

/** The one that was announced first, of those that are due first. */
function earliest(all: readonly UnderWay[]): UnderWay | null {
  let first: UnderWay | null = null;
  for (const one of all) if (first === null || one.due < first.due) first = one;
  return first;
}
