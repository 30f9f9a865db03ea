/**
 * The event loop: what is ready, what is scheduled, and the turn that runs it. CPython: `base_events.BaseEventLoop`.
 *
 *        callSoon ─────────────► ready queue ───► run exactly those that were ready
 *        callLater ─► timer heap ──(due)──┘  ▲
 *        the selector waits until ───────────┘ something came from outside, or the next timer is due
 *
 * What is called by programs to fill it is in scheduling.ts, what it reports in reporting.ts: BaseEventLoop stands on both.
 *
 * Where it differs from its twin:
 *  - How to wait is the selector's business (selectors/), and so is who calls the turn: a synchronous loop turns in a
 *    `while`, a hosted one is pumped by its host and may have to stop in the middle of a turn. `_runOnce` takes a limit
 *    for that, and `_todo` is what the turn still has to run.
 *  - Reading the clock costs as much as a whole switch. Where that is so the loop keeps its last reading (`_now`) and
 *    looks again after a batch of handles (batches.ts). A timer is late by less than a batch; a wait always
 *    starts from a fresh reading; what `time()` and `callLater` read counts as a look.
 */
import type { AbstractExecutor, Job } from "./abstract-executor.ts";
import { LARGEST_BATCH, nextBatch } from "./batches.ts";
import type { Context } from "./contextvars.ts";
import { leave, running } from "./contextvars.ts";
import { checkExecutor, DefaultExecutor } from "./default-executor.ts";
import type { AbstractTask, TaskFactory, TaskOptions } from "./events.ts";
import { slots } from "./events.ts";
import type { DeadlockError } from "./exceptions.ts";
import { isCancelled, RuntimeError } from "./exceptions.ts";
import { releaseFrames } from "./failures.ts";
import { Future } from "./futures.ts";
import { inspectable } from "./inspectable.ts";
import { runObserved } from "./observed-turn.ts";
import { describe } from "./reprs.ts";
import type { SchedulingOptions } from "./scheduling.ts";
import { Scheduling } from "./scheduling.ts";
import type { Coroutine, Yieldable } from "./suspend.ts";
import { TaskList } from "./task-list.ts";
import type { WaitGraph } from "./wait-graph.ts";
import { deadlockOf, linesOf, waitGraphOf } from "./waiting.ts";
import { WaitingPromises } from "./waiting-promises.ts";
import { wrapFuture } from "./wrap-future.ts";

/** A wait is at most a day long. CPython: `base_events.MAXIMUM_SELECT_TIMEOUT`. */
const MAXIMUM_SELECT_TIMEOUT = 24 * 3600;

/** What `_runBatch` tells the one who turns the loop. */
export const MORE = 0;
export const STOPPED = 1;
export const PARKED = 2;

export interface EventLoopOptions extends SchedulingOptions {
  taskFactory?: TaskFactory | undefined;
  /** Makes the executor of `runInExecutor(null, …)` when it is first needed. */
  defaultExecutor?: (() => AbstractExecutor) | undefined;
}

export class BaseEventLoop extends Scheduling {
  /** @internal */
  _currentTask: AbstractTask | null = null;
  /** @internal native async iterators in use by asyncFor */
  readonly _asyncgens: Set<AsyncIterator<unknown>> = new Set();
  /** @internal eager first steps under way: a handle or another task is then in the middle of its step below */
  _eagerSteps = 0;
  /** @internal handles that the present turn has still to run */
  _todo = 0;

  #stopping = false;
  #running = false;
  #batch = LARGEST_BATCH;
  /** How many handles of the present batch are left. */
  #left = 0;
  readonly #tasks: TaskList = new TaskList();
  readonly #defaultTaskFactory: TaskFactory | null;
  #taskFactory: TaskFactory | null = null;
  readonly #promises: WaitingPromises = new WaitingPromises();
  readonly #executor: DefaultExecutor;
  #outerContext: Context | null = null;

  constructor(options: EventLoopOptions) {
    super(options);
    this.#defaultTaskFactory = options.taskFactory ?? null;
    this.#executor = new DefaultExecutor(options.defaultExecutor ?? null);
  }

  // ---- futures and tasks

  /**
   * A new future of this loop. `subject`: what is waited for, for reports. @throws RuntimeError if the loop is closed, where it
   * could never be awaited. CPython: `BaseEventLoop.create_future`.
   */
  createFuture<T = void>(subject?: unknown): Future<T> {
    if (this._closed) this._checkClosed("createFuture");
    return new Future<T>(undefined, this, subject);
  }

