import { BlockingEventLoop, gather, HostEventLoop, run, sleep, waitFor } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { errorOf } from "./helpers.ts";

/** Five sleeps at once and a timeout: how long it took by the host's clock, in seconds. */
function* program() {
  const start = performance.now();
  const order: number[] = [];
  yield* gather(
    [0.05, 0.01, 0.04, 0.02, 0.03].map(function* (delay) {
      yield* sleep(delay);
      order.push(delay);
    }),
  );
  expect(order).toEqual([0.01, 0.02, 0.03, 0.04, 0.05]);
  expect(yield* errorOf(waitFor(sleep(60), 0.01))).toHaveProperty("name", "TimeoutError");
  return (performance.now() - start) / 1000;
}

test("run() in real time: sleeps overlap, none ends early, a timeout ends a long one", async () => {
  const onHost = await run(program(), { loopFactory: () => new HostEventLoop() });
  const blocking = run(program(), { loopFactory: () => new BlockingEventLoop() });
  for (const took of [onHost, blocking]) {
    expect(took).toBeGreaterThanOrEqual(0.06);
    expect(took).toBeLessThan(10);
  }
});
