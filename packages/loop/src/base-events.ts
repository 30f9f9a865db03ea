/**
 * The event loop: what is ready, what is scheduled, and the turn that runs it. CPython: `base_events.BaseEventLoop`.
 *
 *        callSoon ─────────────► ready queue ───► run exactly those that were ready
 *        callLater ─► timer heap ──(due)──┘  ▲
 *        the selector waits until ───────────┘ something came from outside, or the next timer is due
 *
 * Where it differs from its twin:
 *  - How to wait is the selector's business (selectors/), and so is who calls the turn: a synchronous loop turns in a
 *    `while`, a hosted one is pumped by its host and may have to stop in the middle of a turn. `_runOnce` takes a limit
 *    for that, and `_todo` is what the turn still has to run.
 *  - Reading the clock costs as much as a whole switch. Where that is so the loop keeps its last reading (`_now`) and
 *    looks again after a batch of handles whose number follows their cost. A timer is late by less than a batch; a
 *    wait always starts from a fresh reading; what `time()` and `callLater` read counts as a look.
 */
import type { Context } from "./contextvars.ts";
import { checkContext, leave, running } from "./contextvars.ts";
import type {
  AbstractTask,
  Callback,
  CallbackOptions,
  ExceptionContext,
  ExceptionHandler,
  Runnable,
  TaskFactory,
  TaskOptions,
} from "./events.ts";
import { Handle, NO_ARGS, slots, TimerHandle } from "./events.ts";
import { DeadlockError, isCancelled, leavesLoop, RuntimeError } from "./exceptions.ts";
import type { Failure } from "./failures.ts";
import { Future, wrapFuture } from "./futures.ts";
import { inspectable } from "./inspectable.ts";
import type { Instrument } from "./instruments.ts";
import { Instruments } from "./instruments.ts";
import { logger } from "./log.ts";
import { ReadyQueue } from "./ready-queue.ts";
import { describe, describeThrown } from "./reprs.ts";
import type { Clock, Selector } from "./selectors/selector.ts";
import type { Coroutine, Yieldable } from "./suspend.ts";
import { iscoroutine, isGeneratorFunction } from "./suspend.ts";
import { TimerHeap } from "./timer-heap.ts";
import { tracebackOf } from "./tracebacks.ts";

/** A wait is at most a day long. CPython: `base_events.MAXIMUM_SELECT_TIMEOUT`. */
const MAXIMUM_SELECT_TIMEOUT = 24 * 3600;

/**
 * Seconds that a batch of handles between two looks at the clock should take, and the most handles it may have. A look costs
 * 50 ns, so with 64 it adds a nanosecond to each; a program that goes from cheap callbacks to costly ones keeps its
 * host waiting once, for at most 64 of them.
 */
const BATCH_SECONDS = 0.000_2;
const LARGEST_BATCH = 64;

/** What `_runBatch` tells the one who turns the loop. */
export const MORE = 0;
export const STOPPED = 1;
export const PARKED = 2;

export interface EventLoopOptions {
  clock: Clock;
  selector: Selector;
  /** Another order of ready handles. */
  ready?: ReadyQueue | undefined;
  taskFactory?: TaskFactory | undefined;
  /** Default: the environment variable AIOLOOP_DEBUG is set and not empty. */
  debug?: boolean | undefined;
}

export class BaseEventLoop {
  /** In debug mode, callbacks that take at least this many seconds are reported. */
  slowCallbackDuration = 0.1;

  /** @internal */
  readonly _ready: ReadyQueue;
  /** @internal */
  readonly _scheduled: TimerHeap = new TimerHeap();
  /** @internal */
  readonly _clock: Clock;
  /** @internal */
  readonly _selector: Selector;
  /** @internal */
  _debug: boolean;
  /** @internal null unless somebody watches */
  _instrument: Instruments | null = null;
  /** @internal */
  _currentTask: AbstractTask | null = null;
  /** @internal failed futures whose exception nobody has seen */
  readonly _failures: Set<Failure> = new Set();
  /** @internal */
  readonly _freshFailures: Failure[] = [];
  /** @internal native async iterators in use by asyncFor */
  readonly _asyncgens: Set<AsyncIterator<unknown>> = new Set();
  /** @internal eager first steps under way: a handle or another task is then in the middle of its step below */
  _eagerSteps = 0;
  /** @internal handles that the present turn has still to run */
  _todo = 0;
  /** @internal nothing is ready, and whoever makes something ready has to wake the loop; or it is closed for good */
  _parked = false;

