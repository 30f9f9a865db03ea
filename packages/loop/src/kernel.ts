/**
 * What tasks needs of loop and nobody else should: `@aioloop/loop/kernel`. Not part of the public API.
 */
export { leave, opened, running } from "./contextvars.ts";
export { handleOf, NO_ARGS, slots } from "./events.ts";
export { leavesLoop } from "./exceptions.ts";
export { Failure } from "./failures.ts";
export {
  Cancelled,
  describeSubject,
  Failed,
  Finished,
  FutureAwaiter,
  Pending,
  setResultUnlessCancelled,
} from "./futures.ts";
export { inspectable } from "./inspectable.ts";
export { Instruments } from "./instruments.ts";
export { describe } from "./reprs.ts";
export { resolutionAt } from "./selectors/virtual.ts";
export { noteSince, sinceOf } from "./since.ts";
export {
  CALL,
  delegate,
  isAwaitableObject,
  isGeneratorFunction,
  isThenable,
  RESUMED,
  SUSPEND,
  WAIT,
} from "./suspend.ts";
export { sourceTraceback, tracebackOf } from "./tracebacks.ts";
export { type Holder, type Holding, Needs, needs, type Waitable } from "./waiting.ts";
