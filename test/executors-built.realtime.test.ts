// The executors as they are published: started by plain Node and by tsx, from packages with and without `"type": "module"`, with worker
// functions in JavaScript and TypeScript modules.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { publish } from "./published.ts";

const place = realpathSync(mkdtempSync(join(tmpdir(), "aioloop-executors-")));
const tsx = dirname(createRequire(import.meta.url).resolve("tsx/package.json"));

beforeAll(() => {
  publish(join(place, "node_modules"));
  for (const [folder, manifest] of [
    ["module", { type: "module" }],
    ["commonjs", {}],
    ["without-tsx", { type: "module" }],
  ] as const) {
    mkdirSync(join(place, folder));
    writeFileSync(join(place, folder, "package.json"), JSON.stringify(manifest));
    writeFileSync(
      join(place, folder, "helper.ts"),
      "export const show = (n: number): string => String(n);\n",
    );
    writeFileSync(
      join(place, folder, "jobs.ts"),
      'import { show } from "./helper.ts";\nexport function make(n: number): string { return show(n * 2); }\n',
    );
    writeFileSync(join(place, folder, "plain.mjs"), "export const make = (n) => String(n * 2);\n");
    writeFileSync(join(place, folder, "old.cjs"), "module.exports = { make: (n) => String(n * 2) };\n");
    writeFileSync(join(place, folder, "main.mjs"), PROGRAM);
  }
  for (const folder of ["module", "commonjs"]) {
    mkdirSync(join(place, folder, "node_modules"));
    symlinkSync(tsx, join(place, folder, "node_modules/tsx"), "junction");
  }
});

afterAll(() => rmSync(place, { recursive: true }));

const PROGRAM = `
  import { executors } from "aioloop";
  const [kind, file] = process.argv.slice(2);
  using(new executors[kind](1), (pool) => {
    const make = executors.workerFunction(new URL(file, import.meta.url), "make");
    try {
      console.log(pool.submit(make, 21).result());
    } catch (error) {
      console.log(String(error));
    }
  });
  function using(pool, body) { try { body(pool); } finally { pool.shutdown(); } }
`;

async function start(folder: string, before: string[], kind: string, file: string) {
  const args = [...before, "main.mjs", kind, file];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: join(place, folder) });
  return stdout.trim();
}

describe.each([
  ["plain Node", []],
  ["tsx", [join(tsx, "dist/cli.mjs")]],
])("started by %s", (_name, before) => {
  test.each(["module", "commonjs"])(
    "in a %s package, workers import TypeScript, ES modules and CommonJS",
    async (folder) => {
      const all = ["./jobs.ts", "./plain.mjs", "./old.cjs"].map((file) =>
        start(folder, before, "ThreadPoolExecutor", file),
      );
      expect(await Promise.all(all)).toEqual(["42", "42", "42"]);
    },
  );

  test("processes import TypeScript too", async () => {
    const all = ["module", "commonjs"].map((folder) =>
      start(folder, before, "ProcessPoolExecutor", "./jobs.ts"),
    );
    expect(await Promise.all(all)).toEqual(["42", "42"]);
  });
});

test("without tsx the call fails, and says how to get it", async () => {
  expect(await start("without-tsx", [], "ThreadPoolExecutor", "./jobs.ts")).toMatch(
    (process.features as { typescript?: unknown }).typescript
      ? /^42$/
      : /^Error: the worker cannot import file:.*jobs\.ts: Node v\S+ does not run TypeScript\. Install tsx beside it \(`npm i -D tsx`\), take Node 22\.18 or newer, or name the compiled module$/,
  );
});
