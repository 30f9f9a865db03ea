/** The results of `Executor.map`, in the order of the items. CPython: the `result_iterator` of `Executor.map`. */
import type { Coroutine, WorkerCallable } from "@aioloop/loop";
import { wrapFuture } from "@aioloop/loop";
import { describe } from "@aioloop/loop/kernel";
import type { CoroutineIterable, CoroutineIterator } from "@aioloop/tasks";
import { blockUntil } from "./doorbell.ts";
import { TimeoutError } from "./exceptions.ts";
import type { Future } from "./futures.ts";
import { checkTimeout } from "./futures.ts";
import { doneWithin } from "./waits.ts";

export interface MapOptions<A extends unknown[], R> {
  fn: WorkerCallable<A, R>;
  /** Seconds, counted from the call of `map`, until the last result; null for no limit. */
  timeout?: number | null | undefined;
  /** How many items one call takes along; used by process pools, where a call is dear. Default: 1. */
  chunksize?: number | undefined;
  /** How many calls are made ahead of what was asked for; null for all of them, at once. */
  buffersize?: number | null | undefined;
}

/** What `map` needs of an executor. */
export interface Mapping {
  /** Whether a call takes a list of argument lists and gives a list of results. */
  readonly chunks: boolean;
  submit(fn: unknown, args: unknown[]): Future<unknown>;
}

export function mapOver<A extends unknown[], R>(
  mapping: Mapping,
  given: WorkerCallable<A, R> | MapOptions<A, R>,
  iterables: readonly Iterable<unknown>[],
): MapResults<Awaited<R>> {
  const options = typeof given === "object" && "fn" in given ? given : { fn: given };
  const { fn, timeout = null, chunksize = 1, buffersize = null } = options;
  if (timeout !== null) checkTimeout("map({ fn, timeout }, …)", timeout);
  checkCount("chunksize", chunksize);
  if (buffersize !== null) checkCount("buffersize", buffersize);
  if (iterables.length === 0) {
    throw new TypeError(
      "map(fn, ...iterables): at least one iterable is required, one for each parameter of fn",
    );
  }
  for (const iterable of iterables) {
    if (typeof iterable?.[Symbol.iterator] !== "function") {
      throw new TypeError(
        `map(fn, ...iterables): iterables are required, one for each parameter of fn, got ${describe(iterable)}`,
      );
    }
  }
  const calls = mapping.chunks
    ? callsOf(chunked(zip(iterables), chunksize), (args) => mapping.submit(fn, args))
    : callsOf(zip(iterables), (args) => mapping.submit(fn, args));
  return new MapResults<Awaited<R>>(calls, mapping.chunks, timeout, buffersize);
}

function checkCount(name: string, value: number): void {
  if (!Number.isInteger(value)) {
    throw new TypeError(`map({ fn, ${name} }, …): ${name} must be a whole number, got ${describe(value)}`);
  }
  if (value < 1) throw new RangeError(`map({ fn, ${name} }, …): ${name} must be at least 1, got ${value}`);
}

/** As Python's `zip`: ends with the shortest, and closes the others. */
function* zip(iterables: readonly Iterable<unknown>[]): Generator<unknown[]> {
  const iterators = iterables.map((iterable) => iterable[Symbol.iterator]());
  let ended: unknown = null;
  try {
    for (;;) {
      const items: unknown[] = [];
      for (const iterator of iterators) {
        const next = iterator.next();
        if (next.done === true) {
          ended = iterator;
          return;
        }
        items.push(next.value);
      }
      yield items;
    }
  } finally {
    for (const iterator of iterators) if (iterator !== ended) iterator.return?.();
  }
}

