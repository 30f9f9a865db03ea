// Semaphore: so many holders, first come, first served. What is released belongs to the oldest waiter from that moment on.
import { inspect } from "node:util";
import type { Coroutine } from "@aioloop/loop";
import { CancelledError, DeadlockError, RuntimeError } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import { asyncWith, BoundedSemaphore, createTask, gather, Semaphore, sleep, waitFor } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { carryOut, plans, spared } from "./cancellation-plans.ts";
import { endOf, errorOf, program, textOf, thrownBy } from "./helpers.ts";

/** Tasks that acquire it in this order and note their names when they have it. Whoever calls releases it. */
function queueUp(semaphore: Semaphore, names: string, log: string[]): Task<void>[] {
  return [...names].map((name) =>
    createTask(
      (function* () {
        expect(yield* semaphore.acquire()).toBe(true);
        log.push(name);
      })(),
      { name },
    ),
  );
}

/** The same, with nothing left and all of them asleep. */
function* queuedUp(names: string) {
  const semaphore = new Semaphore(0);
  const log: string[] = [];
  const tasks = queueUp(semaphore, names, log);
  yield;
  expect(`${semaphore}`).toBe(`<Semaphore [locked, waiters:${names.length}]>`);
  return { semaphore, log, tasks };
}

/** What the turn that passes has added to the log. */
function* next(log: string[]): Coroutine<string> {
  yield;
  return log.splice(0).join(" ");
}