  /**
   * Makes a task of a coroutine; it starts in the next turn. All options go to the task factory.
   * @throws RuntimeError if the loop is closed, TypeError unless `coro` is a coroutine. CPython: `BaseEventLoop.create_task`.
   */
  createTask<T>(coro: Yieldable<T>, options?: TaskOptions): AbstractTask<T> {
    if (this._closed) {
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
    this.#tasks.add(task);
  }

  /** @internal */
  _unregisterTask(task: AbstractTask): void {
    this.#tasks.remove(task);
  }

  /** @internal Oldest first. */
  _unfinishedTasks(): AbstractTask[] {
    return this.#tasks.toArray();
  }

  /** @internal A native promise waits for this future; if the loop closes first, it must not wait for ever. */
  _promiseWaits<T>(future: Future<T>, resolve: (value: T) => void, reject: (reason: unknown) => void): void {
    if (this._closed) {
      reject(new RuntimeError(`await of ${future}: its event loop is closed, so it will never be done`));
      return;
    }
    this.#promises.add(future, resolve, reject);
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
        this._selector.select(0, this._now);
      }
      if (timers.length > 0) this.#moveDueTimers();
      todo = ready.length;
    }
    let count = todo;
    if (todo > limit) {
      count = limit;
      this._todo = todo - limit;
    } else if (this._todo > 0) this._todo = 0;
    if (this._observed) runObserved(this, count);
    else this.#run(count);
    return count;
  }

  /**
   * @internal Asked by a task that gives way while nothing is ready: whether the next turn would be its next step and nothing else.
   * It may take that at once then, as that turn, and need not go through the queue.
   */
  _isAlone(): boolean {
    if (this.#stopping || this._observed || this._selector.polls || this.#left <= 1) return false;
    if (this._eagerSteps > 0) return false;
    const timers = this._scheduled;
    if (timers.length > 0 && timers.peek()._when < this._now + this._clock.resolution) return false;
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
    if (this._freshFailures.length > 0) releaseFrames(this);
    this._parked = !this._selector.select(timeout, deadline);
    if (this._parked) return false;
    this.time();
    return true;
  }

  #moveDueTimers(): void {
    const timers = this._scheduled;
    const end = this._now + this._clock.resolution;
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

  /**
   * @internal Turns until a batch of handles has run, the loop is stopped, or it is parked; then looks at the clock, if
   * that costs, and fits the next batch to what this one took.
   */
  _runBatch(): typeof MORE | typeof STOPPED | typeof PARKED {
    this.#left = this.#batch;
    const started = this._now;
    do {
      const ran = this._runOnce(this.#left);
      if (ran < 0) return PARKED;
      if (this._todo === 0 && this.#stopping) return STOPPED;
      this.#left -= ran;
    } while (this.#left > 0);
    this.#batch = nextBatch(this.#batch, this.time() - started);
    return MORE;
  }

  // ---- running; who turns the loop is in sync-loop.ts and hosted-loop.ts

  /** Lets the present turn finish, then ends runForever; before it: one turn. CPython: `BaseEventLoop.stop`. */
  stop(): void {
    this.#stopping = true;
    if (this._parked) this._selector.wakeup();
  }

  /** @internal `stop()` was called, and the present turn is the last. */
  get _isStopping(): boolean {
    return this.#stopping;
  }

  /** True from the start of runForever to its end. CPython: `BaseEventLoop.is_running`. */
  isRunning(): boolean {
    return this.#running;
  }

  isClosed(): boolean {
    return this._closed;
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
    if (this._closed) return;
    // First, since who awaits a future that failed retrieves its exception.
    this.#promises.abandonAll();
    for (const failure of [...this._failures]) failure.report();
    for (const task of this._unfinishedTasks()) {
      if (task._logDestroyPending) {
        this.callExceptionHandler({ message: "Task was destroyed but it is pending!", task });
      }
      this._unregisterTask(task);
    }
    this._closed = true;
    this._ready.clear();
    this._scheduled.clear();
    this._parked = true;
    this.#executor.close();
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

  // ---- executors

  /**
   * Calls `fn(...args)` in a worker of `executor`, null for the loop's default one, and gives a future for the result. Keywords
   * travel with the function: `runInExecutor(executor, { fn, transfer, cancel }, ...args)`. Cancelling the future lets a call that
   * has begun run on, unless `cancel: "terminate"` says otherwise.
   * @throws RuntimeError if the loop is closed or its default executor is shut down, TypeError for what cannot be sent.
   * CPython: `BaseEventLoop.run_in_executor`.
   */
  runInExecutor<A extends unknown[], R>(
    executor: AbstractExecutor | null,
    fn: Job<A, R>,
    ...args: A
  ): Future<Awaited<R>> {
    this._checkClosed("runInExecutor");
    if (executor !== null) checkExecutor("runInExecutor(executor, fn, ...args)", executor);
    return wrapFuture((executor ?? this.#executor.get()).submit(fn, ...args), { loop: this });
  }

  /** What `runInExecutor(null, …)` uses from now on: any Executor. The one before is left as it is. CPython: `BaseEventLoop.set_default_executor`. */
  setDefaultExecutor(executor: AbstractExecutor): void {
    this.#executor.set(executor);
  }

  /**
   * Shuts the default executor down and waits for its calls, up to `timeout` seconds (null: without end), after which a warning is
   * logged and they are left to themselves. `run` does this at its end. CPython: `BaseEventLoop.shutdown_default_executor`.
   */
  shutdownDefaultExecutor(timeout: number | null = null): Coroutine<void> {
    return this.#executor.shutdown(this, timeout);
  }

  /** @internal Nothing can ever wake the loop. */
  _deadlock(): DeadlockError {
    return deadlockOf(this.#tasks.toArray());
  }

  /**
   * Who waits for what, a line for each unfinished task and for each circle of tasks that wait for each other: for programs that hang where
   * the loop cannot know it. Since when is known in debug mode.
   */
  describeTasks(): string {
    return linesOf(this.waitGraph(), this.#tasks.toArray()).join("\n");
  }

  /** The same for tests and tools. CPython: `graph.capture_call_graph`, which knows tasks and futures only. */
  waitGraph(): WaitGraph {
    const touched = new Set<unknown>();
    for (const one of [...this._scheduled, ...this._ready]) {
      for (const arg of one._asHandle()._allArgs()) touched.add(arg);
    }
    return waitGraphOf({ tasks: this.#tasks.toArray(), current: this._currentTask, touched }, false);
  }

  override toString(): string {
    return `<${this.constructor.name} running=${this.#running} closed=${this._closed} debug=${this._debug}>`;
  }
}

inspectable(BaseEventLoop);

function closeCoroutine(coro: unknown): void {
  (coro as Partial<Coroutine<unknown>> | null | undefined)?.return?.(undefined);
}
