import {
  ALL_COMPLETED,
  CancelledError,
  DoneAndNotDoneFutures,
  FIRST_COMPLETED,
  FIRST_EXCEPTION,
  Future,
  ThreadPoolExecutor,
  TimeoutError,
  wait,
  waitAsync,
} from "@aioloop/executors";
import * as loop from "@aioloop/loop";
import { wrapFuture } from "@aioloop/loop";
import { createTask, run, sleep, VirtualEventLoop } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import {
  after,
  blockingLoop,
  error,
  failAfter,
  Gate,
  hostLoop,
  inEachState,
  kinds,
  multiply,
  poolForAll,
  rejectionOf,
  textOf,
  thrownBy,
  until,
  WatchedFuture,
  waits,
  whenOpen,
} from "./helpers-a.ts";

describe.each(kinds)("%s", (_, make) => {
  const pool = poolForAll(make, 2);

  describe.each(waits)("%s", (_, waiting) => {
    test("a future that is twice in the list counts once [S292]", async () => {
      const future = pool().submit(after, 0.05, null);
      const { done, notDone } = await waiting([future, future], { returnWhen: ALL_COMPLETED });
      expectSame(done, [future]);
      expectSame(notDone, []);
    });

    test("FIRST_COMPLETED: one that is done is enough; a cancelled one that its executor does not know of is none [S288]", async () => {
      const gate = new Gate();
      const { cancelled } = inEachState();
      const short = pool().submit(multiply, 21, 2);
      const long = pool().submit(whenOpen, gate.path, null);
      const { done, notDone } = await waiting([cancelled, short, long], { returnWhen: FIRST_COMPLETED });
      gate.open();
      expectSame(done, [short]);
      expectSame(notDone, [cancelled, long]);
    });

    test("FIRST_COMPLETED: where some are done already, it does not wait", async () => {
      const gate = new Gate();
      const { notified, successful } = inEachState();
      const long = pool().submit(whenOpen, gate.path, null);
      const { done, notDone } = await waiting([notified, successful, long], { returnWhen: FIRST_COMPLETED });
      gate.open();
      expectSame(done, [notified, successful]);
      expectSame(notDone, [long]);
    });

    test("FIRST_EXCEPTION: waits for a call that fails, not for the others", async () => {
      const gate = new Gate();
      const long = pool().submit(whenOpen, gate.path, null);
      const short = pool().submit(multiply, 2, 21);
      const failing = pool().submit(failAfter, 0.05);
      const { done, notDone } = await waiting([short, failing, long], { returnWhen: FIRST_EXCEPTION });
      gate.open();
      expectSame(done, [short, failing]);
      expectSame(notDone, [long]);
    });

    test("FIRST_EXCEPTION: neither a result nor a cancellation is one [S288]", async () => {
      const gate = new Gate();
      const { successful, cancelled, notified } = inEachState();
      const long = pool().submit(whenOpen, gate.path, null);
      const failing = pool().submit(failAfter, 0.02);
      const { done, notDone } = await waiting([successful, cancelled, notified, failing, long], {
        returnWhen: FIRST_EXCEPTION,
      });
      gate.open();
      expectSame(done, [successful, notified, failing]);
      expectSame(notDone, [cancelled, long]);
    });

    test("FIRST_EXCEPTION: where one has failed already, it does not wait [S292]", async () => {
      const gate = new Gate();
      const { failed } = inEachState();
      const long = pool().submit(whenOpen, gate.path, null);
      const { done, notDone } = await waiting([failed, long], { returnWhen: FIRST_EXCEPTION });
      gate.open();
      expectSame(done, [failed]);
      expectSame(notDone, [long]);
    });

    test("ALL_COMPLETED: waits for all, however they end", async () => {
      const { successful, notified, failed } = inEachState();
      const failing = pool().submit(failAfter, 0);
      const short = pool().submit(multiply, 2, 21);
      const all = [successful, notified, failed, failing, short];
      const { done, notDone } = await waiting(all);
      expectSame(done, all);
      expectSame(notDone, []);
    });

    test("a timeout is no error: what is not done by then is told apart", async () => {
      const gate = new Gate();
      const { notified, failed, successful } = inEachState();
      const long = pool().submit(whenOpen, gate.path, null);
      for (const timeout of [0, 0.05]) {
        const { done, notDone } = await waiting([notified, failed, successful, long], { timeout });
        expectSame(done, [notified, failed, successful]);
        expectSame(notDone, [long]);
      }
      gate.open();
    });

    test("a call that is cancelled in the queue is done at once [S286 S288]", async () => {
      const gate = new Gate();
      const busy = [1, 2].map(() => pool().submit(whenOpen, gate.path, null));
      const queued = pool().submit(multiply, 1, 1);
      expect(queued.cancel()).toBe(true);
      const { done, notDone } = await waiting([...busy, queued], { returnWhen: FIRST_COMPLETED });
      gate.open();
      expectSame(done, [queued]);
      expectSame(notDone, busy);
    });
  });
});

