// In which order items come out: LifoQueue, PriorityQueue and its comparisons, and orders of one's own.
import { CancelledError } from "@aioloop/loop";
import type { QueueItems, Task } from "@aioloop/tasks";
import { createTask, gather, LifoQueue, PriorityQueue, Queue, sleep } from "@aioloop/tasks";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { collectGarbage, endOf, errorOf, program, textOf, thrownBy } from "./helpers.ts";

/** All that is in it, in the order in which it comes out. */
function drain<T>(queue: Queue<T>): T[] {
  const items: T[] = [];
  while (!queue.empty()) items.push(queue.getNowait());
  return items;
}

function fill<T>(queue: Queue<T>, items: readonly NoInfer<T>[]): Queue<T> {
  for (const item of items) queue.putNowait(item);
  return queue;
}

describe("any run of puts and gets", () => {
  const kinds: [string, make: () => Queue<number>, insert: (model: number[], item: number) => void][] = [
    ["Queue: first in, first out", () => new Queue(), (model, item) => void model.push(item)],
    ["LifoQueue: last in, first out", () => new LifoQueue(), (model, item) => void model.unshift(item)],
    [
      "PriorityQueue: the smallest first [S215]",
      () => new PriorityQueue(),
      (model, item) => {
        const place = model.findIndex((other) => other > item);
        model.splice(place < 0 ? model.length : place, 0, item);
      },
    ],
  ];
  // Mostly puts, so that it grows, and long enough for a queue to give up the room of what was taken.
  const runs = fc.array(
    fc.oneof({ arbitrary: fc.nat(20), weight: 3 }, { arbitrary: fc.constant(-1), weight: 2 }),
    {
      maxLength: 400,
      size: "max",
    },
  );

  test.each(kinds)("%s, by chance", (_name, make, insert) => {
    fc.assert(
      fc.property(runs, (run) => {
        const queue = make();
        const model: number[] = [];
        for (const item of run) {
          if (item >= 0) {
            queue.putNowait(item);
            insert(model, item);
          } else if (model.length > 0) {
            expect(queue.getNowait()).toBe(model.shift());
          }
          expect(queue.qsize()).toBe(model.length);
        }
        expect(drain(queue)).toEqual(model);
      }),
      { numRuns: 60, seed: 42 },
    );
  });

  test.each(kinds)("%s, a thousand in and out, growing and shrinking", (_name, make, insert) => {
    const queue = make();
    const model: number[] = [];
    for (let item = 0; item < 1000; item++) {
      queue.putNowait(item % 7);
      insert(model, item % 7);
      if (item % 3 !== 0) expect(queue.getNowait()).toBe(model.shift());
    }
    expect(drain(queue)).toEqual(model);
    queue.putNowait(5);
    expect(drain(queue)).toEqual([5]);
  });

  test.each(kinds)("%s; after shutdown(true) nothing of what was in it comes out", (_name, make) => {
    const queue = fill(
      make(),
      Array.from({ length: 50 }, (_, i) => i),
    );
    for (let times = 0; times < 20; times++) queue.getNowait();
    queue.shutdown(true);
    expect([queue.qsize(), queue.empty()]).toEqual([0, true]);
  });
});

test.each([
  ["Queue", () => new Queue<object>()],
  ["LifoQueue", () => new LifoQueue<object>()],
  ["PriorityQueue", () => new PriorityQueue<object>(0, { compare: () => 0 })],
])("%s does not hold what was taken out of it", async (_name, make) => {
  const queue = make();
  const taken: WeakRef<object>[] = [];
  (() => {
    for (let i = 0; i < 10; i++) queue.putNowait({ i });
    for (let i = 0; i < 5; i++) taken.push(new WeakRef(queue.getNowait()));
  })();
  await collectGarbage();
  expect(taken.map((ref) => ref.deref())).toEqual([undefined, undefined, undefined, undefined, undefined]);
  expect(queue.qsize()).toBe(5);
});

describe("LifoQueue", () => {
  test("LifoQueue gives the last first", () => {
    program(function* () {
      const queue = new LifoQueue<number>();
      for (const item of [1, 3, 2]) yield* queue.put(item);
      const items = [yield* queue.get(), yield* queue.get(), yield* queue.get()];
      expect(items).toEqual([2, 3, 1]);
    });
  });

  test("LifoQueue: those who wait are woken oldest first, whatever the order of items", () => {
    program(function* () {
      const queue = new LifoQueue<number>();
      const getters = gather([queue.get(), queue.get(), queue.get()]);
      yield* sleep(1);
      fill(queue, [1, 2, 3]);
      expect(yield* getters).toEqual([3, 2, 1]);
    });
  });
});

