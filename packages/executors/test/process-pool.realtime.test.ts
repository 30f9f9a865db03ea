/** Processes: how many, how they are replaced, how they die. CPython: `ProcessPoolExecutorTest` and, of 3.14, the tests of killing workers. */
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { BrokenProcessPool, ProcessPoolExecutor } from "@aioloop/executors";
import { RuntimeError } from "@aioloop/loop";
import { describe, expect, test } from "vitest";
import type { Gate } from "./helpers-b.ts";
import {
  add,
  endOf,
  isAlive,
  rejectionOf,
  thrownBy,
  until,
  waitAt,
  withGate,
  withPool,
} from "./helpers-b.ts";

const pidOf = () => process.pid;

function withProcesses(
  options: ConstructorParameters<typeof ProcessPoolExecutor>[0],
  body: (pool: ProcessPoolExecutor, gate: Gate) => unknown,
): Promise<void> {
  return withPool(new ProcessPoolExecutor(options), (pool) => withGate((gate) => body(pool, gate)));
}

test.each([[[]], [[{}]], [[null]], [[{ maxWorkers: null }]]])(
  "new ProcessPoolExecutor(...%j) has as many processes as there are processors [S296]",
  (given) =>
    withPool(new ProcessPoolExecutor(...given), (pool) => {
      expect(pool.maxWorkers).toBe(availableParallelism());
      expect(pool.pids).toEqual([]);
    }),
);

describe("a process that dies", () => {
  test("breaks its pool: what runs, waits and is submitted fails; what was cancelled stays so [S300 N13]", () =>
    withProcesses(2, async (pool, gate) => {
      const running = [pool.submit(waitAt, gate.path, "a"), pool.submit(waitAt, gate.path, "b")];
      const waiting = [pool.submit(add, 1, 2), pool.submit(add, 3, 4)];
      await until(() => gate.begun === 2);
      const cancelled = waiting[1]?.cancel();
      const pids = pool.pids;
      const victim = pids[0] as number;
      process.kill(victim, "SIGTERM");
      const error = thrownBy(() => running[0]?.result());
      expect(error).toBeInstanceOf(BrokenProcessPool);
      expect((error as Error).message).toMatch(
        new RegExp(
          `^ProcessPoolExecutor 'ProcessPoolExecutor-\\d+' is broken: process ${victim} was killed by SIGTERM in the middle of a call\\.`,
        ),
      );
      expect(running[1]?.exception()).toBe(error);
      expect(waiting[0]?.exception()).toBe(error);
      expect([cancelled, waiting[1] && endOf(waiting[1])]).toEqual([true, "cancelled"]);
      expect(thrownBy(() => pool.submit(add, 1, 2))).toBe(error);
      await until(() => pids.every((pid) => !isAlive(pid)));
      await until(() => pool.pids.length === 0);
    }));

  test("by its own exit is named with its number and exit code [N13]", () =>
    withProcesses(1, async (pool) => {
      const pid = pool.submit(pidOf).result();
      const error = (await rejectionOf(pool.submit(() => process.exit(3)))) as Error;
      expect(error.message).toContain(`process ${pid} exited with code 3 in the middle of a call`);
    }));

  test("between two calls breaks its pool, too [S300]", () =>
    withProcesses(1, async (pool) => {
      const pid = pool.submit(pidOf).result();
      process.kill(pid, "SIGKILL");
      await until(() => pool.pids.length === 0);
      const error = thrownBy(() => pool.submit(add, 1, 2)) as Error;
      expect(error).toBeInstanceOf(BrokenProcessPool);
      expect(error.message).toContain(`process ${pid} was killed by SIGKILL. `);
    }));
});

