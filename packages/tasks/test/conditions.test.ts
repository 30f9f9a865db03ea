// Condition: waiting for a change of what a lock guards. Whoever waits has the lock again in the end, and no notification is lost.
import { inspect } from "node:util";
import type { Coroutine } from "@aioloop/loop";
import { CancelledError, DeadlockError, isCancelled, RuntimeError } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import {
  asyncWith,
  Condition,
  createTask,
  Lock,
  Semaphore,
  sleep,
  timeout,
  VirtualEventLoop,
  waitFor,
} from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { carryOut, plans } from "./cancellation-plans.ts";
import { endOf, errorOf, program, textOf, thrownBy } from "./helpers.ts";

/** Tasks that wait in this order, and note their names when they go on, with the lock held; then they free it, or keep it. */
function waitAt(condition: Condition, names: string, log: string[], keep = false): Task<void>[] {
  return [...names].map((name) => {
    function* waiting(): Coroutine<void> {
      expect(yield* condition.wait()).toBe(true);
      expect(condition.locked()).toBe(true);
      log.push(name);
    }
    function* keeping(): Coroutine<void> {
      yield* condition.acquire();
      yield* waiting();
    }
    return createTask(keep ? keeping() : asyncWith(condition, waiting), { name });
  });
}

/** The same, when all of them wait. */
function* waitingAt(names: string, keep = false) {
  const condition = new Condition();
  const log: string[] = [];
  const tasks = waitAt(condition, names, log, keep);
  yield;
  expect(`${condition}`).toBe(`<Condition [unlocked, waiters:${names.length}]>`);
  return { condition, log, tasks };
}

/** What the turn that passes has added to the log. */
function* next(log: string[]): Coroutine<string> {
  yield;
  return log.splice(0).join(" ");
}

/** Takes the lock for one call. */
function* holding(condition: Condition, call: () => void): Coroutine<void> {
  yield* condition.acquire();
  call();
  condition.release();
}

