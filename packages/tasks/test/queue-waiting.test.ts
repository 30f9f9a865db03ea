// Who waits at a queue, who is woken, and what becomes of a wake-up that its waiter cannot use.
import type { Coroutine } from "@aioloop/loop";
import { CancelledError, TimeoutError } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import {
  asyncWith,
  createTask,
  eagerTaskFactory,
  gather,
  Queue,
  sleep,
  TaskGroup,
  waitFor,
} from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { endOf, errorOf, program, thrownBy } from "./helpers.ts";

/** A task that gets one item, and writes down who got which. */
function getter(queue: Queue<string>, name: string, log: string[]): Task<void> {
  return createTask(
    (function* () {
      log.push(`${name} ${yield* queue.get()}`);
    })(),
  );
}

/** The same for one that puts its name. */
function putter(queue: Queue<string>, name: string, log: string[]): Task<void> {
  return createTask(
    (function* () {
      yield* queue.put(name);
      log.push(name);
    })(),
  );
}

/** A queue of one place that is taken. */
function fullQueue(): Queue<string> {
  const queue = new Queue<string>(1);
  queue.putNowait("first");
  return queue;
}

describe("Queue.get() that waits", () => {
  test("Queue gives items in the order in which they were put", () => {
    program(function* () {
      const queue = new Queue<number>();
      for (const item of [1, 3, 2]) yield* queue.put(item);
      const items = [yield* queue.get(), yield* queue.get(), yield* queue.get()];
      expect(items).toEqual([1, 3, 2]);
    });
  });

  test("Queue.get() waits until something is put", () => {
    program(function* (loop) {
      const queue = new Queue<string>();
      loop.callLater(5, () => queue.putNowait("item"));
      expect(yield* queue.get()).toBe("item");
      expect(loop.time()).toBe(5);
    });
  });

  test("Queue.get() wakes the oldest waiter first, and those in their order [S209]", () => {
    program(function* () {
      const queue = new Queue<string>();
      const log: string[] = [];
      const getters = ["a", "b", "c", "d"].map((name) => getter(queue, name, log));
      yield* sleep(1);
      queue.putNowait("1");
      queue.putNowait("2");
      yield* sleep(1);
      expect(log).toEqual(["a 1", "b 2"]);
      queue.putNowait("3");
      queue.putNowait("4");
      yield* gather(getters);
      expect(log).toEqual(["a 1", "b 2", "c 3", "d 4"]);
    });
  });

  test("Queue: who is woken has left the list before it runs [S209]", () => {
    program(function* () {
      const queue = new Queue<string>();
      const log: string[] = [];
      getter(queue, "a", log);
      const b = getter(queue, "b", log);
      yield* sleep(1);
      queue.putNowait("1");
      expect([String(queue), log]).toEqual(["<Queue maxsize=0 qsize=1 getters=1 unfinished=1>", []]);
      queue.putNowait("2");
      expect([String(queue), log]).toEqual(["<Queue maxsize=0 qsize=2 unfinished=2>", []]);
      yield* b;
      expect(log).toEqual(["a 1", "b 2"]);
    });
  });

  test("Queue.get() whose item getNowait() has taken waits again, behind all others [S206]", () => {
    program(function* () {
      const queue = new Queue<string>();
      const log: string[] = [];
      const getters = ["a", "b"].map((name) => getter(queue, name, log));
      yield* sleep(1);
      queue.putNowait("stolen");
      expect(queue.getNowait()).toBe("stolen");
      yield* sleep(1);
      expect([String(queue), log]).toEqual(["<Queue maxsize=0 qsize=0 getters=2 unfinished=1>", []]);
      queue.putNowait("1");
      queue.putNowait("2");
      yield* gather(getters);
      expect(log).toEqual(["b 1", "a 2"]);
    });
  });

  test("Queue.get() that comes while another has been woken and not run takes its item [S206]", () => {
    program(function* () {
      const queue = new Queue<string>();
      const log: string[] = [];
      const slow = getter(queue, "slow", log);
      yield* sleep(1);
      queue.putNowait("1");
      log.push(`quick ${yield* queue.get()}`);
      yield* sleep(1);
      queue.putNowait("2");
      yield* slow;
      expect(log).toEqual(["quick 1", "slow 2"]);
    });
  });

  test("Queue.put() that ends while another gets its item has its result", () => {
    program(function* () {
      const queue = new Queue<number>();
      const putting = createTask(
        (function* () {
          yield* queue.put(1);
          return "has put";
        })(),
      );
      expect(yield* queue.get()).toBe(1);
      expect(endOf(putting)).toBe("result has put");
    });
  });

  test("Queue.get() started eagerly waits from its createTask() on", () => {
    program(function* (loop) {
      loop.setTaskFactory(eagerTaskFactory);
      const queue = new Queue<string>(1);
      const get = createTask(queue.get());
      expect(String(queue)).toBe("<Queue maxsize=1 qsize=0 getters=1>");
      const put = createTask(queue.put("item"));
      expect([endOf(put), endOf(get)]).toEqual(["result undefined", "pending"]);
      expect(yield* get).toBe("item");
      yield* queue.put("next");
      expect(endOf(createTask(queue.get()))).toBe("result next");
    });
  });
});

