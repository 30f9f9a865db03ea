/** Whether a program does the same whenever its schedule is the same: without that, nothing found could be replayed. */
import { describe } from "@aioloop/loop/kernel";
import type { Body, RunRecord, RunSettings } from "./body-run.ts";
import { runBody } from "./body-run.ts";
import type { Choice, Chooser } from "./choices.ts";
import { FIRST } from "./choices.ts";
import type { ExploreOptions } from "./explore.ts";
import { GuardError } from "./guards.ts";
import { labelOf } from "./labels.ts";
import { NondeterminismError } from "./schedule.ts";
import type { SimLoop } from "./sim-loop.ts";
import { RandomWalk } from "./strategies/simple.ts";
import { Player } from "./tape.ts";

/** `runs`: schedules, each of which is run twice; default: 10, the first of them without any deviation. */
export type SelfCheckOptions = Omit<ExploreOptions, "name" | "seconds" | "strategy">;

/**
 * Runs `body` twice with the same schedule, for several schedules, and compares step by step: what runs, when, what it is chosen from, and
 * how many random numbers have been drawn. Whether the program fails does not matter, only that it fails twice in the same way.
 * @throws NondeterminismError, which names the first difference; GuardError where the program reaches for real time or chance
 */
export function selfCheck(body: Body, options: SelfCheckOptions = {}): void {
  const { runs = 10, fidelity = "env", seed = 1, ...others } = options;
  if (!(runs >= 1)) throw new RangeError(`selfCheck({ runs }): at least 1, got ${runs}`);
  const settings: RunSettings = { ...others, fidelity, seed };
  const walk = new RandomWalk(seed);
  for (let run = 0; run < runs; run++) {
    const first = traced(body, run === 0 ? FIRST : walk.next(), settings);
    const { deviations, seed: drawn } = first.record;
    const second = traced(body, new Player({ deviations }, null), { ...settings, seed: drawn });
    const what = differenceOf(first, second);
    if (what === null) continue;
    const schedule =
      deviations.length === 0
        ? "run twice in the same order"
        : `run twice with the same ${countOf(deviations.length)}`;
    throw new NondeterminismError(`${schedule}, ${what}`);
  }
}

/** A step, or a choice. */
interface Entry {
  readonly what: string;
  readonly time: number;
  /** Random numbers so far. */
  readonly draws: number;
}

interface Traced {
  readonly record: RunRecord;
  readonly entries: readonly Entry[];
}

function traced(body: Body, chooser: Chooser, settings: RunSettings): Traced {
  const tracer = new Tracer(chooser);
  const prepare = (sim: SimLoop) => {
    tracer.sim = sim;
    settings.prepare?.(sim);
  };
  const record = runBody(body, tracer, { ...settings, prepare });
  const error = record.failure?.error;
  if (error instanceof GuardError) throw error;
  return { record, entries: tracer.entries };
}

class Tracer implements Chooser {
  readonly entries: Entry[] = [];
  readonly seed?: number;
  sim: SimLoop | null = null;
  readonly #chooser: Chooser;

  constructor(chooser: Chooser) {
    this.#chooser = chooser;
    if (chooser.seed !== undefined) this.seed = chooser.seed;
  }

  step(one: Parameters<typeof labelOf>[0]): void {
    this.#note(`runs ${labelOf(one)}`);
  }

  choose(choice: Choice): number {
    const way = this.#chooser.choose(choice);
    const ways = Array.from({ length: choice.count }, (_, i) => choice.label(i)).join(" | ");
    this.#note(`takes ${choice.label(way)} (${choice.kind}, of: ${ways})`);
    return way;
  }

  #note(what: string): void {
    this.entries.push({ what, time: this.sim?.time() ?? 0, draws: this.sim?._drawn ?? 0 });
  }
}

function differenceOf(first: Traced, second: Traced): string | null {
  const length = Math.max(first.entries.length, second.entries.length);
  for (let i = 0; i < length; i++) {
    const [one, other] = [first.entries[i], second.entries[i]];
    if (one?.what === other?.what && one?.time === other?.time && one?.draws === other?.draws) continue;
    const before = first.entries[i - 1];
    const where =
      before === undefined ? "at the very beginning" : `after it ${before.what} at time ${before.time}`;
    return `it differs ${where}: the first time it then ${textOf(one, other)}, the second time it then ${textOf(other, one)}`;
  }
  const [one, other] = [endOf(first), endOf(second)];
  return one === other ? null : `it does the same steps, but the first time ${one}, the second time ${other}`;
}

/** What sets it apart from the other one. */
function textOf(entry: Entry | undefined, other: Entry | undefined): string {
  if (entry === undefined) return "has ended";
  if (entry.what !== other?.what) return `${entry.what} (time ${entry.time})`;
  if (entry.time !== other.time) return `${entry.what} at time ${entry.time}`;
  return `${entry.what} after ${entry.draws} random numbers`;
}

function endOf({ record: { failure } }: Traced): string {
  return failure === null ? "it ends well" : `it fails with ${describe(failure.error)}`;
}

function countOf(deviations: number): string {
  return deviations === 1 ? "deviation" : `${deviations} deviations`;
}
