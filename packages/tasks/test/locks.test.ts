// Lock: one holder, first come, first served, whatever is cancelled on the way.
import { inspect } from "node:util";
import type { Coroutine } from "@aioloop/loop";
import { CancelledError, DeadlockError, RuntimeError } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import {
  _enterTask,
  _leaveTask,
  asyncWith,
  createTask,
  gather,
  Lock,
  sleep,
  VirtualEventLoop,
  waitFor,
} from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { carryOut, plans, spared } from "./cancellation-plans.ts";
import { endOf, errorOf, program, self, textOf, thrownBy } from "./helpers.ts";

/** Tasks that acquire the lock in this order and note their names when they have it. Whoever calls releases it. */
function queueUp(lock: Lock, names: string, log: string[]): Task<void>[] {
  return [...names].map((name) =>
    createTask(
      (function* () {
        expect(yield* lock.acquire()).toBe(true);
        log.push(name);
      })(),
      { name },
    ),
  );
}

/** The same, with the lock held by now and all of them asleep. */
function* queuedUp(names: string): Coroutine<{ lock: Lock; log: string[]; tasks: Task<void>[] }> {
  const lock = new Lock();
  const log: string[] = [];
  yield* lock.acquire();
  const tasks = queueUp(lock, names, log);
  yield;
  expect(`${lock}`).toMatch(new RegExp(`, waiters:${names.length}]>$`));
  return { lock, log, tasks };
}

/** What the turn that passes has added to the log. */
function* next(log: string[]): Coroutine<string> {
  yield;
  return log.splice(0).join(" ");
}

