import { coroutine, createTask, gather, sleep, waitFor } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { collectGarbage, errorOf, logOfLater, program } from "./helpers.ts";

const forgotten = coroutine(function* forgotten() {
  yield* sleep(1);
});

/** What is logged about a program that is run, ends, and is collected. */
function logOfProgram(main: Parameters<typeof program>[0], debug = true): Promise<string[]> {
  return logOfLater(async () => {
    program(main, { debug });
    await collectGarbage();
  });
}

test("a coroutine that is never awaited is reported in debug mode, with where it was made [J10 J21]", async () => {
  const log = await logOfProgram(function* () {
    forgotten();
    yield* sleep(1);
  });
  expect(log).toHaveLength(1);
  expect(log[0]).toMatch(
    /^coroutine forgotten was never awaited: write `yield\* forgotten\(…\)` or createTask\(forgotten\(…\)\)\nCoroutine created at/,
  );
  expect(log[0]).toContain("never-awaited.test.ts");
});

test("sleep() and waitFor() without `yield*` are reported in debug mode [J10]", async () => {
  const log = await logOfProgram(function* () {
    sleep(1);
    sleep(0);
    waitFor(forgotten(), 1);
    yield* sleep(1);
  });
  expect(log.map((line) => line.split(" ", 2)[1]).sort()).toEqual(["forgotten", "sleep", "sleep", "waitFor"]);
});

test("coroutines that were awaited, made tasks, closed or cancelled before they started are not reported [J10]", async () => {
  const log = await logOfProgram(function* () {
    yield* forgotten();
    yield* createTask(forgotten());
    yield* gather([forgotten(), sleep(1), sleep(0)]);
    forgotten().return(undefined);
    const tasks = [createTask(forgotten()), createTask(sleep(1))];
    for (const task of tasks) task.cancel();
    for (const task of tasks) yield* errorOf(task);
    yield* sleep(1);
  });
  expect(log).toEqual([]);
});

test("without debug mode nothing is watched, and nothing reported [J10]", async () => {
  const log = await logOfProgram(function* () {
    forgotten();
    sleep(1);
    yield* sleep(1);
  }, false);
  expect(log).toEqual([]);
});
