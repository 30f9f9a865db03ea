// What `npm run mutants` changes: code, and never comments, texts or types.
import { describe, expect, test } from "vitest";
import { mutationsOf } from "../scripts/mutations.mjs";

/** Each mutation as the source would read. */
function mutants(source: string): string[] {
  return mutationsOf(source).map(({ start, end, text }) => source.slice(0, start) + text + source.slice(end));
}

describe("mutationsOf()", () => {
  test("turns comparisons, connectives, sums and truth around", () => {
    expect(mutants("const a = b === c;")).toEqual(["const a = b !== c;"]);
    expect(mutants("const a = b < c && d;")).toEqual(["const a = b <= c && d;", "const a = b < c || d;"]);
    expect(mutants("return a + 1;")).toEqual(["return a - 1;"]);
    expect(mutants("let isDone = false;")).toEqual(["let isDone = true;"]);
  });

  test("leaves out a statement that stands on a line of its own", () => {
    expect(mutants("  this.#waiters.remove(waiter);\n")).toEqual(["  ;\n"]);
    expect(mutants("  yield* future;\n")).toEqual(["  ;\n"]);
  });

  test("negates a condition", () => {
    expect(mutants("if (isDone(a)) return;")).toEqual(["if (!(isDone(a))) return;"]);
  });

  test("lets comments, texts, imports and types alone", () => {
    const source = `
import { a } from "a === b";
/** a === b */
// a && b
interface A {
  b: C | D;
}
const text = "a < b" + \`c > d\`;
`;
    expect(mutants(source)).toEqual([source.replace(`" + \``, `" - \``)]);
  });
});
