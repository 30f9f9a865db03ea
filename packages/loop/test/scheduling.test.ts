// What callSoon, callLater and callAt give and where it stands from then on, turn by turn.
import { Handle, TimerHandle } from "@aioloop/loop";
import { sleep, VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { Notes, runFor, scriptedLoop, turn } from "./helpers.ts";

const newLoop = () => new VirtualEventLoop({ debug: false });
const nothing = () => {};

test("BaseEventLoop.callSoon() gives a Handle, which is ready [S13]", () => {
  const loop = newLoop();
  const handle = loop.callSoon(nothing);
  expect(handle).toBeInstanceOf(Handle);
  expect(handle).not.toBeInstanceOf(TimerHandle);
  expect([...loop._ready]).toEqual([handle]);
  expect(loop._scheduled.length).toBe(0);
});

test("BaseEventLoop.callLater() gives a TimerHandle, which is scheduled and not ready [S11]", () => {
  const loop = newLoop();
  const timer = loop.callLater(10, nothing);
  expect(timer).toBeInstanceOf(TimerHandle);
  expect([...loop._scheduled]).toEqual([timer]);
  expect(loop._ready.length).toBe(0);
});

test("BaseEventLoop._enqueue() puts a handle of one's own among the ready, not the scheduled", () => {
  const loop = newLoop();
  const ran = new Notes();
  const handle = new Handle(ran.note("ran"), [], loop);
  loop._enqueue(handle);
  expect([...loop._ready]).toEqual([handle]);
  expect(loop._scheduled.length).toBe(0);
  turn(loop);
  expect(ran).toEqual(["ran"]);
});

test("BaseEventLoop: what a timer schedules is ready after its turn, and has not run [S1]", () => {
  const loop = newLoop();
  const ran = new Notes();
  const made: Handle[] = [];
  loop.callLater(-1, () => {
    ran.push("timer");
    made.push(loop.callSoon(ran.note("from the timer")));
  });
  turn(loop);
  expect(ran).toEqual(["timer"]);
  expect([...loop._ready]).toEqual(made);
});

test("BaseEventLoop: a turn drops the cancelled timers at the head, and all once they are too many [S6]", () => {
  const loop = newLoop();
  const counts = () => [loop._scheduled.length, loop._scheduled.cancelled];
  loop.callLater(3000, nothing); // is before most of the cancelled ones, which so are not at the head
  for (const delay of [3600, 3600, 100, 100]) loop.callLater(delay, nothing).cancel();
  expect(counts()).toEqual([5, 4]);
  turn(loop);
  expect(counts()).toEqual([3, 2]);
  for (let i = 0; i < 49; i++) loop.callLater(3600, nothing);
  for (let i = 0; i < 51; i++) loop.callLater(3600, nothing).cancel();
  expect(counts()).toEqual([103, 53]);
  turn(loop);
  expect(counts()).toEqual([50, 0]);
  expect([...loop._scheduled].some((timer) => timer.cancelled())).toBe(false);
});

test("TimerHandle.cancel() lets go of callback and arguments [S46]", () => {
  const timer = newLoop().callLater(1, (..._args: unknown[]) => {}, 1, 2, 3);
  expect([timer.cancelled(), timer._allArgs()]).toEqual([false, [1, 2, 3]]);
  timer.cancel();
  expect([timer.cancelled(), timer._callback, timer._allArgs()]).toEqual([true, null, []]);
});

test.each(["callSoon", "callSoonThreadsafe", "callLater", "callAt"] as const)(
  "Handle in debug mode remembers who called %s() [S44]",
  (operation) => {
    const loop = new VirtualEventLoop({ debug: true });
    function whoCalls(): Handle {
      return operation === "callLater" || operation === "callAt"
        ? loop[operation](1, nothing)
        : loop[operation](nothing);
    }
    expect(String(whoCalls())).toMatch(/ created at whoCalls \(.*scheduling\.test\.ts:\d+:\d+\)>$/);
  },
);

/** A virtual loop that counts its turns. */
class Counting extends VirtualEventLoop {
  turns = 0;
  override _runOnce(limit: number): number {
    this.turns += 1;
    return super._runOnce(limit);
  }
}

test("BaseEventLoop: sleeps shorter than the clock's grain take a turn each, and no idle ones [S4 S5]", () => {
  const loop = new Counting();
  loop.runUntilComplete(
    (function* () {
      for (const delay of [1e-2, 1e-4, 1e-6, 1e-8, 1e-10]) yield* sleep(delay);
    })(),
  );
  // Each sleep: its timer, which wakes the task, and then the step. One turn more to begin and one to stop.
  expect(loop.turns).toBeLessThanOrEqual(12);
  expect(loop.time()).toBeCloseTo(0.010_101_01, 8);
});

test("BaseEventLoop wakes once for a timer that is due within the clock's grain [S4 S5]", () => {
  const [loop, selector] = scriptedLoop();
  selector.resolution = 1e-6;
  const ran = new Notes();
  selector.brings.push(() => (selector.now = 1 - 5e-7)); // a little early, as a host's timer may be
  loop.callAt(1, ran.note("timer"));
  runFor(loop, 2);
  expect(ran).toEqual(["timer"]);
  expect(selector.timeouts).toEqual([1, expect.closeTo(1, 5)]);
});
