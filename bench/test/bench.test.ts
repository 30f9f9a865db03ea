// That the bench runs, and that its table says what the figures say. Nobody's speed is judged here.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { bars, COLUMNS, standing, standingAlone } from "../bars.ts";
import { kernels } from "../kernels/index.ts";
import { compareVersions } from "../python-columns.ts";
import { figure as figureOf } from "../rounds.ts";
import type { Row } from "../table.ts";
import { figure, table } from "../table.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `npm run bench` without npm, and without any Python. */
function bench(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const command = ["scripts/run.mjs", "--measured", "--expose-gc", "bench/main.ts", ...args];
  const options = { cwd: root, env: { ...process.env, PATH: "", ...env } };
  return new Promise((resolve) => {
    execFile(process.execPath, command, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

describe("npm run bench", () => {
  test("--json --quick --only gives machine and positive figures of those kernels", async () => {
    const { code, stdout, stderr } = await bench(["--json", "--quick", "--only", "child-plain,call-soon"]);
    expect(stderr).toContain("[1/2] call-soon: ");
    expect(code).toBe(0);
    const { machine, kernels: rows } = JSON.parse(stdout);
    expect(machine).toMatchObject({ node: process.versions.node, cpython: null, uvloop: null });
    expect(Object.keys(rows)).toEqual(["call-soon", "child-plain"]);
    for (const row of Object.values<Row>(rows)) {
      expect(row.ours).toBeGreaterThan(0);
      expect(row.native).toBeGreaterThan(0);
      expect(row).toMatchObject({ cpython: null, uvloop: null });
      expect(row.spread.ours).toBeGreaterThanOrEqual(0);
      expect(row.error).toBeUndefined();
    }
  });

  test("without --json prints the table, and how to get the columns that are empty", async () => {
    const { code, stdout } = await bench(["--quick", "--only", "depth-plain-1"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^kernel +ours +native +ratio, bar +CPython .*\ndepth-plain-1 +\S+ M\/s/m);
    expect(stdout).toContain("PYTHON=");
    expect(stdout).toContain("pip install uvloop");
  });

  test("measures pools beside piscina and tinypool, ends, and takes a process a round where that is asked for", async () => {
    const only = "executor-in-flight,executor-move,executor-start,executor-memory";
    const { code, stdout, stderr } = await bench(["--json", "--quick", "--only", only]);
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining("[5/5] ") });
    const { kernels: rows } = JSON.parse(stdout);
    expect(Object.keys(rows)).toEqual([
      "executor-in-flight",
      "executor-move",
      "executor-start",
      "executor-start-next",
      "executor-memory",
    ]);
    for (const [name, row] of Object.entries<Row>(rows)) {
      expect(row.error, name).toBeUndefined();
      expect(row.ours, name).toBeGreaterThan(0);
      expect(row.piscina, name).toBeGreaterThan(0);
      if (name !== "executor-move") expect(row.tinypool, name).toBeGreaterThan(0);
      expect(row, name).toMatchObject({ native: null, cpython: null, effect: null });
    }
  }, 120_000);

  test("says where wrk is missing, and leaves its kernels out", async () => {
    const { code, stdout, stderr } = await bench(["--quick", "--only", "http-64"]);
    expect(code).toBe(0);
    expect(stderr).toContain("apt-get install wrk");
    expect(stdout).toMatch(/^http-64 +skipped/m);
  });

  test("measures servers beside those of Node", async () => {
    const { code, stdout, stderr } = await bench(["--json", "--quick", "--only", "connection-memory"]);
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining("[1/1] ") });
    const row = JSON.parse(stdout).kernels["connection-memory"];
    expect(row.error).toBeUndefined();
    expect(row.ours).toBeGreaterThan(0);
    expect(row.net).toBeGreaterThan(0);
  }, 60_000);

  test("refuses an unknown kernel and a PYTHON that does not run, with what to write", async () => {
    const unknown = await bench(["--only", "spwan"]);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain("no kernel spwan: write some of switch-sleep0, ");
    const noPython = await bench(["--only", "spawn"], { PYTHON: "no-such-python" });
    expect(noPython.code).toBe(2);
    expect(noPython.stderr).toContain("PYTHON: no-such-python does not run");
  });
});

describe("bars", () => {
  test("stand for kernels that exist, and for columns that are measured", () => {
    const names = new Set(kernels.map((kernel) => kernel.name));
    expect(names.size).toBe(kernels.length);
    for (const [name, beside] of Object.entries(bars)) {
      const kernel = kernels.find((one) => one.name === name);
      expect(kernel, name).toBeDefined();
      const measured = [...Object.keys(kernel?.programs ?? {}), ...(kernel?.python?.columns ?? [])];
      expect(measured, name).toEqual(expect.arrayContaining(Object.keys(beside)));
    }
  });

  test("standing() is times as fast for rates, times the cost for bytes", () => {
    expect(standing(30, 20, false)).toEqual({ ratio: 1.5, bar: null, reached: null });
    expect(standing(600, 500, true)).toEqual({ ratio: 1.2, bar: null, reached: null });
  });

  test("standing() reaches a bar at the figure itself, from above or below", () => {
    expect(standing(30, 20, false, { atLeast: 1.5 }).reached).toBe(true);
    expect(standing(29, 20, false, { atLeast: 1.5 }).reached).toBe(false);
    expect(standing(700, 500, true, { atMost: 1.4 }).reached).toBe(true);
    expect(standing(701, 500, true, { atMost: 1.4 }).reached).toBe(false);
  });

  test("standingAlone() is operations per second at least, or seconds at most for all of them", () => {
    expect(standingAlone(500, 100, { atLeast: 500 })).toMatchObject({ ratio: 500, reached: true });
    expect(standingAlone(499, 100, { atLeast: 500 }).reached).toBe(false);
    expect(standingAlone(500, 100, { atMost: 0.2 })).toMatchObject({ ratio: 0.2, reached: true });
    expect(standingAlone(499, 100, { atMost: 0.2 }).reached).toBe(false);
  });

  test("standing() takes `at most` on rates as times the time", () => {
    expect(standing(10, 12, false, { atMost: 1.3 })).toMatchObject({ ratio: 1.2, reached: true });
    expect(standing(10, 14, false, { atMost: 1.3 })).toMatchObject({ ratio: 1.4, reached: false });
  });
});

describe("table()", () => {
  const none = {
    native: null,
    net: null,
    http: null,
    cpython: null,
    uvloop: null,
    effect: null,
    effection: null,
    piscina: null,
    tinypool: null,
    spread: {},
  };
  const described = [
    { name: "turn", shown: "rate", operations: 10 },
    { name: "nap", shown: "seconds", operations: 1000 },
    { name: "heap", shown: "bytes", operations: 10 },
    { name: "broken", shown: "rate", operations: 10 },
  ] as const;

  test("lines up figures, ratios, bars and spreads, and lists what is missed", () => {
    const rows: Record<string, Row> = {
      turn: { ...none, ours: 2e7, native: 2.008e7, cpython: 4e5, spread: { ours: 0.034, native: 0.5 } },
      nap: { ...none, ours: 2000, native: 2500 },
      heap: { ...none, ours: 700.4, native: 500 },
      broken: { ...none, ours: null, error: "it broke" },
    };
    const made = table(described, rows, {
      turn: { native: { atLeast: 1 }, cpython: { atLeast: 50 } },
      nap: { native: { atMost: 1.3 } },
      heap: { native: { atMost: 1.4 } },
    });
    expect(made).toEqual([
      "kernel      ours    native  ratio, bar   CPython  ratio, bar  uvloop  ratio, bar  spread",
      "turn    20.0 M/s  20.1 M/s  0.99 ✗ ≥1    400 k/s  50.0 ✓ ≥50                      3 50 - %",
      "nap      0.500 s   0.400 s  1.25 ✓ ≤1.3                                           - - %",
      "heap       700 B     500 B  1.41 ✗ ≤1.4                                           - - %",
      "broken    failed",
      "",
      "2 of 4 bars reached; missed:",
      "  turn beside native: 0.99 ×, at least 1 × wanted (0.4 % off)",
      "  heap beside native: 1.41 ×, at most 1.4 × wanted (0.1 % off)",
    ]);
  });

  test("has a part of its own for executors, beside other pools, and counts its bars once", () => {
    const described = [
      { name: "turn", shown: "rate", operations: 10 },
      { name: "call", group: "executors", shown: "rate", operations: 10 },
      { name: "worker", group: "executors", shown: "bytes", operations: 1 },
    ] as const;
    const rows: Record<string, Row> = {
      turn: { ...none, ours: 3, cpython: 2 },
      call: { ...none, ours: 9000, piscina: 2000, cpython: 3000 },
      worker: { ...none, ours: 3 * 2 ** 20, piscina: 4 * 2 ** 20, tinypool: 6 * 2 ** 20 },
    };
    const made = table(described, rows, { call: { piscina: { atLeast: 5 }, cpython: { atLeast: 1 } } });
    expect(made).toEqual([
      "kernel     ours  native  ratio, bar  CPython  ratio, bar  uvloop  ratio, bar  spread",
      "turn    3.00 /s                      2.00 /s  1.50                            - - %",
      "",
      "kernel      ours   piscina  ratio, bar  tinypool  ratio, bar   CPython  ratio, bar  spread",
      "call    9.00 k/s  2.00 k/s  4.50 ✗ ≥5                         3.00 k/s  3.00 ✓ ≥1   - - - %",
      "worker   3.0 MiB   4.0 MiB  0.75         6.0 MiB  0.50                              - - - %",
      "",
      "1 of 2 bars reached; missed:",
      "  call beside piscina: 4.50 ×, at least 5 × wanted (10.0 % off)",
    ]);
  });

  test("has a part for what stands beside a figure alone, and counts and misses its bars", () => {
    const described = [
      { name: "runs", group: "testing", shown: "rate", operations: 10 },
      { name: "ticks", group: "testing", shown: "rate", operations: 10 },
      { name: "hour", group: "testing", shown: "seconds", operations: 3600 },
    ] as const;
    const rows: Record<string, Row> = {
      runs: { ...none, ours: 25_000, spread: { ours: 0.1 } },
      ticks: { ...none, ours: 400_000 },
      hour: { ...none, ours: 720_000 },
    };
    const made = table(described, rows, {
      runs: { ours: { atLeast: 10_000 } },
      ticks: { ours: { atLeast: 500_000 } },
      hour: { ours: { atMost: 0.01 } },
    });
    expect(made).toEqual([
      "kernel      ours  bar          spread",
      "runs    25.0 k/s  ✓ ≥10.0 k/s  10 %",
      "ticks    400 k/s  ✗ ≥500 k/s   - %",
      "hour     0.005 s  ✓ ≤0.010 s   - %",
      "",
      "2 of 3 bars reached; missed:",
      "  ticks: 400 k/s, at least 500 k/s wanted (20.0 % off)",
    ]);
  });

  test("has a line for what was measured only, and says when nothing is missed", () => {
    const made = table(described, { turn: { ...none, ours: 3, native: 2 } }, {});
    expect(made).toHaveLength(4);
    expect(made.at(-1)).toBe("0 of 0 bars reached");
  });

  test("figure() has three digits and a unit", () => {
    const rate = { shown: "rate", operations: 1 } as const;
    expect([null, 7, 1234, 45_600, 1.5e6, 123.4e6].map((value) => figure(rate, value))).toEqual([
      "",
      "7.00 /s",
      "1.23 k/s",
      "45.6 k/s",
      "1.50 M/s",
      "123 M/s",
    ]);
  });
});

test("figure() of rounds is their median, and their spread in parts of it", () => {
  expect(figureOf([4, 1, 2])).toEqual({ median: 2, spread: 1.5 });
  expect(figureOf([1, 4, 3, 2])).toEqual({ median: 2.5, spread: 1.2 });
  expect(figureOf([5])).toEqual({ median: 5, spread: null });
});

test("compareVersions() compares numbers as numbers", () => {
  const versions = ["3.9.18", "3.14.0rc1", "3.10.2", "3.10.13"];
  expect(versions.sort(compareVersions)).toEqual(["3.9.18", "3.10.2", "3.10.13", "3.14.0rc1"]);
  expect(COLUMNS).toContain("native");
});
