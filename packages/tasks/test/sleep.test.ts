import { CancelledError } from "@aioloop/loop";
import { createTask, gather, sleep, VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { errorOf, program, textOf, thrownBy, turn } from "./helpers.ts";

test("sleep() waits its seconds and gives its result", () => {
  program(function* (loop) {
    expect(yield* sleep(2.5, "slept")).toBe("slept");
    expect(loop.time()).toBe(2.5);
    expect(yield* sleep(1)).toBe(undefined);
    expect(loop.time()).toBe(3.5);
  });
});

test.each([0, -0, -1, Number.NEGATIVE_INFINITY])(
  "sleep(%d) gives way once and sets no timer [S111]",
  (delay) => {
    const order: string[] = [];
    program(function* (loop) {
      loop.callSoon(() => order.push("callback"));
      expect(yield* sleep(delay, "result")).toBe("result");
      order.push("slept");
      loop.callSoon(() => order.push("not yet"));
      expect(loop.time()).toBe(0);
    });
    expect(order.slice(0, 2)).toEqual(["callback", "slept"]);
  },
);

test("sleep(NaN) is refused at the call [S111]", () => {
  expect(textOf(thrownBy(() => sleep(Number.NaN)))).toBe(
    "RangeError: sleep(delay): delay must be a number of seconds, got NaN",
  );
});

test.each(["1", null, undefined, 1n, {}])("sleep(%o) is refused: it is no number", (delay) => {
  expect(textOf(thrownBy(() => sleep(delay as never)))).toMatch(
    /^TypeError: sleep\(delay\): delay must be a number of seconds, got /,
  );
});

test("sleep(Infinity) waits until it is cancelled [S111]", () => {
  program(function* (loop) {
    const task = createTask(sleep(Number.POSITIVE_INFINITY));
    yield* sleep(1e9);
    expect(task.done()).toBe(false);
    task.cancel();
    expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
    expect(loop.time()).toBe(1e9);
  });
});

test("sleep() cancelled leaves no timer that would still run [S112]", () => {
  const loop = new VirtualEventLoop();
  const task = loop.createTask(sleep(100));
  turn(loop);
  task.cancel();
  turn(loop);
  expect(thrownBy(() => loop.runUntilComplete(task))).toBeInstanceOf(CancelledError);
  // A timer that were left would be waited for before the deadlock is seen.
  expect(thrownBy(() => loop.runForever())).toHaveProperty("name", "DeadlockError");
  expect(loop.time()).toBe(0);
  loop.close();
});

test("sleep() whose coroutine is closed leaves no timer that would still run [S112]", () => {
  program(function* (loop) {
    const coro = sleep(5);
    const iterator = coro[Symbol.iterator]();
    iterator.next();
    iterator.return?.(undefined as never);
    yield* sleep(10);
    expect(loop.time()).toBe(10);
  });
});

test("sleep() starts to count when it is awaited, not when it is called", () => {
  program(function* (loop) {
    const later = sleep(1);
    yield* sleep(5);
    yield* later;
    expect(loop.time()).toBe(6);
  });
});

test("sleep() of equal length wakes in the order in which it was called [S9]", () => {
  const order: number[] = [];
  program(function* () {
    yield* gather(
      [0, 1, 2, 3, 4, 5, 6, 7].map(function* (number) {
        yield* sleep(1);
        order.push(number);
      }),
    );
  });
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test("sleep() awaited twice is refused [J5]", () => {
  program(function* () {
    for (const coro of [sleep(1), sleep(0, "once")]) {
      yield* coro;
      expect(textOf(yield* errorOf(coro))).toBe(
        "RuntimeError: cannot reuse <coroutine sleep>: it was awaited already. Call sleep() again for a new one",
      );
    }
  });
});

test("sleep() that was cancelled cannot be awaited again [J5]", () => {
  program(function* () {
    const coro = sleep(1);
    const task = createTask(errorOf(coro));
    yield* sleep(0.5);
    task.cancel();
    yield* task;
    expect(textOf(yield* errorOf(coro))).toMatch(/^RuntimeError: cannot reuse <coroutine sleep>/);
  });
});

test("sleep() may be given to createTask, gather and await alike", () => {
  program(function* (loop) {
    expect(yield* createTask(sleep(1, "a"))).toBe("a");
    expect(yield* gather([sleep(1, "b"), sleep(0, "c"), sleep(0), sleep(0)])).toEqual([
      "b",
      "c",
      undefined,
      undefined,
    ]);
    expect(loop.time()).toBe(2);
  });
});

test("`yield sleep(1)` without the star is refused, and shows both lines [S87 J9]", () => {
  program(function* () {
    const missed = createTask(
      (function* () {
        yield sleep(1) as never;
      })(),
      { name: "t" },
    );
    expect(textOf(yield* errorOf(missed))).toBe(
      "TypeError: Task 't' got a coroutine from `yield`: write `yield* sleep(…)` instead of `yield sleep(…)`",
    );
  });
});

test("one sleep() awaited by two coroutines: the second is refused, the first sleeps on [J4]", () => {
  program(function* () {
    const nap = sleep(1);
    const first = createTask(
      (function* () {
        yield* nap;
        return "rested";
      })(),
    );
    yield* sleep(0.5);
    expect(textOf(yield* errorOf(nap))).toMatch(
      /^RuntimeError: <coroutine sleep\(1\)> is being awaited already/,
    );
    expect(yield* first).toBe("rested");
  });
});
