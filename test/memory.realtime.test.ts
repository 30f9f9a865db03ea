// Fear: something is kept. After ten million turns, a million tasks and a million cancelled timers the heap is where it was.
import { BlockingEventLoop, gather, sleep, VirtualEventLoop } from "aioloop";
import { expect, test } from "vitest";

const MEGABYTE = 1 << 20;
/** Under `npm run soak` ten times as much. */
const TIMES = process.env.AIOLOOP_SOAK === "1" ? 10 : 1;
const collect = (globalThis as { gc?: () => void }).gc as () => void;

/** Bytes more in use after `work`, run twice: what is made once (compiled code, caches) is not a leak. */
async function growth(work: () => void): Promise<number> {
  work();
  const before = await settledHeap();
  work();
  return (await settledHeap()) - before;
}

async function settledHeap(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 10)); // finalizers run in between
  }
  return process.memoryUsage().heapUsed;
}

test("ten million turns leave nothing behind", async () => {
  const loop = new BlockingEventLoop();
  const turns = () => {
    loop.runUntilComplete(
      (function* () {
        for (let i = 0; i < 10_000_000 * TIMES; i++) yield;
      })(),
    );
  };
  expect(await growth(turns)).toBeLessThan(2 * MEGABYTE);
  loop.close();
});

test("a million tasks, created and finished, leave nothing behind", async () => {
  const loop = new VirtualEventLoop();
  function* nap(seconds: number) {
    yield* sleep(seconds);
    return seconds;
  }
  const tasks = () => {
    for (let i = 0; i < TIMES; i++) {
      loop.runUntilComplete(gather(Array.from({ length: 1_000_000 }, (_, i) => loop.createTask(nap(i % 7)))));
    }
  };
  expect(await growth(tasks)).toBeLessThan(2 * MEGABYTE);
  loop.close();
});

test("a million timers, cancelled, leave nothing behind, and never fill the heap meanwhile", async () => {
  const loop = new VirtualEventLoop();
  let largest = 0;
  const timers = () => {
    loop.runUntilComplete(
      (function* () {
        for (let i = 0; i < 1_000_000 * TIMES; i++) {
          loop.callLater(1 + i, () => {}).cancel();
          if (i % 1000 === 0) yield;
          largest = Math.max(largest, loop._scheduled.length);
        }
      })(),
    );
  };
  expect(await growth(timers)).toBeLessThan(2 * MEGABYTE);
  expect(largest).toBeLessThan(300);
  loop.close();
});

test("a hundred thousand loops, closed, leave nothing behind", async () => {
  const loops = () => {
    for (let i = 0; i < 100_000 * TIMES; i++) new VirtualEventLoop().close();
  };
  expect(await growth(loops)).toBeLessThan(2 * MEGABYTE);
});
