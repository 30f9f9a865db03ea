/** Calls in the workers of a pool: one after the other, all at once, by a blocked thread, with objects and with 64 MiB. */
import type { Coroutine } from "aioloop";
import { executors, gather, getRunningLoop, run } from "aioloop";
import type { Kernel, PythonTwin } from "./kernel.ts";
import type { Executor, ForeignPool } from "./pools.ts";
import {
  count,
  foreign,
  increment,
  next,
  ours,
  piscina,
  processPool,
  threadPool,
  tinypool,
  WORKERS,
} from "./pools.ts";

const { transfer } = executors;

const IN_FLIGHT = 20_000;
const FLOATS = (64 * 2 ** 20) / Float64Array.BYTES_PER_ELEMENT;

/** Each call counts one further: what comes back is how many were made. */
function* roundTrip(pool: Executor, times: number): Coroutine<number> {
  const loop = getRunningLoop();
  let done = 0;
  while (done < times) done = yield* loop.runInExecutor(pool, increment, done);
  return done;
}

async function foreignRoundTrip(pool: ForeignPool, times: number): Promise<number> {
  let done = 0;
  while (done < times) done = await pool.run<number>(done);
  return done;
}

function* inFlight(pool: Executor, times: number): Coroutine<number> {
  const loop = getRunningLoop();
  return counted(yield* gather(numbers(times).map((i) => loop.runInExecutor(pool, increment, i))));
}

async function foreignInFlight(pool: ForeignPool, times: number): Promise<number> {
  return counted(await Promise.all(numbers(times).map((i) => pool.run<number>(i))));
}

function blocking(pool: Executor, times: number): number {
  let done = 0;
  while (done < times) done = pool.submit(increment, done).result();
  return done;
}

function order(id: number) {
  return { id, name: `order ${id}`, values: [id, id / 2, id / 3, id / 4] };
}

function* objects(pool: Executor, times: number): Coroutine<number> {
  const loop = getRunningLoop();
  const all = yield* gather(numbers(times).map((i) => loop.runInExecutor(pool, next, order(i))));
  return counted(all.map(({ id }) => id));
}

async function foreignObjects(pool: ForeignPool, times: number): Promise<number> {
  const all = await Promise.all(numbers(times).map((i) => pool.run<{ id: number }>(order(i))));
  return counted(all.map(({ id }) => id));
}

/** The workers count in the first number of the array. */
function* copy(pool: Executor, times: number): Coroutine<number> {
  const loop = getRunningLoop();
  let data = new Float64Array(FLOATS);
  for (let i = 0; i < times; i++) data = yield* loop.runInExecutor(pool, count, data);
  return arrived(data);
}

async function foreignCopy(pool: ForeignPool, times: number): Promise<number> {
  let data = new Float64Array(FLOATS);
  for (let i = 0; i < times; i++) data = await pool.run<Float64Array<ArrayBuffer>>(data);
  return arrived(data);
}

/** Goes to the workers by its source, in which `transfer` is known: a module would have to import it from there. */
function countAndMove(data: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  data[0] = (data[0] ?? 0) + 1;
  return transfer(data, [data.buffer]);
}

function* move(pool: Executor, times: number): Coroutine<number> {
  const loop = getRunningLoop();
  let data = new Float64Array(FLOATS);
  for (let i = 0; i < times; i++) {
    data = yield* loop.runInExecutor(pool, { fn: countAndMove, transfer: [data.buffer] }, data);
  }
  return arrived(data);
}

async function foreignMove(pool: ForeignPool, times: number): Promise<number> {
  let data = new Float64Array(FLOATS);
  for (let i = 0; i < times; i++) {
    data = await pool.run<Float64Array<ArrayBuffer>>(data, { transferList: [data.buffer] });
  }
  return arrived(data);
}

function numbers(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

/** Each result is one more than its index. */
function counted(results: readonly number[]): number {
  return results.reduce((sum, result, i) => sum + result - i, 0);
}

function arrived(data: Float64Array): number {
  if (data.length !== FLOATS) throw new Error(`${data.length} of ${FLOATS} numbers came back`);
  return data[0] ?? 0;
}

function python(program: string, operations: number, rounds: number): PythonTwin {
  return { program, size: WORKERS, operations, rounds, columns: ["cpython"] };
}

function kernel(
  name: string,
  title: string,
  options: Pick<Kernel, "operations" | "programs" | "python" | "rounds">,
): Kernel {
  // Each round warms its pool itself.
  const warmUp = Math.ceil(options.operations / 10);
  return { name: `executor-${name}`, title, group: "executors", shown: "rate", warmUp, ...options };
}

export const executorCalls: readonly Kernel[] = [
  kernel("round-trip", "one call in a worker thread after the other, beside piscina, tinypool and CPython", {
    operations: 20_000,
    programs: {
      ours: ours(threadPool, (pool, times) => run(roundTrip(pool, times))),
      piscina: foreign(piscina, { name: "increment" }, foreignRoundTrip),
      tinypool: foreign(tinypool, { name: "increment" }, foreignRoundTrip),
    },
    python: python("executor-round-trip", 10_000, 5),
  }),
  kernel("in-flight", "20,000 calls in worker threads, all of them in flight at once", {
    operations: IN_FLIGHT,
    programs: {
      ours: ours(threadPool, (pool, times) => run(inFlight(pool, times))),
      piscina: foreign(piscina, { name: "increment" }, foreignInFlight),
      tinypool: foreign(tinypool, { name: "increment" }, foreignInFlight),
    },
    python: python("executor-in-flight", IN_FLIGHT, 5),
  }),
  kernel("blocking", "one call after the other, the calling thread blocked in result() meanwhile", {
    operations: 20_000,
    programs: { ours: ours(threadPool, blocking) },
    python: python("executor-blocking", 10_000, 5),
  }),
  kernel("objects", "20,000 calls in flight that take and give small objects", {
    operations: IN_FLIGHT,
    programs: {
      ours: ours(threadPool, (pool, times) => run(objects(pool, times))),
      piscina: foreign(piscina, { name: "next" }, foreignObjects),
      tinypool: foreign(tinypool, { name: "next" }, foreignObjects),
    },
  }),
  kernel("process", "20,000 calls in child processes, all of them in flight at once", {
    operations: IN_FLIGHT,
    rounds: 5,
    programs: {
      ours: ours(processPool, (pool, times) => run(inFlight(pool, times))),
      tinypool: foreign(tinypool, { name: "increment", runtime: "child_process" }, foreignInFlight),
    },
    python: python("executor-process", IN_FLIGHT, 3),
  }),
  kernel("move", "64 MiB of Float64Array moved to a worker thread and back", {
    operations: 2_000,
    programs: {
      ours: ours(threadPool, (pool, times) => run(move(pool, times))),
      piscina: foreign(
        piscina,
        { name: "countAndMove", file: new URL("piscina-jobs.mjs", import.meta.url) },
        foreignMove,
      ),
    },
  }),
  kernel("copy", "64 MiB of Float64Array copied to a worker thread and back", {
    operations: 10,
    rounds: 5,
    programs: {
      ours: ours(threadPool, (pool, times) => run(copy(pool, times))),
      piscina: foreign(piscina, { name: "count" }, foreignCopy),
      tinypool: foreign(tinypool, { name: "count" }, foreignCopy),
    },
  }),
];
