// The names of asyncio's public surface, and whether each is there, as what it should be: looked up in the sources.
import { partOf } from "./rows.mjs";

/**
 * @typedef {import("./rows.mjs").Row} Row
 * @typedef {{ module: string, python: string, ts: string, kind: string, portable: string }} Name
 * @typedef {object} Entry What held/names.json says of a name.
 * @property {string | string[]} [ours] what it is called here, where that is not what the surface says
 * @property {string} [differs] how it differs, and why
 * @property {string} [heldBy] the behaviour that holds it, where there is nothing to look up
 * @property {string} [waived] why there is none
 * @typedef {object} Names
 * @property {string[]} modules as they follow on the page
 * @property {Record<string, string>} namespaces the export under which all of a module is
 * @property {Record<string, Entry>} members
 * @property {Record<string, Entry>} names
 * @property {{ names: string[], why: string }[]} absent
 * @typedef {{ now: string[], aliases: Record<string, string>, names: Record<string, string>, tests: Record<string, string> }} Scope
 * @typedef {object} Library What is looked into.
 * @property {Record<string, unknown>} exports
 * @property {(className: string) => object} instanceOf
 * @property {(path: string, fn: Function, self: object | undefined) => unknown} call with arguments that will do
 * @property {(value: unknown) => boolean} isAwaitable
 */

/**
 * `module path`, as the data names it. A method of a class that is another one here is named as that one's.
 * @param {Pick<Name, "module" | "python">} name
 * @param {Record<string, string>} aliases
 */
export function keyOf({ module, python }, aliases) {
  const [owner, ...member] = python.split(/\.(.*)/s, 2);
  const alias = aliases[`${module} ${owner}`];
  return alias !== undefined && member.length > 0 ? `${alias}.${member[0]}` : `${module} ${python}`;
}

/** @param {string} key @param {Names} names @returns {Entry} */
export function entryOf(key, names) {
  return names.names[key] ?? names.members[key.split(".").at(-1) ?? ""] ?? {};
}

/**
 * Where a name is to be found here, as paths: `name`, `Class.member`, `namespace.Class.member`.
 * @param {Name} name
 * @param {string} key
 * @param {Entry} entry
 * @param {Record<string, string>} namespaces
 */
