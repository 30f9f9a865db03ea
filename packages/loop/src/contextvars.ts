/**
 * Context variables: values that follow a task instead of a call stack. CPython: `contextvars` (PEP 567).
 *
 * CPython copies the current context for each `call_soon`; its HAMT makes that O(1). Here it costs nothing at all in
 * the usual case. A context is one of two kinds:
 *
 *   open      somebody can hold it (`copyContext()`, `{ context }`, `getContext()`): `set` changes it in place,
 *             and it can be entered once at a time.
 *   snapshot  nobody outside the kernel can hold it, so any number of handles and tasks share one. `set` does not
 *             change it: it puts an open copy in its place as the current context.
 *
 * Invariant: `running.context` is what `get` and `set` see now; `_entered` marks those that were current when another was
 * entered, and will be again. Whoever runs a handle or a step puts its context there and need not put the last
 * one back, since between two handles nobody looks; a task takes what it finds afterwards. The variables themselves are in a Map that is copied on
 * `set` (O(number of variables), of which programs have few) and shared by everything else.
 */

import { LookupError, RuntimeError } from "./exceptions.ts";
import { inspectable } from "./inspectable.ts";
import { describe } from "./reprs.ts";

type Variables = ReadonlyMap<ContextVar<unknown>, unknown>;

const NONE: Variables = new Map();

/** A mapping of context variables to values, in which code can be run. CPython: `contextvars.Context`. */
export class Context {
  /** @internal replaced, never changed: snapshots share it */
  _variables: Variables = NONE;
  /** @internal true while another one, entered from within this one, is current */
  _entered = false;
  /** @internal see the head of this file */
  readonly _isSnapshot: boolean;
  /** @internal a snapshot of `_variables`, made when first asked for and dropped by `set` */
  _latest: Context | null = null;

  constructor();
  /** @internal */
  constructor(variables: Variables, isSnapshot: boolean);
  constructor(variables: Variables = NONE, isSnapshot = false) {
    this._variables = variables;
    this._isSnapshot = isSnapshot;
  }

  /** @internal What a handle or task made now will see: O(1), nothing is allocated where no variable was set since. */
  _snapshot(): Context {
    if (this._isSnapshot) return this;
    if (this._variables === NONE) return NOTHING_SET;
    this._latest ??= new Context(this._variables, true);
    return this._latest;
  }

  /** @internal Becomes the current one; returns the last one, for `leave`. An open context is in one place at a time. */
  _enter(): Context {
    const outer = running.context;
    if (this._entered || (this === outer && !this._isSnapshot)) {
      throw new RuntimeError(`cannot enter context: ${this} is already entered`);
    }
    outer._entered = !outer._isSnapshot;
    running.context = this;
    return outer;
  }

  /**
   * Calls `callback(...args)` in this context and returns what it returns.
   * @throws RuntimeError if the context is entered already. CPython: `Context.run`.
   */
  run<A extends unknown[], R>(callback: (...args: A) => R, ...args: A): R {
    const outer = this._enter();
    try {
      return callback(...args);
    } finally {
      leave(outer);
    }
  }

  /** A shallow copy, O(1). CPython: `Context.copy`. */
  copy(): Context {
    return new Context(this._variables, false);
  }

  /** The value of `variable` here, or `fallback` (undefined where none is given). CPython: `Context.get`. */
  get<T>(variable: ContextVar<T>): T | undefined;
  get<T, D>(variable: ContextVar<T>, fallback: D): T | D;
  get(variable: ContextVar<unknown>, fallback?: unknown): unknown {
    const variables = this._variables;
    return variables.has(variable) ? variables.get(variable) : fallback;
  }

  /** The value of `variable` here. @throws LookupError if it has none. CPython: `Context.__getitem__`. */
  at<T>(variable: ContextVar<T>): T {
    const variables = this._variables;
    if (!variables.has(variable as ContextVar<unknown>))
      throw new LookupError(`${variable} is not set in ${this}`);
    return variables.get(variable as ContextVar<unknown>) as T;
  }

  /** Whether `variable` has a value here. CPython: `Context.__contains__`. */
  has(variable: ContextVar<never>): boolean {
    return this._variables.has(variable as unknown as ContextVar<unknown>);
  }

  /** How many variables have a value here. CPython: `Context.__len__`. */
  get size(): number {
    return this._variables.size;
  }

  /** The variables that have a value here. CPython: `Context.keys`. */
  keys(): IterableIterator<ContextVar<unknown>> {
    return this._variables.keys();
  }

  /** Their values. CPython: `Context.values`. */
  values(): IterableIterator<unknown> {
    return this._variables.values();
  }

  /** Both, as pairs. CPython: `Context.items`. */
  items(): IterableIterator<[ContextVar<unknown>, unknown]> {
    return this._variables.entries();
  }