describe("Condition.wait() and notify()", () => {
  test("Condition.wait() frees the lock, sleeps, and has the lock again when it ends; it is true [S190]", () => {
    program(function* () {
      const { condition, log, tasks } = yield* waitingAt("a", true);
      expect(condition.locked()).toBe(false);
      yield* condition.acquire();
      expect(yield* next(log)).toBe("");
      condition.notify();
      expect(`${condition}`).toBe("<Condition [locked, waiters:1]>");
      yield;
      expect(`${condition}`).toBe("<Condition [locked]>"); // it waits for the lock now
      expect(yield* next(log)).toBe("");
      condition.release();
      expect(yield* next(log)).toBe("a");
      expect([condition.locked(), ...tasks.map(endOf)]).toEqual([true, "result undefined"]);
    });
  });

  test("Condition.notify() keeps the lock; those it wakes queue up for it and have it one after another [S192]", () => {
    program(function* () {
      const { condition, log, tasks } = yield* waitingAt("abc", true);
      yield* condition.acquire();
      condition.notify();
      expect(condition.locked()).toBe(true);
      expect(yield* next(log)).toBe("");
      condition.release();
      expect(yield* next(log)).toBe("a");
      condition.notify(2); // the lock is a's: held by anyone is enough
      expect(yield* next(log)).toBe("");
      expect(condition.locked()).toBe(true);
      condition.release();
      expect(yield* next(log)).toBe("b");
      expect(yield* next(log)).toBe("");
      condition.release();
      expect(yield* next(log)).toBe("c");
      expect([condition.locked(), ...tasks.map(endOf)]).toEqual([true, ...Array(3).fill("result undefined")]);
    });
  });

  test("Condition.notify() wakes the oldest, notify(n) the n oldest, and no harm if there are fewer [S192]", () => {
    program(function* () {
      const { condition, log } = yield* waitingAt("abcdef");
      yield* holding(condition, () => condition.notify());
      expect(yield* next(log)).toBe("a");
      expect(yield* next(log)).toBe("");
      yield* holding(condition, () => condition.notify(2));
      expect(yield* next(log)).toBe("b c"); // in one turn: each finds the lock free
      expect(yield* next(log)).toBe("");
      expect(`${condition}`).toBe("<Condition [unlocked, waiters:3]>");
      yield* holding(condition, () => {
        condition.notify(1); // two in one turn wake two
        condition.notify(2048);
        condition.notify();
      });
      expect(yield* next(log)).toBe("d e f");
      expect(`${condition}`).toBe("<Condition [unlocked]>");
    });
  });

  test("Condition.notifyAll() wakes all that wait now [S192]", () => {
    program(function* () {
      const { condition, log, tasks } = yield* waitingAt("abc");
      yield* holding(condition, () => condition.notifyAll());
      tasks.push(...waitAt(condition, "n", log));
      expect(yield* next(log)).toBe("a b c");
      for (let turn = 0; turn < 4; turn++) expect(yield* next(log)).toBe("");
      expect(`${condition}`).toBe("<Condition [unlocked, waiters:1]>");
      yield* holding(condition, () => condition.notifyAll());
      expect(yield* next(log)).toBe("n");
    });
  });

  test("Condition.notify(): nobody waits: it is not kept for those who come later", () => {
    program(function* () {
      const condition = new Condition();
      yield* holding(condition, () => condition.notify());
      yield* holding(condition, () => condition.notifyAll());
      const log: string[] = [];
      waitAt(condition, "a", log);
      for (let turn = 0; turn < 3; turn++) expect(yield* next(log)).toBe("");
      expect(`${condition}`).toBe("<Condition [unlocked, waiters:1]>");
      yield* holding(condition, () => condition.notify());
      expect(yield* next(log)).toBe("a");
    });
  });

  test("Condition.notify() passes over one that was cancelled or woken in the same turn [S192]", () => {
    program(function* () {
      const { condition, log, tasks } = yield* waitingAt("abcd");
      yield* condition.acquire();
      tasks[0]?.cancel();
      condition.notify(); // b
      condition.notify(); // c
      condition.release();
      expect(yield* next(log)).toBe("b c");
      expect(yield* next(log)).toBe("d"); // by a, which cannot know whether a wake-up was meant for it
      expect(endOf(tasks[0] as Task<void>)).toBe("cancelled");
    });
  });

  test.each([
    ["0", 0, ""],
    ["-0", -0, ""],
    ["-1", -1, ""],
    ["0.5", 0.5, "a"],
    ["1.5", 1.5, "ab"],
    ["2", 2, "ab"],
    ["Infinity", Number.POSITIVE_INFINITY, "abc"],
    ["-Infinity", Number.NEGATIVE_INFINITY, ""],
    ["NaN", Number.NaN, "abc"],
  ])("Condition.notify(%s) wakes until that many are woken, or more [J26]", (_text, n, woken) => {
    program(function* () {
      const { condition, log, tasks } = yield* waitingAt("abc");
      yield* holding(condition, () => condition.notify(n));
      for (let turn = 0; turn < 6; turn++) yield;
      const seen = log.join("");
      for (const task of tasks) task.cancel();
      expect(seen).toBe(woken);
    });
  });

  test("Condition: a callback may notify while a task holds the lock [S192]", () => {
    program(function* (loop) {
      const { condition, log } = yield* waitingAt("a");
      loop.callLater(1, () => condition.notify());
      yield* asyncWith(condition, () => sleep(2));
      expect(yield* next(log)).toBe("a");
      expect(loop.time()).toBe(2);
    });
  });

  test("Condition.wait() of one that holds the lock alone: its timeout leaves it with the lock [S190]", () => {
    program(function* (loop) {
      const condition = new Condition();
      yield* asyncWith(condition, function* () {
        const error = yield* errorOf(waitFor(condition.wait(), 0.5));
        expect(textOf(error)).toMatch(/^TimeoutError/);
        expect([loop.time(), `${condition}`]).toEqual([0.5, "<Condition [locked]>"]);
      });
      expect(condition.locked()).toBe(false);
    });
  });
});

