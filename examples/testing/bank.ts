// A transfer reads a balance, has it approved, and writes back what it has read. Look at `bank`: a test that runs it once passes, since the
// approval comes in just before the standing order. Nothing promises that; `explore` runs it again and again, each time in another order,
// until there is money from nowhere. It says what ran instead of what and what both of them touched, and gives a token that runs just that schedule
// again. With a lock it goes through all schedules there are, and none fails.
import { asyncWith, gather, Lock, sleep } from "aioloop";
import type { SimLoop } from "aioloop/testing";
import { explore, replay, shared } from "aioloop/testing";
import { tell, thrownBy } from "../lib/exploration.ts";

interface Account {
  balance: number;
}

function* transfer(from: Account, to: Account, amount: number) {
  const before = from.balance;
  if (amount > 10) yield* sleep(2); // is approved
  from.balance = before - amount;
  to.balance += amount;
}

function* bank(sim: SimLoop, lock: Lock | null) {
  const ada = shared({ balance: 100 }, "Ada's account");
  const bob = shared({ balance: 50 }, "Bob's account");
  sim.always(() => ada.balance + bob.balance === 150, "no money comes or goes");

  function* order(from: Account, to: Account, amount: number) {
    const work = () => transfer(from, to, amount);
    yield* lock === null ? work() : asyncWith(lock, work);
  }

  function* standingOrder() {
    yield* sleep(2);
    yield* order(ada, bob, 5);
  }
  yield* gather([order(ada, bob, 30), standingOrder()]);
}

const broken = (sim: SimLoop) => bank(sim, null);
const mended = (sim: SimLoop) => bank(sim, new Lock());

const exploration = explore(broken);
tell("without a lock", exploration);

const { token } = exploration.failure ?? { token: "" };
console.log(`the same token again: ${thrownBy(() => replay(broken, token))}`);
tell("with a lock", explore(mended));
