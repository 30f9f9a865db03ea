import type { Coroutine } from "@aioloop/loop";
import { CancelledError, isCancelled } from "@aioloop/loop";
import {
  asyncWith,
  coroutine,
  createTask,
  gather,
  shield,
  sleep,
  Task,
  timeout,
  VirtualEventLoop,
  wait,
} from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { endOf, errorOf, program, self, thrownBy, turn } from "./helpers.ts";

/** The message a cancellation arrives with. */
function* messageOf(awaitable: Coroutine<unknown> | Task<unknown>): Coroutine<string | null> {
  const error = yield* errorOf(awaitable);
  expect(error).toBeInstanceOf(CancelledError);
  return (error as CancelledError).msg;
}

describe("Task.cancel()", () => {
  test("Task.cancel() of a task that is done: false, and its exception counts as seen [S98]", () => {
    const loop = new VirtualEventLoop();
    const reports: string[] = [];
    loop.setExceptionHandler((_loop, { message }) => void reports.push(message));
    const task = new Task(
      (function* () {
        throw new Error("seen by cancel()");
      })(),
      { loop },
    );
    turn(loop);
    expect(task.cancel()).toBe(false);
    expect(task.cancelling()).toBe(0);
    loop.close();
    expect(reports).toEqual([]);
  });

  test("Task.cancel() goes to what the task waits for, down a chain of tasks [S99]", () => {
    program(function* (loop) {
      const future = loop.createFuture<void>();
      const innermost = createTask(errorOf(future));
      const middle = createTask(
        (function* () {
          return yield* innermost;
        })(),
      );
      const outer = createTask(
        (function* () {
          return yield* middle;
        })(),
      );
      yield* sleep(1);
      expect(outer.cancel()).toBe(true);
      expect(future.cancelled()).toBe(true);
      // The innermost swallowed it, so nobody is cancelled.
      expect(yield* outer).toBeInstanceOf(CancelledError);
      expect([innermost, middle, outer].map((task) => task.cancelled())).toEqual([false, false, false]);
      expect([innermost, middle, outer].map((task) => task.cancelling())).toEqual([1, 1, 1]);
    });
  });

  test("Task.cancel() a second time reaches the inner task that swallowed the first [S99]", () => {
    program(function* () {
      const caught: unknown[] = [];
      const inner = createTask(
        (function* () {
          caught.push(yield* errorOf(sleep(10)));
          caught.push(yield* errorOf(sleep(10)));
          return "survived";
        })(),
      );
      const outer = createTask(
        (function* () {
          return yield* inner;
        })(),
      );
      yield* sleep(1);
      outer.cancel("one");
      yield* sleep(1);
      outer.cancel("two");
      expect(yield* outer).toBe("survived");
      expect(caught.map((error) => (error as CancelledError).msg)).toEqual(["one", "two"]);
    });
  });

  test("Task.cancel() through gather and shield: the children are cancelled, the shielded one is not [S99]", () => {
    program(function* () {
      const free = createTask(sleep(5));
      const sheltered = createTask(sleep(5));
      const task = createTask(
        (function* () {
          yield* gather([free, shield(sheltered)]);
        })(),
      );
      yield* sleep(1);
      task.cancel();
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
      expect(free.cancelled()).toBe(true);
      yield* sheltered;
    });
  });

  test("Task.cancel() wins over a result that is there but has not been picked up [S100 S110 S78]", () => {
    program(function* (loop) {
      const future = loop.createFuture<string>();
      const task = createTask(
        (function* () {
          return yield* future;
        })(),
      );
      yield* sleep(1);
      future.setResult("lost to the task");
      expect(task.cancel()).toBe(true);
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
      expect(task.cancelled()).toBe(true);
      expect(future.result()).toBe("lost to the task");
    });
  });

  test("Task.cancel() wins over an exception that is there but has not been picked up [S78]", () => {
    program(function* (loop) {
      const future = loop.createFuture<void>();
      const task = createTask(
        (function* () {
          yield* future;
        })(),
      );
      yield* sleep(1);
      future.setException(new Error("not picked up"));
      task.cancel("first");
      expect(yield* messageOf(task)).toBe("first");
      expect(task.cancelled()).toBe(true);
    });
  });

  test("Task.cancel() before the first step: the body never runs [S101 J1]", () => {
    program(function* () {
      const ran: string[] = [];
      const plain = createTask(
        (function* () {
          try {
            ran.push("plain");
          } finally {
            ran.push("finally");
          }
        })(),
      );
      const framed = createTask(
        coroutine(function* () {
          ran.push("framed");
        })(),
      );
      for (const task of [plain, framed]) task.cancel();
      for (const task of [plain, framed]) {
        expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
        expect(task.cancelled()).toBe(true);
      }
      expect(ran).toEqual([]);
    });
  });

  test("Task.cancel(msg) while it waits: the first message arrives [S102]", () => {
    program(function* () {
      const task = createTask(sleep(10));
      yield* sleep(1);
      task.cancel("first");
      task.cancel("second");
      expect(yield* messageOf(task)).toBe("first");
    });
  });

  test("Task.cancel(msg) before the first step: the last message arrives [S102]", () => {
    program(function* () {
      const task = createTask(sleep(10));
      task.cancel("first");
      task.cancel("second");
      expect(yield* messageOf(task)).toBe("second");
    });
  });

  test("Task.cancel(msg) when what it waits for is done already: the last message arrives [S102 S100]", () => {
    program(function* (loop) {
      const future = loop.createFuture<void>();
      const task = createTask(errorOf(future));
      yield* sleep(1);
      future.setResult();
      task.cancel("first");
      task.cancel("second");
      expect((yield* task) as CancelledError).toHaveProperty("msg", "second");
    });
  });

  test("Task.cancel() without a message: the error has none", () => {
    program(function* () {
      const task = createTask(errorOf(sleep(10)));
      yield* sleep(1);
      task.cancel();
      const error = (yield* task) as CancelledError;
      expect(error.msg).toBe(null);
      expect(error.message).toBe("");
    });
  });

  test("Task.cancel() is a request: done() and cancelled() are false until the coroutine has ended [S103]", () => {
    program(function* () {
      const task = createTask(
        (function* () {
          try {
            yield* sleep(10);
          } finally {
            yield* sleep(1);
          }
        })(),
      );
      yield* sleep(1);
      task.cancel();
      yield* sleep(0.5);
      expect([task.done(), task.cancelled(), task.cancelling()]).toEqual([false, false, 1]);
      yield* errorOf(task);
      expect([task.done(), task.cancelled()]).toEqual([true, true]);
    });
  });

  test("Task.cancel() is denied by returning a value [S103]", () => {
    program(function* () {
      const task = createTask(
        (function* () {
          yield* errorOf(sleep(10));
          return 42;
        })(),
      );
      yield* sleep(1);
      task.cancel();
      expect(yield* task).toBe(42);
      expect(task.cancelled()).toBe(false);
    });
  });

  test("Task.cancel() is denied by throwing something else [S103]", () => {
    program(function* () {
      const task = createTask(
        (function* () {
          yield* errorOf(sleep(10));
          throw new Error("instead");
        })(),
      );
      yield* sleep(1);
      task.cancel();
      expect(yield* errorOf(task)).toEqual(new Error("instead"));
      expect(task.cancelled()).toBe(false);
    });
  });

  test("Task.cancel() is denied by `return` in a finally block [J2 S103]", () => {
    program(function* () {
      const task = createTask(
        (function* () {
          try {
            yield* sleep(10);
          } finally {
            // biome-ignore lint/correctness/noUnsafeFinally: what is tested
            return "swallowed";
          }
        })(),
      );
      yield* sleep(1);
      task.cancel();
      expect(yield* task).toBe("swallowed");
    });
  });

  test("Task.cancel() of itself waits for its next suspension [S104]", () => {
    program(function* () {
      const order: string[] = [];
      const task = createTask(
        (function* () {
          self().cancel();
          order.push("still running");
          yield* sleep(1);
          order.push("never here");
        })(),
      );
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
      expect(order).toEqual(["still running"]);
    });
  });

  test("Task.cancel() of itself, then return: cancelled nevertheless, with the message; the value is dropped [S80 S104]", () => {
    program(function* () {
      const task = createTask(
        (function* () {
          self().cancel("at the end");
          return "dropped";
        })(),
      );
      expect(yield* messageOf(task)).toBe("at the end");
      expect(task.cancelled()).toBe(true);
    });
  });

  test("Task.cancel() of itself, then an error: the error is its exception", () => {
    program(function* () {
      const task = createTask(
        (function* () {
          self().cancel();
          throw new Error("stronger");
        })(),
      );
      yield;
      yield;
      expect(endOf(task)).toBe("exception Error: stronger");
    });
  });

  test("Task.cancel() after a bare `yield` is thrown there", () => {
    program(function* () {
      const task = createTask(
        (function* () {
          for (;;) yield; // the virtual clock stands still meanwhile
        })(),
      );
      yield;
      yield;
      task.cancel("enough");
      expect(yield* messageOf(task)).toBe("enough");
    });
  });

  test("Task.cancel() is delivered once: clean-up may wait as usual [S108]", () => {
    program(function* (loop) {
      const task = createTask(
        (function* () {
          try {
            yield* sleep(10);
          } finally {
            yield* sleep(1);
            yield;
            yield* sleep(1);
          }
        })(),
      );
      yield* sleep(1);
      task.cancel();
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
      expect(loop.time()).toBe(3);
    });
  });

  test("Task.cancel() of one waiter cancels the future for all of them; shield() does not [S109]", () => {
    program(function* (loop) {
      const shared = loop.createFuture<void>();
      const first = createTask(errorOf(shared));
      const second = createTask(errorOf(shared));
      const other = loop.createFuture<string>();
      const third = createTask(errorOf(shield(other)));
      yield* sleep(1);
      first.cancel();
      third.cancel();
      expect(yield* second).toBeInstanceOf(CancelledError);
      expect(yield* third).toBeInstanceOf(CancelledError);
      expect(other.done()).toBe(false);
    });
  });

  test("Task.cancel() of a task and of the future it waits for is one cancellation", () => {
    program(function* (loop) {
      const future = loop.createFuture<void>();
      const caught: unknown[] = [];
      const task = createTask(
        (function* () {
          caught.push(yield* errorOf(future));
          yield* sleep(1);
        })(),
      );
      yield* sleep(1);
      future.cancel();
      expect(task.cancelling()).toBe(0);
      task.cancel();
      yield* task;
      expect(caught).toHaveLength(1);
    });
  });

  test("Task whose awaited future is cancelled is cancelled too, if it lets the error pass [S81]", () => {
    program(function* (loop) {
      const future = loop.createFuture<void>();
      const task = createTask(
        (function* () {
          yield* future;
        })(),
      );
      yield* sleep(1);
      future.cancel("from below");
      expect(yield* messageOf(task)).toBe("from below");
      expect(task.cancelled()).toBe(true);
      expect(task.cancelling()).toBe(0);
    });
  });

  test("Task that throws a CancelledError of its own is cancelled; that very error is handed out once [S81]", () => {
    program(function* () {
      const error = new CancelledError("mine");
      const task = createTask(
        (function* () {
          throw error;
        })(),
      );
      yield* wait([task]);
      expect(task.cancelled()).toBe(true);
      expect(thrownBy(() => task.result())).toBe(error);
      expect(thrownBy(() => task.result())).not.toBe(error);
      expect(thrownBy(() => task.exception())).toBeInstanceOf(CancelledError);
    });
  });

  test("Task.cancel() while it waits in wait(): what it waits for runs on", () => {
    program(function* () {
      const inner = createTask(sleep(2, "done"));
      const outer = createTask(
        (function* () {
          yield* wait([inner]);
        })(),
      );
      yield* sleep(1);
      outer.cancel();
      expect(yield* errorOf(outer)).toBeInstanceOf(CancelledError);
      expect(yield* inner).toBe("done");
    });
  });

  test("Task.cancel() finds a task that is waited for through coroutine frames [J11]", () => {
    program(function* () {
      const trail: string[] = [];
      const level = coroutine(function* (depth: number): Coroutine<void> {
        try {
          if (depth === 0) yield* sleep(10);
          else yield* level(depth - 1);
        } finally {
          trail.push(`left ${depth}`);
        }
      });
      const task = createTask(level(3));
      yield* sleep(1);
      task.cancel("down there");
      expect(yield* messageOf(task)).toBe("down there");
      expect(trail).toEqual(["left 0", "left 1", "left 2", "left 3"]);
    });
  });
});

