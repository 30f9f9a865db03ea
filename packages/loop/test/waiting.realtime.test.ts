// Waiting in real time, of loops that wait themselves and of loops that are guests. Few and tolerant.
import { Worker } from "node:worker_threads";
import { HostEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { blockingLoop, Notes, runFor, sourceThat } from "./helpers.ts";

test("SyncEventLoop with a BlockingSelector: timers run in order, none of them early [S4 S5]", () => {
  const { loop } = blockingLoop();
  const early: number[] = [];
  const ran: number[] = [];
  for (const delay of [0.03, 0.01, 0.02]) {
    const handle = loop.callLater(delay, () => {
      ran.push(delay);
      if (loop.time() < handle.when() - 1e-6) early.push(delay);
    });
  }
  const start = loop.time();
  runFor(loop, 0.05);
  expect([ran, early]).toEqual([[0.01, 0.02, 0.03], []]);
  expect(loop.time() - start).toBeGreaterThanOrEqual(0.05 - 1e-6);
  expect(loop.time() - start).toBeLessThan(2);
});

test.each([1, 2])(
  "BlockingSelector: another thread wakes a loop that waits, with %i sources [S17]",
  async (sources) => {
    const { loop, selector } = blockingLoop();
    const ran = new Notes();
    const source = sourceThat(() =>
      loop.callSoonThreadsafe(() => {
        ran.push("woken");
        loop.stop();
      }),
    );
    for (let i = 1; i < sources; i++) selector.addSource(sourceThat(() => {}));
    selector.addSource(source);
    const ring =
      "const { workerData } = require('node:worker_threads'); Atomics.store(workerData, 0, 1); Atomics.notify(workerData, 0);";
    const worker = new Worker(ring, { eval: true, workerData: source.flag });
    loop.callLater(20, () => loop.stop()); // or it would wait for ever
    const start = loop.time();
    loop.runForever();
    expect(ran).toEqual(["woken"]);
    expect(loop.time() - start).toBeLessThan(15);
    await worker.terminate();
  },
);

test("HostedEventLoop: timers run in order, none of them early, beside the host's own [J16]", async () => {
  const loop = new HostEventLoop({ debug: false });
  const ran: string[] = [];
  const early: number[] = [];
  for (const delay of [0.03, 0.01, 0.02]) {
    const handle = loop.callLater(delay, () => {
      ran.push(`timer ${delay}`);
      if (loop.time() < handle.when() - 1e-6) early.push(delay);
    });
  }
  const fromHost = new Promise<void>((resolve) => setTimeout(resolve, 1)).then(() => ran.push("host"));
  loop.callLater(0.05, () => loop.stop());
  await Promise.all([loop.runForever(), fromHost]);
  expect(ran).toEqual(["host", "timer 0.01", "timer 0.02", "timer 0.03"]);
  expect(early).toEqual([]);
});
