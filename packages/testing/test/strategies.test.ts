import { sleep } from "@aioloop/tasks";
import type { Body, Chooser, ExploreOptions, Guarantee, SimLoop, Strategy } from "@aioloop/testing";
import {
  DelayBounded,
  Exhaustive,
  explore,
  Fifo,
  NondeterminismError,
  Pct,
  Portfolio,
  RandomWalk,
  shared,
} from "@aioloop/testing";
import { describe, expect, test } from "vitest";
import { Conflicts } from "./conflicts.ts";

/** Three tasks of so many steps each, which keep their order in `orders`. */
function threeTasks(steps: number, orders: Set<string> = new Set()): Body {
  return (sim) => {
    let order = "";
    function* task(name: string) {
      for (let i = 1; i < steps; i++) yield void (order += name);
      order += name;
    }
    for (const name of "abc") sim.createTask(task(name));
    sim.runUntilIdle();
    orders.add(order);
  };
}

/** Deviations of each run, as the record tells them. */
function counting(strategy: Strategy, deviations: number[]): Strategy {
  return {
    name: strategy.name,
    next: () => strategy.next(),
    seen: (record) => {
      deviations.push(record.deviations.length);
      strategy.seen(record);
    },
    guarantee: () => strategy.guarantee(),
  };
}

const all: ExploreOptions = { fidelity: "adversarial", eager: false, runs: 1e6 };

describe("Fifo", () => {
  test("is one run, in the order of any loop", () => {
    const orders = new Set<string>();
    const { runs } = explore(threeTasks(2, orders), { ...all, strategy: new Fifo() });
    expect(runs).toBe(1);
    expect([...orders]).toEqual(["abcabc"]);
  });
});

describe("RandomWalk", () => {
  test("takes the same schedules for the same seed, and others for another", () => {
    const orders = (seed: number) => {
      const seen: string[] = [];
      explore(
        (sim) => {
          const one = new Set<string>();
          threeTasks(3, one)(sim);
          seen.push(...one, String(sim.random()), String(sim.choose([1, 2, 3])));
        },
        { ...all, strategy: new RandomWalk(seed), runs: 20 },
      );
      return seen;
    };
    expect(orders(1)).toEqual(orders(1));
    expect(orders(1)).not.toEqual(orders(2));
  });

  test("a fault more or less does not change the order", () => {
    const orders = (faults: number) => {
      const seen = new Set<string>();
      const body = (sim: SimLoop) => {
        for (let i = 0; i < faults; i++) sim.fault();
        threeTasks(3, seen)(sim);
      };
      explore(body, { ...all, strategy: new RandomWalk(5), runs: 20 });
      return [...seen];
    };
    expect(orders(3)).toEqual(orders(0));
  });
});

describe("DelayBounded", () => {
  test.each([0, 1, 2, 3])(
    "runs each schedule of at most %i deviations once, those with fewer first",
    (delays) => {
      const every: number[] = [];
      explore(threeTasks(2), { ...all, strategy: counting(new Exhaustive(), every) });
      const deviations: number[] = [];
      const { guarantee } = explore(threeTasks(2), {
        ...all,
        strategy: counting(new DelayBounded(delays), deviations),
      });
      expect(deviations).toEqual([...deviations].sort());
      expect(deviations.length).toBe(every.filter((count) => count <= delays).length);
      expect(guarantee).toEqual({ kind: "delay-bounded", delays, schedules: deviations.length });
    },
  );

  test("guarantees what it has seen to its end, at each moment", () => {
    const strategy = new DelayBounded(2);
    const guarantees: Guarantee[] = [strategy.guarantee()];
    const watched: Strategy = {
      name: "watched",
      next: () => strategy.next(),
      seen: (record) => {
        guarantees.push(strategy.guarantee()); // between next() and seen() a run is not counted
        strategy.seen(record);
        guarantees.push(strategy.guarantee());
      },
      guarantee: () => strategy.guarantee(),
    };
    // One choice of three ways: one schedule without a deviation, two with one.
    explore((sim) => void sim.choose(["a", "b", "c"]), { eager: false, strategy: watched });
    expect(guarantees.map((one) => ("delays" in one ? one.delays : one.kind))).toEqual([
      "sampled",
      "sampled",
      0,
      0,
      0,
      0,
      "exhaustive",
    ]);
  });

  test("guarantees an exhaustive search where no schedule has more deviations", () => {
    const two = explore(threeTasks(1), { ...all, strategy: new DelayBounded(2) });
    expect(two.guarantee).toEqual({ kind: "exhaustive", schedules: 6 });
    const one = explore(threeTasks(1), { ...all, strategy: new DelayBounded(1) });
    expect(one.guarantee).toEqual({ kind: "delay-bounded", delays: 1, schedules: 4 });
  });

  test("refuses a number of deviations that is none", () => {
    for (const delays of [-1, 1.5, Number.NaN])
      expect(() => new DelayBounded(delays)).toThrow("new DelayBounded(delays): a whole number");
  });
});

