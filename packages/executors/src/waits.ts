/**
 * Waiting for several calls. CPython: `wait` and `as_completed` of `concurrent.futures._base`.
 *
 * As there they block the thread. For who may not block there are `waitAsync`, whose future can be awaited either way, and the two
 * other iterators of what `asCompleted` gives.
 */
import type { Coroutine } from "@aioloop/loop";
import { _getRunningLoop, wrapFuture } from "@aioloop/loop";
import { describe } from "@aioloop/loop/kernel";
import type { CoroutineIterable, CoroutineIterator } from "@aioloop/tasks";
import { ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION } from "@aioloop/tasks";
import { blockUntil } from "./doorbell.ts";
import { TimeoutError } from "./exceptions.ts";
import { checkTimeout, Future } from "./futures.ts";

export type ReturnWhen = typeof FIRST_COMPLETED | typeof FIRST_EXCEPTION | typeof ALL_COMPLETED;

export interface WaitOptions {
  /** Seconds; null waits without end. */
  timeout?: number | null | undefined;
  returnWhen?: ReturnWhen | undefined;
}

/** What `wait` gives: `const { done, notDone } = wait(fs)`, or `const [done, notDone] = wait(fs)`. CPython: `DoneAndNotDoneFutures`. */
export class DoneAndNotDoneFutures<F> {
  readonly done: Set<F>;
  readonly notDone: Set<F>;

  constructor(done: Set<F>, notDone: Set<F>) {
    this.done = done;
    this.notDone = notDone;
  }

  *[Symbol.iterator](): Generator<Set<F>, void, undefined> {
    yield this.done;
    yield this.notDone;
  }
}

/**
 * Blocks the thread until all of `fs` are done, or as `returnWhen` says, or `timeout` seconds have passed. What is in `fs` twice
 * counts once. @throws TypeError for what is no future of an executor. CPython: `concurrent.futures.wait`.
 */
export function wait<F extends Future<unknown>>(
  fs: Iterable<F>,
  options: WaitOptions = {},
): DoneAndNotDoneFutures<F> {
  const waiting = new Waiting("wait", fs, options);
  try {
    blockUntil(
      () => waiting.isOver,
      options.timeout ?? null,
      () => `wait() for ${waiting.left} futures`,
    );
    return waiting.split();
  } finally {
    waiting.end();
  }
}

/** As `wait`, without blocking: `await waitAsync(fs)`, `yield* wrapFuture(waitAsync(fs))`. */
export function waitAsync<F extends Future<unknown>>(
  fs: Iterable<F>,
  options: WaitOptions = {},
): Future<DoneAndNotDoneFutures<F>> {
  const waiting = new Waiting("waitAsync", fs, options);
  const future = new Future<DoneAndNotDoneFutures<F>>();
  const finish = () => {
    if (!future.done()) future.setResult(waiting.split());
  };
  const { timeout = null } = options;
  const stopTimer = timeout === null || waiting.isOver ? null : later(timeout, finish);
  future.addDoneCallback(() => {
    stopTimer?.();
    waiting.end();
  });
  waiting.whenOver(finish);
  return future;
}

/** @internal Done when `future` is, or after so many seconds. */
export function doneWithin(future: Future<unknown>, seconds: number | null): Future<void> {
  const either = new Future<void>();
  const finish = () => {
    if (!either.done()) either.setResult();
  };
  const stopTimer = seconds === null ? null : later(seconds, finish);
  either.addDoneCallback(() => stopTimer?.());
  future.addDoneCallback(finish);
  return either;
}

/** Counts down to what `returnWhen` asks for. */
class Waiting<F extends Future<unknown>> {
  readonly #futures: Set<F>;
  readonly #takeBack: (() => void)[] = [];
  #onOver: (() => void) | null = null;
  left = 0;
  isOver: boolean;

