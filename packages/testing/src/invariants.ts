/** What must hold in a run, looked at after every step while the loop stands still. */
import { RuntimeError } from "@aioloop/loop";
import type { Draws } from "./draws.ts";
import { InvariantError } from "./errors.ts";
import type { ExploredQueue } from "./explored-queue.ts";

export interface EventuallyOptions {
  /** Seconds on the loop's clock; default: before the run ends. */
  within?: number | undefined;
  /** For reports. */
  name?: string | undefined;
}

interface Watched {
  time(): number;
  readonly steps: number;
  readonly _scheduled: { readonly length: number };
}

interface Pending {
  readonly predicate: () => boolean;
  readonly name: string;
  readonly deadline: number;
}

export class Invariants {
  readonly #loop: Watched;
  readonly #queue: ExploredQueue;
  readonly #draws: Draws;
  readonly #always: { readonly predicate: () => boolean; readonly name: string }[] = [];
  #pending: Pending[] = [];

  constructor(loop: Watched, queue: ExploredQueue, draws: Draws) {
    this.#loop = loop;
    this.#queue = queue;
    this.#draws = draws;
  }

  always(predicate: () => boolean, name: string): void {
    this.#always.push({ predicate, name });
  }

  eventually(predicate: () => boolean, { within = Number.POSITIVE_INFINITY, name }: EventuallyOptions): void {
    const deadline = this.#loop.time() + within;
    this.#pending.push({ predicate, name: name ?? (predicate.name || "eventually"), deadline });
  }

  /** @throws InvariantError */
  check(): void {
    const scheduled = this.#loop._scheduled.length;
    this.#freeze(true);
    try {
      for (const { predicate, name } of this.#always) {
        if (!this.#holds(predicate, name)) throw this.#failure(name, "does not hold");
      }
      if (this.#pending.length > 0) this.#checkPending();
    } finally {
      this.#freeze(false);
    }
    if (this.#loop._scheduled.length !== scheduled) refuse();
  }

  #checkPending(): void {
    this.#pending = this.#pending.filter(({ predicate, name }) => !this.#holds(predicate, name));
    const late = this.#pending.find(({ deadline }) => this.#loop.time() > deadline);
    if (late !== undefined) throw this.#failure(late.name, `has not become true by ${late.deadline}`);
  }

  /** @throws InvariantError for what had to become true and did not */
  checkEnd(): void {
    this.check();
    const [first] = this.#pending;
    if (first !== undefined) throw this.#failure(first.name, "has not become true before the end");
  }

  #holds(predicate: () => boolean, name: string): boolean {
    try {
      return predicate();
    } catch (error) {
      throw new InvariantError(name, `the invariant "${name}" failed ${this.#when()}: ${String(error)}`, {
        cause: error,
      });
    }
  }

  #freeze(isFrozen: boolean): void {
    this.#queue.isFrozen = isFrozen ? refuse : null;
    this.#draws.isFrozen = isFrozen;
  }

  #failure(name: string, what: string): InvariantError {
    return new InvariantError(name, `the invariant "${name}" ${what} ${this.#when()}`);
  }

  #when(): string {
    return `(time ${this.#loop.time()}, after step ${this.#loop.steps})`;
  }
}

function refuse(): never {
  throw new RuntimeError("an invariant must only look at things: it has scheduled something");
}
