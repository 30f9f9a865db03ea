/** Interleaved rounds: what disturbs the machine disturbs both columns, and a median forgets it. */
import { collectGarbage } from "./collect-garbage.ts";
import type { Kernel, NodeColumn } from "./kernels/kernel.ts";
import { NODE_COLUMNS } from "./kernels/kernel.ts";

/** The median of the rounds, and how far they lie apart. */
export interface Figure {
  readonly median: number;
  /** (largest - smallest) / median; null of a single round. */
  readonly spread: number | null;
}

const DEFAULT_ROUNDS = 7;
const WARM_UPS = 3;
const QUICK = { operations: 1 / 20, rounds: 3 };

export type Figures = Readonly<Partial<Record<NodeColumn, Figure>>>;

/** One round of one column: operations per second, or bytes. */
export type Round = (column: NodeColumn, operations: number) => Promise<number>;

/** Ours, native, …, ours, native, …, after a warm-up of each, with the garbage of a round collected before the next. */
export async function measure(
  kernel: Kernel,
  round: Round,
  { quick = false, onRound = () => {} }: { quick?: boolean; onRound?: () => void } = {},
): Promise<Figures> {
  const operations = scaled(kernel, kernel.operations, quick);
  const warmUp = quick ? operations : (kernel.warmUp ?? kernel.operations / 4);
  const columns = NODE_COLUMNS.filter(
    (column) => kernel.programs[column] !== undefined && kernel.absent?.includes(column) !== true,
  );
  const part = (column: NodeColumn) => kernel.fewer?.[column] ?? 1;
  const rounds: Partial<Record<NodeColumn, number[]>> = {};

  const warmUps = kernel.shown === "bytes" || kernel.fresh === true ? 0 : WARM_UPS;
  for (let i = 0; i < warmUps; i++) {
    for (const column of columns) await round(column, Math.ceil(warmUp * part(column)));
  }
  const count = quick ? QUICK.rounds : (kernel.rounds ?? DEFAULT_ROUNDS);
  for (let i = 0; i < count; i++) {
    for (const column of columns) {
      rounds[column] ??= [];
      rounds[column].push(await round(column, Math.ceil(operations * part(column))));
    }
    onRound();
  }
  return Object.fromEntries(Object.entries(rounds).map(([column, figures]) => [column, figure(figures)]));
}

/** A round in this process. */
export async function roundHere(kernel: Kernel, column: NodeColumn, operations: number): Promise<number> {
  const program = kernel.programs[column];
  if (program === undefined) throw new Error(`${kernel.name} has no column ${column}`);
  collectGarbage();
  let start = performance.now();
  let stop: number | null = null;
  const begin = () => {
    start = performance.now();
  };
  const end = () => {
    stop = performance.now();
  };
  const result = await program(operations, begin, end);
  const seconds = ((stop ?? performance.now()) - start) / 1000;
  if (!(result > 0)) throw new Error(`a round of ${operations} operations returned ${result}`);
  return kernel.shown === "bytes" ? result : result / seconds;
}

/** The operations of a full run, or of a quick one. What is shown in seconds is shown for all of its operations. */
export function scaled({ shown }: Pick<Kernel, "shown">, operations: number, quick: boolean): number {
  return quick && shown !== "seconds" ? Math.ceil(operations * QUICK.operations) : operations;
}

export function figure(rounds: readonly number[]): Figure {
  const sorted = [...rounds].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
  const spread = rounds.length > 1 ? ((sorted.at(-1) ?? 0) - (sorted[0] ?? 0)) / median : null;
  return { median, spread };
}
