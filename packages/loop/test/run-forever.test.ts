// runForever and runUntilComplete of synchronous loops: what starts, ends and refuses a run.
import {
  CancelledError,
  DeadlockError,
  KeyboardInterrupt,
  RuntimeError,
  SystemExit,
  wrapFuture,
} from "@aioloop/loop";
import { sleep, VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { Notes, reportsOf, scriptedLoop, thrownBy, turn } from "./helpers.ts";

const newLoop = () => new VirtualEventLoop({ debug: false });

test("BaseEventLoop.isRunning() is true from the start of runForever() to its end, in callbacks too [S27]", () => {
  const loop = newLoop();
  const answers: boolean[] = [];
  loop.callSoon(() => answers.push(loop.isRunning()));
  expect(loop.isRunning()).toBe(false);
  turn(loop);
  expect(answers).toEqual([true]);
  expect(loop.isRunning()).toBe(false);
});

test("SyncEventLoop.runForever() may be called again after it ended", () => {
  const loop = newLoop();
  const ran = new Notes();
  for (const name of ["first run", "second run"]) {
    loop.callSoon(ran.note(name));
    turn(loop);
  }
  expect(ran).toEqual(["first run", "second run"]);
});

test("SyncEventLoop.runForever() is refused inside its own turn [S20]", () => {
  const loop = newLoop();
  let error: unknown;
  loop.callSoon(() => {
    error = thrownBy(() => loop.runForever());
  });
  turn(loop);
  expect(error).toBeInstanceOf(RuntimeError);
  expect(String(error)).toContain("runForever(): this event loop is already running");
});

test("SyncEventLoop.runForever() is refused inside another loop's turn, and says what to write [S20]", () => {
  const [outer, inner] = [newLoop(), newLoop()];
  const errors: unknown[] = [];
  outer.callSoon(() => {
    errors.push(thrownBy(() => inner.runForever()));
    errors.push(thrownBy(() => inner.runUntilComplete(inner.createFuture())));
  });
  turn(outer);
  expect(errors.map(String)).toEqual([
    expect.stringMatching(
      /^RuntimeError: runForever\(\) inside a coroutine or callback: .*another loop is running/,
    ),
    expect.stringMatching(/runUntilComplete\(\) inside a coroutine or callback: .*`yield\* …`/),
  ]);
  expect(inner.isRunning()).toBe(false);
});

test("SyncEventLoop.runUntilComplete() is refused while the loop runs, and the run goes on [S20]", () => {
  const loop = newLoop();
  const answer = loop.runUntilComplete(
    (function* () {
      const error = thrownBy(() => loop.runUntilComplete(sleep(1)));
      yield* sleep(1);
      return String(error);
    })(),
  );
  expect(answer).toContain("runUntilComplete(): this event loop is already running");
});

test.each([
  ["KeyboardInterrupt", new KeyboardInterrupt()],
  ["SystemExit", new SystemExit(3)],
])(
  "SyncEventLoop.runForever(): %s of a callback leaves the loop, which can be run on [S21 S45]",
  (_, error) => {
    const loop = newLoop();
    const reports = reportsOf(loop);
    const ran = new Notes();
    loop.callSoon(ran.note("before"));
    loop.callSoon(() => {
      throw error;
    });
    loop.callSoon(ran.note("after"));
    expect(thrownBy(() => loop.runForever())).toBe(error);
    expect([loop.isRunning(), ran]).toEqual([false, ["before"]]);
    turn(loop);
    expect(ran).toEqual(["before", "after"]);
    expect(reports).toEqual([]);
  },
);

test("SyncEventLoop.runForever(): stop() in the turn that an interrupt ends is forgotten [S21]", () => {
  const loop = newLoop();
  loop.callSoon(() => {
    loop.stop();
    throw new KeyboardInterrupt();
  });
  expect(() => loop.runForever()).toThrow(KeyboardInterrupt);
  let turns = 0;
  const again = () => {
    if (++turns === 3) loop.stop();
    else loop.callSoon(again);
  };
  loop.callSoon(again);
  loop.runForever();
  expect(turns).toBe(3);
});

test("SyncEventLoop.runUntilComplete() returns the result of a future, a coroutine, a task", () => {
  const loop = newLoop();
  const future = loop.createFuture<string>();
  loop.callLater(1, () => future.setResult("future"));
  expect(loop.runUntilComplete(future)).toBe("future");
  expect(
    loop.runUntilComplete(
      (function* () {
        yield* sleep(1);
        return "coroutine";
      })(),
    ),
  ).toBe("coroutine");
  expect(loop.runUntilComplete(loop.createTask(sleep(1, "task")))).toBe("task");
});

test("SyncEventLoop.runUntilComplete() throws what the future failed with, or its cancellation", () => {
  const loop = newLoop();
  const error = new RangeError("no");
  const failing = loop.createFuture();
  loop.callSoon(() => failing.setException(error));
  expect(thrownBy(() => loop.runUntilComplete(failing))).toBe(error);
  const cancelled = loop.createFuture();
  loop.callSoon(() => cancelled.cancel("enough"));
  expect(thrownBy(() => loop.runUntilComplete(cancelled))).toEqual(new CancelledError("enough"));
});

test("SyncEventLoop.runUntilComplete() throws `undefined` where that was thrown [J7]", () => {
  const loop = newLoop();
  const future = loop.createFuture();
  future.setException(undefined);
  const seen: unknown[] = [];
  try {
    loop.runUntilComplete(future);
    seen.push("returned");
  } catch (error) {
    seen.push(error);
  }
  expect(seen).toEqual([undefined]);
});

test("SyncEventLoop.runUntilComplete() takes one turn for a future that is done already [S23]", () => {
  const loop = newLoop();
  const ran = new Notes();
  const future = loop.createFuture<number>();
  future.setResult(1);
  loop.callSoon(() => {
    ran.push("first turn");
    loop.callSoon(ran.note("second turn"));
  });
  expect(loop.runUntilComplete(future)).toBe(1);
  expect(ran).toEqual(["first turn"]);
});

test("SyncEventLoop.runUntilComplete() says so if the loop was stopped before, and takes its callback back [S22]", () => {
  const loop = newLoop();
  const future = loop.createFuture<number>();
  loop.callSoon(() => loop.stop());
  expect(() => loop.runUntilComplete(future)).toThrow(
    /^runUntilComplete\(\): the event loop was stopped before <Future pending.*> was done$/,
  );
  // With the callback left behind this run would be stopped by the future.
  future.setResult(1);
  const ran = new Notes();
  loop.callSoon(() => loop.callSoon(() => loop.callSoon(ran.note("third turn"))));
  loop.callLater(1, () => loop.stop());
  loop.runForever();
  expect(ran).toEqual(["third turn"]);
});

test("SyncEventLoop.runUntilComplete() can take up a task that an earlier run left", () => {
  const loop = newLoop();
  const task = loop.createTask(sleep(10, "done"));
  loop.callLater(1, () => loop.stop());
  expect(() => loop.runUntilComplete(task)).toThrow(RuntimeError);
  expect(loop.runUntilComplete(task)).toBe("done");
  expect(loop.time()).toBe(10);
});

test("SyncEventLoop.runUntilComplete(): a coroutine's task is not reported as pending or failed [S24]", () => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  loop.callSoon(() => loop.stop());
  expect(() => loop.runUntilComplete(sleep(1))).toThrow(RuntimeError); // stopped: its task stays pending
  const interrupt = new KeyboardInterrupt();
  const main = function* () {
    yield;
    throw interrupt;
  };
  expect(thrownBy(() => loop.runUntilComplete(main()))).toBe(interrupt);
  loop.close();
  expect(reports).toEqual([]);
});