describe("Condition.waitFor()", () => {
  test("Condition.waitFor() asks at once, and then after each wake-up with the lock held [S194]", () => {
    program(function* () {
      const condition = new Condition();
      const asked: [value: unknown, isLocked: boolean][] = [];
      let value: unknown = null;
      const predicate = () => {
        asked.push([value, condition.locked()]);
        return value;
      };
      const task = createTask(
        asyncWith(condition, function* () {
          const result = yield* condition.waitFor(predicate);
          expect(condition.locked()).toBe(true);
          return result;
        }),
      );
      yield;
      expect(asked).toEqual([[null, true]]);
      for (const falsy of [0, "", undefined, Number.NaN, false, 0n]) {
        value = falsy;
        yield* holding(condition, () => condition.notify());
        yield;
        expect(asked.splice(0).at(-1)).toEqual([falsy, true]);
      }
      value = "ready";
      for (let turn = 0; turn < 3; turn++) yield;
      expect(asked).toEqual([]); // who changes it has to say so
      yield* holding(condition, () => condition.notify());
      expect(yield* task).toBe("ready"); // the predicate's last value
      expect(asked).toEqual([["ready", true]]);
      expect(condition.locked()).toBe(false);
    });
  });

  test("Condition.waitFor() that need not wait needs no lock, and gives what the predicate gave in the same turn [S194]", () => {
    program(function* (loop) {
      const condition = new Condition();
      const turns: string[] = [];
      loop.callSoon(() => turns.push("another turn"));
      const list = [1, 2, 3];
      expect(yield* condition.waitFor(() => list)).toBe(list);
      expect([turns, condition.locked()]).toEqual([[], false]);
      expect(textOf(yield* errorOf(condition.waitFor(() => false)))).toBe(
        "RuntimeError: wait() of <Condition [unlocked]>: its lock is not held. Write yield* asyncWith(condition, function* () { … wait() … })",
      );
      expect(`${condition}`).toBe("<Condition [unlocked]>");
    });
  });

  test("Condition.waitFor(): an error of the predicate ends it, with the lock held [S194]", () => {
    program(function* () {
      const condition = new Condition();
      let error: Error | null = null;
      const predicate = () => {
        if (error !== null) throw error;
        return false;
      };
      const task = createTask(
        asyncWith(condition, function* () {
          expect(yield* errorOf(condition.waitFor(predicate))).toBe(error);
          expect(condition.locked()).toBe(true);
        }),
      );
      yield;
      error = new RangeError("no value");
      yield* holding(condition, () => condition.notify());
      yield* task;
      expect(yield* errorOf(condition.waitFor(predicate))).toBe(error);
      expect(`${condition}`).toBe("<Condition [unlocked]>");
    });
  });

  test.each([
    [true, "true"],
    [null, "null"],
    [undefined, "undefined"],
    [(function* () {})(), "<Generator>"],
  ])("Condition.waitFor(%o) is a TypeError, at once", (given, shown) => {
    const error = thrownBy(() => new Condition().waitFor(given as never));
    expect(textOf(error)).toBe(`TypeError: waitFor(predicate): predicate must be a function, got ${shown}`);
  });
});

