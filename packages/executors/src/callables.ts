/**
 * What can be called in a worker: an export of a module, by reference, or a function that reaches for nothing outside itself, by its
 * source. CPython pickles functions by reference and has no other way; its threads share all there is.
 */
import type { Job, JobOptions, WorkerCallable, WorkerFunction } from "@aioloop/loop";
import { describe, isGeneratorFunction } from "@aioloop/loop/kernel";

/** How a worker finds a function. */
export type Definition = { readonly url: string; readonly exportName: string } | { readonly source: string };

/** Functions that `workerFunction` made references of. */
const references: WeakMap<object, Definition> = new WeakMap();

/**
 * A function of a module, to be called in a worker: the worker imports the module and calls its export.
 *
 *   export const resize = workerFunction(import.meta.url, function resize(width: number) { … });   where it is defined:
 *       exported under its own name, and called as before
 *   const resize = workerFunction<typeof import("./images.ts").resize>(new URL("./images.ts", import.meta.url), "resize");
 *       without loading the module here
 *
 * @param url the module: `import.meta.url`, or a URL
 * @throws TypeError for a function without a name, and for what is no URL
 */
export function workerFunction<A extends unknown[], R>(
  url: string | URL,
  fn: (...args: A) => R,
): (...args: A) => R;
export function workerFunction<F extends (...args: never[]) => unknown>(
  url: string | URL,
  exportName: string,
): WorkerFunction<Parameters<F>, ReturnType<F>>;
export function workerFunction(
  url: string | URL,
  target: string | ((...args: unknown[]) => unknown),
): WorkerFunction<unknown[]> | ((...args: unknown[]) => unknown) {
  const href = checkUrl(url);
  if (typeof target === "string") {
    if (target === "")
      throw new TypeError("workerFunction(url, exportName): the name of the export is empty");
    return { url: href, exportName: target };
  }
  if (typeof target !== "function") {
    throw new TypeError(
      `workerFunction(url, fn): a function or the name of an export is required, got ${describe(target)}`,
    );
  }
  if (target.name === "") {
    throw new TypeError(
      "workerFunction(url, fn): the function has no name, and a worker finds it by that. Write `export const resize = workerFunction(import.meta.url, function resize(…) { … })`",
    );
  }
  references.set(target, { url: href, exportName: target.name });
  return target;
}

function checkUrl(url: string | URL): string {
  const text = url instanceof URL ? url.href : url;
  if (typeof text !== "string" || !URL.canParse(text)) {
    throw new TypeError(
      `workerFunction(url, …): the URL of a module is required, got ${describe(url)}. Write import.meta.url, or new URL("./module.js", import.meta.url)`,
    );
  }
  return text;
}

/** The keywords and the function of a job. */
export function optionsOf<A extends unknown[], R>(usage: string, job: Job<A, R>): JobOptions<A, R> {
  if (typeof job === "object" && job !== null && "fn" in job) {
    const { transfer, cancel } = job;
    if (cancel !== undefined && cancel !== "terminate") {
      throw new RangeError(`${usage}: cancel must be "terminate" or left out, got ${describe(cancel)}`);
    }
    if (transfer !== undefined && typeof transfer[Symbol.iterator] !== "function") {
      throw new TypeError(
        `${usage}: transfer must be an array of buffers and ports, got ${describe(transfer)}`,
      );
    }
    return job;
  }
  return { fn: job as WorkerCallable<A, R> };
}

/** Where a worker finds `fn`. @throws TypeError for what cannot be called there, with what to write instead */
export function definitionOf(usage: string, fn: unknown): Definition {
  if (typeof fn === "object" && fn !== null) {
    const { url, exportName } = fn as Partial<WorkerFunction>;
    if (typeof url === "string" && typeof exportName === "string") return { url, exportName };
  }
  if (typeof fn !== "function") {
    throw new TypeError(`${usage}: a function is required, got ${describe(fn)}`);
  }
  return references.get(fn) ?? { source: sourceOf(usage, fn) };
}

const BY_REFERENCE =
  'Export the function from a module and send it by reference: workerFunction(import.meta.url, "name")';

function sourceOf(usage: string, fn: object): string {
  const name = describe(fn);
  const source = Function.prototype.toString.call(fn);
  if (isGeneratorFunction(fn)) {
    throw new TypeError(
      `${usage}: ${name} is a coroutine function, and a worker has no loop for it. Send a plain or an async function, which may call run(${name}())`,
    );
  }
  if (/\{\s*\[native code\]\s*\}\s*$/.test(source)) {
    throw new TypeError(
      `${usage}: ${name} is a native or bound function, whose source cannot be sent. Wrap it: (…args) => ${name}(…args), if it is a global one. ${BY_REFERENCE}`,
    );
  }
  if (/^class\b/.test(source)) {
    throw new TypeError(
      `${usage}: ${name} is a class; send a function that makes what is to be made. ${BY_REFERENCE}`,
    );
  }
  return isExpression(source) ? source : `({ ${source} })[${JSON.stringify((fn as { name: string }).name)}]`;
}

/** A method's source (`add(a, b) { … }`) is none; a function's and an arrow's is. */
function isExpression(source: string): boolean {
  return /^(?:async\s+)?function\b|^(?:async\s*)?\([\s\S]*?\)\s*=>|^(?:async\s+)?[\w$]+\s*=>/.test(source);
}

/** Numbers for definitions: what is sent often is described once. Two functions with one source are one. */
export class Definitions {
  readonly #numbers: WeakMap<object, number> = new WeakMap();
  readonly #byText: Map<string, number> = new Map();
  readonly #all: [number, Definition][] = [];
  readonly #announce: (number: number, definition: Definition) => void;

  constructor(announce: (number: number, definition: Definition) => void) {
    this.#announce = announce;
  }

  /** All that there are, for a worker that starts. */
  get all(): readonly [number, Definition][] {
    return this.#all;
  }

  numberOf(usage: string, fn: unknown): number {
    const known =
      typeof fn === "function" || (typeof fn === "object" && fn !== null) ? this.#numbers.get(fn) : undefined;
    if (known !== undefined) return known;
    const definition = definitionOf(usage, fn);
    const text = "source" in definition ? definition.source : `${definition.exportName} ${definition.url}`;
    let number = this.#byText.get(text);
    if (number === undefined) {
      number = this.#all.length + 1;
      this.#byText.set(text, number);
      this.#all.push([number, definition]);
      this.#announce(number, definition);
    }
    this.#numbers.set(fn as object, number);
    return number;
  }
}
