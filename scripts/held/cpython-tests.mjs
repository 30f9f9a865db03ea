// CPython's own tests, by name: for each a test of ours for the same behaviour, or the reason why there is none.
import { partOf } from "./rows.mjs";

/**
 * @typedef {import("./rows.mjs").Row} Row
 * @typedef {import("./rows.mjs").Test} Test
 * @typedef {Record<string, Record<string, { portable: number, adaptable: number, tests: string[] }>>} Inventory
 * @typedef {string | string[] | { reason: string }} Holder titles of tests of ours (whole ones, or the last part where that is one test's alone)
 * @typedef {Record<string, Record<string, Holder>>} Mapping by class and test
 */

/**
 * @param {Inventory} inventory
 * @param {import("./names.mjs").Scope} scope
 * @param {Record<string, Mapping>} mappings by file, without its ending
 * @param {Test[]} tests
 * @returns {Row[]}
 */
export function checkTests(inventory, scope, mappings, tests) {
  const find = finder(tests);
  /** @type {Row[]} */
  const rows = [];
  const known = new Set();
  for (const [path, classes] of Object.entries(inventory)) {
    const file = path.replace(/^.*\/|\.py$/g, "");
    for (const [name, { portable, adaptable, tests }] of Object.entries(classes)) {
      if (portable + adaptable === 0) continue; // nothing in it says anything about us
      for (const test of tests) {
        const what = `${file} ${name}.${test}`;
        known.add(what);
        const holder = mappings[file]?.[name]?.[test];
        const part = partOf(scope.tests, what);
        if (holder !== undefined) rows.push({ what, ...judge(holder) });
        else if (scope.now.includes(part))
          rows.push({ state: "open", what, by: `held/cpython-tests/${file}.json has no entry` });
        else rows.push({ state: "later", what, by: part });
      }
    }
  }
  for (const [file, classes] of Object.entries(mappings)) {
    for (const [name, tests] of Object.entries(classes)) {
      for (const test of Object.keys(tests)) {
        const what = `${file} ${name}.${test}`;
        if (!known.has(what))
          rows.push({ state: "open", what, by: "the inventory has no such test to be held" });
      }
    }
  }
  return rows;

  /** @param {Holder} holder @returns {Pick<Row, "state" | "by">} */
  function judge(holder) {
    if (typeof holder === "object" && "reason" in holder) {
      return holder.reason.trim() === ""
        ? { state: "open", by: "no reason is given" }
        : { state: "waived", by: holder.reason };
    }
    const titles = [holder].flat();
    const problems = titles.map(find).filter((problem) => problem !== null);
    if (titles.length === 0) problems.push("no test is named");
    return problems.length > 0
      ? { state: "open", by: problems.join("; ") }
      : { state: "covered", by: titles.join("; ") };
  }
}

/**
 * A function that says what is wrong with a title, null for nothing.
 * @param {Test[]} tests
 * @returns {(title: string) => string | null}
 */
function finder(tests) {
  /** @type {Map<string, Test[]>} */
  const named = new Map();
  for (const test of tests) {
    for (const name of new Set([test.fullName, test.title]))
      named.set(name, [...(named.get(name) ?? []), test]);
  }
  return (title) => {
    const all = named.get(title) ?? [];
    const whole = all.filter(({ fullName }) => fullName === title);
    const found = whole.length > 0 ? whole : all;
    if (found.length === 0) return `no test is called "${title}"`;
    if (new Set(found.map(({ fullName }) => fullName)).size > 1)
      return `several tests are called "${title}": write the whole title`;
    return found.every(({ holds }) => holds) ? null : `did not pass: "${title}"`;
  };
}
