/** Meeting points. CPython: `locks.Barrier`, in a file of its own since it has states and the others have not. */
import type { Coroutine } from "@aioloop/loop";
import { RuntimeError } from "@aioloop/loop";
import { describe, inspectable } from "@aioloop/loop/kernel";
import { coroutine } from "./coroutines.ts";
import { Condition } from "./locks.ts";
import { LoopBound } from "./loop-bound.ts";
import type { Manager } from "./managers.ts";
import { asyncWith } from "./managers.ts";

/** Waiting at a barrier that was reset or aborted. CPython: `exceptions.BrokenBarrierError`. */
export class BrokenBarrierError extends RuntimeError {
  static {
    this.prototype.name = "BrokenBarrierError";
  }
}

/** In reports who waits at it waits at the barrier. */
class Gate extends Condition {
  readonly #barrier: Barrier;

  constructor(barrier: Barrier) {
    super();
    this.#barrier = barrier;
  }

  override _subject(): Barrier {
    return this.#barrier;
  }

  override toString(): string {
    return `${this.#barrier}`;
  }
}

type State = "filling" | "draining" | "resetting" | "broken";

/**
 * Lets tasks through `parties` at a time.
 *
 *   filling ──(the last one arrives)──► draining ──(the last one leaves)──► filling
 *      └──reset, if somebody waits──► resetting ──(the last one leaves)──► filling
 *   any ──abort──► broken ──reset──► resetting or filling, as above
 *
 * filling: who arrives waits. draining: they leave; who arrives now waits outside for the next round. resetting: those who
 * waited leave with a BrokenBarrierError; who arrives waits outside. broken: waiting and arriving are errors.
 * A cancelled waiter leaves, and breaks nothing. CPython: `locks.Barrier`.
 */
export class Barrier extends LoopBound implements Manager<number> {
  readonly #condition: Condition = new Gate(this);
  readonly #parties: number;
  #state: State = "filling";
  /** How many are inside: they wait, or are about to leave. */
  #count = 0;

  /** @throws TypeError unless `parties` is an integer, RangeError if it is less than 1. */
  constructor(parties: number) {
    super();
    if (!Number.isInteger(parties))
      throw new TypeError(`new Barrier(parties): parties must be an integer, got ${describe(parties)}`);
    if (parties < 1) throw new RangeError(`new Barrier(parties): parties must be 1 or more, got ${parties}`);
    this.#parties = parties;
  }

  /**
   * Waits until `parties` tasks wait. Each gets a number from 0 to parties - 1, in the order of arrival; where one was cancelled meanwhile,
   * two may get the same, as in CPython.
   * @throws BrokenBarrierError if the barrier is or gets broken, or is reset. CPython: `Barrier.wait`.
   */
  wait(): Coroutine<number> {
    return Barrier.#wait(this);
  }

  static readonly #wait: (barrier: Barrier) => Coroutine<number> = coroutine(function* wait(
    barrier: Barrier,
  ) {
    return yield* asyncWith(barrier.#condition, function* () {
      yield* barrier.#arrive();
      barrier._accessed("write");
      try {
        const index = barrier.#count;
        barrier.#count += 1;
        if (barrier.#count === barrier.#parties) barrier.#become("draining");
        else yield* barrier.#stay();
        return index;
      } finally {
        barrier.#leave();
      }
    });
  });

  /** Outside, while a round drains or a reset is under way. */
  *#arrive(): Coroutine<void> {
    yield* this.#condition.waitFor(() => this.#state === "filling" || this.#state === "broken");
    if (this.#state === "broken") throw new BrokenBarrierError(`wait() at ${this}: it was aborted`);
  }

  /** Inside, until the round is full. */
  *#stay(): Coroutine<void> {
    yield* this.#condition.waitFor(() => this.#state !== "filling");
    if (this.#state === "draining") return;
    const what = this.#state === "broken" ? "aborted" : "reset";
    throw new BrokenBarrierError(`wait() at ${this}: it was ${what} meanwhile`);
  }

  #leave(): void {
    this.#count -= 1;
    if (this.#count > 0) return;
    this.#become(this.#state === "broken" ? "broken" : "filling");
  }

  #become(state: State): void {
    this._accessed("write");
    this.#state = state;
    this.#condition.notifyAll();
  }

  /** Empty again: who waits gets a BrokenBarrierError. Repairs a broken one. CPython: `Barrier.reset`. */
  reset(): Coroutine<void> {
    return Barrier.#change(this, () => (this.#count > 0 ? "resetting" : "filling"));
  }

  /** Breaks it: who waits, and who comes, gets a BrokenBarrierError, until a reset. CPython: `Barrier.abort`. */
  abort(): Coroutine<void> {
    return Barrier.#change(this, () => "broken");
  }

  static readonly #change: (barrier: Barrier, next: () => State) => Coroutine<void> = coroutine(
    function* change(barrier: Barrier, next: () => State) {
      yield* asyncWith(barrier.#condition, function* () {
        barrier.#become(next());
      });
    },
  );

  /** How many pass at a time. CPython: `Barrier.parties`. */
  get parties(): number {
    return this.#parties;
  }

  /** How many wait; 0 unless it is filling. CPython: `Barrier.n_waiting`. */
  get nWaiting(): number {
    this._accessed("read");
    return this.#waiting();
  }

  #waiting(): number {
    return this.#state === "filling" ? this.#count : 0;
  }

  /** CPython: `Barrier.broken`. */
  get broken(): boolean {
    this._accessed("read");
    return this.#state === "broken";
  }

  aenter(): Coroutine<number> {
    return this.wait();
  }

  *aexit(): Coroutine<void> {}

  override toString(): string {
    return `<${this.constructor.name} [${this.#state}, waiters:${this.#waiting()}/${this.#parties}]>`;
  }
}

inspectable(Barrier);
