/** The statements of context variables. */
import type { Context, Token } from "aioloop";
import { copyContext, currentTask } from "aioloop";
import type { Scope, StatementTable } from "./interpreter.ts";
import { contextVarOf, named } from "./interpreter.ts";
import type { Block } from "./program.ts";
import { attempt } from "./statements-attempts.ts";

const contextsOf = named<Context>();
const tokensOf = named<Token<unknown>>();

/** A context of that name; where none was made yet, a copy of the current one is it from now on. */
export function contextOf(at: Scope, name: string): Context {
  const contexts = contextsOf(at);
  const context = contexts.get(name) ?? copyContext();
  contexts.set(name, context);
  return context;
}

export const contextStatements = {
  *context_set(at: Scope, index: number, value: unknown, token: string) {
    tokensOf(at).set(token, contextVarOf(at, index).set(value));
    at.log("context_set", value);
  },

  *context_get(at: Scope, index: number) {
    at.log("context_get", contextVarOf(at, index).get(null));
  },

  *context_reset(at: Scope, index: number, name: string) {
    const token = tokensOf(at).get(name);
    if (token === undefined) at.log("context_reset", "no token");
    else attempt(at, "context_reset", () => contextVarOf(at, index).reset(token));
  },

  *context_copy(at: Scope, name: string) {
    contextsOf(at).set(name, copyContext());
    at.log("context_copy", name);
  },

  /** The context of the task itself, which others may then share. */
  *context_own(at: Scope, name: string) {
    const task = currentTask();
    if (task === null) throw new Error("context_own outside of any task");
    contextsOf(at).set(name, task.getContext());
    at.log("context_own", name);
  },

  *context_look(at: Scope, name: string, index: number) {
    at.log("context_look", contextOf(at, name).get(contextVarOf(at, index), null));
  },

  *context_run(at: Scope, name: string, body: Block) {
    attempt(at, "context_run", () => contextOf(at, name).run(() => at.call(body)));
  },
} satisfies StatementTable;
