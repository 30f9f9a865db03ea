import type { Coroutine, ExceptionContext, Future } from "@aioloop/loop";
import { CancelledError, setEventLoop } from "@aioloop/loop";
import { allTasks, coroutine, createTask, gather, sleep, VirtualEventLoop, wait } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { endOf, errorOf, program, textOf, thrownBy } from "./helpers.ts";

function* failing(delay: number, text: string): Coroutine<never> {
  yield* sleep(delay);
  throw new Error(text);
}

test("gather([]) is a finished future with no results [S118]", () => {
  program(function* () {
    const future = gather([]);
    expect(future.done()).toBe(true);
    expect(future.result()).toEqual([]);
    expect(yield* future).toEqual([]);
  });
});

test("gather([]) outside a turn belongs to the loop that was set, and needs one [S118]", () => {
  expect(textOf(thrownBy(() => gather([])))).toMatch(/^RuntimeError: there is no current event loop/);
  const loop = new VirtualEventLoop();
  setEventLoop(loop);
  try {
    expect(gather([]).getLoop()).toBe(loop);
  } finally {
    setEventLoop(null);
    loop.close();
  }
});

test("gather() outside a turn: of coroutines needs a loop, of futures takes theirs", () => {
  expect(textOf(thrownBy(() => gather([sleep(1)])))).toMatch(/^RuntimeError: there is no current event loop/);
  const loop = new VirtualEventLoop();
  const [first, second] = [loop.createFuture<number>(), loop.createFuture<number>()];
  const future = gather([first, second]);
  expect(future.getLoop()).toBe(loop);
  first.setResult(1);
  second.setResult(2);
  expect(loop.runUntilComplete(future)).toEqual([1, 2]);
  loop.close();
});

test("gather() gives results in the order of its arguments, whatever finishes first [S120]", () => {
  program(function* (loop) {
    expect(yield* gather([sleep(3, "a"), sleep(1, "b"), sleep(2, "c")])).toEqual(["a", "b", "c"]);
    expect(loop.time()).toBe(3);
  });
});

test("gather() takes any iterable: a set, a map's values", () => {
  program(function* () {
    expect(yield* gather(new Set([sleep(1, "a"), sleep(2, "b")]))).toEqual(["a", "b"]);
    expect(yield* gather(new Map([["key", sleep(1, "value")]]).values())).toEqual(["value"]);
  });
});

test("gather() runs what it is given twice once, for both places [S119 S120]", () => {
  const runs: string[] = [];
  const framed = coroutine(function* framed() {
    runs.push("framed");
    yield* sleep(1);
    return "f";
  });
  function* plain(): Coroutine<string> {
    runs.push("plain");
    yield* sleep(1);
    return "p";
  }
  program(function* () {
    const [a, b, c, d] = [framed(), plain(), createTask(plain()), sleep(2, "s")];
    expect(yield* gather([a, b, c, d, c, b, a, d])).toEqual(["f", "p", "p", "s", "p", "p", "f", "s"]);
    expect(runs.sort()).toEqual(["framed", "plain", "plain"]);
  });
});

test("gather() counts each sleep(0) as its own", () => {
  program(function* () {
    expect(yield* gather([sleep(0), sleep(0)])).toEqual([undefined, undefined]);
  });
});

test("gather() ends with the first exception at once; the others run on and are not reported [S121]", () => {
  program(function* (loop) {
    const slow = createTask(sleep(5, "slow"));
    const late = createTask(failing(3, "late"));
    const error = yield* errorOf(gather([failing(1, "early"), slow, late]));
    expect(textOf(error)).toBe("Error: early");
    expect(loop.time()).toBe(1);
    expect(slow.done()).toBe(false);
    expect(yield* slow).toBe("slow");
  });
});

test("gather(…, { returnExceptions: true }) gives exceptions among the results [S122]", () => {
  program(function* () {
    const results = yield* gather([failing(2, "a"), sleep(1, "b"), failing(0, "c")], {
      returnExceptions: true,
    });
    expect(results).toEqual([new Error("a"), "b", new Error("c")]);
  });
});

test("gather(…, { returnExceptions: true }) gives any thrown value as it is [J7]", () => {
  program(function* () {
    const results = yield* gather(
      [
        (function* () {
          throw undefined;
        })(),
        sleep(1, "b"),
      ],
      { returnExceptions: true },
    );
    expect(results).toEqual([undefined, "b"]);
  });
});

test("gather(): an exception that is `undefined` ends it as any other [J7]", () => {
  program(function* () {
    const throwing = (function* (): Coroutine<void> {
      throw undefined;
    })();
    expect(yield* errorOf(gather([throwing, sleep(1)]))).toBe(undefined);
  });
});

test("gather(): a cancelled child counts as one that threw; the whole is not cancelled [S122]", () => {
  program(function* () {
    const child = createTask(sleep(5));
    const other = createTask(sleep(2));
    const whole = gather([child, other]);
    yield* sleep(1);
    child.cancel("only this one");
    const error = yield* errorOf(whole);
    expect(error).toBeInstanceOf(CancelledError);
    expect((error as CancelledError).msg).toBe("only this one");
    expect(whole.cancelled()).toBe(false);
    expect(other.done()).toBe(false);
  });
});

test("gather(…, { returnExceptions: true }): a cancelled child is a CancelledError among the results [S122]", () => {
  program(function* () {
    const child = createTask(sleep(5));
    const whole = gather([child, sleep(2, "b")], { returnExceptions: true });
    yield* sleep(1);
    child.cancel();
    const [first, second] = yield* whole;
    expect(first).toBeInstanceOf(CancelledError);
    expect(second).toBe("b");
  });
});

