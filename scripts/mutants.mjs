// Are the tests any good? Changes the sources in a hundred places, one at a time, and sees whether a test fails.
//   npm run mutants -- [--count 100] [--seed 1] [--only NAME,NAME]      NAME: a file of packages/tasks/src without .ts
// It works on a copy, and draws the places evenly over the files from the seed it prints. A change that makes the tests hang counts as
// caught. What survives is listed: a missing test, or a change that makes no difference.
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { mutationsOf } from "./mutations.mjs";
import { root } from "./process.mjs";
import { setup } from "./setup.mjs";

const FILES = [
  "tasks",
  "locks",
  "barriers",
  "waiters",
  "queues",
  "queue-items",
  "taskgroups",
  "children",
  "timeouts",
  "waits",
  "gather",
  "as-completed",
];
/** The quick tests, and then the thorough ones; `many-tasks` takes long and finds no more. */
const STAGES = [
  ["conformance/test/corpora", "packages/tasks/test", "--exclude=**/fears/**", "--exclude=**/properties/**"],
  ["packages/tasks/test/fears", "packages/tasks/test/properties", "--exclude=**/many-tasks.test.ts"],
];

setup();
const { values } = parseArgs({
  options: { count: { type: "string" }, seed: { type: "string" }, only: { type: "string" } },
});
const count = Number(values.count ?? 100);
const seed = Number(values.seed ?? 1);
const files = values.only?.split(",") ?? FILES;

const copy = mkdtempSync(join(tmpdir(), "aioloop-mutants-"));
process.once("exit", () => rmSync(copy, { recursive: true, force: true }));
process.once("SIGINT", () => process.exit(130));
const left = new Set(["node_modules", "dist", ".git", "coverage"]);
cpSync(root, copy, {
  recursive: true,
  filter: (path) => !left.has(relative(root, path).split("/").at(-1) ?? ""),
});
if ((await run(process.execPath, ["scripts/setup.mjs"], 600)) !== "passed") fail("set-up of the copy failed");
const start = performance.now();
if ((await test(600)) !== "passed")
  fail("the tests fail without any change: nothing could be learnt from them");

/** What takes twice as long hangs. */
const limit = 10 + (2 * (performance.now() - start)) / 1000;
console.log(`seed ${seed}`);
/** @type {string[]} */
const survivors = [];
let caught = 0;
for (const { file, mutation } of drawn()) {
  const path = join(copy, file);
  const source = readFileSync(path, "utf8");
  writeFileSync(path, source.slice(0, mutation.start) + mutation.text + source.slice(mutation.end));
  const verdict = await test(limit);
  writeFileSync(path, source);
  const line = source.slice(0, mutation.start).split("\n").length;
  const what = `${file}:${line} ${mutation.what}: ${source.split("\n")[line - 1]?.trim()}`;
  if (verdict === "passed") survivors.push(what);
  else caught += 1;
  console.log(`${verdict === "passed" ? "SURVIVED" : verdict} ${what}`);
}
console.log(survivors.length === 0 ? "" : `\nsurvivors:\n${survivors.map((one) => `  ${one}`).join("\n")}\n`);
console.log(`${caught} of ${caught + survivors.length} caught`);

/** Round the files, a mutation of each, until there are enough. */
function* drawn() {
  const random = mulberry32(seed);
  const pools = files.map((name) => {
    const file = `packages/tasks/src/${name}.ts`;
    return { file, mutations: shuffled(mutationsOf(readFileSync(join(copy, file), "utf8")), random) };
  });
  let given = 0;
  while (given < count && pools.some(({ mutations }) => mutations.length > 0)) {
    for (const { file, mutations } of pools) {
      const mutation = mutations.pop();
      if (mutation === undefined || given === count) continue;
      given += 1;
      yield { file, mutation };
    }
  }
}

/** @template T @param {T[]} list @param {() => number} random */
function shuffled(list, random) {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [/** @type {T} */ (list[j]), /** @type {T} */ (list[i])];
  }
  return list;
}

/** A small random generator with a seed, the usual one. @param {number} state */
function mulberry32(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Stops at the first test that fails. @param {number} seconds for each stage */
async function test(seconds) {
  for (const stage of STAGES) {
    const args = ["vitest", "run", "--bail=1", "--no-isolate", "--project=unit", ...stage];
    const verdict = await run(process.execPath, [join(copy, "scripts/tool.mjs"), ...args], seconds);
    if (verdict !== "passed") return verdict;
  }
  return "passed";
}

/** @param {string} command @param {string[]} args @param {number} seconds @returns {Promise<"passed" | "failed" | "hung">} */
function run(command, args, seconds) {
  // A group of its own: what hangs is one of the test runner's workers.
  const child = spawn(command, args, { cwd: copy, stdio: "ignore", detached: true });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  }, seconds * 1000);
  return new Promise((resolve) => {
    child.once("exit", (code) => {
      clearTimeout(timer);
      resolve(isLate ? "hung" : code === 0 ? "passed" : "failed");
    });
  });
}

/** @param {string} message @returns {never} */
function fail(message) {
  console.error(message);
  process.exit(2);
}
