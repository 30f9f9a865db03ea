import type { Coroutine } from "@aioloop/loop";
import { CancelledError, DeadlockError } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import { cancelAndWait, createTask, eagerTaskFactory, gather, shield, sleep, waitFor } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { endOf, errorOf, program, self, textOf, thrownBy } from "./helpers.ts";

/** Sleeps, and when it is cancelled takes as long as that to clean up. */
function* tidying(seconds: number, log: string[] = []): Coroutine<string> {
  try {
    return yield* sleep(100, "never");
  } catch (error) {
    log.push(textOf(error));
    yield* sleep(seconds);
    throw error;
  }
}

describe("cancelAndWait(): how the task ends", () => {
  test("cancelAndWait() cancels a task, waits until it has ended, and is true", () => {
    program(function* (loop) {
      const log: string[] = [];
      const task = createTask(tidying(5, log));
      yield* sleep(1);
      expect(yield* cancelAndWait(task)).toBe(true);
      expect([endOf(task), loop.time(), log]).toEqual(["cancelled", 6, ["CancelledError: "]]);
      expect([task.cancelling(), self().cancelling()]).toEqual([1, 0]);
    });
  });

  test("cancelAndWait(task, msg) gives the task the message", () => {
    program(function* () {
      const log: string[] = [];
      const [task, plain] = [createTask(tidying(1, log)), createTask(sleep(10))];
      yield* sleep(1);
      expect(yield* cancelAndWait(task, "enough")).toBe(true);
      expect(log).toEqual(["CancelledError: enough"]);
      expect(yield* cancelAndWait(plain, "enough, too")).toBe(true);
      expect(textOf(yield* errorOf(plain))).toBe("CancelledError: enough, too");
    });
  });

  test("cancelAndWait() without a message: the task's CancelledError has none", () => {
    program(function* () {
      const messages: unknown[] = [];
      const task = createTask(
        (function* () {
          const error = (yield* errorOf(sleep(10))) as CancelledError;
          messages.push(error.msg);
          throw error;
        })(),
      );
      yield;
      yield* cancelAndWait(task);
      expect(messages).toEqual([null]);
    });
  });

  test("cancelAndWait() of a task that has not begun: it never runs a line", () => {
    program(function* (loop) {
      const log: string[] = [];
      const task = createTask(
        (function* () {
          log.push("ran");
        })(),
      );
      expect(yield* cancelAndWait(task)).toBe(true);
      expect([endOf(task), log, loop.time()]).toEqual(["cancelled", [], 0]);
    });
  });

  test("cancelAndWait() of a task that refuses waits until it ends by itself, and is false", () => {
    program(function* (loop) {
      const task = createTask(
        (function* () {
          yield* errorOf(sleep(100));
          yield* sleep(5);
          return "in spite of it";
        })(),
      );
      yield* sleep(1);
      expect(yield* cancelAndWait(task)).toBe(false);
      expect([endOf(task), loop.time()]).toEqual(["result in spite of it", 6]);
    });
  });

  test("cancelAndWait() of a task that fails throws nothing, and is false: exception() gives its error", () => {
    program(function* () {
      const error = new Error("while it cleaned up");
      const task = createTask(
        (function* () {
          yield* errorOf(sleep(100));
          throw error;
        })(),
      );
      yield* sleep(1);
      expect(yield* cancelAndWait(task)).toBe(false);
      expect(task.exception()).toBe(error);
    });
  });

  test("cancelAndWait(): a failure that nobody asks for is reported as usual", () => {
    const reports: { message: string; exception?: unknown }[] = [];
    program(
      function* () {
        const task = createTask(
          (function* () {
            yield* errorOf(sleep(100));
            throw new Error("while it cleaned up");
          })(),
        );
        yield* sleep(1);
        yield* cancelAndWait(task);
      },
      { reports: reports as never },
    );
    expect(reports.map(({ message, exception }) => [message, textOf(exception)])).toEqual([
      ["Task exception was never retrieved", "Error: while it cleaned up"],
    ]);
  });

  test.each(["result", "failure", "cancellation"])(
    "cancelAndWait() of a task that is done, with a %s, does not wait",
    (end) => {
      program(function* (loop) {
        const task = createTask(
          (function* () {
            if (end === "failure") throw new Error("its own");
            if (end === "cancellation") throw new CancelledError();
            return "its own";
          })(),
        );
        yield* sleep(1);
        let turns = 0;
        loop.callSoon(() => (turns += 1));
        expect(yield* cancelAndWait(task)).toBe(end === "cancellation");
        expect([turns, task.cancelling()]).toEqual([0, 0]);
        expect(endOf(task)).toMatch(
          { result: /^result/, failure: /^exception/, cancellation: /^cancelled/ }[end] as RegExp,
        );
      });
    },
  );

  test("cancelAndWait() of a task that is done and failed leaves its error to be reported", () => {
    const messages: string[] = [];
    program(
      function* () {
        const task = createTask(
          (function* () {
            throw new Error("its own");
          })(),
        );
        yield;
        yield;
        expect(yield* cancelAndWait(task)).toBe(false);
      },
      { reports: { push: ({ message }: { message: string }) => messages.push(message) } as never },
    );
    expect(messages).toEqual(["Task exception was never retrieved"]);
  });

  test("cancelAndWait() of a task whose result comes in the same turn: the task is cancelled [S110]", () => {
    program(function* (loop) {
      const future = loop.createFuture<string>();
      const task = createTask(
        (function* () {
          return yield* future;
        })(),
      );
      yield;
      future.setResult("too late");
      expect(yield* cancelAndWait(task)).toBe(true);
      expect(endOf(task)).toBe("cancelled");
    });
  });

  test("cancelAndWait() of a plain future is over in the next turn", () => {
    program(function* (loop) {
      const future = loop.createFuture<void>();
      expect(yield* cancelAndWait(future, "enough")).toBe(true);
      expect(textOf(yield* errorOf(future))).toBe("CancelledError: enough");
      expect(loop.time()).toBe(0);
      const done = loop.createFuture<string>();
      done.setResult("its own");
      expect(yield* cancelAndWait(done)).toBe(false);
    });
  });

  test("cancelAndWait() of a gather() cancels its children and waits for them", () => {
    program(function* (loop) {
      const log: string[] = [];
      const children = [tidying(3, log), tidying(5, log)].map((coro) => createTask(coro));
      const whole = gather(children, { returnExceptions: true });
      yield* sleep(1);
      expect(yield* cancelAndWait(whole, "enough")).toBe(false); // its end is a CancelledError, it was not cancelled itself
      expect([children.map(endOf), log, loop.time()]).toEqual([
        ["cancelled", "cancelled"],
        ["CancelledError: enough", "CancelledError: enough"],
        6,
      ]);
      expect(whole.exception()).toBeInstanceOf(CancelledError);
    });
  });

  test("cancelAndWait() of a shield() leaves what is shielded", () => {
    program(function* () {
      const inner = createTask(sleep(5, "ran on"));
      expect(yield* cancelAndWait(shield(inner))).toBe(true);
      expect(yield* inner).toBe("ran on");
    });
  });

  test("cancelAndWait() with an eager task factory", () => {
    program(function* (loop) {
      loop.setTaskFactory(eagerTaskFactory);
      const log: string[] = [];
      const task = createTask(tidying(2, log));
      expect(yield* cancelAndWait(task)).toBe(true);
      expect([log, loop.time()]).toEqual([["CancelledError: "], 2]);
      expect(yield* createTask(cancelAndWait(createTask(tidying(2))))).toBe(true);
    });
  });

  test("cancelAndWait() by several: each asks once more, and all wait for the end", () => {
    program(function* (loop) {
      const log: string[] = [];
      const task = createTask(
        (function* () {
          for (let times = 0; times < 2; times++) log.push(textOf(yield* errorOf(sleep(100))));
          yield* sleep(5);
          return "in spite of all";
        })(),
      );
      yield* sleep(1);
      const waiting = [createTask(cancelAndWait(task, "one")), createTask(cancelAndWait(task, "two"))];
      yield* sleep(1);
      // Two in one turn are one cancellation, and two requests.
      expect([log, task.cancelling()]).toEqual([["CancelledError: one"], 2]);
      expect(waiting.map(endOf)).toEqual(["pending", "pending"]);
      expect(yield* gather([...waiting, cancelAndWait(task, "three")])).toEqual([false, false, false]);
      expect([log, task.cancelling(), loop.time()]).toEqual([
        ["CancelledError: one", "CancelledError: three"],
        3,
        7,
      ]);
    });
  });
});

