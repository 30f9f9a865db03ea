// The checker must find what it forbids: a checker that finds nothing would pass on any tree.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkLayers, scan } from "../scripts/layers.mjs";

let packages = "";

beforeEach(() => {
  packages = mkdtempSync(join(tmpdir(), "aioloop-layers-"));
});

afterEach(() => {
  rmSync(packages, { recursive: true });
});

/** The violations in packages made of these files (`loop/a.ts` lies in packages/loop/src). */
function violations(files: Record<string, string>): string[] {
  for (const [name, text] of Object.entries(files)) {
    const file = join(packages, name.replace("/", "/src/"));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return checkLayers(packages);
}

describe("checkLayers()", () => {
  test("passes imports that go to the left, types included", () => {
    expect(
      violations({
        "loop/index.ts": `export * from "./a.ts";`,
        "loop/a.ts": `import Heap from "heap-js"; export const a = Heap;`,
        "tasks/index.ts": `import { a } from "@aioloop/loop"; import type { b } from "@aioloop/loop";`,
        "aioloop/index.ts": `export * from "@aioloop/loop"; export * from "@aioloop/tasks";`,
      }),
    ).toEqual([]);
  });

  test("finds an import that goes to the right, by statement, type or expression", () => {
    expect(
      violations({
        "loop/index.ts": `import { sleep } from "@aioloop/tasks";`,
        "loop/a.ts": `\nimport type { Task } from "@aioloop/tasks";`,
        "tasks/index.ts": `export const all = () => import("aioloop");`,
        "tasks/b.ts": `export * from "aioloop/testing";`,
      }),
    ).toEqual([
      expect.stringMatching(/^packages\/loop\/src\/a.ts:2: loop must not import tasks/),
      expect.stringMatching(/^packages\/loop\/src\/index.ts:1: loop must not import tasks/),
      expect.stringMatching(/^packages\/tasks\/src\/b.ts:1: tasks must not import aioloop/),
      expect.stringMatching(/^packages\/tasks\/src\/index.ts:1: tasks must not import aioloop/),
    ]);
  });

  test("finds a package that has no place in the order, and one that imports it", () => {
    expect(violations({ "extra/index.ts": "", "tasks/index.ts": `import "@aioloop/extra";` })).toEqual([
      expect.stringMatching(/^packages\/extra: has no place/),
      expect.stringMatching(/^packages\/tasks\/src\/index.ts:1: '@aioloop\/extra' has no place/),
    ]);
  });

  test("finds an import of a sibling by path, and of the own package by name", () => {
    expect(
      violations({
        "loop/index.ts": `import { a } from "@aioloop/loop";`,
        "tasks/index.ts": `import { a } from "../../loop/src/a.ts";`,
      }),
    ).toEqual([
      expect.stringMatching(/'@aioloop\/loop' is this package/),
      expect.stringMatching(/leaves the package's src/),
    ]);
  });

  test("finds a circle at run time and shows its steps once", () => {
    expect(
      violations({
        "loop/a.ts": `import { b } from "./b.ts";`,
        "loop/b.ts": `\nexport { c } from "./sub/c.ts";`,
        "loop/sub/c.ts": `import "../a.ts";`,
      }),
    ).toEqual(["circle at run time: packages/loop/src: a.ts:1 -> b.ts, b.ts:2 -> c.ts, c.ts:1 -> a.ts"]);
  });

  test("counts `import { type A }` as an import at run time, since `import {}` is left of it", () => {
    expect(
      violations({
        "loop/a.ts": `import { b } from "./b.ts";`,
        "loop/b.ts": `import { type A } from "./a.ts";`,
      }),
    ).toEqual([expect.stringMatching(/^circle at run time/)]);
  });

  test("finds a file that imports itself", () => {
    expect(violations({ "tasks/a.ts": `export * from "./a.ts";` })).toEqual([
      "circle at run time: packages/tasks/src: a.ts:1 -> a.ts",
    ]);
  });

  test("allows a circle of types among base-events, events and futures of loop, and in no other place", () => {
    const circle = {
      "base-events.ts": `import { Future } from "./futures.ts"; import { Handle } from "./events.ts"; import "./heap.ts";`,
      "events.ts": `import type { BaseEventLoop } from "./base-events.ts";`,
      "futures.ts": `import type { BaseEventLoop } from "./base-events.ts";`,
      "heap.ts": `import type { Handle } from "./events.ts";`,
    };
    const inPackage = (name: string) =>
      Object.fromEntries(Object.entries(circle).map(([file, text]) => [`${name}/${file}`, text]));
    expect(violations(inPackage("loop"))).toEqual([]);
    expect(violations(inPackage("tasks"))).toEqual([
      expect.stringMatching(/^circle of types: packages\/tasks/),
      expect.stringMatching(/^circle of types: packages\/tasks/),
      expect.stringMatching(/^circle of types: packages\/tasks/),
    ]);
  });

  test("finds a circle of types that leads through another file", () => {
    expect(
      violations({
        "loop/base-events.ts": `import { wait } from "./selectors.ts";`,
        "loop/selectors.ts": `import type { BaseEventLoop } from "./base-events.ts";`,
      }),
    ).toEqual([
      "circle of types: packages/loop/src: base-events.ts:1 -> selectors.ts, selectors.ts:1 -type-> base-events.ts",
    ]);
  });

  test("finds what is Node's in reach of the index of loop and tasks", () => {
    expect(
      violations({
        "loop/index.ts": `export * from "./a.ts";`,
        "loop/a.ts": `import { readFile } from "node:fs";\nexport const bytes = Buffer.from("");`,
        "tasks/index.ts": `import { b } from "./b.ts";`,
        "tasks/b.ts": `export const debug = process.env.DEBUG; import "events"; await import("node:net");`,
      }),
    ).toEqual([
      expect.stringMatching(/^packages\/loop\/src\/a.ts:1: 'node:fs'/),
      expect.stringMatching(/^packages\/loop\/src\/a.ts:2: bare `Buffer`/),
      expect.stringMatching(/^packages\/tasks\/src\/b.ts:1: 'events'/),
      expect.stringMatching(/^packages\/tasks\/src\/b.ts:1: 'node:net'/),
      expect.stringMatching(/^packages\/tasks\/src\/b.ts:1: bare `process`/),
    ]);
  });

  test("leaves Node to files out of reach, to other packages, and to globalThis", () => {
    expect(
      violations({
        "loop/index.ts": `export const debug = globalThis.process?.env; const r: RingBuffer = new ArrayBuffer(8);`,
        "loop/node.ts": `import "node:fs"; process.exit();`,
        "streams/index.ts": `import net from "node:net"; Buffer.alloc(1);`,
      }),
    ).toEqual([]);
  });
});

describe("scan()", () => {
  const found = (source: string) =>
    scan(source).imports.map(({ specifier, typeOnly }) => (typeOnly ? `type ${specifier}` : specifier));

  test("finds every form of import and export", () => {
    const source = `
      import a from "1"; import * as b from '2'; import { c as d,
        e } from "3"; import f, { g } from "4"; import "5"; import{h}from"6"; import type from "7";
      export * from "8"; export * as i from "9"; export { j, k as l } from "10"; import $m from "11";
      const n = await import("12"); void import( "13" ).then((o) => o);
      export { p }
      import { q } from "14"
    `;
    expect(found(source).sort((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 14 }, (_, i) => `${i + 1}`),
    );
  });

  test("tells types from what is left at run time", () => {
    expect(
      found(`import type { A } from "1"; import type B from "2"; import type * as C from "3"; export type { D } from "4";
        export type * from "5"; import type{ E }from "6"; import { type F } from "7"; import { type G, h } from "8";
        let i: typeof import("9"); let j: import("10").J;`),
    ).toEqual(["type 1", "type 2", "type 3", "type 4", "type 5", "type 6", "7", "8", "type 9", "type 10"]);
  });

  test("is not misled by comments, strings, templates and regular expressions", () => {
    const source = `
      // import "1"
      /* import { a } from "2"; // */ import "3"; /** don't */
      const b = "import '4'; // ", c = 'import "5" \\' /*', d = \`import "6" \${e ? \`\${{ f: "}" }}\` : ""} import "7"\`;
      const g = /["'\`/*]/.test(h) ? i / 2 : j++ / 3; import "8"; // it's
      const k = { import: "9", from: "10" }, l = m.import("11"), n = import.meta.url;
      export const o = 1, from = "12";
      import "13";
    `;
    expect(found(source)).toEqual(["3", "8", "13"]);
  });

  test("numbers the lines", () => {
    expect(scan(`const a = '';\n/*\n*/ const b = \`\n\`;\nimport "c";`).imports).toEqual([
      { specifier: "c", line: 5, typeOnly: false },
    ]);
  });
});
