/**
 * What any Executor must do, as tests. Who writes one (for workers on other machines, say) calls this in a test file:
 *
 *   executorTests("SshExecutor", () => new SshExecutor(…));
 *
 * `makeExecutor` gives a new one, open, that makes at most 8 calls at a time and whose workers see this machine's files. Functions are
 * sent as they are: plain ones that reach for nothing outside themselves.
 */
import type { Executor, Future } from "@aioloop/executors";
import {
  asCompleted,
  CancelledError,
  FIRST_COMPLETED,
  TimeoutError,
  wait,
  waitAsync,
} from "@aioloop/executors";
import type { Coroutine } from "@aioloop/loop";
import { getRunningLoop, RuntimeError, wrapFuture } from "@aioloop/loop";
import {
  asyncFor,
  asyncWith,
  BlockingEventLoop,
  createTask,
  gather,
  HostEventLoop,
  run,
  sleep,
  toThread,
} from "@aioloop/tasks";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Gate } from "./helpers-b.ts";
import {
  add,
  block,
  endOf,
  errorOf,
  rejectionOf,
  thrownBy,
  until,
  waitAtAsync,
  withGate,
} from "./helpers-b.ts";

/** More calls than an executor makes at a time. */
const MANY = 8;

/** Calls that keep all workers busy until the gate opens; what is submitted after them waits. */
function occupy(executor: Executor, gate: Gate): Future<string>[] {
  return Array.from({ length: MANY }, (_, i) => executor.submit(waitAtAsync, gate.path, `busy ${i}`));
}

function fail(message: string): never {
  throw new RangeError(message);
}

