// runCoroutineThreadsafe: a coroutine for a loop, from code that is not the loop's; and who may wait for it how.
import type { ExceptionContext } from "aioloop";
import {
  allTasks,
  CancelledError,
  createTask,
  currentTask,
  executors,
  HostEventLoop,
  isCancelled,
  RuntimeError,
  run,
  runCoroutineThreadsafe,
  setEventLoop,
  sleep,
  VirtualEventLoop,
  wrapFuture,
} from "aioloop";
import { expect, onTestFinished, test } from "vitest";
import { errorOf, textOf, thrownBy } from "./helpers.ts";

function newLoop(): VirtualEventLoop {
  const loop = new VirtualEventLoop({ debug: false });
  onTestFinished(() => loop.close());
  return loop;
}

function* add(a: number, b: number) {
  yield* sleep(0.05);
  return a + b;
}

function* failing(): Generator<undefined, number> {
  yield;
  throw new RangeError("Fail!");
}

/** Lets the loop turn until nothing is left of what was begun. */
function settle(loop: VirtualEventLoop): void {
  loop.runUntilComplete(sleep(1));
}

test("runCoroutineThreadsafe() gives an executor's future with the coroutine's result", () => {
  const loop = newLoop();
  const future = runCoroutineThreadsafe(add(1, 2), loop);
  expect(future).toBeInstanceOf(executors.Future);
  expect(future.done()).toBe(false);
  settle(loop);
  expect([future.done(), future.result(), future.exception()]).toEqual([true, 3, null]);
});

test("runCoroutineThreadsafe() begins in a turn of the loop, never within the call [S17]", () => {
  const loop = newLoop();
  const order: string[] = [];
  function* main() {
    order.push("begun");
  }
  runCoroutineThreadsafe(main(), loop);
  order.push("called");
  settle(loop);
  expect(order).toEqual(["called", "begun"]);
});

test("runCoroutineThreadsafe(): what the coroutine throws is thrown by result()", () => {
  const loop = newLoop();
  const future = runCoroutineThreadsafe(failing(), loop);
  settle(loop);
  expect(textOf(future.exception())).toBe("RangeError: Fail!");
  expect(thrownBy(() => future.result())).toBe(future.exception());
});

/** A host loop that turns until `stop` is called. */
function servingLoop(): { loop: HostEventLoop; stop: () => Promise<void> } {
  const loop = new HostEventLoop({ debug: false });
  const ended = loop.runForever();
  return {
    loop,
    async stop() {
      loop.stop();
      await ended;
      loop.close();
    },
  };
}

function* addAtOnce(a: number, b: number) {
  yield;
  return a + b;
}

test("runCoroutineThreadsafe() can be awaited by an async function, while the loop turns elsewhere", async () => {
  const { loop, stop } = servingLoop();
  const values = await Promise.all([
    runCoroutineThreadsafe(addAtOnce(1, 2), loop),
    runCoroutineThreadsafe(failing(), loop).then(null, textOf),
  ]);
  expect(values).toEqual([3, "RangeError: Fail!"]);
  await stop();
});

test("runCoroutineThreadsafe() can be awaited by a coroutine of another loop, with wrapFuture()", async () => {
  const { loop, stop } = servingLoop();
  const value = await run(
    (function* () {
      return yield* wrapFuture(runCoroutineThreadsafe(addAtOnce(3, 4), loop));
    })(),
  );
  expect(value).toBe(7);
  await stop();
});

test("runCoroutineThreadsafe(): cancelling its future cancels the task, through the loop [S117]", () => {
  const loop = newLoop();
  let ended: unknown = null;
  function* main() {
    ended = yield* errorOf(sleep(60));
    throw ended;
  }
  const future = runCoroutineThreadsafe(main(), loop);
  loop.runUntilComplete(sleep(0.01));
  const [task] = [...allTasks(loop)];
  expect(future.cancel()).toBe(true);
  // The future knows before the task has ended.
  expect([future.cancelled(), task?.done(), ended]).toEqual([true, false, null]);
  expect(thrownBy(() => future.result())).toBeInstanceOf(executors.CancelledError);
  settle(loop);
  expect([task?.cancelled(), isCancelled(ended)]).toEqual([true, true]);
  expect(allTasks(loop).size).toBe(0);
});

test("runCoroutineThreadsafe(): cancelled before the loop took it up, no line of the coroutine runs", () => {
  const loop = newLoop();
  let begun = false;
  function* main() {
    begun = true;
  }
  const future = runCoroutineThreadsafe(main(), loop);
  expect([future.cancel(), future.cancel()]).toEqual([true, true]);
  settle(loop);
  expect([begun, future.cancelled()]).toEqual([false, true]);
});

