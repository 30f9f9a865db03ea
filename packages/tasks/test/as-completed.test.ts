import type { Coroutine, Future } from "@aioloop/loop";
import { CancelledError, TimeoutError } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import { asCompleted, asyncFor, BREAK, createTask, gather, sleep } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { endOf, errorOf, program, textOf, thrownBy } from "./helpers.ts";

function* failing(delay: number): Coroutine<never> {
  yield* sleep(delay);
  throw new Error(`failed at ${delay}`);
}

test("asCompleted() in `for` gives coroutines, each for the next result [S141]", () => {
  program(function* (loop) {
    const results: string[] = [];
    for (const next of asCompleted([sleep(3, "c"), sleep(1, "a"), sleep(2, "b")])) {
      results.push(`${yield* next} at ${loop.time()}`);
    }
    expect(results).toEqual(["a at 1", "b at 2", "c at 3"]);
  });
});

test("asCompleted() in asyncFor gives the original futures as they finish [S141]", () => {
  program(function* () {
    const tasks = [createTask(sleep(2, "b")), createTask(sleep(1, "a"))];
    const seen: Future<string>[] = [];
    yield* asyncFor(asCompleted(tasks), function* (task) {
      seen.push(task);
    });
    expect(seen[0]).toBe(tasks[1]);
    expect(seen[1]).toBe(tasks[0]);
  });
});

test("asCompleted(): both ways may be mixed; each takes one [S141]", () => {
  program(function* () {
    const tasks = [3, 1, 2].map((delay) => createTask(sleep(delay, delay)));
    const all = asCompleted(tasks);
    const results: number[] = [];
    for (const next of all) {
      results.push(yield* next);
      break;
    }
    yield* asyncFor(all, function* (task) {
      results.push(task.result());
      return BREAK;
    });
    for (const next of all) results.push(yield* next);
    expect(results).toEqual([1, 2, 3]);
    expect([...all]).toEqual([]);
  });
});

test("asCompleted() starts everything at the call, before the first is asked for [S142]", () => {
  program(function* (loop) {
    const all = asCompleted([sleep(1, "a"), sleep(2, "b")]);
    yield* sleep(5);
    for (const next of all) yield* next;
    expect(loop.time()).toBe(5);
  });
});

test("asCompleted() merges what it is given twice [S142]", () => {
  program(function* () {
    const [task, coro] = [createTask(sleep(1, "task")), sleep(2, "coroutine")];
    const results: string[] = [];
    for (const next of asCompleted([task, coro, task, coro])) results.push(yield* next);
    expect(results).toEqual(["task", "coroutine"]);
  });
});

test("asCompleted() needs a loop for coroutines [S142]", () => {
  expect(textOf(thrownBy(() => asCompleted([sleep(1)])))).toMatch(
    /^RuntimeError: there is no current event loop/,
  );
});

test("asCompleted([]) is over at once, in both ways", () => {
  program(function* () {
    expect([...asCompleted([])]).toEqual([]);
    yield* asyncFor(asCompleted([]), function* () {
      throw new Error("never");
    });
  });
});

test("asCompleted(): coroutines taken out of order share the results in the order in which they are awaited", () => {
  program(function* () {
    const [first, second] = [...asCompleted([sleep(2, "slow"), sleep(1, "quick")])] as [
      Coroutine<string>,
      Coroutine<string>,
    ];
    expect(yield* second).toBe("quick");
    expect(yield* first).toBe("slow");
  });
});

test("asCompleted(): its coroutines may be awaited at the same time", () => {
  program(function* () {
    expect(yield* gather(asCompleted([sleep(2, "b"), sleep(1, "a")]))).toEqual(["a", "b"]);
  });
});

test("asCompleted() throws what failed where it is awaited, and goes on with the others", () => {
  program(function* () {
    const results: string[] = [];
    for (const next of asCompleted([failing(1), sleep(2, "fine")])) {
      try {
        results.push(yield* next);
      } catch (error) {
        results.push(textOf(error));
      }
    }
    expect(results).toEqual(["Error: failed at 1", "fine"]);
  });
});

test("asCompleted(…, { timeout }): each that is missing is a TimeoutError; nothing is cancelled [S143]", () => {
  program(function* (loop) {
    const tasks = [1, 5, 6].map((delay) => createTask(sleep(delay, delay)));
    const results: string[] = [];
    for (const next of asCompleted(tasks, { timeout: 2 })) {
      try {
        results.push(`${yield* next}`);
      } catch (error) {
        expect(error).toBeInstanceOf(TimeoutError);
        results.push(`${textOf(error)} at ${loop.time()}`);
      }
    }
    const late = "TimeoutError: asCompleted: the timeout was faster at 2";
    expect(results).toEqual(["1", late, late]);
    expect(yield* gather(tasks)).toEqual([1, 5, 6]);
  });
});

test("asCompleted(…, { timeout }) in asyncFor throws the TimeoutError out of the loop [S143]", () => {
  program(function* (loop) {
    const seen: string[] = [];
    const error = yield* errorOf(
      asyncFor(asCompleted([sleep(1, "a"), sleep(5, "b")], { timeout: 2 }), function* (task) {
        seen.push(task.result());
      }),
    );
    expect(error).toBeInstanceOf(TimeoutError);
    expect(seen).toEqual(["a"]);
    expect(loop.time()).toBe(2);
  });
});

test("asCompleted(…, { timeout }) that is not needed leaves no timer [S144]", () => {
  program(function* (loop) {
    for (const next of asCompleted([sleep(1), sleep(2)], { timeout: 50 })) yield* next;
    yield* sleep(1);
    expect(loop.time()).toBe(3);
  });
});

test("asCompleted(): what completes after the timeout is ignored [S144]", () => {
  program(function* () {
    const all = asCompleted([sleep(1, "a"), sleep(5, "late")], { timeout: 2 });
    yield* sleep(10);
    const ends: string[] = [];
    for (const next of all) {
      const task: Task<string> = createTask(next);
      yield* sleep(1);
      ends.push(endOf(task));
    }
    expect(ends).toEqual(["result a", "exception TimeoutError: asCompleted: the timeout was faster"]);
  });
});

test("asCompleted(): cancelling who waits leaves the others running", () => {
  program(function* () {
    const inner = createTask(sleep(5, "ran on"));
    const waiting = createTask(
      (function* () {
        for (const next of asCompleted([inner])) yield* next;
      })(),
    );
    yield* sleep(1);
    waiting.cancel();
    expect(yield* errorOf(waiting)).toBeInstanceOf(CancelledError);
    expect(yield* inner).toBe("ran on");
  });
});

test("asCompleted() refuses a single awaitable and what is no list [S141]", () => {
  program(function* (loop) {
    expect(textOf(thrownBy(() => asCompleted(loop.createFuture() as never)))).toBe(
      "TypeError: asCompleted([a(), b()]): takes a list of awaitables, got one, <Future pending>: put it in brackets",
    );
    expect(textOf(thrownBy(() => asCompleted(sleep(1) as never)))).toBe(
      "TypeError: asCompleted([a(), b()]): takes a list of awaitables, got one, <coroutine sleep(1)>: put it in brackets",
    );
    expect(textOf(thrownBy(() => asCompleted(5 as never)))).toMatch(/takes a list of awaitables, got 5$/);
    expect(textOf(thrownBy(() => asCompleted([], { timeout: Number.NaN })))).toBe(
      "RangeError: asCompleted(awaitables, { timeout }): timeout must be a number of seconds or null, got NaN",
    );
  });
});
