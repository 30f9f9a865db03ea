// TaskGroup as long as nobody from outside cancels: what its block waits for, whom it takes, how it fails, what it says of itself.
// Cancellation stands in taskgroup-cancellation.test.ts, cancel() and start() in files of their own.
import type { Coroutine, ExceptionContext, Yieldable } from "@aioloop/loop";
import {
  CancelledError,
  ContextVar,
  copyContext,
  DeadlockError,
  ExceptionGroup,
  RuntimeError,
  SystemExit,
} from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import {
  asyncWith,
  coroutine,
  createTask,
  Event,
  run,
  sleep,
  TaskGroup,
  VirtualEventLoop,
} from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import type { ProgramOptions } from "./helpers.ts";
import { collectGarbage, endOf, errorOf, logOf, program, self, textOf, thrownBy } from "./helpers.ts";
import { crash, FACTORIES, told } from "./taskgroup-helpers.ts";

function* sleeping(): Coroutine<void> {
  yield* sleep(1);
}

/** Whether a coroutine has nothing to wait for any more. */
function isClosed(coro: Yieldable<unknown>): boolean {
  try {
    return (coro as Coroutine<unknown>).next().done === true;
  } catch {
    return true;
  }
}

/** Does nothing in no time. */
function* nothing(): Coroutine<void> {}

