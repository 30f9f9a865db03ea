/**
 * ThreadPoolExecutor: calls in worker threads. CPython: `concurrent.futures.thread`.
 *
 * Differences: a worker is an interpreter of its own, so functions go there by reference or by source and values are copied; calls that
 * wait lie in memory that the workers share (job-queue.ts), and each worker takes the next one itself; workers are started and
 * watched by the owner (owner.ts).
 *
 *      submit ─► job queue (shared memory) ─► worker ─► its ring of results (shared memory) ─► the future
 *         └────► a port, for what is large or no bytes can stand for ◄──┘
 *
 * A pool that is let go is shut down by the garbage collector; hence the two classes: the workers hold the inner one.
 */
import { availableParallelism } from "node:os";
import type { MessagePort, ResourceLimits } from "node:worker_threads";
import { MessageChannel } from "node:worker_threads";
import type { Job, WorkerCallable } from "@aioloop/loop";
import { describe, inspectable } from "@aioloop/loop/kernel";
import type { PackedFailure } from "./errors.ts";
import { unpack } from "./errors.ts";
import { BrokenThreadPool } from "./exceptions.ts";
import { inheritedExecArgv } from "./exec-argv.ts";
import type { ShutdownOptions } from "./executor.ts";
import { BaseExecutor } from "./executor.ts";
import type { Future } from "./futures.ts";
import type { Packed } from "./job-queue.ts";
import { JobQueue, packArgs } from "./job-queue.ts";
import type { JobFuture } from "./jobs.ts";
import { causeOfDeath, checkCount, Pool } from "./pools.ts";
import type { FromThread } from "./worker-thread.ts";
import { WorkerThread } from "./worker-thread.ts";
import { CLOSED, SEQUENCE, SLEEPING } from "./workers/wire.mjs";

export interface ThreadPoolOptions<I extends unknown[] = never[]> {
  /** At most so many threads. Default: 4 more than there are processors, at most 32. */
  maxWorkers?: number | null | undefined;
  /** Threads are called `prefix_0`, `prefix_1`, … */
  threadNamePrefix?: string | undefined;
  /** Called in each thread before its first call; if it fails the pool is broken. */
  initializer?: WorkerCallable<I, unknown> | null | undefined;
  /** Arguments of the initializer. */
  initargs?: I | undefined;
  /** Node's options for the threads, by default those of this process that concern modules. */
  execArgv?: readonly string[] | undefined;
  /** Memory for each thread, in MiB: see Node's `resourceLimits`. */
  resourceLimits?: ResourceLimits | undefined;
}

let pools = 0;

/** Pools that were let go without a shutdown. */
const letGo: FinalizationRegistry<ThreadPool> = new FinalizationRegistry((pool) =>
  pool.shutdown({ wait: false }),
);

/**
 * Calls functions in worker threads, started when they are needed. An idle pool does not keep the process alive, a busy one does.
 * Shut it down, or declare it with `using` (which blocks at the end of the block), `await using` or `asyncWith`.
 * CPython: `concurrent.futures.ThreadPoolExecutor`.
 */
export class ThreadPoolExecutor extends BaseExecutor {
  readonly #pool: ThreadPool;

  /** @throws RangeError, TypeError for options that are none */
  constructor(options: ThreadPoolOptions<never[]> | number | null = {}) {
    super();
    this.#pool = new ThreadPool(
      typeof options === "object" && options !== null ? options : { maxWorkers: options },
    );
    letGo.register(this, this.#pool);
  }

  submit<A extends unknown[], R>(job: Job<A, R>, ...args: A): Future<Awaited<R>> {
    return this.#pool.submit("submit(fn, ...args)", job, args);
  }

  /** Takes no more calls. CPython: `ThreadPoolExecutor.shutdown`. */
  shutdown(options?: ShutdownOptions): void {
    this.#pool.shutdown(options);
  }

  join(): Future<void> {
    return this.#pool.join();
  }

  /** At most so many threads. */
  get maxWorkers(): number {
    return this.#pool.maxWorkers;
  }

  /** The names of the threads there are. */
  get threads(): string[] {
    return this.#pool.names;
  }

  override toString(): string {
    return `<${this.#pool}>`;
  }
}

inspectable(ThreadPoolExecutor);

