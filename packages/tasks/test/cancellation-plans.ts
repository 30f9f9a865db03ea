/** Cancellations at every moment of a small program, for what must hold however it is disturbed. */
import type { Coroutine } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import { createTask, wait } from "@aioloop/tasks";

/** Which of the tasks are cancelled, and after how many turns. */
export interface Plan {
  readonly victims: readonly (readonly [task: number, turn: number])[];
  /** Whether the cancellations come at the end of their turns, when the tasks have run, or before. */
  readonly isLate: boolean;
}

/** Every way to cancel one or two of `count` tasks in the first `turns` turns; and none at all. */
export function* plans(count: number, turns: number): Generator<Plan> {
  yield { victims: [], isLate: false };
  const singles: (readonly [number, number])[] = [];
  for (let task = 0; task < count; task++) {
    for (let turn = 0; turn < turns; turn++) singles.push([task, turn]);
  }
  for (const isLate of [false, true]) {
    for (const [i, first] of singles.entries()) {
      yield { victims: [first], isLate };
      for (const second of singles.slice(i + 1)) {
        if (second[0] !== first[0]) yield { victims: [first, second], isLate };
      }
    }
  }
}

/** Makes the tasks, cancels as planned, and waits until all have ended. */
export function* carryOut(plan: Plan, make: () => Task<unknown>[]): Coroutine<Task<unknown>[]> {
  const tasks: Task<unknown>[] = [];
  function* cancelling(): Coroutine<void> {
    const last = Math.max(-1, ...plan.victims.map(([, turn]) => turn));
    for (let now = 0; now <= last; now++) {
      for (const [task, turn] of plan.victims) {
        if (turn === now) tasks[task]?.cancel();
      }
      yield;
    }
  }
  const early = plan.isLate ? null : createTask(cancelling());
  tasks.push(...make());
  const canceller = early ?? createTask(cancelling());
  yield* wait([...tasks, canceller]);
  return tasks;
}

/** The tasks that no plan touched, by number. */
export function spared(plan: Plan, count: number): number[] {
  return Array.from({ length: count }, (_, task) => task).filter(
    (task) => !plan.victims.some(([victim]) => victim === task),
  );
}
