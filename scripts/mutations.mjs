// Small changes to a source, each of which ought to make some test fail. Found in the text, with comments, strings and
// types out of the way: a parser would find more, and these are enough to draw from.

/** @typedef {{ start: number, end: number, text: string, what: string }} Mutation */

/** What is written in another way: [what to find, what to write for it]. A blank on either side keeps types out. */
const SWAPS = /** @type {const} */ ([
  [/ === /g, " !== "],
  [/ !== /g, " === "],
  [/ < /g, " <= "],
  [/ <= /g, " < "],
  [/ > /g, " >= "],
  [/ >= /g, " > "],
  [/ && /g, " || "],
  [/ \|\| /g, " && "],
  [/ \+= 1/g, " -= 1"],
  [/ -= 1/g, " += 1"],
  [/ \+ /g, " - "],
  [/ - /g, " + "],
  [/(?<=[=(] |return |[(])true(?=[;),])/g, "false"],
  [/(?<=[=(] |return |[(])false(?=[;),])/g, "true"],
]);

/** A statement on a line of its own that can be left out: a call, an assignment to a field, an await. */
const STATEMENT =
  /^[ ]+(?:(?:this|[a-z]\w*)[.#\w()]*\.[#\w]+(?:\(.*\)| [-+]?= .*)|yield\* .*|throw \w+|break|[a-z]\w*\(.*\));$/gm;
const CONDITION = /(?<=\b(?:if|while) \()(.*)(?=\) *(?:\{$|return\b|throw\b|[a-z#.]+.*;$))/gm;

/** @param {string} source @returns {Mutation[]} */
export function mutationsOf(source) {
  const code = masked(source);
  /** @type {Mutation[]} */
  const found = [];
  for (const [pattern, text] of SWAPS) {
    for (const match of code.matchAll(pattern)) {
      add(match.index, match[0].length, text, `${match[0].trim()} becomes ${text.trim()}`);
    }
  }
  for (const match of code.matchAll(STATEMENT)) {
    const indent = match[0].length - match[0].trimStart().length;
    add(match.index + indent, match[0].length - indent, ";", "left out");
  }
  for (const { 0: condition, index } of code.matchAll(CONDITION)) {
    if (condition.trim() === "" || !isBalanced(condition)) continue;
    const written = source.slice(index, index + condition.length);
    add(index, condition.length, `!(${written})`, "condition negated");
  }
  return found.sort((a, b) => a.start - b.start);

  /** @param {number} start @param {number} length @param {string} text @param {string} what */
  function add(start, length, text, what) {
    found.push({ start, end: start + length, text, what });
  }
}

/** @param {string} text */
function isBalanced(text) {
  let depth = 0;
  for (const char of text) {
    if (char === "(") depth += 1;
    if (char === ")" && --depth < 0) return false;
  }
  return depth === 0;
}

/** The source with comments, strings and declarations of types blanked out, every place where it was. @param {string} source */
function masked(source) {
  const blank = (/** @type {string} */ text) => text.replace(/[^\n]/g, " ");
  return source
    .replace(/\/\*[\s\S]*?\*\/|\/\/.*|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g, blank)
    .replace(/^(?:import|export type|export interface|interface|type) [\s\S]*?(?:^\}.*$|;$)/gm, blank);
}
