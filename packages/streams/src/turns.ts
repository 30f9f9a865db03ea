/** How what Node brings, between the loop's turns, gets into them. CPython: `BaseSelectorEventLoop._add_reader`, whose handles keep a context. */
import type { BaseEventLoop, Callback, Context } from "@aioloop/loop";
import { handleOf } from "@aioloop/loop/kernel";

/** Bytes that came at once, with more behind them, perhaps. */
const LARGE = 32 * 1024;

/**
 * `callback(value)` in the next turn, in a context; nothing if there are no turns any more. The handle is made by hand, without a
 * closure: this is each chunk's way.
 */
export function inTurn(
  loop: BaseEventLoop,
  context: Context,
  callback: (value: never) => void,
  value: unknown,
): void {
  if (loop.isClosed()) return;
  loop._enqueueArrival(handleOf(callback as Callback<[unknown]>, value, loop, context));
}

/** As inTurn(), with bytes. */
export function dataInTurn(
  loop: BaseEventLoop,
  context: Context,
  callback: (data: Buffer) => void,
  data: Buffer,
): void {
  if (data.length < LARGE) inTurn(loop, context, callback, data);
  // Node reads on as long as there is as much; who wants no more is to say so now.
  else if (!loop.isClosed()) loop._enqueue(handleOf(callback as Callback<[unknown]>, data, loop, context));
}
