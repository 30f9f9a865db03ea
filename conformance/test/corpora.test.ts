// Same program, same trace as CPython: the recorded corpora, in each of the ways in which a program can be run.
import { describe, expect, test } from "vitest";
import { checkLine } from "../src/check.ts";
import { readCorpus } from "../src/corpus.ts";
import { CountingInstrument } from "../src/counting-instrument.ts";
import type { Line } from "../src/program.ts";
import type { ProgramRunOptions } from "../src/run.ts";
import { statementNames } from "../src/run.ts";

const CORPORA = [
  ["corpus-core", 500],
  ["corpus", 935],
  ["corpus-more", 235],
] as const;

const corpora = new Map(
  CORPORA.map(([name]) => [name, readCorpus(new URL(`../corpora/${name}.jsonl`, import.meta.url))]),
);

/** What is wrong, for each program whose trace is not CPython's. */
function reports(corpus: readonly Line[], options?: ProgramRunOptions): string[] {
  return corpus.map((line) => checkLine(line, options).report).filter((report) => report !== null);
}

describe.each(CORPORA)("%s", (name, count) => {
  const corpus = corpora.get(name)!;

  test(`holds ${count} programs of different names`, () => {
    expect(corpus).toHaveLength(count);
    expect(new Set(corpus.map(({ program }) => program.name)).size).toBe(count);
  });

  test("gives CPython's traces", () => {
    expect(reports(corpus)).toEqual([]);
  });

  test("gives the same traces with an instrument", () => {
    expect(reports(corpus, { instrument: new CountingInstrument() })).toEqual([]);
  });

  test("gives the same traces with the programs' coroutines as plain generators", () => {
    expect(reports(corpus, { plain: true })).toEqual([]);
  });
});

test("the corpora together call every hook of an instrument", () => {
  const instrument = new CountingInstrument();
  for (const { program, trace } of corpora.get("corpus")!) checkLine({ program, trace }, { instrument });
  for (const [hook, count] of Object.entries(instrument.calls)) expect(count, hook).toBeGreaterThan(0);
});

test("the corpora together have every statement", () => {
  const text = JSON.stringify([...corpora.values()].flat().map(({ program }) => program));
  expect(statementNames.filter((name) => !text.includes(`["${name}"`))).toEqual([]);
});
