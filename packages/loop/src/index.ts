/** When things run: the event loop, its handles, its futures, context variables. Runs in any JavaScript host. */
export type {
  AbstractExecutor,
  ExecutorFuture,
  Job,
  JobOptions,
  WorkerCallable,
  WorkerFunction,
} from "./abstract-executor.ts";
export {
  BaseEventLoop,
  type EventLoopOptions,
} from "./base-events.ts";
export { Context, ContextVar, copyContext, Token } from "./contextvars.ts";
export { ensureFuture } from "./ensure-future.ts";
export {
  _getRunningLoop,
  _setRunningLoop,
  type AbstractTask,
  type Callback,
  type CallbackOptions,
  type ExceptionContext,
  type ExceptionHandler,
  getEventLoop,
  getRunningLoop,
  Handle,
  type Runnable,
  setEventLoop,
  type TaskFactory,
  type TaskOptions,
  TimerHandle,
} from "./events.ts";
export {
  BaseExceptionGroup,
  catchGroup,
  type ErrorClass,
  ExceptionGroup,
  type GroupCondition,
  type GroupHandler,
} from "./exception-groups.ts";
export {
  CancelledError,
  DeadlockError,
  InvalidStateError,
  isCancelled,
  KeyboardInterrupt,
  LookupError,
  RuntimeError,
  SystemExit,
  TimeoutError,
} from "./exceptions.ts";
export {
  CANCELLED,
  FINISHED,
  Future,
  type FutureOptions,
  futureAddToAwaitedBy,
  futureDiscardFromAwaitedBy,
  isfuture,
  type LoopOption,
  PENDING,
} from "./futures.ts";
export { HostedEventLoop, type HostedEventLoopOptions } from "./hosted-loop.ts";
export type { Instrument } from "./instruments.ts";
export { type Logger, logger, setLogger } from "./log.ts";
export { ReadyQueue } from "./ready-queue.ts";
export { BlockingSelector } from "./selectors/blocking.ts";
export { HostSelector } from "./selectors/host.ts";
export { MonotonicClock } from "./selectors/monotonic.ts";
export type { Clock, Selector } from "./selectors/selector.ts";
export type { Source } from "./selectors/source.ts";
export { VirtualSelector } from "./selectors/virtual.ts";
export { type Standstill, SteppedEventLoop } from "./stepped-loop.ts";
export {
  AWAITABLE,
  type Awaitable,
  type Coroutine,
  iscoroutine,
  type Resolved,
  type Suspend,
  type Yieldable,
} from "./suspend.ts";
export { SyncEventLoop } from "./sync-loop.ts";
export { WaitCircle, type WaitEdge, WaitGraph, type WaitNode } from "./wait-graph.ts";
export { wrapFuture } from "./wrap-future.ts";
