// Fear: a signal ends the program all the same, comes in the middle of a turn, or its handler outlives its loop. CPython: `test_unix_events`.
import { constants } from "node:os";
import type { ExceptionContext } from "@aioloop/loop";
import { ContextVar, copyContext, getRunningLoop, RuntimeError } from "@aioloop/loop";
import type { Signal } from "@aioloop/streams";
import { EventLoop } from "@aioloop/streams";
import { coroutine, Event, run, sleep, waitFor } from "@aioloop/tasks";
import { afterEach, describe, expect, test } from "vitest";
import { start } from "../../../test/programs/child.ts";
import { textOf, thrownBy } from "../../tasks/test/helpers.ts";
import { block, program } from "./helpers-i.ts";

/** Signals of which nothing comes by themselves, and which no test runner needs. */
const USED = ["SIGUSR2", "SIGHUP", "SIGWINCH"] as const;

const listeners = () => USED.map((name) => process.listenerCount(name));
const before = listeners();

const loops: EventLoop[] = [];

/** A loop that is closed when its test ends, however that does. */
function newLoop(): EventLoop {
  const loop = new EventLoop();
  loops.push(loop);
  return loop;
}

afterEach(() => {
  for (const loop of loops.splice(0)) loop.close();
  expect(listeners()).toEqual(before);
});

const send = (name: NodeJS.Signals) => process.kill(process.pid, name);

