// The list of unfinished tasks: its order through any mixture of additions and removals, and what it says of its tasks.
import type { AbstractTask } from "@aioloop/loop";
import { DeadlockError } from "@aioloop/loop";
import { sleep, Task, VirtualEventLoop } from "@aioloop/tasks";
import fc from "fast-check";
import { expect, test } from "vitest";
import { TaskList } from "../src/task-list.ts";
import { deadlockOf } from "../src/waiting.ts";

const loop = new VirtualEventLoop({ debug: false });

/** Tasks that are in no list. */
function tasksOf(count: number): AbstractTask[] {
  return Array.from({ length: count }, (_, i) => {
    const task = new Task(sleep(1), { loop, name: `t${i}` });
    loop._unregisterTask(task);
    return task;
  });
}

function listOf(tasks: readonly AbstractTask[]): TaskList {
  const list = new TaskList();
  for (const task of tasks) list.add(task);
  return list;
}

const names = (list: TaskList) => list.toArray().map((task) => task.getName());

test("TaskList.toArray() gives the tasks in the order of add()", () => {
  expect(names(listOf([]))).toEqual([]);
  expect(names(listOf(tasksOf(3)))).toEqual(["t0", "t1", "t2"]);
});

test("TaskList.add() of a task that is in, and remove() of one that is not, change nothing", () => {
  const tasks = tasksOf(3);
  const list = listOf(tasks);
  for (const task of tasks) list.add(task);
  list.remove(tasksOf(1)[0] as AbstractTask);
  expect(names(list)).toEqual(["t0", "t1", "t2"]);
  const [only] = tasksOf(1) as [AbstractTask];
  const short = listOf([only, only]);
  short.remove(only);
  short.remove(only);
  expect([names(short), only._before, only._after]).toEqual([[], null, null]);
});

test("TaskList agrees with a Set over any mixture of add() and remove()", () => {
  const tasks = tasksOf(8);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(7))), (steps) => {
      const list = new TaskList();
      const set = new Set<AbstractTask>();
      for (const [isAdded, i] of steps) {
        const task = tasks[i] as AbstractTask;
        if (isAdded) list.add(task);
        else list.remove(task);
        if (isAdded) set.add(task);
        else set.delete(task);
        expect(names(list)).toEqual([...set].map((one) => one.getName()));
      }
      for (const task of set) list.remove(task);
    }),
    { seed: 95, numRuns: 200 },
  );
});

test("the DeadlockError of a list of tasks says how many tasks wait, and for what", () => {
  const all = "nothing is ready, nothing is scheduled and nothing can wake the loop: ";
  expect(deadlockOf([])).toBeInstanceOf(DeadlockError);
  expect(deadlockOf([]).message).toBe(`${all}what it runs for will never be done`);
  expect(deadlockOf(tasksOf(1)).message).toMatch(/: 1 task waits for ever\n {2}t0 waits for .+$/);
  expect(deadlockOf(tasksOf(2)).message).toMatch(
    /: 2 tasks wait for ever\n {2}t0 waits for .+\n {2}t1 waits for .+$/,
  );
});
