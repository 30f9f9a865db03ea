import { asCompleted, Future, ThreadPoolExecutor, TimeoutError } from "@aioloop/executors";
import { CancelledError, wrapFuture } from "@aioloop/loop";
import { asyncFor, createTask, run, sleep, VirtualEventLoop } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { collectGarbage } from "../../loop/test/helpers.ts";
import {
  after,
  collect,
  Gate,
  hostLoop,
  inEachState,
  iterations,
  kinds,
  multiply,
  poolForAll,
  rejectionOf,
  textOf,
  thrownBy,
  WatchedFuture,
  whenOpen,
} from "./helpers-a.ts";

describe.each(kinds)("%s", (_, make) => {
  const pool = poolForAll(make, 2);

  describe.each(iterations)("asCompleted() in %s", (_, iterate) => {
    test("gives each future once, those that are done first [S293]", async () => {
      const { notified, failed, successful } = inEachState();
      const calls = [pool().submit(after, 0.02, 42), pool().submit(multiply, 7, 6)];
      const all: Future[] = [notified, failed, successful, ...calls];
      const { got, thrown } = await collect(iterate, asCompleted(all));
      expect(thrown).toBe(null);
      expectSame(got, all);
      expectSame(got.slice(0, 3), [notified, failed, successful]);
    });

    test("gives futures in the order in which they finish", async () => {
      const gate = new Gate();
      const last = pool().submit(whenOpen, gate.path, "last");
      const first = pool().submit(multiply, 1, 1);
      const second = pool().submit(after, 0.02, "second");
      const got: Future[] = [];
      await iterate(asCompleted<Future>([last, second, first]), (future) => {
        got.push(future);
        if (got.length === 2) gate.open();
      });
      expect(got.map((future) => [first, second, last].indexOf(future))).toEqual([0, 1, 2]);
    });

    test("throws TimeoutError when the time is over, after what is done was given [S293]", async () => {
      const gate = new Gate();
      const { notified, failed, successful } = inEachState();
      const call = pool().submit(whenOpen, gate.path, null);
      for (const timeout of [0, 0.05]) {
        const all: Future[] = [call, notified, failed, successful];
        const { got, thrown } = await collect(iterate, asCompleted(all, { timeout }));
        expectSame(got, [notified, failed, successful]);
        expect(thrown).toBeInstanceOf(TimeoutError);
      }
      gate.open();
    });

    test("gives a future once that is in the list several times [S293]", async () => {
      const future = pool().submit(after, 0.05, null);
      function* thrice() {
        for (let i = 0; i < 3; i++) yield future;
      }
      const { got, thrown } = await collect(iterate, asCompleted(thrice()));
      expect(thrown).toBe(null);
      expectSame(got, [future]);
    });

    test("gives a call that was cancelled in the queue", async () => {
      const gate = new Gate();
      const busy = [1, 2].map(() => pool().submit(whenOpen, gate.path, null));
      const queued = pool().submit(multiply, 1, 1);
      const got: Future[] = [];
      const completed = asCompleted<Future>([...busy, queued]);
      expect(queued.cancel()).toBe(true);
      await iterate(completed, (future) => {
        got.push(future);
        gate.open();
      });
      expectSame(got, [...busy, queued]);
      expect(got[0]).toBe(queued);
    });
  });
});

describe.each(iterations)("asCompleted() in %s", (_, iterate) => {
  test("says how many of how many are unfinished when the time is over [S293]", async () => {
    const { notified, pending, running, successful } = inEachState();
    const all = [notified, pending, running, successful, pending];
    const { thrown } = await collect(iterate, asCompleted(all, { timeout: 0 }));
    expect(thrown).toBeInstanceOf(TimeoutError);
    expect(textOf(thrown)).toBe("TimeoutError: asCompleted(fs, { timeout: 0 }): 2 (of 4) futures unfinished");
  });

  test("a cancelled future that its executor does not know of is not done", async () => {
    const { cancelled } = inEachState();
    const { got, thrown } = await collect(iterate, asCompleted([cancelled], { timeout: 0 }));
    expect(got).toEqual([]);
    expect(textOf(thrown)).toContain("1 (of 1) futures unfinished");
  });

  test("the time counts from the call of asCompleted(), not from the first step", async () => {
    const { pending, successful } = inEachState();
    const completed = asCompleted([successful, pending], { timeout: 0.02 });
    after(0.05, null);
    const { got, thrown } = await collect(iterate, completed);
    expectSame(got, [successful]);
    expect(thrown).toBeInstanceOf(TimeoutError);
  });

  test("no futures: ends at once", async () => {
    expect(await collect(iterate, asCompleted([]))).toEqual({ got: [], thrown: null });
  });

  test("may be left early: no waiter stays behind, and the futures go on", async () => {
    const pending = new WatchedFuture();
    const done = new WatchedFuture();
    done.setResult(1);
    const got: Future[] = [];
    await iterate(asCompleted([pending, done], { timeout: 3600 }), (future) => {
      got.push(future);
      expect(pending.waiters).toBe(1);
      return true;
    });
    expectSame(got, [done]);
    expect([pending.waiters, pending.done()]).toEqual([0, false]);
    pending.setResult(2);
    expect(pending.result()).toBe(2);
  });

  test("an error out of the body leaves it too", async () => {
    const pending = new WatchedFuture();
    const { successful } = inEachState();
    const thrown = await rejectionOf(
      iterate(asCompleted([successful, pending]), () => {
        throw new RangeError("out of the body");
      }),
    );
    expect(textOf(thrown)).toBe("RangeError: out of the body");
    expect(pending.waiters).toBe(0);
  });

  test("leaves no waiter behind when the time is over", async () => {
    const pending = new WatchedFuture();
    await collect(iterate, asCompleted([pending], { timeout: 0.01 }));
    expect(pending.waiters).toBe(0);
  });

  test("a future that ends while asCompleted() looks at the others is given once, and the iteration ends", async () => {
    const first = new Future<number>();
    class Telling extends Future<number> {
      override _refresh(): void {
        if (!first._isDone()) first.setResult(1);
      }
    }
    const second = new Telling();
    second.setResult(2);
    const { got, thrown } = await collect(iterate, asCompleted([first, second], { timeout: 0.05 }));
    expect(thrown).toBe(null);
    expectSame(got, [first, second]);
  });
});

