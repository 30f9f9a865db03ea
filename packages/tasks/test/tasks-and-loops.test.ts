// What a task may be made of, which loop it belongs to, and how little can go wrong with that.
import type { Coroutine, ExceptionContext, Suspend } from "@aioloop/loop";
import {
  AWAITABLE,
  CancelledError,
  ensureFuture,
  Future,
  InvalidStateError,
  iscoroutine,
  RuntimeError,
  setEventLoop,
} from "@aioloop/loop";
import {
  allTasks,
  coroutine,
  createTask,
  currentTask,
  shield,
  sleep,
  Task,
  VirtualEventLoop,
} from "@aioloop/tasks";
import { expect, test } from "vitest";
import { errorOf, program, self, textOf, thrownBy, turn } from "./helpers.ts";

function* giving<T>(value: T): Coroutine<T> {
  return value;
}

const framed = coroutine(giving);

/** No generator, but with what makes a coroutine. */
function lookalike<T>(value: T): Coroutine<T> {
  const steps = {
    next: () => ({ value, done: true as const }),
    throw: (error: unknown) => {
      throw error;
    },
    return: () => ({ value, done: true as const }),
    [Symbol.iterator]: () => steps,
  };
  return steps as unknown as Coroutine<T>;
}

test("Task runs on the loop it is given, and belongs to it", () => {
  for (const loop of [new VirtualEventLoop(), new VirtualEventLoop()]) {
    const task = new Task(giving("ok"), { loop });
    expect(task.getLoop()).toBe(loop);
    expect(loop.runUntilComplete(task)).toBe("ok");
    expect([task.done(), task.result()]).toEqual([true, "ok"]);
    expect(task.getLoop()).toBe(loop);
    loop.close();
  }
});

test.each<[what: string, make: <T>(value: T) => Coroutine<T>]>([
  ["a plain generator", giving],
  ["a coroutine", framed],
  ["an object with a generator's methods", lookalike],
])("createTask() of %s gives a Task, which is a Future, with its name and result", (_what, make) => {
  program(function* () {
    for (const value of [1, 2]) {
      const task = createTask(make(value), { name: `No ${value}` });
      expect(task).toBeInstanceOf(Task);
      expect(task).toBeInstanceOf(Future);
      expect(task.getName()).toBe(`No ${value}`);
      expect(yield* task).toBe(value);
    }
  });
});

test.each([false, true])("coroutines that await coroutines give their values; { debug: %o }", (debug) => {
  program(
    function* () {
      const outer = coroutine(function* outer() {
        return (yield* framed(42)) + (yield* giving(1000));
      });
      expect(yield* outer()).toBe(1042);
      expect(yield* createTask(outer())).toBe(1042);
    },
    { debug },
  );
});

test("coroutine() of a function that returns a generator which it did not write itself", () => {
  const borrowing = coroutine((value: string) => giving(value));
  program(function* () {
    const coro = borrowing("spam");
    expect(iscoroutine(coro)).toBe(true);
    expect(String(coro)).toMatch(/^<coroutine /);
    expect(yield* coro).toBe("spam");
  });
});

test("Task that awaits a future of a subclass of yours is woken by it, with the very result", () => {
  class Reply extends Future<object> {}
  const loop = new VirtualEventLoop();
  const reply = new Reply({ loop });
  const results: object[] = [];
  const task = loop.createTask(
    (function* () {
      results.push(yield* reply);
    })(),
  );
  turn(loop);
  expect(reply._runnables()).toHaveLength(1);
  const result = {};
  reply.setResult(result);
  turn(loop);
  expect(results[0]).toBe(result);
  expect([task.done(), task.result()]).toEqual([true, undefined]);
  loop.close();
});

test("Task: an error keeps the stack of where it was thrown", () => {
  program(function* () {
    const divide = function* divide(): Coroutine<void> {
      throw new RangeError("by zero");
    };
    const task = createTask(divide());
    yield* sleep(0);
    expect((task.exception() as Error).stack).toMatch(/by zero\n\s+at .*divide/);
  });
});

test("Task that throws the very error its caller is dealing with: it comes back as it was, no cause of itself [J13]", () => {
  program(function* () {
    const error = new Error("the one");
    function* rethrowing(caught: unknown): Coroutine<void> {
      throw caught;
    }
    try {
      throw error;
    } catch (caught) {
      expect(yield* errorOf(createTask(rethrowing(caught)))).toBe(error);
    }
    expect(error.cause).toBe(undefined);
  });
});

test("ensureFuture() refuses a task of another loop than the one given, and gives it back for its own [S113]", () => {
  const [loop, other] = [new VirtualEventLoop(), new VirtualEventLoop()];
  const task = loop.createTask(giving("ok"));
  expect(thrownBy(() => ensureFuture(task, { loop: other }))).toBeInstanceOf(RangeError);
  expect(ensureFuture(task, { loop })).toBe(task);
  expect(loop.runUntilComplete(task)).toBe("ok");
  for (const one of [loop, other]) one.close();
});

test("ensureFuture() of an object with the brand: the task's coroutine is one [S113]", () => {
  class Reply {
    readonly [AWAITABLE] = true;
    *[Symbol.iterator](): Generator<Suspend | undefined, string, unknown> {
      return yield* sleep(0, "ok");
    }
  }
  const loop = new VirtualEventLoop();
  const task = ensureFuture(new Reply(), { loop }) as Task<string>;
  expect(loop.runUntilComplete(task)).toBe("ok");
  expect(iscoroutine(task.getCoro())).toBe(true);
  loop.close();
});