test("runCoroutineThreadsafe(): a task that ends cancelled cancels the future [S117]", () => {
  const loop = newLoop();
  function* main() {
    currentTask()?.cancel();
    yield* sleep(0);
  }
  const future = runCoroutineThreadsafe(main(), loop);
  settle(loop);
  expect(future.cancelled()).toBe(true);
  const error = thrownBy(() => future.result());
  expect(error).toBeInstanceOf(executors.CancelledError);
  expect(error).not.toBeInstanceOf(CancelledError);
});

test("runCoroutineThreadsafe(): a task factory that throws fails the future, and is reported by the loop [S116]", () => {
  const loop = newLoop();
  const reports: ExceptionContext[] = [];
  loop.setExceptionHandler((_, context) => void reports.push(context));
  const failure = new RangeError("no tasks today");
  loop.setTaskFactory(() => {
    throw failure;
  });
  const future = runCoroutineThreadsafe(add(1, 2), loop);
  loop.stop();
  loop.runForever();
  loop.setTaskFactory(null);
  expect(future.exception()).toBe(failure);
  expect(reports.map(({ exception }) => exception)).toEqual([failure]);
});

test.each<[string, unknown, string]>([
  ["a function", add, "got add: call it, `add()`"],
  ["a number", 5, "got 5"],
  ["a promise", Promise.resolve(), "got "],
  ["null", null, "got null"],
])("runCoroutineThreadsafe() of %s is a TypeError [S116]", (_, wrong, says) => {
  const loop = newLoop();
  const text = textOf(thrownBy(() => runCoroutineThreadsafe(wrong as never, loop)));
  expect(
    text.startsWith(`TypeError: runCoroutineThreadsafe(coro, loop): a coroutine is required, ${says}`),
  ).toBe(true);
});

test("runCoroutineThreadsafe() on a closed loop is a RuntimeError [S14]", () => {
  const loop = new VirtualEventLoop();
  loop.close();
  const coro = add(1, 2);
  expect(thrownBy(() => runCoroutineThreadsafe(coro, loop))).toBeInstanceOf(RuntimeError);
});

test.each(["result", "exception"] as const)(
  "runCoroutineThreadsafe(): %s() on the thread whose loop must run the coroutine is an error that says so",
  (operation) => {
    const loop = newLoop();
    const future = runCoroutineThreadsafe(add(1, 2), loop);
    for (const timeout of [null, 5]) {
      const error = thrownBy(() => future[operation](timeout));
      expect(error).toBeInstanceOf(RuntimeError);
      expect(textOf(error)).toBe(
        `RuntimeError: ${operation}() of a runCoroutineThreadsafe() future would wait for ever: it blocks the thread whose loop has to run the coroutine. Write \`await future\`, or \`yield* wrapFuture(future)\` in a coroutine`,
      );
    }
    settle(loop);
    expect(future.result()).toBe(3);
  },
);

test("runCoroutineThreadsafe(): the same inside a coroutine of that loop, which goes on", () => {
  const loop = newLoop();
  function* main() {
    const future = runCoroutineThreadsafe(add(1, 2), loop);
    expect(thrownBy(() => future.result())).toBeInstanceOf(RuntimeError);
    return yield* wrapFuture(future);
  }
  expect(loop.runUntilComplete(main())).toBe(3);
});

test("runCoroutineThreadsafe(): wait() and asCompleted() for it would block that thread too, and say so", () => {
  const loop = newLoop();
  const future = runCoroutineThreadsafe(add(1, 2), loop);
  expect(textOf(thrownBy(() => executors.wait([future])))).toMatch(
    /^RuntimeError: wait\(\) for 1 futures would block for ever/,
  );
  expect(textOf(thrownBy(() => [...executors.asCompleted([future])]))).toMatch(
    /^RuntimeError: asCompleted\(\) would block for ever/,
  );
  settle(loop);
  expect([...executors.asCompleted([future])]).toHaveLength(1);
});

test("runCoroutineThreadsafe() does not ask which loop runs or is set", () => {
  const [loop, other] = [newLoop(), newLoop()];
  setEventLoop(other);
  onTestFinished(() => setEventLoop(null));
  function* main() {
    return runCoroutineThreadsafe(
      (function* () {
        return createTask(sleep(0)).getLoop();
      })(),
      loop,
    );
  }
  const future = other.runUntilComplete(main());
  settle(loop);
  expect(future.result()).toBe(loop);
});
