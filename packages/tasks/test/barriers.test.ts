// Barrier: its states, who passes in which round, and what reset, abort and cancellation leave behind.
import { inspect } from "node:util";
import type { Coroutine, Yieldable } from "@aioloop/loop";
import { CancelledError, DeadlockError, ensureFuture, RuntimeError } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import { asyncWith, Barrier, BrokenBarrierError, createTask, gather, sleep, waitFor } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { carryOut, plans, spared } from "./cancellation-plans.ts";
import { endOf, errorOf, program, self, textOf, thrownBy } from "./helpers.ts";

/** A task that waits, and notes its name and its number when it is through, or its name and "broken". */
function arrive(barrier: Barrier, names: string, log: string[]): Task<void>[] {
  return [...names].map((name) =>
    createTask(
      (function* () {
        try {
          log.push(`${name}${yield* barrier.wait()}`);
        } catch (error) {
          if (!(error instanceof BrokenBarrierError)) throw error;
          log.push(`${name} broken`);
        }
      })(),
      { name },
    ),
  );
}

/** What the turn that passes has added to the log. */
function* next(log: string[]): Coroutine<string> {
  yield;
  return log.splice(0).join(" ");
}

/** Runs `count` tasks to their end. */
function* together(count: number, main: (index: number) => Coroutine<unknown>): Coroutine<unknown[]> {
  return yield* gather(Array.from({ length: count }, (_, index) => createTask(main(index))));
}

const FILLING = "<Barrier [filling, waiters:0/5]>";

