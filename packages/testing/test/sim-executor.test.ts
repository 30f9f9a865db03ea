/** Executors under control: workers, queue and durations; what a program with an executor may meet; jobs that wait for each other. */
import { CancelledError, jobCancelled, jobSignal, TimeoutError, transfer } from "@aioloop/executors";
import { ContextVar, DeadlockError, isCancelled, RuntimeError, wrapFuture } from "@aioloop/loop";
import {
  asyncWith,
  createTask,
  gather,
  run,
  sleep,
  toThread,
  VirtualEventLoop,
  waitFor,
} from "@aioloop/tasks";
import type { ExploreOptions, Failure } from "@aioloop/testing";
import {
  ExecutorDeadlockError,
  Exhaustive,
  explore,
  RandomWalk,
  replay,
  SimExecutor,
  SimLoop,
} from "@aioloop/testing";
import { describe, expect, test } from "vitest";

/** Every way in which a program can end, sorted, and that there are no others. */
function outcomes(program: (sim: SimLoop) => Generator, options: ExploreOptions = {}): string[] {
  const seen = new Set<string>();
  const { failure, guarantee } = explore(
    function* (sim) {
      seen.add(String(yield* program(sim) as Generator<never>));
    },
    { strategy: new Exhaustive(), runs: 20_000, eager: false, ...options },
  );
  expect(failure).toBeNull();
  expect(guarantee.kind).toBe("exhaustive");
  return [...seen].sort();
}

