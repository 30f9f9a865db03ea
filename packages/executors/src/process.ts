/**
 * ProcessPoolExecutor: calls in child processes. CPython: `concurrent.futures.process`.
 *
 * Differences: the thread that owns the children (owner.ts) has the part of CPython's queue-management thread; a call may be
 * cancelled until a child has it, where CPython's cannot be once it is in the call queue; children are started as by CPython's "spawn".
 */
import { availableParallelism } from "node:os";
import type { WorkerCallable } from "@aioloop/loop";
import { Backlog } from "./backlog.ts";
import { doorbell } from "./doorbell.ts";
import type { PackedFailure } from "./errors.ts";
import { unpack } from "./errors.ts";
import { BrokenProcessPool } from "./exceptions.ts";
import { inheritedExecArgv } from "./exec-argv.ts";
import type { Future } from "./futures.ts";
import type { JobFuture } from "./jobs.ts";
import type { Mapping } from "./maps.ts";
import type { FromOwner } from "./owner.ts";
import { owner } from "./owner.ts";
import { causeOfDeath, checkCount, optionsFrom, Pool, PoolExecutor } from "./pools.ts";
import {
  CLAIM_PASSED,
  CLAIM_TAKEN,
  CLAIM_WAITING,
  CLAIM_WITHDRAWN,
  fromBytes,
  toBytes,
} from "./workers/wire.mjs";

export interface ProcessPoolOptions<I extends unknown[] = []> {
  /** At most so many processes. Default: the number of processors. */
  maxWorkers?: number | null | undefined;
  /** Called in each process before its first call; if it fails the pool is broken. */
  initializer?: WorkerCallable<I, unknown> | null | undefined;
  /** Arguments of the initializer. */
  initargs?: I | undefined;
  /** A process ends after so many calls, and another takes its place; null: it lives as long as the pool. */
  maxTasksPerChild?: number | null | undefined;
  /** Node's options for the processes, by default those of this process that concern modules. */
  execArgv?: readonly string[] | undefined;
  /** Environment of the processes; by default this process's. */
  env?: Readonly<Record<string, string>> | undefined;
}

/** Calls that may be with the owner at a time; what is beyond waits here. */
const SLOTS = 1 << 14;

let pools = 0;

/**
 * Calls functions in child processes, started when they are needed: for work that would take the thread's memory or may take the
 * process with it. An idle pool does not keep this process alive, a busy one does. Shut it down, or declare it with `using` (which
 * blocks at the end of the block), `await using` or `asyncWith`. CPython: `concurrent.futures.ProcessPoolExecutor`.
 */
export class ProcessPoolExecutor<I extends unknown[] = []> extends PoolExecutor<ProcessPool> {
  /** @throws RangeError, TypeError for options that are none */
  constructor(options: ProcessPoolOptions<I> | number | null = {}) {
    super(new ProcessPool(optionsFrom(options)));
  }

  /** @internal A chunk of items goes with one call. */
  override _mapping(): Mapping {
    return {
      chunks: true,
      submit: (fn, chunk) => this._pool.submitChunk(fn as WorkerCallable<unknown[], unknown>, chunk),
    };
  }

  /** Asks the processes to end (SIGTERM), whatever they do; calls that have not ended fail. CPython: `ProcessPoolExecutor.terminate_workers`. */
  terminateWorkers(): void {
    this._pool.kill("SIGTERM", "terminateWorkers");
  }

  /** Ends the processes (SIGKILL), whatever they do; calls that have not ended fail. CPython: `ProcessPoolExecutor.kill_workers`. */
  killWorkers(): void {
    this._pool.kill("SIGKILL", "killWorkers");
  }

  /** The numbers of the processes there are. */
  get pids(): number[] {
    return this._pool.pids;
  }
}

/** What the owner tells of a process pool; see workers/children.mjs. */
interface FromPool extends FromOwner {
  result?: number;
  failed?: boolean;
  bytes?: Uint8Array;
  started?: { pid: number; name: string };
  gone?: number;
  broken?:
    | { initializer: PackedFailure }
    | { pid: number; code: number | null; signal: string | null; job: number; failure: string | null };
  ended?: boolean;
}

