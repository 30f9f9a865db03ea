// Eager tasks as they are seen by others: in the list of tasks, as the current one, in their contexts, and in numbers.
import type { Coroutine } from "@aioloop/loop";
import { CancelledError, ContextVar } from "@aioloop/loop";
import {
  allTasks,
  asyncWith,
  createEagerTaskFactory,
  createTask,
  currentTask,
  eagerTaskFactory,
  gather,
  run,
  sleep,
  Task,
  TaskGroup,
  VirtualEventLoop,
} from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { errorOf, program } from "./helpers.ts";

/** A program all of whose tasks start eagerly. */
function eagerly(main: (loop: VirtualEventLoop) => Coroutine<void>): void {
  program(function* (loop) {
    loop.setTaskFactory(eagerTaskFactory);
    yield* main(loop);
  });
}

test("createEagerTaskFactory(): the factory is the one that is set, and its tasks are of the class it was given", () => {
  class Job<T> extends Task<T> {}
  program(function* (loop) {
    const factory = createEagerTaskFactory((coro, options) => new Job(coro, options));
    loop.setTaskFactory(factory);
    expect(loop.getTaskFactory()).toBe(factory);
    const job = loop.createTask(sleep(1, "result"));
    expect(job).toBeInstanceOf(Job);
    expect(yield* job).toBe("result");
  });
});

test("eagerTaskFactory: the first step may finish what its maker goes on to await", () => {
  eagerly(function* (loop) {
    const future = loop.createFuture<string>();
    const task = createTask(
      (function* () {
        future.setResult("my message");
      })(),
    );
    expect(task.done()).toBe(true);
    expect(yield* future).toBe("my message");
  });
});

test("allTasks() in the first step of an eager task holds it; no more when it is done on return [S149 S95]", () => {
  eagerly(function* () {
    const seen: Set<Task<unknown>>[] = [];
    const task = createTask(
      (function* () {
        seen.push(allTasks());
      })(),
    );
    expect([seen[0]?.has(task), allTasks().has(task)]).toEqual([true, false]);
  });
});

test("allTasks() holds an eager task that waits from its first step to its end [S149 S95]", () => {
  eagerly(function* (loop) {
    const [first, second] = [loop.createFuture<void>(), loop.createFuture<void>()];
    const seen: Set<Task<unknown>>[] = [];
    const task = createTask(
      (function* () {
        seen.push(allTasks());
        yield* first;
        second.setResult();
      })(),
    );
    expect([seen[0]?.has(task), allTasks().has(task)]).toEqual([true, true]);
    first.setResult();
    yield* second;
    expect(allTasks().has(task)).toBe(false);
  });
});

test("currentTask() is the same in the eager first step and in the next ones [S148]", () => {
  eagerly(function* () {
    const seen: unknown[] = [];
    const task = createTask(
      (function* () {
        seen.push(currentTask());
        yield* sleep(1);
        seen.push(currentTask());
      })(),
    );
    expect(seen[0]).toBe(task);
    yield* task;
    expect(seen[1]).toBe(task);
  });
});

test("eagerTaskFactory: a task that waits can be cancelled at once, and the message arrives [S149 S102]", () => {
  eagerly(function* () {
    const task = createTask(sleep(1));
    task.cancel("cancellation message");
    expect(task.cancelling()).toBe(1);
    const error = yield* errorOf(task);
    expect(error).toBeInstanceOf(CancelledError);
    expect((error as CancelledError).msg).toBe("cancellation message");
  });
});

test("eagerTaskFactory: a task that is done cannot be cancelled, and its result stays", () => {
  eagerly(function* () {
    const task = createTask(
      (function* () {
        return "finished without waiting";
      })(),
    );
    expect(task.cancel()).toBe(false);
    expect(yield* task).toBe("finished without waiting");
    expect(task.cancelled()).toBe(false);
  });
});

test("eagerTaskFactory: a task sees its maker's values, and keeps its own from step to step [S148 S283]", () => {
  const variable = new ContextVar("variable", { default: 0 });
  eagerly(function* () {
    const seen: number[] = [];
    variable.set(1);
    const task = createTask(
      (function* () {
        seen.push(variable.get());
        variable.set(2);
        yield* sleep(1);
        seen.push(variable.get());
        variable.set(3);
        seen.push(variable.get());
      })(),
    );
    expect([seen, variable.get()]).toEqual([[1], 1]);
    yield* task;
    expect([seen, variable.get()]).toEqual([[1, 2, 3], 1]);
  });
});

describe("how many tasks wait for their first step", () => {
  let begun = 0;

  function* chain(depth: number): Coroutine<number> {
    begun += 1;
    return depth === 0 ? 0 : 1 + (yield* chain(depth - 1));
  }

  function* gathering(depth: number): Coroutine<void> {
    begun += 1;
    if (depth > 0) yield* gather([1, 2, 3, 4, 5].map(() => gathering(depth - 1)));
  }

  function* grouping(depth: number): Coroutine<void> {
    begun += 1;
    if (depth === 0) return;
    yield* asyncWith(new TaskGroup(), function* (group) {
      for (let child = 0; child < 5; child++) group.createTask(grouping(depth - 1));
    });
  }

  /** Tasks whose first step was not taken within the call that made them. */
  function scheduled(main: Coroutine<unknown>, eagerStart: boolean): number {
    let count = 0;
    const loop = new VirtualEventLoop();
    loop.setTaskFactory((itsLoop, coro, options) => {
      const before = begun;
      const task = new Task(coro, { ...options, loop: itsLoop, eagerStart });
      if (begun === before) count += 1;
      return task;
    });
    run(main, { loopFactory: () => loop });
    return count;
  }

  const all = 1 + 5 + 25 + 125 + 625;

  test.each<[what: string, make: () => Coroutine<unknown>, usual: number]>([
    ["a chain of 100 coroutines", () => chain(100), 1],
    ["gather in gather, four deep, five wide", () => gathering(4), all],
    ["TaskGroup in TaskGroup, four deep, five wide", () => grouping(4), all],
  ])(
    "%s: all of them usually, with eager tasks only the one that was made outside the loop [S76 S149 N3]",
    (_what, make, usual) => {
      // run() makes a task for its own end as well: shutdownAsyncgens and shutdownDefaultExecutor, which count for both.
      const ofRun = scheduled(sleep(0), false) - 1;
      expect(scheduled(make(), false) - ofRun).toBe(usual);
      expect(scheduled(make(), true) - ofRun).toBe(1);
    },
  );
});

test("eager starts that have ended leave the loop as it was: a lone task takes its turns by itself again", () => {
  program(function* (loop) {
    for (const delay of [0, 1]) {
      const task = createTask(sleep(delay), { eagerStart: true });
      expect(loop._eagerSteps).toBe(0);
      yield* task;
    }
  });
});
