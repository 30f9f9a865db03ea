/**
 * What thread pools and process pools have in common: the calls that have not ended, how a pool ends, and how it breaks.
 *
 *      open ──shutdown──► closing ──its workers have ended──► ended
 *        └───a worker died───► broken: every call fails, and submit refuses
 */
import type { Job } from "@aioloop/loop";
import { RuntimeError } from "@aioloop/loop";
import { describe, inspectable } from "@aioloop/loop/kernel";
import { Definitions, optionsOf } from "./callables.ts";
import { doorbell } from "./doorbell.ts";
import type { BrokenExecutor } from "./exceptions.ts";
import type { ShutdownOptions } from "./executor.ts";
import { BaseExecutor } from "./executor.ts";
import { Future } from "./futures.ts";
import type { JobOwner } from "./jobs.ts";
import { JobFuture } from "./jobs.ts";

/** Who stops waiting for the end of a pool does not stop the others. */
class Joined extends Future<void> {
  /** @internal */
  override _withdraw(): boolean {
    return false;
  }
}

export abstract class Pool implements JobOwner {
  /** Calls that have not ended, by their number, the oldest first. Each keeps the process alive. */
  readonly jobs: Map<number, JobFuture> = new Map();
  readonly definitions: Definitions;
  readonly #joined: Future<void> = new Joined();
  readonly #stopListening: () => void;
  #count = 0;
  #broken: BrokenExecutor | null = null;
  isClosing = false;
  #isEnded = false;

  /** How errors call it. */
  readonly title: string;

  constructor(title: string) {
    this.title = title;
    this.definitions = new Definitions((number, definition) => this.announce(number, definition));
    this.#stopListening = doorbell().listen(() => this.take());
  }

  /** Tells the workers of a function. */
  protected abstract announce(number: number, definition: object): void;
  /** Takes what workers sent. */
  protected abstract take(): void;
  /** Hands a call to the workers; what cannot be copied fails the future. */
  protected abstract send(
    job: JobFuture,
    callable: number,
    args: readonly unknown[],
    transfer: readonly object[],
  ): void;
  /** No more calls will come: workers end when those that are there have been made. */
  protected abstract close(): void;
  /** Stops the workers, now. */
  protected abstract stop(): void;
  abstract readonly hasWorkers: boolean;
  abstract readonly maxWorkers: number;

  abstract _hasBegun(job: JobFuture): boolean;
  abstract _withdraw(job: JobFuture): boolean;
  abstract _askToEnd(job: JobFuture): boolean;

  get broken(): BrokenExecutor | null {
    return this.#broken;
  }

