import { CancelledError } from "@aioloop/loop";
import { abortable, createTask, run, sleep } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { errorOf, program, textOf } from "./helpers.ts";

test("abortable() gives what its promise gives, and throws what it rejects with", async () => {
  await run(
    (function* () {
      expect(yield* abortable(async () => "value")).toBe("value");
      const error = new Error("rejected");
      expect(yield* errorOf(abortable(() => Promise.reject(error)))).toBe(error);
    })(),
  );
});

test("abortable() aborts its signal when the task is cancelled, and does not wait for the promise", async () => {
  await run(
    (function* () {
      const signals: AbortSignal[] = [];
      const task = createTask(
        abortable((signal) => {
          signals.push(signal);
          return new Promise<void>(() => {});
        }),
      );
      yield;
      yield;
      expect(signals[0]?.aborted).toBe(false);
      task.cancel("stop");
      const error = yield* errorOf(task);
      expect(error).toBeInstanceOf(CancelledError);
      expect(signals[0]?.aborted).toBe(true);
      expect(signals[0]?.reason).toBe(error);
    })(),
  );
});

test("abortable(): a promise that rejects because of the abort is no unhandled rejection", async () => {
  const unhandled: unknown[] = [];
  const listener = (reason: unknown) => void unhandled.push(reason);
  process.on("unhandledRejection", listener);
  await run(
    (function* () {
      const task = createTask(
        abortable(
          (signal) =>
            new Promise<void>((_resolve, reject) => {
              signal.addEventListener("abort", () => reject(signal.reason));
            }),
        ),
      );
      yield;
      yield;
      task.cancel();
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
    })(),
  );
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", listener);
  expect(unhandled).toEqual([]);
});

test("abortable() that has succeeded or failed by itself aborts nothing", async () => {
  await run(
    (function* () {
      const signals: AbortSignal[] = [];
      yield* abortable(async (signal) => void signals.push(signal));
      yield* errorOf(
        abortable(async (signal) => {
          signals.push(signal);
          throw new Error("by itself");
        }),
      );
      expect(signals.map((signal) => signal.aborted)).toEqual([false, false]);
    })(),
  );
});

test("abortable() starts nothing before it is awaited", () => {
  program(function* () {
    let hasStarted = false;
    const task = createTask(
      abortable(async () => {
        hasStarted = true;
      }),
    );
    task.cancel();
    yield* sleep(1);
    expect(hasStarted).toBe(false);
  });
});

test("abortable() refuses what is no function, or returns no promise", () => {
  program(function* () {
    expect(textOf(yield* errorOf(abortable(Promise.resolve() as never)))).toMatch(
      /^TypeError: abortable\(\(signal\) => promise\): a function is required, got /,
    );
    expect(textOf(yield* errorOf(abortable((() => 5) as never)))).toBe(
      "TypeError: abortable((signal) => promise): the function must return a promise, it returned 5",
    );
  });
});