describe.each(waits)("%s", (_, waiting) => {
  test("gives an object with done and notDone, which can also be taken apart as a pair [S292]", async () => {
    const { successful, pending } = inEachState();
    const given = await waiting([pending, successful], { timeout: 0 });
    expect(given).toBeInstanceOf(DoneAndNotDoneFutures);
    const [done, notDone] = given;
    expect([done, notDone]).toStrictEqual([given.done, given.notDone]);
    expectSame(done as Set<Future>, [successful]);
    expectSame(notDone as Set<Future>, [pending]);
  });

  test("no futures at all: two empty sets, at once", async () => {
    for (const returnWhen of [ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION] as const) {
      const { done, notDone } = await waiting([], { returnWhen });
      expect([done.size, notDone.size]).toEqual([0, 0]);
    }
  });

  test("takes any iterable, and reads it once", async () => {
    const { successful, failed } = inEachState();
    function* futures() {
      yield successful;
      yield failed;
    }
    const { done } = await waiting(futures());
    expectSame(done, [successful, failed]);
  });

  test("leaves no waiter behind, whether it was over or its time", async () => {
    const future = new WatchedFuture();
    const done = new WatchedFuture();
    done.setResult(1);
    await waiting([future], { timeout: 0 });
    await waiting([future, done], { returnWhen: FIRST_COMPLETED });
    await waiting([future, done], { timeout: 0.01 });
    expect([future.waiters, done.waiters]).toEqual([0, 0]);
  });

  test("a timeout longer than a host's timer can be is one all the same", async () => {
    using pool = new ThreadPoolExecutor(1);
    for (const timeout of [2 ** 31 / 1000, Number.MAX_VALUE, Number.POSITIVE_INFINITY]) {
      const future = pool.submit(after, 0.05, null);
      const { done } = await waiting([future], { timeout });
      expect(done.size).toBe(1);
    }
  });
});

test("wait() on a ThreadPoolExecutor: many calls that end while it begins to wait are all done", () => {
  using pool = new ThreadPoolExecutor(3);
  const gate = new Gate();
  const futures = Array.from({ length: 100 }, () => pool.submit(whenOpen, gate.path, null));
  gate.open();
  const { done, notDone } = wait(futures, { returnWhen: ALL_COMPLETED });
  expect([done.size, notDone.size]).toEqual([100, 0]);
});

test("waitAsync() is over in the step in which the last future ends", () => {
  const { pending, running } = inEachState();
  const waiting = waitAsync([pending, running]);
  pending.cancel();
  expect(waiting.done()).toBe(false);
  running.setResult(1);
  expect(waiting.done()).toBe(false);
  pending.setRunningOrNotifyCancel();
  expect(waiting.done()).toBe(true);
  expectSame(waiting.result().done, [pending, running]);
});

test("waitAsync(): its own cancellation ends the wait, and lets the futures be", async () => {
  const future = new WatchedFuture();
  const waiting = waitAsync([future], { timeout: 3600 });
  expect(waiting.cancel()).toBe(true);
  expect(await rejectionOf(waiting)).toBeInstanceOf(CancelledError);
  expect([future.waiters, future.done()]).toEqual([0, false]);
});

