/** What statements share that write an exception down and go on. */
import { isException, kindOf, Returned } from "./exceptions.ts";
import type { Scope } from "./interpreter.ts";

/** Calls `action` and writes down how it ended; what `catching` does not mean ends the coroutine. */
export function attempt(
  at: Scope,
  what: string,
  action: () => unknown,
  catching: (error: unknown) => boolean = isException,
): void {
  let value: unknown;
  try {
    value = action();
  } catch (error) {
    if (error instanceof Returned || !catching(error)) throw error;
    at.log(what, "raised", kindOf(error));
    return;
  }
  at.log(what, "ok", value);
}
