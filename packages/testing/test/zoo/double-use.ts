// The connection goes back to the pool when the time is over, and once more when the work ends: two get the same one.
import type { Coroutine } from "@aioloop/loop";
import { TimeoutError } from "@aioloop/loop";
import { asyncWith, gather, Queue, sleep, timeout } from "@aioloop/tasks";
import type { SimLoop } from "@aioloop/testing";
import type { Animal } from "./animal.ts";
import { check } from "./animal.ts";

function* pool(sim: SimLoop, isReturnedTwice: boolean): Coroutine<void> {
  const free = new Queue<string>();
  for (const name of ["a", "b"]) free.putNowait(name);
  const used = new Set<string>();
  function* query(start: number): Coroutine<void> {
    yield* sleep(start);
    const connection = yield* free.get();
    check(!used.has(connection), `two use connection ${connection}`);
    used.add(connection);
    try {
      yield* asyncWith(timeout(3), () => sleep(sim.choose([2, 9])));
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      if (isReturnedTwice) free.putNowait(connection);
    } finally {
      used.delete(connection);
      free.putNowait(connection);
    }
  }
  yield* gather([query(0), query(1), query(4), query(4), query(5)]);
}

export const doubleUse: Animal = {
  name: "timeout and completion",
  fidelity: "env",
  says: /two use connection/,
  broken: (sim) => pool(sim, true),
  fixed: (sim) => pool(sim, false),
};
