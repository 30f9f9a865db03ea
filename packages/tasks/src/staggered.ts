/** Several ways to the same thing, each begun a little after the one before. CPython: `staggered`. */
import type { BaseEventLoop, Coroutine, Future, Yieldable } from "@aioloop/loop";
import {
  CancelledError,
  ExceptionGroup,
  futureAddToAwaitedBy,
  futureDiscardFromAwaitedBy,
  getRunningLoop,
  TimeoutError,
} from "@aioloop/loop";
import { describe, Failed, leavesLoop } from "@aioloop/loop/kernel";
import { coroutine } from "./coroutines.ts";
import { currentTask } from "./current-tasks.ts";
import { Event } from "./locks.ts";
import type { Task } from "./tasks.ts";
import { checkSeconds } from "./timeouts.ts";
import { waitFor } from "./waits.ts";

export interface StaggeredRaceOptions {
  /** By default the running loop. */
  loop?: BaseEventLoop | undefined;
}

/** The result and the place of the one that won, null and null if none did; and for each that was begun what it threw, or null. */
type RaceResult<T> = [result: T | null, index: number | null, exceptions: unknown[]];

/**
 * Calls the functions one after the other: the next one when one has failed, or after `delay` seconds (null: only when one has
 * failed). The first to return wins, and the others are cancelled and waited for. That all fail is no error.
 * @throws CancelledError if it is cancelled itself, when all have ended. CPython: `staggered.staggered_race`.
 */
export function staggeredRace<T>(
  coroFns: Iterable<() => Yieldable<T>>,
  delay: number | null,
  options: StaggeredRaceOptions = {},
): Coroutine<RaceResult<T>> {
  checkSeconds("staggeredRace(coroFns, delay)", "delay", delay);
  if (typeof coroFns?.[Symbol.iterator] !== "function") {
    throw new TypeError(
      `staggeredRace(coroFns, delay): coroFns must be a list of generator functions, got ${describe(coroFns)}`,
    );
  }
  return race(coroFns, delay, options.loop);
}

const race: <T>(
  coroFns: Iterable<() => Yieldable<T>>,
  delay: number | null,
  loop?: BaseEventLoop,
) => Coroutine<RaceResult<T>> = coroutine(function* staggeredRace<T>(
  coroFns: Iterable<() => Yieldable<T>>,
  delay: number | null,
  loop: BaseEventLoop = getRunningLoop(),
) {
  const runners = new Race(coroFns[Symbol.iterator](), delay, loop);
  yield* runners.run();
  return [runners.result, runners.index, runners.exceptions];
});

class Race<T> {
  result: T | null = null;
  index: number | null = null;
  readonly exceptions: unknown[] = [];
  readonly #functions: Iterator<() => Yieldable<T>>;
  readonly #delay: number | null;
  readonly #loop: BaseEventLoop;
  readonly #parent: Task<unknown> | null = currentTask();
  readonly #running: Set<Task<unknown>> = new Set();
  /** What came out of a runner itself, as from an iterator that fails. */
  readonly #unexpected: unknown[] = [];
  #completed: Future<void> | null = null;

  constructor(functions: Iterator<() => Yieldable<T>>, delay: number | null, loop: BaseEventLoop) {
    this.#functions = functions;
    this.#delay = delay;
    this.#loop = loop;
  }

  /** Waits until every runner has ended, however often it is cancelled. */
  *run(): Coroutine<void> {
    this.#begin(null);
    let cancellation: CancelledError | null = null;
    while (this.#running.size > 0) {
      this.#completed = this.#loop.createFuture("the end of a staggered race");
      try {
        yield* this.#completed;
      } catch (error) {
        if (!(error instanceof CancelledError)) throw error;
        cancellation = error;
        for (const task of this.#running) task.cancel(error.msg);
      }
      this.#completed = null;
    }
    if (this.#unexpected.length > 0) throw new ExceptionGroup("staggered race failed", this.#unexpected);
    if (cancellation !== null) throw cancellation;
  }

  /** A runner more. */
  #begin(previousFailed: Event | null): void {
    // An eager runner must not begin before it is listed: a winner cancels those that are (gh-124309).
    const isListed = new Event();
    const task = this.#loop.createTask(this.#runOne(isListed, previousFailed)) as Task<unknown>;
    if (this.#parent !== null) futureAddToAwaitedBy(task, this.#parent);
    this.#running.add(task);
    task.addDoneCallback(() => this.#taskDone(task));
    isListed.set();
  }

  #taskDone(task: Task<unknown>): void {
    this.#running.delete(task);
    if (this.#parent !== null) futureDiscardFromAwaitedBy(task, this.#parent);
    if (this.#running.size === 0 && this.#completed !== null && !this.#completed.done())
      this.#completed.setResult();
    if (task._state === Failed) this.#unexpected.push(task.exception());
  }

  *#runOne(isListed: Event, previousFailed: Event | null): Coroutine<void> {
    yield* isListed.wait();
    if (previousFailed !== null) yield* this.#waitForFailure(previousFailed);
    const next = this.#functions.next();
    if (next.done === true) return;
    const place = this.exceptions.push(null) - 1;
    const failed = new Event();
    this.#begin(failed);
    let result: T;
    try {
      result = yield* next.value();
    } catch (error) {
      if (leavesLoop(error)) throw error;
      this.exceptions[place] = error;
      failed.set();
      return;
    }
    if (this.index !== null) return; // one that swallowed its cancellation comes second
    this.result = result;
    this.index = place;
    const self = currentTask(this.#loop);
    for (const task of this.#running) if (task !== self) task.cancel();
  }

  *#waitForFailure(previousFailed: Event): Coroutine<void> {
    try {
      yield* waitFor(previousFailed.wait(), this.#delay);
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
    }
  }
}
