import type { Coroutine, Suspend } from "@aioloop/loop";
import {
  AWAITABLE,
  CancelledError,
  ensureFuture,
  iscoroutine,
  RuntimeError,
  wrapFuture,
} from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import { coroutine, createTask, gather, iscoroutinefunction, sleep, VirtualEventLoop } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { endOf, errorOf, program, self, textOf, thrownBy } from "./helpers.ts";

const answer = coroutine(function* answer(value: number) {
  yield* sleep(1);
  return value;
});

describe("coroutine()", () => {
  test("coroutine() passes arguments and `this`, and gives the result", () => {
    const counter = {
      from: 40,
      add: coroutine(function* (this: { from: number }, value: number) {
        yield;
        return this.from + value;
      }),
    };
    expect(
      program(function* () {
        return yield* counter.add(2);
      }),
    ).toBe(42);
  });

  test("coroutine() keeps the function's name", () => {
    expect(answer.name).toBe("answer");
    expect(String(answer(1))).toBe("<coroutine answer>");
  });

  test("coroutine() runs nothing until its coroutine is awaited", () => {
    program(function* () {
      let hasRun = false;
      const coro = coroutine(function* () {
        hasRun = true;
      })();
      yield* sleep(1);
      expect(hasRun).toBe(false);
      yield* coro;
      expect(hasRun).toBe(true);
    });
  });

  test("coroutine() refuses what is no function", () => {
    expect(textOf(thrownBy(() => coroutine(5 as never)))).toBe(
      "TypeError: coroutine(fn): write coroutine(function* (…) { … }), got 5",
    );
  });

  test("coroutine() of a function that is no generator function is an error when it is called", () => {
    const wrong = coroutine(function plain() {
      return 5;
    } as never);
    expect(textOf(thrownBy(() => wrong()))).toBe(
      "TypeError: coroutine(plain): the function must be a generator function, function* (…) { … }; it returned 5",
    );
  });

  test("coroutine() of a plain generator function that fails at once fails in its task", () => {
    program(function* () {
      const failing = coroutine(function* (): Coroutine<void> {
        throw new Error("at once");
      });
      expect(yield* errorOf(failing())).toEqual(new Error("at once"));
      expect(yield* errorOf(createTask(failing()))).toEqual(new Error("at once"));
    });
  });

  test("coroutine() and plain generators may call each other in any order [J11]", () => {
    const framed = coroutine(function* (depth: number): Coroutine<string> {
      if (depth > 0) return `framed ${yield* plain(depth - 1)}`;
      yield* sleep(1);
      return "end";
    });
    function* plain(depth: number): Coroutine<string> {
      return `plain ${yield* depth > 0 ? framed(depth - 1) : framed(0)}`;
    }
    program(function* () {
      expect(yield* framed(3)).toBe("framed plain framed plain end");
      expect(yield* plain(2)).toBe("plain framed plain end");
      expect(yield* createTask(framed(2))).toBe("framed plain end");
    });
  });

  test("coroutine(): an error passes through every frame, and each may catch it", () => {
    program(function* () {
      const trail: string[] = [];
      const level = coroutine(function* (depth: number): Coroutine<string> {
        try {
          if (depth === 0) throw new Error("from below");
          return yield* level(depth - 1);
        } catch (error) {
          trail.push(`caught at ${depth}`);
          if (depth === 2) return "dealt with";
          throw error;
        }
      });
      expect(yield* level(3)).toBe("dealt with");
      expect(trail).toEqual(["caught at 0", "caught at 1", "caught at 2"]);
    });
  });

  test("coroutine(): `undefined` thrown through frames arrives [J7]", () => {
    program(function* () {
      const failing = coroutine(function* (): Coroutine<void> {
        yield;
        throw undefined;
      });
      const calling = coroutine(function* () {
        yield* failing();
      });
      expect(yield* errorOf(calling())).toBe(undefined);
    });
  });

  test("coroutine() 10,000 deep: result, error and cancellation pass through [J11]", () => {
    const DEPTH = 10_000;
    // By another name than its own, which within is the plain generator function.
    const descend = coroutine(function* down(depth: number, end: () => Coroutine<number>): Coroutine<number> {
      if (depth === 0) return yield* end();
      return (yield* descend(depth - 1, end)) + 1;
    });
    program(function* () {
      expect(
        yield* descend(DEPTH, function* () {
          yield* sleep(1);
          return 0;
        }),
      ).toBe(DEPTH);
      const error = new Error("from the bottom");
      expect(
        yield* errorOf(
          descend(DEPTH, function* () {
            yield;
            throw error;
          }),
        ),
      ).toBe(error);
      const task = createTask(descend(DEPTH, () => sleep(10, 0)));
      yield* sleep(1);
      expect(task.getStack()).toHaveLength(DEPTH + 1);
      expect(String(task)).toContain("(in down > down > down > down > down > <9991 more> > down > ");
      task.cancel();
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
    });
  });

  test("coroutine() resumed by turns 10,000 deep costs no more than at depth 1: only the innermost runs [J11]", () => {
    const resumed: number[] = [];
    const level = coroutine(function* (depth: number): Coroutine<void> {
      if (depth > 0) {
        yield* level(depth - 1);
        resumed.push(depth);
        return;
      }
      for (let round = 0; round < 1000; round++) yield;
    });
    program(() => level(10_000));
    expect(resumed).toHaveLength(10_000);
  });
});

