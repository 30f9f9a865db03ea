// What the three parts of the table have in common: a row for each thing to be held, and the tests that hold it.
import { readFileSync } from "node:fs";

/**
 * @typedef {"covered" | "waived" | "open" | "later"} State
 * @typedef {{ state: State, what: string, by: string }} Row `by`: what holds it, why it is waived, or what is missing
 * @typedef {{ fullName: string, title: string, holds: boolean }} Test
 */

/**
 * The tests in a report of vitest's (`--reporter=json`). One that was skipped holds if its title says which system
 * package it needs; that part of the title is not there where the package is, and so is left out.
 * @param {string} file
 * @returns {Test[]}
 */
export function readTests(file) {
  const needs = / \(needs .+: apt-get install .+\)$/;
  /** @type {{ testResults: { assertionResults: { fullName: string, title: string, status: string }[] }[] }} */
  const { testResults } = JSON.parse(readFileSync(file, "utf8"));
  return testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .map(({ fullName, title, status }) => ({
      fullName: fullName.replace(needs, ""),
      title: title.replace(needs, ""),
      holds: status === "passed" || (status !== "failed" && needs.test(title)),
    }));
}

/**
 * The part a name belongs to. The most specific entry decides: `module Class.member`, `module Class`, `module`.
 * @param {Record<string, string>} parts
 * @param {string} name
 */
export function partOf(parts, name) {
  const [group = "", path = ""] = name.split(/ (.*)/);
  const part = parts[name] ?? parts[`${group} ${path.split(".")[0]}`] ?? parts[group];
  if (part === undefined)
    throw new RangeError(`held/scope.json says to which part of aioloop ${name} belongs`);
  return part;
}

/**
 * The table, and then what is open; with `list` every row instead.
 * @param {Record<string, Row[]>} table
 * @param {{ list?: boolean }} [options]
 */
export function show(table, { list = false } = {}) {
  /** @type {State[]} */
  const states = ["covered", "waived", "open", "later"];
  const lines = [["", ...states], ...Object.entries(table).map(([name, rows]) => [name, ...counts(rows)])];
  const text = lines.map(
    ([name = "", ...figures]) => name.padEnd(10) + figures.map((one) => `${one}`.padStart(9)).join(""),
  );
  for (const [name, rows] of Object.entries(table)) {
    for (const { state, what, by } of rows) {
      if (list || state === "open") text.push(`${state}: ${name}: ${what}: ${by}`);
    }
  }
  return text.join("\n");

  /** @param {Row[]} rows */
  function counts(rows) {
    return states.map((state) => String(rows.filter((row) => row.state === state).length));
  }
}
