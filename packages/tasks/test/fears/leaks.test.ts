// What is over leaves nothing behind: no waiter in a primitive, no callback on a future that lives longer, no timer, nothing that
// keeps a task, an item or an error from being collected. Those that can be collected are watched through WeakRefs.
import type { Coroutine } from "@aioloop/loop";
import { Future, isfuture } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import {
  allTasks,
  asCompleted,
  asyncWith,
  coroutine,
  createTask,
  Event,
  gather,
  LifoQueue,
  Lock,
  moveOnAfter,
  PriorityQueue,
  Queue,
  Semaphore,
  shield,
  sleep,
  TaskGroup,
  timeout,
  VirtualEventLoop,
  wait,
  waitFor,
} from "@aioloop/tasks";
import { beforeAll, describe, expect, test } from "vitest";
import { collectGarbage, errorOf, program, textOf } from "../helpers.ts";
import type { Operation, Scene } from "./operations.ts";
import { operations } from "./operations.ts";

function* turns(count: number): Coroutine<void> {
  for (; count > 0; count--) yield;
}

/** Callbacks, and notes of who waits for it. */
function leftOn(future: Future<unknown>): [callbacks: number, awaitedBy: number] {
  const awaitedBy = future._rare?.awaitedBy ?? [];
  return [future._runnables().length, isfuture(awaitedBy) ? 1 : [...awaitedBy].length];
}

/** Tasks that have waited at the operation and were cancelled, one after the other; nobody holds them. */
function* cancelledAt(
  operation: Operation,
  scene: Scene,
  count: number,
): Coroutine<WeakRef<Task<unknown>>[]> {
  const tasks: WeakRef<Task<unknown>>[] = [];
  for (; count > 0; count--) {
    const task = createTask(scene.begin());
    yield* turns(8);
    if (scene.arrange !== undefined) yield* scene.arrange();
    task.cancel();
    if (operation.lingers === true && scene.complete !== undefined) yield* scene.complete();
    yield* turns(8);
    tasks.push(new WeakRef<Task<unknown>>(task));
  }
  return tasks;
}

const waiting = operations
  .filter(({ endsBy }) => endsBy !== "itself")
  .map((operation) => [operation.name, operation] as const);

describe("what was cancelled while it waited leaves nothing on what it waited for", () => {
  // One collection for all of them: it is what takes time here.
  const left = new Map<Operation, number>();
  beforeAll(async () => {
    const all = waiting.map(([, operation]) => {
      const loop = new VirtualEventLoop();
      const scene = loop.runUntilComplete(operation.scene(loop));
      const tasks = loop.runUntilComplete(cancelledAt(operation, scene, 3));
      loop.runUntilComplete(sleep(1));
      return { operation, loop, scene, tasks };
    });
    await collectGarbage();
    for (const { operation, loop, scene, tasks } of all) {
      const { begin } = scene; // what it waited for is still there
      expect(begin).toBeTypeOf("function");
      left.set(operation, tasks.filter((task) => task.deref() !== undefined).length);
      loop.close();
    }
  });

  test.each(waiting)("%s: the tasks can be collected, though all else lives on", (_name, operation) => {
    expect(left.get(operation)).toBe(0);
  });

  const onFutures = operations.filter(({ goesOn, endsBy }) => goesOn !== true && endsBy === undefined);

  test.each(onFutures.map((operation) => [operation.name, operation] as const))(
    "%s: a future has no more callbacks, and no more notes of who awaits it, after ten than after one",
    (_name, operation) => {
      program(function* (loop) {
        const scene = yield* operation.scene(loop);
        const { kept } = scene;
        if (!isfuture(kept)) return; // then it is a primitive: cancel-everywhere looks at what it shows
        yield* cancelledAt(operation, scene, 1);
        if (kept.done()) return; // it was cancelled with its task
        if (allTasks().size > 1) {
          if (scene.complete !== undefined) yield* scene.complete();
          return; // it has to be waited for
        }
        const once = leftOn(kept);
        expect(once[0]).toBeLessThanOrEqual(1);
        yield* cancelledAt(operation, scene, 9);
        expect(leftOn(kept)).toEqual(once);
      });
    },
  );
});