describe("Barrier.wait()", () => {
  test("Barrier.wait() lets all through when the last one comes, each with its number in the order of arrival [S200]", () => {
    program(function* () {
      const barrier = new Barrier(3);
      const log: string[] = [];
      arrive(barrier, "a", log);
      expect(yield* next(log)).toBe("");
      expect([barrier.nWaiting, `${barrier}`]).toEqual([1, "<Barrier [filling, waiters:1/3]>"]);
      arrive(barrier, "b", log);
      expect(yield* next(log)).toBe("");
      expect(yield* next(log)).toBe("");
      expect([barrier.nWaiting, `${barrier}`]).toEqual([2, "<Barrier [filling, waiters:2/3]>"]);
      arrive(barrier, "c", log);
      expect(yield* next(log)).toBe("c2"); // it does not wait
      expect([barrier.nWaiting, `${barrier}`]).toEqual([0, "<Barrier [draining, waiters:0/3]>"]);
      expect(yield* next(log)).toBe("a0 b1");
      expect([barrier.nWaiting, barrier.broken, `${barrier}`]).toEqual([
        0,
        false,
        "<Barrier [filling, waiters:0/3]>",
      ]);
    });
  });

  test("Barrier(1) never makes anybody wait, time after time [S200]", () => {
    program(function* (loop) {
      const barrier = new Barrier(1);
      const turns: string[] = [];
      loop.callSoon(() => turns.push("another turn"));
      for (let times = 0; times < 3; times++) {
        expect(yield* barrier.wait()).toBe(0);
        expect([barrier.nWaiting, barrier.broken]).toEqual([0, false]);
      }
      expect(turns).toEqual([]);
      const tasks = [createTask(barrier.wait())];
      yield;
      tasks.push(createTask(barrier.wait()));
      yield;
      expect(tasks.map(endOf)).toEqual(["result 0", "result 0"]);
      expect(`${barrier}`).toBe("<Barrier [filling, waiters:0/1]>");
    });
  });

  test("Barrier.wait() takes no place before it is awaited", () => {
    program(function* () {
      const barrier = new Barrier(2);
      const waiting = barrier.wait();
      expect(barrier.nWaiting).toBe(0);
      const task = createTask(waiting);
      yield;
      expect(barrier.nWaiting).toBe(1);
      expect(yield* barrier.wait()).toBe(1);
      expect(yield* task).toBe(0);
    });
  });

  test("Barrier: who comes while a round drains waits outside, and is of the next round [S201]", () => {
    program(function* () {
      const barrier = new Barrier(3);
      const log: string[] = [];
      arrive(barrier, "abcdef", log);
      expect(yield* next(log)).toBe("c2");
      expect([barrier.nWaiting, `${barrier}`]).toEqual([0, "<Barrier [draining, waiters:0/3]>"]);
      expect(yield* next(log)).toBe("a0 b1");
      expect(`${barrier}`).toBe("<Barrier [filling, waiters:0/3]>");
      expect(yield* next(log)).toBe("f2"); // d and e are in, and it is the last one
      expect(yield* next(log)).toBe("d0 e1");
      expect(`${barrier}`).toBe("<Barrier [filling, waiters:0/3]>");
    });
  });

  test("Barrier: more wait outside than the next round takes: the rest waits outside again [S201]", () => {
    program(function* () {
      const barrier = new Barrier(2);
      const log: string[] = [];
      const tasks = arrive(barrier, "abcdefg", log);
      const turns: string[] = [];
      for (let turn = 0; turn < 8; turn++) turns.push(yield* next(log));
      expect(turns).toEqual(["b1", "a0", "d1", "c0", "f1", "e0", "", ""]);
      expect([barrier.nWaiting, endOf(tasks[6] as Task<void>)]).toEqual([1, "pending"]);
      expect(yield* barrier.wait()).toBe(1);
      expect(yield* next(log)).toBe("g0");
    });
  });

  test("Barrier of five: tasks that pass it twice pass in two rounds, with all numbers in each [S200 S201]", () => {
    program(function* () {
      const barrier = new Barrier(5);
      const rounds: number[][] = [[], []];
      const results = yield* together(5, function* () {
        rounds[0]?.push(yield* barrier.wait());
        return yield* asyncWith(barrier, function* (index) {
          rounds[1]?.push(index);
          expect(rounds[0]?.length).toBe(5); // nobody is ahead by a round
          return index;
        });
      });
      expect(rounds.map((round) => [...round].sort())).toEqual([
        [0, 1, 2, 3, 4],
        [0, 1, 2, 3, 4],
      ]);
      expect([...results].sort()).toEqual([0, 1, 2, 3, 4]);
      expect(`${barrier}`).toBe(FILLING);
    });
  });

  test("Barrier drains until the last one has left; that one finds it filling [S200]", () => {
    program(function* () {
      const barrier = new Barrier(5);
      const states: string[] = [];
      yield* together(5, function* () {
        yield* asyncWith(barrier, function* () {
          states.push(`${barrier}`);
        });
      });
      expect(states).toEqual([...Array(4).fill("<Barrier [draining, waiters:0/5]>"), FILLING]);
    });
  });

  test("Barrier: some of a round come back at once, the others after a barrier of their own: all meet again [S201]", () => {
    program(function* () {
      const [barrier, others] = [new Barrier(5), new Barrier(3)];
      let back = 2;
      const log: string[] = [];
      yield* together(5, function* () {
        yield* barrier.wait();
        if (back > 0) {
          back -= 1;
          log.push("at once");
        } else {
          yield* others.wait();
          log.push("after the others");
        }
        yield* barrier.wait();
        log.push("together");
      });
      expect(log.slice(0, 5).sort()).toEqual([...Array(3).fill("after the others"), "at once", "at once"]);
      expect(log.slice(5)).toEqual(Array(5).fill("together"));
      expect([`${barrier}`, `${others}`]).toEqual([FILLING, "<Barrier [filling, waiters:0/3]>"]);
    });
  });

  test("Barrier: nobody passes before the last one is there, whenever that is", () => {
    program(function* (loop) {
      const barrier = new Barrier(4);
      const passed: number[] = [];
      yield* together(4, function* (index) {
        yield* sleep(index * 2);
        yield* barrier.wait();
        passed.push(loop.time());
      });
      expect(passed).toEqual([6, 6, 6, 6]);
    });
  });
});

describe("Barrier as a manager", () => {
  test("asyncWith(barrier): the block gets the number, and may end as it likes: leaving does nothing [S205]", () => {
    program(function* () {
      const barrier = new Barrier(3);
      const numbers: number[] = [];
      const ends = yield* gather(
        [0, 1, 2].map(() =>
          asyncWith(barrier, function* (index) {
            numbers.push(index);
            if (index === 1) throw new RangeError("one of them");
            if (index === 2) yield* sleep(1);
            return `value ${index}`;
          }),
        ),
        { returnExceptions: true },
      );
      expect(numbers).toEqual([2, 0, 1]);
      expect(ends.map(textOf)).toEqual(["value 0", "RangeError: one of them", "value 2"]);
      expect([barrier.nWaiting, barrier.broken, `${barrier}`]).toEqual([
        0,
        false,
        "<Barrier [filling, waiters:0/3]>",
      ]);
    });
  });

  test("asyncWith(new Barrier(1)) runs its block at once [S205]", () => {
    program(function* (loop) {
      const barrier = new Barrier(1);
      const turns: string[] = [];
      loop.callSoon(() => turns.push("another turn"));
      expect(
        yield* asyncWith(barrier, function* (index) {
          return [index, barrier.nWaiting];
        }),
      ).toEqual([0, 0]);
      expect(turns).toEqual([]);
      expect(barrier.broken).toBe(false);
    });
  });

  test("asyncWith(barrier) of a broken one runs no block", () => {
    program(function* () {
      const barrier = new Barrier(1);
      yield* barrier.abort();
      const block = asyncWith(barrier, function* () {
        throw new Error("the block has run");
      });
      expect(yield* errorOf(block)).toBeInstanceOf(BrokenBarrierError);
    });
  });

  test("Barrier itself cannot be awaited, and stays as it is", () => {
    program(function* () {
      const barrier = new Barrier(5);
      const awaiting = (function* () {
        yield* barrier as unknown as Yieldable<void>;
      })();
      expect(yield* errorOf(awaiting)).toBeInstanceOf(TypeError);
      expect(thrownBy(() => ensureFuture(barrier as never))).toBeInstanceOf(TypeError);
      expect(`${barrier}`).toBe(FILLING);
    });
  });
});

