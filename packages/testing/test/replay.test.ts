// replay(): a token is a schedule, the same schedule gives the same failure, and where the program has changed that is said.
import { asyncWith, createTask, Event, gather, Lock, sleep } from "@aioloop/tasks";
import type { Body, Deviation, Fidelity, Schedule } from "@aioloop/testing";
import {
  explore,
  RandomWalk,
  REPLAY_VARIABLE,
  replay,
  ScheduleMismatchError,
  scheduleOf,
  tokenOf,
} from "@aioloop/testing";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { findFailures, replayed } from "./random-programs.ts";

const isSoak = process.env.AIOLOOP_SOAK === "1";
const seed = Number(process.env.AIOLOOP_SEED ?? 20260);
const runs = { seed, numRuns: isSoak ? 20_000 : 500 };

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

const big = { max: 2 ** 31 - 1 };
const deviations = fc
  .array(
    fc.record({
      stream: fc.constantFrom("order" as const, "fault" as const, "draw" as const),
      at: fc.oneof(fc.nat(200), fc.nat(big)),
      way: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, ...big })),
      check: fc.nat(255),
    }),
    { maxLength: 12 },
  )
  .map((all): Deviation[] => {
    const order = ["order", "fault", "draw"];
    const unique = new Map(all.map((one) => [`${one.stream} ${one.at}`, one]));
    return [...unique.values()].sort(
      (a, b) => order.indexOf(a.stream) - order.indexOf(b.stream) || a.at - b.at,
    );
  });
const schedules: fc.Arbitrary<Schedule> = fc.record({
  fidelity: fc.constantFrom<Fidelity>("env", "tasks", "adversarial"),
  seed: fc.oneof(fc.nat(100), fc.nat({ max: 2 ** 32 - 1 })),
  deviations,
});

