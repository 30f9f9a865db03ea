/** Signal handlers of a loop. CPython: `add_signal_handler` of `unix_events._UnixSelectorEventLoop`. */
import { constants } from "node:os";
import { isMainThread } from "node:worker_threads";
import type { BaseEventLoop, Callback } from "@aioloop/loop";
import { copyContext, RuntimeError } from "@aioloop/loop";
import { describe, isGeneratorFunction } from "@aioloop/loop/kernel";
import { iscoroutinefunction } from "@aioloop/tasks";

/** A signal by its name, or by its number. */
export type Signal = NodeJS.Signals | number;

const NUMBERS = constants.signals as Readonly<Record<string, number>>;
/** The system ends or stops the process itself. */
const UNCATCHABLE = new Set(["SIGKILL", "SIGSTOP"]);
/** A timer that never fires, in milliseconds: a handler keeps the process alive. */
const NEVER = 2 ** 31 - 1;

/** @throws TypeError, RangeError for what is no signal of this system */
export function signalName(call: string, signal: unknown): NodeJS.Signals {
  if (typeof signal !== "number" && typeof signal !== "string") {
    throw new TypeError(`${call}: a signal's name or number is required, got ${describe(signal)}`);
  }
  const name =
    typeof signal === "string"
      ? signal
      : Object.keys(NUMBERS).find((candidate) => NUMBERS[candidate] === signal);
  if (name === undefined || NUMBERS[name] === undefined) {
    throw new RangeError(
      `${call}: ${describe(signal)} is no signal of this system; write "SIGTERM", for example`,
    );
  }
  return name as NodeJS.Signals;
}

export function signalNumber(name: string): number {
  return NUMBERS[name] ?? 0;
}

/** Those of one loop. */
export class SignalHandlers {
  readonly #loop: BaseEventLoop;
  readonly #listeners: Map<NodeJS.Signals, () => void> = new Map();
  #keepAlive: NodeJS.Timeout | null = null;

  constructor(loop: BaseEventLoop) {
    this.#loop = loop;
  }

  add<A extends unknown[]>(signal: Signal, callback: Callback<A>, args: A): void {
    const call = "addSignalHandler(signal, callback, ...args)";
    if (typeof callback !== "function") {
      throw new TypeError(`${call}: callback must be a function, got ${describe(callback)}`);
    }
    if (isGeneratorFunction(callback) || iscoroutinefunction(callback)) {
      throw new TypeError(
        `${call}: ${describe(callback)} is a coroutine function, and calling it runs nothing. Write () => void createTask(${describe(callback)}())`,
      );
    }
    const name = signalName(call, signal);
    if (!isMainThread) throw new RuntimeError(`${call}: signals come to the main thread only`);
    if (UNCATCHABLE.has(name)) throw new RuntimeError(`${call}: ${name} cannot be caught`);
    this.remove(name);
    const context = copyContext();
    const listener = () => {
      if (!this.#loop.isClosed()) this.#loop.callSoonThreadsafe({ callback, context }, ...args);
    };
    process.on(name, listener);
    this.#listeners.set(name, listener);
    this.#keepAlive ??= setInterval(() => {}, NEVER);
  }

  /** False: there was none. */
  remove(signal: Signal): boolean {
    const name = signalName("removeSignalHandler(signal)", signal);
    const listener = this.#listeners.get(name);
    if (listener === undefined) return false;
    process.off(name, listener);
    this.#listeners.delete(name);
    if (this.#listeners.size === 0 && this.#keepAlive !== null) {
      clearInterval(this.#keepAlive);
      this.#keepAlive = null;
    }
    return true;
  }

  close(): void {
    for (const name of [...this.#listeners.keys()]) this.remove(name);
  }
}
