/** A loop under control: how many schedules of a small program, and how many virtual seconds, go into a real one. Nobody stands beside it. */
import type { Coroutine } from "aioloop";
import { asyncWith, gather, Lock, sleep } from "aioloop";
import { explore, RandomWalk, SimLoop } from "aioloop/testing";
import type { Kernel } from "./kernel.ts";

/** Three workers, each of which adds one to a number three times, with a lock. */
function* increments(): Coroutine<void> {
  const lock = new Lock();
  let total = 0;
  function* worker(): Coroutine<void> {
    for (let i = 0; i < 3; i++) {
      yield* asyncWith(lock, function* () {
        const before = total;
        yield* sleep(0);
        total = before + 1;
      });
    }
  }
  yield* gather([worker(), worker(), worker()]);
  if (total !== 9) throw new Error(`an increment was lost: ${total}`);
}

async function schedules(runs: number): Promise<number> {
  const { failure, runs: done } = explore(increments, {
    fidelity: "tasks",
    strategy: new RandomWalk(),
    runs,
  });
  if (failure !== null) throw failure.error;
  return done;
}

/** So many tasks that sleep a second again and again. */
async function ticks(count: number, tasks: number): Promise<number> {
  let done = 0;
  function* sleeper(times: number): Coroutine<void> {
    for (let i = 0; i < times; i++) {
      yield* sleep(1);
      done += 1;
    }
  }
  const sim = new SimLoop({ maxSteps: Number.POSITIVE_INFINITY });
  for (let i = 0; i < tasks; i++) sim.createTask(sleeper(count / tasks));
  sim.advance(count / tasks);
  sim.close();
  return done;
}

const HOUR = 3600;

export const testing: readonly Kernel[] = [
  {
    name: "sim-schedules",
    title: "schedules of three workers of three locked increments, at random, at tasks",
    group: "testing",
    shown: "rate",
    operations: 20_000,
    programs: { ours: schedules },
  },
  ...[1, 1000].map(
    (tasks): Kernel => ({
      name: `sim-ticks-${tasks}`,
      title: `virtual seconds that ${tasks === 1 ? "one task" : `${tasks} tasks`} slept`,
      group: "testing",
      shown: "rate",
      operations: 500_000,
      programs: { ours: (count) => ticks(count, tasks) },
    }),
  ),
  {
    name: "sim-hour",
    title: "an hour of one-second sleeps",
    group: "testing",
    shown: "seconds",
    operations: HOUR,
    warmUp: 50 * HOUR,
    programs: { ours: (count) => ticks(count, 1) },
  },
];
