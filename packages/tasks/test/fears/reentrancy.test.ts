// Code that the loop calls calls back: in the middle of a turn, of a step, of a comparison, of a report. Whatever it does there
// takes effect later, in order, or is refused by an error that says so; nothing is lost, and the loop goes on.
import type { Coroutine, ExceptionContext, Future, Instrument } from "@aioloop/loop";
import { CancelledError, DeadlockError, getRunningLoop, KeyboardInterrupt } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import {
  allTasks,
  asyncWith,
  Condition,
  coroutine,
  createTask,
  currentTask,
  Event,
  gather,
  Lock,
  PriorityQueue,
  Queue,
  run,
  Semaphore,
  sleep,
  TaskGroup,
  VirtualEventLoop,
  wait,
} from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { endOf, errorOf, logOf, program, self, textOf, thrownBy } from "../helpers.ts";

describe("callbacks of futures", () => {
  test("a callback that adds one to its done future: it runs, in the next turn [S54 S55]", () => {
    program(function* (loop) {
      const future = loop.createFuture<void>();
      const order: string[] = [];
      future.addDoneCallback(() => {
        order.push("first");
        future.addDoneCallback(() => void order.push("added"));
      });
      future.addDoneCallback(() => void order.push("second"));
      future.setResult();
      yield;
      expect(order).toEqual(["first", "second"]);
      yield;
      expect(order).toEqual(["first", "second", "added"]);
    });
  });

  test("a callback that removes another of the same round does not stop it: it was on its way [S55 S56]", () => {
    program(function* (loop) {
      const future = loop.createFuture<void>();
      const order: string[] = [];
      const second = () => void order.push("second");
      future.addDoneCallback(() => {
        order.push(`first removed ${future.removeDoneCallback(second)}`);
      });
      future.addDoneCallback(second);
      future.setResult();
      yield;
      expect(order).toEqual(["first removed 0", "second"]);
    });
  });

  test("a callback that finishes the next future, ten thousand deep: one after the other, each in its turn [S54]", () => {
    program(function* (loop) {
      const futures = Array.from({ length: 10_000 }, () => loop.createFuture<number>());
      futures.forEach((future, i) => {
        future.addDoneCallback(() => futures[i + 1]?.setResult(i + 1));
      });
      futures[0]?.setResult(0);
      expect(futures[1]?.done()).toBe(false);
      expect(yield* futures[9_999] as Future<number>).toBe(9_999);
    });
  });

  test("done callbacks that cancel the other tasks: each is cancelled once, none is missed [S98]", () => {
    program(function* () {
      const tasks = Array.from({ length: 100 }, () => createTask(sleep(100)));
      for (const task of tasks) {
        task.addDoneCallback(() => {
          for (const other of tasks) other.cancel();
        });
      }
      yield;
      tasks[50]?.cancel();
      yield* wait(tasks);
      expect(tasks.every((task) => task.cancelled())).toBe(true);
      expect(Math.max(...tasks.map((task) => task.cancelling()))).toBe(1);
    });
  });

  test("a done callback that creates a task, which enters a TaskGroup: both run to their end [S163]", () => {
    program(function* () {
      const results: string[] = [];
      const made: Task<unknown>[] = [];
      createTask(sleep(1)).addDoneCallback(() => {
        made.push(
          createTask(
            asyncWith(new TaskGroup(), function* (group) {
              for (const name of ["a", "b"]) {
                group.createTask(
                  (function* () {
                    results.push(yield* sleep(1, name));
                  })(),
                );
              }
            }),
          ),
        );
      });
      while (made.length === 0) yield* sleep(1);
      yield* gather(made);
      expect(results).toEqual(["a", "b"]);
    });
  });

  test("a done callback has no task, and is refused a TaskGroup [S96 S163]", () => {
    program(function* (loop) {
      const future = loop.createFuture<string>();
      loop.callSoon(() => {
        expect(currentTask()).toBe(null);
        future.setResult(textOf(thrownBy(() => new TaskGroup().aenter().next())));
      });
      expect(yield* future).toBe("RuntimeError: a TaskGroup must be used inside a task");
    });
  });

  test("a done callback of a group's last task that wants to add one is refused: the group is finished [S164]", () => {
    program(function* () {
      const refused: string[] = [];
      yield* asyncWith(new TaskGroup(), function* (group) {
        const task = group.createTask(sleep(1));
        task.addDoneCallback(() => {
          refused.push(textOf(thrownBy(() => group.createTask(sleep(1)))));
        });
      });
      yield;
      expect(refused).toHaveLength(1);
      expect(refused[0]).toMatch(/^RuntimeError: createTask\(\) of <TaskGroup .*>: it is finished/);
    });
  });

  test("children that add children while the block is being left: the group waits for all generations [S164]", () => {
    program(function* () {
      let ended = 0;
      yield* asyncWith(new TaskGroup(), function* (group) {
        function* child(generation: number): Coroutine<void> {
          yield* sleep(1);
          if (generation < 8) for (let i = 0; i < 2; i++) group.createTask(child(generation + 1));
          ended += 1;
        }
        group.createTask(child(0));
      });
      expect(ended).toBe(511);
    });
  });
});