describe("PriorityQueue and its own order", () => {
  test("PriorityQueue gives the smallest first [S215]", () => {
    program(function* () {
      const queue = new PriorityQueue<number>();
      for (const item of [1, 3, 2]) yield* queue.put(item);
      const items = [yield* queue.get(), yield* queue.get(), yield* queue.get()];
      expect(items).toEqual([1, 2, 3]);
    });
  });

  const orders: [what: string, given: unknown[], sorted: unknown[]][] = [
    [
      "numbers",
      [3, -1, 0.5, Number.POSITIVE_INFINITY, 0, Number.NEGATIVE_INFINITY],
      [Number.NEGATIVE_INFINITY, -1, 0, 0.5, 3, Number.POSITIVE_INFINITY],
    ],
    ["bigints", [3n, -1n, 2n ** 70n, 0n], [-1n, 0n, 3n, 2n ** 70n]],
    ["numbers and bigints", [3, 2n, 2.5, 1n, 4n], [1n, 2n, 2.5, 3, 4n]],
    ["strings", ["b", "a", "", "ab", "B"], ["", "B", "a", "ab", "b"]],
    ["arrays, element by element", [[2, "a"], [1, "b"], [1, "a"], [1]], [[1], [1, "a"], [1, "b"], [2, "a"]]],
    [
      "arrays in arrays",
      [
        [[2], 1],
        [[1, 5], 2],
        [[1], 3],
      ],
      [
        [[1], 3],
        [[1, 5], 2],
        [[2], 1],
      ],
    ],
    ["no elements before some", [[0], [], [[]].slice(1)], [[], [], [0]]],
  ];
  test.each(orders)("PriorityQueue orders %s [S215]", (_what, given, sorted) => {
    expect(drain(fill(new PriorityQueue<unknown>(), given))).toEqual(sorted);
    expect(drain(fill(new PriorityQueue<unknown>(), given.toReversed()))).toEqual(sorted);
  });

  test("PriorityQueue gives equal items in the order in which they were put; CPython does not promise it [S215]", () => {
    const compare = (a: [number, string], b: [number, string]) => a[0] - b[0];
    const queue = new PriorityQueue<[number, string]>(0, { compare });
    const letters = [..."abcdefghijklmnopqrstuvwxyz"];
    letters.forEach((letter, i) => void queue.putNowait([i % 3, letter]));
    expect(
      drain(queue)
        .map(([, letter]) => letter)
        .join(""),
    ).toBe("adgjmpsvybehknqtwzcfilorux");
  });

  test("PriorityQueue gives equal items in the order in which they were put, whatever is taken in between [S215]", () => {
    const compare = (a: [number, number], b: [number, number]) => a[0] - b[0];
    const queue = new PriorityQueue<[number, number]>(0, { compare });
    const model: [number, number][] = [];
    for (let i = 0; i < 300; i++) {
      const item: [number, number] = [(i * i) % 5, i];
      queue.putNowait(item);
      const place = model.findIndex(([priority]) => priority > item[0]);
      model.splice(place < 0 ? model.length : place, 0, item);
      if (i % 3 === 0) expect(queue.getNowait()).toBe(model.shift());
    }
    expect(drain(queue)).toEqual(model);
  });

  test("PriorityQueue: 0 and -0, 1 and 1n are equal, alone and within arrays [S215]", () => {
    expect(drain(fill(new PriorityQueue<unknown>(), [0, -0, 0n]))).toEqual([0, -0, 0n]);
    expect(drain(fill(new PriorityQueue<unknown>(), [1n, 1, -0, 0]))).toEqual([-0, 0, 1n, 1]);
    const pairs = [
      [-0, "b"],
      [0, "a"],
      [1n, "d"],
      [1, "c"],
    ];
    expect(drain(fill(new PriorityQueue<unknown>(), pairs))).toEqual([
      [0, "a"],
      [-0, "b"],
      [1, "c"],
      [1n, "d"],
    ]);
  });

  test("PriorityQueue: what cannot be compared may stand behind what can, and where it is the same [S215]", () => {
    const [job, other] = [{ name: "job" }, { name: "other" }];
    const queue = new PriorityQueue<[number, object]>();
    fill(queue, [
      [2, job],
      [1, other],
      [2, job],
    ]);
    expect(drain(queue)).toEqual([
      [1, other],
      [2, job],
      [2, job],
    ]);
    expect(
      drain(
        fill(new PriorityQueue<unknown[]>(), [
          [Number.NaN, 2],
          [Number.NaN, 1],
        ]),
      ),
    ).toEqual([
      [Number.NaN, 1],
      [Number.NaN, 2],
    ]);
  });

  const refused: [what: string, first: unknown, shownFirst: string][] = [
    ["an object", {}, "<Object>"],
    ["undefined", undefined, "undefined"],
    ["null", null, "null"],
    ["true", true, "true"],
    ["NaN", Number.NaN, "NaN"],
    ["a symbol", Symbol("s"), "Symbol(s)"],
  ];
  const advice =
    "have no order. Put [priority, …] with numbers or strings, or write new PriorityQueue(maxsize, { compare: (a, b) => … })";
  test.each(refused)(
    "PriorityQueue.putNowait() refuses %s, also as the first [S215]",
    (_what, item, shown) => {
      const queue = new PriorityQueue<unknown>();
      expect(textOf(thrownBy(() => queue.putNowait(item)))).toBe(
        `TypeError: PriorityQueue: ${shown} and ${shown} ${advice}`,
      );
      expect(String(queue)).toBe("<PriorityQueue maxsize=0 qsize=0>");
      fill(queue, [2, 1]);
      expect(textOf(thrownBy(() => queue.putNowait(item)))).toBe(
        `TypeError: PriorityQueue: ${shown} and 1 ${advice}`,
      );
      expect(String(queue)).toBe("<PriorityQueue maxsize=0 qsize=2 unfinished=2>");
      expect(drain(queue)).toEqual([1, 2]);
    },
  );

  const mixed: [what: string, inIt: unknown, item: unknown, shown: string][] = [
    ["a string beside a number", 1, "1", `"1" and 1`],
    ["a number beside a string", "1", 1, `1 and "1"`],
    ["a bigint beside a string", "1", 1n, `1 and "1"`],
    ["an array beside a number", 1, [1], "[1 items] and 1"],
    ["a number beside an array", [1], 1, "1 and [1 items]"],
    ["NaN in an array", [1], [Number.NaN], "NaN and 1"],
    ["an object in an array, where it counts", [1, {}], [1, { a: 1 }], "<Object> and <Object>"],
    ["a string in an array beside a number", [[1]], [["a"]], `"a" and 1`],
  ];
  test.each(mixed)(
    "PriorityQueue.put() refuses %s, and what is in it stays [S215]",
    (_what, inIt, item, shown) => {
      program(function* () {
        const queue = new PriorityQueue<unknown>();
        queue.putNowait(inIt);
        expect(textOf(yield* errorOf(queue.put(item)))).toBe(`TypeError: PriorityQueue: ${shown} ${advice}`);
        expect(String(queue)).toBe("<PriorityQueue maxsize=0 qsize=1 unfinished=1>");
        expect(queue.getNowait()).toBe(inIt);
      });
    },
  );
});

