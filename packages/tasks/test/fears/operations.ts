// Every public operation that waits, once, with what lets it end and what must be left when it is gone: the table that
// cancel-everywhere.test.ts and leaks.test.ts go through.
import type { Coroutine, Future } from "@aioloop/loop";
import { wrapFuture } from "@aioloop/loop";
import type { Manager, VirtualEventLoop } from "@aioloop/tasks";
import {
  abortable,
  asCompleted,
  asyncFor,
  asyncWith,
  Barrier,
  BoundedSemaphore,
  BREAK,
  Condition,
  cancelAndWait,
  createTask,
  Event,
  gather,
  LifoQueue,
  Lock,
  moveOnAfter,
  moveOnAt,
  PriorityQueue,
  Queue,
  Semaphore,
  shield,
  sleep,
  staggeredRace,
  TaskGroup,
  timeout,
  timeoutAt,
  wait,
  waitFor,
} from "@aioloop/tasks";
import { textOf } from "../helpers.ts";

/** One operation about to be cancelled. */
export interface Scene {
  /** What the task does that is cancelled: it waits, and gives back at once what it got. */
  begin(): Coroutine<unknown>;
  /** Once it waits: what has to happen for the wait to be the one that is meant. */
  arrange?(): Coroutine<void>;
  /** Lets the oldest waiter go on; takes no turn where there is one. */
  complete?(): Coroutine<void>;
  /** Waits behind it for the same, and gives `value`. Null: it cannot be shared. */
  next?: { begin(): Coroutine<unknown>; value: unknown };
  /** What is there in the end, and what it must be. */
  left?: { see(): unknown; is: unknown };
  /** The object that outlives the operation. */
  kept?: unknown;
}

export interface Operation {
  name: string;
  /** The semantics it holds. */
  holds?: string;
  /** It ends only when others let it, cancelled or not. */
  lingers?: true;
  /** What lets it end: a call in the scene, by default; time, in 10 seconds; or nothing; or it is never found waiting. */
  endsBy?: "time" | "nothing" | "itself";
  /** Leaving it early undoes nothing, as in CPython: its callbacks and its timer stay until all are done. */
  goesOn?: true;
  scene(loop: VirtualEventLoop): Coroutine<Scene>;
}

interface Acquirable {
  acquire(): Coroutine<true>;
  release(): void;
  locked(): boolean;
}

/** Lock and its kin: taken already when the scene begins. */
function acquiring(
  name: string,
  make: () => Acquirable & Manager<void>,
  free: string,
  holds: string,
): Operation[] {
  const ways: [string, (thing: Acquirable & Manager<void>) => Coroutine<unknown>][] = [
    [
      `${name}.acquire()`,
      function* (thing) {
        yield* thing.acquire();
        thing.release();
      },
    ],
    [`asyncWith(${name})`, (thing) => asyncWith(thing, function* () {})],
  ];
  return ways.map(([title, take]) => ({
    name: title,
    holds,
    *scene() {
      const thing = make();
      yield* thing.acquire();
      let isTaken = true;
      return {
        begin: () => take(thing),
        *complete() {
          if (isTaken) thing.release();
          isTaken = false;
        },
        next: { begin: () => take(thing), value: undefined },
        left: { see: () => String(thing), is: free },
        kept: thing,
      };
    },
  }));
}

/** An operation on a future that somebody else finishes; by default it leaves that future alone. */
function onFuture(
  name: string,
  holds: string,
  begin: (future: Future<string>, loop: VirtualEventLoop) => Coroutine<unknown>,
  next?: Scene["next"],
): Operation {
  return {
    name,
    holds,
    *scene(loop) {
      const future = loop.createFuture<string>();
      return {
        begin: () => begin(future, loop),
        *complete() {
          if (!future.done()) future.setResult("done");
        },
        ...(next && { next }),
        kept: future,
      };
    },
  };
}

