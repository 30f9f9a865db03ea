/** What a program asks for itself: random numbers, and whether something goes wrong. Seeded, and on the schedule. */
import type { Choice, ChoiceKind, Chooser, Stream } from "./choices.ts";

export class Draws {
  /** Set while nothing may be drawn. */
  isFrozen: ((what: string) => never) | null = null;
  /** How often `random()` was asked: no strategy can go through all that it may say. */
  count = 0;
  readonly #chooser: Chooser;
  #state: number;

  constructor(chooser: Chooser, seed: number) {
    this.#chooser = chooser;
    this.#state = seed >>> 0;
  }

  random(): number {
    this.isFrozen?.("it has called random()");
    this.count += 1;
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    return mixed(this.#state) / 2 ** 32;
  }

  choose<T>(items: readonly T[]): T {
    this.isFrozen?.("it has called choose()");
    if (items.length === 0) throw new RangeError("choose(items): there is nothing to choose from");
    return items[items.length === 1 ? 0 : this.decide(new Draw(items))] as T;
  }

  fault(name: string): boolean {
    this.isFrozen?.("it has called fault()");
    return this.decide(new Question("fault", "fault", ["no fault", name])) > 0;
  }

  decide(choice: Choice): number {
    return this.#chooser.choose(choice);
  }
}

/** A choice between things that are named. */
export class Question implements Choice {
  readonly stream: Stream;
  readonly kind: ChoiceKind;
  readonly #ways: readonly string[];

  constructor(stream: Stream, kind: ChoiceKind, ways: readonly string[]) {
    this.stream = stream;
    this.kind = kind;
    this.#ways = ways;
  }

  get count(): number {
    return this.#ways.length;
  }

  subject(): null {
    return null;
  }

  label(way: number): string {
    return this.#ways[way] ?? "?";
  }
}

/** A choice of the program's own: the first is what is taken if nobody chooses. */
class Draw implements Choice {
  readonly stream = "draw";
  readonly kind = "draw";
  readonly #items: readonly unknown[];

  constructor(items: readonly unknown[]) {
    this.#items = items;
  }

  get count(): number {
    return this.#items.length;
  }

  subject(): null {
    return null;
  }

  label(way: number): string {
    const item = this.#items[way];
    const isPlain = typeof item !== "object" && typeof item !== "function";
    return isPlain || item === null ? String(item) : `item ${way}`;
  }
}

/** A number's bits, well mixed: 32 of them. */
export function mixed(seed: number): number {
  let bits = seed;
  bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
  bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
  return (bits ^ (bits >>> 14)) >>> 0;
}

/** A generator of numbers from 0 up to 1, from a seed. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    return mixed(state) / 2 ** 32;
  };
}