test("SyncEventLoop.runUntilComplete(): a task of the caller's stays the caller's concern [S24]", () => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  const task = loop.createTask(sleep(1), { name: "mine" });
  loop.callSoon(() => loop.stop());
  expect(() => loop.runUntilComplete(task)).toThrow(RuntimeError);
  loop.close();
  expect(reports.map(({ message }) => message)).toEqual(["Task was destroyed but it is pending!"]);
  expect(reports[0]?.task).toBe(task);
});

test.each([
  ["KeyboardInterrupt", new KeyboardInterrupt()],
  ["SystemExit", new SystemExit()],
])("SyncEventLoop.runUntilComplete(): %s does not stop the next run [S25]", (_, error) => {
  const loop = newLoop();
  const main = function* () {
    throw error;
  };
  expect(thrownBy(() => loop.runUntilComplete(main()))).toBe(error);
  const ran = new Notes();
  loop.callSoon(() => loop.callSoon(() => loop.callSoon(ran.note("third turn"))));
  loop.callLater(1, () => loop.stop());
  loop.runForever();
  expect(ran).toEqual(["third turn"]);
});

test("SyncEventLoop.runUntilComplete() refuses a future of another loop [S113]", () => {
  const [loop, other] = [newLoop(), newLoop()];
  expect(() => loop.runUntilComplete(other.createFuture())).toThrow(
    /<Future pending> belongs to a different loop/,
  );
  expect(loop.isRunning()).toBe(false);
});

