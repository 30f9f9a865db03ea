import type { Coroutine, ExceptionContext } from "@aioloop/loop";
import { CancelledError } from "@aioloop/loop";
import { allTasks, createTask, gather, shield, sleep, VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { endOf, errorOf, program, textOf, thrownBy } from "./helpers.ts";

function* failing(delay: number): Coroutine<never> {
  yield* sleep(delay);
  throw new Error("inner failed");
}

test("shield() passes result and exception on", () => {
  program(function* () {
    expect(yield* shield(sleep(1, "result"))).toBe("result");
    expect(textOf(yield* errorOf(shield(failing(1))))).toBe("Error: inner failed");
  });
});

test("shield() starts a coroutine at once, before anybody awaits it", () => {
  program(function* (loop) {
    const sheltered = shield(sleep(1, "started"));
    yield* sleep(5);
    expect(sheltered.done()).toBe(true);
    expect(yield* sheltered).toBe("started");
    expect(loop.time()).toBe(5);
  });
});

test("shield() of one that is done is that very one [S145]", () => {
  program(function* (loop) {
    const done = loop.createFuture<string>();
    done.setResult("done");
    expect(shield(done)).toBe(done);
  });
});

test("shield(): cancelling the outer one does not touch the inner one [S145]", () => {
  program(function* () {
    const inner = createTask(sleep(2, "untouched"));
    const outer = shield(inner);
    expect(outer.cancel()).toBe(true);
    expect(endOf(outer)).toBe("cancelled");
    expect(inner.cancelling()).toBe(0);
    expect(yield* inner).toBe("untouched");
  });
});

test("shield(): cancelling the inner one cancels the outer one [S145]", () => {
  program(function* () {
    const inner = createTask(sleep(2));
    const outer = shield(inner);
    yield* sleep(1);
    inner.cancel();
    expect(yield* errorOf(outer)).toBeInstanceOf(CancelledError);
    expect(outer.cancelled()).toBe(true);
  });
});

test("shield(): a task that awaits it can be cancelled, and what it waited for runs on", () => {
  program(function* () {
    const inner = createTask(sleep(5, "ran on"));
    const waiting = createTask(
      (function* () {
        yield* shield(inner);
      })(),
    );
    yield* sleep(1);
    waiting.cancel();
    expect(yield* errorOf(waiting)).toBeInstanceOf(CancelledError);
    expect(yield* inner).toBe("ran on");
  });
});

test("shield(): what fails after the outer one was cancelled is reported, once [S146 N7]", () => {
  const reports: ExceptionContext[] = [];
  program(
    function* () {
      const inner = createTask(failing(2));
      const outers = [shield(inner), shield(inner), shield(inner)];
      yield* sleep(1);
      for (const outer of outers) outer.cancel();
      yield* sleep(5);
      expect(reports.map(({ message }) => message)).toEqual(["Error exception in shielded future"]);
      expect(reports[0]?.future).toBe(inner);
      expect(textOf(reports[0]?.exception)).toBe("Error: inner failed");
    },
    { reports },
  );
  expect(reports).toHaveLength(1);
});

test("shield(): what succeeds or is cancelled after the outer one was cancelled is no report [S146]", () => {
  program(function* () {
    const [first, second] = [createTask(sleep(2)), createTask(sleep(2))];
    shield(first).cancel();
    shield(second).cancel();
    yield* sleep(1);
    second.cancel();
    yield* sleep(5);
  });
});

test("shield() without anybody who retrieves: the exception is reported as never retrieved", () => {
  const reports: ExceptionContext[] = [];
  program(
    function* () {
      shield(failing(1));
      yield* sleep(2);
    },
    { reports },
  );
  expect(reports.map(({ message }) => message)).toEqual(["Future exception was never retrieved"]);
});

test("shield(): the loop holds what runs inside, so that it is not lost [S147 J22]", () => {
  program(function* () {
    shield(sleep(5)).cancel();
    yield* sleep(1);
    expect(allTasks().size).toBe(2);
  });
});

test("shield() of a gather: cancelling the outer one leaves the children alone", () => {
  program(function* () {
    const children = [createTask(sleep(2, 1)), createTask(sleep(2, 2))];
    const whole = gather(children);
    shield(whole).cancel();
    expect(yield* whole).toEqual([1, 2]);
  });
});

test("gather() of shields: cancelling the whole leaves what is shielded alone", () => {
  program(function* () {
    const children = [createTask(sleep(2, 1)), createTask(sleep(2, 2))];
    const shields = children.map((child) => shield(child));
    const whole = gather(shields);
    yield* sleep(1);
    whole.cancel();
    expect(yield* errorOf(whole)).toBeInstanceOf(CancelledError);
    expect(shields.map(endOf)).toEqual(["cancelled", "cancelled"]);
    expect(yield* gather(children)).toEqual([1, 2]);
  });
});

test("shield() outside a turn: of a coroutine needs a loop, of a future takes its", () => {
  expect(textOf(thrownBy(() => shield(sleep(1))))).toMatch(/^RuntimeError: there is no current event loop/);
  const loop = new VirtualEventLoop();
  const future = loop.createFuture<string>();
  const outer = shield(future);
  expect(outer.getLoop()).toBe(loop);
  future.setResult("result");
  expect(loop.runUntilComplete(outer)).toBe("result");
  loop.close();
});

test("shield(): `undefined` as an exception passes like any other [J7]", () => {
  program(function* () {
    const throwing = (function* (): Coroutine<void> {
      throw undefined;
    })();
    expect(yield* errorOf(shield(throwing))).toBe(undefined);
  });
});

test("shield() refuses what cannot be awaited", () => {
  program(function* () {
    expect(textOf(thrownBy(() => shield("text" as never)))).toMatch(/^TypeError: "text" cannot be awaited/);
  });
});
