// As many tasks as fit: a hundred thousand in each test, a million under AIOLOOP_SOAK=1. All of them end, and the sums are right. What
// searches through those that wait, once for each of them, does not come to an end here.
import type { Coroutine } from "@aioloop/loop";
import { CancelledError, Future } from "@aioloop/loop";
import type { Task, VirtualEventLoop } from "@aioloop/tasks";
import {
  allTasks,
  asCompleted,
  asyncFor,
  asyncWith,
  Barrier,
  Condition,
  createTask,
  Event,
  gather,
  Lock,
  PriorityQueue,
  Queue,
  QueueShutDown,
  Semaphore,
  sleep,
  TaskGroup,
  wait,
} from "@aioloop/tasks";
import { describe, expect, test, vi } from "vitest";
import { program } from "../helpers.ts";

const MANY = process.env.AIOLOOP_SOAK === "1" ? 1_000_000 : 100_000;
/** 0 + 1 + … */
const SUM = (MANY * (MANY - 1)) / 2;

function* each(count: number): Generator<number, void, undefined> {
  for (let i = 0; i < count; i++) yield i;
}

function tasksOf<T>(make: (i: number) => Coroutine<T>, count: number = MANY): Task<T>[] {
  return Array.from({ length: count }, (_, i) => createTask(make(i)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

/** Turns until all of them have ended; one more than `most` is a failure. */
function* turnsUntilDone(tasks: readonly Task<unknown>[], most: number): Coroutine<number> {
  const last = tasks[tasks.length - 1] as Task<unknown>;
  let turns = 0;
  for (; allTasks().size > 1 && turns <= most; turns++) yield;
  expect(last.done()).toBe(true);
  return turns;
}

function* passing(i: number): Coroutine<number> {
  yield;
  return i;
}

describe("very many tasks all end, and nothing of what they do is lost", () => {
  test("gather()", () => {
    program(function* () {
      expect(sum(yield* gather(Array.from({ length: MANY }, (_, i) => passing(i))))).toBe(SUM);
    });
  });

  test("gather(), each with its own time to sleep", () => {
    program(function* (loop) {
      const sleeping = Array.from({ length: MANY }, (_, i) => sleep(1 + ((i * 7919) % 1000), i));
      expect(sum(yield* gather(sleeping))).toBe(SUM);
      expect(loop.time()).toBe(1000);
    });
  });

  test("gather(…, { limit: 100 }), read lazily", () => {
    program(function* () {
      let running = 0;
      let most = 0;
      function* lazily(): Generator<Coroutine<number>, void, undefined> {
        for (const i of each(MANY)) {
          yield (function* (): Coroutine<number> {
            running += 1;
            most = Math.max(most, running);
            yield;
            running -= 1;
            return i;
          })();
        }
      }
      const results = yield* gather(lazily(), { limit: 100 });
      expect([sum(results), most]).toEqual([SUM, 100]);
    });
  });

  test("wait() and asCompleted()", () => {
    program(function* () {
      const tasks = tasksOf(passing);
      let total = 0;
      yield* asyncFor(asCompleted(tasks), function* (task) {
        total += task.result();
      });
      const [done, pending] = yield* wait(tasks);
      expect([total, done.size, pending.size]).toEqual([SUM, MANY, 0]);
    });
  });

  test("TaskGroup", () => {
    program(function* () {
      let total = 0;
      yield* asyncWith(new TaskGroup(), function* (group) {
        for (const i of each(MANY)) {
          group.createTask(
            (function* () {
              const value = yield* passing(i);
              total += value;
            })(),
          );
        }
      });
      expect(total).toBe(SUM);
    });
  });

  test("TaskGroup in which one fails: all others are cancelled, and it ends with that error alone [S165]", () => {
    program(function* () {
      let ended = 0;
      const group = asyncWith(new TaskGroup(), function* (tasks) {
        for (const i of each(MANY)) {
          tasks.createTask(
            (function* () {
              try {
                yield* sleep(i === 0 ? 1 : 2);
                throw new Error("one");
              } finally {
                ended += 1;
              }
            })(),
          );
        }
      });
      let failed: unknown = null;
      try {
        yield* group;
      } catch (error) {
        failed = error;
      }
      expect((failed as AggregateError).errors).toHaveLength(1);
      expect(ended).toBe(MANY);
    });
  });

  test("through one Lock, one after the other", () => {
    program(function* () {
      const lock = new Lock();
      let total = 0;
      const tasks = tasksOf((i) =>
        asyncWith(lock, function* () {
          const before = total;
          yield;
          total = before + i;
        }),
      );
      yield* gather(tasks);
      expect([total, String(lock)]).toEqual([SUM, "<Lock [unlocked]>"]);
    });
  });

  test("through a Semaphore(100), a hundred at a time", () => {
    program(function* () {
      const semaphore = new Semaphore(100);
      let [total, inside, most] = [0, 0, 0];
      const tasks = tasksOf((i) =>
        asyncWith(semaphore, function* () {
          inside += 1;
          most = Math.max(most, inside);
          yield;
          total += i;
          inside -= 1;
        }),
      );
      yield* gather(tasks);
      expect([total, most, String(semaphore)]).toEqual([SUM, 100, "<Semaphore [unlocked, value:100]>"]);
    });
  });

  test("through a Barrier, all at once", () => {
    program(function* () {
      const barrier = new Barrier(MANY);
      expect(sum(yield* gather(tasksOf(() => barrier.wait())))).toBe(SUM);
      expect(barrier.nWaiting).toBe(0);
    });
  });

  test("at one Event, woken at once", () => {
    program(function* () {
      const event = new Event();
      const tasks = tasksOf(() => event.wait());
      yield;
      event.set();
      expect((yield* gather(tasks)).every(Boolean)).toBe(true);
    });
  });

  test("at one Condition, woken by notifyAll()", () => {
    program(function* () {
      const condition = new Condition();
      const tasks = tasksOf(() => asyncWith(condition, () => condition.wait()));
      yield;
      yield* asyncWith(condition, function* () {
        condition.notifyAll();
      });
      expect((yield* gather(tasks)).every(Boolean)).toBe(true);
    });
  });

  test("at one Condition, woken one by one in one block [S192]", () => {
    program(function* () {
      const condition = new Condition();
      const tasks = tasksOf(() => asyncWith(condition, () => condition.wait()));
      yield;
      yield* asyncWith(condition, function* () {
        for (let i = 0; i < MANY; i++) condition.notify();
      });
      expect((yield* gather(tasks)).every(Boolean)).toBe(true);
    });
  });

  test("through a Queue(10) to 100 workers, who then are sent home by shutdown() [S213]", () => {
    program(function* () {
      const queue = new Queue<number>(10);
      let total = 0;
      const workers = Array.from({ length: 100 }, () =>
        createTask(
          asyncFor(queue, function* (item) {
            yield;
            total += item;
            queue.taskDone();
          }),
        ),
      );
      yield* gather(tasksOf((i) => queue.put(i)));
      yield* queue.join();
      expect(total).toBe(SUM);
      queue.shutdown();
      yield* gather(workers);
    });
  });

  test("through a PriorityQueue, put by many, got in order", () => {
    program(function* () {
      const queue = new PriorityQueue<number>();
      yield* gather(tasksOf((i) => queue.put((i * 7919) % MANY)));
      let last = -1;
      let total = 0;
      for (const _ of each(MANY)) {
        const item = queue.getNowait();
        if (item < last) throw new Error(`${item} after ${last}`);
        last = item;
        total += item;
      }
      // 7919 is a prime, and no divisor of the number of tasks: each item is there once
      expect(total).toBe(SUM);
    });
  });

  test("a chain in which each awaits the next one", () => {
    program(function* (loop) {
      const start = loop.createFuture<number>();
      let before: Task<number> | null = null;
      for (const _ of each(MANY)) {
        const awaited: Task<number> | null = before;
        before = createTask(
          (function* (): Coroutine<number> {
            return 1 + (yield* awaited ?? start);
          })(),
        );
      }
      loop.callLater(1, () => start.setResult(0));
      expect(yield* before as unknown as Task<number>).toBe(MANY);
    });
  });
});

/** All of them wait at one thing; they are cancelled in one turn. */
const places: [where: string, make: (count: number) => [place: unknown, wait: () => Coroutine<unknown>]][] = [
  [
    "a Lock that is held",
    () => {
      const lock = new Lock();
      expect(lock.acquire().next().done).toBe(true);
      return [lock, () => lock.acquire()];
    },
  ],
  [
    "a Semaphore(0)",
    () => {
      const semaphore = new Semaphore(0);
      return [semaphore, () => semaphore.acquire()];
    },
  ],
  [
    "an Event",
    () => {
      const event = new Event();
      return [event, () => event.wait()];
    },
  ],
  [
    "a Condition",
    () => {
      const condition = new Condition();
      return [condition, () => asyncWith(condition, () => condition.wait())];
    },
  ],
  [
    "a Barrier",
    (count) => {
      const barrier = new Barrier(count + 1);
      return [barrier, () => barrier.wait()];
    },
  ],
  [
    "an empty Queue",
    () => {
      const queue = new Queue<number>();
      return [queue, () => queue.get()];
    },
  ],
  [
    "a full Queue",
    () => {
      const queue = new Queue<number>(1);
      queue.putNowait(0);
      return [queue, () => queue.put(1)];
    },
  ],
  ["a sleep", () => [null, () => sleep(1000)]],
];

describe("very many tasks are cancelled in one turn while they wait", () => {
  test.each(places)("at %s: all end within three turns, and nobody is left in it [S98]", (_where, make) => {
    program(function* (loop) {
      const [place, waiting] = make(MANY);
      const tasks = tasksOf(waiting);
      yield;
      yield;
      for (const task of tasks) task.cancel();
      expect(yield* turnsUntilDone(tasks, 3)).toBeLessThanOrEqual(3);
      expect(tasks.every((task) => task.cancelled())).toBe(true);
      if (place !== null) expect(String(place)).not.toMatch(/waiters:[1-9]\d*\]|getters|putters/);
      expect(loop.time()).toBe(0);
    });
  });

  test("in gather(): one cancel() cancels all of them, and it ends when they have [S123]", () => {
    program(function* () {
      let ended = 0;
      const all = gather(
        Array.from({ length: MANY }, function* () {
          try {
            yield* sleep(1000);
          } finally {
            ended += 1;
          }
        }),
      );
      yield;
      yield;
      all.cancel();
      try {
        yield* all;
      } catch (error) {
        expect(error).toBeInstanceOf(CancelledError);
      }
      expect([ended, all.done()]).toEqual([MANY, true]);
    });
  });

  test("every second one, at a Queue: the items go to the others, in order [S207]", () => {
    program(function* () {
      const queue = new Queue<number>();
      const tasks = tasksOf(() => queue.get());
      yield;
      for (let i = 0; i < MANY; i += 2) tasks[i]?.cancel();
      for (let item = 0; item < MANY / 2; item++) queue.putNowait(item);
      const others = tasks.filter((_, i) => i % 2 === 1);
      const got = yield* gather(others);
      expect(got.every((item, i) => item === i)).toBe(true);
      expect(String(queue)).toBe(`<Queue maxsize=0 qsize=0 unfinished=${MANY / 2}>`);
    });
  });

  test("at a Queue that is shut down: all end with QueueShutDown [S213]", () => {
    program(function* () {
      const queue = new Queue<number>();
      const tasks = tasksOf(() => queue.get(), MANY / 10); // each makes an error with a stack
      yield;
      queue.shutdown();
      const results = yield* gather(tasks, { returnExceptions: true });
      expect(results.every((result) => result instanceof QueueShutDown)).toBe(true);
    });
  });
});

/** How often a program asks futures for their state: what a search through those that wait consists of. */
function looksOf(main: (loop: VirtualEventLoop) => Coroutine<unknown>): number {
  const spies = [vi.spyOn(Future.prototype, "done"), vi.spyOn(Future.prototype, "cancelled")];
  try {
    program(main);
    return spies.map((spy) => spy.mock.calls.length).reduce((a, b) => a + b);
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

const programs: [what: string, main: (count: number) => Coroutine<unknown>][] = [
  ...places.map(([where, make]): (typeof programs)[number] => [
    `cancelling all who wait at ${where}`,
    function* (count) {
      const [, waiting] = make(count);
      const tasks = tasksOf(waiting, count);
      yield;
      yield;
      for (const task of tasks) task.cancel();
      while (allTasks().size > 1) yield;
    },
  ]),
  ...places.map(([where, make]): (typeof programs)[number] => [
    `cancelling all who wait at ${where}, one in each turn`,
    function* (count) {
      const [, waiting] = make(count);
      const tasks = tasksOf(waiting, count);
      yield;
      yield;
      for (const task of tasks) {
        task.cancel();
        yield;
      }
    },
  ]),
  [
    "as many calls of Condition.notify() as there are waiters, in one turn",
    function* (count) {
      const condition = new Condition();
      const tasks = tasksOf(() => asyncWith(condition, () => condition.wait()), count);
      yield;
      yield* asyncWith(condition, function* () {
        for (let i = 0; i < count; i++) condition.notify();
      });
      yield* gather(tasks);
    },
  ],
  [
    "as many calls of Semaphore.release() as there are waiters, in one turn",
    function* (count) {
      const semaphore = new Semaphore(0);
      const tasks = tasksOf(() => semaphore.acquire(), count);
      yield;
      for (let i = 0; i < count; i++) semaphore.release();
      yield* gather(tasks);
    },
  ],
  [
    "as many items as there are getters, in one turn",
    function* (count) {
      const queue = new Queue<number>();
      const tasks = tasksOf(() => queue.get(), count);
      yield;
      for (let i = 0; i < count; i++) queue.putNowait(i);
      yield* gather(tasks);
    },
  ],
  [
    "newcomers at a Lock whose waiters have been cancelled in this turn",
    function* (count) {
      const lock = new Lock();
      yield* lock.acquire();
      const tasks = tasksOf(() => lock.acquire(), count);
      yield;
      const newcomers = tasksOf(() => asyncWith(lock, function* () {}), count);
      for (const task of tasks) task.cancel();
      lock.release();
      yield* gather(newcomers);
    },
  ],
];

test.each(programs)("twice as many take twice as much work, and no more: %s", (_what, main) => {
  const [once, twice] = [looksOf(() => main(500)), looksOf(() => main(1000))];
  expect(twice).toBeLessThan(2.5 * once + 100);
});
