/** `npm run -s conformance:record -- KIND SEED COUNT`: draws programs, runs them on CPython, prints them with their traces. */
import { readFileSync } from "node:fs";
import type { Drawing } from "./draw-arguments.ts";
import { batches, checkKind, parseDrawing } from "./draw-arguments.ts";
import type { Line } from "./program.ts";
import { Reference } from "./reference.ts";

const USAGE = `npm run -s conformance:record -- KIND SEED COUNT > MORE.jsonl
  one program and its trace a line, for the seeds from SEED on
npm run -s conformance:record -- FILE.jsonl > MORE.jsonl
  the programs of a file, {"program": …} a line; traces that it has are not looked at
-s keeps npm's own lines out of what is written`;

// Who reads along may stop reading: `| head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

process.exitCode = await main(process.argv.slice(2));

/** The exit code: 0, or 2 if not everything was recorded. */
async function main(args: string[]): Promise<number> {
  try {
    const [file = "", ...others] = args;
    const isFile = others.length === 0 && file.endsWith(".jsonl");
    const drawing = isFile ? null : parseDrawing(args);
    const reference = await Reference.start();
    const count = drawing === null ? recordFile(file, reference) : recordDrawn(drawing, reference);
    console.error(`${count} programs, recorded from CPython ${reference.version}`);
    return 0;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    return 2;
  }
}

function recordDrawn(drawing: Drawing, reference: Reference): number {
  checkKind(drawing.kind, reference.kinds);
  for (const { seed, count } of batches(drawing)) {
    console.log(reference.drawnText(drawing.kind, seed, count));
  }
  return drawing.count;
}

function recordFile(file: string, reference: Reference): number {
  const texts = readFileSync(file, "utf8")
    .split("\n")
    .filter((text) => text.trim() !== "");
  for (const text of texts) {
    const { program } = JSON.parse(text) as Pick<Line, "program">;
    const trace = reference.trace(program);
    if (trace === null) throw new Error(`program ${program.name} cannot be carried out, or is too long`);
    console.log(JSON.stringify({ program, trace }));
  }
  return texts.length;
}
