/** What runs: coroutines, tasks, and everything that waits. Runs in any JavaScript host. */
export { abortable } from "./abortable.ts";
export { coroutine, iscoroutinefunction } from "./coroutines.ts";
export {
  BlockingEventLoop,
  HostEventLoop,
  type LoopOptions,
  newEventLoop,
  VirtualEventLoop,
  type VirtualLoopOptions,
} from "./event-loops.ts";
export { Event } from "./locks.ts";
export {
  asyncFor,
  asyncWith,
  BREAK,
  type CoroutineIterable,
  type CoroutineIterator,
  type Manager,
} from "./managers.ts";
export { Queue, QueueEmpty, QueueFull, QueueShutDown } from "./queues.ts";
export {
  type AnyLoop,
  type Ran,
  Runner,
  type RunnerOptions,
  type RunnerRunOptions,
  type RunOptions,
  run,
} from "./runners.ts";
export { sleep } from "./sleep.ts";
export {
  _enterTask,
  _leaveTask,
  _registerTask,
  _unregisterTask,
  allTasks,
  createEagerTaskFactory,
  createTask,
  currentTask,
  eagerTaskFactory,
  Task,
  type TaskConstructorOptions,
} from "./tasks.ts";
export { Timeout, timeout, timeoutAt } from "./timeouts.ts";
export {
  ALL_COMPLETED,
  type AsCompletedOptions,
  asCompleted,
  FIRST_COMPLETED,
  FIRST_EXCEPTION,
  type GatherOptions,
  gather,
  type ReturnWhen,
  shield,
  type WaitOptions,
  wait,
  waitFor,
} from "./waits.ts";