describe("Exhaustive", () => {
  test("goes through what sim.choose() and sim.fault() may say as well", () => {
    const seen: string[] = [];
    const { guarantee } = explore((sim) => void seen.push(`${sim.choose(["a", "b", "c"])}${sim.fault()}`), {
      strategy: new Exhaustive(),
      eager: false,
    });
    expect(seen).toEqual(["afalse", "atrue", "bfalse", "btrue", "cfalse", "ctrue"]);
    expect(guarantee).toEqual({ kind: "exhaustive", schedules: 6 });
  });

  test("does not claim to be exhaustive of a program that asks for random numbers, nor does any other", () => {
    const body = (sim: SimLoop) => void (sim.random() < 0 && sim.fault());
    for (const make of [() => new Exhaustive(), () => new DelayBounded(2), () => new Portfolio()]) {
      const { failure, guarantee } = explore(body, { strategy: make(), runs: 50 });
      expect(failure).toBeNull();
      expect(guarantee.kind).toBe("sampled");
    }
  });

  test("a run that fails says nothing of those that were not run", () => {
    const fails = (sim: SimLoop) => {
      if (sim.fault()) throw new Error("failed");
      sim.choose([1, 2]);
    };
    const { failure, guarantee, runs } = explore(fails, { strategy: new Exhaustive(), eager: false });
    expect(failure).not.toBeNull();
    expect(runs).toBe(3);
    expect(guarantee).toEqual({ kind: "exhaustive", schedules: 3 });
    const first = explore(fails, { strategy: new DelayBounded(1), eager: false });
    expect(first.guarantee).toEqual({ kind: "delay-bounded", delays: 0, schedules: 2 });
  });
});

describe("a program that is not deterministic", () => {
  /** One timer, then two, then one. */
  function forgetful(): Body {
    let runs = 0;
    return (sim) => {
      for (let i = 0; i < 2 + (runs++ % 2); i++) sim.callLater(1, () => {});
      sim.callLater(2, () => {});
      sim.callLater(2, () => {});
      sim.advance(2);
    };
  }

  test.each([
    ["Exhaustive", () => new Exhaustive()],
    ["DelayBounded", () => new DelayBounded(2)],
    ["Portfolio", () => new Portfolio()],
  ])("is an error of %s that says where two runs part", (_name, make) => {
    const attempt = () => explore(forgetful(), { strategy: make(), eager: false });
    expect(attempt).toThrow(NondeterminismError);
    expect(attempt).toThrow(
      /two runs made the same choices, then choice 0 has 2 ways \(timer\) in one of them, and 3 ways \(timer\) in the other/,
    );
  });

  test("is an error where a schedule that failed does not fail again, with the failure as its cause", () => {
    let runs = 0;
    const once = () => {
      runs += 1;
      if (runs === 2) throw new Error("now and then");
    };
    expect(() => explore(once)).toThrow(
      expect.objectContaining({
        name: "NondeterminismError",
        message: expect.stringContaining("a schedule that failed does not fail in the same way again"),
        cause: expect.objectContaining({ message: "now and then" }),
      }),
    );
  });
});

describe("Pct", () => {
  test("keeps a priority through a run, for timers too: who is first stays first", () => {
    const seen = new Set<string>();
    const body = (sim: SimLoop) => {
      let order = "";
      function* task(name: string) {
        for (let i = 0; i < 3; i++) {
          yield* sleep(1);
          order += name;
        }
      }
      for (const name of "abc") sim.createTask(task(name));
      sim.advance(3);
      seen.add(order);
    };
    explore(body, { eager: false, strategy: new Pct(1, 1), runs: 100 });
    expect(seen.size).toBe(6);
    expect([...seen].every((order) => order === order.slice(0, 3).repeat(3))).toBe(true);
  });

  test("does not starve for ever whom another one looks for again and again", () => {
    const spinning = (sim: SimLoop) => {
      let isReady = false;
      function* looks() {
        while (!isReady) yield;
      }
      function* works() {
        for (let i = 0; i < 5; i++) yield;
        isReady = true;
      }
      sim.createTask(looks());
      sim.createTask(works());
      sim.runUntilIdle();
    };
    const { failure, runs } = explore(spinning, {
      fidelity: "adversarial",
      strategy: new Pct(2),
      runs: 200,
      maxStepsPerInstant: 5000,
    });
    expect({ failure, runs }).toEqual({ failure: null, runs: 200 });
  });

  test("refuses a depth of less than 1", () => {
    expect(() => new Pct(0)).toThrow("new Pct(depth): 1 or more, got 0");
  });
});

