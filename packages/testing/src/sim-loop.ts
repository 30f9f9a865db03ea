/**
 * SimLoop: the loop with its time and its order under control. CPython has none; its tests have `test_asyncio.utils.TestLoop`.
 *
 *      step()        one handle                 advance(s)    an interval, both of its ends included, instant by instant
 *      runOnce()     one turn                   advanceTo(t)  the same, up to a time
 *      runUntilIdle  this instant, to its end   advanceToNextTimer, runUntil, runUntilComplete
 *
 * It is synchronous throughout and knows when nothing is left to do, so nothing here waits or guesses. Everything that a program
 * cannot know in advance is a choice (choices.ts), which a chooser decides; without one, what happens is what happens on any loop.
 */
import type {
  Coroutine,
  Future,
  Handle,
  Runnable,
  Standstill,
  TaskOptions,
  TimerHandle,
  WaitCircle,
  Yieldable,
} from "@aioloop/loop";
import { iscoroutine, RuntimeError, SteppedEventLoop } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import { defaultTaskFactory, eagerTaskFactory } from "@aioloop/tasks";
import type { Choice, Chooser, Fidelity } from "./choices.ts";
import { FIRST } from "./choices.ts";
import { Draws } from "./draws.ts";
import { IdleError, LivelockError, StepLimitError, TimeLimitError } from "./errors.ts";
import { ExploredQueue } from "./explored-queue.ts";
import type { EventuallyOptions } from "./invariants.ts";
import { Invariants } from "./invariants.ts";
import { labelOf } from "./labels.ts";
import { keepShapes } from "./shapes.ts";
import type { SimExecutorOptions } from "./sim-executor.ts";
import { SimExecutor } from "./sim-executor.ts";
import { SimSelector } from "./sim-selector.ts";

export interface SimLimits {
  /** Handles in all. Default: 1,000,000. */
  maxSteps?: number | undefined;
  /** Handles in one instant, after which it is a livelock. Default: 100,000. */
  maxStepsPerInstant?: number | undefined;
  /** Seconds on the loop's clock. Default: no limit. */
  maxTime?: number | undefined;
}

export interface SimLoopOptions extends SimLimits {
  /** The time at the beginning, in seconds. Default: 0. */
  start?: number | undefined;
  debug?: boolean | undefined;
  /** Who decides what is open. Default: nobody. */
  chooser?: Chooser | undefined;
  /** What is open. Default: "env". */
  fidelity?: Fidelity | undefined;
  /** What `random()` draws from. Default: 1. */
  seed?: number | undefined;
  /** The workers of the default executor, and how long its jobs take. */
  executor?: SimExecutorOptions | undefined;
}

/** What a loop is about to do. */
export interface Peek {
  /** In the order in which they stand there. */
  readonly ready: readonly Handle[];
  /** In the order in which they run if nobody chooses. */
  readonly timers: readonly TimerHandle[];
  /** Seconds on the loop's clock: the next timer, or what is to come from outside; null for nothing. */
  readonly nextDeadline: number | null;
}

/** How many steps of a livelock, the last ones, are looked at for the circle. */
const TRAIL = 256;

export class SimLoop extends SteppedEventLoop {
  readonly #queue: ExploredQueue;
  readonly #selector: SimSelector;
  readonly #draws: Draws;
  readonly #executorOptions: SimExecutorOptions | undefined;
  #executor: SimExecutor | null = null;
  /** What ends the run after the present step. */
  #end: { readonly error: unknown } | null = null;
  readonly #limits: Required<{ [K in keyof SimLimits]: number }>;
  #invariants: Invariants | null = null;
  #steps = 0;
  #instant: number;
  #stepsInInstant = 0;
  /** The last steps before an instant has had too many. */
  #trail: string[] | null = null;
  readonly #watchFrom: number;
  #tasks = 0;
  readonly #blockedWaiters: Future<void>[] = [];

  constructor(options: SimLoopOptions = {}) {
    const { start = 0, chooser = FIRST, fidelity = "env", seed = 1 } = options;
    const queue = new ExploredQueue(chooser, fidelity);
    const selector = new SimSelector(
      start,
      chooser,
      () => this.#idle(),
      () => this._scheduled.peek(),
    );
    super({
      debug: options.debug,
      ready: queue,
      selector,
      clock: selector,
      taskFactory: defaultTaskFactory,
      defaultExecutor: () => this.executor,
    });
    // Who explores runs thousands, and asks for the one that failed: that runs in debug mode.
    if (options.chooser === undefined) this._alwaysRemember();
    this.#queue = queue;
    this.#selector = selector;
    this.#draws = new Draws(chooser, seed);
    this.#instant = start;
    this.#executorOptions = options.executor;
    this.#limits = limitsOf(options);
    this.#watchFrom = this.#limits.maxStepsPerInstant - TRAIL;
  }

  override close(): void {
    super.close();
    keepShapes(() => new SimLoop({ debug: false }));
  }

