import type { Coroutine } from "@aioloop/loop";
import { CancelledError, wrapFuture } from "@aioloop/loop";
import type { Manager } from "@aioloop/tasks";
import { asyncFor, asyncWith, BREAK, createTask, HostEventLoop, run, sleep } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { errorOf, program, textOf } from "./helpers.ts";

/** Notes what is done with it. */
class Noting implements Manager<string> {
  readonly notes: string[] = [];
  answer: boolean | undefined = undefined;
  failure: { error: unknown } | null | undefined = undefined;

  *aenter(): Coroutine<string> {
    yield* sleep(1);
    this.notes.push("entered");
    return "value";
  }

  *aexit(failure: { error: unknown } | null): Coroutine<boolean | void> {
    yield* sleep(1);
    this.notes.push("left");
    this.failure = failure;
    return this.answer;
  }
}

describe("asyncWith()", () => {
  test("asyncWith() enters, runs the block with the value, leaves, and gives the block's result [J12]", () => {
    program(function* () {
      const manager = new Noting();
      const result = yield* asyncWith(manager, function* (value) {
        manager.notes.push(value);
        yield* sleep(1);
        return "result";
      });
      expect(result).toBe("result");
      expect(manager.notes).toEqual(["entered", "value", "left"]);
      expect(manager.failure).toBe(null);
    });
  });

  test.each([new Error("failed"), undefined, null])(
    "asyncWith() leaves with { error: %o } and throws it on [J12 J7]",
    (error) => {
      program(function* () {
        const manager = new Noting();
        const failing = asyncWith(manager, function* () {
          throw error;
        });
        expect(yield* errorOf(failing)).toBe(error);
        expect(manager.failure).toEqual({ error });
      });
    },
  );

  test("asyncWith(): true from aexit() deals with the error, and the result is undefined [J12]", () => {
    program(function* () {
      const manager = new Noting();
      manager.answer = true;
      const result = yield* asyncWith(manager, function* () {
        throw new Error("dealt with");
      });
      expect(result).toBe(undefined);
    });
  });

  test("asyncWith(): true from aexit() after a block without error changes nothing", () => {
    program(function* () {
      const manager = new Noting();
      manager.answer = true;
      expect(yield* asyncWith(manager, () => sleep(0, "result"))).toBe("result");
    });
  });

  test("asyncWith(): what aexit() throws takes the place of the block's error [J12]", () => {
    program(function* () {
      const manager: Manager<void> = {
        *aenter() {},
        *aexit() {
          throw new Error("from aexit");
        },
      };
      const failing = asyncWith(manager, function* () {
        throw new Error("from the block");
      });
      expect(textOf(yield* errorOf(failing))).toBe("Error: from aexit");
    });
  });

  test("asyncWith(): an error of aenter() is passed on, and nothing is left [J12]", () => {
    program(function* () {
      let hasLeft = false;
      const manager: Manager<void> = {
        *aenter() {
          throw new Error("no entry");
        },
        *aexit() {
          hasLeft = true;
        },
      };
      expect(textOf(yield* errorOf(asyncWith(manager, () => sleep(1))))).toBe("Error: no entry");
      expect(hasLeft).toBe(false);
    });
  });

  test("asyncWith() leaves when the block is cancelled; aexit() may wait", () => {
    program(function* (loop) {
      const manager = new Noting();
      const task = createTask(asyncWith(manager, () => sleep(10)));
      yield* sleep(2);
      task.cancel();
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
      expect(manager.failure?.error).toBeInstanceOf(CancelledError);
      expect(loop.time()).toBe(3);
    });
  });

  test("asyncWith() refuses what is no manager, and a body that is no generator function", () => {
    program(function* () {
      expect(textOf(yield* errorOf(asyncWith({} as never, () => sleep(1))))).toBe(
        "TypeError: asyncWith(manager, body): manager must have aenter() and aexit(), got <Object>",
      );
      expect(textOf(yield* errorOf(asyncWith(new Noting(), 5 as never)))).toBe(
        "TypeError: asyncWith(manager, function* (value) { … }): the body must be a generator function, got 5",
      );
      const manager = new Noting();
      expect(textOf(yield* errorOf(asyncWith(manager, (() => 7) as never)))).toBe(
        "TypeError: asyncWith: the body must be a generator function, function* (…) { … }; it returned 7",
      );
      expect(manager.notes).toEqual(["entered", "left"]);
    });
  });

  test("asyncWith() refuses a body that returns a promise: an async function", () => {
    program(function* () {
      const error = yield* errorOf(asyncWith(new Noting(), (async () => {}) as never));
      expect(textOf(error)).toMatch(/^TypeError: asyncWith: the body must be a generator function/);
    });
  });
});

/** Items with a second between them; notes whether it was closed. */
function counting(to: number) {
  let item = 0;
  const source = {
    isClosed: false,
    aiter: () => source,
    *anext(): Coroutine<IteratorResult<number>> {
      yield* sleep(1);
      if (item === to) return { value: undefined, done: true };
      item += 1;
      return { value: item, done: false };
    },
    *aclose(): Coroutine<void> {
      yield* sleep(1);
      source.isClosed = true;
    },
  };
  return source;
}