describe("Condition without its lock", () => {
  test.each([
    ["notify", (condition: Condition) => condition.notify()],
    ["notifyAll", (condition: Condition) => condition.notifyAll()],
  ])("Condition.%s() is a RuntimeError, and wakes nobody [S192]", (name, call) => {
    expect(thrownBy(() => call(new Condition()))).toBeInstanceOf(RuntimeError);
    program(function* () {
      const { condition, log, tasks } = yield* waitingAt("a");
      expect(textOf(thrownBy(() => call(condition)))).toBe(
        `RuntimeError: ${name}() of <Condition [unlocked, waiters:1]>: its lock is not held. Write yield* asyncWith(condition, function* () { … ${name}() … })`,
      );
      for (let turn = 0; turn < 3; turn++) expect(yield* next(log)).toBe("");
      tasks[0]?.cancel();
    });
  });

  test("Condition.wait() is a RuntimeError when it is awaited, and nothing waits or is locked [S190]", () => {
    program(function* () {
      const condition = new Condition();
      const waiting = condition.wait();
      const error = yield* errorOf(waiting);
      expect(error).toBeInstanceOf(RuntimeError);
      expect(textOf(error)).toBe(
        "RuntimeError: wait() of <Condition [unlocked]>: its lock is not held. Write yield* asyncWith(condition, function* () { … wait() … })",
      );
      expect(`${condition}`).toBe("<Condition [unlocked]>");
    });
  });

  test("Condition.release() of a free lock is the lock's error", () => {
    expect(textOf(thrownBy(() => new Condition().release()))).toBe(
      "RuntimeError: release() of <Lock [unlocked]>: it is not locked. Call it once for each acquire()",
    );
  });
});

