/** Deadlines for a block. CPython: `timeouts`. */
import type { Coroutine, Handle } from "@aioloop/loop";
import { CancelledError, getRunningLoop, RuntimeError, TimeoutError } from "@aioloop/loop";
import { describe, inspectable } from "@aioloop/loop/kernel";
import { currentTask } from "./current-tasks.ts";
import type { Manager } from "./managers.ts";
import type { Task } from "./tasks.ts";

type State = "created" | "active" | "expiring" | "expired" | "finished";

/**
 * Cancels the task in its block when the time comes, and turns the cancellation into a TimeoutError where it leaves the block.
 *
 *   created ──aenter──► active ──deadline──► expiring ──aexit──► expired
 *                         └──────aexit──────► finished
 *
 * Expiring: `task.cancel()` was called here, and aexit owes the task an `uncancel()`. If after that the task has no more
 * requests than at the entry, nobody else wants it cancelled, and a CancelledError that arrives is ours.
 * CPython: `timeouts.Timeout`.
 */
export class Timeout implements Manager<Timeout> {
  #when: number | null;
  #state: State = "created";
  #handle: Handle | null = null;
  #task: Task<unknown> | null = null;
  #cancelling = 0;

  /** `when`: the deadline on the loop's clock, in seconds; null for none. See `timeout` and `timeoutAt`. */
  constructor(when: number | null) {
    checkSeconds("new Timeout(when)", "when", when);
    this.#when = when;
  }

  /** The deadline on the loop's clock, in seconds; null for none. CPython: `Timeout.when`. */
  when(): number | null {
    return this.#when;
  }

  /**
   * Another deadline, null for none. One that has passed expires in the next turn.
   * @throws RuntimeError unless the block is being executed. CPython: `Timeout.reschedule`.
   */
  reschedule(when: number | null): void {
    checkSeconds("reschedule(when)", "when", when);
    if (this.#state !== "active") {
      throw new RuntimeError(
        this.#state === "created"
          ? `reschedule() of ${this}: it has not been entered`
          : `reschedule() of ${this}: the deadline of ${this.#state === "finished" ? "a" : "an"} ${this.#state} timeout cannot change`,
      );
    }
    this.#when = when;
    this.#handle?.cancel();
    if (when === null || when === Number.POSITIVE_INFINITY) return;
    const loop = getRunningLoop();
    // The task is named for reports of deadlocks: this timer will end its waits.
    const onTimeout = (task: Task<unknown>) => this.#onTimeout(task);
    const task = this.#task as Task<unknown>;
    this.#handle = when <= loop.time() ? loop.callSoon(onTimeout, task) : loop.callAt(when, onTimeout, task);
  }

  /** Whether the deadline has passed while the block ran. CPython: `Timeout.expired`. */
  expired(): boolean {
    return this.#state === "expiring" || this.#state === "expired";
  }

  *aenter(): Coroutine<this> {
    if (this.#state !== "created")
      throw new RuntimeError(`${this} has already been entered: make one for each block`);
    const task = currentTask();
    if (task === null) throw new RuntimeError("a timeout must be used inside a task");
    this.#state = "active";
    this.#task = task;
    this.#cancelling = task.cancelling();
    this.reschedule(this.#when);
    return this;
  }

  *aexit(failure: { error: unknown } | null): Coroutine<boolean | void> {
    this.#handle?.cancel();
    if (this.#state === "active") this.#state = "finished";
    if (this.#state !== "expiring") return;
    this.#state = "expired";
    const isOurs = (this.#task as Task<unknown>).uncancel() <= this.#cancelling;
    if (!isOurs || failure === null) return;
    const { error } = failure;
    if (error instanceof CancelledError) throw new TimeoutError("", { cause: error });
    insertTimeoutError(error);
    if (error instanceof AggregateError) error.errors.forEach(insertTimeoutError);
  }

  #onTimeout(task: Task<unknown>): void {
    task.cancel();
    this.#state = "expiring";
  }

  toString(): string {
    const when =
      this.#state === "active"
        ? ` when=${this.#when === null ? null : Math.round(this.#when * 1000) / 1000}`
        : "";
    return `<${this.constructor.name} [${this.#state}]${when}>`;
  }
}

inspectable(Timeout);

/** Where an error was thrown while the cancellation was dealt with (`cause`), the timeout shows between the two. */
function insertTimeoutError(error: unknown): void {
  const seen = new Set<unknown>(); // nothing keeps causes from forming a circle
  let outer = error;
  while (outer instanceof Error && outer.cause !== undefined && !seen.has(outer)) {
    seen.add(outer);
    const inner = outer.cause;
    if (inner instanceof CancelledError) {
      outer.cause = new TimeoutError("", { cause: inner });
      return;
    }
    outer = inner;
  }
}

/**
 * A deadline in `delay` seconds from now, null for none: `yield* asyncWith(timeout(5), function* () { … })` throws a
 * TimeoutError if the block takes longer. @throws RuntimeError outside a turn. CPython: `timeouts.timeout`.
 */
export function timeout(delay: number | null): Timeout {
  checkSeconds("timeout(delay)", "delay", delay);
  return new Timeout(delay === null ? null : getRunningLoop().time() + delay);
}

/** The same with a deadline on the loop's clock (`loop.time()`, seconds). CPython: `timeouts.timeout_at`. */
export function timeoutAt(when: number | null): Timeout {
  return new Timeout(when);
}

/**
 * A Timeout that ends its block without an error: what comes after the block goes on, and `expired()` says whether the time was
 * over. A TimeoutError thrown inside the block is somebody else's, and passes. CPython has none; trio: `move_on_after`.
 */
export class MoveOn extends Timeout implements Manager<MoveOn> {
  override *aexit(failure: { error: unknown } | null): Coroutine<boolean> {
    try {
      yield* super.aexit(failure);
    } catch {
      return true; // Timeout throws nothing here but its own TimeoutError
    }
    return false;
  }
}

/**
 * For at most `delay` seconds, null for as long as it takes: `const scope = moveOnAfter(5)`, `yield* asyncWith(scope, function* () { … })`,
 * `if (scope.expired()) …`. @throws RuntimeError outside a turn.
 */
export function moveOnAfter(delay: number | null): MoveOn {
  checkSeconds("moveOnAfter(delay)", "delay", delay);
  return new MoveOn(delay === null ? null : getRunningLoop().time() + delay);
}

/** The same with a deadline on the loop's clock (`loop.time()`, seconds). */
export function moveOnAt(when: number | null): MoveOn {
  return new MoveOn(when);
}

/** @internal */
export function checkSeconds(call: string, name: string, value: unknown): void {
  if (value === null) return;
  if (typeof value !== "number") {
    throw new TypeError(`${call}: ${name} must be a number of seconds or null, got ${describe(value)}`);
  }
  if (Number.isNaN(value))
    throw new RangeError(`${call}: ${name} must be a number of seconds or null, got NaN`);
}