describe("new PriorityQueue(maxsize, { compare })", () => {
  interface Job {
    name: string;
    urgency: number;
  }
  const jobs = [..."abcdef"].map((name, i): Job => ({ name, urgency: (i * 5) % 3 }));
  const names = (queue: Queue<Job>) =>
    drain(queue)
      .map(({ name }) => name)
      .join("");

  test("PriorityQueue: compare orders the items, as for Array.sort; equal ones first in, first out", () => {
    const rising = new PriorityQueue<Job>(0, { compare: (a, b) => a.urgency - b.urgency });
    const falling = new PriorityQueue<Job>(0, { compare: (a, b) => b.urgency - a.urgency });
    expect(jobs.map(({ name, urgency }) => `${name}${urgency}`).join(" ")).toBe("a0 b2 c1 d0 e2 f1");
    expect(names(fill(rising, jobs))).toBe("adcfbe");
    expect(names(fill(falling, jobs))).toBe("becfad");
  });

  test.each([[Number.POSITIVE_INFINITY], [0.001], [5]])(
    "compare may return any number: %d, and -0 for equal",
    (step) => {
      const compare = (a: Job, b: Job) =>
        a.urgency === b.urgency ? -0 : a.urgency > b.urgency ? step : -step;
      expect(names(fill(new PriorityQueue<Job>(0, { compare }), jobs))).toBe("adcfbe");
    },
  );

  test.each([[undefined], [null]])("PriorityQueue: compare: %o is the order of its own", (compare) => {
    const queue = new PriorityQueue<number>(2, { compare: compare as undefined });
    expect(queue.maxsize).toBe(2);
    expect(drain(fill(queue, [2, 1]))).toEqual([1, 2]);
  });

  test.each([
    ["a text", "name", `"name"`],
    ["a number", 5, "5"],
    ["false", false, "false"],
  ])("PriorityQueue: compare that is %s is a TypeError", (_what, compare, shown) => {
    expect(textOf(thrownBy(() => new PriorityQueue(0, { compare: compare as never })))).toBe(
      `TypeError: new PriorityQueue(maxsize, { compare }): compare must be a function, got ${shown}`,
    );
  });

  test.each([
    ["nothing", undefined, "undefined"],
    ["NaN", Number.NaN, "NaN"],
    ["true, as for `<`", true, "true"],
    ["a text", "1", `"1"`],
    ["a bigint", 1n, "1"],
  ])(
    "PriorityQueue: compare that returns %s: the item is refused, and what is in it stays",
    (_what, answer, shown) => {
      let isBroken = false;
      const compare = (a: number, b: number) => (isBroken ? (answer as never) : a - b);
      const queue = fill(new PriorityQueue<number>(0, { compare }), [3, 1, 2]);
      isBroken = true;
      const text = `TypeError: PriorityQueue: compare(a, b) must return a number, got ${shown}`;
      expect(textOf(thrownBy(() => queue.putNowait(0)))).toBe(text);
      expect(String(queue)).toBe("<PriorityQueue maxsize=0 qsize=3 unfinished=3>");
      expect(textOf(thrownBy(() => queue.getNowait()))).toBe(text);
      expect(String(queue)).toBe("<PriorityQueue maxsize=0 qsize=3 unfinished=3>");
      isBroken = false;
      expect(drain(fill(queue, [0]))).toEqual([0, 1, 2, 3]);
    },
  );

  test("PriorityQueue: compare that returns no number is found out with the first item, not with the second", () => {
    const compare = (a: number, b: number) => (a < b) as never;
    const queue = new PriorityQueue<number>(0, { compare });
    expect(textOf(thrownBy(() => queue.putNowait(1)))).toBe(
      "TypeError: PriorityQueue: compare(a, b) must return a number, got false",
    );
    expect(queue.qsize()).toBe(0);
  });

  test("PriorityQueue: compare that throws, at whichever comparison: nothing is lost, and the heap stays right", () => {
    const given = [8, 3, 9, 1, 7, 2, 6, 0, 5, 4];
    const sorted = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    const error = new Error("of compare");
    let left = Number.POSITIVE_INFINITY;
    const compare = (a: number, b: number) => {
      if (left-- <= 0) throw error;
      return a - b;
    };
    let failures = 0;
    for (let good = 0; good < 8; good++) {
      left = Number.POSITIVE_INFINITY;
      const queue = fill(new PriorityQueue<number>(0, { compare }), given);
      for (const change of [() => queue.getNowait(), () => queue.putNowait(-1)]) {
        left = good;
        const size = queue.qsize();
        let thrown: unknown = null;
        try {
          change();
        } catch (caught) {
          thrown = caught;
        }
        left = Number.POSITIVE_INFINITY;
        if (thrown === null) continue;
        failures += 1;
        expect(thrown).toBe(error);
        expect(queue.qsize()).toBe(size);
      }
      const all = drain(queue).filter((item) => item >= 0);
      expect([sorted, sorted.slice(1)]).toContainEqual(all);
    }
    expect(failures).toBeGreaterThan(6);
  });

  test("PriorityQueue: compare that throws into who was woken for an item: the item goes to who waits behind", () => {
    program(function* () {
      let isBroken = true;
      const compare = (a: number, b: number) => {
        if (isBroken) throw new Error("of compare");
        return a - b;
      };
      const queue = new PriorityQueue<number>(0, { compare });
      const getters = [1, 2, 3, 4].map(() => createTask(queue.get()));
      yield* sleep(1);
      isBroken = false;
      fill(queue, [3, 1, 2]); // three are woken, one sleeps
      isBroken = true;
      yield;
      isBroken = false;
      yield* sleep(1);
      expect(getters.map(endOf)).toEqual([
        "exception Error: of compare",
        "exception Error: of compare",
        "exception Error: of compare",
        "result 1",
      ]);
      expect(drain(queue)).toEqual([2, 3]);
    });
  });

  test("PriorityQueue.put() of what is refused when there is room: who waits behind gets the room", () => {
    program(function* () {
      const queue = new PriorityQueue<unknown>(1);
      queue.putNowait(1);
      const [refused, behind] = [createTask(queue.put({})), createTask(queue.put(2))];
      yield* sleep(1);
      queue.getNowait();
      yield* sleep(1);
      expect(endOf(refused)).toMatch(
        /^exception TypeError: PriorityQueue: <Object> and <Object> have no order/,
      );
      expect([endOf(behind), drain(queue)]).toEqual(["result undefined", [2]]);
    });
  });

  test("PriorityQueue.put() that did not wait and is refused wakes nobody, who would lose its place", () => {
    program(function* () {
      const queue = new PriorityQueue<unknown>(1);
      queue.putNowait(0);
      const [a, b, c] = ["a", "b", "c"].map((item) => createTask(queue.put(item)));
      yield* sleep(1);
      queue.getNowait(); // a is woken
      expect(yield* errorOf(queue.put({}))).toBeInstanceOf(TypeError);
      yield* sleep(1);
      expect([yield* queue.get(), yield* queue.get(), yield* queue.get()]).toEqual(["a", "b", "c"]);
      expect([a, b, c].map((task) => endOf(task as Task<void>))).toEqual(Array(3).fill("result undefined"));
    });
  });

  test("PriorityQueue.get() that did not wait, and whose comparison fails, wakes nobody, who would lose its place", () => {
    program(function* () {
      let isBroken = false;
      const compare = (a: number, b: number) => {
        if (isBroken) throw new Error("of compare");
        return a - b;
      };
      const queue = new PriorityQueue<number>(0, { compare });
      const log: string[] = [];
      const getters = ["a", "b", "c", "d", "e"].map((name) =>
        createTask(
          (function* () {
            log.push(`${name} ${yield* queue.get()}`);
          })(),
        ),
      );
      yield* sleep(1);
      fill(queue, [1, 2, 3]); // a, b and c are woken
      isBroken = true;
      expect(textOf(yield* errorOf(queue.get()))).toBe("Error: of compare");
      isBroken = false;
      yield* sleep(1);
      fill(queue, [4, 5]);
      yield* gather(getters);
      expect(log).toEqual(["a 1", "b 2", "c 3", "d 4", "e 5"]);
    });
  });
});

