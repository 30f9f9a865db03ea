/** How pools end: by shutdown, at the end of a block, when nobody holds them any more, at the end of the process. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Future } from "@aioloop/executors";
import { ThreadPoolExecutor } from "@aioloop/executors";
import { RuntimeError } from "@aioloop/loop";
import { describe, expect, test } from "vitest";
import type { Pool } from "./helpers-b.ts";
import {
  absolute,
  add,
  block,
  collect,
  collectUntil,
  endOf,
  isAlive,
  kinds,
  thrownBy,
  until,
  waitAt,
  withGate,
  withPool,
  workersOf,
} from "./helpers-b.ts";

const NUMBERS = [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4];
const ABSOLUTE = NUMBERS.map(Math.abs);

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs fixtures/b-program.ts as a user would. */
function runProgram(...args: string[]): Promise<Ended> {
  const program = fileURLToPath(new URL("fixtures/b-program.ts", import.meta.url));
  const flags = ["--conditions=@aioloop/source", "--import", "tsx"];
  const child = spawn(process.execPath, [...flags, program, ...args]);
  const ended = { code: null, stdout: "", stderr: "" };
  child.stdout.on("data", (data: Buffer) => {
    ended.stdout += data.toString();
  });
  child.stderr.on("data", (data: Buffer) => {
    ended.stderr += data.toString();
  });
  return new Promise((resolve) => {
    child.on("close", (code) => resolve({ ...ended, code }));
  });
}

