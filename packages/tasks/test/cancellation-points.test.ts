// Where a cancellation finds a task, and how far it goes from there.
import type { Coroutine, Future } from "@aioloop/loop";
import { CancelledError, isCancelled, SystemExit } from "@aioloop/loop";
import { createTask, sleep, VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { errorOf, program, self, thrownBy, turn } from "./helpers.ts";

/** What the coroutine waits for, and whether it asks for its own cancellation first. */
const places: [where: string, isOwn: boolean, wait: (future: Future<unknown>) => Coroutine<unknown>][] = [
  ["in a sleep", false, () => sleep(10)],
  [
    "between two sleep(0)",
    false,
    function* () {
      yield* sleep(0);
      yield* sleep(0);
    },
  ],
  [
    "waiting for a future",
    false,
    function* (future) {
      yield* future;
    },
  ],
  ["by itself, before it waits", true, () => sleep(100)],
  ["by itself, at its end", true, function* () {}],
];

test.each(places)(
  "Task cancelled %s: ended within the turn, and cancel() is refused from then on [S98 S103]",
  (_where, isOwn, wait) => {
    program(function* (loop) {
      const task = createTask(
        (function* () {
          if (isOwn) self().cancel();
          yield* wait(loop.createFuture());
          return "not cancelled";
        })(),
      );
      expect(task.cancelled()).toBe(false);
      yield;
      if (!isOwn) expect(task.cancel()).toBe(true);
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
      expect([task.done(), task.cancelled(), task._mustCancel]).toEqual([true, true, false]);
      expect(task.cancel()).toBe(false);
      expect(task.cancelling()).toBe(1);
      expect(loop.time()).toBe(0);
    });
  },
);

test("Task cancelled by a timer in a long sleep: who awaits it is told at that time", () => {
  program(function* (loop) {
    const sleeper = createTask(sleep(5000));
    loop.callLater(0.1, () => sleeper.cancel());
    expect(yield* errorOf(sleeper)).toBeInstanceOf(CancelledError);
    expect(loop.time()).toBe(0.1);
  });
});

test("Task.cancel() cancels the future it waits for; afterwards it waits for none [S99 S79]", () => {
  program(function* (loop) {
    const future = loop.createFuture<void>();
    const task = createTask(
      (function* () {
        yield* future;
      })(),
    );
    yield;
    expect(task._waiter).toBe(future);
    task.cancel();
    expect(future.cancelled()).toBe(true);
    expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
    expect(task._waiter).toBe(null);
  });
});

test("Task.cancel() reaches the future it waits for now, not the one before; catching it denies it [S99 S103]", () => {
  program(function* (loop) {
    const [first, second] = [loop.createFuture<string>(), loop.createFuture<string>()];
    const task = createTask(
      (function* () {
        yield* first;
        expect(yield* errorOf(second)).toBeInstanceOf(CancelledError);
        return 42;
      })(),
    );
    yield;
    expect(task._waiter).toBe(first);
    first.setResult("passed");
    yield;
    expect(task._waiter).toBe(second);
    task.cancel();
    expect([first.result(), second.cancelled()]).toEqual(["passed", true]);
    expect(yield* task).toBe(42);
    expect(task.cancelled()).toBe(false);
  });
});

test("Task that ignores its cancellation waits for the next future as if nothing had been [S103 S108]", () => {
  program(function* (loop) {
    const [first, second] = [loop.createFuture<void>(), loop.createFuture<number>()];
    const task = createTask(
      (function* () {
        yield* errorOf(first);
        return yield* second;
      })(),
    );
    yield;
    task.cancel();
    expect(first.cancelled()).toBe(true);
    yield;
    expect(task._waiter).toBe(second);
    second.setResult(42);
    expect(yield* task).toBe(42);
    expect([second.cancelled(), task.cancelled()]).toEqual([false, false]);
  });
});

test("Task and the future it waits for, both cancelled: both end so", () => {
  program(function* (loop) {
    const future = loop.createFuture<void>();
    const task = createTask(
      (function* () {
        yield* future;
      })(),
    );
    yield;
    expect([future.cancel(), task.cancel()]).toEqual([true, true]);
    expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
    expect([future.cancelled(), task.cancelled()]).toEqual([true, true]);
  });
});

test("Task that cancelled itself cancels the task it goes on to await, and what that one waits for [S88]", () => {
  program(function* (loop) {
    const future = loop.createFuture<void>();
    const inner = createTask(
      (function* () {
        yield* future;
      })(),
    );
    const outer = createTask(
      (function* () {
        yield* sleep(0); // the inner one is waiting when it is awaited
        self().cancel();
        yield* inner;
      })(),
    );
    expect(yield* errorOf(outer)).toBeInstanceOf(CancelledError);
    expect([outer, inner, future].map((one) => one.cancelled())).toEqual([true, true, true]);
  });
});

test("Task.cancel() is thrown in the innermost coroutine first; one further out may end it", () => {
  program(function* (loop) {
    const future = loop.createFuture<void>();
    const seen: string[] = [];
    function* inner(): Coroutine<void> {
      try {
        yield* future;
        seen.push("inner went on");
      } catch (error) {
        seen.push("inner");
        throw error;
      }
    }
    const task = createTask(
      (function* () {
        try {
          yield* inner();
          seen.push("outer went on");
        } catch (error) {
          if (!isCancelled(error)) throw error;
          seen.push("outer");
        }
      })(),
    );
    yield;
    task.cancel();
    yield* task;
    expect(seen).toEqual(["inner", "outer"]);
    expect([future.cancelled(), task.cancelled()]).toEqual([true, false]);
  });
});

test("Task that answers its cancellation with SystemExit: it leaves the loop, and is the task's exception [S82 S103]", () => {
  const loop = new VirtualEventLoop();
  const exit = new SystemExit();
  const task = loop.createTask(
    (function* () {
      yield* errorOf(sleep(10));
      throw exit;
    })(),
  );
  turn(loop);
  task.cancel();
  expect(task.done()).toBe(false);
  expect(thrownBy(() => turn(loop))).toBe(exit);
  expect([task.done(), task.cancelled()]).toEqual([true, false]);
  expect(task.exception()).toBe(exit);
  loop.close();
});