describe.each([Semaphore, BoundedSemaphore])("%o", (Primitive) => {
  const { name } = Primitive;

  test(`${name}.acquire() takes one in the same turn while there are some, when it is awaited and not before`, () => {
    program(function* (loop) {
      const semaphore = new Primitive(2);
      const turns: string[] = [];
      loop.callSoon(() => turns.push("another turn"));
      const acquiring = semaphore.acquire();
      expect(`${semaphore}`).toBe(`<${name} [unlocked, value:2]>`);
      expect(yield* acquiring).toBe(true);
      expect([semaphore.locked(), `${semaphore}`]).toEqual([false, `<${name} [unlocked, value:1]>`]);
      expect(yield* semaphore.acquire()).toBe(true);
      expect([semaphore.locked(), `${semaphore}`]).toEqual([true, `<${name} [locked]>`]);
      semaphore.release();
      expect([semaphore.locked(), `${semaphore}`]).toEqual([false, `<${name} [unlocked, value:1]>`]);
      semaphore.release();
      expect(`${semaphore}`).toBe(`<${name} [unlocked, value:2]>`);
      expect(turns).toEqual([]);
    });
  });

  test(`${name} is held by so many at a time, first come, first served`, () => {
    program(function* (loop) {
      const semaphore = new Primitive(2);
      const log: string[] = [];
      const holding = (who: string, seconds: number) =>
        asyncWith(semaphore, function* () {
          log.push(`${loop.time()} ${who}`);
          yield* sleep(seconds);
        });
      yield* gather([holding("a", 3), holding("b", 1), holding("c", 1), holding("d", 5), holding("e", 1)]);
      expect(log).toEqual(["0 a", "0 b", "1 c", "2 d", "3 e"]);
      expect(loop.time()).toBe(7);
      expect(`${semaphore}`).toBe(`<${name} [unlocked, value:2]>`);
    });
  });

  test(`asyncWith(${name}): given back when the block has thrown, and when it was cancelled`, () => {
    program(function* () {
      const semaphore = new Primitive();
      const block = asyncWith(semaphore, function* () {
        throw new RangeError("in the block");
      });
      expect(textOf(yield* errorOf(block))).toBe("RangeError: in the block");
      const task = createTask(asyncWith(semaphore, () => sleep(10)));
      yield;
      expect(semaphore.locked()).toBe(true);
      task.cancel();
      yield;
      expect([endOf(task), `${semaphore}`]).toEqual(["cancelled", `<${name} [unlocked, value:1]>`]);
    });
  });

  test(`asyncWith(${name}) cancelled while it waits runs no block and gives nothing back`, () => {
    program(function* () {
      const semaphore = new Primitive();
      yield* semaphore.acquire();
      const log: string[] = [];
      const task = createTask(
        asyncWith(semaphore, function* () {
          log.push("block");
        }),
      );
      yield;
      task.cancel();
      yield;
      expect([endOf(task), `${semaphore}`, ...log]).toEqual(["cancelled", `<${name} [locked]>`]);
    });
  });

  test(`asyncWith(${name}): the holder ends and cancels the one that is woken: it can be had afterwards [S197]`, () => {
    program(function* (loop) {
      const semaphore = new Primitive(1);
      const second: Task<void>[] = [];
      const first = createTask(
        (function* () {
          yield* asyncWith(semaphore, () => sleep(0));
          second[0]?.cancel();
        })(),
      );
      second.push(
        createTask(
          asyncWith(semaphore, function* () {
            throw new Error("it was cancelled");
          }),
        ),
      );
      const ends = yield* gather([first, second[0] as Task<void>], { returnExceptions: true });
      expect(ends[0]).toBe(undefined);
      expect(ends[1]).toBeInstanceOf(CancelledError);
      yield* waitFor(semaphore.acquire(), 1);
      expect(loop.time()).toBe(0);
    });
  });

  test(`${name}: however one or two of five are cancelled, it has all it had in the end, and the others their turn [S195 S197]`, () => {
    for (const plan of plans(5, 7)) {
      program(function* () {
        const semaphore = new Primitive(2);
        const served: number[] = [];
        let holders = 0;
        const tasks = yield* carryOut(plan, () =>
          [0, 1, 2, 3, 4].map((index) =>
            createTask(
              asyncWith(semaphore, function* () {
                served.push(index);
                holders += 1;
                if (holders > 2) throw new Error("three hold it");
                try {
                  yield;
                  yield;
                } finally {
                  holders -= 1;
                }
              }),
            ),
          ),
        );
        expect({ plan, served, semaphore: `${semaphore}` }).toEqual({
          plan,
          served: [...served].sort(),
          semaphore: `<${name} [unlocked, value:2]>`,
        });
        expect(served).toEqual(expect.arrayContaining(spared(plan, 5)));
        for (const index of spared(plan, 5))
          expect(endOf(tasks[index] as Task<void>)).toBe("result undefined");
      });
    }
  });

  test.each([
    [-1, "-1"],
    [-0.5, "-0.5"],
    [Number.NEGATIVE_INFINITY, "-Infinity"],
    [Number.NaN, "NaN"],
  ])(`new ${name}(%d) is a RangeError [S199 J26]`, (value, shown) => {
    const error = thrownBy(() => new Primitive(value));
    expect(error).toBeInstanceOf(RangeError);
    expect(textOf(error)).toBe(`RangeError: new ${name}(value): value must be 0 or more, got ${shown}`);
  });

  test.each([
    ["2", '"2"'],
    [2n, "2"],
    [null, "null"],
    [{ loop: null }, "<Object>"],
  ])(`new ${name}(%o) is a TypeError`, (value, shown) => {
    const error = thrownBy(() => new Primitive(value as never));
    expect(textOf(error)).toBe(`TypeError: new ${name}(value): value must be a number, got ${shown}`);
  });

  test(`new ${name}(0), or -0, is locked from the start; without a value it is 1 [S199 J26]`, () => {
    for (const value of [0, -0]) {
      const semaphore = new Primitive(value);
      expect([semaphore.locked(), `${semaphore}`]).toEqual([true, `<${name} [locked]>`]);
    }
    expect(`${new Primitive()}`).toBe(`<${name} [unlocked, value:1]>`);
    expect(`${new Primitive(undefined)}`).toBe(`<${name} [unlocked, value:1]>`);
  });

  test(`new ${name}(Infinity) never makes anybody wait [J26]`, () => {
    program(function* () {
      const semaphore = new Primitive(Number.POSITIVE_INFINITY);
      for (let times = 0; times < 100; times++) yield* semaphore.acquire();
      for (let times = 0; times < 101; times++) semaphore.release();
      expect(`${semaphore}`).toBe(`<${name} [unlocked, value:Infinity]>`);
    });
  });

  test(`new ${name}(1.5) is a RangeError: it would be counted down past 0, and never lock [J26]`, () => {
    expect(textOf(thrownBy(() => new Primitive(1.5)))).toBe(
      `RangeError: new ${name}(value): value must be a whole number, got 1.5`,
    );
  });

  test(`${name}.toString() says how many are left and how many sleep, and bears the name of a subclass`, () => {
    class Slots extends Primitive {}
    program(function* () {
      const semaphore = new Slots();
      expect(`${semaphore}`).toBe("<Slots [unlocked, value:1]>");
      const tasks = queueUp(semaphore, "abc", []);
      yield;
      expect(`${semaphore}`).toBe("<Slots [locked, waiters:2]>");
      expect(inspect(semaphore)).toBe("<Slots [locked, waiters:2]>");
      tasks[1]?.cancel();
      yield;
      expect(`${semaphore}`).toBe("<Slots [locked, waiters:1]>");
      semaphore.release();
      yield;
      expect(`${semaphore}`).toBe("<Slots [locked]>");
    });
    expect(textOf(thrownBy(() => new Slots(-1)))).toBe(
      "RangeError: new Slots(value): value must be 0 or more, got -1",
    );
  });

  test(`${name} that nobody releases: DeadlockError names it`, () => {
    const error = thrownBy(() =>
      program(function* () {
        yield* createTask(new Primitive(0).acquire(), { name: "waiter" });
      }),
    );
    expect(error).toBeInstanceOf(DeadlockError);
    expect(textOf(error)).toContain(`\n  waiter waits for <${name} [locked, waiters:1]> (in acquire)`);
  });

  test(`${name}: the instrument's access() is told that acquire() and release() write and locked() reads, repr nothing`, () => {
    program(function* (loop) {
      const semaphore = new Primitive(1);
      const told: unknown[] = [];
      const instrument = {
        access: (object: object, kind: string) => void told.push(object === semaphore ? kind : object),
      };
      loop.addInstrument(instrument);
      semaphore.locked();
      expect(told.splice(0)).toEqual(["read"]);
      yield* semaphore.acquire();
      expect(told.splice(0)).toEqual(["write"]);
      queueUp(semaphore, "a", []);
      yield;
      expect(told.splice(0)).toEqual(["write"]);
      semaphore.release();
      expect(told.splice(0)).toEqual(["write"]);
      void `${semaphore}`;
      yield;
      expect(told).toEqual([]);
      loop.removeInstrument(instrument);
      semaphore.release();
      expect(told).toEqual([]);
    });
  });

  test(`${name} belongs to the loop in which it was first waited for, and refuses to be waited for in another [S187]`, () => {
    const semaphore = new Primitive(1);
    const passing = () => asyncWith(semaphore, () => sleep(1));
    program(passing); // nobody waits: it belongs to none
    program(passing);
    program(function* () {
      yield* gather([passing(), passing()]);
    });
    program(function* () {
      yield* asyncWith(semaphore, function* () {
        const error = yield* errorOf(semaphore.acquire());
        expect(error).toBeInstanceOf(RuntimeError);
        expect(textOf(error)).toBe(
          `RuntimeError: <${name} [locked]> is bound to a different event loop: make one for each loop`,
        );
        expect(`${semaphore}`).toBe(`<${name} [locked]>`);
      });
      expect(`${semaphore}`).toBe(`<${name} [unlocked, value:1]>`);
    });
  });
});

