// A strategy of a user's own, to see whether the interface is enough: partial-order reduction. It runs another order only where two steps
// touch the same thing and one of them changes it.
import type { Choice, Chooser, Guarantee, Strategy } from "@aioloop/testing";

interface Touch {
  readonly object: object;
  readonly kind: "read" | "write";
}

interface Step {
  readonly subject: object;
  /** Its number among the choices of the run; null where there was none. */
  readonly choice: number | null;
  readonly touches: Touch[];
}

class Watcher implements Chooser {
  readonly ways: number[] = [];
  /** Who could have run, at each choice. */
  readonly subjects: (object | null)[][] = [];
  readonly steps: Step[] = [];
  readonly #prefix: readonly number[];
  #choice: number | null = null;

  constructor(prefix: readonly number[]) {
    this.#prefix = prefix;
  }

  choose(choice: Choice): number {
    this.#choice = this.ways.length;
    const way = this.#prefix[this.ways.length] ?? 0;
    this.ways.push(way);
    this.subjects.push(Array.from({ length: choice.count }, (_, i) => choice.subject(i)));
    return way;
  }

  step(subject: object): void {
    this.steps.push({ subject, choice: this.#choice, touches: [] });
    this.#choice = null;
  }

  access(object: object, kind: "read" | "write"): void {
    this.steps.at(-1)?.touches.push({ object, kind });
  }
}

export class Conflicts implements Strategy {
  readonly name = "conflicts";
  readonly #waiting: number[][] = [[]];
  readonly #known: Set<string> = new Set([""]);
  #run: Watcher = new Watcher([]);
  #schedules = 0;

  next(): Chooser | null {
    const prefix = this.#waiting.pop();
    if (prefix === undefined) return null;
    this.#run = new Watcher(prefix);
    return this.#run;
  }

  seen(): void {
    this.#schedules += 1;
    const { steps } = this.#run;
    for (const [i, later] of steps.entries()) {
      const earlier = steps.findLast(
        (one, k) => k < i && one.subject !== later.subject && conflict(one, later),
      );
      if (earlier?.choice != null) this.#runFirst(earlier.choice, later.subject);
    }
  }

  /** The one that came later instead; where it was not ready, each that was: one of them makes it ready. */
  #runFirst(choice: number, subject: object): void {
    const { ways, subjects } = this.#run;
    const there = subjects[choice] ?? [];
    const own = there.indexOf(subject);
    for (const way of own >= 0 ? [own] : there.keys()) {
      const prefix = [...ways.slice(0, choice), way];
      if (this.#known.has(prefix.join())) continue;
      this.#known.add(prefix.join());
      this.#waiting.push(prefix);
    }
  }

  guarantee(): Guarantee {
    return { kind: "sampled", schedules: this.#schedules };
  }
}

function conflict(one: Step, other: Step): boolean {
  return one.touches.some((touch) =>
    other.touches.some(
      ({ object, kind }) => object === touch.object && (kind === "write" || touch.kind === "write"),
    ),
  );
}
