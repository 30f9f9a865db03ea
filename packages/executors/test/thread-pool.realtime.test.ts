/** How many threads a pool has, what they are called, and how they end. CPython: `ThreadPoolExecutorTest` and its kin. */
import { availableParallelism } from "node:os";
import { BrokenThreadPool, ThreadPoolExecutor } from "@aioloop/executors";
import { expect, test } from "vitest";
import {
  add,
  endOf,
  rejectionOf,
  thrownBy,
  until,
  waitAt,
  waitAtAsync,
  withGate,
  withPool,
} from "./helpers-b.ts";

test.each([[[]], [[{}]], [[null]], [[{ maxWorkers: null }]]])(
  "new ThreadPoolExecutor(...%j) has 4 threads more than there are processors, and at most 32 [S296]",
  (given) =>
    withPool(new ThreadPoolExecutor(...given), (pool) => {
      expect(pool.maxWorkers).toBe(Math.min(32, availableParallelism() + 4));
      expect(pool.threads).toEqual([]);
    }),
);

test("ThreadPoolExecutor starts a thread only for a call that no idle one could make [S295]", () =>
  withPool(new ThreadPoolExecutor(3), async (pool) => {
    expect(pool.threads.length).toBe(0);
    for (const [a, b] of [
      [21, 2],
      [6, 7],
      [3, 14],
    ] as const) {
      expect(pool.submit((x: number, y: number) => x * y, a, b).result()).toBe(42);
      expect(pool.threads.length).toBe(1);
    }
  }));

test("ThreadPoolExecutor starts no more threads than maxWorkers, however many calls wait", () =>
  withPool(new ThreadPoolExecutor(2), (pool) =>
    withGate(async (gate) => {
      const futures = Array.from({ length: 30 }, (_, i) => pool.submit(waitAt, gate.path, `${i}`));
      expect(pool.threads.length).toBe(2);
      await until(() => gate.begun === 2);
      expect(futures.filter((future) => future.running()).length).toBe(2);
      expect(gate.begun).toBe(2);
      expect(`${pool}`).toMatch(/^<ThreadPoolExecutor 'ThreadPoolExecutor-\d+' threads=2 of 2 calls=30>$/);
      gate.open();
      expect(await Promise.all(futures)).toEqual(futures.map((_, i) => `${i}`));
      expect(pool.threads.length).toBe(2);
    }),
  ));

test("ThreadPoolExecutor takes calls up in the order in which they were submitted", () =>
  withPool(new ThreadPoolExecutor(1), (pool) =>
    withGate(async (gate) => {
      const futures = Array.from({ length: 20 }, (_, i) => pool.submit(waitAt, gate.path, `${i}`));
      gate.open();
      await Promise.all(futures);
      expect(gate.log.filter((line) => line.endsWith("began"))).toEqual(futures.map((_, i) => `${i} began`));
    }),
  ));

test("ThreadPoolExecutor({ threadNamePrefix }) numbers its threads from 0 [S296]", () =>
  withPool(new ThreadPoolExecutor({ maxWorkers: 3, threadNamePrefix: "Special" }), (pool) =>
    withGate(async (gate) => {
      for (const name of ["a", "b", "c", "d"]) pool.submit(waitAt, gate.path, name);
      expect(pool.threads).toEqual(["Special_0", "Special_1", "Special_2"]);
    }),
  ));

test("ThreadPoolExecutor without a threadNamePrefix has one of its own for each pool [S296]", async () => {
  const prefixes = new Set<string>();
  for (let i = 0; i < 2; i++) {
    await withPool(new ThreadPoolExecutor(1), (pool) => {
      pool.submit(add, 1, 2).result();
      const [name = ""] = pool.threads;
      expect(name).toMatch(/^ThreadPoolExecutor-\d+_0$/);
      prefixes.add(name);
    });
  }
  expect(prefixes.size).toBe(2);
});

