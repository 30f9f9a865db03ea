/**
 * A timer is set and cancelled before its time, as every timeout is that does not strike. A thousand to a turn: a
 * cancelled timer stays in the heap until the loop clears it out, and that is part of its cost.
 */
import type { Coroutine } from "aioloop";
import { getRunningLoop, run, sleep } from "aioloop";
import type { Kernel } from "./kernel.ts";

const BATCH = 1000;

function* ours(times: number): Coroutine<number> {
  const loop = getRunningLoop();
  let struck = 0;
  const strike = () => {
    struck += 1;
  };
  for (let done = 0; done < times; done++) {
    if (done % BATCH === 0) yield* sleep(0);
    loop.callLater(10, strike).cancel();
  }
  return times - struck;
}

async function native(times: number): Promise<number> {
  let struck = 0;
  const strike = () => {
    struck += 1;
  };
  for (let done = 0; done < times; done++) {
    if (done % BATCH === 0) await null;
    clearTimeout(setTimeout(strike, 10_000));
  }
  return times - struck;
}

export const timerCancel: Kernel = {
  name: "timer-cancel",
  title: "a timer is set and cancelled, beside setTimeout and clearTimeout",
  shown: "rate",
  operations: 1_000_000,
  programs: { ours: (times) => run(ours(times)), native },
  python: { program: "timer-cancel", operations: 100_000, columns: ["cpython"] },
};
