// Event: a flag, and who waits for it.
import { inspect } from "node:util";
import type { Coroutine } from "@aioloop/loop";
import { CancelledError, DeadlockError, RuntimeError } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import { createTask, Event, gather, sleep, waitFor } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { carryOut, plans, spared } from "./cancellation-plans.ts";
import { endOf, errorOf, program, textOf, thrownBy } from "./helpers.ts";

/** Tasks that wait in this order and note their names when they go on. */
function waitFlag(event: Event, names: string, log: string[]): Task<void>[] {
  return [...names].map((name) =>
    createTask(
      (function* () {
        expect(yield* event.wait()).toBe(true);
        log.push(name);
      })(),
      { name },
    ),
  );
}

/** What the turn that passes has added to the log. */
function* next(log: string[]): Coroutine<string> {
  yield;
  return log.splice(0).join(" ");
}

describe("Event", () => {
  test("Event is clear at first, set by set(), clear after clear(); saying it twice is no error", () => {
    const event = new Event();
    expect(event.isSet()).toBe(false);
    event.clear();
    expect(event.isSet()).toBe(false);
    event.set();
    event.set();
    expect(event.isSet()).toBe(true);
    event.clear();
    expect(event.isSet()).toBe(false);
  });

  test("Event.set() wakes all that wait, in order; who comes in the same turn before them does not wait at all [S188]", () => {
    program(function* () {
      const event = new Event();
      const log: string[] = [];
      const tasks = waitFlag(event, "abc", log);
      expect(yield* next(log)).toBe("");
      expect(yield* next(log)).toBe("");
      tasks.push(...waitFlag(event, "n", log)); // begins before those are resumed
      event.set();
      expect(yield* next(log)).toBe("n a b c");
      expect(tasks.map(endOf)).toEqual(Array(4).fill("result undefined"));
      expect(`${event}`).toBe("<Event [set]>");
    });
  });

  test("Event.wait() of a set event is true in the same turn, as often as it is asked [S189]", () => {
    program(function* (loop) {
      const event = new Event();
      const turns: string[] = [];
      event.set();
      loop.callSoon(() => turns.push("another turn"));
      const waiting = event.wait();
      event.clear();
      event.set();
      expect(yield* waiting).toBe(true);
      expect(yield* event.wait()).toBe(true);
      expect(turns).toEqual([]);
    });
  });

  test("Event.wait() looks at the flag when it is awaited, not when it is called", () => {
    program(function* (loop) {
      const event = new Event();
      event.set();
      const waiting = event.wait();
      event.clear();
      loop.callLater(3, () => event.set());
      expect(yield* waiting).toBe(true);
      expect(loop.time()).toBe(3);
    });
  });

  test("Event.set() then clear() before the waiters run: they go on, and wait() is true [S188]", () => {
    program(function* () {
      const event = new Event();
      const log: string[] = [];
      const tasks = waitFlag(event, "ab", log);
      yield;
      event.set();
      event.clear();
      expect([event.isSet(), `${event}`]).toEqual([false, "<Event [unset, waiters:2]>"]);
      event.set();
      event.set();
      event.clear();
      tasks.push(...waitFlag(event, "n", log));
      expect(yield* next(log)).toBe("a b");
      expect([event.isSet(), `${event}`]).toEqual([false, "<Event [unset, waiters:1]>"]);
      expect(tasks.map(endOf)).toEqual(["result undefined", "result undefined", "pending"]);
      event.set();
      expect(yield* next(log)).toBe("n");
      expect(`${event}`).toBe("<Event [set]>");
    });
  });

  test("Event.set() between one that was woken and one that came after it was cleared wakes the second too", () => {
    program(function* (loop) {
      const event = new Event();
      const log: string[] = [];
      waitFlag(event, "a", log);
      yield;
      // In the turn in which a is resumed, but before it, b begins to wait and the event is set for it.
      waitFlag(event, "b", log);
      loop.callSoon(() => event.set());
      event.set();
      event.clear();
      expect(yield* next(log)).toBe("a");
      expect(yield* next(log)).toBe("b");
    });
  });

  test("Event.clear() does not send back to sleep who has been woken by a timer's set() at another time", () => {
    program(function* (loop) {
      const event = new Event();
      loop.callLater(1, () => event.set());
      loop.callLater(1, () => event.clear());
      yield* event.wait();
      expect([loop.time(), event.isSet()]).toEqual([1, false]);
    });
  });

  test("Event goes on working round after round", () => {
    program(function* (loop) {
      const event = new Event();
      const log: string[] = [];
      const pupil = function* (name: string): Coroutine<void> {
        for (let round = 1; round <= 3; round++) {
          yield* event.wait();
          log.push(`${loop.time()} ${name}`);
          yield* sleep(1);
        }
      };
      const teacher = function* (): Coroutine<void> {
        for (let round = 1; round <= 3; round++) {
          yield* sleep(10);
          event.set();
          event.clear();
        }
      };
      yield* gather([pupil("a"), teacher(), pupil("b")]);
      expect(log).toEqual(["10 a", "10 b", "20 a", "20 b", "30 a", "30 b"]);
    });
  });
});

