/** The innermost of a chain of callers gives way: plain `yield*` is resumed through each of them, coroutine() is not. */
import type { Coroutine } from "aioloop";
import { coroutine, run } from "aioloop";
import type { Kernel } from "./kernel.ts";

type Descend = (depth: number, times: number) => Coroutine<number>;

function* plain(depth: number, times: number): Coroutine<number> {
  if (depth > 1) return yield* plain(depth - 1, times);
  let done = 0;
  while (done < times) {
    yield;
    done += 1;
  }
  return done;
}

const framed: Descend = coroutine(function* (depth: number, times: number): Coroutine<number> {
  if (depth > 1) return yield* framed(depth - 1, times);
  let done = 0;
  while (done < times) {
    yield;
    done += 1;
  }
  return done;
});

async function native(depth: number, times: number): Promise<number> {
  if (depth > 1) return await native(depth - 1, times);
  let done = 0;
  while (done < times) {
    await null;
    done += 1;
  }
  return done;
}

function kernel(kind: "plain" | "coroutine", depth: number, operations: number): Kernel {
  const descend = kind === "plain" ? plain : framed;
  return {
    name: `depth-${kind}-${depth}`,
    title: `a ${kind === "plain" ? "plain generator" : "coroutine()"} is resumed at depth ${depth}, beside native await`,
    shown: "rate",
    operations,
    programs: {
      ours: (times) => run(descend(depth, times)),
      native: (times) => native(depth, times),
    },
    ...(depth >= 100 && {
      python: { program: "depth", size: depth, operations: 1_000_000 / depth, columns: ["cpython"] },
    }),
  };
}

export const depths: readonly Kernel[] = [
  kernel("plain", 1, 2_000_000),
  kernel("plain", 10, 1_000_000),
  kernel("plain", 100, 100_000),
  kernel("coroutine", 1, 2_000_000),
  kernel("coroutine", 10, 2_000_000),
  kernel("coroutine", 100, 2_000_000),
  kernel("coroutine", 1_000, 2_000_000),
];