interface Waiting {
  job: JobFuture;
  callable: number;
  bytes: Uint8Array;
  isChunk: boolean;
}

/** Pools with processes: a process that does not give way would not see that its parent has gone. */
const open: Set<ProcessPool> = new Set();

function endProcesses(): void {
  doorbell().answer(); // those that have started meanwhile
  for (const pool of open) {
    for (const pid of pool.pids) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // it has ended by itself
      }
    }
  }
}

class ProcessPool extends Pool {
  readonly maxWorkers: number;
  readonly #id: number;
  /** Whose each call is that the owner has: see CLAIM_WAITING. */
  readonly #claims: Int32Array = new Int32Array(new SharedArrayBuffer(SLOTS * 4));
  readonly #freeSlots: number[] = [];
  /** Slots of calls that were taken back; the owner has still to pass them. */
  #withdrawn: number[] = [];
  #slots = 0;
  /** Calls for which there was no slot. */
  readonly #backlog: Backlog<Waiting> = new Backlog();
  readonly #processes: Map<number, string> = new Map();
  readonly #name: string = `ProcessPoolExecutor-${pools}`;
  #isOpen = true;
  #nextIsChunk = false;

  constructor(options: ProcessPoolOptions<unknown[]>) {
    const maxWorkers = options.maxWorkers ?? (availableParallelism() || 1);
    super(`ProcessPoolExecutor '${`ProcessPoolExecutor-${pools++}`}'`);
    this.maxWorkers = checkCount("ProcessPoolExecutor({ maxWorkers }): maxWorkers", maxWorkers);
    const { maxTasksPerChild = null, execArgv = inheritedExecArgv(), env = null } = options;
    if (maxTasksPerChild !== null) {
      checkCount("ProcessPoolExecutor({ maxTasksPerChild }): maxTasksPerChild", maxTasksPerChild);
    }
    if (open.size === 0) process.on("exit", endProcesses);
    open.add(this);
    this.#id = owner().register((message) => this.#onMessage(message as FromPool));
    const { initializer = null, initargs = [] } = options;
    owner().post({
      op: "pool",
      pool: this.#id,
      name: this.#name,
      claims: this.#claims,
      maxWorkers,
      maxTasksPerChild,
      execArgv,
      env,
      initializer:
        initializer === null
          ? null
          : {
              callable: 1, // the first that is numbered
              bytes: toBytes(initargs),
            },
    });
    if (initializer !== null) this.definitions.numberOf("ProcessPoolExecutor({ initializer })", initializer);
  }