describe("wakers and woken", () => {
  test("Event.set() in a waiter's first step, before the others wait: they do not wait at all [S189]", () => {
    program(function* () {
      const event = new Event();
      const order: number[] = [];
      yield* gather(
        [0, 1, 2].map(function* (who) {
          if (who === 0) event.set();
          yield* event.wait();
          order.push(who);
        }),
      );
      expect(order).toEqual([0, 1, 2]);
    });
  });

  test("Event: a woken waiter that clears it and waits again waits for the next set(), and so do the others [S188]", () => {
    program(function* () {
      const event = new Event();
      const rounds: number[] = [0, 0, 0];
      const tasks = rounds.map((_count, who) =>
        createTask(
          (function* () {
            for (;;) {
              yield* event.wait();
              rounds[who] = (rounds[who] ?? 0) + 1;
              event.clear();
            }
          })(),
        ),
      );
      yield;
      for (let round = 1; round <= 5; round++) {
        event.set();
        yield;
        yield;
        expect(rounds).toEqual([round, round, round]);
      }
      for (const task of tasks) task.cancel();
    });
  });

  test("Lock released within the woken task's step: the next is woken, and who acquires it there again comes last [S183 S185]", () => {
    program(function* () {
      const lock = new Lock();
      const order: string[] = [];
      yield* lock.acquire();
      const tasks = ["a", "b", "c"].map((name) =>
        createTask(
          (function* () {
            for (let round = 1; round <= 2; round++) {
              yield* lock.acquire();
              order.push(`${name}${round}`);
              lock.release();
            }
          })(),
        ),
      );
      yield;
      lock.release();
      yield* gather(tasks);
      expect(order).toEqual(["a1", "b1", "c1", "a2", "b2", "c2"]);
    });
  });

  test("Semaphore released within the woken task's step: each release serves one, none is lost [S196]", () => {
    program(function* () {
      const semaphore = new Semaphore(0);
      let served = 0;
      const tasks = Array.from({ length: 1000 }, () =>
        createTask(
          (function* () {
            yield* semaphore.acquire();
            served += 1;
            semaphore.release();
          })(),
        ),
      );
      yield;
      semaphore.release();
      yield* gather(tasks);
      expect([served, String(semaphore)]).toEqual([1000, "<Semaphore [unlocked, value:1]>"]);
    });
  });

  test("Condition: a predicate that notifies wakes those who wait, not its own waiter, and ends [S192 S194]", () => {
    program(function* () {
      const condition = new Condition();
      let looks = 0;
      const waiting = createTask(
        asyncWith(condition, function* () {
          yield* condition.wait();
          condition.notify();
          return true;
        }),
      );
      yield;
      yield* asyncWith(condition, () =>
        condition.waitFor(() => {
          condition.notifyAll();
          looks += 1;
          return looks > 1;
        }),
      );
      expect(looks).toBe(2);
      expect(yield* waiting).toBe(true);
    });
  });

  test("Condition: a predicate that throws ends waitFor() with the lock held, and the block frees it [S194]", () => {
    program(function* () {
      const condition = new Condition();
      let isBroken = false;
      const waiting = createTask(
        asyncWith(condition, () =>
          condition.waitFor(() => {
            if (isBroken) throw new Error("predicate");
            return false;
          }),
        ),
      );
      yield;
      yield* asyncWith(condition, function* () {
        isBroken = true;
        condition.notify();
      });
      expect(textOf(yield* errorOf(waiting))).toBe("Error: predicate");
      expect(String(condition)).toBe("<Condition [unlocked]>");
    });
  });

  test("Queue: a getter that puts back what it gets, within its step, is served like the others [S206]", () => {
    program(function* () {
      const queue = new Queue<number>();
      const got: number[] = [0, 0, 0];
      const tasks = got.map((_count, who) =>
        createTask(
          (function* () {
            while ((got[who] as number) < 100) {
              const item = yield* queue.get();
              got[who] = (got[who] as number) + 1;
              queue.putNowait(item);
              yield;
            }
          })(),
        ),
      );
      yield;
      queue.putNowait(1);
      yield* gather(tasks);
      expect([got, queue.qsize()]).toEqual([[100, 100, 100], 1]);
    });
  });

  test("of two tasks that are about to cancel each other the first does, and lives [S101 S98]", () => {
    program(function* () {
      const tasks: Task<void>[] = [];
      for (const other of [1, 0]) {
        tasks.push(
          createTask(
            (function* () {
              yield;
              tasks[other]?.cancel();
              yield* sleep(10);
            })(),
          ),
        );
      }
      yield* wait(tasks);
      expect(tasks.map(endOf)).toEqual(["result undefined", "cancelled"]);
    });
  });

  test("a task that cancels a task that cancels it, while both clean up, ends all the same [S98 S108]", () => {
    program(function* () {
      const tasks: Task<void>[] = [];
      function* cleaningUp(other: number): Coroutine<void> {
        try {
          yield* sleep(10);
        } finally {
          tasks[other]?.cancel();
          yield* sleep(1);
        }
      }
      tasks.push(createTask(cleaningUp(1)), createTask(cleaningUp(0)));
      yield;
      tasks[0]?.cancel();
      yield* wait(tasks);
      expect(tasks.map(endOf)).toEqual(["cancelled", "cancelled"]);
    });
  });
});

