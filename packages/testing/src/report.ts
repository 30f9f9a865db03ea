/** Tells what a schedule does: at each deviation the time, what ran instead of what, where they stand, and what both of them touch. */
import type { Future, Instrument } from "@aioloop/loop";
import { Handle, logger } from "@aioloop/loop";
import { currentTask } from "@aioloop/tasks";
import type { Body, RunRecord, RunSettings } from "./body-run.ts";
import { runBody } from "./body-run.ts";
import type { Choice, Chooser } from "./choices.ts";
import { labelOfTask, wokenBy } from "./labels.ts";
import { Places, placeIn } from "./places.ts";
import type { Schedule } from "./schedule.ts";
import type { SimLoop } from "./sim-loop.ts";
import { Player } from "./tape.ts";

const LEVELS = ["debug", "info", "warning", "error"] as const;

export interface Narrated {
  /** One line for each deviation, and one for what the two have in common; or one that says that there is none. */
  readonly report: string;
  /** What the run threw: a deadlock knows more in debug mode. */
  readonly failure: RunRecord["failure"];
}

export function narrate(body: Body, schedule: Schedule, settings: RunSettings): Narrated {
  const { fidelity, seed, deviations } = schedule;
  const narrator = new Narrator(new Player(schedule, null));
  const prepare = (sim: SimLoop) => {
    settings.prepare?.(sim);
    narrator.watch(sim);
  };
  const run = () => runBody(body, narrator, { ...settings, fidelity, seed, prepare, debug: true });
  const { failure } = settings.debug === true ? run() : withoutLog(run);
  const report =
    deviations.length === 0
      ? "it fails in the order in which things happen if nobody chooses"
      : narrator.lines.join("\n");
  return { report, failure };
}

/** Debug mode is wanted for the places alone: what it has to say to the program nobody has asked for. */
function withoutLog<T>(run: () => T): T {
  const kept = { ...logger };
  for (const level of LEVELS) logger[level] = () => undefined;
  try {
    return run();
  } finally {
    Object.assign(logger, kept);
  }
}

interface Told {
  readonly index: number;
  readonly instead: object | null;
  readonly ran: object | null;
  /** The touches before it. */
  readonly since: number;
}

class Narrator implements Chooser {
  readonly #player: Player;
  readonly #places: Places = new Places();
  readonly #told: Told[] = [];
  readonly #lines: string[] = [];
  #sim: SimLoop | null = null;
  /** What runs. */
  #one: object | null = null;

  constructor(player: Player) {
    this.#player = player;
  }

  watch(sim: SimLoop): void {
    this.#sim = sim;
    const watcher: Instrument = {
      taskWait: (task, future: Future<unknown> | null) => this.#places.waits(task, future),
    };
    sim.addInstrument(watcher);
  }

  step(one: object): void {
    this.#one = one;
  }

  access(object: object, kind: "read" | "write", task: object | null): void {
    const actor = task ?? this.#one;
    if (actor !== null) this.#places.touches(object, kind, actor);
  }

  choose(choice: Choice): number {
    const way = this.#player.choose(choice);
    if (way !== 0) this.#tell(choice, way);
    return way;
  }

  #tell(choice: Choice, way: number): void {
    const [ran, instead] = [actorOf(choice.subject(way)), actorOf(choice.subject(0))];
    this.#told.push({ index: this.#lines.length, ran, instead, since: this.#places.count });
    const time = (this.#sim?.time() ?? 0).toFixed(3);
    const parts = [choice.label(way), this.#where(ran), "instead of", choice.label(0), this.#where(instead)];
    const asked = choice.stream === "order" ? "" : this.#asked();
    this.#lines.push(`${time} s  ${parts.filter((part) => part !== "").join(" ")}${asked}`);
  }

  /** Who draws, and where: the choice is made in the middle of its step. */
  #asked(): string {
    const task = this.#sim === null ? null : currentTask(this.#sim);
    const place = placeIn(new Error().stack);
    const by = task === null ? "" : ` by ${labelOfTask(task)}`;
    const at = place === null ? "" : ` at ${place}`;
    return by + at === "" ? "" : `, asked${by}${at}`;
  }

  #where(actor: object | null): string {
    return actor === null ? "" : (this.#places.of(actor) ?? "");
  }

  /** With what the two have in common, which is known when the run is over. */
  get lines(): readonly string[] {
    const lines = [...this.#lines];
    for (const { index, ran, instead, since } of this.#told) {
      const common = ran === null || instead === null ? null : this.#places.conflict(ran, instead, since);
      if (common !== null) lines[index] += `\n           both touch ${common}`;
    }
    return lines;
  }
}

/** Who touches things when it runs: of a timer that wakes a task, that task. Known only until the timer has run. */
function actorOf(subject: object | null): object | null {
  return subject instanceof Handle ? (wokenBy(subject) ?? subject) : subject;
}
