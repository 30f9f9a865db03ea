/** What a pool costs before it has done anything: the time until its first result, and the memory of a worker that waits. */
import { setTimeout } from "node:timers/promises";
import { collectGarbage } from "../collect-garbage.ts";
import type { Kernel, Program } from "./kernel.ts";
import type { Load } from "./pools.ts";
import { finish, increment, meet, piscina, threadPool, tinypool, WORKERS } from "./pools.ts";

/** A pool that may have a thread for each processor, and starts one. */
async function start(_pools: number, begin: () => void, end: () => void): Promise<number> {
  begin();
  const pool = threadPool();
  const done = await pool.submit(increment, 0);
  end();
  await finish(pool);
  return done;
}

function foreignStart(load: Load): Program {
  return async (_pools, begin, end) => {
    const make = await load({ name: "increment", minThreads: 1, maxThreads: WORKERS });
    begin();
    const pool = make();
    const done = await pool.run<number>(0);
    end();
    await pool.destroy();
    return done;
  };
}

/** Workers of the pool whose memory is taken. */
const MANY = 8;
/** Until an idle worker has come to rest. Milliseconds. */
const REST = 100;

async function memory(): Promise<number> {
  return await perWorker(() => {
    const pool = threadPool(MANY);
    return { call: (meeting) => pool.submit(meet, meeting), end: () => finish(pool) };
  });
}

function foreignMemory(load: Load): Program {
  return async () => {
    const make = await load({ name: "meet", maxThreads: MANY });
    return await perWorker(() => {
      const pool = make();
      return { call: (meeting) => pool.run<number>(meeting), end: () => pool.destroy() };
    });
  };
}

interface Meeting {
  readonly words: Int32Array;
  readonly size: number;
}

/** What the resident memory of a process grows by, divided by the workers. */
async function perWorker(
  make: () => { call(meeting: Meeting): PromiseLike<number>; end(): Promise<void> },
): Promise<number> {
  const before = resident();
  const pool = make();
  const meeting = { words: new Int32Array(new SharedArrayBuffer(4)), size: MANY };
  const all = await Promise.all(Array.from({ length: MANY }, () => pool.call(meeting)));
  await setTimeout(REST);
  const after = resident();
  await pool.end();
  return (after - before) / all.length;
}

function resident(): number {
  collectGarbage();
  return process.memoryUsage.rss();
}

const startPrograms = { ours: start, piscina: foreignStart(piscina), tinypool: foreignStart(tinypool) };

export const executorCosts: readonly Kernel[] = [
  {
    name: "executor-start",
    title: "the first thread pool of a process, until its first result",
    group: "executors",
    shown: "seconds",
    operations: 1,
    rounds: 9,
    fresh: true,
    programs: startPrograms,
  },
  {
    name: "executor-start-next",
    title: "a thread pool in a process that had others, until its first result",
    group: "executors",
    shown: "seconds",
    operations: 1,
    rounds: 9,
    warmUp: 1,
    programs: startPrograms,
  },
  {
    name: "executor-memory",
    title: "bytes of resident memory for an idle worker thread, one of eight",
    group: "executors",
    shown: "bytes",
    operations: 1,
    rounds: 5,
    fresh: true,
    programs: { ours: memory, piscina: foreignMemory(piscina), tinypool: foreignMemory(tinypool) },
  },
];
