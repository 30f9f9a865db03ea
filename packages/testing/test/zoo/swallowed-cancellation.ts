// A wait with a limit, written by hand, gives the result where one is there when it is cancelled: the cancellation is lost, and the worker
// goes on. CPython's own wait_for did so for years.
import type { Coroutine, Yieldable } from "@aioloop/loop";
import { isCancelled } from "@aioloop/loop";
import { createTask, gather, Queue, sleep, wait } from "@aioloop/tasks";
import type { Animal } from "./animal.ts";
import { check } from "./animal.ts";

type Within = <T>(given: Yieldable<T>, seconds: number) => Coroutine<T | null>;

function* swallowing<T>(given: Yieldable<T>, seconds: number): Coroutine<T | null> {
  const inner = createTask(given);
  try {
    yield* wait([inner], { timeout: seconds });
  } catch (error) {
    if (isCancelled(error) && inner.done()) return inner.result();
    inner.cancel();
    throw error;
  }
  if (inner.done()) return inner.result();
  inner.cancel();
  return null;
}

function* passing<T>(given: Yieldable<T>, seconds: number): Coroutine<T | null> {
  const inner = createTask(given);
  try {
    yield* wait([inner], { timeout: seconds });
    return inner.done() ? inner.result() : null;
  } finally {
    inner.cancel();
  }
}

function* service(within: Within): Coroutine<void> {
  const jobs = new Queue<string>();
  let isStopped = false;
  function* worker(): Coroutine<void> {
    for (;;) {
      const job = yield* within(jobs.get(), 60);
      check(job === "print" || !isStopped, "the worker lives on after it was cancelled");
    }
  }
  function* stopper(): Coroutine<void> {
    yield* sleep(1);
    running.cancel();
    isStopped = true;
  }
  function* client(): Coroutine<void> {
    yield* sleep(1);
    jobs.putNowait("print");
  }
  const running = createTask(worker());
  yield* gather([stopper(), client()]);
  yield* wait([running], { timeout: 90 });
  check(running.cancelled(), "the worker lives on after it was cancelled");
}

export const swallowedCancellation: Animal = {
  name: "swallowed cancellation",
  fidelity: "env",
  says: /lives on/,
  broken: () => service(swallowing),
  fixed: () => service(passing),
};