describe("the loop, called from inside", () => {
  test("loop.stop() in a callback lets the turn finish; what was scheduled runs in the next run [S18]", () => {
    const loop = new VirtualEventLoop();
    const order: string[] = [];
    loop.callSoon(() => {
      loop.stop();
      order.push("stopped");
      loop.callSoon(() => {
        order.push("later");
        loop.stop();
      });
    });
    loop.callSoon(() => void order.push("same turn"));
    loop.runForever();
    expect(order).toEqual(["stopped", "same turn"]);
    loop.runForever();
    expect(order).toEqual(["stopped", "same turn", "later"]);
    loop.close();
  });

  test("loop.close() is refused in a callback, a step and an exception handler; the loop goes on [S26]", () => {
    const reports: ExceptionContext[] = [];
    const refused: string[] = [];
    program(
      function* (loop) {
        const close = () => void refused.push(textOf(thrownBy(() => loop.close())));
        loop.setExceptionHandler((_loop, context) => {
          reports.push(context);
          close();
        });
        loop.callSoon(close);
        loop.callSoon(() => {
          throw new Error("to the handler");
        });
        close();
        yield* sleep(1);
        expect(loop.isClosed()).toBe(false);
      },
      { reports },
    );
    expect(reports).toHaveLength(1);
    const text =
      "RuntimeError: close(): cannot close a running event loop: stop() it, or let its main coroutine return";
    expect(refused).toEqual([text, text, text]);
  });

  test("loop.runForever(), runUntilComplete() and run() are refused inside a turn, of this loop and of another [S20 S175]", () => {
    program(function* (loop) {
      const other = new VirtualEventLoop();
      const calls = [
        () => loop.runForever(),
        () => loop.runUntilComplete(loop.createFuture()),
        () => other.runForever(),
        () => run(sleep(0), { loopFactory: () => other }),
      ];
      const asked = loop.createFuture<string[]>();
      const ask = () =>
        calls.map((call) => textOf(thrownBy(call)).replace(/:.*?(is already|cannot|await)/, ": $1"));
      loop.callSoon(() => asked.setResult(ask()));
      const inStep = ask();
      expect(yield* asked).toEqual(inStep);
      for (const text of inStep) expect(text).toMatch(/^RuntimeError: (is already running|cannot|await)/);
      expect(getRunningLoop()).toBe(loop);
      other.close();
    });
  });

  test("an exception handler that schedules, creates tasks and throws: all of it happens, the last is logged [S50]", () => {
    const log = logOf(() => {
      const loop = new VirtualEventLoop();
      const order: string[] = [];
      run(
        (function* () {
          loop.setExceptionHandler((_loop, { message }) => {
            order.push(message.split(" ").slice(0, 3).join(" "));
            loop.callSoon(() => void order.push("scheduled"));
            createTask(
              (function* () {
                yield* sleep(1);
                order.push("task");
              })(),
            );
            throw new Error("of the handler");
          });
          loop.callSoon(() => {
            throw new Error("of the callback");
          });
          loop.callSoon(() => void order.push("next callback"));
          yield* sleep(2);
        })(),
        { loopFactory: () => loop },
      );
      expect(order).toEqual(["Exception in callback", "next callback", "scheduled", "task"]);
    });
    expect(log).toHaveLength(1);
    expect(log[0]).toContain("Unhandled error in exception handler");
    expect(log[0]).toContain("of the handler");
  });

  test("an exception handler that reports again, for each report: no recursion that is not its own, the loop goes on [S50]", () => {
    const reports: ExceptionContext[] = [];
    program(
      function* (loop) {
        loop.setExceptionHandler((_loop, context) => {
          reports.push(context);
          if (reports.length < 100) {
            loop.callSoon(() => {
              throw new Error(`again ${reports.length}`);
            });
          }
        });
        loop.callSoon(() => {
          throw new Error("first");
        });
        while (reports.length < 100) yield;
      },
      { reports },
    );
    expect(reports).toHaveLength(100);
  });

  test("KeyboardInterrupt in a callback leaves the loop; what was behind it in the turn runs in the next run [S21 S45]", () => {
    const loop = new VirtualEventLoop();
    const order: string[] = [];
    loop.callSoon(() => {
      throw new KeyboardInterrupt();
    });
    loop.callSoon(() => {
      order.push("behind it");
      loop.stop();
    });
    expect(thrownBy(() => loop.runForever())).toBeInstanceOf(KeyboardInterrupt);
    expect([order, loop.isRunning()]).toEqual([[], false]);
    loop.runForever();
    expect(order).toEqual(["behind it"]);
    loop.close();
  });
});

