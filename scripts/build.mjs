// Writes packages/*/dist: declarations by tsc, JavaScript by esbuild, one file for each entry of `exports`.
// Sibling packages and dependencies stay imports: a second copy of @aioloop/loop inside another package would
// have a running loop of its own. Entries of one package share their modules as chunks for the same reason.
//   node scripts/build.mjs                 everything
//   node scripts/build.mjs --outdir DIR    JavaScript only, to DIR/<name of the package>/dist
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { node, root, tool } from "./process.mjs";
import { setup } from "./setup.mjs";

setup();
const { build } = await import("esbuild");

const flag = process.argv.indexOf("--outdir");
const outdir = flag < 0 ? null : resolve(process.argv[flag + 1] ?? "");

const folders = readdirSync(join(root, "packages"))
  .map((name) => join(root, "packages", name))
  .filter((folder) => existsSync(join(folder, "package.json")));

if (outdir === null) {
  // From nothing, so that no file of a module that is gone stays behind.
  for (const folder of folders) rmSync(join(folder, "dist"), { recursive: true, force: true });
  const { code } = await node(tool("tsc", "-b", ...folders));
  if (code !== 0) process.exit(code ?? 1);
}

for (const folder of folders) {
  const { name, exports } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const dist = outdir === null ? join(folder, "dist") : join(outdir, name, "dist");
  const { metafile } = await build({
    absWorkingDir: folder,
    entryPoints: [...new Set(Object.values(exports).flatMap((entry) => sources(entry["@aioloop/source"])))],
    outbase: join(folder, "src"),
    outdir: dist,
    bundle: true,
    splitting: true,
    packages: "external",
    format: "esm",
    platform: "neutral",
    target: ["es2022", "node20.19"],
    sourcemap: true,
    metafile: true,
    logLevel: "warning",
  });
  for (const file of Object.keys(metafile.outputs))
    if (file.endsWith(".js")) keepClassNames(resolve(folder, file));
  // What workers run is JavaScript already, and stands beside the bundle as it stands beside its sources.
  for (const file of readdirSync(join(folder, "src"), { recursive: true, encoding: "utf8" })) {
    if (file.endsWith(".mjs")) cpSync(join(folder, "src", file), join(dist, file));
  }
  for (const [file, { bytes }] of Object.entries(metafile.outputs)) {
    if (file.endsWith(".js"))
      console.log(`${name}: ${relative(dist, resolve(folder, file))}, ${bytes} bytes`);
  }
}

/**
 * esbuild calls a class that names itself in a static member `_Lock`, in `var Lock = class _Lock`, and reports would show that. Inside
 * of the class its own name is as good. (`keepNames` would do it for every function, and cost something for every closure.)
 * @param {string} file
 */
function keepClassNames(file) {
  const text = readFileSync(file, "utf8");
  const names = [...text.matchAll(/^var (\w+) = class _\1\b/gm)].map(([, name = ""]) => name);
  const named = names.reduce((code, name) => code.replaceAll(new RegExp(`\\b_${name}\\b`, "g"), name), text);
  if (named !== text) writeFileSync(file, named);
}

/**
 * The source files that an entry of `exports` names, under whatever further conditions.
 * @param {unknown} entry
 * @returns {string[]}
 */
function sources(entry) {
  if (typeof entry === "string") return [entry];
  return entry !== null && typeof entry === "object" ? Object.values(entry).flatMap(sources) : [];
}
