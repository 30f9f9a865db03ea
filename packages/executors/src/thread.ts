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
import type { WorkerCallable } from "@aioloop/loop";
import { describe } from "@aioloop/loop/kernel";
import { Backlog } from "./backlog.ts";
import type { PackedFailure } from "./errors.ts";
import { unpack } from "./errors.ts";
import { BrokenThreadPool } from "./exceptions.ts";
import { inheritedExecArgv } from "./exec-argv.ts";
import type { Packed } from "./job-queue.ts";
import { JobQueue, packArgs } from "./job-queue.ts";
import type { JobFuture } from "./jobs.ts";
import { owner } from "./owner.ts";
import { causeOfDeath, checkCount, optionsFrom, Pool, PoolExecutor } from "./pools.ts";
import type { FromThread } from "./worker-thread.ts";
import { WorkerThread } from "./worker-thread.ts";
import { CLOSED, SEQUENCE, SLEEPING } from "./workers/wire.mjs";

export interface ThreadPoolOptions<I extends unknown[] = []> {
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

/**
 * Calls functions in worker threads, started when they are needed. An idle pool does not keep the process alive, a busy one does.
 * Shut it down, or declare it with `using` (which blocks at the end of the block), `await using` or `asyncWith`.
 * CPython: `concurrent.futures.ThreadPoolExecutor`.
 */
export class ThreadPoolExecutor<I extends unknown[] = []> extends PoolExecutor<ThreadPool> {
  /** @throws RangeError, TypeError for options that are none */
  constructor(options: ThreadPoolOptions<I> | number | null = {}) {
    super(new ThreadPool(optionsFrom(options)));
    owner(); // it takes as long to start as a worker does
  }

  /** The names of the threads there are. */
  get threads(): string[] {
    return this._pool.names;
  }
}

class ThreadPool extends Pool {
  readonly maxWorkers: number;
  readonly #queue: JobQueue = new JobQueue();
  /** By their index; that of a thread which has gone is given again. */
  readonly #workers: (WorkerThread | null)[] = [];
  #alive = 0;
  /** Calls for which there was no room in the queue. */
  readonly #backlog: Backlog<{ job: JobFuture; callable: number; payload: Packed }> = new Backlog();
  /** The letters of calls that have not begun, by the number of the call. */
  readonly #letters: Map<number, number> = new Map();
  readonly #options: ThreadPoolOptions<unknown[]>;
  readonly #prefix: string;
  readonly #initializer: { callable: number; args: unknown[] } | null = null;

  constructor(options: ThreadPoolOptions<unknown[]>) {
    const prefix = options.threadNamePrefix ?? `ThreadPoolExecutor-${pools++}`;
    if (typeof prefix !== "string") {
      throw new TypeError(`threadNamePrefix must be a string, got ${describe(prefix)}`);
    }
    const maxWorkers = options.maxWorkers ?? Math.min(32, (availableParallelism() || 1) + 4);
    super(`ThreadPoolExecutor '${prefix}'`);
    this.maxWorkers = checkCount("ThreadPoolExecutor({ maxWorkers }): maxWorkers", maxWorkers);
    this.#prefix = prefix;
    this.#options = options;
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
    let payload = transfer.length > 0 ? null : packArgs(args);
    if (payload === null) {
      if (this.#giveDirectly(job, callable, args, transfer)) return;
      payload = { letter: this.#writeLetter(job._number, args, transfer) };
    }
    if (this.#backlog.length > 0 || !this.#queue.push(job, callable, payload)) {
      this.#backlog.push({ job, callable, payload });
      this.#moveBacklog();
    }
    if (this.#alive < this.maxWorkers && this.jobs.size > this.#alive) this.#startWorker();
    this.#wake(1);
  }

  /** To a worker that has nothing to do, where no call waits before it. */
  #giveDirectly(
    job: JobFuture,
    callable: number,
    args: readonly unknown[],
    transfer: readonly object[],
  ): boolean {
    if (this.#backlog.length > 0 || !this.#queue.isEmpty) return false;
    for (const worker of this.#workers) {
      if (worker?.give(job._number, callable, args, transfer) !== true) continue;
      job._worker = worker.index;
      this.#wakeAll();
      return true;
    }
    return false;
  }

  /** The clone is made now, and lies in a port until a worker takes the call up. */
  #writeLetter(number: number, args: readonly unknown[], transfer: readonly object[]): number {
    const { port1, port2 } = new MessageChannel();
    try {
      port1.postMessage(args, transfer as MessagePort[]);
    } catch (error) {
      port1.close();
      throw error;
    }
    const letter = owner().postLetter(port2);
    this.#letters.set(number, letter);
    return letter;
  }

  #forgetLetter(number: number): void {
    const letter = this.#letters.get(number);
    if (letter === undefined) return;
    this.#letters.delete(number);
    owner().forgetLetter(letter);
  }

  #moveBacklog(): void {
    this.#queue.free();
    let moved = 0;
    for (let next = this.#backlog.first; next !== undefined; next = this.#backlog.first) {
      const { job, callable, payload } = next;
      if (!job._isDone() && !this.#queue.push(job, callable, payload)) break;
      this.#backlog.shift();
      moved += 1;
    }
    if (moved > 0) this.#wake(moved);
    if (this.isClosing && this.#backlog.length === 0) this.#announceEnd();
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
    if (count === 0 || Atomics.load(control, SLEEPING) === 0) return;
    for (const worker of this.#workers) {
      if (worker?.wake() !== true) continue;
      count -= 1;
      if (count === 0) return;
    }
  }

  #wakeAll(): void {
    this.#wake(Math.max(this.#workers.length, 1));
  }

  protected close(): void {
    this.#moveBacklog();
  }

  #announceEnd(): void {
    Atomics.store(this.#queue.control, CLOSED, 1);
    this.#wakeAll();
  }

  protected stop(): void {
    this.#backlog.clear();
    for (const number of [...this.#letters.keys()]) this.#forgetLetter(number);
    for (const worker of this.#living()) worker.stop();
  }

  // ---- what workers say

  protected take(): void {
    for (const worker of this.#workers) worker?.take();
    if (this.#backlog.length > 0) this.#moveBacklog();
    else this.#queue.free();
  }

  #onResult(worker: WorkerThread, number: number, value: unknown, failed: boolean): void {
    const job = this.ended(number);
    if (job === undefined) return; // stopped meanwhile
    if (this.#letters.size > 0) this.#letters.delete(number);
    job._finish(failed ? unpack(value as PackedFailure, worker.title) : value, failed);
  }

  #onMessage(worker: WorkerThread, message: FromThread): void {
    if ("print" in message) process[message.print].write(message.chunk);
    else if ("result" in message) this.#onResult(worker, message.result, message.value, message.failed);
    else {
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
      if (!worker.isRetired) this.#breakFor(worker, code, failure);
    }
    if (this.#alive === 0 && this.jobs.size > 0 && this.broken === null) this.#startWorker();
    this.endIfDone();
  }

  #breakFor(worker: WorkerThread, code: number | null, failure: string | null): void {
    const isBusy = [...this.jobs.values()].some((job) => this.#queue.takenBy(job) === worker.index);
    this.break(
      new BrokenThreadPool(
        `${this.title} is broken: ${worker.title} ${causeOfDeath(code, null, isBusy, failure)}. Its calls have failed; make a new pool`,
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