describe("Condition and cancellation", () => {
  test("Condition.wait() cancelled before it starts leaves lock and queue as they are", () => {
    program(function* () {
      const condition = new Condition();
      yield* condition.acquire();
      const task = createTask(condition.wait());
      task.cancel();
      yield;
      expect([endOf(task), `${condition}`]).toEqual(["cancelled", "<Condition [locked]>"]);
    });
  });

  test("Condition.wait() cancelled in its sleep has the lock again before the error is seen [S190]", () => {
    program(function* (loop) {
      const condition = new Condition();
      yield* condition.acquire();
      const task = createTask(condition.wait());
      loop.callSoon(() => task.cancel());
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
      expect(`${condition}`).toBe("<Condition [locked]>");
    });
  });

  test("Condition.wait() cancelled while another holds the lock waits for it, and throws what it was cancelled with [S190]", () => {
    program(function* () {
      const { condition, tasks } = yield* waitingAt("a", true);
      const [task] = tasks as [Task<void>];
      yield* condition.acquire();
      task.cancel("stop it");
      for (let turn = 0; turn < 3; turn++) yield;
      expect([endOf(task), `${condition}`]).toEqual(["pending", "<Condition [locked]>"]);
      condition.release();
      yield;
      expect(condition.locked()).toBe(true); // nobody catches the error and frees it
      const error = yield* errorOf(task);
      expect(error).toBeInstanceOf(CancelledError);
      expect((error as CancelledError).msg).toBe("stop it");
    });
  });

  test("Condition.wait() cancelled again and again while it waits for the lock: the last cancellation is thrown [S190]", () => {
    program(function* () {
      const { condition, tasks } = yield* waitingAt("a", true);
      const [task] = tasks as [Task<void>];
      yield* condition.acquire();
      for (const msg of ["first", "second", "third", "fourth"]) {
        expect(task.cancel(msg)).toBe(true);
        yield;
        yield;
        expect(endOf(task)).toBe("pending");
      }
      condition.release();
      const error = yield* errorOf(task);
      expect((error as CancelledError).msg).toBe("fourth");
      expect([task.cancelling(), `${condition}`]).toEqual([4, "<Condition [locked]>"]);
    });
  });

  for (const isNotified of [false, true]) {
    const when = isNotified ? "on its way back to the lock" : "in its sleep";
    test(`Condition.waitFor() cancelled ${when}: the very CancelledError that its caller catches leaves the task [S190]`, () => {
      program(function* () {
        const condition = new Condition();
        let isReady = false;
        let caught: unknown;
        const task = createTask(
          asyncWith(condition, function* () {
            caught = yield* errorOf(condition.waitFor(() => isReady));
            throw caught;
          }),
        );
        yield;
        yield* condition.acquire();
        if (isNotified) {
          isReady = true;
          condition.notify();
          yield;
        }
        task.cancel("foo");
        condition.release();
        const error = yield* errorOf(task);
        expect(error).toBe(caught);
        expect(error).toBeInstanceOf(CancelledError);
        expect([(error as CancelledError).msg, (error as CancelledError).cause]).toEqual(["foo", undefined]);
        expect([endOf(task), `${condition}`]).toEqual(["cancelled", "<Condition [unlocked]>"]);
      });
    });
  }

  test("Condition.wait() cancelled right before the lock comes free has it and throws; after that it has ended, and cannot be [S190]", () => {
    program(function* (loop) {
      const condition = new Condition();
      yield* condition.acquire();
      const task = createTask(condition.wait());
      yield;
      yield* condition.acquire();
      condition.notify();
      loop.callSoon(() => task.cancel());
      loop.callSoon(() => condition.release());
      expect(isCancelled(yield* errorOf(task))).toBe(true);
      expect(condition.locked()).toBe(true);
      // and where the lock comes first
      const other = createTask(condition.wait());
      yield;
      yield* condition.acquire();
      condition.notify();
      condition.release();
      expect(yield* other).toBe(true);
      expect([other.cancel(), condition.locked()]).toEqual([false, true]);
    });
  });

  test("Condition in asyncWith(): cancelled after a notify(), on its way back to the lock: it ends so when it has had it [S190]", () => {
    program(function* () {
      const condition = new Condition();
      const task = createTask(asyncWith(condition, () => condition.wait()));
      yield;
      yield* condition.acquire();
      condition.notify();
      yield; // it queues up for the lock
      task.cancel();
      yield; // and does so again
      expect(endOf(task)).toBe("pending");
      condition.release();
      expect(condition.locked()).toBe(false);
      yield;
      expect([endOf(task), condition.locked()]).toEqual(["cancelled", false]);
    });
  });

  test("Condition: one that is cancelled in the turn in which it is notified hands that to the next [S191]", () => {
    program(function* () {
      const { condition, log, tasks } = yield* waitingAt("abc");
      yield* condition.acquire();
      condition.notify();
      tasks[0]?.cancel();
      condition.release();
      expect(yield* next(log)).toBe(""); // a leaves and wakes b
      expect([endOf(tasks[0] as Task<void>), `${condition}`]).toEqual([
        "cancelled",
        "<Condition [unlocked, waiters:2]>",
      ]);
      expect(yield* next(log)).toBe("b");
      for (let turn = 0; turn < 3; turn++) expect(yield* next(log)).toBe("");
      expect(`${condition}`).toBe("<Condition [unlocked, waiters:1]>");
    });
  });

  for (const [when, turns] of [
    ["before it runs", 0],
    ["while it waits for the lock", 1],
  ] as const) {
    test(`Condition: a consumer is notified, and cancelled ${when}: the other one consumes [S191]`, () => {
      program(function* (loop) {
        const condition = new Condition();
        let stock = 0;
        const consumer = () =>
          createTask(
            asyncWith(condition, function* () {
              for (;;) {
                yield* condition.waitFor(() => stock !== 0);
                if (stock < 0) return;
                stock -= 1;
                condition.notifyAll();
              }
            }),
          );
        const [first, second] = [consumer(), consumer()];
        yield;
        yield* asyncWith(condition, function* () {
          stock += 1;
          condition.notify(1);
          for (let turn = 0; turn < turns; turn++) yield;
          first.cancel();
          yield* asyncWith(timeout(0.01), function* () {
            yield* condition.waitFor(() => stock === 0);
          });
          stock = -1;
          condition.notifyAll();
        });
        yield* second;
        expect([loop.time(), endOf(first), endOf(second)]).toEqual([0, "cancelled", "result undefined"]);
      });
    });
  }

  test("Condition.wait() cancelled without a notify() wakes another all the same: a wake-up without a reason [S191]", () => {
    program(function* () {
      const { condition, log, tasks } = yield* waitingAt("abc");
      tasks[1]?.cancel();
      expect(yield* next(log)).toBe("");
      expect(endOf(tasks[1] as Task<void>)).toBe("cancelled");
      expect(yield* next(log)).toBe("a");
      for (let turn = 0; turn < 3; turn++) expect(yield* next(log)).toBe("");
      expect(`${condition}`).toBe("<Condition [unlocked, waiters:1]>");
      tasks[2]?.cancel();
    });
  });

  test("Condition.wait() whose lock cannot be had again throws that error, without another try, and wakes another [S191]", () => {
    class Failing extends Lock {
      failures = 0;
      isArmed = false;
      override acquire(): Coroutine<true> {
        if (!this.isArmed) return super.acquire();
        this.isArmed = false;
        this.failures += 1;
        throw new RangeError("no lock");
      }
    }
    program(function* () {
      const lock = new Failing();
      const condition = new Condition(lock);
      const waiting = function* (): Coroutine<unknown> {
        yield* condition.acquire();
        return yield* condition.wait();
      };
      const tasks = [createTask(waiting()), createTask(waiting())];
      yield;
      yield* condition.acquire();
      condition.notify();
      condition.release();
      lock.isArmed = true;
      expect(textOf(yield* errorOf(tasks[0] as Task<unknown>))).toBe("RangeError: no lock");
      expect(yield* tasks[1] as Task<unknown>).toBe(true);
      expect([lock.failures, `${condition}`]).toEqual([1, "<Condition [locked]>"]);
    });
  });

  test("Condition: however one or two of four consumers are cancelled, all that is produced is consumed [S190 S191]", () => {
    for (const plan of plans(4, 9)) {
      program(function* () {
        const condition = new Condition();
        let stock = 0;
        let produced = 0;
        let consumed = 0;
        let inside = 0;
        function* consuming(): Coroutine<void> {
          yield* asyncWith(condition, function* () {
            for (;;) {
              yield* condition.waitFor(() => stock > 0);
              inside += 1;
              if (inside > 1) throw new Error("two hold the lock");
              stock -= 1;
              consumed += 1;
              inside -= 1;
            }
          });
        }
        function* producing(): Coroutine<void> {
          for (produced = 0; produced < 6; ) {
            yield* asyncWith(condition, function* () {
              produced += 1;
              stock += 1;
              condition.notify();
            });
            yield;
          }
        }
        const consumers: Task<void>[] = [];
        const producer = createTask(producing());
        const checking = createTask(
          (function* () {
            yield* producer;
            for (let turn = 0; turn < 30; turn++) yield;
            expect({ plan, produced, consumed, stock }).toEqual({ plan, produced: 6, consumed: 6, stock: 0 });
            for (const consumer of consumers) consumer.cancel();
          })(),
        );
        yield* carryOut(plan, () => {
          consumers.push(...[0, 1, 2, 3].map(() => createTask(consuming())));
          return consumers;
        });
        yield* checking;
        expect({ plan, condition: `${condition}` }).toEqual({ plan, condition: "<Condition [unlocked]>" });
        expect(consumers.map(endOf)).toEqual(Array(4).fill("cancelled"));
      });
    }
  });
});

