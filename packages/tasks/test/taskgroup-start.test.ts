// TaskGroup.start(): a child that is waited for until it says that it is ready. CPython has none; trio's Nursery.start is the model.
import type { Coroutine, ExceptionContext, Yieldable } from "@aioloop/loop";
import {
  ContextVar,
  copyContext,
  DeadlockError,
  InvalidStateError,
  KeyboardInterrupt,
  RuntimeError,
} from "@aioloop/loop";
import type { Task, TaskStatus } from "@aioloop/tasks";
import {
  allTasks,
  asyncWith,
  coroutine,
  createTask,
  sleep,
  TaskGroup,
  VirtualEventLoop,
} from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import type { ProgramOptions } from "./helpers.ts";
import { endOf, errorOf, logOf, program, self, textOf, thrownBy } from "./helpers.ts";
import { crash, FACTORIES, told } from "./taskgroup-helpers.ts";

/** The task of that name, which start() does not give. */
function taskNamed(name: string): Task<unknown> {
  return [...allTasks()].find((task) => task.getName() === name) as Task<unknown>;
}

describe.each(FACTORIES)("TaskGroup.start(), its tasks start %s:", (how, factory) => {
  const isEager = how === "eagerly";

  function grouping<T>(main: (loop: VirtualEventLoop) => Yieldable<T>, options?: ProgramOptions): T {
    return program(function* (loop) {
      loop.setTaskFactory(factory);
      return yield* main(loop);
    }, options);
  }

  test("TaskGroup.start() gives the value of status.started(), when that was called; the child goes on in the group", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      function* server(status: TaskStatus<number>): Coroutine<string> {
        yield* sleep(1);
        log.push("says it is ready");
        expect(status.started(8080)).toBe(undefined);
        log.push("goes on");
        yield* sleep(2);
        log.push(`ends at ${loop.time()}`);
        return "nobody gets it";
      }
      yield* asyncWith(new TaskGroup(), function* (group) {
        const port = yield* group.start<number>(server);
        log.push(`port ${port} at ${loop.time()}, ${group}`);
      });
      log.push(`the group has ended at ${loop.time()}`);
      expect(log).toEqual([
        "says it is ready",
        "goes on",
        "port 8080 at 1, <TaskGroup tasks=1 entered>",
        "ends at 3",
        "the group has ended at 3",
      ]);
    });
  });

  test("TaskGroup.start() of several, one after the other: each is ready before the next begins", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      function* service(name: string, seconds: number, status: TaskStatus<void>): Coroutine<void> {
        log.push(`${name} begins at ${loop.time()}`);
        yield* sleep(seconds);
        status.started();
        yield* sleep(seconds);
        log.push(`${name} ends at ${loop.time()}`);
      }
      yield* asyncWith(new TaskGroup(), function* (group) {
        expect(yield* group.start((status) => service("a", 2, status))).toBe(undefined);
        expect(yield* group.start((status) => service("b", 1, status))).toBe(undefined);
        log.push(`both are ready at ${loop.time()}`);
      });
      expect(log).toEqual([
        "a begins at 0",
        "b begins at 2",
        "both are ready at 3",
        "a ends at 4",
        "b ends at 4",
      ]);
    });
  });

  test("TaskGroup.start() of a child that is ready in its first step: how many turns pass", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      const turns = (n: number): void => {
        log.push(`turn ${n}`);
        if (n < 4) loop.callSoon(turns, n + 1);
      };
      loop.callSoon(turns, 1);
      yield* asyncWith(new TaskGroup(), function* (group) {
        const value = yield* group.start(function* (status: TaskStatus<string>) {
          status.started("ready");
          log.push("the child runs");
          yield* sleep(1);
        });
        log.push(value);
      });
      expect(log).toEqual(
        isEager
          ? ["the child runs", "ready", "turn 1", "turn 2", "turn 3", "turn 4"]
          : ["turn 1", "the child runs", "turn 2", "ready", "turn 3", "turn 4"],
      );
    });
  });

  test("TaskGroup.start(): the child fails before it is ready: start throws its error, and the group goes on", () => {
    grouping(function* (loop) {
      const tasks: Task<unknown>[] = [];
      const own = new Error("no such port");
      yield* asyncWith(new TaskGroup(), function* (group) {
        tasks.push(group.createTask(sleep(3, "sibling")));
        const error = yield* errorOf(
          group.start(function* () {
            tasks.push(self());
            yield* sleep(1);
            throw own;
          }),
        );
        expect(error).toBe(own);
        expect([loop.time(), self().cancelling()]).toEqual([1, 0]);
        yield* sleep(0);
        expect(`${group}`).toBe("<TaskGroup tasks=1 entered>");
        expect(yield* group.start(ready)).toBe("ready");
      });
      expect(tasks.map(endOf)).toEqual(["result sibling", "result undefined"]);
      expect(loop.time()).toBe(3);
    });
  });

  test("TaskGroup.start(): what the child throws in its first step before it is ready, be it no error, start throws", () => {
    grouping(function* () {
      for (const thrown of [undefined, null, 0, "text", new RangeError("own")]) {
        let caught: unknown = "nothing";
        yield* asyncWith(new TaskGroup(), function* (group) {
          try {
            yield* group.start(function* () {
              throw thrown;
            });
          } catch (error) {
            caught = error;
          }
        });
        expect(caught).toBe(thrown);
      }
    });
  });

  test("TaskGroup.start(): an error of the child before it is ready that leaves the block is in the group once", () => {
    grouping(function* () {
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          yield* group.start(() => crash(1, "not ready"));
        }),
      );
      expect(told(error)).toBe("ExceptionGroup(Error: not ready)");
    });
  });

  test("TaskGroup.start(): the child fails when it is ready: its error is the group's", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          log.push(
            yield* group.start(function* (status: TaskStatus<string>) {
              status.started("ready");
              yield* crash(1, "later");
            }),
          );
          const cancellation = yield* errorOf(sleep(10));
          log.push(textOf(cancellation));
          throw cancellation;
        }),
      );
      expect(log).toEqual(["ready", "CancelledError: "]);
      expect([told(error), loop.time(), self().cancelling()]).toEqual(["ExceptionGroup(Error: later)", 1, 0]);
    });
  });

  test("TaskGroup.start(): the child fails in the step in which it is ready: start gives its value, and the group is thrown", () => {
    grouping(function* () {
      const log: string[] = [];
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          log.push(
            yield* group.start(function* (status: TaskStatus<string>) {
              yield* sleep(1);
              status.started("ready");
              throw new Error("at once");
            }),
          );
          log.push(textOf(yield* errorOf(sleep(10))));
        }),
      );
      expect(log).toEqual(["ready", "CancelledError: "]);
      expect(told(error)).toBe("ExceptionGroup(Error: at once)");
    });
  });

  test("TaskGroup.start(): the child ends without being ready: start throws a RuntimeError, and the group goes on", () => {
    grouping(function* () {
      function* forgetful(): Coroutine<string> {
        yield* sleep(1);
        return "result";
      }
      yield* asyncWith(new TaskGroup(), function* (group) {
        const error = (yield* errorOf(group.start(forgetful))) as RuntimeError;
        expect(error).toBeInstanceOf(RuntimeError);
        expect(textOf(error)).toBe("RuntimeError: forgetful ended without calling status.started()");
        expect(error.cause).toBe(undefined);
        expect(textOf(yield* errorOf(group.start(() => sleep(0))))).toBe(
          "RuntimeError: <function> ended without calling status.started()",
        );
        expect(yield* group.start(ready)).toBe("ready");
      });
    });
  });

  test("TaskGroup.start(): somebody cancels the child before it is ready: start throws a RuntimeError with that as its cause", () => {
    grouping(function* (loop) {
      const ends: string[] = [];
      yield* asyncWith(new TaskGroup(), function* (group) {
        loop.callLater(1, () => {
          const task = taskNamed("child");
          task.addDoneCallback(() => ends.push(endOf(task)));
          task.cancel("by somebody");
        });
        const never = () => sleep(10);
        const error = (yield* errorOf(group.start(never, { name: "child" }))) as RuntimeError;
        expect(error).toBeInstanceOf(RuntimeError);
        expect(textOf(error)).toBe("RuntimeError: never ended without calling status.started()");
        expect(textOf(error.cause)).toBe("CancelledError: by somebody");
        expect(self().cancelling()).toBe(0);
        expect(yield* group.start(ready)).toBe("ready");
      });
      expect([ends, loop.time()]).toEqual([["cancelled"], 1]);
    });
  });

  test("TaskGroup.start(): somebody cancels the child when it is ready: the group goes on", () => {
    grouping(function* (loop) {
      const tasks: Task<unknown>[] = [];
      yield* asyncWith(new TaskGroup(), function* (group) {
        yield* group.start(function* (status) {
          tasks.push(self());
          status.started();
          yield* sleep(10);
        });
        yield* sleep(1);
        tasks[0]?.cancel();
        yield* sleep(1);
      });
      expect([tasks.map(endOf), loop.time()]).toEqual([["cancelled"], 2]);
    });
  });

  test("TaskGroup.start(): status.started() a second time is an InvalidStateError in the child", () => {
    grouping(function* () {
      const errors: unknown[] = [];
      function* eagerToTell(status: TaskStatus<number>): Coroutine<void> {
        status.started(1);
        errors.push(thrownBy(() => status.started(2)));
        yield* sleep(1);
        status.started(3);
      }
      const values: number[] = [];
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          values.push(yield* group.start(eagerToTell));
        }),
      );
      expect(values).toEqual([1]);
      expect(errors[0]).toBeInstanceOf(InvalidStateError);
      expect(textOf(errors[0])).toBe("InvalidStateError: eagerToTell has called status.started() already");
      expect(told(error)).toBe(
        "ExceptionGroup(InvalidStateError: eagerToTell has called status.started() already)",
      );
    });
  });

  test("TaskGroup.start(): status.started() may be called by somebody whom the child has given it", () => {
    grouping(function* (loop) {
      yield* asyncWith(new TaskGroup(), function* (group) {
        const value = yield* group.start(function* (status: TaskStatus<string>) {
          loop.callLater(1, () => status.started("by a callback"));
          yield* sleep(3);
        });
        expect([value, loop.time()]).toEqual(["by a callback", 1]);
      });
      expect(loop.time()).toBe(3);
    });
  });

  /** Cleans up for two seconds when it is cancelled, and notes how often it was asked. */
  function* slowToEnd(log: string[], loop: VirtualEventLoop): Coroutine<void> {
    try {
      yield* sleep(10);
    } finally {
      yield* sleep(2);
      log.push(`child cleaned up at ${loop.time()}, asked ${self().cancelling()} times`);
    }
  }

  test("TaskGroup.start(), the starter cancelled while it waits: the child is cancelled and awaited first, then the cancellation goes on", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      const tasks: Task<unknown>[] = [];
      yield* asyncWith(new TaskGroup(), function* (group) {
        const starter = group.createTask(
          (function* () {
            const error = yield* errorOf(
              group.start(
                function* () {
                  tasks.push(self());
                  yield* slowToEnd(log, loop);
                },
                { name: "child" },
              ),
            );
            log.push(`start: ${textOf(error)} at ${loop.time()}, ${group}`);
            throw error;
          })(),
        );
        tasks.push(starter);
        yield* sleep(1);
        starter.cancel("outside");
        yield* sleep(5);
        log.push("the block goes on");
      });
      expect(log).toEqual([
        "child cleaned up at 3, asked 1 times",
        "start: CancelledError: outside at 3, <TaskGroup tasks=1 entered>",
        "the block goes on",
      ]);
      expect(tasks.map(endOf)).toEqual(["cancelled", "cancelled"]);
    });
  });

  test("TaskGroup.start(), the starter cancelled several times: it waits for the child all the same, and asks it each time", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      yield* asyncWith(new TaskGroup(), function* (group) {
        const starter = group.createTask(
          (function* () {
            const error = yield* errorOf(
              group.start(function* () {
                for (let i = 0; i < 3; i++) {
                  const cancellation = yield* errorOf(sleep(10));
                  log.push(`child: ${textOf(cancellation)} at ${loop.time()}`);
                }
                yield* sleep(1);
              }),
            );
            log.push(`start: ${textOf(error)} at ${loop.time()}, cancelling ${self().cancelling()}`);
          })(),
        );
        for (const message of ["first", "second", "third"]) {
          yield* sleep(1);
          starter.cancel(message);
        }
      });
      expect(log).toEqual([
        "child: CancelledError:  at 1",
        "child: CancelledError:  at 2",
        "child: CancelledError:  at 3",
        "start: CancelledError: first at 4, cancelling 3",
      ]);
    });
  });

  test("TaskGroup.start(), the starter cancelled, and the child has swallowed a cancellation before: it is asked again", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      yield* asyncWith(new TaskGroup(), function* (group) {
        const starter = group.createTask(
          (function* () {
            const starting = group.start(
              function* () {
                yield* errorOf(sleep(10));
                log.push(`child: swallowed one at ${loop.time()}`);
                yield* sleep(10);
              },
              { name: "child" },
            );
            log.push(`start: ${textOf(yield* errorOf(starting))} at ${loop.time()}`);
          })(),
        );
        yield* sleep(1);
        taskNamed("child").cancel();
        yield* sleep(1);
        starter.cancel("outside");
      });
      expect(log).toEqual(["child: swallowed one at 1", "start: CancelledError: outside at 2"]);
    });
  });

  test("TaskGroup.start(), the starter cancelled, and the child swallows that: it may end, or say that it is ready, and nobody hears it", () => {
    grouping(function* (loop) {
      for (const isReadyLate of [true, false]) {
        const started = loop.time();
        const log: string[] = [];
        yield* asyncWith(new TaskGroup(), function* (group) {
          const starter = group.createTask(
            (function* () {
              const error = yield* errorOf(
                group.start(function* (status: TaskStatus<number>) {
                  yield* errorOf(sleep(10));
                  yield* sleep(1);
                  for (let i = 0; i < 2; i++) if (isReadyLate) status.started(i);
                  yield* sleep(1);
                  log.push("the child ends");
                }),
              );
              log.push(`start: ${textOf(error)} at ${loop.time() - started}`);
            })(),
          );
          yield* sleep(1);
          starter.cancel("outside");
        });
        expect(log).toEqual(["the child ends", "start: CancelledError: outside at 3"]);
      }
    });
  });

  test("TaskGroup.start(), the starter cancelled, and the child fails then: its error is the group's, and the cancellation goes on", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          const starter = group.createTask(
            (function* () {
              const error = yield* errorOf(
                group.start(function* () {
                  try {
                    yield* sleep(10);
                  } finally {
                    yield* crash(1, "in its clean-up");
                  }
                }),
              );
              log.push(`start: ${textOf(error)} at ${loop.time()}`);
            })(),
          );
          yield* sleep(1);
          starter.cancel("outside");
          yield* sleep(10);
        }),
      );
      expect(log).toEqual(["start: CancelledError: outside at 2"]);
      expect([told(error), loop.time()]).toEqual(["ExceptionGroup(Error: in its clean-up)", 2]);
      expect(self().cancelling()).toBe(0);
    });
  });

  test("TaskGroup.start() in the block, whose task is cancelled: child and group end before the cancellation goes on", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      const task = createTask(
        (function* () {
          yield* asyncWith(new TaskGroup(), function* (group) {
            yield* group.start(() => slowToEnd(log, loop));
          });
        })(),
      );
      yield* sleep(1);
      task.cancel("outside");
      expect(textOf(yield* errorOf(task))).toBe("CancelledError: outside");
      expect(log).toEqual(["child cleaned up at 3, asked 1 times"]);
      expect(loop.time()).toBe(3);
    });
  });

  test("TaskGroup.start() cancelled before its first step starts nothing", () => {
    grouping(function* () {
      const log: string[] = [];
      yield* asyncWith(new TaskGroup(), function* (group) {
        const starting = group.start(function* (status) {
          log.push("never");
          status.started();
        });
        expect(`${group}`).toBe("<TaskGroup entered>");
        const starter = createTask(starting, { eagerStart: false });
        starter.cancel();
        yield* errorOf(starter);
        expect([endOf(starter), `${group}`]).toEqual(["cancelled", "<TaskGroup entered>"]);
      });
      expect(log).toEqual([]);
    });
  });

  test("TaskGroup.start(), the starter cancelled in the turn in which the child is ready, behind it: the child goes on in the group", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      const tasks: Task<unknown>[] = [];
      yield* asyncWith(new TaskGroup(), function* (group) {
        const starter: Task<void> = group.createTask(
          (function* () {
            log.push(
              textOf(
                yield* errorOf(
                  group.start(function* (status: TaskStatus<string>) {
                    tasks.push(self());
                    yield* sleep(1);
                    status.started("ready");
                    starter.cancel("just too late");
                    yield* sleep(2, "the child's result");
                    log.push(`child ends at ${loop.time()}, cancelling ${self().cancelling()}`);
                  }),
                ),
              ),
            );
          })(),
        );
      });
      expect(log).toEqual(["CancelledError: just too late", "child ends at 3, cancelling 0"]);
      expect(tasks.map(endOf)).toEqual(["result undefined"]);
    });
  });

  test("TaskGroup.start(), the starter cancelled in the turn in which the child is ready, before it: the child is cancelled", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      const tasks: Task<unknown>[] = [];
      yield* asyncWith(new TaskGroup(), function* (group) {
        const starter: Task<void> = group.createTask(
          (function* () {
            log.push(
              textOf(
                yield* errorOf(
                  group.start(function* (status: TaskStatus<string>) {
                    tasks.push(self());
                    yield* sleep(1);
                    starter.cancel("just in time");
                    status.started("ready");
                    yield* sleep(2);
                  }),
                ),
              ),
            );
          })(),
        );
      });
      expect(log).toEqual(["CancelledError: just in time"]);
      expect([tasks.map(endOf), loop.time()]).toEqual([["cancelled"], 1]);
    });
  });

  test("TaskGroup.start() in the block, and a sibling fails meanwhile: the child is cancelled once, and its clean-up is not disturbed", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          group.createTask(crash(1, "sibling"));
          const error = yield* errorOf(group.start(() => slowToEnd(log, loop)));
          log.push(`start: ${textOf(error)} at ${loop.time()}, cancelling ${self().cancelling()}`);
          throw error;
        }),
      );
      expect(log).toEqual([
        "child cleaned up at 3, asked 1 times",
        "start: CancelledError:  at 3, cancelling 1",
      ]);
      expect([told(error), self().cancelling()]).toEqual(["ExceptionGroup(Error: sibling)", 0]);
    });
  });

  test("TaskGroup.start() by a child of the group, and a sibling fails meanwhile: both are cancelled once", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          group.createTask(crash(1, "sibling"));
          group.createTask(
            (function* () {
              const error = yield* errorOf(group.start(() => slowToEnd(log, loop)));
              log.push(`start: ${textOf(error)} at ${loop.time()}, cancelling ${self().cancelling()}`);
              throw error;
            })(),
          );
        }),
      );
      expect(log).toEqual([
        "child cleaned up at 3, asked 1 times",
        "start: CancelledError:  at 3, cancelling 1",
      ]);
      expect(told(error)).toBe("ExceptionGroup(Error: sibling)");
    });
  });

  test("TaskGroup.start() by a task outside the group that fails meanwhile: start throws a RuntimeError, its task is not cancelled", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      const group = new TaskGroup();
      const starter = createTask(
        (function* () {
          yield* sleep(0);
          const error = (yield* errorOf(group.start(() => slowToEnd(log, loop)))) as RuntimeError;
          log.push(`start: ${textOf(error)} at ${loop.time()}, cancelling ${self().cancelling()}`);
          log.push(`cause: ${textOf(error.cause)}`);
        })(),
      );
      const error = yield* errorOf(asyncWith(group, () => crash(1, "block")));
      yield* starter;
      expect(log).toEqual([
        "child cleaned up at 3, asked 1 times",
        "start: RuntimeError: <function> ended without calling status.started() at 3, cancelling 0",
        "cause: CancelledError: ",
      ]);
      expect(told(error)).toBe("ExceptionGroup(Error: block)");
    });
  });

  test("TaskGroup.start() and TaskGroup.cancel() in one turn: the child is cancelled once, and the block ends without an error [S173]", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      yield* asyncWith(new TaskGroup(), function* (group) {
        loop.callLater(1, () => group.cancel());
        yield* group.start(() => slowToEnd(log, loop));
      });
      expect([log, self().cancelling()]).toEqual([["child cleaned up at 3, asked 1 times"], 0]);
      yield* sleep(1);
    });
  });

  test("TaskGroup.start() from a child of the group: the child's child is the group's, and outlives it", () => {
    grouping(function* (loop) {
      const log: string[] = [];
      yield* asyncWith(new TaskGroup(), function* (group) {
        group.createTask(
          (function* () {
            const value = yield* group.start(function* (status: TaskStatus<string>) {
              yield* sleep(1);
              status.started("ready");
              yield* sleep(2);
              log.push(`grandchild ends at ${loop.time()}, ${group}`);
            });
            log.push(`${value} at ${loop.time()}, ${group}`);
          })(),
        );
      });
      expect(log).toEqual([
        "ready at 1, <TaskGroup tasks=2 exiting>",
        "grandchild ends at 3, <TaskGroup tasks=1 exiting>",
      ]);
    });
  });

  test("TaskGroup.start() while the group shuts down, or has ended: a RuntimeError, and fn is not called", () => {
    grouping(function* () {
      const log: string[] = [];
      function* never(): Coroutine<void> {
        log.push("never");
      }
      const group = new TaskGroup();
      log.push(textOf(yield* errorOf(group.start(never))));
      yield* asyncWith(group, function* () {
        group.cancel();
        log.push(textOf(yield* errorOf(group.start(never))));
      });
      log.push(textOf(yield* errorOf(group.start(never))));
      expect(log).toEqual([
        "RuntimeError: createTask() of <TaskGroup>: it has not been entered. Write yield* asyncWith(new TaskGroup(), function* (group) { … })",
        "RuntimeError: createTask() of <TaskGroup cancelling>: it is shutting down, since a task has failed or it was cancelled",
        "RuntimeError: createTask() of <TaskGroup finished>: it is finished. Start tasks inside its block",
      ]);
    });
  });

  test("TaskGroup.start(fn, { name, context }): both are the child's", () => {
    const variable = new ContextVar<string>("variable");
    grouping(function* () {
      const context = copyContext();
      yield* asyncWith(new TaskGroup(), function* (group) {
        const seen = yield* group.start(
          function* (status: TaskStatus<unknown[]>) {
            variable.set("set by the child");
            status.started([self().getName(), self().getContext()]);
          },
          { name: "server", context },
        );
        expect(seen).toEqual(["server", context]);
        expect([context.get(variable), variable.get("none")]).toEqual(["set by the child", "none"]);
        const name = yield* group.start(function* (status: TaskStatus<string>) {
          status.started(self().getName());
        });
        expect(name).toMatch(/^Task-\d+$/);
      });
    });
  });
});