describe("SimExecutor", () => {
  test("SimLoop.runInExecutor() calls a function with its arguments after its duration, on virtual time", () => {
    const sim = new SimLoop({ executor: { duration: 2 } });
    const add = (a: number, b: number) => a + b;
    function* main() {
      return [yield* sim.runInExecutor(null, add, 40, 2), sim.time(), yield* toThread(add, 1, 2), sim.time()];
    }
    expect(sim.runUntilComplete(main())).toEqual([42, 2, 3, 4]);
  });

  test("SimLoop.executor is made once, and is what runInExecutor(null) uses", () => {
    const sim = new SimLoop();
    expect(sim.executor).toBe(sim.executor);
    sim.runInExecutor(null, () => 1);
    expect(`${sim.executor}`).toBe("<SimExecutor workers=4 jobs=1 waiting=0>");
  });

  test("SimExecutor makes as many jobs at a time as it has workers, the others wait in order", () => {
    const sim = new SimLoop();
    const pool = new SimExecutor(sim, { workers: 2, duration: 1, name: "db" });
    const ends: string[] = [];
    for (const name of ["a", "b", "c", "d", "e"]) {
      pool.submit(() => name).addDoneCallback((future) => ends.push(`${future.result()} ${sim.time()}`));
    }
    expect(`${pool}`).toBe("<SimExecutor 'db' workers=2 jobs=2 waiting=3>");
    sim.advance(10);
    expect(ends).toEqual(["a 1", "b 1", "c 2", "d 2", "e 3"]);
  });

  test("SimExecutor({ duration }) may be a function of the job", () => {
    const sim = new SimLoop();
    const jobs: unknown[] = [];
    const pool = new SimExecutor(sim, {
      duration: ({ number, name, args }) => {
        jobs.push([number, name, args]);
        return Number(args[0]);
      },
    });
    const read = (seconds: number) => seconds;
    const ends: number[] = [];
    for (const seconds of [3, 1])
      pool.submit(read, seconds).addDoneCallback((future) => ends.push(future.result()));
    sim.advance(5);
    expect(jobs).toEqual([
      [1, "read", [3]],
      [2, "read", [1]],
    ]);
    expect(ends).toEqual([1, 3]);
  });

  test.each([
    [{ workers: 0 }, "workers must be a whole number from 1 on, got 0"],
    [{ workers: 1.5 }, "workers must be a whole number from 1 on, got 1.5"],
    [{ duration: -1 }, "duration must be a finite number of seconds, 0 or more, got -1"],
    [{ duration: Number.NaN }, "duration must be a finite number of seconds, 0 or more, got NaN"],
  ])("SimExecutor() refuses %o", (options, message) => {
    expect(() => new SimExecutor(new SimLoop(), options)).toThrow(new RangeError(`SimExecutor: ${message}`));
  });

  test("SimExecutor({ duration }): a function that gives no duration is an error of submit()", () => {
    const pool = new SimExecutor(new SimLoop(), { duration: () => -1 });
    expect(() => pool.submit(() => 1)).toThrow(
      "duration(job) must be a finite number of seconds, 0 or more, got -1",
    );
  });

  test("SimExecutor copies arguments and results, and keeps errors as they are", () => {
    const sim = new SimLoop();
    const given = { list: [1] };
    const kept: unknown[] = [];
    const error = new RangeError("too many");
    function* main() {
      const back = yield* sim.runInExecutor(
        null,
        (own: { list: number[] }) => {
          own.list.push(2);
          kept.push(own);
          return own;
        },
        given,
      );
      expect([given, back]).toEqual([{ list: [1] }, { list: [1, 2] }]);
      expect(back).not.toBe(kept[0]);
      try {
        yield* toThread(() => {
          throw error;
        });
      } catch (thrown) {
        expect(thrown).toBe(error);
      }
    }
    sim.runUntilComplete(main());
    expect.assertions(3);
  });

  test("SimExecutor.submit() fails the future, not the call, for what cannot be copied", () => {
    const sim = new SimLoop();
    const argument = sim.executor.submit((fn: () => void) => fn, nothing);
    expect(argument.exception()).toBeInstanceOf(TypeError);
    expect(`${argument.exception()}`).toContain("an argument cannot be copied to a worker");
    const result = sim.executor.submit(function make() {
      return nothing;
    });
    sim.runUntilIdle();
    expect(`${result.exception()}`).toContain(
      "what job 2 (make) has returned cannot be copied from a worker",
    );
  });

  test("SimExecutor.submit() moves what is in transfer, and transfer() moves it back", () => {
    const sim = new SimLoop();
    const bytes = new Uint8Array([1, 2]);
    const job = (own: Uint8Array) => transfer(own, [own.buffer]);
    const future = sim.executor.submit({ fn: job, transfer: [bytes.buffer] }, bytes);
    sim.runUntilIdle();
    expect([bytes.length, [...future.result()]]).toEqual([0, [1, 2]]);
  });

  test.each([
    ["a coroutine function", function* () {}, "is a coroutine function, and a worker has no loop for it"],
    ["what is no function", 7, "a function is required, got 7"],
    [
      "a reference to a module",
      { url: "file:///x.js", exportName: "f" },
      "cannot be loaded in the middle of a run",
    ],
  ])("SimExecutor.submit() refuses %s", (_what, fn, message) => {
    expect(() => new SimLoop().executor.submit(fn as () => void)).toThrow(message);
  });

  test("SimExecutor: a job that returns a promise fails, since nothing can wait for it", () => {
    const sim = new SimLoop();
    const future = sim.executor.submit(async function load() {});
    sim.runUntilIdle();
    expect(`${future.exception()}`).toContain("job 1 (load) has returned a promise");
  });

  test("SimExecutor calls a function where no loop runs and no context variable is set", () => {
    const sim = new SimLoop();
    const variable = new ContextVar("user", { default: "nobody" });
    function* inner() {
      yield* sleep(5);
      return variable.get();
    }
    function* main() {
      variable.set("me");
      const user = yield* toThread(() => run(inner(), { loopFactory: () => new VirtualEventLoop() }));
      return [user, variable.get(), sim.time()];
    }
    expect(sim.runUntilComplete(main())).toEqual(["nobody", "me", 0]);
  });

  test("SimExecutor: a job that waits can be cancelled, one that has begun runs on and is told", () => {
    const sim = new SimLoop({ executor: { workers: 1, duration: 1 } });
    const begun = sim.executor.submit(() => [jobCancelled(), jobSignal().aborted]);
    const waiting = sim.executor.submit(nothing);
    expect([begun.running(), waiting.running()]).toEqual([true, false]);
    expect([begun.cancel(), waiting.cancel()]).toEqual([false, true]);
    sim.advance(5);
    expect(begun.result()).toEqual([true, true]);
    expect(() => waiting.result()).toThrow(CancelledError);
    expect(jobCancelled()).toBe(false);
  });

  test('SimExecutor.submit({ cancel: "terminate" }): a cancellation stops the job, and its worker takes the next one', () => {
    const sim = new SimLoop({ executor: { workers: 1, duration: 1 } });
    let calls = 0;
    const stopped = sim.executor.submit({ fn: () => void (calls += 1), cancel: "terminate" });
    const next = sim.executor.submit(() => "next");
    expect([stopped.cancel(), stopped.cancelled(), next.running()]).toEqual([true, true, true]);
    sim.advance(1);
    expect([calls, next.result()]).toEqual([0, "next"]);
  });

  test("SimExecutor's futures refuse to block the loop's thread, with what to write instead", () => {
    const sim = new SimLoop();
    const future = sim.executor.submit(function read() {});
    for (const call of [() => future.result(), () => future.exception(1)]) {
      expect(call).toThrow(
        "() of <SimFuture RUNNING job 1 (read)> would block the thread, and the loop that has to end it: `yield* wrapFuture(future)` waits for it",
      );
    }
    expect(future.source).toBeNull();
  });

  test("SimExecutor.shutdown() refuses new calls and makes those that are there; join() is done then", () => {
    const sim = new SimLoop();
    const pool = new SimExecutor(sim, { workers: 1, duration: 1 });
    const futures = [pool.submit(() => 1), pool.submit(() => 2)];
    pool.shutdown({ wait: false });
    expect(() => pool.submit(nothing)).toThrow(
      new RuntimeError(
        "submit(fn, ...args): cannot schedule new futures after shutdown of <SimExecutor workers=1 jobs=1 waiting=1>. Make a new executor",
      ),
    );
    expect([pool.join().done(), pool.join().cancel()]).toEqual([false, false]);
    sim.advance(2);
    expect([pool.join().done(), ...futures.map((one) => one.result())]).toEqual([true, 1, 2]);
  });

  test("SimExecutor.shutdown({ wait }) makes all calls now; { cancelFutures } takes back those that have not begun", () => {
    const sim = new SimLoop();
    const pool = new SimExecutor(sim, { workers: 1, duration: 1 });
    const [begun, waiting] = [pool.submit(() => 1), pool.submit(() => 2)];
    pool.shutdown({ cancelFutures: true });
    expect([begun.result(), waiting.cancelled(), pool.join().done(), sim.time()]).toEqual([1, true, true, 0]);
    pool.shutdown();
  });

  test("asyncWith(new SimExecutor(…)) waits at its end for all jobs", () => {
    const sim = new SimLoop();
    function* main() {
      const future = yield* asyncWith(new SimExecutor(sim, { duration: 3 }), function* (pool) {
        return pool.submit(() => "done");
      });
      return [future.result(), sim.time()];
    }
    expect(sim.runUntilComplete(main())).toEqual(["done", 3]);
  });

  test("run() with a SimLoop joins its default executor", () => {
    let isDone = false;
    const sim = new SimLoop({ executor: { duration: 7 } });
    function* main() {
      sim.runInExecutor(null, () => {
        isDone = true;
      });
    }
    run(main(), { loopFactory: () => sim });
    expect([isDone, sim.isClosed()]).toEqual([true, true]);
    expect(() => sim.executor.submit(nothing)).toThrow("its event loop is closed");
  });

  test("SimLoop.close() lets go of jobs under way", () => {
    const sim = new SimLoop({ executor: { duration: 1 } });
    const future = sim.executor.submit(nothing);
    sim.close();
    expect([future.done(), sim.peek().nextDeadline]).toEqual([false, null]);
  });

  test("SimLoop.always(): a predicate that submits a job fails", () => {
    const { failure } = explore(function* (sim) {
      sim.always(() => sim.executor.submit(nothing) !== null, "idle hands");
      yield* sleep(1);
    });
    expect(`${failure?.error}`).toContain(
      "an invariant must only look at things: it has changed <SimExecutor",
    );
  });
});

