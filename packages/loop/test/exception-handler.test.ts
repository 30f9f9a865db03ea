// What nobody caught: who is told, in which context, with which keys, and what is logged by default.
import type { ExceptionContext } from "@aioloop/loop";
import { CancelledError, ContextVar, copyContext, KeyboardInterrupt, SystemExit } from "@aioloop/loop";
import { VirtualEventLoop } from "@aioloop/tasks";
import { expect, test, vi } from "vitest";
import { listenToLog, Notes, reportsOf, thrownBy, turn } from "./helpers.ts";

const newLoop = (options = { debug: false }) => new VirtualEventLoop(options);

function fail(error: unknown) {
  return function failing(..._args: unknown[]): never {
    throw error;
  };
}

test("BaseEventLoop.callExceptionHandler() is told what a callback threw, and the turn goes on [S45 S48]", () => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  const ran = new Notes();
  const error = new Error("oops");
  const handle = loop.callSoon(fail(error), 1, "two");
  loop.callSoon(ran.note("next"));
  turn(loop);
  expect(reports).toEqual([{ message: 'Exception in callback failing(1, "two")', exception: error, handle }]);
  expect(reports[0]?.handle).toBe(handle);
  expect(ran).toEqual(["next"]);
});

test.each([
  ["a CancelledError", new CancelledError()],
  ["undefined", undefined],
  ["null", null],
  ["a string", "text"],
  ["a frozen object", Object.freeze({})],
])("BaseEventLoop.callExceptionHandler() is told of %s too [S45 J7 J8]", (_, thrown) => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  loop.callSoon(fail(thrown));
  turn(loop);
  expect(reports).toHaveLength(1);
  expect("exception" in (reports[0] as ExceptionContext)).toBe(true);
  expect(reports[0]?.exception).toBe(thrown);
});

test("BaseEventLoop.callExceptionHandler() is told what a timer and a done callback threw [S45]", () => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  loop.callLater(0, fail(1));
  const future = loop.createFuture();
  future.addDoneCallback(fail(2));
  future.addDoneCallback(fail(undefined));
  future.setResult();
  turn(loop);
  expect(reports.map(({ exception }) => exception)).toEqual([2, undefined, 1]);
  expect(reports[0]?.message).toBe("Exception in callback failing(<Future finished result=undefined>)");
});

test("BaseEventLoop.callExceptionHandler(): in debug mode the report says where the handle was made [S45 S44]", () => {
  const loop = newLoop({ debug: true });
  const reports = reportsOf(loop);
  loop.callSoon(fail(new Error()));
  turn(loop);
  expect(reports[0]?.sourceTraceback).toContain("exception-handler.test.ts");
});

test.each([[new KeyboardInterrupt()], [new SystemExit(1)]])(
  "BaseEventLoop.callExceptionHandler() is not told of %s, which leaves the loop [S45 S50]",
  (error) => {
    const loop = newLoop();
    const reports = reportsOf(loop);
    loop.callSoon(fail(error));
    expect(thrownBy(() => turn(loop))).toBe(error);
    expect(reports).toEqual([]);
  },
);

test("BaseEventLoop: a callback that returns a coroutine is reported, with what to write", () => {
  const loop = newLoop();
  const reports = reportsOf(loop);
  loop.callSoon(function* work() {});
  turn(loop);
  expect(String(reports[0]?.exception)).toBe(
    "TypeError: work returned a coroutine, which nobody runs: a callback is a plain function. Write createTask(work())",
  );
});

test("BaseEventLoop.setExceptionHandler() sets who is called with (loop, context); null goes back [S49 S53]", () => {
  const loop = newLoop();
  const log = listenToLog();
  const handler = vi.fn();
  expect(loop.getExceptionHandler()).toBe(null);
  loop.setExceptionHandler(handler);
  expect(loop.getExceptionHandler()).toBe(handler);
  const context = { message: "hello" };
  loop.callExceptionHandler(context);
  expect(handler.mock.calls).toEqual([[loop, context]]);
  expect(handler.mock.calls[0]?.[1]).toBe(context);
  expect(log).toEqual([]);
  loop.setExceptionHandler(null);
  loop.callExceptionHandler(context);
  expect(handler).toHaveBeenCalledTimes(1);
  expect(log).toEqual(["error: hello"]);
});

