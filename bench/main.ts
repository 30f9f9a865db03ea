/** `npm run bench`: every kernel of ours beside native promises and timers, CPython, uvloop and other pools. See README.md. */
import { parseArgs } from "node:util";
import type { Column } from "./bars.ts";
import { bars, COLUMNS } from "./bars.ts";
import { hasWrk } from "./kernels/http-load.ts";
import { kernels } from "./kernels/index.ts";
import type { Kernel } from "./kernels/kernel.ts";
import { machine, machineNote } from "./machine.ts";
import { measureInNode } from "./node-columns.ts";
import type { Pythons } from "./python-columns.ts";
import { findPythons, measureInPython } from "./python-columns.ts";
import type { Figure } from "./rounds.ts";
import type { Row } from "./table.ts";
import { table } from "./table.ts";

const USAGE = `npm run bench -- [--only NAME,NAME] [--quick] [--json]
  --only   these kernels; a name without its ending stands for all that begin so (--only depth,spawn)
  --quick  fewer operations and rounds: a look, not a measurement
  --json   {machine, kernels: {NAME: {ours, native, cpython, uvloop, …}}} in operations per second (memory: bytes per task or worker)`;

const NO_WRK = "skipped: wrk is not installed, which is the client (apt-get install wrk)";

// Who reads along may stop reading: `| head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

process.exitCode = await main(process.argv.slice(2));

/** The exit code: 0 measured, 1 a kernel failed, 2 nothing was measured. A bar that is missed is no failure. */
async function main(args: string[]): Promise<number> {
  let given: Given;
  let pythons: Pythons;
  try {
    given = parse(args);
    pythons = await findPythons(process.env["PYTHON"]);
  } catch (error) {
    console.error(`${messageOf(error)}\n${USAGE}`);
    return 2;
  }
  const { chosen, quick, json } = given;
  const found = machine(pythons);
  const start = performance.now();
  const rows: Record<string, Row> = {};
  for (const [i, kernel] of chosen.entries()) {
    progress(`[${i + 1}/${chosen.length}] ${kernel.name}: ${kernel.title} `);
    const kernelStart = performance.now();
    const row = await measureKernel(kernel, pythons, quick);
    rows[kernel.name] = row;
    progress(` ${secondsSince(kernelStart)}\n${messagesOf(row)}`);
  }
  if (json) {
    console.log(JSON.stringify({ machine: found, kernels: rows }, null, 2));
  } else {
    console.log(`\n${table(chosen, rows, bars).join("\n")}\n\n${machineNote(found)}`);
    console.log(noiseNote(Object.values(rows)));
    console.log(`measured in ${secondsSince(start)}${quick ? ", quickly: the figures say little" : ""}`);
  }
  return Object.values(rows).some(({ error }) => error !== undefined) ? 1 : 0;
}

interface Given {
  readonly chosen: readonly Kernel[];
  readonly quick: boolean;
  readonly json: boolean;
}

function parse(args: string[]): Given {
  const { values } = parseArgs({
    args,
    options: { only: { type: "string" }, quick: { type: "boolean" }, json: { type: "boolean" } },
  });
  return {
    chosen: values.only === undefined ? kernels : named(values.only.split(",")),
    quick: values.quick === true,
    json: values.json === true,
  };
}

/** In the order of the table. @throws RangeError if a name fits none. */
function named(names: readonly string[]): Kernel[] {
  const fits = (kernel: Kernel, name: string) => kernel.name === name || kernel.name.startsWith(`${name}-`);
  for (const name of names) {
    if (kernels.some((kernel) => fits(kernel, name))) continue;
    throw new RangeError(
      `no kernel ${name}: write some of ${kernels.map((kernel) => kernel.name).join(", ")}`,
    );
  }
  return kernels.filter((kernel) => names.some((name) => fits(kernel, name)));
}

/** One column after the other, never two at a time. What fails leaves its place empty. */
async function measureKernel(kernel: Kernel, pythons: Pythons, quick: boolean): Promise<Row> {
  const figures: Partial<Record<"ours" | Column, Figure>> = {};
  const errors: string[] = [];
  const skipped = kernel.needs === "wrk" && !hasWrk() ? NO_WRK : null;
  if (skipped !== null) return { ...rowOf({}), skipped };
  try {
    Object.assign(
      figures,
      await measureInNode(kernel.name, { quick, pythons, onRound: () => progress(".") }),
    );
  } catch (error) {
    errors.push(messageOf(error));
  }
  for (const column of kernel.python?.columns ?? []) {
    const python = pythons[column];
    if (kernel.python === undefined || python === null) continue;
    progress(` ${column}`);
    try {
      figures[column] = await measureInPython(python, kernel, kernel.python, { column, quick });
    } catch (error) {
      errors.push(messageOf(error));
    }
  }
  return { ...rowOf(figures), ...(errors.length > 0 && { error: errors.join("\n  ") }) };
}

function rowOf(figures: Partial<Record<"ours" | Column, Figure>>): Row {
  const median = (column: "ours" | Column) => figures[column]?.median ?? null;
  const others = COLUMNS.map((column) => [column, median(column)] as const);
  return {
    ours: median("ours"),
    ...(Object.fromEntries(others) as Record<Column, number | null>),
    spread: Object.fromEntries(
      Object.entries(figures).flatMap(([column, { spread }]) => (spread === null ? [] : [[column, spread]])),
    ),
  };
}

function messagesOf({ error, skipped }: Row): string {
  const text = error ?? skipped;
  return text === undefined ? "" : `  ${text}\n`;
}

/** How quiet it was: what ratios within a spread of a bar say is not much. */
function noiseNote(rows: readonly Row[]): string {
  const spreads = rows.flatMap(({ spread }) => Object.values(spread)).sort((a, b) => a - b);
  const percent = (value: number | undefined) => `${((value ?? 0) * 100).toFixed(0)} %`;
  return `spread of the rounds, (largest - smallest) / median: ${percent(spreads[spreads.length >> 1])} in the middle, ${percent(spreads.at(-1))} at most`;
}

function secondsSince(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}

/** To stderr: stdout is for the table, or the JSON. */
function progress(text: string): void {
  process.stderr.write(text);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
