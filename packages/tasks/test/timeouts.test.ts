import { CancelledError, TimeoutError } from "@aioloop/loop";
import { asyncWith, createTask, sleep, Timeout, timeout, timeoutAt, VirtualEventLoop } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { errorOf, program, self, textOf, thrownBy } from "./helpers.ts";

describe("timeout()", () => {
  test("timeout() throws a TimeoutError when the block takes longer, and the block is cancelled", () => {
    program(function* (loop) {
      const limit = timeout(1);
      let isCancelled = false;
      const error = yield* errorOf(
        asyncWith(limit, function* () {
          isCancelled = (yield* errorOf(sleep(10))) instanceof CancelledError;
          throw new CancelledError();
        }),
      );
      expect(isCancelled).toBe(true);
      expect(error).toBeInstanceOf(TimeoutError);
      expect((error as TimeoutError).cause).toBeInstanceOf(CancelledError);
      expect([loop.time(), limit.expired()]).toEqual([1, true]);
    });
  });

  test("timeout() leaves the task uncancelled [S156]", () => {
    program(function* () {
      yield* errorOf(asyncWith(timeout(1), () => sleep(10)));
      expect(self().cancelling()).toBe(0);
      yield* sleep(1);
    });
  });

  test("timeout() of a block that is in time: its result, and no timer is left", () => {
    program(function* (loop) {
      const limit = timeout(50);
      expect(yield* asyncWith(limit, () => sleep(1, "in time"))).toBe("in time");
      expect(limit.expired()).toBe(false);
      yield* sleep(1);
      expect(loop.time()).toBe(2);
    });
  });

  test("timeout() gives the block its Timeout", () => {
    program(function* () {
      const limit = timeout(5);
      yield* asyncWith(limit, function* (given) {
        expect(given).toBe(limit);
        expect(given.when()).toBe(5);
      });
    });
  });

  test.each([null, Number.POSITIVE_INFINITY])("timeout(%o) never expires", (delay) => {
    program(function* () {
      const limit = timeout(delay);
      yield* asyncWith(limit, () => sleep(1e6));
      expect([limit.when(), limit.expired()]).toEqual([delay, false]);
    });
  });

  test("timeout() counts from its call, not from the entry [S160]", () => {
    program(function* (loop) {
      const limit = timeout(5);
      yield* sleep(4);
      expect(yield* errorOf(asyncWith(limit, () => sleep(10)))).toBeInstanceOf(TimeoutError);
      expect(loop.time()).toBe(5);
    });
  });

  test.each([0, -1])(
    "timeout(%d) does not end a block that does not wait, and one that gives way it does [S160]",
    (delay) => {
      program(function* () {
        const quick = timeout(delay);
        yield* asyncWith(quick, function* () {});
        expect(quick.expired()).toBe(false);
        expect(yield* errorOf(asyncWith(timeout(delay), () => sleep(0)))).toBeInstanceOf(TimeoutError);
        expect(yield* errorOf(asyncWith(timeout(delay), () => sleep(10)))).toBeInstanceOf(TimeoutError);
      });
    },
  );

  test("timeoutAt() takes a time on the loop's clock; one that has passed expires in the next turn", () => {
    program(function* (loop) {
      yield* sleep(10);
      const later = timeoutAt(12);
      expect(yield* errorOf(asyncWith(later, () => sleep(10)))).toBeInstanceOf(TimeoutError);
      expect([loop.time(), later.when()]).toEqual([12, 12]);
      expect(yield* errorOf(asyncWith(timeoutAt(5), () => sleep(10)))).toBeInstanceOf(TimeoutError);
      expect(loop.time()).toBe(12);
      yield* asyncWith(timeoutAt(null), () => sleep(1));
    });
  });

  test("timeout(): its cancellation has no message [S155]", () => {
    program(function* () {
      const messages: unknown[] = [];
      yield* asyncWith(timeout(1), function* () {
        messages.push(((yield* errorOf(sleep(10))) as CancelledError).msg);
      });
      expect(messages).toEqual([null]);
    });
  });

  test("timeout() refuses NaN and what is no number; outside a turn there is no clock", () => {
    program(function* () {
      expect(textOf(thrownBy(() => timeout(Number.NaN)))).toBe(
        "RangeError: timeout(delay): delay must be a number of seconds or null, got NaN",
      );
      expect(textOf(thrownBy(() => timeout("5" as never)))).toBe(
        `TypeError: timeout(delay): delay must be a number of seconds or null, got "5"`,
      );
      expect(textOf(thrownBy(() => timeoutAt({} as never)))).toMatch(
        /^TypeError: new Timeout\(when\): when must be/,
      );
    });
    expect(textOf(thrownBy(() => timeout(5)))).toMatch(/^RuntimeError: no running event loop/);
  });
});