describe("Portfolio", () => {
  test("ends when all schedules were run", () => {
    const orders = new Set<string>();
    const { guarantee } = explore(threeTasks(2, orders), { ...all, runs: 2000 });
    expect(guarantee).toEqual({ kind: "exhaustive", schedules: 90 });
    expect(orders.size).toBe(90);
  });

  test("of a large program says up to how many deviations it has seen all, and leaves half of the runs to chance", () => {
    const deviations: number[] = [];
    const { guarantee, runs } = explore(threeTasks(12), {
      ...all,
      strategy: counting(new Portfolio(), deviations),
      runs: 2000,
    });
    expect(runs).toBe(2000);
    expect(guarantee).toEqual({ kind: "delay-bounded", delays: 1, schedules: 2000 });
    const few = deviations.filter((count) => count <= 2).length;
    expect(few).toBeGreaterThanOrEqual(1000);
    expect(few).toBeLessThan(1300);
  });

  test("goes on with other numbers where all orders were run of a program that asks for random ones", () => {
    const numbers = new Set<number>();
    const { runs } = explore((sim) => void numbers.add(sim.random()), { runs: 100 });
    expect(runs).toBe(100);
    expect(numbers.size).toBeGreaterThan(80);
  });
});

describe("a strategy of one's own", () => {
  test("is told of each step, chosen or not, of what it touches, and of what it makes ready", () => {
    const told: string[] = [];
    const names = new Map<object, string>();
    const watcher: Chooser = {
      choose: () => 0,
      step: (one) => told.push(`step ${names.get(one)}`),
      ready: (one) => told.push(`ready ${names.get(one) ?? "?"}`),
      access: (object, kind) => told.push(`${kind} ${object}`),
    };
    const once: Strategy = {
      name: "once",
      next: () => watcher,
      seen: () => {},
      guarantee: () => ({ kind: "sampled", schedules: 1 }),
    };
    const body = (sim: SimLoop) => {
      const memory = shared({ x: 0 }, "memory");
      const future = sim.createFuture<void>();
      const one = sim.createTask(
        (function* () {
          yield* future;
          memory.x = 1;
        })(),
      );
      names.set(one, "one");
      const other = sim.createTask(
        (function* () {
          if (memory.x === 0) future.setResult();
        })(),
      );
      names.set(other, "other");
      sim.runUntilIdle();
    };
    explore(body, { strategy: once, runs: 1 });
    expect(told).toEqual([
      "ready ?", // while it is being made
      "ready ?",
      "step one",
      "step other",
      "read memory",
      "ready one",
      "step one",
      "write memory",
    ]);
  });

  test("can reduce 34,650 interleavings to those that differ in the order of the shared writes", () => {
    const ends = new Map<string, number>();
    const body = (sim: SimLoop) => {
      const memory = shared({ writes: "" });
      function* task(name: string) {
        for (let i = 0; i < 3; i++) yield;
        memory.writes += name;
      }
      for (const name of "abc") sim.createTask(task(name));
      sim.runUntilIdle();
      ends.set(memory.writes, (ends.get(memory.writes) ?? 0) + 1);
    };
    const { failure, runs } = explore(body, { ...all, strategy: new Conflicts() });
    expect(failure).toBeNull();
    expect([...ends.keys()].sort()).toEqual(["abc", "acb", "bac", "bca", "cab", "cba"]);
    expect(runs).toBeLessThan(1000);
  });

  test("runs once what has no conflict, however many orders there are", () => {
    expect(explore(threeTasks(8), { ...all, strategy: new Conflicts() }).runs).toBe(1);
  });

  test("finds a lost update by its conflicts alone", () => {
    const body = (sim: SimLoop) => {
      const account = shared({ balance: 0 });
      function* deposit(turns: number) {
        for (let i = 0; i < turns; i++) yield;
        const before = account.balance;
        yield;
        account.balance = before + 1;
      }
      sim.createTask(deposit(0));
      sim.createTask(deposit(6));
      sim.runUntilIdle();
      if (account.balance !== 2) throw new Error("lost");
    };
    const { failure, runs } = explore(body, { ...all, strategy: new Conflicts() });
    expect(failure?.error).toEqual(new Error("lost"));
    expect(runs).toBeLessThan(50);
  });
});
