/** Tells what a schedule does: at each deviation the time, what ran instead of what, where they stand, and what both of them touch. */
import type { Future, Instrument } from "@aioloop/loop";
import { Handle } from "@aioloop/loop";
import { Task } from "@aioloop/tasks";
import type { Body, RunSettings } from "./body-run.ts";
import { runBody } from "./body-run.ts";
import type { Choice, Chooser } from "./choices.ts";
import { wokenBy } from "./labels.ts";
import { Places } from "./places.ts";
import type { Schedule } from "./schedule.ts";
import type { SimLoop } from "./sim-loop.ts";
import { Player } from "./tape.ts";

/** One line for each deviation, and one for what the two have in common; or one that says that there is none. */
export function narrate(body: Body, schedule: Schedule, settings: RunSettings): string {
  const { fidelity, seed, deviations } = schedule;
  if (deviations.length === 0) return "it fails in the order in which things happen if nobody chooses";
  const narrator = new Narrator(new Player(schedule, false));
  const prepare = (sim: SimLoop) => {
    settings.prepare?.(sim);
    narrator.watch(sim);
  };
  runBody(body, narrator, { ...settings, fidelity, seed, prepare, debug: true });
  return narrator.lines.join("\n");
}

interface Told {
  readonly index: number;
  readonly instead: object | null;
  readonly ran: object | null;
}

class Narrator implements Chooser {
  readonly #player: Player;
  readonly #places: Places = new Places();
  readonly #told: Told[] = [];
  readonly #lines: string[] = [];
  #sim: SimLoop | null = null;

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

  access(object: object, kind: "read" | "write", task: object | null): void {
    this.#places.touches(object, kind, task);
  }

  choose(choice: Choice): number {
    const way = this.#player.choose(choice);
    if (way !== 0) this.#tell(choice, way);
    return way;
  }

  #tell(choice: Choice, way: number): void {
    const [ran, instead] = [choice.subject(way), choice.subject(0)];
    this.#told.push({ index: this.#lines.length, ran, instead });
    const time = (this.#sim?.time() ?? 0).toFixed(3);
    const parts = [choice.label(way), this.#where(ran), "instead of", choice.label(0), this.#where(instead)];
    this.#lines.push(`${time} s  ${parts.filter((part) => part !== "").join(" ")}`);
  }

  #where(subject: object | null): string {
    const task = subject instanceof Handle ? wokenBy(subject) : subject;
    const place = task instanceof Task ? this.#places.of(task) : null;
    return place === null ? "" : `at ${place}`;
  }

  /** With what the two have in common, which is known when the run is over. */
  get lines(): readonly string[] {
    const lines = [...this.#lines];
    for (const { index, ran, instead } of this.#told) {
      const common = ran === null || instead === null ? null : this.#places.conflict(ran, instead);
      if (common !== null) lines[index] += `\n           both touch ${common}`;
    }
    return lines;
  }
}
