/** What a simulated run must not reach for is caught where it is called, and everything is as before when the run is over. */
import { createHook } from "node:async_hooks";
import { Console } from "node:console";
import { Writable } from "node:stream";
import { RuntimeError, wrapFuture } from "@aioloop/loop";
import { asyncWith, createTask, gather, Lock, sleep } from "@aioloop/tasks";
import type { Guarded } from "@aioloop/testing";
import { explore, GuardError, guarded, RandomWalk, replay, SimLoop } from "@aioloop/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

const globals = () => [
  Date,
  Date.now,
  performance.now,
  Math.random,
  setTimeout,
  setInterval,
  setImmediate,
  queueMicrotask,
  process.nextTick,
];

let before: unknown[] = [];
beforeEach(() => {
  before = globals();
});
afterEach(() => {
  for (const [i, one] of globals().entries()) expect(one).toBe(before[i]);
});

/** Made before the run. */
const promise = Promise.resolve(1);

const REACHES: [name: string, guarded: Guarded, reach: () => unknown][] = [
  ["Date.now()", "Date", () => Date.now()],
  ["new Date()", "Date", () => new Date()],
  ["Date()", "Date", () => Date()],
  ["performance.now()", "performance.now", () => performance.now()],
  ["Math.random()", "Math.random", () => Math.random()],
  ["Math.random as a callback", "Math.random", () => [1].map(Math.random)],
  ["setTimeout()", "setTimeout", () => setTimeout(nothing, 0)],
  ["setInterval()", "setInterval", () => setInterval(nothing, 1)],
  ["setImmediate()", "setImmediate", () => setImmediate(nothing)],
  ["queueMicrotask()", "queueMicrotask", () => queueMicrotask(nothing)],
  ["process.nextTick()", "process.nextTick", () => process.nextTick(nothing)],
];

const PROMISES: [name: string, reach: () => unknown][] = [
  ["new Promise()", () => new Promise(nothing)],
  ["Promise.resolve()", () => Promise.resolve()],
  ["an async function", () => (async () => {})()],
  ["then of a promise from before", () => promise.then(nothing)],
  ["await of a future", () => new SimLoop().createFuture().then(nothing)],
  ["wrapFuture(promise)", () => wrapFuture(promise)],
  ["an asynchronous generator", () => (async function* () {})().next()],
];

