/** What is ready, in words that are the same in every run. */
import type { Runnable } from "@aioloop/loop";
import { Future, Handle } from "@aioloop/loop";
import { Task } from "@aioloop/tasks";

/** A task by its name and the coroutine it is in; a callback by its name; a timer that wakes a task by that task. */
export function labelOf(one: Runnable): string {
  if (one instanceof Task) return labelOfTask(one);
  if (!(one instanceof Handle)) return "?";
  if (one.cancelled()) return "a cancelled callback";
  const task = wokenBy(one);
  return task === null ? one._name() : `the timer of ${labelOfTask(task)}`;
}

export function labelOfTask(task: Task<unknown>): string {
  const innermost = task.getStack().at(-1);
  // Of a task that was made with `new Task()` the number is one of the process, and another one in the next run.
  const name = typeof task._name === "number" ? "a task" : task.getName();
  return innermost === undefined || innermost === "<generator>" ? name : `${name} (${innermost})`;
}

/** Whose step it is, or whom it wakes; null if it is neither. */
export function taskOf(subject: object): Task<unknown> | null {
  if (subject instanceof Task) return subject;
  return subject instanceof Handle ? wokenBy(subject) : null;
}

/** The task that waits for the future which a callback sets; null if it is none of the kind. */
export function wokenBy(handle: Handle): Task<unknown> | null {
  const future = handle._arg;
  if (!(future instanceof Future)) return null;
  return (future._runnables().find((one) => one instanceof Task) as Task<unknown> | undefined) ?? null;
}