test("shield() of a coroutine belongs to the running loop, outside a turn to the one that was set", () => {
  const loop = new VirtualEventLoop();
  const inside = loop.runUntilComplete(
    (function* () {
      return [shield(giving("inside"))];
    })(),
  );
  expect(inside[0]?.getLoop()).toBe(loop);
  expect(loop.runUntilComplete(inside[0] as Future<string>)).toBe("inside");
  setEventLoop(loop);
  try {
    const outside = shield(giving("outside"));
    expect(outside.getLoop()).toBe(loop);
    expect(loop.runUntilComplete(outside)).toBe("outside");
  } finally {
    setEventLoop(null);
    loop.close();
  }
});

test("shield() of a future gives its result, or the very exception", () => {
  program(function* (loop) {
    const [good, bad] = [loop.createFuture<number>(), loop.createFuture<number>()];
    const outers = [shield(good), shield(bad)];
    const error = new RuntimeError("expected");
    good.setResult(42);
    bad.setException(error);
    yield* sleep(0);
    yield* sleep(0);
    expect(outers[0]?.result()).toBe(42);
    expect(outers[1]?.exception()).toBe(error);
  });
});

test("currentTask(), with its loop, with null and without, is the task; outside a step of that loop null [S96]", () => {
  const loop = new VirtualEventLoop();
  expect(currentTask(loop)).toBe(null);
  const seen: unknown[] = [];
  const task = loop.createTask(
    (function* () {
      seen.push(currentTask(), currentTask(null), currentTask(loop));
    })(),
  );
  loop.runUntilComplete(task);
  expect(seen.map((one) => one === task)).toEqual([true, true, true]);
  expect(currentTask(loop)).toBe(null);
  loop.close();
});

test("currentTask() of tasks that wake each other is each one's own [S96]", () => {
  program(function* (loop) {
    const [first, second] = [loop.createFuture<void>(), loop.createFuture<void>()];
    const seen: unknown[] = [];
    const one = createTask(
      (function* () {
        seen.push(currentTask());
        yield* first;
        seen.push(currentTask());
        second.setResult();
      })(),
    );
    const two = createTask(
      (function* () {
        seen.push(currentTask());
        first.setResult();
        yield* second;
        seen.push(currentTask());
      })(),
    );
    yield* two;
    expect(seen.map((task) => (task === one ? "one" : task === two ? "two" : task))).toEqual([
      "one",
      "two",
      "one",
      "two",
    ]);
  });
});

test("Task.getStack() of the task that asks has the coroutine it is in last; a limit keeps the innermost [S94]", () => {
  program(function* () {
    const stacks: string[][] = [];
    const inner = coroutine(function* inner() {
      stacks.push(self().getStack(), self().getStack({ limit: 1 }));
    });
    const outer = coroutine(function* outer() {
      stacks.push(self().getStack({ limit: 1 }));
      yield* inner();
    });
    yield* createTask(outer());
    expect(stacks).toEqual([["outer"], ["outer", "inner"], ["inner"]]);
  });
});

test("loop.stop() out of a task: runUntilComplete() says so, and the task can still be cancelled [S22]", () => {
  const loop = new VirtualEventLoop();
  let naps = 0;
  const task = loop.createTask(
    (function* () {
      for (; naps < 10; ) {
        yield* sleep(0.1);
        naps += 1;
        if (naps === 2) loop.stop();
      }
    })(),
  );
  expect(textOf(thrownBy(() => loop.runUntilComplete(task)))).toMatch(
    /^RuntimeError: runUntilComplete\(\): the event loop was stopped before <Task pending .*> was done$/,
  );
  expect([task.done(), naps, loop.time()]).toEqual([false, 2, 0.2]);
  task.cancel();
  expect(thrownBy(() => loop.runUntilComplete(task))).toBeInstanceOf(CancelledError);
  loop.close();
});

test("new Task() on a closed loop is refused, and leaves no task behind [S14 S95]", () => {
  const loop = new VirtualEventLoop();
  loop.close();
  expect(thrownBy(() => new Task(giving("never"), { loop }))).toBeInstanceOf(RuntimeError);
  expect(allTasks(loop).size).toBe(0);
});

test.each(["a result", "an exception"])(
  "Task that was given %s past its own methods takes no step: InvalidStateError, reported [S77]",
  (what) => {
    const loop = new VirtualEventLoop();
    const reports: ExceptionContext[] = [];
    loop.setExceptionHandler((_loop, context) => void reports.push(context));
    let hasRun = false;
    const task = loop.createTask(
      (function* () {
        hasRun = true;
        yield* sleep(0.1);
        return "its own";
      })(),
    );
    const error = new Error("from outside");
    if (what === "a result") Future.prototype.setResult.call(task, "from outside");
    else Future.prototype.setException.call(task, error);
    turn(loop);
    turn(loop);
    if (what === "a result") expect(task.result()).toBe("from outside");
    else expect(thrownBy(() => task.result())).toBe(error);
    expect(hasRun).toBe(false);
    expect(reports.map(({ exception }) => exception instanceof InvalidStateError)).toEqual([true]);
    expect(allTasks(loop).size).toBe(0);
    loop.close();
  },
);
