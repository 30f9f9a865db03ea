import type { Awaitable, Coroutine, Future } from "@aioloop/loop";
import { ensureFuture, wrapFuture } from "@aioloop/loop";
import type { Manager, MoveOn, Task } from "@aioloop/tasks";
import {
  abortable,
  asCompleted,
  asyncFor,
  asyncWith,
  Barrier,
  BlockingEventLoop,
  cancelAndWait,
  coroutine,
  createTask,
  gather,
  HostEventLoop,
  Lock,
  moveOnAfter,
  PriorityQueue,
  Queue,
  Runner,
  run,
  shield,
  sleep,
  staggeredRace,
  TaskGroup,
  timeout,
  VirtualEventLoop,
  wait,
  waitFor,
} from "@aioloop/tasks";
import { describe, expectTypeOf, test } from "vitest";

// Types are checked by tsc; nothing here needs to run, so nothing is.
function* word(): Coroutine<string> {
  return "word";
}
const number = coroutine(function* (from: number) {
  yield* sleep(1);
  return from;
});
const flag = {} as Future<boolean>;
const promise = {} as Promise<Date>;
const typed = (_body: () => unknown): void => {};

describe("types", () => {
  test("`yield*` infers what is awaited", () => {
    typed(function* () {
      expectTypeOf(yield* word()).toEqualTypeOf<string>();
      expectTypeOf(yield* number(1)).toEqualTypeOf<number>();
      expectTypeOf(yield* flag).toEqualTypeOf<boolean>();
      expectTypeOf(yield* wrapFuture(promise)).toEqualTypeOf<Date>();
      expectTypeOf(yield* createTask(word())).toEqualTypeOf<string>();
      expectTypeOf(yield* ensureFuture(promise)).toEqualTypeOf<Date>();
      expectTypeOf(yield* sleep(1)).toEqualTypeOf<void>();
      expectTypeOf(yield* sleep(1, "result")).toEqualTypeOf<string>();
      expectTypeOf(yield* abortable(() => promise)).toEqualTypeOf<Date>();
    });
  });

  test("createTask() gives a Task of the coroutine's result, whether plain or framed", () => {
    typed(() => {
      expectTypeOf(createTask(word())).toEqualTypeOf<Task<string>>();
      expectTypeOf(createTask(number(1))).toEqualTypeOf<Task<number>>();
      // @ts-expect-error a promise is no coroutine
      createTask(promise);
      // @ts-expect-error a function is no coroutine
      createTask(word);
    });
  });

  test("coroutine() keeps parameters, generics and `this`", () => {
    expectTypeOf(number).parameters.toEqualTypeOf<[from: number]>();
    expectTypeOf(number).returns.toEqualTypeOf<Coroutine<number>>();
    const first = coroutine(function* <T>(items: readonly T[]) {
      yield* sleep(1);
      return items[0];
    });
    const bound = coroutine(function* (this: { limit: number }, text: string) {
      yield;
      return text.length < this.limit;
    });
    typed(function* () {
      expectTypeOf(yield* first(["a"])).toEqualTypeOf<string | undefined>();
      expectTypeOf(yield* bound.call({ limit: 1 }, "a")).toEqualTypeOf<boolean>();
      // @ts-expect-error it needs its `this`
      bound("a");
    });
  });

  test("gather() gives a tuple for a tuple, an array for an iterable", () => {
    typed(function* () {
      expectTypeOf(gather([word(), number(1), flag, promise])).toEqualTypeOf<
        Future<[string, number, boolean, Date]>
      >();
      const [text, count] = yield* gather([word(), number(1)]);
      expectTypeOf(text).toEqualTypeOf<string>();
      expectTypeOf(count).toEqualTypeOf<number>();
      expectTypeOf(yield* gather([1, 2].map((from) => number(from)))).toEqualTypeOf<number[]>();
      expectTypeOf(yield* gather(new Set([word()]))).toEqualTypeOf<string[]>();
      expectTypeOf(gather([])).toEqualTypeOf<Future<[]>>();
    });
  });

  test("gather(…, { returnExceptions: true }) adds Error to each result", () => {
    typed(function* () {
      expectTypeOf(yield* gather([word(), number(1)], { returnExceptions: true })).toEqualTypeOf<
        [string | Error, number | Error]
      >();
      expectTypeOf(yield* gather(new Set([word()]), { returnExceptions: true })).toEqualTypeOf<
        (string | Error)[]
      >();
      expectTypeOf(yield* gather([word()], { returnExceptions: false })).toEqualTypeOf<[string]>();
    });
  });

  test("wait() gives sets of what it was given, and takes no coroutines or promises", () => {
    typed(function* () {
      const [done, pending] = yield* wait([createTask(word()), createTask(word())], { timeout: 1 });
      expectTypeOf(done).toEqualTypeOf<Set<Task<string>>>();
      expectTypeOf(pending).toEqualTypeOf<Set<Task<string>>>();
      // @ts-expect-error no coroutines
      yield* wait([word()]);
      // @ts-expect-error no promises
      yield* wait([promise]);
      // @ts-expect-error one of the three words
      yield* wait([flag], { returnWhen: "ANY" });
    });
  });

  test("waitFor() and shield() give the result of what they are given", () => {
    typed(function* () {
      expectTypeOf(yield* waitFor(word(), 1)).toEqualTypeOf<string>();
      expectTypeOf(yield* waitFor(promise, null)).toEqualTypeOf<Date>();
      expectTypeOf(shield(word())).toEqualTypeOf<Future<string>>();
      expectTypeOf(yield* shield(promise)).toEqualTypeOf<Date>();
      // @ts-expect-error the time is said, even if there is none
      yield* waitFor(word());
    });
  });

  test("asCompleted() gives coroutines in `for`, futures in asyncFor", () => {
    typed(function* () {
      for (const next of asCompleted([word(), word()])) {
        expectTypeOf(next).toEqualTypeOf<Coroutine<string>>();
      }
      yield* asyncFor(asCompleted([word()]), function* (future) {
        expectTypeOf(future).toEqualTypeOf<Future<string>>();
      });
    });
  });

  test("asyncWith() gives the block the manager's value, and its caller the block's", () => {
    typed(function* () {
      const manager = {} as Manager<Date>;
      const result = yield* asyncWith(manager, function* (value) {
        expectTypeOf(value).toEqualTypeOf<Date>();
        return (yield* word()).length;
      });
      expectTypeOf(result).toEqualTypeOf<number>();
      expectTypeOf(yield* asyncWith(timeout(1), () => word())).toEqualTypeOf<string>();
    });
  });

  test("asyncFor() gives the items of native async iterables too", () => {
    typed(function* () {
      yield* asyncFor({} as AsyncIterable<bigint>, function* (item) {
        expectTypeOf(item).toEqualTypeOf<bigint>();
      });
    });
  });

  test("run() gives the value on synchronous loops, a promise on host loops", () => {
    typed(() => {
      expectTypeOf(run(word())).toEqualTypeOf<Promise<string>>();
      expectTypeOf(run(word(), { debug: true })).toEqualTypeOf<Promise<string>>();
      expectTypeOf(run(word(), { loopFactory: () => new HostEventLoop() })).toEqualTypeOf<Promise<string>>();
      expectTypeOf(run(word(), { loopFactory: () => new VirtualEventLoop() })).toEqualTypeOf<string>();
      expectTypeOf(run(word(), { loopFactory: () => new BlockingEventLoop() })).toEqualTypeOf<string>();
      expectTypeOf(run(flag)).toEqualTypeOf<Promise<boolean>>();
      // @ts-expect-error a promise has no place there
      run(promise);
      // @ts-expect-error call it
      run(word);
    });
  });

  test("Runner.run() and close() follow the kind of its loop", () => {
    typed(() => {
      const virtual = new Runner({ loopFactory: () => new VirtualEventLoop() });
      expectTypeOf(virtual.run(word())).toEqualTypeOf<string>();
      expectTypeOf(virtual.getLoop()).toEqualTypeOf<VirtualEventLoop>();
      const hosted = new Runner();
      expectTypeOf(hosted.run(word())).toEqualTypeOf<Promise<string>>();
      expectTypeOf(hosted.close()).toEqualTypeOf<Promise<void>>();
    });
  });

  test("runUntilComplete() of the loops: a value or a promise", () => {
    typed(() => {
      expectTypeOf(new VirtualEventLoop().runUntilComplete(word())).toEqualTypeOf<string>();
      expectTypeOf(new HostEventLoop().runUntilComplete(promise)).toEqualTypeOf<Promise<Date>>();
    });
  });

  test("a Task is an Awaitable, in coroutines and in async functions", () => {
    typed(async () => {
      const task = {} as Task<string>;
      expectTypeOf(task).toExtend<Awaitable<string>>();
      expectTypeOf(await task).toEqualTypeOf<string>();
      expectTypeOf(task.result()).toEqualTypeOf<string>();
    });
  });

  test("asyncWith() gives the block what the manager enters with", () => {
    typed(function* () {
      yield* asyncWith(new TaskGroup(), function* (group) {
        expectTypeOf(group).toEqualTypeOf<TaskGroup>();
      });
      yield* asyncWith(new Barrier(2), function* (index) {
        expectTypeOf(index).toEqualTypeOf<number>();
      });
      yield* asyncWith(new Lock(), function* (nothing) {
        expectTypeOf(nothing).toEqualTypeOf<void>();
      });
      yield* asyncWith(moveOnAfter(1), function* (scope) {
        expectTypeOf(scope).toEqualTypeOf<MoveOn>();
      });
    });
  });

  test("TaskGroup.createTask() and start() give what the coroutine, and status.started(), are given", () => {
    typed(function* () {
      const group = new TaskGroup();
      expectTypeOf(group.createTask(word())).toEqualTypeOf<Task<string>>();
      const port = yield* group.start<number>(function* (status) {
        status.started(80);
        // @ts-expect-error the port is a number
        status.started("80");
      });
      expectTypeOf(port).toEqualTypeOf<number>();
      yield* group.start(function* (status) {
        status.started();
      });
    });
  });

  test("a Queue knows its items, and a PriorityQueue's comparison too", () => {
    typed(function* () {
      const queue = new PriorityQueue<{ at: number }>(0, { compare: (a, b) => a.at - b.at });
      expectTypeOf(yield* queue.get()).toEqualTypeOf<{ at: number }>();
      // @ts-expect-error no item of this queue
      queue.putNowait(1);
      yield* asyncFor(new Queue<string>(), function* (item) {
        expectTypeOf(item).toEqualTypeOf<string>();
      });
    });
  });

  test("limits change no types, and take a generator of coroutines", () => {
    typed(function* () {
      function* numbers() {
        for (let i = 0; i < 3; i++) yield number(i);
      }
      expectTypeOf(yield* gather(numbers(), { limit: 2 })).toEqualTypeOf<number[]>();
      expectTypeOf(yield* gather([word(), number(1)], { limit: 2 })).toEqualTypeOf<[string, number]>();
      yield* asyncFor(asCompleted(numbers(), { limit: 2 }), function* (future) {
        expectTypeOf(future).toEqualTypeOf<Future<number>>();
      });
    });
  });

  test("cancelAndWait() says whether, staggeredRace() who and what", () => {
    typed(function* () {
      expectTypeOf(yield* cancelAndWait(createTask(word()))).toEqualTypeOf<boolean>();
      const [result, index, exceptions] = yield* staggeredRace([word, word], 1);
      expectTypeOf(result).toEqualTypeOf<string | null>();
      expectTypeOf(index).toEqualTypeOf<number | null>();
      expectTypeOf(exceptions).toEqualTypeOf<unknown[]>();
    });
  });
});
