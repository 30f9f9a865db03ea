/** Making tasks, and asking for those there are. CPython: the module functions of `tasks`. */
import type { AbstractTask, BaseEventLoop, TaskFactory, TaskOptions, Yieldable } from "@aioloop/loop";
import { getRunningLoop, RuntimeError } from "@aioloop/loop";
import { slots } from "@aioloop/loop/kernel";
import type { TaskConstructorOptions } from "./tasks.ts";
import { Task } from "./tasks.ts";

/** A factory whose tasks start eagerly, made by `construct`. CPython: `tasks.create_eager_task_factory`. */
export function createEagerTaskFactory(
  construct: <T>(coro: Yieldable<T>, options: TaskConstructorOptions) => AbstractTask<T>,
): TaskFactory {
  return (loop, coro, options) =>
    construct(coro, { ...options, loop, eagerStart: options?.eagerStart ?? true });
}

/** Starts each task within createTask: one that does not wait never meets the loop. CPython: `tasks.eager_task_factory`. */
export const eagerTaskFactory: TaskFactory = createEagerTaskFactory(
  (coro, options) => new Task(coro, options),
);

/**
 * Makes a task of a coroutine in the running loop. @throws RuntimeError outside a turn, TypeError unless it is a coroutine.
 * CPython: `tasks.create_task`.
 */
export function createTask<T>(coro: Yieldable<T>, options?: TaskOptions): Task<T> {
  const loop = slots.running ?? getRunningLoop();
  return loop.createTask(coro, options) as Task<T>;
}

/**
 * The task whose step this is; null in a callback.
 * @throws RuntimeError without a loop outside a turn. CPython: `tasks.current_task`.
 */
export function currentTask(loop: BaseEventLoop | null = null): Task<unknown> | null {
  return (loop ?? getRunningLoop())._currentTask as Task<unknown> | null;
}

/** The tasks of a loop, by default the running one, that are not done, oldest first. CPython: `tasks.all_tasks`. */
export function allTasks(loop: BaseEventLoop | null = null): Set<Task<unknown>> {
  const tasks = (loop ?? getRunningLoop())._unfinishedTasks() as Task<unknown>[];
  return new Set(tasks.filter((task) => !task.done())); // tasks of other kinds may be listed and done
}

/** For other implementations of tasks: lists `task` among its loop's. CPython: `tasks._register_task`. */
export function _registerTask(task: AbstractTask): void {
  task.getLoop()._registerTask(task);
}

/** CPython: `tasks._unregister_task`. */
export function _unregisterTask(task: AbstractTask): void {
  task.getLoop()._unregisterTask(task);
}

/** Makes `task` the current one. @throws RuntimeError if another is. CPython: `tasks._enter_task`. */
export function _enterTask(loop: BaseEventLoop, task: AbstractTask): void {
  if (loop._currentTask !== null) {
    throw new RuntimeError(`cannot enter ${task} while ${loop._currentTask} is being executed`);
  }
  loop._currentTask = task;
}

/** Makes no task the current one. @throws RuntimeError if `task` is not. CPython: `tasks._leave_task`. */
export function _leaveTask(loop: BaseEventLoop, task: AbstractTask): void {
  if (loop._currentTask !== task) {
    throw new RuntimeError(`cannot leave ${task}: the current task is ${loop._currentTask}`);
  }
  loop._currentTask = null;
}