describe("EventLoop.addSignalHandler()", () => {
  test.each(["SIGUSR2", constants.signals.SIGUSR2] as const)(
    "calls its handler when the signal comes (%s)",
    async (signal) => {
      await program(function* (loop) {
        const came = new Event();
        loop.addSignalHandler(signal, () => came.set());
        send("SIGUSR2");
        yield* waitFor(came.wait(), 10);
        expect(loop.removeSignalHandler(signal)).toBe(true);
      });
    },
  );

  test("hands its arguments to the handler", async () => {
    await program(function* (loop) {
      const came = new Event();
      const given: unknown[] = [];
      const handler = (...args: unknown[]) => {
        given.push(...args);
        came.set();
      };
      loop.addSignalHandler("SIGUSR2", handler, 1, "two", null);
      send("SIGUSR2");
      yield* waitFor(came.wait(), 10);
      expect(given).toEqual([1, "two", null]);
    });
  });

  test("calls the handler in a turn of its loop, not where the signal finds it [S280]", async () => {
    await program(function* (loop) {
      const came = new Event();
      const steps: unknown[] = [];
      loop.addSignalHandler("SIGUSR2", () => {
        steps.push(getRunningLoop());
        came.set();
      });
      send("SIGUSR2");
      block(50);
      steps.push("still in the step");
      yield* waitFor(came.wait(), 10);
      expect(steps).toHaveLength(2);
      expect(steps[0]).toBe("still in the step");
      expect(steps[1]).toBe(loop);
    });
  });

  test("calls the handler in the context in which it was added [S280]", async () => {
    const name = new ContextVar<string>("name", { default: "outer" });
    await program(function* (loop) {
      const came = new Event();
      const seen: string[] = [];
      copyContext().run(() => {
        name.set("inner");
        loop.addSignalHandler("SIGUSR2", () => {
          seen.push(name.get());
          name.set("of the handler");
          came.set();
        });
        name.set("changed later");
      });
      for (let i = 0; i < 2; i++) {
        came.clear();
        send("SIGUSR2");
        yield* waitFor(came.wait(), 10);
      }
      expect(seen).toEqual(["inner", "of the handler"]);
      expect(name.get()).toBe("outer");
    });
  });

  test("wakes a loop that waits, and reaches one that is busy", async () => {
    await program(function* (loop) {
      const came = new Event();
      loop.addSignalHandler("SIGUSR2", () => came.set());
      setTimeout(() => send("SIGUSR2"), 20);
      yield* waitFor(came.wait(), 10);
      came.clear();
      send("SIGUSR2");
      for (const end = loop.time() + 10; !came.isSet() && loop.time() < end; ) yield;
      expect(came.isSet()).toBe(true);
    });
  });

  test("handles several signals, each with its own handler", async () => {
    await program(function* (loop) {
      const came: string[] = [];
      const news = new Event();
      for (const name of USED) {
        loop.addSignalHandler(name, () => {
          came.push(name);
          news.set();
        });
      }
      for (const name of USED) send(name);
      while (came.length < USED.length) {
        news.clear();
        yield* waitFor(news.wait(), 10);
      }
      expect(came.sort()).toEqual([...USED].sort());
    });
  });

  test("is called for each signal that comes after the handler of the last", async () => {
    await program(function* (loop) {
      const came = new Event();
      let count = 0;
      loop.addSignalHandler("SIGUSR2", () => {
        count += 1;
        came.set();
      });
      for (let i = 0; i < 5; i++) {
        came.clear();
        send("SIGUSR2");
        yield* waitFor(came.wait(), 10);
      }
      expect(count).toBe(5);
    });
  });

  test("replaces the handler that was there, by name and by number [S279]", async () => {
    await program(function* (loop) {
      const came = new Event();
      const calls: string[] = [];
      const handler = (name: string) => {
        calls.push(name);
        came.set();
      };
      loop.addSignalHandler("SIGUSR2", handler, "first");
      loop.addSignalHandler(constants.signals.SIGUSR2, handler, "second");
      loop.addSignalHandler("SIGUSR2", handler, "third");
      expect(process.listenerCount("SIGUSR2")).toBe((before[0] ?? 0) + 1);
      send("SIGUSR2");
      yield* waitFor(came.wait(), 10);
      yield* sleep(0.02);
      expect(calls).toEqual(["third"]);
      expect(loop.removeSignalHandler("SIGUSR2")).toBe(true);
      expect(loop.removeSignalHandler("SIGUSR2")).toBe(false);
    });
  });

  test("keeps the handler that was there when the new one is refused", async () => {
    await program(function* (loop) {
      const came = new Event();
      loop.addSignalHandler("SIGUSR2", () => came.set());
      expect(() => loop.addSignalHandler("SIGUSR2", null as never)).toThrow(TypeError);
      send("SIGUSR2");
      yield* waitFor(came.wait(), 10);
    });
  });

  test("leaves listeners of others alone", async () => {
    await program(function* (loop) {
      const came = new Event();
      let others = 0;
      const other = () => void (others += 1);
      process.on("SIGUSR2", other);
      try {
        loop.addSignalHandler("SIGUSR2", () => came.set());
        send("SIGUSR2");
        yield* waitFor(came.wait(), 10);
        expect(others).toBe(1);
        loop.removeSignalHandler("SIGUSR2");
        expect(process.listeners("SIGUSR2")).toContain(other);
      } finally {
        process.off("SIGUSR2", other);
      }
    });
  });

  test("of several loops: each calls its own", async () => {
    const other = newLoop();
    const calls: string[] = [];
    const ended = other.runUntilComplete(
      (function* () {
        const came = new Event();
        other.addSignalHandler("SIGUSR2", () => {
          calls.push(getRunningLoop() === other ? "other" : "wrong");
          came.set();
        });
        yield* came.wait();
      })(),
    );
    await program(function* (loop) {
      const came = new Event();
      loop.addSignalHandler("SIGUSR2", () => {
        calls.push(getRunningLoop() === loop ? "one" : "wrong");
        came.set();
      });
      yield* sleep(0.01);
      send("SIGUSR2");
      yield* waitFor(came.wait(), 10);
    });
    await ended;
    expect(calls.sort()).toEqual(["one", "other"]);
    expect(process.listenerCount("SIGUSR2")).toBe((before[0] ?? 0) + 1); // that of the loop that is still open
  });

  test("reports what a handler throws, and goes on", async () => {
    const reports: ExceptionContext[] = [];
    await program(function* (loop) {
      const came = new Event();
      let count = 0;
      loop.addSignalHandler("SIGUSR2", () => {
        count += 1;
        came.set();
        throw new Error("not today");
      });
      for (let i = 0; i < 2; i++) {
        came.clear();
        send("SIGUSR2");
        yield* waitFor(came.wait(), 10);
      }
      expect(count).toBe(2);
    }, reports);
    expect(reports.map(({ exception }) => textOf(exception))).toEqual([
      "Error: not today",
      "Error: not today",
    ]);
  });

  test("lets a handler remove itself", async () => {
    await program(function* (loop) {
      const came = new Event();
      let removed: boolean | null = null;
      loop.addSignalHandler("SIGWINCH", () => {
        removed = loop.removeSignalHandler("SIGWINCH");
        came.set();
      });
      send("SIGWINCH");
      yield* waitFor(came.wait(), 10);
      expect(removed).toBe(true);
    });
  });

  test.each(["SIGKILL", "SIGSTOP", 9, 19] as const)("refuses what cannot be caught (%s) [S279]", (signal) => {
    const loop = newLoop();
    const error = thrownBy(() => loop.addSignalHandler(signal, () => {}));
    expect(error).toBeInstanceOf(RuntimeError);
    expect(textOf(error)).toBe(
      `RuntimeError: addSignalHandler(signal, callback, ...args): ${signal === 9 || signal === "SIGKILL" ? "SIGKILL" : "SIGSTOP"} cannot be caught`,
    );
  });

  test.each(["SIGNONE", "TERM", "sigterm", "", 1000, 0, -1, 1.5, Number.NaN])(
    "refuses what is no signal (%s), and so does removeSignalHandler() [S279]",
    (signal) => {
      const loop = newLoop();
      expect(() => loop.addSignalHandler(signal as Signal, () => {})).toThrow(RangeError);
      expect(() => loop.removeSignalHandler(signal as Signal)).toThrow(RangeError);
      expect(() => loop.addSignalHandler(signal as Signal, () => {})).toThrow(
        /is no signal of this system; write "SIGTERM"/,
      );
    },
  );

  test.each([null, undefined, {}, true, 15n])(
    "refuses what is neither name nor number (%s), and so does removeSignalHandler() [S279]",
    (signal) => {
      const loop = newLoop();
      expect(() => loop.addSignalHandler(signal as never, () => {})).toThrow(TypeError);
      expect(() => loop.removeSignalHandler(signal as never)).toThrow(TypeError);
    },
  );

  test("refuses coroutine functions, and says what to write [S279]", () => {
    const loop = newLoop();
    function* plain() {}
    const marked = coroutine(function* marked() {});
    for (const handler of [plain, marked]) {
      const error = thrownBy(() => loop.addSignalHandler("SIGUSR2", handler as () => void));
      expect(error).toBeInstanceOf(TypeError);
      expect(textOf(error)).toContain(
        "is a coroutine function, and calling it runs nothing. Write () => void createTask(",
      );
    }
  });

  test.each([null, undefined, "handler", {}])("refuses %s as a handler", (handler) => {
    const loop = newLoop();
    const error = thrownBy(() => loop.addSignalHandler("SIGUSR2", handler as never));
    expect(error).toBeInstanceOf(TypeError);
    expect(textOf(error)).toContain(
      "addSignalHandler(signal, callback, ...args): callback must be a function, got ",
    );
  });

  test("refuses when the loop is closed", () => {
    const loop = newLoop();
    loop.close();
    expect(() => loop.addSignalHandler("SIGUSR2", () => {})).toThrow(RuntimeError);
    expect(loop.removeSignalHandler("SIGUSR2")).toBe(false);
  });
});

