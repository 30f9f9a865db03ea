// A lock written by hand. Look at `release`: it sets the lock free and wakes the one that has waited longest, which comes back a turn
// later and takes for granted that it is its turn. Who asks in between finds the lock free. In the order in which this loop wakes its tasks
// nobody ever does: every schedule of fidelity "env" passes. But nothing promises that order; "tasks" varies it, and two talk at once.
// The mended lock is never free while somebody waits.
import type { Coroutine, Future } from "aioloop";
import { gather, getRunningLoop, Queue, sleep } from "aioloop";
import { explore, replay } from "aioloop/testing";
import { tell, thrownBy } from "../lib/exploration.ts";

class Mutex {
  protected isLocked = false;
  protected readonly waiters: Future<void>[] = [];

  *acquire(): Coroutine<void> {
    if (this.isLocked) yield* this.wait();
    this.isLocked = true;
  }

  release() {
    this.isLocked = false;
    this.waiters.shift()?.setResult();
  }

  protected *wait(): Coroutine<void> {
    const waiter = getRunningLoop().createFuture<void>(this);
    this.waiters.push(waiter);
    yield* waiter;
  }

  toString() {
    return "the mutex";
  }
}

class HandedOver extends Mutex {
  override *acquire(): Coroutine<void> {
    if (this.isLocked) yield* this.wait();
    else this.isLocked = true;
  }

  override release() {
    const next = this.waiters.shift();
    if (next === undefined) this.isLocked = false;
    else next.setResult();
  }
}

/** Sensors on one wire: who talks while another one does gets nonsense. */
class Wire {
  #talksTo: string | null = null;

  *ask(sensor: string) {
    if (this.#talksTo !== null) throw new Error(`${sensor} is asked while ${this.#talksTo} answers`);
    this.#talksTo = sensor;
    yield* sleep(0.1);
    this.#talksTo = null;
  }
}

function* plant(mutex: Mutex) {
  const wire = new Wire();
  const asked = new Queue<string>();

  function* poll(sensor: string) {
    yield* mutex.acquire();
    yield* wire.ask(sensor);
    mutex.release();
    asked.putNowait(sensor);
  }

  /** Asks a second time, to be sure. */
  function* doubt() {
    const sensor = yield* asked.get();
    yield* poll(sensor);
  }
  yield* gather([poll("pressure"), poll("temperature"), doubt()]);
}

const broken = () => plant(new Mutex());
const mended = () => plant(new HandedOver());

tell('by hand, fidelity "env"', explore(broken));
const exploration = explore(broken, { fidelity: "tasks" });
tell('by hand, fidelity "tasks"', exploration);
console.log(`the same token again: ${thrownBy(() => replay(broken, exploration.failure?.token ?? ""))}`);
tell('handed over, fidelity "tasks"', explore(mended, { fidelity: "tasks" }));
