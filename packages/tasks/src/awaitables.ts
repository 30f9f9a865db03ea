/** What the functions over several awaitables have in common. CPython: the checks at the head of each of them in `tasks`. */
import type { BaseEventLoop } from "@aioloop/loop";
import { iscoroutine, isfuture } from "@aioloop/loop";
import { describe } from "@aioloop/loop/kernel";
import { isGenerator } from "./coroutines.ts";

/** An iterable as a list: no string, no single awaitable, nothing that is not iterable. */
export function listOf<T>(usage: string, given: Iterable<T>): T[] {
  const isSingle = isfuture(given) || iscoroutine(given);
  if (!isSingle && isIterable(given)) return [...given];
  let got = describe(given);
  if (isGenerator(given))
    got = "a generator: put it in brackets, or spread it, [...it], if it generates them";
  else if (isSingle) got = `one, ${got}: put it in brackets`;
  throw new TypeError(`${usage}: takes a list of awaitables, got ${got}`);
}

/**
 * The same read lazily, one at a time, until it is closed. A generator may be a list of coroutines or a coroutine itself, which cannot be
 * told apart here: what a coroutine yields is no awaitable, and is refused when it is read.
 */
export class Reading<T> {
  readonly #items: Iterator<T>;
  /** Everything was read, or it was closed. */
  isOver = false;

  constructor(usage: string, given: Iterable<T>) {
    const isSingle = isfuture(given) || (iscoroutine(given) && !isGenerator(given));
    if (isSingle || !isIterable(given))
      throw new TypeError(`${usage}: takes an iterable of awaitables, got ${describe(given)}`);
    this.#items = given[Symbol.iterator]();
  }

  /** The next one, null if there is none. Throws what the iterable throws, which has closed itself then. */
  read(): { readonly item: T } | null {
    if (this.isOver) return null;
    this.isOver = true;
    const next = this.#items.next();
    if (next.done === true) return null;
    this.isOver = false;
    return { item: next.value };
  }

  /** No more will be read. What that throws is reported: whoever calls has something else to say. */
  close(loop: BaseEventLoop): void {
    if (this.isOver) return;
    this.isOver = true;
    try {
      this.#items.return?.();
    } catch (exception) {
      loop.callExceptionHandler({ message: "an iterable of awaitables failed as it was closed", exception });
    }
  }
}

function isIterable(given: unknown): given is Iterable<unknown> {
  return (
    typeof given !== "string" &&
    typeof (given as Iterable<unknown> | null | undefined)?.[Symbol.iterator] === "function"
  );
}

/** @throws TypeError unless `limit` is an integer or Infinity, RangeError if it is less than 1. */
export function checkLimit(usage: string, limit: unknown): void {
  if (!Number.isInteger(limit) && limit !== Number.POSITIVE_INFINITY)
    throw new TypeError(`${usage}: limit must be an integer, got ${describe(limit)}`);
  if ((limit as number) < 1) throw new RangeError(`${usage}: limit must be 1 or more, got ${limit}`);
}