/** The same, where the future is to survive the cancellation: another one waits for it in the same way. */
function besideFuture(
  name: string,
  holds: string,
  begin: (future: Future<string>) => Coroutine<unknown>,
): Operation {
  return {
    name,
    holds,
    *scene(loop) {
      const future = loop.createFuture<string>();
      return {
        begin: () => begin(future),
        *complete() {
          if (!future.done()) future.setResult("done");
        },
        next: { begin: () => outcome(begin(future)), value: "done" },
        left: { see: () => future.cancelled(), is: false },
        kept: future,
      };
    },
  };
}

const goingOn = (operation: Operation): Operation => ({ ...operation, goesOn: true });

/** Waits for an item of a queue, in one of several ways. */
function getting(
  name: string,
  holds: string,
  make: () => Queue<string>,
  begin: (queue: Queue<string>) => Coroutine<unknown>,
): Operation {
  return {
    name,
    holds,
    *scene() {
      const queue = make();
      return {
        begin: () => begin(queue),
        *complete() {
          queue.putNowait("item");
        },
        next: { begin: () => queue.get(), value: "item" },
        left: {
          see: () => String(queue).replace(/unfinished=\d+/, ""),
          is: `<${queue.constructor.name} maxsize=0 qsize=0 >`,
        },
        kept: queue,
      };
    },
  };
}

function putting(make: () => Queue<string>): Operation {
  return {
    name: `${make().constructor.name}.put()`,
    holds: "S208",
    *scene() {
      const queue = make();
      queue.putNowait("there before");
      const put = function* (item: string) {
        yield* queue.put(item);
        queue.getNowait(); // room for who comes next
        return item;
      };
      return {
        begin: () => put("of the first"),
        *complete() {
          if (queue.full()) queue.getNowait();
        },
        next: { begin: () => put("of the next"), value: "of the next" },
        left: {
          see: () => String(queue).replace(/unfinished=\d+/, ""),
          is: `<${queue.constructor.name} maxsize=1 qsize=0 >`,
        },
        kept: queue,
      };
    },
  };
}

/** Children of the operation: all of them must have ended with it. */
class Children {
  running = 0;

  *wait(future: Future<string>): Coroutine<string> {
    this.running += 1;
    try {
      yield* wait([future]); // which leaves it alone
      return future.result();
    } finally {
      this.running -= 1;
    }
  }
}

/** An operation that runs children, which wait for a future that survives. */
function overChildren(
  name: string,
  holds: string,
  begin: (child: () => Coroutine<string>, loop: VirtualEventLoop) => Coroutine<unknown>,
): Operation {
  return {
    name,
    holds,
    *scene(loop) {
      const future = loop.createFuture<string>();
      const children = new Children();
      return {
        begin: () => begin(() => children.wait(future), loop),
        *complete() {
          if (!future.done()) future.setResult("done");
        },
        left: { see: () => children.running, is: 0 },
        kept: future,
      };
    },
  };
}

/** Ends by itself after 10 seconds. */
function timed(
  name: string,
  holds: string,
  begin: (loop: VirtualEventLoop) => Coroutine<unknown>,
): Operation {
  return {
    name,
    holds,
    endsBy: "time",
    *scene(loop) {
      return { begin: () => begin(loop) };
    },
  };
}

/** What it gives or throws, in words. */
function* outcome(awaitable: Coroutine<unknown>): Coroutine<unknown> {
  try {
    const value = yield* awaitable;
    if (Array.isArray(value)) return value[0] instanceof Set ? "done" : value.join();
    return value;
  } catch (error) {
    return textOf(error);
  }
}

/** A promise as others make them, without the host's microtasks: it can come true in a turn of virtual time. */
class Promised {
  #resolve: (value: string) => void = () => {};

  readonly then = (resolve: (value: string) => void): void => {
    this.#resolve = resolve;
  };

  resolve(value: string): void {
    this.#resolve(value);
  }
}

const never = () => sleep(Number.POSITIVE_INFINITY);

