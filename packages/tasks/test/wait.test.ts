import type { Coroutine, Future } from "@aioloop/loop";
import { CancelledError } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import {
  ALL_COMPLETED,
  createTask,
  FIRST_COMPLETED,
  FIRST_EXCEPTION,
  gather,
  sleep,
  wait,
} from "@aioloop/tasks";
import { expect, test } from "vitest";
import { endOf, errorOf, program, textOf } from "./helpers.ts";

function* failing(delay: number): Coroutine<never> {
  yield* sleep(delay);
  throw new Error(`failed at ${delay}`);
}

function tasks(...delays: number[]): Task<number>[] {
  return delays.map((delay) => createTask(sleep(delay, delay)));
}

/** The two sets as lists of results, or how many are pending. */
function shown([done, pending]: [Set<Future<unknown>>, Set<Future<unknown>>]): [string[], number] {
  return [[...done].map(endOf), pending.size];
}

test("wait() returns when all are done, with the futures it was given", () => {
  program(function* (loop) {
    const given = tasks(2, 1);
    const [done, pending] = yield* wait(given);
    expect([...done].every((task, index) => task === given[index])).toBe(true);
    expect([done.size, pending.size]).toEqual([2, 0]);
    expect(loop.time()).toBe(2);
  });
});

test("wait() returns sets in the order in which the futures were given [J25]", () => {
  program(function* () {
    const [done] = yield* wait(tasks(3, 1, 2));
    expect([...done].map((task) => task.result())).toEqual([3, 1, 2]);
  });
});

test("wait() counts one that is given twice once", () => {
  program(function* () {
    const [task] = tasks(1) as [Task<number>];
    const [done] = yield* wait([task, task]);
    expect(done.size).toBe(1);
  });
});

test("wait() takes any iterable but a generator: a set, an iterator", () => {
  program(function* () {
    expect(shown(yield* wait(new Set(tasks(1, 2))))).toEqual([["result 1", "result 2"], 0]);
    expect(shown(yield* wait(tasks(1, 2).values()))).toEqual([["result 1", "result 2"], 0]);
  });
});

test("wait() does nothing before it is awaited", () => {
  program(function* (loop) {
    const given = tasks(1);
    const waiting = wait(given, { timeout: 0.5 });
    yield* sleep(5);
    expect(shown(yield* waiting)).toEqual([["result 1"], 0]);
    expect(loop.time()).toBe(5);
  });
});

test("wait(…, { timeout }) returns what is done and what is not, and cancels nothing [S130]", () => {
  program(function* (loop) {
    const given = tasks(1, 5);
    expect(shown(yield* wait(given, { timeout: 2 }))).toEqual([["result 1"], 1]);
    expect(loop.time()).toBe(2);
    expect(yield* given[1] as Task<number>).toBe(5);
  });
});

test.each([null, undefined, Number.POSITIVE_INFINITY])(
  "wait(…, { timeout: %o }) has no end but the futures'",
  (timeout) => {
    program(function* () {
      expect(shown(yield* wait(tasks(1e6), { timeout }))).toEqual([["result 1000000"], 0]);
    });
  },
);

test.each([0, -1])("wait(…, { timeout: %d }) returns after a turn", (timeout) => {
  program(function* (loop) {
    const given = tasks(1);
    expect(shown(yield* wait(given, { timeout }))).toEqual([[], 1]);
    expect(loop.time()).toBe(0);
    yield* wait(given);
  });
});

test("wait(…, { timeout }) that is not needed leaves no timer [S130]", () => {
  program(function* (loop) {
    yield* wait(tasks(1), { timeout: 100 });
    yield* sleep(1);
    expect(loop.time()).toBe(2);
  });
});

test("wait(): cancelling its caller leaves the futures alone [S130]", () => {
  program(function* () {
    const given = tasks(5, 6);
    const task = createTask(wait(given));
    yield* sleep(1);
    task.cancel();
    expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
    expect(given.map((one) => one.cancelling())).toEqual([0, 0]);
    yield* wait(given);
  });
});

test("wait(…, FIRST_COMPLETED) returns with the first [S131]", () => {
  program(function* (loop) {
    const given = tasks(3, 1, 2);
    expect(shown(yield* wait(given, { returnWhen: FIRST_COMPLETED }))).toEqual([["result 1"], 2]);
    expect(loop.time()).toBe(1);
    yield* wait(given, { returnWhen: ALL_COMPLETED });
  });
});

test("wait(…, FIRST_COMPLETED): a cancelled or failed one counts as completed [S131]", () => {
  program(function* () {
    const slow = createTask(sleep(5));
    const cancelled = createTask(sleep(5));
    const waiting = createTask(wait([slow, cancelled], { returnWhen: FIRST_COMPLETED }));
    yield* sleep(1);
    cancelled.cancel();
    expect(shown(yield* waiting)).toEqual([["cancelled"], 1]);
    const failed = createTask(failing(1));
    expect(shown(yield* wait([slow, failed], { returnWhen: FIRST_COMPLETED }))).toEqual([
      ["exception Error: failed at 1"],
      1,
    ]);
  });
});

test("wait(…, FIRST_EXCEPTION) returns with the first exception [S131]", () => {
  program(function* (loop) {
    const given = [createTask(sleep(1, "a")), createTask(failing(2)), createTask(sleep(3, "c"))];
    expect(shown(yield* wait(given, { returnWhen: FIRST_EXCEPTION }))).toEqual([
      ["result a", "exception Error: failed at 2"],
      1,
    ]);
    expect(loop.time()).toBe(2);
    yield* sleep(2);
  });
});

