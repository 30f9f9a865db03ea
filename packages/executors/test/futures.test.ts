import { inspect } from "node:util";
import type { FutureState } from "@aioloop/executors";
import * as executors from "@aioloop/executors";
import { CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED, Future, PENDING, RUNNING } from "@aioloop/executors";
import type { SyncEventLoop } from "@aioloop/loop";
import * as loop from "@aioloop/loop";
import { DeadlockError, getRunningLoop, wrapFuture } from "@aioloop/loop";
import { BlockingEventLoop, createTask, run, sleep, VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { error, inEachState, listenToLog, rejectionOf, textOf, thrownBy } from "./helpers-a.ts";

type State = keyof ReturnType<typeof inEachState>;

const states: Record<State, FutureState> = {
  pending: PENDING,
  running: RUNNING,
  cancelled: CANCELLED,
  notified: CANCELLED_AND_NOTIFIED,
  failed: FINISHED,
  successful: FINISHED,
};

/** What `ask` says of a future in each state. */
function ofEach<T>(ask: (future: Future<number>) => T): Record<State, T> {
  const futures = inEachState();
  const answers = Object.entries(futures).map(([name, future]) => [name, ask(future)]);
  return Object.fromEntries(answers);
}

// ---- done callbacks

test("Future.addDoneCallback(): called with the future, in the step that sets its result", () => {
  const future = new Future<number>();
  const seen: unknown[] = [];
  future.addDoneCallback((done) => seen.push(done === future, done.result()));
  expect(seen).toEqual([]);
  future.setResult(5);
  expect(seen).toEqual([true, 5]);
});

test("Future.addDoneCallback(): called in the step that sets its exception", () => {
  const future = new Future();
  const seen: unknown[] = [];
  future.addDoneCallback((done) => seen.push(done.exception()));
  future.setException(error);
  expect(seen).toEqual([error]);
});

test("Future.addDoneCallback(): called within cancel(), and not once more when the executor knows [S286]", () => {
  const future = new Future();
  const seen: boolean[] = [];
  future.addDoneCallback((done) => seen.push(done.cancelled()));
  expect(future.cancel()).toBe(true);
  expect(seen).toEqual([true]);
  future.cancel();
  future.setRunningOrNotifyCancel();
  expect(seen).toEqual([true]);
});

test("Future.addDoneCallback(): of a future that has a result it is called at once [S289]", () => {
  const seen: unknown[] = [];
  inEachState().successful.addDoneCallback((done) => seen.push(done.result()));
  expect(seen).toEqual([42]);
});

test("Future.addDoneCallback(): of a future that has failed it is called at once [S289]", () => {
  const seen: unknown[] = [];
  inEachState().failed.addDoneCallback((done) => seen.push(done.exception()));
  expect(seen).toEqual([error]);
});

test("Future.addDoneCallback(): of a cancelled future it is called at once [S289]", () => {
  const seen: boolean[] = [];
  const { cancelled, notified } = inEachState();
  for (const future of [cancelled, notified]) future.addDoneCallback((done) => seen.push(done.cancelled()));
  expect(seen).toEqual([true, true]);
});

test("Future.addDoneCallback(): callbacks are called in the order of adding, one that is there twice twice [S289]", () => {
  const future = new Future();
  const seen: string[] = [];
  const twice = () => void seen.push("twice");
  future.addDoneCallback(() => seen.push("first"));
  future.addDoneCallback(twice);
  future.addDoneCallback(() => {
    seen.push("third");
    future.addDoneCallback(() => seen.push("added by the third"));
  });
  future.addDoneCallback(twice);
  future.setResult(null);
  expect(seen).toEqual(["first", "twice", "third", "added by the third", "twice"]);
});

test("Future.addDoneCallback(): what a callback throws is logged, and the others are called [S289]", () => {
  const log = listenToLog();
  const future = new Future<number>();
  const seen: string[] = [];
  future.addDoneCallback(() => {
    seen.push("throws");
    throw new Error("out of a callback");
  });
  future.addDoneCallback(() => seen.push("next"));
  future.setResult(5);
  expect(seen).toEqual(["throws", "next"]);
  expect(future.result()).toBe(5);
  expect(log).toHaveLength(1);
  expect(log[0]).toContain(
    'error: a done callback of <Future FINISHED returned 5> failed: Error("out of a callback")\nError: out of a callback\n    at ',
  );
});

test("Future.addDoneCallback(): what a callback throws that is called at once is logged too [S289]", () => {
  const log = listenToLog();
  inEachState().successful.addDoneCallback(() => {
    throw undefined;
  });
  expect(log).toEqual(["error: a done callback of <Future FINISHED returned 42> failed: undefined\n"]);
});

test("Future.addDoneCallback() of what is no function is a TypeError", () => {
  expect(textOf(thrownBy(() => new Future().addDoneCallback(5 as never)))).toBe(
    "TypeError: addDoneCallback(callback): a function is required, got 5",
  );
});

// ---- states

test("Future.toString() and console.log() show the state, and what it ended with", () => {
  const texts = {
    pending: "<Future PENDING>",
    running: "<Future RUNNING>",
    cancelled: "<Future CANCELLED>",
    notified: "<Future CANCELLED_AND_NOTIFIED>",
    failed: '<Future FINISHED raised RangeError("by hand")>',
    successful: "<Future FINISHED returned 42>",
  };
  expect(ofEach(String)).toEqual(texts);
  expect(ofEach((future) => inspect(future))).toEqual(texts);
});

test("Future.cancel(): true for a pending and a cancelled future, false for a running and a finished one, whose state stays [S286]", () => {
  const after = ofEach((future) => [future.cancel(), future._state]);
  expect(after).toEqual({
    pending: [true, CANCELLED],
    running: [false, RUNNING],
    cancelled: [true, CANCELLED],
    notified: [true, CANCELLED_AND_NOTIFIED],
    failed: [false, FINISHED],
    successful: [false, FINISHED],
  });
});

test("Future.cancelled() is true for a cancelled future, whether its executor knows or not", () => {
  expect(ofEach((future) => future.cancelled())).toEqual({
    pending: false,
    running: false,
    cancelled: true,
    notified: true,
    failed: false,
    successful: false,
  });
});

test("Future.done() is true for a cancelled or finished future", () => {
  expect(ofEach((future) => future.done())).toEqual({
    pending: false,
    running: false,
    cancelled: true,
    notified: true,
    failed: true,
    successful: true,
  });
});

test("Future.running() is true for a running future only", () => {
  expect(ofEach((future) => future.running())).toEqual({
    pending: false,
    running: true,
    cancelled: false,
    notified: false,
    failed: false,
    successful: false,
  });
});

test("Future.setRunningOrNotifyCancel(): true and RUNNING for a pending future, false and CANCELLED_AND_NOTIFIED for a cancelled one [S287]", () => {
  const { pending, cancelled } = inEachState();
  expect([pending.setRunningOrNotifyCancel(), pending._state]).toEqual([true, RUNNING]);
  expect([cancelled.setRunningOrNotifyCancel(), cancelled._state]).toEqual([false, CANCELLED_AND_NOTIFIED]);
});

test.each(["running", "notified", "failed", "successful"] as const)(
  "Future.setRunningOrNotifyCancel() of a %s future is logged and a RuntimeError, and changes nothing [S287]",
  (name) => {
    const log = listenToLog();
    const future = inEachState()[name];
    expect(textOf(thrownBy(() => future.setRunningOrNotifyCancel()))).toBe(
      `RuntimeError: setRunningOrNotifyCancel(): the future is ${states[name]}; an executor takes a call up once`,
    );
    expect(log).toEqual([`error: setRunningOrNotifyCancel(): ${future} is in an unexpected state`]);
    expect(future._state).toBe(states[name]);
  },
);

test("Future.setResult(): a pending future may be finished without having run", () => {
  const future = new Future<number>();
  future.setResult(1);
  expect([future.done(), future.running(), future.result()]).toEqual([true, false, 1]);
});

test("Future.setResult() of a finished future is an InvalidStateError, and its result stays [S291]", () => {
  const future = new Future<number>();
  future.setResult(1);
  const thrown = thrownBy(() => future.setResult(2));
  expect(thrown).toBeInstanceOf(executors.InvalidStateError);
  expect(textOf(thrown)).toBe(
    "InvalidStateError: setResult(): <Future FINISHED returned 1> is FINISHED; it can be set once",
  );
  expect([future.done(), future.result()]).toEqual([true, 1]);
});

test("Future.setException() of a finished future is an InvalidStateError, and its exception stays [S291]", () => {
  const future = new Future<number>();
  future.setException(error);
  const thrown = thrownBy(() => future.setException(new Error("another")));
  expect(thrown).toBeInstanceOf(executors.InvalidStateError);
  expect(textOf(thrown)).toBe(
    'InvalidStateError: setException(): <Future FINISHED raised RangeError("by hand")> is FINISHED; it can be set once',
  );
  expect(future.exception()).toBe(error);
});

test.each(["cancelled", "notified"] as const)(
  "Future.setResult() and setException() of a %s future are InvalidStateErrors, and it stays cancelled [S291]",
  (name) => {
    const future = inEachState()[name];
    for (const set of [() => future.setResult(1), () => future.setException(error)]) {
      const thrown = thrownBy(set);
      expect(thrown).toBeInstanceOf(executors.InvalidStateError);
      expect(textOf(thrown)).toContain(`<Future ${states[name]}> is ${states[name]}; it can be set once`);
    }
    expect(future._state).toBe(states[name]);
  },
);

// ---- result and exception

test("Future.result(0): TimeoutError, CancelledError, what was thrown, or the result, by its state [S290]", () => {
  const futures = inEachState();
  for (const name of ["pending", "running"] as const) {
    const thrown = thrownBy(() => futures[name].result(0));
    expect(thrown).toBeInstanceOf(executors.TimeoutError);
    expect(textOf(thrown)).toBe(
      `TimeoutError: result(0): <Future ${states[name]}> was not done within 0 seconds`,
    );
  }
  for (const name of ["cancelled", "notified"] as const) {
    const thrown = thrownBy(() => futures[name].result(0));
    expect(thrown).toBeInstanceOf(executors.CancelledError);
    expect(textOf(thrown)).toBe(
      `CancelledError: <Future ${states[name]}>: the call was cancelled before it began`,
    );
  }
  expect(thrownBy(() => futures.failed.result(0))).toBe(error);
  expect(futures.successful.result(0)).toBe(42);
});

test("Future.exception(0): TimeoutError, CancelledError, what was thrown, or null, by its state [S290]", () => {
  const futures = inEachState();
  for (const name of ["pending", "running"] as const) {
    const thrown = thrownBy(() => futures[name].exception(0));
    expect(thrown).toBeInstanceOf(executors.TimeoutError);
    expect(textOf(thrown)).toBe(
      `TimeoutError: exception(0): <Future ${states[name]}> was not done within 0 seconds`,
    );
  }
  for (const name of ["cancelled", "notified"] as const) {
    expect(thrownBy(() => futures[name].exception(0))).toBeInstanceOf(executors.CancelledError);
  }
  expect(futures.failed.exception(0)).toBe(error);
  expect(futures.successful.exception(0)).toBe(null);
});

test("Future.result(): a negative timeout is over at once", () => {
  expect(thrownBy(() => new Future().result(-1))).toBeInstanceOf(executors.TimeoutError);
});

test("CancelledError and InvalidStateError are others than the loop's, TimeoutError is one class [S290]", () => {
  expect(new executors.CancelledError()).not.toBeInstanceOf(loop.CancelledError);
  expect(loop.isCancelled(new executors.CancelledError())).toBe(false);
  expect(new executors.InvalidStateError()).not.toBeInstanceOf(loop.InvalidStateError);
  expect(executors.TimeoutError).toBe(loop.TimeoutError);
});

test("Future.setException() takes any value, and exception() tells each from a result", () => {
  for (const value of [undefined, null, 0, "text"]) {
    const future = new Future();
    future.setException(value);
    expect(thrownBy(() => future.result())).toBe(value);
    expect(future.exception()).toBe(value);
    expect(`${future}`).toContain("raised");
  }
});

test.each([
  ["result", (future: Future) => future.result()],
  ["exception", (future: Future) => future.exception()],
])("Future.%s() that would block for ever is a RuntimeError that says so", (name, call) => {
  const { pending, running } = inEachState();
  for (const future of [pending, running]) {
    expect(textOf(thrownBy(() => call(future)))).toBe(
      `RuntimeError: ${name}() of ${future} would block for ever: no executor of this thread has a call under way. Set its result before, or give a timeout`,
    );
  }
});

test("Future.result() and exception() refuse a timeout that is no number of seconds", () => {
  const future = new Future();
  expect(textOf(thrownBy(() => future.result("1" as never)))).toBe(
    'TypeError: result(timeout): timeout must be a number of seconds, or null for none, got "1"',
  );
  expect(textOf(thrownBy(() => future.exception(Number.NaN)))).toBe(
    "RangeError: exception(timeout): timeout must be a number of seconds, got NaN",
  );
});

// ---- await

test("await of a Future gives its result, or throws what its call threw", async () => {
  const { successful, failed, pending, running } = inEachState();
  expect(await successful).toBe(42);
  expect(await rejectionOf(failed)).toBe(error);
  setTimeout(() => {
    pending.setResult(1);
    running.setException(error);
  });
  expect(await pending).toBe(1);
  expect(await rejectionOf(running)).toBe(error);
});

test("await of a cancelled Future throws the executors' CancelledError, whether its executor knows or not [S286]", async () => {
  const { cancelled, notified, pending } = inEachState();
  queueMicrotask(() => pending.cancel());
  for (const future of [cancelled, notified, pending]) {
    expect(await rejectionOf(future)).toBeInstanceOf(executors.CancelledError);
  }
});

test("Future.then() is a promise's: its result can be mapped, its failure caught", async () => {
  const { successful, failed } = inEachState();
  expect(await successful.then((value) => value + 1)).toBe(43);
  expect(await failed.then(null, (reason) => reason)).toBe(error);
  expect(await Promise.allSettled([successful, failed])).toEqual([
    { status: "fulfilled", value: 42 },
    { status: "rejected", reason: error },
  ]);
});

// ---- in a loop

const synchronous: [name: string, make: () => SyncEventLoop][] = [
  ["VirtualEventLoop", () => new VirtualEventLoop()],
  ["BlockingEventLoop", () => new BlockingEventLoop()],
];

test.each(synchronous)("wrapFuture() in a %s gives the result, or throws what the call threw", (_, make) => {
  run(
    (function* () {
      const { pending, running, successful, failed } = inEachState();
      expect(yield* wrapFuture(successful)).toBe(42);
      expect(yield* errorIn(wrapFuture(failed))).toBe(error);
      getRunningLoop().callLater(0.001, () => pending.setResult(7));
      expect(yield* wrapFuture(pending)).toBe(7);
      getRunningLoop().callLater(0.001, () => running.setException(error));
      expect(yield* errorIn(wrapFuture(running))).toBe(error);
    })(),
    { loopFactory: make },
  );
});

test.each(synchronous)(
  "wrapFuture() in a %s: a cancelled future is the loop's CancelledError there [S290]",
  (_, make) => {
    run(
      (function* () {
        const { pending, cancelled, notified } = inEachState();
        getRunningLoop().callSoon(() => void pending.cancel());
        for (const future of [pending, cancelled, notified]) {
          const wrapped = wrapFuture(future);
          expect(yield* errorIn(wrapped)).toBeInstanceOf(loop.CancelledError);
          expect(wrapped.cancelled()).toBe(true);
        }
      })(),
      { loopFactory: make },
    );
  },
);

test.each(synchronous)(
  "wrapFuture() in a %s: a task's cancellation cancels a pending future, and lets a running one be",
  (_, make) => {
    const log = listenToLog();
    run(
      (function* () {
        const { pending, running } = inEachState();
        for (const future of [pending, running]) {
          const task = createTask(
            (function* () {
              yield* wrapFuture(future);
            })(),
          );
          yield* sleep(0);
          task.cancel();
          expect(yield* errorIn(task)).toBeInstanceOf(loop.CancelledError);
        }
        yield* sleep(0);
        expect(pending._state).toBe(CANCELLED);
        expect(running._state).toBe(RUNNING);
        running.setResult(1);
        yield* sleep(0);
        expect(running.result()).toBe(1);
      })(),
      { loopFactory: make },
    );
    expect(log).toEqual([]);
  },
);

test.each(synchronous)(
  "wrapFuture() in a %s: a future that nobody will finish is a deadlock that names it",
  (_, make) => {
    const thrown = thrownBy(() =>
      run(
        (function* main() {
          yield* wrapFuture(new Future());
        })(),
        { loopFactory: make },
      ),
    );
    expect(thrown).toBeInstanceOf(DeadlockError);
    expect(textOf(thrown)).toMatch(/1 task waits for ever\n {2}Task-\d+ waits for <Future PENDING>$/);
  },
);

test("wrapFuture(): a future that is done when the loop has been closed is nobody's business", () => {
  const log = listenToLog();
  const made = new VirtualEventLoop();
  const future = new Future<number>();
  wrapFuture(future, { loop: made });
  made.close();
  future.setResult(1);
  expect(future.result()).toBe(1);
  expect(log).toEqual([]);
});

/** What a coroutine throws. */
function* errorIn(awaitable: loop.Yieldable<unknown>): loop.Coroutine<unknown> {
  try {
    yield* awaitable;
  } catch (thrown) {
    return thrown;
  }
  throw new Error("nothing was thrown");
}
