/**
 * Waiting for several awaitables, or for one in another way. CPython: the second half of `tasks`.
 *
 * gather and shield start at once and give a future; wait and waitFor are coroutines and do nothing before `yield*`.
 */
import type { AbstractTask, Awaitable, BaseEventLoop, Coroutine, Resolved, TimerHandle } from "@aioloop/loop";
import {
  CancelledError,
  ensureFuture,
  Future,
  futureAddToAwaitedBy,
  futureDiscardFromAwaitedBy,
  getEventLoop,
  getRunningLoop,
  iscoroutine,
  isfuture,
  TimeoutError,
} from "@aioloop/loop";
import { describe, Failed, isThenable } from "@aioloop/loop/kernel";
import { coroutine, isGenerator } from "./coroutines.ts";
import type { CoroutineIterable, CoroutineIterator } from "./managers.ts";
import { asyncWith } from "./managers.ts";
import { Queue } from "./queues.ts";
import { isShared } from "./sleep.ts";
import { currentTask, isFreshCoroutine, Task } from "./tasks.ts";
import { checkSeconds, timeout as timeoutAfter } from "./timeouts.ts";

export const FIRST_COMPLETED = "FIRST_COMPLETED";
export const FIRST_EXCEPTION = "FIRST_EXCEPTION";
export const ALL_COMPLETED = "ALL_COMPLETED";
export type ReturnWhen = typeof FIRST_COMPLETED | typeof FIRST_EXCEPTION | typeof ALL_COMPLETED;

// ---- gather

export interface GatherOptions {
  /** Exceptions come as results instead of ending the whole. */
  returnExceptions?: boolean | undefined;
}

/** What gather returns. Cancelling it cancels the children; it is done when they are. CPython: `tasks._GatheringFuture`. */
class GatheringFuture<T> extends Future<T> {
  readonly #children: readonly Future<unknown>[];
  _isCancelRequested = false;

  constructor(children: readonly Future<unknown>[], loop: BaseEventLoop) {
    super({ loop, subject: `gather of ${children.length}` });
    this.#children = children;
  }

