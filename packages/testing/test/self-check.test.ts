/** Two runs of one schedule are the same, step by step; or the first difference has a name. */
import { createTask, gather, sleep, toThread } from "@aioloop/tasks";
import type { SimLoop } from "@aioloop/testing";
import { GuardError, NondeterminismError, selfCheck } from "@aioloop/testing";
import { describe, expect, test } from "vitest";

/** Every second run of a schedule is another one. */
function alternating(
  program: (isSecond: boolean, sim: SimLoop) => Generator,
): (sim: SimLoop) => Generator<never> {
  let runs = 0;
  return (sim) => program(runs++ % 2 === 1, sim) as Generator<never>;
}

describe("selfCheck()", () => {
  test("selfCheck() passes a program that is deterministic, whether or not it fails, and whatever it draws", () => {
    let runs = 0;
    selfCheck(
      function* (sim) {
        runs += 1;
        function* worker() {
          yield* sleep(sim.random());
          if (sim.fault("lost")) throw new Error("lost");
          yield* toThread(() => sim.choose(["a", "b"]));
        }
        yield* gather([worker(), worker()]);
      },
      { runs: 20, executor: { duration: 0.5 } },
    );
    expect(runs).toBe(40);
  });

  test("selfCheck() names the first step that differs, its time, and the usual causes", () => {
    const body = alternating(function* (isSecond) {
      yield* sleep(1);
      function* red() {}
      function* blue() {}
      yield* createTask(isSecond ? blue() : red(), { name: isSecond ? "blue" : "red" });
    });
    expect(() => selfCheck(body, { eager: false })).toThrow(NondeterminismError);
    expect(() => selfCheck(body, { eager: false })).toThrow(
      "the program is not deterministic: run twice in the same order, it differs after it runs Task-1 at time 1: the first time it then runs red (time 1), the second time it then runs blue (time 1). It must not depend on the clock, on Math.random(), or on what earlier runs have left behind (module variables, caches)",
    );
  });

  test("selfCheck() names a time that differs", () => {
    const body = alternating(function* (isSecond) {
      yield* sleep(isSecond ? 2 : 1);
    });
    expect(() => selfCheck(body)).toThrow(
      /the first time it then runs the timer of Task-1 at time 1, the second time it then runs the timer of Task-1 at time 2/,
    );
  });

  test("selfCheck() names a number of draws that differs", () => {
    const body = alternating(function* (isSecond, sim) {
      if (isSecond) sim.random();
      yield* sleep(1);
    });
    expect(() => selfCheck(body)).toThrow(
      /after 0 random numbers, the second time .* after 1 random numbers/,
    );
  });

  test("selfCheck() names a choice that differs", () => {
    const body = alternating(function* (isSecond, sim) {
      sim.choose(isSecond ? ["a", "b", "c"] : ["a", "b"]);
      yield* sleep(1);
    });
    expect(() => selfCheck(body)).toThrow(
      /the first time it then takes a \(draw, of: a \| b\) \(time 0\), the second time it then takes a \(draw, of: a \| b \| c\) \(time 0\)/,
    );
  });

  test("selfCheck() names the run that ends first", () => {
    let runs = 0;
    const body = (sim: SimLoop) => {
      sim.callSoon(function tick() {});
      if (runs++ % 2 === 1) sim.runUntilIdle();
    };
    expect(() => selfCheck(body)).toThrow(
      "the first time it then has ended, the second time it then runs tick (time 0)",
    );
  });

  test("selfCheck() compares how the runs end", () => {
    const body = alternating(function* (isSecond) {
      if (isSecond) throw new Error("now");
    });
    expect(() => selfCheck(body)).toThrow(
      'it does the same steps, but the first time it ends well, the second time it fails with Error("now")',
    );
  });

  test("selfCheck() finds what differs only behind a deviation, and says how many there were", () => {
    let isSecond = false;
    const body = (sim: SimLoop) => {
      let order = "";
      sim.callLater(1, () => void (order += "a"));
      sim.callLater(1, () => void (order += "b"));
      sim.advance(1);
      if (order !== "ba") return;
      sim.callSoon(isSecond ? function odd() {} : function even() {});
      isSecond = !isSecond;
      sim.runUntilIdle();
    };
    expect(() => selfCheck(body)).toThrow(
      /run twice with the same (?:deviation|2 deviations), it differs after it runs .* at time 1/,
    );
  });

  test("selfCheck() throws what the guards have caught, unless it is told to let it through", () => {
    const body = () => void Math.random();
    expect(() => selfCheck(body)).toThrow(GuardError);
    selfCheck(body, { guards: false });
  });

  test("selfCheck({ runs }) refuses fewer than one", () => {
    expect(() => selfCheck(() => {}, { runs: 0 })).toThrow(
      new RangeError("selfCheck({ runs }): at least 1, got 0"),
    );
  });
});
