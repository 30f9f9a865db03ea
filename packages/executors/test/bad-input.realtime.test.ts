// What is wrong is said where it is given, or by the call's future: the thing, the action, and what to write instead.
import {
  ProcessPoolExecutor,
  registerErrors,
  runCoroutineThreadsafe,
  ThreadPoolExecutor,
  workerFunction,
} from "@aioloop/executors";
import { HostEventLoop } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";

const jobs: URL = new URL("./fixtures/jobs.ts", import.meta.url);

function errorOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return String(error);
  }
  return "nothing was thrown";
}

describe.each([
  ["ThreadPoolExecutor", () => new ThreadPoolExecutor(1)],
  ["ProcessPoolExecutor", () => new ProcessPoolExecutor(1)],
] as const)("%s", (_name, make) => {
  test("a closure fails with the name it reaches for, and the other way is shown", () => {
    using pool = make();
    const factor = 3;
    expect(errorOf(() => pool.submit((n: number) => n * factor, 2).result())).toBe(
      "ReferenceError: factor is not defined: the function was sent by its source and reaches for 'factor' outside itself. " +
        'Pass it as an argument, load it inside (`await import("node:fs")`), or export the function from a module and send it by reference: workerFunction(import.meta.url, "name")',
    );
  });

  test("a closure of an asynchronous function, and of what it calls, fails so too", async () => {
    using pool = make();
    const wait = 1;
    await expect(pool.submit(async () => await (async () => wait)())).rejects.toThrow(
      /reaches for 'wait' outside itself/,
    );
  });

  test("a name that is missing in a module it imports is not taken for a closure", () => {
    using pool = make();
    const fails = () => {
      throw new ReferenceError("elsewhere is not defined".replace("else", "some"));
    };
    expect(errorOf(() => pool.submit(fails).result())).toBe("ReferenceError: somewhere is not defined");
  });

  test("an import of the test's file is called an import", () => {
    using pool = make();
    expect(errorOf(() => pool.submit(() => typeof describe.each).result())).toMatch(
      /reaches for an import outside itself/,
    );
  });

  test("a native function is refused at once", () => {
    using pool = make();
    expect(errorOf(() => pool.submit(Math.max, 1, 2))).toBe(
      "TypeError: submit(fn, ...args): max is a native or bound function, whose source cannot be sent. Wrap it: (…args) => max(…args), if it is a global one. " +
        'Export the function from a module and send it by reference: workerFunction(import.meta.url, "name")',
    );
    expect(errorOf(() => pool.submit((() => 1).bind(null)))).toMatch(/is a native or bound function/);
  });

  test("a class and a coroutine function are refused at once", () => {
    using pool = make();
    expect(errorOf(() => pool.submit(class Job {} as never))).toMatch(
      /^TypeError: .*Job is a class; send a function/,
    );
    expect(
      errorOf(() =>
        pool.submit(function* work() {
          yield;
        }),
      ),
    ).toMatch(/^TypeError: .*work is a coroutine function, and a worker has no loop for it/);
  });

  test("what is no function is refused at once", () => {
    using pool = make();
    for (const wrong of [undefined, null, 5, "job", {}, Promise.resolve()]) {
      expect(errorOf(() => pool.submit(wrong as never))).toMatch(
        /^TypeError: submit\(fn, \.\.\.args\): a function is required, got /,
      );
    }
  });

  test("keywords that are none are refused at once", () => {
    using pool = make();
    const fn = () => 1;
    expect(errorOf(() => pool.submit({ fn, cancel: "kill" as never }))).toBe(
      'RangeError: submit(fn, ...args): cancel must be "terminate" or left out, got "kill"',
    );
    expect(errorOf(() => pool.submit({ fn, transfer: 5 as never }))).toBe(
      "TypeError: submit(fn, ...args): transfer must be an array of buffers and ports, got 5",
    );
  });

  test("an argument that cannot be cloned fails the call, and is named [S301]", () => {
    using pool = make();
    const call = pool.submit(
      (...all: unknown[]) => all.length,
      1,
      () => 1,
    );
    expect(String(call.exception())).toMatch(
      /^TypeError: submit\(fn, \.\.\.args\): argument 2, <function>, cannot be copied to a worker \(.* could not be cloned\)\. Send plain data, or what a structured clone can copy$/,
    );
    expect(pool.submit(() => "the pool goes on").result()).toBe("the pool goes on");
  });

  test("a result that cannot be cloned fails the call [S301]", () => {
    using pool = make();
    expect(String(pool.submit(() => () => 1).exception())).toMatch(
      /^TypeError: the result cannot be sent \(.* could not be cloned\)\. Return plain data, or what a structured clone can copy$/,
    );
  });

  test("a module that is not there fails the call, not the pool", () => {
    using pool = make();
    const missing = workerFunction(new URL("./fixtures/none.ts", import.meta.url), "job");
    expect(String(pool.submit(missing).exception())).toMatch(
      /^Error: the worker cannot import file:.*\/fixtures\/none\.ts: Cannot find module/,
    );
    expect(pool.submit(() => 1).result()).toBe(1);
  });

  test("an export that is not there, or is no function, fails the call and names those there are", () => {
    using pool = make();
    expect(String(pool.submit(workerFunction(jobs, "tripple")).exception())).toMatch(
      /^TypeError: file:.*\/fixtures\/jobs\.ts has no exported function 'tripple'; it exports .*triple.*\. A worker imports the module anew, so the function must be exported under that name$/,
    );
    expect(String(pool.submit(workerFunction(jobs, "notExported")).exception())).toMatch(
      /has no exported function 'notExported'/,
    );
  });

  test("submit() after shutdown() is refused [S295]", () => {
    const pool = make();
    pool.shutdown();
    expect(errorOf(() => pool.submit(() => 1))).toMatch(
      /^RuntimeError: submit\(fn, \.\.\.args\): cannot schedule new futures after shutdown of \w+ '.*'\. Make a new executor$/,
    );
  });
});

