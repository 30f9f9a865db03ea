// A Runner and the mains it runs: what they leave behind, who may run when, and Ctrl-C at awkward moments.
import { inspect } from "node:util";
import type { Coroutine, ExceptionContext } from "@aioloop/loop";
import {
  CancelledError,
  ContextVar,
  copyContext,
  getEventLoop,
  getRunningLoop,
  KeyboardInterrupt,
  setEventLoop,
  wrapFuture,
} from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import { asyncFor, createTask, HostEventLoop, Runner, run, sleep, VirtualEventLoop } from "@aioloop/tasks";
import { afterEach, describe, expect, test, vi } from "vitest";
import { endOf, errorOf, self, textOf, thrownBy } from "./helpers.ts";

function virtualRunner(): Runner<VirtualEventLoop> {
  return new Runner({ loopFactory: () => new VirtualEventLoop() });
}

function* giving<T>(value: T): Coroutine<T> {
  yield* sleep(0);
  return value;
}

describe("run()", () => {
  test("run() asks the loopFactory once, and runs on what it gives", () => {
    const loop = new VirtualEventLoop();
    const factory = vi.fn(() => loop);
    const running = run(
      (function* () {
        return [getRunningLoop()];
      })(),
      { loopFactory: factory },
    );
    expect(running[0]).toBe(loop);
    expect(factory).toHaveBeenCalledExactlyOnceWith();
  });

  test("run() gives the result of main, and what main left is cancelled [S177]", () => {
    const left: Task<void>[] = [];
    const main = (function* () {
      left.push(createTask(sleep(0.1)));
      return 123;
    })();
    expect(run(main, { loopFactory: () => new VirtualEventLoop() })).toBe(123);
    expect(left.map(endOf)).toEqual(["cancelled"]);
  });

  test("run() whose main fails while a task iterates an async generator, and that fails too: the generator is closed [S34 S176 S177]", async () => {
    const reports: ExceptionContext[] = [];
    const notes: string[] = [];
    const loop = new HostEventLoop({ debug: false });
    loop.setExceptionHandler((_loop, context) => void reports.push(context));
    const spinner = (async function* () {
      try {
        for (;;) {
          yield 1;
          await new Promise((resolve) => setImmediate(resolve));
        }
      } finally {
        notes.push("closed");
      }
    })();
    const tasks: Task<void>[] = [];
    const main = (function* () {
      tasks.push(
        createTask(
          (function* () {
            yield* errorOf(asyncFor(spinner, () => giving(undefined)));
            throw new Error("in clean-up");
          })(),
        ),
      );
      yield* wrapFuture(new Promise((resolve) => setImmediate(resolve)));
      throw new Error("main failed");
    })();
    await expect(run(main, { loopFactory: () => loop })).rejects.toThrow("main failed");
    expect(tasks.map(endOf)).toEqual(["exception Error: in clean-up"]);
    expect(reports.map(({ message }) => message)).toEqual(["unhandled exception during run() shutdown"]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(notes).toEqual(["closed"]);
  });
});

describe("Runner", () => {
  test("Runner.getLoop() is what the loopFactory gave", () => {
    const loop = new VirtualEventLoop();
    const runner = new Runner({ loopFactory: () => loop });
    expect(runner.getLoop()).toBe(loop);
    runner.close();
  });

  test("Runner.run() takes a future of its loop as well [N8]", () => {
    const runner = virtualRunner();
    const future = runner.getLoop().createFuture<string>();
    runner.getLoop().callLater(1, () => future.setResult("awaited"));
    expect(runner.run(future)).toBe("awaited");
    runner.close();
  });

  test("Runner that was disposed of runs nothing more [S182]", () => {
    const seen: number[] = [];
    function* noting(value: number): Coroutine<void> {
      seen.push(value);
    }
    const runner = virtualRunner();
    runner.run(noting(1));
    const loop = runner.getLoop();
    runner[Symbol.dispose]();
    expect(loop.isClosed()).toBe(true);
    expect(textOf(thrownBy(() => runner.run(noting(2))))).toBe(
      "RuntimeError: the Runner is closed: make a new one",
    );
    expect(seen).toEqual([1]);
  });

  test("Runner.run() again: what one main set in its context the next finds, and a third can copy [S181]", () => {
    const variable = new ContextVar("variable", { default: -1 });
    function* setting(value: number): Coroutine<number> {
      const before = variable.get();
      yield* sleep(0);
      variable.set(value);
      return before;
    }
    const runner = virtualRunner();
    expect([runner.run(setting(1)), runner.run(setting(2))]).toEqual([-1, 1]);
    const context = runner.run(
      (function* () {
        return copyContext();
      })(),
    );
    expect(context.get(variable)).toBe(2);
    runner.close();
  });

  test("Runner.run() inside its own main is refused, starts nothing, and main goes on [S175]", () => {
    const runner = virtualRunner();
    let hasRun = false;
    const second = (function* () {
      hasRun = true;
    })();
    const main = (function* () {
      const error = thrownBy(() => runner.run(second));
      yield* sleep(1);
      return textOf(error);
    })();
    expect(runner.run(main)).toMatch(/^RuntimeError: runner\.run\(\) inside a coroutine or callback of /);
    expect(hasRun).toBe(false);
    runner.close();
  });

  test("Runner without a loopFactory sets its loop for getEventLoop() at its first run alone [S182]", async () => {
    const runner = new Runner();
    await runner.run(giving(1));
    expect(getEventLoop()).toBe(runner.getLoop());
    const other = new VirtualEventLoop();
    setEventLoop(other);
    await runner.run(giving(2));
    expect(getEventLoop()).toBe(other);
    await runner.close();
    other.close();
  });

  test("Runner.run() does not ask the result how it shows itself", () => {
    let asked = 0;
    const show = () => {
      asked += 1;
      return "shown";
    };
    const result = { toString: show, toJSON: show, [inspect.custom]: show, [Symbol.toPrimitive]: show };
    const runner = virtualRunner();
    expect(runner.run(giving(result)) === result).toBe(true);
    runner.close();
    expect(asked).toBe(0);
  });
});

describe("Ctrl-C", () => {
  const others = process.listeners("SIGINT");
  for (const other of others) process.off("SIGINT", other);

  afterEach(() => vi.restoreAllMocks());

  const interrupt = () => void process.emit("SIGINT");

  test("Ctrl-C while main gives way in a circle: it is cancelled there, and KeyboardInterrupt comes out [S179 S180]", async () => {
    const runner = new Runner();
    let caught: unknown;
    const main = (function* () {
      setImmediate(interrupt);
      try {
        for (;;) yield* sleep(0);
      } catch (error) {
        caught = error;
      }
      throw new CancelledError();
    })();
    await expect(runner.run(main)).rejects.toBeInstanceOf(KeyboardInterrupt);
    expect(caught).toBeInstanceOf(CancelledError);
    await runner.close();
  });

  test("Ctrl-C while main waits for a future cancels the future [S179 S99]", async () => {
    const runner = new Runner();
    const future = runner.getLoop().createFuture<void>();
    const main = (function* () {
      setImmediate(interrupt);
      expect(yield* errorOf(future)).toBeInstanceOf(CancelledError);
      throw new CancelledError();
    })();
    await expect(runner.run(main)).rejects.toBeInstanceOf(KeyboardInterrupt);
    expect(future.cancelled()).toBe(true);
    await runner.close();
  });

  test("Ctrl-C after main was cancelled by a task: a CancelledError [S180]", async () => {
    const runner = new Runner();
    const main = (function* () {
      const task = self();
      createTask(
        (function* () {
          yield* sleep(0);
          task.cancel();
          interrupt();
        })(),
      );
      yield* sleep(10);
    })();
    await expect(runner.run(main)).rejects.toBeInstanceOf(CancelledError);
    await runner.close();
  });

  test("Ctrl-C that the host does not let a program listen to is no hindrance to run() [S178]", async () => {
    const on = vi.spyOn(process, "on").mockImplementation(() => {
      throw new Error("signals are for the main thread");
    });
    const runner = new Runner();
    expect(await runner.run(giving("done"))).toBe("done");
    expect(on).toHaveBeenCalled();
    on.mockRestore();
    await runner.close();
  });
});
