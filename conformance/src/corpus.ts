/** Reads a corpus, and finds where a trace differs from the one recorded. */
import { readFileSync } from "node:fs";
import type { Entry, Line, Trace } from "./program.ts";

/** The lines of a .jsonl file. @throws Error that names the line, if one is no program with its trace. */
export function readCorpus(file: string | URL): Line[] {
  const texts = readFileSync(file, "utf8").split("\n");
  return texts.flatMap((text, i) => (text.trim() === "" ? [] : [parseLine(text, `${file}:${i + 1}`)]));
}

function parseLine(text: string, place: string): Line {
  let line: Partial<Line> | null;
  try {
    line = JSON.parse(text) as Partial<Line> | null;
  } catch (error) {
    throw new Error(`${place}: no JSON`, { cause: error });
  }
  if (typeof line?.program?.name !== "string" || !Array.isArray(line.program.coroutines?.main)) {
    throw new Error(`${place}: no program with a name and a coroutine main`);
  }
  if (!Array.isArray(line.trace)) throw new Error(`${place}: no trace`);
  return line as Line;
}

/** The first place where two traces differ; undefined where one of them has ended. */
export interface Difference {
  readonly index: number;
  readonly expected: Entry | undefined;
  readonly actual: Entry | undefined;
}

/** Compares entry for entry, up to a deadlock, after which nothing is certain. Null: no difference. */
export function firstDifference(expected: Trace, actual: Trace): Difference | null {
  for (let index = 0; index < Math.max(expected.length, actual.length); index++) {
    const [left, right] = [expected[index], actual[index]];
    if (!isEqual(left, right)) return { index, expected: left, actual: right };
    if (left?.[1] === "run" && left[2] === "deadlock") return null;
  }
  return null;
}

/** Equality of JSON values without objects: a trace has none. Numbers are numbers, 1.0 or 1. */
export function isEqual(left: unknown, right: unknown): boolean {
  if (!Array.isArray(left) || !Array.isArray(right)) return left === right;
  return left.length === right.length && left.every((item, i) => isEqual(item, right[i]));
}