test.each([
  [0, "RangeError: ThreadPoolExecutor({ maxWorkers }): maxWorkers must be greater than 0, got 0"],
  [-1, "RangeError: ThreadPoolExecutor({ maxWorkers }): maxWorkers must be greater than 0, got -1"],
  [1.5, "TypeError: ThreadPoolExecutor({ maxWorkers }): maxWorkers must be a whole number, got 1.5"],
  ["2", 'TypeError: ThreadPoolExecutor({ maxWorkers }): maxWorkers must be a whole number, got "2"'],
])("new ThreadPoolExecutor({ maxWorkers: %j }) is refused [S296]", (maxWorkers, text) => {
  expect(errorOf(() => new ThreadPoolExecutor({ maxWorkers: maxWorkers as number }))).toBe(text);
});

test("new ProcessPoolExecutor() with a wrong maxWorkers or maxTasksPerChild is refused [S299]", () => {
  expect(errorOf(() => new ProcessPoolExecutor(0))).toBe(
    "RangeError: ProcessPoolExecutor({ maxWorkers }): maxWorkers must be greater than 0, got 0",
  );
  expect(errorOf(() => new ProcessPoolExecutor({ maxTasksPerChild: 0 }))).toBe(
    "RangeError: ProcessPoolExecutor({ maxTasksPerChild }): maxTasksPerChild must be greater than 0, got 0",
  );
});

test("workerFunction() without a URL, a name, or a function says what to write", () => {
  expect(errorOf(() => workerFunction("./jobs.ts", "triple"))).toBe(
    'TypeError: workerFunction(url, …): the URL of a module is required, got "./jobs.ts". Write import.meta.url, or new URL("./module.js", import.meta.url)',
  );
  expect(errorOf(() => workerFunction(jobs, () => 1))).toMatch(
    /^TypeError: workerFunction\(url, fn\): the function has no name/,
  );
  expect(errorOf(() => workerFunction(jobs, ""))).toBe(
    "TypeError: workerFunction(url, exportName): the name of the export is empty",
  );
  expect(errorOf(() => workerFunction(jobs, 5 as never))).toBe(
    "TypeError: workerFunction(url, fn): a function or the name of an export is required, got 5",
  );
});

test("registerErrors() takes classes of errors only", () => {
  expect(errorOf(() => registerErrors(Map as never))).toBe(
    "TypeError: registerErrors(…): classes that extend Error are required, got Map",
  );
});

test("result() of a runCoroutineThreadsafe() future in the thread of its loop is an error, where CPython waits for ever", async () => {
  const loop = new HostEventLoop();
  const future = runCoroutineThreadsafe(
    (function* () {
      yield;
      return 5;
    })(),
    loop,
  );
  expect(errorOf(() => future.result())).toBe(
    "RuntimeError: result() of a runCoroutineThreadsafe() future would wait for ever: it blocks the thread whose loop has to run the coroutine. Write `await future`, or `yield* wrapFuture(future)` in a coroutine",
  );
  expect(await loop.runUntilComplete(future)).toBe(5);
  loop.close();
});
