/**
 * Fear: a caller that waits for ever. Whatever a worker does, and whatever cannot be sent at whichever stage, every call ends, also
 * while the caller's thread is blocked in the wait. CPython: `ExecutorDeadlockTest`.
 */
import type { Future } from "@aioloop/executors";
import {
  asCompleted,
  BrokenProcessPool,
  BrokenThreadPool,
  FIRST_COMPLETED,
  ProcessPoolExecutor,
  ThreadPoolExecutor,
  wait,
  workerFunction,
} from "@aioloop/executors";
import { describe, expect, test } from "vitest";
import type { Pool } from "./helpers-b.ts";
import {
  add,
  block,
  endOf,
  kinds,
  rejectionOf,
  thrownBy,
  until,
  waitAt,
  withGate,
  withPool,
  workersOf,
} from "./helpers-b.ts";

const Broken = { ThreadPoolExecutor: BrokenThreadPool, ProcessPoolExecutor: BrokenProcessPool };

/** A module whose loading does this. */
const moduleThat = (code: string) => `data:text/javascript,${encodeURIComponent(code)};export const f=()=>1`;

/** What ends its worker, at which stage. */
const deadly: [stage: string, fn: (...args: never[]) => unknown][] = [
  ["exits", () => process.exit(1)],
  ["exits with code 0", () => process.exit(0)],
  [
    "exits while it awaits",
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      process.exit(1);
    },
  ],
  [
    "exits while its result is copied",
    () => ({
      get value() {
        return process.exit(1);
      },
    }),
  ],
  [
    "exits with code 0 while its result is copied",
    () => ({
      get value() {
        return process.exit(0);
      },
    }),
  ],
  [
    "exits while its error is copied",
    () => {
      throw {
        get value() {
          return process.exit(1);
        },
      };
    },
  ],
];

/** What cannot be sent, at which stage, and what is said of it. */
const unsendable: [stage: string, call: (pool: Pool) => Future<unknown>, message: RegExp][] = [
  [
    "an argument that cannot be copied",
    (pool) => pool.submit((given: unknown) => given, Symbol("s")),
    /^submit\(fn, \.\.\.args\): argument 1, .*, cannot be copied to a worker/,
  ],
  [
    "an argument whose copying throws",
    (pool) =>
      pool.submit((given: unknown) => given, {
        get value() {
          throw new RangeError("not now");
        },
      }),
    /cannot be copied to a worker \(not now\)/,
  ],
  ["a result that cannot be copied", (pool) => pool.submit(() => [() => 1]), /^the result cannot be sent/],
  [
    "an awaited result that cannot be copied",
    (pool) => pool.submit(async () => Symbol("s")),
    /^the result cannot be sent/,
  ],
  [
    "a result whose copying throws",
    (pool) =>
      pool.submit(() => ({
        get value() {
          throw new RangeError("not now");
        },
      })),
    /^the result cannot be sent \(not now\)/,
  ],
  [
    "a result that is a proxy which refuses",
    (pool) =>
      pool.submit(
        () =>
          new Proxy(
            {},
            {
              get(_target, key) {
                if (key === "then") return undefined;
                throw new RangeError("not now");
              },
            },
          ),
      ),
    /not now|cannot be sent|could not be cloned/,
  ],
  [
    "a thrown function",
    (pool) =>
      pool.submit(() => {
        throw () => 1;
      }),
    /^a worker threw what cannot be sent: /,
  ],
  [
    "a thrown object whose copying throws",
    (pool) =>
      pool.submit(() => {
        throw {
          get value() {
            throw new RangeError("not now");
          },
        };
      }),
    /what cannot be sent|not now/,
  ],
  [
    "an error with a property that throws",
    (pool) =>
      pool.submit(() => {
        const error = new RangeError("far");
        throw Object.defineProperty(error, "extra", {
          enumerable: true,
          get() {
            throw new TypeError("not now");
          },
        });
      }),
    /far|not now/,
  ],
  [
    "an AggregateError with errors that are none",
    (pool) =>
      pool.submit(() => {
        throw Object.assign(new AggregateError([], "many"), { errors: 5 });
      }),
    /many/,
  ],
  [
    "a module that throws while it is loaded",
    (pool) => pool.submit(workerFunction<() => 1>(moduleThat("throw new RangeError('bad day')"), "f")),
    /^the worker cannot import data:.*: bad day/,
  ],
  [
    "a module that is not there",
    (pool) => pool.submit(workerFunction<() => 1>(new URL("not-there.mjs", import.meta.url), "f")),
    /^the worker cannot import .*not-there\.mjs/,
  ],
  [
    "a module that cannot be parsed",
    (pool) => pool.submit(workerFunction<() => 1>("data:text/javascript,export const f=", "f")),
    /^the worker cannot import data:/,
  ],
];

