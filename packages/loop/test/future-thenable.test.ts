// A Future in an async function: `await future`.
import { CancelledError } from "@aioloop/loop";
import { VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { Notes, reportsOf, turn } from "./helpers.ts";

const newLoop = () => new VirtualEventLoop({ debug: false });

test("Future.then() of a done future needs no loop, not even an open one", async () => {
  const loop = newLoop();
  const [good, bad, gone] = [loop.createFuture<number>(), loop.createFuture(), loop.createFuture()];
  const error = new Error("no");
  good.setResult(1);
  bad.setException(error);
  gone.cancel("enough");
  bad.exception();
  loop.close();
  expect(await good).toBe(1);
  await expect(Promise.resolve(bad)).rejects.toBe(error);
  await expect(Promise.resolve(gone)).rejects.toEqual(new CancelledError("enough"));
});

test("Future.then() of a pending future is settled through the loop [J18]", async () => {
  const loop = newLoop();
  const ran = new Notes();
  const [good, bad, gone] = [loop.createFuture<string>(), loop.createFuture(), loop.createFuture()];
  const promises = [good, bad, gone].map((future) => future.then(String, (error) => `threw ${error}`));
  void promises[0]?.then((text) => ran.push(text));
  good.setResult("result");
  bad.setException(undefined);
  gone.cancel();
  await Promise.resolve();
  expect(ran).toEqual([]); // the loop has not turned
  turn(loop);
  expect(await Promise.all(promises)).toEqual(["result", "threw undefined", "threw CancelledError"]);
});

test("Future.then() calls nothing synchronously", async () => {
  const loop = newLoop();
  const ran = new Notes();
  const future = loop.createFuture();
  future.setResult();
  const promise = future.then(ran.note("fulfilled"));
  ran.push("then() returned");
  await promise;
  expect(ran).toEqual(["then() returned", "fulfilled"]);
});

test("Future.then() chains as a promise does, and passes through without functions", async () => {
  const loop = newLoop();
  const future = loop.createFuture<number>();
  future.setResult(20);
  expect(await future.then((value) => value + 1).then((value) => value * 2)).toBe(42);
  expect(await future.then(null, null)).toBe(20);
});

test("Future.then() of a pending future of a closed loop rejects, and says why", async () => {
  const loop = newLoop();
  const future = loop.createFuture("a reply");
  loop.close();
  await expect(Promise.resolve(future)).rejects.toThrow(
    "await of <Future pending for a reply>: its event loop is closed, so it will never be done",
  );
});

test("Future.then() retrieves the exception: nothing is reported [S64]", async () => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  const [done, pending] = [loop.createFuture(), loop.createFuture()];
  done.setException(new Error("1"));
  const promises = [done.then(), pending.then()];
  pending.setException(new Error("2"));
  turn(loop);
  expect((await Promise.allSettled(promises)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  loop.close();
  expect(reports).toEqual([]);
});

test("Future: a task can be awaited by an async function while its loop runs", async () => {
  const loop = newLoop();
  const task = loop.createTask(
    (function* () {
      yield;
      return "done";
    })(),
  );
  const promise = (async () => `async saw ${await task}`)();
  await Promise.resolve();
  turn(loop, 3);
  expect(await promise).toBe("async saw done");
});
