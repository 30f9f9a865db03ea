// explore(): what counts as a failure, what is said of it, and of what was shown where there is none.
import { CancelledError, DeadlockError, getRunningLoop, RuntimeError } from "@aioloop/loop";
import { asyncWith, createTask, Event, gather, Lock, Queue, sleep, Task } from "@aioloop/tasks";
import type { Body, SimLoop } from "@aioloop/testing";
import {
  Exhaustive,
  explore,
  Fifo,
  IdleError,
  LivelockError,
  RandomWalk,
  StepLimitError,
  shared,
  TimeLimitError,
} from "@aioloop/testing";
import { describe, expect, test } from "vitest";

/** Two timers of one instant, noted in the order in which they run. */
function* tie(): Generator<never, string, unknown> {
  let order = "";
  function* nap(name: string) {
    yield* sleep(1);
    order += name;
  }
  yield* gather([nap("a"), nap("b")]) as unknown as Generator<never>;
  return order;
}

const tieMustHold: Body = function* () {
  const order = yield* tie();
  if (order !== "ab") throw new RangeError(`order ${order}`);
};

/** What explore() finds in a body, which must be something. */
function errorIn(body: Body, options?: Parameters<typeof explore>[1]): unknown {
  const { failure } = explore(body, options);
  if (failure === null) throw new Error("no schedule fails");
  return failure.error;
}

describe("explore() of a program without a fault", () => {
  test("gives no failure, and says that all schedules were run where they are few", () => {
    const ran: string[] = [];
    const result = explore(
      function* () {
        ran.push(yield* tie());
      },
      { eager: false },
    );
    expect(result).toEqual({ failure: null, guarantee: { kind: "exhaustive", schedules: 2 }, runs: 2 });
    expect(ran.sort()).toEqual(["ab", "ba"]);
  });

  test("runs no more schedules than it is told to, and says that they are a sample", () => {
    const result = explore(() => undefined, { strategy: new RandomWalk(), runs: 7 });
    expect(result).toEqual({ failure: null, guarantee: { kind: "sampled", schedules: 7 }, runs: 7 });
  });

  test("ends when the time is over, after one run at least", () => {
    expect(explore(() => undefined, { strategy: new RandomWalk(), seconds: 0 }).runs).toBe(1);
  });

  test("ends with its strategy", () => {
    expect(explore(tieMustHold, { strategy: new Fifo() })).toEqual({
      failure: null,
      guarantee: { kind: "sampled", schedules: 1 },
      runs: 1,
    });
  });

  test("begins each run afresh: a loop of its own, at time 0, with the same draws", () => {
    const loops = new Set<SimLoop>();
    const draws = new Set<number>();
    const { failure } = explore(
      function* (sim) {
        loops.add(sim);
        expect([sim.time(), sim.steps]).toEqual([0, 0]);
        draws.add(sim.random());
        yield* tie();
      },
      { eager: false, strategy: new Exhaustive(), seed: 5 },
    );
    expect([failure, loops.size, draws.size]).toEqual([null, 2, 1]);
    expect([...loops].every((sim) => sim.isClosed())).toBe(true);
  });

  test("calls prepare() with each loop before the body", () => {
    const calls: string[] = [];
    explore(() => void calls.push("body"), { eager: false, prepare: () => void calls.push("prepare") });
    expect(calls).toEqual(["prepare", "body"]);
  });

  test("takes a body that drives the loop itself, and one that gives a future", () => {
    let time = 0;
    explore((sim) => {
      sim.callLater(5, () => void (time = sim.time()));
      sim.advance(10);
    });
    expect(time).toBe(5);
    const error = errorIn((sim) => {
      const future = sim.createFuture();
      sim.callLater(1, () => future.setException(new RangeError("at one")));
      return future;
    });
    expect(error).toEqual(new RangeError("at one"));
  });
});

