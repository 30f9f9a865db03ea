// TaskGroup and cancellations from outside: what of them reaches its tasks, what comes out of the block, how many requests are left.
// And the errors that leave the loop, which leave the group alone too.
import type { Coroutine, ExceptionContext, Yieldable } from "@aioloop/loop";
import {
  BaseExceptionGroup,
  CancelledError,
  ExceptionGroup,
  KeyboardInterrupt,
  SystemExit,
} from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import { asyncWith, createTask, Event, run, sleep, TaskGroup, VirtualEventLoop, wait } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import type { ProgramOptions } from "./helpers.ts";
import { endOf, errorOf, program, self, textOf, thrownBy } from "./helpers.ts";
import { crash, FACTORIES, told } from "./taskgroup-helpers.ts";

/** Sleeps, and fails when it is cancelled. */
function* failsInCleanUp(text: string): Coroutine<void> {
  try {
    yield* sleep(10);
  } finally {
    yield* crash(0, text);
  }
}

describe.each(FACTORIES)("TaskGroup cancelled from outside, its tasks start %s:", (_how, factory) => {
  function grouping<T>(main: (loop: VirtualEventLoop) => Yieldable<T>, options?: ProgramOptions): T {
    return program(function* (loop) {
      loop.setTaskFactory(factory);
      return yield* main(loop);
    }, options);
  }

  /** Runs the block in a task that is cancelled after a second; its end, the time, and how many requests it has then. */
  function cancelledAfterASecond(
    block: () => Coroutine<unknown>,
  ): [end: string, time: number, requests: number] {
    return grouping(function* (loop) {
      const task = createTask(block());
      yield* sleep(1);
      expect(task.done()).toBe(false);
      task.cancel("outside");
      const error = yield* errorOf(task);
      const end = task.cancelled() ? `cancelled with ${(error as CancelledError).msg}` : told(error);
      return [end, loop.time(), task.cancelling()];
    });
  }

  test("TaskGroup cancelled while its block waits for the end: each task is cancelled once, and the cancellation goes on [S168]", () => {
    const counts: number[] = [];
    function* child(): Coroutine<void> {
      try {
        yield* sleep(5);
      } finally {
        counts.push(self().cancelling());
      }
    }
    const ended = cancelledAfterASecond(function* () {
      yield* asyncWith(new TaskGroup(), function* (group) {
        for (let i = 0; i < 5; i++) group.createTask(child());
      });
    });
    expect(counts).toEqual([1, 1, 1, 1, 1]);
    expect(ended).toEqual(["cancelled with outside", 1, 1]);
  });

  test("TaskGroup cancelled while its block waits: the block is, then the tasks", () => {
    const log: string[] = [];
    function* waits(name: string): Coroutine<void> {
      try {
        yield* sleep(10);
      } finally {
        log.push(`${name}: ${self().cancelling()}`);
      }
    }
    const ended = cancelledAfterASecond(function* () {
      yield* asyncWith(new TaskGroup(), function* (group) {
        for (let i = 0; i < 5; i++) group.createTask(waits("task"));
        yield* waits("block");
      });
    });
    expect(log).toEqual(["block: 1", "task: 1", "task: 1", "task: 1", "task: 1", "task: 1"]);
    expect(ended).toEqual(["cancelled with outside", 1, 1]);
  });

  test("TaskGroup without tasks, cancelled: its block is, and the cancellation goes on", () => {
    const log: string[] = [];
    const ended = cancelledAfterASecond(function* () {
      yield* asyncWith(new TaskGroup(), function* () {
        const error = yield* errorOf(sleep(10));
        log.push(`block: ${textOf(error)}`);
        throw error;
      });
    });
    expect([log, ended]).toEqual([["block: CancelledError: outside"], ["cancelled with outside", 1, 1]]);
  });

  test("TaskGroup with tasks that are only asleep, cancelled: its end is a CancelledError, not a group", () => {
    const tasks: Task<unknown>[] = [];
    const ended = cancelledAfterASecond(function* () {
      yield* asyncWith(new TaskGroup(), function* (group) {
        tasks.push(group.createTask(sleep(5)), group.createTask(sleep(6)));
      });
    });
    expect(tasks.map(endOf)).toEqual(["cancelled", "cancelled"]);
    expect(ended).toEqual(["cancelled with outside", 1, 1]);
  });

  test("TaskGroup cancelled, and its tasks fail as they are: their errors go before the cancellation [S170]", () => {
    const ended = cancelledAfterASecond(function* () {
      yield* asyncWith(new TaskGroup(), function* (group) {
        for (const name of ["a", "b", "c"]) group.createTask(failsInCleanUp(name));
        yield* sleep(10);
      });
    });
    expect(ended).toEqual(["ExceptionGroup(Error: a, Error: b, Error: c)", 1, 1]);
  });

  test("TaskGroup in a TaskGroup, cancelled, and tasks of the inner one fail: its group in a group [S170]", () => {
    const ended = cancelledAfterASecond(function* () {
      yield* asyncWith(new TaskGroup(), function* () {
        yield* asyncWith(new TaskGroup(), function* (inner) {
          for (const name of ["a", "b"]) inner.createTask(failsInCleanUp(name));
          yield* sleep(10);
        });
      });
    });
    expect(ended).toEqual(["ExceptionGroup(ExceptionGroup(Error: a, Error: b))", 1, 1]);
  });

  test("TaskGroup in a TaskGroup with tasks of its own, cancelled: those are cancelled too [S170]", () => {
    const tasks: Task<unknown>[] = [];
    const ended = cancelledAfterASecond(function* () {
      yield* asyncWith(new TaskGroup(), function* (outer) {
        tasks.push(outer.createTask(sleep(10)));
        yield* asyncWith(new TaskGroup(), function* (inner) {
          for (const name of ["a", "b"]) inner.createTask(failsInCleanUp(name));
          yield* sleep(10);
        });
      });
    });
    expect(ended).toEqual(["ExceptionGroup(ExceptionGroup(Error: a, Error: b))", 1, 1]);
    expect(tasks.map(endOf)).toEqual(["cancelled"]);
  });

  function* cleansUpWhileAChildFails(): Coroutine<void> {
    yield* asyncWith(new TaskGroup(), function* (group) {
      group.createTask(crash(3, "crash"));
      try {
        yield* sleep(10);
      } finally {
        yield* sleep(5);
      }
    });
  }

  test("TaskGroup cancelled, and a task fails while its block cleans up: that is cancelled once more, and the error is thrown [S165 S170]", () => {
    expect(cancelledAfterASecond(cleansUpWhileAChildFails)).toEqual(["ExceptionGroup(Error: crash)", 3, 1]);
  });

  test("TaskGroup in a task that is awaited by the one that is cancelled: the same comes out of both [S165 S170]", () => {
    const ended = cancelledAfterASecond(function* () {
      yield* createTask(cleansUpWhileAChildFails());
    });
    expect(ended).toEqual(["ExceptionGroup(Error: crash)", 3, 1]);
  });

  test("TaskGroup whose block ends with an error of its own when it is cancelled: that is thrown, in a group [S167]", () => {
    let isCancelled = false;
    const ended = cancelledAfterASecond(function* () {
      yield* asyncWith(new TaskGroup(), function* () {
        isCancelled = (yield* errorOf(sleep(10))) instanceof CancelledError;
        throw new RangeError("own");
      });
    });
    expect([isCancelled, ended]).toEqual([true, ["ExceptionGroup(RangeError: own)", 1, 1]]);
  });

  test("TaskGroup whose block swallows a cancellation: its tasks go on, and nothing is thrown", () => {
    grouping(function* (loop) {
      const task = createTask(
        (function* () {
          const child = yield* asyncWith(new TaskGroup(), function* (group) {
            const child = group.createTask(sleep(3, "result"));
            yield* errorOf(sleep(10));
            return child;
          });
          return child.result();
        })(),
      );
      yield* sleep(1);
      task.cancel();
      expect(yield* task).toBe("result");
      expect([loop.time(), task.cancelling()]).toEqual([3, 1]);
    });
  });

  test("TaskGroup whose block throws a CancelledError that nobody asked for: it goes on, and the tasks are cancelled", () => {
    grouping(function* () {
      const own = new CancelledError("own");
      const tasks: Task<unknown>[] = [];
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          tasks.push(group.createTask(sleep(1)));
          throw own;
        }),
      );
      expect(error).toBe(own);
      expect([tasks.map(endOf), self().cancelling()]).toEqual([["cancelled"], 0]);
    });
  });

  test("TaskGroup cancelled again and again: it waits for its tasks all the same, asks them once, and throws the first cancellation [S168]", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      function* stubborn(): Coroutine<void> {
        try {
          yield* sleep(10);
        } finally {
          yield* sleep(10);
          log.push(`cleaned up at ${loop.time()}, asked ${self().cancelling()} times`);
        }
      }
      const task = createTask(
        (function* () {
          const error = yield* errorOf(
            asyncWith(new TaskGroup(), function* (group) {
              group.createTask(stubborn());
            }),
          );
          log.push(`${textOf(error)} at ${loop.time()}, cancelling ${self().cancelling()}`);
          throw error;
        })(),
      );
      for (const message of ["first", "second", "third"]) {
        yield* sleep(1);
        task.cancel(message);
      }
      yield* errorOf(task);
      expect(log).toEqual(["cleaned up at 11, asked 1 times", "CancelledError: first at 11, cancelling 3"]);
      expect(endOf(task)).toBe("cancelled");
    });
  });

  test("TaskGroup cancelled between the end of its last task and its own: the cancellation is thrown [S168]", () => {
    grouping(function* (loop) {
      const tasks: Task<unknown>[] = [];
      const parent = createTask(
        (function* () {
          yield* asyncWith(new TaskGroup(), function* (group) {
            tasks.push(
              group.createTask(
                (function* () {
                  yield* sleep(1);
                  loop.callSoon(() => parent.cancel("outside")); // runs just before the group learns of the end
                })(),
              ),
            );
          });
        })(),
      );
      const error = yield* errorOf(parent);
      expect([textOf(error), ...tasks.map(endOf)]).toEqual(["CancelledError: outside", "result undefined"]);
    });
  });

  test("TaskGroup cancelled by its last task as that ends: the cancellation is thrown [S168]", () => {
    grouping(function* () {
      const parent: Task<void> = createTask(
        (function* () {
          yield* asyncWith(new TaskGroup(), function* (group) {
            group.createTask(
              (function* () {
                yield* sleep(1);
                parent.cancel("by its child");
              })(),
            );
          });
        })(),
      );
      expect(textOf(yield* errorOf(parent))).toBe("CancelledError: by its child");
    });
  });

  test("TaskGroup cancelled in the turn after its last task has ended: the cancellation comes at the parent's next wait", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      const parent: Task<void> = createTask(
        (function* () {
          yield* asyncWith(new TaskGroup(), function* (group) {
            const task = group.createTask(sleep(1));
            // Behind the group's own callback: `completed` is done, the parent not yet awake.
            task.addDoneCallback(() => void parent.cancel("late"));
          });
          log.push("after the block");
        })(),
      );
      expect(textOf(yield* errorOf(parent))).toBe("CancelledError: late");
      expect([log, loop.time()]).toEqual([[], 1]);
    });
  });

  test("TaskGroup: a task fails and the parent is cancelled in one turn: the group is thrown, and the parent's next wait is cancelled [S170]", () => {
    grouping(function* () {
      const event = new Event();
      const log: string[] = [];
      const task = createTask(
        (function* () {
          const error = yield* errorOf(
            asyncWith(new TaskGroup(), function* (group) {
              group.createTask(
                (function* () {
                  event.set();
                  yield* sleep(0);
                  throw new Error("crash");
                })(),
              );
              yield* sleep(1);
              log.push("never");
            }),
          );
          log.push(`${told(error)}, cancelling ${self().cancelling()}`);
          const next = (yield* errorOf(sleep(1))) as CancelledError;
          log.push(`${next.name} ${next.msg}, cancelling ${self().cancelling()}`);
          throw next;
        })(),
      );
      yield* event.wait();
      expect(task.cancelling()).toBe(0);
      task.cancel("outside");
      expect(task.cancelling()).toBe(1);
      yield* errorOf(task);
      expect(endOf(task)).toBe("cancelled");
      expect(log).toEqual([
        "ExceptionGroup(Error: crash), cancelling 1",
        "CancelledError null, cancelling 1",
      ]);
    });
  });

  test.each([1, 2, 3])(
    "TaskGroup that fails in a task with %d requests leaves as many, and one cancellation [S170]",
    (count) => {
      grouping(function* () {
        const log: unknown[] = [];
        const task = createTask(
          (function* () {
            const error = yield* errorOf(
              asyncWith(new TaskGroup(), function* (group) {
                group.createTask(failsInCleanUp("crash"));
                yield* sleep(10);
              }),
            );
            log.push(told(error), self().cancelling(), textOf(yield* errorOf(sleep(1))));
            yield* sleep(1);
            log.push("goes on");
          })(),
        );
        yield* sleep(1);
        for (let i = 0; i < count; i++) task.cancel();
        yield* task;
        expect(log).toEqual(["ExceptionGroup(Error: crash)", count, "CancelledError: ", "goes on"]);
      });
    },
  );

  test("TaskGroup whose block has failed, cancelled while it waits for its tasks: its errors are thrown, then the next wait is cancelled [S170]", () => {
    grouping(function* (loop) {
      const log: unknown[] = [];
      function* stubborn(): Coroutine<void> {
        yield* errorOf(sleep(10));
        yield* sleep(2);
      }
      const task = createTask(
        (function* () {
          const error = yield* errorOf(
            asyncWith(new TaskGroup(), function* (group) {
              group.createTask(stubborn());
              yield* crash(0.5, "own");
            }),
          );
          log.push(told(error), loop.time(), self().cancelling(), textOf(yield* errorOf(sleep(1))));
        })(),
      );
      yield* sleep(1);
      task.cancel("outside");
      yield* task;
      expect(log).toEqual(["ExceptionGroup(Error: own)", 2.5, 1, "CancelledError: "]);
    });
  });

  test("TaskGroup that shuts down since it was cancelled or its block has failed: a child that fails then cancels nobody a second time [S165]", () => {
    grouping(function* (loop) {
      for (const isCancelled of [true, false]) {
        const started = loop.time();
        const log: string[] = [];
        const task: Task<void> = createTask(
          (function* () {
            const error = yield* errorOf(
              asyncWith(new TaskGroup(), function* (group) {
                group.createTask(
                  (function* () {
                    try {
                      yield* sleep(10);
                    } finally {
                      yield* crash(1, "crash");
                    }
                  })(),
                );
                group.createTask(
                  (function* () {
                    try {
                      yield* sleep(10);
                    } finally {
                      yield* sleep(2);
                      log.push(`cleaned up at ${loop.time() - started}, asked ${self().cancelling()} times`);
                      log.push(`${group}, the parent ${task.cancelling()} times`);
                    }
                  })(),
                );
                yield* sleep(1);
                if (!isCancelled) throw new Error("own");
                self().cancel();
              }),
            );
            log.push(told(error));
          })(),
        );
        yield* wait([task]);
        expect(log).toEqual([
          "cleaned up at 3, asked 1 times",
          `<TaskGroup tasks=1 errors=1 cancelling>, the parent ${isCancelled ? 1 : 0} times`,
          isCancelled ? "ExceptionGroup(Error: crash)" : "ExceptionGroup(Error: crash, Error: own)",
        ]);
      }
    });
  });

  test("TaskGroup that a child's error shuts down, cancelled from outside meanwhile: the group is thrown, then the next wait is cancelled [S169 S170]", () => {
    grouping(function* (loop) {
      const log: unknown[] = [];
      const task = createTask(
        (function* () {
          const error = yield* errorOf(
            asyncWith(new TaskGroup(), function* (group) {
              group.createTask(
                (function* () {
                  yield* errorOf(sleep(10));
                  yield* sleep(2);
                })(),
              );
              group.createTask(crash(0.5, "crash"));
            }),
          );
          log.push(told(error), loop.time(), self().cancelling(), textOf(yield* errorOf(sleep(1))));
        })(),
      );
      yield* sleep(1);
      task.cancel("outside");
      yield* task;
      expect(log).toEqual(["ExceptionGroup(Error: crash)", 2.5, 1, "CancelledError: "]);
    });
  });

  test("TaskGroup in a TaskGroup, tasks of both fail in one turn: each throws its own, and each takes back its own request [S169 S170]", () => {
    grouping(function* () {
      const log: string[] = [];
      const outerError = yield* errorOf(
        asyncWith(new TaskGroup(), function* (outer) {
          const innerError = yield* errorOf(
            asyncWith(new TaskGroup(), function* (inner) {
              inner.createTask(crash(0, "inner"));
              outer.createTask(crash(0, "outer"));
            }),
          );
          log.push(`${told(innerError)}, cancelling ${self().cancelling()}`);
        }),
      );
      log.push(`${told(outerError)}, cancelling ${self().cancelling()}`);
      expect(log).toEqual([
        "ExceptionGroup(Error: inner), cancelling 1",
        "ExceptionGroup(Error: outer), cancelling 0",
      ]);
      yield* sleep(1);
    });
  });

  test("TaskGroup in a task that has swallowed a cancellation before: when it fails, the next wait is cancelled for no reason [S107]", () => {
    grouping(function* () {
      const log: unknown[] = [];
      const task = createTask(
        (function* () {
          yield* errorOf(sleep(10));
          const error = yield* errorOf(
            asyncWith(new TaskGroup(), function* (group) {
              group.createTask(crash(1, "crash"));
            }),
          );
          log.push(told(error), self().cancelling(), textOf(yield* errorOf(sleep(1))));
        })(),
      );
      yield* sleep(1);
      task.cancel();
      yield* task;
      expect(log).toEqual(["ExceptionGroup(Error: crash)", 1, "CancelledError: "]);
    });
  });

  test("TaskGroup: a KeyboardInterrupt of its block comes out alone, after all tasks; other errors are reported [S171 N6]", () => {
    const reports: ExceptionContext[] = [];
    const own = new KeyboardInterrupt();
    const group = new TaskGroup();
    grouping(
      function* (loop) {
        function* nested(): Coroutine<void> {
          try {
            yield* sleep(10);
          } catch {
            throw own;
          }
        }
        function* late(): Coroutine<void> {
          yield* errorOf(sleep(10));
          yield* crash(1, "late");
        }
        const error = yield* errorOf(
          asyncWith(group, function* () {
            group.createTask(crash(1, "crash"));
            group.createTask(late());
            yield* nested();
          }),
        );
        expect(error).toBe(own);
        expect(loop.time()).toBe(2);
      },
      { reports },
    );
    expect(reports.map(({ message, exception }) => [message, textOf(exception)])).toEqual([
      ["error in a TaskGroup that ended with KeyboardInterrupt()", "Error: crash"],
      ["error in a TaskGroup that ended with KeyboardInterrupt()", "Error: late"],
    ]);
    for (const report of reports) expect(report["taskGroup"]).toBe(group);
  });

  test("TaskGroup: what is no ordinary error makes a BaseExceptionGroup, from the block and from a child", () => {
    grouping(function* () {
      const base = (text: string) => new BaseExceptionGroup(text, [new CancelledError()]);
      function* failing(seconds: number, error: unknown): Coroutine<void> {
        try {
          yield* sleep(seconds);
        } finally {
          yield* thrower(error);
        }
      }
      function* thrower(error: unknown): Coroutine<void> {
        throw error;
      }
      const ofBlock = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          group.createTask(crash(1, "crash"));
          yield* failing(10, base("block"));
        }),
      );
      expect(ofBlock).not.toBeInstanceOf(ExceptionGroup);
      expect(told(ofBlock)).toBe("BaseExceptionGroup(Error: crash, BaseExceptionGroup(CancelledError: ))");
      const ofChild = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          group.createTask(failing(1, base("child")));
          yield* failing(10, new TypeError("own"));
        }),
      );
      expect(ofChild).not.toBeInstanceOf(ExceptionGroup);
      expect(told(ofChild)).toBe("BaseExceptionGroup(BaseExceptionGroup(CancelledError: ), TypeError: own)");
      expect(self().cancelling()).toBe(0);
    });
  });
});

