// Done callbacks: when they run, in which order and context, and what may change while they do.
import type { Future } from "@aioloop/loop";
import { ContextVar, copyContext } from "@aioloop/loop";
import { VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { Notes, reportsOf, turn } from "./helpers.ts";

const newLoop = () => new VirtualEventLoop({ debug: false });

function setUp(): { loop: VirtualEventLoop; future: Future<string>; ran: Notes } {
  const loop = newLoop();
  return { loop, future: loop.createFuture<string>(), ran: new Notes() };
}

test("Future.addDoneCallback() calls with the future, through the loop, in the order of adding [S54 S55]", () => {
  const { loop, future } = setUp();
  const calls: [number, Future<string>][] = [];
  for (const i of [1, 2, 3]) future.addDoneCallback((done) => calls.push([i, done]));
  future.setResult("x");
  expect(calls).toEqual([]);
  turn(loop);
  expect(calls.map(([i, done]) => [i, done === future])).toEqual([
    [1, true],
    [2, true],
    [3, true],
  ]);
});

test.each([
  ["setResult", (future: Future<string>) => future.setResult("x")],
  ["setException", (future: Future<string>) => future.setException(new Error())],
  ["cancel", (future: Future<string>) => future.cancel()],
])("Future.%s() has the callbacks called, once [S55 S57]", (_, finish) => {
  const { loop, future, ran } = setUp();
  future.addDoneCallback((done) => {
    ran.push("called");
    if (!done.cancelled()) done.exception();
  });
  finish(future);
  future.cancel();
  turn(loop, 3);
  expect(ran).toEqual(["called"]);
});

test("Future.addDoneCallback() on a done future calls soon, never at once [S54]", () => {
  const { loop, future, ran } = setUp();
  future.setResult("x");
  future.addDoneCallback(ran.note("callback"));
  ran.push("after adding");
  loop.callSoon(ran.note("scheduled later"));
  turn(loop);
  expect(ran).toEqual(["after adding", "callback", "scheduled later"]);
});

test("Future: callbacks run after what was ready before it was done, and before what comes after [S54 S55]", () => {
  const { loop, future, ran } = setUp();
  future.addDoneCallback(ran.note("callback"));
  loop.callSoon(ran.note("before"));
  future.setResult("x");
  loop.callSoon(ran.note("after"));
  turn(loop);
  expect(ran).toEqual(["before", "callback", "after"]);
});

test("Future.addDoneCallback() twice with one function calls it twice [S56]", () => {
  const { loop, future, ran } = setUp();
  const callback = ran.note("called");
  future.addDoneCallback(callback);
  future.addDoneCallback(callback);
  future.setResult("x");
  turn(loop);
  expect(ran).toEqual(["called", "called"]);
});

test("Future.removeDoneCallback() takes out every entry of the function and says how many [S56 J24]", () => {
  const { loop, future, ran } = setUp();
  const [one, two, three] = [ran.note("one"), ran.note("two"), ran.note("three")];
  for (const callback of [one, two, one, three, one]) future.addDoneCallback(callback);
  expect(future.removeDoneCallback(one)).toBe(3);
  expect(future.removeDoneCallback(one)).toBe(0);
  future.setResult("x");
  turn(loop);
  expect(ran).toEqual(["two", "three"]);
});

test("Future.removeDoneCallback() compares by identity: another function made alike stays [J24]", () => {
  const { loop, future, ran } = setUp();
  const make = () => ran.note("called");
  future.addDoneCallback(make());
  expect(future.removeDoneCallback(make())).toBe(0);
  future.setResult("x");
  turn(loop);
  expect(ran).toEqual(["called"]);
});

test.each([
  ["first", 0, ["two", "three"]],
  ["second", 1, ["one", "three"]],
  ["third", 2, ["one", "two"]],
])("Future.removeDoneCallback() of the %s of three leaves the others in order [S56]", (_, index, left) => {
  const { loop, future, ran } = setUp();
  const callbacks = ["one", "two", "three"].map((name) => ran.note(name));
  for (const callback of callbacks) future.addDoneCallback(callback);
  expect(future.removeDoneCallback(callbacks[index] as () => void)).toBe(1);
  future.setResult("x");
  turn(loop);
  expect(ran).toEqual(left);
});

test("Future.removeDoneCallback() of the first and second of three, then adding more [S56]", () => {
  const { loop, future, ran } = setUp();
  const callbacks = ["one", "two", "three"].map((name) => ran.note(name));
  for (const callback of callbacks) future.addDoneCallback(callback);
  for (const callback of callbacks.slice(0, 2)) future.removeDoneCallback(callback);
  future.addDoneCallback(ran.note("four"));
  future.setResult("x");
  turn(loop);
  expect(ran).toEqual(["three", "four"]);
});

test("Future.removeDoneCallback() of all, and of one that has none [S56]", () => {
  const { loop, future, ran } = setUp();
  const callback = ran.note("one");
  expect(future.removeDoneCallback(callback)).toBe(0);
  future.addDoneCallback(callback);
  expect(future.removeDoneCallback(callback)).toBe(1);
  expect(String(future)).toBe("<Future pending>");
  future.setResult("x");
  turn(loop);
  expect(ran).toEqual([]);
});

test("Future.removeDoneCallback() comes too late once the future is done [S56]", () => {
  const { loop, future, ran } = setUp();
  const callback = ran.note("called");
  future.addDoneCallback(callback);
  future.setResult("x");
  expect(future.removeDoneCallback(callback)).toBe(0);
  turn(loop);
  expect(ran).toEqual(["called"]);
});

test("Future: a callback that removes the others of its round comes too late [S55 S56]", () => {
  const { loop, future, ran } = setUp();
  const other = ran.note("other");
  future.addDoneCallback(() => ran.push(`removed ${future.removeDoneCallback(other)}`));
  future.addDoneCallback(other);
  future.setResult("x");
  turn(loop);
  expect(ran).toEqual(["removed 0", "other"]);
});

test("Future: what a callback adds runs in the next turn [S55]", () => {
  const { loop, future, ran } = setUp();
  future.addDoneCallback(() => {
    ran.push("first");
    future.addDoneCallback(ran.note("added"));
  });
  future.addDoneCallback(ran.note("second"));
  future.setResult("x");
  turn(loop);
  expect(ran).toEqual(["first", "second"]);
  turn(loop);
  expect(ran).toEqual(["first", "second", "added"]);
});

test("Future: a callback that throws is reported, and the others run [S55]", () => {
  const { loop, future, ran } = setUp();
  const reports = reportsOf(loop);
  future.addDoneCallback(() => {
    throw undefined;
  });
  future.addDoneCallback(ran.note("second"));
  future.setResult("x");
  turn(loop);
  expect([ran, reports.length]).toEqual([["second"], 1]);
});

test("Future: a waiting task and callbacks wake in the order in which they came [S55]", () => {
  const { loop, future, ran } = setUp();
  const waiter = function* (name: string) {
    yield* future;
    ran.push(name);
  };
  future.addDoneCallback(ran.note("callback 1"));
  loop.createTask(waiter("task 1"));
  turn(loop);
  future.addDoneCallback(ran.note("callback 2"));
  loop.createTask(waiter("task 2"));
  turn(loop);
  future.setResult("x");
  turn(loop);
  expect(ran).toEqual(["callback 1", "task 1", "callback 2", "task 2"]);
});

test("Future.removeDoneCallback() never takes away a task that waits", () => {
  const { loop, future } = setUp();
  const task = loop.createTask(
    (function* () {
      return yield* future;
    })(),
  );
  turn(loop);
  for (const bad of [null, undefined]) {
    expect(() => future.removeDoneCallback(bad as never)).toThrow(
      "removeDoneCallback(callback): callback must be the function that was added",
    );
  }
  future.setResult("x");
  turn(loop);
  expect(task.result()).toBe("x");
});

const variable = new ContextVar("variable", { default: "unset" });

test("Future.addDoneCallback(): the callback sees the context of its adding, not of the result [S54 S282]", () => {
  const { loop, future, ran } = setUp();
  const note = () => void ran.push(variable.get());
  copyContext().run(() => {
    variable.set("at adding");
    future.addDoneCallback(note);
    variable.set("later");
  });
  future.addDoneCallback(note);
  copyContext().run(() => {
    variable.set("at the result");
    future.setResult("x");
    future.addDoneCallback(note);
  });
  turn(loop);
  expect(ran).toEqual(["at adding", "unset", "at the result"]);
});

test("Future.addDoneCallback() takes a context to run in [S54]", () => {
  const { loop, future } = setUp();
  const context = copyContext();
  future.addDoneCallback(() => void variable.set("set by the callback"), { context });
  future.setResult("x");
  turn(loop);
  expect([context.get(variable), variable.get()]).toEqual(["set by the callback", "unset"]);
});
