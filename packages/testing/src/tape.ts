/** The choices of one run, as they were made: what a strategy, shrinking and reports look at afterwards. */
import type { Choice, Chooser, Stream } from "./choices.ts";
import type { Deviation, Schedule } from "./schedule.ts";
import { checkOf, ScheduleMismatchError } from "./schedule.ts";

/** What was chosen in one stream: `ways[i]` of `counts[i]`. */
export interface Choices {
  readonly ways: number[];
  readonly counts: number[];
}

export type Tape = Readonly<Record<Stream, Choices>>;

/** Asks another chooser, and writes down what it says. */
export class Recorder implements Chooser {
  readonly tape: Tape = { order: none(), fault: none(), draw: none() };
  readonly deviations: Deviation[] = [];
  readonly step?: NonNullable<Chooser["step"]>;
  readonly ready?: NonNullable<Chooser["ready"]>;
  readonly #chooser: Chooser;

  constructor(chooser: Chooser) {
    this.#chooser = chooser;
    if (chooser.step !== undefined) this.step = (one) => chooser.step?.(one);
    if (chooser.ready !== undefined) this.ready = (one) => chooser.ready?.(one);
  }

  choose(choice: Choice): number {
    const { stream } = choice;
    const way = this.#chooser.choose(choice);
    const { ways, counts } = this.tape[stream];
    if (way !== 0) {
      if (!(way > 0 && way < choice.count))
        throw new RangeError(`a chooser took way ${way} of ${choice.count}`);
      this.deviations.push({ stream, at: ways.length, way, check: checkOf(choice.label(way)) });
    }
    ways.push(way);
    counts.push(choice.count);
    return way;
  }
}

function none(): Choices {
  return { ways: [], counts: [] };
}

/** Takes the ways of a schedule. */
export class Player implements Chooser {
  readonly #next: Record<Stream, { readonly deviations: readonly Deviation[]; at: number; i: number }>;
  readonly #where: (() => string) | null;
  /** What was thrown at a choice that is not the one of the schedule, if one was: the program may have caught it. */
  thrown: ScheduleMismatchError | null = null;

  /** `where` says where the run is: a choice that is not the one of the schedule is an error; with null what does not fit is left out. */
  constructor({ deviations }: Pick<Schedule, "deviations">, where: (() => string) | null) {
    const of = (stream: Stream) => ({
      deviations: deviations.filter((one) => one.stream === stream),
      at: 0,
      i: 0,
    });
    this.#next = { order: of("order"), fault: of("fault"), draw: of("draw") };
    this.#where = where;
  }

  choose(choice: Choice): number {
    const state = this.#next[choice.stream];
    const at = state.at;
    state.at += 1;
    const deviation = state.deviations[state.i];
    if (deviation?.at !== at) return 0;
    state.i += 1;
    const fits = deviation.way < choice.count;
    if (this.#where !== null && (!fits || checkOf(choice.label(deviation.way)) !== deviation.check)) {
      const there = Array.from({ length: choice.count }, (_, way) => choice.label(way)).join(", ");
      this.thrown ??= changed(
        `${this.#where()} choice ${at} (${choice.kind}) is between ${there}, and way ${deviation.way} is not what ran then`,
      );
      throw this.thrown;
    }
    return fits ? deviation.way : 0;
  }

  /** An error if the run had fewer choices than the schedule, else null. */
  mismatch(): ScheduleMismatchError | null {
    const [first] = Object.values(this.#next).flatMap(({ deviations, i }) => deviations.slice(i));
    if (first === undefined) return null;
    return changed(
      `choice ${first.at} (${first.stream}), at which something else ran then, does not come any more`,
    );
  }
}

function changed(what: string): ScheduleMismatchError {
  return new ScheduleMismatchError(`the program has changed since the token was made: ${what}`);
}