describe.each(FACTORIES)("TaskGroup, its tasks start %s:", (how, factory) => {
  const isEager = how === "eagerly";

  function grouping<T>(main: (loop: VirtualEventLoop) => Yieldable<T>, options?: ProgramOptions): T {
    return program(function* (loop) {
      loop.setTaskFactory(factory);
      return yield* main(loop);
    }, options);
  }

  test("TaskGroup ends with its last task, and each task has its result", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      function* work(name: string, seconds: number) {
        log.push(`${name} begins`);
        yield* sleep(seconds);
        log.push(`${name} ends`);
        return seconds;
      }
      const tasks: Task<number>[] = [];
      const value = yield* asyncWith(new TaskGroup(), function* (group) {
        tasks.push(group.createTask(work("a", 2)), group.createTask(work("b", 1)));
        log.push("the block ends");
        return "its value";
      });
      log.push("after it");
      const beginnings = ["a begins", "b begins"];
      expect(log).toEqual([
        ...(isEager ? [...beginnings, "the block ends"] : ["the block ends", ...beginnings]),
        "b ends",
        "a ends",
        "after it",
      ]);
      expect(tasks.map(endOf)).toEqual(["result 2", "result 1"]);
      expect([value, loop.time()]).toEqual(["its value", 2]);
    });
  });

  test("TaskGroup.createTask() between two waits of the block, while other tasks run", () => {
    grouping(function* (loop) {
      const tasks: Task<string>[] = [];
      yield* asyncWith(new TaskGroup(), function* (group) {
        tasks.push(group.createTask(sleep(2, "first")));
        yield* sleep(1.5);
        tasks.push(group.createTask(sleep(3, "second")));
      });
      expect([tasks.map(endOf), loop.time()]).toEqual([["result first", "result second"], 4.5]);
    });
  });

  test("TaskGroup goes on when a child is cancelled, by somebody or by itself [S165]", () => {
    grouping(function* (loop) {
      const tasks: Task<unknown>[] = [];
      const value = yield* asyncWith(new TaskGroup(), function* (group) {
        const cancelled = group.createTask(sleep(10));
        const byItself = group.createTask(
          (function* () {
            yield* sleep(0.5);
            self().cancel();
            yield* sleep(10);
          })(),
        );
        const byAnError = group.createTask(
          (function* () {
            yield* sleep(0.5);
            throw new CancelledError();
          })(),
        );
        tasks.push(cancelled, byItself, byAnError);
        yield* sleep(1);
        cancelled.cancel();
        tasks.push(group.createTask(sleep(2, "untouched")));
        yield* sleep(1);
        expect(`${group}`).toBe("<TaskGroup tasks=1 entered>");
        return "its value";
      });
      expect(tasks.map(endOf)).toEqual(["cancelled", "cancelled", "cancelled", "result untouched"]);
      expect([value, loop.time(), self().cancelling()]).toEqual(["its value", 3, 0]);
    });
  });

  test("TaskGroup: a child fails while the block waits for the end: the siblings are cancelled, and the group is thrown [S165 S169]", () => {
    grouping(function* (loop) {
      let sibling: Task<unknown> | null = null;
      const log: string[] = [];
      const task = createTask(
        (function* () {
          yield* asyncWith(new TaskGroup(), function* (group) {
            group.createTask(crash(1, "crash"));
            sibling = group.createTask(
              (function* () {
                log.push(textOf(yield* errorOf(sleep(10))));
                throw new CancelledError();
              })(),
            );
          });
          log.push("never");
        })(),
      );
      const error = yield* errorOf(task);
      expect(error).toBeInstanceOf(ExceptionGroup);
      expect(textOf(error)).toBe("ExceptionGroup: unhandled errors in a TaskGroup");
      expect(told(error)).toBe("ExceptionGroup(Error: crash)");
      expect(log).toEqual(["CancelledError: "]);
      expect(endOf(sibling as unknown as Task<unknown>)).toBe("cancelled");
      expect([loop.time(), task.cancelling()]).toEqual([1, 0]);
    });
  });

  test("TaskGroup: several children fail in one turn: all errors are in the group, the rest and the block are cancelled once [S165 S166]", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          for (const name of ["a", "b", "c"]) group.createTask(crash(1, name));
          group.createTask(
            (function* () {
              yield* errorOf(sleep(5));
              log.push(`sibling: cancelling ${self().cancelling()}`);
              throw new CancelledError();
            })(),
          );
          const cancellation = yield* errorOf(sleep(10));
          log.push(`block: ${textOf(cancellation)} cancelling ${self().cancelling()}`);
          throw cancellation;
        }),
      );
      expect(told(error)).toBe("ExceptionGroup(Error: a, Error: b, Error: c)");
      expect(log).toEqual(["sibling: cancelling 1", "block: CancelledError:  cancelling 1"]);
      expect([loop.time(), self().cancelling()]).toEqual([1, 0]);
    });
  });

  test("TaskGroup: errors of children that die while it shuts down are collected too, in the order of their ends [S166]", () => {
    grouping(function* (loop) {
      function* dyingLate(seconds: number): Coroutine<void> {
        yield* errorOf(sleep(10));
        yield* sleep(seconds);
        throw new Error(`after ${seconds} s`);
      }
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          group.createTask(dyingLate(3));
          group.createTask(dyingLate(2));
          group.createTask(crash(1, "first"));
          yield* sleep(10);
        }),
      );
      expect(told(error)).toBe("ExceptionGroup(Error: first, Error: after 2 s, Error: after 3 s)");
      expect(loop.time()).toBe(4);
    });
  });

  test("TaskGroup: the block fails before its tasks have taken a step: they are cancelled [S167]", () => {
    grouping(function* (loop) {
      const tasks: Task<unknown>[] = [];
      const own = new Error("own");
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          tasks.push(group.createTask(sleep(1)), group.createTask(sleep(2)));
          throw own;
        }),
      );
      expect((error as ExceptionGroup).errors[0]).toBe(own);
      expect(told(error)).toBe("ExceptionGroup(Error: own)");
      expect(tasks.map(endOf)).toEqual(["cancelled", "cancelled"]);
      expect([loop.time(), self().cancelling()]).toEqual([0, 0]);
    });
  });

  test("TaskGroup: the block fails while its tasks wait: they are cancelled, and it waits for them [S167]", () => {
    grouping(function* (loop) {
      const tasks: Task<unknown>[] = [];
      function* cleaningUp(): Coroutine<void> {
        try {
          yield* sleep(10);
        } finally {
          yield* sleep(1);
        }
      }
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          tasks.push(group.createTask(cleaningUp()), group.createTask(sleep(10)));
          yield* sleep(0.5);
          throw new Error("own");
        }),
      );
      expect(told(error)).toBe("ExceptionGroup(Error: own)");
      expect(tasks.map(endOf)).toEqual(["cancelled", "cancelled"]);
      expect([loop.time(), self().cancelling()]).toEqual([1.5, 0]);
    });
  });

  test("TaskGroup: an error with which the block ends when it is cancelled comes last in the group [S167]", () => {
    grouping(function* () {
      function* nested(): Coroutine<void> {
        try {
          yield* sleep(10);
        } catch {
          throw new RangeError("own");
        }
      }
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          group.createTask(crash(1, "crash"));
          group.createTask(
            (function* () {
              yield* errorOf(sleep(10));
              yield* sleep(1);
              throw new Error("later");
            })(),
          );
          yield* nested();
        }),
      );
      expect(told(error)).toBe("ExceptionGroup(Error: crash, Error: later, RangeError: own)");
      expect(self().cancelling()).toBe(0);
    });
  });

  test("TaskGroup: a manager in its block that fails as it is left: both errors, and no request is left [S167 S169]", () => {
    grouping(function* () {
      const database = {
        *aenter(): Coroutine<void> {},
        *aexit(): Coroutine<void> {
          throw new Error("leaving failed");
        },
      };
      const task = createTask(
        (function* () {
          const error = yield* errorOf(
            asyncWith(new TaskGroup(), (group) =>
              asyncWith(database, function* () {
                group.createTask(crash(0, "child failed"));
                yield* sleep(1);
              }),
            ),
          );
          return [told(error), self().cancelling()];
        })(),
      );
      expect(yield* task).toEqual(["ExceptionGroup(Error: child failed, Error: leaving failed)", 0]);
    });
  });

  test("TaskGroup in a TaskGroup: a child of the outer one fails: the inner one ends without an error of its own", () => {
    grouping(function* (loop) {
      const tasks: Task<unknown>[] = [];
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (outer) {
          outer.createTask(crash(1, "outer"));
          yield* asyncWith(new TaskGroup(), function* (inner) {
            tasks.push(inner.createTask(crash(10, "inner")));
          });
        }),
      );
      expect(told(error)).toBe("ExceptionGroup(Error: outer)");
      expect(tasks.map(endOf)).toEqual(["cancelled"]);
      expect([loop.time(), self().cancelling()]).toEqual([1, 0]);
    });
  });

  test("TaskGroup in a TaskGroup: a child of the inner one fails: its group is the error of the outer block", () => {
    grouping(function* (loop) {
      const tasks: Task<unknown>[] = [];
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (outer) {
          tasks.push(outer.createTask(crash(10, "outer")));
          yield* asyncWith(new TaskGroup(), function* (inner) {
            inner.createTask(crash(1, "inner"));
          });
        }),
      );
      expect(told(error)).toBe("ExceptionGroup(ExceptionGroup(Error: inner))");
      expect(tasks.map(endOf)).toEqual(["cancelled"]);
      expect([loop.time(), self().cancelling()]).toEqual([1, 0]);
    });
  });

  test("TaskGroup lets go of tasks as they end", () => {
    grouping(function* (loop) {
      const counts: string[] = [];
      yield* asyncWith(new TaskGroup(), function* (group) {
        for (let second = 0; second < 10; second++) {
          yield* sleep(1);
          group.createTask(sleep(2.5));
          counts.push(`${group}`);
        }
        yield* sleep(5);
        counts.push(`${group}`);
      });
      expect(counts).toEqual([
        "<TaskGroup tasks=1 entered>",
        "<TaskGroup tasks=2 entered>",
        ...Array.from({ length: 8 }, () => "<TaskGroup tasks=3 entered>"),
        "<TaskGroup entered>",
      ]);
      expect(loop.time()).toBe(15);
    });
  });

  test("TaskGroup.createTask() by a child while the block waits for the end [S164]", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      yield* asyncWith(new TaskGroup(), function* (group) {
        group.createTask(
          (function* () {
            yield* sleep(1);
            log.push(`${group}`);
            for (const seconds of [1, 2]) group.createTask(sleep(seconds));
            log.push(`${group}`);
          })(),
        );
      });
      expect(log).toEqual(["<TaskGroup tasks=1 exiting>", "<TaskGroup tasks=3 exiting>"]);
      expect(loop.time()).toBe(3);
    });
  });

  test("TaskGroup: children that start children without end are all cancelled when one fails [S164 S165]", () => {
    grouping(function* (loop) {
      let heads = 0;
      const tasks: Task<unknown>[] = [];
      function* hydra(group: TaskGroup): Coroutine<void> {
        heads += 1;
        yield* sleep(2);
        tasks.push(group.createTask(hydra(group)), group.createTask(hydra(group)));
      }
      function* hercules(): Coroutine<void> {
        while (heads < 10) yield* sleep(3);
        throw new Error("done with it");
      }
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          tasks.push(group.createTask(hydra(group)), group.createTask(hercules()));
        }),
      );
      expect(told(error)).toBe("ExceptionGroup(Error: done with it)");
      expect([heads, loop.time()]).toEqual([31, 9]); // 1 + 2 + 4 + 8 + 16, and after 9 s there are more than ten
      expect(tasks.map(endOf).filter((end) => end === "cancelled")).toHaveLength(16);
    });
  });

  test("TaskGroup.createTask(coro, { name, context }): both are the task's", () => {
    const variable = new ContextVar<string>("variable");
    function* setting(value: string) {
      yield* sleep(0);
      variable.set(value);
    }
    grouping(function* () {
      yield* asyncWith(new TaskGroup(), function* (group) {
        const context = copyContext();
        expect(context.get(variable)).toBe(undefined);
        const first = group.createTask(setting("one"), { name: "yolo", context });
        expect([first.getName(), first.getContext()]).toEqual(["yolo", context]);
        yield* first;
        expect(context.get(variable)).toBe("one");
        yield* group.createTask(setting("two"), { context });
        expect(context.get(variable)).toBe("two");
        yield* group.createTask(setting("three"));
        expect(context.get(variable)).toBe("two");
      });
    });
  });

  test("TaskGroup.createTask() once a child has failed: refused, also for a child that is being cancelled; the coroutine is closed [S164]", () => {
    grouping(function* () {
      const texts: string[] = [];
      const coro = sleep(1);
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          group.createTask(crash(1, "crash"));
          group.createTask(
            (function* () {
              yield* errorOf(sleep(10));
              texts.push(textOf(thrownBy(() => group.createTask(coro))));
            })(),
          );
          yield* sleep(10);
        }),
      );
      expect(texts).toEqual([
        "RuntimeError: createTask() of <TaskGroup tasks=1 errors=1 cancelling>: it is shutting down, since a task has failed or it was cancelled",
      ]);
      expect(told(error)).toBe("ExceptionGroup(Error: crash)");
      expect(isClosed(coro)).toBe(true);
    });
  });

  test("TaskGroup: the parent's requests are as many after a failed group as before it [S169]", () => {
    grouping(function* () {
      for (const seconds of [0, 1]) {
        const error = yield* errorOf(
          asyncWith(new TaskGroup(), function* (group) {
            group.createTask(crash(seconds, "crash"));
          }),
        );
        expect([told(error), self().cancelling()]).toEqual(["ExceptionGroup(Error: crash)", 0]);
        yield* sleep(1);
      }
    });
  });

  test("TaskGroup.createTask() of a child that has failed on return: the block runs on to its next wait [S152 N3]", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          const task = group.createTask(
            (function* (): Coroutine<void> {
              throw new Error("at once");
            })(),
            { eagerStart: true },
          );
          log.push(`${task.done()} ${group} cancelling ${self().cancelling()}`);
          group.createTask(sleep(10));
          log.push(`${group}`);
          log.push(textOf(yield* errorOf(sleep(10))));
          log.push(`${group} cancelling ${self().cancelling()}`);
        }),
      );
      expect(log).toEqual([
        "true <TaskGroup tasks=1 entered> cancelling 0",
        "<TaskGroup tasks=2 entered>",
        "CancelledError: ",
        "<TaskGroup tasks=1 errors=1 cancelling> cancelling 1",
      ]);
      expect([told(error), loop.time()]).toEqual(["ExceptionGroup(Error: at once)", 0]);
      expect(self().cancelling()).toBe(0);
      yield* sleep(1);
    });
  });

  test("TaskGroup.createTask() of a child that has failed on return, in a block that ends there: the group waits for it [S152 N3]", () => {
    grouping(function* () {
      const tasks: Task<unknown>[] = [];
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          const options = { eagerStart: true };
          tasks.push(
            group.createTask(nothing(), options),
            group.createTask(
              (function* (): Coroutine<void> {
                throw new Error("at once");
              })(),
              options,
            ),
            group.createTask(sleep(1), options),
          );
          expect(`${group}`).toBe("<TaskGroup tasks=3 entered>");
        }),
      );
      expect(told(error)).toBe("ExceptionGroup(Error: at once)");
      expect(tasks.map(endOf)).toEqual(["result undefined", "exception Error: at once", "cancelled"]);
      expect(self().cancelling()).toBe(0);
      yield* sleep(1);
    });
  });

  test("TaskGroup: whatever is thrown may be in the group, by a child and by the block", () => {
    grouping(function* () {
      for (const thrown of [undefined, null, 0, "text"]) {
        const byChild = yield* errorOf(
          asyncWith(new TaskGroup(), function* (group) {
            group.createTask(
              (function* () {
                throw thrown;
              })(),
            );
            yield* sleep(1);
          }),
        );
        expect((byChild as ExceptionGroup).errors).toEqual([thrown]);
        const byBlock = yield* errorOf(
          asyncWith(new TaskGroup(), function* (group) {
            group.createTask(sleep(1));
            throw thrown;
          }),
        );
        expect((byBlock as ExceptionGroup).errors).toEqual([thrown]);
        expect(self().cancelling()).toBe(0);
      }
    });
  });
});

