/** `npm run conformance -- FILE.jsonl`: runs the programs of a corpus and shows where a trace differs. */
import { parseArgs } from "node:util";
import { checkLine, showEntry } from "./check.ts";
import { isEqual, readCorpus } from "./corpus.ts";
import { CountingInstrument } from "./counting-instrument.ts";
import type { Trace } from "./program.ts";
import type { ProgramRunOptions } from "./run.ts";

const USAGE = `npm run conformance -- FILE.jsonl [--instrumented] [--plain] [--only NAME]
  --instrumented  with an instrument that has every hook
  --plain         the programs' coroutines as plain generators
  --only NAME     one program, with its two traces side by side`;

/** The widest left column of the traces side by side, in characters. */
const WIDEST = 72;

// Who reads along may stop reading: `| head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

process.exitCode = main(process.argv.slice(2));

/** The exit code: 0 all passed, 1 some failed, 2 nothing was run. */
function main(args: string[]): number {
  let given: Given;
  try {
    given = parse(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    return 2;
  }
  const { file, only, options } = given;
  const corpus = readCorpus(file).filter(({ program }) => only === null || program.name === only);
  if (corpus.length === 0) {
    console.error(only === null ? `${file}: no programs` : `${file}: no program ${only}`);
    return 2;
  }
  let failed = 0;
  for (const line of corpus) {
    const { trace, report } = checkLine(line, options);
    if (only !== null && trace !== null) console.log(sideBySide(line.trace, trace));
    if (report === null) continue;
    console.log(report);
    failed += 1;
  }
  console.log(`${corpus.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

interface Given {
  readonly file: string;
  readonly only: string | null;
  readonly options: ProgramRunOptions;
}

function parse(args: string[]): Given {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      instrumented: { type: "boolean", default: false },
      plain: { type: "boolean", default: false },
      only: { type: "string" },
    },
  });
  const [file] = positionals;
  if (file === undefined || positionals.length > 1) throw new Error("one FILE.jsonl is required");
  const { instrumented, plain, only = null } = values;
  return {
    file,
    only,
    options: instrumented ? { plain, instrument: new CountingInstrument() } : { plain },
  };
}

/** `|` stands in the rows that differ. */
function sideBySide(expected: Trace, actual: Trace): string {
  const width = Math.min(WIDEST, Math.max(...expected.map((entry) => showEntry(entry).length)));
  const rows = [`    ${"expected".padEnd(width)}   got`];
  for (let i = 0; i < Math.max(expected.length, actual.length); i++) {
    const [left, right] = [expected[i], actual[i]];
    const mark = isEqual(left, right) ? " " : "|";
    rows.push(`${String(i).padStart(3)} ${showEntry(left).padEnd(width)} ${mark} ${showEntry(right)}`);
  }
  return rows.join("\n");
}