describe("Condition and its lock", () => {
  test.each([
    ["of its own", () => new Condition(), null],
    ["of its own where null is given", () => new Condition(null), null],
    ["that it was given", (lock: Lock) => new Condition(lock), "given"],
  ])(
    "Condition with a lock %s: asyncWith() holds it, and acquire(), release(), locked() are the lock's [S193]",
    (_what, make, given) => {
      program(function* () {
        const lock = new Lock();
        const condition = make(lock);
        const states = () => [condition.locked(), lock.locked()];
        const held = [true, given !== null];
        expect(states()).toEqual([false, false]);
        const value = yield* asyncWith(condition, function* (nothing) {
          expect([nothing, ...states()]).toEqual([undefined, ...held]);
          return "value";
        });
        expect([value, ...states()]).toEqual(["value", false, false]);
        const { acquire, release, locked } = condition; // they need no `this`
        expect(yield* acquire()).toBe(true);
        expect([locked(), ...states()]).toEqual([true, ...held]);
        release();
        expect([locked(), ...states()]).toEqual([false, false, false]);
        yield* asyncWith(lock, function* () {
          expect(states()).toEqual([given !== null, true]);
        });
      });
    },
  );

  test("Condition: two share a lock: wait() at one lets the other's waiters in, notify() wakes only its own [S193]", () => {
    program(function* () {
      const lock = new Lock();
      const [full, empty] = [new Condition(lock), new Condition(lock)];
      const log: string[] = [];
      waitAt(full, "a", log);
      waitAt(empty, "b", log);
      yield;
      expect([`${full}`, `${empty}`]).toEqual(Array(2).fill("<Condition [unlocked, waiters:1]>"));
      yield* holding(full, () => empty.notify()); // with the lock held, by whatever name
      expect(yield* next(log)).toBe("b");
      expect(yield* next(log)).toBe("");
      yield* lock.acquire();
      full.notify();
      expect(yield* next(log)).toBe("");
      lock.release();
      expect(yield* next(log)).toBe("a");
    });
  });

  test("Condition of a lock that is held by another: asyncWith() waits its turn", () => {
    program(function* (loop) {
      const lock = new Lock();
      const condition = new Condition(lock);
      createTask(asyncWith(lock, () => sleep(3)));
      yield;
      yield* asyncWith(condition, function* () {
        expect(loop.time()).toBe(3);
      });
    });
  });

  test("Condition of a Lock subclass calls its methods; of a Semaphore it counts", () => {
    class Noting extends Lock {
      calls: string[] = [];
      override acquire(): Coroutine<true> {
        this.calls.push("acquire");
        return super.acquire();
      }
      override release(): void {
        this.calls.push("release");
        super.release();
      }
    }
    program(function* (loop) {
      const lock = new Noting();
      const condition = new Condition(lock);
      loop.callSoon(() => {
        lock.acquire = Lock.prototype.acquire; // not counted below
      });
      yield* asyncWith(condition, function* () {
        yield* errorOf(waitFor(condition.wait(), 1));
      });
      expect(lock.calls).toEqual(["acquire", "release", "release"]);

      const both = new Condition(new Semaphore(1));
      const log: string[] = [];
      waitAt(both, "ab", log);
      yield;
      yield* holding(both, () => both.notifyAll());
      expect(yield* next(log)).toBe("a b");
      expect(`${both}`).toBe("<Condition [unlocked]>");
    });
  });

  test.each([
    [{}, "<Object>"],
    [{ loop: null }, "<Object>"],
    [5, "5"],
    ["lock", '"lock"'],
    [Lock, "Lock"],
    [{ acquire() {}, release() {} }, "<Object>"],
    [{ locked() {}, release() {} }, "<Object>"],
    [{ acquire() {}, locked() {} }, "<Object>"],
  ])("new Condition(%o) is a TypeError", (given, shown) => {
    expect(textOf(thrownBy(() => new Condition(given as never)))).toBe(
      `TypeError: new Condition(lock): lock must be a Lock or null, got ${shown}`,
    );
  });
});

