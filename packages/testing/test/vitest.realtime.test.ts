// The helpers as a user meets them: vitest itself, in child processes, on the project in fixtures/vitest.
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test, vi } from "vitest";

const project = fileURLToPath(new URL("fixtures/vitest", import.meta.url));
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
const children = new Set<ChildProcess>();

afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
});

/** Without what tells a child that it runs in a test of ours. */
function environment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|TEST$|NODE_ENV$|NODE_OPTIONS$|CI$|GITHUB_|AIOLOOP)/.test(name),
  );
  return { ...Object.fromEntries(kept), NO_COLOR: "1", ...more };
}

interface Ended {
  readonly code: number | null;
  /** Both streams, as they came. */
  readonly output: string;
}

function ended(child: ChildProcess): Promise<Ended> {
  children.add(child);
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => void (output += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => void (output += text));
  return new Promise((resolve, reject) => {
    child.once("error", reject).once("close", (code) => {
      children.delete(child);
      resolve({ code, output });
    });
  });
}

function run(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended> {
  const options = { cwd: project, env: environment(env) };
  return ended(spawn(process.execPath, [vitest, "run", ...args], options));
}

const runsOfBank = new Map<string, Promise<Ended>>();

/** One run for all tests that look at it. */
function runBank(pool: string): Promise<Ended> {
  const known = runsOfBank.get(pool) ?? run(["bank", "--pool", pool]);
  runsOfBank.set(pool, known);
  return known;
}

/** What is said of one test. */
function failureOf(name: string, output: string): string {
  const parts = output.split(/^ FAIL {2}/m).filter((part) => part.split("\n", 1)[0]?.endsWith(` > ${name}`));
  return parts.at(-1) ?? "";
}

function commandIn(text: string): string {
  return /To run this schedule again:\n {2}(.*)\n/.exec(text)?.[1] ?? "";
}

const NAME = 'it\'s $ "kept" | 100%';

/** The schedule, as it is told. */
function reportIn(text: string): string {
  return /:\n( {2}.*?)\n\nTo run this schedule again:/s.exec(text)?.[1] ?? "";
}

describe.each(["threads", "forks"])("in the pool %s", (pool) => {
  test("exploreTest() shows error, smallest schedule, command, diff and line; the command fails in the same way", async () => {
    const { code, output } = await runBank(pool);
    expect(code).toBe(1);
    const shown = failureOf(NAME, output);
    expect(shown).toContain("AssertionError: expected 220 to be 210");
    expect(shown).toMatch(/Found in run \d+ \(.*fidelity "env"\):\n/);
    const report = reportIn(shown);
    expect(report).toMatch(/^ {2}1\.000 s .*bank\.sim\.ts:13 instead of .*bank\.sim\.ts:9\n.* the account: /);
    expect(shown).toContain("- 210\n+ 220\n");
    expect(shown).toMatch(
      /❯ transfers bank\.sim\.ts:17:\d+\n.*\n.*\n {4} 17\| {3}expect\(account\.balance\)/,
    );
    expect(shown).not.toMatch(/❯ .*packages/);

    const command = commandIn(shown);
    const again = await ended(
      spawn(`${command} --pool ${pool}`, { cwd: project, shell: true, env: environment() }),
    );
    expect(again.code).toBe(1);
    expect(again.output).toContain("1 failed | 4 skipped");
    const replayed = failureOf(NAME, again.output);
    expect(replayed).toContain("AssertionError: expected 220 to be 210");
    expect(replayed).toContain("\n\nThe schedule of AIOLOOP_REPLAY:\n");
    expect(reportIn(replayed)).toBe(report);
    expect(commandIn(replayed)).toBe(command);
  });
});

test("AIOLOOP_REPLAY reaches only the test it is for, also without -t", async () => {
  const { output: before } = await runBank("forks");
  const [, token = ""] = /AIOLOOP_REPLAY=(\S+)/.exec(commandIn(failureOf("keeps", before))) ?? [];
  const { output } = await run(["bank"], { AIOLOOP_REPLAY: token });
  expect(failureOf("keeps", output)).toContain("The schedule of AIOLOOP_REPLAY:\n");
  expect(failureOf(NAME, output)).toContain("Found in run ");
  const plain = /^plain explore\(\): .*$/m;
  expect(plain.exec(output)?.[0]).toBe(plain.exec(before)?.[0]);
  expect(output).toContain("2 failed | 3 passed");
});

test("-t takes simTest() and exploreTest() as vitest's own; tests that pass say nothing", async () => {
  const { code, output } = await run(["bank", "-t", "locked$"]);
  expect(code).toBe(0);
  expect(output).toContain("1 passed | 4 skipped");
  expect(output).not.toMatch(/schedule|AIOLOOP|Found|stdout|stderr/);
});

test("modifiers, options and cases are vitest's own", async () => {
  const { code, output } = await run(["modifiers", "only", "--reporter=verbose"]);
  expect(code).toBe(0);
  expect(output).toContain("12 passed | 2 expected fail | 4 skipped | 1 todo");
  for (const line of [
    "↓ modifiers.sim.ts > modifiers > skipped",
    "✓ modifiers.sim.ts > modifiers > each: 2 + 1 = 3",
    "✓ modifiers.sim.ts > modifiers > each: 2 ",
    "✓ modifiers.sim.ts > modifiers > table: 1 ",
    "↓ only.sim.ts > left out",
    "✓ only.sim.ts > chosen",
  ]) {
    expect(output).toContain(line);
  }
  expect(output).toMatch(/has a new strategy each time.*\(repeat x2\)/);
});

test("failures of every kind show the line of the program, and what has none the line of its test", async () => {
  const { output } = await run(["failures"]);
  const deadlock = failureOf("deadlock", output);
  expect(deadlock).toMatch(/^DeadlockError: .*Task-1 waits for <Event/ms);
  expect(deadlock).toContain("\n ❯ failures.sim.ts:5:1\n");
  expect(commandIn(deadlock)).toContain(" failures.sim.ts -t '^deadlock$'");
  expect(failureOf("deadlock in one run", output)).toContain("\n ❯ failures.sim.ts:9:1\n");
  const group = failureOf("a group", output);
  expect(group).toMatch(/^Error: in a group\n\nFound in run 1/m);
  expect(group).toContain("\n ❯ failures.sim.ts:18:15\n");
  expect(failureOf("no error", output)).toMatch(/^Error: "a string" was thrown, which is no error$/m);
  expect(failureOf("a constant", output).match(/To run this schedule again/g)).toHaveLength(1);
  const released = failureOf("released twice", output);
  expect(released).toMatch(/ ❯ Lock\.release .*locks\.ts:\d+:\d+\n.* ❯ failures\.sim\.ts:39:8\n/s);
  expect(failureOf("an async body", output)).toContain("Write function* (sim) { … } and yield*");
  expect(failureOf("an async body", output)).toContain("\n ❯ failures.sim.ts:42:1\n");
  expect(failureOf("slow", output)).toMatch(/^Error: the test's time is over after \d+ schedules: .* 20 ms/m);
  expect(output).toContain("Tests  8 failed (8)");
});

test("in watch mode a change of the file runs its tests again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "aioloop-vitest-"));
  try {
    cpSync(project, folder, { recursive: true });
    symlinkSync(
      fileURLToPath(new URL("../../../node_modules", import.meta.url)),
      join(folder, "node_modules"),
      "junction",
    );
    const file = join(folder, "bank.sim.ts");
    const args = [vitest, "--watch", "bank", "-t", "bank .small. keeps$"];
    const child = spawn(process.execPath, args, { cwd: folder, env: environment() });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (more) => void (text += more));
    const seen = (...parts: string[]) =>
      vi.waitUntil(() => parts.every((part) => text.includes(part)), { timeout: 20_000 });
    const end = ended(child);
    await seen("1 failed | 4 skipped", "Watching for file changes", "npx vitest run bank.sim.ts -t ");
    text = "";
    const source = readFileSync(file, "utf8");
    writeFileSync(file, source.replace("balance *= 2", "balance += 100"));
    await seen("RERUN  bank.sim.ts", "1 passed | 4 skipped", "Waiting for file changes");
    child.kill();
    await end;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
