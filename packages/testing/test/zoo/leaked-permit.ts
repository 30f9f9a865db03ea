// The permit is given back after the work, but not if the work is cut off by a timeout.
import type { Coroutine } from "@aioloop/loop";
import { TimeoutError } from "@aioloop/loop";
import { asyncWith, Semaphore, sleep, waitFor } from "@aioloop/tasks";
import type { SimLoop } from "@aioloop/testing";
import type { Animal } from "./animal.ts";

function* downloads(
  sim: SimLoop,
  limited: (permits: Semaphore, work: () => Coroutine<void>) => Coroutine<void>,
) {
  const permits = new Semaphore(1);
  for (let i = 0; i < 3; i++) {
    try {
      yield* waitFor(
        limited(permits, () => sleep(sim.choose([1, 10]))),
        5,
      );
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
    }
  }
  yield* permits.acquire(); // all of them are back
}

export const leakedPermit: Animal = {
  name: "leaked permit",
  fidelity: "env",
  says: /waits for <Semaphore/,
  broken: (sim) =>
    downloads(sim, function* (permits, work) {
      yield* permits.acquire();
      yield* work();
      permits.release();
    }),
  fixed: (sim) => downloads(sim, (permits, work) => asyncWith(permits, work)),
};
