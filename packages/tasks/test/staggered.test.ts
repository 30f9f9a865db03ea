import type { Coroutine, Future } from "@aioloop/loop";
import { CancelledError, ExceptionGroup, KeyboardInterrupt } from "@aioloop/loop";
import { coroutine, createTask, eagerTaskFactory, sleep, staggeredRace } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { endOf, errorOf, program, self, textOf, thrownBy } from "./helpers.ts";

/** Takes its time and returns, and writes down what becomes of it. */
function runner(log: string[], name: string, delay: number): () => Coroutine<string> {
  return function* () {
    log.push(`${name} begins`);
    try {
      yield* sleep(delay);
    } catch (error) {
      log.push(`${name}: ${textOf(error)}`);
      throw error;
    }
    log.push(`${name} ends`);
    return name;
  };
}

function failing(text: string, delay = 0): () => Coroutine<never> {
  return function* () {
    yield* sleep(delay);
    throw new RangeError(text);
  };
}

function* giving<T>(value: T): Coroutine<T> {
  return value;
}

/** A result as texts, null where nothing was thrown. */
function shown([result, index, exceptions]: [unknown, number | null, unknown[]]): unknown[] {
  return [result, index, exceptions.map((error) => (error === null ? null : textOf(error)))];
}

describe("staggeredRace(): what it returns", () => {
  test("staggeredRace([]) has no result, and nothing was thrown [S266 N14]", () => {
    program(function* () {
      expect(yield* staggeredRace([], null)).toEqual([null, null, []]);
      expect(yield* staggeredRace([], 1)).toEqual([null, null, []]);
    });
  });

  test("staggeredRace(): the first returns, and the second is not called [S266 N14]", () => {
    program(function* () {
      const called: number[] = [];
      const functions = [0, 1].map((index) => () => {
        called.push(index);
        return giving(`result ${index}`);
      });
      expect(yield* staggeredRace(functions, null)).toEqual(["result 0", 0, [null]]);
      expect(called).toEqual([0]);
    });
  });

  test("staggeredRace(): the first fails and the second returns: its error is in the list [S266 N14]", () => {
    program(function* (loop) {
      const race = yield* staggeredRace<string>([failing("first", 3), () => giving("second")], null);
      expect(shown(race)).toEqual(["second", 1, ["RangeError: first", null]]);
      expect(race[2][0]).toBeInstanceOf(RangeError);
      expect(loop.time()).toBe(3);
    });
  });

  test("staggeredRace(): the first takes longer than the delay and the second returns: the first is cancelled [S266 N14]", () => {
    program(function* (loop) {
      const log: string[] = [];
      const race = yield* staggeredRace([runner(log, "slow", 10), runner(log, "quick", 0)], 0.1);
      expect(shown(race)).toEqual(["quick", 1, ["CancelledError: ", null]]);
      expect(race[2][0]).toBeInstanceOf(CancelledError);
      expect([log, loop.time()]).toEqual([
        ["slow begins", "quick begins", "quick ends", "slow: CancelledError: "],
        0.1,
      ]);
    });
  });

  test("staggeredRace(): none returns: all errors, and none is thrown [S266 N14]", () => {
    program(function* () {
      const race = yield* staggeredRace([failing("first"), failing("second")], null);
      expect(shown(race)).toEqual([null, null, ["RangeError: first", "RangeError: second"]]);
    });
  });

  test.each([[undefined], [null], [0], [false]])(
    "staggeredRace(): %o is a result as any other [S266]",
    (value) => {
      program(function* () {
        const race = staggeredRace<unknown>([() => giving(value), failing("never begun")], 1);
        expect(yield* race).toEqual([value, 0, [null]]);
      });
    },
  );

  test("staggeredRace(): what is thrown may be anything, a CancelledError of its own too [S266]", () => {
    program(function* () {
      const throwing = (thrown: unknown) =>
        function* (): Coroutine<string> {
          throw thrown;
        };
      const own = new CancelledError("its own");
      const race = yield* staggeredRace([throwing("text"), throwing(undefined), throwing(own)], null);
      expect(race[2]).toHaveLength(3);
      expect(race.slice(0, 2)).toEqual([null, null]);
      expect(race[2].slice(0, 2)).toEqual(["text", undefined]);
      expect(race[2][2]).toBe(own);
    });
  });
});

