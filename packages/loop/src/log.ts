/** Where the loop writes what nobody caught. CPython: `log.logger`, there a `logging` logger named asyncio. */

import { describeThrown } from "./reprs.ts";

/** What the loop needs of a logger; console, pino and winston fit with at most a small wrapper. */
export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warning(message: string): void;
  error(message: string): void;
}

const toConsole: Logger = {
  debug: (message) => console.debug(message),
  info: (message) => console.info(message),
  warning: (message) => console.warn(message),
  error: (message) => console.error(message),
};

/** The logger in use. `setLogger` changes where it writes. */
export const logger: Logger = { ...toConsole };

const LEVELS = ["debug", "info", "warning", "error"] as const;

/**
 * Sends the loop's messages to `target`; null goes back to the console. What a target that throws was to write goes to
 * the console: a report is not lost, and does not stop the loop. @throws TypeError if `target` lacks a level.
 */
export function setLogger(target: Logger | null): void {
  const missing = LEVELS.find((level) => target !== null && typeof target?.[level] !== "function");
  if (missing !== undefined) {
    throw new TypeError(
      `setLogger(target): target must have the functions ${LEVELS.join(", ")}, or be null; ${missing} is missing`,
    );
  }
  for (const level of LEVELS) {
    logger[level] = target === null ? toConsole[level] : (message) => write(target, level, message);
  }
}

function write(target: Logger, level: (typeof LEVELS)[number], message: string): void {
  try {
    target[level](message);
  } catch (error) {
    toConsole[level](message);
    toConsole.error(`the logger's ${level}() failed: ${describeThrown(error)}`);
  }
}
