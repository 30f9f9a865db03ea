/** Many tasks that give way in turn. The clock starts when each has begun: making them is the kernel `spawn`. */
import type { Coroutine } from "aioloop";
import { gather, run, sleep } from "aioloop";
import type { Kernel } from "./kernel.ts";

function* worker(times: number): Coroutine<number> {
  let done = 0;
  while (done < times) {
    yield* sleep(0);
    done += 1;
  }
  return done;
}

function* ours(tasks: number, times: number, begin: () => void): Coroutine<number> {
  const all = gather(Array.from({ length: tasks }, () => worker(times)));
  yield* sleep(0); // each takes its first step
  begin();
  return sum(yield* all);
}

async function nativeWorker(times: number): Promise<number> {
  let done = 0;
  while (done < times) {
    await null;
    done += 1;
  }
  return done;
}

async function native(tasks: number, times: number, begin: () => void): Promise<number> {
  const all = Promise.all(Array.from({ length: tasks }, () => nativeWorker(times)));
  begin();
  return sum(await all);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

/** A quick round or a warm-up with fewer operations than tasks makes fewer tasks. */
function kernel(size: number, options: Pick<Kernel, "operations" | "rounds" | "warmUp" | "python">): Kernel {
  const shape = (operations: number) => {
    const tasks = Math.min(size, operations);
    return [tasks, Math.max(1, Math.round(operations / tasks))] as const;
  };
  return {
    name: `tasks-${size}`,
    title: `${size.toLocaleString("en")} tasks give way with sleep(0), beside as many async functions`,
    shown: "rate",
    programs: {
      ours: (operations, begin) => run(ours(...shape(operations), begin)),
      native: (operations, begin) => native(...shape(operations), begin),
    },
    ...options,
  };
}

const program = "tasks";
const columns = ["cpython"] as const;

export const taskSwitches: readonly Kernel[] = [
  kernel(1_000, { operations: 2_000_000, python: { program, size: 1_000, operations: 200_000, columns } }),
  kernel(100_000, {
    operations: 1_000_000,
    warmUp: 400_000,
    python: { program, size: 100_000, operations: 500_000, rounds: 3, columns },
  }),
  kernel(1_000_000, {
    operations: 3_000_000,
    rounds: 5,
    warmUp: 400_000,
    python: { program, size: 1_000_000, operations: 3_000_000, rounds: 1, columns },
  }),
];
