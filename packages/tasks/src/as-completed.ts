/**
 * asCompleted: several awaitables at the same time, as they finish. CPython: `tasks.as_completed`.
 *
 * With a `limit`, which CPython has not (gh-74965), the next one is started when one is done, and the iterable is read only
 * then.
 */
import type { Awaitable, BaseEventLoop, Coroutine, Future, Resolved, TimerHandle } from "@aioloop/loop";
import { ensureFuture, getEventLoop, TimeoutError } from "@aioloop/loop";
import { checkLimit, iteratorOf, listOf } from "./awaitables.ts";
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
    return new AsCompleted(all[Symbol.iterator]() as Items<A>, timeout, Number.POSITIVE_INFINITY);
  }
  const usage = "asCompleted(awaitables, { limit })";
  checkLimit(usage, limit);
  return new AsCompleted(iteratorOf(usage, awaitables) as Items<A>, timeout, limit);
}

type Items<A extends Awaitable<unknown>> = Iterator<Awaitable<Resolved<A>>>;

/** One that is done; null where the timeout was faster; or what the iterable threw when it was read. */
type Arrival<T> = Future<T> | null | { readonly error: unknown };

/** CPython: `tasks._AsCompletedIterator`. Leaving it early undoes nothing: the others run on, as there. */
class AsCompleted<T> implements Iterable<Coroutine<T>>, Iterator<Coroutine<T>>, CoroutineIterator<Future<T>> {
  readonly #arrivals: Queue<Arrival<T>> = new Queue();
  readonly #running: Set<Future<T>> = new Set();
  readonly #seen: Set<unknown> = new Set();
  readonly #items: Iterator<Awaitable<T>>;
  readonly #limit: number;
  readonly #loop: BaseEventLoop;
  /** Read, and not started: one is promised to `next` before there is room for it. */
  readonly #ahead: Awaitable<T>[] = [];
  #isRead = false;
  /** How many more arrivals there will be than have been promised; less than 0 with a limit, while they stand in `#ahead`. */
  #left = 0;
  #timer: TimerHandle | null = null;
  readonly #onDone = (future: Future<T>): void => {
    if (!this.#running.delete(future)) return; // the timeout was faster
    this.#arrivals.putNowait(future);
    try {
      this.#fill();
    } catch (error) {
      this.#isRead = true;
      this.#arrive({ error });
    }
    if (this.#running.size === 0) this.#timer?.cancel();
  };

  constructor(items: Iterator<Awaitable<T>>, timeout: number | null, limit: number) {
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
      const future = ensureFuture(this.#ahead.shift() as Awaitable<T>, { loop: this.#loop });
      this.#running.add(future);
      this.#left += 1;
      started.push(future);
    }
    for (const future of started) future.addDoneCallback(this.#onDone);
  }

  /** Whether so many that have not been started follow. What came before is passed over: it runs once. */
  #readAhead(count: number): boolean {
    while (this.#ahead.length < count && !this.#isRead) {
      const next = this.#items.next();
      if (next.done === true) this.#isRead = true;
      else if (isShared(next.value) || !this.#seen.has(next.value)) {
        this.#seen.add(next.value);
        this.#ahead.push(next.value);
      }
    }
    return this.#ahead.length >= count;
  }

  #arrive(arrival: Arrival<T>): void {
    this.#arrivals.putNowait(arrival);
    this.#left += 1;
  }

  #onTimeout(): void {
    for (const future of this.#running) {
      future.removeDoneCallback(this.#onDone);
      this.#arrivals.putNowait(null);
    }
    this.#running.clear();
    if (!this.#isRead) this.#items.return?.();
    // Those that were promised, and one for all that follow.
    const missing = Math.max(this.#ahead.length, this.#isRead ? 0 : 1);
    for (let i = 0; i < missing; i++) this.#arrive(null);
    this.#ahead.length = 0;
    this.#isRead = true;
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

  *anext(): Coroutine<IteratorResult<Future<T>>> {
    if (!this.#promise()) return { value: undefined, done: true };
    return { value: yield* nextDone(this.#arrivals), done: false };
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
