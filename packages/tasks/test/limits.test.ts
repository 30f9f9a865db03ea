// gather() and asCompleted() with a limit: so many at a time, and the iterable read as there is room.
import type { Awaitable, Coroutine, ExceptionContext } from "@aioloop/loop";
import { CancelledError, ContextVar, DeadlockError } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import {
  asCompleted,
  asyncFor,
  BREAK,
  coroutine,
  createTask,
  eagerTaskFactory,
  gather,
  sleep,
  waitFor,
} from "@aioloop/tasks";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { endOf, errorOf, program, textOf, thrownBy } from "./helpers.ts";

/** Coroutines that count how many of them run, and an iterable of them that tells when it is read, and when it is closed. */
class Work {
  readonly log: string[] = [];
  running = 0;
  most = 0;

  *job(name: string, delay: number, failure?: unknown): Coroutine<string> {
    this.running += 1;
    this.most = Math.max(this.most, this.running);
    this.log.push(`${name} begins`);
    try {
      yield* sleep(delay);
      if (failure !== undefined) throw failure;
      return name;
    } finally {
      this.log.push(`${name} ends`);
      this.running -= 1;
    }
  }

  /** Each is made when it is read. */
  *source<T>(items: Iterable<() => T>): Generator<T, void> {
    let count = 0;
    try {
      for (const make of items) {
        count += 1;
        yield make();
      }
      this.log.push("is read");
    } finally {
      this.log.push(`closed after ${count}`);
    }
  }

  jobs(delays: Iterable<number>): Generator<Coroutine<string>, void> {
    return this.source([...delays].map((delay, i) => () => this.job("abcdefghij"[i] as string, delay)));
  }
}

type Both = <T>(
  awaitables: Iterable<Awaitable<T>>,
  options: { limit?: number | undefined },
) => Coroutine<T[]>;

/** Both give all results; asCompleted() in the order in which they come. */
const both: [name: string, all: Both, call: (awaitables: never, options: { limit: number }) => unknown][] = [
  [
    "gather",
    function* (awaitables, options) {
      return yield* gather(awaitables, options);
    },
    gather,
  ],
  [
    "asCompleted",
    function* (awaitables, options) {
      const results = [];
      for (const next of asCompleted(awaitables, options)) results.push(yield* next);
      return results;
    },
    asCompleted,
  ],
];