function* chunked(items: Iterable<unknown[]>, size: number): Generator<unknown[][]> {
  let chunk: unknown[][] = [];
  for (const item of items) {
    chunk.push(item);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** Each `next` makes a call. */
function* callsOf<T>(items: Iterable<T>, submit: (item: T) => Future<unknown>): Generator<Future<unknown>> {
  for (const item of items) yield submit(item);
}

const NO_MORE: Iterator<Future<unknown>> = [][Symbol.iterator]();

/**
 * Results in the order of the items. What a call threw is thrown when its turn has come, and ends the iteration; calls that have
 * not begun by then are cancelled, and also when the iteration is left.
 *
 *   for (const result of pool.map(fn, items)) …                    blocks the thread
 *   for await (const result of pool.map(fn, items)) …              does not
 *   yield* asyncFor(pool.map(fn, items), function* (result) { … })  nor does this
 */
export class MapResults<T> implements IterableIterator<T>, AsyncIterable<T>, CoroutineIterable<T> {
  /** Calls that were made, the oldest first. */
  readonly #calls: Future<unknown>[] = [];
  #more: Iterator<Future<unknown>>;
  readonly #inChunks: boolean;
  readonly #timeout: number | null;
  readonly #end: number;
  /** Results of a chunk that were not asked for yet. */
  #chunk: T[] = [];

  constructor(
    more: Generator<Future<unknown>>,
    inChunks: boolean,
    timeout: number | null,
    buffersize: number | null,
  ) {
    this.#more = more;
    this.#inChunks = inChunks;
    this.#timeout = timeout;
    this.#end = performance.now() + (timeout ?? 0) * 1000;
    try {
      while (this.#calls.length < (buffersize ?? Number.POSITIVE_INFINITY) && this.#submitOne());
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  #submitOne(): boolean {
    const next = this.#more.next();
    if (next.done === true) {
      this.#more = NO_MORE; // it holds the executor, which nobody may need any more
      return false;
    }
    this.#calls.push(next.value);
    return true;
  }

  /** Blocks until the next result is there. @throws what the call threw, TimeoutError */
  next(): IteratorResult<T, undefined> {
    if (this.#chunk.length === 0) {
      const call = this.#calls[0];
      if (call === undefined) return { done: true, value: undefined };
      if (
        !blockUntil(
          () => call._isDone(),
          this.#left(),
          () => "map()",
        )
      )
        throw this.#late();
      this.#take(call);
    }
    return { done: false, value: this.#chunk.shift() as T };
  }

  /** Leaves the iteration: calls that have not begun are cancelled. */
  return(): IteratorResult<T, undefined> {
    this.#close();
    return { done: true, value: undefined };
  }

  [Symbol.iterator](): this {
    return this;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    try {
      for (;;) {
        const call = this.#missing();
        if (call !== null) await doneWithin(call, this.#left());
        const next = this.#nextNow(call);
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      this.#close();
    }
  }

  /** For `asyncFor`. */
  aiter(): CoroutineIterator<T> {
    const close = this.#close.bind(this);
    const anext = this.#anext.bind(this);
    return {
      anext,
      *aclose() {
        close();
      },
    };
  }

  *#anext(): Coroutine<IteratorResult<T, undefined>> {
    try {
      const call = this.#missing();
      if (call !== null) yield* wrapFuture(doneWithin(call, this.#left()));
      return this.#nextNow(call);
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  /** The call whose result is next, null where that is here, or there is none. */
  #missing(): Future<unknown> | null {
    return this.#chunk.length === 0 ? (this.#calls[0] ?? null) : null;
  }

  /** After a wait for `call`: its result, unless its time is over. */
  #nextNow(call: Future<unknown> | null): IteratorResult<T, undefined> {
    if (call !== null && !call._isDone()) throw this.#late();
    return this.next();
  }

  #take(call: Future<unknown>): void {
    try {
      const result = call.result();
      this.#calls.shift();
      this.#submitOne();
      this.#chunk = this.#inChunks ? (result as T[]) : [result as T];
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  #left(): number | null {
    return this.#timeout === null ? null : Math.max((this.#end - performance.now()) / 1000, 0);
  }

  #late(): TimeoutError {
    const unfinished = this.#calls.length;
    this.#close();
    return new TimeoutError(
      `map({ fn, timeout: ${this.#timeout} }, …): ${unfinished} calls unfinished after ${this.#timeout} seconds`,
    );
  }

  #close(): void {
    this.#more.return?.(undefined);
    for (const call of this.#calls.splice(0)) call.cancel();
    this.#chunk = [];
  }
}