describe("coroutines in a circle", () => {
  test("a coroutine that awaits itself is told so, by name", () => {
    program(function* () {
      const own: Coroutine<void>[] = [];
      const narcissus = coroutine(function* narcissus() {
        yield* own[0] as Coroutine<void>;
      });
      own.push(narcissus());
      expect(textOf(yield* errorOf(own[0] as Coroutine<void>))).toMatch(
        /^RuntimeError: <coroutine narcissus> is being awaited already/,
      );
    });
  });

  test("two coroutines that await each other are told so; plain generators too, by the host", () => {
    program(function* () {
      const both: Coroutine<void>[] = [];
      const waiting = coroutine(function* waiting(other: number) {
        yield* sleep(0);
        yield* both[other] as Coroutine<void>;
      });
      both.push(waiting(1), waiting(0));
      expect(textOf(yield* errorOf(both[0] as Coroutine<void>))).toMatch(/is being awaited already/);
      const plain: Coroutine<void>[] = [];
      plain.push(
        (function* () {
          yield* plain[0] as Coroutine<void>;
        })(),
      );
      expect(yield* errorOf(plain[0] as Coroutine<void>)).toBeInstanceOf(TypeError);
    });
  });

  test("a task that awaits itself gets a RuntimeError, and can go on [S86]", () => {
    program(function* () {
      const task: Task<string> = createTask(
        (function* (): Coroutine<string> {
          yield;
          return textOf(yield* errorOf(self()));
        })(),
      );
      expect(yield* task).toMatch(/^RuntimeError: .* cannot await itself$/);
    });
  });

  test.each([2, 3, 100])(
    "%d tasks that await each other in a circle: DeadlockError; cancelled, all end",
    (count) => {
      const circle = function* () {
        const tasks: Task<unknown>[] = [];
        for (let i = 0; i < count; i++) {
          tasks.push(
            createTask(
              (function* (): Coroutine<unknown> {
                yield;
                return yield* tasks[(i + 1) % count] as Task<unknown>;
              })(),
            ),
          );
        }
        yield* [null, null, null].map(() => undefined); // they all wait now
        return tasks;
      };
      expect(
        thrownBy(() =>
          program(function* () {
            const tasks = yield* circle();
            yield* wait(tasks);
          }),
        ),
      ).toBeInstanceOf(DeadlockError);
      program(function* () {
        const tasks = yield* circle();
        tasks[0]?.cancel();
        yield* wait(tasks);
        expect(tasks.every((task) => task.cancelled())).toBe(true);
      });
    },
  );

  test("a task that gathers itself with others: cancelled, it ends, and so do they", () => {
    program(function* () {
      const other = createTask(sleep(100));
      const task: Task<unknown> = createTask(
        (function* (): Coroutine<unknown> {
          yield;
          return yield* gather([other, self()]);
        })(),
      );
      yield;
      yield;
      yield;
      task.cancel();
      yield* wait([task, other]);
      expect([task.cancelled(), other.cancelled()]).toEqual([true, true]);
    });
  });
});

