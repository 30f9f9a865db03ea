import type { Coroutine } from "@aioloop/loop";
import { CancelledError, TimeoutError } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import { allTasks, createTask, gather, shield, sleep, waitFor } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { endOf, errorOf, program, self, textOf } from "./helpers.ts";

describe("waitFor() with time left", () => {
  test.each([null, 5, Number.POSITIVE_INFINITY])("waitFor(…, %o) gives the result", (timeout) => {
    program(function* (loop) {
      expect(yield* waitFor(sleep(1, "result"), timeout)).toBe("result");
      expect(loop.time()).toBe(1);
    });
  });

  test("waitFor() runs the coroutine in the caller's own task [S134]", () => {
    program(function* () {
      const tasks = yield* waitFor(
        (function* () {
          yield* sleep(1);
          return [self(), allTasks().size] as const;
        })(),
        5,
      );
      expect(tasks[0]).toBe(self());
      expect(tasks[1]).toBe(1);
    });
  });

  test("waitFor() passes on what the coroutine throws", () => {
    program(function* () {
      const error = new Error("its own");
      const failing = (function* () {
        yield* sleep(1);
        throw error;
      })();
      expect(yield* errorOf(waitFor(failing, 5))).toBe(error);
    });
  });

  test("waitFor() takes futures, tasks and coroutines; a timeout that is not needed leaves no timer", () => {
    program(function* (loop) {
      const future = loop.createFuture<string>();
      loop.callLater(1, () => future.setResult("future"));
      expect(yield* waitFor(future, 50)).toBe("future");
      expect(yield* waitFor(createTask(sleep(1, "task")), 50)).toBe("task");
      yield* sleep(1);
      expect(loop.time()).toBe(3);
    });
  });
});

describe("waitFor() when the time is over", () => {
  test("waitFor() throws a TimeoutError, whose cause is the cancellation", () => {
    program(function* (loop) {
      const error = yield* errorOf(waitFor(sleep(10), 1));
      expect(error).toBeInstanceOf(TimeoutError);
      expect((error as TimeoutError).cause).toBeInstanceOf(CancelledError);
      expect(loop.time()).toBe(1);
      expect(self().cancelling()).toBe(0);
    });
  });

  test("waitFor() gives the value of one who swallows the cancellation and returns [S136]", () => {
    program(function* () {
      const stubborn = (function* () {
        yield* errorOf(sleep(10));
        return "instead";
      })();
      expect(yield* waitFor(stubborn, 1)).toBe("instead");
      expect(self().cancelling()).toBe(0);
    });
  });

  test("waitFor() throws the error of one who fails while it is cancelled", () => {
    program(function* () {
      const failing = (function* () {
        try {
          yield* sleep(10);
        } finally {
          yield* sleep(0);
          // biome-ignore lint/correctness/noUnsafeFinally: what is tested
          throw new Error("in clean-up");
        }
      })();
      expect(textOf(yield* errorOf(waitFor(failing, 1)))).toBe("Error: in clean-up");
    });
  });

  test("waitFor() waits for the clean-up, and so for longer than its time [S137]", () => {
    program(function* (loop) {
      const slow = (function* () {
        try {
          yield* sleep(10);
        } finally {
          yield* sleep(5);
        }
      })();
      expect(yield* errorOf(waitFor(slow, 1))).toBeInstanceOf(TimeoutError);
      expect(loop.time()).toBe(6);
    });
  });

  test("waitFor() cancels a future or a task that it was given; shield() keeps it [S139]", () => {
    program(function* (loop) {
      const future = loop.createFuture<void>();
      const task = createTask(sleep(10));
      const kept = createTask(sleep(10, "kept"));
      for (const awaitable of [future, task, shield(kept)]) {
        expect(yield* errorOf(waitFor<unknown>(awaitable, 1))).toBeInstanceOf(TimeoutError);
      }
      expect([future, task].map(endOf)).toEqual(["cancelled", "cancelled"]);
      expect(yield* kept).toBe("kept");
    });
  });

  test("waitFor() in waitFor(): the shorter time decides, and the outer one tells its own", () => {
    program(function* (loop) {
      expect(yield* errorOf(waitFor(waitFor(sleep(10), 5), 1))).toBeInstanceOf(TimeoutError);
      expect(loop.time()).toBe(1);
      expect(yield* errorOf(waitFor(waitFor(sleep(10), 1), 5))).toBeInstanceOf(TimeoutError);
      expect(loop.time()).toBe(2);
    });
  });

  test("waitFor(): result and deadline in one turn: the deadline wins, for it is a cancellation [S110]", () => {
    program(function* (loop) {
      const future = loop.createFuture<string>();
      loop.callLater(1, () => future.setResult("just in time"));
      expect(yield* errorOf(waitFor(future, 1))).toBeInstanceOf(TimeoutError);
      expect(future.result()).toBe("just in time");
    });
  });
});

