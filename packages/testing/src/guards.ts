/**
 * What a simulated run must not reach for: real time, chance, and what only happens after it. CPython has none.
 *
 * A run is synchronous and has to be the same whenever its schedule is. Real time and real chance make it another one; a host timer or a
 * promise comes true when it is over. While a run is under way their globals are replaced by ones that throw; promises, which the language
 * makes without any global (async functions), are seen by V8's hook for them. Nothing can be thrown from there, so that error ends the run
 * after the step.
 *
 * What a module has taken out of the globals before (`const { now } = Date`, node:timers) is not caught. What Node itself calls
 * (console.log, which prints with process.nextTick) is let through.
 */
import { promiseHooks } from "node:v8";
import { RuntimeError } from "@aioloop/loop";
import { placeIn } from "./places.ts";

/** What is used instead. */
const INSTEAD = {
  Date: "loop.time(), or new Date(milliseconds)",
  "performance.now": "loop.time()",
  "Math.random": "sim.random() or sim.choose()",
  setTimeout: "yield* sleep(seconds), or loop.callLater(seconds, callback)",
  setInterval: "a task that sleeps, or loop.callLater(seconds, callback)",
  setImmediate: "loop.callSoon(callback)",
  queueMicrotask: "loop.callSoon(callback)",
  "process.nextTick": "loop.callSoon(callback)",
  Promise: "a coroutine (function*) and yield*, or loop.createFuture()",
} as const;

const WHY: Record<Guarded, string> = {
  Date: "real time is another one in each run",
  "performance.now": "real time is another one in each run",
  "Math.random": "it says something else in each run",
  setTimeout: "it fires when the run is over",
  setInterval: "it fires when the run is over",
  setImmediate: "it comes when the run is over",
  queueMicrotask: "it comes when the run is over",
  "process.nextTick": "it comes when the run is over",
  Promise: "it cannot come true before the run is over",
};

/** What can be caught: "Date" is `Date.now()`, `Date()` and `new Date()`; "Promise" any promise that is made, by async functions, `await` and `then` too. */
export type Guarded = keyof typeof INSTEAD;

export interface GuardOptions {
  /** What the program may use all the same. */
  readonly allow?: readonly Guarded[] | undefined;
}

/** A program reaches for what differs from run to run, or comes too late. */
export class GuardError extends RuntimeError {
  static {
    this.prototype.name = "GuardError";
  }
  readonly guarded: Guarded;
  /** `file:line`, null if that is not known. */
  readonly place: string | null;

  constructor(guarded: Guarded, place: string | null) {
    const where = place === null ? "" : ` at ${place}`;
    const what = guarded === "Promise" ? "a promise was made" : `${guarded} was used`;
    super(
      `${what} in a simulated run${where}: ${WHY[guarded]}. Use ${INSTEAD[guarded]}; or allow it: { guards: { allow: ["${guarded}"] } }`,
    );
    this.guarded = guarded;
    this.place = place;
  }
}

/** One run under guard. */
interface Guard {
  readonly allowed: ReadonlySet<string>;
  readonly onCaught: (error: GuardError) => void;
}

/** Of the innermost run; null outside of runs. */
let current: Guard | null = null;
/** How many runs are under way in each other. */
let depth = 0;

/** For the library's own use in a run: the real one, whoever stands in its place. */
export const realNow: () => number = performance.now.bind(performance);

/** A property of a global: as two functions, since to name a property by a variable costs ten times as much. */
interface Place {
  read(): unknown;
  write(value: unknown): void;
}

/** One property that is replaced while a run is under way. */
class Patch {
  readonly #guarded: Guarded;
  readonly #place: Place;
  readonly #make: (patch: Patch) => unknown;
  #standIn: unknown = null;
  /** What stood there. */
  original: unknown = null;

  constructor(guarded: Guarded, place: Place, make: (patch: Patch) => unknown = functionFor) {
    this.#guarded = guarded;
    this.#place = place;
    this.#make = make;
  }

