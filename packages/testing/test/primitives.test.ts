// The library's own primitives under exploration, at all three fidelities: what each promises holds in every schedule, also where one of
// its users is cancelled at any moment. Nothing may be lost (a deadlock is a failure by itself), and no task may be left behind.
// A sample here, AIOLOOP_SOAK=1 runs many more schedules; a failure shows its report and its token.
import type { Coroutine, Future } from "@aioloop/loop";
import { BaseExceptionGroup, CancelledError, isCancelled, TimeoutError } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import {
  allTasks,
  asCompleted,
  asyncFor,
  asyncWith,
  Barrier,
  BoundedSemaphore,
  BrokenBarrierError,
  Condition,
  createTask,
  currentTask,
  Event,
  gather,
  LifoQueue,
  Lock,
  PriorityQueue,
  Queue,
  QueueShutDown,
  Semaphore,
  shield,
  sleep,
  staggeredRace,
  TaskGroup,
  timeout,
  wait,
  waitFor,
} from "@aioloop/tasks";
import type { SimLoop } from "@aioloop/testing";
import { explore } from "@aioloop/testing";
import { describe, expect, test } from "vitest";

const runs = process.env.AIOLOOP_SOAK === "1" ? 20_000 : 120;

/** `isOrdered`: callbacks run in the order in which they were scheduled. */
type Program = (sim: SimLoop, isOrdered: boolean) => Coroutine<void>;

/** The title says what holds; `program` throws where it does not. */
function holds(title: string, program: Program): void {
  test.each(["env", "tasks", "adversarial"] as const)(`${title}, at fidelity %s`, (fidelity) => {
    const body = function* (sim: SimLoop) {
      yield* program(sim, fidelity !== "adversarial");
      const left = [...allTasks()].filter((task) => task !== currentTask());
      check(left.length === 0, `left behind: ${left.join(", ")}`);
    };
    const { failure } = explore(body, { fidelity, runs });
    if (failure !== null) throw new Error(`${failure.token}\n${failure.report}\n${failure.error}`);
  });
}

function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

const NEVER = -1;

/** Cancels one of them at some moment, or none: the schedule chooses. Gives the one. */
function* cancelSome<T>(sim: SimLoop, tasks: readonly Task<T>[], moments = 12): Coroutine<Task<T> | null> {
  const moment = sim.choose([NEVER, ...Array.from({ length: moments }, (_, i) => i)]);
  if (moment === NEVER) return null;
  const victim = sim.choose(tasks);
  for (let i = 0; i < moment; i++) yield;
  return victim.cancel() ? victim : null;
}

/** Waits for all; throws what one of them has thrown, but no cancellation. */
function* endOf(tasks: readonly Task<unknown>[]): Coroutine<void> {
  yield* wait(tasks);
  for (const task of tasks) if (!task.cancelled()) task.result();
}

function named<T>(names: readonly string[], fn: (name: string) => Coroutine<T>): Task<T>[] {
  return names.map((name) => createTask(fn(name), { name }));
}

/**
 * Who stands in line, and that nobody overtakes: those that are being cancelled stand there no more. So many may have been served at the
 * same time, and go on in either order.
 */
class Line {
  readonly #line: Task<unknown>[] = [];
  readonly #served: number;

  constructor(served: number) {
    this.#served = served;
  }

  join(): void {
    this.#line.push(currentTask() as Task<unknown>);
  }