describe("explore() takes for a failure", () => {
  test("what the body throws, or what it awaits", () => {
    expect(errorIn(tieMustHold)).toEqual(new RangeError("order ba"));
    expect(
      errorIn(() => {
        throw new RangeError("at once");
      }),
    ).toEqual(new RangeError("at once"));
  });

  test.each(["a text", undefined, null, 0, Symbol.for("x")])("%s, which is no Error", (thrown) => {
    const body: Body = function* () {
      if ((yield* tie()) !== "ab") throw thrown;
    };
    const { failure } = explore(body);
    expect(failure).not.toBe(null);
    expect(failure?.error).toBe(thrown);
    expect(failure?.schedule.deviations).toHaveLength(1);
  });

  test("an exception in a callback", () => {
    const error = errorIn((sim) => {
      sim.callLater(1, () => {
        throw new RangeError("in a callback");
      });
      sim.advance(2);
    });
    expect(error).toEqual(new RangeError("in a callback"));
  });

  test("an undefined that was thrown in a callback", () => {
    const { failure } = explore((sim) => {
      sim.callSoon(() => {
        throw undefined;
      });
      sim.runUntilIdle();
    });
    expect(failure).toMatchObject({ error: undefined });
  });

  test("an exception of a task that nobody has retrieved", () => {
    const error = errorIn(function* () {
      createTask(
        (function* () {
          yield* sleep(1);
          throw new RangeError("of a task");
        })(),
      );
      yield* sleep(2);
    });
    expect(error).toEqual(new RangeError("of a task"));
  });

  test("a deadlock, a livelock, too many steps, too much time", () => {
    const waits: Body = function* () {
      yield* new Event().wait();
    };
    expect(errorIn(waits)).toBeInstanceOf(DeadlockError);
    const spins: Body = function* () {
      for (;;) yield;
    };
    expect(errorIn(spins, { maxStepsPerInstant: 100 })).toBeInstanceOf(LivelockError);
    expect(errorIn(spins, { maxSteps: 100 })).toBeInstanceOf(StepLimitError);
    const beats: Body = function* () {
      for (;;) yield* sleep(1);
    };
    expect(errorIn(beats, { maxTime: 100 })).toBeInstanceOf(TimeLimitError);
  });

  test("of several the first: a callback's error, not the deadlock that comes of it", () => {
    const error = errorIn(function* (sim) {
      const event = new Event();
      sim.callLater(1, () => {
        if (sim.time() > 0) throw new RangeError("before it was set");
        event.set();
      });
      yield* event.wait();
    });
    expect(error).toEqual(new RangeError("before it was set"));
  });

  test("nothing that the body's own exception handler takes", () => {
    const { failure } = explore((sim) => {
      sim.setExceptionHandler(() => undefined);
      sim.callSoon(() => {
        throw new RangeError("expected");
      });
      sim.runUntilIdle();
    });
    expect(failure).toBe(null);
  });
});

describe("explore() and tasks that the body leaves behind", () => {
  test("cancels them, and waits until they have ended", () => {
    const ends: string[] = [];
    const { failure } = explore(
      function* () {
        const left = function* () {
          try {
            yield* sleep(100);
          } catch (error) {
            ends.push(error instanceof CancelledError ? "cancelled" : "?");
            yield* sleep(1);
            ends.push("cleaned up");
            throw error;
          }
        };
        createTask(left());
        yield;
      },
      { eager: false },
    );
    expect([failure, ends]).toEqual([null, ["cancelled", "cleaned up"]]);
  });

  test("takes for a failure what they throw when they are cancelled", () => {
    const error = errorIn(function* () {
      createTask(
        (function* () {
          try {
            yield* sleep(100);
          } finally {
            getRunningLoop().callExceptionHandler({ message: "clean-up has failed" });
          }
        })(),
      );
      yield;
    });
    expect(error).toEqual(new Error("clean-up has failed"));
  });

  test("takes for a failure that they do not end, and names them", () => {
    const error = errorIn(function* () {
      const stubborn = function* () {
        for (;;) {
          try {
            yield* getRunningLoop().createFuture();
          } catch {}
        }
      };
      createTask(stubborn(), { name: "mule" });
      yield;
    });
    expect(error).toEqual(
      new IdleError("the body has left tasks behind which do not end when they are cancelled: mule"),
    );
  });
});