export function executorTests(name: string, makeExecutor: () => Executor): void {
  describe(name, () => {
    /** For what leaves it open. */
    let executor: Executor;
    beforeAll(() => {
      executor = makeExecutor();
    });
    afterAll(async () => {
      executor.shutdown({ wait: false });
      await executor.join();
    });

    /** For what ends it. */
    async function withOwn(body: (executor: Executor) => unknown): Promise<void> {
      const own = makeExecutor();
      try {
        await body(own);
      } finally {
        own.shutdown({ wait: false, cancelFutures: true });
        await own.join();
      }
    }

    // ---- submit and what it gives

    test(`${name}.submit() calls the function with its arguments, and its future has the result`, () => {
      const future = executor.submit(add, 40, 2);
      expect(future.result()).toBe(42);
      expect(future.exception()).toBeNull();
      expect([future.done(), future.running(), future.cancelled()]).toEqual([true, false, false]);
      expect(executor.submit({ fn: add }, 1, 2).result()).toBe(3);
    });

    test.each([
      ["undefined", undefined],
      ["null", null],
      ["false", false],
      ["NaN", Number.NaN],
      ["-0", -0],
      ["a bigint", 2n ** 70n],
      ["an empty string", ""],
      ["text", "naïve ☃ 𝒳"],
      ["a list", [1, [2, [3]]]],
      ["an object", { a: { b: [null] } }],
      ["a map", new Map([["a", new Set([1])]])],
      ["a date", new Date(0)],
      ["bytes", new Uint8Array([1, 2, 255])],
    ])(`${name}.submit() takes along and brings back %s`, (_what, value) => {
      expect(executor.submit((given: unknown) => given, value).result()).toEqual(value);
    });

    test(`${name}.submit() takes along and brings back a megabyte`, () => {
      const bytes = new Uint8Array(1 << 20).fill(7);
      const back = executor.submit((given: Uint8Array) => given, bytes).result();
      expect(Buffer.compare(back, bytes)).toBe(0);
    });

    test(`${name}: worker and caller share no plain value: a change in the worker is not seen here [J27]`, () => {
      const list = [1];
      const changed = executor.submit((given: number[]) => {
        given.push(2);
        return given;
      }, list);
      expect(changed.result()).toEqual([1, 2]);
      expect(list).toEqual([1]);
    });

    test(`${name} awaits the promise that a function returns`, async () => {
      expect(await executor.submit(async (a: number) => a + 1, 1)).toBe(2);
      const error = await rejectionOf(
        executor.submit(async () => {
          throw new RangeError("late");
        }),
      );
      expect(error).toBeInstanceOf(RangeError);
    });

    test(`${name}: what a call throws comes back as its class`, () => {
      const failed = executor.submit(fail, "too far");
      const error = failed.exception() as RangeError;
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toBe("too far");
      expect(thrownBy(() => failed.result())).toBe(error);
      const typed = executor.submit(() => (null as unknown as string).length);
      expect(typed.exception()).toBeInstanceOf(TypeError);
    });

    test.each([
      ["a string", "text"],
      ["undefined", undefined],
      ["null", null],
      ["an object", { code: 7 }],
    ])(`${name}: %s may be thrown, too`, async (_what, value) => {
      const future = executor.submit((thrown: unknown) => {
        throw thrown;
      }, value);
      expect(await rejectionOf(future)).toEqual(value);
      expect(thrownBy(() => future.result())).toEqual(value);
    });

    test(`${name}: a failed call is followed by others that do not fail`, () => {
      const futures = [executor.submit(fail, "a"), executor.submit(add, 1, 2), executor.submit(fail, "b")];
      expect(futures.map((future) => future.exception() === null)).toEqual([false, true, false]);
      expect(executor.submit(add, 3, 4).result()).toBe(7);
    });

    test.each([
      ["a number", 5],
      ["null", null],
      ["an object", {}],
    ])(`${name}.submit() of %s, which cannot be called, is a TypeError at once`, (_what, fn) => {
      expect(thrownBy(() => executor.submit(fn as unknown as () => void))).toBeInstanceOf(TypeError);
    });

    test(`${name}: an argument that cannot be copied fails its own future, and nothing else`, () => {
      const future = executor.submit((given: unknown) => typeof given, [() => {}]);
      expect(future.exception()).toBeInstanceOf(Error);
      expect(executor.submit(add, 1, 2).result()).toBe(3);
    });

    test(`${name}: an argument whose copying throws fails its own future, and nothing else`, () => {
      const given = {
        get value(): number {
          throw new RangeError("not today");
        },
      };
      expect(executor.submit((it: unknown) => it, given).exception()).toBeInstanceOf(Error);
      expect(executor.submit(add, 1, 2).result()).toBe(3);
    });

    test(`${name}: a result that cannot be copied fails its own future, and nothing else`, async () => {
      expect(executor.submit(() => () => 1).exception()).toBeInstanceOf(Error);
      expect(await rejectionOf(executor.submit(async () => [Symbol("s")]))).toBeInstanceOf(Error);
      expect(executor.submit(add, 1, 2).result()).toBe(3);
    });

    // ---- a call's life

    test(`${name}: a call is running() while it runs, and not done(); cancel() is refused then`, () =>
      withGate(async (gate) => {
        const [first] = occupy(executor, gate) as [Future<string>];
        await until(() => first.running());
        expect(first.done()).toBe(false);
        expect(first.cancel()).toBe(false);
        expect(first.cancelled()).toBe(false);
        gate.open();
        expect(await first).toBe("busy 0");
        expect([first.done(), first.running()]).toEqual([true, false]);
        expect(first.cancel()).toBe(false);
      }));

    test(`${name}: a call that waits is neither running() nor done(), and cancel() takes it back`, () =>
      withGate(async (gate) => {
        const busy = occupy(executor, gate);
        const waiting = executor.submit(add, 1, 2);
        const after = executor.submit(add, 3, 4);
        await until(() => busy.some((future) => future.running()));
        expect([waiting.running(), waiting.done()]).toEqual([false, false]);
        const told: object[] = [];
        waiting.addDoneCallback((future) => told.push(future));
        expect(waiting.cancel()).toBe(true);
        expect([waiting.cancelled(), waiting.done(), waiting.running()]).toEqual([true, true, false]);
        expect(waiting.cancel()).toBe(true);
        expect(told.map((future) => future === waiting)).toEqual([true]);
        expect(thrownBy(() => waiting.result())).toBeInstanceOf(CancelledError);
        expect(thrownBy(() => waiting.exception())).toBeInstanceOf(CancelledError);
        expect(await rejectionOf(waiting)).toBeInstanceOf(CancelledError);
        gate.open();
        expect(await after).toBe(7);
        await Promise.all(busy);
      }));

    test(`${name}: result() and exception() with a timeout give up in time, and the call goes on`, () =>
      withGate(async (gate) => {
        const future = executor.submit(waitAtAsync, gate.path, "slow");
        for (const timeout of [0, 0.02, -1]) {
          expect(thrownBy(() => future.result(timeout))).toBeInstanceOf(TimeoutError);
          expect(thrownBy(() => future.exception(timeout))).toBeInstanceOf(TimeoutError);
        }
        gate.open();
        expect(await future).toBe("slow");
        expect(future.result(0)).toBe("slow");
      }));

    test(`${name}: done callbacks are called once, in their order, with the future; of a done future at once`, async () => {
      const told: string[] = [];
      const future = executor.submit(add, 1, 2);
      future.addDoneCallback((done) => told.push(`first ${done === future} ${done.result()}`));
      future.addDoneCallback(() => told.push("second"));
      await future;
      future.addDoneCallback(() => told.push("third"));
      expect(told).toEqual(["first true 3", "second", "third"]);
    });

    test(`${name}: a result is waited for by result(), by await and by yield*, also all three at once`, async () => {
      const future = executor.submit(add, 1, 2);
      const promise = Promise.resolve(future);
      function* main(): Coroutine<number> {
        return yield* wrapFuture(future);
      }
      const inLoop = run(main(), { loopFactory: () => new HostEventLoop() });
      expect(future.result()).toBe(3);
      expect(await promise).toBe(3);
      expect(await inLoop).toBe(3);
    });

    test(`${name}: none of 300 calls is lost, none is answered twice, whether it returns, throws or is cancelled`, async () => {
      const times = new Map<number, number>();
      const futures = Array.from({ length: 300 }, (_, i) => {
        const future = executor.submit((n: number) => {
          if (n % 7 === 0) throw new RangeError(`${n}`);
          return n;
        }, i);
        future.addDoneCallback(() => times.set(i, (times.get(i) ?? 0) + 1));
        return future;
      });
      const cancelled = futures.map((future, i) => i % 5 === 0 && future.cancel());
      await Promise.allSettled(futures);
      const ends = futures.map(endOf);
      expect(ends).toEqual(
        cancelled.map((is, i) => (is ? "cancelled" : i % 7 === 0 ? "threw RangeError" : `returned ${i}`)),
      );
      expect([...times.values()]).toEqual(futures.map(() => 1));
    });

    // ---- waiting for several

    test(`wait() and asCompleted() take the futures of ${name}`, () => {
      const futures = [1, 2, 3, 4].map((n) => executor.submit(add, n, n));
      expect([...asCompleted(futures)].map((future) => future.result()).sort()).toEqual([2, 4, 6, 8]);
      const { done, notDone } = wait(futures);
      expect([done.size, notDone.size]).toEqual([4, 0]);
    });

    test(`wait() for the futures of ${name} tells the first from those that go on`, () =>
      withGate(async (gate) => {
        const quick = executor.submit(add, 1, 2);
        await quick;
        const slow = executor.submit(waitAtAsync, gate.path, "slow");
        const { done, notDone } = wait([slow, quick], { returnWhen: FIRST_COMPLETED });
        expect([[...done][0] === quick, [...notDone][0] === slow]).toEqual([true, true]);
        gate.open();
        expect((await waitAsync([slow, quick])).done.size).toBe(2);
      }));

    test(`wait() counts the cancelled calls of ${name}`, () =>
      withGate(async (gate) => {
        const busy = occupy(executor, gate);
        const waiting = executor.submit(add, 1, 2);
        waiting.cancel();
        gate.open();
        const { done, notDone } = await waitAsync([...busy, waiting], { timeout: 20 });
        expect([done.size, notDone.size]).toEqual([MANY + 1, 0]);
      }));

    // ---- map

    test(`${name}.map() gives the results in the order of the items`, () => {
      const naps = executor.map(block, [30, 0, 10, 0]);
      expect([...naps]).toEqual([30, 0, 10, 0]);
    });

    test(`${name}.map() over several iterables ends with the shortest`, () => {
      expect([...executor.map(add, [1, 2, 3], new Set([10, 20]))]).toEqual([11, 22]);
      expect([...executor.map(add, [], [1])]).toEqual([]);
    });

    test(`${name}.map() reads all items at once`, () => {
      const read: number[] = [];
      const results = executor.map(add, counting(20, read), Array(20).fill(1));
      expect(read.length).toBe(20);
      expect([...results].length).toBe(20);
    });

    test(`${name}.map() with a buffersize reads no further ahead than that`, () => {
      const read: number[] = [];
      const results = executor.map({ fn: add, buffersize: 3 }, counting(10, read), Array(20).fill(1));
      expect(read).toEqual([0, 1, 2]);
      expect(results.next().value).toBe(1);
      expect(read).toEqual([0, 1, 2, 3]);
      expect([...results]).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10]);
    });

    test.each([1, 3, 10, 11])(`${name}.map() gives the same with chunks of %i`, (chunksize) => {
      const numbers = Array.from({ length: 10 }, (_, i) => i);
      const results = executor.map({ fn: add, chunksize }, numbers, numbers);
      expect([...results]).toEqual(numbers.map((n) => 2 * n));
    });

    test(`${name}.map() throws an error in its item's place, and ends`, () => {
      const results = executor.map(
        (n: number) => {
          if (n === 0) throw new RangeError("zero");
          return 1 / n;
        },
        [1, 2, 0, 4],
      );
      expect([results.next().value, results.next().value]).toEqual([1, 0.5]);
      expect(thrownBy(() => results.next())).toBeInstanceOf(RangeError);
      expect(results.next().done).toBe(true);
    });

    test(`${name}.map() throws TimeoutError when its time is over, counted from the call`, () =>
      withGate(async (gate) => {
        const results = executor.map({ fn: waitAtAsync, timeout: 0.05 }, [gate.path, gate.path], ["a", "b"]);
        expect(thrownBy(() => results.next())).toBeInstanceOf(TimeoutError);
        expect(results.next().done).toBe(true);
      }));

    test(`${name}.map(): the calls that wait are cancelled where its results are left`, () =>
      withOwn((own) =>
        withGate(async (gate) => {
          const numbers = Array.from({ length: 60 }, (_, i) => i);
          for (const result of own.map(noted, Array(60).fill(gate.path), numbers)) {
            expect(result).toBe(0);
            break;
          }
          own.shutdown({ wait: false });
          await own.join();
          expect(gate.begun).toBeGreaterThan(0);
          expect(gate.begun).toBeLessThan(60);
        }),
      ));

    test(`${name}.map() in its other two forms`, async () => {
      const seen: number[] = [];
      for await (const sum of executor.map(add, [1, 2], [3, 4])) seen.push(sum);
      function* main(): Coroutine<void> {
        yield* asyncFor(executor.map(add, [5, 6], [7, 8]), function* (sum) {
          seen.push(sum);
        });
      }
      await run(main(), { loopFactory: () => new HostEventLoop() });
      expect(seen).toEqual([4, 6, 12, 14]);
    });

    // ---- in a loop

    test(`runInExecutor() and ${name} on a host loop: results, errors, and other tasks meanwhile`, async () => {
      function* main(): Coroutine<[number[], unknown, number]> {
        const loop = getRunningLoop();
        let ticks = 0;
        const ticker = createTask(
          (function* (): Coroutine<void> {
            for (;;) {
              ticks += 1;
              yield* sleep(0.001);
            }
          })(),
        );
        const sums = yield* gather([1, 2, 3].map((n) => loop.runInExecutor(executor, add, n, n)));
        const error = yield* errorOf(loop.runInExecutor(executor, fail, "far"));
        ticker.cancel();
        return [sums, error, ticks];
      }
      const [sums, error, ticks] = await run(main(), { loopFactory: () => new HostEventLoop() });
      expect(sums).toEqual([2, 4, 6]);
      expect(error).toBeInstanceOf(RangeError);
      expect(ticks).toBeGreaterThan(0);
    });

    test(`runInExecutor() and ${name} on a blocking loop: the value is returned synchronously`, () => {
      function* main(): Coroutine<[number[], unknown]> {
        const loop = getRunningLoop();
        const sums = yield* gather([1, 2, 3].map((n) => loop.runInExecutor(executor, add, n, n)));
        return [sums, yield* errorOf(loop.runInExecutor(executor, fail, "far"))];
      }
      const [sums, error] = run(main(), { loopFactory: () => new BlockingEventLoop() });
      expect(sums).toEqual([2, 4, 6]);
      expect(error).toBeInstanceOf(RangeError);
    });

    test(`runInExecutor() and ${name}: cancelling what is awaited takes back a call that waits`, () =>
      withGate(async (gate) => {
        const busy = occupy(executor, gate);
        const waiting = executor.submit(add, 1, 2);
        function* main(): Coroutine<boolean> {
          const inLoop = wrapFuture(waiting);
          inLoop.cancel();
          yield* sleep(0);
          return inLoop.cancelled();
        }
        expect(await run(main(), { loopFactory: () => new HostEventLoop() })).toBe(true);
        expect(waiting.cancelled()).toBe(true);
        gate.open();
        await Promise.all(busy);
      }));

    test(`setDefaultExecutor() takes ${name}; run() shuts it down at its end`, () =>
      withOwn(async (own) => {
        function* main(): Coroutine<number[]> {
          getRunningLoop().setDefaultExecutor(own);
          return [
            yield* toThread(add, 1, 2),
            yield* getRunningLoop().runInExecutor(null, async (n: number) => n, 5),
          ];
        }
        expect(await run(main(), { loopFactory: () => new HostEventLoop() })).toEqual([3, 5]);
        expect(own.join().done()).toBe(true);
        expect(thrownBy(() => own.submit(add, 1, 2))).toBeInstanceOf(RuntimeError);
      }));

    // ---- the end

    test(`${name}.shutdown() waits until all calls have ended`, () =>
      withOwn((own) => {
        const futures = [1, 2, 3, 4, 5].map(() => own.submit(block, 10));
        own.shutdown();
        expect(futures.map(endOf)).toEqual(futures.map(() => "returned 10"));
        expect(own.join().done()).toBe(true);
      }));

    test(`${name}.shutdown() of one that was never used ends at once, and again does nothing`, () =>
      withOwn((own) => {
        own.shutdown();
        expect(own.join().done()).toBe(true);
        own.shutdown({ cancelFutures: true });
        own.shutdown({ wait: false });
        expect(own.join().result()).toBeUndefined();
      }));

    test(`${name}.shutdown({ wait: false }) comes back at once; the calls are made all the same`, () =>
      withOwn((own) =>
        withGate(async (gate) => {
          const busy = occupy(own, gate);
          const waiting = own.submit(add, 1, 2);
          own.shutdown({ wait: false });
          expect([waiting.done(), own.join().done()]).toEqual([false, false]);
          gate.open();
          expect(await waiting).toBe(3);
          expect((await Promise.all(busy)).length).toBe(MANY);
          await own.join();
        }),
      ));

    test(`${name}.shutdown({ cancelFutures: true }) cancels the calls that wait; those that run end [S297]`, () =>
      withOwn((own) =>
        withGate(async (gate) => {
          const busy = occupy(own, gate);
          await until(() => busy.some((future) => future.running()));
          const waiting = [1, 2, 3].map((n) => own.submit(add, n, n));
          own.shutdown({ wait: false, cancelFutures: true });
          expect(waiting.map(endOf)).toEqual(["cancelled", "cancelled", "cancelled"]);
          gate.open();
          await own.join();
          const ends = busy.map(endOf);
          expect(ends).toContain("returned busy 0");
          expect(ends.filter((end) => end !== "cancelled" && !end.startsWith("returned busy"))).toEqual([]);
        }),
      ));

    test(`${name}: submit() and map() after shutdown() are a RuntimeError [S295]`, () =>
      withOwn((own) => {
        own.shutdown({ wait: false });
        for (const call of [() => own.submit(add, 1, 2), () => own.map(add, [1], [2])]) {
          const error = thrownBy(call);
          expect(error).toBeInstanceOf(RuntimeError);
          expect((error as Error).message).toContain("cannot schedule new futures after shutdown");
        }
      }));

    test(`${name}.join() is waited for by result(), by await and by yield*`, () =>
      withOwn(async (own) => {
        own.submit(block, 5);
        expect(own.join().done()).toBe(false);
        expect(thrownBy(() => own.join().result(0.01))).toBeInstanceOf(TimeoutError); // not before shutdown
        own.shutdown({ wait: false });
        const promise = Promise.resolve(own.join());
        function* main(): Coroutine<string> {
          yield* wrapFuture(own.join());
          return "joined";
        }
        const inLoop = run(main(), { loopFactory: () => new HostEventLoop() });
        own.join().result();
        expect(await promise).toBeUndefined();
        expect(await inLoop).toBe("joined");
      }));

    test(`${name} in \`using\`: all calls have ended at the end of the block, also where it throws`, () => {
      let future: Future<number> | undefined;
      const error = thrownBy(() => {
        using own = makeExecutor();
        future = own.submit(block, 10);
        throw new RangeError("left");
      });
      expect(error).toBeInstanceOf(RangeError);
      expect(future !== undefined && endOf(future)).toBe("returned 10");
    });

    test(`${name} in \`await using\`: the end is waited for without blocking`, async () => {
      let turns = 0;
      const ticker = setInterval(() => {
        turns += 1;
      }, 1);
      let future: Future<number> | undefined;
      {
        await using own = makeExecutor();
        future = own.submit(async (n: number) => {
          await new Promise((resolve) => setTimeout(resolve, 30));
          return n;
        }, 5);
      }
      clearInterval(ticker);
      expect(endOf(future)).toBe("returned 5");
      expect(turns).toBeGreaterThan(0);
    });

    test(`${name} in asyncWith(): gives the executor, and its end is waited for without blocking the loop`, async () => {
      const own = makeExecutor();
      let future: Future<number> | undefined;
      function* main(): Coroutine<void> {
        yield* asyncWith(own, function* (entered) {
          expect(entered === own).toBe(true);
          future = own.submit(add, 1, 2);
        });
        expect([own.join().done(), future?.result(0)]).toEqual([true, 3]);
      }
      await run(main(), { loopFactory: () => new HostEventLoop() });
    });
  });
}

function* counting(end: number, read: number[]): Generator<number> {
  for (let n = 0; n < end; n++) {
    read.push(n);
    yield n;
  }
}

/** Says at the gate that it has begun, and takes a while. */
function noted(path: string, n: number): number {
  process.getBuiltinModule("node:fs").appendFileSync(`${path}.log`, `${n} began\n`);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  return n;
}