describe("cancelAndWait() that is cancelled itself", () => {
  test("cancelAndWait(): one's own cancellation comes out, and the task ends by itself", () => {
    program(function* (loop) {
      const log: string[] = [];
      const task = createTask(tidying(5, log));
      const waiting = createTask(cancelAndWait(task, "for the task"));
      yield* sleep(1);
      waiting.cancel("for who waits");
      expect(textOf(yield* errorOf(waiting))).toBe("CancelledError: for who waits");
      expect([endOf(waiting), endOf(task), loop.time()]).toEqual(["cancelled", "pending", 1]);
      yield* sleep(10);
      expect([endOf(task), log, task.cancelling()]).toEqual([
        "cancelled",
        ["CancelledError: for the task"],
        1,
      ]);
    });
  });

  test("cancelAndWait(): the task's cancellation is no error, one's own in the same turn is", () => {
    program(function* () {
      const task = createTask(sleep(100));
      const log: string[] = [];
      const waiting = createTask(
        (function* () {
          try {
            log.push(`${yield* cancelAndWait(task)}`);
          } catch (error) {
            log.push(textOf(error));
            throw error;
          }
        })(),
      );
      yield;
      yield; // the task has ended now, and who waits has been woken
      expect(endOf(task)).toBe("cancelled");
      waiting.cancel("own");
      yield* errorOf(waiting);
      expect([log, endOf(waiting)]).toEqual([["CancelledError: own"], "cancelled"]);
    });
  });

  test("cancelAndWait() with a time limit: the task goes on cleaning up", () => {
    program(function* (loop) {
      const task = createTask(tidying(50));
      yield* sleep(1);
      expect(textOf(yield* errorOf(waitFor(cancelAndWait(task), 5)))).toBe("TimeoutError: ");
      expect([endOf(task), loop.time()]).toEqual(["pending", 6]);
      expect(yield* cancelAndWait(task)).toBe(true); // cancelled once more, in its clean-up
      expect(loop.time()).toBe(6);
    });
  });

  test("cancelAndWait() that is cancelled before it begins cancels nothing", () => {
    program(function* () {
      const task = createTask(sleep(5, "ran on"));
      const waiting = createTask(cancelAndWait(task));
      waiting.cancel();
      expect(yield* errorOf(waiting)).toBeInstanceOf(CancelledError);
      expect([yield* task, task.cancelling()]).toEqual(["ran on", 0]);
    });
  });

  test("cancelAndWait() leaves no callback behind on the task", () => {
    program(function* () {
      const task = createTask(tidying(5), { name: "task" });
      const waiting = createTask(cancelAndWait(task));
      yield* sleep(1);
      expect(String(task)).toMatch(/ cb=\[/);
      waiting.cancel();
      yield* errorOf(waiting);
      expect(String(task)).not.toMatch(/ cb=\[/);
      yield* errorOf(task);
    });
  });

  test("cancelAndWait() of the task that waits for the caller: the caller is cancelled with it", () => {
    program(function* () {
      const log: string[] = [];
      const tasks: Task<unknown>[] = [];
      function* inner(): Coroutine<void> {
        log.push(textOf(yield* errorOf(cancelAndWait(tasks[0] as Task<unknown>, "both"))));
        throw new CancelledError("both");
      }
      function* outer(): Coroutine<void> {
        const task = createTask(inner());
        tasks.push(task);
        yield* task;
      }
      tasks.push(createTask(outer()));
      yield* sleep(1);
      expect(log).toEqual(["CancelledError: both"]);
      expect(tasks.map(endOf)).toEqual(["cancelled", "cancelled"]);
    });
  });

  test("waitFor(task, 0) of a task that fails while it is cancelled so throws its error [S135]", () => {
    program(function* () {
      const error = new Error("while it cleaned up");
      const task = createTask(
        (function* () {
          yield* errorOf(sleep(100));
          throw error;
        })(),
      );
      yield;
      expect(yield* errorOf(waitFor(task, 0))).toBe(error);
    });
  });
});

describe("cancelAndWait() of what cannot be", () => {
  test("cancelAndWait() of the task that calls is a RuntimeError, and cancels nothing", () => {
    program(function* () {
      const task = createTask(
        (function* () {
          const error = yield* errorOf(cancelAndWait(self()));
          yield* sleep(1);
          return textOf(error);
        })(),
        { name: "own" },
      );
      expect(yield* task).toMatch(
        /^RuntimeError: cancelAndWait\(<Task pending name='own' .*>\): a task cannot wait for its own end\. cancel\(\) it$/,
      );
      expect(task.cancelling()).toBe(0);
    });
  });

  test.each([
    ["a coroutine", () => sleep(1), "<coroutine sleep(1)>"],
    ["a promise", () => Promise.resolve(), "<Promise>"],
    ["nothing", () => undefined, "undefined"],
    ["null", () => null, "null"],
    ["a number", () => 5, "5"],
  ])("cancelAndWait() of %s is a TypeError at the call", (_what, make, shown) => {
    program(function* () {
      expect(textOf(thrownBy(() => cancelAndWait(make() as never)))).toBe(
        `TypeError: cancelAndWait(task): a task or future, got ${shown}`,
      );
    });
  });

  test("cancelAndWait() does nothing before `yield*`", () => {
    program(function* () {
      const task = createTask(sleep(5, "ran on"));
      const waiting = cancelAndWait(task);
      expect(String(waiting)).toBe("<coroutine cancelAndWait>");
      expect(yield* task).toBe("ran on");
      expect(yield* waiting).toBe(false);
    });
  });

  test("cancelAndWait(): a DeadlockError names the task whose end is waited for", () => {
    const error = thrownBy(() =>
      program(function* (loop) {
        const refusing = createTask(
          (function* () {
            yield* errorOf(sleep(100));
            yield* loop.createFuture("the answer");
          })(),
          { name: "refusing" },
        );
        yield;
        yield* cancelAndWait(refusing);
      }),
    );
    expect(error).toBeInstanceOf(DeadlockError);
    expect(textOf(error)).toMatch(/\n {2}Task-\d+ waits for the end of <Task \w+ name='refusing'/);
    expect(textOf(error)).toContain("(in cancelAndWait)");
    expect(textOf(error)).toContain("\n  refusing waits for the answer");
  });
});
