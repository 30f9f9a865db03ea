/**
 * SimExecutor: a pool of workers in virtual time. CPython has none; it stands in for `concurrent.futures.ThreadPoolExecutor`.
 *
 *      submit ─► waiting ──(a worker is free)──► under way ──(it lands)──► the function is called, its future is done
 *
 * A job takes its `duration`, and when it lands is a choice (sim-selector.ts): a program cannot know how long a call takes elsewhere, so
 * any order of results is legal at fidelity `env`. Jobs begin in the order in which they were submitted, as in a ThreadPoolExecutor.
 *
 * The function is called in this thread, all at once, at the moment at which the job lands. Arguments and results are copied as on the way
 * to a worker, the loop is not running for it, and it sees no context variables. Closures are not refused, unlike in a real pool: a test may
 * count calls, or stand in for what a worker would ask. What is thrown comes back as it is. An asynchronous function has no place here,
 * since nothing in a synchronous run can wait for its promise.
 */
import { Future, PENDING } from "@aioloop/executors";
import type { AbstractExecutor, Coroutine, Job, JobOptions, Source } from "@aioloop/loop";
import { Context, DeadlockError, RuntimeError, TimeoutError, wrapFuture } from "@aioloop/loop";
import { describe, inspectable, isGeneratorFunction, isThenable, slots } from "@aioloop/loop/kernel";
import type { Arrival } from "./sim-selector.ts";

/** What a duration is asked for. */
export interface SimJob {
  /** From 1, in the order of submission. */
  readonly number: number;
  /** Of the function. */
  readonly name: string;
  /** The copies that it will be called with. */
  readonly args: readonly unknown[];
}

export interface SimExecutorOptions {
  /** Jobs that are under way at a time, at most. Default: 4. */
  workers?: number | undefined;
  /** Seconds that a job takes once it has begun: a number, or a function that is called when it begins. Default: 0. */
  duration?: number | ((job: SimJob) => number) | undefined;
  /** For reports, where there are several. */
  name?: string | undefined;
}

interface ShutdownOptions {
  wait?: boolean | undefined;
  cancelFutures?: boolean | undefined;
}

/** Jobs wait for each other, and hold the workers that could end it. */
export class ExecutorDeadlockError extends DeadlockError {
  static {
    this.prototype.name = "ExecutorDeadlockError";
  }
}

/** What is needed of a SimLoop; named by shape, since it makes executors. */
interface Loop {
  readonly _instrument: { access(object: object, kind: "read" | "write"): void } | null;
  readonly _outside: { announce(arrival: Arrival): void; withdraw(arrival: Arrival): void };
  time(): number;
  isClosed(): boolean;
}

/** The jobs of a loop whose functions are being called: each waits for the one above it. */
interface Calls {
  readonly stack: { readonly job: SimJobFuture; waitsFor: string }[];
  /** It ends the run, whether or not the functions through which it is thrown catch it. */
  deadlock: ExecutorDeadlockError | null;
}

const callsOf: WeakMap<Loop, Calls> = new WeakMap();

const JOB = Symbol.for("aioloop.job");
const TRANSFER = Symbol.for("aioloop.transfer");
/** Where a function asks for `jobCancelled()` and `jobSignal()`. */
const host = globalThis as { [JOB]?: { cancelled(): boolean; signal(): AbortSignal } };

export class SimExecutor implements AbstractExecutor {
  /** At most so many jobs are under way at a time. */
  readonly workers: number;
  readonly name: string | null;
  /** @internal */
  readonly _loop: Loop;
  /** @internal */
  readonly _calls: Calls;
  readonly #duration: (job: SimJob) => number;
  readonly #waiting: SimJobFuture[] = [];
  /** Those that have a worker. */
  readonly #begun: Set<SimJobFuture> = new Set();
  readonly #joined: SimFuture<void>;
  #count = 0;
  #isShut = false;

