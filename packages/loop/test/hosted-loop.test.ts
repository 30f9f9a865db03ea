// HostedEventLoop under fake host timers: when it parks, how it is woken, how it ends. Real time: waiting.realtime.test.ts.
import {
  DeadlockError,
  getRunningLoop,
  HostedEventLoop,
  KeyboardInterrupt,
  RuntimeError,
} from "@aioloop/loop";
import { HostEventLoop, sleep } from "@aioloop/tasks";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Notes, reportsOf } from "./helpers.ts";

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "setImmediate", "clearImmediate", "performance"],
  });
});
afterEach(() => {
  vi.useRealTimers();
});

const newLoop = () => new HostEventLoop({ debug: false });

/** A loop on a clock that tests move on, as work that takes time would. */
class SlowClockLoop extends HostedEventLoop {
  constructor(time: () => number) {
    super({ clock: { time, resolution: 1e-6 }, debug: false });
  }
}

/** A loop that runs, and the promise of its end. */
function running(): { loop: HostEventLoop; end: Promise<void> } {
  const loop = newLoop();
  return { loop, end: loop.runForever() };
}

/** Enough microtasks for a loop to be pumped and for a promise to be told. */
async function microtasks(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

async function end({ loop, end }: { loop: HostEventLoop; end: Promise<void> }): Promise<void> {
  loop.stop();
  await vi.advanceTimersByTimeAsync(10);
  await end;
}

test("HostedEventLoop.runForever() is a promise, fulfilled after stop() [J15]", async () => {
  const { loop, end } = running();
  const ran = new Notes();
  void end.then(ran.note("ended"));
  await microtasks();
  expect([loop.isRunning(), ...ran]).toEqual([true]);
  loop.stop();
  await microtasks();
  expect([loop.isRunning(), ...ran]).toEqual([false, "ended"]);
});

test("HostedEventLoop.runUntilComplete() is a promise of the result, or of the error", async () => {
  const loop = newLoop();
  const error = new RangeError("no");
  const good = loop.runUntilComplete(sleep(0, "result"));
  await microtasks();
  expect(await good).toBe("result");
  const failing = function* () {
    yield;
    throw error;
  };
  await expect(loop.runUntilComplete(failing())).rejects.toBe(error);
});

test("HostedEventLoop: an hour of sleep is one host timer, and nothing is done meanwhile [J16]", async () => {
  const loop = newLoop();
  const done = new Notes();
  void loop.runUntilComplete(sleep(3600)).then(done.note("done"));
  await microtasks();
  expect(vi.getTimerCount()).toBe(1);
  await vi.advanceTimersByTimeAsync(3600_000 - 1);
  expect([...done, vi.getTimerCount()]).toEqual([1]);
  await vi.advanceTimersByTimeAsync(1);
  expect(done).toEqual(["done"]);
});

test("HostedEventLoop: a host timer is rounded up to a millisecond, so that no timer is early [J16]", async () => {
  const { loop, end: ended } = running();
  const ran = new Notes();
  await microtasks();
  const set = vi.spyOn(globalThis, "setTimeout");
  const handle = loop.callLater(0.0101, ran.note("timer"));
  await microtasks();
  expect(set.mock.calls[0]?.[1]).toBe(11);
  set.mockRestore();
  await vi.advanceTimersByTimeAsync(10);
  expect(ran).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(ran).toEqual(["timer"]);
  expect(loop.time()).toBeGreaterThanOrEqual(handle.when());
  await end({ loop, end: ended });
});

test("HostedEventLoop: a wait of months is made of days, since a host timer cannot be so long [J16 S5]", async () => {
  const { loop, end: ended } = running();
  const ran = new Notes();
  await microtasks();
  const set = vi.spyOn(globalThis, "setTimeout");
  loop.callLater(40 * 24 * 3600, ran.note("after 40 days"));
  await microtasks();
  expect(set.mock.calls[0]?.[1]).toBe(24 * 3600_000);
  set.mockRestore();
  await vi.advanceTimersByTimeAsync(40 * 24 * 3600_000 - 1);
  expect(ran).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(ran).toEqual(["after 40 days"]);
  await end({ loop, end: ended });
});

test("HostedEventLoop: an earlier timer wakes a parked loop in time [S17]", async () => {
  const { loop, end: ended } = running();
  const ran = new Notes();
  loop.callLater(10, ran.note("10"));
  await microtasks();
  loop.callLater(1, ran.note("1"));
  await vi.advanceTimersByTimeAsync(1000);
  expect(ran).toEqual(["1"]);
  await vi.advanceTimersByTimeAsync(9000);
  expect(ran).toEqual(["1", "10"]);
  await end({ loop, end: ended });
});

test("HostedEventLoop.callSoon() wakes a parked loop, in a microtask and never at once [S17 J18]", async () => {
  const { loop, end: ended } = running();
  await microtasks();
  const ran = new Notes();
  loop.callSoon(ran.note("one"));
  loop.callSoonThreadsafe(ran.note("two"));
  expect(ran).toEqual([]);
  await microtasks();
  expect(ran).toEqual(["one", "two"]);
  await end({ loop, end: ended });
});

test("HostedEventLoop: no promise of the host's runs inside a turn [J18]", async () => {
  const { loop, end: ended } = running();
  const ran = new Notes();
  loop.callSoon(() => {
    void Promise.resolve().then(ran.note("promise"));
    ran.push("first handle");
  });
  loop.callSoon(ran.note("second handle"));
  await microtasks();
  expect(ran).toEqual(["first handle", "second handle", "promise"]);
  await end({ loop, end: ended });
});

test("HostedEventLoop: a busy loop gives way to its host, and a turn goes on where it was [J18]", async () => {
  let later = 0;
  const loop = new SlowClockLoop(() => later);
  const ended = loop.runForever();
  await microtasks();
  const ran = new Notes();
  loop.callSoon(() => loop.callSoon(ran.note("next turn")));
  const names = Array.from({ length: 200 }, (_, i) => `handle ${i}`);
  for (const name of names) {
    loop.callSoon(() => {
      later += 0.005; // longer than the loop may keep its host waiting
      ran.push(name);
    });
  }
  setImmediate(ran.note("host"));
  await microtasks();
  for (let i = 0; i < 300; i++) await vi.advanceTimersByTimeAsync(1);
  expect(ran.indexOf("host")).toBeGreaterThan(-1);
  expect(ran.indexOf("host")).toBeLessThan(ran.indexOf("handle 100"));
  expect(ran.filter((name) => name !== "host")).toEqual([...names, "next turn"]);
  loop.stop();
  await vi.advanceTimersByTimeAsync(1);
  await ended;
});

test("HostedEventLoop: getRunningLoop() answers in a turn alone, isRunning() from start to end [S27]", async () => {
  const { loop, end: ended } = running();
  const answers: boolean[] = [];
  loop.callSoon(() => answers.push(getRunningLoop() === loop, loop.isRunning()));
  await microtasks();
  expect(() => getRunningLoop()).toThrow("no running event loop");
  expect([...answers, loop.isRunning()]).toEqual([true, true, true]);
  await end({ loop, end: ended });
});

test("HostedEventLoop: several may be parked in one thread", async () => {
  const ran = new Notes();
  const loops = [newLoop(), newLoop()] as const;
  const ends = loops.map((loop, i) =>
    loop.runUntilComplete(sleep(2 - i, `loop ${i}`)).then((name) => ran.push(name)),
  );
  await vi.advanceTimersByTimeAsync(2000);
  await Promise.all(ends);
  expect(ran).toEqual(["loop 1", "loop 0"]);
});

test("HostedEventLoop.runForever() is refused while it runs, and inside any turn [S20]", async () => {
  const { loop, end: ended } = running();
  await expect(loop.runForever()).rejects.toThrow("runForever(): this event loop is already running");
  const other = newLoop();
  const refused: Promise<unknown>[] = [];
  loop.callSoon(() => refused.push(other.runUntilComplete(sleep(1)).catch((error: unknown) => error)));
  await microtasks();
  const error = await refused[0];
  expect(error).toBeInstanceOf(RuntimeError);
  expect(String(error)).toContain("runUntilComplete() inside a coroutine or callback");
  await end({ loop, end: ended });
});

test("HostedEventLoop.close() is refused while it is parked [S26]", async () => {
  const { loop, end: ended } = running();
  await microtasks();
  expect(() => loop.close()).toThrow("close(): cannot close a running event loop");
  await end({ loop, end: ended });
  loop.close();
});

test("HostedEventLoop: methods that give promises reject on a closed loop, they do not throw [S14]", async () => {
  const loop = newLoop();
  loop.close();
  const message = "the event loop is closed. Make a new one: newEventLoop()";
  await expect(loop.runForever()).rejects.toThrow(`runForever(): ${message}`);
  await expect(loop.runUntilComplete(sleep(1))).rejects.toThrow(`runUntilComplete(): ${message}`);
});

test("HostedEventLoop: stop() before runForever() gives one turn [S19]", async () => {
  const loop = newLoop();
  const ran = new Notes();
  loop.callSoon(() => {
    ran.push("first turn");
    loop.callSoon(ran.note("second turn"));
  });
  loop.stop();
  await loop.runForever();
  expect(ran).toEqual(["first turn"]);
});

test("HostedEventLoop: an interrupt leaves the loop; what is ready stays for the next run [S21 S45]", async () => {
  const loop = newLoop();
  const ran = new Notes();
  const interrupt = new KeyboardInterrupt();
  loop.callSoon(() => {
    throw interrupt;
  });
  loop.callSoon(ran.note("left over"));
  await expect(loop.runForever()).rejects.toBe(interrupt);
  expect([loop.isRunning(), ...ran]).toEqual([false]);
  loop.callSoon(() => loop.stop());
  await loop.runForever();
  expect(ran).toEqual(["left over"]);
});

test("HostedEventLoop.runUntilComplete() says so if the loop was stopped before [S22]", async () => {
  const loop = newLoop();
  reportsOf(loop);
  const promise = loop.runUntilComplete(sleep(10));
  loop.stop();
  await expect(promise).rejects.toThrow(/the event loop was stopped before <Task pending .*> was done/);
  expect(vi.getTimerCount()).toBe(0);
});

test("HostedEventLoop: after the run nothing of it keeps the process alive [J19]", async () => {
  const { loop, end: ended } = running();
  loop.callLater(1000, () => {});
  await microtasks();
  expect(vi.getTimerCount()).toBe(1);
  await end({ loop, end: ended });
  expect(vi.getTimerCount()).toBe(0);
});

test("HostedEventLoop: where the host runs dry, a program that waits fails with a DeadlockError [J19]", async () => {
  const loop = newLoop();
  const task = loop.createTask(
    (function* () {
      yield* loop.createFuture("a letter");
    })(),
    { name: "reader" },
  );
  const promise = loop.runUntilComplete(task).catch((error: unknown) => error);
  await microtasks();
  loop._hostIsDry();
  const error = await promise;
  expect(error).toBeInstanceOf(DeadlockError);
  expect(String(error)).toContain("1 task waits for ever\n  reader waits for a letter");
  expect(loop.isRunning()).toBe(false);
});

test("HostedEventLoop: where the host runs dry while work is ready, nothing is wrong [J19]", async () => {
  const loop = newLoop();
  const promise = loop.runUntilComplete(sleep(0, "done"));
  loop._hostIsDry(); // it is called already, and not parked
  await microtasks();
  expect(await promise).toBe("done");
});
