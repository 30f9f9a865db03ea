// What is not in the cache is loaded; who asks while it is being loaded loads it as well.
import type { Coroutine } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import { createTask, gather, sleep } from "@aioloop/tasks";
import type { SimLoop } from "@aioloop/testing";
import type { Animal } from "./animal.ts";
import { check } from "./animal.ts";

type Load = () => Coroutine<string>;

function* site(sim: SimLoop, cached: (load: Load) => () => Coroutine<string>): Coroutine<void> {
  let loads = 0;
  const page = cached(function* () {
    loads += 1;
    yield* sleep(sim.choose([0.1, 4]));
    return "a page";
  });
  function* visitor(start: number): Coroutine<void> {
    yield* sleep(start);
    yield* page();
  }
  yield* gather([visitor(0), visitor(1), visitor(2)]);
  check(loads === 1, `loaded ${loads} times`);
}

export const cacheStampede: Animal = {
  name: "cache stampede",
  fidelity: "env",
  says: /loaded \d times/,
  broken: (sim) =>
    site(sim, (load) => {
      let value: string | null = null;
      return function* () {
        value ??= yield* load();
        return value;
      };
    }),
  fixed: (sim) =>
    site(sim, (load) => {
      let loading: Task<string> | null = null;
      return function* () {
        loading ??= createTask(load());
        return yield* loading;
      };
    }),
};
