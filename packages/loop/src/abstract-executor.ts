/**
 * What a loop needs of an executor: types only, for executors are a package of their own, above this one.
 * CPython: `concurrent.futures._base`, as far as `base_events` and `futures` use it.
 */
import type { Source } from "./selectors/source.ts";

/** A function of a module, by reference: a worker imports the module and calls the export. Made by `workerFunction`. */
export interface WorkerFunction<A extends unknown[] = never[], R = unknown> {
  /** The module, as `import()` takes it. */
  readonly url: string;
  /** The export. */
  readonly exportName: string;
  /** @internal never there: it carries the types */
  readonly _call?: (...args: A) => R;
}

/** What can be sent to a worker: a function of a module by reference, or one that reaches for nothing outside itself. */
export type WorkerCallable<A extends unknown[], R> = ((...args: A) => R) | WorkerFunction<A, R>;

/** A call's keywords: they travel with the function. */
export interface JobOptions<A extends unknown[], R> {
  fn: WorkerCallable<A, R>;
  /** Buffers and ports that are moved to the worker, not copied: the caller's are empty afterwards. */
  transfer?: readonly object[] | undefined;
  /** "terminate": a cancellation stops the worker in the middle of the call, and another takes its place. */
  cancel?: "terminate" | undefined;
}

/** What `submit` and `runInExecutor` call. */
export type Job<A extends unknown[], R> = WorkerCallable<A, R> | JobOptions<A, R>;

/** The future of an executor, known by its shape. CPython: `concurrent.futures.Future`. */
export interface ExecutorFuture<T> extends PromiseLike<T> {
  /** Rings when it may be done, also while the thread blocks; without one, a thread must not block for it. */
  readonly source?: Source | null;
  cancel(): boolean;
  cancelled(): boolean;
  running(): boolean;
  done(): boolean;
  /** The result, waited for up to `timeout` seconds; throws what the call threw. */
  result(timeout?: number | null): T;
  /** What the call threw, null if it returned; waited for up to `timeout` seconds. */
  exception(timeout?: number | null): unknown;
  addDoneCallback(callback: (future: ExecutorFuture<T>) => unknown): void;
}

/** What `runInExecutor` and `setDefaultExecutor` take. CPython: `concurrent.futures.Executor`. */
export interface AbstractExecutor {
  submit<A extends unknown[], R>(job: Job<A, R>, ...args: A): ExecutorFuture<Awaited<R>>;
  shutdown(options?: { wait?: boolean | undefined; cancelFutures?: boolean | undefined }): void;
  /** Done when the executor was shut down and all of its workers have ended. */
  join(): ExecutorFuture<void>;
}
