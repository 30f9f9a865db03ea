// What is logged where no handler is set, from the error to the log; and instruments and handlers in the way.
import type { ExceptionContext } from "@aioloop/loop";
import { ContextVar } from "@aioloop/loop";
import { sleep, VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { collectGarbage, listenToLog, turn } from "./helpers.ts";

const newLoop = () => new VirtualEventLoop({ debug: false });

test.each(["callSoon", "callLater"] as const)(
  "BaseEventLoop: what a callback of %s() throws is logged by default, with its name [S45 S51]",
  (operation) => {
    const loop = newLoop();
    const log = listenToLog();
    const future = loop.createFuture<boolean>();
    function divide(): void {
      future.setResult(true);
      throw new RangeError("division by zero");
    }
    if (operation === "callSoon") loop.callSoon(divide);
    else loop.callLater(0.01, divide);
    future.addDoneCallback(() => loop.stop());
    loop.runForever();
    expect(log).toHaveLength(1);
    expect(log[0]).toMatch(
      /^error: Exception in callback divide\(\)\nhandle: <\w*Handle .*divide\(\)>\nRangeError: division by zero\n/,
    );
  },
);

test("BaseEventLoop: what a task throws that nobody awaits is logged by default once it is collected [S64 S51]", async () => {
  const loop = newLoop();
  const log = listenToLog();
  (() => {
    loop
      .createTask(
        (function* divide() {
          yield* sleep(0.01);
          throw new RangeError("division by zero");
        })(),
      )
      .addDoneCallback(() => loop.stop());
  })();
  loop.runForever();
  turn(loop);
  await collectGarbage();
  loop.close();
  expect(log).toHaveLength(1);
  expect(log[0]).toMatch(/^error: Task exception was never retrieved\n.*RangeError: division by zero\n/s);
});

test("BaseEventLoop: a default handler that fails is told what the custom one was called for [S50]", () => {
  const told: ExceptionContext[] = [];
  class Broken extends VirtualEventLoop {
    override defaultExceptionHandler(context: ExceptionContext): void {
      told.push(context);
      throw new TypeError("default broken");
    }
  }
  const log = listenToLog();
  const loop = new Broken({ debug: false });
  const cause = new RangeError("division by zero");
  const ham = new Error("ham");
  loop.setExceptionHandler(() => {
    throw ham;
  });
  loop.callSoon(() => {
    throw cause;
  });
  turn(loop);
  expect(told).toHaveLength(1);
  expect([told[0]?.exception, told[0]?.context?.exception]).toEqual([ham, cause]);
  expect(told[0]?.context?.exception).toBe(cause);
  expect(log).toHaveLength(1);
});

test("BaseEventLoop.setDebug() in a turn: the turn ends as it began, the next one is observed [S37]", () => {
  const loop = newLoop();
  const log = listenToLog();
  loop.slowCallbackDuration = 0;
  loop.callSoon(() => loop.setDebug(true));
  loop.callSoon(() => {});
  turn(loop);
  expect(log).toEqual([]);
  loop.callSoon(() => {});
  turn(loop);
  expect(log).toHaveLength(1);
});

const name = new ContextVar("name", { default: "foo" });

test("BaseEventLoop.callExceptionHandler() with a task runs the handler in what the task has set [S49]", () => {
  const loop = newLoop();
  const seen: string[] = [];
  loop.setExceptionHandler(() => void seen.push(name.get()));
  const task = loop.createTask(
    (function* () {
      name.set("bar");
      throw new RangeError("division by zero");
    })(),
  );
  turn(loop);
  loop.callExceptionHandler({ message: "of the task", task });
  loop.callExceptionHandler({ message: "of the task as a future", future: task });
  expect([task.exception(), name.get()]).toEqual([new RangeError("division by zero"), "foo"]);
  expect(seen).toEqual(["bar", "bar"]);
});
