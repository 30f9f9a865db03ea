/** The default: a little of everything, the cheapest first. */
import type { RunRecord } from "../body-run.ts";
import type { Chooser } from "../choices.ts";
import { Pct, RandomWalk } from "./simple.ts";
import type { Guarantee, Strategy } from "./strategy.ts";
import { DelayBounded, Exhaustive } from "./systematic.ts";

/** Runs of each part before the next one has its turn. */
const EXHAUSTIVE = 500;
const DELAYS = 500;

/** All schedules where there are few; else all with one deviation and those with two, and chance in two ways for the rest. */
export class Portfolio implements Strategy {
  readonly name = "portfolio";
  readonly #exhaustive: Exhaustive = new Exhaustive();
  readonly #delays: DelayBounded = new DelayBounded(2);
  readonly #samples: readonly Strategy[];
  #current: Strategy;
  #schedules = 0;

  constructor(seed = 1) {
    this.#samples = [new RandomWalk(seed), new Pct(3, seed), new Pct(2, seed), new RandomWalk(seed + 1)];
    this.#current = this.#exhaustive;
  }

  next(): Chooser | null {
    if (this.#schedules < EXHAUSTIVE) {
      this.#current = this.#exhaustive;
      const chooser = this.#current.next();
      if (chooser !== null || this.#schedules > 0) return chooser;
    }
    if (this.#exhaustive.guarantee().kind === "exhaustive") return null;
    if (this.#schedules < EXHAUSTIVE + DELAYS) {
      this.#current = this.#delays;
      const chooser = this.#current.next();
      if (chooser !== null) return chooser;
    }
    this.#current = this.#samples[this.#schedules % this.#samples.length] as Strategy;
    return this.#current.next();
  }

  seen(record: RunRecord): void {
    this.#schedules += 1;
    this.#current.seen(record);
  }

  guarantee(): Guarantee {
    const schedules = this.#schedules;
    const exhaustive = this.#exhaustive.guarantee();
    if (exhaustive.kind === "exhaustive") return exhaustive;
    const delays = this.#delays.guarantee();
    return delays.kind === "delay-bounded" && delays.delays > 0
      ? { ...delays, schedules }
      : { kind: "sampled", schedules };
  }
}
