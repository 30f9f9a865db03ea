import type { Coroutine } from "@aioloop/loop";
import { CancelledError, ContextVar, copyContext, getEventLoop, KeyboardInterrupt } from "@aioloop/loop";
import { createTask, HostEventLoop, Runner, sleep, VirtualEventLoop } from "@aioloop/tasks";
import { afterEach, describe, expect, test, vi } from "vitest";
import { errorOf, program, self, textOf, thrownBy } from "./helpers.ts";

const variable = new ContextVar("variable", { default: 0 });

function* counting(): Coroutine<number> {
  variable.set(variable.get() + 1);
  yield;
  return variable.get();
}

function virtualRunner(): Runner<VirtualEventLoop> {
  return new Runner({ loopFactory: () => new VirtualEventLoop() });
}

describe("Runner", () => {
  test("Runner.run() again and again: one loop, one context [S181]", () => {
    const runner = virtualRunner();
    expect([runner.run(counting()), runner.run(counting())]).toEqual([1, 2]);
    expect(variable.get()).toBe(0);
    const loop = runner.getLoop();
    runner.run(sleep(5));
    expect(loop.time()).toBe(5);
    runner.close();
    expect(loop.isClosed()).toBe(true);
  });

  test("Runner.run(…, { context }) runs there [S181]", () => {
    const runner = virtualRunner();
    const context = copyContext();
    runner.run(counting(), { context });
    expect([context.get(variable), runner.run(counting())]).toEqual([1, 1]);
    runner.close();
  });

  test("Runner on a host loop gives promises [S181]", async () => {
    const runner = new Runner();
    expect([await runner.run(counting()), await runner.run(counting())]).toEqual([1, 2]);
    expect(runner.getLoop()).toBeInstanceOf(HostEventLoop);
    await runner.close();
  });

  test("Runner sets its loop for getEventLoop() only if it made it without a factory, and once [S182]", async () => {
    const own = virtualRunner();
    own.getLoop();
    expect(() => getEventLoop()).toThrow(/there is no current event loop/);
    own.close();
    const runner = new Runner();
    expect(runner.getLoop()).toBe(getEventLoop());
    await runner.close();
    expect(() => getEventLoop()).toThrow(/there is no current event loop/);
  });

  test("Runner.close() is idempotent, and nothing before the first use [S182]", async () => {
    const runner = virtualRunner();
    runner.close();
    expect(runner.run(counting())).toBe(1);
    runner.close();
    runner.close();
    const hosted = new Runner();
    await hosted.close();
    expect(await hosted.run(counting())).toBe(1);
    await hosted.close();
    await hosted.close();
  });

  test("Runner that is closed refuses run() and getLoop() [S182]", () => {
    const runner = virtualRunner();
    runner.run(counting());
    runner.close();
    expect(textOf(thrownBy(() => runner.run(counting())))).toBe(
      "RuntimeError: the Runner is closed: make a new one",
    );
    expect(textOf(thrownBy(() => runner.getLoop()))).toBe(
      "RuntimeError: the Runner is closed: make a new one",
    );
  });

  test("Runner: tasks that one main leaves run on in the next, and are cancelled by close() [S176]", () => {
    const runner = virtualRunner();
    const task = runner.run(
      (function* () {
        return createTask(sleep(10, "finished later")) as unknown as { value: ReturnType<typeof createTask> };
      })(),
    ) as unknown as ReturnType<typeof createTask<string>>;
    runner.run(sleep(20));
    expect(task.result()).toBe("finished later");
    const left = runner.run(
      (function* () {
        return [createTask(sleep(10))];
      })(),
    );
    runner.close();
    expect(left[0]?.cancelled()).toBe(true);
  });

  test("Runner.run() inside a turn is refused [S175]", () => {
    program(function* () {
      expect(textOf(thrownBy(() => virtualRunner().run(counting())))).toMatch(
        /^RuntimeError: runner\.run\(\) inside a coroutine or callback of .*: await the work instead, `yield\* main\(\)`$/,
      );
    });
  });

  test("Runner.run() and close() while another main runs are refused, and start nothing", async () => {
    const runner = new Runner();
    const first = runner.run(counting());
    let hasRun = false;
    const second = (function* () {
      hasRun = true;
    })();
    expect(textOf(thrownBy(() => runner.run(second)))).toBe(
      "RuntimeError: runner.run() while it runs another main: await the promise of that one first",
    );
    expect(textOf(thrownBy(() => runner.close()))).toBe(
      "RuntimeError: runner.close() while it runs a main: await the promise of that one first",
    );
    expect(await first).toBe(1);
    expect(hasRun).toBe(false);
    await runner.close();
  });

  test("Runner({ debug }) sets the loop's debug mode", () => {
    for (const debug of [true, false]) {
      const runner = new Runner({ debug, loopFactory: () => new VirtualEventLoop() });
      expect(runner.getLoop().getDebug()).toBe(debug);
      runner.close();
    }
  });

  test("Runner shows its state", () => {
    const runner = virtualRunner();
    const shown = [String(runner)];
    runner.getLoop();
    shown.push(String(runner));
    runner.close();
    shown.push(String(runner));
    expect(shown).toEqual(["<Runner created>", "<Runner initialized>", "<Runner closed>"]);
  });

  test("Runner is disposable: on a synchronous loop at once, on a host loop with `await`", async () => {
    const runner = virtualRunner();
    const loop = runner.getLoop();
    runner[Symbol.dispose]();
    expect(loop.isClosed()).toBe(true);
    const hosted = new Runner();
    const hostLoop = hosted.getLoop();
    expect(textOf(thrownBy(() => hosted[Symbol.dispose]()))).toBe(
      "RuntimeError: a Runner of a host loop closes asynchronously: declare it with `await using`",
    );
    await hosted[Symbol.asyncDispose]();
    expect(hostLoop.isClosed()).toBe(true);
  });
});

