/** A callback that schedules itself: what a turn of the loop costs without a task. */
import type { Coroutine } from "aioloop";
import { getRunningLoop, run } from "aioloop";
import type { Kernel } from "./kernel.ts";

function* ours(times: number): Coroutine<number> {
  const loop = getRunningLoop();
  const finished = loop.createFuture<number>();
  let done = 0;
  const callback = () => {
    done += 1;
    if (done < times) loop.callSoon(callback);
    else finished.setResult(done);
  };
  loop.callSoon(callback);
  return yield* finished;
}

function native(times: number): Promise<number> {
  return new Promise((resolve) => {
    let done = 0;
    const callback = () => {
      done += 1;
      if (done < times) queueMicrotask(callback);
      else resolve(done);
    };
    queueMicrotask(callback);
  });
}

export const callSoon: Kernel = {
  name: "call-soon",
  title: "a callback that schedules itself with callSoon, beside queueMicrotask",
  shown: "rate",
  operations: 2_000_000,
  programs: { ours: (times) => run(ours(times)), native },
  python: { program: "call-soon", operations: 200_000, columns: ["cpython", "uvloop"] },
};