describe("Timeout and what its block does", () => {
  test("Timeout that expired, but whose block ends normally: no TimeoutError, and the request is taken back [S157]", () => {
    program(function* () {
      const swallowed = timeout(1);
      yield* asyncWith(swallowed, function* () {
        yield* errorOf(sleep(10));
      });
      expect([swallowed.expired(), self().cancelling()]).toEqual([true, 0]);
      yield* sleep(1);
    });
  });

  test("Timeout: an error of the block passes, before or after it expired [S158]", () => {
    program(function* () {
      const before = timeout(5);
      const early = asyncWith(before, function* () {
        throw new Error("its own");
      });
      expect(textOf(yield* errorOf(early))).toBe("Error: its own");
      expect(before.expired()).toBe(false);
      const after = timeout(1);
      const late = asyncWith(after, function* () {
        yield* errorOf(sleep(10));
        throw new Error("while it was cancelled");
      });
      expect(textOf(yield* errorOf(late))).toBe("Error: while it was cancelled");
      expect([after.expired(), self().cancelling()]).toEqual([true, 0]);
    });
  });

  test("Timeout: in the causes of such an error the TimeoutError stands before the cancellation [S158 J13]", () => {
    program(function* () {
      function* failing() {
        try {
          yield* sleep(10);
        } catch (error) {
          throw new Error("outer", { cause: new Error("inner", { cause: error }) });
        }
      }
      let error = yield* errorOf(asyncWith(timeout(1), failing));
      const names: string[] = [];
      for (; error instanceof Error; error = error.cause) names.push(error.message || error.name);
      expect(names).toEqual(["outer", "inner", "TimeoutError", "CancelledError"]);
    });
  });

  test("Timeout: the same one level into an AggregateError [S158]", () => {
    program(function* () {
      function* failing() {
        try {
          yield* sleep(10);
        } catch (error) {
          throw new AggregateError(
            [new Error("one", { cause: error }), new Error("two"), undefined],
            "several",
          );
        }
      }
      const error = (yield* errorOf(asyncWith(timeout(1), failing))) as AggregateError;
      expect((error.errors[0] as Error).cause).toBeInstanceOf(TimeoutError);
      expect((error.errors[1] as Error).cause).toBe(undefined);
    });
  });

  test("Timeout: causes in a circle are no trap [S158]", () => {
    program(function* () {
      function* failing() {
        yield* errorOf(sleep(10));
        const [first, second] = [new Error("first"), new Error("second")];
        first.cause = second;
        second.cause = first;
        throw first;
      }
      expect(yield* errorOf(asyncWith(timeout(1), failing))).toHaveProperty("message", "first");
    });
  });

  test("Timeout: a cancellation from outside stays one, before it expires [S156]", () => {
    program(function* () {
      const limit = { value: null as Timeout | null };
      const task = createTask(
        (function* () {
          limit.value = timeout(5);
          yield* asyncWith(limit.value, () => sleep(10));
        })(),
      );
      yield* sleep(1);
      task.cancel();
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
      expect(limit.value?.expired()).toBe(false);
      expect(task.cancelling()).toBe(1);
    });
  });

  test("Timeout: a cancellation from outside stays one, in the turn in which it expires, in either order [S156]", () => {
    program(function* (loop) {
      for (const delay of [1, 1 - 1e-12]) {
        const start = loop.time();
        const task = createTask(
          (function* () {
            yield* asyncWith(timeoutAt(start + 1), () => sleep(10));
          })(),
        );
        yield;
        loop.callAt(start + delay, () => task.cancel());
        expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
        expect(task.cancelling()).toBe(1);
      }
    });
  });

  test("Timeout in a task that swallowed a cancellation before still tells its own [S107]", () => {
    program(function* () {
      const task = createTask(
        (function* () {
          yield* errorOf(sleep(10));
          return yield* errorOf(asyncWith(timeout(1), () => sleep(10)));
        })(),
      );
      yield* sleep(1);
      task.cancel();
      expect(yield* task).toBeInstanceOf(TimeoutError);
      expect(task.cancelling()).toBe(1);
    });
  });

  test("Timeout in the clean-up of a cancelled task [S107 S108]", () => {
    program(function* (loop) {
      const ends: unknown[] = [];
      const task = createTask(
        (function* () {
          try {
            yield* sleep(10);
          } finally {
            ends.push(yield* errorOf(asyncWith(timeout(1), () => sleep(10))));
          }
        })(),
      );
      yield* sleep(1);
      task.cancel();
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
      expect(ends[0]).toBeInstanceOf(TimeoutError);
      expect(loop.time()).toBe(2);
    });
  });

  test("timeout(0) entered with a cancellation requested turns it into its own, as in CPython [S161]", () => {
    program(function* () {
      const task = createTask(
        (function* () {
          self().cancel();
          return yield* errorOf(asyncWith(timeout(0), () => sleep(10)));
        })(),
      );
      const error = yield* task;
      // CPython's open bug gh-134471: with a deadline that has passed the request counts as the timeout's.
      expect(error).toBeInstanceOf(TimeoutError);
    });
  });
});

