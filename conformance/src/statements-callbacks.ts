/** The statements without coroutines: futures, callbacks, timers. */

import type { CallbackOptions, Future, Handle } from "aioloop";
import { InvalidStateError } from "aioloop";
import { kindOf, ProgramError } from "./exceptions.ts";
import type { StatementTable } from "./interpreter.ts";
import { futureOf, named, Scope } from "./interpreter.ts";
import type { AwaitableSpec, Block } from "./program.ts";
import { contextOf } from "./statements-contexts.ts";
import { eventOf } from "./statements-sync.ts";

/** When a callback is called. */
type Moment =
  | readonly ["soon"]
  | readonly ["later", seconds: number]
  | readonly ["at", when: number]
  | readonly ["done", target: AwaitableSpec];

/** What `call_later` and `callback` have scheduled. */
const handlesOf = named<Handle>();

/** The functions that `callback` has added to futures. */
const callbacksOf = named<(future: Future<unknown>) => void>();

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
    handlesOf(at).set(text, at.loop.callLater(seconds, at.logFromCallback, text));
    at.log("call_later");
  },

  *call_cancel(at: Scope, name: string) {
    const handle = handlesOf(at).get(name);
    handle?.cancel();
    at.log("call_cancel", handle !== undefined);
  },

  /** A block that does not wait, carried out by a callback; with a context, in that one. */
  *callback(at: Scope, name: string, moment: Moment, body: Block, contextName?: string) {
    const inCallback = new Scope(at.interpreter, "callback", null);
    const context = contextName === undefined ? null : contextOf(at, contextName);
    const run = () => {
      at.logFromCallback(name);
      inCallback.call(body);
    };
    if (moment[0] === "done") {
      callbacksOf(at).set(name, run);
      at.future(moment[1]).addDoneCallback(run, { context });
    } else {
      handlesOf(at).set(name, schedule(at, moment, { callback: run, context }));
    }
    at.log("callback", name);
  },

  *remove_callback(at: Scope, target: AwaitableSpec, name: string) {
    const future = at.future(target);
    const callback = callbacksOf(at).get(name);
    at.log("remove_callback", callback === undefined ? null : future.removeDoneCallback(callback));
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

function schedule(
  { loop }: Scope,
  moment: Exclude<Moment, readonly ["done", AwaitableSpec]>,
  callback: CallbackOptions<[]>,
): Handle {
  if (moment[0] === "soon") return loop.callSoon(callback);
  return moment[0] === "later" ? loop.callLater(moment[1], callback) : loop.callAt(moment[1], callback);
}

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
