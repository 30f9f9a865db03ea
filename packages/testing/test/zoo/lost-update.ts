// A balance is read, the bank thinks about it, and what was read is written back: a slow answer overwrites the deposit made meanwhile.
import type { Coroutine } from "@aioloop/loop";
import { asyncWith, gather, Lock, sleep } from "@aioloop/tasks";
import type { SimLoop } from "@aioloop/testing";
import { shared } from "@aioloop/testing";
import type { Animal } from "./animal.ts";
import { check } from "./animal.ts";

function* bank(sim: SimLoop, guarded: (deposit: () => Coroutine<void>) => Coroutine<void>): Coroutine<void> {
  const account = shared({ balance: 0 }, "the account");
  function* deposit(): Coroutine<void> {
    const before = account.balance;
    yield* sleep(sim.choose([0.2, 3]));
    account.balance = before + 100;
  }
  function* client(start: number): Coroutine<void> {
    yield* sleep(start);
    yield* guarded(deposit);
  }
  yield* gather([client(1), client(2)]);
  check(account.balance === 200, `an update was lost: ${account.balance}`);
}

export const lostUpdate: Animal = {
  name: "lost update",
  fidelity: "env",
  says: /an update was lost/,
  broken: (sim) => bank(sim, (deposit) => deposit()),
  fixed: (sim) => {
    const lock = new Lock();
    return bank(sim, (deposit) => asyncWith(lock, deposit));
  },
};