describe("Queue.get() that is cancelled", () => {
  test("Queue.get() that is cancelled leaves the list, and what is put goes to the next", () => {
    program(function* () {
      const queue = new Queue<string>();
      const log: string[] = [];
      const [a, b, c] = ["a", "b", "c"].map((name) => getter(queue, name, log)) as [
        Task<void>,
        Task<void>,
        Task<void>,
      ];
      yield* sleep(1);
      b.cancel();
      yield* sleep(1);
      expect([endOf(b), String(queue)]).toEqual(["cancelled", "<Queue maxsize=0 qsize=0 getters=2>"]);
      queue.putNowait("1");
      queue.putNowait("2");
      yield* gather([a, c]);
      expect(log).toEqual(["a 1", "c 2"]);
    });
  });

  test("Queue.get() that is cancelled is passed over by put() in the same turn [S209]", () => {
    program(function* () {
      const queue = new Queue<string>();
      const log: string[] = [];
      const [a, b] = ["a", "b"].map((name) => getter(queue, name, log)) as [Task<void>, Task<void>];
      yield* sleep(1);
      a.cancel();
      queue.putNowait("1");
      expect(String(queue)).toBe("<Queue maxsize=0 qsize=1 unfinished=1>");
      yield* b;
      expect([endOf(a), log]).toEqual(["cancelled", ["b 1"]]);
    });
  });

  test("Queue.get() cancelled before its first step was never in the list", () => {
    program(function* () {
      const queue = new Queue<string>();
      const [first, second] = [createTask(queue.get()), createTask(queue.get())];
      first.cancel();
      yield* queue.put("item");
      expect(yield* second).toBe("item");
      expect([endOf(first), String(queue)]).toEqual(["cancelled", "<Queue maxsize=0 qsize=0 unfinished=1>"]);
    });
  });

  test("Queue.get() cancelled after it was woken wakes the next: no item lies beside who sleeps [S207]", () => {
    program(function* () {
      const queue = new Queue<string>();
      const log: string[] = [];
      const [a, b, c] = ["a", "b", "c"].map((name) => getter(queue, name, log)) as [
        Task<void>,
        Task<void>,
        Task<void>,
      ];
      yield* sleep(1);
      queue.putNowait("1");
      a.cancel();
      yield* b;
      expect([endOf(a), endOf(c), log]).toEqual(["cancelled", "pending", ["b 1"]]);
      queue.putNowait("2");
      yield* c;
      expect(log).toEqual(["b 1", "c 2"]);
    });
  });

  test("Queue.get(): several cancelled after they were woken pass all of it on [S207]", () => {
    program(function* () {
      const queue = new Queue<string>();
      const log: string[] = [];
      const tasks = ["a", "b", "c", "d"].map((name) => getter(queue, name, log));
      yield* sleep(1);
      queue.putNowait("1");
      queue.putNowait("2");
      tasks[0]?.cancel();
      tasks[1]?.cancel();
      yield* gather(tasks, { returnExceptions: true });
      expect(log).toEqual(["c 1", "d 2"]);
      expect(tasks.map(endOf)).toEqual(["cancelled", "cancelled", "result undefined", "result undefined"]);
    });
  });

  test("Queue.get() cancelled after it was woken drops nothing where nobody else waits [S207]", () => {
    program(function* () {
      const queue = new Queue<string>();
      const get = createTask(queue.get());
      yield* sleep(1);
      queue.putNowait("1");
      queue.putNowait("2");
      get.cancel();
      expect(yield* errorOf(get)).toBeInstanceOf(CancelledError);
      expect([yield* queue.get(), yield* queue.get()]).toEqual(["1", "2"]);
    });
  });

  test("Queue.get() cancelled after it was woken, its item stolen: nobody else is woken and loses its place [S207]", () => {
    program(function* () {
      const queue = new Queue<string>();
      const log: string[] = [];
      const [a, b, c] = ["a", "b", "c"].map((name) => getter(queue, name, log)) as [
        Task<void>,
        Task<void>,
        Task<void>,
      ];
      yield* sleep(1);
      queue.putNowait("stolen");
      queue.getNowait();
      a.cancel();
      yield* sleep(1);
      queue.putNowait("1");
      queue.putNowait("2");
      yield* gather([b, c]);
      expect(log).toEqual(["b 1", "c 2"]);
    });
  });

  test("Queue.get() cancelled in its sleep wakes nobody, though an item lies there for one who was woken [S207]", () => {
    program(function* () {
      const queue = new Queue<string>();
      const log: string[] = [];
      const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => getter(queue, name, log)) as [
        Task<void>,
        Task<void>,
        Task<void>,
        Task<void>,
      ];
      yield* sleep(1);
      b.cancel(); // takes its step first, and finds the item
      queue.putNowait("1");
      yield* sleep(1);
      expect([log, endOf(b)]).toEqual([["a 1"], "cancelled"]);
      queue.putNowait("2");
      queue.putNowait("3");
      yield* gather([c, d]);
      expect([endOf(a), log]).toEqual(["result undefined", ["a 1", "c 2", "d 3"]]);
    });
  });

  test("Queue.get() into which an error is thrown past its task leaves the list and wakes nobody [S207]", () => {
    program(function* () {
      const queue = new Queue<string>();
      const log: string[] = [];
      const a = getter(queue, "a", log);
      yield;
      const outer = outside(queue.get());
      const thrownInto = createTask(outer);
      yield;
      const [b, c] = ["b", "c"].map((name) => getter(queue, name, log)) as [Task<void>, Task<void>];
      yield;
      queue.putNowait("1"); // a is woken; the item lies there until it runs
      expect(String(queue)).toBe("<Queue maxsize=0 qsize=1 getters=3 unfinished=1>");
      const error = new Error("from outside");
      expect(thrownBy(() => outer.throw(error))).toBe(error);
      expect(String(queue)).toBe("<Queue maxsize=0 qsize=1 getters=2 unfinished=1>");
      yield* sleep(1);
      expect(endOf(thrownInto)).toBe("cancelled");
      queue.putNowait("2");
      queue.putNowait("3");
      yield* gather([a, b, c]);
      expect(log).toEqual(["a 1", "b 2", "c 3"]);
    });
  });

  test("waitFor(Queue.get(), …) that runs out leaves no getter behind", () => {
    program(function* (loop) {
      const queue = new Queue<string>(5);
      expect(yield* errorOf(waitFor(queue.get(), 0.1))).toBeInstanceOf(TimeoutError);
      expect([loop.time(), String(queue)]).toEqual([0.1, "<Queue maxsize=5 qsize=0>"]);
    });
  });
});

