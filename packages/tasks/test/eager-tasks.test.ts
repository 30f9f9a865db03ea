import type { Coroutine, Future } from "@aioloop/loop";
import { CancelledError, ContextVar, copyContext, KeyboardInterrupt, SystemExit } from "@aioloop/loop";
import {
  allTasks,
  createEagerTaskFactory,
  createTask,
  currentTask,
  eagerTaskFactory,
  gather,
  sleep,
  Task,
  VirtualEventLoop,
} from "@aioloop/tasks";
import { expect, test } from "vitest";
import { endOf, errorOf, program, self, textOf, thrownBy } from "./helpers.ts";

const eager = { eagerStart: true } as const;

function* quick(value: string): Coroutine<string> {
  return value;
}

test("createTask(…, { eagerStart: true }) takes the first step within the call [S148 N1]", () => {
  program(function* () {
    const order: string[] = [];
    const task = createTask(
      (function* () {
        order.push("first step");
        yield;
        order.push("second step");
      })(),
      eager,
    );
    order.push("after createTask");
    yield* task;
    expect(order).toEqual(["first step", "after createTask", "second step"]);
  });
});

test("eager: one that does not wait is done on return, with no coroutine and in no list [S149 S92]", () => {
  program(function* () {
    const task = createTask(quick("done"), eager);
    expect(endOf(task)).toBe("result done");
    expect(task.getCoro()).toBe(null);
    expect(allTasks().has(task)).toBe(false);
    expect(yield* task).toBe("done");
    expect(String(task)).toMatch(/^<Task finished name='Task-\d+' coro=.* result="done">$/);
  });
});

test("eager: one that waits is a task like any other [S149 S95]", () => {
  program(function* () {
    const task = createTask(sleep(1, "waited"), eager);
    expect(endOf(task)).toBe("pending");
    expect(task.getCoro()).not.toBe(null);
    expect(allTasks().has(task)).toBe(true);
    expect(yield* task).toBe("waited");
    expect(task.getCoro()).not.toBe(null);
  });
});

test("eager: within the step it is the current task, and its creator is so again afterwards [S148]", () => {
  program(function* () {
    const creator = self();
    const seen: unknown[] = [];
    const task = createTask(
      (function* () {
        seen.push(currentTask());
        createTask(
          (function* () {
            seen.push(currentTask());
          })(),
          eager,
        );
        seen.push(currentTask());
      })(),
      eager,
    );
    expect(seen[0]).toBe(task);
    expect(seen[1]).not.toBe(task);
    expect(seen[2]).toBe(task);
    expect(currentTask()).toBe(creator);
  });
});

test("eager: from a callback there is no current task before or after [S148 S96]", () => {
  program(function* (loop) {
    const seen: unknown[] = [];
    loop.callSoon(() => {
      loop.createTask(quick("x"), eager);
      seen.push(currentTask());
    });
    yield* sleep(1);
    expect(seen).toEqual([null]);
  });
});

test("eager: it runs in a context of its own, and keeps what it set [S148]", () => {
  const variable = new ContextVar("variable", { default: "default" });
  program(function* () {
    const task = createTask(
      (function* () {
        variable.set("the task's");
        yield* sleep(1);
        return variable.get();
      })(),
      eager,
    );
    expect(variable.get()).toBe("default");
    expect(yield* task).toBe("the task's");
    const context = copyContext();
    const other = createTask(
      (function* () {
        variable.set("in the given one");
      })(),
      { ...eager, context },
    );
    expect(other.done()).toBe(true);
    expect(context.get(variable)).toBe("in the given one");
    expect(variable.get()).toBe("default");
  });
});

test("eager: a context that is entered already is refused, and no task is left behind [S148 S285]", () => {
  program(function* () {
    const context = copyContext();
    const error = context.run(() => thrownBy(() => createTask(sleep(1), { ...eager, context })));
    expect(textOf(error)).toMatch(/^RuntimeError: cannot enter context: .* is already entered$/);
    expect(allTasks().size).toBe(1);
  });
});

test("eager: an error in the first step is the task's, not createTask's [S150]", () => {
  program(function* () {
    const task = createTask(
      (function* (): Coroutine<void> {
        throw new Error("at once");
      })(),
      eager,
    );
    expect(endOf(task)).toBe("exception Error: at once");
  });
});

