// A wait with a limit, written by hand, and a service that is stopped. Look at the `catch` in `within`: cancelled in the moment in which the
// answer is there, it would be a pity to lose the answer, so it gives it; with that the cancellation is lost, and the service goes on.
// asyncio's own wait_for did so for years. The probe runs in a thread, and when the answer of a thread lands is nobody's promise: explored
// on a SimLoop, it lands at every moment at which it could. The library's `waitFor` passes all of them.
import type { Coroutine, Yieldable } from "aioloop";
import { createTask, sleep, toThread, wait, waitFor } from "aioloop";
import type { SimLoop } from "aioloop/testing";
import { explore, replay } from "aioloop/testing";
import { tell, thrownBy } from "../lib/exploration.ts";

type Within = <T>(work: Yieldable<T>, seconds: number) => Coroutine<T>;

function* within<T>(work: Yieldable<T>, seconds: number): Coroutine<T> {
  const inner = createTask(work);
  try {
    yield* wait([inner], { timeout: seconds });
  } catch (error) {
    if (inner.done()) return inner.result();
    inner.cancel();
    throw error;
  }
  if (!inner.done()) inner.cancel();
  return yield* inner;
}

function probe() {
  return 20.5;
}

function* service(sim: SimLoop, limited: Within) {
  const readings: number[] = [];

  function* monitor() {
    for (;;) {
      readings.push(yield* limited(toThread(probe), 10));
      yield* sleep(60);
    }
  }
  const running = createTask(monitor(), { name: "monitor" });
  yield* sleep(2);
  running.cancel();
  sim.eventually(() => running.done(), { within: 30, name: "the monitor ends" });
  yield* wait([running], { timeout: 300 });
}

const broken = (sim: SimLoop) => service(sim, within);
const mended = (sim: SimLoop) => service(sim, waitFor);
const options = { executor: { duration: 1 } };

const exploration = explore(broken, options);
tell("by hand", exploration);
const { token } = exploration.failure ?? { token: "" };
console.log(`the same token again: ${thrownBy(() => replay(broken, token, options))}`);
tell("waitFor", explore(mended, options));
