/**
 * Coroutines: any generator is one, and `coroutine()` makes functions whose generators have a frame of their own.
 * CPython: `coroutines`, `types.coroutine`.
 *
 * V8 resumes a chain of `yield*` through every level, O(depth) a resume. A Frame is not resumed through its callers: it begins
 * on the caller's stack, and once it waits the Task resumes the innermost frame directly, and goes back to the caller when
 * that has ended:
 *
 *      CREATED ──(yield*: next)──► RUNNING ──(ended without waiting)──────────────────────────────────► DONE
 *         │                          ▲  └──(waited; its generator has ended)──► RETURNING ──(the caller's──┘
 *         └──(too deep)──► CALLED ───┘ (the Task begins it)                      yield* asks once more)
 *
 * Invariant: the frames of a Task form a list from the innermost (`task._frame`) through `_caller` to the root.
 */
import type { Coroutine, Suspend } from "@aioloop/loop";
import { RuntimeError } from "@aioloop/loop";
import { CALL, describe, inspectable, isGeneratorFunction, SUSPEND, slots } from "@aioloop/loop/kernel";
import { unwatch, watch } from "./never-awaited.ts";

export const CREATED = 0;
export const CALLED = 1;
const RUNNING = 2;
export const RETURNING = 3;
const DONE = 4;

type AnyGenerator = Generator<Suspend | undefined, unknown, unknown>;
type GeneratorFunction<A extends unknown[], T> = (...args: A) => Generator<Suspend | undefined, T, unknown>;

const COROUTINE_FUNCTION: unique symbol = Symbol("aioloop.coroutine function");

/**
 * Makes a coroutine function of a generator function. Its coroutines know their name, refuse to be awaited twice, show in
 * call graphs, are reported in debug mode if they are never awaited, and cost the same at any depth.
 * A plain `function*` is faster to call and slower to resume the deeper it is. To recurse, call the constant: inside
 * `const walk = coroutine(function* walk() { … })` the name `walk` is the plain generator function; leave the inner one out.
 * CPython: `types.coroutine`.
 */
export function coroutine<A extends unknown[], T>(
  fn: (this: void, ...args: A) => Generator<Suspend | undefined, T, unknown>,
): (...args: A) => Coroutine<T>;
export function coroutine<This, A extends unknown[], T>(
  fn: (this: This, ...args: A) => Generator<Suspend | undefined, T, unknown>,
): (this: This, ...args: A) => Coroutine<T>;
export function coroutine<A extends unknown[], T>(fn: GeneratorFunction<A, T>): (...args: A) => Coroutine<T> {
  if (typeof fn !== "function") {
    throw new TypeError(`coroutine(fn): write coroutine(function* (…) { … }), got ${describe(fn)}`);
  }
  const name = fn.name;
  const isNative = isGeneratorFunction(fn);
  const make = function (this: unknown, ...args: A): Coroutine<T> {
    const generator = fn.apply(this as void, args);
    if (!isNative && !isGenerator(generator)) throw notAGenerator(name, generator);
    return new Frame(generator, name) as unknown as Coroutine<T>;
  };
  Object.defineProperty(make, "name", { value: name });
  Object.defineProperty(make, COROUTINE_FUNCTION, { value: true });
  return make;
}

/** Whether calling `fn` makes a coroutine: a generator function, or one made by `coroutine()`. CPython: `coroutines.iscoroutinefunction`. */
export function iscoroutinefunction(fn: unknown): boolean {
  if (typeof fn !== "function") return false;
  return COROUTINE_FUNCTION in fn || isGeneratorFunction(fn);
}

/** What all generators inherit from. */
export const GENERATOR: AnyGenerator = Object.getPrototypeOf(
  Object.getPrototypeOf((function* () {})()),
) as AnyGenerator;

/** Whether `coro` is one of the host's own generators, and not only has their methods. */
export function isGenerator(coro: unknown): boolean {
  return typeof coro === "object" && coro !== null && Object.prototype.isPrototypeOf.call(GENERATOR, coro);
}

function notAGenerator(name: string, got: unknown): TypeError {
  return new TypeError(
    `coroutine(${name || "fn"}): the function must be a generator function, function* (…) { … }; it returned ${describe(got)}`,
  );
}