  [Symbol.iterator](): IterableIterator<ContextVar<unknown>> {
    return this._variables.keys();
  }

  toString(): string {
    return `<Context of ${this.size} variables>`;
  }
}

/** The snapshot in which no variable has a value: what nearly every handle and task runs in. */
const NOTHING_SET = new Context(NONE, true);

/** @internal The context of the code that runs now; at the top of a program one that lives as long as the program. */
export const running: { context: Context } = { context: new Context() };

/** @internal Back to the context from which the current one was entered. */
export function leave(outer: Context): void {
  outer._entered = false;
  running.context = outer;
}

/** @internal The context among the options of a call, null where none was given. Anything else would become the current one. */
export function checkContext(given: Context | null | undefined): Context | null {
  if (given === undefined || given === null) return null;
  if (!(given instanceof Context)) {
    throw new TypeError(`context must be a Context, as copyContext() makes one, got ${describe(given)}`);
  }
  return given;
}

/** @internal `context` as an open one: a snapshot's owner keeps the copy from here on. */
export function opened(context: Context): Context {
  return context._isSnapshot ? context.copy() : context;
}

/** Marks that a variable had no value before `set`. CPython: `Token.MISSING`. */
const MISSING: unique symbol = Symbol("Token.MISSING");

/** Undoes one `ContextVar.set`. CPython: `contextvars.Token`. */
export class Token<T> {
  static readonly MISSING: typeof MISSING = MISSING;
  /** The variable that was set. */
  readonly var: ContextVar<T>;
  /** Its value before, or Token.MISSING. */
  readonly oldValue: T | typeof MISSING;
  /** @internal */
  readonly _context: Context;
  /** @internal */
  _used = false;

  /** @internal made by `ContextVar.set` */
  constructor(variable: ContextVar<T>, oldValue: T | typeof MISSING, context: Context) {
    this.var = variable;
    this.oldValue = oldValue;
    this._context = context;
  }

  toString(): string {
    return `<Token${this._used ? " used" : ""} of ${this.var}>`;
  }
}

/** A variable with one value per context. CPython: `contextvars.ContextVar`. */
export class ContextVar<T> {
  readonly name: string;
  readonly #default: { value: T } | null;

  /** `options.default` is what `get()` gives where no value was set. */
  constructor(name: string, options?: { default: T }) {
    if (typeof name !== "string")
      throw new TypeError(`new ContextVar(name): the name must be a string, got ${String(name)}`);
    this.name = name;
    this.#default = options !== undefined && "default" in options ? { value: options.default } : null;
  }

  /**
   * The value in the current context; without one `fallback`, else the variable's default.
   * @throws LookupError where there is none of the three. CPython: `ContextVar.get`.
   */
  get(): T;
  get<D>(fallback: D): T | D;
  get(...fallback: unknown[]): unknown {
    const variables = running.context._variables;
    if (variables.has(this as ContextVar<unknown>)) return variables.get(this as ContextVar<unknown>);
    if (fallback.length > 0) return fallback[0];
    if (this.#default !== null) return this.#default.value;
    throw new LookupError(
      `${this} has no value here: set() it first, or give it a default: new ContextVar("${this.name}", { default: … })`,
    );
  }

  /** Sets the value in the current context; the token undoes it. CPython: `ContextVar.set`. */
  set(value: T): Token<T> {
    const context = openCurrent();
    const key = this as ContextVar<unknown>;
    const before = context._variables;
    const token = new Token<T>(this, before.has(key) ? (before.get(key) as T) : MISSING, context);
    const after = new Map(before);
    after.set(key, value);
    context._variables = after;
    context._latest = null;
    return token;
  }

  /**
   * Puts back the value from before the `set` that returned `token`.
   * @throws RuntimeError if the token was used, RangeError if it is another variable's or another context's.
   * CPython: `ContextVar.reset`.
   */
  reset(token: Token<T>): void {
    if (token._used) throw new RuntimeError(`${token} has already been used once`);
    if (token.var !== this) throw new RangeError(`${token} was created by another ContextVar than ${this}`);
    const context = running.context;
    if (token._context !== context) throw new RangeError(`${token} was created in another Context`);
    token._used = true;
    const after = new Map(context._variables);
    if (token.oldValue === MISSING) after.delete(this as ContextVar<unknown>);
    else after.set(this as ContextVar<unknown>, token.oldValue);
    context._variables = after.size === 0 ? NONE : after;
    context._latest = null;
  }

  toString(): string {
    return `<ContextVar ${this.name}>`;
  }
}

function openCurrent(): Context {
  const context = running.context;
  if (!context._isSnapshot) return context;
  const open = context.copy();
  running.context = open;
  return open;
}

/** A copy of the current context, O(1). CPython: `contextvars.copy_context`. */
export function copyContext(): Context {
  return running.context.copy();
}

inspectable(Context, Token, ContextVar);
