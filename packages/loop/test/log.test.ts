// The logger: where messages go, and that one that fails neither stops the loop nor loses them.
import { logger, setLogger } from "@aioloop/loop";
import { VirtualEventLoop } from "@aioloop/tasks";
import { afterEach, expect, test, vi } from "vitest";
import { Notes, turn } from "./helpers.ts";

afterEach(() => {
  setLogger(null);
  vi.restoreAllMocks();
});

function target() {
  return { debug: vi.fn(), info: vi.fn(), warning: vi.fn(), error: vi.fn() };
}

test.each([
  ["debug", "debug"],
  ["info", "info"],
  ["warning", "warn"],
  ["error", "error"],
] as const)("logger.%s() writes to console.%s at first", (level, method) => {
  const spy = vi.spyOn(console, method).mockImplementation(() => {});
  logger[level]("hello");
  expect(spy.mock.calls).toEqual([["hello"]]);
});

test.each(["debug", "info", "warning", "error"] as const)("setLogger() sends %s to the target", (level) => {
  const to = target();
  setLogger(to);
  logger[level]("hello");
  expect(to[level].mock.calls).toEqual([["hello"]]);
});

test("setLogger() calls the target's functions as its methods", () => {
  class Target {
    readonly lines: string[] = [];
    debug(message: string) {
      this.lines.push(message);
    }
    info = this.debug;
    warning = this.debug;
    error = this.debug;
  }
  const to = new Target();
  setLogger(to);
  logger.error("one");
  logger.warning("two");
  expect(to.lines).toEqual(["one", "two"]);
});

test("setLogger(null) goes back to the console", () => {
  const spy = vi.spyOn(console, "error").mockImplementation(() => {});
  const to = target();
  setLogger(to);
  setLogger(null);
  logger.error("hello");
  expect([to.error.mock.calls.length, spy.mock.calls]).toEqual([0, [["hello"]]]);
});

test.each([
  ["console, whose name for it is warn", console, "warning is missing"],
  ["an empty object", {}, "debug is missing"],
  ["undefined", undefined, "debug is missing"],
])("setLogger() refuses %s", (_, value, message) => {
  expect(() => setLogger(value as never)).toThrow(TypeError);
  expect(() => setLogger(value as never)).toThrow(message);
});

test("setLogger() leaves the logger as it was when it refuses", () => {
  const to = target();
  setLogger(to);
  expect(() => setLogger({ ...target(), error: 5 } as never)).toThrow("error is missing");
  logger.debug("hello");
  expect(to.debug).toHaveBeenCalled();
});

test("logger: what a target that throws was to write goes to the console, and the loop runs on", () => {
  const spy = vi.spyOn(console, "error").mockImplementation(() => {});
  setLogger({
    ...target(),
    error() {
      throw new Error("disk full");
    },
  });
  const loop = new VirtualEventLoop({ debug: false });
  const ran = new Notes();
  loop.callSoon(() => {
    throw "lost?";
  });
  loop.callSoon(ran.note("next"));
  turn(loop);
  expect(ran).toEqual(["next"]);
  expect(spy.mock.calls.flat()).toEqual([
    expect.stringContaining('thrown value: "lost?"'),
    expect.stringMatching(/^the logger's error\(\) failed: Error: disk full/),
  ]);
});
