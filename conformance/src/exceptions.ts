/** The exceptions of programs, and the names under which exceptions appear in a trace. */
import {
  BrokenBarrierError,
  CancelledError,
  InvalidStateError,
  isCancelled,
  KeyboardInterrupt,
  QueueEmpty,
  QueueFull,
  QueueShutDown,
  SystemExit,
  TimeoutError,
} from "aioloop";

export type ProgramErrorName = "ValueError" | "KeyError" | "SystemExit" | "KeyboardInterrupt";

type ProgramKind = readonly [name: ProgramErrorName, text: unknown];

/** Raised by a program itself; what aioloop raises as ValueError (RangeError) is traced as "Error". */
export class ProgramError extends Error {
  readonly kind: ProgramKind;

  constructor(name: "ValueError" | "KeyError", text: unknown) {
    super(String(text));
    this.kind = [name, text];
  }
}

class ProgramSystemExit extends SystemExit {
  readonly kind: ProgramKind;

  constructor(text: unknown) {
    super();
    this.kind = ["SystemExit", text];
  }
}

class ProgramKeyboardInterrupt extends KeyboardInterrupt {
  readonly kind: ProgramKind;

  constructor(text: unknown) {
    super();
    this.kind = ["KeyboardInterrupt", text];
  }
}

/** What a program's `raise` raises. */
export function programError(name: ProgramErrorName, text: unknown): Error {
  if (name === "SystemExit") return new ProgramSystemExit(text);
  return name === "KeyboardInterrupt" ? new ProgramKeyboardInterrupt(text) : new ProgramError(name, text);
}

/** What Python's `except Exception` catches. */
export function isException(error: unknown): boolean {
  return !isCancelled(error) && !(error instanceof SystemExit) && !(error instanceof KeyboardInterrupt);
}

/** Carries a `return` out of the blocks around it. An exception to groups and `finally`, none to handlers. */
export class Returned extends Error {
  readonly value: unknown;

  constructor(value: unknown) {
    super("return");
    this.value = value;
  }
}

/** The program cannot be carried out: it is wrong, or a statement is missing here. Says nothing about the loop. */
export class ProgramFault extends Error {
  static {
    ProgramFault.prototype.name = "ProgramFault";
  }
}

const NAMED = [
  [TimeoutError, "TimeoutError"],
  [InvalidStateError, "InvalidStateError"],
  [QueueEmpty, "QueueEmpty"],
  [QueueFull, "QueueFull"],
  [QueueShutDown, "QueueShutDown"],
  [BrokenBarrierError, "BrokenBarrierError"],
] as const;

/** The name of an exception in a trace: a string, or a list with what belongs to it. */
export function kindOf(error: unknown): unknown {
  // Exception groups are AggregateErrors.
  if (error instanceof AggregateError) return ["group", error.errors.map(kindOf).sort(byText)];
  if (error instanceof CancelledError) return ["CancelledError", ...(error.msg === null ? [] : [error.msg])];
  if (error instanceof ProgramError) return error.kind;
  if (error instanceof ProgramSystemExit || error instanceof ProgramKeyboardInterrupt) return error.kind;
  return NAMED.find(([kind]) => error instanceof kind)?.[1] ?? "Error";
}

function byText(a: unknown, b: unknown): number {
  const [left, right] = [JSON.stringify(a), JSON.stringify(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}
