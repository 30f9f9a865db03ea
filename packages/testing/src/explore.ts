/**
 * Runs a program under many schedules, and finds one that breaks it:
 *
 *      strategy ──► run, afresh ──► … ──► a failure ──► shrink ──► fewest deviations, lowest fidelity ──► a report, a token
 */
import { _getRunningLoop, DeadlockError, RuntimeError } from "@aioloop/loop";
import type { Body, RunRecord, RunSettings } from "./body-run.ts";
import { runBody } from "./body-run.ts";
import type { Fidelity } from "./choices.ts";
import { FIDELITIES } from "./choices.ts";
import { realNow } from "./guards.ts";
import { markedToken, tokenToReplay } from "./replay-variable.ts";
import { narrate } from "./report.ts";
import type { Schedule } from "./schedule.ts";
import { scheduleOf, tokenOf } from "./schedule.ts";
import { shrink } from "./shrink.ts";
import type { SimLimits, SimLoop } from "./sim-loop.ts";
import { Portfolio } from "./strategies/portfolio.ts";
import type { Guarantee, Strategy } from "./strategies/strategy.ts";
import { Player } from "./tape.ts";

export interface ExploreOptions extends SimLimits {
  /** Marks its tokens, so that with one of them in REPLAY_VARIABLE no exploration of another name runs it. Default: none, no mark. */
  name?: string | undefined;
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
  /** The workers of the default executor, and how long its jobs take: see SimExecutor. Default: 4 workers, no time. */
  executor?: RunSettings["executor"];
  /** What the program may reach for although it differs from run to run: `{ allow: ["Date"] }`; false: anything. Default: nothing. */
  guards?: RunSettings["guards"];
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
  checkOutside("explore");
  const settings = settingsOf(options);
  const token = tokenToReplay(options.name);
  if (token !== null) return exploreOne(body, scheduleOf(token), settings);
  const { runs = 2000, seconds = Number.POSITIVE_INFINITY } = options;
  if (!(runs >= 1)) throw new RangeError(`explore({ runs }): at least 1, got ${runs}`);
  if (!(seconds >= 0)) throw new RangeError(`explore({ seconds }): 0 or more, got ${seconds}`);
  const strategy = options.strategy ?? new Portfolio(settings.seed);
  const end = realNow() + seconds * 1000;
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
    if (count >= runs || realNow() > end) {
      return { failure: null, guarantee: strategy.guarantee(), runs: count };
    }
  }
}

/**
 * Runs one schedule again, with the options of the exploration that has found it (`eager`, limits).
 * @throws what the program throws; ScheduleMismatchError if it is not the program of the token any more
 */
export function replay(
  body: Body,
  token: string,
  options: Omit<ExploreOptions, "fidelity" | "seed"> = {},
): void {
  checkOutside("replay");
  const { failure } = exploreOne(body, scheduleOf(token), settingsOf(options));
  if (failure !== null) throw failure.error;
}

/** Else each run would fail, and that would be taken for what was looked for. */
function checkOutside(operation: string): void {
  if (_getRunningLoop() === null) return;
  throw new RuntimeError(
    `${operation}() inside a coroutine or callback: it runs loops of its own, which have to stand outside. Call it from a plain function`,
  );
}

interface Settings extends RunSettings {
  readonly name?: string | undefined;
}

function settingsOf({ fidelity = "env", seed = 1, ...options }: ExploreOptions): Settings {
  if (!(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32)) {
    throw new RangeError(`explore({ seed }): a whole number from 0 to 2^32 - 1, got ${seed}`);
  }
  if (!FIDELITIES.includes(fidelity))
    throw new RangeError(`explore({ fidelity }): one of ${FIDELITIES.join(", ")}, got ${String(fidelity)}`);
  return { ...options, fidelity, seed };
}

function exploreOne(body: Body, schedule: Schedule, settings: Settings): Exploration {
  const { fidelity, seed } = schedule;
  let sim: SimLoop | null = null;
  const where = () => (sim === null ? "at the beginning" : `after step ${sim.steps}, time ${sim.time()},`);
  const prepare = (loop: SimLoop) => {
    sim = loop;
    settings.prepare?.(loop);
  };
  const player = new Player(schedule, where);
  const record = runBody(body, player, { ...settings, fidelity, seed, prepare });
  const guarantee = { kind: "sampled", schedules: 1 } as const;
  const changed = player.thrown ?? (record.failure === null ? player.mismatch() : null);
  const failed = changed === null ? record.failure : { error: changed };
  if (failed === null) return { failure: null, guarantee, runs: 1 };
  return { failure: failureOf(body, schedule, failed.error, settings), guarantee, runs: 1 };
}

function reduced(body: Body, record: RunRecord, settings: Settings): Failure {
  const { schedule, error } = shrink(body, record, settings);
  return failureOf(body, schedule, error, settings);
}

function failureOf(body: Body, schedule: Schedule, error: unknown, settings: Settings): Failure {
  const { report, failure } = narrate(body, schedule, settings);
  const told =
    error instanceof DeadlockError && failure?.error instanceof DeadlockError ? failure.error : error;
  return { error: told, token: markedToken(tokenOf(schedule), settings.name), schedule, report };
}
