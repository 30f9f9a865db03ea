// A session ends 30 seconds after its last sign of life, and the client gives one every 30 seconds.
import type { Coroutine, TimerHandle } from "@aioloop/loop";
import { sleep } from "@aioloop/tasks";
import type { SimLoop } from "@aioloop/testing";
import type { Animal } from "./animal.ts";
import { check } from "./animal.ts";

function* session(sim: SimLoop, grace: number): Coroutine<void> {
  let isOpen = true;
  let end: TimerHandle | null = null;
  const alive = () => {
    check(isOpen, "the session of a live client has ended");
    end?.cancel();
    sim.callLater(30, alive);
    end = sim.callLater(30 + grace, () => {
      isOpen = false;
    });
  };
  alive();
  yield* sleep(100);
}

export const timerTie: Animal = {
  name: "timer tie",
  fidelity: "env",
  says: /has ended/,
  broken: (sim) => session(sim, 0),
  fixed: (sim) => session(sim, 15),
};
