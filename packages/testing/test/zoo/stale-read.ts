// Who leads is read before the wait for the lock; until the lock is there somebody else leads.
import type { Coroutine } from "@aioloop/loop";
import { asyncWith, gather, Lock, sleep } from "@aioloop/tasks";
import { shared } from "@aioloop/testing";
import type { Animal } from "./animal.ts";
import { check } from "./animal.ts";

function* cluster(isReadLate: boolean): Coroutine<void> {
  const state = shared({ leader: "north" }, "the cluster");
  const lock = new Lock();
  function* election(): Coroutine<void> {
    yield* sleep(0); // counts the votes
    yield* asyncWith(lock, function* () {
      yield* sleep(0);
      state.leader = "south";
    });
  }
  function* write(): Coroutine<void> {
    yield* sleep(0);
    const early = state.leader;
    yield* asyncWith(lock, function* () {
      const leader = isReadLate ? state.leader : early;
      check(leader === state.leader, `the write goes to ${leader}, which does not lead any more`);
      yield* sleep(0);
    });
  }
  yield* gather([write(), election()]);
}

export const staleRead: Animal = {
  name: "stale read after a wait",
  fidelity: "tasks",
  says: /does not lead any more/,
  broken: () => cluster(false),
  fixed: () => cluster(true),
};