test("TaskGroup ends two turns after the step in which its last task ends; without tasks it takes no turn", () => {
  program(function* (loop) {
    const log: string[] = [];
    yield* asyncWith(new TaskGroup(), nothing);
    log.push("an empty one has ended");
    loop.callSoon(() => {
      log.push("turn 1");
      loop.callSoon(() => {
        log.push("turn 2");
        loop.callSoon(() => void log.push("turn 3"));
      });
    });
    yield* asyncWith(new TaskGroup(), function* (group) {
      group.createTask(
        (function* () {
          log.push("the task runs");
        })(),
      );
    });
    log.push("the group has ended");
    yield* sleep(0);
    expect(log).toEqual([
      "an empty one has ended",
      "turn 1",
      "the task runs",
      "turn 2",
      "turn 3",
      "the group has ended",
    ]);
  });
});

test("TaskGroup.aexit() says that whatever is left is dealt with [N4]", () => {
  program(function* () {
    const plain = new TaskGroup();
    expect(yield* plain.aenter()).toBe(plain);
    expect(yield* plain.aexit(null)).toBe(true);
    const failed = new TaskGroup();
    yield* failed.aenter();
    const own = new Error("own");
    const error = (yield* errorOf(failed.aexit({ error: own }))) as ExceptionGroup;
    expect(error.errors).toEqual([own]);
  });
});

