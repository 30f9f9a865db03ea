/** The statements of queues. */
import { LifoQueue, PriorityQueue, Queue } from "aioloop";
import type { Scope, StatementTable } from "./interpreter.ts";
import { resource } from "./interpreter.ts";
import type { QueueKind } from "./program.ts";
import { attempt } from "./statements-attempts.ts";

/** The classes by the names that programs use. */
const KINDS: Readonly<Record<QueueKind, new (maxsize: number) => Queue<unknown>>> = {
  fifo: Queue,
  lifo: LifoQueue,
  priority: PriorityQueue,
};

const queueOf = resource(
  "queue",
  ({ queues = [] }) => queues,
  ([kind, maxsize], at) => {
    if (!Object.hasOwn(KINDS, kind)) at.interpreter.refuse(`unknown kind of queue ${JSON.stringify(kind)}`);
    return new KINDS[kind](maxsize);
  },
);

export const queueStatements = {
  *put(at: Scope, index: number, item: unknown) {
    yield* at.observe("put", queueOf(at, index).put(item));
  },

  *get(at: Scope, index: number) {
    yield* at.observe("get", queueOf(at, index).get());
  },

  *join(at: Scope, index: number) {
    yield* at.observe("join", queueOf(at, index).join());
  },

  *put_nowait(at: Scope, index: number, item: unknown) {
    const queue = queueOf(at, index);
    attempt(at, "put_nowait", () => queue.putNowait(item));
  },

  *get_nowait(at: Scope, index: number) {
    const queue = queueOf(at, index);
    attempt(at, "get_nowait", () => queue.getNowait());
  },

  *task_done(at: Scope, index: number) {
    const queue = queueOf(at, index);
    attempt(at, "task_done", () => queue.taskDone());
  },

  *queue_shutdown(at: Scope, index: number, immediate: boolean) {
    const queue = queueOf(at, index);
    attempt(at, "queue_shutdown", () => queue.shutdown(immediate));
  },

  *queue_state(at: Scope, index: number) {
    const queue = queueOf(at, index);
    at.log("queue_state", queue.qsize(), queue.empty(), queue.full());
  },
} satisfies StatementTable;