describe("a coroutine that has been used", () => {
  test("awaiting it twice is refused: it was awaited already [J5]", () => {
    program(function* () {
      const coro = answer(1);
      yield* coro;
      const error = yield* errorOf(coro);
      expect(textOf(error)).toBe(
        "RuntimeError: cannot reuse <coroutine answer>: it was awaited already. Call the function again for a new one",
      );
    });
  });

  test("awaiting it while another task does is refused, and the other is not disturbed [J4]", () => {
    program(function* () {
      const coro = answer(1);
      const first = createTask(
        (function* () {
          return yield* coro;
        })(),
      );
      yield;
      yield;
      expect(textOf(yield* errorOf(coro))).toBe(
        "RuntimeError: <coroutine answer> is being awaited already. Two may wait for one task: createTask() it and await the task",
      );
      expect(yield* first).toBe(1);
    });
  });

  test("awaiting it after it failed is refused", () => {
    program(function* () {
      const failing = coroutine(function* failing() {
        throw new Error("once");
      })();
      yield* errorOf(failing);
      expect(yield* errorOf(failing)).toBeInstanceOf(RuntimeError);
    });
  });

  test("createTask() refuses one that another task has, or had [J4 J5]", () => {
    program(function* () {
      const coro = answer(1);
      const task = createTask(coro);
      expect(textOf(thrownBy(() => createTask(coro)))).toMatch(
        /^RuntimeError: <coroutine answer> is being awaited/,
      );
      yield* task;
      expect(thrownBy(() => createTask(coro))).toBeInstanceOf(RuntimeError);
    });
  });

  test("createTask() refuses a plain generator that another task has, or had [J4 J5]", () => {
    program(function* () {
      const plain = (function* () {
        yield* sleep(1);
      })();
      const task = createTask(plain);
      const text =
        "RuntimeError: createTask(): the coroutine belongs to a task already. Two may wait for one task; for a second one call the generator function again";
      expect(textOf(thrownBy(() => createTask(plain)))).toBe(text);
      yield* task;
      expect(textOf(thrownBy(() => createTask(plain)))).toBe(text);
    });
  });

  test("a coroutine that awaits itself is refused [J4]", () => {
    program(function* () {
      const recursive: { coro: Coroutine<unknown> | null } = { coro: null };
      recursive.coro = coroutine(function* recursing(): Coroutine<unknown> {
        return yield* errorOf(recursive.coro as Coroutine<unknown>);
      })();
      expect(textOf(yield* recursive.coro)).toMatch(
        /^RuntimeError: <coroutine recursing> is being awaited already/,
      );
    });
  });

  test("a plain generator that awaits itself is JavaScript's own error, in its task alone [J4]", () => {
    program(function* () {
      const recursive: { coro: Coroutine<unknown> | null } = { coro: null };
      recursive.coro = (function* (): Coroutine<unknown> {
        return yield* errorOf(recursive.coro as Coroutine<unknown>);
      })();
      expect(textOf(yield* createTask(recursive.coro))).toBe("TypeError: Generator is already running");
    });
  });
});

describe("closing a coroutine", () => {
  test("return() before it started: it never runs, and cannot be awaited", () => {
    program(function* () {
      let hasRun = false;
      const coro = coroutine(function* () {
        hasRun = true;
      })();
      expect(coro.return(undefined)).toEqual({ value: undefined, done: true });
      expect(yield* errorOf(coro)).toBeInstanceOf(RuntimeError);
      expect(hasRun).toBe(false);
    });
  });

  test("throw() before it started throws that, and it never runs [J1]", () => {
    let hasRun = false;
    const coro = coroutine(function* () {
      hasRun = true;
    })();
    const error = new Error("thrown in");
    expect(thrownBy(() => coro.throw(error))).toBe(error);
    expect(hasRun).toBe(false);
  });

  test("return() of one that goes on waiting in `finally` is an error and not silence [J3]", () => {
    program(function* (loop) {
      const coro = coroutine(function* stubborn() {
        try {
          yield* sleep(10);
        } finally {
          yield* sleep(1);
        }
      })();
      const task = createTask(coro);
      yield* sleep(1);
      expect(textOf(thrownBy(() => coro.return(undefined)))).toBe(
        "RuntimeError: <coroutine stubborn> went on waiting when it was closed: a `yield` in a finally block needs a task to run in",
      );
      task.cancel();
      yield* errorOf(task);
      expect(loop.time()).toBeLessThan(10);
    });
  });

  test("createTask() on a closed loop closes the coroutine [S113]", () => {
    const loop = new VirtualEventLoop();
    loop.close();
    const coro = answer(1);
    expect(textOf(thrownBy(() => loop.createTask(coro)))).toBe(
      "RuntimeError: createTask(): the event loop is closed. Make a new one: newEventLoop()",
    );
    program(function* () {
      expect(textOf(yield* errorOf(coro))).toMatch(/cannot reuse/);
    });
  });
});

