/**
 * gather: several awaitables at the same time, their results in order. CPython: `tasks.gather`.
 *
 * It starts at once and gives a future. With a `limit`, which CPython has not (gh-115201), it starts the next one when one is
 * done, and reads the iterable only then.
 */
import type { Awaitable, BaseEventLoop, Resolved } from "@aioloop/loop";
import { _getRunningLoop, CancelledError, ensureFuture, Future, getEventLoop } from "@aioloop/loop";
import type { Holding, Waitable } from "@aioloop/loop/kernel";
import { Failed, needs } from "@aioloop/loop/kernel";
import { checkLimit, listOf, Reading } from "./awaitables.ts";
import { isShared } from "./sleep.ts";

import { isFreshCoroutine, Task } from "./tasks.ts";

export interface GatherOptions {
  /** Exceptions come as results instead of ending the whole. */
  returnExceptions?: boolean | undefined;
  /** At most so many run at the same time; the iterable is read as they are started. By default all are started at once. */
  limit?: number | undefined;
}

/** What gather returns. Cancelling it cancels the children; it is done when they are. CPython: `tasks._GatheringFuture`. */
class GatheringFuture<T> extends Future<T> implements Waitable {
  readonly #children: readonly Future<unknown>[];
  _isCancelRequested = false;

  constructor(children: readonly Future<unknown>[], loop: BaseEventLoop, subject: unknown) {
    super({ loop, subject });
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

  /** @internal The first that fails may end it. */
  _heldBy(): Holding {
    return needs(this.#children, "any");
  }

  /** A child ended so that the whole has failed; false if it did not. */
  _failWith(child: Future<unknown>): boolean {
    // Not cancel(): that one was cancelled does not mean that the whole was.
    if (child.cancelled()) this.setException(child._makeCancelledError());
    else if (child._state === Failed) this.setException(child.exception());
    else return false;
    return true;
  }

  /** All children are done. */
  _conclude(): void {
    if (this._isCancelRequested) this.setException(this._cancellation());
    else this.setResult(this.#children.map(resultOf) as T);
  }

  /** CPython takes the error of the last child in the list, whichever finished last. */
  _cancellation(): CancelledError {
    return (this.#children[this.#children.length - 1] as Future<unknown>)._makeCancelledError();
  }
}

/** The same with a limit: it may be cancelled between two children, when all of them refuse and more would begin. */
class LimitedGathering extends GatheringFuture<unknown[]> {
  readonly #items: Reading<unknown>;

  constructor(children: readonly Future<unknown>[], loop: BaseEventLoop, items: Reading<unknown>) {
    super(children, loop, { toString: () => `gather of ${children.length}` });
    this.#items = items;
  }

  override cancel(msg: string | null = null): boolean {
    // Once it is done the items are over too.
    if (!super.cancel(msg) && this.#items.isOver) return false;
    this._isCancelRequested = true;
    this._setCancelMessage(msg);
    return true;
  }

  override _cancellation(): CancelledError {
    return this._makeCancelledError();
  }
}

function resultOf(child: Future<unknown>): unknown {
  if (child.cancelled()) return new CancelledError(child._cancelMessage ?? "");
  return child._state === Failed ? child.exception() : child.result();
}

/**
 * Runs awaitables at the same time and gives their results in order; the same one twice runs once.
 * The first exception becomes the result at once, the others run on; with `returnExceptions` exceptions are results.
 * With `limit` no more are started after an exception or a cancellation.
 * @throws TypeError for what cannot be awaited, RangeError for a limit below 1. CPython: `tasks.gather`.
 */
export function gather<const A extends readonly Awaitable<unknown>[]>(
  awaitables: A,
  options?: GatherOptions & { returnExceptions?: false | undefined },
): Future<{ -readonly [K in keyof A]: Resolved<A[K]> }>;
export function gather<const A extends readonly Awaitable<unknown>[]>(
  awaitables: A,
  options: GatherOptions,
): Future<{ -readonly [K in keyof A]: Resolved<A[K]> | Error }>;
export function gather<A extends Awaitable<unknown>>(
  awaitables: Iterable<A>,
  options?: GatherOptions & { returnExceptions?: false | undefined },
): Future<Resolved<A>[]>;
export function gather<A extends Awaitable<unknown>>(
  awaitables: Iterable<A>,
  options: GatherOptions,
): Future<(Resolved<A> | Error)[]>;
export function gather(awaitables: Iterable<Awaitable<unknown>>, options?: GatherOptions): Future<unknown> {
  const returnExceptions = options?.returnExceptions === true;
  const limit = options?.limit;
  if (limit === undefined) return gatherAll(listOf("gather([a(), b()])", awaitables), returnExceptions);
  const usage = "gather(awaitables, { limit })";
  checkLimit(usage, limit);
  return gatherSome(new Reading(usage, awaitables), limit, returnExceptions);
}

function nothing(): Future<unknown> {
  const empty = new Future<unknown[]>({ loop: getEventLoop() });
  empty.setResult([]);
  return empty;
}

function gatherAll(items: readonly Awaitable<unknown>[], returnExceptions: boolean): Future<unknown> {
  if (items.length === 0) return nothing();
  const where: { loop: BaseEventLoop | null } = { loop: _getRunningLoop() };
  let distinct = 0;
  let finished = 0;
  let outer: GatheringFuture<unknown[]> | null = null;
  const children: Future<unknown>[] = [];
  const doneAlready: Future<unknown>[] = [];

  const onDone = (child: Future<unknown>): void => {
    finished += 1;
    // Null: a child that was done in its eager start, and is looked at below (bpo-46672).
    if (outer === null || outer.done()) child._retrieve();
    else if (!returnExceptions && outer._failWith(child)) leave(children, onDone);
    else if (finished === distinct) outer._conclude();
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
      future = start(item, where);
      distinct += 1;
      if (future.done()) doneAlready.push(future);
      else future.addDoneCallback(onDone);
      if (others !== null) (others as Map<unknown, Future<unknown>>).set(item, future);
    }
    children.push(future);
  }
  outer = new GatheringFuture(children, where.loop as BaseEventLoop, `gather of ${children.length}`);
  for (const child of doneAlready) onDone(child);
  return outer;
}

/**
 * The whole has failed. What the others throw is nobody's business any more; and those that outlive many gathers are not to
 * remember them.
 */
function leave(children: readonly Future<unknown>[], onDone: (child: Future<unknown>) => void): void {
  for (const child of children) {
    if (child.done()) continue;
    child.removeDoneCallback(onDone);
    child.removeDoneCallback(retrieve);
    child.addDoneCallback(retrieve);
  }
}

function retrieve(child: Future<unknown>): void {
  child._retrieve();
}

/** All are to be of one loop: the running one, outside a turn the first one's. */
function start(item: Awaitable<unknown>, where: { loop: BaseEventLoop | null }): Future<unknown> {
  const future = ensureFuture(item, where);
  where.loop ??= future.getLoop();
  if (future !== item && future instanceof Task) future._logDestroyPending = false;
  return future;
}

/** With a limit. An item is read when there is room for it, and what the iterable throws then is the result. */
function gatherSome(
  items: Reading<Awaitable<unknown>>,
  limit: number,
  returnExceptions: boolean,
): Future<unknown> {
  const where: { loop: BaseEventLoop | null } = { loop: _getRunningLoop() };
  const children: Future<unknown>[] = [];
  const seen = new Map<unknown, Future<unknown>>();
  let outer: LimitedGathering | null = null;
  let running = 0;

  /** Starts as many as there is room for. */
  const fill = (): void => {
    while (running < limit) {
      const next = items.read();
      if (next === null) return;
      const earlier = isShared(next.item) ? undefined : seen.get(next.item);
      const child = earlier ?? startOrClose(next.item);
      children.push(child);
      if (earlier !== undefined) continue;
      seen.set(next.item, child);
      outer ??= new LimitedGathering(children, where.loop as BaseEventLoop, items);
      if (child.done()) settle(child, outer);
      else {
        running += 1;
        child.addDoneCallback(onDone);
      }
    }
  };

  const startOrClose = (item: Awaitable<unknown>): Future<unknown> => {
    try {
      return start(item, where);
    } catch (error) {
      items.close(where.loop ?? getEventLoop());
      throw error;
    }
  };

  const settle = (child: Future<unknown>, whole: LimitedGathering): void => {
    if (whole.done()) child._retrieve();
    else if (!returnExceptions && whole._failWith(child)) leave(children, onDone);
    if (whole.done() || whole._isCancelRequested) items.close(whole.getLoop());
  };

  const onDone = (child: Future<unknown>): void => {
    const whole = outer as LimitedGathering;
    running -= 1;
    settle(child, whole);
    try {
      fill();
    } catch (error) {
      whole.setException(error);
    }
    conclude(whole);
  };

  const conclude = (whole: LimitedGathering): void => {
    if (running === 0 && items.isOver && !whole.done()) whole._conclude();
  };

  fill();
  if (outer === null) return nothing();
  conclude(outer);
  return outer;
}
