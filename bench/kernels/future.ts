/** A future is made, set by a callback in the next turn, and awaited. */
import type { Coroutine, Future } from "aioloop";
import { getRunningLoop, run } from "aioloop";
import type { Kernel } from "./kernel.ts";

function setOne(future: Future<number>): void {
  future.setResult(1);
}

function* ours(times: number): Coroutine<number> {
  const loop = getRunningLoop();
  let done = 0;
  while (done < times) {
    const future = loop.createFuture<number>();
    loop.callSoon(setOne, future);
    done += yield* future;
  }
  return done;
}

async function native(times: number): Promise<number> {
  let done = 0;
  while (done < times) {
    done += await new Promise<number>((resolve) => queueMicrotask(() => resolve(1)));
  }
  return done;
}

export const future: Kernel = {
  name: "future",
  title: "a future set by the next callback and awaited, beside a promise resolved by a microtask",
  shown: "rate",
  operations: 1_000_000,
  programs: { ours: (times) => run(ours(times)), native },
  python: { program: "future", operations: 100_000, columns: ["cpython"] },
};