describe.each(both)("%s(…, { limit })", (name, all, call) => {
  test.each([
    [1, 10, 1],
    [2, 6, 2],
    [3, 4, 3],
    [6, 3, 6],
    [100, 3, 6],
    [Number.POSITIVE_INFINITY, 3, 6],
  ])(`${name}(…, { limit: %d }) of six takes %d s, and %d run at the same time`, (limit, seconds, most) => {
    program(function* (loop) {
      const work = new Work();
      const results = yield* all(work.jobs([3, 1, 2, 1, 1, 2]), { limit });
      expect([loop.time(), work.most, work.running]).toEqual([seconds, most, 0]);
      expect([...results].sort()).toEqual(["a", "b", "c", "d", "e", "f"]);
      expect(work.log).toContain("closed after 6");
    });
  });

  test(`${name}(…, { limit }) reads its iterable only when there is room for one more`, () => {
    program(function* () {
      const work = new Work();
      const items = [3, 1, 5].map((delay, i) => () => {
        const item = "abc"[i] as string;
        work.log.push(`${item} is made`);
        return work.job(item, delay);
      });
      yield* all(work.source(items), { limit: 2 });
      expect(work.log).toEqual([
        "a is made",
        "b is made",
        "a begins",
        "b begins",
        "b ends",
        "c is made",
        "c begins",
        "a ends",
        "is read",
        "closed after 3",
        "c ends",
      ]);
    });
  });

  test(`${name}(…, { limit }): whatever they take, never more than limit run`, () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 10 }),
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        (delays, limit, isEager) => {
          program(function* (loop) {
            if (isEager) loop.setTaskFactory(eagerTaskFactory);
            const work = new Work();
            const results = yield* all(work.jobs(delays), { limit });
            const names = [..."abcdefghij"].slice(0, delays.length);
            expect(name === "gather" ? results : [...results].sort()).toEqual(names);
            expect(work.most).toBeLessThanOrEqual(limit);
            if (!isEager) expect(work.most).toBe(Math.min(limit, delays.length));
          });
        },
      ),
      { numRuns: 60, seed: 7 },
    );
  });

  test(`${name}(…, { limit }) of nothing is over at once`, () => {
    program(function* (loop) {
      const work = new Work();
      let turns = 0;
      loop.callSoon(() => (turns += 1));
      expect(yield* all([], { limit: 3 })).toEqual([]);
      expect(yield* all(new Set<Coroutine<void>>(), { limit: 1 })).toEqual([]);
      expect(yield* all(work.jobs([]), { limit: 1 })).toEqual([]);
      expect([work.log, turns]).toEqual([["is read", "closed after 0"], 0]);
    });
  });

  test(`${name}(…, { limit }) takes futures, tasks, coroutines and promises`, () => {
    const awaited = program(function* (loop) {
      const future = loop.createFuture<string>();
      loop.callLater(1, () => future.setResult("future"));
      const items = [future, createTask(sleep(2, "task")), sleep(3, "coroutine")];
      return yield* all(items, { limit: 2 });
    });
    expect(awaited).toEqual(["future", "task", "coroutine"]);
  });

  test(`${name}(…, { limit }) with an eager task factory: those that do not wait make room at once`, () => {
    program(function* (loop) {
      loop.setTaskFactory(eagerTaskFactory);
      const work = new Work();
      function* quick(item: string): Coroutine<string> {
        work.log.push(item);
        return item;
      }
      const items = [() => quick("a"), () => quick("b"), () => work.job("c", 1), () => quick("d")];
      expect(yield* all(work.source(items), { limit: 1 })).toEqual(["a", "b", "c", "d"]);
      expect(work.log).toEqual(["a", "b", "c begins", "c ends", "d", "is read", "closed after 4"]);
      expect(loop.time()).toBe(1);
    });
  });

  test(`${name}(…, { limit }) runs what it is given twice once, and that counts once`, () => {
    program(function* (loop) {
      const work = new Work();
      const [a, b] = [work.job("a", 2), createTask(work.job("b", 1))];
      const results = yield* all([a, a, b, a, b, work.job("c", 1)], { limit: 2 });
      expect(results).toEqual(name === "gather" ? ["a", "a", "b", "a", "b", "c"] : ["b", "a", "c"]);
      expect(work.log.filter((line) => line.endsWith("begins"))).toEqual([
        "b begins",
        "a begins",
        "c begins",
      ]);
      expect(loop.time()).toBe(2);
    });
  });

  test(`${name}(…, { limit }) runs what is given again when it has ended once, too`, () => {
    program(function* () {
      const work = new Work();
      const coro = work.job("a", 1);
      const given = [coro, work.job("b", 1), coro, work.job("c", 1)];
      expect(yield* all(given, { limit: 1 })).toEqual(
        name === "gather" ? ["a", "b", "a", "c"] : ["a", "b", "c"],
      );
    });
  });

  test(`${name}(…, { limit }) counts each sleep(0) as its own`, () => {
    program(function* () {
      expect(yield* all([sleep(0), sleep(0), sleep(0)], { limit: 2 })).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
    });
  });

  test(`${name}(…, { limit }) begins the later ones in the context of its caller`, () => {
    program(function* () {
      const variable = new ContextVar<string>("variable");
      variable.set("the caller's");
      const seen: string[] = [];
      function* looking(): Coroutine<void> {
        yield* sleep(1);
        seen.push(variable.get());
        variable.set("its own");
      }
      yield* all([looking(), looking(), looking()], { limit: 1 });
      expect(seen).toEqual(["the caller's", "the caller's", "the caller's"]);
    });
  });

  test.each([
    [0, "RangeError", "must be 1 or more, got 0"],
    [-1, "RangeError", "must be 1 or more, got -1"],
    [0.5, "TypeError", "must be an integer, got 0.5"],
    [2.5, "TypeError", "must be an integer, got 2.5"],
    [Number.NaN, "TypeError", "must be an integer, got NaN"],
    [Number.NEGATIVE_INFINITY, "TypeError", "must be an integer, got -Infinity"],
    ["2", "TypeError", `must be an integer, got "2"`],
    [2n, "TypeError", "must be an integer, got 2"],
    [null, "TypeError", "must be an integer, got null"],
  ])(`${name}(…, { limit: %o }) is a %s, and nothing is read`, (limit, kind, text) => {
    program(function* () {
      const work = new Work();
      const error = thrownBy(() => call(work.jobs([1]) as never, { limit: limit as number }));
      expect(textOf(error)).toBe(`${kind}: ${name}(awaitables, { limit }): limit ${text}`);
      expect(work.log).toEqual([]);
    });
  });

  test.each([
    ["a future", (loop: Futures) => loop.createFuture(), "<Future pending>"],
    ["a text", () => "ab", `"ab"`],
    ["a number", () => 5, "5"],
    ["null", () => null, "null"],
    ["undefined", () => undefined, "undefined"],
    ["an object", () => ({ a: 1 }), "<Object>"],
  ])(`${name}(…, { limit }) of %s instead of an iterable is a TypeError`, (_what, make, shown) => {
    program(function* (loop) {
      expect(textOf(thrownBy(() => call(make(loop) as never, { limit: 2 })))).toBe(
        `TypeError: ${name}(awaitables, { limit }): takes an iterable of awaitables, got ${shown}`,
      );
    });
  });

  test(`${name}(…, { limit }) of a single coroutine is a TypeError, and it may still be awaited`, () => {
    program(function* () {
      const work = coroutine(function* work() {
        yield* sleep(1);
        return "done";
      });
      const [framed, sleeping] = [work(), sleep(1, "slept")];
      const refused = `TypeError: ${name}(awaitables, { limit }): takes an iterable of awaitables, got`;
      expect(textOf(thrownBy(() => call(framed as never, { limit: 2 })))).toBe(`${refused} <coroutine work>`);
      expect(textOf(thrownBy(() => call(sleeping as never, { limit: 2 })))).toBe(
        `${refused} <coroutine sleep(1)>`,
      );
      expect([yield* framed, yield* sleeping]).toEqual(["done", "slept"]);
    });
  });

  test(`${name}(…, { limit }) of what cannot be awaited, among the first: throws, closes the iterable and begins no more`, () => {
    program(function* () {
      const work = new Work();
      const items = work.source<Awaitable<string>>([
        () => work.job("a", 1),
        () => 5 as never,
        () => work.job("c", 1),
      ]);
      expect(textOf(thrownBy(() => call(items as never, { limit: 3 })))).toBe(
        "TypeError: 5 cannot be awaited: a future, a task, a coroutine or a promise can be awaited",
      );
      expect(work.log).toEqual(["closed after 2"]);
      yield* sleep(5);
      expect(work.log).toEqual(["closed after 2", "a begins", "a ends"]);
    });
  });

  test(`${name}(…, { limit }): an iterable that fails among the first throws at the call; what has begun runs on`, () => {
    program(function* () {
      const work = new Work();
      const error = new Error("of the iterable");
      const items = work.source<Awaitable<string>>([
        () => work.job("a", 1),
        () => {
          throw error;
        },
      ]);
      expect(thrownBy(() => call(items as never, { limit: 2 }))).toBe(error);
      yield* sleep(5);
      expect(work.log).toEqual(["closed after 2", "a begins", "a ends"]);
    });
  });

  test(`${name}(…, { limit }) needs a loop for coroutines`, () => {
    const error = thrownBy(() => call([sleep(1)] as never, { limit: 1 }));
    expect(textOf(error)).toMatch(/^RuntimeError: there is no current event loop/);
  });
});