describe("EventLoop.removeSignalHandler()", () => {
  test("is true if there was a handler, false if there was none [S281]", () => {
    const loop = newLoop();
    expect(loop.removeSignalHandler("SIGHUP")).toBe(false);
    loop.addSignalHandler("SIGHUP", () => {});
    expect(loop.removeSignalHandler(constants.signals.SIGHUP)).toBe(true);
    expect(loop.removeSignalHandler("SIGHUP")).toBe(false);
  });

  test("removes one and leaves the others [S281]", async () => {
    await program(function* (loop) {
      const came = new Event();
      loop.addSignalHandler("SIGWINCH", () => expect.unreachable());
      loop.addSignalHandler("SIGUSR2", () => came.set());
      expect(loop.removeSignalHandler("SIGWINCH")).toBe(true);
      send("SIGWINCH");
      send("SIGUSR2");
      yield* waitFor(came.wait(), 10);
      yield* sleep(0.02);
    });
  });

  test("of one loop leaves that of another", async () => {
    const other = newLoop();
    other.addSignalHandler("SIGUSR2", () => {});
    await program(function* (loop) {
      const came = new Event();
      loop.addSignalHandler("SIGUSR2", () => came.set());
      expect(other.removeSignalHandler("SIGUSR2")).toBe(true);
      send("SIGUSR2");
      yield* waitFor(came.wait(), 10);
    });
  });
});

