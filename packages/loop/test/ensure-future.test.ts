// From what can be awaited to a Future: ensureFuture and wrapFuture; and shutdownAsyncgens, which awaits promises so.
import type { Awaitable, Suspend } from "@aioloop/loop";
import { AWAITABLE, ensureFuture, Future, getEventLoop, setEventLoop, wrapFuture } from "@aioloop/loop";
import { Task, VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { reportsOf, thrownBy, turn } from "./helpers.ts";

const newLoop = () => new VirtualEventLoop({ debug: false });

/** As a loop would be told by its host: lets the reactions of promises run. */
const microtasks = () => new Promise<void>((resolve) => setImmediate(resolve));

test("ensureFuture() gives futures and tasks back as they are [S113]", () => {
  const loop = newLoop();
  const future = loop.createFuture();
  const task = loop.createTask((function* () {})());
  expect(ensureFuture(future)).toBe(future);
  expect(ensureFuture(future, { loop })).toBe(future);
  expect(ensureFuture(task)).toBe(task);
  turn(loop);
});

test("ensureFuture() refuses a future of another loop than the one given [S113]", () => {
  const [loop, other] = [newLoop(), newLoop()];
  const call = () => ensureFuture(loop.createFuture("x"), { loop: other });
  expect(thrownBy(call)).toBeInstanceOf(RangeError);
  expect(call).toThrow(/^<Future pending for x> belongs to a different loop than <VirtualEventLoop /);
});

test("ensureFuture() makes a task of a coroutine, on the given loop or the current one [S113 S41]", () => {
  const [loop, current] = [newLoop(), newLoop()];
  const work = function* () {
    return 1;
  };
  const task = ensureFuture(work(), { loop });
  expect(task).toBeInstanceOf(Task);
  expect(task.getLoop()).toBe(loop);
  setEventLoop(current);
  expect(ensureFuture(work()).getLoop()).toBe(current);
  setEventLoop(null);
  expect(() => ensureFuture(work())).toThrow("there is no current event loop");
  turn(loop);
  turn(current);
  expect(task.result()).toBe(1);
});

test("ensureFuture() makes a task of any object with the brand [S113 S67]", () => {
  const loop = newLoop();
  class Answer {
    readonly [AWAITABLE] = true;
    *[Symbol.iterator](): Generator<Suspend | undefined, number> {
      yield;
      return 42;
    }
  }
  const task = ensureFuture(new Answer(), { loop });
  turn(loop, 3);
  expect(task.result()).toBe(42);
});

test("ensureFuture() makes a future of a promise", async () => {
  const loop = newLoop();
  const future = ensureFuture(Promise.resolve(1), { loop });
  await microtasks();
  expect(future.result()).toBe(1);
});

test.each([
  ["a number", 5, "5 cannot be awaited: a future, a task, a coroutine or a promise can be awaited"],
  ["a string, though it can be iterated", "abc", '"abc" cannot be awaited: a future'],
  ["an array, though it can be iterated", [1, 2], "[2 items] cannot be awaited: a future"],
  ["null", null, "null cannot be awaited"],
  ["undefined", undefined, "undefined cannot be awaited"],
  ["a function", function main() {}, "main cannot be awaited: call it, `main()`"],
  ["an object", {}, "<Object> cannot be awaited"],
])("ensureFuture() refuses %s with a TypeError [S113]", (_, value, message) => {
  const call = () => ensureFuture(value as unknown as Awaitable<unknown>, { loop: newLoop() });
  expect(thrownBy(call)).toBeInstanceOf(TypeError);
  expect(call).toThrow(message);
});

test("wrapFuture() gives futures back as they are [S72]", () => {
  const future = newLoop().createFuture<number>();
  expect(wrapFuture(future)).toBe(future);
});

test("wrapFuture() finishes with the promise, after the callbacks were awaited through the loop [S70 S71 J18]", async () => {
  const loop = newLoop();
  const reason = new Error("no");
  const [good, bad, odd] = [Promise.resolve(1), Promise.reject(reason), Promise.reject(undefined)].map(
    (promise: Promise<number>) => wrapFuture(promise, { loop }),
  ) as [Future<number>, Future<number>, Future<number>];
  expect(good.done()).toBe(false);
  await microtasks();
  expect(good.result()).toBe(1);
  expect(thrownBy(() => bad.result())).toBe(reason);
  expect(thrownBy(() => odd.result())).toBe(undefined);
});

test("wrapFuture() takes the current loop where none is given [S72 S41]", () => {
  const loop = newLoop();
  setEventLoop(loop);
  expect(wrapFuture(Promise.resolve()).getLoop()).toBe(getEventLoop());
  setEventLoop(null);
  expect(() => wrapFuture(Promise.resolve())).toThrow("there is no current event loop");
});

test("wrapFuture() takes any object with then()", async () => {
  const thenable: PromiseLike<string> = {
    then: (onfulfilled) => Promise.resolve("thenable").then(onfulfilled),
  };
  const future = wrapFuture(thenable, { loop: newLoop() });
  await microtasks();
  expect(future.result()).toBe("thenable");
});

test.each([[5], [null], [undefined], [{}], ["text"], [() => Promise.resolve()]])(
  "wrapFuture(%o) is a TypeError [S72]",
  (value) => {
    expect(() => wrapFuture(value as never, { loop: newLoop() })).toThrow(
      /^wrapFuture\(promise\): a promise or a future is required, got /,
    );
  },
);

test.each([["fulfilled"], ["rejected"]])(
  "wrapFuture(): a promise that is %s after the future was cancelled changes nothing [S70]",
  async (kind) => {
    const loop = newLoop();
    const reports = reportsOf(loop);
    const future = wrapFuture(kind === "fulfilled" ? Promise.resolve(1) : Promise.reject(new Error()), {
      loop,
    });
    future.cancel();
    await microtasks();
    expect(future.cancelled()).toBe(true);
    loop.close();
    expect(reports).toEqual([]);
  },
);

test.each([["fulfilled"], ["rejected"]])(
  "wrapFuture(): a promise that is %s after the loop was closed does nothing [S71]",
  async (kind) => {
    const loop = newLoop();
    const future = wrapFuture(kind === "fulfilled" ? Promise.resolve(1) : Promise.reject(new Error()), {
      loop,
    });
    future.addDoneCallback(() => {});
    loop.close();
    await microtasks(); // an error here would be an unhandled rejection
    expect(future.done()).toBe(false);
  },
);

test("wrapFuture() of a failed promise that nobody looks at is reported by the loop, not by the host [S64]", async () => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  const future = wrapFuture(Promise.reject(new Error("lost")), { loop });
  await microtasks();
  loop.close();
  expect(reports).toEqual([
    { message: "Future exception was never retrieved", exception: new Error("lost"), future: "<Future>" },
  ]);
  expect(future.done()).toBe(true);
});

