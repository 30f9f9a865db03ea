/** All schedules, or all with few deviations, each once. */
import type { RunRecord } from "../body-run.ts";
import type { Choice, Chooser, Stream } from "../choices.ts";
import type { Guarantee, Strategy } from "./strategy.ts";

/** A prefix of ways, and the first way from there on. All streams are one here: in a run of the same ways the same choices come. */
class Prefix implements Chooser {
  readonly ways: number[] = [];
  readonly counts: number[] = [];
  readonly #prefix: readonly number[];

  constructor(prefix: readonly number[]) {
    this.#prefix = prefix;
  }

  choose({ count, stream }: Choice): number {
    if (stream === ("draw" satisfies Stream)) return 0;
    const way = this.#prefix[this.ways.length] ?? 0;
    this.ways.push(way);
    this.counts.push(count);
    return way;
  }
}

/** Goes through the tree of choices, depth first: every schedule there is. */
export class Exhaustive implements Strategy {
  readonly name = "exhaustive";
  #prefix: readonly number[] | null = [];
  #run: Prefix | null = null;
  #schedules = 0;

  next(): Chooser | null {
    if (this.#prefix === null) return null;
    this.#run = new Prefix(this.#prefix);
    return this.#run;
  }

  seen(_record: RunRecord): void {
    this.#schedules += 1;
    const { ways, counts } = this.#run as Prefix;
    let last = ways.length - 1;
    while (last >= 0 && (ways[last] as number) + 1 >= (counts[last] as number)) last -= 1;
    if (last < 0) {
      this.#prefix = null;
      return;
    }
    ways.length = last + 1;
    (ways[last] as number) += 1;
    this.#prefix = ways;
  }

  guarantee(): Guarantee {
    const kind = this.#prefix === null ? "exhaustive" : "sampled";
    return { kind, schedules: this.#schedules };
  }
}

/** All schedules that take another way than the first at no more than `delays` choices, those with fewer first. */
export class DelayBounded implements Strategy {
  readonly name: string;
  readonly #delays: number;
  /** Of each number of deviations, the prefixes that are still to be run: each ends in a deviation. */
  readonly #waiting: number[][][];
  #run: Prefix | null = null;
  #deviations = 0;
  #prefixLength = 0;
  #schedules = 0;

  constructor(delays = 2) {
    this.name = `delay-bounded (${delays})`;
    this.#delays = delays;
    this.#waiting = Array.from({ length: delays + 1 }, () => []);
    this.#waiting[0]?.push([]);
  }

  next(): Chooser | null {
    this.#deviations = this.#waiting.findIndex((prefixes) => prefixes.length > 0);
    const prefix = this.#waiting[this.#deviations]?.pop();
    if (prefix === undefined) return null;
    this.#prefixLength = prefix.length;
    this.#run = new Prefix(prefix);
    return this.#run;
  }

  seen(_record: RunRecord): void {
    this.#schedules += 1;
    const more = this.#waiting[this.#deviations + 1];
    if (more === undefined) return;
    const { ways, counts } = this.#run as Prefix;
    // From the last choice back, so that the earliest deviation is tried first.
    for (let at = ways.length - 1; at >= this.#prefixLength; at--) {
      for (let way = (counts[at] as number) - 1; way > 0; way--) more.push([...ways.slice(0, at), way]);
    }
  }

  guarantee(): Guarantee {
    const schedules = this.#schedules;
    const open = this.#waiting.findIndex((prefixes) => prefixes.length > 0);
    const delays = open < 0 ? this.#delays : open - 1;
    return delays < 0 ? { kind: "sampled", schedules } : { kind: "delay-bounded", delays, schedules };
  }
}
