// At the end the queue is shut down at once, and what was put in the same moment is dropped unseen.
import type { Coroutine } from "@aioloop/loop";
import { asyncFor, createTask, gather, Queue, sleep } from "@aioloop/tasks";
import type { Animal } from "./animal.ts";
import { check } from "./animal.ts";

function* mill(isImmediate: boolean): Coroutine<void> {
  const orders = new Queue<string>();
  const filled: string[] = [];
  function* worker(): Coroutine<void> {
    yield* asyncFor(orders, function* (order) {
      filled.push(order);
      yield* sleep(0);
    });
  }
  function* customers(): Coroutine<void> {
    orders.putNowait("flour");
    yield* sleep(0);
    orders.putNowait("bran");
    yield* sleep(0);
  }
  const working = createTask(worker());
  yield* gather([customers()]);
  yield* sleep(0);
  orders.shutdown(isImmediate);
  yield* working;
  check(filled.length === 2, `an order was dropped: ${filled.join()}`);
}

export const shutdownRace: Animal = {
  name: "queue shutdown race",
  fidelity: "adversarial",
  says: /was dropped/,
  broken: () => mill(true),
  fixed: () => mill(false),
};
