import type { Coroutine, ExceptionContext } from "@aioloop/loop";
import {
  CancelledError,
  DeadlockError,
  getEventLoop,
  getRunningLoop,
  KeyboardInterrupt,
  SystemExit,
} from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import {
  allTasks,
  BlockingEventLoop,
  coroutine,
  createTask,
  currentTask,
  HostEventLoop,
  run,
  sleep,
  VirtualEventLoop,
} from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { errorOf, program, self, textOf, thrownBy } from "./helpers.ts";

const virtual = { loopFactory: () => new VirtualEventLoop() };

function* giving<T>(value: T): Coroutine<T> {
  yield;
  return value;
}

describe("run()", () => {
  test("run() on a synchronous loop returns the value, or throws the error", () => {
    expect(run(giving("value"), virtual)).toBe("value");
    expect(run(giving("value"), { loopFactory: () => new BlockingEventLoop() })).toBe("value");
    const failing = (function* () {
      throw new Error("from main");
    })();
    expect(() => run(failing, virtual)).toThrow("from main");
  });

  test("run() on the default loop gives a promise of it", async () => {
    const promise = run(giving("value"));
    expect(promise).toBeInstanceOf(Promise);
    expect(await promise).toBe("value");
    const failing = (function* () {
      yield;
      throw undefined;
    })();
    await expect(run(failing)).rejects.toBe(undefined);
  });

  test("run() takes any awaitable: a future is awaited as well [N8 S175]", () => {
    const loop = new VirtualEventLoop();
    const future = loop.createFuture<string>();
    loop.callLater(1, () => future.setResult("awaited"));
    expect(run(future, { loopFactory: () => loop })).toBe("awaited");
  });

  test("run() makes a loop of its own and closes it, whatever happens [S175 S176]", () => {
    const loops: VirtualEventLoop[] = [];
    const loopFactory = () => {
      loops.push(new VirtualEventLoop());
      return loops[loops.length - 1] as VirtualEventLoop;
    };
    run(giving(1), { loopFactory });
    thrownBy(() => run(errorOf(giving(1)), { loopFactory }));
    expect(loops.map((loop) => loop.isClosed())).toEqual([true, true]);
  });

  test("run() on the default loop sets it for getEventLoop(), and takes it back [S176 S182]", async () => {
    await run(
      (function* () {
        expect(getEventLoop()).toBe(getRunningLoop());
        expect(getRunningLoop()).toBeInstanceOf(HostEventLoop);
      })(),
    );
    expect(() => getEventLoop()).toThrow(/there is no current event loop/);
  });

  test("run(…, { debug }) sets the loop's debug mode", () => {
    for (const debug of [true, false]) {
      const seen = run(
        (function* () {
          return getRunningLoop().getDebug();
        })(),
        { ...virtual, debug },
      );
      expect(seen).toBe(debug);
    }
  });

  test("run() inside a turn is refused, and says to await instead [S175]", () => {
    program(function* () {
      for (const options of [virtual, {}]) {
        expect(textOf(thrownBy(() => run(giving(1), options as typeof virtual)))).toMatch(
          /^RuntimeError: run\(\) inside a coroutine or callback of <VirtualEventLoop .*>: await the work instead, `yield\* main\(\)`$/,
        );
      }
    });
  });

  test("run() while another program is parked in this thread is allowed", async () => {
    const first = run(giving("first"));
    const second = run(giving("second"));
    expect(run(giving("third"), virtual)).toBe("third");
    expect(await Promise.all([first, second])).toEqual(["first", "second"]);
  });

  test("run() refuses a loopFactory that gives no loop", () => {
    expect(textOf(thrownBy(() => run(giving(1), { loopFactory: (() => 5) as never })))).toBe(
      "TypeError: loopFactory must return an event loop, got 5",
    );
  });
});