describe("Lock.acquire() and release()", () => {
  test("Lock.acquire() of a free lock takes it in the same turn, when it is awaited and not before", () => {
    program(function* (loop) {
      const lock = new Lock();
      const turns: string[] = [];
      loop.callSoon(() => turns.push("another turn"));
      const acquiring = lock.acquire();
      expect(lock.locked()).toBe(false);
      expect(yield* acquiring).toBe(true);
      expect(lock.locked()).toBe(true);
      lock.release();
      expect(lock.locked()).toBe(false);
      expect(yield* lock.acquire()).toBe(true);
      expect(turns).toEqual([]);
    });
  });

  test("Lock.release() wakes one waiter, the oldest; it has the lock in the next turn", () => {
    program(function* () {
      const { lock, log, tasks } = yield* queuedUp("ab");
      expect(yield* next(log)).toBe("");
      lock.release();
      expect(yield* next(log)).toBe("a");
      expect(yield* next(log)).toBe("");
      expect([lock.locked(), ...tasks.map(endOf)]).toEqual([true, "result undefined", "pending"]);
      tasks.push(...queueUp(lock, "c", log));
      lock.release();
      expect(yield* next(log)).toBe("b");
      lock.release();
      expect(yield* next(log)).toBe("c");
      expect(tasks.map(endOf)).toEqual(Array(3).fill("result undefined"));
      lock.release();
      expect(lock.locked()).toBe(false);
    });
  });

  test("Lock.release() hands nothing over: it is free, and nobody's, until the one woken runs [S185]", () => {
    program(function* () {
      const { lock, log } = yield* queuedUp("ab");
      lock.release();
      expect(lock.locked()).toBe(false);
      expect(`${lock}`).toBe("<Lock [unlocked, waiters:2]>");
      expect(textOf(thrownBy(() => lock.release()))).toBe(
        "RuntimeError: release() of <Lock [unlocked, waiters:2]>: it is not locked. Call it once for each acquire()",
      );
      expect(yield* next(log)).toBe("a"); // and the refused release woke nobody
      expect(`${lock}`).toBe("<Lock [locked by a, waiters:1]>");
      expect(yield* next(log)).toBe("");
      lock.release();
      expect(yield* next(log)).toBe("b");
    });
  });

  test("Lock.release() of a free lock is a RuntimeError, in a loop or not [S185]", () => {
    const text =
      "RuntimeError: release() of <Lock [unlocked]>: it is not locked. Call it once for each acquire()";
    const error = thrownBy(() => new Lock().release());
    expect(error).toBeInstanceOf(RuntimeError);
    expect(textOf(error)).toBe(text);
    program(function* () {
      const lock = new Lock();
      yield* lock.acquire();
      lock.release();
      expect(textOf(thrownBy(() => lock.release()))).toBe(text);
    });
  });

  test("Lock.release() may be called by anybody, not only by the owner [S185]", () => {
    program(function* (loop) {
      const { lock, log } = yield* queuedUp("abc");
      loop.callSoon(() => lock.release());
      expect(yield* next(log)).toBe("");
      expect(yield* next(log)).toBe("a");
      createTask(
        (function* () {
          lock.release();
        })(),
      );
      yield;
      expect(yield* next(log)).toBe("b");
      lock.release();
      expect(yield* next(log)).toBe("c");
    });
  });

  test("Lock is held by one at a time, for as long as its block lasts", () => {
    program(function* (loop) {
      const lock = new Lock();
      const log: string[] = [];
      const holding = (name: string, seconds: number) =>
        asyncWith(lock, function* () {
          log.push(`${loop.time()} ${name}`);
          yield* sleep(seconds);
          log.push(`${loop.time()} ${name} ends`);
        });
      yield* gather([holding("a", 1), holding("b", 2), holding("c", 3)]);
      expect(log).toEqual(["0 a", "1 a ends", "1 b", "3 b ends", "3 c", "6 c ends"]);
      expect(`${lock}`).toBe("<Lock [unlocked]>");
    });
  });

  test("Lock: a newcomer queues behind one that was woken and has not run, though locked() is false [S183]", () => {
    program(function* () {
      const { lock, log } = yield* queuedUp("a");
      queueUp(lock, "n", log); // runs before the one that is woken now
      lock.release();
      expect(lock.locked()).toBe(false);
      expect(yield* next(log)).toBe("a");
      expect(`${lock}`).toBe("<Lock [locked by a, waiters:1]>");
      lock.release();
      expect(yield* next(log)).toBe("n");
    });
  });

  test("Lock: a newcomer takes a free lock at once if all that wait have been cancelled [S183]", () => {
    program(function* () {
      const { lock, log, tasks } = yield* queuedUp("ab");
      for (const task of tasks) task.cancel();
      lock.release();
      expect(`${lock}`).toBe("<Lock [unlocked, waiters:2]>");
      expect(yield* lock.acquire()).toBe(true); // in this turn: they have not left yet
      expect(`${lock}`).toMatch(/^<Lock \[locked by Task-\d+, waiters:2]>$/);
      expect(yield* next(log)).toBe("");
      expect(tasks.map(endOf)).toEqual(["cancelled", "cancelled"]);
      expect(`${lock}`).toMatch(/^<Lock \[locked by Task-\d+]>$/);
    });
  });

  test("Lock: a newcomer queues if one of those that wait was not cancelled [S183]", () => {
    program(function* () {
      const { lock, log, tasks } = yield* queuedUp("abc");
      tasks[0]?.cancel();
      tasks[2]?.cancel();
      queueUp(lock, "n", log);
      lock.release();
      expect(yield* next(log)).toBe("");
      expect(yield* next(log)).toBe("b");
      lock.release();
      expect(yield* next(log)).toBe("n");
    });
  });
});