test("TaskGroup.start(): a KeyboardInterrupt of the child before it is ready leaves the loop; start throws a RuntimeError with it as cause [S171]", () => {
  const interrupt = new KeyboardInterrupt("by hand");
  const loop = new VirtualEventLoop({ debug: false });
  const reports: ExceptionContext[] = [];
  loop.setExceptionHandler((_loop, context) => void reports.push(context));
  const seen: unknown[] = [];
  const task = loop.createTask(
    (function* () {
      const error = yield* errorOf(
        asyncWith(new TaskGroup(), function* (group) {
          const error = (yield* errorOf(
            group.start(function* server() {
              yield* sleep(1);
              throw interrupt;
            }),
          )) as Error;
          seen.push(textOf(error), error.cause);
          throw error;
        }),
      );
      seen.push(error);
    })(),
  );
  expect(thrownBy(() => loop.runUntilComplete(task))).toBe(interrupt);
  expect(seen).toEqual([]);
  loop.runUntilComplete(task);
  expect(seen).toEqual(["RuntimeError: server ended without calling status.started()", interrupt, interrupt]);
  expect(reports.map(({ message, exception }) => [message, textOf(exception)])).toEqual([
    [
      'error in a TaskGroup that ended with KeyboardInterrupt("by hand")',
      "RuntimeError: server ended without calling status.started()",
    ],
  ]);
  loop.close();
});