describe("staggeredRace(): when they begin", () => {
  test("staggeredRace(…, delay): one after the other, delay seconds apart [S266]", () => {
    program(function* (loop) {
      const begun: number[] = [];
      const slow = () => {
        begun.push(loop.time());
        return sleep(10, "done");
      };
      expect(shown(yield* staggeredRace([slow, slow, slow], 2))).toEqual([
        "done",
        0,
        [null, "CancelledError: ", "CancelledError: "],
      ]);
      expect([begun, loop.time()]).toEqual([[0, 2, 4], 10]);
    });
  });

  test("staggeredRace(…, delay): one that fails is followed at once, and the delay counts from there [S266]", () => {
    program(function* (loop) {
      const begun: number[] = [];
      const after = (delay: number, text: string) => () => {
        begun.push(loop.time());
        return failing(text, delay)();
      };
      const race = staggeredRace([after(1, "a"), after(7, "b"), after(1, "c"), after(5, "d")], 5);
      expect(shown(yield* race)).toEqual([
        null,
        null,
        ["RangeError: a", "RangeError: b", "RangeError: c", "RangeError: d"],
      ]);
      expect([begun, loop.time()]).toEqual([[0, 1, 6, 7], 12]);
    });
  });

  test("staggeredRace(…, delay): that an older one fails does not begin the next, only that the last one does [S266]", () => {
    program(function* (loop) {
      const begun: number[] = [];
      const after = (delay: number) => () => {
        begun.push(loop.time());
        return failing("failed", delay)();
      };
      yield* staggeredRace([after(5), after(10), after(1)], 4);
      expect([begun, loop.time()]).toEqual([[0, 4, 8], 14]);
    });
  });

  test("staggeredRace(…, null): the next begins only when the last has failed [S266]", () => {
    program(function* (loop) {
      const begun: number[] = [];
      const functions = [100, 200].map((delay) => () => {
        begun.push(loop.time());
        return failing("failed", delay)();
      });
      yield* staggeredRace(functions, null);
      expect([begun, loop.time()]).toEqual([[0, 100], 300]);
    });
  });

  test.each([0, -1])("staggeredRace(…, %d): all begin at once, in their order", (delay) => {
    program(function* (loop) {
      const log: string[] = [];
      const race = staggeredRace([runner(log, "a", 3), runner(log, "b", 1), runner(log, "c", 2)], delay);
      expect(shown(yield* race)).toEqual(["b", 1, ["CancelledError: ", null, "CancelledError: "]]);
      expect([log.slice(0, 3), loop.time()]).toEqual([["a begins", "b begins", "c begins"], 1]);
    });
  });

  test("staggeredRace(…, Infinity) never begins a second beside the first", () => {
    program(function* (loop) {
      const log: string[] = [];
      const race = staggeredRace([runner(log, "a", 1e6), runner(log, "b", 1)], Number.POSITIVE_INFINITY);
      expect(yield* race).toEqual(["a", 0, [null]]);
      expect([log, loop.time()]).toEqual([["a begins", "a ends"], 1e6]);
    });
  });

  test("staggeredRace() takes functions from an iterable as they begin", () => {
    program(function* () {
      const taken: number[] = [];
      function* functions() {
        for (let i = 0; ; i++) {
          taken.push(i);
          yield i < 3 ? failing(`${i}`) : () => giving("found");
        }
      }
      expect(shown(yield* staggeredRace<string>(functions(), null))).toEqual([
        "found",
        3,
        ["RangeError: 0", "RangeError: 1", "RangeError: 2", null],
      ]);
      expect(taken).toEqual([0, 1, 2, 3]);
    });
  });

  test("staggeredRace() does nothing before `yield*`", () => {
    program(function* () {
      const log: string[] = [];
      const race = staggeredRace([runner(log, "a", 1)], null);
      yield* sleep(1);
      expect([log, String(race)]).toEqual([[], "<coroutine staggeredRace>"]);
      expect(yield* race).toEqual(["a", 0, [null]]);
    });
  });

  test("staggeredRace() with an eager task factory: the same results in the same order [N14]", () => {
    program(function* (loop) {
      loop.setTaskFactory(eagerTaskFactory);
      const log: string[] = [];
      expect(yield* staggeredRace([() => giving("at once"), failing("never")], null)).toEqual([
        "at once",
        0,
        [null],
      ]);
      const race = staggeredRace([failing("first"), runner(log, "slow", 10), runner(log, "quick", 1)], 2);
      expect(shown(yield* race)).toEqual(["quick", 2, ["RangeError: first", "CancelledError: ", null]]);
      expect(log).toEqual(["slow begins", "quick begins", "quick ends", "slow: CancelledError: "]);
      expect(loop.time()).toBe(3);
    });
  });

  test("staggeredRace() with an eager task factory: the first begins in the next turn, when its task is listed [N14]", () => {
    program(function* (loop) {
      loop.setTaskFactory(eagerTaskFactory);
      const log: string[] = [];
      const race = createTask(staggeredRace([runner(log, "a", 1)], null));
      expect(log).toEqual([]);
      yield;
      expect(log).toEqual(["a begins"]);
      expect(yield* race).toEqual(["a", 0, [null]]);
    });
  });

  test("staggeredRace(…, { loop }) makes its tasks in that loop", () => {
    program(function* (loop) {
      expect(yield* staggeredRace([() => giving("here")], null, { loop })).toEqual(["here", 0, [null]]);
      expect(yield* staggeredRace([() => giving("here")], null, { loop: undefined })).toEqual([
        "here",
        0,
        [null],
      ]);
    });
  });
});