export interface Frame {
  readonly [SUSPEND]: typeof CALL;
  /** On the prototype, see Task. */
  readonly _send: AnyGenerator["next"];
}

/** What a Task has for its frames. */
export interface FrameHolder {
  _frame: Frame | null;
  _generator: AnyGenerator;
}

/** How many frames may begin on each other's stack; the next one is handed to the Task, and begins on an empty one. */
const DEEPEST = 50;
let nested = 0;

/** A coroutine made by `coroutine()`: a generator to the outside, and the iterator of its own `yield*`. */
export class Frame {
  readonly _generator: AnyGenerator;
  readonly _name: string;
  _state: typeof CREATED | typeof CALLED | typeof RUNNING | typeof RETURNING | typeof DONE = CREATED;
  /** Who is to be resumed when this one has ended; null at the root, or above a plain generator at the root. */
  _caller: Frame | null = null;

  constructor(generator: AnyGenerator, name: string) {
    this._generator = generator;
    this._name = name;
    if (slots.debug) watch(this, name || "coroutine");
  }

  get name(): string {
    return this._name || "<coroutine>";
  }

  /**
   * `yield*` has begun with it. It runs at once, on the caller's stack, up to where it waits: a child that does not wait costs no
   * round through the Task. What it waits for goes up to the Task, which finds this frame as its innermost one.
   */
  _begin(): IteratorResult<Suspend | undefined, unknown> {
    const task = (slots.running === null
      ? null
      : slots.running._currentTask) as unknown as FrameHolder | null;
    if (task === null || task._frame === undefined || nested >= DEEPEST) {
      this._state = CALLED;
      return { value: this, done: false };
    }
    const outer = task._generator;
    const caller = task._frame;
    this._caller = caller;
    task._frame = this;
    task._generator = this._start();
    nested += 1;
    let result: IteratorResult<Suspend | undefined, unknown>;
    try {
      result = this._send.call(this._generator, undefined);
    } catch (error) {
      nested -= 1;
      this._state = DONE;
      task._frame = caller;
      task._generator = outer;
      throw error;
    }
    nested -= 1;
    if (result.done !== true) return result;
    this._state = DONE;
    task._frame = caller;
    task._generator = outer;
    return result;
  }

  /** The Task takes it. */
  _start(): AnyGenerator {
    unwatch(this);
    this._state = RUNNING;
    return this._generator;
  }

  next(value?: unknown): IteratorResult<Suspend | undefined, unknown> {
    if (this._state === CREATED) return this._begin();
    if (this._state === RETURNING) {
      this._state = DONE;
      return { value, done: true };
    }
    throw this._misused();
  }

  throw(error: unknown): IteratorResult<Suspend | undefined, unknown> {
    if (this._state === RETURNING) {
      this._state = DONE;
      throw error;
    }
    return this.#end(() => this._generator.throw(error));
  }

  /** Closes it: called where a caller's generator is closed. */
  return(value?: unknown): IteratorResult<Suspend | undefined, unknown> {
    return this.#end(() => this._generator.return(value));
  }

  #end(
    how: () => IteratorResult<Suspend | undefined, unknown>,
  ): IteratorResult<Suspend | undefined, unknown> {
    unwatch(this);
    this._state = DONE;
    const result = how();
    if (result.done === true) return result;
    throw new RuntimeError(
      `${this} went on waiting when it was closed: a \`yield\` in a finally block needs a task to run in`,
    );
  }

  _misused(): RuntimeError {
    return new RuntimeError(
      this._state === DONE
        ? `cannot reuse ${this}: it was awaited already. Call the function again for a new one`
        : `${this} is being awaited already. Two may wait for one task: createTask() it and await the task`,
    );
  }

  [Symbol.iterator](): this {
    return this;
  }

  toString(): string {
    return `<coroutine ${this.name}>`;
  }
}

Object.defineProperty(Frame.prototype, SUSPEND, { value: CALL });
Object.defineProperty(Frame.prototype, "_send", { value: GENERATOR.next });
inspectable(Frame);

/** What reports call a coroutine. V8 does not say which function a plain generator came from. */
export function coroutineName(coro: unknown): string {
  if (coro instanceof Frame) return coro.name;
  const name = isGenerator(coro) ? null : (coro as { name?: unknown } | null)?.name;
  return typeof name === "string" ? name : "<generator>";
}