test("TaskGroup.start(): somebody cancels the child before its first step: start throws a RuntimeError", () => {
  program(function* (loop) {
    const log: string[] = [];
    yield* asyncWith(new TaskGroup(), function* (group) {
      loop.callSoon(() => void taskNamed("child").cancel("by somebody"));
      const starter = createTask(
        (function* () {
          const error = (yield* errorOf(group.start(ready, { name: "child" }))) as Error;
          log.push(textOf(error), textOf(error.cause));
        })(),
        { eagerStart: true },
      );
      yield* starter;
    });
    expect(log).toEqual([
      "RuntimeError: ready ended without calling status.started()",
      "CancelledError: by somebody",
    ]);
  });
});

test("TaskGroup.start() by a task outside the group that fails before the child's first step: start throws a RuntimeError", () => {
  program(function* () {
    const log: string[] = [];
    const starters: Task<void>[] = [];
    function* starting(group: TaskGroup): Coroutine<void> {
      log.push(textOf(yield* errorOf(group.start(ready))));
    }
    const error = yield* errorOf(
      asyncWith(new TaskGroup(), function* (group) {
        starters.push(createTask(starting(group), { eagerStart: true }));
        throw new Error("block");
      }),
    );
    for (const starter of starters) yield* starter;
    expect(log).toEqual(["RuntimeError: ready ended without calling status.started()"]);
    expect(told(error)).toBe("ExceptionGroup(Error: block)");
  });
});

