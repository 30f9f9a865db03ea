/** The statements without coroutines: futures, callbacks, timers. */
import { InvalidStateError } from "aioloop";
import { kindOf, ProgramError } from "./exceptions.ts";
import type { Scope, StatementTable } from "./interpreter.ts";
import { futureOf } from "./interpreter.ts";
import type { AwaitableSpec } from "./program.ts";
import { eventOf } from "./statements-sync.ts";

export const callbackStatements = {
  // ---- futures

  *future_set(at: Scope, index: number, value: unknown) {
    const future = futureOf(at, index);
    finish(at, "future_set", () => future.setResult(value));
  },

  *future_raise(at: Scope, index: number, text: unknown) {
    const future = futureOf(at, index);
    finish(at, "future_raise", () => future.setException(new ProgramError("ValueError", text)));
  },

  *done_callback(at: Scope, target: AwaitableSpec, text: string) {
    at.future(target).addDoneCallback(() => at.logFromCallback(text));
    at.log("done_callback");
  },

  // ---- callbacks and timers

  *call_soon(at: Scope, text: string) {
    at.loop.callSoon(at.logFromCallback, text);
    at.log("call_soon");
  },

  *call_raise(at: Scope, text: string) {
    at.loop.callSoon(() => {
      throw new ProgramError("ValueError", text);
    });
    at.log("call_raise");
  },

  *call_later(at: Scope, text: string, seconds: number) {
    at.interpreter.timers.set(text, at.loop.callLater(seconds, at.logFromCallback, text));
    at.log("call_later");
  },

  *call_cancel(at: Scope, text: string) {
    const timer = at.interpreter.timers.get(text);
    timer?.cancel();
    at.log("call_cancel", timer !== undefined);
  },

  /** An event or a future, set by a timer. */
  *set_later(at: Scope, kind: "event" | "future", index: number, seconds: number) {
    if (kind === "event") {
      const event = eventOf(at, index);
      at.loop.callLater(seconds, () => event.set());
    } else {
      const future = futureOf(at, index);
      at.loop.callLater(seconds, () => {
        if (!future.done()) future.setResult("later");
      });
    }
    at.log("set_later");
  },
} satisfies StatementTable;

/** A future that is done already is written down; it does not end the coroutine. */
function finish(at: Scope, what: string, set: () => void): void {
  try {
    set();
  } catch (error) {
    if (!(error instanceof InvalidStateError)) throw error;
    at.log(what, "raised", kindOf(error));
    return;
  }
  at.log(what, "ok");
}
