import type { Coroutine } from "@aioloop/loop";
import { CancelledError, TimeoutError } from "@aioloop/loop";
import type { MoveOn, VirtualEventLoop } from "@aioloop/tasks";
import { asyncWith, createTask, moveOnAfter, moveOnAt, sleep, Timeout, timeout } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { endOf, errorOf, program, self, textOf, thrownBy } from "./helpers.ts";

/** Runs a block in it, and says what it gave, when it was over, whether it expired, and what is left of the cancellation. */
function* passed(
  scope: MoveOn,
  loop: VirtualEventLoop,
  block: () => Coroutine<unknown>,
): Coroutine<unknown[]> {
  const result = yield* asyncWith(scope, block);
  return [result, loop.time(), scope.expired(), self().cancelling()];
}

describe("moveOnAfter()", () => {
  test("moveOnAfter(): a block that takes longer is cancelled and ends without an error", () => {
    program(function* (loop) {
      const errors: unknown[] = [];
      const block = function* (): Coroutine<string> {
        errors.push(yield* errorOf(sleep(10)));
        throw errors[0];
      };
      expect(yield* passed(moveOnAfter(1), loop, block)).toEqual([undefined, 1, true, 0]);
      expect(errors.map(textOf)).toEqual(["CancelledError: "]);
      yield* sleep(1); // the task goes on as if nothing had been
      expect(loop.time()).toBe(2);
    });
  });

  test("moveOnAfter(): a block that is in time gives its result, and no timer is left", () => {
    program(function* (loop) {
      expect(yield* passed(moveOnAfter(50), loop, () => sleep(1, "in time"))).toEqual([
        "in time",
        1,
        false,
        0,
      ]);
      yield* sleep(1);
      expect(loop.time()).toBe(2);
    });
  });

  test("moveOnAfter() gives its block the scope, which is a Timeout", () => {
    program(function* () {
      const scope = moveOnAfter(5);
      expect(scope).toBeInstanceOf(Timeout);
      yield* asyncWith(scope, function* (given) {
        expect(given).toBe(scope);
        expect([given.when(), given.expired()]).toEqual([5, false]);
      });
    });
  });

  test("moveOnAfter() counts from its call, not from the entry", () => {
    program(function* (loop) {
      const scope = moveOnAfter(5);
      yield* sleep(4);
      expect(yield* passed(scope, loop, () => sleep(10))).toEqual([undefined, 5, true, 0]);
    });
  });

  test.each([null, Number.POSITIVE_INFINITY])("moveOnAfter(%o) never expires", (delay) => {
    program(function* (loop) {
      const scope = moveOnAfter(delay);
      expect(yield* passed(scope, loop, () => sleep(1e6, "in time"))).toEqual(["in time", 1e6, false, 0]);
      expect(scope.when()).toBe(delay);
    });
  });

  test.each([0, -1])(
    "moveOnAfter(%d) ends a block where it first gives way, and not one that does not",
    (delay) => {
      program(function* (loop) {
        const log: string[] = [];
        expect(
          yield* passed(moveOnAfter(delay), loop, function* () {
            log.push("first");
            yield* sleep(0);
            log.push("not this far");
          }),
        ).toEqual([undefined, 0, true, 0]);
        expect(yield* passed(moveOnAfter(delay), loop, () => sleep(10))).toEqual([undefined, 0, true, 0]);
        expect(
          yield* passed(moveOnAfter(delay), loop, function* () {
            return "did not wait";
          }),
        ).toEqual(["did not wait", 0, false, 0]);
        expect(log).toEqual(["first"]);
        yield* sleep(1);
        expect(self().cancelling()).toBe(0);
      });
    },
  );

  test("moveOnAfter(): clean-up may take its time", () => {
    program(function* (loop) {
      const log: string[] = [];
      const block = function* (): Coroutine<void> {
        try {
          yield* sleep(10);
        } finally {
          yield* sleep(5);
          log.push(`cleaned up at ${loop.time()}`);
        }
      };
      expect(yield* passed(moveOnAfter(1), loop, block)).toEqual([undefined, 6, true, 0]);
      expect(log).toEqual(["cleaned up at 6"]);
    });
  });

  test("moveOnAfter(): a block that swallows the cancellation gives its result; it has expired all the same", () => {
    program(function* (loop) {
      const block = function* (): Coroutine<string> {
        yield* errorOf(sleep(10));
        yield* sleep(2);
        return "in spite of it";
      };
      expect(yield* passed(moveOnAfter(1), loop, block)).toEqual(["in spite of it", 3, true, 0]);
      yield* sleep(1);
    });
  });
});

