/**
 * asCompleted: several awaitables at the same time, as they finish. CPython: `tasks.as_completed`.
 *
 * With a `limit`, which CPython has not (gh-74965), the next one is started when one is done, and the iterable is read only
 * then.
 */
import type { Awaitable, BaseEventLoop, Coroutine, Future, Resolved, TimerHandle } from "@aioloop/loop";
import { ensureFuture, getEventLoop, TimeoutError } from "@aioloop/loop";
import { checkLimit, listOf, Reading } from "./awaitables.ts";
import { coroutine } from "./coroutines.ts";
import type { CoroutineIterable, CoroutineIterator } from "./managers.ts";
import { Queue } from "./queues.ts";
import { isShared } from "./sleep.ts";
import { checkSeconds } from "./timeouts.ts";

export interface AsCompletedOptions {
  /** Seconds for all of them together; null: without end. */
  timeout?: number | null | undefined;
  /** At most so many run at the same time; the iterable is read as they are started. By default all are started at once. */
  limit?: number | undefined;
}

/**
 * Runs awaitables at the same time and gives them as they finish: `for` gives coroutines to await, each the next one's
 * result; `asyncFor` gives the original futures. After the timeout each that is missing is a TimeoutError; with `limit` those that
 * have not been started are one together.
 * @throws TypeError for a single awaitable, RangeError for a limit below 1. CPython: `tasks.as_completed`.
 */
export function asCompleted<A extends Awaitable<unknown>>(
  awaitables: Iterable<A>,
  options?: AsCompletedOptions,
): Iterable<Coroutine<Resolved<A>>> & CoroutineIterable<Future<Resolved<A>>> {
  const { timeout = null, limit } = options ?? {};
  checkSeconds("asCompleted(awaitables, { timeout })", "timeout", timeout);
  if (limit === undefined) {
    const all = listOf("asCompleted([a(), b()])", awaitables);
    return new AsCompleted(new Reading("", all) as Items<A>, timeout, Number.POSITIVE_INFINITY);
  }
  const usage = "asCompleted(awaitables, { limit })";
  checkLimit(usage, limit);
  return new AsCompleted(new Reading(usage, awaitables) as Items<A>, timeout, limit);
}

type Items<A extends Awaitable<unknown>> = Reading<Awaitable<Resolved<A>>>;

/** One that is done; null where the timeout was faster; or what the iterable threw when it was read. */
type Arrival<T> = Future<T> | null | { readonly error: unknown };

/**
 * Leaving it early undoes nothing: those that run go on, as in CPython. With a limit no more begin then, but for those that were
 * promised. CPython: `tasks._AsCompletedIterator`.
 */
class AsCompleted<T> implements Iterable<Coroutine<T>>, Iterator<Coroutine<T>>, CoroutineIterator<Future<T>> {
  readonly #arrivals: Queue<Arrival<T>> = new Queue();
  readonly #running: Set<Future<T>> = new Set();
  readonly #seen: Set<unknown> = new Set();
  readonly #items: Reading<Awaitable<T>>;
  readonly #limit: number;
  readonly #loop: BaseEventLoop;
  /** Read, and not started: one is promised to `next` before there is room for it. */
  readonly #ahead: Awaitable<T>[] = [];
  /** How many more arrivals there will be than have been promised; less than 0 with a limit, while they stand in `#ahead`. */
  #left = 0;
  #timer: TimerHandle | null = null;
  readonly #onDone = (future: Future<T>): void => {
    if (!this.#running.delete(future)) return; // the timeout was faster
    this.#arrivals.putNowait(future);
    try {
      this.#fill();
    } catch (error) {
      this.#giveUp({ error });
    }
    if (this.#running.size === 0) this.#timer?.cancel();
  };

  constructor(items: Reading<Awaitable<T>>, timeout: number | null, limit: number) {
    this.#items = items;
    this.#limit = limit;
    this.#loop = getEventLoop();
    this.#fill();
    if (this.#running.size > 0 && timeout !== null && timeout !== Number.POSITIVE_INFINITY) {
      this.#timer = this.#loop.callLater(timeout, () => this.#onTimeout());
    }
  }

  /** Starts as many as there is room for. */
  #fill(): void {
    const started: Future<T>[] = [];
    while (this.#running.size < this.#limit && this.#readAhead(1)) {
      const future = this.#start(this.#ahead.shift() as Awaitable<T>);
      this.#running.add(future);
      this.#left += 1;
      started.push(future);
    }
    for (const future of started) future.addDoneCallback(this.#onDone);
  }

  #start(item: Awaitable<T>): Future<T> {
    try {
      return ensureFuture(item, { loop: this.#loop });
    } catch (error) {
      this.#items.close(this.#loop);
      throw error;
    }
  }

  /** Whether so many that have not been started follow. What came before is passed over: it runs once. */
  #readAhead(count: number): boolean {
    while (this.#ahead.length < count) {
      const next = this.#items.read();
      if (next === null) return false;
      if (!isShared(next.item) && this.#seen.has(next.item)) continue;
      this.#seen.add(next.item);
      this.#ahead.push(next.item);
    }
    return true;
  }

  /** How many were promised and have not been started. */
  #promised(): number {
    return Math.max(0, -this.#left);
  }

  /** No more begin: `arrival` is for each that was promised, or for the next one. */
  #giveUp(arrival: Arrival<T>): void {
    for (let count = Math.max(1, this.#promised()); count > 0; count--) {
      this.#arrivals.putNowait(arrival);
      this.#left += 1;
    }
    this.#ahead.length = 0;
    this.#items.close(this.#loop);
  }

  #onTimeout(): void {
    for (const future of this.#running) {
      future.removeDoneCallback(this.#onDone);
      this.#arrivals.putNowait(null);
    }
    this.#running.clear();
    if (this.#ahead.length > 0 || !this.#items.isOver) this.#giveUp(null);
  }

  /** Nobody will ask for more. */
  #leave(): void {
    this.#ahead.length = Math.min(this.#ahead.length, this.#promised());
    this.#items.close(this.#loop);
  }

  [Symbol.iterator](): this {
    return this;
  }

  aiter(): this {
    return this;
  }

  #promise(): boolean {
    if (this.#left <= 0 && !this.#readAhead(1 - this.#left)) return false;
    this.#left -= 1;
    return true;
  }

  next(): IteratorResult<Coroutine<T>> {
    if (!this.#promise()) return { value: undefined, done: true };
    return { value: nextResult(this.#arrivals), done: false };
  }

  return(): IteratorResult<Coroutine<T>> {
    this.#leave();
    return { value: undefined, done: true };
  }

  *anext(): Coroutine<IteratorResult<Future<T>>> {
    if (!this.#promise()) return { value: undefined, done: true };
    try {
      return { value: yield* nextDone(this.#arrivals), done: false };
    } catch (error) {
      this.#leave();
      throw error;
    }
  }

  *aclose(): Coroutine<void> {
    this.#leave();
  }
}

function* nextDone<T>(arrivals: Queue<Arrival<T>>): Coroutine<Future<T>> {
  const arrival = yield* arrivals.get();
  if (arrival === null) throw new TimeoutError("asCompleted: the timeout was faster");
  if ("error" in arrival) throw arrival.error;
  return arrival;
}

const nextResult: <T>(arrivals: Queue<Arrival<T>>) => Coroutine<T> = coroutine(function* asCompleted<T>(
  arrivals: Queue<Arrival<T>>,
) {
  return (yield* nextDone(arrivals)).result();
});
