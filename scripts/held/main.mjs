// See ../held.mjs, which starts this file on the sources.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { root } from "../process.mjs";
import { checkBehaviours } from "./behaviours.mjs";
import { checkTests } from "./cpython-tests.mjs";
import { inLibrary } from "./library.mjs";
import { checkNames } from "./names.mjs";
import { page } from "./page.mjs";
import { readTests, show } from "./rows.mjs";

const report = join(root, "node_modules/.cache/aioloop/tests.json");
if (!existsSync(report)) {
  console.error("held: there is no report of the tests: run `npm test`");
  process.exit(1);
}
const tests = readTests(report);

const held = join(root, "held");
/** @type {import("./names.mjs").Scope} */
const scope = readJson("scope.json");
/** @type {import("./names.mjs").Name[]} */
const surface = readJson("api-surface.json");
/** @type {import("./names.mjs").Names} */
const names = readJson("names.json");

const decisions = filesIn(join(root, "docs/decisions"), ".md");
const behaviours = checkBehaviours(readJson("behaviours.json"), scope.now, tests, decisions);

/** @type {Record<string, import("./cpython-tests.mjs").Mapping>} */
const mappings = {};
for (const { file, text } of filesIn(join(held, "cpython-tests"), ".json")) {
  mappings[basename(file, ".json")] = JSON.parse(text);
}

const pageFile = join(root, "docs/coming-from-asyncio.md");
const head = readFileSync(join(held, "coming-from-asyncio.head.md"), "utf8");
const expected = page(head, surface, scope, names);
if (process.argv.includes("--write")) writeFileSync(pageFile, expected);

const table = {
  names: inLibrary((library) => checkNames(surface, scope, names, library, behaviours)),
  behaviours,
  tests: checkTests(readJson("cpython-inventory.json"), scope, mappings, tests),
};
console.log(show(table, { list: process.argv.includes("--list") }));
if (Object.values(table).some((rows) => rows.some(({ state }) => state === "open"))) process.exitCode = 1;
if (!existsSync(pageFile) || readFileSync(pageFile, "utf8") !== expected) {
  console.log("docs/coming-from-asyncio.md is not up to date: run `node scripts/held.mjs --write`");
  process.exitCode = 1;
}

/** @param {string} file */
function readJson(file) {
  return JSON.parse(readFileSync(join(held, file), "utf8"));
}

/** @param {string} folder @param {string} ending */
function filesIn(folder, ending) {
  return readdirSync(folder)
    .filter((file) => file.endsWith(ending))
    .sort()
    .map((file) => ({ file, text: readFileSync(join(folder, file), "utf8") }));
}
