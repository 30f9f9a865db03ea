// The turn: what happens in which order, what waits for the next, and how long the selector may wait.
import type { Handle } from "@aioloop/loop";
import { ReadyQueue } from "@aioloop/loop";
import { VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { Notes, runFor, scriptedLoop, turn } from "./helpers.ts";

const newLoop = () => new VirtualEventLoop({ debug: false });
const nothing = () => {};

test("BaseEventLoop.callSoon() runs handles in the order of scheduling [S13]", () => {
  const loop = newLoop();
  const ran = new Notes();
  for (const name of ["a", "b", "c"]) loop.callSoon(ran.note(name));
  turn(loop);
  expect(ran).toEqual(["a", "b", "c"]);
});

test("BaseEventLoop.callSoon() never calls at once [S13]", () => {
  const loop = newLoop();
  const ran = new Notes();
  loop.callSoon(() => {
    loop.callSoon(ran.note("scheduled"));
    ran.push("still in the callback");
  });
  turn(loop, 2);
  expect(ran).toEqual(["still in the callback", "scheduled"]);
});

test("BaseEventLoop: what a handle schedules runs in the next turn [S1]", () => {
  const loop = newLoop();
  const ran = new Notes();
  loop.callSoon(() => {
    ran.push("a");
    loop.callSoon(ran.note("from a"));
  });
  loop.callSoon(ran.note("b"));
  turn(loop);
  expect(ran).toEqual(["a", "b"]);
  turn(loop);
  expect(ran).toEqual(["a", "b", "from a"]);
});

test("BaseEventLoop: ready handles run before what the selector brings, and that before due timers [S1 S2]", () => {
  const [loop, selector] = scriptedLoop();
  const ran = new Notes();
  loop.callAt(0, ran.note("timer"));
  loop.callSoon(ran.note("ready"));
  selector.brings.push(() => loop.callSoon(ran.note("I/O")));
  turn(loop);
  expect(ran).toEqual(["ready", "I/O", "timer"]);
});

test("BaseEventLoop: a timer that is due again at once waits for the next turn [S1]", () => {
  const loop = newLoop();
  const ran = new Notes();
  loop.callLater(0, () => {
    ran.push("first");
    loop.callLater(-1, ran.note("second"));
  });
  turn(loop);
  expect(ran).toEqual(["first"]);
});

test("BaseEventLoop: a cancelled handle is skipped, and counts as one of the turn's [S3]", () => {
  const loop = newLoop();
  const ran = new Notes();
  loop.callSoon(ran.note("a"));
  const cancelled = loop.callSoon(ran.note("cancelled"));
  loop.callSoon(() => loop.callSoon(ran.note("next turn")));
  cancelled.cancel();
  turn(loop);
  expect(ran).toEqual(["a"]);
  expect(loop._ready.length).toBe(1);
  turn(loop);
  expect(ran).toEqual(["a", "next turn"]);
});

test("BaseEventLoop: a handle can cancel a later one of its turn [S3]", () => {
  const loop = newLoop();
  const ran = new Notes();
  loop.callSoon(() => later.cancel());
  const later = loop.callSoon(ran.note("later"));
  turn(loop);
  expect(ran).toEqual([]);
});

test("BaseEventLoop asks for no wait while something is ready, and always polls [S5]", () => {
  const [loop, selector] = scriptedLoop();
  loop.callAt(5, nothing);
  loop.callSoon(nothing);
  turn(loop);
  expect(selector.timeouts).toEqual([0]);
});

test("BaseEventLoop does not call a selector that has nothing to poll while something is ready [S5]", () => {
  const [loop, selector] = scriptedLoop();
  selector.polls = false;
  loop.callSoon(nothing);
  turn(loop, 3);
  expect(selector.timeouts).toEqual([]);
});

test("BaseEventLoop asks for a wait until the next timer, at most a day [S5 J16]", () => {
  const [loop, selector] = scriptedLoop();
  loop.callAt(1.5, nothing);
  loop.callAt(10 * 24 * 3600, () => loop.stop());
  loop.runForever();
  expect(selector.timeouts).toEqual([1.5, 24 * 3600]);
});

test("BaseEventLoop goes on waiting when it wakes before the timer is due [S5 J16]", () => {
  const [loop, selector] = scriptedLoop();
  loop.callAt(10, () => loop.stop());
  selector.brings.push(() => (selector.now = 4)); // woken early, for nothing
  loop.runForever();
  expect(selector.timeouts).toEqual([10, 6]);
});

test("BaseEventLoop asks for no negative wait [S5]", () => {
  const [loop, selector] = scriptedLoop();
  selector.now = 7;
  loop.callAt(3, () => loop.stop());
  loop.runForever();
  expect(selector.timeouts).toEqual([0]);
});

test("BaseEventLoop asks for a wait without end when nothing is scheduled [S5]", () => {
  const [loop, selector] = scriptedLoop();
  selector.brings.push(() => loop.callSoon(() => loop.stop()));
  loop.runForever();
  expect(selector.timeouts).toEqual([null]);
});

test("BaseEventLoop does not wait in the turn after stop() [S5 S19]", () => {
  const [loop, selector] = scriptedLoop();
  loop.callAt(100, nothing);
  turn(loop);
  expect(selector.timeouts).toEqual([0]);
  expect(loop.time()).toBe(0);
});

test("BaseEventLoop.callSoonThreadsafe() queues like callSoon() and never calls at once [S17]", () => {
  const loop = newLoop();
  const ran = new Notes();
  loop.callSoon(() => {
    loop.callSoonThreadsafe(ran.note("threadsafe"));
    loop.callSoon(ran.note("soon"));
    ran.push("callback");
  });
  turn(loop, 2);
  expect(ran).toEqual(["callback", "threadsafe", "soon"]);
});

test("BaseEventLoop.callSoonThreadsafe() passes arguments and takes a context as callSoon() does [S17]", () => {
  const loop = newLoop();
  const calls: unknown[][] = [];
  loop.callSoonThreadsafe((...args: unknown[]) => calls.push(args), 1, 2);
  loop.callSoonThreadsafe({ callback: (...args: unknown[]) => calls.push(args) }, 3);
  turn(loop);
  expect(calls).toEqual([[1, 2], [3]]);
});

test("BaseEventLoop.callSoon() on a loop whose selector waits appends first, then wakes it [S17]", () => {
  const [loop, selector] = scriptedLoop();
  let readyAtWakeup = -1;
  selector.wakeup = () => (readyAtWakeup = loop._ready.length);
  loop._parked = true; // as a hosted loop is between its pumps
  loop.callSoonThreadsafe(nothing);
  expect(readyAtWakeup).toBe(1);
  readyAtWakeup = -1;
  loop.callLater(1, nothing);
  expect(readyAtWakeup).toBe(1);
});

test("BaseEventLoop.stop() lets the turn finish; what was scheduled meanwhile runs in the next run [S18]", () => {
  const loop = newLoop();
  const ran = new Notes();
  loop.callSoon(() => {
    loop.stop();
    loop.callSoon(ran.note("next run"));
  });
  loop.callSoon(ran.note("same turn"));
  loop.runForever();
  expect(ran).toEqual(["same turn"]);
  turn(loop);
  expect(ran).toEqual(["same turn", "next run"]);
});

test("BaseEventLoop.stop() lets a turn of many thousand handles finish [S18]", () => {
  const loop = newLoop();
  let count = 0;
  loop.callSoon(() => loop.stop());
  for (let i = 0; i < 20_000; i++) {
    loop.callSoon(() => {
      count++;
      loop.callSoon(nothing);
    });
  }
  loop.runForever();
  expect(count).toBe(20_000);
  expect(loop._ready.length).toBe(20_000);
});

test("BaseEventLoop.stop() before runForever() gives exactly one turn [S19]", () => {
  const loop = newLoop();
  let turns = 0;
  const again = () => {
    turns++;
    loop.callSoon(again);
  };
  loop.callSoon(again);
  loop.stop();
  loop.runForever();
  expect(turns).toBe(1);
});

test("BaseEventLoop.stop() is forgotten when the run ends [S19]", () => {
  const loop = newLoop();
  turn(loop);
  let turns = 0;
  const again = () => {
    if (++turns === 3) loop.stop();
    else loop.callSoon(again);
  };
  loop.callSoon(again);
  loop.runForever();
  expect(turns).toBe(3);
});

test("BaseEventLoop: timers are not starved by handles that always schedule another [S1]", () => {
  const [loop, selector] = scriptedLoop();
  let turns = 0;
  const busy = () => {
    turns++;
    selector.now += 0.1;
    loop.callSoon(busy);
  };
  loop.callSoon(busy);
  loop.callAt(1, () => loop.stop());
  loop.runForever();
  expect(turns).toBeLessThan(500);
});

test("BaseEventLoop given another ReadyQueue runs handles in its order", () => {
  class LastFirst extends ReadyQueue {
    readonly #stack: Handle[] = [];
    override push(handle: Handle): void {
      this.#stack.push(handle);
      this.length++;
    }
    override shift(): Handle {
      this.length--;
      return this.#stack.pop() as Handle;
    }
  }
  const loop = new VirtualEventLoop({ ready: new LastFirst() });
  const ran = new Notes();
  for (const name of ["a", "b", "c"]) loop.callSoon(ran.note(name));
  turn(loop);
  expect(ran).toEqual(["c", "b", "a"]);
});

test("BaseEventLoop goes on after a turn without work [S1]", () => {
  const loop = newLoop();
  const ran = new Notes();
  turn(loop, 2);
  loop.callLater(1, ran.note("timer"));
  runFor(loop, 2);
  expect(ran).toEqual(["timer"]);
});
