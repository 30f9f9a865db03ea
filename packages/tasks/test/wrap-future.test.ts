import { CancelledError, DeadlockError, wrapFuture } from "@aioloop/loop";
import { createTask, gather, run, shield, waitFor } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { errorOf, program, textOf, thrownBy } from "./helpers.ts";

test("wrapFuture() gives a promise's value, or throws what it rejects with [J18]", async () => {
  await run(
    (function* () {
      expect(yield* wrapFuture(Promise.resolve("value"))).toBe("value");
      for (const reason of [new Error("reason"), undefined, "text"]) {
        expect(yield* errorOf(wrapFuture(Promise.reject(reason)))).toBe(reason);
      }
    })(),
  );
});

test("wrapFuture(): a promise comes in through the loop: never within a step, always as a turn of its own [J18]", async () => {
  const order: string[] = [];
  await run(
    (function* () {
      const task = createTask(
        (function* () {
          yield* wrapFuture(Promise.resolve());
          order.push("woken");
        })(),
      );
      order.push("before");
      yield* task;
    })(),
  );
  expect(order).toEqual(["before", "woken"]);
});

test("gather(), shield() and waitFor() take promises", async () => {
  await run(
    (function* () {
      expect(yield* gather([Promise.resolve(1), Promise.resolve("two")])).toEqual([1, "two"]);
      expect(yield* shield(Promise.resolve(3))).toBe(3);
      expect(yield* waitFor(Promise.resolve(4), 5)).toBe(4);
      expect(yield* waitFor(Promise.resolve(5), null)).toBe(5);
    })(),
  );
});

test("wrapFuture(): cancelling the future leaves the promise alone, whose end is ignored then", async () => {
  await run(
    (function* () {
      const promise = Promise.reject(new Error("ignored"));
      const future = wrapFuture(promise);
      future.cancel();
      expect(yield* errorOf(future)).toBeInstanceOf(CancelledError);
      yield* wrapFuture(Promise.resolve());
      expect(future.cancelled()).toBe(true);
    })(),
  );
});

test("wrapFuture() takes any thenable", () => {
  program(function* () {
    const thenable: PromiseLike<string> = {
      then: (resolve) => Promise.resolve(resolve?.("at once") as never),
    };
    expect(yield* wrapFuture(thenable)).toBe("at once");
  });
});

test("wrapFuture() refuses what has no then()", () => {
  program(function* () {
    expect(textOf(thrownBy(() => wrapFuture(5 as never)))).toBe(
      "TypeError: wrapFuture(promise): a promise or a future is required, got 5",
    );
  });
});

test("wrapFuture() in a synchronous loop: a promise cannot come true, and the deadlock says so", () => {
  const error = thrownBy(() =>
    program(function* main() {
      yield* wrapFuture(Promise.resolve());
    }),
  );
  expect(error).toBeInstanceOf(DeadlockError);
  expect(textOf(error)).toMatch(/1 task waits for ever\n {2}Task-\d+ waits for a native promise$/);
});

test("await of a task in an async function gives its result", async () => {
  const result = await run(
    (function* () {
      const task = createTask(
        (function* () {
          yield;
          return "result";
        })(),
      );
      return yield* wrapFuture((async () => `${await task}, awaited`)());
    })(),
  );
  expect(result).toBe("result, awaited");
});
