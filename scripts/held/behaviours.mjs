// The behaviours that ports forget, by number. A test holds one by its tag, `[S12 S13]` in its title, if it passed; a decision
// record waives one in the same way, where there is nothing to be held.

/**
 * @typedef {import("./rows.mjs").Row} Row
 * @typedef {Record<string, { part: string, title: string }>} Behaviours
 */

/**
 * @param {Behaviours} behaviours
 * @param {string[]} now the parts there are
 * @param {import("./rows.mjs").Test[]} tests
 * @param {{ file: string, text: string }[]} decisions
 * @returns {Row[]}
 */
export function checkBehaviours(behaviours, now, tests, decisions) {
  /** By number. @type {Map<string, string>} */
  const passed = new Map();
  /** @type {Map<string, string>} */
  const failed = new Map();
  for (const { fullName, holds } of tests) {
    for (const tag of tagsIn(fullName)) (holds ? passed : failed).set(tag, fullName);
  }
  /** @type {Map<string, string>} */
  const decided = new Map();
  for (const { file, text } of decisions) for (const tag of tagsIn(text)) decided.set(tag, file);

  const rows = Object.entries(behaviours).map(([tag, { part, title }]) => {
    const what = `${tag} ${title}`;
    /** @param {Row["state"]} state @param {string} by @returns {Row} */
    const row = (state, by) => ({ state, what, by });
    if (!now.includes(part)) return row("later", part);
    const [test, decision, failure] = [passed.get(tag), decided.get(tag), failed.get(tag)];
    if (test !== undefined) return row("covered", test);
    if (decision !== undefined) return row("waived", decision);
    return row(
      "open",
      failure === undefined ? "no test and no decision has its tag" : `did not pass: ${failure}`,
    );
  });
  for (const [tag, where] of [...passed, ...failed, ...decided]) {
    if (behaviours[tag] === undefined)
      rows.push({ state: "open", what: tag, by: `there is no such number: ${where}` });
  }
  return rows;
}

/** @param {string} text */
function tagsIn(text) {
  return [...text.matchAll(/\[((?:[SJN]\d+)(?: [SJN]\d+)*)\]/g)].flatMap(([, tags = ""]) => tags.split(" "));
}
