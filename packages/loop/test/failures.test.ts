// Exceptions that nobody retrieved: reported when the future has been collected, or when its loop is closed.
import type { BaseEventLoop, Future } from "@aioloop/loop";
import { CancelledError } from "@aioloop/loop";
import { VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { collectGarbage, listenToLog, reportsOf, turn } from "./helpers.ts";

const newLoop = (debug = false) => new VirtualEventLoop({ debug });

/** Makes a failed future that nobody holds. */
function lose(loop: BaseEventLoop, error: unknown, see: (future: Future<void>) => void = () => {}): void {
  const future = loop.createFuture();
  future.setException(error);
  see(future);
}

test("Future: a failure is reported when the future has been collected, once [S64 J21]", async () => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  const error = new Error("lost");
  lose(loop, error);
  expect(reports).toEqual([]);
  await collectGarbage();
  expect(reports).toEqual([
    { message: "Future exception was never retrieved", exception: error, future: "<Future>" },
  ]);
  loop.close();
  expect(reports).toHaveLength(1);
});

test("Future: a failure is reported by loop.close(), though the future is still held [S64]", () => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  const future = loop.createFuture();
  future.setException(undefined);
  loop.close();
  expect(reports).toEqual([
    { message: "Future exception was never retrieved", exception: undefined, future: "<Future>" },
  ]);
  expect(future.done()).toBe(true);
});

test("Future: a failure that is reported at close() is not reported again when collected [S64]", async () => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  lose(loop, new Error("lost"));
  loop.close();
  await collectGarbage();
  expect(reports).toHaveLength(1);
});

test("Future: a failure nobody retrieved is logged by default [S64 S51]", () => {
  const loop = newLoop();
  const log = listenToLog();
  lose(loop, "lost");
  loop.close();
  expect(log).toEqual([
    'error: Future exception was never retrieved\nfuture: "<Future>"\nthrown value: "lost"',
  ]);
});

test("Future: in debug mode the report says where the future was made [S64]", () => {
  const loop = newLoop(true);
  const reports = reportsOf(loop);
  lose(loop, new Error("lost"));
  loop.close();
  expect(reports[0]?.sourceTraceback).toMatch(/failures\.test\.ts/);
});

test.each<[string, (future: Future<void>) => void]>([
  ["exception()", (future) => void future.exception()],
  [
    "result()",
    (future) => {
      try {
        future.result();
      } catch {}
    },
  ],
  ["cancel()", (future) => void future.cancel()],
  ["then()", (future) => void future.then(null, () => {})],
])("Future.%s() counts as having seen the exception [S64 S57 S65]", async (_, see) => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  lose(loop, new Error("seen"), see);
  await collectGarbage();
  loop.close();
  expect(reports).toEqual([]);
});

test("Future: awaiting it counts as having seen the exception [S64]", () => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  const future = loop.createFuture();
  const task = loop.createTask(
    (function* () {
      try {
        yield* future;
      } catch {}
    })(),
  );
  turn(loop);
  future.setException(new Error("seen"));
  turn(loop);
  loop.close();
  expect([task.done(), reports]).toEqual([true, []]);
});

test("Future: results, cancellations and pending futures are nobody's loss [S64]", async () => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  loop.createFuture<number>().setResult(1);
  loop.createFuture().cancel();
  loop.createFuture();
  await collectGarbage();
  loop.close();
  expect(reports).toEqual([]);
});

test("Future: a CancelledError given by setException() is a failure like others [S63 S64]", () => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  lose(loop, new CancelledError());
  loop.close();
  expect(reports.map(({ exception }) => exception)).toEqual([new CancelledError()]);
});

test("Future: failures are reported in the order in which they happened [S64]", () => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  for (const error of [1, 2, 3]) lose(loop, error);
  loop.close();
  expect(reports.map(({ exception }) => exception)).toEqual([1, 2, 3]);
});

test("Task: a failure is reported with the task's name, after collection too [S64 J21]", async () => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  (() => {
    loop.createTask(
      (function* work() {
        throw new Error("lost");
      })(),
      { name: "worker" },
    );
  })();
  turn(loop);
  await collectGarbage();
  loop.close();
  expect(reports).toEqual([
    {
      message: "Task exception was never retrieved",
      exception: new Error("lost"),
      future: expect.stringContaining("name='worker'"),
    },
  ]);
});

test("BaseEventLoop keeps nothing of failed futures that were seen, nor of those reported", async () => {
  const loop = newLoop();
  reportsOf(loop);
  for (let i = 0; i < 1000; i++) lose(loop, i, (future) => void (i % 2 === 0 && future.exception()));
  expect(loop._failures.size).toBe(500);
  await collectGarbage();
  expect(loop._failures.size).toBe(0);
});
