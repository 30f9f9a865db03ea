// uncancel(), and what can be built with it by hand: a block with a deadline, as Timeout is one.
import type { Coroutine } from "@aioloop/loop";
import { CancelledError, isCancelled } from "@aioloop/loop";
import type { VirtualEventLoop } from "@aioloop/tasks";
import { createTask, sleep } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { errorOf, program, self } from "./helpers.ts";

test("Task.uncancel() by the task that was cancelled: it goes on, and may be cancelled again [S105 S106]", () => {
  program(function* () {
    const task = createTask(
      (function* () {
        yield* errorOf(sleep(10));
        self().uncancel();
        yield* sleep(10);
      })(),
    );
    yield* sleep(0.01);
    expect(task.cancel()).toBe(true);
    expect(String(task)).toMatch(/^<Task cancelling /);
    expect([task.cancelling(), task.cancelled()]).toEqual([1, false]);
    yield* sleep(0.01);
    expect(String(task)).toMatch(/^<Task pending /);
    expect([task.cancelling(), task.cancelled()]).toEqual([0, false]);
    expect(task.cancel()).toBe(true);
    expect([task.cancelling(), task.cancelled()]).toEqual([1, false]);
    expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
    expect([task.done(), task.cancelled()]).toEqual([true, true]);
    task.uncancel();
    expect([task.done(), task.cancelled()]).toEqual([true, true]);
  });
});

test("Task.uncancel() takes back what came between the wake-up and the step it was woken for [S106 S110]", () => {
  program(function* (loop) {
    const future = loop.createFuture<void>();
    const task = createTask(
      (function* () {
        yield* future;
        return 42;
      })(),
    );
    yield;
    future.setResult();
    task.cancel();
    expect([task.cancelling(), task._mustCancel]).toEqual([1, true]);
    expect(task.uncancel()).toBe(0);
    expect(task._mustCancel).toBe(false);
    expect(yield* task).toBe(42);
  });
});

/** Whether the deadline came first, and whether the work was done. */
function* withDeadline(
  loop: VirtualEventLoop,
  work: number,
  deadline: number,
): Coroutine<[boolean, boolean]> {
  const task = self();
  let isLate = false;
  let isDone = false;
  const timer = loop.callLater(deadline, () => {
    isLate = true;
    task.cancel();
  });
  try {
    yield* sleep(work);
    isDone = true;
  } catch (error) {
    if (!isLate || task.uncancel() > 0 || !isCancelled(error)) throw error;
  } finally {
    timer.cancel();
  }
  yield* sleep(0); // what follows the block is not cancelled
  return [isLate, isDone];
}

test("Task.uncancel() in a block that cancelled its own task: what follows runs as usual [S106]", () => {
  program(function* (loop) {
    const late = createTask(withDeadline(loop, 10, 0.1));
    expect(yield* late).toEqual([true, false]);
    expect([late.cancelling(), loop.time()]).toEqual([0, 0.1]);
    const inTime = createTask(withDeadline(loop, 0, 10));
    expect(yield* inTime).toEqual([false, true]);
    expect([inTime.cancelling(), loop.time()]).toEqual([0, 0.1]);
  });
});

test("Task.uncancel() in such a block leaves the request of somebody else [S106]", () => {
  program(function* (loop) {
    const task = createTask(withDeadline(loop, 10, 1));
    loop.callLater(1, () => task.cancel());
    expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
    expect(task.cancelling()).toBe(1);
  });
});
