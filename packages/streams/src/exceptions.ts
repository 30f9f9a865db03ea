/** What streams can throw. CPython: `exceptions`. Errors of sockets are Node's own, with their `code`. */
import { RuntimeError } from "@aioloop/loop";

/** The stream ended before what was asked for had come. CPython: `exceptions.IncompleteReadError`. */
export class IncompleteReadError extends Error {
  static {
    this.prototype.name = "IncompleteReadError";
  }
  /** What had come until then. */
  readonly partial: Uint8Array;
  /** How many bytes were asked for; null where it was a separator. */
  readonly expected: number | null;

  constructor(partial: Uint8Array, expected: number | null) {
    super(`${partial.length} bytes read on a total of ${expected ?? "undefined"} expected bytes`);
    this.partial = partial;
    this.expected = expected;
  }
}

/** The separator is not within the limit. What was read stays in the stream. CPython: `exceptions.LimitOverrunError`. */
export class LimitOverrunError extends Error {
  static {
    this.prototype.name = "LimitOverrunError";
  }
  /** How many bytes can be read and thrown away without the beginning of a separator among them. */
  readonly consumed: number;

  constructor(message: string, consumed: number) {
    super(message);
    this.consumed = consumed;
  }
}

/** The connection is gone, as the system would say it: `code` is ECONNRESET. CPython: builtin `ConnectionResetError`. */
export function connectionReset(message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code: "ECONNRESET" });
}

/** Nobody reads what is written: `code` is EPIPE. CPython: builtin `BrokenPipeError`. */
export function brokenPipe(message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code: "EPIPE" });
}

const CONNECTION_LOST: ReadonlySet<unknown> = new Set([
  "ECONNRESET",
  "EPIPE",
  "ESHUTDOWN",
  "ECONNABORTED",
  "ECONNREFUSED",
]);

/**
 * Whether an error says that the other side is gone, or was never there: its `code` is ECONNRESET, EPIPE, ESHUTDOWN, ECONNABORTED
 * or ECONNREFUSED. For `catch`, where CPython's programs have `except ConnectionError`.
 */
export function isConnectionLost(error: unknown): boolean {
  return CONNECTION_LOST.has((error as NodeJS.ErrnoException | null | undefined)?.code);
}

/** `sendfile({ fallback: false })`: the system's sendfile(2) cannot be used. CPython: `exceptions.SendfileNotAvailableError`. */
export class SendfileNotAvailableError extends RuntimeError {
  static {
    this.prototype.name = "SendfileNotAvailableError";
  }
}
