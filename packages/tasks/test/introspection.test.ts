import type { Future, Instrument } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import {
  _enterTask,
  _leaveTask,
  _registerTask,
  _unregisterTask,
  allTasks,
  coroutine,
  createTask,
  currentTask,
  gather,
  shield,
  sleep,
  VirtualEventLoop,
  wait,
} from "@aioloop/tasks";
import { expect, test, vi } from "vitest";
import { collectGarbage, errorOf, program, self, textOf, thrownBy, turn } from "./helpers.ts";

test("allTasks() gives the running loop's unfinished tasks, oldest first [S95]", () => {
  program(function* () {
    const [first, second] = [createTask(sleep(1)), createTask(sleep(2))];
    const names = () => [...allTasks()].map((task) => task.getName());
    expect(names()).toEqual([self(), first, second].map((task) => task.getName()));
    yield* first;
    expect(allTasks().has(first)).toBe(false);
    expect(allTasks().has(second)).toBe(true);
  });
});

test("allTasks(loop) gives that loop's tasks and no others [S95]", () => {
  const other = new VirtualEventLoop();
  const theirs = other.createTask(sleep(1)) as Task<void>;
  program(function* (loop) {
    expect([...allTasks(other)].map(String)).toEqual([String(theirs)]);
    expect(allTasks(loop).has(theirs)).toBe(false);
    expect(allTasks().size).toBe(1);
  });
  other.runUntilComplete(theirs);
  other.close();
});

test("allTasks() gives a set of its own, which may be changed while tasks end [S95]", () => {
  program(function* () {
    createTask(sleep(0));
    const tasks = allTasks();
    yield* sleep(1);
    expect(tasks.size).toBe(2);
    tasks.clear();
    expect(allTasks().size).toBe(1);
  });
});

test("allTasks() holds what nobody else holds: a task is not lost [S95 J22]", async () => {
  const loop = new VirtualEventLoop();
  let isDone = false;
  loop.createTask(
    (function* () {
      yield* loop.createFuture(); // held by this generator alone
      isDone = true;
    })(),
    { name: "held by its loop" },
  );
  turn(loop);
  await collectGarbage();
  expect([...allTasks(loop)].map((task) => task.getName())).toEqual(["held by its loop"]);
  expect(isDone).toBe(false);
  loop.setExceptionHandler(() => {});
  loop.close();
});

test("currentTask() and allTasks() without a loop need a turn [S96]", () => {
  for (const ask of [() => currentTask(), () => allTasks()]) {
    expect(textOf(thrownBy(ask))).toMatch(/^RuntimeError: no running event loop/);
  }
});

test("currentTask() is the task whose step it is, null in a callback [S96]", () => {
  program(function* (loop) {
    const seen: (Task<unknown> | null)[] = [];
    const note = () => void seen.push(currentTask());
    const task = createTask(
      (function* () {
        note();
        loop.callSoon(note);
        yield* sleep(1);
        note();
      })(),
    );
    yield* task;
    expect(seen.map((one) => one === task)).toEqual([true, false, true]);
    expect(seen[1]).toBe(null);
    expect(currentTask(loop)).not.toBe(null);
  });
});

test("currentTask(loop) of a loop that does not run is null [S96]", () => {
  const loop = new VirtualEventLoop();
  expect(currentTask(loop)).toBe(null);
  loop.close();
});

test("currentTask() among tasks that take turns is each one's own [S96]", () => {
  program(function* () {
    const worker = function* () {
      const me = currentTask();
      for (let round = 0; round < 5; round++) {
        yield;
        expect(currentTask()).toBe(me);
      }
      return me;
    };
    const workers = yield* gather([worker(), worker(), worker()]);
    expect(new Set(workers).size).toBe(3);
  });
});

