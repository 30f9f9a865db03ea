/** Runs a line of a corpus and says in words where its trace is not the recorded one. */
import type { Difference } from "./corpus.ts";
import { firstDifference } from "./corpus.ts";
import { ProgramFault } from "./exceptions.ts";
import type { Entry, Line, Trace } from "./program.ts";
import type { ProgramRunOptions } from "./run.ts";
import { runProgram } from "./run.ts";

/** How many entries are shown before the first that differs. */
const CONTEXT = 4;

export interface Outcome {
  /** Null if the program could not be carried out. */
  readonly trace: Trace | null;
  /** What is wrong; null if nothing is. */
  readonly report: string | null;
}

export function checkLine({ program, trace: expected }: Line, options?: ProgramRunOptions): Outcome {
  let trace: Trace;
  try {
    trace = runProgram(program, options);
  } catch (error) {
    // A fault says it all; anything else should not get out of a run, and shows where it comes from.
    if (error instanceof ProgramFault) return { trace: null, report: error.message };
    const stack = error instanceof Error ? error.stack : String(error);
    return { trace: null, report: `program ${program.name}: ${stack}` };
  }
  const difference = firstDifference(expected, trace);
  return {
    trace,
    report: difference && `program ${program.name}: ${describeDifference(difference, expected)}`,
  };
}

function describeDifference({ index, expected, actual }: Difference, trace: Trace): string {
  return [
    `entry ${index} differs`,
    ...trace.slice(Math.max(0, index - CONTEXT), index).map((entry) => `           ${showEntry(entry)}`),
    `  expected ${showEntry(expected)}`,
    `  got      ${showEntry(actual)}`,
  ].join("\n");
}

export function showEntry(entry: Entry | undefined): string {
  return entry === undefined ? "nothing" : JSON.stringify(entry);
}
