/**
 * Why a loop is kept that nobody uses. V8 drops the hidden classes of which no object is left at a full collection, and what was compiled for
 * them: tests make a loop each, and after a collection an hour of sleeps took thirty times as long. So one of each object of a loop under
 * control is kept, with a task that sleeps, made anew now and then: their classes are then those that the program has come to use.
 *
 * The same as in tasks/src/shapes.ts, for loops of another class.
 */
import type { Coroutine } from "@aioloop/loop";
import { _getRunningLoop } from "@aioloop/loop";
import { coroutine, sleep } from "@aioloop/tasks";

/** A SimLoop; named by shape, since it calls this. */
interface Loop {
  createTask(coro: Coroutine<void>, options: { name: string }): unknown;
  advance(seconds: number): void;
}

const kept: { loop: Loop | null; closed: number } = { loop: null, closed: 0 };

const sleeper = coroutine(function* sleeper() {
  yield* sleep(0);
  yield* sleep(2);
});

/** Called when a loop is closed; does something at the first, second, fourth, … */
export function keepShapes(make: () => Loop): void {
  kept.closed += 1;
  const isPowerOfTwo = Number.isInteger(Math.log2(kept.closed));
  if (!isPowerOfTwo || _getRunningLoop() !== null) return;
  const loop = make();
  loop.createTask(sleeper(), { name: "kept" });
  loop.advance(1);
  kept.loop = loop;
}