describe("Lock and cancellation", () => {
  test("Lock.acquire() cancelled before it starts leaves no trace", () => {
    program(function* () {
      const lock = new Lock();
      const task = createTask(lock.acquire());
      task.cancel();
      yield;
      expect([endOf(task), `${lock}`]).toEqual(["cancelled", "<Lock [unlocked]>"]);
    });
  });

  test("Lock.acquire() cancelled while it waits leaves the queue, and the lock where it is", () => {
    program(function* (loop) {
      const { lock, log, tasks } = yield* queuedUp("abc");
      const [a, b] = tasks as [Task<void>, Task<void>];
      loop.callSoon(() => b.cancel());
      expect(yield* errorOf(b)).toBeInstanceOf(CancelledError);
      expect(`${lock}`).toMatch(/^<Lock \[locked by Task-\d+, waiters:2]>$/);
      a.cancel();
      expect(yield* next(log)).toBe("");
      expect(`${lock}`).toMatch(/^<Lock \[locked by Task-\d+, waiters:1]>$/);
      expect(yield* next(log)).toBe(""); // nobody was woken
      lock.release();
      expect(yield* next(log)).toBe("c");
    });
  });

  test("Lock: the only waiter is cancelled: nobody waits any more", () => {
    program(function* (loop) {
      const { lock, tasks } = yield* queuedUp("a");
      loop.callSoon(() => tasks[0]?.cancel());
      expect(yield* errorOf(tasks[0] as Task<void>)).toBeInstanceOf(CancelledError);
      lock.release();
      expect(`${lock}`).toBe("<Lock [unlocked]>");
    });
  });

  test("Lock: released, and the one woken cancelled in the same turn: it wakes the next when it leaves [S184 S110]", () => {
    program(function* () {
      const { lock, log, tasks } = yield* queuedUp("abc");
      lock.release();
      expect(tasks[0]?.cancel()).toBe(true);
      expect(yield* next(log)).toBe("");
      expect([lock.locked(), ...tasks.map(endOf)]).toEqual([false, "cancelled", "pending", "pending"]);
      expect(`${lock}`).toBe("<Lock [unlocked, waiters:2]>");
      expect(yield* next(log)).toBe("b");
      expect(`${lock}`).toBe("<Lock [locked by b, waiters:1]>");
      expect(yield* next(log)).toBe("");
    });
  });

  test("Lock: the first cancelled, and the lock released in the same turn: it wakes the next when it leaves [S184 S186]", () => {
    program(function* () {
      const { lock, log, tasks } = yield* queuedUp("abc");
      tasks[0]?.cancel();
      lock.release(); // looks at the first only, which is done
      expect(yield* next(log)).toBe("");
      expect([lock.locked(), ...tasks.map(endOf)]).toEqual([false, "cancelled", "pending", "pending"]);
      expect(yield* next(log)).toBe("b");
      expect(yield* next(log)).toBe("");
    });
  });

  test("Lock: the wake-up goes from one that is woken and cancelled to the next, as often as it takes [S184]", () => {
    program(function* () {
      const { lock, log, tasks } = yield* queuedUp("abcd");
      lock.release();
      tasks[0]?.cancel();
      yield; // wakes b
      tasks[1]?.cancel();
      yield; // wakes c
      tasks[2]?.cancel();
      expect(yield* next(log)).toBe("");
      expect(`${lock}`).toBe("<Lock [unlocked, waiters:1]>");
      expect(yield* next(log)).toBe("d");
      expect(tasks.map(endOf)).toEqual(["cancelled", "cancelled", "cancelled", "result undefined"]);
    });
  });

  test("Lock: one that is cancelled leaves from the middle, and does not wake the first again [S186]", () => {
    program(function* () {
      const { lock, log, tasks } = yield* queuedUp("abc");
      tasks[1]?.cancel(); // it runs first, when the lock is free and the first has been woken
      lock.release();
      expect(yield* next(log)).toBe("a");
      expect([endOf(tasks[1] as Task<void>), `${lock}`]).toEqual([
        "cancelled",
        "<Lock [locked by a, waiters:1]>",
      ]);
      lock.release();
      expect(yield* next(log)).toBe("c");
    });
  });

  test("Lock: one that is cancelled wakes nobody when it leaves if the lock was taken meanwhile [S184]", () => {
    program(function* () {
      const { lock, log, tasks } = yield* queuedUp("a");
      queueUp(lock, "b", log); // queues up in the next turn, before a leaves
      tasks[0]?.cancel();
      lock.release();
      yield* lock.acquire(); // at once: who waits has been cancelled
      expect(yield* next(log)).toBe("");
      expect(endOf(tasks[0] as Task<void>)).toBe("cancelled");
      expect(yield* next(log)).toBe("");
      expect(`${lock}`).toMatch(/^<Lock \[locked by Task-\d+, waiters:1]>$/);
      lock.release();
      expect(yield* next(log)).toBe("b");
    });
  });

  test("Lock: one cancelled, and the lock released later in that turn by a callback: one is served, not two", () => {
    program(function* (loop) {
      const { lock, log, tasks } = yield* queuedUp("abc");
      loop.callSoon(() => {
        tasks[0]?.cancel();
        lock.release();
      });
      expect(yield* errorOf(tasks[0] as Task<void>)).toBeInstanceOf(CancelledError);
      expect(yield* next(log)).toBe("b");
      for (let turn = 0; turn < 5; turn++) yield;
      expect([...log, ...tasks.map(endOf)]).toEqual(["cancelled", "result undefined", "pending"]);
      tasks[2]?.cancel();
      yield;
      expect(`${lock}`).toBe("<Lock [locked by b]>");
    });
  });

  test("Lock: the holder ends and the next is cancelled, in one turn: the one after that is served", () => {
    program(function* (loop) {
      const lock = new Lock();
      const done = loop.createFuture<void>();
      const log: string[] = [];
      const holding = (name: string, until?: Iterable<never, void>) =>
        createTask(
          asyncWith(lock, function* () {
            log.push(name);
            if (until !== undefined) yield* done;
          }),
          { name },
        );
      const tasks = [holding("a", []), holding("b"), holding("c")];
      yield;
      expect(`${lock}`).toBe("<Lock [locked by a, waiters:2]>");
      done.setResult();
      tasks[1]?.cancel();
      yield;
      expect([lock.locked(), ...tasks.map(endOf)]).toEqual([
        false,
        "result undefined",
        "cancelled",
        "pending",
      ]);
      yield;
      expect([log.join(""), endOf(tasks[2] as Task<void>), `${lock}`]).toEqual([
        "ac",
        "result undefined",
        "<Lock [unlocked]>",
      ]);
    });
  });

  test("Lock.acquire() within waitFor(): the timeout takes it out of the queue", () => {
    program(function* (loop) {
      const { lock } = yield* queuedUp("a");
      expect(textOf(yield* errorOf(waitFor(lock.acquire(), 5)))).toMatch(/^TimeoutError/);
      expect(loop.time()).toBe(5);
      expect(`${lock}`).toMatch(/, waiters:1]>$/);
      lock.release();
    });
  });

  test("Lock: however one or two of five are cancelled, the others hold it in turn and it is free in the end [S183 S184 S186]", () => {
    for (const plan of plans(5, 9)) {
      program(function* () {
        const lock = new Lock();
        const served: number[] = [];
        let holders = 0;
        const tasks = yield* carryOut(plan, () =>
          [0, 1, 2, 3, 4].map((index) =>
            createTask(
              asyncWith(lock, function* () {
                holders += 1;
                if (holders > 1) throw new Error("two hold it");
                try {
                  yield;
                  yield;
                  served.push(index);
                } finally {
                  holders -= 1;
                }
              }),
            ),
          ),
        );
        const ends = tasks.map(endOf);
        expect({ plan, served, ends, lock: `${lock}`, locked: lock.locked() }).toEqual({
          plan,
          served: [...served].sort(),
          ends: ends.map((_, index) => (served.includes(index) ? "result undefined" : "cancelled")),
          lock: "<Lock [unlocked]>",
          locked: false,
        });
        expect(served).toEqual(expect.arrayContaining(spared(plan, 5)));
      });
    }
  });
});

