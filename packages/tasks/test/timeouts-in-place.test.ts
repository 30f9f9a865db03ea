// timeout() among other tasks, other timeouts, and code that keeps the loop busy past its deadline.
import type { Clock, Coroutine, Selector } from "@aioloop/loop";
import { CancelledError, ExceptionGroup, SyncEventLoop, TimeoutError, VirtualSelector } from "@aioloop/loop";
import type { Timeout } from "@aioloop/tasks";
import {
  asyncWith,
  createTask,
  run,
  sleep,
  Task,
  TaskGroup,
  timeout,
  timeoutAt,
  VirtualEventLoop,
} from "@aioloop/tasks";
import { expect, test } from "vitest";
import { errorOf, program, self, textOf, thrownBy } from "./helpers.ts";

/** A program that can spend time within a step, as real work does: nothing else runs meanwhile. */
function busyProgram(main: (loop: SyncEventLoop, spend: (seconds: number) => void) => Coroutine<void>): void {
  const virtual = new VirtualSelector();
  let spent = 0;
  const clock: Clock = { time: () => virtual.time() + spent, resolution: virtual.resolution };
  const selector: Selector = {
    polls: false,
    select: (seconds, deadline) => virtual.select(seconds, deadline - spent),
    wakeup() {},
    close() {},
  };
  const loop = new SyncEventLoop({
    clock,
    selector,
    debug: false,
    taskFactory: (itsLoop, coro, options) => new Task(coro, { ...options, loop: itsLoop }),
  });
  run(
    main(loop, (seconds) => {
      spent += seconds;
    }),
    { loopFactory: () => loop },
  );
}

test.each([0, -11])(
  "timeout(%d): its deadline is not later than now, and it says that it expired [S160]",
  (delay) => {
    program(function* (loop) {
      yield* sleep(20);
      for (const nap of [0, 10]) {
        const limit = timeout(delay);
        expect(yield* errorOf(asyncWith(limit, () => sleep(nap)))).toBeInstanceOf(TimeoutError);
        expect([limit.expired(), limit.when(), loop.time()]).toEqual([true, 20 + delay, 20]);
      }
    });
  },
);

test("timeoutAt(): its deadline is the time it was given, and it says that it expired; null never does", () => {
  program(function* (loop) {
    const limit = timeoutAt(loop.time() + 0.01);
    expect(yield* errorOf(asyncWith(limit, () => sleep(10)))).toBeInstanceOf(TimeoutError);
    expect([limit.expired(), limit.when(), loop.time()]).toEqual([true, 0.01, 0.01]);
    const without = timeoutAt(null);
    yield* asyncWith(without, () => sleep(0.01));
    expect([without.expired(), without.when()]).toEqual([false, null]);
  });
});

test("timeout(): a task that catches its TimeoutError ends as if nothing had been [S156]", () => {
  program(function* () {
    const task = createTask(
      (function* () {
        expect(yield* errorOf(asyncWith(timeout(0.001), () => sleep(10)))).toBeInstanceOf(TimeoutError);
      })(),
    );
    yield* task;
    expect([task.done(), task.cancelled()]).toEqual([true, false]);
  });
});

test("timeout(): a task that cancels itself within it is cancelled, and nothing expired [S156]", () => {
  program(function* () {
    const limit = timeout(10);
    const task = createTask(
      asyncWith(limit, function* () {
        self().cancel();
        yield* sleep(10);
      }),
    );
    expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
    expect(limit.expired()).toBe(false);
  });
});

test("timeout(0) in the clean-up of a task that cancelled itself still tells its own [S107]", () => {
  program(function* () {
    const task = createTask(
      (function* () {
        self().cancel();
        yield* errorOf(sleep(1));
        return yield* errorOf(asyncWith(timeout(0), () => sleep(1)));
      })(),
    );
    expect(yield* task).toBeInstanceOf(TimeoutError);
  });
});

test("timeout() in the clean-up of a cancelled task: another cancellation is one, and no TimeoutError [S107 S156]", () => {
  program(function* (loop) {
    const task = createTask(
      (function* () {
        self().cancel();
        yield* errorOf(sleep(1));
        return yield* errorOf(
          asyncWith(timeout(1), function* () {
            self().cancel();
            yield* sleep(2);
          }),
        );
      })(),
    );
    expect(yield* task).toBeInstanceOf(CancelledError);
    expect(loop.time()).toBe(0);
  });
});

