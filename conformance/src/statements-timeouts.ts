/** The statements of time limits. */
import type { Coroutine, Timeout } from "aioloop";
import { asyncWith, timeout, timeoutAt } from "aioloop";
import type { Scope, StatementTable } from "./interpreter.ts";
import { named } from "./interpreter.ts";
import type { Block } from "./program.ts";
import { attempt } from "./statements-attempts.ts";

/** Those that were given a name; any task or callback may move their deadlines. */
const timeoutsOf = named<Timeout>();

export const timeoutStatements = {
  *timeout(at: Scope, seconds: number | null, body: Block, name?: string) {
    yield* limited(at, "timeout", timeout(seconds), body, name);
  },

  *timeout_at(at: Scope, when: number | null, body: Block, name?: string) {
    yield* limited(at, "timeout_at", timeoutAt(when), body, name);
  },

  *reschedule(at: Scope, name: string, seconds: number | null) {
    const limit = timeoutsOf(at).get(name);
    if (limit === undefined) at.log("reschedule", "no timeout");
    else
      attempt(at, "reschedule", () => limit.reschedule(seconds === null ? null : at.loop.time() + seconds));
  },

  *expired(at: Scope, name: string) {
    const limit = timeoutsOf(at).get(name);
    if (limit === undefined) at.log("expired", "no timeout");
    else at.log("expired", limit.expired(), limit.when());
  },
} satisfies StatementTable;

function* limited(at: Scope, what: string, limit: Timeout, body: Block, name?: string): Coroutine<void> {
  if (name !== undefined) timeoutsOf(at).set(name, limit);
  try {
    yield* asyncWith(limit, function* () {
      at.log(what, "enter");
      yield* at.block(body);
    });
  } finally {
    at.log(what, "exit", limit.expired());
  }
}
