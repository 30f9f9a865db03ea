import { inspect } from "node:util";
import type { Coroutine } from "@aioloop/loop";
import { coroutine, createTask, gather, sleep, Task, timeout, VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { errorOf, program, textOf } from "./helpers.ts";

const worker = coroutine(function* worker() {
  yield* sleep(1);
});

test("Task without a name is Task-N, N counting up for all loops [S74]", () => {
  const numberOf = (task: Task<unknown>) => Number(/^Task-(\d+)$/.exec(task.getName())?.[1]);
  const loops = [new VirtualEventLoop(), new VirtualEventLoop()];
  const [first, second, third] = [loops[0], loops[1], loops[0]].map((loop) => {
    return numberOf(loop?.createTask(worker()) as Task<void>);
  });
  expect(second).toBe((first as number) + 1);
  expect(third).toBe((first as number) + 2);
  for (const loop of loops) {
    loop.setExceptionHandler(() => {});
    loop.close();
  }
});

test("Task: other names are made strings [S74]", () => {
  program(function* () {
    const task = createTask(worker(), { name: 7 as never });
    expect(task.getName()).toBe("7");
    task.setName({ toString: () => "renamed" } as never);
    expect(task.getName()).toBe("renamed");
    yield* task;
  });
});

test("Task: a name that is null or undefined is none, and an empty one is empty [S74]", () => {
  program(function* () {
    expect(createTask(worker(), { name: null }).getName()).toMatch(/^Task-\d+$/);
    expect(createTask(worker(), { name: undefined }).getName()).toMatch(/^Task-\d+$/);
    expect(createTask(worker(), { name: "" }).getName()).toBe("");
    yield* sleep(2);
  });
});

test("Task.setName() on a task that is done still renames it", () => {
  program(function* () {
    const task = createTask(worker());
    yield* task;
    task.setName("afterwards");
    expect(String(task)).toContain("name='afterwards'");
  });
});

test("Task shows its state, its name, its coroutine and what it waits for [S93]", () => {
  program(function* () {
    const task = createTask(worker(), { name: "w" });
    expect(String(task)).toBe("<Task pending name='w' coro=worker>");
    yield* sleep(0.5);
    expect(String(task)).toBe(
      "<Task pending name='w' coro=worker waitFor=<<coroutine sleep(1)> (in worker)>>",
    );
    yield* task;
    expect(String(task)).toBe("<Task finished name='w' coro=worker result=undefined>");
  });
});

test("Task shows `cancelling` from the request to the end [S93]", () => {
  program(function* () {
    const task = createTask(
      (function* () {
        try {
          yield* sleep(1);
        } finally {
          yield* sleep(1);
        }
      })(),
      { name: "w" },
    );
    yield* sleep(0.5);
    task.cancel();
    expect(String(task)).toMatch(/^<Task cancelling name='w' coro=<generator> /);
    yield* errorOf(task);
    expect(String(task)).toBe("<Task cancelled name='w' coro=<generator>>");
  });
});

test("Task shows its exception", () => {
  program(function* () {
    const task = createTask(
      (function* () {
        throw new RangeError("too big");
      })(),
      { name: "w" },
    );
    yield* errorOf(task);
    expect(String(task)).toBe(`<Task finished name='w' coro=<generator> exception=RangeError("too big")>`);
  });
});

test("Task shows the task it waits for by name", () => {
  program(function* () {
    const inner = createTask(worker(), { name: "inner" });
    const outer = createTask(
      coroutine(function* waiting() {
        yield* inner;
      })(),
      { name: "outer" },
    );
    yield* sleep(0.5);
    expect(String(outer)).toBe("<Task pending name='outer' coro=waiting waitFor=<task inner (in waiting)>>");
    yield* outer;
  });
});

test("Task shows a gather it waits for by its size", () => {
  program(function* () {
    const outer = createTask(
      (function* () {
        yield* gather([worker(), worker(), worker()]);
      })(),
    );
    yield* sleep(0.5);
    expect(String(outer)).toContain("waitFor=<gather of 3>");
    yield* outer;
  });
});

test("Task of a subclass shows that class", () => {
  class Job<T> extends Task<T> {}
  program(function* (loop) {
    const job = new Job(worker(), { loop, name: "j" });
    expect(String(job)).toBe("<Job pending name='j' coro=worker>");
    yield* job;
  });
});

test("Task is shown by util.inspect as by String, and not with its inside", () => {
  program(function* () {
    const task = createTask(worker(), { name: "w" });
    expect(inspect(task)).toBe(String(task));
    yield* task;
  });
});

test("Task of a task that waits for itself in a circle can be shown", () => {
  program(function* () {
    const tasks: Task<unknown>[] = [];
    for (const other of [1, 0]) {
      tasks.push(
        createTask(
          (function* (): Coroutine<unknown> {
            return yield* errorOf(tasks[other] as Task<unknown>);
          })(),
          { name: `t${other}` },
        ),
      );
    }
    yield* sleep(1);
    expect(tasks.map(String).join()).toContain("waitFor=<task t1>");
    for (const task of tasks) task.cancel();
    yield* sleep(1);
  });
});

test("coroutines, timeouts and sleeps show what they are", () => {
  program(function* () {
    const pending = worker();
    const limit = timeout(5);
    expect([pending, sleep(2), sleep(0), limit].map(String)).toEqual([
      "<coroutine worker>",
      "<coroutine sleep(2)>",
      "<coroutine sleep(0)>",
      "<Timeout [created]>",
    ]);
    expect(inspect(pending)).toBe("<coroutine worker>");
  });
});

test("Task.getCoro() gives what the task was made of", () => {
  program(function* () {
    const coro = worker();
    const plain = (function* () {})();
    const [first, second] = [createTask(coro), createTask(plain)];
    expect(first.getCoro()).toBe(coro);
    expect(second.getCoro()).toBe(plain);
    yield* gather([first, second]);
    expect(first.getCoro()).toBe(coro);
  });
});

test("Task: the text of an error within it is not changed", () => {
  program(function* () {
    const error = yield* errorOf(
      createTask(
        (function* () {
          throw new Error("as it was");
        })(),
      ),
    );
    expect(textOf(error)).toBe("Error: as it was");
  });
});
