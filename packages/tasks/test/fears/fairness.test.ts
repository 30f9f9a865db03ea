// Nobody starves. Ten thousand contend for each thing that can be waited for; all are served, in the order in which they came
// where that is promised, and within as many turns as it takes to serve those before them.
import type { Coroutine } from "@aioloop/loop";
import { SyncEventLoop } from "@aioloop/loop";
import type { Task, TaskConstructorOptions } from "@aioloop/tasks";
import {
  asyncWith,
  Barrier,
  BoundedSemaphore,
  Condition,
  createTask,
  Event,
  gather,
  Lock,
  PriorityQueue,
  Queue,
  run,
  Semaphore,
  sleep,
  Task as TaskClass,
} from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { program } from "../helpers.ts";

const MANY = 10_000;

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Counts the turns: a task that gives way takes one step in each. */
class Turns {
  count = 0;
  readonly #task: Task<never>;

  constructor() {
    this.#task = createTask(this.#run());
  }

  *#run(): Coroutine<never> {
    for (; ; yield) this.count += 1;
  }

  stop(): void {
    this.#task.cancel();
  }
}

/** Who was served, in order, and in which turn. */
class Served {
  readonly order: number[] = [];
  readonly turns: number[] = [];
  readonly #turns: Turns;

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  add(who: number): void {
    this.order.push(who);
    this.turns.push(this.#turns.count);
  }

  /** The longest time without anybody being served, in turns. */
  get longestPause(): number {
    return this.turns.reduce((most, turn, i) => Math.max(most, turn - (this.turns[i - 1] ?? turn)), 0);
  }
}

/** Each contender comes this often, and holds what it got for a turn. */
const ROUNDS = 3;

const holders: [name: string, make: () => { acquire(): Coroutine<true>; release(): void }, places: number][] =
  [
    ["Lock", () => new Lock(), 1],
    ["Condition", () => new Condition(), 1],
    ["Semaphore(1)", () => new Semaphore(1), 1],
    ["Semaphore(7)", () => new Semaphore(7), 7],
    ["BoundedSemaphore(100)", () => new BoundedSemaphore(100), 100],
  ];

describe("whoever waits for a place gets it", () => {
  test.each(holders)(
    "%s: 10,000 contenders are served in order, again and again, without a turn in which nobody is [S183 S195 S196]",
    (_name, make, places) => {
      program(function* () {
        const thing = make();
        const turns = new Turns();
        const served = new Served(turns);
        function* contender(who: number) {
          for (let round = 0; round < ROUNDS; round++) {
            yield* thing.acquire();
            served.add(who);
            yield;
            thing.release();
          }
        }
        yield* gather(numbers(MANY).map(contender));
        turns.stop();
        expect(served.order).toEqual(numbers(ROUNDS).flatMap(() => numbers(MANY)));
        expect(served.longestPause).toBeLessThanOrEqual(2);
        expect(turns.count).toBeLessThanOrEqual((2 * ROUNDS * MANY) / places + 10);
      });
    },
  );

  test("Lock: one that acquires it again as soon as it has released it waits behind all others [S183]", () => {
    program(function* () {
      const lock = new Lock();
      let greedy = 0;
      const before: number[] = [];
      const hog = createTask(
        (function* () {
          for (;;) {
            yield* asyncWith(lock, function* () {
              greedy += 1;
              yield;
            });
          }
        })(),
      );
      yield;
      yield* gather(
        numbers(MANY).map(function* () {
          yield* asyncWith(lock, function* () {
            before.push(greedy);
          });
        }),
      );
      hog.cancel();
      expect(new Set(before).size).toBe(1);
    });
  });
});

describe("whoever waits for a sign gets it", () => {
  test("Event: set() wakes 10,000 waiters in one turn, in order, though it is cleared at once [S188]", () => {
    program(function* () {
      const event = new Event();
      const turns = new Turns();
      const served = new Served(turns);
      const tasks = numbers(MANY).map((who) =>
        createTask(
          (function* () {
            yield* event.wait();
            served.add(who);
          })(),
        ),
      );
      yield;
      event.set();
      event.clear();
      yield* gather(tasks);
      turns.stop();
      expect(served.order).toEqual(numbers(MANY));
      expect(new Set(served.turns).size).toBe(1);
    });
  });

  test("Condition: each notify() serves the one who has waited longest; notifyAll() serves all in order [S192]", () => {
    program(function* () {
      const condition = new Condition();
      const turns = new Turns();
      const served = new Served(turns);
      const tasks = numbers(MANY).map((who) =>
        createTask(
          asyncWith(condition, function* () {
            yield* condition.wait();
            served.add(who);
          }),
        ),
      );
      yield;
      for (let single = 1; single <= 100; single++) {
        yield* asyncWith(condition, function* () {
          condition.notify();
        });
        yield;
        expect(served.order).toHaveLength(single);
      }
      yield* asyncWith(condition, function* () {
        condition.notifyAll();
      });
      yield* gather(tasks);
      turns.stop();
      expect(served.order).toEqual(numbers(MANY));
      expect(served.longestPause).toBeLessThanOrEqual(2);
    });
  });

  test("Condition.waitFor(): a token for each turn goes to whoever has waited longest, and wakes nobody else [S192 S194]", () => {
    program(function* () {
      const condition = new Condition();
      let tokens = 0;
      let looks = 0;
      const order: number[] = [];
      const tasks = numbers(MANY).map((who) =>
        createTask(
          asyncWith(condition, function* () {
            yield* condition.waitFor(() => {
              looks += 1;
              return tokens > 0;
            });
            tokens -= 1;
            order.push(who);
          }),
        ),
      );
      yield;
      for (let given = 0; given < MANY; given++) {
        yield* asyncWith(condition, function* () {
          tokens += 1;
          condition.notify();
        });
        yield;
      }
      yield* gather(tasks);
      expect(order).toEqual(numbers(MANY));
      expect(looks).toBe(2 * MANY);
    });
  });

  test("Barrier: 10,000 come again and again, and none passes twice more often than another [S200 S201]", () => {
    program(function* () {
      const barrier = new Barrier(1000);
      const passed: number[] = numbers(MANY).map(() => 0);
      let most = 0;
      yield* gather(
        numbers(MANY).map(function* (who) {
          for (let round = 1; round <= ROUNDS; round++) {
            yield* barrier.wait();
            passed[who] = round;
            if (round > most) {
              most = round;
              expect(Math.min(...passed)).toBeGreaterThanOrEqual(round - 2);
            }
          }
        }),
      );
      expect(passed.every((count) => count === ROUNDS)).toBe(true);
    });
  });
});

describe("whoever waits at a queue is served", () => {
  test("Queue.get(): 10,000 getters, an item a turn: each gets one in order, again and again [S206]", () => {
    program(function* () {
      const queue = new Queue<number>();
      const turns = new Turns();
      const served = new Served(turns);
      const getters = numbers(MANY).map((who) =>
        createTask(
          (function* () {
            for (let round = 0; round < ROUNDS; round++) {
              expect(yield* queue.get()).toBe(round * MANY + who);
              served.add(who);
            }
          })(),
        ),
      );
      yield;
      for (const item of numbers(ROUNDS * MANY)) {
        queue.putNowait(item);
        yield;
      }
      yield* gather(getters);
      turns.stop();
      expect(served.order).toEqual(numbers(ROUNDS).flatMap(() => numbers(MANY)));
      expect(served.longestPause).toBeLessThanOrEqual(2);
    });
  });

  test("Queue.put(): 10,000 putters, room for one a turn: their items come in order, again and again [S208]", () => {
    program(function* () {
      const queue = new Queue<number>(1);
      queue.putNowait(0); // all of them are to wait
      const putters = numbers(MANY).map((who) =>
        createTask(
          (function* () {
            for (let round = 0; round < ROUNDS; round++) yield* queue.put(who);
          })(),
        ),
      );
      yield;
      queue.getNowait();
      const items: number[] = [];
      while (items.length < ROUNDS * MANY) items.push(yield* queue.get());
      yield* gather(putters);
      expect(items).toEqual(numbers(ROUNDS).flatMap(() => numbers(MANY)));
    });
  });

  test("PriorityQueue.put(): equal items come out in the order in which 10,000 putters came [S208]", () => {
    program(function* () {
      const order: number[] = [];
      const queue = new PriorityQueue<[number, number]>(100, { compare: ([a], [b]) => a - b });
      const putters = numbers(MANY).map((who) => createTask(queue.put([0, who])));
      yield;
      while (order.length < MANY) order.push((yield* queue.get())[1]);
      yield* gather(putters);
      expect(order).toEqual(numbers(MANY));
    });
  });

  test("Queue.join(): 10,000 who wait go on in one turn, in order [S212]", () => {
    program(function* () {
      const queue = new Queue<string>();
      const turns = new Turns();
      const served = new Served(turns);
      queue.putNowait("work");
      const waiting = numbers(MANY).map((who) =>
        createTask(
          (function* () {
            yield* queue.join();
            served.add(who);
          })(),
        ),
      );
      yield;
      queue.getNowait();
      queue.taskDone();
      yield* gather(waiting);
      turns.stop();
      expect(served.order).toEqual(numbers(MANY));
      expect(new Set(served.turns).size).toBe(1);
    });
  });
});

describe("whoever is ready gets its turn", () => {
  test("10,000 tasks that give way take one step each, in order, before any takes its next [S1 S13 S84]", () => {
    program(function* () {
      const steps: number[] = numbers(MANY).map(() => 0);
      let wrong = 0;
      let last = MANY - 1;
      yield* gather(
        numbers(MANY).map(function* (who) {
          for (let step = 1; step <= 10; step++) {
            steps[who] = step;
            if (who !== (last + 1) % MANY) wrong += 1;
            last = who;
            yield* sleep(0);
          }
        }),
      );
      expect([wrong, steps.every((count) => count === 10)]).toEqual([0, true]);
    });
  });

  test("10,000 timers of one deadline run in one turn, in the order of scheduling, behind what is ready [S2 S9]", () => {
    program(function* (loop) {
      const turns = new Turns();
      const served = new Served(turns);
      for (const who of numbers(MANY)) loop.callAt(5, () => served.add(who));
      const sleepers = numbers(MANY).map((who) =>
        (function* () {
          yield* sleep(5);
          served.add(MANY + who);
        })(),
      );
      turns.stop();
      yield* gather(sleepers);
      expect(served.order).toEqual(numbers(2 * MANY));
      expect(loop.time()).toBe(5);
    });
  });

  test("a task that goes round and round keeps nobody from a turn: locks, queues, events, due timers [S1]", () => {
    program(function* (loop) {
      const busy = new Turns();
      const lock = new Lock();
      const queue = new Queue<number>();
      const event = new Event();
      const served: string[] = [];
      const note = (what: string) => void served.push(`${what} in turn ${busy.count}`);
      yield* lock.acquire();
      const waiting = [
        (function* () {
          yield* lock.acquire();
          note("lock");
        })(),
        (function* () {
          yield* queue.get();
          note("queue");
        })(),
        (function* () {
          yield* event.wait();
          note("event");
        })(),
      ].map((coro) => createTask(coro));
      while (busy.count < 1000) yield;
      loop.callLater(0, note, "timer");
      loop.callSoon(note, "callback");
      lock.release();
      queue.putNowait(1);
      event.set();
      yield* gather(waiting);
      busy.stop();
      expect(served.sort()).toEqual(
        ["callback", "event", "lock", "queue", "timer"].map((what) => `${what} in turn 1001`),
      );
    });
  });

  test("a task that goes round and round does not stop the clock: timers run at the first turn past their time [S2 S4]", () => {
    const loop = new TickingLoop();
    const late: number[] = [];
    run(
      (function* () {
        const busy = createTask(
          (function* () {
            for (;;) yield* sleep(0);
          })(),
        );
        yield* gather(
          numbers(SLEEPERS).map(function* (who) {
            const due = loop.time() + 1 + who / 10;
            yield* sleep(1 + who / 10);
            late.push(loop.time() - due);
          }),
        );
        busy.cancel();
      })(),
      { loopFactory: () => loop },
    );
    expect(late).toHaveLength(SLEEPERS);
    expect(Math.max(...late)).toBeLessThan((2 * SLEEPERS + 10) * TICK); // no turn looks at the clock more often
  });
});

const TICK = 0.001;
const SLEEPERS = 100;

/** Each look at its clock costs a tick, and nothing else does: time passes as work is done. */
class TickingLoop extends SyncEventLoop {
  constructor() {
    let now = 0;
    const time = () => {
      now += TICK;
      return now;
    };
    const selector = {
      polls: true,
      select(timeout: number | null, deadline: number) {
        if (timeout !== null && timeout > 0) now = Math.max(now, deadline);
        return timeout !== null;
      },
      wakeup() {},
      close() {},
    };
    super({
      debug: false,
      clock: { time, resolution: TICK },
      selector,
      taskFactory: (loop, coro, options) =>
        new TaskClass(coro, { ...options, loop } satisfies TaskConstructorOptions),
    });
  }
}
