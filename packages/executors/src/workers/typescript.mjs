// TypeScript modules in a worker. Node strips types itself from 22.18 on; before, tsx does it, if it is installed where the module is.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

let isRegistered = false;

/** Makes `import(url)` work if it is TypeScript. @param {string} url */
export async function allowTypeScript(url) {
  if (isRegistered || !/\.[cm]?tsx?$/.test(new URL(url).pathname)) return;
  const native = /** @type {{ typescript?: unknown }} */ (process.features).typescript;
  if (native) return;
  let manifest;
  try {
    manifest = createRequire(url).resolve("tsx/package.json");
  } catch (error) {
    throw new Error(
      `the worker cannot import ${url}: Node ${process.version} does not run TypeScript. Install tsx beside it (\`npm i -D tsx\`), take Node 22.18 or newer, or name the compiled module`,
      { cause: error },
    );
  }
  // Not `tsx/esm/api` by name: from here that would be looked for beside this file, not beside the module.
  const { exports } = JSON.parse(readFileSync(manifest, "utf8"));
  // Both: in a package without `"type": "module"` a TypeScript module is compiled to CommonJS, and required.
  for (const entry of ["./cjs/api", "./esm/api"]) {
    const { register } = await import(new URL(exports[entry].import.default, pathToFileURL(manifest)).href);
    register();
  }
  isRegistered = true;
}