class ThreadPool extends Pool {
  readonly maxWorkers: number;
  readonly #queue: JobQueue = new JobQueue();
  /** By their index; that of a thread which has gone is given again. */
  readonly #workers: (WorkerThread | null)[] = [];
  #alive = 0;
  /** Calls for which there was no room in the queue. */
  #overflow: { job: JobFuture; callable: number; payload: Packed }[] = [];
  /** Arguments that go through a port, until a worker asks for them. */
  readonly #letters: Map<number, { mine: MessagePort; theirs: MessagePort }> = new Map();
  readonly #options: ThreadPoolOptions<unknown[]>;
  readonly #prefix: string;
  readonly #initializer: { callable: number; args: unknown[] } | null = null;

  constructor(options: ThreadPoolOptions<never[]>) {
    const prefix = options.threadNamePrefix ?? `ThreadPoolExecutor-${pools++}`;
    if (typeof prefix !== "string") {
      throw new TypeError(`threadNamePrefix must be a string, got ${describe(prefix)}`);
    }
    const maxWorkers = options.maxWorkers ?? Math.min(32, (availableParallelism() || 1) + 4);
    super(`ThreadPoolExecutor '${prefix}'`);
    this.maxWorkers = checkCount("ThreadPoolExecutor({ maxWorkers }): maxWorkers", maxWorkers);
    this.#prefix = prefix;
    this.#options = options as ThreadPoolOptions<unknown[]>;
    const { initializer = null, initargs = [] } = this.#options;
    if (initializer !== null) {
      const callable = this.definitions.numberOf("ThreadPoolExecutor({ initializer })", initializer);
      this.#initializer = { callable, args: structuredClone(initargs) };
    }
  }

  get names(): string[] {
    return this.#living().map((worker) => worker.name);
  }

  get hasWorkers(): boolean {
    return this.#workers.some((worker) => worker !== null);
  }

