/** All schedules, or all with few deviations, each once. */
import type { RunRecord } from "../body-run.ts";
import type { Choice, ChoiceKind, Chooser } from "../choices.ts";
import { NondeterminismError } from "../schedule.ts";
import type { Guarantee, Strategy } from "./strategy.ts";

const KINDS: readonly ChoiceKind[] = ["timer", "arrival", "eager", "task", "ready", "fault", "draw"];

/** What a choice is known by in another run: its kind, and how many ways it has. */
type Shape = number;

const shapeOf = ({ kind, count }: Choice): Shape => count * KINDS.length + KINDS.indexOf(kind);
const countOf = (shape: Shape): number => Math.floor(shape / KINDS.length);
const wordsFor = (shape: Shape | undefined): string =>
  shape === undefined ? "there is none" : `${countOf(shape)} ways (${KINDS[shape % KINDS.length]})`;

/** A prefix of ways, and the first way from there on. All streams are one here: after the same ways the same choices come. */
class Prefix implements Chooser {
  readonly shapes: Shape[] = [];
  readonly ways: readonly number[];

  constructor(ways: readonly number[]) {
    this.ways = ways;
  }

  choose(choice: Choice): number {
    const way = this.ways[this.shapes.length] ?? 0;
    this.shapes.push(shapeOf(choice));
    return way < choice.count ? way : 0;
  }

  /** @throws NondeterminismError unless the prefix led where it had led another run */
  checkLike(other: readonly Shape[], { failure }: RunRecord): void {
    const at = this.ways.findIndex((_, i) => this.shapes[i] !== other[i]);
    if (at < 0) return;
    throw new NondeterminismError(
      `two runs made the same choices, then choice ${at} has ${wordsFor(other[at])} in one of them, and ${wordsFor(this.shapes[at])} in the other`,
      failure === null ? undefined : { cause: failure.error },
    );
  }
}

/**
 * Goes through the tree of choices, depth first: every schedule there is, in little memory. Where a program asks for `sim.random()` there
 * are more, and it says so.
 */
export class Exhaustive implements Strategy {
  readonly name = "exhaustive";
  #run: Prefix = new Prefix([]);
  #before: readonly Shape[] = [];
  #isOver = false;
  #draws = 0;
  #schedules = 0;

  next(): Chooser | null {
    return this.#isOver ? null : this.#run;
  }

  seen(record: RunRecord): void {
    const { ways, shapes } = this.#run;
    this.#run.checkLike(this.#before, record);
    this.#schedules += 1;
    this.#draws += record.draws;
    let last = shapes.length - 1;
    while (last >= 0 && (ways[last] ?? 0) + 1 >= countOf(shapes[last] as Shape)) last -= 1;
    this.#isOver = last < 0;
    this.#before = shapes;
    const next = Array.from({ length: last + 1 }, (_, i) => ways[i] ?? 0);
    if (last >= 0) next[last] = (ways[last] ?? 0) + 1;
    this.#run = new Prefix(next);
  }

  guarantee(): Guarantee {
    const kind = this.#isOver && this.#draws === 0 ? "exhaustive" : "sampled";
    return { kind, schedules: this.#schedules };
  }
}

/** A run that is over: those that deviate once more, after its last deviation, come of it. */
type Parent = Pick<Prefix, "ways" | "shapes">;

/**
 * All schedules that take another way than the first at no more than `delays` choices: first those with fewer, and of these those that
 * deviate early. Without a limit that is every schedule there is, the simple ones first.
 */
export class DelayBounded implements Strategy {
  readonly name: string;
  readonly #delays: number;
  readonly #runs: Generator<Prefix, null>;
  /** The next one; null when all have been seen. */
  #run: Prefix | null;
  #parent: Parent | null = null;
  /** Of the present number of deviations, those from which others deviate. */
  #parents: Parent[] = [];
  #isLast = false;
  /** Up to how many deviations all have been seen. */
  #complete = -1;
  /** Some schedule has another choice, at which it would deviate once too often. */
  #isCut = false;
  #draws = 0;
  #schedules = 0;

  /** @throws RangeError unless `delays` is 0 or more and whole, or Infinity */
  constructor(delays = 2) {
    if (!(delays >= 0) || (!Number.isInteger(delays) && delays !== Number.POSITIVE_INFINITY))
      throw new RangeError(`new DelayBounded(delays): a whole number, 0 or more, or Infinity; got ${delays}`);
    this.name = `delay-bounded (${delays})`;
    this.#delays = delays;
    this.#runs = this.#all();
    this.#run = this.#runs.next().value;
  }

  *#all(): Generator<Prefix, null> {
    this.#isLast = this.#delays === 0;
    yield new Prefix([]);
    for (let deviations = 1; ; deviations++) {
      this.#complete = deviations - 1;
      const parents = this.#parents;
      if (parents.length === 0) return null;
      this.#parents = [];
      this.#isLast = deviations === this.#delays;
      for (const parent of parents) yield* this.#childrenOf(parent);
    }
  }

  *#childrenOf(parent: Parent): Generator<Prefix, void> {
    this.#parent = parent;
    const { ways, shapes } = parent;
    for (let at = ways.length; at < shapes.length; at++) {
      for (let way = 1; way < countOf(shapes[at] as Shape); way++) {
        yield new Prefix(Array.from({ length: at + 1 }, (_, i) => (i === at ? way : (ways[i] ?? 0))));
      }
    }
  }

  next(): Chooser | null {
    return this.#run;
  }

  seen(record: RunRecord): void {
    const run = this.#run as Prefix;
    if (this.#parent !== null) run.checkLike(this.#parent.shapes, record);
    this.#schedules += 1;
    this.#draws += record.draws;
    const { ways, shapes } = run;
    if (shapes.length > ways.length) {
      if (this.#isLast) this.#isCut = true;
      else this.#parents.push({ ways, shapes });
    }
    this.#run = this.#runs.next().value;
  }

  guarantee(): Guarantee {
    const schedules = this.#schedules;
    const delays = this.#complete;
    if (this.#draws > 0 || delays < 0) return { kind: "sampled", schedules };
    if (this.#run === null && !this.#isCut) return { kind: "exhaustive", schedules };
    return { kind: "delay-bounded", delays, schedules };
  }
}
