// What is refused, with which words: an error names the thing, the action and the state, and nothing is lost by it.
import { VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { Notes, thrownBy, turn } from "./helpers.ts";

const loop = new VirtualEventLoop({ debug: false });
const nothing = () => {};

test.each([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
])("BaseEventLoop.callLater(%s) and callAt(%s) are RangeErrors [J26]", (text, time) => {
  for (const [operation, name] of [
    ["callLater", "delay"],
    ["callAt", "when"],
  ] as const) {
    const call = () => loop[operation](time, nothing);
    expect(thrownBy(call)).toBeInstanceOf(RangeError);
    expect(call).toThrow(
      `${operation}(${name}, callback): ${name} must be a finite number of seconds, got ${text}. What is to happen never needs no timer`,
    );
  }
});

test.each([
  ["null", null, "null"],
  ["undefined", undefined, "undefined"],
  ["a string", "1", '"1"'],
  ["a bigint", 1n, "1"],
  ["a function, the arguments exchanged", nothing, "nothing"],
])(
  "BaseEventLoop.callLater() and callAt() given %s for a time are TypeErrors [S11 S12]",
  (_, time, shown) => {
    for (const [operation, name] of [
      ["callLater", "delay"],
      ["callAt", "when"],
    ] as const) {
      const call = () => loop[operation](time as never, nothing);
      expect(thrownBy(call)).toBeInstanceOf(TypeError);
      expect(call).toThrow(
        `${operation}(${name}, callback): ${name} must be a number of seconds, got ${shown}`,
      );
    }
  },
);

test.each([
  ["nothing", undefined, "undefined"],
  ["null", null, "null"],
  ["a number", 5, "5"],
  ["a string", "callback", '"callback"'],
  ["an object without a callback", {}, "<Object>"],
  ["an object whose callback is no function", { callback: 5 }, "<Object>"],
  ["a coroutine", (function* () {})(), "a coroutine: write createTask(coro)"],
])(
  "BaseEventLoop: %s for a callback is a TypeError at once, in debug mode and without [S15]",
  (_, callback, shown) => {
    for (const debug of [false, true]) {
      const strict = new VirtualEventLoop({ debug });
      const calls: [string, () => unknown][] = [
        ["callSoon(callback", () => strict.callSoon(callback as never)],
        ["callSoonThreadsafe(callback", () => strict.callSoonThreadsafe(callback as never)],
        ["callLater(delay, callback", () => strict.callLater(1, callback as never)],
        ["callAt(when, callback", () => strict.callAt(1, callback as never)],
      ];
      for (const [start, call] of calls) {
        expect(thrownBy(call)).toBeInstanceOf(TypeError);
        expect(call).toThrow(`${start}, ...args): callback must be a function, got ${shown}`);
      }
      expect([strict._ready.length, strict._scheduled.length]).toEqual([0, 0]);
    }
  },
);

test.each([[5], [{}], ["context"], [new Map()]])(
  "BaseEventLoop: { context: %o } is refused before it could become the current one",
  (context) => {
    const message = "context must be a Context, as copyContext() makes one, got ";
    const options = { callback: nothing, context: context as never };
    expect(() => loop.callSoon(options)).toThrow(message);
    expect(() => loop.callLater(1, options)).toThrow(message);
    expect(() => loop.createFuture().addDoneCallback(nothing, options)).toThrow(message);
    expect(loop._ready.length).toBe(0);
  },
);

test.each([
  ["nothing", undefined, "undefined"],
  ["a promise", Promise.resolve(), "<Promise>"],
  ["a coroutine", (function* () {})(), "<Generator>"],
])("Future.addDoneCallback() given %s is a TypeError", (_, callback, shown) => {
  const future = loop.createFuture();
  const call = () => future.addDoneCallback(callback as never);
  expect(thrownBy(call)).toBeInstanceOf(TypeError);
  expect(call).toThrow(`addDoneCallback(callback): callback must be a function, got ${shown}`);
  expect(String(future)).toBe("<Future pending>");
});

test("BaseEventLoop: a call that was refused leaves the loop as it was", () => {
  const ran = new Notes();
  loop.callSoon(ran.note("before"));
  expect(() => loop.callLater(Number.NaN, nothing)).toThrow();
  expect(() => loop.callSoon(undefined as never)).toThrow();
  loop.callSoon(ran.note("after"));
  turn(loop);
  expect(ran).toEqual(["before", "after"]);
});

test("BaseEventLoop: thousands of callbacks that throw, one after the other, are each reported", () => {
  const fresh = new VirtualEventLoop({ debug: false });
  let reports = 0;
  fresh.setExceptionHandler(() => {
    reports++;
  });
  for (let i = 0; i < 5000; i++) {
    fresh.callSoon(() => {
      throw i % 2 === 0 ? undefined : new Error();
    });
  }
  turn(fresh);
  expect(reports).toBe(5000);
});