describe("Lock as a manager", () => {
  test("asyncWith(lock): it is free when its block has thrown, and the error passes", () => {
    program(function* () {
      const lock = new Lock();
      const block = asyncWith(lock, function* () {
        yield* sleep(1);
        throw new RangeError("in the block");
      });
      expect(textOf(yield* errorOf(block))).toBe("RangeError: in the block");
      expect(lock.locked()).toBe(false);
    });
  });

  test("asyncWith(lock): it is free when its block was cancelled, and the next has it", () => {
    program(function* () {
      const lock = new Lock();
      const holder = createTask(asyncWith(lock, () => sleep(10)));
      const log: string[] = [];
      queueUp(lock, "a", log);
      yield;
      holder.cancel();
      expect(yield* next(log)).toBe("");
      expect(yield* next(log)).toBe("a");
      expect(endOf(holder)).toBe("cancelled");
    });
  });

  test("asyncWith(lock) cancelled while it waits runs no block and releases nothing", () => {
    program(function* () {
      const lock = new Lock();
      yield* lock.acquire();
      const log: string[] = [];
      const task = createTask(
        asyncWith(lock, function* () {
          log.push("block");
        }),
      );
      yield;
      task.cancel();
      yield;
      expect([endOf(task), lock.locked(), ...log]).toEqual(["cancelled", true]);
    });
  });

  test("asyncWith(lock): one that was released in its block cannot be released at the end of it", () => {
    program(function* () {
      const lock = new Lock();
      const block = asyncWith(lock, function* () {
        lock.release();
      });
      expect(textOf(yield* errorOf(block))).toMatch(/^RuntimeError: release\(\) of <Lock \[unlocked]>/);
    });
  });

  test("Lock subclass: its own acquire() and release() are what asyncWith() calls", () => {
    class Counted extends Lock {
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
    program(function* () {
      const lock = new Counted();
      yield* asyncWith(lock, function* () {
        lock.calls.push(`${lock}`.replace(/Task-\d+/, "main"));
      });
      expect(lock.calls).toEqual(["acquire", "<Counted [locked by main]>", "release"]);
    });
  });
});

describe("Lock in reports", () => {
  test("Lock.toString() says whether it is locked, by whom, and how many wait", () => {
    program(function* () {
      const lock = new Lock();
      expect(`${lock}`).toBe("<Lock [unlocked]>");
      const log: string[] = [];
      queueUp(lock, "abc", log);
      expect(yield* next(log)).toBe("a");
      expect(`${lock}`).toBe("<Lock [locked by a, waiters:2]>");
      expect(inspect(lock)).toBe("<Lock [locked by a, waiters:2]>");
      lock.release();
      yield;
      expect(`${lock}`).toBe("<Lock [locked by b, waiters:1]>");
      lock.release();
      yield;
      lock.release();
      expect(`${lock}`).toBe("<Lock [unlocked]>");
    });
  });

  test("Lock taken while no task is the current one has no owner", () => {
    program(function* (loop) {
      const lock = new Lock();
      const task = self();
      _leaveTask(loop, task);
      yield* lock.acquire();
      _enterTask(loop, task);
      expect(`${lock}`).toBe("<Lock [locked]>");
      lock.release();
      expect(`${lock}`).toBe("<Lock [unlocked]>");
    });
  });

  test("Lock acquired twice by one task: DeadlockError names the lock and its owner", () => {
    const error = thrownBy(() =>
      program(function* () {
        const lock = new Lock();
        const greedy = asyncWith(lock, function* () {
          yield* lock.acquire();
        });
        yield* createTask(greedy, { name: "greedy" });
      }),
    );
    expect(error).toBeInstanceOf(DeadlockError);
    expect(textOf(error).split("\n").slice(1)).toEqual([
      expect.stringMatching(/^ {2}Task-\d+ waits for task greedy$/),
      "  greedy waits for <Lock [locked by greedy, waiters:1]> (in asyncWith > acquire)",
      "  in a circle: greedy waits for <Lock [locked by greedy, waiters:1]>, held by greedy",
    ]);
  });

  test("Lock: the instrument's access() is told that acquire() and release() write and locked() reads, repr nothing", () => {
    program(function* (loop) {
      const { lock, log, tasks } = yield* queuedUp("a");
      const told: unknown[] = [];
      const instrument = {
        access: (object: object, kind: string) => void told.push(object === lock ? kind : object),
      };
      loop.addInstrument(instrument);
      lock.locked();
      expect(told.splice(0)).toEqual(["read"]);
      tasks.push(...queueUp(lock, "b", log));
      yield;
      expect(told.splice(0)).toEqual(["write"]);
      lock.release();
      expect(told.splice(0)).toEqual(["write"]);
      void `${lock}`;
      expect(yield* next(log)).toBe("a");
      expect(told).toEqual([]);
      loop.removeInstrument(instrument);
      lock.release();
      expect(told).toEqual([]);
    });
  });
});

describe("Lock and its loop", () => {
  test("Lock belongs to the loop in which it was first waited for, and refuses to be waited for in another [S187]", () => {
    const lock = new Lock();
    const used = (loopOf: VirtualEventLoop[]) =>
      program(function* (loop) {
        loopOf.push(loop);
        yield* lock.acquire();
        lock.release();
      });
    const loops: VirtualEventLoop[] = [];
    used(loops);
    used(loops); // nobody waited: it belongs to none
    const first = program(function* (loop) {
      const log: string[] = [];
      yield* lock.acquire();
      queueUp(lock, "a", log);
      yield;
      lock.release();
      expect(yield* next(log)).toBe("a");
      return loop;
    });
    expect(new Set([...loops, first]).size).toBe(3);
    program(function* () {
      const error = yield* errorOf(lock.acquire());
      expect(error).toBeInstanceOf(RuntimeError);
      expect(textOf(error)).toBe(
        "RuntimeError: <Lock [locked by a]> is bound to a different event loop: make one for each loop",
      );
      expect(`${lock}`).toBe("<Lock [locked by a]>");
      lock.release();
      yield* asyncWith(lock, function* () {}); // no waiting, no loop
    });
  });

  test("Lock made outside a loop works in one", () => {
    const lock = new Lock();
    const loop = new VirtualEventLoop();
    const log: string[] = [];
    const entering = function* (name: string) {
      yield* asyncWith(lock, function* () {
        log.push(name);
        yield* sleep(1);
      });
    };
    loop.runUntilComplete(
      (function* () {
        yield* gather([entering("a"), entering("b")]);
      })(),
    );
    expect([log, loop.time()]).toEqual([["a", "b"], 2]);
    loop.close();
  });
});