interface Futures {
  createFuture(): unknown;
}

describe("gather(…, { limit })", () => {
  test("gather(…, { limit }) gives results in the order of its iterable, whatever finishes first", () => {
    program(function* () {
      const work = new Work();
      expect(yield* gather(work.jobs([5, 1, 4, 2, 3]), { limit: 3 })).toEqual(["a", "b", "c", "d", "e"]);
    });
  });

  test("gather(…, { limit }) has begun when it returns, and goes on whether it is awaited or not", () => {
    program(function* (loop) {
      const work = new Work();
      const whole = gather(work.jobs([2, 2, 2]), { limit: 1 });
      yield* sleep(10);
      expect(whole.result()).toEqual(["a", "b", "c"]);
      expect(loop.time()).toBe(10);
      expect(whole.getLoop()).toBe(loop);
    });
  });

  test("gather(…, { limit }) of futures that are done begins with the next at once", () => {
    program(function* (loop) {
      const [one, two] = [loop.createFuture<string>(), loop.createFuture<string>()];
      one.setResult("one");
      two.setResult("two");
      const done = gather([one, two], { limit: 1 });
      expect([done.done(), done.result()]).toEqual([true, ["one", "two"]]);
      expect(yield* gather([one, sleep(1, "slept"), two], { limit: 1 })).toEqual(["one", "slept", "two"]);
    });
  });

  test("gather(…, { limit }): the first exception ends it at once; no more begin, the iterable is closed, what runs goes on", () => {
    program(function* (loop) {
      const work = new Work();
      const error = new Error("of b");
      const items = work.source([
        () => work.job("a", 5),
        () => work.job("b", 1, error),
        () => work.job("c", 1),
      ]);
      expect(yield* errorOf(gather(items, { limit: 2 }))).toBe(error);
      expect(loop.time()).toBe(1);
      yield* sleep(10);
      expect(work.log).toEqual(["a begins", "b begins", "b ends", "closed after 2", "a ends"]);
    });
  });

  test("gather(…, { limit }): what fails after the first exception is not reported", () => {
    program(function* () {
      const work = new Work();
      const items = [work.job("a", 5, new Error("late")), work.job("b", 1, new Error("early"))];
      expect(textOf(yield* errorOf(gather(items, { limit: 2 })))).toBe("Error: early");
      yield* sleep(10);
      expect(work.running).toBe(0);
    });
  });

  test("gather(…, { limit }) of a future that has failed already is a failed future, and reads no further", () => {
    program(function* (loop) {
      const work = new Work();
      const failed = loop.createFuture<string>();
      const error = new Error("before");
      failed.setException(error);
      const items = work.source<Awaitable<string>>([() => failed, () => work.job("b", 1)]);
      const whole = gather(items, { limit: 5 });
      expect([whole.done(), work.log]).toEqual([true, ["closed after 1"]]);
      expect(yield* errorOf(whole)).toBe(error);
    });
  });

  test("gather(…, { limit, returnExceptions: true }): exceptions are results, and the others begin", () => {
    program(function* (loop) {
      const work = new Work();
      const error = new Error("of a");
      const cancelled = createTask(sleep(10));
      loop.callLater(1.5, () => cancelled.cancel("enough"));
      const items = work.source<Awaitable<unknown>>([
        () => work.job("a", 1, error),
        () => cancelled,
        () => work.job("c", 1),
      ]);
      const results = yield* gather(items, { limit: 1, returnExceptions: true });
      expect(results).toHaveLength(3);
      expect(results[0]).toBe(error);
      expect(results[1]).toBeInstanceOf(CancelledError);
      expect(results[2]).toBe("c");
      expect([loop.time(), work.log.at(-1)]).toEqual([2.5, "closed after 3"]);
    });
  });

  test("gather(…, { limit }): a child that is cancelled ends it with a CancelledError, and no more begin", () => {
    program(function* (loop) {
      const work = new Work();
      const child = createTask(sleep(10));
      loop.callLater(1, () => child.cancel("only this one"));
      const items = work.source<Awaitable<unknown>>([() => child, () => work.job("b", 1)]);
      const whole = gather(items, { limit: 1 });
      const error = yield* errorOf(whole);
      expect([textOf(error), whole.cancelled()]).toEqual(["CancelledError: only this one", false]);
      yield* sleep(5);
      expect(work.log).toEqual(["closed after 1"]);
    });
  });

  test.each([false, true])(
    "gather(…, { limit, returnExceptions: %o }) that is cancelled cancels what runs, begins no more, and closes the iterable",
    (returnExceptions) => {
      program(function* (loop) {
        const work = new Work();
        const whole = gather(work.jobs([1, 5, 5, 1, 1]), { limit: 2, returnExceptions });
        yield* sleep(2);
        expect(whole.cancel("enough")).toBe(true);
        expect(whole.done()).toBe(false);
        expect(textOf(yield* errorOf(whole))).toBe("CancelledError: enough");
        expect(loop.time()).toBe(2);
        yield* sleep(10);
        expect([work.log.filter((line) => line.endsWith("begins")), work.running]).toEqual([
          ["a begins", "b begins", "c begins"],
          0,
        ]);
        expect(work.log.at(-1)).toBe("closed after 3");
        expect(whole.cancel()).toBe(false);
      });
    },
  );

  test("gather(…, { limit }) that is cancelled, whose child refuses: it is cancelled when that has ended, and no more begin", () => {
    program(function* (loop) {
      const work = new Work();
      function* refusing(): Coroutine<string> {
        yield* errorOf(sleep(10));
        yield* sleep(5);
        return "in spite of it";
      }
      const whole = gather(work.source([refusing, () => work.job("b", 1)]), { limit: 1 });
      yield* sleep(1);
      whole.cancel("enough");
      expect(yield* errorOf(whole)).toBeInstanceOf(CancelledError);
      expect([loop.time(), work.log]).toEqual([6, ["closed after 1"]]);
    });
  });

  test.each([false, true])(
    "gather(…, { limit, returnExceptions: %o }) that is cancelled when one has just ended, before the next begins: it does not begin [S110]",
    (returnExceptions) => {
      program(function* (loop) {
        const work = new Work();
        const first = loop.createFuture<string>();
        const items = work.source<Awaitable<string>>([() => first, () => work.job("b", 5)]);
        const whole = gather(items, { limit: 1, returnExceptions });
        yield* sleep(1);
        first.setResult("first");
        expect(whole.cancel("enough")).toBe(true);
        expect(textOf(yield* errorOf(whole))).toBe("CancelledError: enough");
        yield* sleep(10);
        expect(work.log).toEqual(["closed after 1"]);
      });
    },
  );

  test("gather(…, { limit }) that is cancelled when all have begun is cancelled all the same", () => {
    program(function* () {
      const work = new Work();
      const whole = gather(work.jobs([5, 5]), { limit: 3, returnExceptions: true });
      yield* sleep(1);
      expect(work.log).toContain("is read");
      whole.cancel();
      expect(yield* errorOf(whole)).toBeInstanceOf(CancelledError);
    });
  });

  test("waitFor(gather(…, { limit }), …) that runs out: no more begin", () => {
    program(function* (loop) {
      const work = new Work();
      const error = yield* errorOf(waitFor(gather(work.jobs([1, 1, 1, 1, 1]), { limit: 1 }), 2.5));
      expect([textOf(error), loop.time()]).toEqual(["TimeoutError: ", 2.5]);
      yield* sleep(10);
      expect(work.log.slice(-3)).toEqual(["c begins", "c ends", "closed after 3"]);
    });
  });

  test("gather(…, { limit }): an iterable that fails later ends it with that error; what runs goes on", () => {
    program(function* (loop) {
      const work = new Work();
      const error = new Error("of the iterable");
      const items = work.source([
        () => work.job("a", 1),
        () => work.job("b", 5),
        () => {
          throw error;
        },
      ]);
      expect(yield* errorOf(gather(items, { limit: 2 }))).toBe(error);
      expect(loop.time()).toBe(1);
      yield* sleep(10);
      expect(work.log).toEqual(["a begins", "b begins", "a ends", "closed after 3", "b ends"]);
    });
  });

  test("gather(…, { limit }): what cannot be awaited ends it when it is read, and the iterable is closed", () => {
    program(function* () {
      const work = new Work();
      const items = work.source<Awaitable<string>>([
        () => work.job("a", 1),
        () => "text" as never,
        () => work.job("c", 1),
      ]);
      expect(textOf(yield* errorOf(gather(items, { limit: 1 })))).toBe(
        `TypeError: "text" cannot be awaited: a future, a task, a coroutine or a promise can be awaited`,
      );
      yield* sleep(5);
      expect(work.log).toEqual(["a begins", "a ends", "closed after 2"]);
    });
  });

  test.each(["cancelled", "failed"])(
    "gather(…, { limit }) that is %s, whose iterable fails as it is closed: it ends all the same, and that is reported",
    (how) => {
      const reports: ExceptionContext[] = [];
      const text = program(
        function* () {
          const work = new Work();
          function* items(): Generator<Coroutine<string>> {
            try {
              yield work.job("a", 2, new Error("of a"));
              yield work.job("b", 1);
            } finally {
              // biome-ignore lint/correctness/noUnsafeFinally: that is what is tested
              throw new Error("while it was closed");
            }
          }
          const whole = gather(items(), { limit: 1, returnExceptions: how === "cancelled" });
          yield* sleep(1);
          if (how === "cancelled") whole.cancel();
          return textOf(yield* errorOf(whole));
        },
        { reports },
      );
      expect(text).toBe(how === "cancelled" ? "CancelledError: " : "Error: of a");
      expect(reports.map(({ exception }) => textOf(exception))).toEqual(["Error: while it was closed"]);
    },
  );

  test("gather(…, { limit }): iterators without return() are left where they are", () => {
    program(function* () {
      const work = new Work();
      let read = 0;
      const items = {
        [Symbol.iterator]: () => ({
          next: () => ({ value: work.job("a", 1, new Error("of a")), done: (read += 1) > 3 }) as never,
        }),
      };
      expect(textOf(yield* errorOf(gather(items, { limit: 1 })))).toBe("Error: of a");
      const whole = gather(items, { limit: 1, returnExceptions: true });
      whole.cancel();
      expect(yield* errorOf(whole)).toBeInstanceOf(CancelledError);
      expect(read).toBe(2);
    });
  });

  test("gather(…, { limit }): a DeadlockError counts what has been read", () => {
    const error = thrownBy(() =>
      program(function* (loop) {
        const items = [1, 2, 3, 4].map(() => loop.createFuture<void>());
        yield* gather(items, { limit: 3 });
      }),
    );
    expect(error).toBeInstanceOf(DeadlockError);
    expect(textOf(error)).toMatch(/\n {2}Task-\d+ waits for gather of 3$/);
  });
});

