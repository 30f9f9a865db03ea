/** One run of a body, on a fresh loop. */
import type { ExceptionContext, Yieldable } from "@aioloop/loop";
import { iscoroutine } from "@aioloop/loop";
import { allTasks, currentTask } from "@aioloop/tasks";
import type { Chooser, Fidelity } from "./choices.ts";
import { Question } from "./draws.ts";
import type { Deviation } from "./schedule.ts";
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
  /** Called with the loop before the body is. */
  readonly prepare?: ((sim: SimLoop) => void) | undefined;
}

export interface RunRecord {
  /** What was thrown, or reported to the loop's exception handler; null if all went well. */
  readonly failure: { readonly error: unknown } | null;
  readonly tape: Tape;
  readonly deviations: readonly Deviation[];
  readonly steps: number;
  /** Of the draws. */
  readonly seed: number;
}

const EAGER = new Question("order", "eager", ["tasks start in the next turn", "tasks start at once"]);

export function runBody(body: Body, chooser: Chooser, settings: RunSettings): RunRecord {
  const recorder = new Recorder(chooser);
  const seed = chooser.seed ?? settings.seed;
  const sim = new SimLoop({ ...settings, seed, chooser: recorder });
  if (chooser.access !== undefined) reportAccesses(sim, chooser);
  const reported: ExceptionContext[] = [];
  sim.setExceptionHandler((_loop, context) => void reported.push(context));
  let failure: { error: unknown } | null = null;
  try {
    if (settings.eager !== false && recorder.choose(EAGER) === 1) sim._startTasksEagerly();
    settings.prepare?.(sim);
    const made = body(sim);
    if (made !== undefined && iscoroutine(made)) sim.runUntilComplete(made);
    sim._checkEnd();
    cancelAll(sim);
  } catch (error) {
    failure = { error };
  }
  try {
    sim.close();
  } catch (error) {
    failure ??= { error };
  }
  const [first] = reported;
  if (failure === null && first !== undefined) failure = { error: errorOf(first) };
  return { failure, tape: recorder.tape, deviations: recorder.deviations, steps: sim.steps, seed };
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
  sim.runUntil(() => left.every((task) => task.done()));
}

function errorOf({ exception, message }: ExceptionContext): unknown {
  return exception ?? new Error(message);
}