describe("futures that live longer", () => {
  const shared: [what: string, end: string, use: (future: Future<void>) => Coroutine<unknown>][] = [
    ["wait(…, { timeout })", "whose time was over", (future) => wait([future], { timeout: 1 })],
    [
      "wait()",
      "whose other future was first",
      (future) => wait([future, done()], { returnWhen: "FIRST_COMPLETED" }),
    ],
    ["waitFor(shield())", "whose time was over", (future) => errorOf(waitFor(shield(future), 1))],
    [
      "asyncWith(moveOnAfter())",
      "whose time was over",
      (future) => asyncWith(moveOnAfter(1), () => wait([future])),
    ],
    ["gather()", "in which another one failed", (future) => errorOf(gather([future, failing()]))],
    [
      "gather(…, { limit: 2 })",
      "in which another one failed",
      (future) => errorOf(gather([future, failing()], { limit: 2 })),
    ],
    [
      "for of asCompleted(…, { timeout })",
      "whose time was over",
      (future) =>
        errorOf(
          (function* () {
            for (const one of asCompleted([future], { timeout: 1 })) yield* one;
          })(),
        ),
    ],
  ];

  function done(): Future<void> {
    const future = new Future<void>();
    future.setResult();
    return future;
  }

  function* failing(): Coroutine<void> {
    throw new Error("the other one");
  }

  test.each(shared)("%s %s leaves at most one callback on a future, however often", (_what, _end, use) => {
    program(function* (loop) {
      const future = loop.createFuture<void>();
      yield* use(future);
      yield;
      const once = leftOn(future);
      expect(once[0]).toBeLessThanOrEqual(1);
      for (let again = 0; again < 9; again++) {
        yield* use(future);
        yield;
      }
      expect(leftOn(future)).toEqual(once);
      expect(timersOf(loop)).toBe(0);
      future.setResult();
      yield;
    });
  });

  test("a future that is done holds no callback, and what was added to it later is gone when it has run", () => {
    program(function* (loop) {
      const future = loop.createFuture<void>();
      for (let i = 0; i < 3; i++) future.addDoneCallback(() => {});
      future.setResult();
      yield;
      future.addDoneCallback(() => {});
      yield;
      expect(leftOn(future)[0]).toBe(0);
    });
  });
});

/** Timers that would still run. */
function timersOf(loop: VirtualEventLoop): number {
  return [...loop._scheduled].filter((timer) => !timer.cancelled()).length;
}

describe("timers", () => {
  const used: [what: string, use: () => Coroutine<unknown>][] = [
    ["waitFor()", () => waitFor(sleep(0), 1000)],
    ["asyncWith(timeout())", () => asyncWith(timeout(1000), () => sleep(0))],
    ["asyncWith(moveOnAfter())", () => asyncWith(moveOnAfter(1000), () => sleep(0))],
    ["wait(…, { timeout })", () => wait([createTask(sleep(0))], { timeout: 1000 })],
    [
      "asCompleted(…, { timeout })",
      function* () {
        for (const one of asCompleted([sleep(0)], { timeout: 1000 })) yield* one;
      },
    ],
    [
      "sleep()",
      function* () {
        const task = createTask(sleep(1000));
        yield;
        task.cancel();
        yield* errorOf(task);
      },
    ],
  ];

  test.each(used)(
    "%s that did not need its timer leaves none, and the heap does not grow [S6 S112]",
    (_what, use) => {
      program(function* (loop) {
        for (let i = 0; i < 1000; i++) yield* use();
        expect(timersOf(loop)).toBe(0);
        expect(loop._scheduled.length).toBeLessThan(300);
        expect(loop.time()).toBe(0);
      });
    },
  );

  test("a cancelled timer that is kept lets go of its callback and its arguments at once [S46]", async () => {
    const loop = new VirtualEventLoop();
    const [timer, callback, argument] = (() => {
      const argument = { large: true };
      const callback = (given: object) => given;
      const made = loop.callLater(1000, callback, argument);
      return [made, new WeakRef(callback), new WeakRef(argument)] as const;
    })();
    timer.cancel();
    await collectGarbage();
    expect([callback.deref(), argument.deref()]).toEqual([undefined, undefined]);
    expect(timer.cancelled()).toBe(true);
    loop.close();
  });
});

/** Runs `make` in a loop that stays open, and gives what it keeps and weak references to what it lets go. */
async function lettingGo<K, const G extends readonly WeakRef<WeakKey>[]>(
  make: (loop: VirtualEventLoop) => Coroutine<{ kept: K; gone: G }>,
): Promise<{ kept: K; gone: unknown[] }> {
  const loop = new VirtualEventLoop();
  const { kept, gone } = loop.runUntilComplete(make(loop));
  loop.runUntilComplete(sleep(1)); // a loop that has not had time holds exceptions that were thrown lately
  await collectGarbage();
  const left = gone.map((one) => one.deref());
  loop.close();
  return { kept, gone: left };
}

/** Something that somebody may hold too long. */
class Item {
  readonly name = "item";
}

