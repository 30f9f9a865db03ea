/** The order of any loop, and chance. */
import type { Choice, Chooser } from "../choices.ts";
import { FIRST } from "../choices.ts";
import { generator } from "../draws.ts";
import type { Guarantee, Strategy } from "./strategy.ts";

abstract class Sampling implements Strategy {
  abstract readonly name: string;
  #schedules = 0;

  abstract next(): Chooser | null;

  seen(): void {
    this.#schedules += 1;
  }

  guarantee(): Guarantee {
    return { kind: "sampled", schedules: this.#schedules };
  }
}

/** One run, in the order in which things happen if nobody chooses. */
export class Fifo extends Sampling {
  readonly name = "fifo";
  #hasRun = false;

  next(): Chooser | null {
    if (this.#hasRun) return null;
    this.#hasRun = true;
    return FIRST;
  }
}

/** How often something goes wrong, by chance. */
const FAULTS = 0.1;

/** Each way of each choice is as likely as the others; faults are less likely. */
export class RandomWalk extends Sampling {
  readonly name = "random";
  readonly #random: () => number;

  constructor(seed = 1) {
    super();
    this.#random = generator(seed);
  }

  next(): Chooser {
    const seed = this.#random() * 2 ** 32;
    const order = generator(seed);
    const faults = generator(seed + 1); // of their own, so that one more of these does not change the order
    return {
      seed: seed >>> 0,
      choose: ({ count, stream }: Choice) => {
        if (stream !== "fault") return Math.floor(order() * count);
        return faults() < FAULTS ? 1 + Math.floor(faults() * (count - 1)) : 0;
      },
    };
  }
}

/**
 * Priorities at random, and `depth - 1` moments at random in which the one that runs falls behind all others. A bug that needs `depth` such
 * things to come together, in a program of `n` tasks and `k` choices, is found by a run with a probability of at least 1 / (n k^(depth - 1)).
 * Burckhardt, Kothari, Musuvathi, Nagarakatte: A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs (2010).
 */
export class Pct extends Sampling {
  readonly name = "pct";
  readonly #depth: number;
  readonly #random: () => number;
  /** Choices of the longest run so far. */
  #length = 1;

  constructor(depth = 3, seed = 1) {
    super();
    this.#depth = depth;
    this.#random = generator(seed);
  }

  next(): Chooser {
    return new PctRun(this.#depth, this.#length, generator(this.#random() * 2 ** 32), (length) => {
      this.#length = Math.max(this.#length, length);
    });
  }
}

class PctRun implements Chooser {
  readonly #priorities: WeakMap<object, number> = new WeakMap();
  readonly #random: () => number;
  /** The choices at which one falls behind. */
  readonly #changes: ReadonlySet<number>;
  readonly #tell: (length: number) => void;
  #at = 0;
  #lowest = 0;

  constructor(depth: number, length: number, random: () => number, tell: (length: number) => void) {
    this.#random = random;
    this.#changes = new Set(Array.from({ length: depth - 1 }, () => Math.floor(random() * length)));
    this.#tell = tell;
  }

  choose(choice: Choice): number {
    const at = this.#at++;
    this.#tell(this.#at);
    let best = this.#highest(choice);
    const subject = choice.subject(best);
    if (subject !== null && this.#changes.has(at)) {
      this.#lowest -= 1;
      this.#priorities.set(subject, this.#lowest);
      best = this.#highest(choice);
    }
    return best;
  }

  #highest(choice: Choice): number {
    let best = 0;
    let highest = Number.NEGATIVE_INFINITY;
    for (let way = 0; way < choice.count; way++) {
      const priority = this.#priorityOf(choice.subject(way));
      if (priority <= highest) continue;
      best = way;
      highest = priority;
    }
    return best;
  }

  #priorityOf(subject: object | null): number {
    if (subject === null) return this.#random();
    let priority = this.#priorities.get(subject);
    if (priority === undefined) {
      priority = this.#random();
      this.#priorities.set(subject, priority);
    }
    return priority;
  }
}
