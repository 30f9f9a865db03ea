// A request's future is finished by the answer, or by the timer: the one that comes second finds it done.
import type { Coroutine } from "@aioloop/loop";
import { TimeoutError } from "@aioloop/loop";
import type { SimLoop } from "@aioloop/testing";
import type { Animal } from "./animal.ts";

function* request(sim: SimLoop, isChecked: boolean): Coroutine<void> {
  const pending = new Map<number, ReturnType<typeof sim.createFuture<string>>>();
  const answer = sim.createFuture<string>("the answer");
  pending.set(1, answer);
  sim.callLater(5, () => {
    const waiting = pending.get(1);
    if (isChecked && waiting?.done() === true) return;
    waiting?.setResult("42");
    timer.cancel();
  });
  const timer = sim.callLater(5, () => {
    answer.setException(new TimeoutError("no answer within 5 seconds"));
  });
  try {
    yield* answer;
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
  }
  pending.delete(1);
}

export const doubleResolve: Animal = {
  name: "double resolve",
  fidelity: "env",
  says: /setResult/,
  broken: (sim) => request(sim, false),
  fixed: (sim) => request(sim, true),
};
