// createTask goes through the loop's task factory.
import type { TaskFactory } from "@aioloop/loop";
import { copyContext, SyncEventLoop, VirtualSelector } from "@aioloop/loop";
import { Task, VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { turn } from "./helpers.ts";

const newLoop = () => new VirtualEventLoop({ debug: false });

function* work() {
  return 1;
}

/** A factory that makes usual tasks and notes what it was called with. */
function recording(): { factory: TaskFactory; calls: unknown[][] } {
  const calls: unknown[][] = [];
  const factory: TaskFactory = (loop, coro, options) => {
    calls.push([loop, coro, options]);
    return new Task(coro, { ...options, loop });
  };
  return { factory, calls };
}

test("BaseEventLoop.createTask() starts nothing at once; the task runs in the next turn", () => {
  const loop = newLoop();
  const task = loop.createTask(work());
  expect(task.done()).toBe(false);
  turn(loop);
  expect(task.result()).toBe(1);
  expect(task.getLoop()).toBe(loop);
});

test("BaseEventLoop.setTaskFactory() has the factory called with loop, coroutine and all options [S29]", () => {
  const loop = newLoop();
  const { factory, calls } = recording();
  loop.setTaskFactory(factory);
  expect(loop.getTaskFactory()).toBe(factory);
  const context = copyContext();
  const coros = [work(), work(), work()] as const;
  loop.createTask(coros[0]);
  loop.createTask(coros[1], { name: "n", context });
  loop.createTask(coros[2], { eagerStart: false });
  turn(loop);
  expect(calls.map(([where, coro]) => [where === loop, coros.indexOf(coro as never)])).toEqual([
    [true, 0],
    [true, 1],
    [true, 2],
  ]);
  expect(calls.map(([, , options]) => options)).toEqual([
    undefined,
    { name: "n", context },
    { eagerStart: false },
  ]);
});

test("BaseEventLoop.createTask() without a name leaves naming to the factory [S28]", () => {
  const loop = newLoop();
  loop.setTaskFactory(recording().factory);
  expect(loop.createTask(work()).getName()).toMatch(/^Task-\d+$/);
  expect(loop.createTask(work(), { name: null }).getName()).toMatch(/^Task-\d+$/);
  expect(loop.createTask(work(), { name: "mine" }).getName()).toBe("mine");
  turn(loop);
});

test("BaseEventLoop.setTaskFactory(null) goes back to the loop's first factory [S30]", () => {
  const loop = newLoop();
  const { factory, calls } = recording();
  loop.setTaskFactory(factory);
  loop.setTaskFactory(null);
  expect(loop.getTaskFactory()).toBe(null);
  expect(loop.createTask(work())).toBeInstanceOf(Task);
  expect(calls).toEqual([]);
  turn(loop);
});

test.each([[1], ["factory"], [{}], [undefined]])(
  "BaseEventLoop.setTaskFactory(%o) is a TypeError [S30]",
  (factory) => {
    const loop = newLoop();
    expect(() => loop.setTaskFactory(factory as never)).toThrow(TypeError);
    expect(() => loop.setTaskFactory(factory as never)).toThrow(
      /^setTaskFactory\(factory\): a function \(loop, coro, options\) or null, got /,
    );
    expect(loop.getTaskFactory()).toBe(null);
  },
);

test("BaseEventLoop.createTask() passes on what the factory throws", () => {
  const loop = newLoop();
  loop.setTaskFactory(() => {
    throw new RangeError("no more tasks");
  });
  expect(() => loop.createTask(work())).toThrow("no more tasks");
});

test("BaseEventLoop.createTask() of a loop made without a factory says what to do", () => {
  const selector = new VirtualSelector();
  const loop = new SyncEventLoop({ clock: selector, selector });
  expect(() => loop.createTask(work())).toThrow(
    "createTask() of a loop without tasks: make it with newEventLoop(), or setTaskFactory() first",
  );
  loop.setTaskFactory(recording().factory);
  expect(loop.runUntilComplete(work())).toBe(1);
});
