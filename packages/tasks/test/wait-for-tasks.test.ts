// waitFor() over tasks and shields: who is cancelled, who is waited for, and what comes out.
import type { Coroutine } from "@aioloop/loop";
import { CancelledError, isCancelled, TimeoutError } from "@aioloop/loop";
import type { VirtualEventLoop } from "@aioloop/tasks";
import { createTask, shield, sleep, wait, waitFor } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { endOf, errorOf, program, textOf } from "./helpers.ts";

/** Takes its seconds, however often it is cancelled; then notes that it is through. */
function* unstoppable(loop: VirtualEventLoop, seconds: number, through: number[]): Coroutine<void> {
  const end = loop.time() + seconds;
  while (loop.time() < end) {
    try {
      yield* sleep(end - loop.time());
    } catch (error) {
      if (!isCancelled(error)) throw error;
    }
  }
  through.push(loop.time());
}

/** Needs a second more when it is cancelled, and notes its end. */
function* slowToStop(ends: string[]): Coroutine<string> {
  try {
    yield* sleep(10);
  } finally {
    yield* sleep(1);
    ends.push("cleaned up");
  }
  return "finished";
}

test("waitFor() that is cancelled waits for what will not be stopped [S137]", () => {
  program(function* (loop) {
    const through: number[] = [];
    const task = createTask(waitFor(unstoppable(loop, 2, through), 4));
    yield* sleep(0);
    task.cancel();
    yield* wait([task]);
    expect(through).toEqual([2]);
  });
});

test("waitFor() whose time is over waits for what will not be stopped [S137 S136]", () => {
  program(function* (loop) {
    const through: number[] = [];
    yield* waitFor(unstoppable(loop, 2, through), 1);
    expect(through).toEqual([2]);
  });
});

test.each([0, -1])(
  "waitFor(task, %d) of a task that has begun cancels it, and it is done then [S135]",
  (timeout) => {
    program(function* (loop) {
      const started = loop.createFuture<void>();
      let isRunning = false;
      const task = createTask(
        (function* () {
          isRunning = true;
          started.setResult();
          try {
            yield* sleep(10);
          } finally {
            isRunning = false;
          }
          return "done";
        })(),
      );
      yield* started;
      expect(isRunning).toBe(true);
      expect(yield* errorOf(waitFor(task, timeout))).toBeInstanceOf(TimeoutError);
      expect([endOf(task), isRunning, loop.time()]).toEqual(["cancelled", false, 0]);
    });
  },
);

test.each([0, 1])(
  "waitFor(task, %d): the TimeoutError comes after the task's clean-up, and its cause is the cancellation [S137 S135]",
  (timeout) => {
    program(function* (loop) {
      const ends: string[] = [];
      const task = createTask(slowToStop(ends));
      yield* sleep(1);
      const error = yield* errorOf(waitFor(task, timeout));
      expect(error).toBeInstanceOf(TimeoutError);
      expect((error as Error).cause).toBeInstanceOf(CancelledError);
      expect(ends).toEqual(["cleaned up"]);
      expect(loop.time()).toBe(2 + timeout);
    });
  },
);

test("waitFor() of a task that fails while it is cancelled throws that error", () => {
  program(function* () {
    const task = createTask(
      (function* () {
        yield* errorOf(sleep(10));
        throw new Error("in clean-up");
      })(),
    );
    expect(textOf(yield* errorOf(waitFor(task, 1)))).toBe("Error: in clean-up");
  });
});

test.each([null, 60])("waitFor(task, %o) that is cancelled cancels the task", (timeout) => {
  program(function* (loop) {
    const task = createTask(
      (function* () {
        yield* loop.createFuture();
      })(),
    );
    const waiting = createTask(waitFor(task, timeout));
    loop.callSoon(() => waiting.cancel());
    expect(yield* errorOf(waiting)).toBeInstanceOf(CancelledError);
    expect(task.cancelled()).toBe(true);
    expect(loop.time()).toBe(0);
  });
});

test("waitFor(): a task that ends in the turn of the cancellation keeps its result, and its waiter goes no further [S138]", () => {
  program(function* () {
    const inner = createTask(
      (function* () {
        return "done";
      })(),
    );
    let hasGoneOn = false;
    const waiting = createTask(
      (function* () {
        yield* waitFor(inner, 100);
        yield* sleep(1);
        hasGoneOn = true;
      })(),
    );
    expect(waiting.done()).toBe(false);
    yield* sleep(0);
    waiting.cancel();
    expect(yield* errorOf(waiting)).toBeInstanceOf(CancelledError);
    expect(yield* inner).toBe("done");
    expect(hasGoneOn).toBe(false);
  });
});

test("waitFor(shield(task), 0): the shield is cancelled, the task runs on [S135 S145]", () => {
  program(function* () {
    const task = createTask(sleep(1, "done"));
    const sheltered = shield(task);
    expect(yield* errorOf(waitFor(sheltered, 0))).toBeInstanceOf(TimeoutError);
    expect([endOf(sheltered), endOf(task)]).toEqual(["cancelled", "pending"]);
    yield* sleep(2);
    expect(endOf(task)).toBe("result done");
  });
});

test("waitFor(shield(task), null) gives the task's result", () => {
  program(function* () {
    const task = createTask(sleep(1, "done"));
    expect(yield* waitFor(shield(task), null)).toBe("done");
    expect(endOf(task)).toBe("result done");
  });
});