describe("a token", () => {
  test("gives the schedule it was made of", () => {
    fc.assert(
      fc.property(schedules, (schedule) => {
        expect(scheduleOf(tokenOf(schedule))).toEqual(schedule);
      }),
      runs,
    );
  });

  test("is plain in a shell, an address and a file's name", () => {
    fc.assert(
      fc.property(schedules, (schedule) => {
        expect(tokenOf(schedule)).toMatch(/^[\w.-]+$/);
      }),
      runs,
    );
  });

  test("of five deviations among some thousands of choices has 80 characters at most", () => {
    const all = ["order", "order", "fault", "order", "draw"] as const;
    const five = all.map((stream, i) => ({ stream, at: 3000 * i + 2999, way: 100 + i, check: 255 }));
    expect(tokenOf({ fidelity: "adversarial", seed: 2 ** 32 - 1, deviations: five }).length).toBeLessThan(81);
  });

  test("that has lost its end, or was never one, is refused", () => {
    for (const token of ["", "x", "sim1", "sim1.q.1.", "sim0.e.1.AAHB", "sim1.e..AAHB", "sim1.e.1.A AHB"])
      expect(() => replay(() => undefined, token), token).toThrow(
        /is no token of explore\(\)|has lost its end/,
      );
    expect(() => replay(() => undefined, "sim1.e.1.AAH")).toThrow(/"sim1\.e\.1\.AAH" has lost its end/);
  });

  test("that was cut somewhere is refused, or is another schedule; it never breaks what reads it", () => {
    fc.assert(
      fc.property(schedules, fc.nat(100), (schedule, length) => {
        const token = tokenOf(schedule).slice(0, length);
        try {
          scheduleOf(token);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      runs,
    );
  });
});

/** Two naps of one instant, in an order that must be kept; `log` is told all that happens. */
function naps(names: readonly string[], log: string[] = []): Body {
  return function* (sim) {
    const order: string[] = [];
    const nap = function* (name: string) {
      yield* sleep(1);
      log.push(`${name}@${sim.time()}`);
      order.push(name);
    };
    yield* gather(names.map((name) => createTask(nap(name), { name })));
    if (order.join("") !== names.join("")) throw new RangeError(`order ${order.join("")}`);
  };
}

const SETTLED = { eager: false };

function tokenFor(body: Body, options: Parameters<typeof explore>[1] = SETTLED): string {
  const { failure } = explore(body, options);
  if (failure === null) throw new Error("no schedule fails");
  return failure.token;
}

describe("replay()", () => {
  test("fails in the same way, again and again, and runs the same schedule", () => {
    const token = tokenFor(naps(["a", "b", "c"]));
    const logs = [[], [], []] as string[][];
    const errors = logs.map((log) => thrownBy(() => replay(naps(["a", "b", "c"], log), token, SETTLED)));
    expect(errors[0]).toBeInstanceOf(RangeError);
    expect(errors).toEqual([errors[0], errors[0], errors[0]]);
    expect(logs).toEqual([logs[0], logs[0], logs[0]]);
  });

  test("of random programs fails in the same way, for each of them", () => {
    const found = findFailures(isSoak ? 1000 : 40);
    expect(found.map(replayed)).toEqual(found.map(({ outcome }) => outcome));
  });

  test("gives the same draws", () => {
    const body: Body = function* (sim) {
      yield* sleep(1);
      const drawn = [sim.random(), sim.random()];
      if ((drawn[0] as number) > 0.9) throw new RangeError(drawn.join());
    };
    const { failure } = explore(body, { strategy: new RandomWalk(7), runs: 500 });
    const error = thrownBy(() => replay(body, failure?.token as string));
    expect(error).toEqual(failure?.error);
  });

  test("says nothing where the program does not fail any more", () => {
    const token = tokenFor(naps(["a", "b"]));
    let ran = 0;
    const mended: Body = function* () {
      const nap = function* () {
        yield* sleep(1);
        ran += 1;
      };
      yield* gather(["a", "b"].map((name) => createTask(nap(), { name })));
    };
    replay(mended, token, SETTLED);
    expect(ran).toBe(2);
  });

  test("throws what is no Error as it is", () => {
    const body: Body = function* (sim) {
      yield* sleep(1);
      if (sim.fault()) throw undefined;
    };
    const { failure } = explore(body);
    let caught: unknown[] = [];
    try {
      replay(body, failure?.token as string);
    } catch (error) {
      caught = [error];
    }
    expect(caught).toEqual([undefined]);
  });

  test("in a coroutine is refused", () => {
    const token = tokenFor(naps(["a", "b"]));
    const { failure } = explore(function* () {
      yield;
      replay(naps(["a", "b"]), token);
    });
    expect(String(failure?.error)).toContain("replay() inside a coroutine or callback");
  });
});

describe("replay() of a program that has changed names the first step that differs", () => {
  const token = tokenFor(naps(["a", "b", "c"]));

  test("where something else would run", () => {
    const error = thrownBy(() => replay(naps(["a", "x", "y"]), token, SETTLED));
    expect(error).toBeInstanceOf(ScheduleMismatchError);
    expect((error as Error).message).toMatch(
      /^the program has changed since the token was made: after step \d+, time 1, choice \d+ \(timer\) is between the timer of a, the timer of x, the timer of y, and way \d is not what ran then$/,
    );
  });

  test("where there are fewer ways", () => {
    const three = naps(["a", "b", "c"]);
    const isLast: Body = function* (sim) {
      let first = "";
      const nap = function* (name: string) {
        yield* sleep(1);
        first ||= name;
      };
      yield* gather(["a", "b", "c"].map((name) => createTask(nap(name), { name })));
      if (first === "c" && sim.time() === 1) throw new RangeError("c");
    };
    expect(explore(three, SETTLED).failure).not.toBe(null);
    const error = thrownBy(() => replay(naps(["a", "b"]), tokenFor(isLast), SETTLED));
    expect((error as Error).message).toContain("is between the timer of a, the timer of b, and way 2");
  });

  test("where a choice does not come any more", () => {
    const error = thrownBy(() => replay(() => undefined, token, SETTLED));
    expect(error).toBeInstanceOf(ScheduleMismatchError);
    expect((error as Error).message).toMatch(
      /: choice \d+ \(order\), at which something else ran then, does not come any more$/,
    );
  });

  test("also where the program catches the error in place of a fault of its own", () => {
    const body = (name: string): Body =>
      function* (sim) {
        yield* sleep(1);
        try {
          if (sim.fault(name)) throw new RangeError(name);
        } catch (error) {
          if (name === "disk") throw error;
        }
      };
    const error = thrownBy(() => replay(body("net"), tokenFor(body("disk"), {})));
    expect(error).toBeInstanceOf(ScheduleMismatchError);
    expect((error as Error).message).toContain("choice 0 (fault) is between no fault, net, and way 1");
  });

  test("but where it fails before, throws that", () => {
    const body: Body = () => {
      throw new TypeError("before all");
    };
    expect(() => replay(body, token, SETTLED)).toThrow(new TypeError("before all"));
  });
});

describe("the variable of the environment", () => {
  afterEach(() => {
    delete process.env[REPLAY_VARIABLE];
  });

  test("AIOLOOP_REPLAY has explore() run the schedule of its token alone, and report it", () => {
    const body = naps(["a", "b", "c"]);
    const found = explore(body, SETTLED).failure;
    process.env[REPLAY_VARIABLE] = found?.token;
    const log: string[] = [];
    const { failure, runs: count, guarantee } = explore(naps(["a", "b", "c"], log), SETTLED);
    expect({ ...failure, error: null }).toEqual({ ...found, error: null });
    expect(failure?.error).toEqual(found?.error);
    expect([count, guarantee]).toEqual([1, { kind: "sampled", schedules: 1 }]);
    expect(log.length).toBe(6); // the run, and that of the report
  });

  test("that is empty is none", () => {
    process.env[REPLAY_VARIABLE] = "";
    expect(explore(naps(["a", "b"]), SETTLED).runs).toBeGreaterThan(1);
  });

  test("with what is no token is an error", () => {
    process.env[REPLAY_VARIABLE] = "nonsense";
    expect(() => explore(naps(["a", "b"]))).toThrow(RangeError);
  });

  test("with a token of a program that has changed gives a failure that says so", () => {
    process.env[REPLAY_VARIABLE] = tokenFor(naps(["a", "b"]));
    const { failure } = explore(naps(["x", "y"]), SETTLED);
    expect(failure?.error).toBeInstanceOf(ScheduleMismatchError);
  });
});

test("a failure of several deviations is replayed with all of them", () => {
  const body: Body = function* () {
    const [event, lock] = [new Event(), new Lock()];
    const order: string[] = [];
    const worker = function* (name: string, turns: number) {
      yield* event.wait();
      for (let i = 0; i < turns; i++) {
        yield* asyncWith(lock, function* () {
          order.push(name);
          yield;
        });
      }
    };
    const all = gather(["a", "b", "c", "d"].map((name) => createTask(worker(name, 2), { name })));
    yield* sleep(1);
    event.set();
    yield* all;
    if (order.join("").startsWith("badc")) throw new RangeError(order.join(""));
  };
  const { failure } = explore(body, { fidelity: "adversarial", eager: false, runs: 5000 });
  expect(failure?.error).toBeInstanceOf(RangeError);
  expect(failure?.schedule.deviations.length).toBeGreaterThan(1);
  expect(failure?.token.length).toBeLessThan(81);
  expect(thrownBy(() => replay(body, failure?.token as string, SETTLED))).toEqual(failure?.error);
});
