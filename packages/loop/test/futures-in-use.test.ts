// Futures and what is made of them: awaited again and again, wrapped, made by a loop's own createTask.
import type { AbstractTask, TaskOptions, Yieldable } from "@aioloop/loop";
import { ensureFuture, wrapFuture } from "@aioloop/loop";
import { Task, VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { Notes, turn } from "./helpers.ts";

const newLoop = () => new VirtualEventLoop({ debug: false });

test("Task that failed, awaited again and again: the same error, whose stack does not grow [J23]", () => {
  const loop = newLoop();
  const failing = loop.createTask(
    (function* failing() {
      throw new TypeError("42");
    })(),
  );
  const main = function* () {
    const errors: unknown[] = [];
    const stacks: (string | undefined)[] = [];
    for (let i = 0; i < 5; i++) {
      try {
        yield* failing;
      } catch (error) {
        errors.push(error);
        stacks.push((error as Error).stack);
      }
    }
    return { errors, stacks };
  };
  const { errors, stacks } = loop.runUntilComplete(main());
  expect([errors.length, new Set(errors).size, new Set(stacks).size]).toEqual([5, 1, 1]);
});

test("Future's iterator gives an array that is the result as it is [S66]", () => {
  const future = newLoop().createFuture<number[]>();
  const pair = [1, 2];
  future.setResult(pair);
  expect(future[Symbol.iterator]().next().value).toBe(pair);
});

test("Future.toString() of one that was cancelled shows its callbacks no more [S69]", () => {
  const loop = newLoop();
  const future = loop.createFuture();
  function callback(): void {}
  for (let i = 0; i < 10; i++) future.addDoneCallback(callback);
  expect(String(future)).toBe("<Future pending cb=[callback, <8 more>, callback]>");
  future.cancel();
  expect(String(future)).toBe("<Future cancelled>");
  turn(loop);
});

test("wrapFuture() within a turn takes the running loop [S72 S21]", () => {
  const loop = newLoop();
  const main = function* () {
    return wrapFuture(Promise.resolve()).getLoop();
  };
  expect(loop.runUntilComplete(main())).toBe(loop);
});

test("ensureFuture() asks the loop's own createTask() [S113]", () => {
  class Mine<T> extends Task<T> {}
  class Own extends VirtualEventLoop {
    override createTask<T>(coro: Yieldable<T>, options?: TaskOptions): AbstractTask<T> {
      return new Mine(coro, { ...options, loop: this });
    }
  }
  const loop = new Own({ debug: false });
  const task = ensureFuture((function* () {})(), { loop });
  expect(task).toBeInstanceOf(Mine);
  loop.runUntilComplete(task);
});

test("ensureFuture() on a closed loop is refused, and closes the coroutine [S113 S14]", () => {
  const loop = newLoop();
  loop.close();
  const ran = new Notes();
  const coro = (function* () {
    ran.push("started");
    yield;
  })();
  expect(() => ensureFuture(coro, { loop })).toThrow("createTask(): the event loop is closed");
  expect([coro.next().done, ran.length]).toEqual([true, 0]);
});

/** A coroutine of somebody else's making, with nothing but its methods. */
class Foreign {
  next(): IteratorResult<undefined, number> {
    return { done: true, value: 1 };
  }
  throw(error: unknown): never {
    throw error;
  }
  [Symbol.iterator](): this {
    return this;
  }
}

test("Task shows a coroutine that is no generator by its name, or as one without a name [S93]", () => {
  const loop = newLoop();
  const hostile = {
    toString() {
      throw new Error("cannot be shown");
    },
  };
  const coros = [
    new Foreign(),
    Object.assign(new Foreign(), { name: "fetch" }),
    Object.assign(new Foreign(), { name: null }),
    Object.assign(new Foreign(), hostile),
  ];
  const tasks = coros.map((coro) => loop.createTask(coro, { name: "t" }));
  expect(tasks.map(String)).toEqual([
    "<Task pending name='t' coro=<generator>>",
    "<Task pending name='t' coro=fetch>",
    "<Task pending name='t' coro=<generator>>",
    "<Task pending name='t' coro=<generator>>",
  ]);
  turn(loop);
  expect(tasks.map((task) => task.result())).toEqual([1, 1, 1, 1]);
});
