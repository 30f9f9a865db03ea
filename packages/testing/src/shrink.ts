/** From a schedule that fails to one that fails in the same way with as little as possible. */
import type { Body, RunRecord, RunSettings } from "./body-run.ts";
import { runBody } from "./body-run.ts";
import type { Fidelity } from "./choices.ts";
import { FIDELITIES } from "./choices.ts";
import { InvariantError } from "./errors.ts";
import { placeIn } from "./places.ts";
import type { Deviation, Schedule } from "./schedule.ts";
import { NondeterminismError } from "./schedule.ts";
import { Portfolio } from "./strategies/portfolio.ts";
import type { Strategy } from "./strategies/strategy.ts";
import { DelayBounded } from "./strategies/systematic.ts";
import { Player } from "./tape.ts";

/** Runs for each lower fidelity, and for finding one with fewer deviations from nothing. */
const RUNS = 400;

/** So many deviations are easy to read; how often others are looked for, where there are more. */
const FEW = 3;
const OTHERS = 5;

export interface Shrunk {
  readonly schedule: Schedule;
  readonly error: unknown;
}

interface Failing {
  readonly deviations: readonly Deviation[];
  readonly error: unknown;
  readonly fidelity: Fidelity;
  readonly seed: number;
}

/** @throws NondeterminismError if the same schedule does not fail again, in the same way */
export function shrink(body: Body, record: RunRecord, settings: RunSettings): Shrunk {
  let best = smallest(body, again(body, failing(record, settings.fidelity), settings), settings);
  for (const fidelity of FIDELITIES.slice(0, FIDELITIES.indexOf(settings.fidelity))) {
    const lower = search(body, new Portfolio(best.seed), best, { ...settings, fidelity });
    if (lower === null) continue;
    best = smallest(body, lower, settings);
    break;
  }
  if (best.deviations.length > 1) best = fewer(body, best, new DelayBounded(2), settings);
  // One that cannot be made smaller by leaving something out may be a long way round: others may be shorter.
  for (let i = 1; i <= OTHERS && best.deviations.length > FEW; i++) {
    best = fewer(body, best, new Portfolio(best.seed + i), settings);
  }
  const { deviations, fidelity, seed, error } = best;
  return { schedule: { deviations, fidelity, seed }, error };
}

function failing({ deviations, failure, seed }: RunRecord, fidelity: Fidelity): Failing {
  return { deviations, error: failure?.error, fidelity, seed };
}

/** The same once more; with the seed that was asked for, where the strategy's own is not needed. */
function again(body: Body, first: Failing, settings: RunSettings): Failing {
  const { deviations, error, seed } = first;
  const repeated = runWith(body, deviations, first, settings);
  if (repeated === null) {
    throw new NondeterminismError("a schedule that failed does not fail in the same way again", {
      cause: error,
    });
  }
  if (seed === settings.seed) return repeated;
  return runWith(body, deviations, { ...first, seed: settings.seed }, settings) ?? repeated;
}

/** Leaves out deviations, many at a time and then one by one, and takes lower ways, as long as something of that makes it smaller. */
function smallest(body: Body, first: Failing, settings: RunSettings): Failing {
  let best = first;
  const attempt = (deviations: readonly Deviation[]): boolean => {
    const next = runWith(body, deviations, best, settings);
    if (next === null || weight(next) >= weight(best)) return false;
    best = next;
    return true;
  };
  for (let size = Math.ceil(best.deviations.length / 2); size >= 1; ) {
    let isSmaller = false;
    for (let start = 0; start < best.deviations.length; ) {
      const { deviations } = best;
      if (attempt([...deviations.slice(0, start), ...deviations.slice(start + size)])) isSmaller = true;
      else start += size;
    }
    if (size > 1) size = Math.floor(size / 2);
    else if (!isSmaller) break;
  }
  for (let i = 0; i < best.deviations.length; i++) {
    for (let way = 1; way < (best.deviations[i]?.way ?? 0); way++) {
      if (attempt(best.deviations.map((one, k) => (k === i ? { ...one, way } : one)))) break;
    }
  }
  return best;
}

/** Fewer deviations first, then lower ways. */
function weight({ deviations }: Pick<Failing, "deviations">): number {
  return deviations.reduce((sum, { way }) => sum + 1000 + way, 0);
}

function runWith(
  body: Body,
  deviations: readonly Deviation[],
  like: Failing,
  settings: RunSettings,
): Failing | null {
  const { fidelity, seed } = like;
  const record = runBody(body, new Player({ deviations }, null), { ...settings, fidelity, seed });
  return isSame(record, like.error) ? failing(record, fidelity) : null;
}

/** Looks for the same failure with another strategy. */
function search(body: Body, strategy: Strategy, like: Failing, settings: RunSettings): Failing | null {
  for (let runs = 0; runs < RUNS; runs++) {
    const chooser = strategy.next();
    if (chooser === null) return null;
    const record = runBody(body, chooser, { ...settings, seed: like.seed });
    strategy.seen(record);
    if (isSame(record, like.error)) return failing(record, settings.fidelity);
  }
  return null;
}

/** What another strategy finds, if there is less of it. */
function fewer(body: Body, best: Failing, strategy: Strategy, settings: RunSettings): Failing {
  const found = search(body, strategy, best, { ...settings, fidelity: best.fidelity });
  const other = found === null ? best : smallest(body, found, settings);
  return weight(other) < weight(best) ? other : best;
}

/**
 * Errors of one class, thrown at one place of the program, are taken for the same failure: their texts tell of values that differ from run
 * to run.
 */
function isSame({ failure }: RunRecord, error: unknown): boolean {
  return failure !== null && kindOf(failure.error) === kindOf(error);
}

function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const { name, stack } = error;
  return error instanceof InvariantError ? `${name} ${error.invariant}` : `${name} ${placeIn(inRun(stack))}`;
}

/** Without the frames of whoever drives the loop: they are others when it is run again. */
function inRun(stack: string | undefined): string | undefined {
  return stack?.split(/\n.*(?:\.drive|\.runForever|\brunBody) \(/, 1)[0];
}
