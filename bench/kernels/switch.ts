/** One task that gives way again and again: a turn of the loop each time. */
import type { Coroutine } from "aioloop";
import { run, sleep } from "aioloop";
import type { Kernel } from "./kernel.ts";

function* sleeping(times: number): Coroutine<number> {
  let done = 0;
  while (done < times) {
    yield* sleep(0);
    done += 1;
  }
  return done;
}

function* bare(times: number): Coroutine<number> {
  let done = 0;
  while (done < times) {
    yield;
    done += 1;
  }
  return done;
}

async function native(times: number): Promise<number> {
  let done = 0;
  while (done < times) {
    await null;
    done += 1;
  }
  return done;
}

const python = { program: "switch", operations: 100_000, columns: ["cpython", "uvloop"] } as const;

export const switches: readonly Kernel[] = [
  {
    name: "switch-sleep0",
    title: "one task gives way with sleep(0), beside await null",
    shown: "rate",
    operations: 2_000_000,
    programs: { ours: (times) => run(sleeping(times)), native },
    python,
  },
  {
    name: "switch-bare",
    title: "one task gives way with a bare yield, beside await null",
    shown: "rate",
    operations: 2_000_000,
    programs: { ours: (times) => run(bare(times)), native },
    python,
  },
];