  set(): void {
    const found = this.#place.read();
    if (found === undefined || found === this.#standIn) return;
    if (found !== this.original) {
      this.original = found;
      this.#standIn = this.#make(this);
    }
    this.#place.write(this.#standIn);
  }

  /** What somebody has put in its place meanwhile stays. */
  unset(): void {
    if (this.#place.read() === this.#standIn) this.#place.write(this.original);
  }

  /** @throws GuardError unless it is allowed */
  check(caller: (...args: never[]) => unknown): void {
    if (current === null || current.allowed.has(this.#guarded)) return;
    const stack = stackOf(caller);
    if (isHosts(stack)) return;
    const error = new GuardError(this.#guarded, placeIn(stack));
    current.onCaught(error);
    throw error;
  }
}

function functionFor(patch: Patch): unknown {
  return function guarded(this: unknown, ...args: unknown[]): unknown {
    patch.check(guarded);
    return Reflect.apply(patch.original as (...args: unknown[]) => unknown, this, args);
  };
}

/** A date of given numbers is no time of now. */
function dateFor(patch: Patch): unknown {
  const original = patch.original as DateConstructor;
  const now = (): number => {
    patch.check(now);
    return original.now();
  };
  const handler: ProxyHandler<DateConstructor> = {
    get: (target, key) => (key === "now" ? now : Reflect.get(target, key)),
    apply(target) {
      patch.check(handler.apply as () => unknown);
      return target();
    },
    construct(target, args, newTarget) {
      if (args.length === 0) patch.check(handler.construct as () => object);
      return Reflect.construct(target, args, newTarget === standIn ? target : newTarget);
    },
  };
  const standIn = new Proxy(original, handler);
  return standIn;
}

const host: Record<Extract<Guarded, keyof typeof globalThis>, unknown> = globalThis;
const clock: { now: unknown } = Object.getPrototypeOf(performance);
const PATCHES: readonly Patch[] = [
  new Patch(
    "Date",
    {
      read: () => host.Date,
      write: (value) => {
        host.Date = value;
      },
    },
    dateFor,
  ),
  new Patch("performance.now", {
    read: () => clock.now,
    write: (value) => {
      clock.now = value;
    },
  }),
  new Patch("Math.random", {
    read: () => Math.random,
    write: (value) => {
      Math.random = value as never;
    },
  }),
  new Patch("setTimeout", {
    read: () => host.setTimeout,
    write: (value) => {
      host.setTimeout = value;
    },
  }),
  new Patch("setInterval", {
    read: () => host.setInterval,
    write: (value) => {
      host.setInterval = value;
    },
  }),
  new Patch("setImmediate", {
    read: () => host.setImmediate,
    write: (value) => {
      host.setImmediate = value;
    },
  }),
  new Patch("queueMicrotask", {
    read: () => host.queueMicrotask,
    write: (value) => {
      host.queueMicrotask = value;
    },
  }),
  new Patch("process.nextTick", {
    read: () => process.nextTick,
    write: (value) => {
      process.nextTick = value as never;
    },
  }),
];

let stopHook: (() => void) | null = null;

function onPromise(): void {
  if (current === null || current.allowed.has("Promise")) return;
  const stack = stackOf(onPromise);
  if (!isHosts(stack)) current.onCaught(new GuardError("Promise", placeIn(stack)));
}

/** Deep enough to see who calls through the host's own code. */
const FRAMES = 50;

/** The frames below `caller`. */
function stackOf(caller: (...args: never[]) => unknown): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = FRAMES;
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, caller);
  const stack = String(holder.stack);
  Error.stackTraceLimit = limit;
  return stack;
}

/** Called by Node itself, or by the loop for its own measurements in debug mode; or on the way of console.log. */
function isHosts(stack: string): boolean {
  const [, first = ""] = stack.split("\n");
  const isNodes = first.includes("node:") && !first.includes("node:internal/promise_hooks");
  return isNodes || OBSERVED.test(first) || stack.includes("node:internal/console");
}

/** In debug mode the loop says which callbacks were slow. */
const OBSERVED = /\bwallClock \(.*[\\/]loop[\\/](?:src|dist)[\\/]/;

/**
 * Calls `body()` and lets it reach for nothing that differs from run to run. `explore` and its kin do this by themselves; for a SimLoop that
 * is driven by hand, and as strict. `allow` names what it may use all the same.
 * @throws GuardError also where the program has caught it; what `body` throws
 */
export function guarded<T>(body: () => T, options: GuardOptions = {}): T {
  let caught: GuardError | null = null;
  const run = (): T => {
    try {
      return body();
    } catch (error) {
      throw caught ?? error;
    }
  };
  const result = underGuard(run, options, (error) => {
    caught ??= error;
  });
  if (caught !== null) throw caught;
  return result;
}

/** @internal `onCaught` is told of each thing that is caught, before it is thrown where it can be. */
export function underGuard<T>(body: () => T, { allow = [] }: GuardOptions, onCaught: Guard["onCaught"]): T {
  const outer = current;
  current = { allowed: checked(allow), onCaught };
  enter();
  try {
    return body();
  } finally {
    current = outer;
    leave();
  }
}

const NOTHING: ReadonlySet<string> = new Set();

function checked(allow: readonly Guarded[]): ReadonlySet<string> {
  for (const name of allow) {
    if (!(name in INSTEAD)) {
      throw new RangeError(
        `guards: { allow }: any of ${Object.keys(INSTEAD).join(", ")}; got ${String(name)}`,
      );
    }
  }
  return allow.length === 0 ? NOTHING : new Set(allow);
}

function enter(): void {
  depth += 1;
  if (depth > 1) return;
  for (const patch of PATCHES) patch.set();
  stopHook = promiseHooks.onInit(onPromise) as unknown as () => void;
}

function leave(): void {
  depth -= 1;
  if (depth > 0) return;
  stopHook?.();
  stopHook = null;
  for (const patch of PATCHES) patch.unset();
}
