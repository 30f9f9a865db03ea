import type { Coroutine, ExceptionContext } from "@aioloop/loop";
import { CancelledError, copyContext, KeyboardInterrupt, RuntimeError, SystemExit } from "@aioloop/loop";
import {
  allTasks,
  coroutine,
  createTask,
  currentTask,
  gather,
  sleep,
  Task,
  VirtualEventLoop,
} from "@aioloop/tasks";
import { expect, test } from "vitest";
import { endOf, errorOf, program, self, textOf, thrownBy, turn } from "./helpers.ts";

function* nothing(): Coroutine<void> {}

test("createTask() runs nothing: the coroutine starts in the next turn [S73]", () => {
  program(function* () {
    let hasStarted = false;
    const task = createTask(
      (function* () {
        hasStarted = true;
      })(),
    );
    expect(hasStarted).toBe(false);
    yield* task;
    expect(hasStarted).toBe(true);
  });
});

test("createTask() starts tasks in the order of their creation [S73]", () => {
  const order: number[] = [];
  function* note(number: number): Coroutine<void> {
    order.push(number);
  }
  program(function* () {
    yield* gather([1, 2, 3].map((number) => createTask(note(number))));
  });
  expect(order).toEqual([1, 2, 3]);
});

test("Task takes its first step behind what is ready already [S73]", () => {
  const order: string[] = [];
  program(function* (loop) {
    loop.callSoon(() => order.push("before"));
    const task = createTask(
      (function* () {
        order.push("task");
      })(),
    );
    loop.callSoon(() => order.push("after"));
    yield* task;
  });
  expect(order).toEqual(["before", "task", "after"]);
});

test("Task refuses what is no coroutine, and leaves no task behind [S74]", () => {
  program(function* (loop) {
    const before = allTasks().size;
    for (const value of [5, "text", null, undefined, [], {}]) {
      expect(() => createTask(value as never)).toThrow(TypeError);
    }
    expect(textOf(thrownBy(() => new Task(5 as never, { loop })))).toBe(
      "TypeError: createTask(coro): a coroutine is required, got 5",
    );
    expect(allTasks().size).toBe(before);
  });
});

test("Task finishes with what its coroutine returns", () => {
  expect(
    program(function* () {
      return yield* createTask(sleep(1, "value"));
    }),
  ).toBe("value");
});

test("Task may return a future as its result, which is not awaited", () => {
  program(function* (loop) {
    const future = loop.createFuture<number>();
    const task = createTask(
      (function* () {
        return future;
      })(),
    );
    // `yield*` would be a future's own result; the task's is the future.
    yield;
    yield;
    expect(task.result()).toBe(future);
  });
});

test("Task: an ordinary error becomes its exception and the loop goes on [S83]", () => {
  program(function* () {
    const error = new Error("boom");
    const task = createTask(
      (function* () {
        throw error;
      })(),
    );
    expect(yield* errorOf(task)).toBe(error);
    expect(task.exception()).toBe(error);
    yield* sleep(1);
  });
});

test.each([undefined, null, 0, "", "text", { reason: 1 }])(
  "Task: the thrown value %o becomes its exception, whatever it is [J7]",
  (value) => {
    program(function* () {
      const task = createTask(
        (function* () {
          throw value;
        })(),
      );
      expect(yield* errorOf(task)).toBe(value);
      expect(task.cancelled()).toBe(false);
    });
  },
);

test("Task: `undefined` thrown by what a coroutine awaits reaches it [J7]", () => {
  program(function* (loop) {
    const future = loop.createFuture<void>();
    loop.callSoon(() => future.setException(undefined));
    expect(yield* errorOf(future)).toBe(undefined);
  });
});

test.each([new KeyboardInterrupt(), new SystemExit(3)])(
  "Task: %s is its exception and leaves the loop as well [S82]",
  (error) => {
    const loop = new VirtualEventLoop();
    const task = loop.createTask(
      (function* () {
        yield;
        throw error;
      })(),
    );
    expect(thrownBy(() => loop.runForever())).toBe(error);
    expect(task.exception()).toBe(error);
    expect(loop.isRunning()).toBe(false);
    expect(currentTask(loop)).toBe(null);
    // The loop is as good as before.
    expect(loop.runUntilComplete(sleep(1, "again"))).toBe("again");
    loop.close();
  },
);