describe.each(kinds)("%s", (name, make) => {
  const BrokenPool = Broken[name as keyof typeof Broken];

  describe(`${name}: a worker that dies`, () => {
    test.each(deadly)(`${name}: a call that %s breaks the pool, and nobody hangs [S300]`, (_stage, fn) =>
      withPool(make({ maxWorkers: 1 }), (pool) => {
        const futures = [pool.submit(fn as () => unknown), pool.submit(add, 1, 2)];
        const errors = futures.map((future) => thrownBy(() => future.result()));
        for (const error of errors) expect(error).toBeInstanceOf(BrokenPool);
        expect((errors[0] as Error).message).toMatch(/exited with code [01]\b/);
        pool.shutdown();
        expect(workersOf(pool)).toBe(0);
      }),
    );

    test.each(deadly)(`${name}: a call that %s after shutdown() fails, and the pool ends`, (_stage, fn) =>
      withPool(make({ maxWorkers: 1 }), (pool) => {
        const future = pool.submit(fn as () => unknown);
        pool.shutdown({ wait: false });
        expect(future.exception()).toBeInstanceOf(BrokenPool);
        pool.join().result();
        expect(workersOf(pool)).toBe(0);
      }),
    );

    test(`${name}: a module that ends the worker while it is loaded breaks the pool [S300]`, () =>
      withPool(make({ maxWorkers: 1 }), (pool) => {
        const fn = workerFunction<() => 1>(moduleThat("process.exit(6)"), "f");
        const error = pool.submit(fn).exception() as Error;
        expect(error).toBeInstanceOf(BrokenPool);
        expect(error.message).toContain("exited with code 6");
      }));

    test(`${name}: who awaits is told of a death as well [S300]`, () =>
      withPool(make({ maxWorkers: 1 }), async (pool) => {
        expect(await rejectionOf(pool.submit(() => process.exit(1)))).toBeInstanceOf(BrokenPool);
      }));

    test(`${name}: who blocks in wait(), asCompleted(), map() or join() is told of a death as well [S300]`, async () => {
      const exits = () => process.exit(1);
      await withPool(make({ maxWorkers: 1 }), (pool) => {
        const { done } = wait([pool.submit(exits)], { returnWhen: FIRST_COMPLETED });
        expect([...done][0]?.exception()).toBeInstanceOf(BrokenPool);
      });
      await withPool(make({ maxWorkers: 1 }), (pool) => {
        const [first] = asCompleted([pool.submit(exits)]);
        expect(first?.exception()).toBeInstanceOf(BrokenPool);
      });
      await withPool(make({ maxWorkers: 1 }), (pool) => {
        expect(thrownBy(() => [...pool.map((code: number) => process.exit(code), [1, 2])])).toBeInstanceOf(
          BrokenPool,
        );
      });
      await withPool(make({ maxWorkers: 1 }), (pool) => {
        pool.submit(exits);
        pool.shutdown();
      });
    });

    test(`${name}: a worker that exits after its call, when nobody waits, breaks the pool [S300]`, () =>
      withPool(make({ maxWorkers: 1 }), async (pool) => {
        const leave = () => void setTimeout(() => process.exit(2), 10);
        expect(pool.submit(leave).result()).toBeUndefined();
        await until(() => workersOf(pool) === 0);
        const error = thrownBy(() => pool.submit(add, 1, 2)) as Error;
        expect(error).toBeInstanceOf(BrokenPool);
        expect(error.message).toMatch(/exited with code 2\. Its calls have failed/);
      }));

    test(`${name}: calls with a megabyte each on their way to a worker that dies all fail`, () =>
      withPool(make(), (pool) => {
        const data = "a".repeat(1 << 20);
        const dies = (given: string) => process.exit(given.length > 0 ? 9 : 0);
        const futures = Array.from({ length: 10 }, () => pool.submit(dies, data));
        for (const future of futures) expect(future.exception()).toBeInstanceOf(BrokenPool);
        expect(thrownBy(() => pool.map(dies, [data]))).toBeInstanceOf(BrokenPool);
      }));

    test(`${name}: a worker that dies with a megabyte half sent fails its call`, () =>
      withPool(make({ maxWorkers: 1 }), (pool) => {
        const future = pool.submit(() => {
          setImmediate(() => process.exit(1));
          return new Promise((resolve) => setImmediate(resolve, "b".repeat(1 << 20)));
        });
        expect(future.exception()).toBeInstanceOf(BrokenPool);
      }));

    test(`${name}: the death of one worker is told to the calls of the others [S300]`, () =>
      withPool(make(), (pool) =>
        withGate(async (gate) => {
          const other = pool.submit(waitAt, gate.path, "other");
          await until(() => gate.begun === 1);
          pool.submit(() => process.exit(1));
          expect(other.exception()).toBeInstanceOf(BrokenPool);
          expect(gate.log).toEqual(["other began"]);
        }),
      ));
  });

  describe(`${name}: what cannot be sent`, () => {
    test.each(unsendable)(
      `${name}: %s fails its own future; the pool goes on [S301]`,
      async (_stage, call, message) => {
        await withPool(make({ maxWorkers: 1 }), async (pool) => {
          const blocked = call(pool).exception() as Error;
          expect(blocked).toBeInstanceOf(Error);
          expect(blocked).not.toBeInstanceOf(BrokenPool);
          expect(blocked.message).toMatch(message);
          const awaited = (await rejectionOf(call(pool))) as Error;
          expect(awaited.message).toMatch(message);
          expect(pool.submit(add, 1, 2).result()).toBe(3);
        });
      },
    );

    test(`${name}: an argument that cannot be copied, directly before shutdown({ wait: false }), keeps nothing open [S301]`, () =>
      withPool(make({ maxWorkers: 1 }), async (pool) => {
        expect(pool.submit(add, 1, 2).result()).toBe(3);
        const future = pool.submit((given: unknown) => given, Symbol("s"));
        pool.shutdown({ wait: false });
        expect(future.exception()).toBeInstanceOf(TypeError);
        await pool.join();
        expect(workersOf(pool)).toBe(0);
      }));

    test(`${name}: what is sent is read when it is submitted, whatever becomes of it afterwards`, () =>
      withPool(make({ maxWorkers: 1 }), (pool) => {
        const nap = pool.submit(block, 10);
        const list = [1];
        const future = pool.submit((given: number[]) => given, list);
        list.push(2);
        expect([nap.result(), future.result()]).toEqual([10, [1]]);
      }));
  });

  test(`${name}: a caller that submits 3,000 calls before it looks at any gets all results`, () =>
    withPool(make(), (pool) => {
      const numbers = Array.from({ length: 3000 }, (_, i) => i);
      expect([...pool.map(add, numbers, numbers)]).toEqual(numbers.map((n) => 2 * n));
    }));

  test(`${name}: megabytes to and from two workers at once, all submitted before any is read`, () =>
    withPool(make(), (pool) => {
      const futures = Array.from({ length: 8 }, (_, i) =>
        pool.submit((text: string) => text + text, String(i).repeat(1 << 20)),
      );
      expect(futures.map((future) => future.result().length)).toEqual(futures.map(() => 2 << 20));
    }));
});

