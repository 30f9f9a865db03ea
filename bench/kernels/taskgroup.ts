/** 100,000 children that wait once, in a TaskGroup. */
import type { Coroutine } from "aioloop";
import { asyncWith, run, sleep, TaskGroup } from "aioloop";
import type { Task } from "effection";
import type { Kernel } from "./kernel.ts";

function* ours(tasks: number): Coroutine<number> {
  let done = 0;
  function* child(): Coroutine<void> {
    yield* sleep(0);
    done += 1;
  }
  yield* asyncWith(new TaskGroup(), function* (group) {
    for (let i = 0; i < tasks; i++) group.createTask(child());
  });
  return done;
}

async function native(tasks: number): Promise<number> {
  let done = 0;
  const child = async () => {
    await null;
    done += 1;
  };
  const all: Promise<void>[] = [];
  for (let i = 0; i < tasks; i++) all.push(child());
  await Promise.all(all);
  return done;
}

async function effect(tasks: number, begin: () => void): Promise<number> {
  const { Effect } = await import("effect");
  begin();
  let done = 0;
  const child = Effect.gen(function* () {
    yield* Effect.yieldNow;
    done += 1;
  });
  const children = Array.from({ length: tasks }, () => child);
  await Effect.runPromise(Effect.all(children, { concurrency: "unbounded", discard: true }));
  return done;
}

async function effection(tasks: number, begin: () => void): Promise<number> {
  const { run: runEffection, spawn, until } = await import("effection");
  begin();
  let done = 0;
  await runEffection(function* () {
    const children: Task<void>[] = [];
    for (let i = 0; i < tasks; i++) {
      const child = yield* spawn(function* () {
        yield* until(Promise.resolve());
        done += 1;
      });
      children.push(child);
    }
    for (const child of children) yield* child;
  });
  return done;
}

const operations = 100_000;

export const taskgroup: Kernel = {
  name: "taskgroup-spawn",
  title: "100,000 children of a TaskGroup, each waits once",
  shown: "rate",
  operations,
  warmUp: operations,
  programs: { ours: (tasks) => run(ours(tasks)), native, effect, effection },
  fewer: { effection: 0.05 },
  python: { program: "taskgroup", operations, rounds: 5, columns: ["cpython"] },
};