test("Task: a bare `yield` gives way once: every ready task has its turn in between [S84]", () => {
  const order: string[] = [];
  function* worker(name: string): Coroutine<void> {
    for (let round = 1; round <= 3; round++) {
      order.push(`${name}${round}`);
      yield;
    }
  }
  program(function* () {
    yield* gather([worker("a"), worker("b")]);
  });
  expect(order).toEqual(["a1", "b1", "a2", "b2", "a3", "b3"]);
});

test("Task: a future of another loop is refused within the coroutine, which may go on [S85]", () => {
  const other = new VirtualEventLoop();
  const future = other.createFuture<void>("somebody else");
  program(function* () {
    const task = createTask(
      (function* () {
        const error = yield* errorOf(future);
        yield* sleep(1);
        return error;
      })(),
      { name: "mine" },
    );
    const error = yield* task;
    expect(error).toBeInstanceOf(RuntimeError);
    expect(textOf(error)).toMatch(
      /^RuntimeError: <Task pending name='mine' .*> got <Future pending for somebody else> of a different loop: await it in a task of its own loop$/,
    );
  });
  other.close();
});

test("Task: the refusal comes in a later step, not within the same [S85]", () => {
  const other = new VirtualEventLoop();
  const order: string[] = [];
  program(function* (loop) {
    const task = createTask(
      (function* () {
        loop.callSoon(() => order.push("callback"));
        yield* errorOf(other.createFuture());
        order.push("refused");
      })(),
    );
    yield* task;
  });
  expect(order).toEqual(["callback", "refused"]);
  other.close();
});

test("Task: awaiting itself is refused [S86]", () => {
  program(function* () {
    const task = createTask(
      (function* () {
        return yield* errorOf(self());
      })(),
      { name: "narcissus" },
    );
    expect(textOf(yield* task)).toMatch(
      /^RuntimeError: <Task pending name='narcissus' .*> cannot await itself/,
    );
  });
});

test("Task.cancel() while it waits for nothing yet reaches what it goes on to wait for [S88]", () => {
  program(function* (loop) {
    const future = loop.createFuture<void>();
    const task = createTask(
      (function* () {
        self().cancel("now");
        const error = yield* errorOf(future);
        yield* sleep(1); // the request was delivered and is not delivered again
        return error;
      })(),
    );
    const error = yield* task;
    expect(error).toBeInstanceOf(CancelledError);
    expect((error as CancelledError).msg).toBe("now");
    expect(future.cancelled()).toBe(true);
  });
});

test("Task: the result of what it awaited is read, not sent: a future's own `result()` gives it [S89]", () => {
  program(function* (loop) {
    const future = loop.createFuture<string>();
    const sent: unknown[] = [];
    const iterator = future[Symbol.iterator]();
    const spy = {
      next: (value?: unknown) => {
        sent.push(value);
        return iterator.next();
      },
      [Symbol.iterator]() {
        return this;
      },
    };
    loop.callSoon(() => future.setResult("result"));
    expect(yield* spy).toBe("result");
    expect(sent).toEqual([undefined, null]);
  });
});

test("Task.setResult() and setException() are refused, and say what to do [S90]", () => {
  program(function* () {
    const task = createTask(sleep(1), { name: "worker" });
    expect(textOf(thrownBy(() => task.setResult()))).toBe(
      "RuntimeError: setResult() of <Task pending name='worker' coro=sleep>: a task does not support it, its coroutine's return value is its result",
    );
    expect(textOf(thrownBy(() => task.setException(new Error())))).toBe(
      "RuntimeError: setException() of <Task pending name='worker' coro=sleep>: a task does not support it, cancel() asks it to stop",
    );
    yield* task;
  });
});