/** A manager whose entry, or whose exit, waits. */
function slowManager(future: Future<string>, at: "entry" | "exit"): Manager<void> {
  return {
    *aenter() {
      if (at === "entry") yield* future;
    },
    *aexit() {
      if (at === "exit") yield* future;
    },
  };
}

export const operations: readonly Operation[] = [
  // ---- time and turns
  timed("sleep(10)", "S112", () => sleep(10)),
  {
    name: "sleep(Infinity)",
    holds: "S111",
    endsBy: "nothing",
    *scene() {
      return { begin: never };
    },
  },
  {
    name: "sleep(0), again and again",
    holds: "S84",
    endsBy: "nothing",
    *scene() {
      return {
        *begin() {
          for (;;) yield* sleep(0);
        },
      };
    },
  },
  {
    name: "a bare yield, again and again",
    holds: "S84",
    endsBy: "nothing",
    *scene() {
      return {
        *begin() {
          for (;;) yield;
        },
      };
    },
  },

  // ---- futures and tasks
  onFuture("yield* future", "S109", function* (future) {
    return yield* future;
  }),
  overChildren("yield* task", "S99", function* (child) {
    return yield* createTask(child());
  }),
  onFuture("wrapFuture(future)", "S72", function* (future) {
    return yield* wrapFuture(future);
  }),
  {
    name: "wrapFuture(promise)",
    *scene() {
      const promised = new Promised();
      return {
        *begin() {
          return yield* wrapFuture(promised as unknown as PromiseLike<string>);
        },
        *complete() {
          promised.resolve("done");
        },
        kept: promised,
      };
    },
  },
  {
    name: "abortable()",
    *scene() {
      const promised = new Promised();
      let [begun, failed, aborted] = [0, 0, 0];
      return {
        *begin() {
          try {
            return yield* abortable((signal) => {
              begun += 1;
              signal.addEventListener("abort", () => void (aborted += 1));
              return promised as unknown as PromiseLike<string>;
            });
          } catch (error) {
            failed += begun;
            throw error;
          }
        },
        *complete() {
          promised.resolve("done");
        },
        left: { see: () => aborted === failed, is: true },
        kept: promised,
      };
    },
  },
  besideFuture("shield()", "S145", function* (future) {
    return yield* shield(future);
  }),
  overChildren("cancelAndWait() of a task that takes its time", "S140", function* (child) {
    let isOver = false;
    const stubborn = createTask(
      (function* () {
        while (!isOver) {
          try {
            yield* child();
            isOver = true;
          } catch {}
        }
      })(),
    );
    yield;
    return yield* cancelAndWait(stubborn);
  }),
  besideFuture("wait()", "S130", (future) => wait([future])),
  timed("wait(…, { timeout: 10 })", "S130", (loop) => wait([loop.createFuture()], { timeout: 10 })),
  onFuture("waitFor(future, 10)", "S138", (future) => waitFor(future, 10)),
  onFuture("waitFor(future, null)", "S138", (future) => waitFor(future, null)),
  overChildren("waitFor(task, 10)", "S138 S139", (child) => waitFor(createTask(child()), 10)),
  timed("waitFor(…, 10), when the time is over", "S138", () => waitFor(never(), 10)),
  getting(
    "waitFor(Queue.get(), 10)",
    "S138 S207",
    () => new Queue(),
    (queue) => waitFor(queue.get(), 10),
  ),

  // ---- several at a time
  onFuture("gather(futures)", "S123 S124", function* (future, loop) {
    const another = loop.createFuture<string>();
    another.setResult("at once");
    return yield* gather([future, another]);
  }),
  overChildren("gather(coroutines)", "S123 S124", function* (child) {
    return yield* gather([child(), child(), child()]);
  }),
  overChildren("gather(coroutines, { returnExceptions: true })", "S124", function* (child) {
    return yield* gather([child(), child()], { returnExceptions: true });
  }),
  overChildren("gather(coroutines, { limit: 2 })", "S123 S124", function* (child) {
    return yield* gather([child(), child(), never(), never()], { limit: 2 });
  }),
  onFuture("gather(…, { limit: 1 })", "S123 S124", function* (future) {
    return yield* gather([future, never()], { limit: 1 });
  }),
  goingOn(
    besideFuture("for of asCompleted()", "S141", function* (future) {
      let last: string | null = null;
      for (const one of asCompleted([future])) last = yield* one;
      return last;
    }),
  ),
  goingOn(
    besideFuture("for of asCompleted(…, { limit: 1 })", "S141", function* (future) {
      let last: string | null = null;
      for (const one of asCompleted([future, future], { limit: 1 })) last = yield* one;
      return last;
    }),
  ),
  goingOn(
    besideFuture("asyncFor(asCompleted())", "S141", function* (future) {
      let last: string | null = null;
      yield* asyncFor(asCompleted([future]), function* (one) {
        last = one.result();
      });
      return last;
    }),
  ),
  goingOn(
    timed("for of asCompleted(…, { timeout: 10 })", "S143", function* (loop) {
      for (const one of asCompleted([loop.createFuture()], { timeout: 10 })) yield* one;
    }),
  ),
  overChildren("staggeredRace(…, null)", "S266", (child) => staggeredRace([child, child], null)),
  timed("staggeredRace(…, 10)", "S266", () => staggeredRace([never, () => sleep(0)], 10)),

  // ---- deadlines
  getting(
    "asyncWith(timeout(10))",
    "S156",
    () => new Queue(),
    (queue) => asyncWith(timeout(10), () => queue.get()),
  ),
  timed("asyncWith(timeout(10)), when the time is over", "S156", () => asyncWith(timeout(10), never)),
  timed("asyncWith(timeoutAt()), when the time is over", "S156", (loop) =>
    asyncWith(timeoutAt(loop.time() + 10), never),
  ),
  timed("two nested timeouts, when the time is over", "S159", () =>
    asyncWith(timeout(10), () => asyncWith(timeout(10), never)),
  ),
  getting(
    "asyncWith(moveOnAfter(10))",
    "S156",
    () => new Queue(),
    (queue) => asyncWith(moveOnAfter(10), () => queue.get()),
  ),
  timed("asyncWith(moveOnAfter(10)), when the time is over", "S156", () => asyncWith(moveOnAfter(10), never)),
  timed("asyncWith(moveOnAt()), when the time is over", "S156", (loop) =>
    asyncWith(moveOnAt(loop.time() + 10), never),
  ),

  // ---- locks
  ...acquiring("Lock", () => new Lock(), "<Lock [unlocked]>", "S184"),
  ...acquiring("Semaphore", () => new Semaphore(1), "<Semaphore [unlocked, value:1]>", "S197"),
  ...acquiring(
    "BoundedSemaphore",
    () => new BoundedSemaphore(1),
    "<BoundedSemaphore [unlocked, value:1]>",
    "S197",
  ),
  ...acquiring("Condition", () => new Condition(), "<Condition [unlocked]>", "S184 S193"),
  {
    name: "Semaphore(2).acquire() of the second who waits",
    holds: "S197",
    *scene() {
      const semaphore = new Semaphore(2);
      yield* semaphore.acquire();
      yield* semaphore.acquire();
      let taken = 2;
      const take = function* () {
        yield* semaphore.acquire();
        semaphore.release();
      };
      createTask(take());
      return {
        begin: take,
        *complete() {
          while (taken-- > 0) semaphore.release();
        },
        next: { begin: take, value: undefined },
        left: { see: () => String(semaphore), is: "<Semaphore [unlocked, value:2]>" },
        kept: semaphore,
      };
    },
  },
  {
    name: "Condition.wait()",
    holds: "S190 S191",
    *scene() {
      const condition = new Condition();
      return {
        begin: () => asyncWith(condition, () => condition.wait()),
        complete: () =>
          asyncWith(condition, function* () {
            condition.notify();
          }),
        next: { begin: () => asyncWith(condition, () => condition.wait()), value: true },
        left: { see: () => String(condition), is: "<Condition [unlocked]>" },
        kept: condition,
      };
    },
  },
  {
    name: "Condition.waitFor()",
    holds: "S190 S191 S194",
    *scene() {
      const condition = new Condition();
      let tokens = 0;
      const take = () =>
        asyncWith(condition, function* () {
          yield* condition.waitFor(() => tokens > 0);
          tokens -= 1;
          return "token";
        });
      return {
        begin: take,
        complete: () =>
          asyncWith(condition, function* () {
            tokens += 1;
            condition.notify();
          }),
        next: { begin: take, value: "token" },
        left: { see: () => [tokens, String(condition)], is: [0, "<Condition [unlocked]>"] },
        kept: condition,
      };
    },
  },
  {
    name: "Condition.wait() that was notified and waits for its lock",
    holds: "S190",
    lingers: true,
    *scene() {
      const condition = new Condition();
      const wait = () => asyncWith(condition, () => condition.wait());
      return {
        begin: wait,
        *arrange() {
          yield* condition.acquire();
          condition.notify();
          yield;
          yield;
        },
        *complete() {
          if (condition.locked()) condition.release();
          yield* asyncWith(condition, function* () {
            condition.notifyAll();
          });
        },
        next: { begin: wait, value: true },
        left: { see: () => String(condition), is: "<Condition [unlocked]>" },
        kept: condition,
      };
    },
  },
  {
    name: "Event.wait()",
    holds: "S188",
    *scene() {
      const event = new Event();
      return {
        begin: () => event.wait(),
        *complete() {
          event.set();
        },
        next: { begin: () => event.wait(), value: true },
        left: { see: () => String(event), is: "<Event [set]>" },
        kept: event,
      };
    },
  },
  ...(["Barrier.wait()", "asyncWith(Barrier)"] as const).map(
    (name): Operation => ({
      name,
      holds: "S202",
      *scene() {
        const barrier = new Barrier(3);
        const pass = function* () {
          if (name === "Barrier.wait()") yield* barrier.wait();
          else yield* asyncWith(barrier, function* () {});
        };
        return {
          begin: pass,
          *complete() {
            while (barrier.nWaiting < 2) {
              createTask(barrier.wait());
              yield;
            }
            yield* barrier.wait();
          },
          next: { begin: pass, value: undefined },
          left: { see: () => String(barrier), is: "<Barrier [filling, waiters:0/3]>" },
          kept: barrier,
        };
      },
    }),
  ),
  {
    name: "Barrier.wait() that is aborted",
    holds: "S201",
    *scene() {
      const barrier = new Barrier(3);
      return {
        begin: () => barrier.wait(),
        complete: () => barrier.abort(),
        next: {
          *begin() {
            const text = yield* outcome(barrier.wait());
            return `${text}`.replace(/ at .*/, "");
          },
          value: "BrokenBarrierError: wait()",
        },
        left: { see: () => String(barrier), is: "<Barrier [broken, waiters:0/3]>" },
        kept: barrier,
      };
    },
  },
  {
    name: "Barrier.wait(), twice, the second time outside until the round has gone",
    holds: "S201",
    *scene() {
      const barrier = new Barrier(2);
      createTask(barrier.wait());
      yield;
      return {
        *begin() {
          yield* barrier.wait();
          yield* barrier.wait();
        },
        *complete() {
          for (; barrier.nWaiting > 0; yield) createTask(barrier.wait());
        },
        left: { see: () => String(barrier), is: "<Barrier [filling, waiters:0/2]>" },
        kept: barrier,
      };
    },
  },
  ...(["reset", "abort"] as const).map(
    (method): Operation => ({
      name: `Barrier.${method}()`,
      holds: "S203",
      endsBy: "itself",
      *scene() {
        const barrier = new Barrier(2);
        return { begin: () => barrier[method](), kept: barrier };
      },
    }),
  ),

  // ---- queues
  ...[Queue, LifoQueue, PriorityQueue].flatMap((Kind): Operation[] => [
    getting(
      `${Kind.name}.get()`,
      "S207",
      () => new Kind<string>(),
      (queue) => queue.get(),
    ),
    getting(
      `asyncFor(${Kind.name})`,
      "S207",
      () => new Kind<string>(),
      (queue) =>
        asyncFor(queue, function* () {
          return BREAK;
        }),
    ),
    putting(() => new Kind<string>(1)),
  ]),
  {
    name: "Queue.get() that is shut down",
    holds: "S213",
    *scene() {
      const queue = new Queue<string>();
      return {
        begin: () => queue.get(),
        *complete() {
          queue.shutdown();
        },
        next: {
          *begin() {
            return `${yield* outcome(queue.get())}`.replace(/:.*/, "");
          },
          value: "QueueShutDown",
        },
        left: { see: () => String(queue), is: "<Queue maxsize=0 qsize=0 shutdown>" },
        kept: queue,
      };
    },
  },
  {
    name: "Queue.put() that is shut down",
    holds: "S213",
    *scene() {
      const queue = new Queue<string>(1);
      queue.putNowait("there before");
      return {
        begin: () => queue.put("of the first"),
        *complete() {
          queue.shutdown();
        },
        next: {
          *begin() {
            return `${yield* outcome(queue.put("of the next"))}`.replace(/:.*/, "");
          },
          value: "QueueShutDown",
        },
        left: { see: () => String(queue), is: "<Queue maxsize=1 qsize=1 unfinished=1 shutdown>" },
        kept: queue,
      };
    },
  },
  {
    name: "Queue.join()",
    holds: "S212",
    *scene() {
      const queue = new Queue<string>();
      queue.putNowait("item");
      queue.getNowait();
      let isDone = false;
      return {
        begin: () => queue.join(),
        *complete() {
          if (!isDone) queue.taskDone();
          isDone = true;
        },
        next: { begin: () => queue.join(), value: undefined },
        left: { see: () => String(queue), is: "<Queue maxsize=0 qsize=0>" },
        kept: queue,
      };
    },
  },

  // ---- blocks
  onFuture("asyncWith(), entering", "", (future) => asyncWith(slowManager(future, "entry"), function* () {})),
  onFuture("asyncWith(), leaving", "", (future) => asyncWith(slowManager(future, "exit"), function* () {})),
  overChildren("asyncWith(TaskGroup), leaving", "S168", (child) =>
    asyncWith(new TaskGroup(), function* (group) {
      group.createTask(child());
      group.createTask(child());
    }),
  ),
  overChildren("asyncWith(TaskGroup), in the block", "S168", (child) =>
    asyncWith(new TaskGroup(), function* (group) {
      yield* group.createTask(child());
    }),
  ),
  overChildren("TaskGroup.start()", "", (child) =>
    asyncWith(new TaskGroup(), (group) =>
      group.start<string>(function* (status) {
        status.started(yield* child());
      }),
    ),
  ),
  {
    name: "TaskGroup.start() in a task of its own",
    *scene(loop) {
      const [future, end] = [loop.createFuture<string>(), loop.createFuture<void>()];
      const children = new Children();
      let leftBehind = 0;
      const group = new TaskGroup();
      createTask(asyncWith(group, () => wait([end])));
      yield;
      return {
        *begin() {
          try {
            return yield* group.start<string>(function* (status) {
              status.started(yield* children.wait(future));
            });
          } finally {
            leftBehind += children.running;
          }
        },
        *complete() {
          if (!future.done()) future.setResult("done");
          if (!end.done()) end.setResult();
        },
        left: { see: () => [leftBehind, children.running], is: [0, 0] },
        kept: group,
      };
    },
  },
  overChildren("TaskGroup.start() of one that goes on", "", (child) =>
    asyncWith(new TaskGroup(), function* (group) {
      yield* group.start<void>(function* (status) {
        status.started();
        yield* child();
      });
    }),
  ),
];