test("asCompleted() keeps no future that it has given [S293]", async () => {
  const last = new Future<number>();
  const begin = () => {
    const futures = Array.from({ length: 4 }, () => new Future<number>());
    for (const future of futures) future.setResult(1);
    const iterator = asCompleted([...futures, last])[Symbol.iterator]();
    return { iterator, seen: futures.map((future) => new WeakRef(future)) };
  };
  const { iterator, seen } = begin();
  const steps = () => seen.map((ref) => iterator.next().value === ref.deref());
  expect(steps()).toEqual([true, true, true, true]);
  last.setResult(2);
  const final = () => iterator.next().value === last;
  expect(final()).toBe(true);
  await collectGarbage();
  expect(seen.map((ref) => ref.deref())).toEqual([undefined, undefined, undefined, undefined]);
  expect(iterator.next().done).toBe(true);
});

test("asCompleted() of many short calls gives all of them, whenever they end", () => {
  using pool = new ThreadPoolExecutor(2);
  for (let round = 0; round < 5; round++) {
    const futures = Array.from({ length: 500 }, () => pool.submit(after, 0, round));
    let count = 0;
    for (const future of asCompleted(futures)) count += future.result() === round ? 1 : 0;
    expect(count).toBe(500);
  }
});

test("asCompleted() in for … of that would block for ever is a RuntimeError that says so", () => {
  const future = new WatchedFuture();
  expect(textOf(thrownBy(() => [...asCompleted([future])]))).toBe(
    "RuntimeError: asCompleted() would block for ever: no executor of this thread has a call under way. Set its result before, or give a timeout",
  );
  expect(future.waiters).toBe(0);
});

test("asCompleted() in asyncFor(): the task's cancellation leaves it", async () => {
  const future = new WatchedFuture();
  await run(
    (function* () {
      const task = createTask(asyncFor(asCompleted([future], { timeout: 3600 }), function* () {}));
      yield* sleep(0);
      expect(future.waiters).toBe(1);
      task.cancel();
      yield* sleep(0);
      expect(task.cancelled()).toBe(true);
      yield* sleep(0);
    })(),
    { loopFactory: hostLoop },
  );
  expect(future.waiters).toBe(0);
});

test("asCompleted() in asyncFor(): the loop's clock counts the time", () => {
  const { pending, successful } = inEachState();
  const got: Future[] = [];
  const thrown = thrownBy(() =>
    run(
      asyncFor(asCompleted([pending, successful], { timeout: 3600 }), function* (future) {
        got.push(future);
      }),
      { loopFactory: () => new VirtualEventLoop() },
    ),
  );
  expectSame(got, [successful]);
  expect(textOf(thrown)).toBe(
    "TimeoutError: asCompleted(fs, { timeout: 3600 }): 1 (of 2) futures unfinished",
  );
});

test("asCompleted() in asyncFor(): what the futures threw is the body's to see", async () => {
  const { failed, notified, successful } = inEachState();
  const seen: string[] = [];
  await run(
    asyncFor(asCompleted([failed, notified, successful]), function* (future) {
      try {
        seen.push(`result ${yield* wrapFuture(future)}`);
      } catch (thrown) {
        seen.push(thrown instanceof CancelledError ? "cancelled" : textOf(thrown));
      }
    }),
    { loopFactory: hostLoop },
  );
  expect(seen).toEqual(["RangeError: by hand", "cancelled", "result 42"]);
});

test("asCompleted() refuses what is no iterable of executors' futures, and no timeout", () => {
  expect(textOf(thrownBy(() => asCompleted(5 as never)))).toBe(
    "TypeError: asCompleted(fs): an iterable of futures is required, got 5",
  );
  expect(textOf(thrownBy(() => asCompleted([Promise.resolve()] as never)))).toContain(
    "TypeError: asCompleted(fs): futures of an executor are required, got ",
  );
  expect(textOf(thrownBy(() => asCompleted([], { timeout: "1" as never })))).toBe(
    'TypeError: asCompleted(fs, { timeout }): timeout must be a number of seconds, or null for none, got "1"',
  );
  expect(textOf(thrownBy(() => asCompleted([], { timeout: Number.NaN })))).toBe(
    "RangeError: asCompleted(fs, { timeout }): timeout must be a number of seconds, got NaN",
  );
});

/** The same futures, in any order. */
function expectSame(actual: Future[], expected: Future[]): void {
  expect(actual.map(String).sort()).toEqual(expected.map(String).sort());
  expect(expected.every((future) => actual.includes(future))).toBe(true);
}
