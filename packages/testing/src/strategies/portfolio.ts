/** The default: a little of everything. */
import type { RunRecord } from "../body-run.ts";
import type { Chooser } from "../choices.ts";
import { Pct, RandomWalk } from "./simple.ts";
import type { Guarantee, Strategy } from "./strategy.ts";
import { DelayBounded } from "./systematic.ts";

/** So many schedules, those with the fewest deviations, before chance has its turns. */
const SIMPLE = 8;

/** Between the seeds of its parts, which would draw the same numbers otherwise. */
const APART = 1_000_003;

/**
 * All schedules, those with fewer deviations first: small programs are through after some hundred runs, and what is found in large ones
 * is simple already. After the first of them every second run is left to chance, which sees what needs many deviations: a walk at random,
 * and priorities that change twice or once.
 */
export class Portfolio implements Strategy {
  readonly name = "portfolio";
  readonly #all: Strategy = new DelayBounded(Number.POSITIVE_INFINITY);
  readonly #seed: number;
  #samples: readonly Strategy[] = [];
  #current: Strategy = this.#all;
  #schedules = 0;
  /** Choices of order in the longest run. */
  #length = 1;

  constructor(seed = 1) {
    this.#seed = seed;
  }

  next(): Chooser | null {
    if (this.#schedules < SIMPLE || this.#schedules % 2 === 0) {
      this.#current = this.#all;
      const chooser = this.#all.next();
      if (chooser !== null) return chooser;
    }
    if (this.#all.guarantee().kind === "exhaustive") return null;
    this.#current = this.#sample();
    return this.#current.next();
  }

  #sample(): Strategy {
    if (this.#samples.length === 0) {
      const [seed, length] = [this.#seed, this.#length];
      this.#samples = [
        new RandomWalk(seed),
        new Pct(3, seed + APART, length),
        new Pct(2, seed + 2 * APART, length),
      ];
    }
    const turn = Math.floor(this.#schedules / 2) % this.#samples.length;
    return this.#samples[turn] as Strategy;
  }

  seen(record: RunRecord): void {
    this.#schedules += 1;
    this.#length = Math.max(this.#length, record.tape.order.counts.length);
    this.#current.seen(record);
  }

  guarantee(): Guarantee {
    const schedules = this.#schedules;
    const shown = this.#all.guarantee();
    if (shown.kind === "exhaustive") return shown;
    const isBounded = shown.kind === "delay-bounded" && shown.delays > 0;
    return isBounded ? { ...shown, schedules } : { kind: "sampled", schedules };
  }
}