describe("Ctrl-C", () => {
  const others = process.listeners("SIGINT");
  for (const other of others) process.off("SIGINT", other);

  afterEach(() => vi.restoreAllMocks());

  /** What a terminal's Ctrl-C calls, without the signal. */
  const interrupt = () => void process.emit("SIGINT");

  test("Ctrl-C cancels main, and run() rejects with KeyboardInterrupt [S179 S180]", async () => {
    const runner = new Runner();
    let caught: unknown;
    const main = (function* () {
      setImmediate(interrupt);
      try {
        yield* sleep(100);
      } catch (error) {
        caught = error;
        throw error;
      }
    })();
    await expect(runner.run(main)).rejects.toBeInstanceOf(KeyboardInterrupt);
    expect(caught).toBeInstanceOf(CancelledError);
    expect(await runner.run(counting())).toBe(1);
    await runner.close();
  });

  test("Ctrl-C that main swallows: its result is returned [S180]", async () => {
    const runner = new Runner();
    const main = (function* () {
      setImmediate(interrupt);
      yield* errorOf(sleep(100));
      return "swallowed";
    })();
    expect(await runner.run(main)).toBe("swallowed");
    await runner.close();
  });

  test("Ctrl-C and another cancellation: a CancelledError [S180]", async () => {
    const runner = new Runner();
    const main = (function* () {
      const task = self();
      setImmediate(() => {
        interrupt();
        task.cancel();
      });
      yield* sleep(100);
    })();
    await expect(runner.run(main)).rejects.toBeInstanceOf(CancelledError);
    await runner.close();
  });

  test("Ctrl-C a second time ends the process as if nobody listened [S179 J28]", async () => {
    const kill = vi.spyOn(process, "kill").mockReturnValue(true);
    const runner = new Runner();
    const main = (function* () {
      setImmediate(() => {
        interrupt();
        expect(kill).not.toHaveBeenCalled();
        interrupt();
      });
      yield* errorOf(sleep(100));
      return process.listenerCount("SIGINT");
    })();
    expect(await runner.run(main)).toBe(0);
    expect(kill).toHaveBeenCalledExactlyOnceWith(process.pid, "SIGINT");
    await runner.close();
  });

  test("Ctrl-C is listened to while a main runs and no longer [S178 J28]", async () => {
    const runner = new Runner();
    const during = await runner.run(
      (function* () {
        return process.listenerCount("SIGINT");
      })(),
    );
    expect([during, process.listenerCount("SIGINT")]).toEqual([1, 0]);
    await runner.close();
  });

  test("Ctrl-C is left alone where somebody else listens, and by synchronous loops [S178 J28]", async () => {
    const mine = vi.fn();
    process.on("SIGINT", mine);
    const runner = new Runner();
    const main = (function* () {
      expect(process.listenerCount("SIGINT")).toBe(1);
      process.emit("SIGINT");
      yield;
      return "not interrupted";
    })();
    expect(await runner.run(main)).toBe("not interrupted");
    expect(mine).toHaveBeenCalledOnce();
    process.off("SIGINT", mine);
    await runner.close();
    program(function* () {
      expect(process.listenerCount("SIGINT")).toBe(0);
    });
  });
});
