// Holds the one direction of imports between packages, and inside a package no circle at run time; also that
// loop and tasks, as a browser gets them, need nothing of Node's. A scan of the import statements is enough for
// that and takes milliseconds; what it must know of the language is where comments, strings and regular
// expressions begin and end.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { isMain, root } from "./process.mjs";

/** Folders under packages/: each imports only from those before it. */
const ORDER = ["loop", "tasks", "executors", "streams", "testing", "inspect", "aioloop"];
/** What these packages' index reaches at run time runs in any JavaScript host. */
const ANY_HOST = ["loop", "tasks"];
/**
 * A Handle and a Future name their loop, and a loop makes both: types may go round among these files only.
 * (Without the type-only imports between them no circle may be left.)
 */
const TYPE_CIRCLE = ["base-events.ts", "events.ts", "futures.ts"].map((file) => join("loop", "src", file));

/**
 * @typedef {{ specifier: string, line: number, typeOnly: boolean }} Import
 * @typedef {{ imports: Import[], hostNames: { name: string, line: number }[] }} Scan
 * @typedef {{ from: string, to: string, line: number, typeOnly: boolean }} Edge
 */

/**
 * The violations under a folder of packages, each as `file:line: what`.
 * @param {string} packages
 * @returns {string[]}
 */
export function checkLayers(packages) {
  /** @type {string[]} */
  const violations = [];
  /** @type {Map<string, Scan>} */
  const scans = new Map();
  /** Imports inside a package, by file. @type {Map<string, Edge[]>} */
  const edges = new Map();

  const folders = readdirSync(packages).filter((folder) => existsSync(join(packages, folder, "src")));
  for (const folder of folders) {
    if (!ORDER.includes(folder)) {
      violations.push(`packages/${folder}: has no place in the order (${ORDER.join(" <- ")})`);
      continue;
    }
    for (const entry of readdirSync(join(packages, folder, "src"), { recursive: true, encoding: "utf8" })) {
      if (!/\.[cm]?tsx?$/.test(entry)) continue;
      const file = join(folder, "src", entry);
      scans.set(file, scan(readFileSync(join(packages, file), "utf8")));
    }
  }

  for (const [file, { imports }] of scans) {
    const folder = folderOf(file);
    /** @type {Edge[]} */
    const inside = [];
    edges.set(file, inside);
    for (const { specifier, line, typeOnly } of imports) {
      const where = `packages/${slashes(file)}:${line}`;
      if (specifier.startsWith(".")) {
        const to = relative(packages, resolve(packages, dirname(file), specifier)).replace(/\.js$/, ".ts");
        if (to.startsWith(join(folder, "src") + sep)) inside.push({ from: file, to, line, typeOnly });
        else violations.push(`${where}: '${specifier}' leaves the package's src: import it by its name`);
        continue;
      }
      const target = /^(?:@aioloop\/([^/]+)|(aioloop)(?:\/|$))/.exec(specifier);
      const to = target?.[1] ?? target?.[2];
      if (to === undefined) continue;
      if (to === folder) violations.push(`${where}: '${specifier}' is this package: import the file`);
      else if (!ORDER.includes(to)) violations.push(`${where}: '${specifier}' has no place in the order`);
      else if (ORDER.indexOf(to) > ORDER.indexOf(folder)) {
        violations.push(`${where}: ${folder} must not import ${to} ('${specifier}'): ${ORDER.join(" <- ")}`);
      }
    }
  }

  for (const circle of circles(edges, ({ typeOnly }) => !typeOnly)) {
    violations.push(`circle at run time: ${show(circle)}`);
  }
  const allowed = (/** @type {Edge} */ { from, to, typeOnly }) =>
    typeOnly && TYPE_CIRCLE.includes(from) && TYPE_CIRCLE.includes(to);
  for (const circle of circles(edges, (edge) => !allowed(edge))) {
    if (circle.some(({ typeOnly }) => typeOnly)) violations.push(`circle of types: ${show(circle)}`);
  }

  for (const folder of ANY_HOST) {
    for (const file of reachable(edges, join(folder, "src", "index.ts"))) {
      const { imports = [], hostNames = [] } = scans.get(file) ?? {};
      for (const { specifier, line, typeOnly } of imports) {
        if (!isBuiltin(specifier)) continue;
        const what = typeOnly ? "its types would ask for Node's" : "it must run in any host";
        violations.push(
          `packages/${slashes(file)}:${line}: '${specifier}' in reach of ${folder}'s index: ${what}`,
        );
      }
      for (const { name, line } of hostNames) {
        violations.push(
          `packages/${slashes(file)}:${line}: bare \`${name}\` in reach of ${folder}'s index: write globalThis.${name}?.`,
        );
      }
    }
  }
  return [...new Set(violations)];
}

/**
 * Finds imports and bare uses of Node's globals. An import is type-only if nothing of it is left at run time:
 * `import { type A }` is not, verbatimModuleSyntax keeps it as `import {}`.
 * @param {string} source
 * @returns {Scan}
 */