describe("exploration of programs with executors", () => {
  test.each([0, 1, 2])(
    "explore(): a job of %d s and a timeout of 1 s end in every way there is",
    (duration) => {
      function* race(sim: SimLoop) {
        let calls = 0;
        try {
          return yield* waitFor(
            sim.runInExecutor(null, () => ++calls),
            1,
          );
        } catch (error) {
          return `${(error as Error).name}, ${calls} calls`;
        }
      }
      // A result in the turn of the timer, before it: the timeout wins, and what the job did is done.
      expect(outcomes(race, { executor: { duration } })).toEqual([
        "1",
        "TimeoutError, 0 calls",
        "TimeoutError, 1 calls",
      ]);
    },
  );

  test("explore(): three jobs come back in any of their six orders", () => {
    function* race() {
      let order = "";
      function* one(name: string) {
        yield* toThread(nothing);
        order += name;
      }
      yield* gather([one("a"), one("b"), one("c")]);
      return order;
    }
    const all = ["abc", "acb", "bac", "bca", "cab", "cba"];
    expect(outcomes(race)).toEqual(all);
    const counts = new Map<string, number>();
    explore(
      function* () {
        const order = yield* race();
        counts.set(order, (counts.get(order) ?? 0) + 1);
      },
      { strategy: new RandomWalk(1), runs: 600 },
    );
    expect([...counts.keys()].sort()).toEqual(all);
    expect(Math.min(...counts.values())).toBeGreaterThan(30);
  });

  test("explore(): with one worker jobs come back in the order in which they were submitted", () => {
    function* both(sim: SimLoop) {
      const order: string[] = [];
      const jobs = ["a", "b"].map((name) => sim.runInExecutor(null, () => order.push(name)));
      yield* gather(jobs);
      return order.join("");
    }
    expect(outcomes(both, { executor: { workers: 1 } })).toEqual(["ab"]);
  });

  test("explore(): a result lands before, in and behind the turn of a timer of its own instant, and between two callbacks", () => {
    function* race(sim: SimLoop) {
      let order = "";
      sim.callLater(1, () => {
        order += "t";
        sim.callSoon(() => {
          order += "u";
        });
      });
      sim.callLater(1, () => {
        order += "T";
        sim.callSoon(() => {
          order += "U";
        });
      });
      const land = () => {
        order += "j";
      };
      sim.executor.submit(nothing).addDoneCallback(() => sim.callSoonThreadsafe(land));
      yield* sleep(3);
      return order;
    }
    const seen = outcomes(race, { executor: { duration: 1 } }).filter((order) => /^j?tT/.test(order));
    // "tTuU": later than the end of the program.
    expect(seen).toEqual(["jtTuU", "tTuU", "tTuUj", "tTujU"]);
  });

  test("explore(): waitFor(runInExecutor) that is cancelled while the job is done: cancelled or not, the job was made or it was not", () => {
    function* program(sim: SimLoop) {
      let calls = 0;
      const task = createTask(
        waitFor(
          sim.runInExecutor(null, () => ++calls),
          10,
        ),
      );
      sim.callLater(1, () => task.cancel());
      try {
        return `${yield* task}, ${calls} calls`;
      } catch (error) {
        expect(isCancelled(error)).toBe(true);
        return `cancelled, ${calls} calls`;
      }
    }
    expect(outcomes(program, { executor: { duration: 1 } })).toEqual([
      "1, 1 calls",
      "cancelled, 0 calls",
      "cancelled, 1 calls",
    ]);
  });

  test("explore(): a job may be later than many timers, with few deviations, and its schedule is told and replayed", () => {
    function* program() {
      let beats = 0;
      createTask(
        (function* heart() {
          for (;;) {
            yield* sleep(1);
            beats += 1;
          }
        })(),
      );
      yield* toThread(function load() {});
      if (beats > 5) throw new Error(`${beats} beats`);
    }
    const { failure } = explore(program, { executor: { duration: 0.5 } });
    const message = (failure?.error as Error | undefined)?.message ?? "";
    expect(message).toMatch(/^\d+ beats$/);
    expect(failure?.schedule.fidelity).toBe("env");
    expect(failure?.schedule.deviations.length).toBeLessThanOrEqual(4);
    expect(failure?.report).toMatch(
      /1\.000 s {2}the timer of Task-2 .*instead of the result of job 1 \(load\)/,
    );
    expect(() => replay(program, failure?.token ?? "", { executor: { duration: 0.5 } })).toThrow(message);
  });

  test("explore(): a check and an act with a job between them lose an update, at fidelity env", () => {
    const { failure } = explore(
      function* () {
        let balance = 0;
        function* deposit(amount: number) {
          const before = balance;
          yield* toThread(nothing);
          balance = before + amount;
        }
        const first = createTask(deposit(1));
        yield* sleep(1);
        yield* gather([first, deposit(2)]);
        if (balance !== 3) throw new Error(`balance ${balance}`);
      },
      { eager: false },
    );
    expect(failure?.schedule).toMatchObject({ fidelity: "env", deviations: [{ stream: "order" }] });
    expect(failure?.report).toMatch(
      /^0\.000 s {2}the timer of Task-1 .*instead of the result of job 1 \(nothing\)$/,
    );
  });

  test("SimLoop.advance() lands no job after its end if nobody chooses, and SimLoop.peek() names when the next one is due", () => {
    const sim = new SimLoop({ executor: { duration: 2 } });
    const future = sim.executor.submit(nothing);
    expect(sim.peek().nextDeadline).toBe(2);
    sim.advance(1);
    expect(future.done()).toBe(false);
    expect(sim.advanceToNextTimer()).toBe(true);
    expect([future.done(), sim.time(), sim.advanceToNextTimer()]).toEqual([true, 2, false]);
  });

  test("SimLoop.waitAllTasksBlocked() counts a task whose job is under way as blocked", () => {
    const sim = new SimLoop({ executor: { duration: 2 } });
    function* main() {
      const task = createTask(toThread(nothing));
      yield* sim.waitAllTasksBlocked();
      const time = sim.time();
      yield* task;
      return [time, sim.time()];
    }
    expect(sim.runUntilComplete(main())).toEqual([0, 2]);
  });
});