describe("Barrier and cancellation", () => {
  test("Barrier.wait() cancelled before it starts takes no place", () => {
    program(function* () {
      const barrier = new Barrier(2);
      const task = createTask(barrier.wait());
      task.cancel();
      yield;
      expect([endOf(task), barrier.nWaiting]).toEqual(["cancelled", 0]);
    });
  });

  test("Barrier: one that is cancelled leaves, and breaks nothing: the others wait for one more [S202]", () => {
    program(function* () {
      const barrier = new Barrier(3);
      const log: string[] = [];
      const tasks = arrive(barrier, "ab", log);
      yield;
      expect(barrier.nWaiting).toBe(2);
      tasks[0]?.cancel();
      expect(yield* next(log)).toBe("");
      expect([endOf(tasks[0] as Task<void>), barrier.nWaiting, barrier.broken]).toEqual([
        "cancelled",
        1,
        false,
      ]);
      expect(yield* errorOf(tasks[0] as Task<void>)).toBeInstanceOf(CancelledError);
      tasks.push(...arrive(barrier, "c", log));
      expect(yield* next(log)).toBe("");
      expect(barrier.nWaiting).toBe(2);
      tasks.push(...arrive(barrier, "d", log));
      yield* gather(tasks.slice(1));
      expect(log).toEqual(["d2", "b1", "c1"]);
      expect([barrier.nWaiting, barrier.broken, `${barrier}`]).toEqual([
        0,
        false,
        "<Barrier [filling, waiters:0/3]>",
      ]);
    });
  });

  test("Barrier: a number says how many were there before, so after a cancellation two may have the same [S200 S202]", () => {
    program(function* () {
      const barrier = new Barrier(3);
      const log: string[] = [];
      const tasks = arrive(barrier, "ab", log);
      yield;
      tasks[0]?.cancel();
      yield;
      arrive(barrier, "cd", log);
      expect(yield* next(log)).toBe("d2");
      expect(yield* next(log)).toBe("b1 c1");
    });
  });

  test("Barrier: all that wait are cancelled: it is as new [S202]", () => {
    program(function* () {
      const barrier = new Barrier(5);
      const log: string[] = [];
      const tasks = arrive(barrier, "abcd", log);
      yield;
      for (const task of tasks) task.cancel();
      yield;
      expect([...tasks.map(endOf), `${barrier}`]).toEqual([...Array(4).fill("cancelled"), FILLING]);
      arrive(barrier, "efghi", log);
      expect(yield* next(log)).toBe("i4");
      expect(yield* next(log)).toBe("e0 f1 g2 h3");
    });
  });

  test("Barrier: one cancelled in the turn in which the last one comes still counts, and the round passes [S202]", () => {
    program(function* () {
      const barrier = new Barrier(3);
      const log: string[] = [];
      const tasks = arrive(barrier, "ab", log);
      yield;
      arrive(barrier, "c", log); // runs before a hears of its cancellation
      tasks[0]?.cancel();
      expect(yield* next(log)).toBe("c2");
      expect(yield* next(log)).toBe("b1");
      expect([endOf(tasks[0] as Task<void>), `${barrier}`]).toEqual([
        "cancelled",
        "<Barrier [filling, waiters:0/3]>",
      ]);
    });
  });

  test("Barrier: one cancelled before the last one comes does not count: the round stays open [S202]", () => {
    program(function* () {
      const barrier = new Barrier(3);
      const log: string[] = [];
      const tasks = arrive(barrier, "ab", log);
      yield;
      tasks[0]?.cancel();
      arrive(barrier, "c", log); // runs after it
      expect(yield* next(log)).toBe("");
      expect(`${barrier}`).toBe("<Barrier [filling, waiters:2/3]>");
      arrive(barrier, "d", log);
      expect(yield* next(log)).toBe("d2");
      expect(yield* next(log)).toBe("c1 b1"); // b was woken when a left, and lay down again behind c
    });
  });

  test("Barrier: one cancelled on its way out of a full round: the others pass, and the next round begins [S202]", () => {
    program(function* () {
      const barrier = new Barrier(3);
      const log: string[] = [];
      const tasks = arrive(barrier, "abcd", log);
      expect(yield* next(log)).toBe("c2");
      for (const index of [0, 1]) tasks[index]?.cancel();
      expect(yield* next(log)).toBe("");
      expect(tasks.map(endOf)).toEqual(["cancelled", "cancelled", "result undefined", "pending"]);
      expect(yield* next(log)).toBe(""); // d is inside
      expect(`${barrier}`).toBe("<Barrier [filling, waiters:1/3]>");
      arrive(barrier, "ef", log);
      expect(yield* next(log)).toBe("f2");
      expect(yield* next(log)).toBe("d0 e1");
    });
  });

  test("Barrier: one cancelled outside, while a round drains, was never in it [S201 S202]", () => {
    program(function* () {
      const barrier = new Barrier(2);
      const log: string[] = [];
      const tasks = arrive(barrier, "abcd", log);
      expect(yield* next(log)).toBe("b1");
      tasks[2]?.cancel();
      expect(yield* next(log)).toBe("a0");
      yield;
      expect([endOf(tasks[2] as Task<void>), `${barrier}`]).toEqual([
        "cancelled",
        "<Barrier [filling, waiters:1/2]>",
      ]);
      arrive(barrier, "e", log);
      expect(yield* next(log)).toBe("e1");
      expect(yield* next(log)).toBe("d0");
    });
  });

  test("Barrier.wait() within waitFor(): the timeout leaves the barrier as it was before", () => {
    program(function* (loop) {
      const barrier = new Barrier(2);
      expect(textOf(yield* errorOf(waitFor(barrier.wait(), 5)))).toMatch(/^TimeoutError/);
      expect([loop.time(), barrier.broken, barrier.nWaiting]).toEqual([5, false, 0]);
    });
  });

  test("Barrier: however one or two of five are cancelled, the others pass with as many more as are missing [S201 S202]", () => {
    for (const plan of plans(5, 7)) {
      program(function* () {
        const barrier = new Barrier(2);
        const passed: number[] = [];
        const filler = createTask(
          (function* () {
            yield* sleep(1);
            while (barrier.nWaiting > 0) yield* barrier.wait();
          })(),
        );
        const tasks = yield* carryOut(plan, () =>
          [0, 1, 2, 3, 4].map((index) =>
            createTask(
              asyncWith(barrier, function* (number) {
                expect([0, 1]).toContain(number);
                passed.push(index);
              }),
            ),
          ),
        );
        yield* filler;
        expect({ plan, barrier: `${barrier}` }).toEqual({
          plan,
          barrier: "<Barrier [filling, waiters:0/2]>",
        });
        expect(passed).toEqual(expect.arrayContaining(spared(plan, 5)));
        expect(tasks.map(endOf)).toEqual(
          tasks.map((_, index) => (passed.includes(index) ? "result undefined" : "cancelled")),
        );
      });
    }
  });
});

