// A listener takes itself off the list while the list is gone through: the one behind it is passed over.
import type { Coroutine } from "@aioloop/loop";
import { gather, sleep } from "@aioloop/tasks";
import type { Animal } from "./animal.ts";
import { check } from "./animal.ts";

type Listener = () => void;

function* door(listenersOf: (all: Listener[]) => Iterable<Listener>): Coroutine<void> {
  const listeners: Listener[] = [];
  let isHome = true;
  let barks = 0;
  const host = () => {
    if (!isHome) listeners.splice(listeners.indexOf(host), 1);
  };
  const dog = () => {
    barks += 1;
  };
  listeners.push(host, dog);
  function* bell(): Coroutine<void> {
    yield* sleep(8);
    for (const listener of listenersOf(listeners)) listener();
  }
  function* work(): Coroutine<void> {
    yield* sleep(8);
    isHome = false;
  }
  yield* gather([bell(), work()]);
  check(barks === 1, "the dog was not told");
}

export const reentrantCallback: Animal = {
  name: "reentrant callback",
  fidelity: "env",
  says: /was not told/,
  broken: () => door((all) => all),
  fixed: () => door((all) => [...all]),
};