/** A coroutine around another, for a test to throw into: `yield*` passes that on at once, and no task knows of it. */
function* outside(coro: Coroutine<unknown>): Coroutine<unknown> {
  return yield* coro;
}

describe("Queue.put() that waits", () => {
  test("Queue.put() waits until there is room", () => {
    program(function* (loop) {
      const queue = fullQueue();
      loop.callLater(5, () => queue.getNowait());
      yield* queue.put("second");
      expect([loop.time(), queue.getNowait()]).toEqual([5, "second"]);
    });
  });

  test("Queue.get() wakes the oldest who waits to put [S208 S209]", () => {
    program(function* () {
      const queue = fullQueue();
      const log: string[] = [];
      const putters = ["a", "b", "c"].map((name) => putter(queue, name, log));
      yield* sleep(1);
      expect(String(queue)).toBe("<Queue maxsize=1 qsize=1 putters=3 unfinished=1>");
      expect(yield* queue.get()).toBe("first");
      expect([String(queue), log]).toEqual(["<Queue maxsize=1 qsize=0 putters=2 unfinished=1>", []]);
      yield* sleep(1);
      expect([String(queue), log]).toEqual(["<Queue maxsize=1 qsize=1 putters=2 unfinished=2>", ["a"]]);
      expect([queue.getNowait(), yield* queue.get(), yield* queue.get()]).toEqual(["a", "b", "c"]);
      yield* gather(putters);
      expect(log).toEqual(["a", "b", "c"]);
    });
  });

  test("Queue.put() of more than there is room for goes on as room comes", () => {
    program(function* () {
      const queue = new Queue<number>(2);
      const put: number[] = [];
      const putting = createTask(
        (function* () {
          for (let item = 0; item < 3; item++) {
            yield* queue.put(item);
            put.push(item);
          }
          return true;
        })(),
      );
      yield* sleep(1);
      expect(put).toEqual([0, 1]);
      expect(yield* queue.get()).toBe(0);
      yield;
      expect([put, endOf(putting)]).toEqual([[0, 1, 2], "result true"]);
      expect([yield* queue.get(), yield* queue.get()]).toEqual([1, 2]);
    });
  });

  test("Queue.put() whose room putNowait() has taken waits again, behind all others [S208]", () => {
    program(function* () {
      const queue = fullQueue();
      const log: string[] = [];
      const putters = ["a", "b"].map((name) => putter(queue, name, log));
      yield* sleep(1);
      queue.getNowait();
      queue.putNowait("quick");
      yield* sleep(1);
      expect([String(queue), log]).toEqual(["<Queue maxsize=1 qsize=1 putters=2 unfinished=2>", []]);
      expect([yield* queue.get(), yield* queue.get(), yield* queue.get()]).toEqual(["quick", "b", "a"]);
      yield* gather(putters);
    });
  });

  test("Queue.put() that comes while another has been woken and not run takes its room [S208]", () => {
    program(function* () {
      const queue = fullQueue();
      const log: string[] = [];
      const slow = putter(queue, "slow", log);
      yield* sleep(1);
      queue.getNowait();
      yield* queue.put("quick");
      expect([yield* queue.get(), yield* queue.get()]).toEqual(["quick", "slow"]);
      yield* slow;
    });
  });

  test("Queue of one place: as many are put as are taken, by turns", () => {
    program(function* () {
      const queue = new Queue<number>(1);
      const log: string[] = [];
      yield* asyncWith(new TaskGroup(), function* (group) {
        group.createTask(
          (function* () {
            for (let item = 0; item < 4; item++) {
              yield* queue.put(item);
              log.push(`put ${item}`);
            }
          })(),
        );
        group.createTask(
          (function* () {
            for (let times = 0; times < 4; times++) log.push(`got ${yield* queue.get()}`);
          })(),
        );
      });
      expect(log).toEqual(["put 0", "got 0", "put 1", "got 1", "put 2", "got 2", "put 3", "got 3"]);
    });
  });
});