describe("explore() refuses", () => {
  test.each([
    [{ runs: 0 }, "explore({ runs }): at least 1, got 0"],
    [{ runs: Number.NaN }, "explore({ runs }): at least 1, got NaN"],
    [{ seconds: -1 }, "explore({ seconds }): 0 or more, got -1"],
    [{ fidelity: "all" as "env" }, "explore({ fidelity }): one of env, tasks, adversarial, got all"],
    [{ maxSteps: -1 }, "new SimLoop({ maxSteps }): a number, 0 or more, got -1"],
  ])("%o", (options, text) => {
    expect(() => explore(() => undefined, options)).toThrow(new RangeError(text));
  });

  test("an async function, in which nothing would be run", () => {
    const body = async () => undefined;
    expect(() => explore(body as unknown as Body)).toThrow(
      /^the body gave .*: promises stand still in a simulated run\. Write function\* \(sim\) \{ … \} and yield\*$/,
    );
  });

  test("a body that gives something else", () => {
    for (const given of [5, null, () => undefined, "text"])
      expect(() => explore((() => given) as unknown as Body)).toThrow(/give a coroutine, or nothing$/);
  });

  test("to be called in a coroutine: it would take its own error for what it looks for", () => {
    const error = errorIn(function* () {
      yield;
      explore(tieMustHold);
    });
    expect(error).toBeInstanceOf(RuntimeError);
    expect((error as Error).message).toContain("explore() inside a coroutine or callback");
  });

  test("nothing in a plain body: an exploration in an exploration", () => {
    let found = 0;
    const { failure } = explore(() => {
      if (explore(tieMustHold).failure !== null) found += 1;
    });
    expect([failure, found > 0]).toEqual([null, true]);
  });
});

describe("explore() reduces what fails", () => {
  test("to no deviation where it fails in any case, and says so", () => {
    const { failure, runs } = explore(function* () {
      yield* tie();
      throw new RangeError("always");
    });
    expect(failure).toMatchObject({
      schedule: { fidelity: "env", deviations: [] },
      report: "it fails in the order in which things happen if nobody chooses",
    });
    expect(runs).toBe(1);
  });

  test.each(["env", "tasks", "adversarial"] as const)(
    "found at %s to the lowest fidelity at which it fails",
    (fidelity) => {
      const { failure } = explore(tieMustHold, { fidelity, eager: false });
      expect(failure?.schedule.fidelity).toBe("env");
      expect(failure?.schedule.deviations).toHaveLength(1);
      expect(failure?.token).toMatch(/^sim1\.e\.1\.[\w-]{4}$/);
    },
  );

  test("to the seed with which it was found", () => {
    const { failure } = explore(
      function* (sim) {
        yield* tie();
        if (sim.random() < 0.9) return;
        throw new RangeError("drawn");
      },
      { strategy: new RandomWalk(3), runs: 500 },
    );
    expect(failure?.error).toEqual(new RangeError("drawn"));
    expect(failure?.schedule.deviations).toEqual([]);
    expect(failure?.schedule.seed).not.toBe(1);
  });
});

/** The report of a failure, its places without lines. */
function reportOf(body: Body, options?: Parameters<typeof explore>[1]): string[] {
  const { failure } = explore(body, { eager: false, ...options });
  return (failure?.report ?? "no schedule fails")
    .split("\n")
    .map((line) => line.replaceAll(/explore\.test\.ts:\d+/g, "HERE"));
}

