// Future: its states, its result and exception, how it shows, how it is awaited. Callbacks: future-callbacks.test.ts.
import { inspect } from "node:util";
import type { BaseEventLoop } from "@aioloop/loop";
import {
  CANCELLED,
  CancelledError,
  FINISHED,
  Future,
  futureAddToAwaitedBy,
  futureDiscardFromAwaitedBy,
  InvalidStateError,
  isCancelled,
  isfuture,
  KeyboardInterrupt,
  PENDING,
  setEventLoop,
} from "@aioloop/loop";
import { VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { setResultUnlessCancelled } from "../src/futures.ts";
import { Notes, reportsOf, runFor, thrownBy, turn } from "./helpers.ts";

const loop = new VirtualEventLoop({ debug: false });

/** One future of each state. */
const finished = <T>(result: T): Future<T> => {
  const future = loop.createFuture<T>();
  future.setResult(result);
  return future;
};
const failed = (error: unknown): Future<void> => {
  const future = loop.createFuture();
  future.setException(error);
  future.exception(); // seen: not to be reported
  return future;
};
const cancelled = (msg: string | null = null): Future<void> => {
  const future = loop.createFuture();
  future.cancel(msg);
  return future;
};

test("new Future() is pending: neither done nor cancelled", () => {
  const future = new Future({ loop });
  expect([future.done(), future.cancelled()]).toEqual([false, false]);
});

test("new Future() belongs to the loop it is given, for life [S68]", () => {
  expect(new Future({ loop }).getLoop()).toBe(loop);
  expect(loop.createFuture().getLoop()).toBe(loop);
});

test("new Future() without a loop takes the running one, else the one that was set [S68 S41]", () => {
  const [running, set] = [new VirtualEventLoop(), new VirtualEventLoop()];
  const owners: BaseEventLoop[] = [];
  setEventLoop(set);
  owners.push(new Future().getLoop());
  running.callSoon(() => owners.push(new Future().getLoop()));
  turn(running);
  setEventLoop(null);
  expect(owners.map((owner) => [owner === set, owner === running])).toEqual([
    [true, false],
    [false, true],
  ]);
});

test("new Future() without any loop says that there is none [S68 S41]", () => {
  expect(() => new Future()).toThrow("there is no current event loop: make one with");
});

test("Future.setResult() makes it done, with that result", () => {
  const future = finished(42);
  expect([future.done(), future.cancelled(), future.result(), future.exception()]).toEqual([
    true,
    false,
    42,
    null,
  ]);
});

test("Future.setException() makes it done; result() throws that very error each time [S58]", () => {
  const error = new TypeError("no");
  const future = failed(error);
  expect([future.done(), future.cancelled()]).toEqual([true, false]);
  expect(future.exception()).toBe(error);
  const stack = error.stack;
  expect(thrownBy(() => future.result())).toBe(error);
  expect(thrownBy(() => future.result())).toBe(error);
  expect(error.stack).toBe(stack);
});

test.each([
  ["undefined", undefined],
  ["null", null],
  ["a number", 0],
  ["a string", ""],
  ["a plain function", () => 5],
])("Future.setException() takes %s, since anything can be thrown [J7]", (_, thrown) => {
  const future = failed(thrown);
  expect(future.done()).toBe(true);
  expect(future.exception()).toBe(thrown);
  expect(thrownBy(() => future.result())).toBe(thrown);
});

test.each([
  ["Error", Error],
  ["RangeError", RangeError],
  ["a class of one's own", class Mine extends TypeError {}],
])("Future.setException() given the class %s makes an error of it [S63]", (_, Class) => {
  const error = failed(Class).exception();
  expect(error).toBeInstanceOf(Class);
});

test("Future.setException() with a CancelledError does not make it cancelled [S63]", () => {
  const error = new CancelledError("stored");
  const future = failed(error);
  expect(future.cancelled()).toBe(false);
  expect(future.exception()).toBe(error);
});

test("Future.result() and exception() of a pending future are InvalidStateErrors [S58 S59]", () => {
  const future = loop.createFuture("a reply");
  expect(() => future.result()).toThrow(InvalidStateError);
  expect(() => future.result()).toThrow("result() of <Future pending for a reply>: the result is not ready");
  expect(() => future.exception()).toThrow(InvalidStateError);
  expect(() => future.exception()).toThrow(
    "exception() of <Future pending for a reply>: the exception is not set",
  );
});

test("Future.cancel() makes it cancelled: result() and exception() throw CancelledError [S57 S58 S59]", () => {
  const future = loop.createFuture();
  expect(future.cancel()).toBe(true);
  expect([future.done(), future.cancelled()]).toEqual([true, true]);
  for (const error of [thrownBy(() => future.result()), thrownBy(() => future.exception())]) {
    expect(error).toBeInstanceOf(CancelledError);
    expect(isCancelled(error)).toBe(true);
  }
});

test("Future.cancel() keeps its message for every CancelledError; the first message stays [S57 S60]", () => {
  const future = cancelled("enough");
  expect(future.cancel("again")).toBe(false);
  const errors = [thrownBy(() => future.result()), thrownBy(() => future.exception())] as CancelledError[];
  expect(errors.map(({ msg, message }) => [msg, message])).toEqual([
    ["enough", "enough"],
    ["enough", "enough"],
  ]);
  expect((thrownBy(() => cancelled().result()) as CancelledError).msg).toBe(null);
});

test("Future.cancel() of a plain future makes a new error each time; a task's own is handed out once [S60]", () => {
  const future = cancelled("x");
  expect(thrownBy(() => future.result())).not.toBe(thrownBy(() => future.result()));
  const own = new CancelledError("own");
  const task = loop.createTask(
    (function* () {
      throw own;
    })(),
  );
  turn(loop);
  expect(task.cancelled()).toBe(true);
  expect(thrownBy(() => task.result())).toBe(own);
  const second = thrownBy(() => task.result());
  expect(second).toBeInstanceOf(CancelledError);
  expect(second).not.toBe(own);
});

test("Future.cancel() of a done future returns false and changes nothing, but takes the exception as seen [S57]", () => {
  const fresh = new VirtualEventLoop({ debug: false });
  const reports = reportsOf(fresh);
  const error = new Error("seen by cancel()");
  const future = fresh.createFuture();
  future.setException(error);
  expect(future.cancel()).toBe(false);
  fresh.close();
  expect(reports).toEqual([]);
  expect([future.cancelled(), future.exception()]).toEqual([false, error]);
  const done = finished(1);
  expect([done.cancel(), done.result()]).toEqual([false, 1]);
});

test.each([
  ["finished", () => finished("first")],
  ["finished", () => failed(new Error("first"))],
  ["cancelled", () => cancelled()],
] as [string, () => Future<unknown>][])(
  "Future.setResult() and setException() of a %s future are refused, with its state and what to write [S61]",
  (state, make) => {
    const future = make();
    for (const name of ["setResult", "setException"] as const) {
      expect(() => future[name]("second")).toThrow(InvalidStateError);
      expect(() => future[name]("second")).toThrow(
        `${name}() of ${future}: it is ${state} already. Ask \`if (!future.done())\` first`,
      );
    }
    expect(String(future)).toContain(state);
  },
);

test("setResultUnlessCancelled() sets the result, does nothing if cancelled, refuses if finished [S62]", () => {
  const future = loop.createFuture<number>();
  setResultUnlessCancelled(future, 1);
  expect(future.result()).toBe(1);
  const gone = cancelled();
  setResultUnlessCancelled(gone);
  expect(gone.cancelled()).toBe(true);
  expect(() => setResultUnlessCancelled(future, 2)).toThrow(InvalidStateError);
});

test("Future: the states' names are CPython's", () => {
  expect([PENDING, CANCELLED, FINISHED]).toEqual(["PENDING", "CANCELLED", "FINISHED"]);
});

// ---- how it shows

function first(): void {}
function second(): void {}
function third(): void {}

test("Future.toString() shows the state, the result or the exception, and what is waited for [S69]", () => {
  expect(String(loop.createFuture())).toBe("<Future pending>");
  expect(String(loop.createFuture("a letter"))).toBe("<Future pending for a letter>");
  expect(String(finished("text"))).toBe('<Future finished result="text">');
  expect(String(failed(new RangeError("no")))).toBe('<Future finished exception=RangeError("no")>');
  expect(String(failed(undefined))).toBe("<Future finished exception=undefined>");
  expect(String(cancelled())).toBe("<Future cancelled>");
});

test("Future.toString() shows the subject by its own text, a plain object by its class [S69]", () => {
  class Mailbox {}
  class Named {
    toString() {
      return "<Mailbox of Ann>";
    }
  }
  expect(String(loop.createFuture(new Mailbox()))).toBe("<Future pending for <Mailbox>>");
  expect(String(loop.createFuture(new Named()))).toBe("<Future pending for <Mailbox of Ann>>");
});

test("Future.toString() shows callbacks: of more than two the first, how many more, and the last [S69]", () => {
  const future = loop.createFuture();
  const shown: string[] = [];
  for (const callback of [first, second, third, first, second]) {
    future.addDoneCallback(callback);
    shown.push(String(future));
  }
  expect(shown).toEqual([
    "<Future pending cb=[first]>",
    "<Future pending cb=[first, second]>",
    "<Future pending cb=[first, <1 more>, third]>",
    "<Future pending cb=[first, <2 more>, first]>",
    "<Future pending cb=[first, <3 more>, second]>",
  ]);
});

test("Future.toString() of one that a task waits for says so [S69]", () => {
  const future = loop.createFuture();
  loop.createTask(
    (function* () {
      yield* future;
    })(),
  );
  turn(loop);
  expect(String(future)).toMatch(/^<Future pending cb=\[.*step.*\]>$/i);
  future.setResult();
  turn(loop);
});

test("Future.toString() is safe where its result leads back to it [S69]", () => {
  const itself = loop.createFuture<unknown>();
  itself.setResult(itself);
  expect(String(itself)).toBe("<Future finished result=<Future …>>");
  const [one, two] = [loop.createFuture<unknown>(), loop.createFuture<unknown>()];
  one.setResult(two);
  two.setResult(one);
  expect(String(one)).toBe("<Future finished result=<Future finished result=<Future …>>>");
  expect(String(one)).toBe("<Future finished result=<Future finished result=<Future …>>>");
});

test("Future.toString() keeps a long result short, and survives one that cannot be shown [S69]", () => {
  expect(String(finished("x".repeat(1000))).length).toBeLessThan(100);
  expect(String(finished(Object.create(null)))).toBe(
    "<Future finished result=<object that cannot be shown>>",
  );
});

test("console.log shows a Future as toString() does", () => {
  expect(inspect(finished(1))).toBe("<Future finished result=1>");
});

test("Future.toString() names a subclass", () => {
  class Reply extends Future<void> {}
  expect(String(new Reply({ loop }))).toBe("<Reply pending>");
});

// ---- awaiting

test("Future: `yield*` waits until it is done and gives its result [S66]", () => {
  const future = loop.createFuture<string>();
  const start = loop.time();
  loop.callLater(3, () => future.setResult("done"));
  const main = function* () {
    const result: string = yield* future;
    return [result, loop.time() - start];
  };
  expect(loop.runUntilComplete(main())).toEqual(["done", 3]);
});

test("Future: `yield*` of a done future does not give up control [S66]", () => {
  const ran = new Notes();
  const main = function* () {
    loop.callSoon(ran.note("callback"));
    const value = yield* finished(1);
    ran.push("coroutine went on");
    return value;
  };
  expect(loop.runUntilComplete(main())).toBe(1);
  expect(ran).toEqual(["coroutine went on", "callback"]);
});

test("Future: `yield*` throws the exception, `undefined` too, or the cancellation [S66 J7]", () => {
  const catching = function* (future: Future<void>) {
    try {
      yield* future;
    } catch (error) {
      return [error];
    }
    return "nothing thrown";
  };
  const error = new Error("no");
  expect(loop.runUntilComplete(catching(failed(error)))).toEqual([error]);
  expect(loop.runUntilComplete(catching(failed(undefined)))).toEqual([undefined]);
  const late = loop.createFuture();
  loop.callLater(1, () => late.setException(undefined));
  expect(loop.runUntilComplete(catching(late))).toEqual([undefined]);
  expect(loop.runUntilComplete(catching(cancelled("x")))).toEqual([new CancelledError("x")]);
});

test("Future may be awaited by many, and many times [S66]", () => {
  const future = loop.createFuture<number>();
  const waiter = function* () {
    return (yield* future) + (yield* future);
  };
  const tasks = [1, 2, 3].map(() => loop.createTask(waiter()));
  loop.callLater(1, () => future.setResult(21));
  runFor(loop, 2);
  expect(tasks.map((task) => task.result())).toEqual([42, 42, 42]);
});

test("Future's iterator has next, throw and return, so that `yield*` passes everything through [J6]", () => {
  const iterator = loop.createFuture<number>()[Symbol.iterator]();
  const error = new Error("thrown in");
  expect(thrownBy(() => iterator.throw?.(error))).toBe(error);
  expect(thrownBy(() => iterator.throw?.(undefined))).toBe(undefined);
  expect(iterator.return?.(5 as never)).toEqual({ value: 5, done: true });
});

test("Future's iterator resumed while the future is pending says so [S66]", () => {
  const future = loop.createFuture<number>();
  const iterator = future[Symbol.iterator]();
  expect(iterator.next().done).toBe(false);
  expect(() => iterator.next()).toThrow(
    /^a coroutine was resumed while <Future pending>, for which it waits, is pending/,
  );
  future.setResult(1);
  expect(iterator.next()).toMatchObject({ value: 1, done: true });
});

test("isfuture() knows futures and tasks, and nothing that only looks like one [S67]", () => {
  class Reply extends Future<void> {}
  const task = loop.createTask((function* () {})());
  turn(loop);
  expect([loop.createFuture(), new Reply({ loop }), task].map(isfuture)).toEqual([true, true, true]);
  const others = [null, undefined, 5, "future", {}, Promise.resolve(), Future, (function* () {})()];
  expect(others.map(isfuture)).toEqual(others.map(() => false));
});

test("futureAddToAwaitedBy() and futureDiscardFromAwaitedBy() keep who waits for a future", () => {
  const [future, waiter] = [loop.createFuture(), loop.createFuture()];
  futureDiscardFromAwaitedBy(future, waiter);
  futureAddToAwaitedBy(future, waiter);
  futureAddToAwaitedBy(future, waiter);
  expect(future._awaiters().length).toBe(1);
  futureDiscardFromAwaitedBy(future, waiter);
  expect(future._awaiters().length).toBe(0);
});

test("Future: a KeyboardInterrupt given to it stays in it until somebody asks [S25]", () => {
  const interrupt = new KeyboardInterrupt();
  const future = failed(interrupt);
  turn(loop);
  expect(thrownBy(() => future.result())).toBe(interrupt);
});
