// asyncFor over a queue: until it is shut down and empty.
import type { Coroutine } from "@aioloop/loop";
import { CancelledError } from "@aioloop/loop";
import {
  asyncFor,
  BREAK,
  createTask,
  gather,
  LifoQueue,
  PriorityQueue,
  Queue,
  QueueEmpty,
  QueueShutDown,
  sleep,
} from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { endOf, errorOf, program, textOf } from "./helpers.ts";

const kinds: [name: string, Kind: new <T>(maxsize?: number) => Queue<T>, order: number[]][] = [
  ["Queue", Queue, [3, 1, 2]],
  ["LifoQueue", LifoQueue, [2, 1, 3]],
  ["PriorityQueue", PriorityQueue, [1, 2, 3]],
];

test.each(kinds)(
  "asyncFor(%s) gives what is in it, in its order, and ends when it is shut down [S213]",
  (_name, Kind, order) => {
    program(function* () {
      const queue = new Kind<number>();
      for (const item of [3, 1, 2]) queue.putNowait(item);
      queue.shutdown();
      const items: number[] = [];
      expect(
        yield* asyncFor(queue, function* (item) {
          items.push(item);
        }),
      ).toBe(undefined);
      expect([items, String(queue)]).toEqual([
        order,
        String(new Kind()).replace(">", " unfinished=3 shutdown>"),
      ]);
    });
  },
);

