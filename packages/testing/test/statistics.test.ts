// What combinatorics and probability say of schedules, and what is counted. Seeds are fixed: no test here fails by chance.
import type { Chooser, ExploreOptions, Fidelity, SimLoop, Strategy } from "@aioloop/testing";
import { DelayBounded, Exhaustive, explore, Pct, RandomWalk, shared } from "@aioloop/testing";
import { describe, expect, test } from "vitest";

const isSoak = process.env.AIOLOOP_SOAK === "1";

/** Tasks of so many steps; `done` is told of the order of all steps, as a text of the tasks' letters. */
function steps(lengths: readonly number[], done: (order: string) => void): (sim: SimLoop) => void {
  return (sim) => {
    let order = "";
    function* task(name: string, length: number) {
      for (let i = 1; i < length; i++) {
        order += name;
        yield;
      }
      order += name;
    }
    for (const [i, length] of lengths.entries()) sim.createTask(task("abcdefgh"[i] as string, length));
    sim.runUntilIdle();
    done(order);
  };
}

/** Timers of one instant. */
function ties(count: number, done: (order: string) => void): (sim: SimLoop) => void {
  return (sim) => {
    let order = "";
    for (const name of "abcdefgh".slice(0, count)) {
      sim.callLater(1, () => {
        order += name;
      });
    }
    sim.advance(1);
    done(order);
  };
}

type Program = (done: (order: string) => void) => (sim: SimLoop) => void;

/** The orders that were seen, and how often. */
function ordersOf(program: Program, options: ExploreOptions): Map<string, number> {
  const seen = new Map<string, number>();
  const count = (order: string) => void seen.set(order, (seen.get(order) ?? 0) + 1);
  const { failure } = explore(program(count), { eager: false, ...options });
  expect(failure).toBeNull();
  return seen;
}

const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));
const multinomial = (parts: readonly number[]): number =>
  factorial(parts.reduce((sum, part) => sum + part, 0)) /
  parts.reduce((product, part) => product * factorial(part), 1);

describe("exhaustive enumeration", () => {
  const makers: readonly (() => Strategy)[] = [
    () => new Exhaustive(),
    () => new DelayBounded(Number.POSITIVE_INFINITY),
  ];

  test.each(makers.map((make) => [make().name, make] as const))(
    "%s: three tasks of three private steps and one shared write have 34,650 interleavings at adversarial",
    (_name, make) => {
      const ends = new Set<string>();
      const result = explore(
        (sim) => {
          const memory = shared({ last: "" });
          let order = "";
          function* task(name: string) {
            for (let i = 0; i < 3; i++) yield void (order += name);
            memory.last = name;
            order += name;
          }
          for (const name of "abc") sim.createTask(task(name));
          sim.runUntilIdle();
          ends.add(`${order} ${memory.last}`);
        },
        { fidelity: "adversarial", strategy: make(), runs: 1e6, eager: false },
      );
      expect(result).toEqual({
        failure: null,
        guarantee: { kind: "exhaustive", schedules: 34_650 },
        runs: 34_650,
      });
      expect(multinomial([4, 4, 4])).toBe(34_650);
      expect(ends.size).toBe(34_650);
    },
  );

  test.each([[[5, 3]], [[1, 2, 3]], [[2, 2, 2, 2]]])(
    "tasks of %j steps have as many interleavings at adversarial as the multinomial coefficient says, each run once",
    (lengths) => {
      const seen = ordersOf((done) => steps(lengths, done), {
        fidelity: "adversarial",
        strategy: new Exhaustive(),
        runs: 1e6,
      });
      expect(seen.size).toBe(multinomial(lengths));
      expect([...seen.values()].every((count) => count === 1)).toBe(true);
    },
  );

  test("three tasks of two steps have 3! orders in each of two turns at tasks, and one at env", () => {
    const seen = (fidelity: Fidelity) =>
      ordersOf((done) => steps([2, 2, 2], done), { fidelity, strategy: new Exhaustive() }).size;
    expect(seen("tasks")).toBe(36);
    expect(seen("env")).toBe(1);
  });

  test.each([2, 3, 4, 5])("%i timers of one instant have as many orders as permutations", (count) => {
    const seen = ordersOf((done) => ties(count, done), { strategy: new Exhaustive() });
    expect(seen.size).toBe(factorial(count));
    expect([...seen.values()].every((times) => times === 1)).toBe(true);
  });
});