describe("who watches", () => {
  const hooks = [
    "taskCreated",
    "taskStep",
    "taskWait",
    "taskDone",
    "handleBefore",
    "handleAfter",
    "access",
  ] as const satisfies readonly (keyof Instrument)[];

  test.each(hooks)(
    "an instrument whose %s() throws is removed and reported once; the program notices nothing",
    (hook) => {
      const reports: ExceptionContext[] = [];
      let calls = 0;
      program(
        function* (loop) {
          loop.addInstrument({
            [hook]() {
              calls += 1;
              throw new Error("of the instrument");
            },
          });
          const lock = new Lock();
          let sum = 0;
          yield* gather(
            [1, 2, 3].map(function* (number) {
              yield* asyncWith(lock, function* () {
                yield* sleep(1);
                sum += number;
              });
            }),
          );
          expect(sum).toBe(6);
        },
        { reports },
      );
      expect(calls).toBe(1);
      expect(reports.map(({ message }) => message)).toEqual([`Instrument removed: its ${hook}() failed`]);
    },
  );

  test("an instrument that removes itself, or adds another, within a hook: both take effect from the next event", () => {
    program(function* (loop) {
      const seen: string[] = [];
      const second: Instrument = { taskDone: (task) => void seen.push(`second ${task.getName()}`) };
      const first: Instrument = {
        taskDone(task) {
          seen.push(`first ${task.getName()}`);
          loop.removeInstrument(first);
          loop.addInstrument(second);
        },
      };
      loop.addInstrument(first);
      yield* createTask(sleep(1), { name: "a" });
      yield* createTask(sleep(1), { name: "b" });
      loop.removeInstrument(second);
      expect(seen).toEqual(["first a", "second b"]);
    });
  });

  test("allTasks() can be gone through while tasks end, begin and are cancelled [S95]", () => {
    program(function* () {
      const tasks = Array.from({ length: 100 }, (_, i) => createTask(sleep(i + 1)));
      yield;
      let seen = 0;
      for (const task of allTasks()) {
        seen += 1;
        if (task === self()) continue;
        task.cancel();
        createTask(sleep(0));
        yield; // those that were cancelled end here
      }
      expect(seen).toBe(101);
      expect(tasks.filter((task) => task.cancelled())).toHaveLength(100);
      yield;
      yield;
      expect(allTasks().size).toBe(1);
    });
  });

  test("a task, a queue and a deadlock whose items cannot be shown are shown without them [S69]", () => {
    const error = thrownBy(() =>
      program(function* (loop) {
        const hidden = {
          toString(): string {
            throw new Error("not to be shown");
          },
        };
        const queue = new Queue<unknown>(1);
        yield* queue.put(hidden);
        expect(String(queue)).toBe("<Queue maxsize=1 qsize=1 unfinished=1>");
        expect(textOf(thrownBy(() => queue.putNowait(hidden)))).toMatch(/^QueueFull: /);
        const future = loop.createFuture<unknown>();
        future.setResult(hidden);
        expect(String(future)).toBe("<Future finished result=<object that cannot be shown>>");
        const task = createTask(
          (function* () {
            return hidden;
          })(),
          { name: "hiding" },
        );
        yield* task;
        expect(String(task)).toContain("result=<object that cannot be shown>");
        yield* new PriorityQueue<unknown>(1, { compare: () => 0 }).get();
      }),
    );
    expect(error).toBeInstanceOf(DeadlockError);
    expect(textOf(error)).toContain("<PriorityQueue maxsize=1 qsize=0 getters=1>");
  });
});