describe("asyncFor() over a Queue", () => {
  test("asyncFor(queue) waits for what is put, and takes it as it comes", () => {
    program(function* (loop) {
      const queue = new Queue<string>(1);
      const log: string[] = [];
      createTask(
        (function* () {
          for (const item of ["a", "b", "c"]) {
            yield* queue.put(item);
            yield* sleep(2);
          }
          queue.shutdown();
        })(),
      );
      yield* asyncFor(queue, function* (item) {
        log.push(`${item} at ${loop.time()}`);
        queue.taskDone();
      });
      expect([log, loop.time()]).toEqual([["a at 0", "b at 2", "c at 4"], 6]);
      yield* queue.join();
    });
  });

  test("asyncFor(queue) ends, where it waits, at shutdown()", () => {
    program(function* (loop) {
      const queue = new Queue<string>();
      loop.callLater(5, () => queue.shutdown());
      yield* asyncFor(queue, function* () {
        throw new Error("there was no item");
      });
      expect([loop.time(), String(queue)]).toEqual([5, "<Queue maxsize=0 qsize=0 shutdown>"]);
    });
  });

  test("asyncFor(queue) of a queue that was shut down before, and is empty, is over at once", () => {
    program(function* (loop) {
      const queue = new Queue<string>();
      queue.shutdown();
      let turns = 0;
      loop.callSoon(() => (turns += 1));
      yield* asyncFor(queue, function* () {
        throw new Error("there was no item");
      });
      expect(turns).toBe(0);
    });
  });

  test("asyncFor(queue) after shutdown(true) gives nothing more [S214]", () => {
    program(function* () {
      const queue = new Queue<number>();
      for (let item = 0; item < 5; item++) queue.putNowait(item);
      const items: number[] = [];
      yield* asyncFor(queue, function* (item) {
        items.push(item);
        if (item === 1) queue.shutdown(true);
      });
      expect(items).toEqual([0, 1]);
    });
  });

  test("asyncFor(queue) by several: each item goes to one of them, and all end at shutdown()", () => {
    program(function* () {
      const queue = new Queue<number>();
      const log: string[] = [];
      function* worker(name: string): Coroutine<void> {
        yield* asyncFor(queue, function* (item) {
          log.push(`${name}${item}`);
          yield* sleep(1);
        });
        log.push(`${name} ends`);
      }
      const workers = gather([worker("a"), worker("b"), worker("c")]);
      for (let item = 0; item < 5; item++) yield* queue.put(item);
      yield* sleep(1);
      queue.shutdown();
      yield* workers;
      expect(log).toEqual(["a0", "b1", "c2", "a3", "b4", "c ends", "a ends", "b ends"]);
    });
  });

  test("asyncFor(queue) left with BREAK leaves the rest in the queue, for another loop", () => {
    program(function* () {
      const queue = new Queue<number>();
      for (let item = 0; item < 4; item++) queue.putNowait(item);
      queue.shutdown();
      const items: number[][] = [[], []];
      yield* asyncFor(queue, function* (item) {
        items[0]?.push(item);
        return item === 1 ? BREAK : undefined;
      });
      expect(queue.qsize()).toBe(2);
      yield* asyncFor(queue, function* (item) {
        items[1]?.push(item);
      });
      expect(items).toEqual([
        [0, 1],
        [2, 3],
      ]);
    });
  });

  test("asyncFor(queue): an error of the body passes, a QueueShutDown of its own too", () => {
    program(function* () {
      const queue = new Queue<number>();
      for (let item = 0; item < 4; item++) queue.putNowait(item);
      const error = new Error("of the body");
      const failing = asyncFor(queue, function* () {
        throw error;
      });
      expect(yield* errorOf(failing)).toBe(error);
      const other = new Queue<number>();
      other.shutdown();
      const refused = asyncFor(queue, function* (item) {
        yield* other.put(item);
      });
      expect(yield* errorOf(refused)).toBeInstanceOf(QueueShutDown);
      expect(queue.qsize()).toBe(2);
    });
  });

  test("asyncFor(queue) that is cancelled, where it waits, is cancelled and leaves no getter", () => {
    program(function* () {
      const queue = new Queue<number>();
      const task = createTask(asyncFor(queue, function* () {}));
      yield* sleep(1);
      expect(String(queue)).toBe("<Queue maxsize=0 qsize=0 getters=1>");
      task.cancel();
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
      expect([endOf(task), String(queue)]).toEqual(["cancelled", "<Queue maxsize=0 qsize=0>"]);
      queue.putNowait(1);
      expect(queue.getNowait()).toBe(1);
    });
  });

  test("asyncFor(queue) gives items that are undefined, null or false", () => {
    program(function* () {
      const queue = new Queue<unknown>();
      const given = [undefined, null, false, 0, Number.NaN];
      for (const item of given) queue.putNowait(item);
      queue.shutdown();
      const items: unknown[] = [];
      yield* asyncFor(queue, function* (item) {
        items.push(item);
      });
      expect(items).toEqual(given);
    });
  });

  test("Queue.aiter() gives iterators that share the queue's items: anext() is the next, or done", () => {
    program(function* () {
      const queue = new Queue<string>();
      const [first, second] = [queue.aiter(), queue.aiter()];
      for (const item of ["a", "b", "c"]) queue.putNowait(item);
      expect(yield* first.anext()).toEqual({ value: "a", done: false });
      expect(yield* second.anext()).toEqual({ value: "b", done: false });
      queue.shutdown();
      expect(yield* first.anext()).toEqual({ value: "c", done: false });
      expect(yield* first.anext()).toEqual({ value: undefined, done: true });
      expect(yield* second.anext()).toEqual({ value: undefined, done: true });
      const waiting = new Queue<string>();
      const next = createTask(waiting.aiter().anext());
      yield* sleep(1);
      waiting.shutdown();
      expect(yield* next).toEqual({ value: undefined, done: true });
    });
  });

  test("asyncFor() over a subclass of Queue takes items through its get(), whose errors pass", () => {
    class Doubling extends Queue<number> {
      override *get(): Coroutine<number> {
        const item = yield* super.get();
        if (item > 2) throw new QueueEmpty("too many");
        return item * 2;
      }
    }
    program(function* () {
      const queue = new Doubling();
      for (const item of [1, 2, 3]) queue.putNowait(item);
      const items: number[] = [];
      const error = yield* errorOf(
        asyncFor(queue, function* (item) {
          items.push(item);
        }),
      );
      expect([items, textOf(error)]).toEqual([[2, 4], "QueueEmpty: too many"]);
    });
  });
});
