/** What the heap grows by when 100,000 tasks sleep, each with its timer. */
import type { Coroutine, Task } from "aioloop";
import { createTask, run, sleep } from "aioloop";
import { collectGarbage } from "../collect-garbage.ts";
import type { Kernel } from "./kernel.ts";

function* worker(counter: { asleep: number }): Coroutine<void> {
  counter.asleep += 1;
  yield* sleep(3600);
  counter.asleep -= 1;
}

/** run() cancels the sleepers when this has ended. */
function* ours(count: number): Coroutine<number> {
  const counter = { asleep: 0 };
  const tasks = new Array<Task<void> | null>(count).fill(null);
  const before = heap();
  for (let i = 0; i < count; i++) tasks[i] = createTask(worker(counter));
  yield* sleep(0); // each takes its first step
  return perTask(before, heap(), tasks, counter);
}

/** Promise-based sleeps cannot be cancelled: these are long enough to be measured, then waited for. */
const NATIVE_SLEEP = 2000;

function nativeSleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function nativeWorker(counter: { asleep: number }): Promise<void> {
  counter.asleep += 1;
  await nativeSleep(NATIVE_SLEEP);
  counter.asleep -= 1;
}

async function native(count: number): Promise<number> {
  const counter = { asleep: 0 };
  const promises = new Array<Promise<void> | null>(count).fill(null);
  const before = heap();
  for (let i = 0; i < count; i++) promises[i] = nativeWorker(counter);
  await null;
  const bytes = perTask(before, heap(), promises, counter);
  await Promise.all(promises);
  return bytes;
}

/** What is reachable, in bytes. */
function heap(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function perTask(
  before: number,
  after: number,
  held: readonly unknown[],
  counter: { asleep: number },
): number {
  if (counter.asleep !== held.length) throw new Error(`only ${counter.asleep} of ${held.length} are asleep`);
  return (after - before) / held.length;
}

export const memory: Kernel = {
  name: "memory",
  title: "bytes of heap for a task that sleeps, beside an async function in a promise-based sleep",
  shown: "bytes",
  operations: 100_000,
  rounds: 5,
  programs: { ours: (count) => run(ours(count)), native },
  python: { program: "memory", operations: 100_000, rounds: 1, columns: ["cpython"] },
};