describe("staggeredRace(): the losers", () => {
  test("staggeredRace() cancels the losers oldest first, and waits until they have cleaned up [S266 N14]", () => {
    program(function* (loop) {
      const log: string[] = [];
      const cleaning = (name: string, seconds: number) =>
        function* (): Coroutine<string> {
          try {
            return yield* sleep(100, name);
          } finally {
            log.push(`${name} cleans up`);
            yield* sleep(seconds);
            log.push(`${name} at ${loop.time()}`);
          }
        };
      const functions = [cleaning("a", 5), cleaning("b", 2), () => sleep(1, "c"), cleaning("d", 1)];
      expect(shown(yield* staggeredRace<string>(functions, 1))).toEqual([
        "c",
        2,
        ["CancelledError: ", "CancelledError: ", null],
      ]);
      expect(log).toEqual(["a cleans up", "b cleans up", "b at 5", "a at 8"]);
      expect(loop.time()).toBe(8);
    });
  });

  test("staggeredRace(): a loser that refuses and returns a little later has not won [S266]", () => {
    program(function* (loop) {
      const refusing = function* (): Coroutine<string> {
        yield* errorOf(sleep(100));
        yield* sleep(5);
        return "late";
      };
      expect(yield* staggeredRace<string>([refusing, () => sleep(1, "first")], 1)).toEqual([
        "first",
        1,
        [null, null],
      ]);
      expect(loop.time()).toBe(7);
    });
  });

  test("staggeredRace(): what a loser throws while it cleans up is in the list, and begins no other [S266]", () => {
    program(function* () {
      const untidy = function* (): Coroutine<string> {
        yield* errorOf(sleep(100));
        throw new RangeError("while it cleaned up");
      };
      const log: string[] = [];
      const race = staggeredRace([untidy, () => sleep(1, "won"), runner(log, "third", 1)], 1.5);
      expect(shown(yield* race)).toEqual(["won", 1, ["RangeError: while it cleaned up", null]]);
      expect(log).toEqual([]);
    });
  });

  test("staggeredRace(): two that return in the same turn: the one that does so first has won [S266]", () => {
    program(function* () {
      const race = staggeredRace([() => sleep(3, "a"), () => sleep(2, "b")], 1);
      expect(shown(yield* race)).toEqual(["a", 0, [null, "CancelledError: "]]);
    });
  });

  test("staggeredRace(): tasks of a race that is over are all done", () => {
    program(function* (loop) {
      const log: string[] = [];
      yield* staggeredRace([runner(log, "a", 10), runner(log, "b", 1), runner(log, "c", 1)], 3);
      expect(loop.describeTasks().split("\n")).toHaveLength(1);
      yield* sleep(50);
      expect(log).toEqual(["a begins", "b begins", "b ends", "a: CancelledError: "]);
    });
  });
});