test("gather().cancel() cancels the children, and is done when they are [S123]", () => {
  program(function* (loop) {
    function* slowToStop(): Coroutine<void> {
      try {
        yield* sleep(10);
      } finally {
        yield* sleep(2);
      }
    }
    const children = [createTask(slowToStop()), createTask(slowToStop())];
    const whole = gather(children, { returnExceptions: true });
    yield* sleep(1);
    expect(whole.cancel()).toBe(true);
    expect(whole.done()).toBe(false);
    expect(yield* errorOf(whole)).toBeInstanceOf(CancelledError);
    expect(loop.time()).toBe(3);
    expect(children.map(endOf)).toEqual(["cancelled", "cancelled"]);
  });
});

test("gather().cancel(): a CancelledError even with returnExceptions, after the last child [S124]", () => {
  program(function* () {
    const stubborn = createTask(
      (function* () {
        yield* errorOf(sleep(10));
        yield* sleep(5);
        return "ignored it";
      })(),
    );
    const whole = gather([createTask(sleep(10)), stubborn], { returnExceptions: true });
    yield* sleep(1);
    whole.cancel();
    expect(yield* errorOf(whole)).toBeInstanceOf(CancelledError);
    expect(whole.cancelled()).toBe(false);
    expect(stubborn.result()).toBe("ignored it");
  });
});

test("gather().cancel() after it is done: false, and the children are not reached [S125]", () => {
  program(function* () {
    const other = createTask(sleep(5, "untouched"));
    const whole = gather([failing(1, "first"), other]);
    yield* errorOf(whole);
    expect(whole.cancel()).toBe(false);
    expect(other.cancelling()).toBe(0);
    expect(yield* other).toBe("untouched");
  });
});

test("gather().cancel() when every child is done but it does not know yet: false [S123]", () => {
  program(function* (loop) {
    const child = loop.createFuture<number>();
    const whole = gather([child]);
    child.setResult(1);
    expect(whole.cancel()).toBe(false);
    expect(yield* whole).toEqual([1]);
  });
});

test("gather(): children that are done already are looked at at once; an error ends it on return [S127]", () => {
  program(function* (loop) {
    const done = loop.createFuture<number>();
    done.setResult(1);
    const whole = gather([done, done]);
    expect(endOf(whole)).toBe("result 1,1");
    const failed = loop.createFuture<number>();
    failed.setException(new Error("before"));
    expect(endOf(gather([failed, sleep(1)]))).toBe("exception Error: before");
    const cancelled = loop.createFuture<number>();
    cancelled.cancel();
    const ended = gather([sleep(1), cancelled]);
    expect(ended.cancelled()).toBe(false);
    expect(ended.exception()).toBeInstanceOf(CancelledError);
    yield* sleep(2);
  });
});

test("gather() of eager tasks that do not wait is done on return [S127 S126]", () => {
  program(function* () {
    function* quick(value: number): Coroutine<number> {
      return value;
    }
    const tasks = [1, 2, 3].map((value) => createTask(quick(value), { eagerStart: true }));
    expect(endOf(gather(tasks))).toBe("result 1,2,3");
  });
});

test("gather() of children of different loops is refused [S128]", () => {
  const other = new VirtualEventLoop();
  const theirs = other.createFuture();
  program(function* (loop) {
    const ours = loop.createFuture();
    expect(textOf(thrownBy(() => gather([ours, theirs])))).toBe(
      `RangeError: <Future pending> belongs to a different loop than ${loop}`,
    );
    expect(thrownBy(() => gather([sleep(0), theirs]))).toBeInstanceOf(RangeError);
    yield;
    yield;
  });
  other.close();
});

test("gather(): a promise among the awaitables is waited for, and fails like any other", () => {
  program(function* () {
    const whole = gather([sleep(1, "a"), Promise.resolve("b")]);
    expect(allTasks().size).toBe(2);
    whole.cancel();
    expect(yield* errorOf(whole)).toBeInstanceOf(CancelledError);
  });
});

test("gather() in gather: results nest, and cancelling reaches the innermost", () => {
  program(function* () {
    expect(yield* gather([gather([sleep(1, 1), sleep(1, 2)]), sleep(1, 3)])).toEqual([[1, 2], 3]);
    const innermost = createTask(sleep(10));
    const whole = gather([gather([gather([innermost])])]);
    yield* sleep(1);
    whole.cancel();
    expect(yield* errorOf(whole)).toBeInstanceOf(CancelledError);
    expect(innermost.cancelled()).toBe(true);
  });
});

test("gather(): cancelling the task that awaits it cancels the children", () => {
  program(function* () {
    const child = createTask(sleep(10));
    const task = createTask(
      (function* () {
        yield* gather([child, sleep(10)]);
      })(),
    );
    yield* sleep(1);
    task.cancel();
    expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
    expect(child.cancelled()).toBe(true);
  });
});

test("gather() whose exception nobody retrieves is reported once, not once for each child [S121]", () => {
  const reports: ExceptionContext[] = [];
  program(
    function* () {
      gather([failing(1, "a"), failing(1, "b")]);
      yield* sleep(2);
    },
    { reports },
  );
  expect(reports.map(({ exception }) => textOf(exception))).toEqual(["Error: a"]);
});

test("gather() of 100,000 coroutines", () => {
  program(function* () {
    const results = yield* gather(Array.from({ length: 100_000 }, (_, index) => sleep(1, index)));
    expect(results).toHaveLength(100_000);
    expect(results[99_999]).toBe(99_999);
  });
});

test("gather() may be waited for with wait()", () => {
  program(function* () {
    const whole: Future<unknown> = gather([sleep(1, "a")]);
    const [done, pending] = yield* wait([whole]);
    expect([done.size, pending.size]).toEqual([1, 0]);
  });
});