describe("Timeouts in one another", () => {
  test("the inner one first: the outer one does not notice [S159]", () => {
    program(function* (loop) {
      const [outer, inner] = [timeout(5), timeout(1)];
      yield* asyncWith(outer, function* () {
        expect(yield* errorOf(asyncWith(inner, () => sleep(10)))).toBeInstanceOf(TimeoutError);
        yield* sleep(1);
      });
      expect([outer.expired(), inner.expired(), loop.time()]).toEqual([false, true, 2]);
    });
  });

  test("the outer one first: the inner block is cancelled, and the outer one tells [S159]", () => {
    program(function* () {
      const [outer, inner] = [timeout(1), timeout(5)];
      let innerError: unknown;
      const error = yield* errorOf(
        asyncWith(outer, function* () {
          innerError = yield* errorOf(asyncWith(inner, () => sleep(10)));
          throw innerError;
        }),
      );
      expect(innerError).toBeInstanceOf(CancelledError);
      expect(error).toBeInstanceOf(TimeoutError);
      expect([outer.expired(), inner.expired()]).toEqual([true, false]);
    });
  });

  test("both in one turn: the outermost throws the TimeoutError, both say expired [S159]", () => {
    program(function* () {
      const [outer, inner] = [timeout(1), timeout(1)];
      let innerError: unknown;
      const error = yield* errorOf(
        asyncWith(outer, function* () {
          innerError = yield* errorOf(asyncWith(inner, () => sleep(10)));
          throw innerError;
        }),
      );
      expect(innerError).toBeInstanceOf(CancelledError);
      expect(error).toBeInstanceOf(TimeoutError);
      expect([outer.expired(), inner.expired(), self().cancelling()]).toEqual([true, true, 0]);
    });
  });

  test("in the finally of another", () => {
    program(function* (loop) {
      const error = yield* errorOf(
        asyncWith(timeout(1), function* () {
          try {
            yield* sleep(10);
          } finally {
            yield* errorOf(asyncWith(timeout(1), () => sleep(10)));
          }
        }),
      );
      expect(error).toBeInstanceOf(TimeoutError);
      expect(loop.time()).toBe(2);
    });
  });
});