  leave(): void {
    const self = currentTask() as Task<unknown>;
    const line = this.#line.filter((task) => task.cancelling() === 0 || task === self);
    check(
      line.slice(0, this.#served).includes(self),
      `${self.getName()} has overtaken ${line[0]?.getName()}`,
    );
    this.giveUp();
  }

  giveUp(): void {
    const i = this.#line.indexOf(currentTask() as Task<unknown>);
    if (i >= 0) this.#line.splice(i, 1);
  }
}

/** So many at the same time, and first come, first served. */
function permits(make: () => Lock | Semaphore, bound: number): Program {
  return function* (sim) {
    const [primitive, line] = [make(), new Line(bound)];
    let holders = 0;
    sim.always(() => holders <= bound, `at most ${bound} holders`);
    const workers = named(["a", "b", "c", "d"].slice(0, bound + 2), function* () {
      for (let i = 0; i < 2; i++) {
        line.join();
        try {
          yield* primitive.acquire();
          line.leave();
        } finally {
          line.giveUp();
        }
        holders += 1;
        try {
          if (i === 0) yield;
          else yield* sleep(1);
        } finally {
          holders -= 1;
          primitive.release();
        }
        yield;
      }
    });
    yield* cancelSome(sim, workers);
    yield* endOf(workers);
    for (let i = 0; i < bound; i++) {
      check(!primitive.locked(), "a permit is lost");
      yield* primitive.acquire();
    }
    check(primitive.locked(), "there is a permit too many");
  };
}

describe("Lock", () => {
  holds(
    "has one holder at a time, is served in order and is free in the end",
    permits(() => new Lock(), 1),
  );

  holds("with a time limit is held exactly by who was told so", function* (sim) {
    const lock = new Lock();
    let holders = 0;
    sim.always(() => holders <= 1, "one holder");
    const workers = named(["a", "b", "c"], function* () {
      try {
        yield* waitFor(lock.acquire(), 1);
      } catch (error) {
        if (error instanceof TimeoutError) return;
        throw error;
      }
      holders += 1;
      try {
        yield* sleep(1); // until the very moment at which the others give up
      } finally {
        holders -= 1;
        lock.release();
      }
    });
    yield* sleep(sim.choose([0, 1]));
    yield* cancelSome(sim, workers);
    yield* endOf(workers);
    check(!lock.locked(), "it is still locked");
  });
});

describe("Semaphore", () => {
  holds(
    "has so many holders, is served in order, and loses no permit",
    permits(() => new Semaphore(2), 2),
  );
  holds(
    "BoundedSemaphore is never released too often",
    permits(() => new BoundedSemaphore(2), 2),
  );
});

describe("Event", () => {
  holds("wakes all that wait when it is set, though it is cleared at once", function* (sim) {
    const event = new Event();
    const waiting = named(["a", "b", "c"], () => event.wait());
    yield* sim.waitAllTasksBlocked();
    const some = createTask(cancelSome(sim, waiting));
    if (sim.choose([true, false])) yield;
    event.set();
    event.clear();
    yield* endOf([...waiting, some]);
    const victim = some.result();
    for (const task of waiting) check(task === victim || task.result() === true, "it was not woken");
    check(!event.isSet(), "it is set");
  });
});

describe("Condition", () => {
  holds("loses no wake-up: each item that is notified of once finds somebody", function* (sim) {
    const condition = new Condition();
    const items: string[] = [];
    let [inside, taken] = [0, 0];
    sim.always(() => inside <= 1, "one at a time holds the lock");
    const guarded = <T>(body: () => Coroutine<T>) =>
      asyncWith(condition, function* () {
        inside += 1;
        try {
          return yield* body();
        } finally {
          inside -= 1;
        }
      });
    const consumers = named(["a", "b", "c"], () =>
      guarded(function* () {
        while (items.length === 0) {
          inside -= 1;
          try {
            yield* condition.wait();
          } finally {
            inside += 1;
          }
        }
        items.shift();
        taken += 1;
      }),
    );
    const producers = named(["p", "q"], (name) =>
      guarded(function* () {
        yield;
        items.push(name);
        condition.notify();
      }),
    );
    yield* cancelSome(sim, consumers);
    yield* endOf(producers);
    yield* sim.waitAllTasksBlocked();
    check(taken === 2 && items.length === 0, `${taken} of 2 items were taken`);
    for (const task of consumers) task.cancel();
    yield* endOf(consumers);
    check(!condition.locked(), "its lock is held");
  });

  holds("notifyAll() wakes all, and each has the lock when it goes on", function* (sim) {
    const condition = new Condition();
    let isOpen = false;
    const waiting = named(["a", "b", "c"], () =>
      asyncWith(condition, function* () {
        yield* condition.waitFor(() => isOpen);
        check(condition.locked(), "it has not the lock");
        yield;
      }),
    );
    const some = createTask(cancelSome(sim, waiting));
    for (let i = sim.choose([0, 1, 2, 3]); i > 0; i--) yield;
    yield* asyncWith(condition, function* () {
      isOpen = true;
      condition.notifyAll();
    });
    yield* endOf([...waiting, some]);
    check(!condition.locked(), "its lock is held");
  });
});

describe("Barrier", () => {
  for (const [names, rounds] of [
    [["a", "b", "c", "d"], 1],
    [["a", "b"], 3],
  ] as const) {
    const title = `lets ${names.length} tasks through in twos, ${rounds} times each, with a number of their own`;
    holds(title, function* () {
      const barrier = new Barrier(2);
      const numbers: number[] = [];
      const workers = named(names, function* () {
        for (let i = 0; i < rounds; i++) numbers.push(yield* barrier.wait());
      });
      yield* endOf(workers);
      const half = (names.length * rounds) / 2;
      check(numbers.sort().join("") === "0".repeat(half) + "1".repeat(half), `numbers ${numbers}`);
      check(barrier.nWaiting === 0, "somebody waits");
    });
  }

  holds(
    "of which one is cancelled keeps nobody waiting where enough have come, and works on",
    function* (sim) {
      const barrier = new Barrier(2);
      const workers = named(["a", "b", "c", "d", "e"], () => barrier.wait());
      yield* cancelSome(sim, workers);
      yield* sim.waitAllTasksBlocked();
      check(barrier.nWaiting < 2, `${barrier.nWaiting} wait`);
      check(workers.filter((task) => !task.done()).length === barrier.nWaiting, "somebody waits outside");
      yield* barrier.reset();
      yield* wait(workers);
      for (const task of workers) {
        const isBroken = !task.cancelled() && task.exception() instanceof BrokenBarrierError;
        check(isBroken || task.cancelled() || task.result() < 2, "a wrong end");
      }
      yield* gather([barrier.wait(), barrier.wait()]);
    },
  );

  holds("that is aborted at some moment leaves nobody waiting", function* (sim) {
    const barrier = new Barrier(3);
    const workers = named(["a", "b", "c", "d"], () => barrier.wait());
    for (let i = sim.choose([0, 1, 2, 3, 4, 5]); i > 0; i--) yield;
    yield* barrier.abort();
    yield* wait(workers);
    check(barrier.broken, "it is not broken");
    for (const task of workers) task.exception();
  });
});

/** Each item that was put comes out once, and `join()` ends when all have been dealt with. */
function delivers(make: () => Queue<number>): Program {
  return function* (sim) {
    const queue = make();
    const [put, got]: [number[], number[]] = [[], []];
    const producers = named(["1", "2"], function* (name) {
      for (let i = 0; i < 3; i++) {
        const item = Number(name) * 10 + i;
        yield* queue.put(item);
        put.push(item);
      }
    });
    const consumers = named(["x", "y"], () =>
      asyncFor(queue, function* (item) {
        got.push(item);
        if (item % 2 === 0) {
          try {
            yield;
          } finally {
            queue.taskDone();
          }
        } else queue.taskDone();
      }),
    );
    yield* cancelSome(sim, sim.choose([true, false]) ? consumers : producers);
    yield* endOf(producers);
    yield* queue.join();
    check([...put].sort().join() === [...got].sort().join(), `put ${put}, got ${got}`);
    queue.shutdown();
    yield* endOf(consumers);
  };
}

describe("Queue", () => {
  holds(
    "Queue delivers each item once, and join() ends",
    delivers(() => new Queue()),
  );
  holds(
    "Queue(1) delivers each item once, and join() ends",
    delivers(() => new Queue(1)),
  );
  holds(
    "LifoQueue(1) delivers each item once, and join() ends",
    delivers(() => new LifoQueue(1)),
  );
  holds(
    "PriorityQueue(2) delivers each item once, and join() ends",
    delivers(() => new PriorityQueue(2)),
  );

  holds("gives what it gets in order, to one who takes it", function* (sim) {
    const queue = new Queue<number>(2);
    const [put, got]: [number[], number[]] = [[], []];
    const producers = named(["1", "2"], function* (name) {
      for (let i = 0; i < 3; i++) {
        yield* queue.put(Number(name) * 10 + i);
        put.push(Number(name) * 10 + i);
      }
    });
    const consumer = createTask(
      asyncFor(queue, function* (item) {
        got.push(item);
        yield;
      }),
    );
    yield* cancelSome(sim, producers);
    yield* endOf(producers);
    queue.shutdown();
    yield* consumer;
    check(put.join() === got.join(), `put ${put}, got ${got}`);
  });

  holds(
    "PriorityQueue and LifoQueue give the item whose turn it is among those that are in",
    function* (sim) {
      const [smallest, last] = [new PriorityQueue<number>(), new LifoQueue<number>()];
      const inside: number[] = [];
      const producers = named(["3", "1", "2"], function* (name) {
        yield* sleep(1);
        inside.push(Number(name));
        smallest.putNowait(Number(name));
        last.putNowait(Number(name));
      });
      yield* sleep(1);
      for (let i = sim.choose([0, 1, 2]); i > 0; i--) yield;
      const [a, b] = [yield* smallest.get(), yield* last.get()];
      check(a === Math.min(...inside) && inside.includes(b), `got ${a} and ${b} of ${inside}`);
      yield* endOf(producers);
    },
  );

  holds("whose get() has a time limit loses no item", function* (sim) {
    const queue = new Queue<string>();
    let got = 0;
    const takers = named(["a", "b"], function* () {
      try {
        yield* waitFor(queue.get(), 1);
        got += 1;
      } catch (error) {
        if (!(error instanceof TimeoutError)) throw error;
      }
    });
    sim.callLater(1, () => queue.putNowait("x"));
    sim.callLater(1, () => queue.putNowait("y"));
    yield* sleep(sim.choose([0, 1]));
    yield* cancelSome(sim, takers);
    yield* endOf(takers);
    yield* sleep(1);
    check(got + queue.qsize() === 2, `${got} taken, ${queue.qsize()} left`);
  });

  holds("that is shut down at some moment leaves nobody waiting, and loses nothing", function* (sim) {
    const queue = new Queue<number>(1);
    const [put, got]: [number[], number[]] = [[], []];
    const isImmediate = sim.choose([false, true]);
    const untilShutDown = function* (step: () => Coroutine<void>) {
      try {
        for (let i = 0; i < 3; i++) yield* step();
      } catch (error) {
        if (!(error instanceof QueueShutDown)) throw error;
      }
    };
    let next = 0;
    const producers = named(["p", "q"], () =>
      untilShutDown(function* () {
        const item = next++;
        yield* queue.put(item);
        put.push(item);
      }),
    );
    const consumers = named(["x", "y"], () =>
      untilShutDown(function* () {
        got.push(yield* queue.get());
        queue.taskDone();
      }),
    );
    for (let i = sim.choose([0, 1, 2, 3, 4, 5, 6]); i > 0; i--) yield;
    queue.shutdown(isImmediate);
    yield* cancelSome(sim, producers, 3);
    yield* endOf([...producers, ...consumers]);
    if (!isImmediate) check(put.length === got.length + queue.qsize(), `put ${put}, got ${got}`);
    while (!queue.empty()) {
      queue.getNowait();
      queue.taskDone();
    }
    yield* queue.join();
  });
});

/** How it ended: its result, or the name of its error. */
function* outcomeOf<T>(task: Task<T>): Coroutine<T | string> {
  yield* wait([task]);
  if (task.cancelled()) return "CancelledError";
  const error = task.exception();
  return error === null ? task.result() : (error as Error).name;
}

describe("TaskGroup", () => {
  holds("ends with all its tasks, whoever fails or is cancelled, and throws what it should", function* (sim) {
    const children: Task<void>[] = [];
    let failures = 0;
    const isFailing = sim.choose([false, true]);
    const parent = createTask(
      asyncWith(new TaskGroup(), function* (group) {
        for (const i of [0, 1, 2]) {
          children.push(
            group.createTask(
              (function* () {
                yield* sleep(i % 2);
                if (isFailing && i > 0) {
                  failures += 1;
                  throw new RangeError(`child ${i}`);
                }
                yield;
              })(),
            ),
          );
        }
        yield* sleep(1);
        return "done";
      }),
    );
    yield* sleep(sim.choose([0, 1]));
    const victim = yield* cancelSome(sim, [parent], 5);
    yield* wait([parent]);
    check(
      children.every((task) => task.done()),
      "a child lives on",
    );
    const outcome = yield* outcomeOf(parent);
    if (failures > 0) {
      check(!parent.cancelled(), "the errors are lost");
      const error = parent.exception();
      check(error instanceof BaseExceptionGroup && error.errors.length === failures, `it threw ${error}`);
    } else if (victim !== null)
      check(outcome === "CancelledError", `it was cancelled, and ended with ${outcome}`);
    else check(outcome === "done", `it ended with ${outcome}`);
  });

  holds("that is cancelled from within ends without an error, and its parent goes on", function* (sim) {
    const parent = createTask(
      (function* () {
        const children: Task<unknown>[] = [];
        yield* asyncWith(new TaskGroup(), function* (group) {
          children.push(group.createTask(sleep(100)), group.createTask(sleep(1)));
          children.push(
            group.createTask(
              (function* () {
                yield* sleep(1);
                group.cancel();
              })(),
            ),
          );
          yield* sleep(sim.choose([1, 100]));
        });
        check(
          children.every((task) => task.done()),
          "a child lives on",
        );
        check((currentTask() as Task<unknown>).cancelling() === 0, "a request is left");
        yield* sleep(1);
        return "went on";
      })(),
    );
    const outcome = yield* outcomeOf(parent);
    check(outcome === "went on" && sim.time() === 2, `${outcome} at ${sim.time()}`);
  });
});

describe("timeout()", () => {
  holds(
    "throws a TimeoutError exactly where it has expired, and never takes the cancellation of another",
    function* (sim) {
      const scope: { expired: boolean; requests: number } = { expired: false, requests: -1 };
      const task = createTask(
        (function* () {
          const self = currentTask() as Task<unknown>;
          const limit = timeout(1);
          try {
            yield* asyncWith(limit, () => sleep(1));
            return "done";
          } finally {
            scope.expired = limit.expired();
            scope.requests = self.cancelling();
          }
        })(),
      );
      yield* sleep(sim.choose([0, 1]));
      const victim = yield* cancelSome(sim, [task], 4);
      const outcome = yield* outcomeOf(task);
      if (victim !== null) check(outcome === "CancelledError", `cancelled, and ${outcome}`);
      else check(outcome === (scope.expired ? "TimeoutError" : "done") || scope.expired, `${outcome}`);
      check(outcome !== "TimeoutError" || scope.expired, "a TimeoutError before the time");
      check(scope.requests <= (victim === null ? 0 : 1), `${scope.requests} requests are left`);
    },
  );

  holds(
    "within timeout() of the same moment: the outer one that expires is not taken for the inner",
    function* () {
      const ends: string[] = [];
      const task = createTask(
        (function* () {
          const [outer, inner] = [timeout(1), timeout(1)];
          try {
            yield* asyncWith(outer, function* () {
              try {
                yield* asyncWith(inner, () => sleep(9));
              } catch (error) {
                ends.push((error as Error).name);
                check(inner.expired() || isCancelled(error), "the inner one has not expired");
                throw error;
              }
            });
          } finally {
            check((currentTask() as Task<unknown>).cancelling() === 0, "a request is left");
          }
        })(),
      );
      check((yield* outcomeOf(task)) === "TimeoutError", `it ended otherwise, after ${ends}`);
    },
  );
});

describe("gather()", () => {
  holds("gives the results in order, and when it is done so are all its tasks", function* (sim, isOrdered) {
    const children = named(["a", "b", "c"], function* (name) {
      yield* sleep(1);
      yield;
      return name;
    });
    let hasBegun = false;
    const all = createTask(
      (function* () {
        hasBegun = true;
        return (yield* gather(children)).join("");
      })(),
    );
    yield* sleep(sim.choose([0, 1]));
    const victim = yield* cancelSome(sim, [all], 5);
    const outcome = yield* outcomeOf(all);
    check(outcome === (victim === null ? "abc" : "CancelledError"), `${outcome}`);
    // It is done with the first that is cancelled, as in CPython; who is next is not to be sure where anything may run.
    const isEnding = (task: Task<unknown>) => task.done() || (!isOrdered && task.cancelling() > 0);
    check(!hasBegun || children.every(isEnding), "a child lives on");
    yield* endOf(children);
  });

  holds(
    "throws the first error at once, and with returnExceptions gives each in its place",
    function* (sim, isOrdered) {
      const isLenient = sim.choose([false, true]);
      const order: string[] = [];
      const children = named(["a", "b", "c"], function* (name) {
        yield* sleep(1);
        order.push(name);
        if (name !== "b") throw new RangeError(name);
        return name;
      });
      const all = gather(children, { returnExceptions: isLenient }) as Future<unknown[]>;
      try {
        const results = (yield* all).map((one) => (one instanceof Error ? `!${one.message}` : one));
        check(isLenient && results.join() === "!a,b,!c", `results ${results}`);
      } catch (error) {
        const first = order.find((name) => name !== "b");
        check(
          !isLenient && (!isOrdered || (error as Error).message === first),
          `${error} instead of ${first}`,
        );
      }
      yield* wait(children);
      for (const task of children) task.exception();
    },
  );
});

describe("waitFor()", () => {
  holds(
    "gives the result, or its own error, or the cancellation, and leaves nothing running",
    function* (sim) {
      let isRunning = false;
      const task = createTask(
        waitFor(
          (function* () {
            isRunning = true;
            try {
              yield* sleep(1);
              return "result";
            } finally {
              isRunning = false;
            }
          })(),
          1,
        ),
      );
      yield* sleep(sim.choose([0, 1]));
      const victim = yield* cancelSome(sim, [task], 4);
      const outcome = yield* outcomeOf(task);
      check(!isRunning, "it is running");
      if (victim !== null) check(outcome === "CancelledError", `cancelled, and ${outcome}`);
      else check(outcome === "result" || outcome === "TimeoutError", `${outcome}`);
    },
  );

  holds("of a task cancels it, and waits for its end", function* (sim) {
    const inner = createTask(
      (function* () {
        try {
          yield* sleep(sim.choose([1, 5]));
          return "result";
        } finally {
          yield;
        }
      })(),
    );
    let hasBegun = false;
    const task = createTask(
      (function* () {
        hasBegun = true;
        return yield* waitFor(inner, 1);
      })(),
    );
    yield* sleep(sim.choose([0, 1]));
    const victim = yield* cancelSome(sim, [task], 4);
    const outcome = yield* outcomeOf(task);
    check(!hasBegun || inner.done(), "the inner one lives on");
    yield* endOf([inner]);
    if (victim !== null) check(outcome === "CancelledError", `cancelled, and ${outcome}`);
  });
});

describe("shield()", () => {
  holds("lets its task run on, whenever who waits is cancelled", function* (sim) {
    const inner = createTask(
      (function* () {
        yield* sleep(1);
        yield;
        return "result";
      })(),
    );
    const task = createTask(
      (function* () {
        return yield* shield(inner);
      })(),
    );
    yield* sleep(sim.choose([0, 1]));
    const victim = yield* cancelSome(sim, [task], 5);
    check((yield* outcomeOf(task)) === (victim === null ? "result" : "CancelledError"), "a wrong end");
    check((yield* inner) === "result", "it was cancelled");
  });
});

describe("asCompleted()", () => {
  holds("gives each result once, in the order in which they come", function* (sim, isOrdered) {
    const [done, given]: [string[], string[]] = [[], []];
    const tasks = named(["a", "b", "c"], function* (name) {
      yield* sleep(name === "c" ? 2 : 1);
      done.push(name);
      return name;
    });
    const reader = createTask(
      (function* () {
        for (const next of asCompleted(tasks)) given.push(yield* next);
      })(),
    );
    yield* sleep(sim.choose([0, 1]));
    const victim = yield* cancelSome(sim, [reader], 4);
    const outcome = yield* outcomeOf(reader);
    yield* endOf(tasks);
    check(new Set(given).size === given.length, `given ${given}`);
    if (isOrdered) check(done.join().startsWith(given.join()), `done ${done}, given ${given}`);
    if (victim === null) check(given.length === 3, `given ${given}`);
    else check(outcome === "CancelledError", `cancelled, and ${outcome}`);
  });

  holds(
    "with a time limit gives what has come, then a TimeoutError, and leaves the others running",
    function* () {
      const tasks = named(["a", "b", "c"], (name) => sleep(name === "a" ? 0.5 : 1, name));
      const given: string[] = [];
      try {
        for (const next of asCompleted(tasks, { timeout: 1 })) given.push(yield* next);
        check(given.length === 3, `given ${given}`);
      } catch (error) {
        check(
          error instanceof TimeoutError && given.length < 3 && given[0] === "a",
          `${error}, given ${given}`,
        );
      }
      yield* endOf(tasks);
      check(
        tasks.every((task) => !task.cancelled()),
        "one was cancelled",
      );
    },
  );
});

describe("staggeredRace()", () => {
  holds("has one winner, and all others have ended when it returns", function* (sim) {
    let [running, won] = [0, 0];
    const runner = (seconds: number) =>
      function* () {
        running += 1;
        try {
          yield* sleep(seconds);
          if (seconds === 3) throw new RangeError("too slow");
          yield;
          won += 1;
          return seconds;
        } finally {
          running -= 1;
        }
      };
    const race = createTask(staggeredRace([runner(3), runner(2), runner(1)], 1));
    yield* sleep(sim.choose([0, 2, 3]));
    const victim = yield* cancelSome(sim, [race], 6);
    yield* wait([race]);
    check(running === 0, `${running} are running`);
    if (race.cancelled()) {
      check(victim !== null, "nobody has cancelled it");
      return;
    }
    const [result, index] = race.result();
    check(index !== null && result === 3 - index && won >= 1, `result ${result} of ${index}`);
    check(victim === null, "the cancellation is lost");
  });
});

test("what a program here throws is seen: a lock that is not one fails at the fidelity that shows it", () => {
  const broken = permits(() => {
    const lock = new Lock();
    lock.acquire = () =>
      (function* () {
        return true as const;
      })();
    lock.release = () => undefined;
    return lock;
  }, 1);
  const { failure } = explore((sim) => broken(sim, true), { runs: 10 });
  expect(String(failure?.error)).toContain('the invariant "at most 1 holders" does not hold');
  expect(failure?.error).not.toBeInstanceOf(CancelledError);
});