test("Future subclasses pass through ensureFuture() and wrapFuture() [S72 S113]", () => {
  class Reply extends Future<string> {}
  const reply = new Reply({ loop: newLoop() });
  expect(ensureFuture(reply)).toBe(reply);
  expect(wrapFuture(reply)).toBe(reply);
});

/** An iterator in use whose closing is up to `close`. */
function inUse(close?: () => Promise<IteratorResult<unknown>>): AsyncIterator<unknown> {
  return {
    next: () => Promise.resolve({ value: undefined, done: true }),
    ...(close !== undefined && { return: close }),
  };
}

test("BaseEventLoop.shutdownAsyncgens() closes all iterators in use and reports those that fail [S34]", async () => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  const closed: string[] = [];
  const closes = (name: string) => () => {
    closed.push(name);
    return Promise.resolve({ value: undefined, done: true as const });
  };
  const rejecting = inUse(() => Promise.reject(new Error("rejected")));
  const throwing = inUse(() => {
    throw new Error("thrown at once");
  });
  for (const one of [inUse(closes("first")), rejecting, throwing, inUse(), inUse(closes("last"))]) {
    loop._asyncgens.add(one);
  }
  const task = loop.createTask(loop.shutdownAsyncgens());
  turn(loop);
  await microtasks();
  turn(loop, 10);
  expect(task.done()).toBe(true);
  expect(closed).toEqual(["first", "last"]);
  const message = "an error occurred during closing of an asynchronous iterator";
  expect(reports.map((report) => [report.message, String(report.exception)])).toEqual([
    [message, "Error: rejected"],
    [message, "Error: thrown at once"],
  ]);
  expect([reports[0]?.asyncgen === rejecting, reports[1]?.asyncgen === throwing]).toEqual([true, true]);
  expect(loop._asyncgens.size).toBe(0);
});

test("BaseEventLoop.shutdownAsyncgens() can be cancelled [S34]", () => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  loop._asyncgens.add(inUse(() => new Promise(() => {})));
  const task = loop.createTask(loop.shutdownAsyncgens());
  turn(loop);
  task.cancel();
  turn(loop, 3);
  expect([task.cancelled(), reports]).toEqual([true, []]);
});

test("BaseEventLoop.shutdownDefaultExecutor() of a loop without executors has nothing to shut down", () => {
  const loop = newLoop();
  expect(loop.runUntilComplete(loop.shutdownDefaultExecutor())).toBe(undefined);
});
