/** Interleaved rounds: what disturbs the machine disturbs both columns, and a median forgets it. */
import { collectGarbage } from "./collect-garbage.ts";
import type { Kernel, NodeColumn, Program } from "./kernels/kernel.ts";
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

/** Ours, native, …, ours, native, …, after a warm-up of each, with the garbage of a round collected before the next. */
export async function measure(
  kernel: Kernel,
  { quick = false, onRound = () => {} }: { quick?: boolean; onRound?: () => void } = {},
): Promise<Figures> {
  const operations = scaled(kernel, kernel.operations, quick);
  const warmUp = quick ? operations : (kernel.warmUp ?? kernel.operations / 4);
  const areBytes = kernel.shown === "bytes";
  const columns = NODE_COLUMNS.flatMap((column) => {
    const program = kernel.programs[column];
    return program === undefined ? [] : [{ column, program, part: kernel.fewer?.[column] ?? 1 }];
  });
  const rounds: Partial<Record<NodeColumn, number[]>> = {};

  for (let i = 0; i < WARM_UPS && !areBytes; i++) {
    for (const { program, part } of columns) await round(program, Math.ceil(warmUp * part), areBytes);
  }
  const count = quick ? QUICK.rounds : (kernel.rounds ?? DEFAULT_ROUNDS);
  for (let i = 0; i < count; i++) {
    for (const { column, program, part } of columns) {
      rounds[column] ??= [];
      rounds[column].push(await round(program, Math.ceil(operations * part), areBytes));
    }
    onRound();
  }
  return Object.fromEntries(Object.entries(rounds).map(([column, figures]) => [column, figure(figures)]));
}

/** Operations per second; or what the program says, if that is bytes. */
async function round(program: Program, operations: number, areBytes: boolean): Promise<number> {
  collectGarbage();
  let start = performance.now();
  const begin = () => {
    start = performance.now();
  };
  const result = await program(operations, begin);
  const seconds = (performance.now() - start) / 1000;
  if (!(result > 0)) throw new Error(`a round of ${operations} operations returned ${result}`);
  return areBytes ? result : result / seconds;
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