export function pathsOf({ module, ts }, key, entry, namespaces) {
  const namespace = namespaces[module];
  const within = namespace === undefined ? "" : `${namespace}.`;
  if (entry.ours !== undefined) return [entry.ours].flat().map((path) => within + path);
  const owner = /^\S+ (\w+)\./.exec(key)?.[1];
  const path = ts.replace(/\(.*/s, "");
  return [within + (owner === undefined ? path : path.replace(/^\w+/, owner))];
}

/**
 * A row for each name that carries over.
 * @param {Name[]} surface
 * @param {Scope} scope
 * @param {Names} names
 * @param {Library} library
 * @param {Row[]} behaviours
 * @returns {Row[]}
 */
export function checkNames(surface, scope, names, library, behaviours) {
  const known = new Set(surface.map((name) => keyOf(name, scope.aliases)));
  const unknown = [...Object.keys(names.names), ...names.absent.flatMap((group) => group.names)]
    .filter((key) => !known.has(key))
    .map((key) => open(key, "held/names.json has it, the surface has not"));
  const absent = new Set(names.absent.flatMap((group) => group.names));
  const unexplained = surface
    .filter(({ portable }) => portable === "no")
    .map((name) => ({
      whole: keyOf(name, scope.aliases),
      owner: `${name.module} ${name.python.split(".")[0]}`,
    }))
    .filter(({ whole, owner }) => !absent.has(whole) && !absent.has(owner))
    .map(({ whole }) => open(whole, "does not carry over, and held/names.json does not say why (absent)"));
  const rows = surface.filter(({ portable }) => portable !== "no").map(check);
  return [...rows, ...unknown, ...unexplained];

  /** @param {Name} name @returns {Row} */
  function check(name) {
    const key = keyOf(name, scope.aliases);
    const what = `${name.module}.${name.python}`;
    const part = partOf(scope.names, key);
    if (!scope.now.includes(part)) return { state: "later", what, by: part };
    const entry = entryOf(key, names);
    if (entry.waived !== undefined) return { state: "waived", what, by: entry.waived };
    if (name.portable === "adapted" && entry.differs === undefined) {
      return open(what, "differs, and held/names.json does not say how");
    }
    if (entry.heldBy !== undefined) {
      const row = behaviours.find((one) => one.what.startsWith(`${entry.heldBy} `));
      return row === undefined ? open(what, `there is no ${entry.heldBy}`) : { ...row, what };
    }
    const paths = pathsOf(name, key, entry, names.namespaces);
    const missing = paths.map((path) => missingIn(library, path, name.kind)).filter((one) => one !== null);
    if (missing.length > 0) return open(what, missing.join("; "));
    return { state: "covered", what, by: paths.join(", ") };
  }
}

/**
 * What is wrong with a path as that kind of thing; null for nothing.
 * @param {Library} library
 * @param {string} path
 * @param {string} kind
 * @returns {string | null}
 */
export function missingIn(library, path, kind) {
  const [ownerName = "", memberName] = path.split(/\.(.*)/s);
  const owner = library.exports[ownerName];
  if (owner === undefined) return `${ownerName} is not exported`;
  if (isNamespace(owner) && memberName !== undefined) {
    /** @param {string} className */
    const instanceOf = (className) => library.instanceOf(`${ownerName}.${className}`);
    const problem = missingIn({ ...library, exports: owner, instanceOf }, memberName, kind);
    return problem === null ? null : `${ownerName}.${problem}`;
  }
  if (memberName === undefined) {
    if (!isKind(owner)) return `${path} is no ${kind}`;
    return kind === "coroutine function" ? notAwaited(owner, undefined) : null;
  }
  if (!isClass(owner)) return `${ownerName} is no class`;
  const symbol = /^\[Symbol\.(\w+)\]$/.exec(memberName)?.[1];
  const member =
    symbol === undefined
      ? memberName
      : /** @type {Record<string, any>} */ (/** @type {unknown} */ (Symbol))[symbol];
  const found = descriptorOf(owner.prototype, member);
  switch (kind) {
    case "method":
      return typeof found?.value === "function" ? null : `${path} is no method`;
    case "property":
      return found?.get !== undefined ? null : `${path} is no getter`;
    case "attribute":
      return member in owner || member in library.instanceOf(ownerName) ? null : `${path} is no attribute`;
    case "coroutine method": {
      if (typeof found?.value !== "function") return `${path} is no method`;
      return notAwaited(found.value, library.instanceOf(ownerName));
    }
    default:
      throw new RangeError(`the surface has a kind of member that is not known: ${kind} (${path})`);
  }

  /** @param {unknown} value */
  function isKind(value) {
    if (kind === "class") return isClass(value);
    if (kind === "exception") return isClass(value) && value.prototype instanceof Error;
    if (kind === "constant" || kind === "attribute") return typeof value !== "function";
    return typeof value === "function" && !isClass(value);
  }

  /** @param {unknown} fn @param {object | undefined} self */
  function notAwaited(fn, self) {
    try {
      const result = library.call(path, /** @type {Function} */ (fn), self);
      return library.isAwaitable(result) ? null : `${path}() gives nothing to await`;
    } catch (error) {
      return `${path}() throws ${error}: it is to be lazy, or scripts/held/library.mjs is to give it arguments`;
    }
  }
}

/** What `export * as name` exports. @param {unknown} value @returns {value is Record<string, unknown>} */
function isNamespace(value) {
  return Object.prototype.toString.call(value) === "[object Module]";
}

/** Classes, unlike functions, have a prototype that cannot be replaced. @param {unknown} value @returns {value is Function} */
function isClass(value) {
  return (
    typeof value === "function" && Object.getOwnPropertyDescriptor(value, "prototype")?.writable === false
  );
}

/** @param {object | null} prototype @param {PropertyKey} member */
function descriptorOf(prototype, member) {
  for (let one = prototype; one !== null; one = Object.getPrototypeOf(one)) {
    const found = Object.getOwnPropertyDescriptor(one, member);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** @param {string} what @param {string} by @returns {Row} */
function open(what, by) {
  return { state: "open", what, by };
}