test("waitAsync() in a coroutine: the task's cancellation ends the wait, and lets the futures be", async () => {
  const future = new WatchedFuture();
  await run(
    (function* () {
      const task = createTask(
        (function* () {
          yield* wrapFuture(waitAsync([future], { timeout: 3600 }));
        })(),
      );
      yield* sleep(0);
      expect(future.waiters).toBe(1);
      task.cancel();
      yield* sleep(0);
      expect(task.cancelled()).toBe(true);
      yield* sleep(0);
    })(),
    { loopFactory: hostLoop },
  );
  expect([future.waiters, future.done()]).toEqual([0, false]);
});

test("waitAsync() in a coroutine: the loop's clock counts its timeout", () => {
  const { pending } = inEachState();
  const { notDone } = run(
    (function* () {
      return yield* wrapFuture(waitAsync([pending], { timeout: 3600 }));
    })(),
    { loopFactory: () => new VirtualEventLoop() },
  );
  expectSame(notDone, [pending]);
});

test("waitAsync() on a blocking loop: the loop goes on meanwhile", () => {
  using pool = new ThreadPoolExecutor(1);
  const gate = new Gate();
  const events: string[] = [];
  run(
    (function* () {
      const call = pool.submit(whenOpen, gate.path, null);
      const other = createTask(
        (function* () {
          yield* sleep(0.01);
          events.push("the loop turned");
          gate.open();
        })(),
      );
      yield* wrapFuture(waitAsync([call]));
      events.push("the call ended");
      yield* other;
    })(),
    { loopFactory: blockingLoop },
  );
  expect(events).toEqual(["the loop turned", "the call ended"]);
});

test.each([
  ["wait", wait as (fs: Iterable<Future>, options?: object) => unknown],
  ["waitAsync", waitAsync as (fs: Iterable<Future>, options?: object) => unknown],
])("%s() refuses what is no iterable of executors' futures, no timeout, no returnWhen", (name, call) => {
  const made = new VirtualEventLoop();
  const futureOfLoop = made.createFuture();
  const texts: [fs: unknown, options: object, text: string][] = [
    [5, {}, `TypeError: ${name}(fs): an iterable of futures is required, got 5`],
    [null, {}, `TypeError: ${name}(fs): an iterable of futures is required, got null`],
    [new Future(), {}, `TypeError: ${name}(fs): an iterable of futures is required, got <Future PENDING>`],
    [
      [new Future(), 5],
      {},
      `TypeError: ${name}(fs): futures of an executor are required, got 5. For the futures of a loop there is asyncio's own ${name}`,
    ],
    [
      [futureOfLoop],
      {},
      `TypeError: ${name}(fs): futures of an executor are required, got ${futureOfLoop}. For the futures of a loop there is asyncio's own ${name}`,
    ],
    [
      [],
      { timeout: "1" },
      `TypeError: ${name}(fs, { timeout }): timeout must be a number of seconds, or null for none, got "1"`,
    ],
    [
      [],
      { timeout: Number.NaN },
      `RangeError: ${name}(fs, { timeout }): timeout must be a number of seconds, got NaN`,
    ],
    [
      [],
      { returnWhen: "SOMETIMES" },
      `RangeError: ${name}(fs, { returnWhen }): FIRST_COMPLETED, FIRST_EXCEPTION or ALL_COMPLETED is required, got "SOMETIMES"`,
    ],
  ];
  for (const [fs, options, text] of texts) {
    expect(textOf(thrownBy(() => call(fs as Future[], options)))).toBe(text);
  }
  made.close();
});

test("wait() that would block for ever is a RuntimeError that says so, and leaves no waiter behind", () => {
  const future = new WatchedFuture();
  const another = new WatchedFuture();
  expect(textOf(thrownBy(() => wait([future, another])))).toBe(
    "RuntimeError: wait() for 2 futures would block for ever: no executor of this thread has a call under way. Set its result before, or give a timeout",
  );
  expect([future.waiters, another.waiters]).toEqual([0, 0]);
});

// ---- one future of a worker

