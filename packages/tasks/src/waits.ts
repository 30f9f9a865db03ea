/**
 * Waiting for several futures, or for one in another way. CPython: the second half of `tasks`; gather and as_completed have files of their own.
 *
 * shield starts at once and gives a future; wait, waitFor and cancelAndWait are coroutines and do nothing before `yield*`.
 */
import type { AbstractTask, Awaitable, BaseEventLoop, Coroutine } from "@aioloop/loop";
import {
  CancelledError,
  ensureFuture,
  Future,
  futureAddToAwaitedBy,
  futureDiscardFromAwaitedBy,
  getRunningLoop,
  iscoroutine,
  isfuture,
  RuntimeError,
  TimeoutError,
} from "@aioloop/loop";
import { describe, Failed, isThenable, Needs } from "@aioloop/loop/kernel";
import { listOf } from "./awaitables.ts";
import { coroutine } from "./coroutines.ts";
import { currentTask } from "./current-tasks.ts";
import { asyncWith } from "./managers.ts";

import { Task } from "./tasks.ts";

import { checkSeconds, timeout as timeoutAfter } from "./timeouts.ts";

export const FIRST_COMPLETED = "FIRST_COMPLETED";
export const FIRST_EXCEPTION = "FIRST_EXCEPTION";
export const ALL_COMPLETED = "ALL_COMPLETED";
export type ReturnWhen = typeof FIRST_COMPLETED | typeof FIRST_EXCEPTION | typeof ALL_COMPLETED;

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
  const text = () => `wait for ${returnWhen} of ${futures.size}`;
  const endedBy = returnWhen === ALL_COMPLETED ? "all" : "any";
  const waiter = loop.createFuture(new Needs(text, futures, endedBy));
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

// ---- cancelAndWait

/**
 * Cancels a task (or a future) and waits until it has ended, however it ends; true if it ended cancelled. Its exception, if it has
 * one, is not thrown: `task.exception()` gives it. A CancelledError that comes out of here is the caller's own.
 * `task.cancel(); try { yield* task } …` cannot tell the two (gh-103486).
 * @throws RuntimeError for the task that calls: it would wait for itself. CPython: `tasks._cancel_and_wait`, which is private.
 */
export function cancelAndWait(task: Future<unknown>, msg: string | null = null): Coroutine<boolean> {
  if (!isfuture(task)) throw new TypeError(`cancelAndWait(task): a task or future, got ${describe(task)}`);
  return endOf(task, msg);
}

const endOf = coroutine(function* cancelAndWait(task: Future<unknown>, msg: string | null) {
  if (task.done()) return task.cancelled();
  if ((task as unknown) === currentTask())
    throw new RuntimeError(`cancelAndWait(${task}): a task cannot wait for its own end. cancel() it`);
  // Not `yield* task`: a private future can be cancelled without cancelling the task once more, and throws nothing of its.
  const text = () => `the end of ${describe(task)}`;
  const waiter = getRunningLoop().createFuture(new Needs(text, [task], "all"));
  const onDone = () => release(waiter);
  task.addDoneCallback(onDone);
  try {
    task.cancel(msg);
    yield* waiter;
  } finally {
    task.removeDoneCallback(onDone);
  }
  return task.cancelled();
});

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
    subject: new Needs(
      () => (inner instanceof Task ? `task ${inner.getName()}, shielded` : "a shielded future"),
      [inner],
      "all",
    ),
  });
  const task = currentTaskOf(loop);
  const forgetTask = () => {
    if (task !== null) futureDiscardFromAwaitedBy(inner, task);
  };
  if (task !== null) {
    futureAddToAwaitedBy(inner, task);
    inner.addDoneCallback(forgetTask);
  }
  const onInnerDone = () => {
    if (outer.cancelled()) return;
    if (inner.cancelled()) outer.cancel();
    else if (inner._state === Failed) outer.setException(inner.exception());
    else outer.setResult(inner.result());
  };
  const onOuterDone = () => {
    if (inner.done()) return;
    // An inner one that outlives many shields is not to remember them (gh-155143).
    forgetTask();
    inner.removeDoneCallback(forgetTask);
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