describe("staggeredRace() that is cancelled", () => {
  test("staggeredRace() that is cancelled cancels all with its message, waits for them and is cancelled [N14]", () => {
    program(function* (loop) {
      const log: string[] = [];
      const cleaning = coroutine(function* cleaning(): Coroutine<string> {
        try {
          return yield* sleep(100, "never");
        } catch (error) {
          log.push(`cleaning: ${textOf(error)}`);
          yield* sleep(5);
          throw error;
        }
      });
      const race = createTask(staggeredRace([runner(log, "a", 100), cleaning, runner(log, "c", 1)], 1));
      yield* sleep(1.5);
      race.cancel("enough");
      expect(textOf(yield* errorOf(race))).toBe("CancelledError: enough");
      expect([endOf(race), loop.time()]).toEqual(["cancelled", 6.5]);
      expect(log).toEqual(["a begins", "a: CancelledError: enough", "cleaning: CancelledError: enough"]);
    });
  });

  test("staggeredRace() that is cancelled without a message: its tasks are, too", () => {
    program(function* () {
      const messages: unknown[] = [];
      const listening = function* (): Coroutine<void> {
        const error = yield* errorOf(sleep(100));
        messages.push((error as CancelledError).msg);
        throw error;
      };
      const race = createTask(staggeredRace([listening], 1));
      yield* sleep(3);
      race.cancel();
      messages.push(((yield* errorOf(race)) as CancelledError).msg);
      expect(messages).toEqual([null, null]);
    });
  });

  test("staggeredRace() that is cancelled twice: the tasks are, twice, and the last message counts", () => {
    program(function* () {
      const log: string[] = [];
      const stubborn = function* (): Coroutine<string> {
        log.push(textOf(yield* errorOf(sleep(100))));
        log.push(textOf(yield* errorOf(sleep(100))));
        return "in spite of it";
      };
      const race = createTask(staggeredRace([stubborn], null));
      yield* sleep(1);
      race.cancel("once");
      yield* sleep(1);
      expect(endOf(race)).toBe("pending");
      race.cancel("twice");
      expect(textOf(yield* errorOf(race))).toBe("CancelledError: twice");
      expect(log).toEqual(["CancelledError: once", "CancelledError: twice"]);
    });
  });

  test("staggeredRace() that is cancelled while its losers clean up is cancelled, though one has won", () => {
    program(function* (loop) {
      const slowly = function* (): Coroutine<string> {
        try {
          return yield* sleep(100, "never");
        } finally {
          yield* sleep(10);
        }
      };
      const race = createTask(staggeredRace<string>([slowly, () => sleep(1, "won")], 1));
      yield* sleep(3);
      expect(endOf(race)).toBe("pending");
      race.cancel();
      expect(yield* errorOf(race)).toBeInstanceOf(CancelledError);
      expect(loop.time()).toBe(3);
    });
  });
});