  #living(): WorkerThread[] {
    return this.#workers.filter((worker) => worker !== null);
  }

  protected announce(number: number, definition: object): void {
    for (const worker of this.#living()) worker.post({ define: number, definition });
  }

  protected send(
    job: JobFuture,
    callable: number,
    args: readonly unknown[],
    transfer: readonly object[],
  ): void {
    const payload = transfer.length > 0 ? null : packArgs(args);
    if (payload === null) this.#writeLetter(job._number, args, transfer);
    if (this.#overflow.length > 0 || !this.#queue.push(job, callable, payload)) {
      this.#overflow.push({ job, callable, payload });
      this.#moveOverflow();
    }
    if (this.#alive < this.maxWorkers && this.jobs.size > this.#alive) this.#startWorker();
    this.#wake(1);
  }

  /** The clone is made now, and lies in a port until a worker takes the call up. */
  #writeLetter(number: number, args: readonly unknown[], transfer: readonly object[]): void {
    const { port1, port2 } = new MessageChannel();
    try {
      port1.postMessage(args, transfer as MessagePort[]);
    } catch (error) {
      port1.close();
      throw error;
    }
    this.#letters.set(number, { mine: port1, theirs: port2 });
  }

  #forgetLetter(number: number): void {
    this.#letters.get(number)?.mine.close();
    this.#letters.delete(number);
  }

  #moveOverflow(): void {
    this.#queue.free();
    let moved = 0;
    for (const { job, callable, payload } of this.#overflow) {
      if (!job._isDone() && !this.#queue.push(job, callable, payload)) break;
      moved += 1;
    }
    if (moved > 0) {
      this.#overflow = this.#overflow.slice(moved);
      this.#wake(moved);
    }
    if (this.isClosing && this.#overflow.length === 0) this.#announceEnd();
  }

  // ---- workers

  #startWorker(): void {
    const free = this.#workers.indexOf(null);
    const index = free < 0 ? this.#workers.length : free;
    const worker = new WorkerThread(
      index,
      `${this.#prefix}_${index}`,
      {
        execArgv: this.#options.execArgv ?? inheritedExecArgv(),
        resourceLimits: this.#options.resourceLimits,
      },
      {
        controlBuffer: this.#queue.buffer,
        definitions: [...this.definitions.all],
        initializer: this.#initializer,
      },
      {
        message: (message) => this.#onMessage(worker, message),
        result: (number, value, failed) => this.#onResult(worker, number, value, failed),
        exit: (code, failure) => this.#onExit(worker, code, failure),
      },
    );
    this.#workers[index] = worker;
    this.#alive += 1;
  }

  /** Those that wait on the queue first, then those that sleep in their event loop; busy ones look by themselves when they are done. */
  #wake(count: number): void {
    const { control } = this.#queue;
    Atomics.add(control, SEQUENCE, 1);
    count -= Atomics.notify(control, SEQUENCE, count);
    if (count === 0) return;
    for (const worker of this.#workers) {
      if (Atomics.load(control, SLEEPING) === 0) return;
      if (worker?.wake() !== true) continue;
      Atomics.sub(control, SLEEPING, 1);
      count -= 1;
      if (count === 0) return;
    }
  }

  protected close(): void {
    this.#moveOverflow();
  }

  #announceEnd(): void {
    Atomics.store(this.#queue.control, CLOSED, 1);
    this.#wake(this.#workers.length);
  }

  protected stop(): void {
    this.#overflow = [];
    for (const number of [...this.#letters.keys()]) this.#forgetLetter(number);
    for (const worker of this.#living()) worker.stop();
  }

  // ---- what workers say

  protected take(): void {
    for (const worker of this.#workers) worker?.take();
    if (this.#overflow.length > 0) this.#moveOverflow();
    else this.#queue.free();
  }

  #onResult(worker: WorkerThread, number: number, value: unknown, failed: boolean): void {
    const job = this.ended(number);
    if (job === undefined) return; // stopped meanwhile
    job._finish(failed ? unpack(value as PackedFailure, worker.title) : value, failed);
  }

  #onMessage(worker: WorkerThread, message: FromThread): void {
    if ("print" in message) process[message.print].write(message.chunk);
    else if ("result" in message) this.#onResult(worker, message.result, message.value, message.failed);
    else if ("want" in message) {
      const letter = this.#letters.get(message.want);
      if (letter === undefined) return; // the pool has been stopped, and with it the worker
      worker.post({ letter: message.want, port: letter.theirs }, [letter.theirs]);
      this.#letters.delete(message.want);
    } else {
      this.break(
        new BrokenThreadPool(`${this.title} is broken: the initializer of ${worker.title} failed`, {
          cause: unpack(message.broken, worker.title),
        }),
      );
    }
  }

  #onExit(worker: WorkerThread, code: number | null, failure: string | null): void {
    this.#workers[worker.index] = null;
    if (!worker.isStopped) {
      this.#alive -= 1;
      const isRetired = this.isClosing && code === 0 && worker.current === 0;
      if (!isRetired) this.#breakFor(worker, code, failure);
    }
    if (this.#alive === 0 && this.jobs.size > 0 && this.broken === null) this.#startWorker();
    this.endIfDone();
  }

  #breakFor(worker: WorkerThread, code: number | null, failure: string | null): void {
    const during = worker.current === 0 ? "" : " in the middle of a call";
    const why = failure === null ? "" : `: ${failure}`;
    this.break(
      new BrokenThreadPool(
        `${this.title} is broken: ${worker.title} ${causeOfDeath(code, null)}${during}${why}. Its calls have failed; make a new pool`,
      ),
    );
  }

  // ---- what futures ask

  _hasBegun(job: JobFuture): boolean {
    return this.#queue.takenBy(job) >= 0;
  }

  _withdraw(job: JobFuture): boolean {
    const isWaiting = job._place < 0 ? job._worker < 0 : this.#queue.withdraw(job);
    if (!isWaiting) return false;
    this.#forgetLetter(job._number);
    this.ended(job._number);
    return true;
  }

  _askToEnd(job: JobFuture): boolean {
    const worker = this.#workers[this.#queue.takenBy(job)] ?? null;
    if (worker === null) return false;
    if (!job._terminates) {
      worker.askToEnd(job._number);
      return false;
    }
    if (!worker.stopIn(job._number)) return false;
    this.#alive -= 1;
    this.ended(job._number);
    if (this.jobs.size > this.#alive) this.#startWorker();
    return true;
  }

  override toString(): string {
    return `${this.title} threads=${this.#alive} of ${this.maxWorkers} calls=${this.jobs.size}`;
  }
}