describe("ProcessPoolExecutor: processes", () => {
  test("ProcessPoolExecutor starts no more processes than maxWorkers, however many calls wait", () =>
    withProcesses(2, async (pool, gate) => {
      const futures = Array.from({ length: 30 }, (_, i) => pool.submit(waitAt, gate.path, `${i}`));
      await until(() => gate.begun === 2);
      expect(pool.pids.length).toBe(2);
      expect(futures.filter((future) => future.running()).length).toBe(2);
      gate.open();
      expect(await Promise.all(futures)).toEqual(futures.map((_, i) => `${i}`));
      expect([pool.pids.length, gate.begun]).toEqual([2, 30]);
    }));

  test("ProcessPoolExecutor starts a process only for a call that no idle one could make", () =>
    withProcesses(3, (pool) => {
      const pids = [1, 2, 3].map(() => pool.submit(pidOf).result());
      expect(new Set(pids).size).toBe(1);
      expect(pool.pids).toEqual([pids[0]]);
    }));

  test("ProcessPoolExecutor starts no more processes than calls there are at a time", () =>
    withProcesses(3, async (pool) => {
      const futures = [pool.submit(add, 1, 2), pool.submit(add, 3, 4)];
      await Promise.all(futures);
      futures.push(pool.submit(add, 5, 6));
      await Promise.all(futures);
      expect(pool.pids.length).toBeGreaterThan(0);
      expect(pool.pids.length).toBeLessThanOrEqual(2);
    }));

  test("ProcessPoolExecutor({ env }) is the environment of its processes", () =>
    withProcesses({ maxWorkers: 1, env: { AIOLOOP_TEST: "there" } }, (pool) => {
      const names = pool.submit(() => [process.env["AIOLOOP_TEST"], process.env["PATH"]]).result();
      expect(names).toEqual(["there", undefined]);
    }));
});

describe("ProcessPoolExecutor({ maxTasksPerChild })", () => {
  test("ProcessPoolExecutor({ maxTasksPerChild: 3 }): a process makes three calls, then another takes its place [S299]", () =>
    withProcesses({ maxWorkers: 1, maxTasksPerChild: 3 }, async (pool) => {
      const pids = [1, 2, 3, 4].map(() => pool.submit(pidOf).result());
      const [first, second, third, fourth] = pids as [number, number, number, number];
      expect([second, third]).toEqual([first, first]);
      expect(fourth).not.toBe(first);
      await until(() => !isAlive(first));
      expect(pool.pids).toEqual([fourth]);
    }));

  test("ProcessPoolExecutor({ maxTasksPerChild: 1 }): every call has its process, also after shutdown()", () =>
    withProcesses({ maxWorkers: 2, maxTasksPerChild: 1 }, (pool) => {
      const futures = [1, 2, 3, 4, 5].map(() => pool.submit(pidOf));
      pool.shutdown();
      expect(new Set(futures.map((future) => future.result())).size).toBe(5);
    }));

  test("ProcessPoolExecutor({ maxTasksPerChild: 1 }): a call that throws counts as one", () =>
    withProcesses({ maxWorkers: 1, maxTasksPerChild: 1 }, (pool) => {
      const error = pool
        .submit(() => {
          throw new RangeError(`${process.pid}`);
        })
        .exception() as Error;
      expect(pool.submit(pidOf).result()).not.toBe(Number(error.message));
    }));

  test.each([
    [0, RangeError],
    [-1, RangeError],
    [1.5, TypeError],
    ["3", TypeError],
  ])("ProcessPoolExecutor({ maxTasksPerChild: %j }) is refused [S299]", (maxTasksPerChild, Class) => {
    const error = thrownBy(() => new ProcessPoolExecutor({ maxTasksPerChild: maxTasksPerChild as number }));
    expect(error).toBeInstanceOf(Class);
    expect((error as Error).message).toContain("ProcessPoolExecutor({ maxTasksPerChild }): maxTasksPerChild");
  });
});

test("ProcessPoolExecutor: a call that no process has taken can be cancelled, however long it has waited [S299]", () =>
  withProcesses(1, async (pool, gate) => {
    const running = pool.submit(waitAt, gate.path, "runs");
    const waiting = [1, 2, 3, 4].map((n) => pool.submit(add, n, n));
    await until(() => gate.begun === 1);
    expect(waiting.map((future) => future.cancel())).toEqual([true, true, true, true]);
    expect(running.cancel()).toBe(false);
    gate.open();
    expect(await running).toBe("runs");
  }));

