/** The statements of queues. */
import { Queue } from "aioloop";
import { kindOf } from "./exceptions.ts";
import type { Scope, StatementTable } from "./interpreter.ts";
import { resource } from "./interpreter.ts";
import type { QueueKind } from "./program.ts";

/** The classes by the names that programs use. */
const KINDS: Partial<Record<QueueKind, typeof Queue<unknown>>> = { fifo: Queue };

const queueOf = resource(
  "queue",
  ({ queues = [] }) => queues,
  ([kind, maxsize], at) => {
    const QueueOfKind = KINDS[kind];
    if (QueueOfKind === undefined)
      return at.interpreter.refuse(`unknown kind of queue ${JSON.stringify(kind)}`);
    return new QueueOfKind(maxsize);
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
} satisfies StatementTable;

/** Its exception is written down and does not end the coroutine. */
function attempt(at: Scope, what: string, action: () => unknown): void {
  let value: unknown;
  try {
    value = action();
  } catch (error) {
    at.log(what, "raised", kindOf(error));
    return;
  }
  at.log(what, "ok", value);
}
