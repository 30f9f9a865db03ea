// close(): what becomes of what was ready, scheduled, failed, pending; and what a closed loop refuses.
import { BaseEventLoop, SyncEventLoop, VirtualSelector } from "@aioloop/loop";
import { sleep, VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { Notes, reportsOf, scriptedLoop, thrownBy, turn } from "./helpers.ts";

const newLoop = () => new VirtualEventLoop({ debug: false });
const nothing = () => {};

function closedLoop(): VirtualEventLoop {
  const loop = newLoop();
  loop.close();
  return loop;
}

test("BaseEventLoop.close() is final and idempotent [S26]", () => {
  const [loop, selector] = scriptedLoop();
  expect(loop.isClosed()).toBe(false);
  loop.close();
  loop.close();
  expect(loop.isClosed()).toBe(true);
  expect(selector.closed).toBe(1);
});

test("BaseEventLoop.close() is refused while the loop runs, and says what to do [S26]", () => {
  const loop = newLoop();
  let error: unknown;
  loop.callSoon(() => {
    error = thrownBy(() => loop.close());
  });
  turn(loop);
  expect(String(error)).toMatch(/^RuntimeError: close\(\): cannot close a running event loop: stop\(\) it/);
  expect(loop.isClosed()).toBe(false);
});

test("BaseEventLoop.close() drops what is ready and scheduled without running or cancelling it [S26]", () => {
  const loop = newLoop();
  const ran = new Notes();
  const handle = loop.callSoon(ran.note("ready"));
  const timer = loop.callLater(0, ran.note("scheduled"));
  loop.close();
  expect([handle.cancelled(), timer.cancelled(), ran.length]).toEqual([false, false, 0]);
  expect([loop._ready.length, loop._scheduled.length]).toEqual([0, 0]);
});

test("TimerHandle.cancel() after close() does no harm [S7 S26]", () => {
  const loop = newLoop();
  const timer = loop.callLater(1, nothing);
  loop.close();
  timer.cancel();
  expect([timer.cancelled(), loop._scheduled.cancelled]).toEqual([true, 0]);
});

test.each([
  ["callSoon", (loop: VirtualEventLoop) => loop.callSoon(nothing)],
  ["callSoonThreadsafe", (loop: VirtualEventLoop) => loop.callSoonThreadsafe(nothing)],
  ["callLater", (loop: VirtualEventLoop) => loop.callLater(1, nothing)],
  ["callAt", (loop: VirtualEventLoop) => loop.callAt(1, nothing)],
  ["createFuture", (loop: VirtualEventLoop) => loop.createFuture()],
  ["createTask", (loop: VirtualEventLoop) => loop.createTask(sleep(1))],
  ["runForever", (loop: VirtualEventLoop) => loop.runForever()],
  ["runUntilComplete", (loop: VirtualEventLoop) => loop.runUntilComplete(sleep(1))],
])("BaseEventLoop.%s() on a closed loop is a RuntimeError that says what to do [S14]", (name, call) => {
  const error = thrownBy(() => call(closedLoop()));
  expect(String(error)).toBe(
    `RuntimeError: ${name}(): the event loop is closed. Make a new one: newEventLoop()`,
  );
});

test("BaseEventLoop.callLater() on a closed loop says so, whatever else is wrong [S14]", () => {
  expect(() => closedLoop().callLater(Number.NaN, nothing)).toThrow("the event loop is closed");
  expect(() => closedLoop().callSoon(null as never)).toThrow("the event loop is closed");
});

test("BaseEventLoop: a closed loop answers what needs no running", () => {
  const loop = closedLoop();
  loop.stop();
  loop.setDebug(true);
  expect([loop.isClosed(), loop.isRunning(), loop.getDebug(), loop.time()]).toEqual([true, false, true, 0]);
  expect(String(loop)).toBe("<VirtualEventLoop running=false closed=true debug=true>");
});

test("BaseEventLoop.createTask() on a closed loop closes the coroutine [S14 S113]", () => {
  const ran = new Notes();
  const coro = (function* () {
    ran.push("started");
    yield;
  })();
  expect(() => closedLoop().createTask(coro)).toThrow("createTask(): the event loop is closed");
  expect(coro.next()).toEqual({ value: undefined, done: true });
  expect(ran).toEqual([]);
});

test("BaseEventLoop.close() reports exceptions that nobody retrieved [S64 J21]", () => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  const error = new Error("lost");
  const future = loop.createFuture();
  future.setException(error);
  loop.close();
  expect(reports).toEqual([
    { message: "Future exception was never retrieved", exception: error, future: "<Future>" },
  ]);
});

test("BaseEventLoop.close() reports the tasks that are not done, oldest first [J22]", () => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  for (const name of ["a", "b"]) loop.createTask(sleep(1), { name });
  turn(loop);
  loop.close();
  expect(reports.map(({ message, task }) => [message, task?.getName()])).toEqual([
    ["Task was destroyed but it is pending!", "a"],
    ["Task was destroyed but it is pending!", "b"],
  ]);
});

test("BaseEventLoop.close() closes the loop although the exception handler throws at each report", () => {
  const loop = newLoop();
  loop.createFuture().setException(new Error("lost"));
  loop.createTask(sleep(1));
  loop.defaultExceptionHandler = () => {};
  loop.setExceptionHandler(() => {
    throw undefined;
  });
  loop.close();
  expect(loop.isClosed()).toBe(true);
});

test("BaseEventLoop.close() rejects promises that wait for a pending future [J18]", async () => {
  const loop = newLoop();
  const promise = Promise.resolve(loop.createFuture("a reply"));
  await Promise.resolve(); // then() is called in a microtask
  loop.close();
  await expect(promise).rejects.toThrow(
    "await of <Future pending for a reply cb=[<function>]>: its event loop was closed before it was done",
  );
});

test("BaseEventLoop.close() settles promises of futures that are done but whose callbacks have not run", async () => {
  const loop = newLoop();
  const [good, bad] = [loop.createFuture<number>(), loop.createFuture<number>()];
  const promises = [good.then(), bad.then()];
  good.setResult(1);
  bad.setException(new RangeError("no"));
  loop.close();
  expect(await Promise.allSettled(promises)).toEqual([
    { status: "fulfilled", value: 1 },
    { status: "rejected", reason: new RangeError("no") },
  ]);
});

test("Future.setResult() on a closed loop gives the result, and says that nobody can be told [S14]", () => {
  const loop = newLoop();
  const [awaited, unawaited] = [loop.createFuture<number>(), loop.createFuture<number>()];
  awaited.addDoneCallback(nothing);
  loop.close();
  expect(() => awaited.setResult(1)).toThrow(
    "a callback cannot be scheduled: the event loop is closed. Finish its futures before close()",
  );
  expect(awaited.result()).toBe(1);
  unawaited.setResult(2);
  expect(() => unawaited.addDoneCallback(nothing)).toThrow("the event loop is closed");
  expect(loop._ready.length).toBe(0);
});

test("BaseEventLoop has no way of running of its own: loops that wait add it [J15]", () => {
  const selector = new VirtualSelector();
  const loop = new BaseEventLoop({ clock: selector, selector });
  expect("runForever" in loop).toBe(false);
  expect("runForever" in new SyncEventLoop({ clock: selector, selector })).toBe(true);
});
