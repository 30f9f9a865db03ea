/**
 * Runs a program under many schedules, and finds one that breaks it:
 *
 *      strategy ──► run, afresh ──► … ──► a failure ──► shrink ──► fewest deviations, lowest fidelity ──► a report, a token
 */
import type { Body, RunRecord, RunSettings } from "./body-run.ts";
import { runBody } from "./body-run.ts";
import type { Fidelity } from "./choices.ts";
import { narrate } from "./report.ts";
import type { Schedule } from "./schedule.ts";
import { scheduleOf, tokenOf } from "./schedule.ts";
import { shrink } from "./shrink.ts";
import type { SimLimits } from "./sim-loop.ts";
import { Portfolio } from "./strategies/portfolio.ts";
import type { Guarantee, Strategy } from "./strategies/strategy.ts";
import { Player } from "./tape.ts";

/** In this variable of the environment `explore` looks for a token: it then runs that schedule alone. */
export const REPLAY_VARIABLE = "AIOLOOP_REPLAY";

export interface ExploreOptions extends SimLimits {
  /** What may vary. Default: "env". */
  fidelity?: Fidelity | undefined;
  /** Schedules at most. Default: 2,000. */
  runs?: number | undefined;
  /** Seconds of real time at most, looked at after each run. Default: no limit. */
  seconds?: number | undefined;
  /** Default: a portfolio, with `seed`. */
  strategy?: Strategy | undefined;
  /** Of the strategy, and of what `sim.random()` draws. Default: 1. */
  seed?: number | undefined;
  /** Whether tasks may also start eagerly. Default: true. */
  eager?: boolean | undefined;
  /** Called with each loop before the body is. */
  prepare?: RunSettings["prepare"];
}

export interface Failure {
  readonly error: unknown;
  /** For `replay(body, token)`. */
  readonly token: string;
  readonly schedule: Schedule;
  /** What ran instead of what, and where: a few lines. */
  readonly report: string;
}

export interface Exploration {
  readonly failure: Failure | null;
  /** What the runs have shown; of a failure, how far they had come. */
  readonly guarantee: Guarantee;
  /** Schedules that were run, those of shrinking not among them. */
  readonly runs: number;
}

/**
 * Runs `body` afresh under many schedules until one fails: it throws, deadlocks, breaks an invariant or a limit, or something reaches the
 * loop's exception handler. What failed is reduced to the fewest deviations, and to the lowest fidelity at which it fails.
 * @throws RangeError for options that make no sense
 */
export function explore(body: Body, options: ExploreOptions = {}): Exploration {
  const settings = settingsOf(options);
  const token = globalThis.process?.env[REPLAY_VARIABLE];
  if (token !== undefined && token !== "") return exploreOne(body, scheduleOf(token), settings);
  const { runs = 2000, seconds = Number.POSITIVE_INFINITY } = options;
  if (!(runs >= 1)) throw new RangeError(`explore({ runs }): at least 1, got ${runs}`);
  const strategy = options.strategy ?? new Portfolio(settings.seed);
  const end = performance.now() + seconds * 1000;
  for (let count = 0; ; ) {
    const chooser = strategy.next();
    if (chooser === null) return { failure: null, guarantee: strategy.guarantee(), runs: count };
    const record = runBody(body, chooser, settings);
    count += 1;
    strategy.seen(record);
    if (record.failure !== null) {
      const failure = reduced(body, record, settings);
      return { failure, guarantee: strategy.guarantee(), runs: count };
    }
    if (count >= runs || performance.now() > end) {
      return { failure: null, guarantee: strategy.guarantee(), runs: count };
    }
  }
}

/** Runs one schedule again. @throws what the program throws; ScheduleMismatchError if it is not the program of the token any more */
export function replay(
  body: Body,
  token: string,
  options: Omit<ExploreOptions, "fidelity" | "seed"> = {},
): void {
  const { failure } = exploreOne(body, scheduleOf(token), settingsOf(options));
  if (failure !== null) throw failure.error;
}

function settingsOf({ fidelity = "env", seed = 1, ...options }: ExploreOptions): RunSettings {
  return { ...options, fidelity, seed };
}

function exploreOne(body: Body, schedule: Schedule, settings: RunSettings): Exploration {
  const { fidelity, seed } = schedule;
  const player = new Player(schedule, true);
  const record = runBody(body, player, { ...settings, fidelity, seed });
  const error = record.failure?.error ?? player.mismatch();
  const guarantee = { kind: "sampled", schedules: 1 } as const;
  if (error === null) return { failure: null, guarantee, runs: 1 };
  return { failure: failureOf(body, schedule, error, settings), guarantee, runs: 1 };
}

function reduced(body: Body, record: RunRecord, settings: RunSettings): Failure {
  const { schedule, error } = shrink(body, record, settings);
  return failureOf(body, schedule, error, settings);
}

function failureOf(body: Body, schedule: Schedule, error: unknown, settings: RunSettings): Failure {
  const report = narrate(body, schedule, settings);
  return { error, token: tokenOf(schedule), schedule, report };
}