test.each([
  ["undefined", undefined, "undefined cannot be awaited"],
  ["a number", 5, "5 cannot be awaited"],
  ["a string", "abc", '"abc" cannot be awaited'],
  ["an array", [1], "[1 items] cannot be awaited"],
  ["a generator function", function* main() {}, "main cannot be awaited: call it, `main()`"],
])("SyncEventLoop.runUntilComplete() refuses %s with a TypeError", (_, value, message) => {
  const loop = newLoop();
  expect(thrownBy(() => loop.runUntilComplete(value as never))).toBeInstanceOf(TypeError);
  expect(() => loop.runUntilComplete(value as never)).toThrow(message);
});

test("SyncEventLoop.runForever() with nothing that could ever happen is a DeadlockError, and the loop still works", () => {
  const loop = newLoop();
  expect(() => loop.runForever()).toThrow(DeadlockError);
  expect(() => loop.runForever()).toThrow(
    "nothing is ready, nothing is scheduled and nothing can wake the loop: what it runs for will never be done",
  );
  expect(loop.isRunning()).toBe(false);
  const ran = new Notes();
  loop.callSoon(ran.note("still works"));
  turn(loop);
  expect(ran).toEqual(["still works"]);
});

test("SyncEventLoop.runUntilComplete(): the DeadlockError names each task and what it waits for", () => {
  const loop = newLoop();
  const never = loop.createFuture("a letter");
  loop.createTask(
    (function* () {
      yield* never;
    })(),
    { name: "reader" },
  );
  const writer = loop.createTask(
    (function* () {
      yield* loop.createFuture("ink");
    })(),
    { name: "writer" },
  );
  const error = thrownBy(() => loop.runUntilComplete(writer));
  expect(error).toBeInstanceOf(DeadlockError);
  expect(String(error)).toContain(
    "2 tasks wait for ever\n  reader waits for a letter\n  writer waits for ink",
  );
  expect(loop.describeTasks()).toBe("reader waits for a letter\nwriter waits for ink");
});

test("SyncEventLoop.runUntilComplete(): the DeadlockError names a native promise, which cannot come true there [J15]", () => {
  const loop = newLoop();
  function* fetcher() {
    return yield* wrapFuture(Promise.resolve(1));
  }
  const task = loop.createTask(fetcher(), { name: "fetcher" });
  expect(() => loop.runUntilComplete(task)).toThrow(/fetcher waits for a native promise/);
});

test("SyncEventLoop.runForever(): an error of the selector leaves the loop in order [S21]", () => {
  const [loop, selector] = scriptedLoop();
  const error = new Error("select failed");
  selector.brings.push(() => {
    throw error;
  });
  expect(thrownBy(() => loop.runForever())).toBe(error);
  expect(loop.isRunning()).toBe(false);
  turn(loop);
});