test("ProcessPoolExecutor: an error has the process's own stack below a line that says whose it is [S302]", () =>
  withProcesses(1, (pool) => {
    const error = pool
      .submit(function fails() {
        throw new RangeError("123");
      })
      .exception() as RangeError;
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toBe("123");
    expect(error.stack).toMatch(
      /^RangeError: 123\n {4}in ProcessPoolExecutor 'ProcessPoolExecutor-\d+':\n\s+at fails /,
    );
  }));

describe.each([
  ["terminateWorkers", "SIGTERM"],
  ["killWorkers", "SIGKILL"],
] as const)("ProcessPoolExecutor.%s()", (method, _signal) => {
  test(`ProcessPoolExecutor.${method}() ends the processes in the middle of their calls, which fail, and the pool [N13]`, () =>
    withProcesses(2, async (pool, gate) => {
      const running = [pool.submit(waitAt, gate.path, "a"), pool.submit(waitAt, gate.path, "b")];
      const waiting = pool.submit(add, 1, 2);
      await until(() => gate.begun === 2);
      const pids = pool.pids;
      pool[method]();
      for (const future of [...running, waiting]) {
        const error = future.exception() as Error;
        expect(error).toBeInstanceOf(BrokenProcessPool);
        expect(error.message).toContain(`its processes were ended by ${method}()`);
      }
      expect(thrownBy(() => pool.submit(add, 1, 2))).toBeInstanceOf(RuntimeError);
      pool.join().result();
      expect(pids.map(isAlive)).toEqual([false, false]);
      expect(gate.log).toEqual(expect.not.arrayContaining(["a ended", "b ended"]));
      pool[method]();
    }));

  test(`ProcessPoolExecutor.${method}() of a pool that was never used, or is idle, ends it [N13]`, async () => {
    const unused = new ProcessPoolExecutor(1);
    unused[method]();
    unused.join().result();
    const idle = new ProcessPoolExecutor(1);
    const pid = idle.submit(pidOf).result();
    idle[method]();
    await idle.join();
    expect(isAlive(pid)).toBe(false);
    expect(thrownBy(() => idle.submit(add, 1, 2))).toBeInstanceOf(RuntimeError);
  });

  test(`ProcessPoolExecutor.${method}() after shutdown() cuts the calls short that are still made [N13]`, () =>
    withProcesses(1, async (pool, gate) => {
      const running = pool.submit(waitAt, gate.path, "a");
      await until(() => gate.begun === 1);
      pool.shutdown({ wait: false });
      pool[method]();
      pool.join().result();
      expect(running.exception()).toBeInstanceOf(BrokenProcessPool);
    }));
});

test("ProcessPoolExecutor.terminateWorkers() asks: a process may clean up first [N13]", () =>
  withProcesses(1, async (pool, gate) => {
    pool
      .submit((path: string) => {
        process.once("SIGTERM", () => {
          process.getBuiltinModule("node:fs").writeFileSync(`${path}.log`, "cleaned up");
          process.exit();
        });
      }, gate.path)
      .result();
    pool.terminateWorkers();
    await pool.join();
    expect(gate.log).toEqual(["cleaned up"]);
  }));

test("a child whose parent is killed before it is ready ends without a word", async () => {
  const file = fileURLToPath(new URL("../src/workers/child.mjs", import.meta.url));
  const parent = `
    const options = { serialization: "advanced", stdio: ["ignore", "ignore", "inherit", "ipc"] };
    const child = require("node:child_process").fork(${JSON.stringify(file)}, options);
    child.send({ initializer: null, name: "left alone" }, () => process.kill(process.pid, "SIGKILL"));
  `;
  const { stderr } = spawn(process.execPath, ["-e", parent], { stdio: ["ignore", "ignore", "pipe"] });
  let words = "";
  for await (const data of stderr) words += data; // until the child, which has it too, has ended
  expect(words).toBe("");
});
