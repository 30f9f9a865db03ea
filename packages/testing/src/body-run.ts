/** One run of a body, on a fresh loop. */
import type { ExceptionContext, Yieldable } from "@aioloop/loop";
import { iscoroutine, isfuture } from "@aioloop/loop";
import { describe } from "@aioloop/loop/kernel";
import { allTasks, currentTask } from "@aioloop/tasks";
import type { Chooser, Fidelity } from "./choices.ts";
import { Question } from "./draws.ts";
import { IdleError } from "./errors.ts";
import type { GuardOptions } from "./guards.ts";
import { underGuard } from "./guards.ts";
import type { Deviation } from "./schedule.ts";
import type { SimExecutorOptions } from "./sim-executor.ts";
import type { SimLimits } from "./sim-loop.ts";
import { SimLoop } from "./sim-loop.ts";
import type { Tape } from "./tape.ts";
import { Recorder } from "./tape.ts";

/** A program to explore: a coroutine function, which is run to its end; or a plain function, which drives the loop itself. */
export type Body = (sim: SimLoop) => Yieldable<unknown> | void;

export interface RunSettings extends SimLimits {
  readonly fidelity: Fidelity;
  readonly seed: number;
  readonly debug?: boolean | undefined;
  /** Whether tasks may start eagerly. Default: true. */
  readonly eager?: boolean | undefined;
  /** The workers of the default executor, and how long its jobs take. */
  readonly executor?: SimExecutorOptions | undefined;
  /** What the program may reach for although it differs from run to run; false: anything. Default: nothing. */
  readonly guards?: GuardOptions | false | undefined;
  /** Called with the loop before the body is. */
  readonly prepare?: ((sim: SimLoop) => void) | undefined;
}

export interface RunRecord {
  /** What was first thrown out of the body or reported to the loop's exception handler; null if all went well. */
  readonly failure: { readonly error: unknown } | null;
  readonly tape: Tape;
  readonly deviations: readonly Deviation[];
  readonly steps: number;
  /** How often the program asked for `sim.random()`, which no strategy goes through to the end. */
  readonly draws: number;
  /** Of the draws. */
  readonly seed: number;
}

const EAGER = new Question("order", "eager", [
  "tasks that start in the next turn",
  "tasks that start at once",
]);

/** @throws TypeError if the body is none: whatever the program throws is in the record. */
export function runBody(body: Body, chooser: Chooser, settings: RunSettings): RunRecord {
  const recorder = new Recorder(chooser);
  const seed = chooser.seed ?? settings.seed;
  const sim = new SimLoop({ ...settings, seed, chooser: recorder });
  if (chooser.access !== undefined) reportAccesses(sim, chooser);
  const reported: ExceptionContext[] = [];
  sim.setExceptionHandler((_loop, context) => void reported.push(context));
  let failure: { error: unknown } | null = null;
  let misuse: TypeError | null = null;
  const run = () => {
    try {
      if (settings.eager !== false && recorder.choose(EAGER) === 1) sim._startTasksEagerly();
      settings.prepare?.(sim);
      const made: unknown = body(sim);
      if (iscoroutine(made) || isfuture(made)) sim.runUntilComplete(made);
      else if (made !== undefined) misuse = notRun(made);
      sim.checkEventually();
      cancelAll(sim);
    } catch (error) {
      failure = { error };
    }
    failure = firstOf(reported) ?? failure; // as of a callback that failed, and left who waited for it in a deadlock
    try {
      sim.close();
    } catch (error) {
      failure ??= { error };
    }
  };
  const { guards = {} } = settings;
  if (guards === false) run();
  else {
    let caught: { error: unknown } | null = null;
    underGuard(run, guards, (error) => {
      caught ??= { error };
      sim._endWith(error);
    });
    failure = caught ?? failure; // whatever came of it
  }
  if (misuse !== null) throw misuse;
  failure ??= firstOf(reported);
  return {
    failure,
    tape: recorder.tape,
    deviations: recorder.deviations,
    steps: sim.steps,
    draws: sim._drawn,
    seed,
  };
}

function reportAccesses(sim: SimLoop, chooser: Chooser): void {
  sim.addInstrument({
    access: (object, kind) => chooser.access?.(object, kind, currentTask(sim)),
  });
}

/** What the body has left behind, as `run()` does with it. */
function cancelAll(sim: SimLoop): void {
  const left = [...allTasks(sim)];
  if (left.length === 0) return;
  for (const task of left) task.cancel();
  try {
    sim.runUntil(() => left.every((task) => task.done()));
  } catch (error) {
    if (!(error instanceof IdleError)) throw error;
    const names = left.filter((task) => !task.done()).map((task) => task.getName());
    throw new IdleError(
      `the body has left tasks behind which do not end when they are cancelled: ${names.join(", ")}`,
    );
  }
}

function firstOf([context]: readonly ExceptionContext[]): { error: unknown } | null {
  if (context === undefined) return null;
  return { error: "exception" in context ? context.exception : new Error(context.message) };
}

function notRun(made: unknown): TypeError {
  const instead =
    made instanceof Promise
      ? "promises stand still in a simulated run. Write function* (sim) { … } and yield*"
      : "give a coroutine, or nothing";
  return new TypeError(`the body gave ${describe(made)}: ${instead}`);
}
