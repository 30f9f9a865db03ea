// The functions that a worker was told of, by number: exports of modules, and functions that came as source.
import { allowTypeScript } from "./typescript.mjs";

/**
 * @typedef {{ url: string, exportName: string } | { source: string }} Definition
 * @typedef {(...args: unknown[]) => unknown} Callable
 */

/** @type {Map<number, Definition>} */
const definitions = new Map();
/** @type {Map<number, Callable>} */
const callables = new Map();

/** @param {number} number @param {Definition} definition */
export function define(number, definition) {
  definitions.set(number, definition);
}

/** @param {number} number */
export function isDefined(number) {
  return definitions.has(number);
}

/**
 * The function with this number; a promise of it where its module must be imported first.
 * @param {number} number
 * @returns {Callable | Promise<Callable>}
 */
export function callable(number) {
  const known = callables.get(number);
  if (known !== undefined) return known;
  const definition = definitions.get(number);
  if (definition === undefined) throw new Error(`no function has the number ${number}`);
  if ("source" in definition) {
    const made = fromSource(definition.source);
    callables.set(number, made);
    return made;
  }
  return fromModule(definition.url, definition.exportName).then((found) => {
    callables.set(number, found);
    return found;
  });
}

/** @param {string} url @param {string} exportName @returns {Promise<Callable>} */
async function fromModule(url, exportName) {
  await allowTypeScript(url);
  /** @type {Record<string, unknown>} */
  let module;
  try {
    module = await import(url);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`the worker cannot import ${url}: ${why}`, { cause: error });
  }
  // What a CommonJS module exports may show in its default export only.
  const exported = /** @type {Record<string, unknown>} */ ({
    .../** @type {object} */ (module.default),
    ...module,
  });
  const found = exported[exportName];
  if (typeof found === "function") return /** @type {Callable} */ (found);
  const functions = Object.keys(exported).filter((name) => typeof exported[name] === "function");
  throw new TypeError(
    `${url} has no exported function '${exportName}'; it exports ${functions.length === 0 ? "none" : functions.join(", ")}. A worker imports the module anew, so the function must be exported under that name`,
  );
}

/** What a function that came as source may use beside JavaScript's and Node's globals. */
const given = {
  jobCancelled: () => current().cancelled(),
  jobSignal: () => current().signal(),
  transfer: (/** @type {unknown} */ value, /** @type {object[]} */ list) => ({ [TRANSFER]: list, value }),
  // Compilers put calls of this around functions, to keep their names.
  __name: (/** @type {unknown} */ target) => target,
};

const TRANSFER = Symbol.for("aioloop.transfer");
const JOB = Symbol.for("aioloop.job");

/** @returns {{ cancelled(): boolean, signal(): AbortSignal }} */
function current() {
  return /** @type {Record<symbol, any>} */ (globalThis)[JOB];
}

/** @param {string} source @returns {Callable} */
function fromSource(source) {
  /** @type {Callable} */
  const made = new Function(...Object.keys(given), `"use strict"; return (${source}\n);`)(
    ...Object.values(given),
  );
  return (...args) => {
    let value;
    try {
      value = made(...args);
    } catch (error) {
      throw explained(error, source);
    }
    if (!isThenable(value)) return value;
    return value.then(undefined, (error) => {
      throw explained(error, source);
    });
  };
}

/**
 * A name that is not there, of a function that came as source, is most likely one of its surroundings.
 * @param {unknown} error @param {string} source
 */
function explained(error, source) {
  if (!(error instanceof ReferenceError)) return error;
  const name = /^(\S+) is not defined$/.exec(error.message)?.[1];
  if (name === undefined || !source.includes(name)) return error;
  const what = /^(?:__vi_import|__vite_ssr_import|cov_)/.test(name) ? "an import" : `'${name}'`;
  error.message = `${error.message}: the function was sent by its source and reaches for ${what} outside itself. Pass it as an argument, load it inside (\`await import("node:fs")\`), or export the function from a module and send it by reference: workerFunction(import.meta.url, "name")`;
  return error;
}

/** @param {unknown} value @returns {value is PromiseLike<unknown>} */
export function isThenable(value) {
  return typeof (/** @type {any} */ (value)?.then) === "function";
}

/**
 * What `transfer(value, list)` made, apart.
 * @param {unknown} value
 * @returns {{ value: unknown, list: object[] }}
 */
export function unwrap(value) {
  const list = typeof value === "object" && value !== null ? /** @type {any} */ (value)[TRANSFER] : undefined;
  return list === undefined ? { value, list: [] } : { value: /** @type {any} */ (value).value, list };
}
