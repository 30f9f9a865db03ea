// SimLoop: how far each of its methods goes, what ends it, and that it is in all else the loop it stands for.
import type { Future } from "@aioloop/loop";
import { CancelledError, DeadlockError, KeyboardInterrupt, RuntimeError } from "@aioloop/loop";
import { gather, Lock, run, sleep } from "@aioloop/tasks";
import type { SimLimits } from "@aioloop/testing";
import { IdleError, LivelockError, SimLoop, StepLimitError, TimeLimitError } from "@aioloop/testing";
import { describe, expect, test } from "vitest";
import { checkLine } from "../../../conformance/src/check.ts";
import { readCorpus } from "../../../conformance/src/corpus.ts";

/** A loop and what has happened on it; `note` gives a callback. */
function noted(options?: SimLimits): {
  sim: SimLoop;
  log: string[];
  note: (what: string) => () => void;
} {
  const sim = new SimLoop(options);
  const log: string[] = [];
  return { sim, log, note: (what) => () => void log.push(`${what}@${sim.time()}`) };
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

describe("SimLoop.step()", () => {
  test("runs one handle, and says whether there was one", () => {
    const { sim, log, note } = noted();
    sim.callSoon(note("a"));
    sim.callSoon(note("b"));
    expect([sim.step(), [...log], sim.steps]).toEqual([true, ["a@0"], 1]);
    expect([sim.step(), [...log], sim.steps]).toEqual([true, ["a@0", "b@0"], 2]);
    expect([sim.step(), sim.steps]).toEqual([false, 2]);
  });

  test("jumps to the next timer where nothing is ready, and not before", () => {
    const { sim, log, note } = noted();
    sim.callLater(5, note("timer"));
    sim.callSoon(note("soon"));
    sim.step();
    expect([log, sim.time()]).toEqual([["soon@0"], 0]);
    sim.step();
    expect([log, sim.time()]).toEqual([["soon@0", "timer@5"], 5]);
  });

  test("passes over what was cancelled", () => {
    const { sim, log, note } = noted();
    sim.callSoon(note("a")).cancel();
    sim.callLater(1, note("b")).cancel();
    sim.callSoon(note("c"));
    expect(sim.step()).toBe(true);
    expect(log).toEqual(["c@0"]);
    sim.callSoon(note("d")).cancel();
    expect([sim.step(), sim.steps, sim.time()]).toEqual([false, 1, 0]);
  });

  test("runs what peek() shows first", () => {
    const { sim, log, note } = noted();
    for (const name of ["a", "b", "c"]) sim.callSoon(note(name));
    (sim.peek().ready[0] as { cancel(): void }).cancel();
    expect(sim.peek().ready).toHaveLength(2);
    sim.step();
    expect(log).toEqual(["b@0"]);
  });

  test("leaves the loop in the middle of a turn, and who comes then waits for the next one", () => {
    const { sim, log, note } = noted();
    sim.callSoon(note("a"));
    sim.callSoon(note("b"));
    sim.step();
    sim.callSoon(note("c"));
    sim.runOnce();
    expect(log).toEqual(["a@0", "b@0"]);
    sim.runOnce();
    expect(log).toEqual(["a@0", "b@0", "c@0"]);
  });

  test("in the middle of a turn is followed by runUntilComplete(), which runs the rest first", () => {
    const { sim, log, note } = noted();
    sim.callSoon(note("a"));
    sim.callSoon(note("b"));
    sim.step();
    const result = sim.runUntilComplete(
      (function* () {
        note("main")();
        yield* sleep(1);
        return log.length;
      })(),
    );
    expect([result, log]).toEqual([3, ["a@0", "b@0", "main@0"]]);
  });
});

describe("SimLoop.runOnce()", () => {
  test("runs exactly those that are ready when the turn begins", () => {
    const { sim, log, note } = noted();
    sim.callSoon(() => {
      note("a")();
      sim.callSoon(note("later"));
    });
    sim.callSoon(note("b"));
    expect([sim.runOnce(), [...log]]).toEqual([true, ["a@0", "b@0"]]);
    expect([sim.runOnce(), log.at(-1)]).toEqual([true, "later@0"]);
    expect(sim.runOnce()).toBe(false);
  });

  test("takes the timers of one instant together", () => {
    const { sim, log, note } = noted();
    for (const name of ["a", "b"]) sim.callLater(2, note(name));
    sim.callLater(3, note("c"));
    sim.runOnce();
    expect(log).toEqual(["a@2", "b@2"]);
  });
});

describe("SimLoop.runUntilIdle()", () => {
  test("runs this instant to its end, with what it makes ready, and lets no time pass", () => {
    const { sim, log, note } = noted();
    sim.callSoon(() => void sim.callSoon(() => void sim.callSoon(note("third"))));
    sim.callLater(0.001, note("timer"));
    sim.callLater(0, note("now"));
    expect(sim.runUntilIdle()).toBe(4);
    expect([log, sim.time()]).toEqual([["now@0", "third@0"], 0]);
    expect(sim.runUntilIdle()).toBe(0);
  });

  test("does not count what was cancelled", () => {
    const { sim, note } = noted();
    sim.callSoon(note("a"));
    sim.callSoon(note("b")).cancel();
    expect(sim.runUntilIdle()).toBe(1);
  });
});

describe("SimLoop.advance() and advanceTo()", () => {
  test("run a closed interval: a timer at its end runs, one after it does not", () => {
    const { sim, log, note } = noted();
    for (const when of [1, 2, 3]) sim.callAt(when, note("t"));
    sim.advance(2);
    expect([log, sim.time()]).toEqual([["t@1", "t@2"], 2]);
    sim.advance(0);
    expect(log).toHaveLength(2);
    sim.advanceTo(10);
    expect([log.at(-1), sim.time()]).toEqual(["t@3", 10]);
  });

  test("run instant by instant, each to its end, also timers that are made meanwhile", () => {
    const { sim, log, note } = noted();
    sim.callAt(1, () => {
      note("a")();
      sim.callSoon(() => {
        note("soon")();
        sim.callLater(0.5, note("made"));
        sim.callLater(9, note("too late"));
      });
    });
    sim.callAt(2, note("b"));
    sim.advance(2);
    expect(log).toEqual(["a@1", "soon@1", "made@1.5", "b@2"]);
  });

  test("begin with what is ready", () => {
    const { sim, log, note } = noted();
    sim.callSoon(note("soon"));
    sim.advance(0);
    expect(log).toEqual(["soon@0"]);
  });

  test("reach a timer to whose time many small intervals add up, though not to the last bit", () => {
    const { sim, log, note } = noted();
    sim.callAt(0.8, () => void log.push("due"));
    sim.callAt(0.8, note("due too"));
    for (let i = 0; i < 8; i++) sim.advance(0.1);
    expect(sim.time()).toBeLessThan(0.8);
    expect(log).toEqual(["due", `due too@${sim.time()}`]);
  });

  test("let time pass where nothing is scheduled, and from a late start", () => {
    const sim = new SimLoop({ start: 1000 });
    sim.advance(60);
    expect(sim.time()).toBe(1060);
    sim.advanceTo(5000);
    expect(sim.time()).toBe(5000);
  });

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("refuse to go %s seconds", (seconds) => {
    const sim = new SimLoop({ start: 5 });
    expect(() => sim.advance(seconds)).toThrow(
      new RangeError(`advance(seconds): 0 or more, and not without end, got ${seconds}`),
    );
    expect(sim.time()).toBe(5);
  });

  test("refuse to go back, and to no time at all", () => {
    const sim = new SimLoop({ start: 5 });
    expect(() => sim.advanceTo(4)).toThrow(
      new RangeError("advanceTo(time): it is 5 already, and time does not go back to 4"),
    );
    expect(() => sim.advanceTo(Number.NaN)).toThrow(/a number of seconds on the loop's clock, got NaN/);
    expect(() => sim.advanceTo(Number.POSITIVE_INFINITY)).toThrow(RangeError);
  });
});

describe("SimLoop.advanceToNextTimer()", () => {
  test("ends this instant and the next one in which something is due", () => {
    const { sim, log, note } = noted();
    sim.callSoon(note("soon"));
    for (const name of ["a", "b"]) sim.callAt(7, note(name));
    sim.callAt(8, note("c"));
    expect(sim.advanceToNextTimer()).toBe(true);
    expect(log).toEqual(["soon@0", "a@7", "b@7"]);
    expect(sim.advanceToNextTimer()).toBe(true);
    expect(sim.advanceToNextTimer()).toBe(false);
    expect(sim.time()).toBe(8);
  });

  test("passes over cancelled timers", () => {
    const { sim, note } = noted();
    sim.callAt(1, note("a")).cancel();
    expect([sim.advanceToNextTimer(), sim.time()]).toEqual([false, 0]);
  });
});

describe("SimLoop.runUntil()", () => {
  test("asks before each handle, and stops at the first true", () => {
    const { sim, log, note } = noted();
    for (const name of ["a", "b", "c"]) sim.callSoon(note(name));
    sim.runUntil(() => log.length === 2);
    expect(log).toEqual(["a@0", "b@0"]);
    sim.runUntil(() => true);
    expect(log).toHaveLength(2);
  });

  test("takes what becomes true with the last handle", () => {
    const { sim, log, note } = noted();
    sim.callLater(4, note("a"));
    sim.runUntil(() => log.length === 1);
    expect(sim.time()).toBe(4);
  });

  test("throws an IdleError that names the predicate if nothing is left to run", () => {
    const { sim } = noted();
    const isServed = () => false;
    expect(() => sim.runUntil(isServed)).toThrow(
      new IdleError("runUntil(isServed): nothing is left to run, and it is not true"),
    );
  });
});

describe("SimLoop.runUntilComplete()", () => {
  test("gives the result, throws the error, and an hour of sleeps passes at once", () => {
    const sim = new SimLoop();
    const main = function* (fails: boolean) {
      for (let i = 0; i < 3600; i++) yield* sleep(1);
      if (fails) throw new RangeError("after an hour");
      return "done";
    };
    expect([sim.runUntilComplete(main(false)), sim.time()]).toEqual(["done", 3600]);
    expect(() => sim.runUntilComplete(main(true))).toThrow(new RangeError("after an hour"));
    expect(sim.time()).toBe(7200);
  });

  test("throws a DeadlockError that names the task if nothing can ever wake the loop", () => {
    const sim = new SimLoop();
    const lock = new Lock();
    const main = function* () {
      yield* lock.acquire();
      yield* lock.acquire();
    };
    const error = thrownBy(() => sim.runUntilComplete(main()));
    expect(error).toBeInstanceOf(DeadlockError);
    expect((error as Error).message).toContain("Task-1");
  });

  test("numbers tasks from 1 in each loop, those with name null too", () => {
    const names = () => {
      const sim = new SimLoop();
      const nap = () => sleep(1);
      const tasks = [
        sim.createTask(nap()),
        sim.createTask(nap(), { name: "b" }),
        sim.createTask(nap(), { name: null }),
      ];
      sim.advance(1);
      sim.close();
      return tasks.map((task) => task.getName());
    };
    expect([names(), names()]).toEqual([
      ["Task-1", "b", "Task-2"],
      ["Task-1", "b", "Task-2"],
    ]);
  });
});

describe("SimLoop.peek()", () => {
  test("shows what is ready in order, the timers earliest first, ties as they were made, and nothing that was cancelled", () => {
    const { sim, note } = noted();
    const soon = sim.callSoon(note("soon"));
    sim.callSoon(note("no")).cancel();
    const timers = [5, 3, 3, 3, 4, 3].map((when) => sim.callAt(when, note("t")));
    sim.callAt(1, note("no")).cancel();
    const { ready, timers: shown, nextDeadline } = sim.peek();
    expect(ready).toEqual([soon]);
    expect(shown.map((timer) => timers.indexOf(timer))).toEqual([1, 2, 3, 5, 4, 0]);
    expect(nextDeadline).toBe(3);
  });

  test("shows nothing on an idle loop", () => {
    expect(new SimLoop().peek()).toEqual({ ready: [], timers: [], nextDeadline: null });
  });

  test("changes nothing", () => {
    const { sim, log, note } = noted();
    sim.callLater(1, note("a"));
    for (let i = 0; i < 3; i++) sim.peek();
    sim.advance(1);
    expect([log, sim.steps]).toEqual([["a@1"], 1]);
  });
});

describe("SimLoop limits", () => {
  test("{ maxSteps } ends a run with one step more", () => {
    const { sim } = noted({ maxSteps: 10 });
    for (let i = 0; i < 10; i++) sim.callSoon(() => undefined);
    expect(sim.runUntilIdle()).toBe(10);
    sim.callSoon(() => undefined);
    expect(() => sim.runUntilIdle()).toThrow(new StepLimitError(10, 0));
    expect(new StepLimitError(10, 0).message).toBe(
      "more than 10 steps, at time 0: give { maxSteps } if that is right",
    );
    expect(sim.steps).toBe(11);
  });

  test("{ maxTime } ends a run that goes on after it", () => {
    const { sim, log, note } = noted({ maxTime: 5 });
    sim.callAt(5, note("a"));
    sim.callAt(5.5, note("b"));
    sim.advance(5);
    expect(() => sim.advance(5)).toThrow(new TimeLimitError(5));
    expect(log).toEqual(["a@5", "b@5.5"]);
  });

  test("{ maxStepsPerInstant } counts anew in each instant", () => {
    const sim = new SimLoop({ maxStepsPerInstant: 20 });
    sim.runUntilComplete(
      (function* () {
        for (let i = 0; i < 100; i++) yield* sleep(1);
      })(),
    );
    expect(sim.steps).toBeGreaterThan(100);
  });

  test("{ maxStepsPerInstant } is exact", () => {
    for (const count of [1, 30, 400]) {
      const sim = new SimLoop({ maxStepsPerInstant: count });
      for (let i = 0; i < count; i++) sim.callSoon(() => undefined);
      expect(sim.runUntilIdle()).toBe(count);
      sim.callSoon(() => undefined);
      expect(() => sim.runUntilIdle()).toThrow(LivelockError);
      expect(sim.steps).toBe(count + 1);
    }
  });

  test("a livelock is an error that names the circle of wake-ups", () => {
    const sim = new SimLoop({ maxStepsPerInstant: 500 });
    const turns: Future<void>[] = [sim.createFuture(), sim.createFuture(), sim.createFuture()];
    function* passOn(i: number) {
      for (;;) {
        yield* turns[i] as Future<void>;
        turns[i] = sim.createFuture();
        (turns[(i + 1) % 3] as Future<void>).setResult();
      }
    }
    for (const [i, name] of ["ping", "pong", "pang"].entries()) sim.createTask(passOn(i), { name });
    sim.createTask(sleep(1), { name: "sleeper" });
    sim.callSoon(() => turns[0]?.setResult());
    const error = thrownBy(() => sim.advance(1)) as LivelockError;
    expect(error).toBeInstanceOf(LivelockError);
    expect([...error.circle].sort()).toEqual(["pang", "ping", "pong"]);
    const [first] = error.circle;
    expect(error.message).toBe(
      `more than 500 steps at time 0, which stands still: they wake each other in a circle: ${error.circle.join(" → ")} → ${first}`,
    );
    const order = error.circle.join(" ");
    expect("ping pong pang ping pong").toContain(order);
  });

  test("a livelock of one task that gives way for ever names that", () => {
    const sim = new SimLoop({ maxStepsPerInstant: 50 });
    const main = function* () {
      for (;;) yield;
    };
    const error = thrownBy(() => sim.runUntilComplete(main())) as LivelockError;
    expect(error.circle).toEqual(["Task-1"]);
  });

  test("a livelock without a fixed order names who runs", () => {
    let state = 1;
    const dice = () => {
      state = (state * 48271) % 2147483647;
      return state;
    };
    const sim = new SimLoop({
      maxStepsPerInstant: 500,
      fidelity: "adversarial",
      chooser: { choose: ({ count }) => dice() % count },
    });
    for (const name of ["a", "b", "c"]) {
      sim.createTask(
        (function* () {
          for (;;) yield;
        })(),
        { name },
      );
    }
    const error = thrownBy(() => sim.runUntilIdle()) as LivelockError;
    expect(error.circle).toEqual([]);
    expect(error.message).toMatch(/these run again and again: [abc], [abc], [abc]$/);
  });

  test("who repeats itself without end in time is no livelock", () => {
    const sim = new SimLoop({ maxTime: 1000, maxStepsPerInstant: 50 });
    const main = function* () {
      for (;;) yield* sleep(1);
    };
    expect(() => sim.runUntilComplete(main())).toThrow(TimeLimitError);
  });

  test.each(["maxSteps", "maxStepsPerInstant", "maxTime"])(
    "refuse { %s } that is no number of them",
    (name) => {
      expect(() => new SimLoop({ [name]: -1 })).toThrow(
        new RangeError(`new SimLoop({ ${name} }): a number, 0 or more, got -1`),
      );
      expect(() => new SimLoop({ [name]: Number.NaN })).toThrow(RangeError);
    },
  );
});

describe("SimLoop.waitAllTasksBlocked()", () => {
  test("returns when nothing is ready any more, and time has not passed", () => {
    const { sim, log, note } = noted();
    const main = function* () {
      sim.createTask(
        (function* () {
          for (let i = 0; i < 5; i++) yield;
          note("worked")();
          yield* sleep(1);
          note("slept")();
        })(),
      );
      yield* sim.waitAllTasksBlocked();
      note("blocked")();
    };
    sim.runUntilComplete(main());
    expect(log).toEqual(["worked@0", "blocked@0"]);
  });

  test("wakes several that wait together, in the order in which they came", () => {
    const { sim, log, note } = noted();
    function* waiting(name: string) {
      yield* sim.waitAllTasksBlocked();
      note(name)();
    }
    sim.runUntilComplete(
      (function* () {
        yield* gather([waiting("a"), waiting("b"), waiting("c")]);
      })(),
    );
    expect(log).toEqual(["a@0", "b@0", "c@0"]);
  });

  test("does not see who waits for it as busy, and one that waits again is woken again", () => {
    const sim = new SimLoop();
    const main = function* () {
      yield* sim.waitAllTasksBlocked();
      yield* sim.waitAllTasksBlocked();
      return "both";
    };
    expect(sim.runUntilComplete(main())).toBe("both");
  });

  test("is not over while a timer is due in this instant", () => {
    const { sim, log, note } = noted();
    sim.callLater(0, note("timer"));
    sim.callLater(1e-10, note("in the grain of the clock"));
    sim.runUntilComplete(
      (function* () {
        yield* sim.waitAllTasksBlocked();
        note("blocked")();
      })(),
    );
    expect(log).toEqual(["timer@0", "in the grain of the clock@0", "blocked@0"]);
  });

  test("that is cancelled while it waits ends cancelled, and the others are woken", () => {
    const { sim, log, note } = noted();
    const cancelled = sim.createTask(sim.waitAllTasksBlocked());
    const other = sim.createTask(sim.waitAllTasksBlocked());
    other.addDoneCallback(note("other"));
    sim.step();
    sim.step();
    cancelled.cancel();
    sim.runUntilIdle();
    expect([cancelled.cancelled(), log]).toEqual([true, ["other@0"]]);
  });

  test("is woken between two instants as well", () => {
    const { sim, log, note } = noted();
    sim.callAt(3, note("timer"));
    sim.runUntilComplete(
      (function* () {
        yield* sleep(2);
        yield* sim.waitAllTasksBlocked();
        note("blocked")();
        yield* sleep(2);
      })(),
    );
    expect(log).toEqual(["blocked@2", "timer@3"]);
  });
});

describe("SimLoop.stop()", () => {
  test("ends runUntilIdle() with the present turn; the next call goes on", () => {
    const { sim, log, note } = noted();
    sim.callSoon(() => {
      sim.stop();
      sim.callSoon(note("next turn"));
    });
    sim.callSoon(note("this turn"));
    expect(sim.runUntilIdle()).toBe(2);
    expect(log).toEqual(["this turn@0"]);
    sim.runUntilIdle();
    expect(log).toEqual(["this turn@0", "next turn@0"]);
  });

  test("ends advance() where it is, and time stands there", () => {
    const { sim, log, note } = noted();
    sim.callAt(1, () => sim.stop());
    sim.callAt(2, note("b"));
    sim.advance(5);
    expect([sim.time(), log]).toEqual([1, []]);
    sim.advanceTo(5);
    expect([sim.time(), log]).toEqual([5, ["b@2"]]);
  });

  test("ends runForever(); before it, after one turn", () => {
    const { sim, log, note } = noted();
    sim.callSoon(note("a"));
    sim.callLater(1, note("b"));
    sim.stop();
    sim.runForever();
    expect(log).toEqual(["a@0"]);
    sim.callLater(2, () => sim.stop());
    sim.runForever();
    expect([log, sim.time()]).toEqual([["a@0", "b@1"], 2]);
  });

  test("ends runUntil() with an error that says so", () => {
    const { sim } = noted();
    sim.callSoon(() => sim.stop());
    sim.callLater(1, () => undefined);
    expect(() => sim.runUntil(() => sim.time() > 0)).toThrow(
      /the event loop was stopped before it was true$/,
    );
  });

  test("ends runUntilComplete() with an error that says so", () => {
    const { sim } = noted();
    sim.callSoon(() => sim.stop());
    expect(() => sim.runUntilComplete(sleep(1))).toThrow(/was stopped before/);
  });

  test("before step() or runOnce() on an idle loop leaves them with nothing to do", () => {
    const { sim } = noted();
    sim.callLater(1, () => undefined);
    sim.stop();
    expect([sim.step(), sim.time()]).toEqual([false, 0]);
    sim.stop();
    sim.runOnce();
    expect(sim.time()).toBe(0);
    expect([sim.step(), sim.time()]).toEqual([true, 1]);
  });
});

describe("SimLoop and errors", () => {
  test("what leaves a loop leaves step(), and the rest of the turn runs in the next call", () => {
    const { sim, log, note } = noted();
    sim.callSoon(note("a"));
    sim.callSoon(() => {
      throw new KeyboardInterrupt("enough");
    });
    sim.callSoon(note("b"));
    expect(() => sim.runUntilIdle()).toThrow(new KeyboardInterrupt("enough"));
    sim.callSoon(note("c"));
    sim.runOnce();
    expect(log).toEqual(["a@0", "b@0"]);
    sim.runOnce();
    expect([log, sim.peek().ready]).toEqual([["a@0", "b@0", "c@0"], []]);
  });

  test("what leaves a loop from the first handle of a turn leaves it as it should be", () => {
    const { sim, log, note } = noted();
    for (let i = 0; i < 2; i++) {
      sim.callSoon(() => {
        throw new KeyboardInterrupt();
      });
    }
    sim.callSoon(note("a"));
    expect(() => sim.step()).toThrow(KeyboardInterrupt);
    expect(() => sim.step()).toThrow(KeyboardInterrupt);
    expect([sim.runUntilIdle(), sim.step(), log]).toEqual([1, false, ["a@0"]]);
  });

  test("a KeyboardInterrupt out of a task leaves runUntilComplete()", () => {
    const sim = new SimLoop();
    const main = function* () {
      yield* sleep(1);
      throw new KeyboardInterrupt();
    };
    expect(() => sim.runUntilComplete(main())).toThrow(KeyboardInterrupt);
    expect(sim.runUntilComplete(sleep(1, "goes on"))).toBe("goes on");
  });

  test("what a callback throws goes to the exception handler, and the loop goes on", () => {
    const { sim, log, note } = noted();
    const seen: unknown[] = [];
    sim.setExceptionHandler((_loop, { exception }) => void seen.push(exception));
    sim.callSoon(() => {
      throw "no Error";
    });
    sim.callSoon(note("a"));
    sim.runUntilIdle();
    expect([seen, log]).toEqual([["no Error"], ["a@0"]]);
  });

  test("a predicate of runUntil() that throws ends it, and the loop goes on with the rest", () => {
    const { sim, log, note } = noted();
    sim.callSoon(note("a"));
    sim.callSoon(note("b"));
    const fails = () => {
      if (log.length === 1) throw new RangeError("the predicate's");
      return false;
    };
    expect(() => sim.runUntil(fails)).toThrow(new RangeError("the predicate's"));
    expect(sim.runUntilIdle()).toBe(1);
  });
});

/** Everything that drives a loop. */
const DRIVERS: readonly [name: string, drive: (sim: SimLoop) => unknown][] = [
  ["step", (sim) => sim.step()],
  ["runOnce", (sim) => sim.runOnce()],
  ["runUntilIdle", (sim) => sim.runUntilIdle()],
  ["advanceTo", (sim) => sim.advance(1)],
  ["advanceTo", (sim) => sim.advanceTo(100)],
  ["runUntilIdle", (sim) => sim.advanceToNextTimer()],
  ["runUntil", (sim) => sim.runUntil(() => false)],
  ["runForever", (sim) => sim.runForever()],
  ["runUntilComplete", (sim) => sim.runUntilComplete(sim.createFuture())],
];

describe("SimLoop misuse", () => {
  test.each(DRIVERS)("%s() on a closed loop is refused", (name, drive) => {
    const sim = new SimLoop();
    const waiting = sim.createFuture();
    sim.close();
    const call = () => (name === "runUntilComplete" ? sim.runUntilComplete(waiting) : drive(sim));
    expect(call).toThrow(
      new RuntimeError(`${name}(): the event loop is closed. Make a new one: newEventLoop()`),
    );
  });

  test.each(DRIVERS)("%s() in a turn of the same loop is refused", (name, drive) => {
    const sim = new SimLoop();
    let error: unknown;
    sim.callSoon(() => {
      error = thrownBy(() => drive(sim));
    });
    sim.runUntilIdle();
    expect(error).toBeInstanceOf(RuntimeError);
    expect((error as Error).message).toContain(`${name}(): this event loop is already running`);
  });

  test.each(DRIVERS)("%s() in a turn of another loop is refused", (name, drive) => {
    const [outer, inner] = [new SimLoop(), new SimLoop()];
    let error: unknown;
    inner.callSoon(() => undefined);
    outer.callSoon(() => {
      error = thrownBy(() => drive(inner));
    });
    outer.runUntilIdle();
    expect((error as Error).message).toContain(`${name}() inside a coroutine or callback`);
    expect(inner.steps).toBe(0);
    expect(inner.runUntilIdle()).toBe(1);
  });

  test("close() in a turn is refused; afterwards peek() shows an empty loop", () => {
    const { sim, note } = noted();
    let error: unknown;
    sim.callSoon(() => {
      error = thrownBy(() => sim.close());
    });
    sim.callLater(1, note("never"));
    sim.step();
    expect((error as Error).message).toContain("cannot close a running event loop");
    sim.close();
    sim.close();
    expect(sim.peek()).toEqual({ ready: [], timers: [], nextDeadline: null });
    expect(() => sim.callSoon(note("never"))).toThrow(/closed/);
  });
});

describe("SimLoop among other loops", () => {
  test("two of them take turns, each with its time", () => {
    const [one, other] = [noted(), noted()];
    one.sim.callAt(1, one.note("one"));
    other.sim.callAt(2, other.note("other"));
    one.sim.advance(1);
    other.sim.advance(2);
    one.sim.callAt(3, one.note("one"));
    one.sim.advanceToNextTimer();
    expect([one.log, other.log]).toEqual([["one@1", "one@3"], ["other@2"]]);
    expect([one.sim.time(), other.sim.time()]).toEqual([3, 2]);
  });

  test("run(main, { loopFactory }) takes one, and gives the value", () => {
    const loops: SimLoop[] = [];
    const main = function* () {
      yield* gather([sleep(10), sleep(20)]);
      return "done";
    };
    const loopFactory = () => {
      const sim = new SimLoop();
      loops.push(sim);
      return sim;
    };
    const value: string = run(main(), { loopFactory });
    expect([value, loops[0]?.time(), loops[0]?.isClosed()]).toEqual(["done", 20, true]);
  });

  test("run(main, { loopFactory }) cancels on it what main leaves behind", () => {
    let seen: unknown = null;
    const main = function* () {
      const sim = new SimLoop();
      sim.close();
      yield* sleep(0);
    };
    const left = function* () {
      try {
        yield* sleep(100);
      } catch (error) {
        seen = error;
        throw error;
      }
    };
    const sim = new SimLoop();
    sim.createTask(left());
    run(main(), { loopFactory: () => sim });
    expect(seen).toBeInstanceOf(CancelledError);
  });
});

describe("SimLoop without a chooser is the virtual loop", () => {
  const sample = process.env.AIOLOOP_SOAK === "1" ? 1 : 3;

  test.each(["corpus-core", "corpus", "corpus-more"])("%s gives CPython's traces", (name) => {
    const file = new URL(`../../../conformance/corpora/${name}.jsonl`, import.meta.url);
    const lines = readCorpus(file).filter((_, i) => i % sample === 0);
    expect(lines.length).toBeGreaterThan(70);
    const newLoop = () => new SimLoop();
    const reports = lines
      .map((line) => checkLine(line, { newLoop }).report)
      .filter((report) => report !== null);
    expect(reports).toEqual([]);
  });

  test.each(["tasks", "adversarial"] as const)(
    "the corpus gives CPython's traces at fidelity %s",
    (fidelity) => {
      const file = new URL("../../../conformance/corpora/corpus.jsonl", import.meta.url);
      const lines = readCorpus(file).filter((_, i) => i % (3 * sample) === 1);
      const newLoop = () => new SimLoop({ fidelity });
      const reports = lines
        .map((line) => checkLine(line, { newLoop }).report)
        .filter((report) => report !== null);
      expect(reports).toEqual([]);
    },
  );
});
