// Each has one lock, finds the other one taken, steps back politely and tries again: in step with each other, for ever.
import type { Coroutine } from "@aioloop/loop";
import { gather, Lock, sleep } from "@aioloop/tasks";
import type { Animal } from "./animal.ts";

function* attempt(first: Lock, second: Lock): Coroutine<boolean> {
  if (first.locked()) return false;
  yield* first.acquire();
  yield* sleep(0);
  if (!second.locked()) {
    yield* second.acquire();
    second.release();
    first.release();
    return true;
  }
  yield* sleep(0);
  first.release();
  return false;
}

function* meeting(reversed: (one: Lock, other: Lock) => [Lock, Lock]): Coroutine<void> {
  const [one, other] = [new Lock(), new Lock()];
  function* guest(turns: number, locks: [Lock, Lock]): Coroutine<void> {
    for (let i = 0; i < turns; i++) yield* sleep(0);
    while (!(yield* attempt(...locks))) yield* sleep(0);
  }
  yield* gather([guest(0, [one, other]), guest(1, reversed(one, other))]);
}

export const livelock: Animal = {
  name: "retry livelock",
  fidelity: "tasks",
  says: /wake each other in a circle/,
  broken: () => meeting((one, other) => [other, one]),
  fixed: () => meeting((one, other) => [one, other]),
  limits: { maxStepsPerInstant: 300 },
};
