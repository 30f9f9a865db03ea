/** Initializers of workers. CPython: `InitializerMixin`, `FailingInitializerMixin`. */
import type { ProcessPoolExecutor, ThreadPoolExecutor } from "@aioloop/executors";
import { BrokenExecutor, BrokenProcessPool, BrokenThreadPool, workerFunction } from "@aioloop/executors";
import { RuntimeError } from "@aioloop/loop";
import { describe, expect, test } from "vitest";
import {
  add,
  kinds,
  rejectionOf,
  thrownBy,
  until,
  waitAt,
  withGate,
  withPool,
  workersOf,
} from "./helpers-b.ts";

/** What a worker keeps from its initializer. */
interface Kept {
  status?: unknown;
  times?: number;
}

const initialize = (status: unknown) => {
  const kept = globalThis as Kept;
  kept.status = status;
  kept.times = (kept.times ?? 0) + 1;
};
const keptStatus = () => {
  const { status, times } = globalThis as Kept;
  return { status, times };
};
const failing = () => {
  throw new RangeError("no database");
};

type Pool = ThreadPoolExecutor | ProcessPoolExecutor;
const Broken = { ThreadPoolExecutor: BrokenThreadPool, ProcessPoolExecutor: BrokenProcessPool };

describe.each(kinds)("%s", (name, make) => {
  const BrokenPool = Broken[name as keyof typeof Broken];

  /** The pool has broken since its initializer failed with `message`, and says so wherever it is asked. */
  function checkBroken(pool: Pool, error: unknown, Class: new () => Error, message: string): void {
    expect(error).toBeInstanceOf(BrokenPool);
    expect(error).toBeInstanceOf(BrokenExecutor);
    expect(error).toBeInstanceOf(RuntimeError);
    expect((error as Error).message).toMatch(
      new RegExp(`^${name} '${name}-\\d+' is broken: the initializer of `),
    );
    const { cause } = error as Error;
    expect(cause).toBeInstanceOf(Class);
    expect((cause as Error).message).toContain(message);
    expect(thrownBy(() => pool.submit(add, 1, 2))).toBe(error);
  }

  test(`${name}({ initializer, initargs }): each worker is initialized once, before its first call`, () =>
    withPool(make({ initializer: initialize, initargs: ["ready"] as never[] }), (pool) =>
      withGate(async (gate) => {
        const both = ["a", "b"].map((call) => pool.submit(waitAt, gate.path, call));
        await until(() => gate.begun === 2);
        gate.open();
        await Promise.all(both);
        const seen = [1, 2, 3, 4].map(() => pool.submit(keptStatus).result());
        expect(seen).toEqual(seen.map(() => ({ status: "ready", times: 1 })));
      }),
    ));

  test(`${name}({ initializer }) that returns a promise is awaited`, () => {
    const initializer = async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      (globalThis as Kept).status = "late";
    };
    return withPool(make({ maxWorkers: 1, initializer }), (pool) => {
      expect(pool.submit(keptStatus).result().status).toBe("late");
    });
  });

  test(`${name}({ initargs }) are copied when the pool is made`, () => {
    const list = ["then"];
    return withPool(make({ maxWorkers: 1, initializer: initialize, initargs: [list] as never[] }), (pool) => {
      list[0] = "now";
      expect(pool.submit(keptStatus).result().status).toEqual(["then"]);
    });
  });

  test(`${name}: an initializer that fails breaks the pool: what waits fails, and submit() refuses [S298]`, () =>
    withPool(make({ initializer: failing }), async (pool) => {
      const futures = [1, 2, 3, 4].map((n) => pool.submit(add, n, n));
      const error = thrownBy(() => futures[0]?.result());
      checkBroken(pool, error, RangeError, "no database");
      expect(futures.map((future) => future.exception() === error)).toEqual([true, true, true, true]);
      await until(() => workersOf(pool) === 0);
    }));

  test(`${name}: an initializer that fails late, or asynchronously, is seen by who awaits [S298]`, () => {
    const initializer = async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new RangeError("too late");
    };
    return withPool(make({ maxWorkers: 1, initializer }), async (pool) => {
      checkBroken(pool, await rejectionOf(pool.submit(add, 1, 2)), RangeError, "too late");
    });
  });

  test(`${name}: an initializer that fails does not keep shutdown() from ending, nor is it lost [S298]`, () =>
    withPool(make({ initializer: failing }), (pool) => {
      const future = pool.submit(add, 1, 2);
      pool.shutdown();
      expect(future.exception()).toBeInstanceOf(BrokenPool);
      expect(workersOf(pool)).toBe(0);
    }));

  test(`${name}: an initializer whose module cannot be loaded breaks the pool, with the reason as cause`, () => {
    const initializer = workerFunction<() => void>("data:text/javascript,export let other = 1", "initialize");
    return withPool(make({ maxWorkers: 1, initializer }), (pool) => {
      const error = pool.submit(add, 1, 2).exception();
      checkBroken(pool, error, TypeError, "has no exported function 'initialize'");
    });
  });

  test(`${name}: an initializer that ends its worker breaks the pool`, () =>
    withPool(make({ maxWorkers: 1, initializer: () => process.exit(4) }), (pool) => {
      const error = pool.submit(add, 1, 2).exception() as Error;
      expect(error).toBeInstanceOf(BrokenPool);
      expect(error.message).toContain("exited with code 4");
    }));

  test(`${name}: no worker, no initializer: a pool without calls never fails`, () =>
    withPool(make({ initializer: failing }), (pool) => {
      pool.shutdown();
      expect(workersOf(pool)).toBe(0);
    }));

  test(`${name}({ initializer }) that is no function, or initargs that cannot be copied, are refused at once`, () => {
    const refused = thrownBy(() => make({ initializer: 5 as unknown as () => void }));
    expect(refused).toBeInstanceOf(TypeError);
    expect(thrownBy(() => make({ initializer: initialize, initargs: [() => {}] as never[] }))).toBeInstanceOf(
      Error,
    );
  });
});