describe.each(kinds)("%s", (_, make) => {
  const pool = poolForAll(make, 1);

  test("Future.result() blocks the thread until the call has ended [S290]", () => {
    const future = pool().submit(after, 0.1, 42);
    expect(future.result(20)).toBe(42);
    expect(future.done()).toBe(true);
  });

  test("Future.exception() blocks the thread until the call has ended", () => {
    const future = pool().submit(failAfter, 0.1);
    expect(textOf(future.exception(20))).toBe("RangeError: in a worker");
    expect(future.exception()).toBeInstanceOf(RangeError);
  });

  test("Future.result(): a future that is cancelled meanwhile, by another's callback, throws CancelledError [S286 S290]", () => {
    const gate = new Gate();
    const first = pool().submit(after, 0.1, null);
    const second = pool().submit(whenOpen, gate.path, null);
    const third = pool().submit(multiply, 1, 1);
    first.addDoneCallback(() => third.cancel());
    expect(thrownBy(() => third.result(20))).toBeInstanceOf(CancelledError);
    expect(second.done()).toBe(false);
    gate.open();
    expect(second.result()).toBe(null);
  });

  test("Future.result(timeout) of a call that runs longer is a TimeoutError, and the call runs on [S290]", () => {
    const gate = new Gate();
    const future = pool().submit(whenOpen, gate.path, "in the end");
    const thrown = thrownBy(() => future.result(0.05));
    expect(thrown).toBeInstanceOf(TimeoutError);
    expect(textOf(thrown)).toMatch(
      /^TimeoutError: result\(0\.05\): <Future (PENDING|RUNNING)> was not done within 0\.05 seconds$/,
    );
    gate.open();
    expect(future.result()).toBe("in the end");
  });

  test("Future.cancel() of a running call is false, of a queued one true; running() and done() are asked again and again [S286]", async () => {
    const gate = new Gate();
    const first = pool().submit(whenOpen, gate.path, 1);
    const second = pool().submit(multiply, 1, 2);
    const seen: string[] = [];
    second.addDoneCallback(() => seen.push("second"));
    await until(() => first.running());
    expect([first.cancel(), first.running(), second.running()]).toEqual([false, true, false]);
    expect([second.cancel(), second.cancelled(), second.cancel()]).toEqual([true, true, true]);
    expect(seen).toEqual(["second"]);
    gate.open();
    await until(() => first.done());
    expect([first.running(), first.result(), first.cancel()]).toEqual([false, 1, false]);
  });

  test("Future: await and wrapFuture() give what the call gave, or throw what it threw", async () => {
    expect(await pool().submit(multiply, 3, 4)).toBe(12);
    expect(textOf(await rejectionOf(pool().submit(failAfter, 0)))).toBe("RangeError: in a worker");
    const main = () =>
      (function* () {
        expect(yield* wrapFuture(pool().submit(multiply, 5, 6))).toBe(30);
        try {
          yield* wrapFuture(pool().submit(failAfter, 0));
        } catch (thrown) {
          return textOf(thrown);
        }
        return "nothing was thrown";
      })();
    expect(await run(main(), { loopFactory: hostLoop })).toBe("RangeError: in a worker");
    expect(run(main(), { loopFactory: blockingLoop })).toBe("RangeError: in a worker");
  });

  test("wrapFuture(): a task's cancellation takes a queued call back", () => {
    const gate = new Gate();
    const first = pool().submit(whenOpen, gate.path, 1);
    const second = pool().submit(multiply, 1, 2);
    run(
      (function* () {
        const task = createTask(
          (function* () {
            yield* wrapFuture(second);
          })(),
        );
        yield* sleep(0);
        task.cancel();
        yield* sleep(0);
        expect(task.cancelled()).toBe(true);
        yield* sleep(0);
      })(),
      { loopFactory: blockingLoop },
    );
    expect(second.cancelled()).toBe(true);
    gate.open();
    expect(first.result()).toBe(1);
  });
});

test("Future.result() of a call is what the call threw, the same object each time", () => {
  using pool = new ThreadPoolExecutor(1);
  const future = pool.submit(failAfter, 0);
  const thrown = thrownBy(() => future.result());
  expect(thrownBy(() => future.result())).toBe(thrown);
  expect(future.exception()).toBe(thrown);
  expect(thrown).not.toBe(error);
  expect(loop.isCancelled(thrown)).toBe(false);
});

function expectSame(actual: Set<Future>, expected: Future[]): void {
  expect([...actual].map(String)).toEqual(expected.map(String));
  expect(expected.every((future) => actual.has(future))).toBe(true);
}