describe("Semaphore.release()", () => {
  test("Semaphore.release() of one that nobody waits for adds one, without a bound [S198]", () => {
    const semaphore = new Semaphore(0);
    for (let times = 0; times < 5; times++) semaphore.release();
    expect([semaphore.locked(), `${semaphore}`]).toEqual([false, "<Semaphore [unlocked, value:5]>"]);
  });

  test("Semaphore.release() hands one to the oldest waiter at once; it has it in the next turn [S196]", () => {
    program(function* () {
      const { semaphore, log, tasks } = yield* queuedUp("abc");
      expect(yield* next(log)).toBe("");
      semaphore.release();
      expect([semaphore.locked(), semaphore._value]).toEqual([true, 0]); // gone already
      expect(endOf(tasks[0] as Task<void>)).toBe("pending");
      expect(yield* next(log)).toBe("a");
      expect([semaphore.locked(), semaphore._value]).toEqual([true, 0]);
      expect(`${semaphore}`).toBe("<Semaphore [locked, waiters:2]>");
      expect(yield* next(log)).toBe("");
      semaphore.release();
      semaphore.release();
      expect(semaphore._value).toBe(0);
      expect(yield* next(log)).toBe("b c");
      expect(`${semaphore}`).toBe("<Semaphore [locked]>");
      semaphore.release();
      expect(`${semaphore}`).toBe("<Semaphore [unlocked, value:1]>");
    });
  });

  test("Semaphore.release() more often than there are waiters: the rest is left for others, once the waiters have run [S195 S196]", () => {
    program(function* () {
      const { semaphore, log } = yield* queuedUp("ab");
      for (let times = 0; times < 5; times++) semaphore.release();
      expect(semaphore._value).toBe(3);
      expect([semaphore.locked(), `${semaphore}`]).toEqual([true, "<Semaphore [locked]>"]); // they come first
      expect(yield* next(log)).toBe("a b");
      expect([semaphore.locked(), `${semaphore}`]).toEqual([false, "<Semaphore [unlocked, value:3]>"]);
    });
  });

  test("Semaphore(3): those that find one go on, the others sleep until somebody releases", () => {
    program(function* () {
      const semaphore = new Semaphore(3);
      const log: string[] = [];
      yield* semaphore.acquire();
      yield* semaphore.acquire();
      expect(semaphore.locked()).toBe(false);
      const tasks = queueUp(semaphore, "abc", log);
      expect(yield* next(log)).toBe("a");
      expect(`${semaphore}`).toBe("<Semaphore [locked, waiters:2]>");
      tasks.push(...queueUp(semaphore, "d", log)); // behind b and c, though it runs before them
      semaphore.release();
      semaphore.release();
      expect([semaphore.locked(), semaphore._value]).toEqual([true, 0]);
      expect(yield* next(log)).toBe("b c");
      expect(tasks.map(endOf)).toEqual([...Array(3).fill("result undefined"), "pending"]);
      expect(`${semaphore}`).toBe("<Semaphore [locked, waiters:1]>");
      semaphore.release();
      expect(yield* next(log)).toBe("d");
    });
  });

  test("Semaphore.release() may be called by anybody, callbacks too", () => {
    program(function* (loop) {
      const semaphore = new Semaphore(0);
      loop.callLater(4, () => semaphore.release());
      expect(yield* semaphore.acquire()).toBe(true);
      expect(loop.time()).toBe(4);
    });
  });

  test("BoundedSemaphore.release() more often than acquired is a RangeError, and changes nothing [S198]", () => {
    program(function* () {
      const semaphore = new BoundedSemaphore(2);
      const tooOften = () => textOf(thrownBy(() => semaphore.release()));
      const text =
        "RangeError: release() of <BoundedSemaphore [unlocked, value:2]>: it was released more often than acquired, and never has more than 2";
      expect(tooOften()).toBe(text);
      yield* semaphore.acquire();
      semaphore.release();
      expect(tooOften()).toBe(text);
      yield* semaphore.acquire();
      yield* semaphore.acquire();
      expect(semaphore.locked()).toBe(true);
      semaphore.release();
      semaphore.release();
      expect(tooOften()).toBe(text);
      expect(`${semaphore}`).toBe("<BoundedSemaphore [unlocked, value:2]>");
    });
  });

  test("BoundedSemaphore of 0 cannot be released [S198]", () => {
    expect(textOf(thrownBy(() => new BoundedSemaphore(0).release()))).toBe(
      "RangeError: release() of <BoundedSemaphore [locked]>: it was released more often than acquired, and never has more than 0",
    );
  });

  test("BoundedSemaphore that is released while others wait counts what was handed over as acquired [S196 S198]", () => {
    program(function* () {
      const semaphore = new BoundedSemaphore(1);
      const log: string[] = [];
      yield* semaphore.acquire();
      queueUp(semaphore, "a", log);
      yield;
      semaphore.release();
      semaphore.release(); // a's, which has not run yet: nothing tells them apart
      expect(thrownBy(() => semaphore.release())).toBeInstanceOf(RangeError);
      expect(yield* next(log)).toBe("a");
    });
  });
});

