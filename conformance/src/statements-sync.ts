/** The statements of what synchronizes tasks. */
import type { Coroutine } from "aioloop";
import { asyncWith, Barrier, BoundedSemaphore, Condition, Event, Lock, Semaphore } from "aioloop";
import type { Scope, StatementTable } from "./interpreter.ts";
import { counted, resource } from "./interpreter.ts";
import type { Block } from "./program.ts";
import { attempt } from "./statements-attempts.ts";

/** The events that a program declares. */
export const eventOf: (at: Scope, index: number) => Event = resource(
  "event",
  ({ events }) => counted(events),
  () => new Event(),
);

const lockOf = resource(
  "lock",
  ({ locks }) => counted(locks),
  () => new Lock(),
);

const conditionOf = resource(
  "condition",
  ({ conditions = 0 }) => (typeof conditions === "number" ? counted(conditions) : conditions),
  (lock, at) => new Condition(lock === null ? null : lockOf(at, lock)),
);

const semaphoreOf = resource(
  "semaphore",
  ({ semaphores = [] }) => semaphores,
  (value) => new Semaphore(value),
);

const boundedOf = resource(
  "bounded",
  ({ bounded_semaphores = [] }) => bounded_semaphores,
  (value) => new BoundedSemaphore(value),
);

const barrierOf = resource(
  "barrier",
  ({ barriers = [] }) => barriers,
  (parties) => new Barrier(parties),
);

/** What can be acquired and released, by the names that programs use. */
const HOLDABLE = { lock: lockOf, semaphore: semaphoreOf, bounded: boundedOf, condition: conditionOf };

type HoldableKind = keyof typeof HOLDABLE;

export const syncStatements = {
  // ---- what is held

  *lock(at: Scope, index: number, body: Block) {
    yield* held(at, "lock", index, body);
  },

  *semaphore(at: Scope, index: number, body: Block) {
    yield* held(at, "semaphore", index, body);
  },

  *bounded(at: Scope, index: number, body: Block) {
    yield* held(at, "bounded", index, body);
  },

  *condition(at: Scope, index: number, body: Block) {
    yield* held(at, "condition", index, body);
  },

  *with(at: Scope, kind: HoldableKind | "barrier", index: number, body: Block) {
    const enter = function* (place: unknown): Coroutine<void> {
      at.log("with", "enter", place);
      yield* at.block(body);
    };
    if (kind === "barrier") yield* asyncWith(barrierOf(at, index), enter);
    else yield* asyncWith(HOLDABLE[kind](at, index), () => enter(null));
    at.log("with", "exit");
  },

  *acquire(at: Scope, kind: HoldableKind, index: number) {
    yield* at.observe("acquire", HOLDABLE[kind](at, index).acquire());
  },

  *release(at: Scope, kind: HoldableKind, index: number) {
    const thing = HOLDABLE[kind](at, index);
    attempt(at, "release", () => thing.release());
  },

  *locked(at: Scope, kind: HoldableKind, index: number) {
    at.log("locked", HOLDABLE[kind](at, index).locked());
  },

  // ---- events

  *event_wait(at: Scope, index: number) {
    yield* at.observe("event_wait", eventOf(at, index).wait());
  },

  *event_set(at: Scope, index: number) {
    eventOf(at, index).set();
    at.log("event_set");
  },

  *event_clear(at: Scope, index: number) {
    eventOf(at, index).clear();
    at.log("event_clear");
  },

  *event_is_set(at: Scope, index: number) {
    at.log("event_is_set", eventOf(at, index).isSet());
  },

  // ---- conditions

  *condition_wait(at: Scope, index: number) {
    yield* at.observe("condition_wait", conditionOf(at, index).wait());
  },

  /** The predicate holds when it is asked for the given time. */
  *condition_wait_for(at: Scope, index: number, times: number) {
    let calls = 0;
    const predicate = () => {
      calls += 1;
      at.log("predicate", calls);
      return calls >= times ? calls : null;
    };
    yield* at.observe("condition_wait_for", conditionOf(at, index).waitFor(predicate));
  },

  *notify(at: Scope, index: number, n: number) {
    conditionOf(at, index).notify(n);
    at.log("notify");
  },

  *notify_all(at: Scope, index: number) {
    conditionOf(at, index).notifyAll();
    at.log("notify_all");
  },

  // ---- barriers

  *barrier(at: Scope, index: number) {
    yield* at.observe("barrier", barrierOf(at, index).wait());
  },

  *barrier_abort(at: Scope, index: number) {
    yield* barrierOf(at, index).abort();
    at.log("barrier_abort");
  },

  *barrier_reset(at: Scope, index: number) {
    yield* at.observe("barrier_reset", barrierOf(at, index).reset());
  },

  *barrier_state(at: Scope, index: number) {
    const { parties, nWaiting, broken } = barrierOf(at, index);
    at.log("barrier_state", parties, nWaiting, broken);
  },
} satisfies StatementTable;

/** Acquired, and released when the block has ended; a release that fails is not written down. */
function* held(at: Scope, kind: HoldableKind, index: number, body: Block): Coroutine<void> {
  const thing = HOLDABLE[kind](at, index);
  yield* at.observe("acquire", thing.acquire());
  try {
    yield* at.block(body);
  } finally {
    thing.release();
    at.log("release");
  }
}