test("timeout() in the finally of another: each has its own cancellation for its cause [S156]", () => {
  program(function* (loop) {
    const causes: unknown[] = [];
    const outer = asyncWith(timeout(0.01), function* () {
      try {
        yield* sleep(1);
      } finally {
        const error = yield* errorOf(asyncWith(timeout(0.01), () => sleep(10)));
        expect(error).toBeInstanceOf(TimeoutError);
        causes.push((error as Error).cause);
      }
    });
    const error = yield* errorOf(outer);
    expect(error).toBeInstanceOf(TimeoutError);
    causes.push((error as Error).cause);
    for (const cause of causes) {
      expect(cause).toBeInstanceOf(CancelledError);
      expect((cause as Error).cause).toBe(undefined);
    }
    expect(causes[0]).not.toBe(causes[1]);
    expect(loop.time()).toBe(0.02);
  });
});

test("timeout() in a busy loop, past the outer deadline only: the inner block is cancelled, the outer one tells [S159]", () => {
  busyProgram(function* (loop, spend) {
    const [outer, inner] = [timeout(0.002), timeout(0.1)];
    const seen: unknown[] = [];
    const error = yield* errorOf(
      asyncWith(outer, function* () {
        seen.push(
          yield* errorOf(
            asyncWith(inner, function* () {
              spend(0.01);
              yield* sleep(1);
            }),
          ),
        );
        throw seen[0];
      }),
    );
    expect(error).toBeInstanceOf(TimeoutError);
    expect(seen[0]).toBeInstanceOf(CancelledError);
    expect([outer.expired(), inner.expired(), loop.time()]).toEqual([true, false, 0.01]);
  });
});

test("timeout() in a busy loop, past both deadlines: the outermost ends all of it at once [S159]", () => {
  busyProgram(function* (loop, spend) {
    const [outer, inner] = [timeout(0.1), timeout(0.01)];
    const error = yield* errorOf(
      asyncWith(outer, function* () {
        const within = yield* errorOf(
          asyncWith(inner, function* () {
            spend(0.1);
            yield* sleep(1);
          }),
        );
        if (!(within instanceof TimeoutError)) throw within;
        yield* sleep(10); // if the inner one told, this is what the outer one ends
      }),
    );
    expect(error).toBeInstanceOf(TimeoutError);
    expect([outer.expired(), inner.expired(), self().cancelling()]).toEqual([true, true, 0]);
    expect(loop.time()).toBe(0.1);
  });
});

test("Timeout.reschedule() by another task [S154]", () => {
  program(function* (loop) {
    const entered = loop.createFuture<Timeout>();
    const task = createTask(
      asyncWith(timeoutAt(10), function* (limit) {
        entered.setResult(limit);
        yield* sleep(50);
      }),
    );
    const limit = yield* entered;
    expect(limit.when()).toBe(10);
    limit.reschedule(30);
    expect(limit.when()).toBe(30);
    limit.reschedule(null);
    expect(limit.when()).toBe(null);
    yield* sleep(40);
    task.cancel();
    expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
    expect([limit.expired(), loop.time()]).toEqual([false, 40]);
  });
});

test("Timeout that was refused outside a task has not been entered [S153 S154]", () => {
  const loop = new VirtualEventLoop();
  const texts: string[] = [];
  loop.callSoon(() => {
    const limit = timeout(0.01);
    texts.push(textOf(thrownBy(() => limit.aenter().next())), textOf(thrownBy(() => limit.reschedule(0.02))));
  });
  loop.runUntilComplete(sleep(0));
  expect(texts).toEqual([
    "RuntimeError: a timeout must be used inside a task",
    "RuntimeError: reschedule() of <Timeout [created]>: it has not been entered",
  ]);
  loop.close();
});

test("timeout() around a TaskGroup whose child fails in its clean-up: the group passes, the TimeoutError in its causes [S158 J13]", () => {
  program(function* () {
    function* child(): Coroutine<void> {
      try {
        yield* sleep(2);
      } catch (cause) {
        throw new Error("crash in clean-up", { cause });
      }
    }
    const limit = timeout(0.01);
    const error = yield* errorOf(
      asyncWith(limit, () =>
        asyncWith(new TaskGroup(), function* (group) {
          group.createTask(child());
          yield* sleep(1);
        }),
      ),
    );
    expect(error).toBeInstanceOf(ExceptionGroup);
    const { errors } = error as ExceptionGroup;
    expect(errors).toHaveLength(1);
    const [crash] = errors as [Error];
    expect(crash.message).toBe("crash in clean-up");
    expect(crash.cause).toBeInstanceOf(TimeoutError);
    expect((crash.cause as Error).cause).toBeInstanceOf(CancelledError);
    expect([limit.expired(), self().cancelling()]).toEqual([true, 0]);
  });
});
