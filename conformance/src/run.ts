/** Runs a program as `run()` would, in virtual time, and gives its trace. New statements are entered in the table here. */
import type { Instrument } from "aioloop";
import { DeadlockError, eagerTaskFactory, Runner, VirtualEventLoop } from "aioloop";
import { kindOf } from "./exceptions.ts";
import type { StatementTable } from "./interpreter.ts";
import { Interpreter } from "./interpreter.ts";
import type { Program, Trace } from "./program.ts";
import { callbackStatements } from "./statements-callbacks.ts";
import { coreStatements } from "./statements-core.ts";
import { queueStatements } from "./statements-queues.ts";
import { syncStatements } from "./statements-sync.ts";

const statements: StatementTable = {
  ...coreStatements,
  ...callbackStatements,
  ...syncStatements,
  ...queueStatements,
};

export interface ProgramRunOptions {
  /** Watches the loop from before the first task to the end. */
  readonly instrument?: Instrument;
  /** Leave the program's coroutines plain generators. */
  readonly plain?: boolean;
}

/**
 * Runs a program; the last entry says how it ended.
 * @throws ProgramFault if it cannot be carried out: a statement, a coroutine or a resource that does not exist.
 */
export function runProgram(program: Program, { instrument, plain = false }: ProgramRunOptions = {}): Trace {
  const loop = new VirtualEventLoop();
  if (program.eager === true) loop.setTaskFactory(eagerTaskFactory);
  if (instrument !== undefined) loop.addInstrument(instrument);
  const interpreter = new Interpreter({ program, loop, statements, plain });
  loop.setExceptionHandler(interpreter.onLoopException);
  try {
    runAndClose(interpreter, new Runner({ loopFactory: () => loop }));
    interpreter.end("closed");
  } catch (error) {
    // The program can never go on, or what it leaves behind can never be shut down.
    if (!(error instanceof DeadlockError)) throw error;
    interpreter.end("deadlock");
  }
  if (interpreter.fault !== null) throw interpreter.fault;
  return interpreter.trace;
}

function runAndClose(interpreter: Interpreter, runner: Runner<VirtualEventLoop>): void {
  try {
    const value = runner.run(interpreter.coroutine("main"));
    interpreter.log("run", "ok", value);
  } catch (error) {
    if (error instanceof DeadlockError) {
      interpreter.end("deadlock"); // before the shutdown, which is not compared
      throw error;
    }
    interpreter.log("run", "raised", kindOf(error));
  } finally {
    runner.close();
  }
}