describe("Queue.put() that is cancelled", () => {
  test("Queue.put() that is cancelled leaves the list, and its item is not put", () => {
    program(function* () {
      const queue = fullQueue();
      const log: string[] = [];
      const [a, b, c] = ["a", "b", "c"].map((name) => putter(queue, name, log)) as [
        Task<void>,
        Task<void>,
        Task<void>,
      ];
      yield* sleep(1);
      b.cancel();
      yield* sleep(1);
      expect([endOf(b), String(queue)]).toEqual([
        "cancelled",
        "<Queue maxsize=1 qsize=1 putters=2 unfinished=1>",
      ]);
      expect([yield* queue.get(), yield* queue.get(), yield* queue.get()]).toEqual(["first", "a", "c"]);
      yield* gather([a, c]);
      expect([log, queue.empty()]).toEqual([["a", "c"], true]);
    });
  });

  test("Queue.put() cancelled after it was woken wakes the next: no room is left beside who sleeps [S208]", () => {
    program(function* () {
      const queue = fullQueue();
      const log: string[] = [];
      const [a, b, c] = ["a", "b", "c"].map((name) => putter(queue, name, log)) as [
        Task<void>,
        Task<void>,
        Task<void>,
      ];
      yield* sleep(1);
      queue.getNowait();
      a.cancel();
      yield* b;
      expect([endOf(a), endOf(c), log]).toEqual(["cancelled", "pending", ["b"]]);
      expect([yield* queue.get(), yield* queue.get()]).toEqual(["b", "c"]);
      yield* c;
    });
  });

  test("Queue.put() cancelled after it was woken: its place may be taken anew [S208]", () => {
    program(function* () {
      const queue = fullQueue();
      const put = createTask(queue.put("second"));
      yield* sleep(1);
      expect(queue.getNowait()).toBe("first");
      put.cancel();
      expect(yield* errorOf(put)).toBeInstanceOf(CancelledError);
      yield* createTask(queue.put("second"));
      expect([queue.getNowait(), queue.qsize()]).toEqual(["second", 0]);
    });
  });

  test("Queue.put() cancelled after it was woken, its room taken: nobody else is woken and loses its place [S208]", () => {
    program(function* () {
      const queue = fullQueue();
      const log: string[] = [];
      const [a, b, c] = ["a", "b", "c"].map((name) => putter(queue, name, log)) as [
        Task<void>,
        Task<void>,
        Task<void>,
      ];
      yield* sleep(1);
      queue.getNowait();
      queue.putNowait("quick");
      a.cancel();
      yield* sleep(1);
      expect([yield* queue.get(), yield* queue.get(), yield* queue.get()]).toEqual(["quick", "b", "c"]);
      yield* gather([b, c]);
      expect(endOf(a)).toBe("cancelled");
    });
  });

  test("Queue.put() cancelled in its sleep wakes nobody, though there is room for one who was woken [S208]", () => {
    program(function* () {
      const queue = fullQueue();
      const log: string[] = [];
      const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => putter(queue, name, log)) as [
        Task<void>,
        Task<void>,
        Task<void>,
        Task<void>,
      ];
      yield* sleep(1);
      b.cancel(); // takes its step first, and finds room
      queue.getNowait();
      yield* sleep(1);
      expect([log, endOf(b)]).toEqual([["a"], "cancelled"]);
      expect([yield* queue.get(), yield* queue.get(), yield* queue.get()]).toEqual(["a", "c", "d"]);
      yield* gather([a, c, d]);
    });
  });

  test("Queue.put() into which an error is thrown past its task leaves the list and wakes nobody [S208]", () => {
    program(function* () {
      const queue = fullQueue();
      const log: string[] = [];
      const a = putter(queue, "a", log);
      yield;
      const outer = outside(queue.put("never"));
      const thrownInto = createTask(outer);
      yield;
      const [b, c] = ["b", "c"].map((name) => putter(queue, name, log)) as [Task<void>, Task<void>];
      yield;
      queue.getNowait(); // a is woken; there is room until it runs
      expect(String(queue)).toBe("<Queue maxsize=1 qsize=0 putters=3 unfinished=1>");
      const error = new Error("from outside");
      expect(thrownBy(() => outer.throw(error))).toBe(error);
      expect(String(queue)).toBe("<Queue maxsize=1 qsize=0 putters=2 unfinished=1>");
      yield* sleep(1);
      expect(endOf(thrownInto)).toBe("cancelled");
      expect([yield* queue.get(), yield* queue.get(), yield* queue.get()]).toEqual(["a", "b", "c"]);
      yield* gather([a, b, c]);
    });
  });

  test("Queue.put() cancelled before its first step puts nothing", () => {
    program(function* () {
      const queue = new Queue<string>(1);
      const [a, b, c] = ["a", "b", "c"].map((item) => createTask(queue.put(item))) as [
        Task<void>,
        Task<void>,
        Task<void>,
      ];
      yield;
      expect([a, b, c].map(endOf)).toEqual(["result undefined", "pending", "pending"]);
      c.cancel();
      yield;
      expect([endOf(c), queue.getNowait()]).toEqual(["cancelled", "a"]);
      yield;
      expect([queue.getNowait(), endOf(b)]).toEqual(["b", "result undefined"]);
    });
  });
});