test("TaskGroup is in what its tasks are awaited by as long as they run: the task that entered it", () => {
  program(function* () {
    const linked: unknown[][] = [];
    const task = yield* asyncWith(new TaskGroup(), function* (group) {
      const child = group.createTask(sleep(1));
      linked.push(child._awaiters());
      return child;
    });
    linked.push(task._awaiters());
    expect(linked.map((waiters) => waiters.length)).toEqual([1, 0]);
    expect(linked[0]?.[0]).toBe(self());
  });
});

test("DeadlockError names the group that its block waits for", () => {
  const error = thrownBy(() =>
    program(function* () {
      yield* asyncWith(new TaskGroup(), function* (group) {
        group.createTask(new Event().wait(), { name: "waiter" });
      });
    }),
  );
  expect(error).toBeInstanceOf(DeadlockError);
  expect(textOf(error).replace(/Task-\d+/, "main")).toContain(
    "\n  main waits for <TaskGroup tasks=1 exiting> (in asyncWith)\n  waiter waits for ",
  );
});

describe("TaskGroup misused", () => {
  test("TaskGroup entered while it is entered: refused, and it goes on [S163]", () => {
    program(function* () {
      yield* asyncWith(new TaskGroup(), function* (group) {
        const task = group.createTask(sleep(1, "result"));
        const error = yield* errorOf(asyncWith(group, nothing));
        expect(error).toBeInstanceOf(RuntimeError);
        expect(textOf(error)).toBe(
          "RuntimeError: <TaskGroup tasks=1 entered> has already been entered: make one for each block",
        );
        expect(yield* task).toBe("result");
      });
    });
  });

  test("TaskGroup entered a second time after its end: refused [S163]", () => {
    program(function* () {
      const group = new TaskGroup();
      yield* asyncWith(group, nothing);
      let isRun = false;
      const error = yield* errorOf(
        asyncWith(group, function* () {
          isRun = true;
        }),
      );
      expect(error).toBeInstanceOf(RuntimeError);
      expect(textOf(error)).toBe(
        "RuntimeError: <TaskGroup finished> has already been entered: make one for each block",
      );
      expect(isRun).toBe(false);
    });
  });

  test("TaskGroup entered outside a task: refused, and it can still be entered inside one [S163]", () => {
    program(function* (loop) {
      const group = new TaskGroup();
      const errors: unknown[] = [];
      loop.callSoon(() => {
        errors.push(thrownBy(() => group.aenter().next()));
        errors.push(thrownBy(() => group.createTask(nothing())));
      });
      yield* sleep(0);
      expect(errors.map((error) => error instanceof RuntimeError)).toEqual([true, true]);
      expect(errors.map(textOf)).toEqual([
        "RuntimeError: a TaskGroup must be used inside a task",
        "RuntimeError: createTask() of <TaskGroup>: it has not been entered. Write yield* asyncWith(new TaskGroup(), function* (group) { … })",
      ]);
      const task = yield* asyncWith(group, function* () {
        return group.createTask(sleep(1, "result"));
      });
      expect(task.result()).toBe("result");
    });
  });

  test("TaskGroup.aenter() outside a turn: there is no running loop [S163]", () => {
    expect(textOf(thrownBy(() => new TaskGroup().aenter().next()))).toMatch(
      /^RuntimeError: no running event loop/,
    );
  });

  test("TaskGroup.createTask() before the block is entered: refused, and the coroutine is closed [S164]", () => {
    const named = coroutine(function* named() {
      yield* sleep(1);
    });
    const log = logOf(() =>
      program(
        function* () {
          const group = new TaskGroup();
          for (const coro of [sleeping(), named(), sleep(1)]) {
            const error = thrownBy(() => group.createTask(coro));
            expect(error).toBeInstanceOf(RuntimeError);
            expect(textOf(error)).toMatch(/^RuntimeError: createTask\(\) of <TaskGroup>: it has not been/);
            expect(isClosed(coro)).toBe(true);
          }
        },
        { debug: true },
      ),
    );
    expect(log).toEqual([]);
  });

  test("TaskGroup.createTask() after its end: refused, and the coroutine is closed [S164]", () => {
    const named = coroutine(function* named() {
      yield* sleep(1);
    });
    const log = logOf(() =>
      program(
        function* () {
          const group = new TaskGroup();
          yield* asyncWith(group, nothing);
          for (const coro of [sleeping(), named(), sleep(1)]) {
            const error = thrownBy(() => group.createTask(coro));
            expect(error).toBeInstanceOf(RuntimeError);
            expect(textOf(error)).toBe(
              "RuntimeError: createTask() of <TaskGroup finished>: it is finished. Start tasks inside its block",
            );
            expect(isClosed(coro)).toBe(true);
          }
        },
        { debug: true },
      ),
    );
    expect(log).toEqual([]);
  });

  test("TaskGroup.createTask() of a group that has ended, in a loop without run(): refused [S164]", () => {
    const loop = new VirtualEventLoop();
    const text = loop.runUntilComplete(
      (function* () {
        const group = new TaskGroup();
        yield* asyncWith(group, nothing);
        return textOf(thrownBy(() => group.createTask(sleep(0))));
      })(),
    );
    loop.close();
    expect(text).toMatch(/: it is finished\./);
  });

  test("TaskGroup.createTask() when the last task has ended, in the turn before the block's task runs on: refused [S164]", () => {
    program(function* (loop) {
      const texts: string[] = [];
      const group = new TaskGroup();
      yield* asyncWith(group, function* () {
        const task = group.createTask(nothing());
        // Behind the group's own callback, which is the task's first.
        task.addDoneCallback(() => {
          texts.push(textOf(thrownBy(() => group.createTask(sleep(1)))), `${group}`);
          loop.callSoon(() => void texts.push(`${group}`));
        });
      });
      yield* sleep(0);
      expect(texts).toEqual([
        "RuntimeError: createTask() of <TaskGroup exiting>: it is finished. Start tasks inside its block",
        "<TaskGroup exiting>",
        "<TaskGroup finished>",
      ]);
      expect(loop.time()).toBe(0);
    });
  });

  test("TaskGroup.createTask() refuses what is no coroutine, in any state, and stays as it is", () => {
    program(function* () {
      const group = new TaskGroup();
      for (const wrong of [null, undefined, 1, {}]) {
        expect(textOf(thrownBy(() => group.createTask(wrong as never)))).toMatch(/^RuntimeError: createTask/);
      }
      yield* asyncWith(group, function* () {
        const texts = [null, sleep].map((wrong) => textOf(thrownBy(() => group.createTask(wrong as never))));
        expect(texts).toEqual([
          "TypeError: createTask(coro): a coroutine is required, got null",
          "TypeError: createTask(coro): a coroutine is required, got the function sleep: call it, `sleep()`",
        ]);
        expect(`${group}`).toBe("<TaskGroup entered>");
      });
    });
  });

  test("TaskGroup entered in a task that ends without leaving it: errors of its children are reported, and none is cancelled [S172]", () => {
    const reports: ExceptionContext[] = [];
    const tasks: Task<unknown>[] = [];
    let parent: Task<unknown> | null = null;
    program(
      function* () {
        parent = createTask(
          (function* () {
            const group = new TaskGroup();
            yield* group.aenter();
            for (const [i, seconds] of [1, 2].entries())
              tasks.push(group.createTask(crash(seconds, `after ${seconds} s`), { name: `child ${i}` }));
            tasks.push(group.createTask(sleep(3, "goes on")));
            tasks.push(group.createTask(sleep(10)));
            tasks[3]?.cancel();
          })(),
          { name: "parent" },
        );
        yield* sleep(5);
      },
      { reports },
    );
    expect(
      reports.map(({ message, exception, task }) => [
        message,
        textOf(exception),
        tasks.indexOf(task as unknown as Task<unknown>),
      ]),
    ).toEqual([
      [`${tasks[0]} has failed, and its parent ${parent} is done already`, "Error: after 1 s", 0],
      [`${tasks[1]} has failed, and its parent ${parent} is done already`, "Error: after 2 s", 1],
    ]);
    expect(tasks.slice(2).map(endOf)).toEqual(["result goes on", "cancelled"]);
    expect((parent as unknown as Task<unknown>).cancelling()).toBe(0);
  });
});

