/**
 * How the kernels of executors get their pools: ours, and piscina's and tinypool's, which are so alike that one program serves both.
 * A round has a pool of its own. Its start, its warm-up and its end are not measured, unless the kernel is about them.
 */
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { executors } from "aioloop";
import { collectGarbage } from "../collect-garbage.ts";
import type { Program } from "./kernel.ts";

const { ProcessPoolExecutor, ThreadPoolExecutor, workerFunction } = executors;
export type Executor = executors.Executor;

/** As many workers as there are processors, in every column. */
export const WORKERS = availableParallelism();

/** Workers get none of this process's options: its loader would cost each of them a thread. */
const execArgv: string[] = [];

const jobs = new URL("executor-jobs.mjs", import.meta.url);
type Jobs = typeof import("./executor-jobs.mjs");

export const increment = workerFunction<Jobs["increment"]>(jobs, "increment");
export const next = workerFunction<Jobs["next"]>(jobs, "next");
export const count = workerFunction<Jobs["count"]>(jobs, "count");
export const meet = workerFunction<Jobs["meet"]>(jobs, "meet");

export function threadPool(maxWorkers: number = WORKERS): Executor {
  return new ThreadPoolExecutor({ maxWorkers, execArgv });
}

export function processPool(): Executor {
  return new ProcessPoolExecutor({ maxWorkers: WORKERS, execArgv });
}

/** What the programs need of piscina's and tinypool's pools. */
export interface ForeignPool {
  run<R>(task: unknown, options?: { transferList: ArrayBuffer[] }): Promise<R>;
  destroy(): Promise<void>;
}

interface ForeignOptions {
  /** The export that its workers call. */
  readonly name: string;
  readonly file?: URL;
  /** How many of its threads are started at once, all by default. */
  readonly minThreads?: number;
  readonly maxThreads?: number;
  readonly runtime?: "worker_threads" | "child_process";
}

/** Makes a pool, when its package has been loaded. */
export type Load = (options: ForeignOptions) => Promise<() => ForeignPool>;

function given({ name, file = jobs, maxThreads = WORKERS, minThreads = maxThreads }: ForeignOptions) {
  return { name, filename: fileURLToPath(file), minThreads, maxThreads, execArgv };
}

export const piscina: Load = async (options) => {
  const { Piscina } = await import("piscina");
  return () => new Piscina(given(options)) as ForeignPool;
};

export const tinypool: Load = async ({ runtime = "worker_threads", ...options }) => {
  const { Tinypool } = await import("tinypool");
  return () => new Tinypool({ ...given(options), runtime });
};

/** A program of ours: what `calls` does with a pool. */
export function ours(
  make: () => Executor,
  calls: (pool: Executor, times: number) => number | Promise<number>,
): Program {
  return async (times, begin, end) => {
    const pool = make();
    try {
      return await measured(() => calls(pool, times), begin, end);
    } finally {
      await finish(pool);
    }
  };
}

/** A program of another package's. */
export function foreign(
  load: Load,
  options: ForeignOptions,
  calls: (pool: ForeignPool, times: number) => Promise<number>,
): Program {
  return async (times, begin, end) => {
    const pool = (await load(options))();
    try {
      return await measured(() => calls(pool, times), begin, end);
    } finally {
      await pool.destroy();
    }
  };
}

/** Twice: when it counts, the workers have started and have compiled what they run. */
async function measured(
  calls: () => number | Promise<number>,
  begin: () => void,
  end: () => void,
): Promise<number> {
  await calls();
  collectGarbage();
  begin();
  const done = await calls();
  end();
  return done;
}

export async function finish(pool: Executor): Promise<void> {
  pool.shutdown({ wait: false });
  await pool.join();
}