describe("staggeredRace() of what does not work", () => {
  test("staggeredRace(): a function that fails before its coroutine begins counts as failed, and the next begins", () => {
    program(function* () {
      const functions = [
        () => {
          throw new RangeError("no coroutine");
        },
        5 as never,
        (() => 5) as never,
        () => giving("fourth"),
      ];
      const [result, index, exceptions] = yield* staggeredRace<string>(functions, null);
      expect([result, index, exceptions.length]).toEqual(["fourth", 3, 4]);
      expect(textOf(exceptions[0])).toBe("RangeError: no coroutine");
      expect(exceptions[1]).toBeInstanceOf(TypeError);
      expect(exceptions[2]).toBeInstanceOf(TypeError);
      expect(exceptions[3]).toBe(null);
    });
  });

  test("staggeredRace(): an iterable that fails is an ExceptionGroup, when all that had begun have ended", () => {
    program(function* (loop) {
      const error = new RangeError("of the iterable");
      function* functions() {
        yield failing("first", 5);
        throw error;
      }
      const group = yield* errorOf(staggeredRace(functions(), 1));
      expect(group).toBeInstanceOf(ExceptionGroup);
      expect(textOf(group)).toBe("ExceptionGroup: staggered race failed");
      expect((group as ExceptionGroup).exceptions).toHaveLength(1);
      expect((group as ExceptionGroup).exceptions[0]).toBe(error);
      expect(loop.time()).toBe(5);
    });
  });

  test("staggeredRace(): a KeyboardInterrupt ends the program, not the one that threw it", () => {
    const error = thrownBy(() =>
      program(function* () {
        const interrupted = function* (): Coroutine<void> {
          yield* sleep(1);
          throw new KeyboardInterrupt();
        };
        yield* staggeredRace([interrupted, failing("never begun")], null);
      }),
    );
    expect(error).toBeInstanceOf(KeyboardInterrupt);
  });

  test("staggeredRace() refuses what is no iterable, and a delay that is no number, at the call", () => {
    expect(textOf(thrownBy(() => staggeredRace(5 as never, 1)))).toBe(
      "TypeError: staggeredRace(coroFns, delay): coroFns must be a list of generator functions, got 5",
    );
    expect(textOf(thrownBy(() => staggeredRace(null as never, 1)))).toBe(
      "TypeError: staggeredRace(coroFns, delay): coroFns must be a list of generator functions, got null",
    );
    const one = runner([], "a", 1);
    expect(textOf(thrownBy(() => staggeredRace(one as never, 1)))).toMatch(
      /^TypeError: staggeredRace\(coroFns, delay\): coroFns must be a list of generator functions, got /,
    );
    expect(textOf(thrownBy(() => staggeredRace([one], Number.NaN)))).toBe(
      "RangeError: staggeredRace(coroFns, delay): delay must be a number of seconds or null, got NaN",
    );
    expect(textOf(thrownBy(() => staggeredRace([one], "1" as never)))).toBe(
      `TypeError: staggeredRace(coroFns, delay): delay must be a number of seconds or null, got "1"`,
    );
    expect(textOf(thrownBy(() => staggeredRace([one], undefined as never)))).toBe(
      "TypeError: staggeredRace(coroFns, delay): delay must be a number of seconds or null, got undefined",
    );
  });

  test("staggeredRace(): each of its tasks is another one than the caller's", () => {
    program(function* () {
      const tasks = new Set<unknown>([self()]);
      const own = function* (): Coroutine<void> {
        tasks.add(self());
        throw new RangeError("the next, please");
      };
      yield* staggeredRace([own, own, own], null);
      expect(tasks.size).toBe(4);
    });
  });

  test("staggeredRace(): call graphs show the caller as who waits for its tasks, as long as they run [N2]", () => {
    program(function* () {
      const tasks: Future<unknown>[] = [];
      const seen: unknown[] = [];
      const own = function* (): Coroutine<string> {
        tasks.push(self());
        seen.push(self()._awaiters());
        return yield* sleep(1, "own");
      };
      yield* staggeredRace([own], null);
      expect(seen[0]).toHaveLength(1);
      expect((seen[0] as unknown[])[0]).toBe(self());
      expect(tasks.map((task) => task._awaiters())).toEqual([[]]);
    });
  });
});
