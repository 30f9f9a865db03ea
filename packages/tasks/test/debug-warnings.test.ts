import type { ExceptionContext } from "@aioloop/loop";
import { wrapFuture } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import { coroutine, createTask, HostEventLoop, run, sleep } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { collectGarbage, errorOf, logOf, program, self, textOf } from "./helpers.ts";

const debug = { debug: true };

const stubborn = coroutine(function* stubborn() {
  yield* errorOf(sleep(10));
  yield* sleep(1);
  yield* sleep(1);
});

function* cancelledAfterASecond(task: Task<unknown>) {
  yield* sleep(1);
  task.cancel();
  yield* sleep(5);
}

test("debug mode: a task that goes on waiting after its cancellation is reported, once [J8 S107]", () => {
  const log = logOf(() =>
    program(function* () {
      yield* cancelledAfterASecond(createTask(stubborn(), { name: "s" }));
    }, debug),
  );
  expect(log).toHaveLength(1);
  expect(log[0]).toMatch(
    /^<Task cancelling name='s' coro=stubborn.* was cancelled and goes on waiting, for /,
  );
  expect(log[0]).toContain("let the error pass: `catch (error) { if (isCancelled(error)) throw error; … }`");
});

test("debug mode: a task that ends normally although it was cancelled is reported [J8]", () => {
  const log = logOf(() =>
    program(function* () {
      yield* cancelledAfterASecond(createTask(errorOf(sleep(10)), { name: "s" }));
    }, debug),
  );
  expect(log).toHaveLength(1);
  expect(log[0]).toMatch(
    /^<Task cancelling name='s' .* was cancelled and ended normally\. Unless that is meant/,
  );
});

test("debug mode: a task that lets its cancellation pass, or takes it back, is not reported [J8]", () => {
  const log = logOf(() =>
    program(function* () {
      yield* cancelledAfterASecond(createTask(sleep(10)));
      const dealing = createTask(
        (function* () {
          yield* errorOf(sleep(10));
          self().uncancel();
          yield* sleep(1);
        })(),
      );
      yield* cancelledAfterASecond(dealing);
    }, debug),
  );
  expect(log).toEqual([]);
});

test("without debug mode swallowed cancellations are not reported", () => {
  const log = logOf(() =>
    program(function* () {
      yield* cancelledAfterASecond(createTask(stubborn()));
    }),
  );
  expect(log).toEqual([]);
});

test("debug mode: an exception that nobody retrieved is reported with where its task was made", () => {
  const reports: ExceptionContext[] = [];
  program(
    function* () {
      createTask(
        (function* () {
          throw new Error("unseen");
        })(),
        { name: "where" },
      );
      yield* sleep(1);
    },
    { ...debug, reports },
  );
  expect(reports[0]?.future).toBe("<Task name='where' coro=<generator>>");
  expect(reports[0]?.sourceTraceback?.split("\n", 1)[0]).toContain("debug-warnings.test.ts");
});

test("an exception that nobody retrieved is reported when its task is collected, in the middle of a program [J21]", async () => {
  const loop = new HostEventLoop();
  // A function of its own, so that no frame that is still there holds the task.
  const abandon = () => {
    createTask(
      (function* () {
        const error = new Error("unseen");
        throw error;
      })(),
      { name: "collected" },
    );
  };
  const reports: ExceptionContext[] = [];
  loop.setExceptionHandler((_loop, context) => void reports.push(context));
  let seen = 0;
  await run(
    (function* () {
      abandon();
      yield;
      yield;
      yield* wrapFuture(collectGarbage());
      seen = reports.length;
    })(),
    { loopFactory: () => loop },
  );
  expect([seen, reports.length]).toEqual([1, 1]);
  expect(reports[0]?.message).toBe("Task exception was never retrieved");
  expect(textOf(reports[0]?.exception)).toBe("Error: unseen");
});

test("debug mode: a step that takes long is reported with its task [S39]", () => {
  const log = logOf(() =>
    program(function* (loop) {
      loop.slowCallbackDuration = 0; // every step is too long
      self().setName("slow one");
      yield;
    }, debug),
  );
  expect(log[0]).toMatch(/^Executing .*name='slow one'.* took \d+\.\d{3} seconds$/);
});
