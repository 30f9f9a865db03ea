// docs/coming-from-asyncio.md: the names, as someone reads them who knows asyncio. Written as Biome formats it.
import { entryOf, keyOf, pathsOf } from "./names.mjs";
import { partOf } from "./rows.mjs";

/**
 * @param {string} head written by hand
 * @param {import("./names.mjs").Name[]} surface
 * @param {import("./names.mjs").Scope} scope
 * @param {import("./names.mjs").Names} names
 */
export function page(head, surface, scope, names) {
  /** By module. @type {Map<string, string[][]>} */
  const tables = new Map(names.modules.map((module) => [module, []]));
  /** By part. @type {Map<string, Set<string>>} */
  const later = new Map();

  for (const name of surface) {
    const key = keyOf(name, scope.aliases);
    const isRepeated = key !== `${name.module} ${name.python}`; // told of the class that it is here
    const part = partOf(scope.names, key);
    if (name.portable === "no" || name.python.includes("(")) continue;
    if (!scope.now.includes(part)) {
      const [module = "", path = ""] = key.split(/ (.*)/);
      const isMember = path.includes(".");
      // Of a class to come the class, of a class that is there the methods to come.
      const isShown = isMember
        ? scope.now.includes(partOf(scope.names, key.replace(/\.\w+$/, "")))
        : !isRepeated;
      if (isShown) add(part, module.startsWith("asyncio.") ? path : `${module}.${path}`);
      continue;
    }
    if (isRepeated) continue;
    const entry = entryOf(key, names);
    if (entry.waived !== undefined) continue;
    const table = tables.get(name.module);
    if (table === undefined)
      throw new RangeError(`held/names.json does not say where ${name.module} comes on the page (modules)`);
    const ours =
      entry.heldBy === undefined ? pathsOf(name, key, entry, names.namespaces).map(code).join(", ") : "";
    table.push([code(name.python), ours, entry.differs ?? "same"]);
  }

  const parts = [head.trimEnd(), "## Names"];
  for (const [module, rows] of tables) {
    if (rows.length > 0) parts.push(`### ${module}`, table(["Python", "here", "how it differs"], rows));
  }
  const absent = names.absent.map(
    (group) => `- ${group.names.map((key) => code(key.split(" ")[1] ?? "")).join(", ")}: ${group.why}.`,
  );
  if (absent.length > 0) parts.push("## Not here", absent.join("\n"));
  const coming = [...later].map(([part, paths]) => `- With ${part}: ${[...paths].map(code).join(", ")}.`);
  if (coming.length > 0) parts.push("## To come", coming.join("\n"));
  return `${parts.join("\n\n")}\n`;

  /** @param {string} part @param {string} path */
  function add(part, path) {
    later.set(part, (later.get(part) ?? new Set()).add(path));
  }
}

/** @param {string} text */
function code(text) {
  return `\`${text}\``;
}

/** @param {string[]} head @param {string[][]} rows */
function table(head, rows) {
  const all = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, column) => Math.max(3, ...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)));
  lines.splice(
    1,
    0,
    widths.map((width) => "-".repeat(width)),
  );
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
