// What counts as a coroutine: a generator, or an object with the same methods; never what can merely be iterated.
import { iscoroutine } from "@aioloop/loop";
import { VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { isThenable } from "../src/suspend.ts";

test("iscoroutine() knows generators and objects with next() and throw()", () => {
  const ended = (function* () {})();
  ended.next();
  const likeOne = { next: () => ({ value: 1, done: true }), throw: () => {} };
  expect([(function* () {})(), ended, likeOne].map(iscoroutine)).toEqual([true, true, true]);
});

test("iscoroutine() does not take what can be iterated, called or awaited for one", () => {
  const future = new VirtualEventLoop({ debug: false }).createFuture();
  const others = [
    [],
    "text",
    new Map(),
    [].values(),
    function* () {},
    future,
    Promise.resolve(),
    {},
    5,
    null,
  ];
  expect([...others, undefined].map(iscoroutine)).toEqual([...others, undefined].map(() => false));
});

test("isThenable() knows whatever has then()", () => {
  const future = new VirtualEventLoop({ debug: false }).createFuture();
  expect([Promise.resolve(), future, { then() {} }].map(isThenable)).toEqual([true, true, true]);
  const others = [null, undefined, 5, "then", {}, { then: 5 }, () => {}];
  expect(others.map(isThenable)).toEqual(others.map(() => false));
});
