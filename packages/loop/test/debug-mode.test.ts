// Debug mode: how it is switched on, what it checks, what it remembers, what it reports.
import { VirtualEventLoop } from "@aioloop/tasks";
import { afterEach, expect, test, vi } from "vitest";
import { listenToLog, Notes, reportsOf, turn } from "./helpers.ts";

afterEach(() => vi.unstubAllEnvs());

const debugging = () => new VirtualEventLoop({ debug: true });
const nothing = () => {};

test.each([
  ["1", true],
  ["0", true],
  ["no", true],
  ["", false],
  [undefined, false],
])("BaseEventLoop: AIOLOOP_DEBUG=%o makes debug mode %o [S38]", (value, expected) => {
  vi.stubEnv("AIOLOOP_DEBUG", value);
  expect(new VirtualEventLoop().getDebug()).toBe(expected);
});

test("BaseEventLoop: where the environment cannot be read, or there is none, debug mode is off [S38]", () => {
  const forbidden = {
    get env(): never {
      throw new Error("needs env access");
    },
  };
  const answers = [forbidden, {}, undefined].map((process) => {
    vi.stubGlobal("process", process);
    try {
      return new VirtualEventLoop().getDebug();
    } finally {
      vi.unstubAllGlobals();
    }
  });
  expect(answers).toEqual([false, false, false]);
});

test("BaseEventLoop: the option `debug` goes before the environment [S38]", () => {
  vi.stubEnv("AIOLOOP_DEBUG", "1");
  expect(new VirtualEventLoop({ debug: false }).getDebug()).toBe(false);
  vi.stubEnv("AIOLOOP_DEBUG", "");
  expect(new VirtualEventLoop({ debug: true }).getDebug()).toBe(true);
});

test("BaseEventLoop.setDebug() switches debug mode at once, before, in and after a run [S37]", () => {
  const loop = new VirtualEventLoop({ debug: false });
  loop.setDebug(true);
  expect(loop.getDebug()).toBe(true);
  loop.setDebug(false);
  expect(loop.getDebug()).toBe(false);
  const answers: boolean[] = [];
  loop.callSoon(() => {
    loop.setDebug(true);
    answers.push(loop.getDebug());
    loop.setDebug(false);
    answers.push(loop.getDebug());
  });
  turn(loop);
  expect(answers).toEqual([true, false]);
});

test.each(["callSoon", "callSoonThreadsafe", "callLater", "callAt"] as const)(
  "BaseEventLoop.%s() refuses a coroutine function in debug mode, and says what to write [S15]",
  (operation) => {
    const loop = debugging();
    function* work() {}
    const call = () =>
      operation === "callLater" || operation === "callAt" ? loop[operation](1, work) : loop[operation](work);
    expect(call).toThrow(TypeError);
    expect(call).toThrow(
      `${operation}(): work is a coroutine function, and calling it runs nothing. Write createTask(work())`,
    );
  },
);

test("BaseEventLoop.callSoon() reports a coroutine function without debug mode when it has run [S15]", () => {
  const loop = new VirtualEventLoop({ debug: false });
  const reports = reportsOf(loop);
  loop.callSoon(function* work() {});
  expect(reports).toEqual([]);
  turn(loop);
  expect(reports).toHaveLength(1);
});

test("BaseEventLoop reports handles that take slowCallbackDuration seconds or more [S39]", () => {
  const log = listenToLog();
  const loop = debugging();
  expect(loop.slowCallbackDuration).toBe(0.1);
  loop.slowCallbackDuration = 0;
  loop.callSoon(function busy(_n: number) {}, 7);
  turn(loop);
  expect(log).toEqual([
    expect.stringMatching(
      /^warning: Executing <Handle busy\(7\) created at .*debug-mode\.test\.ts.*> took \d\.\d{3} seconds$/,
    ),
  ]);
});

test("BaseEventLoop reports slow timers by their own text [S39]", () => {
  const log = listenToLog();
  const loop = debugging();
  loop.slowCallbackDuration = 0;
  loop.callLater(0, function tick() {});
  turn(loop);
  expect(log[0]).toMatch(/^warning: Executing <TimerHandle when=0 tick\(\) created at /);
});

test("BaseEventLoop reports a slow step by its task [S39]", () => {
  const log = listenToLog();
  const loop = debugging();
  loop.slowCallbackDuration = 0;
  loop.createTask((function* () {})(), { name: "slowpoke" });
  turn(loop);
  expect(log[0]).toMatch(/Executing .*name='slowpoke'.* took/);
});

test("BaseEventLoop reports a slow handle that cancelled itself by what it was [S39 S46]", () => {
  const log = listenToLog();
  const loop = debugging();
  loop.slowCallbackDuration = 0;
  const handle = loop.callSoon(function selfish() {
    handle.cancel();
  });
  turn(loop);
  expect(log[0]).toContain("Executing <Handle cancelled selfish() created at");
});

test("BaseEventLoop reports no slow handle below slowCallbackDuration, nor outside debug mode [S39]", () => {
  const log = listenToLog();
  const slow = debugging();
  slow.slowCallbackDuration = 1000;
  slow.callSoon(nothing);
  turn(slow);
  const plain = new VirtualEventLoop({ debug: false });
  plain.slowCallbackDuration = 0;
  plain.callSoon(nothing);
  turn(plain);
  expect(log).toEqual([]);
});

test("BaseEventLoop measures slow handles in real time, not in the loop's [S39]", () => {
  const log = listenToLog();
  const now = vi.spyOn(performance, "now");
  const loop = debugging();
  loop.callSoon(() => now.mockReturnValue(performance.now() + 250));
  turn(loop);
  now.mockRestore();
  expect(log).toEqual([expect.stringMatching(/took 0\.25\d seconds$/)]);
});

test("Handle and Future in debug mode remember at most 10 frames of where they were made [S44]", () => {
  const loop = debugging();
  const reports = reportsOf(loop);
  const deep = (depth: number): void => {
    if (depth > 0) deep(depth - 1);
    else {
      loop.callSoon(() => {
        throw new Error();
      });
      loop.createFuture().setException(new Error());
    }
  };
  deep(50);
  turn(loop);
  loop.close();
  expect(reports).toHaveLength(2);
  for (const { sourceTraceback } of reports) {
    expect(sourceTraceback?.split("\n")).toHaveLength(10);
    expect(sourceTraceback?.split("\n")[0]).toMatch(/^\s+at deep .*debug-mode\.test\.ts/);
  }
});

test("Future.toString() in debug mode says where it was made [S69]", () => {
  expect(String(debugging().createFuture())).toMatch(
    /^<Future pending created at .*debug-mode\.test\.ts:\d+:\d+\)?>$/,
  );
  expect(String(new VirtualEventLoop({ debug: false }).createFuture())).toBe("<Future pending>");
});

test("BaseEventLoop in debug mode runs the same handles in the same order", () => {
  const loop = debugging();
  const ran = new Notes();
  loop.callSoon(ran.note("a"));
  loop.callSoon(ran.note("cancelled")).cancel();
  loop.callLater(0, ran.note("timer"));
  loop.callSoon(() => loop.callSoon(ran.note("next turn")));
  turn(loop, 2);
  expect(ran).toEqual(["a", "timer", "next turn"]);
});
