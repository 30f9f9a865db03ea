import type { Coroutine, ExceptionContext } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import { coroutine, createTask, gather, Runner, run, sleep, VirtualEventLoop } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { errorOf, program, textOf, thrownBy } from "./helpers.ts";

const work = coroutine(function* work() {
  yield* sleep(1);
});

function* main(): Coroutine<void> {
  yield* sleep(1);
}

describe("run() of what is no coroutine", () => {
  const rest = "main() must be a coroutine, got";
  test.each([
    ["a generator function that is not called", main, `${rest} the function main: call it: run(main())`],
    ["a coroutine function that is not called", work, `${rest} the function work: call it: run(work())`],
    [
      "an async function",
      async function download() {},
      `${rest} the async function download: write function* and yield* instead of async and await`,
    ],
    ["a plain function", function plain() {}, `${rest} the function plain: write function* main() { … }`],
    [
      "a promise",
      Promise.resolve(),
      `${rest} a promise: write function* and yield* instead of async and await, and \`yield* wrapFuture(promise)\` for one promise`,
    ],
    ["a number", 42, `${rest} 42: write function* main() { … }`],
    ["a text", "main", `${rest} "main": write function* main() { … }`],
    ["nothing", undefined, `${rest} undefined: write function* main() { … }`],
    ["an array", [main()], `${rest} [1 items]: write function* main() { … }`],
  ])("run() of %s says what to write [S175 N8]", (_what, given, text) => {
    expect(textOf(thrownBy(() => run(given as never)))).toBe(`TypeError: run(main()): ${text}`);
    const runner = new Runner({ loopFactory: () => new VirtualEventLoop() });
    const ofRunner = text.replace("run(", "runner.run(");
    expect(textOf(thrownBy(() => runner.run(given as never)))).toBe(
      `TypeError: runner.run(main()): ${ofRunner}`,
    );
    runner.close();
  });
});

describe("`yield` without the star", () => {
  const cases: [what: string, make: (loop: VirtualEventLoop) => unknown, text: string][] = [
    [
      "a future",
      (loop) => loop.createFuture(),
      "got a future from `yield`: write `yield* future` instead of `yield future`",
    ],
    [
      "a task",
      () => createTask(sleep(0)),
      "got a task from `yield`: write `yield* task` instead of `yield task`",
    ],
    [
      "a promise",
      () => Promise.resolve(),
      "got a Promise from `yield`: write `yield* wrapFuture(promise)` instead of `yield promise`",
    ],
    [
      "a generator",
      () => main(),
      "got a coroutine from `yield`: write `yield* coroutine()` instead of `yield coroutine()`",
    ],
    [
      "a coroutine",
      () => work(),
      "got a coroutine from `yield`: write `yield* work(…)` instead of `yield work(…)`",
    ],
    [
      "sleep(0)",
      () => sleep(0),
      "got a coroutine from `yield`: write `yield* sleep(…)` instead of `yield sleep(…)`",
    ],
    [
      "a gather",
      () => gather([sleep(0)]),
      "got a future from `yield`: write `yield* future` instead of `yield future`",
    ],
    [
      "a number",
      () => 5,
      "got 5 from `yield`: a coroutine awaits with `yield* awaitable`; a bare `yield` gives way once",
    ],
    [
      "null",
      () => null,
      "got null from `yield`: a coroutine awaits with `yield* awaitable`; a bare `yield` gives way once",
    ],
  ];
  test.each(cases)(
    "`yield` of %s is an error at that place, which shows both lines [S87 J9]",
    (_what, make, text) => {
      program(function* (loop) {
        const task = createTask(
          (function* () {
            try {
              yield make(loop) as never;
            } catch (error) {
              yield* sleep(1); // the coroutine goes on as usual
              return error;
            }
            return null;
          })(),
          { name: "t" },
        );
        expect(textOf(yield* task)).toBe(`TypeError: Task 't' ${text}`);
      });
    },
  );
});

describe("what can be awaited once or by others only", () => {
  test("a coroutine handed to two tasks", () => {
    program(function* () {
      const coro = work();
      yield* createTask(coro);
      expect(textOf(thrownBy(() => createTask(coro)))).toMatch(
        /^RuntimeError: <coroutine work> is being awaited|^RuntimeError: cannot reuse <coroutine work>/,
      );
    });
  });

  test("a task that awaits itself, also through gather", () => {
    program(function* () {
      const own: { task: Task<unknown> | null } = { task: null };
      own.task = createTask(
        (function* () {
          return yield* errorOf(own.task as Task<unknown>);
        })(),
        { name: "own" },
      );
      expect(textOf(yield* own.task)).toMatch(/^RuntimeError: <Task .*name='own'.*> cannot await itself/);
    });
  });
});

describe("gather() of what cannot be gathered", () => {
  test.each([
    [5, "TypeError: gather([a(), b()]): takes a list of awaitables, got 5"],
    ["text", `TypeError: gather([a(), b()]): takes a list of awaitables, got "text"`],
    [null, "TypeError: gather([a(), b()]): takes a list of awaitables, got null"],
    [{}, "TypeError: gather([a(), b()]): takes a list of awaitables, got <Object>"],
    [[5], "TypeError: 5 cannot be awaited: a future, a task, a coroutine or a promise can be awaited"],
    [["ab"], `TypeError: "ab" cannot be awaited: a future, a task, a coroutine or a promise can be awaited`],
    [[work], "TypeError: work cannot be awaited: call it, `work()`"],
  ])("gather(%o)", (given, text) => {
    program(function* () {
      expect(textOf(thrownBy(() => gather(given as never)))).toBe(text);
    });
  });

  test("gather(a(), b()) as in Python: the first is taken for the list", () => {
    program(function* () {
      expect(textOf(thrownBy(() => (gather as (...all: unknown[]) => unknown)(sleep(1), sleep(1))))).toBe(
        "TypeError: gather([a(), b()]): takes a list of awaitables, got one, <coroutine sleep(1)>: put it in brackets",
      );
      expect(textOf(thrownBy(() => gather(main() as never)))).toBe(
        "TypeError: gather([a(), b()]): takes a list of awaitables, got a generator: put it in brackets, or spread it, [...it], if it generates them",
      );
    });
  });
});

test("a callback that is a coroutine function runs nothing, and says so", () => {
  const reports: ExceptionContext[] = [];
  program(
    function* (loop) {
      loop.callSoon(work as never);
      loop.callSoon(main as never);
      yield* sleep(1);
    },
    { reports },
  );
  expect(reports.map(({ exception }) => textOf(exception))).toEqual(
    ["work", "main"].map(
      (name) =>
        `TypeError: ${name} returned a coroutine, which nobody runs: a callback is a plain function. Write createTask(${name}())`,
    ),
  );
});

test("everything on a closed loop says that it is closed", () => {
  const loop = new VirtualEventLoop();
  loop.close();
  const text = /^RuntimeError: \w+\(\): the event loop is closed\. Make a new one: newEventLoop\(\)$/;
  expect(textOf(thrownBy(() => loop.createTask(work())))).toMatch(text);
  expect(textOf(thrownBy(() => loop.runUntilComplete(work())))).toMatch(text);
});