test("DeadlockError names what start waits for", () => {
  const error = thrownBy(() =>
    program(function* () {
      yield* asyncWith(new TaskGroup(), function* (group) {
        yield* group.start(
          function* server() {
            yield* sleep(Number.POSITIVE_INFINITY);
          },
          { name: "child" },
        );
      });
    }),
  );
  expect(error).toBeInstanceOf(DeadlockError);
  expect(textOf(error).replace(/Task-\d+/, "main")).toContain(
    "\n  main waits for server to be started (in asyncWith > start)\n  child waits for <coroutine sleep(Infinity)> (in start)",
  );
});

test("TaskGroup.start() of what is no function: a TypeError at once", () => {
  program(function* () {
    yield* asyncWith(new TaskGroup(), function* (group) {
      for (const [wrong, shown] of [
        [undefined, "undefined"],
        [null, "null"],
        ["server", '"server"'],
        [sleep(1), "<coroutine sleep(1)>"],
      ]) {
        const error = thrownBy(() => group.start(wrong as never));
        expect(error).toBeInstanceOf(TypeError);
        expect(textOf(error)).toBe(
          `TypeError: start(fn): fn must be a generator function, function* (status) { … }, got ${shown}`,
        );
      }
      expect(`${group}`).toBe("<TaskGroup entered>");
    });
  });
});