describe("Barrier.reset()", () => {
  test("Barrier.reset() of one where nobody waits changes nothing [S203]", () => {
    program(function* (loop) {
      const barrier = new Barrier(5);
      const turns: string[] = [];
      loop.callSoon(() => turns.push("another turn"));
      const resetting = barrier.reset();
      expect(yield* resetting).toBe(undefined);
      expect([barrier.nWaiting, barrier.broken, `${barrier}`, ...turns]).toEqual([0, false, FILLING]);
    });
  });

  test("Barrier.reset(): who waits gets a BrokenBarrierError; the last one of them leaves it filling [S203]", () => {
    program(function* () {
      const barrier = new Barrier(3);
      const log: string[] = [];
      const tasks = arrive(barrier, "ab", log);
      const third = createTask(barrier.wait());
      third.cancel();
      yield;
      yield* barrier.reset();
      expect([barrier.nWaiting, barrier.broken, `${barrier}`]).toEqual([
        0,
        false,
        "<Barrier [resetting, waiters:0/3]>",
      ]);
      expect(yield* next(log)).toBe("a broken b broken");
      expect(tasks.map(endOf)).toEqual(["result undefined", "result undefined"]);
      expect([barrier.broken, `${barrier}`]).toEqual([false, "<Barrier [filling, waiters:0/3]>"]);
      arrive(barrier, "cde", log);
      expect(yield* next(log)).toBe("e2");
      expect(yield* next(log)).toBe("c0 d1");
    });
  });

  test("Barrier.reset(): the error names the barrier and says what happened [S203]", () => {
    program(function* () {
      const barrier = new Barrier(3);
      const tasks = [createTask(errorOf(barrier.wait())), createTask(errorOf(barrier.wait()))];
      yield;
      yield* barrier.reset();
      const error = yield* tasks[0] as Task<unknown>;
      expect(error).toBeInstanceOf(BrokenBarrierError);
      expect(textOf(error)).toBe(
        "BrokenBarrierError: wait() at <Barrier [resetting, waiters:0/3]>: it was reset meanwhile",
      );
    });
  });

  test("Barrier.reset(): who comes before the last one has left waits outside, and is of the next round [S201 S203]", () => {
    program(function* () {
      const barrier = new Barrier(2);
      const log: string[] = [];
      arrive(barrier, "a", log);
      yield;
      arrive(barrier, "bc", log); // they run before a hears of the reset
      yield* barrier.reset();
      expect(yield* next(log)).toBe("a broken");
      expect([barrier.nWaiting, `${barrier}`]).toEqual([0, "<Barrier [filling, waiters:0/2]>"]);
      expect(yield* next(log)).toBe("c1");
      expect(yield* next(log)).toBe("b0");
    });
  });

  test("Barrier.reset() while a round drains: those on their way out get the error, those outside make the next round [S203]", () => {
    program(function* () {
      const barrier = new Barrier(3);
      const log: string[] = [];
      arrive(barrier, "abcdef", log);
      expect(yield* next(log)).toBe("c2");
      yield* barrier.reset();
      expect(`${barrier}`).toBe("<Barrier [resetting, waiters:0/3]>");
      expect(yield* next(log)).toBe("a broken b broken f2");
      expect(`${barrier}`).toBe("<Barrier [draining, waiters:0/3]>");
      expect(yield* next(log)).toBe("d0 e1");
      expect(`${barrier}`).toBe("<Barrier [filling, waiters:0/3]>");
    });
  });

  test("Barrier.reset() by one that has come through, half of the round behind it: the other half gets the error [S203]", () => {
    program(function* () {
      const barrier = new Barrier(5);
      const log: string[] = [];
      yield* together(5, function* (index) {
        try {
          yield* barrier.wait();
        } catch (error) {
          expect(error).toBeInstanceOf(BrokenBarrierError);
          log.push(`${index} broken`);
          return;
        }
        log.push(`${index}`);
        if (log.length === 3) yield* barrier.reset();
      });
      expect(log).toEqual(["4", "0", "1", "2 broken", "3 broken"]);
      expect([barrier.nWaiting, barrier.broken, `${barrier}`]).toEqual([0, false, FILLING]);
    });
  });

  test("Barrier.reset() with half of a round out and back again, outside: they do not get the error [S201 S203]", () => {
    program(function* () {
      const barrier = new Barrier(5);
      const log: string[] = [];
      let through = 0;
      yield* together(5, function* (index) {
        try {
          yield* barrier.wait();
          through += 1;
          if (through === 3) yield* barrier.reset();
        } catch (error) {
          expect(error).toBeInstanceOf(BrokenBarrierError);
          log.push(`${index} broken`);
        }
        yield* barrier.wait();
        log.push(`${index}`);
      });
      expect(log.slice(0, 2)).toEqual(["2 broken", "3 broken"]);
      expect(log.slice(2).sort()).toEqual(["0", "1", "2", "3", "4"]);
      expect(`${barrier}`).toBe(FILLING);
    });
  });

  test("Barrier.reset(): those who got the error and come back make a round with one more [S203]", () => {
    program(function* () {
      const barrier = new Barrier(5);
      const log: string[] = [];
      const tasks = [0, 1, 2, 3].map((index) =>
        createTask(
          (function* () {
            expect(yield* errorOf(barrier.wait())).toBeInstanceOf(BrokenBarrierError);
            log.push(`${index} broken`);
            log.push(`${index} ${yield* barrier.wait()}`);
          })(),
        ),
      );
      createTask(barrier.reset());
      yield;
      createTask(
        asyncWith(barrier, function* (index) {
          log.push(`new ${index}`);
        }),
      );
      yield* gather(tasks);
      expect(log.slice(0, 4)).toEqual(["0 broken", "1 broken", "2 broken", "3 broken"]);
      expect(
        log
          .slice(4)
          .map((line) => line.split(" ")[1])
          .sort(),
      ).toEqual(["0", "1", "2", "3", "4"]);
      expect([barrier.nWaiting, barrier.broken]).toEqual([0, false]);
    });
  });

  test("Barrier.reset() by the last one out: nobody is inside, and who came back stays and gets no error [S203]", () => {
    program(function* () {
      const barrier = new Barrier(5);
      const log: string[] = [];
      let through = 0;
      yield* together(5, function* (index) {
        yield* barrier.wait();
        through += 1;
        if (through === 5) {
          yield* barrier.reset();
          log.push(`reset by ${index}`);
        }
        yield* barrier.wait();
        log.push("second");
        yield* barrier.wait();
        log.push("third");
      });
      expect(log).toEqual(["reset by 3", ...Array(5).fill("second"), ...Array(5).fill("third")]);
      expect(`${barrier}`).toBe(FILLING);
    });
  });

  test("Barrier.reset() twice is one reset [S203]", () => {
    program(function* () {
      const barrier = new Barrier(3);
      const log: string[] = [];
      arrive(barrier, "ab", log);
      yield;
      yield* barrier.reset();
      yield* barrier.reset();
      expect(`${barrier}`).toBe("<Barrier [resetting, waiters:0/3]>");
      expect(yield* next(log)).toBe("a broken b broken");
      yield* barrier.reset();
      expect(`${barrier}`).toBe("<Barrier [filling, waiters:0/3]>");
    });
  });

  test("Barrier: one that is cancelled while it is reset is cancelled, and the last one out leaves it filling [S202 S203]", () => {
    program(function* () {
      const barrier = new Barrier(3);
      const log: string[] = [];
      const tasks = arrive(barrier, "ab", log);
      yield;
      yield* barrier.reset();
      tasks[1]?.cancel();
      expect(yield* next(log)).toBe("a broken");
      expect([endOf(tasks[1] as Task<void>), `${barrier}`]).toEqual([
        "cancelled",
        "<Barrier [filling, waiters:0/3]>",
      ]);
    });
  });
});

