// A worker that gives up on an item does not say that it has dealt with it: join() waits for ever.
import type { Coroutine } from "@aioloop/loop";
import { createTask, Queue } from "@aioloop/tasks";
import type { SimLoop } from "@aioloop/testing";
import type { Animal } from "./animal.ts";

function* pipeline(
  worker: (queue: Queue<number>, send: (item: number) => void) => Coroutine<void>,
  sim: SimLoop,
) {
  const queue = new Queue<number>();
  const send = (item: number) => {
    if (sim.fault("the network fails")) throw new RangeError(`item ${item} was not sent`);
  };
  const workers = [0, 1].map(() => createTask(worker(queue, send)));
  for (let item = 0; item < 4; item++) yield* queue.put(item);
  yield* queue.join();
  for (const one of workers) one.cancel();
}

export const lostTaskDone: Animal = {
  name: "lost taskDone",
  fidelity: "env",
  says: /join/,
  broken: (sim) =>
    pipeline(function* (queue, send) {
      for (;;) {
        const item = yield* queue.get();
        try {
          send(item);
          queue.taskDone();
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
        }
      }
    }, sim),
  fixed: (sim) =>
    pipeline(function* (queue, send) {
      for (;;) {
        const item = yield* queue.get();
        try {
          send(item);
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
        } finally {
          queue.taskDone();
        }
      }
    }, sim),
};