  constructor(operation: string, fs: Iterable<F>, { timeout, returnWhen = ALL_COMPLETED }: WaitOptions) {
    if (timeout !== null && timeout !== undefined) checkTimeout(`${operation}(fs, { timeout })`, timeout);
    if (returnWhen !== ALL_COMPLETED && returnWhen !== FIRST_COMPLETED && returnWhen !== FIRST_EXCEPTION) {
      throw new RangeError(
        `${operation}(fs, { returnWhen }): FIRST_COMPLETED, FIRST_EXCEPTION or ALL_COMPLETED is required, got ${describe(returnWhen)}`,
      );
    }
    this.#futures = distinct(operation, fs);
    for (const future of this.#futures) future._refresh();
    const pending = [...this.#futures].filter((future) => !future._isSettled());
    this.left = pending.length;
    const isEnough = (future: F) =>
      returnWhen === FIRST_COMPLETED || (returnWhen === FIRST_EXCEPTION && hasFailed(future));
    this.isOver =
      this.left === 0 || [...this.#futures].some((future) => future._isSettled() && isEnough(future));
    if (this.isOver) return;
    for (const future of pending) {
      const onSettled = () => {
        this.left -= 1;
        if (this.left > 0 && !isEnough(future)) return;
        this.isOver = true;
        this.#onOver?.();
      };
      this.#takeBack.push(future._whenSettled(onSettled));
    }
  }

  whenOver(callback: () => void): void {
    if (this.isOver) callback();
    else this.#onOver = callback;
  }

  end(): void {
    for (const takeBack of this.#takeBack.splice(0)) takeBack();
  }

  split(): DoneAndNotDoneFutures<F> {
    for (const future of this.#futures) future._refresh();
    const done = new Set<F>();
    const notDone = new Set<F>();
    for (const future of this.#futures) (future._isSettled() ? done : notDone).add(future);
    return new DoneAndNotDoneFutures(done, notDone);
  }
}

/** What a host's timer can be at most, in seconds: a longer one fires at once. */
const LONGEST_TIMER = (2 ** 31 - 1) / 1000;

/** In a coroutine the loop's clock counts, which also turns where the loop blocks the host's. Returns what stops it. */
function later(seconds: number, callback: () => void): () => void {
  if (seconds === Number.POSITIVE_INFINITY) return () => {};
  const loop = _getRunningLoop();
  if (loop !== null) {
    const timer = loop.callLater(seconds, callback);
    return () => timer.cancel();
  }
  let stop: () => void;
  const next = () => {
    stop = later(seconds - LONGEST_TIMER, callback);
  };
  const timer = setTimeout(
    seconds > LONGEST_TIMER ? next : callback,
    Math.min(seconds, LONGEST_TIMER) * 1000,
  );
  stop = () => clearTimeout(timer);
  return () => stop();
}

function hasFailed(future: Future<unknown>): boolean {
  return future._failed;
}

function distinct<F extends Future<unknown>>(operation: string, fs: Iterable<F>): Set<F> {
  if (typeof (fs as Iterable<F> | null | undefined)?.[Symbol.iterator] !== "function") {
    throw new TypeError(`${operation}(fs): an iterable of futures is required, got ${describe(fs)}`);
  }
  const futures = new Set(fs);
  for (const future of futures) {
    if (!(future instanceof Future)) {
      throw new TypeError(
        `${operation}(fs): futures of an executor are required, got ${describe(future)}. For the futures of a loop there is asyncio's own ${operation}`,
      );
    }
  }
  return futures;
}

/**
 * The futures in the order in which they finish; those that are done come first, what is in `fs` twice comes once.
 *
 *   for (const future of asCompleted(fs)) …                    blocks the thread
 *   for await (const future of asCompleted(fs)) …              does not
 *   yield* asyncFor(asCompleted(fs), function* (future) { … })  nor does this
 *
 * @param options.timeout seconds from the call on; after it the iteration throws TimeoutError
 * CPython: `concurrent.futures.as_completed`.
 */
export function asCompleted<F extends Future<unknown>>(
  fs: Iterable<F>,
  options: { timeout?: number | null | undefined } = {},
): AsCompleted<F> {
  return new AsCompleted(fs, options.timeout ?? null);
}

export class AsCompleted<F extends Future<unknown>>
  implements Iterable<F>, AsyncIterable<F>, CoroutineIterable<F>
{
  readonly #total: number;
  readonly #timeout: number | null;
  readonly #end: number | null;
  /** Finished, not yet given out. */
  readonly #finished: F[] = [];
  /** Not finished, each with what takes its waiter back. */
  readonly #pending: Map<F, () => void> = new Map();
  #onNext: (() => void) | null = null;

  constructor(fs: Iterable<F>, timeout: number | null) {
    if (timeout !== null) checkTimeout("asCompleted(fs, { timeout })", timeout);
    const futures = distinct("asCompleted", fs);
    this.#total = futures.size;
    this.#timeout = timeout;
    this.#end = timeout === null ? null : performance.now() + timeout * 1000;
    // To look at one may have others end: all are asked first, and then as they stand.
    for (const future of futures) future._refresh();
    for (const future of futures) {
      if (future._isSettled()) {
        this.#finished.push(future);
        continue;
      }
      const onSettled = () => {
        this.#pending.delete(future);
        this.#finished.push(future);
        this.#onNext?.();
      };
      this.#pending.set(future, future._whenSettled(onSettled));
    }
  }

  *[Symbol.iterator](): Generator<F, void, undefined> {
    try {
      for (;;) {
        const next = this.#finished.shift();
        if (next !== undefined) yield next;
        else if (this.#pending.size === 0) return;
        else if (
          !blockUntil(
            () => this.#finished.length > 0,
            this.#left(),
            () => "asCompleted()",
          )
        )
          throw this.#late();
      }
    } finally {
      this.#close();
    }
  }

  /** Made by hand: an async generator would await the futures that it yields. */
  [Symbol.asyncIterator](): AsyncIterator<F, undefined> {
    return {
      next: async () => {
        for (;;) {
          const next = this.#take();
          if (next !== null) return next;
          try {
            await this.#next();
          } catch (error) {
            this.#close();
            throw error;
          }
        }
      },
      return: async () => {
        this.#close();
        return { done: true, value: undefined };
      },
    };
  }

  /** For `asyncFor`. */
  aiter(): CoroutineIterator<F> {
    const anext = this.#anext.bind(this);
    const close = this.#close.bind(this);
    return {
      anext,
      *aclose() {
        close();
      },
    };
  }

  *#anext(): Coroutine<IteratorResult<F, undefined>> {
    for (;;) {
      const next = this.#take();
      if (next !== null) return next;
      try {
        yield* wrapFuture(this.#next());
      } catch (error) {
        this.#close();
        throw error;
      }
    }
  }

  /** One that has finished, or the end; null: it has to be waited for. */
  #take(): IteratorResult<F, undefined> | null {
    const next = this.#finished.shift();
    if (next !== undefined) return { done: false, value: next };
    return this.#pending.size === 0 ? { done: true, value: undefined } : null;
  }

  /** Done when one more has finished. @throws TimeoutError through the future */
  #next(): Future<void> {
    const next = new Future<void>();
    const left = this.#left();
    const stopTimer = left === null ? null : later(left, () => next.setException(this.#late()));
    this.#onNext = () => {
      if (!next.done()) next.setResult();
    };
    next.addDoneCallback(() => {
      this.#onNext = null;
      stopTimer?.();
    });
    return next;
  }

  #left(): number | null {
    return this.#end === null ? null : Math.max((this.#end - performance.now()) / 1000, 0);
  }

  #late(): TimeoutError {
    return new TimeoutError(
      `asCompleted(fs, { timeout: ${this.#timeout} }): ${this.#pending.size} (of ${this.#total}) futures unfinished`,
    );
  }

  #close(): void {
    for (const takeBack of this.#pending.values()) takeBack();
    this.#pending.clear();
    this.#finished.length = 0;
  }
}