describe("guards", () => {
  test.each(REACHES)(
    "explore() catches %s, throws there, and says where and what to use instead",
    (_name, what, reach) => {
      let thrown: unknown = null;
      const { failure, runs } = explore(function* () {
        yield* sleep(1);
        try {
          reach();
        } catch (error) {
          thrown = error;
        }
        yield* sleep(1);
      });
      expect([runs, failure?.error]).toEqual([1, thrown]);
      expect(thrown).toBeInstanceOf(GuardError);
      expect(thrown).toMatchObject({ guarded: what, place: expect.stringMatching(/^guards\.test\.ts:\d+$/) });
      expect(`${thrown}`).toMatch(
        /^GuardError: \S+ was used in a simulated run at guards\.test\.ts:\d+: .+\. Use .*; or allow it: \{ guards: \{ allow: \["[\w.]+"\] \} \}$/,
      );
    },
  );

  test.each(PROMISES)("explore() catches %s, and ends the run after the step", (_name, reach) => {
    let isOver = false;
    const { failure } = explore(function* () {
      reach();
      yield* sleep(1);
      isOver = true;
    });
    expect([`${failure?.error}`, isOver]).toEqual([
      expect.stringMatching(
        /^GuardError: a promise was made in a simulated run at guards\.test\.ts:\d+: it cannot come true before the run is over\. Use a coroutine \(function\*\) and yield\*, or loop\.createFuture\(\)/,
      ),
      false,
    ]);
  });

  test("explore(): a coroutine that waits for a promise fails with the promise's place, not with a deadlock", () => {
    const { failure } = explore(function* () {
      yield* wrapFuture(promise);
    });
    expect(failure?.error).toMatchObject({
      guarded: "Promise",
      place: expect.stringContaining("guards.test.ts:"),
    });
  });

  test("guards: the place is the program's, also in a callback, in a task, and in a plain body", () => {
    const first = explore((sim) => {
      sim.callSoon(() => Math.random());
      sim.runUntilIdle();
    });
    const second = explore(function* () {
      yield* createTask(
        (function* () {
          Math.random();
        })(),
      );
    });
    const third = explore(() => void Math.random());
    for (const { failure } of [first, second, third]) {
      expect(failure?.error).toMatchObject({
        name: "GuardError",
        place: expect.stringContaining("guards.test.ts:"),
      });
    }
  });

  test("guards let through dates of given numbers, dates by any other name, and console.log", () => {
    const printed: string[] = [];
    const stdout = new Writable({
      write(chunk, _encoding, done) {
        printed.push(String(chunk));
        done();
      },
    });
    const own = new Console(stdout);
    const { failure } = explore(
      function* () {
        const date = new Date(0);
        expect(date).toBeInstanceOf(Date);
        expect([date.toISOString(), Date.UTC(1970, 0), Date.parse("1970-01-01")]).toEqual([
          "1970-01-01T00:00:00.000Z",
          0,
          0,
        ]);
        class Day extends Date {}
        expect(new Day(5)).toBeInstanceOf(Day);
        own.log("in a run");
        own.log("again"); // with process.nextTick
      },
      { runs: 1 },
    );
    expect([failure, printed[0]]).toEqual([null, "in a run\n"]);
  });

  test("explore({ guards: { allow } }) lets through what it names, and nothing else", () => {
    const body = () => {
      Date.now();
      new Date();
      Math.random();
    };
    expect(explore(body, { guards: { allow: ["Date", "Math.random"] } }).failure).toBeNull();
    expect(explore(body, { guards: { allow: ["Date"] } }).failure?.error).toMatchObject({
      guarded: "Math.random",
    });
    const promises = () => void Promise.resolve();
    expect(explore(promises, { guards: { allow: ["Promise"] } }).failure).toBeNull();
  });

  test("explore({ guards: { allow } }) refuses a name that it does not know", () => {
    const allow = ["Dates"] as unknown as Guarded[];
    expect(() => explore(nothing, { guards: { allow } })).toThrow(
      new RangeError(
        "guards: { allow }: any of Date, performance.now, Math.random, setTimeout, setInterval, setImmediate, queueMicrotask, process.nextTick, Promise; got Dates",
      ),
    );
  });

  test("explore({ guards: false }) lets everything through", () => {
    const { failure } = explore(
      () => {
        Date.now();
        Math.random();
        performance.now();
        clearTimeout(setTimeout(nothing, 1));
        queueMicrotask(nothing);
        void Promise.resolve();
      },
      { guards: false, runs: 1 },
    );
    expect(failure).toBeNull();
  });

  test("guards are on in replay(), in shrinking and in the run that tells of the schedule, and a debug run is not caught", () => {
    let isLate = false;
    function* body(sim: SimLoop) {
      let order = "";
      sim.callLater(1, () => (order += "a"));
      sim.callLater(1, () => (order += "b"));
      yield* sleep(2);
      isLate ||= order === "ba";
      if (order === "ba") Math.random();
    }
    const { failure } = explore(body);
    expect([isLate, failure?.error]).toEqual([true, expect.objectContaining({ guarded: "Math.random" })]);
    expect(() => replay(body, failure?.token ?? "")).toThrow(GuardError);
  });

  test("guards are off where the program is not: between the runs, and after one that failed", () => {
    const seen: number[] = [];
    const walk = new RandomWalk();
    const strategy = {
      name: "timed",
      next: () => {
        seen.push(Date.now());
        return walk.next();
      },
      seen: () => void seen.push(Math.random()),
      guarantee: () => walk.guarantee(),
    };
    const { failure } = explore(
      function* () {
        throw new Error("on purpose");
      },
      { strategy },
    );
    expect([`${failure?.error}`, seen.length]).toEqual(["Error: on purpose", 2]);
  });

  test("guards see no promise that is made between two runs, and leave no hook behind", async () => {
    expect(explore(nothing, { runs: 1 }).failure).toBeNull();
    await Promise.resolve();
    expect(explore(nothing, { runs: 1 }).failure).toBeNull();
  });

  test("guards work beside other hooks for promises, which go on", async () => {
    let promises = 0;
    const hook = createHook({ init: (_id, type) => void (promises += type === "PROMISE" ? 1 : 0) }).enable();
    try {
      const { failure } = explore(() => void Promise.resolve());
      expect(failure?.error).toMatchObject({ guarded: "Promise" });
      const during = promises;
      await Promise.resolve();
      expect([during > 0, promises > during]).toEqual([true, true]);
    } finally {
      hook.disable();
    }
  });
});