describe("Task.cancel() of tasks that wait for each other in a circle", () => {
  test("Task.cancel() of two that await each other ends both", () => {
    program(function* () {
      const tasks: Task<void>[] = [];
      function* waitingFor(index: number): Coroutine<void> {
        yield* tasks[index] as Task<void>;
      }
      tasks.push(createTask(waitingFor(1)), createTask(waitingFor(0)));
      const outside = createTask(waitingFor(0));
      yield* sleep(1);
      expect(outside.cancel("apart")).toBe(true);
      expect(yield* errorOf(outside)).toBeInstanceOf(CancelledError);
      yield* wait(tasks);
      for (const task of [...tasks, outside])
        expect([task.cancelled(), task.cancelling()]).toEqual([true, 1]);
    });
  });

  test("Task.cancel() of two that await each other through gather ends both, and reports nothing", () => {
    program(function* () {
      const tasks: Task<void>[] = [];
      function* waitingFor(index: number): Coroutine<void> {
        yield* gather([tasks[index] as Task<void>, sleep(5)]);
      }
      tasks.push(createTask(waitingFor(1)), createTask(waitingFor(0)));
      yield* sleep(1);
      tasks[0]?.cancel();
      yield* sleep(1);
      expect(tasks.map((task) => task.cancelled())).toEqual([true, true]);
    });
  });

  test("Task.cancel() within a circle may be swallowed: the one who does goes on", () => {
    program(function* () {
      const tasks: Task<unknown>[] = [];
      tasks.push(
        createTask(
          (function* (): Coroutine<unknown> {
            yield* errorOf(tasks[1] as Task<unknown>);
            yield* sleep(1);
            return "went on";
          })(),
        ),
        createTask(
          (function* (): Coroutine<unknown> {
            return yield* tasks[0] as Task<unknown>;
          })(),
        ),
      );
      yield* sleep(1);
      tasks[0]?.cancel();
      expect(yield* gather(tasks)).toEqual(["went on", "went on"]);
    });
  });

  test("Task.cancel() goes down a chain of 1,000 tasks", () => {
    program(function* () {
      const first = createTask(sleep(10));
      let last: Task<void> = first;
      for (let length = 1; length < 1000; length++) {
        const before = last;
        last = createTask(
          (function* () {
            yield* before;
          })(),
        );
      }
      yield* sleep(1);
      last.cancel();
      expect(first.cancelling()).toBe(1);
      expect(yield* errorOf(last)).toBeInstanceOf(CancelledError);
    });
  });
});