describe("Timeout.reschedule()", () => {
  test("Timeout.reschedule() moves the deadline, either way, or takes it away [S154]", () => {
    program(function* (loop) {
      const later = timeout(1);
      yield* asyncWith(later, function* () {
        later.reschedule(10);
        yield* sleep(5);
        later.reschedule(null);
        yield* sleep(50);
        expect(later.when()).toBe(null);
      });
      const start = loop.time();
      const sooner = timeout(100);
      const error = yield* errorOf(
        asyncWith(sooner, function* () {
          sooner.reschedule(start + 2);
          yield* sleep(50);
        }),
      );
      expect(error).toBeInstanceOf(TimeoutError);
      expect(loop.time()).toBe(start + 2);
    });
  });

  test("Timeout.reschedule() to the past expires in the next turn, not at once [S154]", () => {
    program(function* (loop) {
      yield* sleep(10);
      const limit = timeout(100);
      const error = yield* errorOf(
        asyncWith(limit, function* () {
          limit.reschedule(5);
          expect(limit.expired()).toBe(false);
          yield* sleep(50);
        }),
      );
      expect(error).toBeInstanceOf(TimeoutError);
      expect(loop.time()).toBe(10);
    });
  });

  test("Timeout.reschedule() outside the block is refused, and says in which state it is [S154]", () => {
    program(function* () {
      const created = timeout(1);
      expect(textOf(thrownBy(() => created.reschedule(2)))).toBe(
        "RuntimeError: reschedule() of <Timeout [created]>: it has not been entered",
      );
      yield* asyncWith(created, function* () {});
      expect(textOf(thrownBy(() => created.reschedule(2)))).toBe(
        "RuntimeError: reschedule() of <Timeout [finished]>: the deadline of a finished timeout cannot change",
      );
      const expiring = timeout(1);
      yield* asyncWith(expiring, function* () {
        yield* errorOf(sleep(10));
        expect(textOf(thrownBy(() => expiring.reschedule(2)))).toMatch(
          /\[expiring\]>: the deadline of an expiring/,
        );
      });
      expect(textOf(thrownBy(() => expiring.reschedule(2)))).toMatch(
        /\[expired\]>: the deadline of an expired/,
      );
    });
  });
});

describe("Timeout itself", () => {
  test("Timeout can be entered once [S153]", () => {
    program(function* () {
      const limit = timeout(5);
      yield* asyncWith(limit, function* () {
        expect(textOf(yield* errorOf(asyncWith(limit, () => sleep(0))))).toBe(
          "RuntimeError: <Timeout [active] when=5> has already been entered: make one for each block",
        );
      });
      expect(textOf(yield* errorOf(asyncWith(limit, () => sleep(0))))).toMatch(
        /^RuntimeError: <Timeout \[finished\]>/,
      );
    });
  });

  test("Timeout outside a task is refused [S153]", () => {
    const loop = new VirtualEventLoop();
    const errors: unknown[] = [];
    loop.callSoon(() => errors.push(thrownBy(() => timeout(1).aenter().next())));
    loop.runUntilComplete(sleep(0));
    expect(errors.map(textOf)).toEqual(["RuntimeError: a timeout must be used inside a task"]);
    loop.close();
  });

  test("Timeout shows its state, and its time while it is active [S162]", () => {
    program(function* () {
      const limit = new Timeout(1.23456);
      expect(String(limit)).toBe("<Timeout [created]>");
      yield* errorOf(
        asyncWith(limit, function* () {
          expect(String(limit)).toBe("<Timeout [active] when=1.235>");
          const error = yield* errorOf(sleep(10));
          expect(String(limit)).toBe("<Timeout [expiring]>");
          throw error;
        }),
      );
      expect(String(limit)).toBe("<Timeout [expired]>");
      const without = timeout(null);
      yield* asyncWith(without, function* () {
        expect(String(without)).toBe("<Timeout [active] when=null>");
      });
      expect(String(without)).toBe("<Timeout [finished]>");
    });
  });
});
