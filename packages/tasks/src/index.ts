/** What runs: coroutines, tasks, and everything that waits. Runs in any JavaScript host. */
export { abortable } from "./abortable.ts";
export { type AsCompletedOptions, asCompleted } from "./as-completed.ts";
export { Barrier, BrokenBarrierError } from "./barriers.ts";
export { coroutine, iscoroutinefunction } from "./coroutines.ts";
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
} from "./current-tasks.ts";
export {
  BlockingEventLoop,
  HostEventLoop,
  type LoopOptions,
  newEventLoop,
  VirtualEventLoop,
  type VirtualLoopOptions,
} from "./event-loops.ts";
export { type GatherOptions, gather } from "./gather.ts";
export { BoundedSemaphore, Condition, Event, Lock, Semaphore } from "./locks.ts";
export {
  asyncFor,
  asyncWith,
  BREAK,
  type CoroutineIterable,
  type CoroutineIterator,
  type Manager,
} from "./managers.ts";
export type { Compare, QueueItems } from "./queue-items.ts";
export {
  LifoQueue,
  PriorityQueue,
  type PriorityQueueOptions,
  Queue,
  QueueEmpty,
  QueueFull,
  QueueShutDown,
} from "./queues.ts";
export {
  type AnyLoop,
  type Ran,
  type Run,
  Runner,
  type RunnerOptions,
  type RunnerRunOptions,
  type RunOptions,
  run,
  runWith,
} from "./runners.ts";
export { sleep } from "./sleep.ts";
export { type StaggeredRaceOptions, staggeredRace } from "./staggered.ts";
export { TaskGroup, type TaskStatus } from "./taskgroups.ts";

export { defaultTaskFactory, Task, type TaskConstructorOptions } from "./tasks.ts";
export { toThread } from "./threads.ts";
export { MoveOn, moveOnAfter, moveOnAt, Timeout, timeout, timeoutAt } from "./timeouts.ts";
export {
  ALL_COMPLETED,
  cancelAndWait,
  FIRST_COMPLETED,
  FIRST_EXCEPTION,
  type ReturnWhen,
  shield,
  type WaitOptions,
  wait,
  waitFor,
} from "./waits.ts";
