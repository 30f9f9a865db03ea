/** The table, from figures. Nothing is measured here. */
import type { Bar, Bars, Column, Standing } from "./bars.ts";
import { standing, standingAlone } from "./bars.ts";
import type { Kernel } from "./kernels/kernel.ts";

/** The figures of one kernel: operations per second (memory: bytes per task or worker); null where there is none. */
export type Row = Readonly<Record<"ours" | Column, number | null>> & {
  /** (largest - smallest) / median of the rounds, for each figure there is. */
  readonly spread: Readonly<Partial<Record<"ours" | Column, number>>>;
  readonly error?: string;
  /** Why it was not measured. */
  readonly skipped?: string;
};

type Described = Pick<Kernel, "name" | "group" | "shown" | "operations">;

const TITLES: Readonly<Record<Column, string>> = {
  native: "native",
  cpython: "CPython",
  uvloop: "uvloop",
  effect: "Effect",
  effection: "Effection",
  piscina: "piscina",
  tinypool: "tinypool",
  net: "net",
  http: "node:http",
};

const MIB = 2 ** 20;
const RATIO = "ratio, bar";
const BAR = "bar";
const LEFT: ReadonlySet<string> = new Set(["kernel", RATIO, BAR, "spread"]);

type Alone = ReturnType<typeof standingAlone>;

interface Part {
  /** Of which kernels. */
  readonly group: Kernel["group"];
  readonly columns: readonly Column[];
  /** Only those kernels that have one of the columns. */
  readonly some?: true;
}

/** What stands in one table: others' loops; in those kernels that have them, others' ways on the same loop; others' pools; others' servers; and what nobody else has, beside a figure. */
const PARTS: readonly Part[] = [
  { group: undefined, columns: ["native", "cpython", "uvloop"] },
  { group: undefined, columns: ["effect", "effection"], some: true },
  { group: "executors", columns: ["piscina", "tinypool", "cpython"] },
  { group: "streams", columns: ["net", "http", "cpython", "uvloop"] },
  { group: "testing", columns: [] },
];

/** A line for each kernel: figures, ratios and bars; then how many bars were reached, and which were not. */
export function table(
  kernels: readonly Described[],
  rows: Readonly<Record<string, Row>>,
  bars: Bars,
): string[] {
  const missed: string[] = [];
  let reached = 0;
  const tables = PARTS.map(({ group, columns, some = false }) => {
    const isAlone = columns.length === 0;
    const beside = isAlone ? [BAR] : columns.flatMap((column) => [TITLES[column], RATIO]);
    const lines = [["kernel", "ours", ...beside, "spread"]];
    for (const kernel of kernels) {
      const row = rows[kernel.name];
      if (row === undefined || kernel.group !== group) continue;
      if (some && columns.every((column) => row[column] === null)) continue;
      const cells = [
        kernel.name,
        row.error !== undefined ? "failed" : row.skipped !== undefined ? "skipped" : figure(kernel, row.ours),
      ];
      if (isAlone) {
        const { ours } = bars[kernel.name] ?? {};
        const stands = ours && row.ours !== null ? standingAlone(row.ours, kernel.operations, ours) : null;
        cells.push(stands === null ? "" : aloneText(kernel, stands));
        if (stands?.reached === true) reached += 1;
        if (stands?.reached === false) missed.push(missedAloneText(kernel, stands));
      }
      for (const column of columns) {
        const stands = standingOf(kernel, row, column, bars);
        cells.push(figure(kernel, row[column]), stands === null ? "" : standingText(stands));
        if (stands?.reached === true) reached += 1;
        if (stands?.reached === false) missed.push(missedText(kernel.name, column, stands));
      }
      cells.push(spreadText(row, columns));
      lines.push(cells);
    }
    return lines;
  });
  const judged = reached + missed.length;
  const verdict = `${reached} of ${judged} bars reached${missed.length > 0 ? "; missed:" : ""}`;
  return [
    ...tables.filter((lines) => lines.length > 1).flatMap((lines) => [...aligned(lines), ""]),
    verdict,
    ...missed.map((line) => `  ${line}`),
  ];
}

