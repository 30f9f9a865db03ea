/**
 * Executor: who calls functions elsewhere. CPython: `concurrent.futures._base.Executor`.
 *
 * An interface, for pools of other kinds (on other machines, say). BaseExecutor has all of it that can be had from `submit`,
 * `shutdown` and `join`; docs/executors.md says what those three must do, and `executorTests` of the test suite checks it.
 */
import type { AbstractExecutor, Coroutine, Job, WorkerCallable } from "@aioloop/loop";
import { wrapFuture } from "@aioloop/loop";
import type { Manager } from "@aioloop/tasks";
import type { Future } from "./futures.ts";
import type { MapOptions, Mapping, MapResults } from "./maps.ts";
import { mapOver } from "./maps.ts";

export interface ShutdownOptions {
  /** Block until all calls and workers have ended. Default: true. */
  wait?: boolean | undefined;
  /** Cancel the calls that have not begun. Default: false. */
  cancelFutures?: boolean | undefined;
}

/** The iterables that go with a function's parameters. */
export type Iterables<A extends unknown[]> = { [K in keyof A]: Iterable<A[K]> };

export interface Executor extends AbstractExecutor, Manager<Executor>, Disposable, AsyncDisposable {
  /**
   * Calls `fn(...args)` in a worker. Keywords travel with the function: `submit({ fn, transfer, cancel }, ...args)`.
   * @throws RuntimeError after shutdown, BrokenExecutor if the executor is broken, TypeError for what cannot be called there.
   * What cannot be copied fails the future. CPython: `Executor.submit`.
   */
  submit<A extends unknown[], R>(job: Job<A, R>, ...args: A): Future<Awaited<R>>;
  /**
   * Calls `fn` with the items of the iterables, and gives its results in that order. Items are read and calls made at once, or
   * `buffersize` ahead. Keywords travel with the function: `map({ fn, timeout, chunksize, buffersize }, items)`.
   * CPython: `Executor.map`.
   */
  map<A extends unknown[], R>(
    fn: WorkerCallable<A, R> | MapOptions<A, R>,
    ...iterables: Iterables<A>
  ): MapResults<Awaited<R>>;
  /** Takes no more calls; those that are there are made. CPython: `Executor.shutdown`. */
  shutdown(options?: ShutdownOptions): void;
  /** Done when the executor was shut down and its workers have ended. `join().result()` blocks, `await join()` does not. */
  join(): Future<void>;
}

export abstract class BaseExecutor implements Executor {
  abstract submit<A extends unknown[], R>(job: Job<A, R>, ...args: A): Future<Awaited<R>>;
  abstract shutdown(options?: ShutdownOptions): void;
  abstract join(): Future<void>;

  map<A extends unknown[], R>(
    fn: WorkerCallable<A, R> | MapOptions<A, R>,
    ...iterables: Iterables<A>
  ): MapResults<Awaited<R>> {
    return mapOver<A, R>(this._mapping(), fn, iterables as readonly Iterable<unknown>[]);
  }

  /** @internal How `map` makes its calls: one for each item. */
  _mapping(): Mapping {
    return {
      chunks: false,
      submit: (fn, args) => this.submit(fn as WorkerCallable<unknown[], unknown>, ...args),
    };
  }

  /** `using pool = …`: blocks at the end of the block until all calls have ended. CPython: `with`. */
  [Symbol.dispose](): void {
    this.shutdown();
  }

  /** `await using pool = …`: waits at the end of the block without blocking. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.shutdown({ wait: false });
    await this.join();
  }

  /** For `asyncWith`, which waits at its end without blocking. */
  *aenter(): Coroutine<this> {
    return this;
  }

  *aexit(): Coroutine<void> {
    this.shutdown({ wait: false });
    yield* wrapFuture(this.join());
  }
}
