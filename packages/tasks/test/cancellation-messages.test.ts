// The message of a cancellation, from cancel(msg) to whoever is told.
import type { Coroutine, Yieldable } from "@aioloop/loop";
import { CancelledError } from "@aioloop/loop";
import { createTask, gather, sleep, wait } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { errorOf, program } from "./helpers.ts";

/** What is given to cancel(), and what arrives: a value of another type is passed on as it is. */
const messages: [given: string | null | undefined, arriving: string | null][] = [
  [undefined, null],
  [null, null],
  ["my message", "my message"],
  [5 as never, 5 as never],
];

/** The one that reached the end of a task, alone: nothing was made into its cause on the way. */
function* arrived(task: Yieldable<unknown>): Coroutine<string | null> {
  const error = yield* errorOf(task);
  expect(error).toBeInstanceOf(CancelledError);
  expect((error as CancelledError).cause).toBe(undefined);
  return (error as CancelledError).msg;
}

for (const ask of ["result", "exception"] as const) {
  test.each(messages)(
    `Task.cancel(%o): ${ask}() of the task throws it, through the task that asks [S59 S81]`,
    (given, arriving) => {
      program(function* () {
        const asking = createTask(
          (function* () {
            const task = createTask(sleep(10));
            yield* sleep(0);
            if (given === undefined) task.cancel();
            else task.cancel(given);
            yield* wait([task]);
            task[ask]();
          })(),
        );
        expect(yield* arrived(asking)).toBe(arriving);
        expect(asking.cancelled()).toBe(true);
      });
    },
  );
}

test("Task.cancel(msg) before the first step: exception() throws it, through the task that asks [S101 S102]", () => {
  program(function* () {
    const asking = createTask(
      (function* () {
        const task = createTask(sleep(10));
        task.cancel("my message");
        yield* wait([task]);
        task.exception();
      })(),
    );
    expect(yield* arrived(asking)).toBe("my message");
  });
});

test("Task.cancel(msg): the message is kept until it is delivered, and is then the one that is there [S102]", () => {
  program(function* () {
    const task = createTask(sleep(10));
    expect(task._cancelMessage).toBe(null);
    task.cancel("my message");
    expect(task._cancelMessage).toBe("my message");
    task._setCancelMessage("another");
    expect(task._cancelMessage).toBe("another");
    expect(yield* arrived(task)).toBe("another");
  });
});

test("Task.cancel(msg): an error that is made of the cancellation has it for its cause, with the message", () => {
  program(function* (loop) {
    const started = loop.createFuture<void>();
    const inner = createTask(
      (function* () {
        started.setResult();
        yield* sleep(10);
      })(),
    );
    yield* started;
    loop.callSoon(() => inner.cancel("msg"));
    const outer = createTask(
      (function* () {
        try {
          yield* inner;
        } catch (cause) {
          throw new Error("cancelled", { cause });
        }
      })(),
    );
    const error = (yield* errorOf(outer)) as Error;
    expect(error.message).toBe("cancelled");
    expect(error.cause).toBeInstanceOf(CancelledError);
    expect(error.cause).toMatchObject({ msg: "msg" });
    expect((error.cause as Error).cause).toBe(undefined);
  });
});

test.each(messages)(
  "Task.cancel(%o) of a task in gather(…, { returnExceptions: true }) is no result: it arrives with its message [S124]",
  (given, arriving) => {
    program(function* (loop) {
      const task = createTask(
        (function* () {
          while (loop.time() < 1) yield* gather([sleep(0.05)], { returnExceptions: true });
        })(),
      );
      yield* sleep(0.22);
      if (given === undefined) task.cancel();
      else task.cancel(given);
      expect(yield* arrived(task)).toBe(arriving);
      expect(loop.time()).toBe(0.22);
    });
  },
);
