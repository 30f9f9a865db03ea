// A lock written by hand: who releases it wakes the oldest waiter, which takes for granted that it is its turn. A newcomer was faster.
import type { Coroutine, Future } from "@aioloop/loop";
import { gather, sleep } from "@aioloop/tasks";
import type { SimLoop } from "@aioloop/testing";
import type { Animal } from "./animal.ts";
import { check } from "./animal.ts";

class Mutex {
  isLocked = false;
  readonly waiters: Future<void>[] = [];
  readonly #sim: SimLoop;

  constructor(sim: SimLoop) {
    this.#sim = sim;
  }

  *wait(): Coroutine<void> {
    const waiter = this.#sim.createFuture<void>(this);
    this.waiters.push(waiter);
    yield* waiter;
  }

  *acquire(): Coroutine<void> {
    if (this.isLocked) yield* this.wait();
    this.isLocked = true;
  }

  release(): void {
    this.isLocked = false;
    this.waiters.shift()?.setResult();
  }
}

class FairMutex extends Mutex {
  override *acquire(): Coroutine<void> {
    if (this.isLocked) yield* this.wait();
    else this.isLocked = true;
  }

  /** Hands the lock over: it is never free while somebody waits. */
  override release(): void {
    const next = this.waiters.shift();
    if (next === undefined) this.isLocked = false;
    else next.setResult();
  }
}

function* users(mutex: Mutex): Coroutine<void> {
  let inside = 0;
  function* user(turns: number): Coroutine<void> {
    for (let i = 0; i < turns; i++) yield* sleep(0);
    yield* mutex.acquire();
    inside += 1;
    check(inside === 1, "two are inside");
    yield* sleep(0);
    inside -= 1;
    mutex.release();
  }
  yield* gather([user(0), user(0), user(2)]);
}

export const lockBarging: Animal = {
  name: "lock barging",
  fidelity: "tasks",
  says: /two are inside/,
  broken: (sim) => users(new Mutex(sim)),
  fixed: (sim) => users(new FairMutex(sim)),
};
