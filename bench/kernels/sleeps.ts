/** 100,000 sleeps of random length under 0.2 s, all at once: nobody can end before 0.2 s. */
import type { Coroutine } from "aioloop";
import { gather, run, sleep } from "aioloop";
import type { Kernel } from "./kernel.ts";

const LONGEST = 0.2;

/** The same in each round, and for both. */
function lengths(count: number): number[] {
  let seed = 1;
  return Array.from({ length: count }, () => {
    seed = (seed * 48_271) % 0x7fff_ffff;
    return (seed / 0x7fff_ffff) * LONGEST;
  });
}

function* ours(delays: readonly number[]): Coroutine<number> {
  const results = yield* gather(delays.map((delay) => sleep(delay)));
  return results.length;
}

async function native(delays: readonly number[]): Promise<number> {
  const results = await Promise.all(
    delays.map((delay) => new Promise((resolve) => setTimeout(resolve, delay * 1000))),
  );
  return results.length;
}

/** Both with the delays made beforehand. */
function prepared(program: (delays: readonly number[]) => Promise<number>) {
  return (count: number, begin: () => void) => {
    const delays = lengths(count);
    begin();
    return program(delays);
  };
}

export const sleeps: Kernel = {
  name: "sleeps",
  title: "100,000 sleeps of random length under 0.2 s, beside a setTimeout each",
  shown: "seconds",
  operations: 100_000,
  rounds: 5,
  warmUp: 100_000,
  programs: { ours: prepared((delays) => run(ours(delays))), native: prepared(native) },
  python: { program: "sleeps", operations: 100_000, rounds: 3, columns: ["cpython"] },
};