  #stopping = false;
  #closed = false;
  #running = false;
  /** The last reading of the clock; see the head of this file. */
  #now = 0;
  #batch = LARGEST_BATCH;
  /** How many handles of the present batch are left. */
  #left = 0;
  #timerCount = 0;
  #firstTask: AbstractTask | null = null;
  #lastTask: AbstractTask | null = null;
  #instruments: readonly Instrument[] = [];
  #observed = false;
  readonly #defaultTaskFactory: TaskFactory | null;
  #taskFactory: TaskFactory | null = null;
  #exceptionHandler: ExceptionHandler | null = null;
  #promises: Set<() => void> | null = null;
  #outerContext: Context | null = null;
  #currentHandle: Handle | null = null;

  constructor(options: EventLoopOptions) {
    this._clock = options.clock;
    this._selector = options.selector;
    this._ready = options.ready ?? new ReadyQueue();
    this.#defaultTaskFactory = options.taskFactory ?? null;
    this._debug = options.debug ?? debugByEnvironment();
    this.#observed = this._debug;
    this.#now = this._clock.time();
  }

  // ---- scheduling

  /** Seconds on the loop's monotonic clock. CPython: `BaseEventLoop.time`. */
  time(): number {
    this.#now = this._clock.time();
    return this.#now;
  }

