/** What submit takes and holds on to, for both kinds of pools. What every executor must do is in executor-tests.ts. */
import type { Future } from "@aioloop/executors";
import { ProcessPoolExecutor, ThreadPoolExecutor } from "@aioloop/executors";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Pool } from "./helpers-b.ts";
import {
  absolute,
  add,
  collect,
  collectUntil,
  kinds,
  thrownBy,
  waitAt,
  withGate,
  withPool,
} from "./helpers-b.ts";

describe.each(kinds)("%s", (name, make) => {
  let pool: Pool;
  beforeAll(() => {
    pool = make();
  });
  afterAll(async () => {
    pool.shutdown({ wait: false });
    await pool.join();
  });

  test(`${name}.submit(fn, ...args) calls fn in a worker`, () => {
    expect(pool.submit((base: number, power: number) => base ** power, 2, 8).result()).toBe(256);
    const here = { pid: process.pid, isMain: process.getBuiltinModule("node:worker_threads").isMainThread };
    const there = pool
      .submit(() => ({
        pid: process.pid,
        isMain: process.getBuiltinModule("node:worker_threads").isMainThread,
      }))
      .result();
    expect(there).not.toEqual(here);
  });

  test(`${name}.submit({ fn }, ...args): keywords travel with the function, an options object is an argument like others`, () => {
    const capture = (...args: unknown[]) => args;
    expect(pool.submit({ fn: add }, 2, 8).result()).toBe(10);
    expect(pool.submit(capture, 1, { fn: 3, cancel: "x" }).result()).toEqual([1, { fn: 3, cancel: "x" }]);
  });

  test(`${name}.submit() without a function, or with keywords that are none, says so at once`, () => {
    const submit = (...given: unknown[]) =>
      thrownBy(() => (pool.submit as (...given: unknown[]) => unknown).apply(pool, given));
    expect(submit()).toBeInstanceOf(TypeError);
    expect(submit({ cancel: "terminate" })).toBeInstanceOf(TypeError);
    expect(submit({ fn: undefined }, 1)).toBeInstanceOf(TypeError);
    expect(submit({ fn: add, cancel: "soon" }, 1, 2)).toBeInstanceOf(RangeError);
    expect(submit({ fn: add, transfer: 5 }, 1, 2)).toBeInstanceOf(TypeError);
    expect(pool.submit(add, 1, 2).result()).toBe(3);
  });

  test(`${name}.shutdown() directly after more calls than workers ends`, () =>
    withPool(make(), (own) => {
      const results = own.map(absolute, [-1, -2, -3]);
      own.shutdown();
      expect([...results]).toEqual([1, 2, 3]);
    }));

  test(`${name} holds on to neither the arguments of a call that has ended, nor its future, nor its result`, async () => {
    const call = (): WeakRef<object>[] => {
      const argument = { text: "argument" };
      const future = pool.submit((given: object) => ({ given }), argument);
      return [new WeakRef(argument), new WeakRef(future), new WeakRef(future.result())];
    };
    const refs = call();
    expect(pool.submit(add, 1, 2).result()).toBe(3);
    await collectUntil(() => refs.every((ref) => ref.deref() === undefined));
  });

  test(`${name}.map() holds on to no result that was taken`, async () => {
    const results = pool.map((n: number) => ({ n }), [1, 2, 3]);
    const taken = () => new WeakRef(results.next().value as object);
    for (let i = 0; i < 3; i++) {
      const ref = taken();
      await collectUntil(() => ref.deref() === undefined);
    }
    expect(results.next().done).toBe(true);
  });

  test(`${name} holds on to the future of a call that runs, and to its callback`, () =>
    withGate(async (gate) => {
      const told: string[] = [];
      const call = () => {
        const future: Future<string> = pool.submit(waitAt, gate.path, "kept");
        future.addDoneCallback((done) => told.push(done.result()));
        return new WeakRef(future);
      };
      const ref = call();
      await collect();
      gate.open();
      await collectUntil(() => ref.deref() === undefined);
      expect(told).toEqual(["kept"]);
    }));

  test(`${name}: a worker holds on to no argument of a call that has ended`, () =>
    withPool(makeCollecting(name), async (own) => {
      own
        .submit(
          (given: object) => {
            (globalThis as { ref?: WeakRef<object> }).ref = new WeakRef(given);
          },
          { text: "argument" },
        )
        .result();
      const isCollected = () => {
        const { gc, ref } = globalThis as { gc?: () => void; ref?: WeakRef<object> };
        gc?.();
        return ref !== undefined && ref.deref() === undefined;
      };
      const isGone = () => own.submit(isCollected).result();
      while (!isGone()) await new Promise((resolve) => setTimeout(resolve, 5));
    }));
});

/** One worker, which can collect its garbage: this process was started with --expose-gc, and its threads share that. */
function makeCollecting(name: string): Pool {
  return name === "ThreadPoolExecutor"
    ? new ThreadPoolExecutor(1)
    : new ProcessPoolExecutor({ maxWorkers: 1, execArgv: ["--expose-gc"] });
}

const Classes = { ThreadPoolExecutor, ProcessPoolExecutor };
describe.each(Object.entries(Classes))("new %s()", (name, Class) => {
  test.each([0, -1])(`new ${name}({ maxWorkers: %i }) is a RangeError [S296]`, (maxWorkers) => {
    const error = thrownBy(() => new Class({ maxWorkers }));
    expect(error).toBeInstanceOf(RangeError);
    expect((error as Error).message).toBe(
      `${name}({ maxWorkers }): maxWorkers must be greater than 0, got ${maxWorkers}`,
    );
    expect(thrownBy(() => new Class(maxWorkers))).toBeInstanceOf(RangeError);
  });

  test.each([1.5, Number.NaN, "2", Number.POSITIVE_INFINITY])(
    `new ${name}({ maxWorkers: %s }) is a TypeError`,
    (maxWorkers) => {
      expect(thrownBy(() => new Class({ maxWorkers: maxWorkers as number }))).toBeInstanceOf(TypeError);
    },
  );

  test(`new ${name}(3) has at most 3 workers, and says so`, () =>
    withPool(new Class(3), (pool) => {
      expect(pool.maxWorkers).toBe(3);
      expect(pool.toString()).toMatch(
        new RegExp(`^<${name} '${name}-\\d+' (threads|processes)=0 of 3 calls=0>$`),
      );
    }));
});