test.each([["spam"], [5], [{}], [undefined]])(
  "BaseEventLoop.setExceptionHandler(%o) is a TypeError [S53]",
  (handler) => {
    const loop = newLoop();
    expect(() => loop.setExceptionHandler(handler as never)).toThrow(
      /^setExceptionHandler\(handler\): a function \(loop, context\) or null, got /,
    );
    expect(loop.getExceptionHandler()).toBe(null);
  },
);

const variable = new ContextVar("variable", { default: "unset" });

/** A loop whose handler notes the variable as it sees it. */
function loopThatNotes(): [VirtualEventLoop, string[]] {
  const loop = newLoop();
  const seen: string[] = [];
  loop.setExceptionHandler(() => void seen.push(variable.get()));
  return [loop, seen];
}

test("BaseEventLoop: the handler runs in the context of the handle, as the callback left it [S49]", () => {
  const [loop, seen] = loopThatNotes();
  loop.callSoon(() => {
    variable.set("set by the callback");
    throw new Error();
  });
  loop.callSoon(fail(new Error()));
  const context = copyContext();
  context.run(() => variable.set("given"));
  loop.callSoon({ callback: fail(new Error()), context });
  turn(loop);
  expect(seen).toEqual(["set by the callback", "unset", "given"]);
});

test("BaseEventLoop: the handler runs in the context of task, else future, else handle: the first that is there [S49]", () => {
  const [loop, seen] = loopThatNotes();
  const task = copyContext().run(() => {
    variable.set("task's");
    return loop.createTask((function* () {})());
  });
  const handle = copyContext().run(() => {
    variable.set("handle's");
    return loop.callSoon(() => {});
  });
  const future = loop.createFuture();
  loop.callExceptionHandler({ message: "", task, future, handle });
  loop.callExceptionHandler({ message: "", future: task, handle });
  loop.callExceptionHandler({ message: "", future, handle }); // a plain future has no context, and comes first
  loop.callExceptionHandler({ message: "", handle });
  loop.callExceptionHandler({ message: "" });
  expect(seen).toEqual(["task's", "task's", "unset", "handle's", "unset"]);
  turn(loop);
});

test("BaseEventLoop: what the handler sets stays in the context it ran in [S49]", () => {
  const loop = newLoop();
  loop.setExceptionHandler(() => void variable.set("by the handler"));
  const context = copyContext();
  const handle = loop.callSoon({ callback: () => {}, context });
  loop.callExceptionHandler({ message: "", handle });
  expect([variable.get(), context.get(variable)]).toEqual(["unset", "by the handler"]);
});

test("BaseEventLoop: a handler that throws is reported by the default one, with what it was called for [S50]", () => {
  const loop = newLoop();
  const log = listenToLog();
  loop.setExceptionHandler(fail(new Error("handler broken")));
  loop.callSoon(fail(new Error("first cause")));
  const ran = new Notes();
  loop.callSoon(ran.note("next"));
  turn(loop);
  expect(ran).toEqual(["next"]);
  expect(log).toHaveLength(1);
  expect(log[0]).toMatch(/^error: Unhandled error in exception handler\nError: handler broken\n/);
  expect(log[0]).toContain("It was called with: Exception in callback failing()\nError: first cause");
});

test("BaseEventLoop: a handler that throws undefined is reported as well [S50 J7]", () => {
  const loop = newLoop();
  const log = listenToLog();
  loop.setExceptionHandler(fail(undefined));
  loop.callExceptionHandler({ message: "spam", exception: undefined });
  expect(log).toEqual([
    "error: Unhandled error in exception handler\nthrown value: undefined\nIt was called with: spam\nthrown value: undefined",
  ]);
});