  override cancel(msg: string | null = null): boolean {
    if (this.done()) return false;
    let isAny = false;
    for (const child of this.#children) if (child.cancel(msg)) isAny = true;
    // If every child refuses, it is about to be done anyway.
    if (isAny) this._isCancelRequested = true;
    return isAny;
  }
}

/**
 * Runs awaitables at the same time and gives their results in order; the same one twice runs once.
 * The first exception becomes the result at once, the others run on; with `returnExceptions` exceptions are results.
 * @throws TypeError for what cannot be awaited. CPython: `tasks.gather`.
 */
export function gather<const A extends readonly Awaitable<unknown>[]>(
  awaitables: A,
  options?: GatherOptions & { returnExceptions?: false | undefined },
): Future<{ -readonly [K in keyof A]: Resolved<A[K]> }>;
export function gather<const A extends readonly Awaitable<unknown>[]>(
  awaitables: A,
  options: GatherOptions,
): Future<{ -readonly [K in keyof A]: Resolved<A[K]> | Error }>;
export function gather<T>(
  awaitables: Iterable<Awaitable<T>>,
  options?: GatherOptions & { returnExceptions?: false | undefined },
): Future<T[]>;
export function gather<T>(awaitables: Iterable<Awaitable<T>>, options: GatherOptions): Future<(T | Error)[]>;
export function gather(awaitables: Iterable<Awaitable<unknown>>, options?: GatherOptions): Future<unknown> {
  const items = listOf("gather([a(), b()])", awaitables);
  const returnExceptions = options?.returnExceptions === true;
  if (items.length === 0) {
    const empty = new Future<unknown[]>({ loop: getEventLoop() });
    empty.setResult([]);
    return empty;
  }
  const where: { loop: BaseEventLoop | null } = { loop: null };
  let distinct = 0;
  let finished = 0;
  let outer: GatheringFuture<unknown[]> | null = null;
  const children: Future<unknown>[] = [];
  const doneAlready: Future<unknown>[] = [];

  const onDone = (child: Future<unknown>): void => {
    finished += 1;
    // Null: a child that was done in its eager start, and is looked at below (bpo-46672).
    if (outer === null || outer.done()) {
      child._retrieve();
      return;
    }
    if (!returnExceptions) {
      if (child.cancelled()) {
        // Not outer.cancel(): that one was cancelled does not mean that the whole was.
        outer.setException(child._makeCancelledError());
        return;
      }
      if (child._state === Failed) {
        outer.setException(child.exception());
        return;
      }
    }
    if (finished < distinct) return;
    const results = children.map((one) => {
      if (one.cancelled()) return new CancelledError(one._cancelMessage ?? "");
      return one._state === Failed ? one.exception() : one.result();
    });
    // CPython takes the error of the last child in the list, whichever finished last.
    const last = children[children.length - 1] as Future<unknown>;
    if (outer._isCancelRequested) outer.setException(last._makeCancelledError());
    else outer.setResult(results);
  };

  // A coroutine that no task has taken cannot have been here before: only for the others is it worth keeping a map.
  let others: Map<unknown, Future<unknown>> | null = null;
  const duplicateOf = (item: unknown): Future<unknown> | undefined => {
    if (isFreshCoroutine(item) || isShared(item)) return undefined;
    others ??= new Map(children.map((child, i) => [items[i], child]));
    return others.get(item);
  };

  for (const item of items) {
    let future = duplicateOf(item);
    if (future === undefined) {
      future = ensureFuture(item, where);
      where.loop ??= future.getLoop();
      if (future !== item && future instanceof Task) future._logDestroyPending = false;
      distinct += 1;
      if (future.done()) doneAlready.push(future);
      else future.addDoneCallback(onDone);
      if (others !== null) (others as Map<unknown, Future<unknown>>).set(item, future);
    }
    children.push(future);
  }
  outer = new GatheringFuture(children, where.loop as BaseEventLoop);
  for (const child of doneAlready) onDone(child);
  return outer;
}

// ---- wait

export interface WaitOptions {
  /** Seconds; null: without end. */
  timeout?: number | null | undefined;
  /** FIRST_COMPLETED, FIRST_EXCEPTION or ALL_COMPLETED (the default). */
  returnWhen?: ReturnWhen | undefined;
}

/**
 * Waits for futures until all of them, or the first, are done, or the time is over. Cancels nothing and throws nothing of
 * theirs. Takes futures and tasks only: who gave a coroutine could not find it again among the results.
 * @throws RangeError for none or a wrong `returnWhen`, TypeError for coroutines and promises. CPython: `tasks.wait`.
 */
export const wait: <F extends Future<unknown>>(
  futures: Iterable<F>,
  options?: WaitOptions,
) => Coroutine<[done: Set<F>, pending: Set<F>]> = coroutine(function* wait<F extends Future<unknown>>(
  futures: Iterable<F>,
  options?: WaitOptions,
) {
  const { timeout = null, returnWhen = ALL_COMPLETED } = options ?? {};
  const all = new Set(listOf("wait([task, …])", futures));
  if (all.size === 0)
    throw new RangeError(
      "wait(futures): the set of tasks and futures is empty, there is nothing to wait for",
    );
  if (returnWhen !== FIRST_COMPLETED && returnWhen !== FIRST_EXCEPTION && returnWhen !== ALL_COMPLETED) {
    throw new RangeError(
      `wait(futures, { returnWhen }): FIRST_COMPLETED, FIRST_EXCEPTION or ALL_COMPLETED, got ${describe(returnWhen)}`,
    );
  }
  checkSeconds("wait(futures, { timeout })", "timeout", timeout);
  for (const one of all) {
    if (isfuture(one)) continue;
    const instead = iscoroutine(one)
      ? "createTask(coroutine)"
      : isThenable(one)
        ? "wrapFuture(promise)"
        : "tasks or futures";
    throw new TypeError(
      `wait(futures): takes futures and tasks only, got ${describe(one)}. Write ${instead}, and keep it to find it in the result`,
    );
  }
  return yield* waitForAny(all, timeout, returnWhen);
});

/** CPython: `tasks._wait`. */
function* waitForAny<F extends Future<unknown>>(
  futures: Set<F>,
  timeout: number | null,
  returnWhen: ReturnWhen,
): Coroutine<[done: Set<F>, pending: Set<F>]> {
  const loop = getRunningLoop();
  const task = currentTask();
  const waiter = loop.createFuture(`wait for ${returnWhen} of ${futures.size}`);
  const timer =
    timeout === null || timeout === Number.POSITIVE_INFINITY
      ? null
      : loop.callLater(timeout, release, waiter);
  let left = futures.size;
  const onDone = (future: Future<unknown>): void => {
    left -= 1;
    const isFailed = future._state === Failed;
    if (isFailed && returnWhen === FIRST_EXCEPTION) future._retrieve();
    if (left <= 0 || returnWhen === FIRST_COMPLETED || (returnWhen === FIRST_EXCEPTION && isFailed)) {
      timer?.cancel();
      release(waiter);
    }
    if (task !== null) futureDiscardFromAwaitedBy(future, task);
  };
  for (const future of futures) {
    future.addDoneCallback(onDone);
    if (task !== null) futureAddToAwaitedBy(future, task);
  }
  try {
    yield* waiter;
  } finally {
    timer?.cancel();
    for (const future of futures) {
      future.removeDoneCallback(onDone);
      if (task !== null) futureDiscardFromAwaitedBy(future, task);
    }
  }
  const done = new Set<F>();
  const pending = new Set<F>();
  for (const future of futures) (future.done() ? done : pending).add(future);
  return [done, pending];
}

/** CPython: `tasks._release_waiter`. */
function release(waiter: Future<void>): void {
  if (!waiter.done()) waiter.setResult();
}

// ---- waitFor

/**
 * Awaits with a time limit in seconds (null: none), in the caller's own task. When the time is over it cancels, waits until that is
 * done, and throws a TimeoutError; code that catches the cancellation and returns has its value returned instead.
 * With a limit of 0 or less a coroutine is not even started. CPython: `tasks.wait_for`.
 */
export const waitFor: <T>(awaitable: Awaitable<T>, timeout: number | null) => Coroutine<T> = coroutine(
  function* waitFor<T>(awaitable: Awaitable<T>, timeout: number | null): Coroutine<T> {
    checkSeconds("waitFor(awaitable, timeout)", "timeout", timeout);
    if (timeout !== null && timeout <= 0) {
      const future = ensureFuture(awaitable);
      if (future.done()) return future.result();
      yield* cancelAndWait(future);
      try {
        return future.result();
      } catch (error) {
        if (error instanceof CancelledError) throw new TimeoutError("", { cause: error });
        throw error;
      }
    }
    const target = iscoroutine(awaitable) ? (awaitable as Coroutine<T>) : ensureFuture(awaitable);
    return yield* asyncWith(timeoutAfter(timeout), function* () {
      return yield* target;
    });
  },
);

/** Waits for a private future, so as to be cancellable itself. CPython: `tasks._cancel_and_wait`. */
function* cancelAndWait(future: Future<unknown>): Coroutine<void> {
  const waiter = getRunningLoop().createFuture("the end of what was cancelled");
  const onDone = () => release(waiter);
  future.addDoneCallback(onDone);
  try {
    future.cancel();
    yield* waiter;
  } finally {
    future.removeDoneCallback(onDone);
  }
}

// ---- shield

/**
 * Awaits something without passing a cancellation on to it: who awaits the result can be cancelled, the inner one runs on.
 * If it fails after that, its exception is reported. CPython: `tasks.shield`.
 */
export function shield<T>(awaitable: Awaitable<T>): Future<T> {
  const inner = ensureFuture(awaitable);
  if (inner.done()) return inner;
  const loop = inner.getLoop();
  const outer = new Future<T>({
    loop,
    subject: inner instanceof Task ? `task ${inner.getName()}, shielded` : "a shielded future",
  });
  const task = currentTaskOf(loop);
  if (task !== null) {
    futureAddToAwaitedBy(inner, task);
    inner.addDoneCallback(() => futureDiscardFromAwaitedBy(inner, task));
  }
  const onInnerDone = () => {
    if (outer.cancelled()) return;
    if (inner.cancelled()) outer.cancel();
    else if (inner._state === Failed) outer.setException(inner.exception());
    else outer.setResult(inner.result());
  };
  const onOuterDone = () => {
    if (inner.done()) return;
    if (task !== null) futureDiscardFromAwaitedBy(inner, task);
    inner.removeDoneCallback(onInnerDone);
    inner.removeDoneCallback(reportFailure);
    inner.addDoneCallback(reportFailure);
  };
  inner.addDoneCallback(onInnerDone);
  outer.addDoneCallback(onOuterDone);
  return outer;
}

function currentTaskOf(loop: BaseEventLoop): AbstractTask | null {
  return loop._currentTask;
}

/** Nobody waits for the inner one any more (gh-86802). CPython: `tasks._log_on_exception`. */
function reportFailure(future: Future<unknown>): void {
  if (future._state !== Failed) return;
  const exception = future.exception();
  const kind = exception instanceof Error ? exception.name : typeof exception;
  future
    .getLoop()
    .callExceptionHandler({ message: `${kind} exception in shielded future`, exception, future });
}

// ---- asCompleted

export interface AsCompletedOptions {
  /** Seconds for all of them together; null: without end. */
  timeout?: number | null | undefined;
}

/**
 * Runs awaitables at the same time and gives them as they finish: `for` gives coroutines to await, each the next one's
 * result; `asyncFor` gives the original futures. After the timeout each that is missing is a TimeoutError.
 * @throws TypeError for a single awaitable. CPython: `tasks.as_completed`.
 */
export function asCompleted<T>(
  awaitables: Iterable<Awaitable<T>>,
  options?: AsCompletedOptions,
): Iterable<Coroutine<T>> & CoroutineIterable<Future<T>> {
  const timeout = options?.timeout ?? null;
  checkSeconds("asCompleted(awaitables, { timeout })", "timeout", timeout);
  return new AsCompleted<T>(listOf("asCompleted([a(), b()])", awaitables), timeout);
}

/** CPython: `tasks._AsCompletedIterator`. Leaving it early undoes nothing: the others run on, as there. */
class AsCompleted<T> implements Iterable<Coroutine<T>>, Iterator<Coroutine<T>>, CoroutineIterator<Future<T>> {
  /** In order of completion; null once for each that the timeout was faster than. */
  readonly #done: Queue<Future<T> | null> = new Queue();
  readonly #todo: Set<Future<T>>;
  #left: number;
  #timer: TimerHandle | null = null;
  readonly #onDone = (future: Future<T>): void => {
    if (this.#todo.size === 0) return; // the timeout was faster
    this.#todo.delete(future);
    this.#done.putNowait(future);
    if (this.#todo.size === 0) this.#timer?.cancel();
  };

  constructor(awaitables: readonly Awaitable<T>[], timeout: number | null) {
    const loop = getEventLoop();
    this.#todo = new Set(distinct(awaitables).map((one) => ensureFuture(one, { loop })));
    for (const future of this.#todo) future.addDoneCallback(this.#onDone);
    this.#left = this.#todo.size;
    if (this.#left > 0 && timeout !== null && timeout !== Number.POSITIVE_INFINITY) {
      this.#timer = loop.callLater(timeout, () => this.#onTimeout());
    }
  }

  #onTimeout(): void {
    for (const future of this.#todo) {
      future.removeDoneCallback(this.#onDone);
      this.#done.putNowait(null);
    }
    this.#todo.clear();
  }

  [Symbol.iterator](): this {
    return this;
  }

  aiter(): this {
    return this;
  }

  next(): IteratorResult<Coroutine<T>> {
    if (this.#left === 0) return { value: undefined, done: true };
    this.#left -= 1;
    return { value: nextResult(this.#done), done: false };
  }

  *anext(): Coroutine<IteratorResult<Future<T>>> {
    if (this.#left === 0) return { value: undefined, done: true };
    this.#left -= 1;
    return { value: yield* nextDone(this.#done), done: false };
  }
}

function* nextDone<T>(done: Queue<Future<T> | null>): Coroutine<Future<T>> {
  const future = yield* done.get();
  if (future === null) throw new TimeoutError("asCompleted: the timeout was faster");
  return future;
}

const nextResult: <T>(done: Queue<Future<T> | null>) => Coroutine<T> = coroutine(function* asCompleted<T>(
  done: Queue<Future<T> | null>,
) {
  return (yield* nextDone(done)).result();
});

// ----

/** Without duplicates, which run once. */
function distinct<T>(awaitables: readonly Awaitable<T>[]): Awaitable<T>[] {
  const seen = new Set<unknown>();
  return awaitables.filter((one) => {
    const isNew = isShared(one) || !seen.has(one);
    seen.add(one);
    return isNew;
  });
}

/** An iterable as a list: no string, no single awaitable, nothing that is not iterable. */
function listOf<T>(usage: string, given: Iterable<T>): T[] {
  const isSingle = isfuture(given) || iscoroutine(given);
  if (
    !isSingle &&
    typeof given !== "string" &&
    typeof (given as Iterable<T> | null | undefined)?.[Symbol.iterator] === "function"
  ) {
    return [...given];
  }
  let got = describe(given);
  if (isGenerator(given))
    got = "a generator: put it in brackets, or spread it, [...it], if it generates them";
  else if (isSingle) got = `one, ${got}: put it in brackets`;
  throw new TypeError(`${usage}: takes a list of awaitables, got ${got}`);
}
