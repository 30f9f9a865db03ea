/** Runs a program as `run()` would, in virtual time, and gives its trace. New statements are entered in the table here. */
import type { Instrument } from "aioloop";
import { DeadlockError, eagerTaskFactory, Runner, VirtualEventLoop } from "aioloop";
import { kindOf } from "./exceptions.ts";
import type { StatementTable } from "./interpreter.ts";
import { Interpreter } from "./interpreter.ts";
import type { Program, Trace } from "./program.ts";
import { callbackStatements } from "./statements-callbacks.ts";
import { contextStatements } from "./statements-contexts.ts";
import { coreStatements } from "./statements-core.ts";
import { groupStatements } from "./statements-groups.ts";
import { queueStatements } from "./statements-queues.ts";
import { runStatements } from "./statements-runs.ts";
import { syncStatements } from "./statements-sync.ts";
import { timeoutStatements } from "./statements-timeouts.ts";

const statements: StatementTable = {
  ...coreStatements,
  ...timeoutStatements,
  ...callbackStatements,
  ...contextStatements,
  ...syncStatements,
  ...queueStatements,
  ...groupStatements,
  ...runStatements,
};

/** All that a program may say. */
export const statementNames: readonly string[] = Object.keys(statements);

export interface ProgramRunOptions {
  /** Watches the loop from before the first task to the end. */
  readonly instrument?: Instrument;
  /** Leave the program's coroutines plain generators. */
  readonly plain?: boolean;
  /** Another loop with virtual time. */
  readonly newLoop?: () => VirtualEventLoop;
}

/**
 * Runs a program; the last entry says how it ended.
 * @throws ProgramFault if it cannot be carried out: a statement, a coroutine or a resource that does not exist.
 */
export function runProgram(program: Program, options: ProgramRunOptions = {}): Trace {
  const { plain = false } = options;
  const interpreter = new Interpreter({ program, statements, plain });
  for (const mains of program.runs ?? [["main"]]) {
    const runner = newRunner(program, options);
    interpreter.begin(runner);
    for (const main of mains) {
      const run = () => interpreter.log("run", "ok", runner.run(interpreter.coroutine(main)));
      if (!interpreter.isOver) attempt(interpreter, run, "raised");
    }
    attempt(interpreter, () => runner.close(), "close", "raised");
    interpreter.log("run", "closed");
    if (interpreter.isOver) break;
  }
  if (interpreter.fault !== null) throw interpreter.fault;
  return interpreter.trace;
}

function newRunner(
  program: Program,
  { instrument, newLoop = () => new VirtualEventLoop() }: ProgramRunOptions,
): Runner<VirtualEventLoop> {
  const loop = newLoop();
  if (program.eager === true) loop.setTaskFactory(eagerTaskFactory);
  if (instrument !== undefined) loop.addInstrument(instrument);
  return new Runner({ loopFactory: () => loop });
}

/** Writes down what is thrown; a deadlock is the end, also of the shutdown after it, which is not compared. */
function attempt(interpreter: Interpreter, action: () => void, ...what: [string, ...string[]]): void {
  try {
    action();
  } catch (error) {
    if (error instanceof DeadlockError) interpreter.deadlock();
    else interpreter.log("run", ...what, kindOf(error));
  }
}