function standingOf(kernel: Described, row: Row, column: Column, bars: Bars): Standing | null {
  const other = row[column];
  if (row.ours === null || other === null) return null;
  return standing(row.ours, other, kernel.shown === "bytes", bars[kernel.name]?.[column] ?? null);
}

/** A figure with its unit. */
export function figure({ shown, operations }: Omit<Described, "name">, value: number | null): string {
  if (value === null) return "";
  if (shown === "bytes") return value < MIB ? `${Math.round(value)} B` : `${(value / MIB).toFixed(1)} MiB`;
  if (shown === "seconds") return `${(operations / value).toFixed(3)} s`;
  const [divisor, unit] = value >= 1e6 ? [1e6, "M/s"] : value >= 1e3 ? [1e3, "k/s"] : [1, "/s"];
  const scaled = value / divisor;
  return `${scaled.toFixed(scaled < 10 ? 2 : scaled < 100 ? 1 : 0)} ${unit}`;
}

function standingText({ ratio, bar, reached }: Standing): string {
  const text = ratioText(ratio, bar).padStart(4);
  return bar === null ? text : `${text} ${reached === true ? "✓" : "✗"} ${barText(bar)}`;
}

function missedText(name: string, column: Column, { ratio, bar }: Standing): string {
  if (bar === null) return "";
  const [limit, off] =
    "atMost" in bar ? [bar.atMost, ratio / bar.atMost - 1] : [bar.atLeast, 1 - ratio / bar.atLeast];
  const kind = "atMost" in bar ? "at most" : "at least";
  return `${name} beside ${TITLES[column]}: ${ratioText(ratio, bar)} ×, ${kind} ${limit} × wanted (${(off * 100).toFixed(1)} % off)`;
}

function aloneText(kernel: Described, { bar, reached }: Alone): string {
  return `${reached === true ? "✓" : "✗"} ${"atMost" in bar ? "≤" : "≥"}${limitOf(kernel, bar)}`;
}

function missedAloneText(kernel: Described, { ratio, bar }: Alone): string {
  const kind = "atMost" in bar ? "at most" : "at least";
  const off = "atMost" in bar ? ratio / bar.atMost - 1 : 1 - ratio / bar.atLeast;
  const seen = limitOf(kernel, "atMost" in bar ? { atMost: ratio } : { atLeast: ratio });
  return `${kernel.name}: ${seen}, ${kind} ${limitOf(kernel, bar)} wanted (${(off * 100).toFixed(1)} % off)`;
}

/** A bar of a figure by itself, as that figure is shown. */
function limitOf(kernel: Described, bar: Bar): string {
  return "atMost" in bar ? `${bar.atMost.toFixed(3)} s` : figure(kernel, bar.atLeast);
}

function barText(bar: Bar): string {
  return "atMost" in bar ? `≤${bar.atMost}` : `≥${bar.atLeast}`;
}

/** Rounded towards missing the bar: 0.996 is not shown as 1.00 with a cross beside it. */
function ratioText(ratio: number, bar: Bar | null): string {
  const digits = ratio < 10 ? 2 : ratio < 100 ? 1 : 0;
  const scale = 10 ** digits;
  const up = bar !== null && "atMost" in bar;
  // The product of a decimal fraction may lie a hair beside the whole number it stands for.
  const scaled = ratio * scale;
  const nearest = Math.round(scaled);
  const whole = Math.abs(scaled - nearest) < 1e-6 ? nearest : up ? Math.ceil(scaled) : Math.floor(scaled);
  return (whole / scale).toFixed(digits);
}

/** Ours, then the other columns that were measured, in percent; a dash for a single round. */
function spreadText(row: Row, columns: readonly Column[]): string {
  const measured = (["ours", ...columns] as const).filter((column) => row[column] !== null);
  const parts = measured.map((column) => {
    const spread = row.spread[column];
    return spread === undefined ? "-" : (spread * 100).toFixed(0);
  });
  return parts.length === 0 ? "" : `${parts.join(" ")} %`;
}

/** Figures to the right, everything else to the left. */
function aligned(lines: readonly (readonly string[])[]): string[] {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines.map((line) =>
    line
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return LEFT.has(lines[0]?.[column] ?? "") ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ")
      .trimEnd(),
  );
}
