/**
 * `async with` and `async for`, which generators lack. CPython has them in the language (PEP 492).
 */
import type { BaseEventLoop, Coroutine, Future, Yieldable } from "@aioloop/loop";
import { getRunningLoop, RuntimeError, wrapFuture } from "@aioloop/loop";
import { describe, Failed, Finished } from "@aioloop/loop/kernel";
import { coroutine } from "./coroutines.ts";

/** What `asyncWith` enters and leaves. */
export interface Manager<V> {
  /** Runs first; its result is what the block gets. CPython: `__aenter__`. */
  aenter(): Yieldable<V>;
  /** Runs when the block has ended; `failure` holds what it threw, whatever that is. True: it is dealt with. CPython: `__aexit__`. */
  aexit(failure: { error: unknown } | null): Yieldable<boolean | void>;
}

/** `for` over what has to be awaited. */
export interface CoroutineIterable<T> {
  /** CPython: `__aiter__`. */
  aiter(): CoroutineIterator<T>;
}

export interface CoroutineIterator<T> {
  /** The next item, or done. CPython: `__anext__`. */
  anext(): Yieldable<IteratorResult<T, unknown>>;
  /** Called where the loop is left early. */
  aclose?(): Yieldable<unknown>;
}

/** What the body of `asyncFor` returns to leave the loop. */
export const BREAK: unique symbol = Symbol("aioloop.break");

/**
 * `async with manager as value: …`: enters, runs the block, and leaves, however the block ends. Gives what the block returns,
 * undefined if the manager dealt with an error of it. What `aexit` throws replaces the block's error.
 */
export const asyncWith: <V, R>(manager: Manager<V>, body: (value: V) => Yieldable<R>) => Coroutine<R> =
  coroutine(function* asyncWith<V, R>(manager: Manager<V>, body: (value: V) => Yieldable<R>) {
    if (typeof manager?.aenter !== "function" || typeof manager.aexit !== "function") {
      throw new TypeError(
        `asyncWith(manager, body): manager must have aenter() and aexit(), got ${describe(manager)}`,
      );
    }
    checkBody("asyncWith(manager, function* (value) { … })", body);
    const value = yield* manager.aenter();
    let result: R;
    try {
      result = yield* run("asyncWith", body, value);
    } catch (error) {
      if ((yield* manager.aexit({ error })) === true) return undefined as R;
      throw error;
    }
    yield* manager.aexit(null);
    return result;
  });

/**
 * `async for item in iterable: …`, over ours and over native async iterables. Return BREAK from the body to leave; that, or an
 * error, closes the iterator.
 */
export const asyncFor: <T>(
  iterable: CoroutineIterable<T> | AsyncIterable<T>,
  body: (item: T) => Yieldable<void | typeof BREAK>,
) => Coroutine<void> = coroutine(function* asyncFor<T>(
  iterable: CoroutineIterable<T> | AsyncIterable<T>,
  body: (item: T) => Yieldable<void | typeof BREAK>,
) {
  checkBody("asyncFor(iterable, function* (item) { … })", body);
  const iterator = iteratorOf(iterable);
  let isLeft = true;
  try {
    for (;;) {
      isLeft = false; // an iterator that fails has closed itself
      const next = yield* iterator.anext();
      if (next.done === true) return;
      isLeft = true;
      if ((yield* run("asyncFor", body, next.value)) === BREAK) return;
    }
  } finally {
    if (isLeft && iterator.aclose !== undefined) yield* iterator.aclose();
    else iterator.forget?.();
  }
});

function run<V, R>(caller: string, body: (value: V) => Yieldable<R>, value: V): Yieldable<R> {
  return checkSteps(`${caller}: the body must be a generator function, function* (…) { … }`, body(value));
}

/** @internal What a generator function was to return. @throws TypeError if it is something else. */
export function checkSteps<R>(usage: string, steps: Yieldable<R>): Yieldable<R> {
  if (typeof steps?.[Symbol.iterator] !== "function" || Array.isArray(steps) || typeof steps === "string")
    throw new TypeError(`${usage}; it returned ${describe(steps)}`);
  return steps;
}

function checkBody(usage: string, body: unknown): void {
  if (typeof body !== "function")
    throw new TypeError(`${usage}: the body must be a generator function, got ${describe(body)}`);
}

interface ClosableIterator<T> extends CoroutineIterator<T> {
  forget?(): void;
}

function iteratorOf<T>(iterable: CoroutineIterable<T> | AsyncIterable<T>): ClosableIterator<T> {
  const ours = iterable as Partial<CoroutineIterable<T>> | null | undefined;
  if (typeof ours?.aiter === "function") return ours.aiter();
  const native = iterable as Partial<AsyncIterable<T>> | null | undefined;
  if (typeof native?.[Symbol.asyncIterator] === "function")
    return overNative((native as AsyncIterable<T>)[Symbol.asyncIterator]());
  throw new TypeError(
    `asyncFor(iterable, body): iterable must have aiter() or [Symbol.asyncIterator], got ${describe(iterable)}`,
  );
}

/** The loop knows the native iterators in use, so that `shutdownAsyncgens` can close those a program leaves open. */
function overNative<T>(iterator: AsyncIterator<T>): ClosableIterator<T> {
  const loop = getRunningLoop();
  loop._asyncgens.add(iterator as AsyncIterator<unknown>);
  let last: Future<IteratorResult<T, unknown>> | null = null;
  return {
    anext() {
      last = wrapFuture(Promise.resolve(iterator.next()));
      return last;
    },
    forget() {
      loop._asyncgens.delete(iterator as AsyncIterator<unknown>);
      // Cancelled while it waited for an item: the iterator has not ended, and cannot be waited for, since an async generator
      // closes when it has come as far as its next `yield`.
      if (
        last === null ||
        last._state === Failed ||
        (last._state === Finished && last.result().done === true)
      )
        return;
      const closing = iterator.return?.();
      if (closing !== undefined)
        Promise.resolve(closing).catch((error) => reportClosing(loop, iterator, error));
    },
    *aclose() {
      loop._asyncgens.delete(iterator as AsyncIterator<unknown>);
      const closing = iterator.return?.();
      if (closing === undefined) return;
      const result = yield* wrapFuture(Promise.resolve(closing));
      if (result.done !== true)
        throw new RuntimeError("asyncFor: the async iterator went on when it was closed");
    },
  };
}

function reportClosing(loop: BaseEventLoop, iterator: unknown, exception: unknown): void {
  const message = "an error occurred during closing of an asynchronous iterator";
  loop.callExceptionHandler({ message, exception, asyncgen: iterator });
}