describe("moveOnAt()", () => {
  test("moveOnAt() takes a time on the loop's clock; one that has passed expires in the next turn", () => {
    program(function* (loop) {
      yield* sleep(10);
      const later = moveOnAt(12);
      expect(later.when()).toBe(12);
      expect(yield* passed(later, loop, () => sleep(10))).toEqual([undefined, 12, true, 0]);
      expect(yield* passed(moveOnAt(5), loop, () => sleep(10))).toEqual([undefined, 12, true, 0]);
      expect(yield* passed(moveOnAt(null), loop, () => sleep(1, "in time"))).toEqual([
        "in time",
        13,
        false,
        0,
      ]);
      expect(yield* passed(moveOnAt(14), loop, () => sleep(0.5, "in time"))).toEqual([
        "in time",
        13.5,
        false,
        0,
      ]);
    });
  });

  test("moveOnAt() needs no loop, moveOnAfter() asks for its clock", () => {
    expect(moveOnAt(5).when()).toBe(5);
    expect(moveOnAfter(null).when()).toBe(null);
    expect(textOf(thrownBy(() => moveOnAfter(5)))).toMatch(/^RuntimeError: no running event loop/);
  });

  test("moveOnAfter() and moveOnAt() refuse NaN and what is no number", () => {
    program(function* () {
      expect(textOf(thrownBy(() => moveOnAfter(Number.NaN)))).toBe(
        "RangeError: moveOnAfter(delay): delay must be a number of seconds or null, got NaN",
      );
      expect(textOf(thrownBy(() => moveOnAfter("5" as never)))).toBe(
        `TypeError: moveOnAfter(delay): delay must be a number of seconds or null, got "5"`,
      );
      expect(textOf(thrownBy(() => moveOnAfter(undefined as never)))).toBe(
        "TypeError: moveOnAfter(delay): delay must be a number of seconds or null, got undefined",
      );
      expect(textOf(thrownBy(() => moveOnAt(Number.NaN)))).toMatch(
        /^RangeError: .*when must be a number of seconds or null, got NaN$/,
      );
      expect(textOf(thrownBy(() => moveOnAt(5n as never)))).toMatch(
        /^TypeError: .*when must be a number of seconds or null, got 5$/,
      );
    });
  });
});

describe("MoveOn and errors", () => {
  test("MoveOn: an error of the block passes, before or after it expired", () => {
    program(function* () {
      const before = moveOnAfter(5);
      const early = asyncWith(before, function* () {
        throw new Error("its own");
      });
      expect(textOf(yield* errorOf(early))).toBe("Error: its own");
      expect(before.expired()).toBe(false);
      const after = moveOnAfter(1);
      const late = asyncWith(after, function* () {
        yield* errorOf(sleep(10));
        throw new Error("while it was cancelled");
      });
      expect(textOf(yield* errorOf(late))).toBe("Error: while it was cancelled");
      expect([after.expired(), self().cancelling()]).toEqual([true, 0]);
    });
  });

  test("MoveOn: a TimeoutError of the block's own passes, before or after it expired", () => {
    program(function* () {
      const [early, late] = [new TimeoutError("early"), new TimeoutError("late")];
      const before = moveOnAfter(5);
      const first = asyncWith(before, function* () {
        throw early;
      });
      expect(yield* errorOf(first)).toBe(early);
      const after = moveOnAfter(1);
      const second = asyncWith(after, function* () {
        yield* errorOf(sleep(10));
        throw late;
      });
      expect(yield* errorOf(second)).toBe(late);
      expect([before.expired(), after.expired()]).toEqual([false, true]);
    });
  });

  test("MoveOn: any value that the block throws passes, undefined and null too", () => {
    program(function* () {
      for (const value of [undefined, null, false, "text"]) {
        const block = function* (): Coroutine<void> {
          throw value;
        };
        expect(yield* errorOf(asyncWith(moveOnAfter(5), block))).toBe(value);
      }
    });
  });

  test("MoveOn: a CancelledError that the block throws without having been cancelled passes", () => {
    program(function* () {
      const error = new CancelledError("its own");
      const scope = moveOnAfter(5);
      const block = function* (): Coroutine<void> {
        throw error;
      };
      expect(yield* errorOf(asyncWith(scope, block))).toBe(error);
      expect(scope.expired()).toBe(false);
    });
  });

  test("MoveOn: in the causes of an error thrown while it cleaned up stands the TimeoutError, as with Timeout", () => {
    program(function* () {
      const block = function* (): Coroutine<void> {
        const cause = yield* errorOf(sleep(10));
        throw new Error("while it was cancelled", { cause });
      };
      const error = (yield* errorOf(asyncWith(moveOnAfter(1), block))) as Error;
      expect(error.cause).toBeInstanceOf(TimeoutError);
      expect((error.cause as Error).cause).toBeInstanceOf(CancelledError);
    });
  });
});

