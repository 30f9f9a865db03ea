// taskDone() and join(): what was put, taken, and dealt with.
import type { Coroutine } from "@aioloop/loop";
import { CancelledError } from "@aioloop/loop";
import {
  asyncWith,
  createTask,
  gather,
  LifoQueue,
  PriorityQueue,
  Queue,
  sleep,
  TaskGroup,
} from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { endOf, errorOf, program, textOf, thrownBy } from "./helpers.ts";

const kinds: [name: string, Kind: new <T>(maxsize?: number) => Queue<T>][] = [
  ["Queue", Queue],
  ["LifoQueue", LifoQueue],
  ["PriorityQueue", PriorityQueue],
];

describe.each(kinds)("%s", (name, Kind) => {
  test(`${name}.join() of a queue in which nothing was put returns at once, again and again [S212]`, () => {
    program(function* (loop) {
      const queue = new Kind<number>();
      let turns = 0;
      loop.callSoon(() => (turns += 1));
      expect([yield* queue.join(), yield* queue.join()]).toEqual([undefined, undefined]);
      expect(turns).toBe(0);
    });
  });

  test(`${name}.taskDone() more often than items were put is a RangeError [S212]`, () => {
    const queue = new Kind<number>(3);
    const text = `taskDone() of <${name} maxsize=3 qsize=0>: called more often than items were put`;
    expect(textOf(thrownBy(() => queue.taskDone()))).toBe(`RangeError: ${text}`);
    queue.putNowait(1);
    queue.getNowait();
    queue.taskDone();
    expect(textOf(thrownBy(() => queue.taskDone()))).toBe(`RangeError: ${text}`);
  });

  test(`${name}.join() waits for one taskDone() for each item that was put [S211 S212]`, () => {
    program(function* () {
      const queue = new Kind<number>();
      queue.putNowait(1);
      queue.putNowait(2);
      const joining = createTask(queue.join());
      const ends: string[] = [];
      const look = () => ends.push(`${queue.qsize()} in it: ${endOf(joining)}`);
      yield* sleep(1);
      look();
      queue.getNowait();
      queue.getNowait();
      yield* sleep(1);
      look();
      queue.taskDone();
      yield* sleep(1);
      look();
      queue.taskDone();
      yield* joining;
      look();
      expect(ends).toEqual([
        "2 in it: pending",
        "0 in it: pending",
        "0 in it: pending",
        "0 in it: result undefined",
      ]);
    });
  });

  test(`${name}.taskDone() may come before the item was taken: it counts, and no more [S212]`, () => {
    program(function* () {
      const queue = new Kind<number>();
      queue.putNowait(1);
      queue.taskDone();
      yield* queue.join();
      expect(String(queue)).toBe(`<${name} maxsize=0 qsize=1>`);
    });
  });

  test(`${name}.join() waits again after another item was put [S211 S212]`, () => {
    program(function* () {
      const queue = new Kind<number>();
      for (let round = 0; round < 3; round++) {
        queue.putNowait(round);
        const joining = createTask(queue.join());
        yield* sleep(1);
        expect(endOf(joining)).toBe("pending");
        queue.taskDone();
        yield;
        expect(endOf(joining)).toBe("result undefined");
      }
    });
  });

  test(`${name}.join() wakes all that wait, also if another item is put before they run [S212]`, () => {
    program(function* () {
      const queue = new Kind<number>();
      queue.putNowait(1);
      const joining = [1, 2, 3].map(() => createTask(queue.join()));
      yield* sleep(1);
      queue.taskDone();
      queue.putNowait(2);
      yield;
      expect(joining.map(endOf)).toEqual(["result undefined", "result undefined", "result undefined"]);
      const late = createTask(queue.join());
      yield* sleep(1);
      expect(endOf(late)).toBe("pending");
      queue.taskDone();
      yield* late;
    });
  });

  test(`${name}.join() that is cancelled leaves the others waiting`, () => {
    program(function* () {
      const queue = new Kind<number>();
      queue.putNowait(1);
      const [first, second] = [createTask(queue.join()), createTask(queue.join())];
      yield* sleep(1);
      first.cancel();
      expect(yield* errorOf(first)).toBeInstanceOf(CancelledError);
      expect(endOf(second)).toBe("pending");
      queue.taskDone();
      yield* second;
    });
  });

  test(`${name}: two workers deal with a hundred items, and join() ends when they have [S212]`, () => {
    program(function* () {
      const queue = new Kind<number>();
      let sum = 0;
      let isRunning = true;
      for (let item = 0; item < 100; item++) queue.putNowait(item);
      function* worker(): Coroutine<void> {
        while (isRunning) {
          sum += yield* queue.get();
          yield* sleep(1);
          queue.taskDone();
        }
      }
      yield* asyncWith(new TaskGroup(), function* (group) {
        group.createTask(worker());
        group.createTask(worker());
        yield* queue.join();
        expect([sum, queue.qsize()]).toEqual([4950, 0]);
        isRunning = false;
        queue.putNowait(0);
        queue.putNowait(0);
      });
      expect(String(queue)).toBe(`<${name} maxsize=0 qsize=0>`);
    });
  });

  test(`${name}.toString() says how many items are unfinished, and nothing where none are`, () => {
    const queue = new Kind<number>();
    expect(String(queue)).toBe(`<${name} maxsize=0 qsize=0>`);
    queue.putNowait(1);
    queue.putNowait(2);
    queue.getNowait();
    queue.getNowait();
    expect(String(queue)).toBe(`<${name} maxsize=0 qsize=0 unfinished=2>`);
    queue.taskDone();
    expect(String(queue)).toBe(`<${name} maxsize=0 qsize=0 unfinished=1>`);
  });

  test(`${name}.put() that waited counts when it puts, not when it is called [S211]`, () => {
    program(function* () {
      const queue = new Kind<number>(1);
      queue.putNowait(1);
      const put = createTask(queue.put(2));
      yield* sleep(1);
      expect(String(queue)).toBe(`<${name} maxsize=1 qsize=1 putters=1 unfinished=1>`);
      queue.getNowait();
      yield* gather([put]);
      expect(String(queue)).toBe(`<${name} maxsize=1 qsize=1 unfinished=2>`);
    });
  });
});
