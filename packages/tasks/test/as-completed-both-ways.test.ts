// What asCompleted() gives must not depend on the way in which it is iterated.
import type { Coroutine, Future } from "@aioloop/loop";
import { iscoroutine } from "@aioloop/loop";
import type { CoroutineIterable } from "@aioloop/tasks";
import { asCompleted, asyncFor, BREAK, createTask, sleep, Task, wait } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { program } from "./helpers.ts";

type Completed<T> = Iterable<Coroutine<T>> & CoroutineIterable<Future<T>>;
type Take = <T>(all: Completed<T>, most?: number) => Coroutine<T[]>;

/** The next results, all of them or so many at most. */
const ways: [way: string, take: Take][] = [
  [
    "in `for`",
    function* (all, most = Number.POSITIVE_INFINITY) {
      const results = [];
      for (const next of all) {
        results.push(yield* next);
        if (results.length === most) break;
      }
      return results;
    },
  ],
  [
    "in asyncFor",
    function* <T>(all: Completed<T>, most = Number.POSITIVE_INFINITY) {
      const results: T[] = [];
      yield* asyncFor(all, function* (future) {
        results.push(yield* future);
        return results.length === most ? BREAK : undefined;
      });
      return results;
    },
  ],
];

function* giving<T>(value: T): Coroutine<T> {
  return value;
}

describe.each(ways)("asCompleted() %s", (way, take) => {
  test(`asCompleted() ${way} gives the results of coroutines as they finish [S141 S142]`, () => {
    program(function* (loop) {
      const all = asCompleted([sleep(0.01, "b"), sleep(0.15, "c"), sleep(0.005, "a")]);
      expect(yield* take(all)).toEqual(["a", "b", "c"]);
      expect(loop.time()).toBe(0.15);
    });
  });

  test(`asCompleted() ${way} may be left and taken up again [S141]`, () => {
    program(function* () {
      const all = asCompleted([0, 1, 2, 3].map(giving));
      const first = yield* take(all, 2);
      expect(first).toHaveLength(2);
      expect([...first, ...(yield* take(all))].sort()).toEqual([0, 1, 2, 3]);
      expect(yield* take(all)).toEqual([]);
    });
  });

  test(`asCompleted() ${way} gives what it was given twice once [S142]`, () => {
    program(function* () {
      const twice = giving("ham");
      expect((yield* take(asCompleted([twice, twice, giving("spam")]))).sort()).toEqual(["ham", "spam"]);
    });
  });

  test(`asCompleted(…, { timeout }) ${way} leaves no timer where the time was enough [S144]`, () => {
    program(function* (loop) {
      expect(yield* take(asCompleted([sleep(0.01, "a")], { timeout: 10 }))).toEqual(["a"]);
      yield* sleep(1);
      expect(loop.time()).toBe(1.01);
    });
  });
});

test("asCompleted() in `for`: all of its coroutines may be waited for at the same time [S141]", () => {
  program(function* (loop) {
    const all = [...asCompleted(new Set([sleep(0.05, "a"), sleep(0.05, "b")]))];
    expect(all).toHaveLength(2);
    const [done] = yield* wait(all.map((next) => createTask(next)));
    expect([...done].map((task) => task.result()).sort()).toEqual(["a", "b"]);
    expect(loop.time()).toBe(0.05);
  });
});

test("asCompleted() in asyncFor: its futures may be kept and waited for together [S141]", () => {
  program(function* (loop) {
    const all: Future<string>[] = [];
    yield* asyncFor(asCompleted(new Set([sleep(0.05, "a"), sleep(0.05, "b")])), function* (future) {
      all.push(future);
    });
    const [done] = yield* wait(all);
    expect([...done].map((future) => future.result()).sort()).toEqual(["a", "b"]);
    expect(loop.time()).toBe(0.05);
  });
});

test("asCompleted() in asyncFor gives tasks back as they are, and a task for each coroutine [S141]", () => {
  program(function* () {
    const [second, fourth] = [createTask(giving("b")), createTask(giving("d"))];
    const given = [giving("a"), second, giving("c"), fourth];
    const seen: Future<string>[] = [];
    yield* asyncFor(asCompleted(given), function* (future) {
      seen.push(future);
    });
    expect(seen.filter((one) => given.includes(one as never))).toHaveLength(2);
    expect(seen.includes(second) && seen.includes(fourth)).toBe(true);
    for (const future of seen) {
      expect(future).toBeInstanceOf(Task);
      expect(iscoroutine(future)).toBe(false);
    }
    expect(seen.map((future) => future.result()).sort()).toEqual(["a", "b", "c", "d"]);
  });
});
