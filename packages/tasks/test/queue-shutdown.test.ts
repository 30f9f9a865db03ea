import type { Coroutine } from "@aioloop/loop";
import { createTask, gather, LifoQueue, PriorityQueue, Queue, QueueShutDown, sleep } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { endOf, errorOf, program, textOf, thrownBy } from "./helpers.ts";

const kinds: [name: string, Kind: new <T>(maxsize?: number) => Queue<T>][] = [
  ["Queue", Queue],
  ["LifoQueue", LifoQueue],
  ["PriorityQueue", PriorityQueue],
];

/** Nothing goes in and nothing comes out: what each of the four says. */
function* refusals(queue: Queue<string>): Coroutine<string[]> {
  const errors = [
    yield* errorOf(queue.put("more")),
    thrownBy(() => queue.putNowait("more")),
    yield* errorOf(queue.get()),
    thrownBy(() => queue.getNowait()),
  ];
  for (const error of errors) expect(error).toBeInstanceOf(QueueShutDown);
  return errors.map(textOf);
}

describe.each(kinds)("%s", (name, Kind) => {
  const say = (rest: string) => [
    `QueueShutDown: putNowait() of <${name} ${rest}>: it was shut down`,
    `QueueShutDown: putNowait() of <${name} ${rest}>: it was shut down`,
    `QueueShutDown: get() of <${name} ${rest}>: it was shut down and is empty`,
    `QueueShutDown: getNowait() of <${name} ${rest}>: it was shut down and is empty`,
  ];

  test(`${name}.shutdown() of an empty queue wakes who waits for an item, with QueueShutDown [S213]`, () => {
    program(function* () {
      const queue = new Kind<string>();
      const getters = [1, 2, 3].map(() => createTask(queue.get()));
      yield* sleep(1);
      expect(queue.shutdown()).toBe(undefined);
      expect(String(queue)).toBe(`<${name} maxsize=0 qsize=0 shutdown>`);
      yield* queue.join();
      yield;
      const end = `exception QueueShutDown: get() of <${name} maxsize=0 qsize=0 shutdown>: it was shut down and is empty`;
      expect(getters.map(endOf)).toEqual([end, end, end]);
      expect(yield* refusals(queue)).toEqual(say("maxsize=0 qsize=0 shutdown"));
    });
  });

  test(`${name}.shutdown() of a queue with items: who waits to put is refused, what is in it comes out [S213]`, () => {
    program(function* () {
      const queue = new Kind<string>(1);
      queue.putNowait("item");
      const joining = createTask(queue.join());
      const putters = [1, 2].map(() => createTask(queue.put("more")));
      yield* sleep(1);
      expect([joining, ...putters].map(endOf)).toEqual(["pending", "pending", "pending"]);
      queue.shutdown();
      expect(String(queue)).toBe(`<${name} maxsize=1 qsize=1 unfinished=1 shutdown>`);
      yield;
      const end = `exception QueueShutDown: put() of <${name} maxsize=1 qsize=1 unfinished=1 shutdown>: it was shut down`;
      expect(putters.map(endOf)).toEqual([end, end]);
      expect(yield* queue.get()).toBe("item");
      yield* sleep(1);
      expect(endOf(joining)).toBe("pending");
      expect(yield* refusals(queue)).toEqual(say("maxsize=1 qsize=0 unfinished=1 shutdown"));
      queue.taskDone();
      yield;
      expect(endOf(joining)).toBe("result undefined");
      expect(textOf(thrownBy(() => queue.taskDone()))).toBe(
        `RangeError: taskDone() of <${name} maxsize=1 qsize=0 shutdown>: called more often than items were put`,
      );
    });
  });

  test(`${name}.shutdown(): who waits to put is refused, though there is room by the time it runs [S208 S213]`, () => {
    program(function* () {
      const queue = new Kind<string>(1);
      queue.putNowait("item");
      const putters = [createTask(queue.put("a")), createTask(queue.put("b"))];
      yield* sleep(1);
      queue.shutdown();
      expect(queue.getNowait()).toBe("item");
      yield;
      const end = `exception QueueShutDown: putNowait() of <${name} maxsize=1 qsize=0 unfinished=1 shutdown>: it was shut down`;
      expect(putters.map(endOf)).toEqual([end, end]);
    });
  });

  test(`${name}.shutdown(): who was woken by room, and has not run, is refused too [S213]`, () => {
    program(function* () {
      const queue = new Kind<string>(1);
      queue.putNowait("item");
      const put = createTask(queue.put("more"));
      yield* sleep(1);
      queue.getNowait();
      queue.shutdown();
      expect(yield* errorOf(put)).toBeInstanceOf(QueueShutDown);
      expect(queue.qsize()).toBe(0);
    });
  });

  test(`${name}.put() of a full queue that was shut down does not wait [S208 S213]`, () => {
    program(function* (loop) {
      const queue = new Kind<string>(1);
      queue.putNowait("item");
      queue.shutdown();
      let turns = 0;
      loop.callSoon(() => (turns += 1));
      const text = `put() of <${name} maxsize=1 qsize=1 unfinished=1 shutdown>: it was shut down`;
      expect(textOf(yield* errorOf(queue.put("more")))).toBe(`QueueShutDown: ${text}`);
      expect(turns).toBe(0);
    });
  });

  test(`${name}.putNowait() of a full queue that was shut down says so, not that it is full [S211]`, () => {
    const queue = new Kind<string>(1);
    queue.putNowait("item");
    queue.shutdown();
    expect(textOf(thrownBy(() => queue.putNowait("more")))).toBe(
      `QueueShutDown: putNowait() of <${name} maxsize=1 qsize=1 unfinished=1 shutdown>: it was shut down`,
    );
    expect(String(queue)).toBe(`<${name} maxsize=1 qsize=1 unfinished=1 shutdown>`);
  });

  test(`${name}.shutdown(): who was woken for an item that was put before still gets it [S213]`, () => {
    program(function* () {
      const queue = new Kind<string>();
      const [first, second] = [createTask(queue.get()), createTask(queue.get())];
      yield* sleep(1);
      queue.putNowait("item");
      queue.shutdown();
      expect(yield* first).toBe("item");
      expect(yield* errorOf(second)).toBeInstanceOf(QueueShutDown);
    });
  });

  test(`${name}.shutdown(true) drops what is in it, and wakes who joins [S214]`, () => {
    program(function* () {
      const queue = new Kind<string>();
      queue.putNowait("a");
      queue.putNowait("b");
      const joining = createTask(queue.join());
      yield* sleep(1);
      queue.shutdown(true);
      expect([queue.qsize(), String(queue)]).toEqual([0, `<${name} maxsize=0 qsize=0 shutdown>`]);
      yield;
      expect(endOf(joining)).toBe("result undefined");
      expect(yield* refusals(queue)).toEqual(say("maxsize=0 qsize=0 shutdown"));
      expect(textOf(thrownBy(() => queue.taskDone()))).toMatch(/^RangeError: .*called more often/);
    });
  });

  test(`${name}.shutdown(true): what was taken and is not dealt with still holds join() up [S214]`, () => {
    program(function* () {
      const queue = new Kind<string>();
      queue.putNowait("a");
      queue.putNowait("a");
      queue.putNowait("a");
      const joining = createTask(queue.join());
      expect(yield* queue.get()).toBe("a");
      queue.shutdown(true);
      expect(String(queue)).toBe(`<${name} maxsize=0 qsize=0 unfinished=1 shutdown>`);
      yield* sleep(1);
      expect(endOf(joining)).toBe("pending");
      expect(yield* refusals(queue)).toEqual(say("maxsize=0 qsize=0 unfinished=1 shutdown"));
      queue.taskDone();
      expect(textOf(thrownBy(() => queue.taskDone()))).toMatch(/^RangeError: .*called more often/);
      yield;
      expect(endOf(joining)).toBe("result undefined");
    });
  });

  test(`${name}.shutdown(true) of more items than are unfinished leaves none unfinished [S214]`, () => {
    program(function* () {
      const queue = new Kind<string>();
      queue.putNowait("a");
      queue.putNowait("b");
      queue.taskDone();
      queue.shutdown(true);
      expect(String(queue)).toBe(`<${name} maxsize=0 qsize=0 shutdown>`);
      yield* queue.join();
    });
  });

  test(`${name}.shutdown(true) refuses who was woken for an item it drops, and who waits to put [S213 S214]`, () => {
    program(function* () {
      const queue = new Kind<string>(1);
      const get = createTask(queue.get());
      yield* sleep(1);
      queue.putNowait("dropped");
      const putters = [createTask(queue.put("a")), createTask(queue.put("b"))];
      queue.shutdown(true);
      expect(textOf(yield* errorOf(get))).toBe(
        `QueueShutDown: get() of <${name} maxsize=1 qsize=0 shutdown>: it was shut down and is empty`,
      );
      const full = new Kind<string>(1);
      full.putNowait("dropped");
      putters.push(createTask(full.put("a")), createTask(full.put("b")));
      yield* sleep(1);
      full.shutdown(true);
      yield;
      const end = `exception QueueShutDown: putNowait() of <${name} maxsize=1 qsize=0 shutdown>: it was shut down`;
      expect(putters.map(endOf)).toEqual([end, end, end, end]);
    });
  });

  test(`${name}.shutdown() again changes nothing; shutdown(true) after it empties the queue [S213 S214]`, () => {
    program(function* () {
      const queue = new Kind<string>();
      queue.putNowait("a");
      const joining = createTask(queue.join());
      queue.shutdown();
      queue.shutdown(false);
      yield* sleep(1);
      expect([String(queue), endOf(joining)]).toEqual([
        `<${name} maxsize=0 qsize=1 unfinished=1 shutdown>`,
        "pending",
      ]);
      queue.shutdown(true);
      yield* joining;
      queue.shutdown(true);
      expect(String(queue)).toBe(`<${name} maxsize=0 qsize=0 shutdown>`);
    });
  });

  test(`${name}.toString() says that it was shut down`, () => {
    const queue = new Kind<string>();
    queue.shutdown();
    expect(String(queue)).toBe(`<${name} maxsize=0 qsize=0 shutdown>`);
  });

  test(`${name}.shutdown() ends many who get and many who put, each once`, () => {
    program(function* () {
      const [empty, full] = [new Kind<string>(), new Kind<string>(1)];
      full.putNowait("item");
      const waiting = Array.from({ length: 50 }, () => [empty.get(), full.put("more")]).flat();
      const all = gather(waiting, { returnExceptions: true });
      yield* sleep(1);
      empty.shutdown();
      full.shutdown();
      const results = yield* all;
      expect(results.filter((result) => result instanceof QueueShutDown)).toHaveLength(100);
      expect([String(empty), String(full)]).toEqual([
        `<${name} maxsize=0 qsize=0 shutdown>`,
        `<${name} maxsize=1 qsize=1 unfinished=1 shutdown>`,
      ]);
    });
  });
});
