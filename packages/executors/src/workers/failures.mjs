// What a job threw, as plain data: a structured clone would keep neither the class of an error of ours or of the user's, nor what
// hangs on it. errors.ts makes an error of it again.
import { isPlainData } from "./wire.mjs";

/**
 * @typedef {{ thrown: unknown } | { shown: string } | PackedError} Packed
 * @typedef {{ classes: string[], message: string, stack: string, properties: Record<string, unknown>, cause?: Packed, errors?: Packed[] }} PackedError
 */

/** Causes and groups nest at most so deep. */
const DEEPEST = 8;

/**
 * What was thrown may throw in turn where it is looked at: then only how it shows comes back.
 * @param {unknown} thrown
 * @returns {Packed}
 */
export function pack(thrown) {
  try {
    return packed(thrown, 0);
  } catch {
    return { shown: show(thrown) };
  }
}

/** @param {unknown} thrown @param {number} depth @returns {Packed} */
function packed(thrown, depth) {
  if (!(thrown instanceof Error)) {
    return isData(thrown) ? { thrown } : { shown: show(thrown) };
  }
  /** @type {Record<string, unknown>} */
  const properties = {};
  for (const key of Object.keys(thrown)) {
    const value = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (thrown))[key];
    if (!RESERVED.has(key) && isData(value)) properties[key] = value;
  }
  /** @type {PackedError} */
  const error = {
    classes: classesOf(thrown),
    message: String(thrown.message),
    stack: String(thrown.stack),
    properties,
  };
  if (depth < DEEPEST) {
    if (thrown.cause !== undefined) error.cause = packed(thrown.cause, depth + 1);
    if (thrown instanceof AggregateError && Array.isArray(thrown.errors)) {
      error.errors = thrown.errors.map((one) => packed(one, depth + 1));
    }
  }
  return error;
}

/** However much: what is too large for a ring finds another way. @param {unknown} value */
function isData(value) {
  return isPlainData(value, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
}

const RESERVED = new Set(["message", "stack", "cause", "errors"]);

/** Its class and those above it, the closest first. @param {Error} error */
function classesOf(error) {
  const names = [];
  for (let type = Object.getPrototypeOf(error); type !== null; type = Object.getPrototypeOf(type)) {
    const name = type.constructor?.name;
    if (typeof name === "string" && name !== "Object") names.push(name);
  }
  return names;
}

/** @param {unknown} value */
function show(value) {
  try {
    return String(value);
  } catch {
    return `a ${typeof value} that cannot be shown`;
  }
}

/** What a job is said to have failed of if its result is nothing that can be copied. @param {unknown} error */
export function notSendable(error) {
  const why = (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
  return new TypeError(
    `the result cannot be sent (${why}). Return plain data, or what a structured clone can copy`,
    {
      cause: error,
    },
  );
}
