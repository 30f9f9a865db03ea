/** What the functions over several awaitables have in common. CPython: the checks at the head of each of them in `tasks`. */
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

/** The same read lazily. It may be a generator, though a coroutine could be one too: what that yields is no awaitable. */
export function iteratorOf<T>(usage: string, given: Iterable<T>): Iterator<T> {
  if (isIterable(given) && !isfuture(given)) return given[Symbol.iterator]();
  throw new TypeError(`${usage}: takes an iterable of awaitables, got ${describe(given)}`);
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