test("Task: pending when its loop is closed is reported [S91 J22]", () => {
  const reports: ExceptionContext[] = [];
  const loop = new VirtualEventLoop();
  loop.setExceptionHandler((_loop, context) => void reports.push(context));
  const task = loop.createTask(sleep(1), { name: "forgotten" });
  turn(loop);
  loop.close();
  expect(reports.map(({ message }) => message)).toEqual(["Task was destroyed but it is pending!"]);
  expect(reports[0]?.task).toBe(task);
  expect(allTasks(loop).size).toBe(0);
});

test("Task of gather() or of runUntilComplete() is not reported as pending: nobody else could finish it [S91 S126]", () => {
  const reports: ExceptionContext[] = [];
  const loop = new VirtualEventLoop();
  loop.setExceptionHandler((_loop, context) => void reports.push(context));
  loop.callSoon(() => {
    gather([sleep(1), nothing()]);
    loop.stop();
  });
  thrownBy(() => loop.runUntilComplete(sleep(1)));
  loop.close();
  expect(reports).toEqual([]);
});

test("Task.getStack() names the frames it is suspended in, outermost first; done: none [S94 J11]", () => {
  const inner = coroutine(function* inner() {
    yield* sleep(1);
  });
  const outer = coroutine(function* outer() {
    yield* inner();
  });
  program(function* () {
    const task = createTask(outer());
    expect(task.getStack()).toEqual(["outer"]);
    yield;
    yield;
    expect(task.getStack()).toEqual(["outer", "inner"]);
    expect(task.getStack({ limit: 1 })).toEqual(["inner"]);
    yield* task;
    expect(task.getStack()).toEqual([]);
  });
});

test("Task is its loop's current one for the length of its step and no longer [S79]", () => {
  program(function* (loop) {
    const seen: unknown[] = [];
    const task = createTask(
      (function* () {
        seen.push(currentTask());
        loop.callSoon(() => seen.push(currentTask()));
        yield;
        seen.push(currentTask());
      })(),
    );
    yield* task;
    expect(seen).toEqual([task, null, task]);
  });
});

test("Task waits for nothing while it runs: a cancellation from inside is for the next wait [S79 S104]", () => {
  program(function* (loop) {
    const first = loop.createFuture<void>();
    loop.callSoon(() => first.setResult());
    const task = createTask(
      (function* () {
        yield* first;
        self().cancel();
        expect(first.cancelled()).toBe(false);
        expect(yield* errorOf(sleep(5))).toBeInstanceOf(CancelledError);
        return `at ${loop.time()}`;
      })(),
    );
    expect(yield* task).toBe("at 0");
  });
});

test("Task that is done takes no further step, although it was woken [S77]", () => {
  // A future that was awaited and a cancellation in the same turn: two reasons to be woken, one step.
  program(function* (loop) {
    const future = loop.createFuture<void>();
    let steps = 0;
    const task = createTask(
      (function* () {
        try {
          yield* future;
        } finally {
          steps += 1;
        }
      })(),
    );
    yield;
    future.setResult();
    task.cancel();
    yield* errorOf(task);
    yield* sleep(1);
    expect(steps).toBe(1);
    expect(endOf(task)).toBe("cancelled");
  });
});

test("Task in a context that is entered already fails with an error instead of running there [S285]", () => {
  const loop = new VirtualEventLoop();
  const context = copyContext();
  let hasRun = false;
  const task = loop.createTask(
    (function* () {
      hasRun = true;
    })(),
    { context, name: "inside" },
  );
  const error = context.run(() => thrownBy(() => loop.runUntilComplete(task)));
  expect(textOf(error)).toMatch(
    /^RuntimeError: cannot step <Task pending name='inside' .*>: its context is entered already, by who runs the loop$/,
  );
  expect(hasRun).toBe(false);
  loop.close();
});

test("Task: an iterator of yours that lacks next() or throw() is an error of that coroutine alone [J6]", () => {
  program(function* () {
    const broken = {
      [Symbol.iterator]: () => ({ next: () => ({ done: false as const, value: undefined }) }),
    };
    const task = createTask(
      (function* () {
        yield* broken;
      })(),
    );
    yield;
    task.cancel();
    expect(yield* errorOf(task)).toBeInstanceOf(TypeError);
  });
});
