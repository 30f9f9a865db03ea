// loop and tasks run in any host: what a browser is given holds nothing of Node's.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, test } from "vitest";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** All that a package exports, bundled from its sources for a browser. */
async function bundle(name: string, minify: boolean): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: `export * from ${JSON.stringify(name)};`, resolveDir: root },
    conditions: ["@aioloop/source", "browser"],
    platform: "browser",
    format: "esm",
    target: "es2022",
    bundle: true,
    legalComments: "none",
    write: false,
    minify,
  });
  return outputFiles[0]?.text ?? "";
}

test.each(["@aioloop/loop", "@aioloop/tasks", "aioloop"])(
  "%s for browsers holds nothing of Node's",
  async (name) => {
    const text = await bundle(name, false);
    expect(text).not.toMatch(/["'`]node:/);
    expect(text).not.toContain("require(");
    console.log(`${name} for browsers: ${Buffer.byteLength(await bundle(name, true))} bytes minified`);
  },
);
