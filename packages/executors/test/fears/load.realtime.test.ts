// Very many calls, some of which fail, some cancelled while they wait and while they run, with workers stopped and killed at random:
// 3,000 with each pool, 100,000 under AIOLOOP_SOAK=1. Every future ends, none twice; what ended well ran once, what was cancelled
// before it began never ran; and nothing is left behind. AIOLOOP_SEED repeats the choices of a run.
import { setTimeout as pause } from "node:timers/promises";
import type { Executor, Future } from "@aioloop/executors";
import { BrokenExecutor, CancelledError, ProcessPoolExecutor, ThreadPoolExecutor } from "@aioloop/executors";
import { expect, test } from "vitest";

const CALLS = process.env.AIOLOOP_SOAK === "1" ? 100_000 : 3000;
const WAVE = 500;
const seed = Number(process.env.AIOLOOP_SEED ?? Date.now() % 1_000_000);
console.log(`load: AIOLOOP_SEED=${seed}`);

/** A generator of numbers below 1 (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Ends so: returned, threw on purpose, was cancelled, or its pool broke. */
type End = "returned" | "failed" | "cancelled" | "broken";

interface Kind {
  make(): Executor;
  /** A worker dies that should not. */
  kill(pool: Executor): void;
}

const threads: Kind = {
  make: () => new ThreadPoolExecutor({ maxWorkers: 3 }),
  kill: (pool) => void pool.submit(() => process.exit(7)).addDoneCallback(() => {}),
};

const processes: Kind = {
  make: () => new ProcessPoolExecutor({ maxWorkers: 3 }),
  kill(pool) {
    const [pid] = (pool as ProcessPoolExecutor).pids;
    if (pid !== undefined) process.kill(pid, "SIGKILL");
  },
};

/** Stands for what a function sent by source finds under this name in its worker. */
declare const jobSignal: () => AbortSignal;

/** Submits one call of a random kind, and cancels some of them at a random moment. */
function submitOne(pool: Executor, i: number, random: () => number): Future<unknown> {
  const choice = random();
  if (choice < 0.1) {
    return pool.submit((n: number) => {
      throw new RangeError(`call ${n}`);
    }, i);
  }
  if (choice < 0.13) {
    const future = pool.submit(async (n: number) => {
      const signal = jobSignal();
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return n;
    }, i);
    cancelLater(future, random() * 20);
    return future;
  }
  if (choice < 0.135) {
    const future = pool.submit(
      {
        fn: (n: number) => {
          for (;;) if (n < 0) return n;
        },
        cancel: "terminate",
      },
      i,
    );
    cancelLater(future, random() * 20);
    return future;
  }
  const future =
    choice < 0.5
      ? pool.submit((n: number) => n, i)
      : choice < 0.8
        ? pool.submit(({ n }: { n: number }) => [n][0], { n: i })
        : choice < 0.85
          ? pool.submit((text: string) => text.length, "x".repeat(i))
          : pool.submit(async (n: number) => {
              await null;
              return n;
            }, i);
  if (random() < 0.2) queueMicrotask(() => future.cancel());
  return future;
}

/** The timers of the test itself: a call may end before its own, and what is left behind is to be the pool's. */
const cancels: Promise<void>[] = [];

function cancelLater(future: Future<unknown>, milliseconds: number): void {
  cancels.push(
    new Promise((resolve) => {
      setTimeout(() => {
        future.cancel();
        resolve();
      }, milliseconds);
    }),
  );
}

test.each([
  ["ThreadPoolExecutor", threads],
  ["ProcessPoolExecutor", processes],
] as const)(
  "%s: every one of very many calls ends, once, and nothing is left behind",
  async (_name, { make, kill }) => {
    const before = process.getActiveResourcesInfo();
    const random = randomFrom(seed);
    const ends: Record<End, number> = { returned: 0, failed: 0, cancelled: 0, broken: 0 };
    const ended = new Uint8Array(CALLS);
    let pool = make();
    let submitted = 0;
    while (submitted < CALLS) {
      const wave: Future<unknown>[] = [];
      while (wave.length < WAVE && submitted < CALLS) {
        const i = submitted;
        let future: Future<unknown>;
        try {
          future = submitOne(pool, i, random);
        } catch (error) {
          expect(error).toBeInstanceOf(BrokenExecutor);
          pool.shutdown({ wait: false });
          pool = make();
          continue;
        }
        submitted += 1;
        wave.push(future);
        future.addDoneCallback((done) => {
          ended[i] = (ended[i] as number) + 1;
          if (done.cancelled()) {
            ends.cancelled += 1;
            return;
          }
          const error = done.exception();
          if (error === null) {
            expect(done.result()).toBe(i);
            ends.returned += 1;
          } else if (error instanceof BrokenExecutor) ends.broken += 1;
          else {
            expect(String(error)).toBe(`RangeError: call ${i}`);
            ends.failed += 1;
          }
        });
      }
      if (random() < 0.15) kill(pool);
      await Promise.allSettled(wave);
    }
    pool.shutdown({ wait: false });
    await pool.join();
    await Promise.all(cancels.splice(0));
    const after = process.getActiveResourcesInfo();
    expect(ended.every((times) => times === 1)).toBe(true);
    expect(ends.returned + ends.failed + ends.cancelled + ends.broken).toBe(CALLS);
    for (const end of ["returned", "failed", "cancelled"] as const) expect(ends[end]).toBeGreaterThan(0);
    for (const resource of before) {
      const i = after.indexOf(resource);
      if (i >= 0) after.splice(i, 1);
    }
    expect(after).toEqual([]);
  },
);

test("ThreadPoolExecutor: what returned ran once, and what was cancelled before it began never ran", async () => {
  const ran = new Int32Array(new SharedArrayBuffer(CALLS * 4));
  const random = randomFrom(seed + 1);
  const pool = new ThreadPoolExecutor({ maxWorkers: 3 });
  const futures: Future<void>[] = [];
  const cancelled = new Set<number>();
  const note = (counts: Int32Array, i: number) => void Atomics.add(counts, i, 1);
  for (let i = 0; i < CALLS; i++) {
    futures.push(pool.submit(note, ran, i));
    const victim = Math.floor(random() * futures.length);
    if (random() < 0.3 && (futures[victim] as Future<void>).cancel()) cancelled.add(victim);
    if (i % WAVE === 0) await pause(1);
  }
  for (const [i, future] of futures.entries()) {
    if (cancelled.has(i)) await expect(future).rejects.toBeInstanceOf(CancelledError);
    else await future;
    expect(ran[i]).toBe(cancelled.has(i) ? 0 : 1);
  }
  expect(cancelled.size).toBeGreaterThan(0);
  pool.shutdown();
});