test("_enterTask() and _leaveTask() make a task the current one and end that [S97]", () => {
  const loop = new VirtualEventLoop();
  const [first, second] = [loop.createTask(sleep(0)), loop.createTask(sleep(0))] as [Task<void>, Task<void>];
  _enterTask(loop, first);
  expect(currentTask(loop)).toBe(first);
  expect(textOf(thrownBy(() => _enterTask(loop, second)))).toBe(
    `RuntimeError: cannot enter ${second} while ${first} is being executed`,
  );
  expect(textOf(thrownBy(() => _leaveTask(loop, second)))).toBe(
    `RuntimeError: cannot leave ${second}: the current task is ${first}`,
  );
  _leaveTask(loop, first);
  expect(currentTask(loop)).toBe(null);
  expect(textOf(thrownBy(() => _leaveTask(loop, first)))).toBe(
    `RuntimeError: cannot leave ${first}: the current task is null`,
  );
  loop.runUntilComplete(gather([first, second]));
  loop.close();
});

test("_enterTask() within a step is refused: a task is current already [S97]", () => {
  program(function* (loop) {
    const other = createTask(sleep(0));
    expect(thrownBy(() => _enterTask(loop, other))).toHaveProperty("name", "RuntimeError");
    yield* other;
  });
});

test("_registerTask() and _unregisterTask() list a task and take it off the list; twice does no harm [S97]", () => {
  const loop = new VirtualEventLoop();
  const task = loop.createTask(sleep(0)) as Task<void>;
  _unregisterTask(task);
  _unregisterTask(task);
  expect(allTasks(loop).size).toBe(0);
  _registerTask(task);
  expect(allTasks(loop).has(task)).toBe(true);
  loop.runUntilComplete(task);
  expect(allTasks(loop).size).toBe(0);
  loop.close();
});

test("awaited-by links are set while gather, shield and wait wait, and gone afterwards [N2]", () => {
  program(function* (loop) {
    const future = loop.createFuture<void>();
    const linked = () => future._awaiters().length;
    const waiters = [createTask(wait([future])), createTask(errorOf(wait([future])))];
    const sheltered = createTask(
      (function* () {
        yield* shield(future);
      })(),
    );
    yield* sleep(1);
    expect(linked()).toBe(3);
    sheltered.cancel();
    waiters[1]?.cancel();
    yield* sleep(1);
    expect(linked()).toBe(1);
    future.setResult();
    yield* sleep(1);
    expect(linked()).toBe(0);
  });
});

test("Instrument: a task's life is told from its creation to its end, with the frames it waits in", () => {
  const told: string[] = [];
  const instrument: Instrument = {
    taskCreated: (task) => void told.push(`created ${task.getName()}`),
    taskStep: (task) => void told.push(`step ${task.getName()}`),
    taskWait: (task, future: Future<unknown> | null, frames) =>
      void told.push(
        `wait ${task.getName()} ${future === null ? "gives way" : "future"} in ${frames.join(">")}`,
      ),
    taskDone: (task) => void told.push(`done ${task.getName()}`),
  };
  const inner = coroutine(function* inner() {
    yield;
    yield* sleep(1);
  });
  const outer = coroutine(function* outer() {
    yield* inner();
  });
  program(function* (loop) {
    loop.addInstrument(instrument);
    const task = createTask(outer(), { name: "t" });
    yield* task;
    loop.removeInstrument(instrument);
  });
  expect(told.filter((line) => / t\b/.test(line))).toEqual([
    "created t",
    "step t",
    "wait t gives way in outer>inner",
    "step t",
    "wait t future in outer>inner",
    "step t",
    "done t",
  ]);
});

test("Task.printStack() writes the coroutines it is in to the console, outermost first", () => {
  const told: string[] = [];
  const error = vi.spyOn(console, "error").mockImplementation((text: string) => void told.push(text));
  program(function* () {
    const inner = coroutine(function* inner() {
      yield* sleep(1);
    });
    const task = createTask(coroutine(() => outer())(), { name: "t" });
    function* outer() {
      yield* inner();
    }
    yield* sleep(0);
    task.printStack();
    task.printStack({ limit: 1 });
    yield* task;
    task.printStack();
  });
  error.mockRestore();
  expect(told.map((text) => text.replace(/ waitFor=.*>/, ">"))).toEqual([
    "Stack for <Task pending name='t' coro=<coroutine>>:\n  <coroutine>\n  inner",
    "Stack for <Task pending name='t' coro=<coroutine>>:\n  inner",
    "No stack for <Task finished name='t' coro=<coroutine> result=undefined>",
  ]);
});
