// When each task of a loop ran and waited, as a picture made of text. It is an instrument: give it to `loop.addInstrument`,
// which then tells it of every task that is made, takes a step, waits, or ends.
import type { AbstractTask, Future, Instrument } from "aioloop";

interface Row {
  name: string;
  steps: number;
  /** What it did, and from when on; the last one is its end. */
  spans: { from: number; mark: string }[];
}

export interface TimelineOptions {
  /** Columns of the whole picture. */
  width: number;
  /** What stands behind a task's bar. */
  note?: (name: string) => string;
}

const RUNS = "█";
const WAITS = "─";

export class Timeline implements Instrument {
  readonly #marks: Record<string, string>;
  readonly #rows = new Map<AbstractTask, Row>();

  /** `marks`: how a wait is drawn, by the name of the coroutine that waits; `─` for all others. */
  constructor(marks: Record<string, string> = {}) {
    this.#marks = marks;
  }

  taskCreated(task: AbstractTask) {
    this.#rows.set(task, { name: task.getName(), steps: 0, spans: [] });
    this.#now(task, WAITS);
  }

  taskStep(task: AbstractTask) {
    const row = this.#now(task, RUNS);
    if (row) row.steps++;
  }

  taskWait(task: AbstractTask, _future: Future<unknown> | null, frames: readonly string[]) {
    this.#now(task, this.#marks[frames.at(-1) ?? ""] ?? WAITS);
  }

  taskDone(task: AbstractTask) {
    this.#now(task, task.cancelled() ? "✗" : "");
  }

  #now(task: AbstractTask, mark: string) {
    const row = this.#rows.get(task);
    row?.spans.push({ from: task.getLoop().time(), mark });
    return row;
  }

  /** A time axis, and under it a bar for each task, oldest first. */
  draw({ width, note = () => "" }: TimelineOptions) {
    const rows = [...this.#rows.values()];
    const times = rows.flatMap((row) => row.spans.map((span) => span.from));
    const start = Math.min(...times);
    const duration = Math.max(...times) - start;
    const names = Math.max(...rows.map((row) => row.name.length)) + 2;
    const notes = Math.max(...rows.map((row) => note(row.name).length));
    const room = width - names - " 123 steps  ".length - notes;

    const ticks = Math.ceil(duration / 0.5) || 1;
    const perTick = Math.max(5, Math.floor(room / ticks));
    const column = 0.5 / perTick;
    const columns = ticks * perTick;
    const axis = Array.from({ length: ticks + 1 }, (_, i) => `${(i * 0.5).toFixed(1)}`.padEnd(perTick));

    return [
      `${"seconds".padEnd(names)}${axis.join("").trimEnd()}`,
      `${"".padEnd(names)}${`├${"─".repeat(perTick - 1)}`.repeat(ticks)}┤`,
      ...rows.map((row) => {
        const bar = drawBar(row, start, column).padEnd(columns + 1);
        const steps = `${row.steps} step${row.steps === 1 ? " " : "s"}`.padStart(10);
        return `${row.name.padEnd(names)}${bar}${steps}  ${note(row.name)}`.trimEnd();
      }),
    ];
  }
}

/** In each column what filled most of its time; nothing before the task was made and after its end. */
function drawBar({ spans }: Row, start: number, column: number) {
  let bar = "";
  const duration = (spans.at(-1)?.from ?? start) - start;
  const columns = Math.ceil(duration / column - 1e-6);
  for (let i = 0; i < columns; i++) {
    const from = start + i * column;
    const filled = new Map([[" ", 0]]);
    spans.forEach(({ from: begin, mark }, i) => {
      const time = Math.min(spans[i + 1]?.from ?? begin, from + column) - Math.max(begin, from);
      if (time > 0) filled.set(mark, (filled.get(mark) ?? 0) + time);
    });
    bar += [...filled].reduce((most, one) => (one[1] > most[1] ? one : most))[0];
  }
  return bar + (spans.at(-1)?.mark ?? "");
}