describe("Task.cancelling() and uncancel()", () => {
  test("Task.cancelling() counts requests, not deliveries [S105]", () => {
    program(function* () {
      let delivered = 0;
      const task = createTask(
        (function* () {
          yield* errorOf(sleep(10));
          delivered += 1;
          yield* sleep(1);
        })(),
      );
      yield* sleep(1);
      task.cancel();
      task.cancel();
      expect(task.cancelling()).toBe(2);
      yield* task;
      expect([delivered, task.cancelling()]).toEqual([1, 2]);
    });
  });

  test("Task.uncancel() takes one back, never below 0, and says how many are left [S106]", () => {
    program(function* () {
      const task = createTask(errorOf(sleep(1)));
      yield;
      expect(task.uncancel()).toBe(0);
      task.cancel();
      task.cancel();
      expect([task.uncancel(), task.uncancel(), task.uncancel()]).toEqual([1, 0, 0]);
      yield* task;
    });
  });

  test("Task.uncancel() at 0 takes back what has not been delivered [S106]", () => {
    program(function* () {
      const task = createTask(
        (function* () {
          self().cancel();
          self().uncancel();
          yield* sleep(1);
          return "not cancelled";
        })(),
      );
      expect(yield* task).toBe("not cancelled");
    });
  });

  test("Task.uncancel() above 0 takes nothing back [S106]", () => {
    program(function* () {
      const task = createTask(
        (function* () {
          self().cancel();
          self().cancel();
          self().uncancel();
          yield* sleep(1);
        })(),
      );
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
    });
  });

  test("Task.uncancel() does not call back what has reached the future it waits for", () => {
    program(function* () {
      const task = createTask(sleep(10));
      yield* sleep(1);
      task.cancel();
      task.uncancel();
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
    });
  });

  test("Task that swallowed a cancellation keeps the count; a timeout() after it works all the same [S107]", () => {
    program(function* () {
      const task = createTask(
        (function* () {
          yield* errorOf(sleep(10));
          return yield* errorOf(
            asyncWith(timeout(1), function* () {
              yield* sleep(10);
            }),
          );
        })(),
      );
      yield* sleep(1);
      task.cancel();
      expect(yield* task).toHaveProperty("name", "TimeoutError");
      expect(task.cancelling()).toBe(1);
    });
  });
});

test("isCancelled() tells a cancellation from every other thrown value [J8]", () => {
  expect(isCancelled(new CancelledError())).toBe(true);
  for (const value of [new Error(), undefined, null, "CancelledError", { name: "CancelledError" }]) {
    expect(isCancelled(value)).toBe(false);
  }
});

test("isCancelled() in a `catch` that is meant for errors lets the cancellation pass [J8]", () => {
  program(function* () {
    const task = createTask(
      (function* () {
        for (;;) {
          try {
            yield* sleep(1);
            throw new Error("try again");
          } catch (error) {
            if (isCancelled(error)) throw error;
          }
        }
      })(),
    );
    yield* sleep(3.5);
    task.cancel();
    expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
  });
});