describe("EventLoop.close()", () => {
  test("removes all handlers [S281]", () => {
    const loop = newLoop();
    for (const name of USED) loop.addSignalHandler(name, () => {});
    expect(listeners()).toEqual(before.map((count) => count + 1));
    loop.close();
    expect(listeners()).toEqual(before);
    for (const name of USED) expect(loop.removeSignalHandler(name)).toBe(false);
    loop.close();
  });

  test("removes them at the end of a run, also of one that failed [S281]", async () => {
    const main = function* (loop: EventLoop) {
      loop.addSignalHandler("SIGUSR2", () => {});
      yield* sleep(0);
      throw new Error("main fails");
    };
    const loop = newLoop();
    await expect(run(main(loop), { loopFactory: () => loop })).rejects.toThrow("main fails");
    expect(listeners()).toEqual(before);
  });

  test("that is refused, since the loop runs, leaves the handlers", async () => {
    await program(function* (loop) {
      const came = new Event();
      loop.addSignalHandler("SIGUSR2", () => came.set());
      expect(() => loop.close()).toThrow(RuntimeError);
      send("SIGUSR2");
      yield* waitFor(came.wait(), 10);
    });
  });
});

describe("a program", () => {
  const file = new URL("./programs/signals.ts", import.meta.url).href;
  /** Runs one of them, and sends it these signals, one for each line "ready" it writes. */
  const play = (name: string, ...signals: NodeJS.Signals[]) =>
    start(file, [name], (said, child) => {
      if (said.endsWith("ready\n")) child.kill(signals.shift() ?? "SIGKILL");
    });

  test("that waits for nothing but a signal is kept alive by its handler, and ends after it", async () => {
    expect(await play("waits", "SIGTERM")).toEqual({
      code: 0,
      signal: null,
      stdout: "ready\nSIGTERM\nmain ends\n",
      stderr: "",
    });
  });

  test("is kept alive by a handler though its loop does not run", async () => {
    const { signal, stdout } = await play("idle", "SIGTERM", "SIGKILL");
    expect([signal, stdout]).toEqual(["SIGKILL", "ready\nstill here, ready\n"]);
  });

  test.each(["removed", "closed"])("is not kept alive by a handler that was %s", async (name) => {
    expect(await play(name)).toEqual({ code: 0, signal: null, stdout: "main ends\n", stderr: "" });
  });

  test("whose last handler was removed waits for nothing, and says so", async () => {
    const { code, stdout, stderr } = await play("waitsForNothing");
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("DeadlockError");
  });

  test("is ended by a signal again when its handler was removed [S281]", async () => {
    expect(await play("defaultAgain", "SIGTERM", "SIGTERM")).toEqual({
      code: null,
      signal: "SIGTERM",
      stdout: "ready\nhandled, ready\n",
      stderr: "",
    });
  });

  test("with a handler for SIGINT is not cancelled by it; without it again it is [S281]", async () => {
    expect(await play("interrupted", "SIGINT", "SIGINT")).toEqual({
      code: 0,
      signal: null,
      stdout: "ready\nhandled, ready\nKeyboardInterrupt\n",
      stderr: "",
    });
  });

  test("is refused a handler in a thread other than the main one [S279]", async () => {
    expect(await play("inAThread")).toEqual({
      code: 0,
      signal: null,
      stdout:
        "RuntimeError: addSignalHandler(signal, callback, ...args): signals come to the main thread only\nfalse\n",
      stderr: "",
    });
  });
});
