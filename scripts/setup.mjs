// A fresh machine has only Node and npm: every script begins here, so that no command needs another before it.
// pnpm is reached through npx, in the version that package.json pins, and only if node_modules is missing or
// was installed from other dependencies than are written now (a stamp inside node_modules holds their hash).
//   node scripts/setup.mjs            install if needed
//   node scripts/setup.mjs --update   after a change of dependencies: write pnpm-lock.yaml anew
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isMain, root } from "./process.mjs";

const stampFile = join(root, "node_modules", ".aioloop-setup");

/** Installs the dependencies unless they are there. Ends the process if that fails. */
export function setup({ update = false } = {}) {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    fail(`aioloop needs Node.js 20.19 or newer, this is ${process.versions.node}`);
  }
  if (!update && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp()) return;
  const pnpm = readJson("package.json").packageManager; // "pnpm@10.x.y"
  console.log(`set-up: ${pnpm} install`);
  const { status } = spawnSync(
    "npx",
    ["--yes", pnpm, "install", update ? "--no-frozen-lockfile" : "--frozen-lockfile"],
    { cwd: root, stdio: "inherit", shell: process.platform === "win32" },
  );
  if (status !== 0) {
    fail("set-up failed. If dependencies were changed: npm run setup -- --update");
  }
  writeFileSync(stampFile, stamp());
}

/** What an install depends on. Scripts, exports and the like may change without one. */
function stamp() {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}\n`);
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml"]) hash.update(readFileSync(join(root, file)));
  for (const folder of workspaceFolders()) {
    const { name, version, bin, packageManager, ...rest } = readJson(folder, "package.json");
    const dependencies = Object.entries(rest).filter(([key]) => /dependencies/i.test(key));
    hash.update(JSON.stringify([folder, name, version, bin, packageManager, dependencies]));
  }
  return hash.digest("hex");
}

function workspaceFolders() {
  const packages = readdirSync(join(root, "packages")).map((name) => join("packages", name));
  return [".", "conformance", "bench", "examples", ...packages.sort()].filter((folder) =>
    existsSync(join(root, folder, "package.json")),
  );
}

/** @param {string[]} path */
function readJson(...path) {
  return JSON.parse(readFileSync(join(root, ...path), "utf8"));
}

/** @param {string} message @returns {never} */
function fail(message) {
  console.error(message);
  process.exit(1);
}

if (isMain(import.meta.url)) setup({ update: process.argv.includes("--update") });