test("wait(…, FIRST_EXCEPTION): a cancelled one is no exception [S131]", () => {
  program(function* (loop) {
    const [cancelled, other] = tasks(5, 3) as [Task<number>, Task<number>];
    const waiting = createTask(wait([cancelled, other], { returnWhen: FIRST_EXCEPTION }));
    yield* sleep(1);
    cancelled.cancel();
    expect(shown(yield* waiting)).toEqual([["cancelled", "result 3"], 0]);
    expect(loop.time()).toBe(3);
  });
});

test("wait(…, FIRST_EXCEPTION) without an exception returns with the last", () => {
  program(function* (loop) {
    yield* wait(tasks(1, 2), { returnWhen: FIRST_EXCEPTION });
    expect(loop.time()).toBe(2);
  });
});

test("wait(…, FIRST_EXCEPTION) counts the exception as seen, ALL_COMPLETED does not [S133]", () => {
  const reports: { message: string }[] = [];
  program(
    function* () {
      yield* wait([createTask(failing(1))], { returnWhen: FIRST_EXCEPTION });
    },
    { reports },
  );
  expect(reports).toEqual([]);
  program(
    function* () {
      yield* wait([createTask(failing(1))]);
    },
    { reports },
  );
  expect(reports).toMatchObject([{ message: "Task exception was never retrieved" }]);
});

test("wait() gives all that is done when it wakes, not only what woke it [S132]", () => {
  program(function* () {
    expect(shown(yield* wait(tasks(1, 1, 2), { returnWhen: FIRST_COMPLETED }))).toEqual([
      ["result 1", "result 1"],
      1,
    ]);
    yield* sleep(2);
  });
});

test("wait() of futures that are done already takes a turn [S132]", () => {
  program(function* (loop) {
    const future = loop.createFuture<string>();
    future.setResult("done");
    const order: string[] = [];
    loop.callSoon(() => order.push("callback"));
    expect(shown(yield* wait([future]))).toEqual([["result done"], 0]);
    order.push("waited");
    expect(order).toEqual(["callback", "waited"]);
  });
});

test("wait(): many may wait for the same future", () => {
  program(function* () {
    const given = tasks(1, 2);
    const answers = yield* gather([wait(given), wait(given, { returnWhen: FIRST_COMPLETED })]);
    expect(answers.map(([done, pending]) => [done.size, pending.size])).toEqual([
      [2, 0],
      [1, 1],
    ]);
  });
});

test("wait() throws nothing of its futures", () => {
  program(function* () {
    const [done] = yield* wait([createTask(failing(1))]);
    expect([...done].map(endOf)).toEqual(["exception Error: failed at 1"]);
  });
});

test("wait(): a list that is changed while it waits does not matter", () => {
  program(function* () {
    const given = tasks(1, 2);
    const waiting = createTask(wait(given));
    yield* sleep(0.5);
    given.length = 0;
    expect(shown(yield* waiting)).toEqual([["result 1", "result 2"], 0]);
  });
});

test("wait() of nothing is refused: there is nothing to wait for [S129]", () => {
  program(function* () {
    for (const nothing of [[], new Set<Future<unknown>>(), [].values()]) {
      expect(textOf(yield* errorOf(wait(nothing)))).toBe(
        "RangeError: wait(futures): the set of tasks and futures is empty, there is nothing to wait for",
      );
    }
  });
});

test("wait() of a single future or coroutine is refused [S129]", () => {
  program(function* (loop) {
    const future = loop.createFuture();
    expect(textOf(yield* errorOf(wait(future as never)))).toBe(
      "TypeError: wait([task, …]): takes a list of awaitables, got one, <Future pending>: put it in brackets",
    );
    const text =
      "TypeError: wait([task, …]): takes a list of awaitables, got a generator: put it in brackets, or spread it, [...it], if it generates them";
    expect(textOf(yield* errorOf(wait((function* () {})())))).toBe(text);
  });
});

test("wait() of coroutines or promises is refused, and says what to write [S129]", () => {
  program(function* () {
    expect(textOf(yield* errorOf(wait([sleep(1)] as never)))).toBe(
      "TypeError: wait(futures): takes futures and tasks only, got <coroutine sleep(1)>. Write createTask(coroutine), and keep it to find it in the result",
    );
    expect(textOf(yield* errorOf(wait([Promise.resolve()] as never)))).toMatch(
      /^TypeError: wait\(futures\): takes futures and tasks only, .*\. Write wrapFuture\(promise\), and keep it/,
    );
    expect(textOf(yield* errorOf(wait([5] as never)))).toMatch(/got 5\. Write tasks or futures/);
  });
});

test("wait(…, { returnWhen }) refuses other words [S129]", () => {
  program(function* () {
    expect(textOf(yield* errorOf(wait(tasks(0), { returnWhen: "ANY" as never })))).toBe(
      `RangeError: wait(futures, { returnWhen }): FIRST_COMPLETED, FIRST_EXCEPTION or ALL_COMPLETED, got "ANY"`,
    );
    yield* sleep(1);
  });
});

test("wait(…, { timeout }) refuses NaN and what is no number", () => {
  program(function* () {
    const given = tasks(0);
    expect(textOf(yield* errorOf(wait(given, { timeout: Number.NaN })))).toBe(
      "RangeError: wait(futures, { timeout }): timeout must be a number of seconds or null, got NaN",
    );
    expect(textOf(yield* errorOf(wait(given, { timeout: "1" as never })))).toMatch(/^TypeError: wait/);
    yield* wait(given);
  });
});