describe("TaskGroup and errors that leave the loop", () => {
  /** Runs a task to its end, however often its loop is left on the way; what was thrown out of the loop. */
  function leavings(loop: VirtualEventLoop, main: Coroutine<void>): { task: Task<void>; thrown: unknown[] } {
    const task = loop.createTask(main) as Task<void>;
    const thrown: unknown[] = [];
    while (!task.done()) thrown.push(thrownBy(() => loop.runUntilComplete(task)));
    return { task, thrown };
  }

  /** Throws it after that time, or when it is cancelled. */
  function* interrupted(seconds: number, error: Error): Coroutine<never> {
    try {
      yield* sleep(seconds);
    } catch {
      throw error;
    }
    throw error;
  }

  test("TaskGroup: a SystemExit of a child leaves the loop at once; when that runs again, the group ends with it [S171]", () => {
    const loop = new VirtualEventLoop({ debug: false });
    const reports: ExceptionContext[] = [];
    loop.setExceptionHandler((_loop, context) => void reports.push(context));
    const exit = new SystemExit(3);
    const log: string[] = [];
    const { task, thrown } = leavings(
      loop,
      (function* () {
        yield* asyncWith(new TaskGroup(), function* (group) {
          group.createTask(interrupted(1, exit));
          group.createTask(
            (function* () {
              yield* errorOf(sleep(10));
              yield* sleep(1);
              log.push(`sibling ends at ${loop.time()}`);
            })(),
          );
          const error = yield* errorOf(sleep(10));
          log.push(`block: ${textOf(error)}`);
          throw new TypeError("own");
        });
      })(),
    );
    expect(thrown).toEqual([exit, exit]);
    expect(thrown[1]).toBe(exit);
    expect(task.exception()).toBe(exit);
    expect(log).toEqual(["block: CancelledError: ", "sibling ends at 2"]);
    expect(reports.map(({ message, exception }) => [message, textOf(exception)])).toEqual([
      ['error in a TaskGroup that ended with SystemExit("exit with code 3")', "TypeError: own"],
    ]);
    loop.close();
  });

  test("TaskGroup: of two errors that leave the loop the first comes out, and the other is reported [S171 N6]", () => {
    const [first, second] = [new SystemExit(1), new KeyboardInterrupt("second")];
    for (const isBlockFirst of [true, false]) {
      const loop = new VirtualEventLoop({ debug: false });
      const reports: ExceptionContext[] = [];
      loop.setExceptionHandler((_loop, context) => void reports.push(context));
      const { task, thrown } = leavings(
        loop,
        (function* () {
          yield* asyncWith(new TaskGroup(), function* (group) {
            group.createTask(interrupted(isBlockFirst ? 10 : 1, isBlockFirst ? second : first));
            yield* interrupted(isBlockFirst ? 1 : 10, isBlockFirst ? first : second);
          });
        })(),
      );
      expect(thrown).toEqual([isBlockFirst ? second : first, first]);
      expect(task.exception()).toBe(first);
      expect(reports.map(({ message, exception }) => [message, exception])).toEqual([
        ['error in a TaskGroup that ended with SystemExit("exit with code 1")', second],
      ]);
      loop.close();
    }
  });

  test("TaskGroup: of two children that leave the loop the first one's error comes out [S171]", () => {
    const loop = new VirtualEventLoop({ debug: false });
    const reports: ExceptionContext[] = [];
    loop.setExceptionHandler((_loop, context) => void reports.push(context));
    const [first, second] = [new SystemExit(1), new KeyboardInterrupt("second")];
    const { task, thrown } = leavings(
      loop,
      (function* () {
        yield* asyncWith(new TaskGroup(), function* (group) {
          group.createTask(interrupted(1, first));
          group.createTask(interrupted(10, second));
        });
      })(),
    );
    expect(thrown).toEqual([first, second, first]);
    expect(task.exception()).toBe(first);
    expect(reports.map(({ exception }) => exception)).toEqual([second]);
    loop.close();
  });

  test("run() of a main whose group has a KeyboardInterrupt in a child throws it, without itself among its causes [S171]", () => {
    const interrupt = new KeyboardInterrupt("by hand");
    const tasks: Task<unknown>[] = [];
    function* main(): Coroutine<void> {
      yield* asyncWith(new TaskGroup(), function* (group) {
        group.createTask(interrupted(1, interrupt));
        tasks.push(group.createTask(sleep(10)));
      });
    }
    const thrown = thrownBy(() => run(main(), { loopFactory: () => new VirtualEventLoop() }));
    expect(thrown).toBe(interrupt);
    expect(interrupt.cause).toBe(undefined);
    expect(tasks.map(endOf)).toEqual(["cancelled"]);
  });
});
