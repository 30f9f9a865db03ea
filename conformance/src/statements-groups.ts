/** The statements of task groups and of the exception groups they raise. */
import type { GroupCondition } from "aioloop";
import { asyncWith, BaseExceptionGroup, RuntimeError, TaskGroup, TimeoutError } from "aioloop";
import { isException, kindOf, ProgramError } from "./exceptions.ts";
import type { Scope, StatementTable, TaskMaker } from "./interpreter.ts";
import { named } from "./interpreter.ts";
import type { Block } from "./program.ts";
import type { SpawnOptions } from "./statements-core.ts";
import { taskOptions } from "./statements-core.ts";

/** Those that were given a name; whoever knows it may spawn into them. */
const groupsOf = named<TaskMaker>();

interface GroupSpawnOptions extends SpawnOptions {
  readonly group?: string;
}

export const groupStatements = {
  *group(at: Scope, body: Block, name?: string) {
    try {
      yield* asyncWith(new TaskGroup(), function* (group) {
        if (name !== undefined) groupsOf(at).set(name, group);
        at.log("group", "enter");
        yield* at.inside(group).block(body);
      });
    } finally {
      at.log("group", "exit");
    }
  },

  *gspawn(at: Scope, variable: string, name: string, options: GroupSpawnOptions = {}) {
    const group = options.group === undefined ? at.group : groupsOf(at).get(options.group);
    if (group === null || group === undefined) {
      at.log("gspawn", "no group");
      return;
    }
    const coro = at.interpreter.coroutine(name);
    try {
      const task = group.createTask(coro, taskOptions(at, variable, options));
      at.interpreter.variables.set(variable, task);
      at.log("gspawn", variable);
    } catch (error) {
      if (error instanceof RuntimeError) at.log("gspawn", "refused");
      throw error;
    }
  },

  *split(at: Scope, names: readonly string[], body: Block) {
    try {
      yield* at.block(body);
    } catch (error) {
      if (!(error instanceof BaseExceptionGroup)) throw error;
      const [match, rest] = error.split(conditionOf(names));
      at.log("split", match && kindOf(match), rest && kindOf(rest));
      if (rest !== null) throw rest;
    }
  },
} satisfies StatementTable;

/** The classes of these names. "Error" is Python's Exception: groups of such are themselves such. */
function conditionOf(names: readonly string[]): GroupCondition {
  return (error) =>
    names.some((name) => {
      if (name === "Error") return isException(error);
      if (name === "TimeoutError") return error instanceof TimeoutError;
      return error instanceof ProgramError && error.kind[0] === name;
    });
}