describe("asyncFor()", () => {
  test("asyncFor() runs the body for each item, one after the other, to the end; nothing is closed then [J12]", () => {
    program(function* (loop) {
      const source = counting(3);
      const items: number[] = [];
      yield* asyncFor(source, function* (item) {
        yield* sleep(10);
        items.push(item);
      });
      expect(items).toEqual([1, 2, 3]);
      expect([loop.time(), source.isClosed]).toEqual([34, false]);
    });
  });

  test("asyncFor(): BREAK ends it and closes the iterator, which is waited for [J12]", () => {
    program(function* () {
      const source = counting(3);
      const items: number[] = [];
      yield* asyncFor(source, function* (item) {
        items.push(item);
        return item === 2 ? BREAK : undefined;
      });
      expect(items).toEqual([1, 2]);
      expect(source.isClosed).toBe(true);
    });
  });

  test("asyncFor(): an error or a cancellation in the body closes the iterator [J12]", () => {
    program(function* () {
      const failed = counting(3);
      const failing = asyncFor(failed, function* () {
        throw new Error("in the body");
      });
      expect(textOf(yield* errorOf(failing))).toBe("Error: in the body");
      const cancelled = counting(3);
      const task = createTask(asyncFor(cancelled, () => sleep(10)));
      yield* sleep(5);
      task.cancel();
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
      expect([failed.isClosed, cancelled.isClosed]).toEqual([true, true]);
    });
  });

  test("asyncFor(): an error of the iterator is passed on, and it is not closed: it has ended [J12]", () => {
    program(function* () {
      const source = counting(3);
      source.anext = function* () {
        throw new Error("broken");
      };
      expect(textOf(yield* errorOf(asyncFor(source, () => sleep(1))))).toBe("Error: broken");
      expect(source.isClosed).toBe(false);
    });
  });

  test("asyncFor() refuses what cannot be iterated so, and a body that is no function", () => {
    program(function* () {
      expect(textOf(yield* errorOf(asyncFor([1, 2] as never, () => sleep(1))))).toBe(
        "TypeError: asyncFor(iterable, body): iterable must have aiter() or [Symbol.asyncIterator], got [2 items]",
      );
      expect(textOf(yield* errorOf(asyncFor(counting(1), null as never)))).toBe(
        "TypeError: asyncFor(iterable, function* (item) { … }): the body must be a generator function, got null",
      );
    });
  });
});

/** A native one, whose `finally` notes that it was closed. */
function native(notes: string[], items = 3) {
  return (async function* () {
    try {
      for (let item = 1; item <= items; item++) yield item;
    } finally {
      notes.push("closed");
    }
  })();
}

const onHost = { loopFactory: () => new HostEventLoop() };

describe("asyncFor() over native async iterables", () => {
  test("asyncFor() gives a native async generator's items", async () => {
    const notes: string[] = [];
    await run(
      asyncFor(native(notes), function* (item) {
        yield;
        notes.push(`item ${item}`);
      }),
      onHost,
    );
    expect(notes).toEqual(["item 1", "item 2", "item 3", "closed"]);
  });

  test("asyncFor(): BREAK, or an error, closes a native one", async () => {
    const notes: string[] = [];
    await run(
      (function* () {
        yield* asyncFor(native(notes), function* () {
          return BREAK;
        });
        expect(notes).toEqual(["closed"]);
        const failing = asyncFor(native(notes), function* () {
          throw new Error("in the body");
        });
        expect(textOf(yield* errorOf(failing))).toBe("Error: in the body");
        expect(notes).toEqual(["closed", "closed"]);
      })(),
      onHost,
    );
  });

  test("asyncFor(): an error of a native one is passed on", async () => {
    const broken = (async function* () {
      yield 1;
      throw new Error("broken");
    })();
    const failing = run(
      asyncFor(broken, function* () {}),
      onHost,
    );
    await expect(failing).rejects.toThrow("broken");
  });

  test("asyncFor() cancelled while it waits for the next item closes a native one too", async () => {
    const notes: string[] = [];
    const endless: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return: async () => {
          notes.push("closed");
          return { value: undefined, done: true };
        },
      }),
    };
    await run(
      (function* () {
        const task = createTask(asyncFor(endless, () => sleep(0)));
        for (let turns = 0; turns < 5; turns++) yield;
        task.cancel();
        expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
      })(),
      onHost,
    );
    expect(notes).toEqual(["closed"]);
  });

  test("asyncFor() left open at the end of the program: run() closes it", async () => {
    const notes: string[] = [];
    await run(
      (function* () {
        const iterator = native(notes);
        createTask(
          asyncFor(iterator, function* () {
            try {
              yield* sleep(100);
            } finally {
              notes.push("body");
            }
          }),
        );
        yield* wrapFuture(new Promise<void>((resolve) => setImmediate(resolve)));
      })(),
      onHost,
    );
    expect(notes).toEqual(["body", "closed"]);
  });
});
