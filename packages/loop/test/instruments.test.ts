// Instruments: what they are told, in which order, and that one that fails is removed and reported.
import type { AbstractTask, Handle, Instrument } from "@aioloop/loop";
import { sleep, VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { listenToLog, Notes, reportsOf, runFor, turn } from "./helpers.ts";

const newLoop = (debug = false) => new VirtualEventLoop({ debug });

test("BaseEventLoop.addInstrument(): handleBefore and handleAfter stand around each handle", () => {
  const loop = newLoop();
  const told = new Notes();
  const handles: Handle[] = [];
  loop.addInstrument({
    handleBefore(handle) {
      told.push("before");
      handles.push(handle);
    },
    handleAfter: () => void told.push("after"),
  });
  const handle = loop.callSoon(told.note("callback"));
  const timer = loop.callLater(0, told.note("timer"));
  loop.callSoon(told.note("cancelled")).cancel();
  turn(loop);
  expect(told).toEqual(["before", "callback", "after", "before", "timer", "after"]);
  expect([handles[0] === handle, handles[1] === timer]).toEqual([true, true]);
});

test("BaseEventLoop.addInstrument(): a task is told of from its creation to its end", () => {
  const loop = newLoop();
  const told = new Notes();
  const line = (event: string) => (task: AbstractTask) => void told.push(`${event} ${task.getName()}`);
  loop.addInstrument({
    taskCreated: line("created"),
    taskStep: line("step"),
    taskWait: (task, future) =>
      void told.push(`${task.getName()} ${future === null ? "gives way" : "waits"}`),
    taskDone: line("done"),
  });
  loop.createTask(
    (function* () {
      yield;
      yield* sleep(1);
    })(),
    { name: "t" },
  );
  runFor(loop, 2);
  expect(told).toEqual(["created t", "step t", "t gives way", "step t", "t waits", "step t", "done t"]);
});

test("BaseEventLoop.addInstrument(): several are told in the order in which they were added", () => {
  const loop = newLoop();
  const told = new Notes();
  const instruments = ["a", "b"].map((name): Instrument => ({ handleBefore: told.note(name) }));
  for (const instrument of instruments) loop.addInstrument(instrument);
  loop.callSoon(() => {});
  turn(loop);
  expect(told).toEqual(["a", "b"]);
  loop.removeInstrument(instruments[0] as Instrument);
  loop.callSoon(() => {});
  turn(loop);
  expect(told).toEqual(["a", "b", "b"]);
});

test("BaseEventLoop.removeInstrument() of one that is not there does nothing", () => {
  const loop = newLoop();
  loop.removeInstrument({});
  turn(loop);
});

test("BaseEventLoop.addInstrument(): every hook is optional, and they are called as methods", () => {
  const loop = newLoop();
  class Counter implements Instrument {
    count = 0;
    handleBefore(): void {
      this.count++;
    }
  }
  const counter = new Counter();
  loop.addInstrument({});
  loop.addInstrument(counter);
  loop.createTask((function* () {})());
  turn(loop);
  expect(counter.count).toBe(1);
});

test.each([
  ["taskCreated", new Error("broken")],
  ["taskStep", "text"],
  ["taskWait", undefined],
  ["taskDone", null],
  ["handleBefore", undefined],
  ["handleAfter", new Error("broken")],
] as const)(
  "Instrument: %s() that throws %s is removed and reported, once; all goes on [J7]",
  (hook, thrown) => {
    const loop = newLoop();
    const reports = reportsOf(loop);
    const told = new Notes();
    const broken: Instrument = {
      [hook]() {
        throw thrown;
      },
    };
    loop.addInstrument(broken);
    loop.addInstrument({ taskDone: told.note("the other one hears of the task's end") });
    const task = loop.createTask(
      (function* () {
        yield;
        yield* sleep(1);
        return "done";
      })(),
    );
    runFor(loop, 2);
    expect(task.result()).toBe("done");
    expect(reports).toEqual([{ message: `Instrument removed: its ${hook}() failed`, exception: thrown }]);
    expect(told).toHaveLength(1);
  },
);

test("Instrument: access() is passed on with the object and the kind", () => {
  const loop = newLoop();
  const seen: unknown[][] = [];
  loop.addInstrument({ access: (object, kind) => void seen.push([object, kind]) });
  const lock = {};
  loop._instrument?.access(lock, "write");
  expect(seen).toEqual([[lock, "write"]]);
});

test("Instrument: a failing one is logged by default, with what it threw", () => {
  const log = listenToLog();
  const loop = newLoop();
  loop.addInstrument({
    handleBefore() {
      throw "broken";
    },
  });
  loop.callSoon(() => {});
  turn(loop);
  expect(log).toEqual(['error: Instrument removed: its handleBefore() failed\nthrown value: "broken"']);
});

test("BaseEventLoop.removeInstrument() inside a handle: it is not told of the handle's end", () => {
  const loop = newLoop();
  const told = new Notes();
  const instrument: Instrument = { handleBefore: told.note("before"), handleAfter: told.note("after") };
  loop.addInstrument(instrument);
  loop.callSoon(() => loop.removeInstrument(instrument));
  loop.callSoon(() => {});
  turn(loop);
  expect(told).toEqual(["before"]);
});

test.each([[true], [false]])(
  "BaseEventLoop.addInstrument() inside a handle: it is told of no end without a beginning (debug: %s)",
  (debug) => {
    const loop = newLoop(debug);
    const told = new Notes();
    loop.callSoon(() =>
      loop.addInstrument({ handleBefore: told.note("before"), handleAfter: told.note("after") }),
    );
    turn(loop);
    loop.callSoon(() => {});
    turn(loop);
    expect(told).toEqual(["before", "after"]);
  },
);

test("BaseEventLoop runs the same handles in the same order with an instrument [S1 S2 S3]", () => {
  const runs = [false, true].map((watched) => {
    const loop = newLoop();
    if (watched) loop.addInstrument({ handleBefore() {}, handleAfter() {} });
    const ran = new Notes();
    loop.callLater(0, ran.note("timer"));
    loop.callSoon(() => later.cancel());
    const later = loop.callSoon(ran.note("cancelled"));
    loop.callSoon(() => loop.callSoon(ran.note("next turn")));
    loop.callSoon(ran.note("same turn"));
    turn(loop, 2);
    return [...ran];
  });
  expect(runs[0]).toEqual(["same turn", "timer", "next turn"]);
  expect(runs[1]).toEqual(runs[0]);
});
