// `npm test`: everything that must hold, in one command, with one last line: `N passed, N failed`.
// A check (types, layers, lint, held) counts as one test; whatever crashes counts as failed, and the rest still runs.
//   node scripts/test.mjs [--soak] [arguments for vitest]
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { node, root, tool } from "./process.mjs";
import { setup } from "./setup.mjs";

setup();
const args = process.argv.slice(2).filter((arg) => arg !== "--soak");
if (args.length < process.argv.length - 2) process.env.AIOLOOP_SOAK = "1"; // tests run their full figures

const total = { passed: 0, failed: 0, skipped: 0 };

await check("types", () => tool("tsc", "-b"));
await check("layers", () => [join(root, "scripts/layers.mjs")]);
await check("lint", () => tool("biome", "check", "--error-on-warnings"));
const ran = await tests();
if (ran === 0) {
  console.log("no test ran");
  total.failed ||= 1;
}
// Of a part of the tests the report says nothing about the rest.
if (args.length === 0) await check("held", () => [join(root, "scripts/held.mjs")]);
if (total.failed > 0) process.exitCode = 1;
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);

/** @param {string} name @param {() => string[]} command */
async function check(name, command) {
  const { ok, seconds } = await timed(name, command);
  total[ok ? "passed" : "failed"]++;
  console.log(`${name}: ${ok ? "passed" : "FAILED"} (${seconds} s)`);
}

/** Runs vitest and adds its figures to the total. Returns how many tests ran. */
async function tests() {
  const report = join(root, "node_modules/.cache/aioloop/tests.json");
  mkdirSync(dirname(report), { recursive: true });
  rmSync(report, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { ok, seconds } = await timed("tests", () => tool("vitest", "run", ...reporters, ...args));
  const figures = { passed: 0, failed: 0, skipped: 0 };
  try {
    for (const file of JSON.parse(readFileSync(report, "utf8")).testResults) {
      const before = figures.failed;
      for (const { status } of file.assertionResults) {
        if (status === "passed") figures.passed++;
        else if (status === "failed") figures.failed++;
        else figures.skipped++;
      }
      // A file that cannot be loaded, or whose afterAll throws, is a failure with no test to carry it.
      if (file.status === "failed" && figures.failed === before) figures.failed++;
    }
  } catch (error) {
    console.log(`tests: no report (${error instanceof Error ? error.message : error})`);
  }
  // An error outside any test, or a crash: vitest says so by its exit code alone.
  if (!ok && figures.failed === 0) figures.failed = 1;
  for (const key of /** @type {const} */ (["passed", "failed", "skipped"])) total[key] += figures[key];
  console.log(`tests: ${figures.failed === 0 ? "passed" : "FAILED"} (${seconds} s)`);
  return figures.passed + figures.failed;
}

/** @param {string} name @param {() => string[]} command */
async function timed(name, command) {
  console.log(`${name} ...`);
  const start = performance.now();
  let ok = false;
  try {
    ok = (await node(command(), { cwd: root })).code === 0;
  } catch (error) {
    console.log(error); // the check itself cannot be started
  }
  return { ok, seconds: ((performance.now() - start) / 1000).toFixed(1) };
}
