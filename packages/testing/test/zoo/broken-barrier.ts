// A barrier that is used again before all have left it lets the fast one through: it has no rounds.
import type { Coroutine } from "@aioloop/loop";
import { Barrier, Event, gather, sleep } from "@aioloop/tasks";
import type { Animal } from "./animal.ts";
import { check } from "./animal.ts";

const PARTIES = 3;

/** The last one opens the gate, and the last to leave closes it again. */
class Gate {
  readonly #open: Event = new Event();
  #inside = 0;

  *wait(): Coroutine<void> {
    this.#inside += 1;
    if (this.#inside === PARTIES) this.#open.set();
    yield* this.#open.wait();
    this.#inside -= 1;
    if (this.#inside === 0) this.#open.clear();
  }
}

function* game(barrier: { wait(): Coroutine<unknown> }): Coroutine<void> {
  const rounds = Array.from({ length: PARTIES }, () => 0);
  function* player(me: number): Coroutine<void> {
    for (let i = 0; i < 3; i++) {
      yield* sleep(0); // makes its move
      rounds[me] = i + 1;
      yield* barrier.wait();
      check(Math.min(...rounds) > i, `player ${me} is a round ahead`);
    }
  }
  yield* gather(rounds.map((_, me) => player(me)));
}

export const brokenBarrier: Animal = {
  name: "broken barrier",
  fidelity: "tasks",
  says: /a round ahead/,
  broken: () => game(new Gate()),
  fixed: () => game(new Barrier(PARTIES)),
};