  /** @throws RangeError, TypeError for options that are none */
  constructor(loop: Loop, { workers = 4, duration = 0, name }: SimExecutorOptions = {}) {
    if (!Number.isInteger(workers) || workers < 1) {
      throw new RangeError(`SimExecutor: workers must be a whole number from 1 on, got ${describe(workers)}`);
    }
    if (typeof duration !== "function") checkDuration("duration", duration);
    this.workers = workers;
    this.name = name ?? null;
    this._loop = loop;
    this.#duration = typeof duration === "function" ? duration : () => duration;
    this.#joined = new SimFuture<void>(this, "the end of the executor");
    let calls = callsOf.get(loop);
    if (calls === undefined) {
      calls = { stack: [], deadlock: null };
      callsOf.set(loop, calls);
    }
    this._calls = calls;
  }

  /**
   * Calls `fn(...args)` when a worker is free and the job's duration has passed. Keywords travel with the function, as in `runInExecutor`.
   * @throws RuntimeError after shutdown, or where the loop is closed; TypeError for what cannot be called here. What cannot be copied
   * fails the future. CPython: `Executor.submit`.
   */
  submit<A extends unknown[], R>(job: Job<A, R>, ...args: A): Future<Awaited<R>> {
    const { fn, transfer = [], cancel } = optionsOf(job as Job<unknown[], unknown>);
    const callable = callableOf(fn);
    this._loop._instrument?.access(this, "write");
    if (this._loop.isClosed())
      throw new RuntimeError(`submit(fn, ...args) to ${this}: its event loop is closed`);
    if (this.#isShut) {
      throw new RuntimeError(
        `submit(fn, ...args): cannot schedule new futures after shutdown of ${this}. Make a new executor`,
      );
    }
    this.#count += 1;
    const future = new SimJobFuture(this, this.#count, callable, cancel === "terminate");
    try {
      future.args = copyOf(args, transfer);
    } catch (cause) {
      const why = `an argument cannot be copied to a worker (${textOf(cause)})`;
      future.setException(new TypeError(`submit(fn, ...args) to ${this}: ${why}`, { cause }));
    }
    if (!future._isDone()) {
      this.#waiting.push(future);
      this._begin();
    }
    return future as SimFuture<unknown> as Future<Awaited<R>>;
  }

  /** @internal Workers that are free take what waits; if nothing is left to do, that may have been waited for. */
  _begin(): void {
    while (this.#begun.size < this.workers) {
      const job = this.#waiting.shift();
      if (job === undefined) break;
      const duration = this.#duration(job);
      checkDuration("duration(job)", duration);
      this.#begun.add(job);
      job._begin(duration);
    }
    if (this.#isShut && this.#begun.size === 0 && !this.#joined._isDone()) this.#joined.setResult();
  }

  /** @internal Its worker can take another. */
  _free(job: SimJobFuture): void {
    this.#begun.delete(job);
  }

  /** @internal Takes back a job that waits; false if it does not. */
  _takeBack(job: SimJobFuture): boolean {
    const at = this.#waiting.indexOf(job);
    if (at >= 0) this.#waiting.splice(at, 1);
    return at >= 0;
  }

  /**
   * Takes no more calls; those that are there are made. With `wait`, which is the default, they are made now: as a thread would block
   * until they are. @throws ExecutorDeadlockError where one of its own jobs does that. CPython: `Executor.shutdown`.
   */
  shutdown({ wait = true, cancelFutures = false }: ShutdownOptions = {}): void {
    this._loop._instrument?.access(this, "write");
    this.#isShut = true;
    if (cancelFutures) for (const job of [...this.#waiting]) job.cancel();
    this._begin();
    if (wait && !this._loop.isClosed()) this._finish(this.#joined, null);
  }

  /** Done when the executor was shut down and all of its jobs have ended. */
  join(): Future<void> {
    return this.#joined;
  }

  /** @internal Blocks for `future`: jobs land until it is done. @throws ExecutorDeadlockError; TimeoutError, since who would wait for ever waits so long */
  _finish(future: SimFuture<unknown>, timeout: number | null): void {
    const caller = this._calls.stack.at(-1);
    if (caller !== undefined) caller.waitsFor = future._title;
    while (!future._isDone()) {
      const next = this.#nextFor(future);
      if (next === null) throw timeout === null ? this.#deadlock(future) : timedOut(future, timeout);
      this._loop._outside.withdraw(next);
      next.land();
    }
  }

  /** One that can land and brings `future` nearer: itself, or another one, whose worker it needs. */
  #nextFor(future: SimFuture<unknown>): SimJobFuture | null {
    const isCalled = (job: object) => this._calls.stack.some((call) => call.job === job);
    if (isCalled(future)) return null;
    const free = [...this.#begun].filter((job) => !isCalled(job));
    return free.find((job) => job === future) ?? free[0] ?? null;
  }

  #deadlock(future: SimFuture<unknown>): ExecutorDeadlockError {
    const lines = this._calls.stack.map(({ job, waitsFor }) => `${job._title} waits for ${waitsFor}`);
    if (future._state === PENDING && future instanceof SimJobFuture) {
      const who = this.workers === 1 ? "the only one" : `all ${this.workers} of them`;
      lines.push(`${future._title} waits for a worker: jobs that wait have ${who}`);
    }
    const deadlock = new ExecutorDeadlockError(
      `executor self-deadlock: jobs of ${this} wait for each other for ever\n  ${lines.join("\n  ")}`,
    );
    this._calls.deadlock ??= deadlock;
    return this._calls.deadlock;
  }

  /** For `asyncWith`, which waits at its end until all jobs have ended. */
  *aenter(): Coroutine<this> {
    return this;
  }

  *aexit(): Coroutine<void> {
    this.shutdown({ wait: false });
    yield* wrapFuture(this.join());
  }

  toString(): string {
    const name = this.name === null ? "" : ` '${this.name}'`;
    return `<SimExecutor${name} workers=${this.workers} jobs=${this.#begun.size} waiting=${this.#waiting.length}>`;
  }
}

inspectable(SimExecutor);

/** What may wait for it stands in this thread: so to block is to have it done now. */
class SimFuture<T> extends Future<T> {
  /** @internal */
  readonly _executor: SimExecutor;
  /** @internal how reports call it */
  readonly _title: string;

  constructor(executor: SimExecutor, title: string) {
    super();
    this._executor = executor;
    this._title = executor.name === null ? title : `${title} of '${executor.name}'`;
  }

  /** No other thread rings. */
  override get source(): Source | null {
    return null;
  }

  override _refresh(): void {}

  /** Who stops waiting for the end of an executor does not stop the others. */
  override _withdraw(): boolean {
    return false;
  }

  /**
   * What the job returned. In another job it is waited for, with an end put to it now.
   * @throws what it threw; CancelledError; RuntimeError where it is not done and the loop's own thread would block
   */
  override result(timeout: number | null = null): T {
    this.#blockFor("result", timeout);
    return super.result(0);
  }

  /** What the job threw, null if it returned. @throws as `result` */
  override exception(timeout: number | null = null): unknown {
    this.#blockFor("exception", timeout);
    return super.exception(0);
  }

  #blockFor(operation: string, timeout: number | null): void {
    if (this._isDone()) return;
    if (this._executor._calls.stack.length > 0) {
      this._executor._finish(this, timeout);
      return;
    }
    throw new RuntimeError(
      `${operation}() of ${this} would block the thread, and the loop that has to end it: \`yield* wrapFuture(future)\` waits for it`,
    );
  }

  override toString(): string {
    return `<SimFuture ${this._state} ${this._title}>`;
  }
}

class SimJobFuture extends SimFuture<unknown> implements SimJob, Arrival {
  readonly number: number;
  readonly name: string;
  args: readonly unknown[] = [];
  due = 0;
  readonly #fn: Callable;
  readonly #terminates: boolean;
  /** Its cancellation was asked for when it had begun. */
  #isUnwanted = false;

  constructor(executor: SimExecutor, number: number, fn: Callable, terminates: boolean) {
    const name = fn.name || "a function";
    super(executor, `job ${number} (${name})`);
    this.number = number;
    this.name = name;
    this.#fn = fn;
    this.#terminates = terminates;
  }

  get label(): string {
    return `the result of ${this._title}`;
  }

  _begin(duration: number): void {
    const loop = this._executor._loop;
    this.setRunningOrNotifyCancel();
    this.due = loop.time() + duration;
    loop._outside.announce(this);
  }

  override _withdraw(): boolean {
    return this._executor._takeBack(this);
  }

  override _knowsAtOnce(): boolean {
    return true;
  }

  override _askToEnd(): boolean {
    const { _executor: executor } = this;
    this.#isUnwanted = true;
    if (!this.#terminates || executor._calls.stack.some(({ job }) => job === this)) return false;
    executor._loop._outside.withdraw(this);
    executor._free(this);
    executor._begin();
    return true;
  }

  land(): void {
    const { _executor: executor } = this;
    const { stack } = executor._calls;
    stack.push({ job: this, waitsFor: "" });
    let value: unknown;
    let failed = false;
    try {
      value = returnedBy(this, this.#call());
    } catch (error) {
      value = error;
      failed = true;
    }
    stack.pop();
    const { deadlock } = executor._calls;
    if (deadlock !== null) {
      if (stack.length === 0) executor._calls.deadlock = null;
      throw deadlock;
    }
    executor._free(this);
    if (failed) this.setException(value);
    else this.setResult(value);
    executor._begin();
  }

  /** Calls the function as a worker would: where no loop runs, and no context variable is set. */
  #call(): unknown {
    const { running, debug } = slots;
    const outer = host[JOB];
    slots.running = null;
    slots.debug = false;
    host[JOB] = {
      cancelled: () => this.#isUnwanted,
      signal: () => (this.#isUnwanted ? AbortSignal.abort() : new AbortController().signal),
    };
    try {
      return new Context().run(() => this.#fn(...this.args));
    } finally {
      slots.running = running;
      slots.debug = debug;
      if (outer === undefined) delete host[JOB];
      else host[JOB] = outer;
    }
  }
}

type Callable = (...args: unknown[]) => unknown;

function optionsOf(job: Job<unknown[], unknown>): JobOptions<unknown[], unknown> {
  return typeof job === "object" && job !== null && "fn" in job ? job : { fn: job };
}

function callableOf(fn: unknown): Callable {
  const usage = "submit(fn, ...args) to a SimExecutor";
  if (typeof fn !== "function") {
    const { url } = (fn ?? {}) as { url?: unknown };
    const hint =
      typeof url === "string"
        ? `${describe(url)} cannot be loaded in the middle of a run. Import the function, and give it itself`
        : `a function is required, got ${describe(fn)}`;
    throw new TypeError(`${usage}: ${hint}`);
  }
  if (isGeneratorFunction(fn)) {
    throw new TypeError(
      `${usage}: ${describe(fn)} is a coroutine function, and a worker has no loop for it. Give a plain function`,
    );
  }
  return fn as Callable;
}

function returnedBy(job: SimJobFuture, returned: unknown): unknown {
  if (isThenable(returned)) {
    returned.then(nothing, nothing);
    throw new TypeError(
      `${job._title} has returned a promise, and nothing in a simulated run can wait for it. Give a plain function that returns what the promise would bring`,
    );
  }
  const isMoved = typeof returned === "object" && returned !== null && TRANSFER in returned;
  const { [TRANSFER]: list, value } = isMoved
    ? (returned as { [TRANSFER]: readonly object[]; value: unknown })
    : { [TRANSFER]: [], value: returned };
  try {
    return copyOf([value], list)[0];
  } catch (cause) {
    throw new TypeError(`what ${job._title} has returned cannot be copied from a worker (${textOf(cause)})`, {
      cause,
    });
  }
}

/** As on the way to a worker and back. */
function copyOf(values: readonly unknown[], transfer: readonly object[]): readonly unknown[] {
  if (transfer.length === 0 && values.every(isPlain)) return values;
  return structuredClone(values, { transfer: [...transfer] as ArrayBuffer[] });
}

/** Of these a copy is the same. */
function isPlain(value: unknown): boolean {
  return (
    value === null || (typeof value !== "object" && typeof value !== "function" && typeof value !== "symbol")
  );
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\.$/, "") : describe(error);
}

function timedOut(future: SimFuture<unknown>, timeout: number): TimeoutError {
  return new TimeoutError(`${future} was not done within ${timeout} seconds`);
}

function checkDuration(what: string, value: unknown): void {
  if (typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY) return;
  throw new RangeError(
    `SimExecutor: ${what} must be a finite number of seconds, 0 or more, got ${describe(value)}`,
  );
}

function nothing(): void {}
