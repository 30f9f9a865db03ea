// What a queue is and says, whatever its order: its size, its text, its errors, and who is told of it.
import { inspect } from "node:util";
import type { Instrument } from "@aioloop/loop";
import { DeadlockError } from "@aioloop/loop";
import {
  asyncFor,
  createTask,
  gather,
  LifoQueue,
  PriorityQueue,
  Queue,
  QueueEmpty,
  QueueFull,
  QueueShutDown,
  sleep,
} from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { errorOf, program, textOf, thrownBy } from "./helpers.ts";

type Make = new <T>(maxsize?: number) => Queue<T>;
const kinds: [name: string, Kind: Make][] = [
  ["Queue", Queue],
  ["LifoQueue", LifoQueue],
  ["PriorityQueue", PriorityQueue],
];

/** What a queue says of itself. */
function state(queue: Queue<unknown>): [qsize: number, isEmpty: boolean, isFull: boolean] {
  return [queue.qsize(), queue.empty(), queue.full()];
}

describe.each(kinds)("%s: size", (name, Kind) => {
  test.each([
    ["()", undefined, 0],
    ["(0)", 0, 0],
    ["(-0)", -0, -0],
    ["(-1)", -1, -1],
    ["(Infinity)", Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    ["(-Infinity)", Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ])(`new ${name}%s is never full [S210 J26]`, (_call, given, maxsize) => {
    const queue = new Kind<number>(given);
    expect(queue.maxsize).toBe(maxsize);
    expect(state(queue)).toEqual([0, true, false]);
    for (let item = 0; item < 100; item++) queue.putNowait(item);
    expect(state(queue)).toEqual([100, false, false]);
  });

  test(`new ${name}(2) is full with two items, and not with one [S210]`, () => {
    const queue = new Kind<number>(2);
    expect(queue.maxsize).toBe(2);
    expect(state(queue)).toEqual([0, true, false]);
    queue.putNowait(1);
    expect(state(queue)).toEqual([1, false, false]);
    queue.putNowait(2);
    expect(state(queue)).toEqual([2, false, true]);
    expect(thrownBy(() => queue.putNowait(3))).toBeInstanceOf(QueueFull);
    expect(state(queue)).toEqual([2, false, true]);
    queue.getNowait();
    expect(state(queue)).toEqual([1, false, false]);
    queue.getNowait();
    expect(state(queue)).toEqual([0, true, false]);
  });

  test.each([
    [0.5, 1],
    [1, 1],
    [1.3, 2],
    [2.000001, 3],
  ])(`new ${name}(%d) takes %d [S210 J26]`, (maxsize, count) => {
    program(function* () {
      const queue = new Kind<number>(maxsize);
      for (let item = 0; item < count; item++) {
        expect(queue.full()).toBe(false);
        yield* queue.put(item);
      }
      expect(queue.full()).toBe(true);
      expect(textOf(thrownBy(() => queue.putNowait(5)))).toBe(
        `QueueFull: putNowait() of <${name} maxsize=${maxsize} qsize=${count} unfinished=${count}>: it is full. put() waits for room`,
      );
    });
  });

  test(`new ${name}(NaN) is refused: in Python such a queue has no limit, which nobody means [S210 J26]`, () => {
    expect(textOf(thrownBy(() => new Kind(Number.NaN)))).toBe(
      `RangeError: new ${name}(maxsize): maxsize must be a number, 0 for no limit, got NaN`,
    );
  });

  test.each([
    ["a text", "5", `"5"`],
    ["null", null, "null"],
    ["a bigint", 5n, "5"],
    ["true", true, "true"],
    ["an object, as options are", { maxsize: 5 }, "<Object>"],
    ["an array", [1, 2], "[2 items]"],
  ])(`new ${name}() given %s is a TypeError [J26]`, (_what, given, shown) => {
    expect(textOf(thrownBy(() => new Kind(given as never)))).toBe(
      `TypeError: new ${name}(maxsize): maxsize must be a number, got ${shown}`,
    );
  });
});

describe.each(kinds)("%s: use", (name, Kind) => {
  test(`${name}.put() and get() without waiting do not give way`, () => {
    program(function* (loop) {
      const queue = new Kind<string>(1);
      let turns = 0;
      loop.callSoon(() => (turns += 1));
      expect(yield* queue.put("item")).toBe(undefined);
      expect(yield* queue.get()).toBe("item");
      expect(turns).toBe(0);
    });
  });

  test(`${name}.putNowait() and getNowait() need no loop`, () => {
    const queue = new Kind<string>(1);
    expect(queue.putNowait("item")).toBe(undefined);
    expect(state(queue)).toEqual([1, false, true]);
    expect(queue.getNowait()).toBe("item");
    queue.taskDone();
    queue.shutdown();
    expect(String(queue)).toBe(`<${name} maxsize=1 qsize=0 shutdown>`);
  });

  test(`${name}.put(), get() and join() do nothing before \`yield*\``, () => {
    program(function* () {
      const queue = new Kind<string>();
      const [put, get, join] = [queue.put("item"), queue.get(), queue.join()];
      yield* sleep(1);
      expect([String(put), String(get), String(join)]).toEqual([
        "<coroutine put>",
        "<coroutine get>",
        "<coroutine join>",
      ]);
      expect(String(queue)).toBe(`<${name} maxsize=0 qsize=0>`);
      yield* put;
      expect(yield* get).toBe("item");
      queue.taskDone();
      yield* join;
    });
  });

  test(`${name}.getNowait() of an empty queue is QueueEmpty`, () => {
    const queue = new Kind<number>();
    const error = thrownBy(() => queue.getNowait());
    expect(error).toBeInstanceOf(QueueEmpty);
    expect(error).toBeInstanceOf(Error);
    const text = `QueueEmpty: getNowait() of <${name} maxsize=0 qsize=0>: it is empty. get() waits for an item`;
    expect(textOf(error)).toBe(text);
    queue.putNowait(1);
    expect(queue.getNowait()).toBe(1);
    queue.taskDone();
    expect(textOf(thrownBy(() => queue.getNowait()))).toBe(text);
  });

  test(`${name}.putNowait() to a full queue is QueueFull, and adds nothing`, () => {
    const queue = new Kind<number>(1);
    queue.putNowait(1);
    const error = thrownBy(() => queue.putNowait(2));
    expect(error).toBeInstanceOf(QueueFull);
    expect(error).toBeInstanceOf(Error);
    expect(textOf(error)).toBe(
      `QueueFull: putNowait() of <${name} maxsize=1 qsize=1 unfinished=1>: it is full. put() waits for room`,
    );
    expect(String(queue)).toBe(`<${name} maxsize=1 qsize=1 unfinished=1>`);
    expect(queue.getNowait()).toBe(1);
    expect(queue.empty()).toBe(true);
  });

  test(`${name} belongs to the loop in which it first had to wait`, () => {
    const queue = new Kind<string>();
    program(function* () {
      yield* queue.put("no wait, no loop");
    });
    program(function* () {
      expect(yield* queue.get()).toBe("no wait, no loop");
      createTask(queue.put("later"));
      expect(yield* queue.get()).toBe("later");
    });
    program(function* () {
      expect(textOf(yield* errorOf(queue.get()))).toBe(
        `RuntimeError: <${name} maxsize=0 qsize=0 unfinished=2> is bound to a different event loop: make one for each loop`,
      );
      yield* queue.put("no wait");
      expect(yield* queue.get()).toBe("no wait");
    });
  });
});

describe.each(kinds)("%s: text", (name, Kind) => {
  test(`${name}.toString() counts items, who waits and what is unfinished, and says if it was shut down`, () => {
    program(function* () {
      const queue = new Kind<number>(2);
      const texts = [String(queue)];
      const getters = [createTask(queue.get()), createTask(queue.get())];
      yield* sleep(1);
      texts.push(String(queue));
      queue.putNowait(1);
      texts.push(String(queue));
      queue.putNowait(2);
      yield* gather(getters);
      texts.push(String(queue));
      const putters = gather([3, 4, 5].map((item) => queue.put(item)));
      yield* sleep(1);
      texts.push(String(queue));
      queue.taskDone();
      texts.push(String(queue));
      queue.getNowait();
      queue.shutdown();
      texts.push(String(queue));
      expect(yield* errorOf(putters)).toBeInstanceOf(QueueShutDown);
      queue.getNowait();
      for (let times = 0; times < 3; times++) queue.taskDone();
      texts.push(String(queue));
      expect(texts).toEqual([
        `<${name} maxsize=2 qsize=0>`,
        `<${name} maxsize=2 qsize=0 getters=2>`,
        `<${name} maxsize=2 qsize=1 getters=1 unfinished=1>`,
        `<${name} maxsize=2 qsize=0 unfinished=2>`,
        `<${name} maxsize=2 qsize=2 putters=1 unfinished=4>`,
        `<${name} maxsize=2 qsize=2 putters=1 unfinished=3>`,
        `<${name} maxsize=2 qsize=1 unfinished=3 shutdown>`,
        `<${name} maxsize=2 qsize=0 shutdown>`,
      ]);
    });
  });

  test(`${name}: console.log() shows its text, a subclass its own name`, () => {
    class Inbox extends Kind<string> {}
    expect(inspect(new Kind(3))).toBe(`<${name} maxsize=3 qsize=0>`);
    expect(inspect(new Inbox())).toBe("<Inbox maxsize=0 qsize=0>");
    expect(textOf(thrownBy(() => new Inbox(Number.NaN)))).toBe(
      "RangeError: new Inbox(maxsize): maxsize must be a number, 0 for no limit, got NaN",
    );
  });

  test(`${name}: a DeadlockError says who waits at which queue, and for what`, () => {
    const error = thrownBy(() =>
      program(function* () {
        const queue = new Kind<number>(1);
        createTask(queue.put(1), { name: "first" });
        createTask(queue.put(2), { name: "second" });
        createTask(queue.join(), { name: "joiner" });
        createTask(new Kind<number>().get(), { name: "getter" });
        yield* asyncFor(new Kind<number>(), function* () {});
      }),
    );
    expect(error).toBeInstanceOf(DeadlockError);
    const lines = textOf(error)
      .replace(/Task-\d+/, "main")
      .split("\n  ");
    expect(lines).toHaveLength(5);
    expect(lines[0]).toMatch(/: 4 tasks wait for ever$/);
    expect(lines[1]).toBe(`main waits for <${name} maxsize=0 qsize=0 getters=1> (in asyncFor > next > get)`);
    expect(lines[2]).toBe(`second waits for <${name} maxsize=1 qsize=1 putters=1 unfinished=1> (in put)`);
    expect(lines[3]).toBe(
      `joiner waits for <${name} maxsize=1 qsize=1 putters=1 unfinished=1> (in join > wait)`,
    );
    expect(lines[4]).toBe(`getter waits for <${name} maxsize=0 qsize=0 getters=1> (in get)`);
  });
});

/** What an instrument is told of a queue, its own counter apart, while `work` is done to it. */
function* accesses(queue: Queue<unknown>, loop: Watched, work: () => unknown): Generator<undefined, string> {
  const told: string[] = [];
  const instrument: Instrument = {
    access: (object, kind) => {
      if (object === queue) told.push(kind);
    },
  };
  loop.addInstrument(instrument);
  try {
    const steps = work();
    if (typeof steps === "object") yield* steps as Generator<undefined>;
  } catch {
    // what fails was looked at, too
  }
  loop.removeInstrument(instrument);
  return told.join(" ");
}

interface Watched {
  addInstrument(instrument: Instrument): void;
  removeInstrument(instrument: Instrument): void;
}

describe("Instrument.access() of a Queue", () => {
  const works: [what: string, work: (queue: Queue<number>) => unknown, told: string][] = [
    ["qsize()", (queue) => queue.qsize(), "read"],
    ["empty()", (queue) => queue.empty(), "read"],
    ["full()", (queue) => queue.full(), "read"],
    ["put()", (queue) => queue.put(2), "read write"],
    ["get()", (queue) => queue.get(), "read write"],
    ["putNowait()", (queue) => queue.putNowait(2), "write"],
    ["getNowait()", (queue) => queue.getNowait(), "write"],
    ["taskDone()", (queue) => queue.taskDone(), "write"],
    ["shutdown()", (queue) => queue.shutdown(), "write"],
    ["join()", (queue) => queue.join(), "read"],
    ["maxsize, which never changes", (queue) => queue.maxsize, ""],
    ["toString()", (queue) => void String(queue), ""],
    [
      "putNowait() to a full queue",
      (queue) => {
        queue.putNowait(2);
        queue.putNowait(3);
      },
      "write write",
    ],
    [
      "iteration, its end too",
      (queue) => {
        queue.shutdown();
        return asyncFor(queue, function* () {});
      },
      "write read write read",
    ],
  ];
  test.each(works)("Instrument.access() is told of a Queue's %s", (what, work, told) => {
    program(function* (loop) {
      const queue = new Queue<number>(2);
      queue.putNowait(1);
      if (what === "join()") queue.taskDone();
      expect(yield* accesses(queue, loop, () => work(queue))).toBe(told);
    });
  });
});
