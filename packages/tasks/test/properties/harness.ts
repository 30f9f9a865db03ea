// What the property tests share: random programs of several tasks that act on one primitive, sleep, give way and cancel each other,
// and a look at the primitive after every turn. fast-check prints the seed and the smallest program of a failure; AIOLOOP_SEED runs a
// seed again, AIOLOOP_SOAK=1 many more programs.
import type { Coroutine } from "@aioloop/loop";
import { CancelledError } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import { allTasks, sleep, VirtualEventLoop } from "@aioloop/tasks";
import fc from "fast-check";
import { expect } from "vitest";

const given = process.env.AIOLOOP_SEED;
const seed = given === undefined ? Date.now() & 0x7fffffff : Number(given);
console.log(`property tests: AIOLOOP_SEED=${seed}`);

/** For `fc.assert`. */
export const runs: fc.Parameters<unknown> = {
  seed,
  numRuns: process.env.AIOLOOP_SOAK === "1" ? 20_000 : 400,
};

/** What every program may do besides. */
export type CommonStep = ["yield"] | ["sleep", seconds: number] | ["cancel", who: number];

const commonSteps: fc.Arbitrary<CommonStep> = fc.oneof(
  fc.constant<CommonStep>(["yield"]),
  fc.integer({ min: 1, max: 3 }).map<CommonStep>((seconds) => ["sleep", seconds]),
  fc.nat(5).map<CommonStep>((who) => ["cancel", who]),
);

/** Two to six scripts of steps; `cancels`: whether they cancel each other. */
export function scripts<S extends readonly unknown[]>(
  own: fc.Arbitrary<S>,
  { cancels = true }: { cancels?: boolean } = {},
): fc.Arbitrary<(S | CommonStep)[][]> {
  const common = cancels ? commonSteps : commonSteps.filter(([kind]) => kind !== "cancel");
  const step = fc.oneof(
    { weight: 3, arbitrary: own as fc.Arbitrary<S | CommonStep> },
    { weight: 2, arbitrary: common },
  );
  return fc.array(fc.array(step, { maxLength: 12 }), { minLength: 2, maxLength: 6 });
}

/** Who runs a script. */
export class Actor {
  readonly index: number;
  /** Asked to stop, and not told yet. */
  isCancelled = false;
  task: Task<void> | null = null;

  constructor(index: number) {
    this.index = index;
  }
}

/**
 * Runs each script in a task of its own. A cancelled step is over, and the script goes on with the next one. `look` is called after
 * every turn, `isIdle` when nothing is ready: whoever was woken has run. When nothing can happen any more, all are cancelled.
 */
export function play<S extends readonly unknown[]>(
  programs: readonly (readonly (S | CommonStep)[])[],
  act: (step: S, who: Actor) => Coroutine<void>,
  look: (isIdle: boolean) => void,
): void {
  const loop = new VirtualEventLoop({ debug: false });
  const reports: string[] = [];
  loop.setExceptionHandler((_loop, { message }) => void reports.push(message));
  const actors = programs.map((_script, index) => new Actor(index));
  let isOver = false;

  function* run(script: readonly (S | CommonStep)[], who: Actor): Coroutine<void> {
    for (const step of script) {
      if (isOver) return;
      try {
        if (step[0] === "yield") yield;
        else if (step[0] === "sleep") yield* sleep(step[1] as number);
        else if (step[0] === "cancel") cancel(actors[(step[1] as number) % actors.length] as Actor);
        else yield* act(step as S, who);
      } catch (error) {
        if (!(error instanceof CancelledError)) throw error;
        who.isCancelled = false;
        while ((who.task as Task<void>).uncancel() > 0);
      }
    }
  }

  function cancel(who: Actor): void {
    if (who.task?.cancel() === true) who.isCancelled = true;
  }

  programs.forEach((script, index) => {
    const who = actors[index] as Actor;
    who.task = loop.createTask(run(script, who)) as Task<void>;
  });
  turnWhileItCan(loop, look);
  isOver = true;
  for (const who of actors) cancel(who);
  turnWhileItCan(loop, look);
  for (const { task } of actors) if (task?.cancelled() === false) task.result();
  expect(allTasks(loop).size).toBe(0);
  loop.close();
  expect(reports).toEqual([]);
}

/** Turn by turn, as long as something is ready or scheduled. */
export function turnWhileItCan(loop: VirtualEventLoop, look: (isIdle: boolean) => void): void {
  for (;;) {
    loop._scheduled.purge();
    if (loop._ready.length > 0) loop.stop();
    else if (loop._scheduled.length > 0) loop.callAt(loop._scheduled.peek()._when, () => loop.stop());
    else return;
    loop.runForever();
    look(loop._ready.length === 0);
  }
}