describe("MoveOn and cancellation from elsewhere", () => {
  test("MoveOn: a task that is cancelled before its time is cancelled", () => {
    program(function* (loop) {
      const scope = moveOnAfter(5);
      const task = createTask(asyncWith(scope, () => sleep(10)));
      loop.callLater(2, () => task.cancel("from outside"));
      expect(textOf(yield* errorOf(task))).toBe("CancelledError: from outside");
      expect([endOf(task), scope.expired(), loop.time(), String(scope)]).toEqual([
        "cancelled",
        false,
        2,
        "<MoveOn [finished]>",
      ]);
    });
  });

  test.each(["before", "after"])(
    "MoveOn: a task that is cancelled in the turn in which it expires, %s that, is cancelled",
    (order) => {
      program(function* (loop) {
        const scope = moveOnAt(5);
        const cancel = () => void task.cancel("from outside");
        if (order === "before") loop.callAt(5, cancel);
        const task = createTask(
          (function* () {
            yield* asyncWith(scope, () => sleep(10));
            return "went on";
          })(),
        );
        yield;
        if (order === "after") loop.callAt(5, cancel);
        yield* errorOf(task);
        expect([endOf(task), scope.expired(), task.cancelling(), loop.time()]).toEqual([
          "cancelled",
          true,
          1,
          5,
        ]);
      });
    },
  );

  test("MoveOn: a task that is cancelled while its block cleans up is cancelled", () => {
    program(function* (loop) {
      const scope = moveOnAfter(1);
      const task = createTask(
        asyncWith(scope, function* () {
          try {
            yield* sleep(10);
          } finally {
            yield* sleep(10);
          }
        }),
      );
      loop.callLater(3, () => task.cancel());
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
      expect([endOf(task), scope.expired(), loop.time()]).toEqual(["cancelled", true, 3]);
    });
  });

  test("MoveOn in the clean-up of a task that was cancelled: it expires as usual, and the task ends cancelled", () => {
    program(function* (loop) {
      const seen: unknown[] = [];
      const task = createTask(
        (function* () {
          try {
            yield* sleep(10);
          } finally {
            seen.push(yield* passed(moveOnAfter(2), loop, () => sleep(10)));
          }
        })(),
      );
      yield* sleep(1);
      task.cancel();
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
      expect(seen).toEqual([[undefined, 3, true, 1]]);
    });
  });
});

describe("MoveOn in one another", () => {
  test("MoveOn: the inner one expires first: the outer block goes on", () => {
    program(function* (loop) {
      const [outer, inner] = [moveOnAfter(5), moveOnAfter(1)];
      const result = yield* passed(outer, loop, function* () {
        yield* asyncWith(inner, () => sleep(10));
        return `${yield* sleep(2, "went on")} at ${loop.time()}`;
      });
      expect(result).toEqual(["went on at 3", 3, false, 0]);
      expect(inner.expired()).toBe(true);
    });
  });

  test("MoveOn: the outer one expires first: both blocks end, and only the outer says so", () => {
    program(function* (loop) {
      const [outer, inner] = [moveOnAfter(1), moveOnAfter(5)];
      const log: string[] = [];
      const result = yield* passed(outer, loop, function* () {
        yield* asyncWith(inner, () => sleep(10));
        log.push("not this far");
      });
      expect(result).toEqual([undefined, 1, true, 0]);
      expect([inner.expired(), log]).toEqual([false, []]);
    });
  });

  test.each(["outer", "inner"])(
    "MoveOn: both expire in one turn, the %s first: both blocks end, both say so",
    (first) => {
      program(function* (loop) {
        const [outer, inner] = [moveOnAt(1), moveOnAt(1)];
        const log: string[] = [];
        const result = yield* passed(outer, loop, function* () {
          yield* asyncWith(inner, function* () {
            if (first === "inner") outer.reschedule(1); // a timer made later, for the same time
            yield* sleep(10);
          });
          log.push("not this far");
        });
        expect(result).toEqual([undefined, 1, true, 0]);
        expect([inner.expired(), log]).toEqual([true, []]);
        yield* sleep(1);
      });
    },
  );

  test("MoveOn within timeout(), and the other way round: each deals with its own", () => {
    program(function* (loop) {
      const [limit, scope] = [timeout(5), moveOnAfter(1)];
      yield* asyncWith(limit, function* () {
        yield* asyncWith(scope, () => sleep(10));
        yield* sleep(1);
      });
      expect([scope.expired(), limit.expired(), loop.time()]).toEqual([true, false, 2]);
      const [outer, inner] = [moveOnAfter(5), timeout(1)];
      const block = function* (): Coroutine<void> {
        yield* asyncWith(inner, () => sleep(10));
      };
      expect(yield* errorOf(asyncWith(outer, block))).toBeInstanceOf(TimeoutError); // the inner one's, which is not its own
      expect([outer.expired(), inner.expired(), loop.time()]).toEqual([false, true, 3]);
      const [late, tooLate] = [moveOnAfter(1), timeout(5)];
      yield* asyncWith(late, function* () {
        yield* asyncWith(tooLate, () => sleep(10));
      });
      expect([late.expired(), tooLate.expired(), loop.time()]).toEqual([true, false, 4]);
    });
  });

  test("MoveOn, one after the other, each with its own time", () => {
    program(function* (loop) {
      const results: unknown[] = [];
      for (const delay of [1, 2, 3])
        results.push(yield* passed(moveOnAfter(delay), loop, () => sleep(2, "in time")));
      expect(results).toEqual([
        [undefined, 1, true, 0],
        // both fall due in one turn, the scope's timer was made first
        [undefined, 3, true, 0],
        ["in time", 5, false, 0],
      ]);
    });
  });
});

