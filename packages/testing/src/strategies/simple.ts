/** The order of any loop, and chance. */
import type { RunRecord } from "../body-run.ts";
import type { Choice, Chooser } from "../choices.ts";
import { FIRST } from "../choices.ts";
import { generator } from "../draws.ts";
import { taskOf } from "../labels.ts";
import type { Guarantee, Strategy } from "./strategy.ts";

abstract class Sampling implements Strategy {
  abstract readonly name: string;
  #schedules = 0;

  abstract next(): Chooser | null;

  seen(_record: RunRecord): void {
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

/** What is not about order, each from numbers of its own, so that one more of these does not change the others. */
class Chance {
  readonly seed: number;
  readonly #faults: () => number;
  readonly #draws: () => number;

  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.#faults = generator(seed + 1);
    this.#draws = generator(seed + 2);
  }

  take({ stream, count }: Choice): number {
    if (stream === "draw") return Math.floor(this.#draws() * count);
    return this.#faults() < FAULTS ? 1 + Math.floor(this.#faults() * (count - 1)) : 0;
  }
}

/** How often what is under way lands while something is ready: a busy program asks again and again, and it may be late all the same. */
const LANDINGS = 1 / 8;

/** Each way of each choice is as likely as the others; faults are less likely, and landings while something is ready. */
export class RandomWalk extends Sampling {
  readonly name = "random";
  readonly #random: () => number;

  constructor(seed = 1) {
    super();
    this.#random = generator(seed);
  }

  next(): Chooser {
    const chance = new Chance(this.#random() * 2 ** 32);
    const order = generator(chance.seed);
    return {
      seed: chance.seed,
      choose: (choice: Choice) => (choice.stream === "order" ? wayOf(choice, order) : chance.take(choice)),
    };
  }
}

function wayOf(choice: Choice, random: () => number): number {
  const { kind, count } = choice;
  if (kind !== "arrival" || choice.subject(0) !== null) return Math.floor(random() * count);
  return random() < LANDINGS ? 1 + Math.floor(random() * (count - 1)) : 0;
}

/** So many times the choices of the longest run, and a run goes on in the order of any loop. */
const UNFAIR = 10;

/**
 * Priorities at random, and `depth - 1` moments at random in which the one that runs falls behind all others. A bug that needs `depth` such
 * things to come together, in a program of `n` tasks and `k` choices, is found by a run with a probability of at least 1 / (n k^(depth - 1)).
 * Burckhardt, Kothari, Musuvathi, Nagarakatte: A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs (2010).
 *
 * A timer has the priority of the task that it wakes. Who looks again and again whether something has happened would starve the one that is
 * to do it: a run that is much longer than those before it goes on in the order of any loop.
 */
export class Pct extends Sampling {
  readonly name = "pct";
  readonly #depth: number;
  readonly #random: () => number;
  /** Choices of the longest run so far. */
  #length: number;

  /** `length`: how many choices of order a run may have; the strategy learns the largest number as it goes. */
  constructor(depth = 3, seed = 1, length = 1) {
    super();
    if (!(depth >= 1)) throw new RangeError(`new Pct(depth): 1 or more, got ${depth}`);
    this.#depth = depth;
    this.#random = generator(seed);
    this.#length = length;
  }

  next(): Chooser {
    return new PctRun(this.#depth, this.#length, this.#random() * 2 ** 32);
  }

  override seen(record: RunRecord): void {
    super.seen(record);
    this.#length = Math.max(this.#length, record.tape.order.counts.length);
  }
}

class PctRun extends Chance implements Chooser {
  readonly #priorities: Map<object | string, number> = new Map();
  readonly #random: () => number;
  /** The choices at which one falls behind, and how far: in any order, since an early one may have to stay before a late one. */
  readonly #changes: Map<number, number> = new Map();
  readonly #end: number;
  #at = 0;

  constructor(depth: number, length: number, seed: number) {
    super(seed);
    this.#random = generator(seed);
    this.#end = UNFAIR * (length + 10);
    for (let i = 1; i < depth; i++) this.#changes.set(Math.floor(this.#random() * length), -i);
  }

  choose(choice: Choice): number {
    if (choice.stream !== "order") return this.take(choice);
    const at = this.#at++;
    if (choice.kind === "eager") return Math.floor(this.#random() * choice.count);
    if (at > this.#end) return 0;
    const change = this.#changes.get(at);
    if (change !== undefined) this.#priorities.set(whoseTurn(choice, this.#highest(choice)), change);
    return this.#highest(choice);
  }

  #highest(choice: Choice): number {
    let best = 0;
    let highest = Number.NEGATIVE_INFINITY;
    let ties = 1;
    for (let way = 0; way < choice.count; way++) {
      const priority = this.#priorityOf(whoseTurn(choice, way));
      if (priority < highest) continue;
      // One thing can come in several ways: alone, or in the turn of a timer.
      ties = priority === highest ? ties + 1 : 1;
      if (ties === 1 || this.#random() * ties < 1) best = way;
      highest = priority;
    }
    return best;
  }

  #priorityOf(one: object | string): number {
    let priority = this.#priorities.get(one);
    if (priority === undefined) {
      priority = this.#random();
      this.#priorities.set(one, priority);
    }
    return priority;
  }
}

/** Who has a priority: a task, a callback, an arrival; the time that passes, where that is a way. */
function whoseTurn(choice: Choice, way: number): object | string {
  const subject = choice.subject(way);
  return subject === null ? choice.kind : (taskOf(subject) ?? subject);
}
