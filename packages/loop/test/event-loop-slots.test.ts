// Which loop: the running one, the one that was set, or none.
import { _getRunningLoop, _setRunningLoop, getEventLoop, getRunningLoop, setEventLoop } from "@aioloop/loop";
import { VirtualEventLoop } from "@aioloop/tasks";
import { afterEach, expect, test } from "vitest";
import { thrownBy, turn } from "./helpers.ts";

afterEach(() => setEventLoop(null));

const newLoop = () => new VirtualEventLoop({ debug: false });

test("getRunningLoop() is the running loop in callbacks and coroutines", () => {
  const loop = newLoop();
  const answers: unknown[] = [];
  loop.callSoon(() => answers.push(getRunningLoop() === loop, _getRunningLoop() === loop));
  loop.createTask(
    (function* () {
      answers.push(getRunningLoop() === loop);
      yield;
      answers.push(getRunningLoop() === loop);
    })(),
  );
  turn(loop, 2);
  expect(answers).toEqual([true, true, true, true]);
});

test("getRunningLoop() outside a turn is a RuntimeError, also after a run and after an interrupt [S21]", () => {
  const message = "no running event loop: getRunningLoop() answers in a coroutine or a callback only";
  expect(() => getRunningLoop()).toThrow(message);
  const loop = newLoop();
  turn(loop);
  expect(() => getRunningLoop()).toThrow(message);
  expect(() => loop.runForever()).toThrow(); // a deadlock
  expect(() => getRunningLoop()).toThrow(message);
  expect(_getRunningLoop()).toBe(null);
});

test("getRunningLoop() does not answer with a loop that was only set", () => {
  setEventLoop(newLoop());
  expect(_getRunningLoop()).toBe(null);
  expect(() => getRunningLoop()).toThrow("no running event loop");
});

test("getEventLoop() outside a turn raises unless a loop was set, and shows newEventLoop() [S41]", () => {
  const error = thrownBy(() => getEventLoop());
  expect(String(error)).toMatch(
    /^RuntimeError: there is no current event loop: .*`const loop = newEventLoop\(\)`/,
  );
  const loop = newLoop();
  setEventLoop(loop);
  expect(getEventLoop()).toBe(loop);
});

test("getEventLoop() in a callback is always the running loop [S41]", () => {
  const [running, other] = [newLoop(), newLoop()];
  setEventLoop(other);
  let isRunning = false;
  running.callSoon(() => {
    isRunning = getEventLoop() === running;
  });
  turn(running);
  expect(isRunning).toBe(true);
  expect(getEventLoop()).toBe(other);
});

test("setEventLoop(null) takes the loop away; none is made in its place [S42]", () => {
  setEventLoop(newLoop());
  setEventLoop(null);
  expect(() => getEventLoop()).toThrow("there is no current event loop");
});

test.each([[5], ["loop"], [{}], [undefined]])("setEventLoop(%o) is a TypeError", (value) => {
  expect(() => setEventLoop(value as never)).toThrow(
    /^setEventLoop\(loop\): loop must be an event loop or null/,
  );
});

test("_setRunningLoop() lets another implementation of a loop say that it runs", () => {
  const loop = newLoop();
  _setRunningLoop(loop);
  expect([getRunningLoop() === loop, getEventLoop() === loop]).toEqual([true, true]);
  expect(() => newLoop().runForever()).toThrow("cannot run an event loop while another loop is running");
  _setRunningLoop(null);
  expect(_getRunningLoop()).toBe(null);
});