describe("Barrier.abort()", () => {
  test("Barrier.abort() breaks it: who waits and who comes gets a BrokenBarrierError, until reset() repairs it [S201 S203]", () => {
    program(function* () {
      const barrier = new Barrier(3);
      const log: string[] = [];
      const early = createTask(errorOf(barrier.wait()));
      arrive(barrier, "a", log);
      yield;
      expect(yield* barrier.abort()).toBe(undefined);
      expect([barrier.nWaiting, barrier.broken, `${barrier}`]).toEqual([
        0,
        true,
        "<Barrier [broken, waiters:0/3]>",
      ]);
      expect(yield* next(log)).toBe("a broken");
      expect(textOf(yield* early)).toBe(
        "BrokenBarrierError: wait() at <Barrier [broken, waiters:0/3]>: it was aborted meanwhile",
      );
      const error = yield* errorOf(barrier.wait());
      expect(error).toBeInstanceOf(BrokenBarrierError);
      expect(error).toBeInstanceOf(RuntimeError);
      expect(textOf(error)).toBe(
        "BrokenBarrierError: wait() at <Barrier [broken, waiters:0/3]>: it was aborted",
      );
      expect(barrier.broken).toBe(true); // it stays so when all have left
      yield* barrier.reset();
      expect([barrier.broken, `${barrier}`]).toEqual([false, "<Barrier [filling, waiters:0/3]>"]);
      arrive(barrier, "cde", log);
      expect(yield* next(log)).toBe("e2");
      expect(yield* next(log)).toBe("c0 d1");
    });
  });

  test("Barrier.abort() of one where nobody waits breaks it as well; twice is once", () => {
    program(function* () {
      const barrier = new Barrier(1);
      createTask(barrier.abort());
      yield;
      expect([barrier.nWaiting, barrier.broken]).toEqual([0, true]);
      yield* barrier.abort();
      expect(`${barrier}`).toBe("<Barrier [broken, waiters:0/1]>");
    });
  });

  test("Barrier.abort() while a round drains: those on their way out and those outside get the error [S201]", () => {
    program(function* () {
      const barrier = new Barrier(3);
      const log: string[] = [];
      const tasks = arrive(barrier, "abcde", log);
      expect(yield* next(log)).toBe("c2");
      yield* barrier.abort();
      expect(yield* next(log)).toBe("a broken b broken d broken e broken");
      expect(tasks.map(endOf)).toEqual(Array(5).fill("result undefined"));
      expect(`${barrier}`).toBe("<Barrier [broken, waiters:0/3]>");
    });
  });

  test("Barrier.abort() by one that has come through, with half of the round inside and half outside again [S201]", () => {
    program(function* () {
      const barrier = new Barrier(5);
      const log: string[] = [];
      let through = 0;
      yield* together(5, function* (index) {
        try {
          yield* barrier.wait();
        } catch (error) {
          expect(error).toBeInstanceOf(BrokenBarrierError);
          log.push(`${index} broken inside`);
          return;
        }
        through += 1;
        if (through === 3) {
          yield* barrier.abort();
          return;
        }
        expect(yield* errorOf(barrier.wait())).toBeInstanceOf(BrokenBarrierError);
        log.push(`${index} broken outside`);
      });
      expect(log).toEqual(["2 broken inside", "3 broken inside", "4 broken outside", "0 broken outside"]);
      expect([barrier.nWaiting, barrier.broken, `${barrier}`]).toEqual([
        0,
        true,
        "<Barrier [broken, waiters:0/5]>",
      ]);
    });
  });

  test("Barrier.abort() by one whose block fails: the others cannot wait for it any more [S205]", () => {
    program(function* () {
      const barrier = new Barrier(5);
      const log: string[] = [];
      yield* together(5, function* (index) {
        try {
          yield* asyncWith(barrier, function* (number) {
            if (number === 2) throw new RangeError("one of them");
          });
          yield* barrier.wait();
          log.push("never");
        } catch (error) {
          if (error instanceof RangeError) yield* barrier.abort();
          else expect(error).toBeInstanceOf(BrokenBarrierError);
          log.push(`${index} ${(error as Error).name}`);
        }
      });
      expect([...log].sort()).toEqual([
        "0 BrokenBarrierError",
        "1 BrokenBarrierError",
        "2 RangeError",
        "3 BrokenBarrierError",
        "4 BrokenBarrierError",
      ]);
      expect([barrier.nWaiting, barrier.broken]).toEqual([0, true]);
    });
  });

  test("Barrier.abort(), all meet at another barrier, one resets: they meet at the first again [S203]", () => {
    program(function* () {
      const [first, second] = [new Barrier(5), new Barrier(5)];
      const log: string[] = [];
      yield* together(5, function* () {
        try {
          const number = yield* first.wait();
          if (number === 2) throw new RangeError("one of them");
          yield* first.wait();
          log.push("never");
        } catch (error) {
          if (error instanceof RangeError) yield* first.abort();
          else expect(error).toBeInstanceOf(BrokenBarrierError);
          log.push((error as Error).name);
        }
        if ((yield* second.wait()) === 2) yield* first.reset();
        yield* second.wait();
        yield* first.wait();
        log.push("again");
      });
      expect(log.slice(0, 5).sort()).toEqual([...Array(4).fill("BrokenBarrierError"), "RangeError"]);
      expect(log.slice(5)).toEqual(Array(5).fill("again"));
      expect([`${first}`, `${second}`]).toEqual([FILLING, FILLING]);
    });
  });

  test("Barrier.abort() and reset() before those who waited have left: they get the error, and it fills again [S203]", () => {
    program(function* () {
      const barrier = new Barrier(3);
      const log: string[] = [];
      arrive(barrier, "ab", log);
      yield;
      yield* barrier.abort();
      yield* barrier.reset();
      expect([barrier.broken, `${barrier}`]).toEqual([false, "<Barrier [resetting, waiters:0/3]>"]);
      expect(yield* next(log)).toBe("a broken b broken");
      expect(`${barrier}`).toBe("<Barrier [filling, waiters:0/3]>");
    });
  });

  test("Barrier.reset() and then abort() before those who waited have left: it is broken when they have [S203]", () => {
    program(function* () {
      const barrier = new Barrier(3);
      const log: string[] = [];
      arrive(barrier, "ab", log);
      yield;
      yield* barrier.reset();
      yield* barrier.abort();
      expect(yield* next(log)).toBe("a broken b broken");
      expect([barrier.broken, `${barrier}`]).toEqual([true, "<Barrier [broken, waiters:0/3]>"]);
    });
  });
});