describe("guarded()", () => {
  test("guarded() guards a SimLoop that is driven by hand, and gives the result", () => {
    const use = () => {
      const sim = new SimLoop();
      sim.callSoon(nothing);
      return sim.runUntilIdle();
    };
    expect(guarded(use)).toBe(1);
    expect(() => guarded(() => Date.now())).toThrow(GuardError);
  });

  test("guarded() throws what it caught although the body has caught it, or fails with something else", () => {
    const swallow = () => {
      try {
        Date.now();
      } catch {}
      return 1;
    };
    expect(() => guarded(swallow)).toThrow(GuardError);
    const other = () => {
      swallow();
      throw new RuntimeError("something else");
    };
    expect(() => guarded(other)).toThrow(GuardError);
    expect(() => guarded(() => void new Promise(nothing))).toThrow("a promise was made");
    expect(() =>
      guarded(() => {
        throw new RuntimeError("the body's own");
      }),
    ).toThrow("the body's own");
  });

  test("guarded() may be nested: the inner one's rules hold inside, the outer one's again behind it", () => {
    const caught: unknown[] = [];
    const attempt = (reach: () => unknown) => {
      try {
        reach();
        caught.push(null);
      } catch (error) {
        caught.push((error as GuardError).guarded);
      }
    };
    attempt(() =>
      guarded(
        () => {
          attempt(() => Date.now());
          attempt(() => guarded(() => Date.now()));
          attempt(() => guarded(() => Math.random(), { allow: ["Math.random"] }));
          attempt(() => Date.now());
          Math.random();
        },
        { allow: ["Date"] },
      ),
    );
    expect(caught).toEqual([null, "Date", null, null, "Math.random"]);
  });

  test("guarded() leaves in place what the body has put into a global, and stands back where that gives its stand-in back", () => {
    const own = () => 0.5;
    const real = Math.random;
    const standIn = guarded(() => {
      const found = Math.random;
      Math.random = own;
      return found;
    });
    expect(Math.random).toBe(own);
    Math.random = standIn; // as fake timers do, which were set in the run
    expect(Math.random()).toBeLessThan(1);
    expect(() => guarded(() => Math.random())).toThrow(GuardError);
    Math.random = real;
  });

  test("guarded() guards what fake timers have put in place, too", () => {
    vi.useFakeTimers({ now: 5 });
    try {
      expect(() => guarded(() => Date.now())).toThrow(GuardError);
      expect(() => guarded(() => setTimeout(nothing, 1))).toThrow(GuardError);
      expect([guarded(() => Date.now(), { allow: ["Date"] }), Date.now()]).toEqual([5, 5]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("the cost of guards", () => {
  test("explore() runs a thousand schedules of three workers of three locked increments with guards", () => {
    function* locked() {
      const lock = new Lock();
      let n = 0;
      function* worker() {
        for (let i = 0; i < 3; i++) {
          yield* asyncWith(lock, function* () {
            const before = n;
            yield* sleep(0);
            n = before + 1;
          });
        }
      }
      yield* gather([worker(), worker(), worker()]);
      expect(n).toBe(9);
    }
    const { failure, runs } = explore(locked, { fidelity: "tasks", runs: 1000, strategy: new RandomWalk(1) });
    expect([failure, runs]).toEqual([null, 1000]);
  });
});

function nothing(): void {}