describe("explore() reports", () => {
  test("timers of one instant: the time, which ran instead of which, where they wait, and what both touch", () => {
    const report = reportOf(function* () {
      const account = shared({ balance: 5 }, "the account");
      function* first() {
        yield* sleep(1.5);
        account.balance += 1;
      }
      function* second() {
        yield* sleep(1.5);
        account.balance *= 2;
      }
      yield* gather([first(), second()]);
      if (account.balance !== 12) throw new Error(`balance ${account.balance}`);
    });
    expect(report).toEqual([
      "1.500 s  the timer of Task-3 at HERE instead of the timer of Task-2 at HERE",
      "           both touch the account: Task-3 reads it at HERE, Task-2 changes it at HERE",
    ]);
  });

  test("tasks that were woken, by name, with a primitive of the library that both touch", () => {
    const report = reportOf(
      function* () {
        const [event, queue] = [new Event(), new Queue<string>()];
        function* put(name: string) {
          yield* event.wait();
          queue.putNowait(name);
        }
        const all = gather(["a", "b"].map((name) => createTask(put(name), { name })));
        yield* sleep(1);
        event.set();
        yield* all;
        if (queue.getNowait() !== "a") throw new Error("b is first");
      },
      { fidelity: "adversarial", strategy: new Exhaustive() },
    );
    expect(report).toEqual([
      expect.stringMatching(/^\d\.000 s {2}b .*instead of a /),
      "           both touch a Queue: b changes it at HERE, a changes it at HERE",
    ]);
  });

  test("callbacks, by name and by where they were scheduled, and what they touch", () => {
    const report = reportOf((sim) => {
      const data = shared({ order: "" }, "the order");
      function first() {
        data.order += "a";
      }
      function second() {
        data.order += "b";
      }
      sim.callLater(1, first);
      sim.callLater(1, second);
      sim.advance(1);
      if (data.order !== "ab") throw new Error(data.order);
    });
    expect(report).toEqual([
      "1.000 s  second from HERE instead of first from HERE",
      "           both touch the order: second reads it at HERE, first changes it at HERE",
    ]);
  });

  test("reads alone as nothing that both touch", () => {
    const report = reportOf(function* () {
      const data = shared({ value: 1 }, "the data");
      let order = "";
      const look = function* (name: string) {
        yield* sleep(1);
        if (data.value === 1) order += name;
      };
      yield* gather([look("a"), look("b")]);
      if (order !== "ab") throw new Error(order);
    });
    expect(report).toHaveLength(1);
  });

  test("tasks that start eagerly", () => {
    const report = reportOf(
      function* () {
        let isStarted = false;
        createTask(
          (function* () {
            isStarted = true;
          })(),
        );
        if (isStarted) throw new Error("too early");
        yield;
      },
      { eager: true },
    );
    expect(report).toEqual([
      "0.000 s  tasks that start at once instead of tasks that start in the next turn",
    ]);
  });

  test("faults and choices of the program", () => {
    expect(
      reportOf((sim) => {
        sim.advance(2);
        if (sim.fault("the disk is full")) throw new Error("no disk");
      }),
    ).toEqual(["2.000 s  the disk is full instead of no fault, asked at HERE"]);
    expect(
      reportOf(function* (sim) {
        yield* sleep(1);
        if (sim.choose(["red", "green"]) === "green") throw new Error("green");
      }),
    ).toEqual(["1.000 s  green instead of red, asked by Task-1 at HERE"]);
  });

  test("say nothing to the log in whose place debug mode would", () => {
    const written: string[] = [];
    const { warn } = console;
    console.warn = (text) => void written.push(String(text));
    try {
      const report = reportOf(function* () {
        const task = createTask(
          (function* () {
            try {
              yield* sleep(9);
            } catch {}
            yield* sleep(1); // goes on, though it was cancelled
          })(),
        );
        yield;
        yield;
        task.cancel();
        if ((yield* tie()) !== "ab") throw new Error("tie");
      });
      expect(report).toHaveLength(1);
    } finally {
      console.warn = warn;
    }
    expect(written).toEqual([]);
  });

  test("tasks that were made without the loop by no number, which would be another one in the next run", () => {
    const body: Body = function* (sim) {
      let order = "";
      const nap = function* (name: string) {
        yield* sleep(1);
        order += name;
      };
      yield* gather(["a", "b"].map((name) => new Task(nap(name), { loop: sim })));
      if (order !== "ab") throw new Error(order);
    };
    expect(reportOf(body)).toEqual([
      "1.000 s  the timer of a task at HERE instead of the timer of a task at HERE",
    ]);
    const tokens = [explore(body).failure?.token, explore(body).failure?.token];
    expect(tokens[0]).toBe(tokens[1]);
  });
});

test("explore() finds the deadlock of two locks taken in two orders, and none where they are taken in one", () => {
  const body = (isOrdered: boolean): Body =>
    function* () {
      const [a, b] = [new Lock(), new Lock()];
      function* both(first: Lock, second: Lock, start: number) {
        for (let i = 0; i < start; i++) yield* sleep(1);
        yield* asyncWith(first, function* () {
          yield* sleep(1);
          yield* asyncWith(second, function* () {});
        });
      }
      yield* gather([both(a, b, 1), isOrdered ? both(a, b, 2) : both(b, a, 2)]);
    };
  const { failure } = explore(body(false));
  expect(failure?.error).toBeInstanceOf(DeadlockError);
  expect(failure?.schedule.deviations).toHaveLength(1);
  expect(explore(body(true))).toMatchObject({ failure: null, guarantee: { kind: "exhaustive" } });
});
