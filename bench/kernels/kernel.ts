/** What a kernel is. Each file beside this one holds one idea: the same small program for every column. */

/**
 * The columns that a kernel measures itself, a round of each in turn. Python's are measured after them, in kernels.py, unless they
 * are servers: then only the client is here.
 */
export const NODE_COLUMNS = [
  "ours",
  "native",
  "effect",
  "effection",
  "piscina",
  "tinypool",
  "net",
  "http",
  "cpython",
  "uvloop",
] as const;
export type NodeColumn = (typeof NODE_COLUMNS)[number];

/**
 * One round. Returns how many operations were done, counted by the work itself: that proves it was done, and nothing
 * is optimised away. Calls `begin` after its preparations, and `end` before it tidies up, if those are not to be timed.
 * Where a kernel measures bytes, it returns bytes per task (per worker) instead, and time plays no part.
 */
export type Program = (operations: number, begin: () => void, end: () => void) => Promise<number>;

/** The twin in kernels.py: `size` is its second figure, if it takes one. */
export interface PythonTwin {
  readonly program: string;
  readonly size?: number;
  readonly operations: number;
  readonly rounds?: number;
  /** Which columns it fills. */
  readonly columns: readonly ("cpython" | "uvloop")[];
}

export interface Kernel {
  readonly name: string;
  /** One line for who watches it run. */
  readonly title: string;
  /** The part of the table it stands in, with columns of its own; that of the scheduler by default. */
  readonly group?: "executors" | "streams" | "testing";
  /** How its figures are shown: operations per second, seconds for all of them, or bytes per task. */
  readonly shown: "rate" | "seconds" | "bytes";
  readonly operations: number;
  /** A program of the system's without which it cannot be measured. */
  readonly needs?: "wrk";
  /** Columns that cannot be measured on this machine. */
  readonly absent?: readonly NodeColumn[];
  /** Rounds of each column, 7 by default. */
  readonly rounds?: number;
  /** Operations of a round before those that count, a quarter by default. */
  readonly warmUp?: number;
  /** Each round in a process of its own, without warm-up: for what happens once in a process. */
  readonly fresh?: boolean;
  /** Those that have the thing. */
  readonly programs: Readonly<Partial<Record<NodeColumn, Program>>> & { readonly ours: Program };
  /** What part of the operations a column does that would take too long with all of them. */
  readonly fewer?: Readonly<Partial<Record<NodeColumn, number>>>;
  readonly python?: PythonTwin;
}