  get pids(): number[] {
    return [...this.#processes.keys()];
  }

  get hasWorkers(): boolean {
    return this.#isOpen;
  }

  submitChunk(fn: WorkerCallable<unknown[], unknown>, chunk: unknown[]): Future<unknown> {
    this.#nextIsChunk = true;
    try {
      return this.submit("map(fn, ...iterables)", fn as WorkerCallable<never[], unknown>, chunk);
    } finally {
      this.#nextIsChunk = false;
    }
  }

  protected announce(number: number, definition: object): void {
    owner().post({ op: "define", pool: this.#id, define: number, definition });
  }

  protected send(
    job: JobFuture,
    callable: number,
    args: readonly unknown[],
    transfer: readonly object[],
  ): void {
    const bytes = toBytes(args);
    // A process shares no memory. What was to be moved is gone here all the same, so that a program means the same in both pools.
    if (transfer.length > 0) structuredClone(null, { transfer: transfer as ArrayBuffer[] });
    this.#backlog.push({ job, callable, bytes, isChunk: this.#nextIsChunk });
    this.#moveBacklog();
  }

  #moveBacklog(): void {
    for (let next = this.#backlog.first; next !== undefined; next = this.#backlog.first) {
      const { job, callable, bytes, isChunk } = next;
      if (!job._isDone()) {
        const slot = this.#slot();
        if (slot < 0) break;
        Atomics.store(this.#claims, slot, CLAIM_WAITING);
        job._place = slot;
        owner().post({
          op: "job",
          pool: this.#id,
          job: { number: job._number, slot, callable, bytes, isChunk },
        });
      }
      this.#backlog.shift();
    }
    if (this.isClosing && this.#backlog.length === 0) owner().post({ op: "close", pool: this.#id });
  }

  /** A slot that is free, -1 if there is none. */
  #slot(): number {
    if (this.#freeSlots.length === 0 && this.#slots === SLOTS) {
      this.#withdrawn = this.#withdrawn.filter((slot) => {
        const isPassed = Atomics.load(this.#claims, slot) === CLAIM_PASSED;
        if (isPassed) this.#freeSlots.push(slot);
        return !isPassed;
      });
    }
    return this.#freeSlots.pop() ?? (this.#slots < SLOTS ? this.#slots++ : -1);
  }

  override ended(number: number): JobFuture | undefined {
    const job = super.ended(number);
    if (job !== undefined && job._place >= 0) {
      const isWithdrawn = Atomics.load(this.#claims, job._place) === CLAIM_WITHDRAWN;
      (isWithdrawn ? this.#withdrawn : this.#freeSlots).push(job._place);
      job._place = -1;
    }
    return job;
  }

  protected close(): void {
    this.#moveBacklog();
  }

  protected stop(): void {
    this.#backlog.clear();
    owner().post({ op: "kill", pool: this.#id, signal: "SIGTERM" });
  }

  kill(signal: "SIGTERM" | "SIGKILL", operation: string): void {
    owner().post({ op: "kill", pool: this.#id, signal });
    this.break(
      new BrokenProcessPool(
        `${this.title}: its processes were ended by ${operation}(), and with them this call`,
      ),
    );
    this.shutdown({ wait: false, cancelFutures: true });
  }

  protected take(): void {} // the owner's messages come through the owner's mailbox

  #onMessage(message: FromPool): void {
    if (message.result !== undefined) {
      const { result, failed = false, bytes = new Uint8Array() } = message;
      const job = this.ended(result);
      if (job !== undefined) {
        const value = fromBytes(bytes);
        job._finish(failed ? unpack(value as PackedFailure, this.title) : value, failed);
      }
      if (this.#backlog.length > 0) this.#moveBacklog();
    } else if (message.started !== undefined) this.#processes.set(message.started.pid, message.started.name);
    else if (message.gone !== undefined) this.#processes.delete(message.gone);
    else if (message.broken !== undefined) this.#onBroken(message.broken);
    else if (message.ended === true) {
      this.#isOpen = false;
      open.delete(this);
      if (open.size === 0) process.off("exit", endProcesses);
      owner().forget(this.#id);
      this.endIfDone();
    }
  }

  #onBroken(cause: NonNullable<FromPool["broken"]>): void {
    const say = (what: string) => `${this.title} is broken: ${what}. Its calls have failed; make a new pool`;
    if ("initializer" in cause) {
      const error = unpack(cause.initializer, this.title);
      this.break(new BrokenProcessPool(say("the initializer of a process failed"), { cause: error }));
      return;
    }
    const { pid, code, signal, job, failure } = cause;
    const death = causeOfDeath(code, signal, job !== 0, failure);
    this.break(new BrokenProcessPool(say(`process ${pid} ${death}`)));
  }

  _hasBegun(job: JobFuture): boolean {
    return job._place >= 0 && Atomics.load(this.#claims, job._place) === CLAIM_TAKEN;
  }

  _withdraw(job: JobFuture): boolean {
    const isMine =
      job._place < 0 ||
      Atomics.compareExchange(this.#claims, job._place, CLAIM_WAITING, CLAIM_WITHDRAWN) === CLAIM_WAITING;
    if (isMine) this.ended(job._number);
    return isMine;
  }

  _askToEnd(job: JobFuture): boolean {
    owner().post({ op: job._terminates ? "terminate" : "cancel", pool: this.#id, number: job._number });
    if (job._terminates) this.ended(job._number);
    return job._terminates;
  }

  override toString(): string {
    return `${this.title} processes=${this.#processes.size} of ${this.maxWorkers} calls=${this.jobs.size}`;
  }
}