describe("comparators that call into their queue", () => {
  type Act = (queue: PriorityQueue<number>, got: number[]) => void;

  /** What comes out of a queue, in order, when the comparator does `act` once, in the middle of putting 4 or of getting one. */
  function drained(at: "put" | "get", comparison: number, act: Act): number[] {
    return program(function* () {
      let left = Number.POSITIVE_INFINITY;
      const got: number[] = [];
      const queue: PriorityQueue<number> = new PriorityQueue<number>(0, {
        compare(a, b) {
          left -= 1;
          if (left === 0) act(queue, got);
          return a - b;
        },
      });
      for (const item of [5, 3, 8, 1, 9, 2, 7]) queue.putNowait(item);
      left = comparison;
      // Refused or done, as it may be: what counts is what is in the queue afterwards.
      try {
        if (at === "put") queue.putNowait(4);
        else got.push(queue.getNowait());
      } catch {}
      expect(left).toBeLessThanOrEqual(0);
      while (!queue.empty()) got.push(queue.getNowait());
      return got;
    });
  }

  const moments = [
    ["putNowait()", "put", 1],
    ["putNowait()", "put", 2],
    ["getNowait()", "get", 1],
    ["getNowait()", "get", 2],
    ["getNowait()", "get", 3],
  ] as const;

  const sorted = (items: number[]) => [...items].sort((a, b) => a - b);

  test.each(moments)(
    "PriorityQueue: one that asks for sizes in %s (%s, comparison %d): it is answered",
    (_call, at, comparison) => {
      const sizes: number[] = [];
      const items = drained(at, comparison, (queue) => {
        sizes.push(queue.qsize());
        expect([queue.full(), queue.empty()]).toEqual([false, false]);
      });
      expect(items).toEqual(at === "put" ? [1, 2, 3, 4, 5, 7, 8, 9] : [1, 2, 3, 5, 7, 8, 9]);
      expect(sizes).toEqual([7]);
    },
  );

  test.each(moments)(
    "PriorityQueue: one that gets an item in %s (%s, comparison %d): each item comes out once",
    (_call, at, comparison) => {
      const items = drained(at, comparison, (queue, got) => {
        try {
          got.push(queue.getNowait());
        } catch {} // it may refuse
      });
      const all = [1, 2, 3, 5, 7, 8, 9];
      expect([all, sorted([...all, 4])]).toContainEqual(sorted(items));
      expect(new Set(items).size).toBe(items.length);
      expect(sorted(items).filter((item) => item !== 4)).toEqual(all);
    },
  );

  test.each(moments)(
    "PriorityQueue: one that puts an item in %s (%s, comparison %d): all come out, in order",
    (_call, at, comparison) => {
      let isPut = true;
      const items = drained(at, comparison, (queue) => {
        try {
          queue.putNowait(0);
        } catch {
          isPut = false; // it may refuse
        }
      });
      const rest = at === "put" ? items : items.slice(1); // the first was on its way already
      expect(rest).toEqual(sorted(rest));
      expect(items.filter((item) => item !== 4 && item !== 0)).toEqual([1, 2, 3, 5, 7, 8, 9]);
      expect(items.filter((item) => item === 0)).toHaveLength(isPut ? 1 : 0);
    },
  );

  test.each(moments)(
    "PriorityQueue: one that empties it in %s (%s, comparison %d): it stays usable",
    (_call, at, comparison) => {
      const items = drained(at, comparison, (queue) => {
        try {
          queue.shutdown(true);
        } catch {} // it may refuse
      });
      expect(items.every((item) => typeof item === "number")).toBe(true);
      expect(new Set(items).size).toBe(items.length);
    },
  );

  test("PriorityQueue.put() that is refused by the comparator leaves the room it was woken for to the next [S208]", () => {
    program(function* () {
      const queue = new PriorityQueue<unknown>(1);
      queue.putNowait(1);
      const refused = createTask(errorOf(queue.put({ no: "order" })));
      const next = createTask(queue.put(2));
      yield;
      expect(yield* queue.get()).toBe(1);
      expect(yield* refused).toBeInstanceOf(TypeError);
      expect(yield* queue.get()).toBe(2);
      yield* next;
    });
  });

  test("PriorityQueue.get() that fails in the comparator leaves the item it was woken for to the next [S207]", () => {
    program(function* () {
      let isFailing = false;
      const queue = new PriorityQueue<number>(0, {
        compare(a, b) {
          if (!isFailing) return a - b;
          isFailing = false;
          throw new Error("compare");
        },
      });
      const failed = createTask(errorOf(queue.get()));
      const others = [1, 2, 3].map(() => createTask(queue.get()));
      yield;
      for (const item of [3, 1, 2]) queue.putNowait(item);
      isFailing = true;
      expect(textOf(yield* failed)).toBe("Error: compare");
      expect(yield* gather(others)).toEqual([1, 2, 3]);
    });
  });
});

test("CancelledError thrown by hand in a callback is reported, and cancels nothing [S45]", () => {
  const reports: ExceptionContext[] = [];
  program(
    function* (loop) {
      loop.callSoon(() => {
        throw new CancelledError();
      });
      yield* sleep(1);
      expect(self().cancelling()).toBe(0);
    },
    { reports },
  );
  expect(reports.map(({ exception }) => exception)).toEqual([expect.any(CancelledError)]);
});
