// The picture that the tour draws at its end, from a program in virtual time.
import { coroutine, createTask, gather, getRunningLoop, run, sleep, VirtualEventLoop } from "aioloop";
import { expect, test } from "vitest";
import { Timeline } from "../lib/timeline.ts";

const knock = coroutine(function* knock(seconds: number) {
  yield* sleep(seconds);
});

function* worker(seconds: number) {
  yield* sleep(seconds);
  yield* knock(seconds);
}

function* main() {
  const timeline = new Timeline({ knock: "━" });
  getRunningLoop().addInstrument(timeline);
  const tasks = [0.25, 0.5, 1].map((seconds) => createTask(worker(seconds), { name: `worker ${seconds}` }));
  getRunningLoop().callLater(1.5, () => tasks[2]?.cancel());
  yield* gather(tasks, { returnExceptions: true });
  return timeline.draw({ width: 70, note: (name) => (name === "worker 1" ? "late" : "") });
}

test("Timeline.draw() shows under a time axis how each task waited, and which was cancelled", () => {
  const picture = run(main(), { loopFactory: () => new VirtualEventLoop() });
  expect(`\n${picture.join("\n")}\n`).toMatchInlineSnapshot(`
    "
    seconds      0.0          0.5          1.0          1.5
                 ├────────────├────────────├────────────┤
    worker 0.25  ──────━━━━━━━                              3 steps
    worker 0.5   ─────────────━━━━━━━━━━━━━                 3 steps
    worker 1     ──────────────────────────━━━━━━━━━━━━━✗   3 steps  late
    "
  `);
});

test("Timeline.draw() keeps to its width", () => {
  const lines = run(main(), { loopFactory: () => new VirtualEventLoop() });
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(70);
});