export function scan(source) {
  const { text, strings } = mask(source);
  /** @param {number} index */
  const lineAt = (index) => text.slice(0, index).split("\n").length;
  /** @type {Import[]} */
  const imports = [];
  const statement =
    /(?<![\w$.#])(?:import|export)\b\s*(type(?:\s+(?!from\s*"|,)|(?=[{*])))?(?:(?!\b(?:import|export)\b)[\w$\s,*{}])+?\bfrom\s*"(\d+)"|(?<![\w$.#])import\s*"(\d+)"/g;
  for (const match of text.matchAll(statement)) {
    const specifier = strings[Number(match[2] ?? match[3])] ?? "";
    imports.push({ specifier, line: lineAt(match.index), typeOnly: match[1] !== undefined });
  }
  // import("x") is an expression, or a type: `typeof import("x")`, `import("x").Name`.
  for (const match of text.matchAll(
    /(typeof\s+)?(?<![\w$.#])import\s*\(\s*"(\d+)"[^)]*\)(?:\s*\.\s*([\w$]+))?/g,
  )) {
    const typeOnly = match[1] !== undefined || /^(?!then$|catch$|finally$)./.test(match[3] ?? "");
    imports.push({ specifier: strings[Number(match[2])] ?? "", line: lineAt(match.index), typeOnly });
  }
  const hostNames = [...text.matchAll(/(?<![\w$.#])(process(?=\s*(?:\.|\?\.|\[))|Buffer\b(?!\s*\??:))/g)].map(
    (match) => ({ name: match[1] ?? "", line: lineAt(match.index) }),
  );
  return { imports, hostNames };
}

/**
 * The source, as long as it was, with comments and regular expressions blank, and each string as its number in
 * quotes (`"7"`). What stands in `${}` inside a template stays code.
 * @param {string} source
 */
function mask(source) {
  /** @type {string[]} */
  const strings = [];
  let text = "";
  let at = 0;
  /** For each open template the depth of braces inside its `${}`. @type {number[]} */
  const templates = [];
  /** @param {number} end */
  const blank = (end) => {
    text += source.slice(at, end).replace(/[^\n]/g, " ");
    at = end;
  };
  /** @param {RegExp} pattern */
  const endOf = (pattern) => {
    pattern.lastIndex = at;
    return pattern.test(source) ? pattern.lastIndex : at + 1;
  };
  /** The text of a template up to its end or the next `${`; `at` stands on what opens it. */
  const template = () => {
    const end = endOf(/[`}](?:[^`\\$]|\\.|\$(?!\{))*(?:`|\$\{)/sy);
    if (source[end - 1] === "{") templates.push(0);
    blank(end);
  };
  while (at < source.length) {
    const char = source[at];
    if (source.startsWith("//", at)) blank(endOf(/[^\n]*/y));
    else if (source.startsWith("/*", at)) blank(endOf(/\/\*.*?\*\//sy));
    else if (char === '"' || char === "'") {
      const end = endOf(char === '"' ? /"(?:[^"\\\n]|\\.)*"?/sy : /'(?:[^'\\\n]|\\.)*'?/sy);
      const quoted = `"${strings.push(source.slice(at + 1, end - 1)) - 1}"`;
      text += quoted.padEnd(end - at);
      at = end;
    } else if (char === "`") template();
    else if (char === "}" && templates.at(-1) === 0) {
      templates.pop();
      template();
    } else if (char === "/" && startsExpression(text)) {
      blank(endOf(/\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y));
    } else {
      const depth = templates.at(-1);
      if (depth !== undefined && char === "{") templates[templates.length - 1] = depth + 1;
      if (depth !== undefined && char === "}") templates[templates.length - 1] = depth - 1;
      text += char;
      at++;
    }
  }
  return { text, strings };
}

/** Whether a slash after this text opens a regular expression, not a division. @param {string} text */
function startsExpression(text) {
  const before = text.trimEnd().slice(-20);
  return /(?:^|(?<!\+)\+|(?<!-)-|[=(,;:!&|?{}[*%<>~^]|\b(?:return|typeof|case|in|of|yield|await|throw|new|delete|void|else))$/.test(
    before,
  );
}

/**
 * For each file that is in a circle a shortest one, each set of files once.
 * @param {Map<string, Edge[]>} edges
 * @param {(edge: Edge) => boolean} counts
 */
function circles(edges, counts) {
  /** @type {Map<string, Edge[]>} */
  const found = new Map();
  for (const start of edges.keys()) {
    /** The edge by which each file was reached, for the way back. @type {Map<string, Edge>} */
    const reached = new Map();
    const queue = [start];
    for (const file of queue) {
      for (const edge of edges.get(file) ?? []) {
        if (!counts(edge) || reached.has(edge.to)) continue;
        reached.set(edge.to, edge);
        queue.push(edge.to);
      }
    }
    /** @type {Edge[]} */
    const circle = [];
    for (let edge = reached.get(start); edge !== undefined; edge = reached.get(edge.from)) {
      circle.unshift(edge);
      if (edge.from === start) break;
    }
    const key = circle
      .map(({ from }) => from)
      .sort()
      .join();
    if (circle.length > 0 && !found.has(key)) found.set(key, circle);
  }
  return [...found.values()];
}

/** @param {Map<string, Edge[]>} edges @param {string} start */
function reachable(edges, start) {
  const files = new Set(edges.has(start) ? [start] : []);
  for (const file of files) {
    for (const { to, typeOnly } of edges.get(file) ?? []) if (!typeOnly) files.add(to);
  }
  return files;
}

/** @param {Edge[]} circle */
function show(circle) {
  const steps = circle.map(
    ({ from, to, line, typeOnly }) =>
      `${basename(from)}:${line} -${typeOnly ? "type-" : ""}> ${basename(to)}`,
  );
  return `packages/${folderOf(circle[0]?.from ?? "")}/src: ${steps.join(", ")}`;
}

/** @param {string} file */
function folderOf(file) {
  return file.split(sep)[0] ?? "";
}

/** @param {string} file */
function slashes(file) {
  return file.split(sep).join("/");
}

if (isMain(import.meta.url)) {
  const violations = checkLayers(join(root, "packages"));
  for (const violation of violations) console.log(violation);
  if (violations.length > 0) process.exitCode = 1;
}
