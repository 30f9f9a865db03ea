/**
 * Errors that come back from workers, as objects of their class. CPython pickles them; a structured clone would keep neither a class
 * of ours nor one of the user's, so a worker sends what failures.mjs makes of them.
 */
import * as loop from "@aioloop/loop";
import { describe } from "@aioloop/loop/kernel";
import * as tasks from "@aioloop/tasks";
import * as ours from "./exceptions.ts";

/** What a worker sends for something that was thrown: see failures.mjs. */
export type PackedFailure = { thrown: unknown } | { shown: string } | PackedError;

interface PackedError {
  classes: string[];
  message: string;
  stack: string;
  properties: Record<string, unknown>;
  cause?: PackedFailure;
  errors?: PackedFailure[];
}

/** Any class of errors, abstract or not. */
export type ErrorType = abstract new (...args: never[]) => Error;

const registered: Map<string, ErrorType> = new Map();
let builtin: Map<string, ErrorType> | null = null;

/**
 * Lets errors of these classes come back from workers as objects of their class, known by its name. Without it they come back as the
 * closest class above that is known: Error at last. An object is made without its constructor; its own properties are set.
 * @throws TypeError for what is no class of errors
 */
export function registerErrors(...classes: ErrorType[]): void {
  for (const type of classes) {
    if (typeof type !== "function" || !(type.prototype instanceof Error)) {
      throw new TypeError(`registerErrors(…): classes that extend Error are required, got ${describe(type)}`);
    }
    registered.set(type.name, type);
  }
}

function known(): Map<string, ErrorType> {
  if (builtin !== null) return builtin;
  const types = [
    Error,
    EvalError,
    RangeError,
    ReferenceError,
    SyntaxError,
    TypeError,
    URIError,
    AggregateError,
  ];
  builtin = new Map(types.map((type) => [type.name, type as ErrorType]));
  // The loop's CancelledError and InvalidStateError win over the executors': a worker function can only throw the loop's.
  for (const module of [ours, tasks, loop]) {
    for (const [name, value] of Object.entries(module)) {
      if (typeof value === "function" && value.prototype instanceof Error)
        builtin.set(name, value as ErrorType);
    }
  }
  return builtin;
}

/** @param where which worker, for the stack */
export function unpack(failure: PackedFailure, where: string): unknown {
  if ("thrown" in failure) return failure.thrown;
  if ("shown" in failure) return new Error(`a worker threw what cannot be sent: ${failure.shown}`);
  const { classes, message, stack, properties } = failure;
  const name = classes.find((one) => registered.has(one) || known().has(one)) ?? "Error";
  const type = registered.get(name) ?? known().get(name) ?? Error;
  const error: Error = Object.create(type.prototype);
  const define = (key: string, value: unknown, enumerable = false) =>
    Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true });
  define("message", message);
  define("stack", stackOf(stack, where));
  for (const [key, value] of Object.entries(properties)) define(key, value, true);
  const real = classes[0] ?? "Error";
  if (real !== name && error.name === type.prototype.name) define("name", real);
  if (failure.cause !== undefined) define("cause", unpack(failure.cause, where));
  if (failure.errors !== undefined)
    define(
      "errors",
      failure.errors.map((one) => unpack(one, where)),
    );
  return error;
}

/** The worker's frames, below a line that says whose they are. */
function stackOf(stack: string, where: string): string {
  const at = stack.search(/\n\s+at /);
  return at < 0 ? `${stack}\n    in ${where}` : `${stack.slice(0, at)}\n    in ${where}:${stack.slice(at)}`;
}