describe("TaskGroup.toString()", () => {
  test("TaskGroup.toString() tells its tasks, its errors and its state", () => {
    program(function* () {
      const group = new TaskGroup();
      const seen: string[] = [`${group}`];
      const error = yield* errorOf(
        asyncWith(group, function* () {
          seen.push(`${group}`);
          group.createTask(crash(1, "crash"));
          group.createTask(
            (function* () {
              yield* errorOf(sleep(10));
              yield* sleep(1);
              seen.push(`${group}`);
            })(),
          );
          seen.push(`${group}`);
          yield* errorOf(sleep(10));
          seen.push(`${group}`);
        }),
      );
      seen.push(`${group}`);
      expect(told(error)).toBe("ExceptionGroup(Error: crash)");
      expect(seen).toEqual([
        "<TaskGroup>",
        "<TaskGroup entered>",
        "<TaskGroup tasks=2 entered>",
        "<TaskGroup tasks=1 errors=1 cancelling>",
        "<TaskGroup tasks=1 errors=1 cancelling>",
        "<TaskGroup finished>",
      ]);
    });
  });

  test("TaskGroup.toString() of a subclass bears its name; console.log shows the same", async () => {
    class Nursery extends TaskGroup {}
    const { inspect } = await import("node:util");
    expect([`${new Nursery()}`, inspect(new Nursery())]).toEqual(["<Nursery>", "<Nursery>"]);
  });
});