describe("Semaphore and its order", () => {
  test("Semaphore: a newcomer queues behind those that were woken and have not run, though some are left [S195]", () => {
    program(function* () {
      const { semaphore, log } = yield* queuedUp("a");
      queueUp(semaphore, "nm", log); // they run before the one that is woken now
      semaphore.release();
      semaphore.release();
      semaphore.release();
      expect([semaphore.locked(), semaphore._value]).toEqual([true, 2]);
      expect(yield* next(log)).toBe("a"); // and it wakes those that waited because of it
      expect([semaphore.locked(), semaphore._value]).toEqual([true, 0]);
      expect(yield* next(log)).toBe("n m");
      expect(`${semaphore}`).toBe("<Semaphore [locked]>");
    });
  });

  test("Semaphore: a task that releases for itself and others has its own turn among theirs [S195 S196]", () => {
    program(function* () {
      const semaphore = new Semaphore(0);
      const log: string[] = [];
      const taking = (name: string) =>
        (function* () {
          yield* semaphore.acquire();
          expect(semaphore.locked()).toBe(true);
          log.push(name);
        })();
      const late: Task<void>[] = [];
      const first = createTask(
        (function* () {
          yield* semaphore.acquire();
          expect(semaphore._value).toBe(0); // those that sleep have been woken by now
          late.push(
            createTask(
              (function* () {
                log.push("late");
              })(),
            ),
          );
          log.push("a");
        })(),
      );
      const second = createTask(
        (function* () {
          for (let times = 0; times < 3; times++) semaphore.release();
          expect([semaphore._value, semaphore.locked()]).toEqual([2, true]); // a has one, and has not run
          yield* taking("b");
        })(),
      );
      const third = createTask(taking("c"));
      yield;
      expect(semaphore._value).toBe(2);
      expect(log).toEqual([]);
      yield;
      expect(log.splice(0)).toEqual(["a"]);
      yield;
      expect(log.splice(0)).toEqual(["b", "c", "late"]);
      yield* gather([first, second, third, ...late]);
      expect(`${semaphore}`).toBe("<Semaphore [locked]>");
    });
  });

  test("Semaphore: tasks that take it again and again take turns", () => {
    program(function* () {
      const semaphore = new Semaphore(1);
      const log: string[] = [];
      const working = function* (name: string): Coroutine<void> {
        for (const round of [1, 2]) {
          yield* semaphore.acquire();
          log.push(`${name}${round}`);
          yield* sleep(0.01);
          semaphore.release();
        }
      };
      yield* gather([working("a"), working("b"), working("c")]);
      expect(log).toEqual(["a1", "b1", "c1", "a2", "b2", "c2"]);
    });
  });

  test("Semaphore: one that releases it and acquires it at once goes to the end of the queue", () => {
    program(function* () {
      const semaphore = new Semaphore(1);
      const log: string[] = [];
      const tasks = queueUp(semaphore, "a", log);
      tasks.push(
        createTask(
          (function* () {
            yield* semaphore.acquire();
            log.push("b");
            semaphore.release();
            yield* semaphore.acquire();
            log.push("b again");
          })(),
        ),
        ...queueUp(semaphore, "c", log),
      );
      yield;
      semaphore.release();
      semaphore.release();
      yield* gather(tasks);
      expect(log).toEqual(["a", "b", "c", "b again"]);
    });
  });
});

