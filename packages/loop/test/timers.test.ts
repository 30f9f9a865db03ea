// callLater and callAt: when timers run, and in which order.
import { VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { Notes, runFor, scriptedLoop, turn } from "./helpers.ts";

const newLoop = () => new VirtualEventLoop({ debug: false });
const nothing = () => {};

test("BaseEventLoop.callLater() calls with the arguments once the delay has passed [S11]", () => {
  const loop = newLoop();
  const calls: unknown[] = [];
  const handle = loop.callLater(10.5, (...args: unknown[]) => calls.push(loop.time(), ...args), "a", 1);
  expect(handle.when()).toBe(10.5);
  runFor(loop, 10);
  expect(calls).toEqual([]);
  runFor(loop, 1);
  expect(calls).toEqual([10.5, "a", 1]);
});

test("BaseEventLoop.callLater() counts from the loop's time at the call [S11 S12]", () => {
  const loop = new VirtualEventLoop({ start: 100 });
  expect(loop.callLater(1, nothing).when()).toBe(101);
  runFor(loop, 5);
  expect(loop.callLater(1, nothing).when()).toBe(106);
});

test("BaseEventLoop.callLater() accepts negative delays: next turn, after what is ready, earliest first [S11 S2]", () => {
  const loop = newLoop();
  const ran = new Notes();
  loop.callLater(-1, ran.note("-1"));
  loop.callLater(-2, ran.note("-2"));
  loop.callLater(0, ran.note("0"));
  loop.callSoon(ran.note("soon"));
  turn(loop);
  expect(ran).toEqual(["soon", "-2", "-1", "0"]);
});

test("BaseEventLoop.callLater() with -0 is a delay of 0 [J26]", () => {
  const loop = newLoop();
  expect(loop.callLater(-0, nothing).when()).toBe(0);
});

test("BaseEventLoop.callAt() calls at that time of the loop's clock [S12]", () => {
  const loop = newLoop();
  const times: number[] = [];
  for (const when of [3, 1, 2, -5]) loop.callAt(when, () => times.push(loop.time()));
  runFor(loop, 4);
  expect(times).toEqual([0, 1, 2, 3]);
});

test("BaseEventLoop.time() is the loop's clock, not the wall clock [S12]", () => {
  const loop = newLoop();
  expect(loop.time()).toBe(0);
  runFor(loop, 3600);
  expect(loop.time()).toBe(3600);
});

test("BaseEventLoop.callAt() runs equal times in the order of scheduling [S9]", () => {
  const loop = newLoop();
  const order: number[] = [];
  for (let i = 0; i < 100; i++) loop.callAt(1, () => order.push(i));
  runFor(loop, 2);
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect(order).toHaveLength(100);
});

test("BaseEventLoop.callLater() keeps time order whatever the order of scheduling [S2 S9]", () => {
  const loop = newLoop();
  const times: number[] = [];
  // A fixed pseudo-random sequence.
  for (let i = 0, x = 7; i < 500; i++) {
    x = (x * 1103515245 + 12345) % 2 ** 31;
    loop.callLater((x % 50) / 10, () => times.push(loop.time()));
  }
  runFor(loop, 6);
  expect(times).toHaveLength(500);
  expect(times).toEqual([...times].sort((a, b) => a - b));
});

test("BaseEventLoop: a timer runs in the turn in which when < time() + resolution, strictly [S4]", () => {
  const [loop, selector] = scriptedLoop();
  selector.resolution = 0.5;
  const ran = new Notes();
  loop.callAt(0.499, ran.note("a grain before"));
  loop.callAt(0.5, ran.note("at the limit"));
  turn(loop);
  expect(ran).toEqual(["a grain before"]);
  selector.now = 0.001;
  turn(loop);
  expect(ran).toEqual(["a grain before", "at the limit"]);
});

test.each([0, 1e6, 2 ** 25, 1.7e9, 1e15, -1e15])(
  "BaseEventLoop with virtual time runs timers that begin at %f, however coarse numbers are there [S4]",
  (start) => {
    const loop = new VirtualEventLoop({ start });
    const times: number[] = [];
    loop.callLater(1, () => times.push(loop.time()));
    loop.callLater(2, () => times.push(loop.time()));
    runFor(loop, 3);
    expect(times).toEqual([start + 1, start + 2]);
  },
);

test("BaseEventLoop with virtual time passes a thousand years and goes on in steps of a second [S4 S5]", () => {
  const loop = newLoop();
  const years = 1000 * 365 * 24 * 3600;
  runFor(loop, years);
  let steps = 0;
  const step = () => {
    if (++steps < 10) loop.callLater(1, step);
    else loop.stop();
  };
  step();
  loop.runForever();
  expect([steps, loop.time()]).toEqual([10, years + 9]);
});

test("BaseEventLoop.callAt() takes the largest number there is", () => {
  const loop = newLoop();
  let ran = false;
  loop.callAt(Number.MAX_VALUE, () => {
    ran = true;
    loop.stop();
  });
  loop.runForever();
  expect(ran).toBe(true);
});

test("TimerHandle.cancel() by another timer of the same turn is in time [S3]", () => {
  const loop = newLoop();
  const ran = new Notes();
  loop.callAt(1, () => second.cancel());
  const second = loop.callAt(1, ran.note("second"));
  loop.callAt(1, ran.note("third"));
  runFor(loop, 2);
  expect(ran).toEqual(["third"]);
});

test("TimerHandle.cancel() of a timer that is in the ready queue is not counted [S7]", () => {
  const loop = newLoop();
  const counts: number[] = [];
  loop.callAt(1, () => {
    second.cancel();
    counts.push(loop._scheduled.cancelled);
  });
  const second = loop.callAt(1, nothing);
  runFor(loop, 2);
  second.cancel();
  counts.push(loop._scheduled.cancelled);
  expect(counts).toEqual([0, 0]);
});

test("BaseEventLoop drops cancelled timers at the head before it decides how long to wait [S6]", () => {
  const [loop, selector] = scriptedLoop();
  loop.callAt(1, nothing).cancel();
  loop.callAt(2, nothing).cancel();
  loop.callAt(3, () => loop.stop());
  loop.runForever();
  expect(selector.timeouts).toEqual([3]);
  expect(loop._scheduled.cancelled).toBe(0);
});

test("BaseEventLoop rebuilds the heap when over 100 timers are in and over half are cancelled [S6]", () => {
  const loop = newLoop();
  loop.callAt(1, nothing); // the head stays, so nothing is dropped there
  const timers = Array.from({ length: 100 }, (_, i) => loop.callAt(10 + i, nothing));
  for (const timer of timers.slice(0, 50)) timer.cancel();
  loop._scheduled.purge();
  expect([loop._scheduled.length, loop._scheduled.cancelled]).toEqual([101, 50]);
  timers[99]?.cancel(); // 51 of 101
  loop._scheduled.purge();
  expect([loop._scheduled.length, loop._scheduled.cancelled]).toEqual([50, 0]);
  expect(timers[0]?._scheduled).toBe(false);
  expect(timers[98]?._scheduled).toBe(true);
});

test("BaseEventLoop does not rebuild a heap of 100, however many are cancelled [S6]", () => {
  const loop = newLoop();
  loop.callAt(1, nothing);
  for (let i = 0; i < 99; i++) loop.callAt(10 + i, nothing).cancel();
  loop._scheduled.purge();
  expect([loop._scheduled.length, loop._scheduled.cancelled]).toEqual([100, 99]);
});

test("BaseEventLoop: a turn that sets and cancels a million timers does not keep them [S6]", () => {
  const loop = newLoop();
  loop.callAt(1e6, nothing);
  let most = 0;
  loop.callSoon(() => {
    for (let i = 0; i < 1_000_000; i++) {
      loop.callLater(5, nothing).cancel();
      if (loop._scheduled.length > most) most = loop._scheduled.length;
    }
  });
  turn(loop);
  expect(most).toBeLessThan(1000);
});

test("BaseEventLoop: the timers that are left keep their order through a rebuild [S6 S9]", () => {
  const loop = newLoop();
  const order: number[] = [];
  const timers = Array.from({ length: 300 }, (_, i) => loop.callAt((i * 7919) % 300, () => order.push(i)));
  timers.forEach((timer, i) => {
    if (i % 3 !== 0) timer.cancel();
  });
  runFor(loop, 301);
  expect(order).toHaveLength(100);
  expect(order.map((i) => (i * 7919) % 300)).toEqual(
    order.map((i) => (i * 7919) % 300).sort((a, b) => a - b),
  );
});
