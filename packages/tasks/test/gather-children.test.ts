// gather() over futures, and over coroutines that await them: the same, one turn later.
import type { Awaitable, Coroutine, Future } from "@aioloop/loop";
import { CancelledError, Future as FutureClass, setEventLoop } from "@aioloop/loop";
import { createTask, gather, sleep, VirtualEventLoop } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { endOf, errorOf, program, thrownBy } from "./helpers.ts";

/** Lets everything run that is ready, and what that makes ready. */
function* settle(): Coroutine<void> {
  for (let turns = 0; turns < 10; turns++) yield* sleep(0);
}

function* giving<T>(value: T): Coroutine<T> {
  return value;
}

const kinds: [kind: string, wrap: <T>(future: Future<T>) => Awaitable<T>][] = [
  ["futures", (future) => future],
  [
    "coroutines",
    function* (future) {
      return yield* future;
    },
  ],
];

describe.each(kinds)("gather() of %s", (kind, wrap) => {
  test.each([undefined, false, true])(
    `gather(…, { returnExceptions: %o }) of ${kind}: done once, with the last result, in the order of the arguments [S120]`,
    (returnExceptions) => {
      program(function* (loop) {
        const futures = [1, 2, 3].map(() => loop.createFuture<number>());
        const [a, b, c] = futures as [Future<number>, Future<number>, Future<number>];
        const whole = gather(futures.map(wrap), { returnExceptions });
        const told: unknown[] = [];
        whole.addDoneCallback((future) => told.push(future));
        b.setResult(1);
        a.setResult(2);
        yield* settle();
        expect([whole.done(), told.length]).toEqual([false, 0]);
        c.setResult(3);
        yield* settle();
        expect(whole.result()).toEqual([2, 1, 3]);
        expect(told).toHaveLength(1);
        expect(told[0]).toBe(whole);
      });
    },
  );

  test(`gather() of ${kind}: the first exception ends it, and what comes after changes nothing [S121]`, () => {
    program(function* (loop) {
      const futures = [1, 2, 3, 4, 5].map(() => loop.createFuture<number>());
      const [a, b, c, d, e] = futures as [
        Future<number>,
        Future<number>,
        Future<number>,
        Future<number>,
        Future<number>,
      ];
      const whole = gather(futures.map(wrap));
      let told = 0;
      whole.addDoneCallback(() => {
        told += 1;
      });
      const error = new Error("the first");
      a.setResult(1);
      b.setException(error);
      yield* settle();
      expect([whole.done(), told]).toEqual([true, 1]);
      expect(whole.exception()).toBe(error);
      c.setResult(3);
      d.cancel();
      e.setException(new Error("too late"));
      yield* settle();
      expect(told).toBe(1);
      expect(whole.exception()).toBe(error);
    });
  });

  test(`gather(…, { returnExceptions: true }) of ${kind} waits for all, and gives the very exceptions [S122]`, () => {
    program(function* (loop) {
      const futures = [1, 2, 3, 4].map(() => loop.createFuture<number>());
      const [a, b, c, d] = futures as [Future<number>, Future<number>, Future<number>, Future<number>];
      const whole = gather(futures.map(wrap), { returnExceptions: true });
      const errors = [new Error("one"), new Error("two")];
      b.setResult(1);
      c.setException(errors[0]);
      a.setResult(3);
      yield* settle();
      expect(whole.done()).toBe(false);
      d.setException(errors[1]);
      yield* settle();
      const results = whole.result();
      expect(results.slice(0, 2)).toEqual([3, 1]);
      expect(results[2]).toBe(errors[0]);
      expect(results[3]).toBe(errors[1]);
    });
  });
});

test("gather() of futures: one that is cancelled ends it with a CancelledError; what comes after changes nothing [S122]", () => {
  program(function* (loop) {
    const futures = [1, 2, 3, 4, 5].map(() => loop.createFuture<number>());
    const whole = gather(futures);
    let told = 0;
    whole.addDoneCallback(() => {
      told += 1;
    });
    futures[0]?.setResult(1);
    futures[1]?.cancel();
    yield* settle();
    expect([whole.done(), whole.cancelled(), told]).toEqual([true, false, 1]);
    expect(whole.exception()).toBeInstanceOf(CancelledError);
    futures[2]?.setResult(3);
    futures[3]?.cancel();
    futures[4]?.setException(new Error("too late"));
    yield* settle();
    expect(told).toBe(1);
  });
});

test("gather(…, { returnExceptions: true }): results, exceptions and cancellations side by side [S122]", () => {
  program(function* (loop) {
    const futures = [1, 2, 3, 4, 5, 6].map(() => loop.createFuture<number>());
    const whole = gather(futures, { returnExceptions: true });
    const errors = [new Error("one"), new Error("two")];
    futures[0]?.setResult(1);
    futures[1]?.setException(errors[0]);
    futures[2]?.cancel();
    yield* settle();
    expect(whole.done()).toBe(false);
    futures[3]?.setResult(3);
    futures[4]?.cancel();
    futures[5]?.setException(errors[1]);
    const results = yield* whole;
    expect([results[0], results[3]]).toEqual([1, 3]);
    expect([results[1] === errors[0], results[5] === errors[1]]).toEqual([true, true]);
    expect(results[2]).toBeInstanceOf(CancelledError);
    expect(results[4]).toBeInstanceOf(CancelledError);
  });
});

test("gather([]) in a turn belongs to the running loop [S118]", () => {
  program(function* (loop) {
    const empty = gather([]);
    expect(empty).toBeInstanceOf(FutureClass);
    expect(empty.getLoop()).toBe(loop);
  });
});

test("gather() of coroutines belongs to the running loop, outside a turn to the one that was set", () => {
  program(function* (loop) {
    const whole = gather([giving("a"), giving("b")]);
    expect(whole.getLoop()).toBe(loop);
    expect(yield* whole).toEqual(["a", "b"]);
  });
  const loop = new VirtualEventLoop();
  setEventLoop(loop);
  try {
    const whole = gather([giving("a"), giving("b")]);
    expect(whole.getLoop()).toBe(loop);
    expect(loop.runUntilComplete(whole)).toEqual(["a", "b"]);
  } finally {
    setEventLoop(null);
    loop.close();
  }
});

test("gather(): cancelling who awaits it cancels all children and what they wait for, and then it refuses [S123 S125]", () => {
  program(function* (loop) {
    const future = loop.createFuture<void>();
    const went: string[] = [];
    function* inner(): Coroutine<void> {
      yield* future;
      went.push("inner");
    }
    const children = [createTask(inner()), createTask(inner())];
    const wholes: Future<unknown>[] = [];
    const outer = createTask(
      (function* () {
        const whole = gather(children);
        wholes.push(whole);
        yield* whole;
        went.push("outer");
      })(),
    );
    yield;
    expect(outer.cancel()).toBe(true);
    expect(yield* errorOf(outer)).toBeInstanceOf(CancelledError);
    expect(wholes[0]?.cancel()).toBe(false);
    expect(future.cancelled()).toBe(true);
    expect(children.map(endOf)).toEqual(["cancelled", "cancelled"]);
    yield* settle();
    expect(went).toEqual([]);
  });
});

test("gather() that refuses one of its arguments: what it had begun by then runs on, and nothing is reported [S126]", () => {
  let hasRun = false;
  program(function* () {
    const begun = (function* () {
      hasRun = true;
    })();
    expect(thrownBy(() => gather([begun, {} as never]))).toBeInstanceOf(TypeError);
    yield* settle();
  });
  expect(hasRun).toBe(true);
});
