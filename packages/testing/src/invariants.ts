/**
 * What must hold in a run, looked at after every step while the loop stands still.
 *
 * Standing still is checked in three ways: nothing can become ready, draws and changes of primitives throw (`Stillness`), and what cannot
 * be stopped where it happens (timers, cancellations of what is ready, `stop()`) is counted before and after.
 */
import type { BaseEventLoop, Runnable } from "@aioloop/loop";
import { Handle, RuntimeError } from "@aioloop/loop";
import { describe, Instruments } from "@aioloop/loop/kernel";
import { Task } from "@aioloop/tasks";
import type { Draws } from "./draws.ts";
import { InvariantError } from "./errors.ts";
import type { ExploredQueue } from "./explored-queue.ts";

export interface EventuallyOptions {
  /** Seconds on the loop's clock; default: before the run ends. */
  within?: number | undefined;
  /** For reports. */
  name?: string | undefined;
}

type Stepped = BaseEventLoop & { readonly steps: number };

interface Always {
  readonly predicate: () => boolean;
  readonly name: string;
}

interface Pending extends Always {
  readonly deadline: number;
}

export class Invariants {
  readonly #loop: Stepped;
  readonly #queue: ExploredQueue;
  readonly #draws: Draws;
  readonly #stillness: Stillness;
  readonly #always: Always[] = [];
  #pending: Pending[] = [];

  constructor(loop: Stepped, queue: ExploredQueue, draws: Draws) {
    this.#loop = loop;
    this.#queue = queue;
    this.#draws = draws;
    this.#stillness = new Stillness(loop);
  }

  always(predicate: () => boolean, name?: string): void {
    this.#checkGiven("always", predicate);
    this.#always.push({ predicate, name: name ?? (predicate.name || "always") });
  }

  eventually(predicate: () => boolean, { within = Number.POSITIVE_INFINITY, name }: EventuallyOptions): void {
    this.#checkGiven("eventually", predicate);
    if (!(within >= 0))
      throw new RangeError(
        `eventually(predicate, { within }): a number of seconds, 0 or more, got ${describe(within)}`,
      );
    const deadline = this.#loop.time() + within;
    this.#pending.push({ predicate, name: name ?? (predicate.name || "eventually"), deadline });
  }

  #checkGiven(operation: string, predicate: unknown): void {
    this.#draws.isFrozen?.(`it has called ${operation}()`);
    if (typeof predicate !== "function")
      throw new TypeError(`${operation}(predicate): a function, got ${describe(predicate)}`);
  }

  /** @throws InvariantError */
  check(): void {
    const loop = this.#loop;
    const instrument = loop._instrument;
    loop._instrument = this.#stillness; // what an invariant looks at is no access of the program's
    this.#queue.isFrozen = this.#stillness.refuseToSchedule;
    this.#draws.isFrozen = this.#stillness.refuse;
    try {
      for (const one of this.#always) {
        if (!this.#holds(one)) throw this.#failure(one.name, "does not hold");
      }
      if (this.#pending.length > 0) this.#checkPending();
    } finally {
      loop._instrument = instrument;
      this.#queue.isFrozen = null;
      this.#draws.isFrozen = null;
    }
  }

  /** Who is late is late, whether or not it has come true with this step. */
  #checkPending(): void {
    const now = this.#loop.time();
    const late = this.#pending.find(({ deadline }) => now > deadline);
    if (late !== undefined) throw this.#failure(late.name, `has not become true by ${late.deadline}`);
    this.#pending = this.#pending.filter((one) => !this.#holds(one));
  }

  /** @throws InvariantError for what had to become true and did not */
  checkEnd(): void {
    this.check();
    const [first] = this.#pending;
    if (first !== undefined) throw this.#failure(first.name, "has not become true before the end");
  }

  #holds({ predicate, name }: Always): boolean {
    let result: unknown;
    const before = stateOf(this.#loop);
    this.#stillness.broken = null;
    try {
      result = predicate();
    } catch (error) {
      throw this.#failure(name, "failed", { cause: error });
    }
    const cause = this.#stillness.broken ?? differenceOf(before, stateOf(this.#loop));
    if (cause !== null) throw this.#failure(name, "failed", { cause });
    if (typeof result === "boolean") return result;
    const wrong = new TypeError(`its predicate must give true or false, and gave ${describe(result)}`);
    throw this.#failure(name, "failed", { cause: wrong });
  }

  #failure(name: string, what: string, options?: { cause: unknown }): InvariantError {
    const when = `(time ${this.#loop.time()}, after step ${this.#loop.steps})`;
    const why = options === undefined ? "" : `: ${textOf(options.cause)}`;
    return new InvariantError(name, `the invariant "${name}" ${what} ${when}${why}`, options);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : describe(error);
}

/** Stands in place of a loop's instruments while an invariant is checked. */
class Stillness extends Instruments {
  /** Thrown at an invariant, which may have caught it. */
  broken: RuntimeError | null = null;
  readonly refuse = (what: string): never => {
    this.broken = notStill(what);
    throw this.broken;
  };
  readonly refuseToSchedule = (): never => this.refuse("it has scheduled something");

  constructor(loop: Stepped) {
    super(loop, []);
  }

  override taskCreated(): void {
    this.refuse("it has made a task");
  }

  override access(object: object, kind: "read" | "write"): void {
    if (kind === "write") this.refuse(`it has changed ${describe(object)}`);
  }
}

function notStill(what: string): RuntimeError {
  return new RuntimeError(`an invariant must only look at things: ${what}`);
}

interface State {
  readonly timers: number;
  readonly cancelledTimers: number;
  readonly cancellations: number;
  readonly isStopping: boolean;
}

function stateOf(loop: Stepped): State {
  const { length: timers, cancelled: cancelledTimers } = loop._scheduled;
  let cancellations = 0;
  for (const one of loop._ready) cancellations += cancellationsOf(one);
  return { timers, cancelledTimers, cancellations, isStopping: loop._isStopping };
}

/** Of what waits for its turn: to cancel anything else makes something ready. */
function cancellationsOf(one: Runnable): number {
  if (one instanceof Task) return one._cancelRequests;
  return one instanceof Handle && one.cancelled() ? 1 : 0;
}

function differenceOf(before: State, after: State): RuntimeError | null {
  if (after.timers !== before.timers) return notStill("it has scheduled something");
  const isCancelled =
    after.cancelledTimers !== before.cancelledTimers || after.cancellations !== before.cancellations;
  if (isCancelled) return notStill("it has cancelled something");
  return after.isStopping === before.isStopping ? null : notStill("it has stopped the loop");
}
