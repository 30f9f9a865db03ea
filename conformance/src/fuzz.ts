/** `npm run conformance:fuzz -- KIND SEED COUNT`: draws programs, runs them on CPython and here, shows where traces differ. */
import { parseArgs } from "node:util";
import { checkLine } from "./check.ts";
import { firstDifference } from "./corpus.ts";
import { CountingInstrument } from "./counting-instrument.ts";
import type { Drawing } from "./draw-arguments.ts";
import { batches, checkKind, parseDrawing } from "./draw-arguments.ts";
import { ProgramFault } from "./exceptions.ts";
import type { Line, Program } from "./program.ts";
import { Reference } from "./reference.ts";
import type { ProgramRunOptions } from "./run.ts";
import { runProgram } from "./run.ts";
import { shrink } from "./shrink.ts";

const USAGE = `npm run conformance:fuzz -- KIND SEED COUNT [--instrumented] [--plain] [--shrink]
  one program for each of COUNT seeds from SEED on
  --instrumented  with an instrument that has every hook
  --plain         the programs' coroutines as plain generators
  --shrink        of each program that differs the smallest that still does`;

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

process.exitCode = await main(process.argv.slice(2));

/** The exit code: 0 all passed, 1 some failed, 2 nothing was run. */
async function main(args: string[]): Promise<number> {
  let given: Given;
  let reference: Reference;
  try {
    given = parse(args);
    reference = await Reference.start();
    checkKind(given.drawing.kind, reference.kinds);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    return 2;
  }
  const { drawing, options, isShrinking } = given;
  let failed = 0;
  for (const { seed, count } of batches(drawing)) {
    for (const [i, line] of reference.drawn(drawing.kind, seed, count).entries()) {
      const { report } = checkLine(line, options);
      if (report === null) continue;
      failed += 1;
      console.log(report);
      if (isShrinking) console.log(smallest(line, reference, options));
      else
        console.log(
          `  again: npm run conformance:fuzz -- ${replay(drawing.kind, seed + i, args)} --shrink\n`,
        );
    }
  }
  console.log(`${drawing.count - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

interface Given {
  readonly drawing: Drawing;
  readonly options: ProgramRunOptions;
  readonly isShrinking: boolean;
}

function parse(args: string[]): Given {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      instrumented: { type: "boolean", default: false },
      plain: { type: "boolean", default: false },
      shrink: { type: "boolean", default: false },
    },
  });
  const { instrumented, plain, shrink: isShrinking } = values;
  const options = instrumented ? { plain, instrument: new CountingInstrument() } : { plain };
  return { drawing: parseDrawing(positionals), options, isShrinking };
}

function replay(kind: string, seed: number, args: string[]): string {
  return [kind, seed, 1, ...args.filter((arg) => arg.startsWith("--"))].join(" ");
}

/** A smaller program whose traces differ too, as a line for a corpus, and where they differ. */
function smallest({ program }: Line, reference: Reference, options: ProgramRunOptions): string {
  const found = shrink(program, (candidate) => isDifferent(candidate, reference, options));
  const line = { program: found, trace: reference.trace(found) ?? [] };
  return `\nthe smallest that differs:\n${checkLine(line, options).report}\n${JSON.stringify(line)}\n`;
}

function isDifferent(program: Program, reference: Reference, options: ProgramRunOptions): boolean {
  const expected = reference.trace(program);
  if (expected === null) return false;
  try {
    return firstDifference(expected, runProgram(program, options)) !== null;
  } catch (error) {
    return !(error instanceof ProgramFault);
  }
}
