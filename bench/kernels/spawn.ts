/** 100,000 tasks are made of coroutines that wait once, and gathered. */
import type { Coroutine } from "aioloop";
import { coroutine, gather, run, sleep } from "aioloop";
import type { Kernel } from "./kernel.ts";

function* plain(): Coroutine<number> {
  yield* sleep(0);
  return 1;
}

const framed: () => Coroutine<number> = coroutine(function* () {
  yield* sleep(0);
  return 1;
});

async function nativeWorker(): Promise<number> {
  await null;
  return 1;
}

function* gatherPlain(tasks: number): Coroutine<number> {
  const all: Coroutine<number>[] = [];
  for (let i = 0; i < tasks; i++) all.push(plain());
  return sum(yield* gather(all));
}

function* gatherFramed(tasks: number): Coroutine<number> {
  const all: Coroutine<number>[] = [];
  for (let i = 0; i < tasks; i++) all.push(framed());
  return sum(yield* gather(all));
}

async function native(tasks: number): Promise<number> {
  const all: Promise<number>[] = [];
  for (let i = 0; i < tasks; i++) all.push(nativeWorker());
  return sum(await Promise.all(all));
}

async function effect(tasks: number, begin: () => void): Promise<number> {
  const { Effect } = await import("effect");
  begin();
  const worker = Effect.gen(function* () {
    yield* Effect.yieldNow;
    return 1;
  });
  const all = Array.from({ length: tasks }, () => worker);
  return sum(await Effect.runPromise(Effect.all(all, { concurrency: "unbounded" })));
}

async function effection(tasks: number, begin: () => void): Promise<number> {
  const { all, run: runEffection, until } = await import("effection");
  begin();
  function* worker() {
    yield* until(Promise.resolve());
    return 1;
  }
  return await runEffection(function* () {
    return sum(yield* all(Array.from({ length: tasks }, () => ({ [Symbol.iterator]: worker }))));
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

const operations = 100_000;
const warmUp = operations;
const python = { program: "spawn", operations, rounds: 5, columns: ["cpython"] } as const;

export const spawns: readonly Kernel[] = [
  {
    name: "spawn-plain",
    title: "100,000 plain generators made and gathered, beside Promise.all of async functions",
    shown: "rate",
    operations,
    warmUp,
    programs: { ours: (tasks) => run(gatherPlain(tasks)), native, effect, effection },
    fewer: { effection: 0.05 },
    python,
  },
  {
    name: "spawn-coroutine",
    title: "100,000 coroutine() objects made and gathered, beside Promise.all of async functions",
    shown: "rate",
    operations,
    warmUp,
    programs: { ours: (tasks) => run(gatherFramed(tasks)), native, effect, effection },
    fewer: { effection: 0.05 },
    python,
  },
];