describe.each(kinds)("%s", (name, make) => {
  test(`${name}.submit() after shutdown() is a RuntimeError that names the pool [S295]`, () =>
    withPool(make(), (pool) => {
      pool.shutdown();
      const error = thrownBy(() => pool.submit(add, 1, 2)) as Error;
      expect(error).toBeInstanceOf(RuntimeError);
      expect(error.message).toMatch(
        new RegExp(
          `^submit\\(fn, \\.\\.\\.args\\): cannot schedule new futures after shutdown of ${name} '${name}-\\d+'`,
        ),
      );
    }));

  test(`${name}.shutdown() waits for all of 50 calls`, () =>
    withPool(make(), (pool) => {
      const futures = Array.from({ length: 50 }, () => pool.submit(block, 2));
      pool.shutdown();
      expect(futures.map((future) => future.done())).toEqual(futures.map(() => true));
      expect(workersOf(pool)).toBe(0);
      expect(futures.map((future) => future.result())).toEqual(futures.map(() => 2));
    }));

  test(`${name}.shutdown({ cancelFutures: true }) drains the queue: what runs ends, what waits is cancelled [S297]`, () =>
    withPool(make(), (pool) =>
      withGate(async (gate) => {
        const futures = Array.from({ length: 50 }, (_, i) => pool.submit(waitAt, gate.path, `${i}`));
        await until(() => gate.begun === 2);
        pool.shutdown({ wait: false, cancelFutures: true });
        const cancelled = futures.filter((future) => future.cancelled());
        expect(cancelled.length).toBe(48);
        gate.open();
        pool.join().result();
        expect(futures.map(endOf).filter((end) => end !== "cancelled")).toEqual(["returned 0", "returned 1"]);
        expect([gate.begun, workersOf(pool)]).toEqual([2, 0]);
      }),
    ));

  test(`${name}.shutdown({ cancelFutures: true }) while it waits cancels most of 50 calls, and loses none [S297]`, () =>
    withPool(make(), (pool) => {
      const futures = Array.from({ length: 50 }, () => pool.submit(block, 50));
      futures[0]?.result();
      pool.shutdown({ cancelFutures: true });
      const ends = futures.map(endOf);
      expect(ends.filter((end) => end === "cancelled").length).toBeGreaterThan(20);
      expect(ends.filter((end) => end !== "cancelled" && end !== "returned 50")).toEqual([]);
      expect(ends).toContain("returned 50");
    }));

  test(`${name}.shutdown({ cancelFutures: true }) after shutdown({ wait: false }) cancels what still waits [S297]`, () =>
    withPool(make(), (pool) =>
      withGate(async (gate) => {
        const futures = Array.from({ length: 5 }, (_, i) => pool.submit(waitAt, gate.path, `${i}`));
        await until(() => gate.begun === 2);
        pool.shutdown({ wait: false });
        expect(futures.filter((future) => future.cancelled()).length).toBe(0);
        pool.shutdown({ wait: false, cancelFutures: true });
        expect(futures.filter((future) => future.cancelled()).length).toBe(3);
        gate.open();
        await pool.join();
      }),
    ));

  test.each(["an idle worker", "no worker"])(
    `${name}.shutdown() directly after a call that was cancelled ends, with %s`,
    (worker) =>
      withPool(make({ maxWorkers: 1 }), (pool) => {
        if (worker === "an idle worker") pool.submit(add, 1, 2).result();
        const future = pool.submit(add, 3, 4);
        const isCancelled = future.cancel();
        pool.shutdown();
        expect(endOf(future)).toBe(isCancelled ? "cancelled" : "returned 7");
        expect(workersOf(pool)).toBe(0);
      }),
  );

  test(`${name}: after shutdown() its workers have ended`, () =>
    withPool(make({ maxWorkers: 3 }), (pool) =>
      withGate(async (gate) => {
        for (const call of ["a", "b", "c"]) pool.submit(waitAt, gate.path, call);
        await until(() => gate.begun === 3);
        expect(workersOf(pool)).toBe(3);
        const pids = "pids" in pool ? pool.pids : [];
        gate.open();
        pool.shutdown();
        expect(workersOf(pool)).toBe(0);
        expect(pids.filter(isAlive)).toEqual([]);
      }),
    ));

  test(`${name} in \`using\`: at the end of the block its workers have ended`, () => {
    let kept: Pool;
    {
      using pool = make();
      kept = pool;
      expect([...pool.map(absolute, NUMBERS)]).toEqual(ABSOLUTE);
      expect(workersOf(pool)).toBeGreaterThan(0);
    }
    expect(workersOf(kept)).toBe(0);
  });

  test(`${name}.shutdown({ wait: false }) lets the calls be made, and then its workers end`, () =>
    withPool(make(), (pool) => {
      const results = pool.map(absolute, NUMBERS);
      pool.shutdown({ wait: false });
      pool.join().result();
      expect(workersOf(pool)).toBe(0);
      expect([...results]).toEqual(ABSOLUTE);
    }));

  test(`${name} that nobody holds any more ends its workers`, () =>
    withGate(async (gate) => {
      (() => {
        const pool = make({ maxWorkers: 1 });
        pool.submit(sayGoodbye, gate.path).result();
      })();
      await collectUntil(() => gate.log.includes("gone"));
    }));

  test(`${name} that nobody holds any more makes its calls first`, () =>
    withGate(async (gate) => {
      const futures = (() => {
        const pool = make({ maxWorkers: 1 });
        pool.submit(sayGoodbye, gate.path);
        return ["a", "b", "c"].map((call) => pool.submit(waitAt, gate.path, call));
      })();
      await until(() => gate.begun === 1);
      for (let i = 0; i < 3; i++) await collect();
      gate.open();
      expect(await Promise.all(futures)).toEqual(["a", "b", "c"]);
      await collectUntil(() => gate.log.includes("gone"));
    }));

  test(`${name} of which only the results of map() are held ends its workers, and they stay`, () =>
    withGate(async (gate) => {
      const results = (() => {
        const pool = make({ maxWorkers: 1 });
        pool.submit(sayGoodbye, gate.path);
        return pool.map(absolute, NUMBERS);
      })();
      await collectUntil(() => gate.log.includes("gone"));
      expect([...results]).toEqual(ABSOLUTE);
    }));

  test(`${name} that is held by a pending future's callback alone is not ended before that`, () =>
    withGate(async (gate) => {
      const chained: Future<number>[] = [];
      (() => {
        const pool = make({ maxWorkers: 1 });
        const first = pool.submit(waitAt, gate.path, "first");
        first.addDoneCallback(() => chained.push(pool.submit(add, 1, 2)));
      })();
      await until(() => gate.begun === 1);
      for (let i = 0; i < 3; i++) await collect();
      gate.open();
      await until(() => chained.length === 1);
      expect(await chained[0]).toBe(3);
    }));

  test.concurrent.each([
    ["busy", "apple\n"],
    ["wait: false", "apple\n"],
    ["wait: false, cancelFutures", "cancelled: true\napple\n"],
  ])(`${name}: a process does not end before its pool's calls (%s) [S297]`, async (scenario, stdout) => {
    expect(await runProgram(name, scenario)).toEqual({ code: 0, stdout, stderr: "" });
  });

  test.concurrent(`${name} that is idle and was not shut down does not keep the process [J20]`, async () => {
    expect(await runProgram(name, "idle")).toEqual({ code: 0, stdout: "apple\n", stderr: "" });
  });

  test.concurrent(`${name}.submit() in an exit listener, after shutdown(), is a RuntimeError`, async () => {
    const stdout = "plum\nRuntimeError: submit(fn, ...args): cannot schedule new futures after shutd\n";
    expect(await runProgram(name, "at exit")).toEqual({ code: 0, stdout, stderr: "" });
  });
});

test("ThreadPoolExecutor.shutdown() in a callback of its own last call ends", () =>
  withPool(new ThreadPoolExecutor(1), async (pool) => {
    const future = pool.submit(add, 1, 2);
    future.addDoneCallback(() => pool.shutdown({ wait: false }));
    expect(await future).toBe(3);
    await pool.join();
    expect(pool.threads).toEqual([]);
  }));

/** Has its worker say when it ends. */
function sayGoodbye(path: string): void {
  const { appendFileSync } = process.getBuiltinModule("node:fs");
  process.once("exit", () => appendFileSync(`${path}.log`, "gone\n"));
}
