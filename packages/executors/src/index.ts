/** concurrent.futures for Node: pools of worker threads and child processes. Names clash with asyncio's: `import * as executors`. */
export type { Job, JobOptions, WorkerCallable, WorkerFunction } from "@aioloop/loop";
export { ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION } from "@aioloop/tasks";
export { type Definition, definitionOf, workerFunction } from "./callables.ts";
export { type Doorbell, doorbell } from "./doorbell.ts";
export { type ErrorType, registerErrors } from "./errors.ts";
export {
  BrokenExecutor,
  BrokenProcessPool,
  BrokenThreadPool,
  CancelledError,
  ExecutorError,
  InvalidStateError,
  TimeoutError,
} from "./exceptions.ts";
export {
  BaseExecutor,
  type Executor,
  type Iterables,
  type ShutdownOptions,
} from "./executor.ts";
export {
  CANCELLED,
  CANCELLED_AND_NOTIFIED,
  FINISHED,
  Future,
  type FutureState,
  PENDING,
  RUNNING,
} from "./futures.ts";
export { jobCancelled, jobSignal, transfer } from "./inside.ts";
export type { MapOptions, MapResults } from "./maps.ts";
export { ProcessPoolExecutor, type ProcessPoolOptions } from "./process.ts";
export { ThreadPoolExecutor, type ThreadPoolOptions } from "./thread.ts";
export { runCoroutineThreadsafe } from "./threadsafe.ts";
export {
  type AsCompleted,
  asCompleted,
  DoneAndNotDoneFutures,
  type ReturnWhen,
  type WaitOptions,
  wait,
  waitAsync,
} from "./waits.ts";