test("TaskGroup.start() of a function that returns no coroutine: start throws a TypeError, and the group goes on", () => {
  program(function* () {
    yield* asyncWith(new TaskGroup(), function* (group) {
      const wrong: [fn: () => unknown, shown: string][] = [
        [function plain() {}, "undefined"],
        [() => [1, 2], "[2 items]"],
        [() => "text", '"text"'],
      ];
      for (const [fn, shown] of wrong) {
        const error = yield* errorOf(group.start(fn as never));
        expect(error).toBeInstanceOf(TypeError);
        expect(textOf(error)).toBe(
          `TypeError: start(fn): fn must be a generator function, function* (status) { … }; it returned ${shown}`,
        );
      }
      expect(yield* group.start(ready)).toBe("ready");
    });
  });
});

test("TaskGroup.start() of a function made by coroutine(), in debug mode: nothing is said", () => {
  const server = coroutine(function* server(status: TaskStatus<string>) {
    status.started("ready");
    yield* sleep(1);
  });
  const log = logOf(() =>
    program(
      function* () {
        yield* asyncWith(new TaskGroup(), function* (group) {
          expect(yield* group.start(server)).toBe("ready");
        });
      },
      { debug: true },
    ),
  );
  expect(log).toEqual([]);
});

/** Ready at once. */
function* ready(status: TaskStatus<string>): Coroutine<void> {
  status.started("ready");
}
