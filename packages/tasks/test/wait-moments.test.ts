// wait() when something has happened already, or happens in the same turn.
import type { Coroutine, Future } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import { createTask, FIRST_EXCEPTION, sleep, wait } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { endOf, program } from "./helpers.ts";

test("wait() again, once all are done, gives the same sets and takes no time [S132]", () => {
  program(function* (loop) {
    const tasks = [createTask(sleep(0.15, "b")), createTask(sleep(0.1, "a"))];
    for (let time = 1; time <= 2; time++) {
      const [done, pending] = yield* wait(tasks);
      expect([...done].every((task, index) => task === tasks[index])).toBe(true);
      expect([done.size, pending.size, loop.time()]).toEqual([2, 0, 0.15]);
    }
  });
});

test("wait(…, FIRST_EXCEPTION) of one that has failed already returns at once [S131]", () => {
  program(function* (loop) {
    const slow = createTask(sleep(10));
    const failed = createTask(
      (function* (): Coroutine<void> {
        throw new Error("before");
      })(),
    );
    yield* sleep(0);
    expect(failed.done()).toBe(true);
    const [done, pending] = yield* wait([failed, slow], { returnWhen: FIRST_EXCEPTION });
    expect([done.size, done.has(failed), pending.size, pending.has(slow)]).toEqual([1, true, 1, true]);
    expect(loop.time()).toBe(0);
  });
});

test("wait() of one that fails and one that does not gives both, and the error to who asks", () => {
  program(function* (loop) {
    const tasks: Future<void>[] = [
      createTask(sleep(0.1)),
      createTask(
        (function* () {
          yield* sleep(0.15);
          throw new Error("really");
        })(),
      ),
    ];
    const [done, pending] = yield* wait(tasks);
    expect([...done].map(endOf)).toEqual(["result undefined", "exception Error: really"]);
    expect([pending.size, loop.time()]).toEqual([0, 0.15]);
  });
});

test("wait(…, { timeout }) that is over in the very moment in which one ends: that one is done [S130 S132]", () => {
  program(function* (loop) {
    const [first, second] = [createTask(sleep(0.1, "a")), createTask(sleep(0.15, "b"))];
    yield* sleep(0);
    const [done, pending] = yield* wait([second, first], { timeout: 0.1 });
    expect([...done].map(endOf)).toEqual(["result a"]);
    expect([pending.has(second), loop.time()]).toEqual([true, 0.1]);
  });
});

test("wait([...tasks()]): what a generator makes is spread, since a generator itself is a coroutine [S129]", () => {
  program(function* () {
    function* tasks(): Generator<Task<number>> {
      for (let index = 0; index < 10; index++) yield createTask(sleep(0, index));
    }
    const [done, pending] = yield* wait([...tasks()]);
    expect([done.size, pending.size]).toEqual([10, 0]);
  });
});
