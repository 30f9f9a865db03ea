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
export { explore, REPLAY_VARIABLE, replay } from "./explore.ts";
export type { EventuallyOptions } from "./invariants.ts";
export type { Deviation, Schedule } from "./schedule.ts";
export { ScheduleMismatchError, scheduleOf, tokenOf } from "./schedule.ts";
export { shared } from "./shared.ts";
export { type Peek, type SimLimits, SimLoop, type SimLoopOptions } from "./sim-loop.ts";
export { Portfolio } from "./strategies/portfolio.ts";
export { Fifo, Pct, RandomWalk } from "./strategies/simple.ts";
export type { Guarantee, Strategy } from "./strategies/strategy.ts";
export { DelayBounded, Exhaustive } from "./strategies/systematic.ts";
export type { Choices, Tape } from "./tape.ts";