describe("jobs that wait for jobs", () => {
  function* nested(sim: SimLoop) {
    function outer() {
      return (
        sim.executor
          .submit(function inner() {
            return 1;
          })
          .result() + 1
      );
    }
    return yield* sim.runInExecutor(null, outer);
  }

  test("SimExecutor: a job that waits for another one gets its result where a worker is free", () => {
    expect(outcomes(nested, { executor: { workers: 2 } })).toEqual(["2"]);
  });

  test("SimExecutor: a job that waits for another one of its full executor is a deadlock that is named", () => {
    const { failure } = explore(nested, { executor: { workers: 1 } });
    expect(failure?.error).toBeInstanceOf(ExecutorDeadlockError);
    expect(failure?.error).toBeInstanceOf(DeadlockError);
    expect(messageOf(failure)).toBe(
      [
        "executor self-deadlock: jobs of <SimExecutor workers=1 jobs=1 waiting=1> wait for each other for ever",
        "  job 1 (outer) waits for job 2 (inner)",
        "  job 2 (inner) waits for a worker: jobs that wait have the only one",
      ].join("\n"),
    );
  });

  test("explore() finds the executor self-deadlock that needs two jobs at a time", () => {
    function* program(sim: SimLoop) {
      const one = sim.runInExecutor(null, () => sim.executor.submit(nothing).result());
      yield* sleep(1);
      yield* gather([one, sim.runInExecutor(null, () => sim.executor.submit(nothing).result())]);
    }
    const { failure } = explore(program, { executor: { workers: 2 }, eager: false });
    expect(failure?.error).toBeInstanceOf(ExecutorDeadlockError);
    expect(messageOf(failure)).toContain("jobs that wait have all 2 of them");
    expect(failure?.schedule.deviations).toHaveLength(1);
  });

  test("SimExecutor: a job that catches the deadlock ends the run with it all the same", () => {
    const sim = new SimLoop({ executor: { workers: 1 } });
    function* main() {
      yield* toThread(() => {
        try {
          sim.executor.submit(nothing).result();
        } catch {}
      });
    }
    expect(() => sim.runUntilComplete(main())).toThrow(ExecutorDeadlockError);
  });

  test("SimExecutor: a job that waits with a timeout for what cannot come gets a TimeoutError, and the other one is made then", () => {
    const sim = new SimLoop({ executor: { workers: 1 } });
    const inner: unknown[] = [];
    function* main() {
      const outer = toThread(() => {
        const future = sim.executor.submit(() => inner.push("made"));
        return thrownBy(() => future.result(2)) instanceof TimeoutError;
      });
      const result = yield* outer;
      yield* sleep(1);
      return result;
    }
    expect(sim.runUntilComplete(main())).toBe(true);
    expect(inner).toEqual(["made"]);
  });

  test("SimExecutor: a circle through two executors is a deadlock, and so is a job that shuts its own executor down", () => {
    const sim = new SimLoop({ executor: { workers: 1 } });
    const other = new SimExecutor(sim, { workers: 1, name: "other" });
    function* circle() {
      yield* toThread(function first() {
        return other
          .submit(function second() {
            return sim.executor.submit(function third() {}).result();
          })
          .result();
      });
    }
    expect(() => sim.runUntilComplete(circle())).toThrow(
      "job 1 (first) waits for job 1 (second) of 'other'\n  job 1 (second) of 'other' waits for job 2 (third)\n  job 2 (third) waits for a worker: jobs that wait have the only one",
    );
    const own = new SimLoop();
    function* shut() {
      yield* toThread(function close() {
        own.executor.shutdown();
      });
    }
    expect(() => own.runUntilComplete(shut())).toThrow("job 1 (close) waits for the end of the executor");
  });
});

describe("wrapFuture() of a simulated job", () => {
  test("wrapFuture(): cancelling it takes a job back that has not begun", () => {
    const sim = new SimLoop({ executor: { workers: 1, duration: 1 } });
    let calls = 0;
    function* main() {
      const first = wrapFuture(sim.executor.submit(nothing));
      const second = wrapFuture(sim.executor.submit(() => void (calls += 1)));
      yield* sleep(0);
      second.cancel();
      yield* first;
      yield* sleep(5);
      return calls;
    }
    expect(sim.runUntilComplete(main())).toBe(0);
  });
});

function messageOf(failure: Failure | null): string | undefined {
  return failure?.error instanceof Error ? failure.error.message : undefined;
}

function nothing(): void {}

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return null;
}
