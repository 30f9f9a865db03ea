/** A place like a user's: the packages as they are published, without sources, and their dependencies from outside. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root: string = dirname(dirname(fileURLToPath(import.meta.url)));

export const packages = readdirSync(join(root, "packages"))
  .map((name) => join(root, "packages", name))
  .filter((folder) => existsSync(join(folder, "package.json")))
  .map((folder) => ({ folder, ...JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) }));

/** Builds all packages into a folder `node_modules`. */
export function publish(modules: string): void {
  execFileSync(process.execPath, [join(root, "scripts/build.mjs"), "--outdir", modules]);
  for (const { folder, name, dependencies = {} } of packages) {
    cpSync(join(folder, "package.json"), join(modules, name, "package.json"));
    for (const [dependency, version] of Object.entries(dependencies)) {
      const link = join(modules, dependency);
      if (version === "workspace:*" || existsSync(link)) continue;
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(realpathSync(join(folder, "node_modules", dependency)), link, "junction");
    }
  }
}