describe("iscoroutine() and iscoroutinefunction()", () => {
  test("iscoroutine() knows generators and what has their methods, by `next` and `throw`", () => {
    expect(iscoroutine((function* () {})())).toBe(true);
    expect(iscoroutine(answer(1))).toBe(true);
    expect(iscoroutine(sleep(1))).toBe(true);
    expect(iscoroutine(sleep(0))).toBe(true);
    for (const value of [[], "text", [].values(), Promise.resolve(), answer, null, undefined, 5]) {
      expect(iscoroutine(value)).toBe(false);
    }
  });

  test("iscoroutinefunction() knows generator functions and those made by coroutine()", () => {
    expect(iscoroutinefunction(function* () {})).toBe(true);
    expect(iscoroutinefunction(answer)).toBe(true);
    for (const value of [() => {}, async () => {}, async function* () {}, 5, null]) {
      expect(iscoroutinefunction(value)).toBe(false);
    }
  });
});

describe("ensureFuture()", () => {
  test("ensureFuture() gives futures and tasks back as they are [S113]", () => {
    program(function* (loop) {
      const future = loop.createFuture<number>();
      expect(ensureFuture(future)).toBe(future);
      expect(self()).toBe(ensureFuture(self()));
    });
  });

  test("ensureFuture() makes a task of a coroutine and a future of a promise [S113]", () => {
    program(function* () {
      const task = ensureFuture(answer(3)) as Task<number>;
      expect(task.getCoro()).not.toBe(null);
      expect(yield* task).toBe(3);
      expect(endOf(ensureFuture(Promise.resolve(1)))).toBe("pending");
    });
  });

  test("ensureFuture() makes a task of an awaitable object of yours [S113]", () => {
    class Tomorrow {
      readonly [AWAITABLE] = true;
      *[Symbol.iterator](): Generator<Suspend | undefined, string, unknown> {
        yield* sleep(86_400);
        return "tomorrow";
      }
    }
    program(function* () {
      expect(yield* new Tomorrow()).toBe("tomorrow");
      expect(yield* ensureFuture(new Tomorrow())).toBe("tomorrow");
      expect(yield* gather([new Tomorrow(), new Tomorrow()])).toEqual(["tomorrow", "tomorrow"]);
    });
  });

  test("ensureFuture() refuses a future of another loop [S113]", () => {
    const other = new VirtualEventLoop();
    program(function* (loop) {
      const future = other.createFuture();
      const error = thrownBy(() => ensureFuture(future, { loop }));
      expect(textOf(error)).toBe(`RangeError: <Future pending> belongs to a different loop than ${loop}`);
    });
    other.close();
  });

  test("ensureFuture() refuses what cannot be awaited [S113]", () => {
    program(function* () {
      expect(textOf(thrownBy(() => ensureFuture(5 as never)))).toBe(
        "TypeError: 5 cannot be awaited: a future, a task, a coroutine or a promise can be awaited",
      );
      expect(textOf(thrownBy(() => ensureFuture(answer as never)))).toBe(
        "TypeError: answer cannot be awaited: call it, `answer()`",
      );
    });
  });

  test("createTask() needs a running loop, and names what to do [S114]", () => {
    expect(textOf(thrownBy(() => createTask(answer(1))))).toMatch(/^RuntimeError: no running event loop/);
  });

  test("createTask() takes a coroutine, and no future, promise or function [S114]", () => {
    program(function* (loop) {
      const future = loop.createFuture();
      expect(textOf(thrownBy(() => createTask(future)))).toBe(
        "TypeError: createTask(coro): a coroutine is required, got <Future pending>: a future can be awaited as it is, or use ensureFuture()",
      );
      expect(textOf(thrownBy(() => createTask(Promise.resolve() as never)))).toBe(
        "TypeError: createTask(coro): a coroutine is required, got a promise: write `yield* wrapFuture(promise)`, or gather([promise])",
      );
      expect(textOf(thrownBy(() => createTask(answer as never)))).toBe(
        "TypeError: createTask(coro): a coroutine is required, got the function answer: call it, `answer()`",
      );
    });
  });

  test("wrapFuture() gives a future back as it is", () => {
    program(function* (loop) {
      const future = loop.createFuture<void>();
      expect(wrapFuture(future)).toBe(future);
    });
  });
});
