// A job hands part of its work to its own pool and blocks until that is done. The only worker is the one that it has itself.
import type { Coroutine } from "@aioloop/loop";
import { gather, sleep } from "@aioloop/tasks";
import type { SimLoop } from "@aioloop/testing";
import { SimExecutor } from "@aioloop/testing";
import type { Animal } from "./animal.ts";

function* gallery(sim: SimLoop, loadIn: (pool: SimExecutor, load: () => string) => string): Coroutine<void> {
  const pool = new SimExecutor(sim, { workers: 1 });
  const images = new Map<string, string>();
  function load(): string {
    images.set("moon", "an image of the moon");
    return "an image of the moon";
  }
  function render(): string {
    return `<${images.get("moon") ?? loadIn(pool, load)}>`;
  }
  function* prefetch(): Coroutine<void> {
    yield* sleep(1);
    yield* sim.runInExecutor(pool, load);
  }
  function* show(): Coroutine<void> {
    yield* sleep(1);
    yield* sim.runInExecutor(pool, render);
  }
  yield* gather([prefetch(), show()]);
}

export const executorDeadlock: Animal = {
  name: "executor self-deadlock",
  fidelity: "env",
  says: /executor self-deadlock/,
  broken: (sim) => gallery(sim, (pool, load) => pool.submit(load).result()),
  fixed: (sim) => gallery(sim, (_pool, load) => load()),
};