describe("what is kept holds no more than it has to", () => {
  test("a TaskGroup that has ended holds neither its parent nor its children nor their errors [S174]", async () => {
    const { kept, gone } = await lettingGo(function* () {
      const group = new TaskGroup();
      const errors: WeakRef<Error>[] = [];
      const children: WeakRef<Task<unknown>>[] = [];
      const parent = createTask(
        errorOf(
          asyncWith(group, function* () {
            for (let i = 0; i < 3; i++) {
              children.push(
                new WeakRef<Task<unknown>>(
                  group.createTask(
                    (function* () {
                      const error = new Error("child");
                      errors.push(new WeakRef(error));
                      throw error;
                    })(),
                  ),
                ),
              );
            }
          }),
        ),
      );
      const gone = [new WeakRef<Task<unknown>>(parent)];
      yield* wait([parent]);
      return { kept: group, gone: [...gone, ...children, ...errors] };
    });
    expect(gone.map((one) => one === undefined)).toEqual(new Array(7).fill(true));
    expect(String(kept)).toBe("<TaskGroup finished>");
  });

  test("a Lock forgets who held it, a Semaphore who waited, an Event who was woken", async () => {
    const { kept, gone } = await lettingGo(function* () {
      const [lock, semaphore, event] = [new Lock(), new Semaphore(1), new Event()];
      const tasks = Array.from({ length: 3 }, () =>
        createTask(
          (function* () {
            yield* asyncWith(lock, () => sleep(1));
            yield* asyncWith(semaphore, () => sleep(1));
            yield* event.wait();
          })(),
        ),
      );
      const gone = tasks.map((task) => new WeakRef<Task<unknown>>(task));
      yield* sleep(10);
      event.set();
      yield* gather(tasks.splice(0));
      return { kept: [lock, semaphore, event], gone };
    });
    expect(gone).toEqual([undefined, undefined, undefined]);
    expect(kept.map(String)).toEqual([
      "<Lock [unlocked]>",
      "<Semaphore [unlocked, value:1]>",
      "<Event [set]>",
    ]);
  });

  const queues: [name: string, make: () => Queue<Item>][] = [
    ["Queue", () => new Queue()],
    ["LifoQueue", () => new LifoQueue()],
    ["PriorityQueue", () => new PriorityQueue(0, { compare: () => 0 })],
  ];

  test.each(queues)(
    "%s does not hold the items that were taken, nor those that shutdown(true) dropped",
    async (_name, make) => {
      const { kept, gone } = await lettingGo(function* () {
        const queue = make();
        const gone: WeakRef<Item>[] = [];
        const put = () => {
          const item = new Item();
          gone.push(new WeakRef(item));
          queue.putNowait(item);
        };
        for (let i = 0; i < 10; i++) put();
        for (let i = 0; i < 9; i++) queue.getNowait();
        const one = createTask(queue.get());
        yield* one;
        for (let i = 0; i < 10; i++) put();
        queue.shutdown(true);
        return { kept: queue, gone };
      });
      expect(gone.every((one) => one === undefined)).toBe(true);
      expect(kept.qsize()).toBe(0);
    },
  );

  test("a task that has ended holds its result, and nothing of what its coroutines held", async () => {
    const { kept, gone } = await lettingGo(function* () {
      const gone: WeakRef<Item>[] = [];
      const make = () => {
        const item = new Item();
        gone.push(new WeakRef(item));
        return item;
      };
      const inner = coroutine(function* inner(): Coroutine<string> {
        const item = make();
        yield* sleep(1);
        return item.name;
      });
      function* plain(): Coroutine<string> {
        const item = make();
        const name = yield* inner();
        return name + item.name;
      }
      const tasks = [createTask(plain()), createTask(inner())];
      yield* gather(tasks);
      const cancelled = [createTask(plain()), createTask(inner())];
      yield;
      for (const task of cancelled) task.cancel();
      yield* wait(cancelled);
      return { kept: [...tasks, ...cancelled], gone };
    });
    expect(gone.every((one) => one === undefined)).toBe(true);
    expect(kept.map((task) => task.cancelled())).toEqual([false, false, true, true]);
  });

  test("a task that failed is collected once its exception has been retrieved, though nobody looked at the stack", async () => {
    const { kept, gone } = await lettingGo(function* () {
      const errors: unknown[] = [];
      const gone: WeakRef<Task<unknown>>[] = [];
      for (let i = 0; i < 3; i++) {
        const task = createTask(
          (function* (): Coroutine<void> {
            yield;
            throw new Error("retrieved");
          })(),
        );
        gone.push(new WeakRef<Task<unknown>>(task));
        const error = yield* errorOf(task);
        if (i === 0) errors.push(textOf(error));
      }
      return { kept: errors, gone };
    });
    expect(gone).toEqual([undefined, undefined, undefined]);
    expect(kept).toEqual(["Error: retrieved"]);
  });

  test("a loop that always has something to do lets go of exceptions that were retrieved", () => {
    const loop = new VirtualEventLoop();
    loop.runUntilComplete(
      (function* () {
        const busy = createTask(
          (function* () {
            for (;;) yield;
          })(),
        );
        for (let i = 0; i < 5000; i++) {
          yield* errorOf(
            createTask(
              (function* (): Coroutine<void> {
                throw new Error("retrieved");
              })(),
            ),
          );
        }
        busy.cancel();
      })(),
    );
    expect(loop._failures.size).toBe(0);
    expect(loop._freshFailures.length).toBeLessThan(1000);
    loop.close();
  });
});