  submit<A extends unknown[], R>(
    usage: string,
    given: Job<A, R>,
    args: readonly unknown[],
  ): Future<Awaited<R>> {
    if (this.#broken !== null) throw this.#broken;
    if (this.isClosing) {
      throw new RuntimeError(
        `${usage}: cannot schedule new futures after shutdown of ${this.title}. Make a new executor`,
      );
    }
    const { fn, transfer = [], cancel } = optionsOf(usage, given);
    const callable = this.definitions.numberOf(usage, fn);
    this.#count = (this.#count % 0x7fff_ffff) + 1;
    const job = new JobFuture<Awaited<R>>(this, this.#count, cancel === "terminate");
    this.jobs.set(this.#count, job as JobFuture);
    doorbell().hold();
    try {
      this.send(job as JobFuture, callable, args, transfer);
    } catch (error) {
      this.ended(this.#count);
      job._finish(notCopied(usage, args, error), true);
    }
    return job;
  }

  /** A call has ended: it is nobody's any more. */
  ended(number: number): JobFuture | undefined {
    const job = this.jobs.get(number);
    if (job === undefined) return undefined;
    this.jobs.delete(number);
    doorbell().release();
    return job;
  }

  shutdown({ wait = true, cancelFutures = false }: ShutdownOptions = {}): void {
    if (!this.isClosing) {
      this.isClosing = true;
      doorbell().hold(); // its workers' ends are waited for
      if (cancelFutures) this.cancelAll();
      if (this.#broken === null) this.close();
      this.endIfDone();
    } else if (cancelFutures) this.cancelAll();
    if (wait && !this.#isEnded) this.#joined.result();
  }

  private cancelAll(): void {
    for (const job of [...this.jobs.values()]) job._cancelIfWaiting();
  }

  join(): Future<void> {
    return this.#joined;
  }

  /** Every call fails with `error`, and no more are taken. */
  break(error: BrokenExecutor): void {
    if (this.#broken !== null) return;
    this.#broken = error;
    this.stop();
    for (const number of [...this.jobs.keys()]) this.ended(number)?._finish(error, true);
    this.endIfDone();
  }

  /** To be called when a worker has gone. */
  endIfDone(): void {
    if (this.#isEnded || !this.isClosing || this.hasWorkers || this.jobs.size > 0) return;
    this.#isEnded = true;
    this.#stopListening();
    doorbell().release();
    this.#joined.setResult();
  }
}

/** The argument that cannot be copied is named. */
function notCopied(usage: string, args: readonly unknown[], error: unknown): unknown {
  for (const [i, arg] of args.entries()) {
    try {
      structuredClone(arg);
    } catch (cause) {
      return new TypeError(
        `${usage}: argument ${i + 1}, ${describe(arg)}, cannot be copied to a worker (${reason(cause)}). Send plain data, or what a structured clone can copy`,
        { cause },
      );
    }
  }
  return new TypeError(`${usage}: an argument cannot be sent to this kind of worker (${reason(error)})`, {
    cause: error,
  });
}

function reason(error: unknown): string {
  return (error as Error).message.replace(/\.$/, "");
}

/** A pool's options, or the number of its workers alone, as in Python. */
export function optionsFrom<O extends object>(
  given: object | number | null,
): O & { maxWorkers?: number | null | undefined } {
  return (typeof given === "object" && given !== null ? given : { maxWorkers: given }) as O;
}

/** Pools that were let go without a shutdown. */
const letGo: FinalizationRegistry<Pool> = new FinalizationRegistry((pool) => pool.shutdown({ wait: false }));

/** What a program holds of a pool. The workers hold the pool itself, so that it can be shut down when the program lets this go. */
export abstract class PoolExecutor<P extends Pool> extends BaseExecutor {
  /** @internal */
  readonly _pool: P;

  constructor(pool: P) {
    super();
    this._pool = pool;
    letGo.register(this, pool);
  }

  submit<A extends unknown[], R>(job: Job<A, R>, ...args: A): Future<Awaited<R>> {
    return this._pool.submit("submit(fn, ...args)", job, args);
  }

  /** Takes no more calls. CPython: `Executor.shutdown`. */
  shutdown(options?: ShutdownOptions): void {
    this._pool.shutdown(options);
  }

  join(): Future<void> {
    return this._pool.join();
  }

  /** At most so many workers. */
  get maxWorkers(): number {
    return this._pool.maxWorkers;
  }

  override toString(): string {
    return `<${this._pool}>`;
  }
}

inspectable(PoolExecutor);

export function checkCount(name: string, value: unknown): number {
  if (typeof value !== "number" || !Number.isInteger(value)) {
    throw new TypeError(`${name} must be a whole number, got ${describe(value)}`);
  }
  if (value <= 0) throw new RangeError(`${name} must be greater than 0, got ${value}`);
  return value;
}

/** What a dead worker is said to have died of. */
export function causeOfDeath(
  code: number | null,
  signal: string | null,
  isBusy: boolean,
  failure: string | null,
): string {
  const end =
    signal !== null
      ? `was killed by ${signal}`
      : code === null
        ? "could not be started"
        : `exited with code ${code}`;
  return `${end}${isBusy ? " in the middle of a call" : ""}${failure === null ? "" : `: ${failure}`}`;
}