describe("the end of run()", () => {
  test("run() cancels what main leaves, and waits for its clean-up [S176 S177]", () => {
    const notes: string[] = [];
    program(function* () {
      createTask(
        (function* () {
          try {
            yield* sleep(100);
          } finally {
            yield* sleep(5);
            notes.push("cleaned up");
          }
        })(),
      );
      yield* sleep(1);
    });
    expect(notes).toEqual(["cleaned up"]);
  });

  test("run() cancels what main left when it failed, too [S177]", () => {
    let task: Task<void> | null = null;
    const failing = thrownBy(() =>
      program(function* () {
        task = createTask(sleep(100));
        yield* sleep(1);
        throw new Error("main failed");
      }),
    );
    expect(textOf(failing)).toBe("Error: main failed");
    expect((task as Task<void> | null)?.cancelled()).toBe(true);
  });

  test("run() reports what fails while it is cancelled, with the task [S177]", () => {
    const reports: ExceptionContext[] = [];
    program(
      function* () {
        createTask(
          (function* () {
            try {
              yield* sleep(100);
            } finally {
              // biome-ignore lint/correctness/noUnsafeFinally: what is tested
              throw new Error("in clean-up");
            }
          })(),
          { name: "left behind" },
        );
        yield* sleep(1);
      },
      { reports },
    );
    expect(reports.map(({ message }) => message)).toEqual(["unhandled exception during run() shutdown"]);
    expect(reports[0]?.task?.getName()).toBe("left behind");
    expect(textOf(reports[0]?.exception)).toBe("Error: in clean-up");
  });

  test("run(): a task that is made during that is not waited for, but reported [S177]", () => {
    const reports: ExceptionContext[] = [];
    program(
      function* () {
        createTask(
          (function* () {
            try {
              yield* sleep(100);
            } finally {
              createTask(sleep(100), { name: "too late" });
            }
          })(),
        );
        yield* sleep(1);
      },
      { reports },
    );
    expect(reports.map(({ message }) => message)).toEqual(["Task was destroyed but it is pending!"]);
    expect(reports[0]?.task?.getName()).toBe("too late");
  });

  test("run(): what a task that nobody awaited failed with is reported at the end, with its name", () => {
    const reports: ExceptionContext[] = [];
    program(
      function* () {
        createTask(
          coroutine(function* worker(): Coroutine<void> {
            throw new Error("nobody saw it");
          })(),
          { name: "unseen" },
        );
        yield* sleep(1);
      },
      { reports },
    );
    expect(reports).toMatchObject([
      { message: "Task exception was never retrieved", future: "<Task name='unseen' coro=worker>" },
    ]);
    expect(textOf(reports[0]?.exception)).toBe("Error: nobody saw it");
  });

  test.each([new SystemExit(3), new KeyboardInterrupt()])(
    "run(): %s of main comes out once and is not reported as well [S82]",
    (error) => {
      const thrown = thrownBy(() =>
        program(function* () {
          createTask(sleep(100));
          yield* sleep(1);
          throw error;
        }),
      );
      expect(thrown).toBe(error);
    },
  );

  test("run(): an error of main is not lost when the end fails as well", () => {
    const error = thrownBy(() =>
      program(function* () {
        createTask(
          (function* () {
            for (;;) yield* errorOf(sleep(Number.POSITIVE_INFINITY));
          })(),
          { name: "stubborn" },
        );
        yield* sleep(1);
        throw new Error("the error of main");
      }),
    ) as Error;
    expect(error).toBeInstanceOf(DeadlockError);
    expect(error.message).toContain("stubborn waits for <coroutine sleep(Infinity)>");
    expect(textOf(error.cause)).toBe("Error: the error of main");
  });

  test("run(): main that cancels itself ends with a CancelledError [S180]", () => {
    const cancelling = (function* () {
      self().cancel("by itself");
      yield;
    })();
    expect(thrownBy(() => run(cancelling, virtual))).toBeInstanceOf(CancelledError);
  });

  test("run(): no task is current and none is left afterwards", () => {
    const loop = new VirtualEventLoop();
    run(giving(1), { loopFactory: () => loop });
    expect([currentTask(loop), allTasks(loop).size]).toEqual([null, 0]);
  });
});

describe("run(…, { signal })", () => {
  test("run(…, { signal }): aborting cancels main, and its reason is what run throws", () => {
    const controller = new AbortController();
    const reason = new Error("not needed any more");
    let isCancelled = false;
    const main = (function* () {
      getRunningLoop().callLater(1, () => controller.abort(reason));
      isCancelled = (yield* errorOf(sleep(10))) instanceof CancelledError;
      throw new CancelledError();
    })();
    expect(thrownBy(() => run(main, { ...virtual, signal: controller.signal }))).toBe(reason);
    expect(isCancelled).toBe(true);
  });

  test("run(…, { signal }) that is aborted already: main never runs", async () => {
    let hasRun = false;
    const main = (function* () {
      hasRun = true;
    })();
    const reason = new Error("before");
    await expect(run(main, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(hasRun).toBe(false);
  });

  test("run(…, { signal }): main that swallows it gives its result; one that was cancelled twice stays cancelled", () => {
    const swallowing = new AbortController();
    const main = (function* () {
      getRunningLoop().callLater(1, () => swallowing.abort());
      yield* errorOf(sleep(10));
      return "swallowed";
    })();
    expect(run(main, { ...virtual, signal: swallowing.signal })).toBe("swallowed");
    const twice = new AbortController();
    const cancelled = (function* () {
      const task = self();
      getRunningLoop().callLater(1, () => {
        twice.abort();
        task.cancel();
      });
      yield* sleep(10);
    })();
    expect(thrownBy(() => run(cancelled, { ...virtual, signal: twice.signal }))).toBeInstanceOf(
      CancelledError,
    );
  });

  test("run(…, { signal }) aborted after the end does nothing", () => {
    const controller = new AbortController();
    expect(run(giving("done"), { ...virtual, signal: controller.signal })).toBe("done");
    controller.abort();
  });
});