test.each([new KeyboardInterrupt(), new SystemExit(2)])(
  "eager: %s in the first step is thrown by createTask [S150]",
  (error) => {
    program(
      function* () {
        const creator = self();
        const thrown = thrownBy(() =>
          createTask(
            (function* (): Coroutine<void> {
              throw error;
            })(),
            eager,
          ),
        );
        expect(thrown).toBe(error);
        expect(currentTask()).toBe(creator);
        expect(allTasks().size).toBe(1);
      },
      { reports: [] },
    );
  },
);

test("eager: cancel() of itself in the first step comes where it waits, or at its end [S151]", () => {
  program(function* () {
    const waiting = createTask(
      (function* () {
        self().cancel("there");
        const error = yield* errorOf(sleep(1));
        return (error as CancelledError).msg;
      })(),
      eager,
    );
    expect(endOf(waiting)).toBe("pending");
    expect(yield* waiting).toBe("there");
    const ending = createTask(
      (function* () {
        self().cancel();
        return "dropped";
      })(),
      eager,
    );
    expect(ending.cancelled()).toBe(true);
    const yielding = createTask(
      (function* () {
        self().cancel();
        yield;
      })(),
      eager,
    );
    expect(yield* errorOf(yielding)).toBeInstanceOf(CancelledError);
  });
});

test("eager: cancel() after the first step reaches what it waits for; after the end it is refused", () => {
  program(function* () {
    const task = createTask(sleep(5), eager);
    expect(task.cancel()).toBe(true);
    expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
    expect(createTask(quick("x"), eager).cancel()).toBe(false);
  });
});

test("eager: awaiting a future that is done already within the first step", () => {
  program(function* (loop) {
    const future = loop.createFuture<string>();
    future.setResult("there");
    const task = createTask(
      (function* () {
        return yield* future;
      })(),
      eager,
    );
    expect(endOf(task)).toBe("result there");
  });
});

test("eager: outside a turn it is scheduled like any other [S76]", () => {
  const loop = new VirtualEventLoop();
  loop.setTaskFactory(eagerTaskFactory);
  let hasStarted = false;
  const task = loop.createTask(
    (function* () {
      hasStarted = true;
    })(),
    eager,
  );
  expect(hasStarted).toBe(false);
  loop.runUntilComplete(task);
  expect(hasStarted).toBe(true);
  loop.close();
});

test("eagerTaskFactory: every task starts at once, unless it is told not to [N1]", () => {
  program(function* (loop) {
    loop.setTaskFactory(eagerTaskFactory);
    expect(endOf(createTask(quick("a")))).toBe("result a");
    const later = createTask(quick("b"), { eagerStart: false, name: "later" });
    expect(endOf(later)).toBe("pending");
    expect(later.getName()).toBe("later");
    expect(yield* later).toBe("b");
    loop.setTaskFactory(null);
    const usual = createTask(quick("c"));
    expect(endOf(usual)).toBe("pending");
    yield* usual;
  });
});

test("eagerTaskFactory: gather in gather that never waits is done without the loop", () => {
  program(function* (loop) {
    loop.setTaskFactory(eagerTaskFactory);
    let steps = 0;
    loop.callSoon(() => {
      steps += 1;
    });
    function* tree(depth: number): Coroutine<number> {
      if (depth === 0) return 1;
      const [left, right] = yield* gather([tree(depth - 1), tree(depth - 1)]);
      return left + right;
    }
    expect(yield* tree(6)).toBe(64);
    expect(steps).toBe(0);
    loop.setTaskFactory(null);
  });
});

test("createEagerTaskFactory() makes tasks of a class of yours, with all options", () => {
  class Job<T> extends Task<T> {}
  program(function* (loop) {
    loop.setTaskFactory(createEagerTaskFactory((coro, options) => new Job(coro, options)));
    const job: Future<string> = createTask(quick("x"), { name: "job" });
    expect(job).toBeInstanceOf(Job);
    expect((job as Job<string>).getName()).toBe("job");
    expect(endOf(job)).toBe("result x");
    loop.setTaskFactory(null);
  });
});

test("a task factory is given the options of createTask as they are [N1]", () => {
  program(function* (loop) {
    const seen: unknown[] = [];
    loop.setTaskFactory((itsLoop, coro, options) => {
      seen.push(options);
      return new Task(coro, { ...options, loop: itsLoop });
    });
    yield* createTask(quick("x"));
    yield* createTask(quick("x"), { name: "named", eagerStart: false });
    expect(seen).toEqual([undefined, { name: "named", eagerStart: false }]);
    loop.setTaskFactory(null);
  });
});