describe("Queue: those who put and those who get", () => {
  test("Queue: those who put and those who get at once all get done", () => {
    program(function* () {
      const queue = new Queue<number>(2);
      const log: number[] = [];
      yield* asyncWith(new TaskGroup(), function* (group) {
        group.createTask(
          (function* () {
            yield;
            for (let left = queue.qsize(); left > 0; left--) log.push(queue.getNowait());
          })(),
        );
        for (let item = 0; item < 4; item++) group.createTask(queue.put(item));
      });
      expect([log, queue.qsize()]).toEqual([[0, 1], 2]);
    });
  });

  test("Queue: a thousand who wait and are cancelled in the middle leave the others in their order", () => {
    program(function* () {
      const queue = new Queue<string>();
      const log: string[] = [];
      const tasks = Array.from({ length: 1000 }, (_, i) => getter(queue, `${i}`, log));
      yield* sleep(1);
      tasks.forEach((task, i) => {
        if (i % 100 !== 0) task.cancel();
      });
      yield* sleep(1);
      expect(String(queue)).toBe("<Queue maxsize=0 qsize=0 getters=10>");
      for (let item = 0; item < 10; item++) queue.putNowait(`${item}`);
      yield* gather(tasks, { returnExceptions: true });
      expect(log).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => `${i * 100} ${i}`));
    });
  });
});