  /** Numbers tasks from 1 in each loop, so that reports of two runs can be compared. */
  override createTask<T>(coro: Yieldable<T>, options?: TaskOptions): Task<T> {
    if ((options?.name ?? null) === null && iscoroutine(coro)) {
      this.#tasks += 1;
      return super.createTask(coro, { ...options, name: `Task-${this.#tasks}` }) as Task<T>;
    }
    return super.createTask(coro, options) as Task<T>;
  }

  /** @internal Of the tasks that are made from now on. */
  _startTasksEagerly(): void {
    this.setTaskFactory(eagerTaskFactory);
  }

  // ---- going on

  /** How many handles have run. */
  get steps(): number {
    return this.#steps;
  }

  /**
   * Runs one handle, after a jump to the next timer where nothing is ready; false if there is none.
   *
   * This and all the methods that follow throw what leaves a loop (KeyboardInterrupt), what breaks a limit or an invariant, and a
   * RuntimeError if the loop is closed or in a turn. After an error, the next call goes on where this one was. `stop()` ends each of them
   * with the present turn.
   */
  step(): boolean {
    const before = this.#steps;
    this.#driveTo(Number.POSITIVE_INFINITY, "step", () => this.#steps > before);
    return this.#steps > before;
  }

  /**
   * Runs one turn, or what is left of the present one, after a jump to the next timer where nothing is ready; false if there is nothing
   * to run. CPython: `BaseEventLoop._run_once`.
   */
  runOnce(): boolean {
    let hasBegun = false;
    const end = this.#driveTo(Number.POSITIVE_INFINITY, "runOnce", () => {
      const isOver = hasBegun && this._todo === 0;
      hasBegun = true;
      return isOver;
    });
    return end !== "idle";
  }

  /** Runs what is ready, and what that makes ready, until nothing more happens in this instant. Returns how many handles ran. */
  runUntilIdle(): number {
    const before = this.#steps;
    this.#driveTo(this.time(), "runUntilIdle", never);
    return this.#steps - before;
  }

  /**
   * Lets `seconds` pass: each instant with a timer is run to its end, the last included. Time stands where the loop was stopped.
   * @throws RangeError unless seconds >= 0, and finite
   */
  advance(seconds: number): void {
    if (!(seconds >= 0 && seconds < Number.POSITIVE_INFINITY))
      throw new RangeError(`advance(seconds): 0 or more, and not without end, got ${seconds}`);
    this.advanceTo(this.time() + seconds);
  }

  /** The same, up to a time on the loop's clock, in seconds. @throws RangeError if it has passed */
  advanceTo(time: number): void {
    if (!(time < Number.POSITIVE_INFINITY))
      throw new RangeError(`advanceTo(time): a number of seconds on the loop's clock, got ${time}`);
    if (time < this.time()) {
      throw new RangeError(
        `advanceTo(time): it is ${this.time()} already, and time does not go back to ${time}`,
      );
    }
    if (this.#driveTo(time, "advanceTo", never) === "stopped") return;
    if (time > this.time()) this.#selector.passTo(time);
  }

  /** Runs this instant to its end, then the next one in which something is due; false if nothing is. */
  advanceToNextTimer(): boolean {
    this.runUntilIdle();
    const { nextDeadline } = this.peek();
    if (nextDeadline === null) return false;
    this.advanceTo(nextDeadline);
    return true;
  }

  /**
   * Runs until `predicate()` is true, which is asked before each handle.
   * @throws IdleError if nothing is left to run and it is not; RuntimeError if the loop is stopped before
   */
  runUntil(predicate: () => boolean): void {
    const end = this.#driveTo(Number.POSITIVE_INFINITY, "runUntil", predicate);
    if (end === "done" || predicate()) return;
    const what = `runUntil(${predicate.name || "predicate"})`;
    if (end === "stopped") throw new RuntimeError(`${what}: the event loop was stopped before it was true`);
    throw new IdleError(`${what}: nothing is left to run, and it is not true`);
  }

  #driveTo(limit: number, operation: string, isDone: () => boolean): Standstill {
    const { limit: before } = this.#selector;
    this.#selector.limit = limit;
    try {
      return this.drive(operation, isDone);
    } finally {
      this.#selector.limit = before;
    }
  }

  /** What is ready, what is scheduled, and when something will happen by itself. */
  peek(): Peek {
    const timers = [...this._scheduled].filter((timer) => !timer.cancelled());
    timers.sort((a, b) => a.compareTo(b));
    const ready = [...this.#queue].map((one) => one._asHandle()).filter((handle) => !handle.cancelled());
    const deadlines = [timers[0]?.when(), this.#selector.nextArrival()].filter(
      (time) => typeof time === "number",
    );
    return { ready, timers, nextDeadline: deadlines.length === 0 ? null : Math.min(...deadlines) };
  }

  protected override afterStep(): void {
    if (this.#queue.isVoid) return;
    this.#steps += 1;
    const now = this.#selector.time();
    if (now !== this.#instant) this.#nextInstant(now);
    this.#stepsInInstant += 1;
    if (this.#stepsInInstant > this.#watchFrom) this.#watchLivelock();
    if (this.#steps > this.#limits.maxSteps) throw new StepLimitError(this.#limits.maxSteps, now);
    if (this.#invariants !== null) this.#invariants.check();
    if (this.#end !== null) throw this.#end.error;
    if (this._todo > 0 && this.#selector.polls) this.#selector.interrupt(this.#queue.length - this._todo);
  }

  /** @internal The run ends with `error`, whether or not the program has caught it. */
  _endWith(error: unknown): void {
    this.#end ??= { error };
  }

  #nextInstant(now: number): void {
    this.#instant = now;
    this.#stepsInInstant = 0;
    this.#trail = null;
    if (now > this.#limits.maxTime) throw new TimeLimitError(this.#limits.maxTime);
  }

  #watchLivelock(): void {
    this.#trail ??= [];
    this.#trail.push(labelOf(this.#queue.last as Runnable));
    if (this.#stepsInInstant <= this.#limits.maxStepsPerInstant) return;
    throw new LivelockError(this.#limits.maxStepsPerInstant, this.#instant, this.#trail.slice(-TRAIL));
  }

  // ---- idleness

  /**
   * Waits until every other task is blocked: nothing is ready, and nothing will happen before time passes. Several that wait are woken
   * together. trio: `testing.wait_all_tasks_blocked`.
   */
  *waitAllTasksBlocked(): Coroutine<void> {
    const waiter = this.createFuture<void>("all other tasks to be blocked");
    this.#blockedWaiters.push(waiter);
    yield* waiter;
  }

  /** Nothing is ready. Whether that has woken somebody. */
  #idle(): boolean {
    const waiters = this.#blockedWaiters.splice(0).filter((waiter) => !waiter.done());
    for (const waiter of waiters) waiter.setResult();
    return waiters.length > 0;
  }

  // ---- choices of the program

  /** From 0 up to 1, the same in each run of the same schedule. */
  random(): number {
    return this.#draws.random();
  }

  /**
   * One of them: the first, unless a schedule says otherwise. So it can be explored to the last item, and is shrunk towards the first.
   * @throws RangeError if there is none
   */
  choose<T>(items: readonly T[]): T {
    return this.#draws.choose(items);
  }

  /** False unless a schedule says that here something goes wrong; `name` is for reports. */
  fault(name = "fault"): boolean {
    return this.#draws.fault(name);
  }

  /** @internal How often `random()` was asked. */
  get _drawn(): number {
    return this.#draws.count;
  }

  /** The executor of `runInExecutor(null, …)` and `toThread`, unless another one is set. Made when it is first needed. */
  get executor(): SimExecutor {
    this.#executor ??= new SimExecutor(this, this.#executorOptions);
    return this.#executor;
  }

  /**
   * Tasks that wait for each other in a circle, and will for ever unless somebody outside of it cancels one of them or releases what he does
   * not hold; whatever else goes on in the loop. A circle that a `timeout()` will break is none. `waitGraph()` is all of it.
   */
  findDeadlocks(): readonly WaitCircle[] {
    return this.waitGraph().circles;
  }

  /** @internal For simulated executors. */
  get _outside(): Pick<SimSelector, "announce" | "withdraw"> {
    return this.#selector;
  }

  /** @internal */
  _decide(choice: Choice): number {
    return this.#draws.decide(choice);
  }

  // ---- invariants

  /**
   * `predicate()` must be true after every step from now on. The loop stands still meanwhile: a predicate that schedules, cancels or
   * changes something, or draws, fails. @throws InvariantError, out of what drives the loop
   */
  always(predicate: () => boolean, name?: string): void {
    this.#watched().always(predicate, name);
  }

  /**
   * `predicate()` must be true after some step, within so many seconds of now, or before the run ends: where explore() makes the loop it
   * sees to that, otherwise `checkEventually()` does. @throws InvariantError, as `always`
   */
  eventually(predicate: () => boolean, options: EventuallyOptions = {}): void {
    this.#watched().eventually(predicate, options);
  }

  #watched(): Invariants {
    this.#invariants ??= new Invariants(this, this.#queue, this.#draws);
    return this.#invariants;
  }

  /** The run has ended: what had to become true has, or it is an error. @throws InvariantError */
  checkEventually(): void {
    this.#invariants?.checkEnd();
  }
}

function limitsOf(options: SimLimits): Required<{ [K in keyof SimLimits]: number }> {
  const limits = {
    maxSteps: options.maxSteps ?? 1_000_000,
    maxStepsPerInstant: options.maxStepsPerInstant ?? 100_000,
    maxTime: options.maxTime ?? Number.POSITIVE_INFINITY,
  };
  for (const [name, limit] of Object.entries(limits)) {
    if (!(limit >= 0)) throw new RangeError(`new SimLoop({ ${name} }): a number, 0 or more, got ${limit}`);
  }
  return limits;
}

function never(): boolean {
  return false;
}
