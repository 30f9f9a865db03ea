// One example of each kind in real time, started as a user starts it: the same output as in virtual time. And the tour.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const recorded = (name: string) => readFileSync(new URL(`../recorded/${name}.txt`, import.meta.url), "utf8");

/** What it writes; fails unless it ends with exit code 0. */
async function start(name: string) {
  const args = ["scripts/run.mjs", `examples/${name}.ts`];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: root });
  return { stdout, stderr: stderr.trim().split("\n").filter(Boolean) };
}

test.each([
  ["sleep-tasks", "tasks"],
  ["gather-results", "gather"],
  ["print-time", "a loop of its own"],
  ["virtual-time", "virtual time"],
  ["by-hand/async-open", "by hand"],
  ["testing/bank", "many schedules"],
])("%s (%s) prints its recorded output in real time", async (name) => {
  expect(await start(name)).toEqual({ stdout: recorded(name), stderr: [] });
});

test("by-hand/my-sleep is reported in debug mode, and spoils real time as recorded", async () => {
  const { stdout, stderr } = await start("by-hand/my-sleep");
  expect(stdout).toBe(recorded("by-hand/my-sleep"));
  expect(stderr).toHaveLength(3);
  for (const line of stderr) expect(line).toMatch(/^Executing .*mySleep.* took 0\.2\d\d seconds$/);
});

/** What does not depend on the moment: without ports, times, progress, and the bars of the timeline. */
function salient(text: string) {
  return text
    .replace(/:\d+\n/g, ":PORT\n")
    .replace(/^\d+\.\d s .*\n/gm, "")
    .replace(/\d+\.\d s/g, "N s")
    .replace(/^seconds .*\n.*\n/m, "")
    .replace(/^(\S+(?: \d)?) .*?\d+ steps? */gm, "$1: ")
    .split("\n")
    .sort()
    .join("\n");
}

test("tour fetches, retries, gives up and cancels as recorded, draws at most 100 columns, and ends in under 10 s", async () => {
  const started = performance.now();
  const { stdout, stderr } = await start("tour");
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(stderr).toEqual([]);
  expect(salient(stdout)).toBe(salient(recorded("tour")));

  const lines = stdout.split("\n");
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  for (const retried of [
    "/weather: status 503, again in 0.2 s",
    "/weather/radar: no answer in 1 s, again in 0.2 s",
  ])
    expect(
      lines.filter((line) => /^\d+\.\d s .* of \d+ pages/.test(line) && line.endsWith(retried)),
    ).toHaveLength(1);
  const bars = Object.fromEntries(
    lines.flatMap((line) => {
      const row = /^(\/\S*) +(.*?) +\d+ steps? /.exec(line);
      return row ? [[row[1], row[2]]] : [];
    }),
  );
  expect(bars["/shop"]).toMatch(/^\W*━+┄+━+┄+━+$/);
  expect(bars["/weather/radar"]).toMatch(/^\W*━+┄+━+$/);
  expect(bars["/news/archive"]).toMatch(/^\W*━+█?✗$/);
});