describe("new Barrier()", () => {
  test.each([
    ["0", 0],
    ["-0", -0],
    ["-4", -4],
  ])("new Barrier(%s) is a RangeError [J26]", (_text, parties) => {
    const error = thrownBy(() => new Barrier(parties));
    expect(error).toBeInstanceOf(RangeError);
    expect(textOf(error)).toBe(`RangeError: new Barrier(parties): parties must be 1 or more, got ${parties}`);
  });

  test.each([
    [2.5, "2.5"],
    [0.5, "0.5"],
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "Infinity"],
    ["3", '"3"'],
    [undefined, "undefined"],
  ])("new Barrier(%o) is a TypeError [J26]", (parties, shown) => {
    const error = thrownBy(() => new Barrier(parties as number));
    expect(error).toBeInstanceOf(TypeError);
    expect(textOf(error)).toBe(`TypeError: new Barrier(parties): parties must be an integer, got ${shown}`);
  });

  test("Barrier.parties is what it was made with, whatever happens", () => {
    program(function* () {
      const barrier = new Barrier(2);
      expect(barrier.parties).toBe(2);
      yield* gather([barrier.wait(), barrier.wait()]);
      expect(barrier.parties).toBe(2);
      yield* barrier.abort();
      expect([barrier.parties, new Barrier(1).parties]).toEqual([2, 1]);
    });
  });
});

