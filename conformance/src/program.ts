/** What a line of a corpus holds, as reference/README.md defines it: a program and the trace that CPython left. */

export interface Line {
  readonly program: Program;
  readonly trace: Trace;
}

export interface Program {
  readonly name: string;
  /** True: the loop's task factory is the eager one. */
  readonly eager?: boolean;
  readonly resources?: Resources;
  /** Which coroutines each Runner runs, one after the other; one Runner that runs `main` where nothing is said. */
  readonly runs?: readonly (readonly string[])[];
  /** By name. */
  readonly coroutines: Readonly<Record<string, Block>>;
}

/** How many there are of each, or what each is made with. */
export interface Resources {
  readonly locks?: number;
  readonly events?: number;
  /** How many, or for each the lock it is made over (null: one of its own). */
  readonly conditions?: number | readonly (number | null)[];
  readonly futures?: number;
  readonly contextvars?: number;
  /** The initial value of each. */
  readonly semaphores?: readonly number[];
  readonly bounded_semaphores?: readonly number[];
  /** The parties of each. */
  readonly barriers?: readonly number[];
  readonly queues?: readonly (readonly [kind: QueueKind, maxsize: number])[];
}

export type QueueKind = "fifo" | "lifo" | "priority";

export type Block = readonly Statement[];

/** Which arguments a statement takes is said by the function that carries it out (statements-*.ts). */
export type Statement = readonly [name: string, ...args: unknown[]];

/** What a statement awaits: a fresh coroutine object, the task of a variable, or one of the program's futures. */
export type AwaitableSpec =
  | readonly ["coro", name: string]
  | readonly ["var", variable: string]
  | readonly ["future", index: number];

export type Trace = readonly Entry[];

/** One event. `who`: a coroutine instance (`NAME#N`), `callback`, `loop` or `run`. Times are in seconds. */
export type Entry = readonly [time: number, who: string, what: string, ...details: unknown[]];
