// Programs that nobody has seen: drawn now, run on CPython and here. And the recorded traces: CPython still leaves them.
import { beforeAll, describe, expect, test } from "vitest";
import { checkLine } from "../src/check.ts";
import { firstDifference, readCorpus } from "../src/corpus.ts";
import { CountingInstrument } from "../src/counting-instrument.ts";
import { batches } from "../src/draw-arguments.ts";
import { Reference } from "../src/reference.ts";
import type { ProgramRunOptions } from "../src/run.ts";
import { statementNames } from "../src/run.ts";

const COUNT = process.env.AIOLOOP_SOAK === "1" ? 20_000 : 100;

/** Others each time; AIOLOOP_SEED replays those of a run that failed. */
const seed = Number(process.env.AIOLOOP_SEED ?? Math.floor(Date.now() / 1000));

/** The ways of running a program, by turns. */
const WAYS: readonly [flag: string, options: () => ProgramRunOptions][] = [
  ["", () => ({})],
  [" --plain", () => ({ plain: true })],
  [" --instrumented", () => ({ instrument: new CountingInstrument() })],
];

let reference: Reference;

beforeAll(async () => {
  reference = await Reference.start();
  console.log(`fresh programs: AIOLOOP_SEED=${seed}`);
});

test.each(["general", "core", "contended", "runs"])(
  `${COUNT} fresh programs of the kind %s give CPython's traces`,
  (kind) => {
    expect(Number.isSafeInteger(seed), "AIOLOOP_SEED must be a whole number").toBe(true);
    const reports: string[] = [];
    for (const part of batches({ kind, seed, count: COUNT })) {
      for (const [i, line] of reference.drawn(kind, part.seed, part.count).entries()) {
        const place = part.seed + i;
        const [flag, options] = WAYS[place % WAYS.length]!;
        const { report } = checkLine(line, options());
        if (report === null) continue;
        reports.push(`${report}\n  again: npm run conformance:fuzz -- ${kind} ${place} 1${flag} --shrink`);
      }
    }
    expect(reports.join("\n")).toBe("");
  },
);

describe("the reference interpreter", () => {
  test("runs on CPython 3.14", () => {
    expect(reference.version).toMatch(/^3\.14\./);
  });

  test("has the statements of the interpreter here", () => {
    expect(reference.statements.toSorted()).toEqual(statementNames.toSorted());
  });

  test("draws the same programs from the same seeds", () => {
    expect(reference.drawnText("general", 1, 5)).toBe(reference.drawnText("general", 1, 5));
  });

  test.each(["corpus-core", "corpus", "corpus-more"])("leaves the recorded traces of %s", (name) => {
    const different = readCorpus(new URL(`../corpora/${name}.jsonl`, import.meta.url)).filter(
      ({ program, trace }) => firstDifference(trace, reference.trace(program) ?? []) !== null,
    );
    expect(different.map(({ program }) => program.name)).toEqual([]);
  });

  test("refuses a program that names what does not exist", () => {
    expect(reference.trace({ name: "wrong", coroutines: { main: [["frobnicate"]] } })).toBeNull();
    expect(reference.trace({ name: "wrong", coroutines: { main: [["await", ["coro", "c"]]] } })).toBeNull();
    expect(reference.trace({ name: "wrong", coroutines: { main: [["event_set", 0]] } })).toBeNull();
  });
});