test("BaseEventLoop: a default handler that throws is only logged [S50]", () => {
  class Broken extends VirtualEventLoop {
    override defaultExceptionHandler(): void {
      throw new TypeError("default broken");
    }
  }
  const log = listenToLog();
  const loop = new Broken({ debug: false });
  loop.callExceptionHandler({ message: "one" });
  loop.setExceptionHandler(fail(new Error("custom broken")));
  loop.callExceptionHandler({ message: "two" });
  expect(log).toHaveLength(2);
  for (const line of log) {
    expect(line).toMatch(/^error: Exception in default exception handler: TypeError: default broken/);
  }
});

test.each([[new KeyboardInterrupt()], [new SystemExit(1)]])(
  "BaseEventLoop: %s of a handler leaves the loop [S50]",
  (error) => {
    const loop = newLoop();
    loop.setExceptionHandler(fail(error));
    loop.callSoon(fail(new Error()));
    expect(thrownBy(() => turn(loop))).toBe(error);
    expect(loop.isRunning()).toBe(false);
  },
);

test("BaseEventLoop: a handler may call the default one [S50 S51]", () => {
  const loop = newLoop();
  const log = listenToLog();
  loop.setExceptionHandler((that, context) => that.defaultExceptionHandler(context));
  loop.callExceptionHandler({ message: "passed on" });
  expect(log).toEqual(["error: passed on"]);
});

test("BaseEventLoop.defaultExceptionHandler() logs the message, the keys in order, then the error [S51]", () => {
  const loop = newLoop();
  const log = listenToLog();
  const error = new Error("oops");
  error.stack = "Error: oops\n    at somewhere";
  loop.defaultExceptionHandler({
    message: "what happened",
    transport: "the transport",
    exception: error,
    future: loop.createFuture(),
    sourceTraceback: "    at maker",
  });
  expect(log).toEqual([
    `error: what happened
future: <Future pending>
Object created at (newest call first):
    at maker
transport: "the transport"
Error: oops
    at somewhere`,
  ]);
});

test("BaseEventLoop.defaultExceptionHandler() has a message where none was given [S51]", () => {
  const log = listenToLog();
  newLoop().defaultExceptionHandler({ message: "" });
  newLoop().defaultExceptionHandler({} as ExceptionContext);
  expect(log).toEqual(Array(2).fill("error: Unhandled exception in event loop"));
});

test("BaseEventLoop.defaultExceptionHandler() survives values that cannot be shown [S51]", () => {
  const log = listenToLog();
  newLoop().defaultExceptionHandler({ message: "m", protocol: Object.create(null), socket: Symbol("s") });
  expect(log).toEqual(["error: m\nprotocol: <object that cannot be shown>\nsocket: Symbol(s)"]);
});

test("BaseEventLoop.defaultExceptionHandler() shows causes and the errors of a group [S51 J13 J14]", () => {
  const log = listenToLog();
  const root = new Error("root");
  const group = new AggregateError([new Error("first", { cause: root }), "second", root], "several");
  for (const error of [root, group, ...group.errors]) if (error instanceof Error) error.stack = String(error);
  newLoop().defaultExceptionHandler({ message: "m", exception: group });
  expect(log).toEqual([
    `error: m
AggregateError: several
  [1 of 3] Error: first
  Caused by: Error: root
  [2 of 3] thrown value: "second"
  [3 of 3] Error("root"), see above`,
  ]);
});

test("BaseEventLoop.defaultExceptionHandler() adds where the running handle was made, in debug mode [S52]", () => {
  const loop = newLoop({ debug: true });
  const log = listenToLog();
  const [without, with_]: ExceptionContext[] = [{ message: "m" }, { message: "m", sourceTraceback: "known" }];
  loop.callSoon(() => {
    loop.callExceptionHandler(without as ExceptionContext);
    loop.callExceptionHandler(with_ as ExceptionContext);
  });
  turn(loop);
  expect(without?.handleTraceback).toContain("exception-handler.test.ts");
  expect(with_?.handleTraceback).toBe(undefined);
  expect(log[0]).toContain("Handle created at (newest call first):\n");
  const outside: ExceptionContext = { message: "outside a turn" };
  loop.callExceptionHandler(outside);
  expect("handleTraceback" in outside).toBe(false);
});