describe("TaskGroup and what it holds at its end", () => {
  test("TaskGroup that somebody keeps does not hold its errors or the task that entered it [S174 N4]", async () => {
    const loop = new VirtualEventLoop();
    const kept: TaskGroup[] = [];
    const weak: WeakRef<object>[] = [];
    // Apart, so that no variable of the test holds what is to be collected.
    const runAndForget = (thrown: new () => Error) => {
      const fails = function* (): Coroutine<void> {
        yield* sleep(1);
        const error = new thrown();
        void error.stack; // until it is read V8 keeps what its frames were called on, the task among it
        weak.push(new WeakRef(error));
        throw error;
      };
      const task = loop.createTask(
        (function* () {
          const group = new TaskGroup();
          kept.push(group);
          const error = yield* errorOf(
            asyncWith(group, function* () {
              group.createTask(thrown === Error ? fails() : sleep(10));
              if (thrown === Error) yield* sleep(10);
              else yield* fails();
            }),
          );
          void (error as Error).stack;
        })(),
      );
      weak.push(new WeakRef(task));
      loop.runUntilComplete(task);
    };
    runAndForget(Error);
    runAndForget(SystemExit);
    loop.runUntilComplete(sleep(1));
    await collectGarbage();
    expect(weak.map((one) => one.deref() === undefined)).toEqual([true, true, true, true]);
    expect(kept.map(String)).toEqual(["<TaskGroup finished>", "<TaskGroup finished>"]);
    loop.close();
  });

  test("TaskGroup with one task that goes on holds a few dozen of those that have ended, not all of them", async () => {
    const loop = new VirtualEventLoop();
    const weak: WeakRef<object>[] = [];
    const main = loop.createTask(
      (function* () {
        yield* asyncWith(new TaskGroup(), function* (group) {
          group.createTask(sleep(1000));
          for (let i = 0; i < 300; i++) {
            weak.push(new WeakRef(group.createTask(nothing())));
            yield* sleep(1);
          }
        });
      })(),
    );
    loop.runUntilComplete(sleep(400));
    await collectGarbage();
    expect(main.done()).toBe(false);
    expect(weak.filter((one) => one.deref() !== undefined).length).toBeLessThan(100);
    loop.runUntilComplete(main);
    loop.close();
  });
});

test("run() of a main whose group fails throws the group", () => {
  function* main(): Coroutine<void> {
    yield* asyncWith(new TaskGroup(), function* (group) {
      group.createTask(crash(1, "crash"));
    });
  }
  const error = thrownBy(() => run(main(), { loopFactory: () => new VirtualEventLoop() }));
  expect(told(error)).toBe("ExceptionGroup(Error: crash)");
});
