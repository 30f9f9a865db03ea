/**
 * What an awaitable is, and the two things a coroutine may hand to its Task when it waits.
 *
 * CPython's coroutines yield futures up to the Task, marked by `_asyncio_future_blocking`, so that `yield fut` without
 * `from` is caught. Here what is yielded is never the future itself but a `Suspend` made by `yield*`; a plain `yield future`
 * lacks the brand, and no flag has to be kept.
 */

/** Marks what the Task understands: WAIT (for a future) or CALL (of a coroutine that is to have a frame of its own). */
export const SUSPEND: unique symbol = Symbol.for("aioloop.suspend");
export const WAIT = 1;
export const CALL = 2;

/** Handed from `yield*` to the Task; only aioloop's own awaitables make it. */
export interface Suspend {
  readonly [SUSPEND]: typeof WAIT | typeof CALL;
}

/** Marks objects that `yield*` can await although they are neither future nor generator: your own awaitables. */
export const AWAITABLE: unique symbol = Symbol.for("aioloop.awaitable");

/** What `yield*` awaits, with the type of its result. */
export interface Yieldable<T> {
  [Symbol.iterator](): Iterator<Suspend | undefined, T, unknown>;
}

/** A running, waiting or not yet started coroutine: any generator that yields what a Task understands. */
export type Coroutine<T> = Generator<Suspend | undefined, T, unknown>;

/** What the functions that make tasks and futures accept. */
export type Awaitable<T> = Yieldable<T> | PromiseLike<T>;

/** The result of awaiting A. */
export type Resolved<A> = A extends Yieldable<infer T> ? T : A extends PromiseLike<infer T> ? T : never;

/** What a Task resumes a coroutine with: Python's None. A first `next()` gets undefined, so an awaiter can tell the two apart. */
export const RESUMED = null;

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === "function";
}

/** Whether `value` is a coroutine: a generator, or an object with the same methods. CPython: `coroutines.iscoroutine`. */
export function iscoroutine(value: unknown): value is Coroutine<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as Generator).next === "function" &&
    typeof (value as Generator).throw === "function"
  );
}

/** Whether `value` bears the brand: a future, or an awaitable object of yours. */
export function isAwaitableObject(value: unknown): boolean {
  return (
    typeof value === "object" && value !== null && (value as { [AWAITABLE]?: boolean })[AWAITABLE] === true
  );
}

/** A coroutine that awaits `awaitable`: what has the brand only is no coroutine itself. */
export function* delegate<T>(awaitable: Yieldable<T>): Generator<never, T> {
  return yield* awaitable as Iterable<never, T>;
}

const GENERATOR_FUNCTION = Object.getPrototypeOf(function* () {}) as object;

/** Whether `fn` is written `function*`. */
export function isGeneratorFunction(fn: object): boolean {
  return Object.getPrototypeOf(fn) === GENERATOR_FUNCTION;
}