/** Sum of (seen - expected)² / expected over all that could have been seen. */
function chiSquare(seen: ReadonlyMap<string, number>, kinds: number, runs: number): number {
  const expected = runs / kinds;
  const unseen = (kinds - seen.size) * expected;
  return [...seen.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, unseen);
}

describe("random choice is uniform", () => {
  /** Of 23 degrees of freedom: a fair die gives more in one of a thousand trials. */
  const LIMIT = 49.73;
  const runs = isSoak ? 240_000 : 12_000;

  test.each<[string, Fidelity, Program]>([
    ["4 tasks at tasks", "tasks", (done) => steps([1, 1, 1, 1], done)],
    ["4 tasks at adversarial", "adversarial", (done) => steps([1, 1, 1, 1], done)],
    ["4 timers of one instant", "env", (done) => ties(4, done)],
  ])("over the 24 orders of %s (chi-square)", (_what, fidelity, program) => {
    const seen = ordersOf(program, { fidelity, strategy: new RandomWalk(7), runs });
    expect(seen.size).toBe(24);
    expect(chiSquare(seen, 24, runs)).toBeLessThan(LIMIT);
  });

  test("over what sim.choose() takes (chi-square)", () => {
    const seen = new Map<string, number>();
    explore(
      (sim) => {
        const word = [0, 1].map(() => sim.choose([..."abcd"])).join("");
        seen.set(word, (seen.get(word) ?? 0) + 1);
      },
      { strategy: new RandomWalk(7), runs },
    );
    expect(chiSquare(seen, 16, runs)).toBeLessThan(37.7); // 15 degrees of freedom
  });
});

describe("PCT meets the published bound of 1 / (n k^(d - 1))", () => {
  const LENGTHS = [6, 6, 6];
  const runs = isSoak ? 200_000 : 10_000;
  const tasks = LENGTHS.length;
  const choices = 16; // no choice is left when only one task is

  /** In how many of the runs what is looked for happened. */
  function hits(strategy: Strategy, isHit: (order: string) => boolean): number {
    let count = 0;
    for (const [order, times] of ordersOf((done) => steps(LENGTHS, done), {
      fidelity: "adversarial",
      strategy,
      runs,
    })) {
      if (isHit(order)) count += times;
    }
    return count;
  }

  /** Three standard deviations below what the bound says. */
  function least(depth: number): number {
    const chance = 1 / (tasks * choices ** (depth - 1));
    return runs * chance - 3 * Math.sqrt(runs * chance);
  }

  test("the program has no more choices than the bound is computed with", () => {
    let longest = 0;
    let run = 0;
    const counting: Strategy = {
      name: "counting",
      next: (): Chooser => ({ choose: ({ count }) => (run++ * 7) % count }),
      seen: ({ tape }) => {
        longest = Math.max(longest, tape.order.counts.length);
      },
      guarantee: () => ({ kind: "sampled", schedules: 0 }),
    };
    ordersOf((done) => steps(LENGTHS, done), { fidelity: "adversarial", strategy: counting, runs: 500 });
    expect(longest).toBeGreaterThan(12);
    expect(longest).toBeLessThanOrEqual(choices + 1);
  });

  test("depth 1: a task starves until all others are through; a random walk hardly ever sees it", () => {
    const isStarved = (order: string) => order.indexOf("a") === 12;
    const found = hits(new Pct(1, 3, choices), isStarved);
    expect(found).toBeGreaterThan(least(1));
    expect(hits(new RandomWalk(3), isStarved)).toBeLessThan(found / 50);
  });

  test("depth 2: a task takes one step, and starves until all others are through", () => {
    const isStarved = (order: string) =>
      /^[bc]*a[bc]*aaaaa$/.test(order) && order.lastIndexOf("b") > order.indexOf("a");
    expect(hits(new Pct(2, 3, choices), isStarved)).toBeGreaterThan(least(2));
  });

  test("depth 3: two tasks starve each other after a step each, in this order and in the other", () => {
    const withoutC = (order: string) => order.replaceAll("c", "");
    const found = hits(new Pct(3, 3, choices), (order) => withoutC(order) === "abaaaaabbbbb");
    expect(found).toBeGreaterThan(least(3));
    const reversed = hits(new Pct(3, 4, choices), (order) => withoutC(order) === "babbbbbaaaaa");
    expect(reversed).toBeGreaterThan(least(3));
  });
});