describe("Semaphore and cancellation", () => {
  test("Semaphore.acquire() cancelled before it starts leaves no trace", () => {
    program(function* () {
      const semaphore = new Semaphore(1);
      const task = createTask(semaphore.acquire());
      task.cancel();
      yield;
      expect([endOf(task), `${semaphore}`]).toEqual(["cancelled", "<Semaphore [unlocked, value:1]>"]);
    });
  });

  test("Semaphore.acquire() cancelled while it waits leaves the queue, and takes nothing", () => {
    program(function* (loop) {
      const { semaphore, log, tasks } = yield* queuedUp("abc");
      loop.callSoon(() => tasks[1]?.cancel());
      expect(yield* errorOf(tasks[1] as Task<void>)).toBeInstanceOf(CancelledError);
      expect([semaphore._value, `${semaphore}`]).toEqual([0, "<Semaphore [locked, waiters:2]>"]);
      tasks[0]?.cancel();
      expect(yield* next(log)).toBe("");
      expect([semaphore._value, `${semaphore}`]).toEqual([0, "<Semaphore [locked, waiters:1]>"]);
      semaphore.release();
      expect(yield* next(log)).toBe("c");
      semaphore.release();
      expect(`${semaphore}`).toBe("<Semaphore [unlocked, value:1]>");
    });
  });

  test("Semaphore.release() passes over those that were cancelled in the same turn [S196]", () => {
    program(function* () {
      const { semaphore, log, tasks } = yield* queuedUp("abcd");
      tasks[0]?.cancel();
      tasks[1]?.cancel();
      semaphore.release();
      expect(semaphore._value).toBe(0);
      expect(yield* next(log)).toBe("c");
      expect(yield* next(log)).toBe("");
      expect(tasks.map(endOf)).toEqual(["cancelled", "cancelled", "result undefined", "pending"]);
      tasks[3]?.cancel();
      yield;
      semaphore.release();
      expect(`${semaphore}`).toBe("<Semaphore [unlocked, value:1]>");
    });
  });

  test("Semaphore: all that wait are cancelled: what is released in that turn can be taken in it [S195]", () => {
    program(function* () {
      const { semaphore, log, tasks } = yield* queuedUp("ab");
      for (const task of tasks) task.cancel();
      expect(semaphore.locked()).toBe(true);
      semaphore.release();
      expect([semaphore.locked(), semaphore._value]).toEqual([false, 1]);
      yield* semaphore.acquire();
      expect(yield* next(log)).toBe("");
      expect([tasks.map(endOf), `${semaphore}`]).toEqual([
        ["cancelled", "cancelled"],
        "<Semaphore [locked]>",
      ]);
    });
  });

  test("Semaphore: one cancelled in the turn in which it was woken gives back, and the next has it [S197 S110]", () => {
    program(function* () {
      const { semaphore, log, tasks } = yield* queuedUp("abc");
      semaphore.release();
      expect(tasks[0]?.cancel()).toBe(true);
      expect(semaphore.locked()).toBe(true);
      expect(yield* next(log)).toBe(""); // a gives back, b is handed it
      expect([semaphore._value, `${semaphore}`]).toEqual([0, "<Semaphore [locked, waiters:1]>"]);
      expect(yield* next(log)).toBe("b");
      expect(yield* next(log)).toBe("");
      expect(tasks.map(endOf)).toEqual(["cancelled", "result undefined", "pending"]);
      tasks[2]?.cancel();
    });
  });

  test("Semaphore: one goes from one that is woken and cancelled to the next, as often as it takes [S197]", () => {
    program(function* () {
      const { semaphore, log, tasks } = yield* queuedUp("abcd");
      semaphore.release();
      for (const task of tasks.slice(0, 3)) {
        task.cancel();
        expect(yield* next(log)).toBe("");
      }
      expect(yield* next(log)).toBe("d");
      semaphore.release();
      expect(`${semaphore}`).toBe("<Semaphore [unlocked, value:1]>");
    });
  });

  test("Semaphore: the only one, woken and cancelled, gives back: nobody needs to wait any more [S197]", () => {
    program(function* () {
      const { semaphore, log, tasks } = yield* queuedUp("a");
      semaphore.release();
      tasks[0]?.cancel();
      expect(yield* next(log)).toBe("");
      expect([semaphore.locked(), `${semaphore}`]).toEqual([false, "<Semaphore [unlocked, value:1]>"]);
    });
  });

  test("Semaphore: two woken, both cancelled: both give back, and the next two have them [S197]", () => {
    program(function* () {
      const { semaphore, log, tasks } = yield* queuedUp("abcde");
      semaphore.release();
      semaphore.release();
      tasks[0]?.cancel();
      tasks[1]?.cancel();
      expect(yield* next(log)).toBe("");
      expect(`${semaphore}`).toBe("<Semaphore [locked, waiters:1]>");
      expect(yield* next(log)).toBe("c d");
      tasks[4]?.cancel();
      yield;
      expect([semaphore._value, semaphore.locked()]).toEqual([0, true]);
    });
  });

  test("Semaphore: one that was woken is cancelled after it has run: it keeps what it has", () => {
    program(function* () {
      const { semaphore, log, tasks } = yield* queuedUp("ab");
      semaphore.release();
      expect(yield* next(log)).toBe("a");
      expect(tasks[0]?.cancel()).toBe(false);
      expect(yield* next(log)).toBe("");
      tasks[1]?.cancel();
      yield;
      expect(`${semaphore}`).toBe("<Semaphore [locked]>");
    });
  });

  test("Semaphore: who queued up because of a woken one that is cancelled has what is left [S195 S197]", () => {
    program(function* () {
      const { semaphore, log, tasks } = yield* queuedUp("a");
      queueUp(semaphore, "nmo", log);
      semaphore.release();
      semaphore.release();
      tasks[0]?.cancel();
      expect(yield* next(log)).toBe("");
      expect(`${semaphore}`).toBe("<Semaphore [locked, waiters:1]>");
      expect(yield* next(log)).toBe("n m");
      semaphore.release();
      expect(yield* next(log)).toBe("o");
    });
  });

  test("Semaphore: the first of three cancelled, two released in the turn after: the other two have them", () => {
    program(function* () {
      const { semaphore, log, tasks } = yield* queuedUp("abc");
      tasks[0]?.cancel();
      yield;
      semaphore.release();
      semaphore.release();
      expect(yield* next(log)).toBe("b c");
      expect(tasks.map(endOf)).toEqual(["cancelled", "result undefined", "result undefined"]);
    });
  });

  test("Semaphore: one cancelled, one released in the same turn: the next has it, and none is left", () => {
    program(function* () {
      const { semaphore, log, tasks } = yield* queuedUp("ab");
      tasks[0]?.cancel();
      semaphore.release();
      expect(yield* next(log)).toBe("b");
      expect([semaphore.locked(), semaphore._value, endOf(tasks[1] as Task<void>)]).toEqual([
        true,
        0,
        "result undefined",
      ]);
    });
  });

  test("Semaphore.acquire() within waitFor(): the timeout takes it out of the queue", () => {
    program(function* (loop) {
      const semaphore = new Semaphore(0);
      expect(textOf(yield* errorOf(waitFor(semaphore.acquire(), 2)))).toMatch(/^TimeoutError/);
      expect([loop.time(), `${semaphore}`]).toEqual([2, "<Semaphore [locked]>"]);
    });
  });
});
