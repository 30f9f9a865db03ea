/**
 * Whom a loop tells what: its exception handler, the log in debug mode, its instruments. CPython: `call_exception_handler`,
 * `set_debug` and what belongs to them in `base_events.BaseEventLoop`, which stands on this class (and scheduling.ts).
 */
import type { Context } from "./contextvars.ts";
import { running } from "./contextvars.ts";
import type { ExceptionContext, ExceptionHandler, Handle } from "./events.ts";
import { slots } from "./events.ts";
import { leavesLoop } from "./exceptions.ts";
import type { Failure } from "./failures.ts";
import type { Instrument } from "./instruments.ts";
import { Instruments } from "./instruments.ts";
import { logger } from "./log.ts";
import { describe, describeThrown } from "./reprs.ts";
import { tracebackOf } from "./tracebacks.ts";

/** BaseEventLoop, which cannot be imported here: it imports this. */
type Loop = Handle["_loop"];

export class Reporting {
  /** In debug mode, callbacks that take at least this many seconds are reported. */
  slowCallbackDuration = 0.1;

  /** @internal */
  _debug: boolean;
  /** @internal null unless somebody watches */
  _instrument: Instruments | null = null;
  /** @internal debug mode or an instrument: the turn runs its handles in observed-turn.ts */
  _observed: boolean;
  /** @internal who waits and who holds something is noted with the time: where it is observed, or asked for */
  _remembers: boolean;
  /** @internal the one that runs, where it is observed */
  _currentHandle: Handle | null = null;
  /** @internal failed futures whose exception nobody has seen */
  readonly _failures: Set<Failure> = new Set();
  /** @internal */
  readonly _freshFailures: Failure[] = [];

  #exceptionHandler: ExceptionHandler | null = null;
  #instruments: readonly Instrument[] = [];
  #alwaysRemembers = false;

  constructor(debug: boolean | undefined) {
    this._debug = debug ?? debugByEnvironment();
    this._observed = this._remembers = this._debug;
  }

  // ---- what nobody caught

  /** Who is told of what nobody caught; null for the default. CPython: `BaseEventLoop.set_exception_handler`. */
  setExceptionHandler(handler: ExceptionHandler | null): void {
    if (handler !== null && typeof handler !== "function") {
      throw new TypeError(
        `setExceptionHandler(handler): a function (loop, context) or null, got ${describe(handler)}`,
      );
    }
    this.#exceptionHandler = handler;
  }

  getExceptionHandler(): ExceptionHandler | null {
    return this.#exceptionHandler;
  }

  /**
   * Tells the handler; one that throws is itself reported by the default handler, and never stops the loop.
   * The handler runs in the context of the task, future or handle concerned. CPython: `BaseEventLoop.call_exception_handler`.
   */
  callExceptionHandler(this: Loop, context: ExceptionContext): void {
    const handler = this.#exceptionHandler;
    if (handler === null) {
      reportByDefault(this, context);
      return;
    }
    try {
      const where = contextOf(context);
      if (where === null || where === running.context || where._entered) handler(this, context);
      else where.run(handler, this, context);
    } catch (error) {
      if (leavesLoop(error)) throw error;
      reportByDefault(this, {
        message: "Unhandled error in exception handler",
        exception: error,
        context,
      });
    }
  }

  /** Logs the message, then what else is known, a line each. CPython: `BaseEventLoop.default_exception_handler`. */
  defaultExceptionHandler(context: ExceptionContext): void {
    const lines = [context.message || "Unhandled exception in event loop"];
    const current = this._currentHandle === null ? null : tracebackOf(this._currentHandle);
    if (context.sourceTraceback === undefined && current !== null) context.handleTraceback = current;
    for (const key of Object.keys(context).sort() as (keyof ExceptionContext)[]) {
      if (key === "message" || key === "exception") continue;
      const value = context[key];
      if (key === "sourceTraceback") lines.push(`Object created at (newest call first):\n${value}`);
      else if (key === "handleTraceback") lines.push(`Handle created at (newest call first):\n${value}`);
      else if (key !== "context") lines.push(`${key}: ${describe(value, Number.POSITIVE_INFINITY)}`);
    }
    if ("exception" in context) lines.push(describeThrown(context.exception));
    const about = context.context;
    if (about !== undefined) {
      lines.push(`It was called with: ${about.message}`);
      if ("exception" in about) lines.push(describeThrown(about.exception));
    }
    logger.error(lines.join("\n"));
  }

  // ---- debug mode and instruments

  getDebug(): boolean {
    return this._debug;
  }

  /** Debug mode: slow callbacks are reported, and objects remember where they were made. CPython: `BaseEventLoop.set_debug`. */
  setDebug(this: Loop, enabled: boolean): void {
    this._debug = Boolean(enabled);
    if (slots.running === this) slots.debug = this._debug;
    this.#observe();
  }

  /** Has `instrument` watch this loop from now on. */
  addInstrument(instrument: Instrument): void {
    this.#setInstruments([...this.#instruments, instrument]);
  }

  removeInstrument(instrument: Instrument): void {
    this.#setInstruments(this.#instruments.filter((one) => one !== instrument));
  }

  #setInstruments(all: readonly Instrument[]): void {
    this.#instruments = all;
    this._instrument = all.length === 0 ? null : new Instruments(this, all);
    this.#observe();
  }

  #observe(): void {
    this._observed = this._debug || this._instrument !== null;
    this._remembers = this._observed || this.#alwaysRemembers;
  }

  /** @internal For loops under control, where nobody has to watch. */
  _alwaysRemember(): void {
    this.#alwaysRemembers = true;
    this.#observe();
  }
}

function reportByDefault(loop: Loop, context: ExceptionContext): void {
  try {
    loop.defaultExceptionHandler(context);
  } catch (error) {
    if (leavesLoop(error)) throw error;
    logger.error(`Exception in default exception handler: ${describeThrown(error)}`);
  }
}

function contextOf(about: ExceptionContext): Context | null {
  const thing = about.task ?? about.future ?? about.handle;
  const getContext = (thing as { getContext?: () => Context } | undefined)?.getContext;
  return typeof getContext === "function" ? getContext.call(thing) : null;
}

function debugByEnvironment(): boolean {
  const host = globalThis as { process?: { env?: Record<string, string | undefined> } };
  try {
    return Boolean(host.process?.env?.["AIOLOOP_DEBUG"]);
  } catch {
    return false; // Deno, where the program may not read the environment
  }
}