  /**
   * Calls `callback(...args)` in the next turn, after what is ready already; to give a context write
   * `callSoon({ callback, context }, ...args)`. @throws RuntimeError if the loop is closed. CPython: `BaseEventLoop.call_soon`.
   */
  callSoon<A extends unknown[]>(callback: Callback<A> | CallbackOptions<A>, ...args: A): Handle {
    if (this.#closed) this._checkClosed("callSoon");
    if (typeof callback !== "function" || this._debug)
      return this.#callSoonChecked("callSoon", callback, args);
    const handle = new Handle(callback as Callback<unknown[]>, args, this, null);
    this._enqueue(handle);
    return handle;
  }

  /**
   * callSoon under the name that programs use for calls from outside the loop: a listener, a promise, a message. A thread
   * has its loops to itself and callSoon wakes a waiting loop as well, so the two do the same. It never calls at once.
   * CPython: `BaseEventLoop.call_soon_threadsafe`.
   */
  callSoonThreadsafe<A extends unknown[]>(callback: Callback<A> | CallbackOptions<A>, ...args: A): Handle {
    this._checkClosed("callSoonThreadsafe");
    return this.#callSoonChecked("callSoonThreadsafe", callback, args);
  }

  /**
   * Calls `callback(...args)` after `delay` seconds; a delay of 0 or less: in the next turn, after what is ready.
   * @throws TypeError unless delay is a number, RangeError unless it is finite. CPython: `BaseEventLoop.call_later`.
   */
  callLater<A extends unknown[]>(
    delay: number,
    callback: Callback<A> | CallbackOptions<A>,
    ...args: A
  ): TimerHandle;
  // Written so that with one argument, as most timers have, no array is made for it.
  callLater(
    delay: number,
    callback: Callback<unknown[]> | CallbackOptions<unknown[]>,
    arg?: unknown,
    ...more: unknown[]
  ): TimerHandle {
    if (this.#closed) this._checkClosed("callLater");
    if (!Number.isFinite(delay)) refuseTime("callLater", "delay", delay);
    // biome-ignore lint/complexity/noArguments: their number, without an array
    const count = arguments.length - 2;
    const timer = this.#callAt("callLater", this.time() + delay, callback, NO_ARGS);
    if (count > 0) timer._takeOne(arg);
    if (count > 1) timer._takeSeveral([arg, ...more]);
    return timer;
  }

  /**
   * Calls `callback(...args)` when the loop's clock (`loop.time()`) says `when`, in seconds.
   * @throws TypeError unless when is a number, RangeError unless it is finite. CPython: `BaseEventLoop.call_at`.
   */
  callAt<A extends unknown[]>(
    when: number,
    callback: Callback<A> | CallbackOptions<A>,
    ...args: A
  ): TimerHandle {
    if (this.#closed) this._checkClosed("callAt");
    if (!Number.isFinite(when)) refuseTime("callAt", "when", when);
    return this.#callAt("callAt", when, callback, args);
  }

  #callAt<A extends unknown[]>(
    operation: string,
    when: number,
    given: Callback<A> | CallbackOptions<A>,
    args: readonly unknown[],
  ): TimerHandle {
    const isPlain = typeof given === "function" && !this._debug;
    const callback = isPlain ? (given as Callback<unknown[]>) : this._checkCallback(operation, given);
    const context = isPlain ? null : contextIn(given);
    const timer = new TimerHandle(when, this.#timerCount++, callback, args, this, context);
    this._scheduled.push(timer);
    // A sleeping selector has been told another time: it has to look again.
    if (this._parked) this._selector.wakeup();
    return timer;
  }

  #callSoonChecked<A extends unknown[]>(
    operation: string,
    given: Callback<A> | CallbackOptions<A>,
    args: A,
  ): Handle {
    const handle = new Handle(this._checkCallback(operation, given), args, this, contextIn(given));
    this._enqueue(handle);
    return handle;
  }

  /** @internal A coroutine function would do nothing: found here in debug mode, else when it has run. CPython: `_check_callback`. */
  _checkCallback<A extends unknown[]>(
    operation: string,
    given: Callback<A> | CallbackOptions<A>,
  ): Callback<unknown[]> {
    const callback = typeof given === "function" ? given : given?.callback;
    if (typeof callback !== "function") {
      const call = operation === "callLater" ? "delay, " : operation === "callAt" ? "when, " : "";
      const got = iscoroutine(given) ? "a coroutine: write createTask(coro)" : describe(given);
      throw new TypeError(`${operation}(${call}callback, ...args): callback must be a function, got ${got}`);
    }
    if (this._debug && isGeneratorFunction(callback)) {
      throw new TypeError(
        `${operation}(): ${describe(callback)} is a coroutine function, and calling it runs nothing. Write createTask(${describe(callback)}())`,
      );
    }
    return callback as Callback<unknown[]>;
  }

  /** @internal Everything that becomes ready comes through here. */
  _enqueue(one: Runnable): void {
    this._ready.push(one);
    if (this._parked) this.#wake();
  }

  #wake(): void {
    if (this.#closed) {
      this._ready.clear();
      throw new RuntimeError(
        "a callback cannot be scheduled: the event loop is closed. Finish its futures before close()",
      );
    }
    this._selector.wakeup();
  }

  /** @internal */
  _timerCancelled(): void {
    this._scheduled.cancelled += 1;
  }

  // ---- futures and tasks

  /**
   * A new future of this loop. `subject`: what is waited for, for reports. @throws RuntimeError if the loop is closed, where it
   * could never be awaited. CPython: `BaseEventLoop.create_future`. */
  createFuture<T = void>(subject?: unknown): Future<T> {
    if (this.#closed) this._checkClosed("createFuture");
    return new Future<T>(undefined, this, subject);
  }

  /**
   * Makes a task of a coroutine; it starts in the next turn. All options go to the task factory.
   * @throws RuntimeError if the loop is closed, TypeError unless `coro` is a coroutine. CPython: `BaseEventLoop.create_task`.
   */
  createTask<T>(coro: Yieldable<T>, options?: TaskOptions): AbstractTask<T> {
    if (this.#closed) {
      closeCoroutine(coro);
      this._checkClosed("createTask");
    }
    const factory = this.#taskFactory ?? this.#defaultTaskFactory;
    if (factory === null) {
      throw new RuntimeError(
        "createTask() of a loop without tasks: make it with newEventLoop(), or setTaskFactory() first",
      );
    }
    return factory(this, coro, options);
  }

  /** Who makes this loop's tasks from now on; null goes back to the first. CPython: `BaseEventLoop.set_task_factory`. */
  setTaskFactory(factory: TaskFactory | null): void {
    if (factory !== null && typeof factory !== "function") {
      throw new TypeError(
        `setTaskFactory(factory): a function (loop, coro, options) or null, got ${describe(factory)}`,
      );
    }
    this.#taskFactory = factory;
  }

  /** The factory that was set, null for the first. CPython: `BaseEventLoop.get_task_factory`. */
  getTaskFactory(): TaskFactory | null {
    return this.#taskFactory;
  }

  /** @internal Unfinished tasks are held here, in the order of their creation. */
  _registerTask(task: AbstractTask): void {
    const last = this.#lastTask;
    task._before = last;
    if (last === null) this.#firstTask = task;
    else last._after = task;
    this.#lastTask = task;
  }

  /** @internal */
  _unregisterTask(task: AbstractTask): void {
    const before = task._before;
    const after = task._after;
    if (before !== null) before._after = after;
    else if (this.#firstTask === task) this.#firstTask = after;
    else return; // not in the list
    if (after !== null) after._before = before;
    else this.#lastTask = before;
    task._before = null;
    task._after = null;
  }

  /** @internal Oldest first. */
  _unfinishedTasks(): AbstractTask[] {
    const tasks: AbstractTask[] = [];
    for (let task = this.#firstTask; task !== null; task = task._after) tasks.push(task);
    return tasks;
  }

  /** @internal A native promise waits for this future; if the loop closes first, it must not wait for ever. */
  _promiseWaits<T>(future: Future<T>, resolve: (value: T) => void, reject: (reason: unknown) => void): void {
    if (this.#closed) {
      reject(new RuntimeError(`await of ${future}: its event loop is closed, so it will never be done`));
      return;
    }
    this.#promises ??= new Set();
    const promises = this.#promises;
    const abandoned = () => {
      if (future.done()) future._settle(resolve, reject);
      else reject(new RuntimeError(`await of ${future}: its event loop was closed before it was done`));
    };
    promises.add(abandoned);
    future.addDoneCallback(() => {
      promises.delete(abandoned);
      future._settle(resolve, reject);
    });
  }

  // ---- the turn

  /**
   * @internal One turn, or as much of it as `limit` handles; returns how many ran, or -1 if there was nothing to do and
   * the selector has been left to wait. CPython: `BaseEventLoop._run_once`.
   */
  _runOnce(limit: number): number {
    const ready = this._ready;
    let todo = this._todo;
    if (todo === 0) {
      const timers = this._scheduled;
      if (timers.cancelled > 0) timers.purge();
      if (ready.length === 0 && !this.#stopping) {
        if (!this.#wait()) return -1;
      } else if (this._selector.polls) {
        this._selector.select(0, this.#now);
      }
      if (timers.length > 0) this.#moveDueTimers();
      todo = ready.length;
    }
    let count = todo;
    if (todo > limit) {
      count = limit;
      this._todo = todo - limit;
    } else if (this._todo > 0) this._todo = 0;
    if (this.#observed) this.#runObserved(count);
    else this.#run(count);
    return count;
  }

  /**
   * @internal Asked by a task that gives way while nothing is ready: whether the next turn would be its next step and nothing else.
   * It may take that at once then, as that turn, and need not go through the queue.
   */
  _isAlone(): boolean {
    if (this.#stopping || this.#observed || this._selector.polls || this.#left <= 1) return false;
    if (this._eagerSteps > 0) return false;
    const timers = this._scheduled;
    if (timers.length > 0 && timers.peek()._when < this.#now + this._clock.resolution) return false;
    this.#left -= 1;
    return true;
  }

  /** Nothing is ready. False: the selector cannot wait here and will have the loop pumped. */
  #wait(): boolean {
    const timers = this._scheduled;
    let timeout: number | null = null;
    let deadline = Number.POSITIVE_INFINITY;
    if (timers.length > 0) {
      deadline = timers.peek()._when;
      timeout = Math.min(Math.max(deadline - this.time(), 0), MAXIMUM_SELECT_TIMEOUT);
    }
    this._ready.trim();
    if (this._freshFailures.length > 0) {
      for (const failure of this._freshFailures) failure.releaseFrames();
      this._freshFailures.length = 0;
    }
    this._parked = !this._selector.select(timeout, deadline);
    if (this._parked) return false;
    this.time();
    return true;
  }

  #moveDueTimers(): void {
    const timers = this._scheduled;
    const end = this.#now + this._clock.resolution;
    while (timers.length > 0) {
      const timer = timers.peek();
      if (timer._when >= end) break;
      timers.pop();
      if (timer._callback === null) timers.cancelled -= 1;
      this._ready.push(timer);
    }
  }

  /** The hot loop. Which context is current between two handles does not matter. */
  #run(count: number): void {
    const ready = this._ready;
    for (; count > 0; count--) ready.shift()._run();
  }

  /** The same with instruments and debug mode. */
  #runObserved(count: number): void {
    for (; count > 0; count--) {
      const one = this._ready.shift();
      const handle = one._asHandle();
      if (handle.cancelled()) continue;
      this.#currentHandle = handle;
      const isTold = this._instrument !== null; // one that comes while the handle runs is not told of its end
      this._instrument?.handleBefore(handle);
      const started = this._debug ? wallClock() : 0;
      try {
        one._run();
      } finally {
        this.#currentHandle = null;
      }
      if (this._debug) {
        const took = wallClock() - started;
        if (took >= this.slowCallbackDuration)
          logger.warning(`Executing ${handle} took ${took.toFixed(3)} seconds`);
      }
      if (isTold) this._instrument?.handleAfter(handle);
    }
  }

  /**
   * @internal Turns until a batch of handles has run, the loop is stopped, or it is parked; then looks at the clock, if
   * that costs, and fits the next batch to what this one took.
   */
  _runBatch(): typeof MORE | typeof STOPPED | typeof PARKED {
    this.#left = this.#batch;
    const started = this.#now;
    do {
      const ran = this._runOnce(this.#left);
      if (ran < 0) return PARKED;
      if (this._todo === 0 && this.#stopping) return STOPPED;
      this.#left -= ran;
    } while (this.#left > 0);
    const took = this.time() - started;
    if (took < BATCH_SECONDS / 2) this.#batch = Math.min(this.#batch * 2, LARGEST_BATCH);
    else if (took > BATCH_SECONDS * 2) {
      this.#batch = Math.max(1, Math.floor((this.#batch * BATCH_SECONDS) / took));
    }
    return MORE;
  }

  /** @internal The clock as last read. */
  get _lastLook(): number {
    return this.#now;
  }

  // ---- running; who turns the loop is in sync-loop.ts and hosted-loop.ts

  /** Lets the present turn finish, then ends runForever; before it: one turn. CPython: `BaseEventLoop.stop`. */
  stop(): void {
    this.#stopping = true;
    if (this._parked) this._selector.wakeup();
  }

  /** True from the start of runForever to its end. CPython: `BaseEventLoop.is_running`. */
  isRunning(): boolean {
    return this.#running;
  }

  isClosed(): boolean {
    return this.#closed;
  }

  /** @internal CPython: `BaseEventLoop._run_forever_setup`, as far as it lasts for the whole run. */
  _runForeverSetup(operation: string): void {
    this._checkClosed(operation);
    this._checkRunning(operation);
    this.#running = true;
    this.time();
  }

  /** @internal CPython: `BaseEventLoop._run_forever_cleanup`. Ready handles stay for the next run. */
  _runForeverCleanup(): void {
    this.#stopping = false;
    this.#running = false;
    this._todo = 0;
    this._parked = false;
  }

  /** @internal The loop has the thread: from here to `_leave` it is the running loop. */
  _enter(): void {
    slots.running = this;
    slots.debug = this._debug;
    this.#outerContext = running.context._snapshot()._enter();
  }

  /** @internal */
  _leave(): void {
    slots.running = null;
    slots.debug = false;
    leave(this.#outerContext as Context);
    this.#outerContext = null;
  }

  /** @internal CPython: `BaseEventLoop._check_running`. */
  _checkRunning(operation: string): void {
    if (this.#running) {
      throw new RuntimeError(
        `${operation}(): this event loop is already running. Give it the work with createTask(), or await it there: \`yield* …\``,
      );
    }
    if (slots.running !== null) {
      throw new RuntimeError(
        `${operation}() inside a coroutine or callback: cannot run an event loop while another loop is running in this thread. Await the work instead: \`yield* …\``,
      );
    }
  }

  /** @internal */
  _checkClosed(operation: string): void {
    if (this.#closed)
      throw new RuntimeError(`${operation}(): the event loop is closed. Make a new one: newEventLoop()`);
  }

  /**
   * Ends the loop for good; idempotent. What is ready or scheduled is dropped, exceptions nobody retrieved and tasks
   * that are not finished are reported, promises that wait for a future of this loop are rejected.
   * @throws RuntimeError while it runs. CPython: `BaseEventLoop.close`.
   */
  close(): void {
    if (this.#running)
      throw new RuntimeError(
        "close(): cannot close a running event loop: stop() it, or let its main coroutine return",
      );
    if (this.#closed) return;
    // First, since who awaits a future that failed retrieves its exception.
    for (const abandoned of this.#promises ?? []) abandoned();
    this.#promises = null;
    for (const failure of [...this._failures]) failure.report();
    for (const task of this._unfinishedTasks()) {
      if (task._logDestroyPending) {
        this.callExceptionHandler({ message: "Task was destroyed but it is pending!", task });
      }
      this._unregisterTask(task);
    }
    this.#closed = true;
    this._ready.clear();
    this._scheduled.clear();
    this._parked = true;
    this._selector.close();
  }

  /**
   * Closes the native async iterators that `asyncFor` has in use; errors are reported. `run` does this at its end.
   * CPython: `BaseEventLoop.shutdown_asyncgens`, which knows every async generator.
   */
  *shutdownAsyncgens(): Coroutine<void> {
    const closing = [...this._asyncgens].map((iterator) => {
      const promise = new Promise((resolve) => resolve(iterator.return?.())); // also what it throws at once
      return { iterator, closed: wrapFuture(promise, { loop: this }) };
    });
    this._asyncgens.clear();
    for (const { iterator, closed } of closing) {
      try {
        yield* closed;
      } catch (error) {
        if (isCancelled(error)) throw error;
        this.callExceptionHandler({
          message: "an error occurred during closing of an asynchronous iterator",
          exception: error,
          asyncgen: iterator,
        });
      }
    }
  }

  /** Nothing to shut down: this loop has no default executor. `timeout` is in seconds. CPython: `BaseEventLoop.shutdown_default_executor`. */
  *shutdownDefaultExecutor(_timeout: number | null = null): Coroutine<void> {}

  /** @internal Nothing can ever wake the loop. */
  _deadlock(): DeadlockError {
    const tasks = this._unfinishedTasks();
    const lines = tasks.map((task) => `\n  ${task.getName()} waits for ${task._waitsFor()}`);
    const who = tasks.length === 1 ? "1 task waits" : `${tasks.length} tasks wait`;
    return new DeadlockError(
      `nothing is ready, nothing is scheduled and nothing can wake the loop: ${
        tasks.length === 0 ? "what it runs for will never be done" : `${who} for ever${lines.join("")}`
      }`,
    );
  }

  /** Who waits for what, a line for each unfinished task: for programs that hang where the loop cannot know it. */
  describeTasks(): string {
    return this._unfinishedTasks()
      .map((task) => `${task.getName()} waits for ${task._waitsFor()}`)
      .join("\n");
  }

  // ---- what nobody caught

  /** Who is told of what nobody caught; null for the default. CPython: `BaseEventLoop.set_exception_handler`. */
  setExceptionHandler(handler: ExceptionHandler | null): void {
    if (handler !== null && typeof handler !== "function") {
      throw new TypeError(
        `setExceptionHandler(handler): a function (loop, context) or null, got ${describe(handler)}`,
      );
    }
    this.#exceptionHandler = handler;
  }

  getExceptionHandler(): ExceptionHandler | null {
    return this.#exceptionHandler;
  }

  /**
   * Tells the handler; one that throws is itself reported by the default handler, and never stops the loop.
   * The handler runs in the context of the task, future or handle concerned. CPython: `BaseEventLoop.call_exception_handler`.
   */
  callExceptionHandler(context: ExceptionContext): void {
    if (this.#exceptionHandler === null) {
      this.#reportByDefault(context);
      return;
    }
    const handler = this.#exceptionHandler;
    try {
      const where = contextOf(context);
      if (where === null || where === running.context || where._entered) handler(this, context);
      else where.run(handler, this, context);
    } catch (error) {
      if (leavesLoop(error)) throw error;
      this.#reportByDefault({ message: "Unhandled error in exception handler", exception: error, context });
    }
  }

  #reportByDefault(context: ExceptionContext): void {
    try {
      this.defaultExceptionHandler(context);
    } catch (error) {
      if (leavesLoop(error)) throw error;
      logger.error(`Exception in default exception handler: ${describeThrown(error)}`);
    }
  }

  /** Logs the message, then what else is known, a line each. CPython: `BaseEventLoop.default_exception_handler`. */
  defaultExceptionHandler(context: ExceptionContext): void {
    const lines = [context.message || "Unhandled exception in event loop"];
    const current = this.#currentHandle === null ? null : tracebackOf(this.#currentHandle);
    if (context.sourceTraceback === undefined && current !== null) context.handleTraceback = current;
    for (const key of Object.keys(context).sort() as (keyof ExceptionContext)[]) {
      if (key === "message" || key === "exception") continue;
      const value = context[key];
      if (key === "sourceTraceback") lines.push(`Object created at (newest call first):\n${value}`);
      else if (key === "handleTraceback") lines.push(`Handle created at (newest call first):\n${value}`);
      else if (key !== "context") lines.push(`${key}: ${describe(value, Number.POSITIVE_INFINITY)}`);
    }
    if ("exception" in context) lines.push(describeThrown(context.exception));
    const about = context.context;
    if (about !== undefined) {
      lines.push(`It was called with: ${about.message}`);
      if ("exception" in about) lines.push(describeThrown(about.exception));
    }
    logger.error(lines.join("\n"));
  }

  // ---- debug mode and instruments

  getDebug(): boolean {
    return this._debug;
  }

  /** Debug mode: slow callbacks are reported, and objects remember where they were made. CPython: `BaseEventLoop.set_debug`. */
  setDebug(enabled: boolean): void {
    this._debug = Boolean(enabled);
    if (slots.running === this) slots.debug = this._debug;
    this.#observed = this._debug || this._instrument !== null;
  }

  /** Has `instrument` watch this loop from now on. */
  addInstrument(instrument: Instrument): void {
    this.#setInstruments([...this.#instruments, instrument]);
  }

  removeInstrument(instrument: Instrument): void {
    this.#setInstruments(this.#instruments.filter((one) => one !== instrument));
  }

  #setInstruments(all: readonly Instrument[]): void {
    this.#instruments = all;
    this._instrument = all.length === 0 ? null : new Instruments(this, all);
    this.#observed = this._debug || this._instrument !== null;
  }

  toString(): string {
    return `<${this.constructor.name} running=${this.#running} closed=${this.#closed} debug=${this._debug}>`;
  }
}

inspectable(BaseEventLoop);

function contextIn<A extends unknown[]>(given: Callback<A> | CallbackOptions<A>): Context | null {
  return typeof given === "function" ? null : checkContext(given.context);
}

function refuseTime(operation: string, name: string, value: unknown): never {
  if (typeof value === "number") {
    throw new RangeError(
      `${operation}(${name}, callback): ${name} must be a finite number of seconds, got ${value}. What is to happen never needs no timer`,
    );
  }
  throw new TypeError(
    `${operation}(${name}, callback): ${name} must be a number of seconds, got ${describe(value)}`,
  );
}

function contextOf(about: ExceptionContext): Context | null {
  const thing = about.task ?? about.future ?? about.handle;
  const getContext = (thing as { getContext?: () => Context } | undefined)?.getContext;
  return typeof getContext === "function" ? getContext.call(thing) : null;
}

function closeCoroutine(coro: unknown): void {
  (coro as Partial<Coroutine<unknown>> | null | undefined)?.return?.(undefined);
}

function debugByEnvironment(): boolean {
  const host = globalThis as { process?: { env?: Record<string, string | undefined> } };
  try {
    return Boolean(host.process?.env?.["AIOLOOP_DEBUG"]);
  } catch {
    return false; // Deno, where the program may not read the environment
  }
}

function wallClock(): number {
  return performance.now() / 1000;
}