describe("Condition in reports", () => {
  test("Condition.toString() says whether its lock is held, and how many wait for it to be notified", () => {
    program(function* () {
      const { condition } = yield* waitingAt("ab");
      expect(`${condition}`).toBe("<Condition [unlocked, waiters:2]>");
      yield* condition.acquire();
      expect(`${condition}`).toBe("<Condition [locked, waiters:2]>");
      expect(inspect(condition)).toBe("<Condition [locked, waiters:2]>");
      condition.notify();
      yield;
      expect(`${condition}`).toBe("<Condition [locked, waiters:1]>");
      condition.notifyAll();
      yield;
      expect(`${condition}`).toBe("<Condition [locked]>");
      condition.release();
      class Signal extends Condition {}
      expect(`${new Signal()}`).toBe("<Signal [unlocked]>");
    });
  });

  test("Condition that nobody notifies: DeadlockError names it; where the lock is missing, the lock and its owner", () => {
    const report = (main: () => Coroutine<void>) => {
      const loop = new VirtualEventLoop();
      const error = thrownBy(() => loop.runUntilComplete(main()));
      expect(error).toBeInstanceOf(DeadlockError);
      return textOf(error).split("\n");
    };
    expect(
      report(function* () {
        const condition = new Condition();
        yield* createTask(
          asyncWith(condition, () => condition.wait()),
          { name: "waiter" },
        );
      }),
    ).toContain("  waiter waits for <Condition [unlocked, waiters:1]> (in asyncWith > wait)");
    expect(
      report(function* () {
        const condition = new Condition();
        const [waiter] = waitAt(condition, "w", []);
        yield;
        const greedy = function* () {
          yield* condition.acquire();
          condition.notify();
        };
        yield* createTask(greedy(), { name: "greedy" });
        yield* waiter as Task<void>;
      }),
    ).toContain("  w waits for <Lock [locked by greedy, waiters:1]> (in asyncWith > wait > acquire)");
  });

  test("Condition: the instrument's access() is told that wait() and notify() write; its lock tells for itself", () => {
    program(function* (loop) {
      const lock = new Lock();
      const condition = new Condition(lock);
      const told: string[] = [];
      const instrument = {
        access: (object: object, kind: string) => {
          if (object !== lock) expect(object).toBe(condition);
          told.push(`${object.constructor.name} ${kind}`);
        },
      };
      loop.addInstrument(instrument);
      waitAt(condition, "a", []);
      yield;
      expect(told.splice(0)).toEqual(["Lock write", "Lock read", "Condition write", "Lock write"]);
      yield* condition.acquire();
      expect(told.splice(0)).toEqual(["Lock write"]);
      condition.notify();
      expect(told.splice(0)).toEqual(["Lock read", "Condition write"]);
      condition.notifyAll();
      expect(told.splice(0)).toEqual(["Lock read", "Condition write"]);
      condition.release();
      expect(told.splice(0)).toEqual(["Lock write"]);
      loop.removeInstrument(instrument);
      yield;
    });
  });

  test("Condition.toString() is no access to its lock: an instrument may print what it sees", () => {
    program(function* (loop) {
      const condition = new Condition();
      const told: string[] = [];
      const instrument = { access: (object: object, kind: string) => void told.push(`${object} ${kind}`) };
      loop.addInstrument(instrument);
      void `${condition}`;
      loop.removeInstrument(instrument);
      expect(told).toEqual([]);
    });
  });
});