describe("new Queue(maxsize, items)", () => {
  /** Each item once, and the newest place counts. */
  class Distinct<T> implements QueueItems<T> {
    readonly #items: Set<T> = new Set();

    get length(): number {
      return this.#items.size;
    }

    push(item: T): void {
      this.#items.delete(item);
      this.#items.add(item);
    }

    pop(): T {
      const first = this.#items.values().next().value as T;
      this.#items.delete(first);
      return first;
    }

    clear(): void {
      this.#items.clear();
    }
  }

  test("new Queue(maxsize, items): items of one's own: their order comes out, and their length is the size", () => {
    program(function* () {
      const queue = new Queue<string>(3, new Distinct());
      fill(queue, ["a", "b", "a", "c"]);
      expect([queue.qsize(), queue.full()]).toEqual([3, true]);
      const put = createTask(queue.put("d"));
      yield* sleep(1);
      expect(String(queue)).toBe("<Queue maxsize=3 qsize=3 putters=1 unfinished=4>");
      expect(yield* queue.get()).toBe("b");
      yield* put;
      expect(drain(queue)).toEqual(["a", "c", "d"]);
      fill(queue, ["e"]);
      queue.shutdown(true);
      expect(queue.qsize()).toBe(0);
    });
  });

  test("new Queue(maxsize, items): items that fail: the error comes out of put and get, and counts nothing", () => {
    program(function* () {
      const error = new Error("of the items");
      const items: QueueItems<string> = {
        length: 1,
        push: () => {
          throw error;
        },
        pop: () => {
          throw error;
        },
        clear: () => {},
      };
      const queue = new Queue<string>(0, items);
      const errors = [
        yield* errorOf(queue.put("a")),
        thrownBy(() => queue.putNowait("a")),
        yield* errorOf(queue.get()),
        thrownBy(() => queue.getNowait()),
      ];
      for (const one of errors) expect(one).toBe(error);
      expect(String(queue)).toBe("<Queue maxsize=0 qsize=1>");
      const task = createTask(queue.get());
      task.cancel();
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
    });
  });
});
