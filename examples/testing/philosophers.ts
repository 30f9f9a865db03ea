// Dining philosophers: each thinks, takes the fork at the left, then the one at the right. Look at the DeadlockError: who waits for which
// fork, where, who holds it and since when, and the circle that they make; `graph` is the same as a value, for tests. Where anything else
// goes on in the loop, a clock here, it never runs dry and no such error comes: findDeadlocks() finds the circle all the same. Mended,
// each takes the lower fork first.
import { asyncWith, coroutine, DeadlockError, gather, Lock, sleep } from "aioloop";
import type { SimLoop } from "aioloop/testing";
import { explore, replay } from "aioloop/testing";
import { tell, thrownBy } from "../lib/exploration.ts";

const NAMES = ["Ibn Sina", "Hypatia", "Zhuangzi"];

/** Which of two forks comes first. */
type Order = (left: number, right: number) => [number, number];
const leftFirst: Order = (left, right) => [left, right];
const lowerFirst: Order = (left, right) => [Math.min(left, right), Math.max(left, right)];

function* dinner(sim: SimLoop, order: Order) {
  const forks = NAMES.map(() => new Lock());

  const philosopher = coroutine(function* philosopher(seat: number) {
    yield* sleep(sim.choose([10 * seat, 20])); // thinks
    const [first, second] = order(seat, (seat + 1) % NAMES.length);
    yield* asyncWith(forks[first] as Lock, function* () {
      yield* sleep(1);
      yield* asyncWith(forks[second] as Lock, () => sleep(5)); // eats
    });
  });
  yield* gather(NAMES.map((name, seat) => sim.createTask(philosopher(seat), { name })));
}

const exploration = explore((sim) => dinner(sim, leftFirst));
tell("left fork first", exploration);
const { error, token = "" } = exploration.failure ?? {};
if (error instanceof DeadlockError) {
  const [circle] = error.graph.circles;
  console.log(`the circle as a value: ${circle?.tasks.map(({ label }) => label).join(" → ")}`);
}
console.log(`the same token again: ${thrownBy(() => replay((sim) => dinner(sim, leftFirst), token))}`);

/** A body may be a plain function, which drives the loop itself. */
function evening(sim: SimLoop, order: Order) {
  function* clock() {
    for (;;) yield* sleep(60);
  }
  sim.createTask(clock(), { name: "the clock" });
  sim.createTask(dinner(sim, order), { name: "the dinner" });
  sim.advance(3600);
  const [circle] = sim.findDeadlocks();
  if (circle !== undefined) throw new Error(`the clock ticks on, but ${circle}`);
}

tell(
  "left fork first, and a clock",
  explore((sim) => evening(sim, leftFirst)),
);
tell(
  "lower fork first",
  explore((sim) => dinner(sim, lowerFirst)),
);
tell(
  "lower fork first, and a clock",
  explore((sim) => evening(sim, lowerFirst)),
);
