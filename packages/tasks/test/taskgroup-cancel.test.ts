// TaskGroup.cancel(): a group that ends early, without an error. It came with CPython 3.15 (gh-108951).
import type { CancelledError, Coroutine, Yieldable } from "@aioloop/loop";
import type { Task, VirtualEventLoop } from "@aioloop/tasks";
import { asyncWith, createTask, sleep, TaskGroup, timeout } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { endOf, errorOf, program, self, textOf, thrownBy } from "./helpers.ts";
import { crash, FACTORIES, told } from "./taskgroup-helpers.ts";

/** Sleeps for ten seconds; when it is cancelled, cleans up for that long. */
function* cleaningUp(seconds: number): Coroutine<void> {
  try {
    yield* sleep(10);
  } finally {
    yield* sleep(seconds);
  }
}

describe.each(FACTORIES)("TaskGroup.cancel(), its tasks start %s:", (how, factory) => {
  const isEager = how === "eagerly";

  function grouping<T>(main: (loop: VirtualEventLoop) => Yieldable<T>): T {
    return program(function* (loop) {
      loop.setTaskFactory(factory);
      const value = yield* main(loop);
      // Whatever happened to the group, nobody wants its task cancelled any more.
      expect(self().cancelling()).toBe(0);
      yield* sleep(1);
      return value;
    });
  }

  test("TaskGroup.cancel() in its block: tasks and block are cancelled, and no error comes out [S173 N5]", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      const tasks: Task<unknown>[] = [];
      const group = new TaskGroup();
      const value = yield* asyncWith(group, function* () {
        tasks.push(group.createTask(sleep(10)), group.createTask(cleaningUp(2)));
        yield* sleep(1);
        log.push(`cancel: ${group.cancel()}`);
        log.push(`${group} cancelling ${self().cancelling()}`);
        const error = (yield* errorOf(sleep(10))) as CancelledError;
        log.push(`block: ${error.name} ${error.msg}`);
        throw error;
      });
      expect(log).toEqual([
        "cancel: undefined",
        "<TaskGroup tasks=2 cancelling> cancelling 1",
        "block: CancelledError null",
      ]);
      expect(tasks.map(endOf)).toEqual(["cancelled", "cancelled"]);
      expect([value, loop.time(), `${group}`]).toEqual([undefined, 3, "<TaskGroup finished>"]);
    });
  });

  test("TaskGroup.cancel() in a block that waits no more: its value comes out, and the next wait is not cancelled [S173]", () => {
    grouping(function* (loop) {
      const tasks: Task<unknown>[] = [];
      const value = yield* asyncWith(new TaskGroup(), function* (group) {
        tasks.push(group.createTask(cleaningUp(2)));
        yield* sleep(1);
        group.cancel();
        return "its value";
      });
      expect([value, loop.time(), tasks.map(endOf)]).toEqual(["its value", 3, ["cancelled"]]);
    });
  });

  test("TaskGroup.cancel() of a group without tasks, in a block that waits no more: the next wait is not cancelled [S173]", () => {
    grouping(function* () {
      const value = yield* asyncWith(new TaskGroup(), function* (group) {
        group.cancel();
        return "its value";
      });
      expect(value).toBe("its value");
    });
  });

  test("TaskGroup.cancel() before its tasks have taken a step: none is left, in order [S173]", () => {
    grouping(function* () {
      const log: string[] = [];
      function* child(name: string): Coroutine<void> {
        log.push(`${name} begins`);
        try {
          yield* sleep(10);
        } finally {
          log.push(`${name} ends`);
        }
      }
      const tasks = yield* asyncWith(new TaskGroup(), function* (group) {
        const tasks = ["a", "b"].map((name) => group.createTask(child(name)));
        group.cancel();
        return tasks;
      });
      expect(log).toEqual(isEager ? ["a begins", "b begins", "a ends", "b ends"] : []);
      expect(tasks.map(endOf)).toEqual(["cancelled", "cancelled"]);
    });
  });

  test("TaskGroup.cancel() by a child while the block waits: the child, its siblings and the block are cancelled [S173]", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      function* waits(name: string, before: Coroutine<unknown>): Coroutine<void> {
        try {
          yield* before;
          yield* sleep(10);
        } finally {
          log.push(`${name} ends at ${loop.time()}, cancelling ${self().cancelling()}`);
        }
      }
      yield* asyncWith(new TaskGroup(), function* (group) {
        group.createTask(waits("sibling", sleep(10)));
        group.createTask(
          waits(
            "child",
            (function* () {
              yield* sleep(1);
              group.cancel();
            })(),
          ),
        );
        yield* waits("block", sleep(10));
      });
      expect(log).toEqual([
        "sibling ends at 1, cancelling 1",
        "block ends at 1, cancelling 1",
        "child ends at 1, cancelling 1",
      ]);
    });
  });

  test("TaskGroup.cancel() by a child while the block waits for its end [S173]", () => {
    grouping(function* (loop) {
      const tasks: Task<unknown>[] = [];
      const value = yield* asyncWith(new TaskGroup(), function* (group) {
        tasks.push(group.createTask(cleaningUp(2)));
        tasks.push(
          group.createTask(
            (function* () {
              yield* sleep(1);
              group.cancel();
              return "nobody gets it: this task is cancelled too";
            })(),
          ),
        );
        return "its value";
      });
      expect([value, loop.time(), tasks.map(endOf)]).toEqual(["its value", 3, ["cancelled", "cancelled"]]);
    });
  });

  test("TaskGroup.cancel() by a child in its first step, taken within createTask(): it is cancelled when it has joined [N3 S173]", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      const tasks: Task<unknown>[] = [];
      yield* asyncWith(new TaskGroup(), function* (group) {
        tasks.push(group.createTask(sleep(10)));
        tasks.push(
          group.createTask(
            (function* () {
              group.cancel();
              log.push(`${group}`);
              yield* sleep(10);
            })(),
            { eagerStart: true },
          ),
        );
        log.push(`${group} cancelling ${self().cancelling()}, the child ${tasks[1]?.cancelling()}`);
        yield* sleep(10);
      });
      expect(log).toEqual([
        "<TaskGroup tasks=1 cancelling>",
        "<TaskGroup tasks=2 cancelling> cancelling 1, the child 1",
      ]);
      expect([tasks.map(endOf), loop.time()]).toEqual([["cancelled", "cancelled"], 0]);
    });
  });

  test("TaskGroup.cancel() by a child that ends in its first step, taken within createTask(): its end stands [N3 S173]", () => {
    grouping(function* (loop) {
      const ends: string[] = [];
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          const cancels = function* (): Coroutine<string> {
            group.cancel();
            return "result";
          };
          const task = group.createTask(cancels(), { eagerStart: true });
          ends.push(endOf(task));
          ends.push(textOf(thrownBy(() => group.createTask(sleep(1)))));
          const error = yield* errorOf(sleep(10));
          throw new TypeError("own", { cause: error });
        }),
      );
      expect(ends).toEqual([
        "result result",
        "RuntimeError: createTask() of <TaskGroup tasks=1 cancelling>: it is shutting down, since a task has failed or it was cancelled",
      ]);
      expect(told(error)).toBe("ExceptionGroup(TypeError: own)");
      expect(loop.time()).toBe(0);
    });
  });

  test("TaskGroup.cancel() by a child that fails in its first step, taken within createTask(): its error is thrown [N3 S173]", () => {
    grouping(function* () {
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          const fails = function* (): Coroutine<void> {
            group.cancel();
            throw new Error("at once");
          };
          group.createTask(fails(), { eagerStart: true });
        }),
      );
      expect(told(error)).toBe("ExceptionGroup(Error: at once)");
    });
  });

  test("TaskGroup.cancel() by a grandchild in its first step: all three are cancelled [N3 S173]", () => {
    grouping(function* () {
      const tasks: Task<unknown>[] = [];
      yield* asyncWith(new TaskGroup(), function* (group) {
        function* grandchild(): Coroutine<void> {
          group.cancel();
          yield* sleep(10);
        }
        function* child(): Coroutine<void> {
          tasks.push(group.createTask(grandchild(), { eagerStart: true }));
          yield* sleep(10);
        }
        tasks.push(group.createTask(child(), { eagerStart: true }));
        yield* sleep(10);
      });
      expect(tasks.map(endOf)).toEqual(["cancelled", "cancelled"]);
      expect(tasks.map((task) => task.cancelling())).toEqual([1, 1]);
    });
  });

  test("TaskGroup.cancel() in a callback, while the block waits and while it waits for the end [S173]", () => {
    grouping(function* (loop) {
      for (const block of [() => sleep(10), () => sleep(0)]) {
        const started = loop.time();
        const group = new TaskGroup();
        loop.callLater(1, () => group.cancel());
        const tasks: Task<unknown>[] = [];
        yield* asyncWith(group, function* () {
          tasks.push(group.createTask(sleep(10)));
          yield* block();
        });
        expect([loop.time() - started, tasks.map(endOf)]).toEqual([1, ["cancelled"]]);
      }
    });
  });

  test("TaskGroup.cancel() before it is entered: the block is cancelled at its first wait, and takes no tasks [S173]", () => {
    grouping(function* (loop) {
      const group = new TaskGroup();
      group.cancel();
      const log: string[] = [`${group} cancelling ${self().cancelling()}`];
      yield* asyncWith(group, function* () {
        log.push(`${group} cancelling ${self().cancelling()}`);
        log.push(textOf(thrownBy(() => group.createTask(sleep(1)))));
        yield* sleep(0);
        log.push("never");
      });
      expect(log).toEqual([
        "<TaskGroup> cancelling 0",
        "<TaskGroup cancelling> cancelling 1",
        "RuntimeError: createTask() of <TaskGroup cancelling>: it is shutting down, since a task has failed or it was cancelled",
      ]);
      expect(loop.time()).toBe(0);
    });
  });

  test("TaskGroup.cancel() before it is entered, by a block that never waits: the block runs to its end [S173]", () => {
    grouping(function* () {
      const group = new TaskGroup();
      group.cancel();
      group.cancel();
      const value = yield* asyncWith(group, function* () {
        return "its value";
      });
      expect(value).toBe("its value");
    });
  });

  test("TaskGroup.cancel() when it has ended does nothing [S173]", () => {
    grouping(function* () {
      const group = new TaskGroup();
      yield* asyncWith(group, () => sleep(1));
      group.cancel();
      expect([`${group}`, self().cancelling()]).toEqual(["<TaskGroup finished>", 0]);
      yield* sleep(1);
      expect(textOf(thrownBy(() => group.createTask(sleep(1))))).toMatch(/: it is finished\./);
    });
  });

  test("TaskGroup.cancel() when its last task has ended, in the turn before its own task runs on, does nothing [S173]", () => {
    grouping(function* () {
      const log: string[] = [];
      const group = new TaskGroup();
      const parent = self();
      yield* asyncWith(group, function* () {
        group.createTask(sleep(1)).addDoneCallback(() => {
          group.cancel();
          log.push(`${group} cancelling ${parent.cancelling()}`);
        });
      });
      expect(log).toEqual(["<TaskGroup exiting> cancelling 0"]);
    });
  });

  test("TaskGroup.cancel() twice, and once more while it shuts down: tasks and parent are asked once [S173]", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      const group = new TaskGroup();
      const parent = self();
      loop.callLater(2, () => {
        group.cancel();
        log.push(`parent ${parent.cancelling()}`);
      });
      yield* asyncWith(group, function* () {
        group.createTask(
          (function* () {
            try {
              yield* cleaningUp(3);
            } finally {
              log.push(`child ${self().cancelling()} at ${loop.time()}`);
            }
          })(),
        );
        yield* sleep(1);
        group.cancel();
        group.cancel();
        log.push(`parent ${self().cancelling()}`);
        yield* sleep(10);
      });
      expect(log).toEqual(["parent 1", "parent 1", "child 1 at 4"]);
    });
  });

  test("TaskGroup.cancel() in a block that swallows the cancellation: its later waits are not cancelled, and its value comes out [S173]", () => {
    grouping(function* (loop) {
      const value = yield* asyncWith(new TaskGroup(), function* (group) {
        group.createTask(sleep(10));
        group.cancel();
        yield* errorOf(sleep(10));
        yield* sleep(2);
        return "its value";
      });
      expect([value, loop.time()]).toEqual(["its value", 2]);
    });
  });

  test("TaskGroup.cancel() and a child that swallows the cancellation: the group waits for it, and its result stands [S173 S168]", () => {
    grouping(function* (loop) {
      const tasks: Task<unknown>[] = [];
      yield* asyncWith(new TaskGroup(), function* (group) {
        tasks.push(
          group.createTask(
            (function* () {
              yield* sleep(0.5);
              yield* errorOf(sleep(10));
              yield* sleep(3);
              return "swallowed";
            })(),
          ),
        );
        yield* sleep(1);
        group.cancel();
      });
      expect([tasks.map(endOf), loop.time()]).toEqual([["result swallowed"], 4]);
    });
  });

  test("TaskGroup.cancel() and a child that fails when it is cancelled: its error is thrown, and no request is left [S173 S166]", () => {
    grouping(function* (loop) {
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          group.createTask(
            (function* () {
              try {
                yield* sleep(10);
              } finally {
                yield* crash(2, "in its clean-up");
              }
            })(),
          );
          group.createTask(cleaningUp(3));
          yield* sleep(1);
          group.cancel();
          yield* sleep(10);
        }),
      );
      expect([told(error), loop.time()]).toEqual(["ExceptionGroup(Error: in its clean-up)", 4]);
    });
  });

  test("TaskGroup.cancel() in a block that then fails: its error is thrown, behind those of the children [S173 S167]", () => {
    grouping(function* () {
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          group.createTask(
            (function* () {
              try {
                yield* sleep(10);
              } catch {
                throw new Error("child");
              }
            })(),
          );
          yield* sleep(1);
          group.cancel();
          throw new Error("block");
        }),
      );
      expect(told(error)).toBe("ExceptionGroup(Error: child, Error: block)");
    });
  });

  test("TaskGroup.cancel() when a child has failed: the parent is asked once, and the error is thrown [S173]", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      const parent = self();
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          group.createTask(crash(1, "crash"));
          group.createTask(cleaningUp(3));
          loop.callLater(2, () => {
            group.cancel();
            log.push(`${group} cancelling ${parent.cancelling()}`);
          });
        }),
      );
      expect([told(error), loop.time()]).toEqual(["ExceptionGroup(Error: crash)", 4]);
      expect(log).toEqual(["<TaskGroup tasks=1 errors=1 cancelling> cancelling 1"]);
    });
  });

  test("TaskGroup.cancel() when the block has failed: the parent's request is taken back, and the error is thrown [S173 S169]", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      const parent = self();
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          group.createTask(cleaningUp(3));
          loop.callLater(2, () => {
            group.cancel();
            log.push(`${group} cancelling ${parent.cancelling()}`);
          });
          yield* crash(1, "block");
        }),
      );
      expect([told(error), loop.time()]).toEqual(["ExceptionGroup(Error: block)", 4]);
      expect(log).toEqual(["<TaskGroup tasks=1 cancelling> cancelling 1"]);
    });
  });

  /** Runs a group in a task; how that ends, when, with how many requests. */
  function* groupInATask(
    block: (group: TaskGroup) => Coroutine<unknown>,
    acts: (group: TaskGroup, task: Task<unknown>, loop: VirtualEventLoop) => void,
    loop: VirtualEventLoop,
  ): Coroutine<[end: string, time: number, requests: number]> {
    const group = new TaskGroup();
    const task = createTask(
      (function* () {
        yield* asyncWith(group, block);
        yield* sleep(10);
        return "nothing was thrown";
      })(),
    );
    acts(group, task, loop);
    const started = loop.time();
    const end = yield* (function* () {
      try {
        return yield* task;
      } catch (error) {
        return textOf(error);
      }
    })();
    return [end, loop.time() - started, task.cancelling()];
  }

  test("TaskGroup.cancel(), and a cancellation from outside right behind it: that goes on [N5 S169 S173]", () => {
    grouping(function* (loop) {
      const acts = (group: TaskGroup, task: Task<unknown>) =>
        loop.callLater(1, () => {
          group.cancel();
          task.cancel("outside");
        });
      const waiting = yield* groupInATask(() => sleep(10), acts, loop);
      expect(waiting).toEqual(["CancelledError: ", 1, 1]); // what it waited for was cancelled without a message
      const withTask = (group: TaskGroup) =>
        (function* () {
          group.createTask(cleaningUp(2));
        })();
      expect(yield* groupInATask(withTask, acts, loop)).toEqual(["CancelledError: ", 3, 1]);
    });
  });

  test("TaskGroup.cancel() right behind a cancellation from outside: that goes on, with its message [N5 S169 S173]", () => {
    grouping(function* (loop) {
      const acts = (group: TaskGroup, task: Task<unknown>) =>
        loop.callLater(1, () => {
          task.cancel("outside");
          group.cancel();
        });
      expect(yield* groupInATask(() => sleep(10), acts, loop)).toEqual(["CancelledError: outside", 1, 1]);
      const withTask = (group: TaskGroup) =>
        (function* () {
          group.createTask(cleaningUp(2));
        })();
      expect(yield* groupInATask(withTask, acts, loop)).toEqual(["CancelledError: outside", 3, 1]);
    });
  });

  test("TaskGroup.cancel(), and cancellations from outside while it waits for its tasks: the last of them goes on [N5 S169 S173]", () => {
    grouping(function* (loop) {
      function* block(group: TaskGroup): Coroutine<void> {
        group.createTask(cleaningUp(5));
        yield* sleep(10);
      }
      const ended = yield* groupInATask(
        block,
        (group, task) => {
          loop.callLater(1, () => group.cancel());
          loop.callLater(2, () => void task.cancel("first"));
          loop.callLater(3, () => void task.cancel("second"));
        },
        loop,
      );
      expect(ended).toEqual(["CancelledError: second", 6, 2]);
    });
  });

  test("TaskGroup.cancel() while it shuts down since its parent was cancelled: that cancellation goes on [N5 S169 S173]", () => {
    grouping(function* (loop) {
      function* block(group: TaskGroup): Coroutine<void> {
        group.createTask(cleaningUp(5));
        yield* sleep(10);
      }
      const ended = yield* groupInATask(
        block,
        (group, task) => {
          loop.callLater(1, () => void task.cancel("outside"));
          loop.callLater(2, () => group.cancel());
        },
        loop,
      );
      expect(ended).toEqual(["CancelledError: ", 6, 1]);
    });
  });

  test("TaskGroup.cancel() in a task that was cancelled before it came to the group: its first wait behind the block is cancelled [S169 S173]", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      const task = createTask(
        (function* () {
          yield* sleep(1);
          self().cancel("earlier");
          yield* asyncWith(new TaskGroup(), function* (group) {
            group.cancel();
          });
          log.push(`cancelling ${self().cancelling()}`);
          yield* sleep(10);
        })(),
      );
      yield* errorOf(task);
      expect([log, endOf(task), loop.time()]).toEqual([["cancelling 1"], "cancelled", 1]);
    });
  });

  test("TaskGroup.cancel() of the inner of two groups: the outer block goes on [S173]", () => {
    grouping(function* (loop) {
      const tasks: Task<unknown>[] = [];
      const log: string[] = [];
      yield* asyncWith(new TaskGroup(), function* (outer) {
        tasks.push(outer.createTask(sleep(3, "outer")));
        yield* asyncWith(new TaskGroup(), function* (inner) {
          tasks.push(inner.createTask(sleep(3)));
          yield* sleep(1);
          inner.cancel();
          yield* sleep(10);
        });
        log.push(`at ${loop.time()}, cancelling ${self().cancelling()}`);
        yield* sleep(1);
        log.push(`at ${loop.time()}`);
      });
      expect(log).toEqual(["at 1, cancelling 0", "at 2"]);
      expect([tasks.map(endOf), loop.time()]).toEqual([["result outer", "cancelled"], 3]);
    });
  });

  test("TaskGroup.cancel() of the outer of two groups, in the inner block: both end there [S173]", () => {
    grouping(function* (loop) {
      const tasks: Task<unknown>[] = [];
      const log: string[] = [];
      yield* asyncWith(new TaskGroup(), function* (outer) {
        tasks.push(outer.createTask(sleep(10)));
        yield* asyncWith(new TaskGroup(), function* (inner) {
          tasks.push(inner.createTask(cleaningUp(2)));
          yield* sleep(1);
          outer.cancel();
          log.push(`${inner} ${outer}`);
          yield* sleep(10);
        });
        log.push("never");
      });
      expect(log).toEqual(["<TaskGroup tasks=1 entered> <TaskGroup tasks=1 cancelling>"]);
      expect([tasks.map(endOf), loop.time()]).toEqual([["cancelled", "cancelled"], 3]);
    });
  });

  test.each(["the inner first", "the outer first"])(
    "TaskGroup.cancel() of both of two groups in one turn, %s: both end, and each takes back its own request [S173 S169]",
    (order) => {
      grouping(function* (loop) {
        const log: string[] = [];
        const parent = self();
        yield* asyncWith(new TaskGroup(), function* (outer) {
          try {
            yield* asyncWith(new TaskGroup(), function* (inner) {
              inner.createTask(sleep(10));
              loop.callLater(1, () => {
                for (const group of order === "the inner first" ? [inner, outer] : [outer, inner])
                  group.cancel();
                log.push(`cancelling ${parent.cancelling()}`);
              });
              yield* sleep(10);
            });
            log.push("never");
          } finally {
            log.push(`cancelling ${parent.cancelling()}`);
          }
        });
        expect([log, loop.time()]).toEqual([["cancelling 2", "cancelling 1"], 1]);
      });
    },
  );

  test("TaskGroup.cancel() of a group in a timeout: nothing expires [S173]", () => {
    grouping(function* (loop) {
      const limit = timeout(5);
      yield* asyncWith(limit, () =>
        asyncWith(new TaskGroup(), function* (group) {
          group.createTask(sleep(10));
          loop.callLater(1, () => group.cancel());
          yield* sleep(10);
        }),
      );
      expect([limit.expired(), loop.time()]).toEqual([false, 1]);
    });
  });

  test("TaskGroup.cancel() and a timeout around it in one turn: the time is over [S173 N5]", () => {
    grouping(function* (loop) {
      const limit = timeout(1);
      const error = yield* errorOf(
        asyncWith(limit, () =>
          asyncWith(new TaskGroup(), function* (group) {
            group.createTask(sleep(10));
            loop.callLater(1, () => group.cancel());
            yield* sleep(10);
          }),
        ),
      );
      expect([textOf(error), limit.expired(), loop.time()]).toEqual(["TimeoutError: ", true, 1]);
    });
  });
});