describe("ThreadPoolExecutor", () => {
  test("ThreadPoolExecutor: a thread out of memory breaks the pool, also while the caller blocks [S300]", () =>
    withPool(
      new ThreadPoolExecutor({ maxWorkers: 1, resourceLimits: { maxOldGenerationSizeMb: 16 } }),
      (pool) => {
        const future = pool.submit(() => {
          const lists: number[][] = [];
          for (;;) lists.push(Array(1000).fill(lists.length));
        });
        const error = future.exception() as Error;
        expect(error).toBeInstanceOf(BrokenThreadPool);
        expect(error.message).toMatch(/out of memory|ERR_WORKER_OUT_OF_MEMORY|memory limit/i);
      },
    ));

  test("ThreadPoolExecutor: an error that nobody catches in a thread breaks the pool, and is named [S300]", () =>
    withPool(new ThreadPoolExecutor({ maxWorkers: 1 }), (pool) => {
      const future = pool.submit(
        () =>
          new Promise(() => {
            setTimeout(() => {
              throw new RangeError("nobody's");
            }, 5);
          }),
      );
      const error = future.exception() as Error;
      expect(error).toBeInstanceOf(BrokenThreadPool);
      expect(error.message).toContain("RangeError: nobody's");
    }));
});

describe("ProcessPoolExecutor", () => {
  test.each(["SIGSEGV", "SIGKILL", "SIGABRT"])(
    "ProcessPoolExecutor: a process that crashes with %s breaks the pool, and the signal is named [S300]",
    (signal) =>
      withPool(new ProcessPoolExecutor({ maxWorkers: 1 }), (pool) => {
        const crash = (name: string) => {
          process.kill(process.pid, name);
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        };
        const error = pool.submit(crash, signal).exception() as Error;
        expect(error).toBeInstanceOf(BrokenProcessPool);
        expect(error.message).toMatch(
          new RegExp(`process \\d+ was killed by ${signal} in the middle of a call`),
        );
      }),
  );

  test("ProcessPoolExecutor: a process that crashes while its result is copied breaks the pool [S300]", () =>
    withPool(new ProcessPoolExecutor({ maxWorkers: 1 }), (pool) => {
      const future = pool.submit(() => ({
        get value() {
          return process.kill(process.pid, "SIGKILL");
        },
      }));
      expect(future.exception()).toBeInstanceOf(BrokenProcessPool);
      expect(endOf(future)).toBe("threw BrokenProcessPool");
    }));

  test("ProcessPoolExecutor: a process that crashes after shutdown() was called fails its call, and the pool ends", () => {
    let future: Future<unknown> | undefined;
    {
      using pool = new ProcessPoolExecutor({ maxWorkers: 2 });
      future = pool.submit(() => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
        process.kill(process.pid, "SIGKILL");
      });
      pool.shutdown();
    }
    expect(future.exception()).toBeInstanceOf(BrokenProcessPool);
  });
});
