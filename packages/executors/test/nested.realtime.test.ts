// Pools in workers: a worker thread, and a child process, are as good a place for a pool as the main thread. And what only shows with
// idle workers, or very many calls.
import { jobCancelled, jobSignal, ProcessPoolExecutor, ThreadPoolExecutor } from "@aioloop/executors";
import { expect, test } from "vitest";
import { sumInPool, sumInPoolLater } from "./fixtures/nested.ts";

test.each([
  ["ThreadPoolExecutor", () => new ThreadPoolExecutor(1)],
  ["ProcessPoolExecutor", () => new ProcessPoolExecutor(1)],
] as const)("%s: a call may have a pool of its own, blocking or not", async (_name, make) => {
  using pool = make();
  expect(pool.submit(sumInPool, 4).result()).toBe(0 + 1 + 4 + 9);
  expect(await pool.submit(sumInPoolLater, 4)).toBe(0 + 1 + 4 + 9);
});

test("ThreadPoolExecutor: an idle thread that is given what cannot be copied goes on", async () => {
  using pool = new ThreadPoolExecutor(1);
  const fails = () => pool.submit((value: unknown) => value, { method() {} }).exception();
  for (const pause of [0, 50]) {
    pool.submit(() => 0).result();
    // After a pause the thread sleeps in its event loop, before it waits on the queue.
    await new Promise((resolve) => setTimeout(resolve, pause));
    expect(String(fails())).toMatch(
      /^TypeError: submit\(fn, \.\.\.args\): argument 1, .* cannot be copied to a worker/,
    );
    expect(pool.submit((n: number) => n, 5).result()).toBe(5);
  }
});

test("ThreadPoolExecutor: an idle thread is given a moved buffer directly, asleep or not", async () => {
  using pool = new ThreadPoolExecutor(2);
  let buffer = new ArrayBuffer(1000);
  for (let i = 0; i < 200; i++) {
    if (i % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    const fn = (given: ArrayBuffer) => structuredClone(given, { transfer: [given] });
    buffer = await pool.submit({ fn, transfer: [buffer] }, buffer);
  }
  expect(buffer.byteLength).toBe(1000);
});

test("ProcessPoolExecutor: more calls than it hands on at a time, a third of them cancelled, all end", async () => {
  using pool = new ProcessPoolExecutor(1);
  const calls = Array.from({ length: 20_000 }, (_, i) => pool.submit((n: number) => n, i));
  const cancelled = calls.filter((call, i) => i % 3 === 0 && call.cancel());
  const ends = await Promise.allSettled(calls);
  expect(ends.filter(({ status }) => status === "rejected")).toHaveLength(cancelled.length);
  expect(cancelled.length).toBeGreaterThan(5000);
  expect(ends[19_999]).toEqual({ status: "fulfilled", value: 19_999 });
});

test("jobCancelled() and jobSignal() outside of a worker: nothing was asked for", () => {
  expect(jobCancelled()).toBe(false);
  expect(jobSignal().aborted).toBe(false);
});
