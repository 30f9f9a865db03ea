/** A loop under control: deterministic tests, and the order that breaks a program. */
export type { Body, RunRecord } from "./body-run.ts";
export type { Choice, ChoiceKind, Chooser, Fidelity, Stream } from "./choices.ts";
export {
  IdleError,
  InvariantError,
  LivelockError,
  StepLimitError,
  TimeLimitError,
} from "./errors.ts";
export type { Exploration, ExploreOptions, Failure } from "./explore.ts";
export { explore, replay } from "./explore.ts";
export { GuardError, type Guarded, type GuardOptions, guarded } from "./guards.ts";
export type { EventuallyOptions } from "./invariants.ts";
export { REPLAY_VARIABLE } from "./replay-variable.ts";
export type { Deviation, Schedule } from "./schedule.ts";
export { NondeterminismError, ScheduleMismatchError, scheduleOf, tokenOf } from "./schedule.ts";
export { type SelfCheckOptions, selfCheck } from "./self-check.ts";
export { shared } from "./shared.ts";
export { ExecutorDeadlockError, SimExecutor, type SimExecutorOptions, type SimJob } from "./sim-executor.ts";
export { type Peek, type SimLimits, SimLoop, type SimLoopOptions } from "./sim-loop.ts";
export { Portfolio } from "./strategies/portfolio.ts";
export { Fifo, Pct, RandomWalk } from "./strategies/simple.ts";
export type { Guarantee, Strategy } from "./strategies/strategy.ts";
export { DelayBounded, Exhaustive } from "./strategies/systematic.ts";
export type { Choices, Tape } from "./tape.ts";
