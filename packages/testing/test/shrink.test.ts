import type { Body, Chooser, Exploration, SimLoop, Strategy } from "@aioloop/testing";
import { explore, RandomWalk, scheduleOf, tokenOf } from "@aioloop/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FIDELITIES } from "../src/choices.ts";

/** One run that takes these ways of the choices in turn, and the first of those after them. */
function taking(ways: readonly number[]): Strategy {
  let left = 1;
  return {
    name: "taking",
    next: () => {
      const rest = [...ways];
      const chooser: Chooser = { choose: () => rest.shift() ?? 0 };
      return left-- > 0 ? chooser : null;
    },
    seen: () => {},
    guarantee: () => ({ kind: "sampled", schedules: 1 }),
  };
}

function failureOf(body: Body, ways: readonly number[]): NonNullable<Exploration["failure"]> {
  const { failure } = explore(body, { strategy: taking(ways), eager: false });
  if (failure === null) throw new Error("it has not failed");
  return failure;
}

describe("shrinking", () => {
  test("leaves out each deviation that is not needed", () => {
    const body = (sim: SimLoop) => {
      const drawn = Array.from({ length: 12 }, () => sim.choose([0, 1, 2, 3]));
      if (drawn[4] !== 0 && drawn[9] !== 0) throw new Error("both");
    };
    const { schedule } = failureOf(body, [1, 3, 2, 1, 3, 0, 2, 2, 1, 2, 3, 1]);
    expect(schedule.deviations).toMatchObject([
      { stream: "draw", at: 4, way: 1 },
      { stream: "draw", at: 9, way: 1 },
    ]);
  });

  test("takes the lowest way that fails", () => {
    const body = (sim: SimLoop) => {
      if (sim.choose([0, 1, 2, 3, 4, 5]) >= 3) throw new Error("much");
    };
    expect(failureOf(body, [5]).schedule.deviations).toMatchObject([{ way: 3 }]);
  });

  test("finds a failure with fewer deviations that is no part of the first", () => {
    const body = (sim: SimLoop) => {
      const [a, b, c] = [sim.choose([0, 1]), sim.choose([0, 1]), sim.choose([0, 1])];
      if ((a === 1 && b === 1) || (c === 1 && a === 0 && b === 0)) throw new Error("either");
    };
    expect(failureOf(body, [1, 1, 0]).schedule.deviations).toMatchObject([{ at: 2 }]);
  });

  test("does not slip from one failure to another, thrown elsewhere, however simple", () => {
    const body = (sim: SimLoop) => {
      const [a, b] = [sim.choose([0, 1]), sim.choose([0, 1])];
      if (a === 1 && b === 1) throw new Error("the first");
      if (a === 1) throw new Error("the second");
    };
    const { error, schedule } = failureOf(body, [1, 1]);
    expect(error).toEqual(new Error("the first"));
    expect(schedule.deviations).toHaveLength(2);
  });

  test("takes errors of one place for one failure, though their texts differ", () => {
    const body = (sim: SimLoop) => {
      const drawn = sim.choose([0, 1, 2, 3]) + sim.choose([0, 1, 2, 3]);
      if (drawn > 0) throw new Error(`drew ${drawn}`);
    };
    const { error, schedule } = failureOf(body, [3, 3]);
    expect(schedule.deviations).toHaveLength(1);
    expect(error).toEqual(new Error("drew 1"));
  });

  test("tells deadlocks from errors, and breaches of one invariant from those of another", () => {
    const body = (sim: SimLoop) => {
      const state = { a: 0, b: 0 };
      sim.always(() => state.a === 0 || state.b === 0, "not both");
      sim.always(() => state.a === 0, "no a");
      sim.callSoon(() => {
        [state.a, state.b] = [sim.choose([0, 1]), sim.choose([0, 1])];
      });
      sim.runUntilIdle();
    };
    expect(failureOf(body, [1, 1])).toMatchObject({
      error: { invariant: "not both" },
      schedule: { deviations: [{ at: 0 }, { at: 1 }] },
    });
  });

  test("a failure without any deviation is told as that", () => {
    const { schedule, report, token } = failureOf(() => {
      throw new Error("always");
    }, []);
    expect(schedule).toEqual({ fidelity: "env", seed: 1, deviations: [] });
    expect(report).toBe("it fails in the order in which things happen if nobody chooses");
    expect(token).toBe("sim1.e.1.");
  });

  test("keeps the seed of the strategy only where the failure needs it", () => {
    const tie = (sim: SimLoop) => {
      let order = "";
      for (const name of "ab") sim.callLater(1, () => void (order += name));
      sim.advance(1);
      if (order === "ba") throw new Error("order");
    };
    expect(explore(tie, { strategy: new RandomWalk(9) }).failure?.schedule.seed).toBe(1);
    const drawing = (sim: SimLoop) => {
      if (sim.random() > 0.9) throw new Error("large");
    };
    const found = explore(drawing, { strategy: new RandomWalk(9) });
    expect(found.failure?.schedule.seed).not.toBe(1);
    expect(found.failure?.schedule.deviations).toEqual([]);
  });
});

describe("tokens", () => {
  const deviation = fc.record({
    stream: fc.constantFrom("order" as const, "fault" as const, "draw" as const),
    at: fc.integer({ min: 0, max: 2 ** 30 }),
    way: fc.integer({ min: 1, max: 2 ** 20 }),
    check: fc.integer({ min: 0, max: 255 }),
  });
  const streams = ["order", "fault", "draw"];
  const schedule = fc.record({
    fidelity: fc.constantFrom(...FIDELITIES),
    seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    deviations: fc
      .uniqueArray(deviation, { maxLength: 5, selector: ({ stream, at }) => `${stream} ${at}` })
      .map((all) => all.sort((a, b) => streams.indexOf(a.stream) - streams.indexOf(b.stream) || a.at - b.at)),
  });

  test("of five deviations or fewer have at most 80 characters, and give the schedule back", () => {
    fc.assert(
      fc.property(schedule, (one) => {
        const token = tokenOf(one);
        expect(token.length).toBeLessThanOrEqual(80);
        expect(scheduleOf(token)).toEqual(one);
      }),
      { seed: 6, numRuns: 300 },
    );
  });
});