describe("Barrier in reports", () => {
  test("Barrier.toString() says its state and how many of how many wait; they are 0 unless it fills [S204]", () => {
    program(function* () {
      const barrier = new Barrier(5);
      const log: string[] = [];
      const seen = () => [`${barrier}`, barrier.nWaiting, barrier.broken];
      expect(seen()).toEqual([FILLING, 0, false]);
      expect(inspect(barrier)).toBe(FILLING);
      arrive(barrier, "ab", log);
      yield;
      expect(seen()).toEqual(["<Barrier [filling, waiters:2/5]>", 2, false]);
      arrive(barrier, "cde", log);
      yield;
      expect(seen()).toEqual(["<Barrier [draining, waiters:0/5]>", 0, false]);
      yield* barrier.reset();
      expect(seen()).toEqual(["<Barrier [resetting, waiters:0/5]>", 0, false]);
      yield* barrier.abort();
      expect(seen()).toEqual(["<Barrier [broken, waiters:0/5]>", 0, true]);
      yield;
      class Gate extends Barrier {}
      expect(`${new Gate(2)}`).toBe("<Gate [filling, waiters:0/2]>");
    });
  });

  test("Barrier that is never full: DeadlockError names the barrier", () => {
    const error = thrownBy(() =>
      program(function* () {
        yield* createTask(new Barrier(2).wait(), { name: "alone" });
      }),
    );
    expect(error).toBeInstanceOf(DeadlockError);
    expect(textOf(error)).toContain("\n  alone waits for <Barrier [filling, waiters:1/2]> (in wait > ");
  });

  test("Barrier: the instrument's access() is told that wait(), reset() and abort() write, nWaiting and broken read, repr nothing", () => {
    program(function* (loop) {
      const barrier = new Barrier(2);
      const told: string[] = [];
      const instrument = {
        access: (object: object, kind: string) => void (object === barrier && told.push(kind)),
      };
      loop.addInstrument(instrument);
      void `${barrier}`;
      expect(told.splice(0)).toEqual([]);
      void barrier.nWaiting;
      expect(told.splice(0)).toEqual(["read"]);
      void barrier.broken;
      expect(told.splice(0)).toEqual(["read"]);
      const waiting = createTask(errorOf(barrier.wait()));
      yield;
      expect(told.splice(0)).toContain("write");
      yield* barrier.reset();
      expect(told.splice(0)).toContain("write");
      yield* barrier.abort();
      expect(told.splice(0)).toContain("write");
      yield* waiting;
      loop.removeInstrument(instrument);
    });
  });

  test("Barrier: the instrument's access() is told by its lock and its condition of what waits and wakes", () => {
    program(function* (loop) {
      const barrier = new Barrier(2);
      const kinds = new Set<string>();
      const instrument = { access: (_object: object, kind: string) => void kinds.add(kind) };
      loop.addInstrument(instrument);
      yield* gather([barrier.wait(), barrier.wait()]);
      loop.removeInstrument(instrument);
      expect(kinds).toEqual(new Set(["write", "read"]));
    });
  });

  test("Barrier belongs to the loop in which it was first waited at, and refuses to be waited at in another [S187]", () => {
    const barrier = new Barrier(2);
    program(() => barrier.reset()); // nobody waits: it belongs to none
    program(() => barrier.reset());
    program(function* () {
      yield* gather([barrier.wait(), barrier.wait()]);
    });
    program(function* () {
      const error = yield* errorOf(barrier.wait());
      expect(error).toBeInstanceOf(RuntimeError);
      expect(textOf(error)).toMatch(/ is bound to a different event loop: make one for each loop$/);
      expect(`${barrier}`).toBe("<Barrier [filling, waiters:0/2]>");
    });
  });

  test("Barrier of another loop: the error names the barrier [S187]", () => {
    const barrier = new Barrier(2);
    program(function* () {
      yield* gather([barrier.wait(), barrier.wait()]);
    });
    program(function* () {
      expect(textOf(yield* errorOf(barrier.wait()))).toMatch(/^RuntimeError: <Barrier \[/);
    });
  });

  test("Barrier: who waits at it shows in the description of the tasks", () => {
    program(function* (loop) {
      const barrier = new Barrier(2);
      const tasks = arrive(barrier, "a", []);
      yield;
      expect(loop.describeTasks()).toMatch(/^a waits for .* \(in wait > asyncWith > waitFor > wait\)$/m);
      expect(self().getName()).not.toBe("a");
      tasks[0]?.cancel();
    });
  });
});