describe("asCompleted(…, { limit })", () => {
  /** What each of them gives, and when. */
  function* came(
    all: Iterable<Coroutine<unknown>>,
    loop: { time(): number },
    log: string[] = [],
  ): Coroutine<string[]> {
    for (const next of all) {
      try {
        log.push(`${yield* next} at ${loop.time()}`);
      } catch (error) {
        log.push(`${textOf(error)} at ${loop.time()}`);
      }
    }
    return log;
  }

  test("asCompleted(…, { limit }) gives results as they come; one begins when one has ended", () => {
    program(function* (loop) {
      const work = new Work();
      const all = asCompleted(work.jobs([5, 1, 3, 4, 2]), { limit: 2 });
      expect(yield* came(all, loop)).toEqual(["b at 1", "c at 4", "a at 5", "e at 7", "d at 8"]);
      expect(work.log.filter((line) => line.endsWith("begins"))).toHaveLength(5);
    });
  });

  test("asCompleted(…, { limit }) in asyncFor gives the original futures as they come", () => {
    program(function* () {
      const tasks = [3, 1, 2].map((delay) => createTask(sleep(delay, delay)));
      const seen: unknown[] = [];
      yield* asyncFor(asCompleted(tasks, { limit: 3 }), function* (task) {
        seen.push(task);
      });
      expect(seen).toHaveLength(3);
      [tasks[1], tasks[2], tasks[0]].forEach((task, i) => void expect(seen[i]).toBe(task));
    });
  });

  test("asCompleted(…, { limit }): one that fails throws where it is awaited, and the others begin", () => {
    program(function* (loop) {
      const work = new Work();
      const items = work.source([
        () => work.job("a", 1, new Error("of a")),
        () => work.job("b", 1),
        () => work.job("c", 1, new Error("of c")),
      ]);
      expect(yield* came(asCompleted(items, { limit: 1 }), loop)).toEqual([
        "Error: of a at 1",
        "b at 2",
        "Error: of c at 3",
      ]);
    });
  });

  test("asCompleted(…, { limit }) begins them whether anybody asks or not", () => {
    program(function* (loop) {
      const work = new Work();
      const all = asCompleted(work.jobs([1, 1, 1]), { limit: 1 });
      yield* sleep(10);
      expect(yield* came(all, loop)).toEqual(["a at 10", "b at 10", "c at 10"]);
    });
  });

  test("asCompleted(…, { limit }): more may be asked for than run: they are read, and begin as there is room", () => {
    program(function* (loop) {
      const work = new Work();
      const all = [...asCompleted(work.jobs([3, 1, 1, 1]), { limit: 2 })];
      expect([all.length, work.log]).toEqual([4, ["is read", "closed after 4"]]);
      expect(yield* came(all, loop)).toEqual(["b at 1", "c at 2", "a at 3", "d at 3"]);
      expect([work.most, loop.time()]).toEqual([2, 3]);
    });
  });

  test("asCompleted(…, { limit }): some may be asked for ahead, and the rest as usual", () => {
    program(function* (loop) {
      const work = new Work();
      const all = asCompleted(work.jobs([1, 1, 1, 1, 1]), { limit: 1 });
      const iterator = all[Symbol.iterator]();
      const ahead = [1, 2, 3].map(() => iterator.next().value as Coroutine<string>);
      expect(yield* came(ahead, loop)).toEqual(["a at 1", "b at 2", "c at 3"]);
      const seen: string[] = [];
      yield* asyncFor(all, function* (task) {
        seen.push(task.result());
        return BREAK;
      });
      expect(seen).toEqual(["d"]);
      expect(iterator.next()).not.toEqual({ value: undefined, done: true });
      expect(iterator.next()).toEqual({ value: undefined, done: true });
      expect(work.most).toBe(1);
    });
  });

  test("asCompleted(…, { limit }): what was asked for ahead may be awaited at the same time", () => {
    program(function* (loop) {
      const work = new Work();
      expect(yield* gather(asCompleted(work.jobs([2, 1, 1, 1]), { limit: 2 }))).toEqual(["b", "a", "c", "d"]);
      expect(loop.time()).toBe(3);
    });
  });

  test("asCompleted(…, { limit }): an iterable that fails is thrown to who waits next; what runs arrives", () => {
    program(function* (loop) {
      const work = new Work();
      const items = work.source([
        () => work.job("a", 1),
        () => work.job("b", 5),
        () => {
          throw new Error("of the iterable");
        },
      ]);
      expect(yield* came(asCompleted(items, { limit: 2 }), loop)).toEqual([
        "a at 1",
        "Error: of the iterable at 1",
        "b at 5",
      ]);
    });
  });

  test("asCompleted(…, { limit }): an iterable that fails as it is read ahead throws there, and what runs arrives", () => {
    program(function* (loop) {
      const work = new Work();
      const items = work.source([
        () => work.job("a", 1),
        () => {
          throw new Error("of the iterable");
        },
      ]);
      const iterator = asCompleted(items, { limit: 1 })[Symbol.iterator]();
      const first = iterator.next().value as Coroutine<string>;
      expect(textOf(thrownBy(() => iterator.next()))).toBe("Error: of the iterable");
      expect(yield* first).toBe("a");
      expect(iterator.next()).toEqual({ value: undefined, done: true });
      expect(loop.time()).toBe(1);
    });
  });

  test("asCompleted(…, { limit }): what cannot be awaited is thrown to who waits next, and the iterable is closed", () => {
    program(function* (loop) {
      const work = new Work();
      const items = work.source<Awaitable<string>>([
        () => work.job("a", 1),
        () => "text" as never,
        () => work.job("c", 1),
      ]);
      expect(yield* came(asCompleted(items, { limit: 1 }), loop)).toEqual([
        "a at 1",
        `TypeError: "text" cannot be awaited: a future, a task, a coroutine or a promise can be awaited at 1`,
      ]);
      yield* sleep(5);
      expect(work.log).toEqual(["a begins", "a ends", "closed after 2"]);
    });
  });

  test("asCompleted(…, { limit }): what cannot be awaited, asked for ahead: all that were asked for end", () => {
    program(function* (loop) {
      const given = [sleep(1, "a"), "text" as never, sleep(1, "c")];
      const log: string[] = [];
      const waiting = createTask(came([...asCompleted(given, { limit: 1 })], loop, log));
      yield* sleep(5);
      expect([endOf(waiting).split(" ")[0], log.length]).toEqual(["result", 3]);
      expect(log.slice(0, 2)).toEqual([
        "a at 1",
        `TypeError: "text" cannot be awaited: a future, a task, a coroutine or a promise can be awaited at 1`,
      ]);
    });
  });

  test("asCompleted(…, { limit }) left early begins no more, and closes the iterable; what runs goes on", () => {
    const work = new Work();
    program(function* () {
      function* endless(): Generator<() => Coroutine<string>> {
        for (;;) yield () => work.job("job", 1);
      }
      for (const next of asCompleted(work.source(endless()), { limit: 2 })) {
        expect(yield* next).toBe("job");
        break;
      }
      yield* sleep(5);
      expect([work.log.filter((line) => line.endsWith("begins")).length, work.running]).toEqual([4, 0]);
      expect(work.log).toContain("closed after 4");
    });
  });

  test("asCompleted(…, { limit }) left early in asyncFor begins no more, and closes the iterable", () => {
    const work = new Work();
    program(function* () {
      yield* asyncFor(asCompleted(work.jobs([1, 2, 2, 2, 2]), { limit: 1 }), function* () {
        return BREAK;
      });
      yield* sleep(20);
      expect(work.log).toEqual(["a begins", "a ends", "closed after 2", "b begins", "b ends"]);
    });
  });

  test("asCompleted(…, { limit, timeout }): each that runs is a TimeoutError, and all that follow are one; nothing is cancelled", () => {
    program(function* (loop) {
      const work = new Work();
      const late = "TimeoutError: asCompleted: the timeout was faster at 3.5";
      const all = asCompleted(work.jobs([1, 5, 1, 4, 1, 1]), { limit: 2, timeout: 3.5 });
      expect(yield* came(all, loop)).toEqual(["a at 1", "c at 2", late, late, late]);
      yield* sleep(20);
      expect(work.log).toEqual([
        "a begins",
        "b begins",
        "a ends",
        "c begins",
        "c ends",
        "d begins",
        "closed after 4",
        "b ends",
        "d ends",
      ]);
    });
  });

  test("asCompleted(…, { limit, timeout }) when all have been read: those that run, and no more", () => {
    program(function* (loop) {
      const work = new Work();
      const late = "TimeoutError: asCompleted: the timeout was faster at 2";
      const all = asCompleted(work.jobs([1, 5, 5]), { limit: 3, timeout: 2 });
      yield* sleep(1);
      expect(yield* came(all, loop)).toEqual(["a at 1", late, late]);
      expect(work.log.filter((line) => line.startsWith("closed"))).toEqual(["closed after 3"]);
    });
  });

  test("asCompleted(…, { limit, timeout }): what was asked for ahead is a TimeoutError each, and never begins", () => {
    program(function* (loop) {
      const work = new Work();
      const late = "TimeoutError: asCompleted: the timeout was faster at 2";
      const all = [...asCompleted(work.jobs([1, 5, 1, 1]), { limit: 1, timeout: 2 })];
      expect(yield* came(all, loop)).toEqual(["a at 1", late, late, late]);
      yield* sleep(20);
      expect(work.log.filter((line) => line.endsWith("begins"))).toEqual(["a begins", "b begins"]);
    });
  });

  test("asCompleted(…, { limit, timeout }): some asked for ahead stand for all that follow", () => {
    program(function* (loop) {
      const work = new Work();
      const late = "TimeoutError: asCompleted: the timeout was faster at 2";
      const iterator = asCompleted(work.jobs([5, 1, 1, 1]), { limit: 1, timeout: 2 })[Symbol.iterator]();
      const ahead = [1, 2, 3].map(() => iterator.next().value as Coroutine<string>);
      expect(yield* came(ahead, loop)).toEqual([late, late, late]);
      expect(iterator.next()).toEqual({ value: undefined, done: true });
      expect(work.log).toEqual(["a begins", "closed after 3"]);
    });
  });

  test("asCompleted(…, { limit, timeout }) in asyncFor throws the TimeoutError out of the loop", () => {
    program(function* (loop) {
      const seen: string[] = [];
      const work = new Work();
      const all = asCompleted(work.jobs([1, 5, 5]), { limit: 1, timeout: 2 });
      const error = yield* errorOf(
        asyncFor(all, function* (task) {
          seen.push(task.result());
        }),
      );
      expect([textOf(error), seen, loop.time()]).toEqual([
        "TimeoutError: asCompleted: the timeout was faster",
        ["a"],
        2,
      ]);
    });
  });

  test.each([2, null, Number.POSITIVE_INFINITY, 50])(
    "asCompleted(…, { limit, timeout: %o }) that is long enough leaves no timer",
    (timeout) => {
      program(function* (loop) {
        const work = new Work();
        const all = asCompleted(work.jobs([0.5, 0.5, 0.5]), { limit: 1, timeout });
        expect(yield* came(all, loop)).toEqual(["a at 0.5", "b at 1", "c at 1.5"]);
        yield* sleep(1);
        expect(loop.time()).toBe(2.5);
      });
    },
  );

  test.each([
    ["of nothing", () => []],
    ["of what is done in time", () => [sleep(1), sleep(1)]],
  ])(
    "asCompleted(…, { limit, timeout }) %s leaves no timer to wait for: a deadlock is found at once",
    (_what, items) => {
      let since = -1;
      const error = thrownBy(() =>
        program(function* (loop) {
          yield* came(asCompleted<Awaitable<unknown>>(items(), { limit: 1, timeout: 50 }), loop);
          since = loop.time();
          try {
            yield* loop.createFuture<void>("the answer");
          } finally {
            since = loop.time() - since;
          }
        }),
      );
      expect(error).toBeInstanceOf(DeadlockError);
      expect(since).toBe(0);
    },
  );

  test("asCompleted(…, { limit, timeout }) that has run out leaves no callback on what runs on", () => {
    program(function* (loop) {
      const future = loop.createFuture<string>();
      yield* came(asCompleted([future], { limit: 1, timeout: 1 }), loop);
      expect(String(future)).toBe("<Future pending>");
    });
  });

  test("asCompleted(…, { limit, timeout }), whose iterable fails as it is closed: all that are missing are TimeoutErrors", () => {
    const reports: ExceptionContext[] = [];
    const log = program(
      function* (loop) {
        function* items(): Generator<Coroutine<string>> {
          try {
            yield sleep(10, "a");
            yield sleep(1, "b");
          } finally {
            // biome-ignore lint/correctness/noUnsafeFinally: that is what is tested
            throw new Error("while it was closed");
          }
        }
        return yield* came(asCompleted(items(), { limit: 1, timeout: 1 }), loop);
      },
      { reports },
    );
    const late = "TimeoutError: asCompleted: the timeout was faster at 1";
    expect(log).toEqual([late, late]);
    expect(reports.map(({ exception }) => textOf(exception))).toEqual(["Error: while it was closed"]);
  });

  test.each(["for", "asyncFor"])(
    "asCompleted(…, { limit }) in %s that is cancelled begins no more; what runs goes on",
    (how) => {
      program(function* () {
        const work = new Work();
        const all = asCompleted(work.jobs([2, 2, 2]), { limit: 1 });
        const waiting: Task<void> = createTask(
          (function* () {
            if (how === "asyncFor") yield* asyncFor(all, function* () {});
            else for (const next of all) yield* next;
          })(),
        );
        yield* sleep(3);
        waiting.cancel();
        expect(yield* errorOf(waiting)).toBeInstanceOf(CancelledError);
        yield* sleep(10);
        expect(work.log).toEqual(["a begins", "a ends", "b begins", "closed after 2", "b ends"]);
      });
    },
  );
});