describe("Condition and its loop", () => {
  const elsewhere =
    /^RuntimeError: <(Lock|Condition) \[locked[^\]]*]> is bound to a different event loop: make one for each loop$/;

  test("Condition belongs to the loop in which it was first waited at; wait() in another keeps the lock [S187]", () => {
    const condition = new Condition();
    for (let round = 0; round < 2; round++) {
      program(() => holding(condition, () => condition.notifyAll())); // nobody waits: it belongs to none
    }
    program(function* () {
      yield* asyncWith(condition, () => errorOf(waitFor(condition.wait(), 1)));
    });
    program(function* () {
      yield* asyncWith(condition, function* () {
        const error = yield* errorOf(condition.wait());
        expect(error).toBeInstanceOf(RuntimeError);
        expect(textOf(error)).toMatch(elsewhere);
        expect(`${condition}`).toBe("<Condition [locked]>");
      });
    });
  });

  test("Condition with a lock of another loop: acquire() is refused where it has to wait [S187]", () => {
    const lock = new Lock();
    program(function* () {
      const held = [1, 2].map(() => createTask(asyncWith(lock, () => sleep(1))));
      for (const task of held) yield* task;
    });
    program(function* () {
      yield* asyncWith(lock, function* () {
        const condition = new Condition(lock);
        const error = yield* errorOf(condition.acquire());
        expect(textOf(error)).toMatch(elsewhere);
        expect(textOf(error)).toContain("<Lock");
      });
      expect(`${lock}`).toBe("<Lock [unlocked]>");
    });
  });
});