describe("waitFor() with no time", () => {
  test.each([0, -1, Number.NEGATIVE_INFINITY])(
    "waitFor(…, %d) does not start a coroutine [S135]",
    (timeout) => {
      program(function* () {
        let hasStarted = false;
        const coro = (function* () {
          hasStarted = true;
          yield;
        })();
        expect(yield* errorOf(waitFor(coro, timeout))).toBeInstanceOf(TimeoutError);
        expect(hasStarted).toBe(false);
        expect(allTasks().size).toBe(1);
      });
    },
  );

  test("waitFor(…, 0) gives the result of what is done already [S135]", () => {
    program(function* (loop) {
      const done = loop.createFuture<string>();
      done.setResult("there");
      expect(yield* waitFor(done, 0)).toBe("there");
      const failed = loop.createFuture<string>();
      failed.setException(new Error("failed"));
      expect(textOf(yield* errorOf(waitFor(failed, 0)))).toBe("Error: failed");
    });
  });

  test("waitFor(…, 0) cancels a task, waits for its end, and gives what it ends with [S135]", () => {
    program(function* (loop) {
      function* ending(how: "cancelled" | "value" | "error"): Coroutine<string> {
        try {
          yield* sleep(10);
        } catch (error) {
          yield* sleep(2);
          if (how === "cancelled") throw error;
          if (how === "error") throw new Error("another");
        }
        return "a value";
      }
      const tasks = [
        createTask(ending("cancelled")),
        createTask(ending("value")),
        createTask(ending("error")),
      ];
      yield* sleep(1);
      expect(yield* errorOf(waitFor(tasks[0] as Task<string>, 0))).toBeInstanceOf(TimeoutError);
      expect(loop.time()).toBe(3);
      expect(yield* waitFor(tasks[1] as Task<string>, 0)).toBe("a value");
      expect(textOf(yield* errorOf(waitFor(tasks[2] as Task<string>, 0)))).toBe("Error: another");
    });
  });

  test("waitFor(…, 0) can be cancelled while it waits for that end [S140]", () => {
    program(function* (loop) {
      const stubborn = createTask(
        (function* () {
          yield* errorOf(sleep(10));
          yield* sleep(10);
        })(),
      );
      yield* sleep(1);
      const task = createTask(waitFor(stubborn, 0));
      yield* sleep(1);
      task.cancel();
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
      expect(loop.time()).toBe(2);
      expect(stubborn.done()).toBe(false);
    });
  });
});

describe("waitFor() cancelled from outside", () => {
  test("waitFor() passes the cancellation on and throws it, not a TimeoutError", () => {
    program(function* () {
      const inner = createTask(sleep(10));
      const task = createTask(waitFor(inner, 5));
      yield* sleep(1);
      task.cancel("outside");
      const error = yield* errorOf(task);
      expect(error).toBeInstanceOf(CancelledError);
      expect((error as CancelledError).msg).toBe("outside");
      expect(inner.cancelled()).toBe(true);
    });
  });

  test("waitFor(): the result came, then the cancellation, in one turn: cancelled [S138]", () => {
    program(function* (loop) {
      const future = loop.createFuture<string>();
      const task = createTask(waitFor(future, 5));
      yield* sleep(1);
      future.setResult("not seen");
      task.cancel();
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
      expect(task.cancelled()).toBe(true);
    });
  });

  test("waitFor(): deadline and cancellation in one turn: cancelled [S156]", () => {
    program(function* (loop) {
      const task = createTask(waitFor(sleep(10), 1));
      yield;
      loop.callLater(1, () => task.cancel());
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
    });
  });

  test("waitFor() swallowed by the inner one gives its value all the same", () => {
    program(function* () {
      const task = createTask(
        waitFor(
          (function* () {
            yield* errorOf(sleep(10));
            return "denied";
          })(),
          5,
        ),
      );
      yield* sleep(1);
      task.cancel();
      expect(yield* task).toBe("denied");
    });
  });
});

test("waitFor() refuses a timeout that is no number, and what cannot be awaited", () => {
  program(function* () {
    expect(textOf(yield* errorOf(waitFor(sleep(0), Number.NaN)))).toBe(
      "RangeError: waitFor(awaitable, timeout): timeout must be a number of seconds or null, got NaN",
    );
    expect(textOf(yield* errorOf(waitFor(sleep(0), undefined as never)))).toBe(
      "TypeError: waitFor(awaitable, timeout): timeout must be a number of seconds or null, got undefined",
    );
    expect(textOf(yield* errorOf(waitFor(5 as never, 1)))).toBe(
      "TypeError: 5 cannot be awaited: a future, a task, a coroutine or a promise can be awaited",
    );
  });
});

test("waitFor() many at a time, each with its own end", () => {
  program(function* () {
    const results = yield* gather(
      [1, 2, 3, 4].map((delay) => waitFor(sleep(delay, delay), 2.5)),
      { returnExceptions: true },
    );
    expect(results.map((result) => (typeof result === "number" ? result : result.name))).toEqual([
      1,
      2,
      "TimeoutError",
      "TimeoutError",
    ]);
  });
});
