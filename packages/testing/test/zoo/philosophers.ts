// Each takes the fork at the left, then the one at the right. If all of them sit down at once, each holds one and waits for the next.
import type { Coroutine } from "@aioloop/loop";
import { asyncWith, gather, Lock, sleep } from "@aioloop/tasks";
import type { SimLoop } from "@aioloop/testing";
import type { Animal } from "./animal.ts";

const SEATS = 3;

function* dinner(sim: SimLoop, order: (left: number, right: number) => [number, number]): Coroutine<void> {
  const forks = Array.from({ length: SEATS }, () => new Lock());
  function* philosopher(seat: number): Coroutine<void> {
    yield* sleep(sim.choose([10 * (seat + 1), 10])); // thinks
    const [first, second] = order(seat, (seat + 1) % SEATS);
    yield* asyncWith(forks[first] as Lock, function* () {
      yield* sleep(1);
      yield* asyncWith(forks[second] as Lock, () => sleep(1));
    });
  }
  yield* gather(Array.from({ length: SEATS }, (_, seat) => philosopher(seat)));
}

export const philosophers: Animal = {
  name: "dining philosophers",
  fidelity: "env",
  says: /waits for <Lock/,
  broken: (sim) => dinner(sim, (left, right) => [left, right]),
  fixed: (sim) => dinner(sim, (left, right) => [Math.min(left, right), Math.max(left, right)]),
};
