/**
 * The unfinished tasks of a group, oldest first, among at most as many finished ones. A list that forgets the finished ones in passing: a Set would pay for hashing with every
 * child, a fifth of what a child costs.
 */
import type { Task } from "./tasks.ts";

export class Children {
  /** How many have not been reported as finished. */
  unfinished = 0;
  #tasks: Task<unknown>[] = [];

  add(task: Task<unknown>): void {
    if (this.#tasks.length > 2 * this.unfinished) this.#tasks = this.#tasks.filter(isUnfinished);
    this.#tasks.push(task);
    this.unfinished += 1;
  }

  /** One of them has finished. */
  finished(): void {
    this.unfinished -= 1;
    if (this.unfinished === 0) this.#tasks = [];
  }

  [Symbol.iterator](): Iterator<Task<unknown>> {
    return this.#tasks[Symbol.iterator]();
  }

  cancel(): void {
    for (const task of this.#tasks) if (!task.done()) task.cancel();
  }
}

function isUnfinished(task: Task<unknown>): boolean {
  return !task.done();
}