describe("MoveOn: its deadline and its text", () => {
  test("MoveOn.reschedule() moves the deadline, to later, to earlier, to never", () => {
    program(function* (loop) {
      const later = moveOnAfter(1);
      expect(
        yield* passed(later, loop, function* () {
          later.reschedule(5);
          yield* sleep(10);
        }),
      ).toEqual([undefined, 5, true, 0]);
      expect(later.when()).toBe(5);
      const earlier = moveOnAfter(10);
      const error = passed(earlier, loop, function* () {
        earlier.reschedule(loop.time() + 1);
        yield* sleep(20);
      });
      expect(yield* error).toEqual([undefined, 6, true, 0]);
      const never = moveOnAfter(1);
      expect(
        yield* passed(never, loop, function* () {
          never.reschedule(null);
          return yield* sleep(10, "in time");
        }),
      ).toEqual(["in time", 16, false, 0]);
    });
  });

  test("MoveOn.reschedule() is refused before the entry, after it expired and after the end", () => {
    program(function* () {
      const scope = moveOnAfter(1);
      const errors = [thrownBy(() => scope.reschedule(5))];
      yield* asyncWith(scope, function* () {
        yield* errorOf(sleep(10));
        errors.push(thrownBy(() => scope.reschedule(5)));
      });
      errors.push(thrownBy(() => scope.reschedule(5)));
      expect(errors.map(textOf)).toEqual([
        "RuntimeError: reschedule() of <MoveOn [created]>: it has not been entered",
        "RuntimeError: reschedule() of <MoveOn [expiring]>: the deadline of an expiring timeout cannot change",
        "RuntimeError: reschedule() of <MoveOn [expired]>: the deadline of an expired timeout cannot change",
      ]);
    });
  });

  test("MoveOn.reschedule() refuses NaN and what is no number, and keeps its deadline", () => {
    program(function* () {
      const scope = moveOnAfter(1);
      yield* asyncWith(scope, function* () {
        expect(textOf(thrownBy(() => scope.reschedule(Number.NaN)))).toBe(
          "RangeError: reschedule(when): when must be a number of seconds or null, got NaN",
        );
        expect(textOf(thrownBy(() => scope.reschedule("5" as never)))).toBe(
          `TypeError: reschedule(when): when must be a number of seconds or null, got "5"`,
        );
        yield* sleep(10);
      });
      expect([scope.when(), scope.expired()]).toEqual([1, true]);
    });
  });

  test("MoveOn may be entered once, and in a task", () => {
    program(function* (loop) {
      const scope = moveOnAfter(5);
      yield* asyncWith(scope, function* () {});
      expect(textOf(yield* errorOf(asyncWith(scope, function* () {})))).toBe(
        "RuntimeError: <MoveOn [finished]> has already been entered: make one for each block",
      );
      const errors: unknown[] = [];
      loop.callSoon(() => errors.push(thrownBy(() => moveOnAfter(5).aenter().next())));
      yield* sleep(1);
      expect(errors.map(textOf)).toEqual(["RuntimeError: a timeout must be used inside a task"]);
    });
  });

  test("MoveOn.toString() shows its state, and its deadline while it runs", () => {
    program(function* () {
      const scope = moveOnAt(1.23456);
      const texts = [String(scope)];
      yield* asyncWith(scope, function* () {
        texts.push(String(scope));
        yield* errorOf(sleep(10));
        texts.push(String(scope));
      });
      texts.push(String(scope));
      const quick = moveOnAt(null);
      yield* asyncWith(quick, function* () {
        texts.push(String(quick));
      });
      texts.push(String(quick));
      expect(texts).toEqual([
        "<MoveOn [created]>",
        "<MoveOn [active] when=1.235>",
        "<MoveOn [expiring]>",
        "<MoveOn [expired]>",
        "<MoveOn [active] when=null>",
        "<MoveOn [finished]>",
      ]);
    });
  });
});
