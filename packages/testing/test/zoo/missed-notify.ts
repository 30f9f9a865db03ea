// Looks whether the goods are there, writes a line into the log, and only then begins to wait: the notification comes in between.
import type { Coroutine } from "@aioloop/loop";
import { asyncWith, Condition, gather, sleep } from "@aioloop/tasks";
import type { Animal } from "./animal.ts";

interface Shop {
  goods: number;
  readonly arrived: Condition;
}

function* delivery(customer: (shop: Shop) => Coroutine<unknown>): Coroutine<void> {
  const shop: Shop = { goods: 0, arrived: new Condition() };
  function* supplier(): Coroutine<void> {
    yield* sleep(1);
    yield* asyncWith(shop.arrived, function* () {
      shop.goods += 1;
      shop.arrived.notify();
    });
  }
  yield* gather([customer(shop), supplier()]);
}

function* log(): Coroutine<void> {
  yield* sleep(1);
}

export const missedNotify: Animal = {
  name: "missed notify",
  fidelity: "env",
  says: /waits for <Condition/,
  broken: () =>
    delivery(function* ({ goods, arrived }) {
      if (goods > 0) return;
      yield* log();
      yield* asyncWith(arrived, () => arrived.wait());
    }),
  fixed: () =>
    delivery(function* (shop) {
      yield* log();
      yield* asyncWith(shop.arrived, () => shop.arrived.waitFor(() => shop.goods > 0));
    }),
};