describe("Event and cancellation", () => {
  test("Event.wait() cancelled before it starts leaves no trace", () => {
    program(function* () {
      const event = new Event();
      const task = createTask(event.wait());
      task.cancel();
      yield;
      expect([endOf(task), `${event}`]).toEqual(["cancelled", "<Event [unset]>"]);
    });
  });

  test("Event.wait() cancelled while it waits leaves the queue; the others are woken as before", () => {
    program(function* (loop) {
      const event = new Event();
      const log: string[] = [];
      const tasks = waitFlag(event, "abcd", log);
      yield;
      loop.callSoon(() => tasks[1]?.cancel());
      expect(yield* errorOf(tasks[1] as Task<void>)).toBeInstanceOf(CancelledError);
      expect(`${event}`).toBe("<Event [unset, waiters:3]>");
      tasks[0]?.cancel();
      tasks[3]?.cancel();
      expect(yield* next(log)).toBe("");
      expect(`${event}`).toBe("<Event [unset, waiters:1]>");
      event.set();
      expect(yield* next(log)).toBe("c");
    });
  });

  test("Event.set() and the cancellation of one that waits, in one turn, either first: the others are woken", () => {
    for (const isSetFirst of [false, true]) {
      program(function* () {
        const event = new Event();
        const log: string[] = [];
        const tasks = waitFlag(event, "abc", log);
        yield;
        if (isSetFirst) event.set();
        tasks[1]?.cancel();
        if (!isSetFirst) event.set();
        expect(yield* next(log)).toBe("a c");
        expect(tasks.map(endOf)).toEqual(["result undefined", "cancelled", "result undefined"]);
        expect([event.isSet(), `${event}`]).toEqual([true, "<Event [set]>"]);
      });
    }
  });

  test("Event.wait() within waitFor(): the timeout takes it out of the queue", () => {
    program(function* (loop) {
      const event = new Event();
      expect(textOf(yield* errorOf(waitFor(event.wait(), 2)))).toMatch(/^TimeoutError/);
      expect([loop.time(), `${event}`]).toEqual([2, "<Event [unset]>"]);
    });
  });

  test("Event: however one or two of four are cancelled, set() wakes the others in the same turn [S188]", () => {
    for (const plan of plans(4, 5)) {
      program(function* (loop) {
        const event = new Event();
        const log: string[] = [];
        loop.callLater(1, () => event.set());
        // some turns before the first begins, and some after
        loop.callSoon(() => loop.callSoon(() => loop.callSoon(() => event.set())));
        const tasks = yield* carryOut(plan, () => waitFlag(event, "0123", log));
        expect({ plan, log, event: `${event}` }).toEqual({
          plan,
          log: [...log].sort(),
          event: "<Event [set]>",
        });
        expect(log).toEqual(expect.arrayContaining(spared(plan, 4).map(String)));
        expect(tasks.map(endOf)).toEqual(
          [..."0123"].map((name) => (log.includes(name) ? "result undefined" : "cancelled")),
        );
      });
    }
  });
});

describe("Event in reports", () => {
  test("Event.toString() says whether it is set, and how many wait", () => {
    program(function* () {
      const event = new Event();
      expect(`${event}`).toBe("<Event [unset]>");
      waitFlag(event, "ab", []);
      yield;
      expect(`${event}`).toBe("<Event [unset, waiters:2]>");
      event.set();
      expect(`${event}`).toBe("<Event [set, waiters:2]>");
      expect(inspect(event)).toBe("<Event [set, waiters:2]>");
      yield;
      expect(`${event}`).toBe("<Event [set]>");
      class Bell extends Event {}
      expect(`${new Bell()}`).toBe("<Bell [unset]>");
    });
  });

  test("Event that nobody sets: DeadlockError names it", () => {
    const error = thrownBy(() =>
      program(function* () {
        yield* createTask(new Event().wait(), { name: "waiter" });
      }),
    );
    expect(error).toBeInstanceOf(DeadlockError);
    expect(textOf(error)).toContain("\n  waiter waits for <Event [unset, waiters:1]> (in wait)");
  });

  test("Event: the instrument's access() is told that set() and clear() write, isSet() and wait() read, repr nothing", () => {
    program(function* (loop) {
      const event = new Event();
      const told: unknown[] = [];
      const instrument = {
        access: (object: object, kind: string) => void told.push(object === event ? kind : object),
      };
      loop.addInstrument(instrument);
      event.isSet();
      expect(told.splice(0)).toEqual(["read"]);
      waitFlag(event, "a", []);
      yield;
      expect(told.splice(0)).toEqual(["read"]);
      event.set();
      expect(told.splice(0)).toEqual(["write"]);
      event.set();
      expect(told.splice(0)).toEqual(["write"]);
      yield;
      expect(told.splice(0)).toEqual([]);
      yield* event.wait();
      expect(told.splice(0)).toEqual(["read"]);
      event.clear();
      expect(told.splice(0)).toEqual(["write"]);
      void `${event}`;
      loop.removeInstrument(instrument);
      event.set();
      expect(told).toEqual([]);
    });
  });
});

test("Event belongs to the loop in which it was first waited for, and refuses to be waited for in another [S187]", () => {
  const event = new Event();
  for (let round = 0; round < 2; round++) {
    program(function* () {
      event.set();
      yield* event.wait(); // no waiting: it belongs to none
      event.clear();
    });
  }
  program(function* (loop) {
    loop.callLater(1, () => event.set());
    yield* event.wait();
    event.clear();
  });
  program(function* () {
    const error = yield* errorOf(event.wait());
    expect(error).toBeInstanceOf(RuntimeError);
    expect(textOf(error)).toBe(
      "RuntimeError: <Event [unset]> is bound to a different event loop: make one for each loop",
    );
    expect(`${event}`).toBe("<Event [unset]>");
    event.set();
    expect(yield* event.wait()).toBe(true);
  });
});