test("ThreadPoolExecutor({ threadNamePrefix }) of another type is a TypeError", () => {
  const error = thrownBy(() => new ThreadPoolExecutor({ threadNamePrefix: 5 as unknown as string }));
  expect(error).toBeInstanceOf(TypeError);
  expect((error as Error).message).toBe("threadNamePrefix must be a string, got 5");
});

test("ThreadPoolExecutor gives the name of a thread that was stopped to the next one", () =>
  withPool(new ThreadPoolExecutor({ maxWorkers: 2, threadNamePrefix: "t" }), (pool) =>
    withGate(async (gate) => {
      const stopped = pool.submit({ fn: waitAt, cancel: "terminate" }, gate.path, "a");
      const other = pool.submit(waitAt, gate.path, "b");
      await until(() => gate.begun === 2);
      expect(stopped.cancel()).toBe(true);
      await until(() => pool.threads.length === 1);
      const third = pool.submit(waitAt, gate.path, "c");
      expect(pool.threads).toEqual(["t_0", "t_1"]);
      gate.open();
      expect(await Promise.all([other, third])).toEqual(["b", "c"]);
      expect(endOf(stopped)).toBe("cancelled");
    }),
  ));

test("ThreadPoolExecutor: after shutdown() no thread is left [S298]", () =>
  withPool(new ThreadPoolExecutor(3), (pool) =>
    withGate(async (gate) => {
      const futures = ["a", "b", "c"].map((name) => pool.submit(waitAt, gate.path, name));
      await until(() => gate.begun === 3);
      pool.shutdown({ wait: false });
      expect(pool.threads.length).toBe(3);
      gate.open();
      pool.join().result();
      expect(pool.threads).toEqual([]);
      expect(futures.map(endOf)).toEqual(["returned a", "returned b", "returned c"]);
    }),
  ));

test("ThreadPoolExecutor: a thread with a call that awaits takes no other call meanwhile", () =>
  withPool(new ThreadPoolExecutor(1), (pool) =>
    withGate(async (gate) => {
      const first = pool.submit(waitAtAsync, gate.path, "first");
      const second = pool.submit(add, 1, 2);
      await until(() => first.running());
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect([first.done(), second.running(), second.done()]).toEqual([false, false, false]);
      gate.open();
      expect(await Promise.all([first, second])).toEqual(["first", 3]);
    }),
  ));

test("ThreadPoolExecutor whose thread exits fails what runs and what waits, and submit() refuses [S295]", () =>
  withPool(new ThreadPoolExecutor({ maxWorkers: 2, threadNamePrefix: "doomed" }), (pool) =>
    withGate(async (gate) => {
      const running = pool.submit(waitAt, gate.path, "runs");
      await until(() => gate.begun === 1);
      const exits = pool.submit(() => process.exit(7));
      const waiting = pool.submit(add, 1, 2);
      const taken = pool.submit(add, 3, 4);
      taken.cancel();
      const error = await rejectionOf(exits);
      expect(error).toBeInstanceOf(BrokenThreadPool);
      expect((error as Error).message).toMatch(
        /^ThreadPoolExecutor 'doomed' is broken: worker thread 'doomed_\d' exited with code 7 in the middle of a call\./,
      );
      expect([running.exception() === error, waiting.exception() === error]).toEqual([true, true]);
      expect(endOf(taken)).toBe("cancelled");
      expect(thrownBy(() => pool.submit(add, 1, 2))).toBe(error);
      expect(thrownBy(() => pool.map(add, [1], [2]))).toBe(error);
      await until(() => pool.threads.length === 0);
      pool.shutdown();
    }),
  ));

test("ThreadPoolExecutor whose threads cannot start is broken, and says why", () =>
  withPool(new ThreadPoolExecutor({ maxWorkers: 1, execArgv: ["--no-such-option"] }), (pool) => {
    const error = pool.submit(add, 1, 2).exception() as Error;
    expect(error).toBeInstanceOf(BrokenThreadPool);
    expect(error.message).toContain("could not be started");
    expect(error.message).toContain("--no-such-option");
  }));
