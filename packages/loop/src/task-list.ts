/**
 * A loop's unfinished tasks, in the order of their creation. CPython: `tasks._scheduled_tasks`, which is weak, so that tasks
 * nobody else holds get lost there.
 *
 * Each task comes in and goes out once, so neither may allocate: the tasks bear their neighbours (`_before`, `_after`).
 */
import type { AbstractTask } from "./events.ts";

export class TaskList {
  #first: AbstractTask | null = null;
  #last: AbstractTask | null = null;

  /** Does nothing if it is in: twice in the list, it would be its own neighbour. */
  add(task: AbstractTask): void {
    if (task._before !== null || this.#first === task) return;
    const last = this.#last;
    task._before = last;
    if (last === null) this.#first = task;
    else last._after = task;
    this.#last = task;
  }

  /** Does nothing if it is not in. */
  remove(task: AbstractTask): void {
    const before = task._before;
    const after = task._after;
    if (before !== null) before._after = after;
    else if (this.#first === task) this.#first = after;
    else return;
    if (after !== null) after._before = before;
    else this.#last = before;
    task._before = null;
    task._after = null;
  }

  /** Oldest first. */
  toArray(): AbstractTask[] {
    const tasks: AbstractTask[] = [];
    for (let task = this.#first; task !== null; task = task._after) tasks.push(task);
    return tasks;
  }
}
