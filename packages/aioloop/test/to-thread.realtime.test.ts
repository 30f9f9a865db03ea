// toThread: a call in the loop's default thread pool, awaited by a coroutine.
import { threadId } from "node:worker_threads";
import {
  ContextVar,
  createTask,
  DeadlockError,
  gather,
  isCancelled,
  RuntimeError,
  run,
  sleep,
  toThread,
  VirtualEventLoop,
  waitFor,
} from "aioloop";
import { describe, expect, test } from "vitest";
import { atGate, errorOf, Gate, LOOPS, program, textOf, threadPool, thrownBy } from "./helpers.ts";

const count = (words: Int32Array, by: number) => Atomics.add(words, 1, by);

describe.each(LOOPS)("toThread() on a %s", (_, newLoop) => {
  test("calls the function in another thread and gives its result", async () => {
    const [sum, id] = await program(newLoop, () =>
      toThread(
        (numbers: number[]) =>
          [
            numbers.reduce((a, b) => a + b),
            process.getBuiltinModule("node:worker_threads").threadId,
          ] as const,
        [40, 2],
      ),
    );
    expect(sum).toBe(42);
    expect(id).not.toBe(threadId);
  });

  test("throws what the call throws, as its class", async () => {
    const error = await program(newLoop, () =>
      errorOf(
        toThread((text: string) => {
          throw new TypeError(text);
        }, "test"),
      ),
    );
    expect(error).toBeInstanceOf(TypeError);
    expect(textOf(error)).toBe("TypeError: test");
  });

  test("calls once, with its arguments", async () => {
    const { words } = new Gate();
    await program(newLoop, () => toThread(count, words, 7));
    expect(words[1]).toBe(7);
  });

  test("makes several calls at once", async () => {
    const pool = threadPool(3);
    const gate = new Gate();
    await program(newLoop, function* (loop) {
      loop.setDefaultExecutor(pool);
      const calls = gather([1, 2, 3].map(() => toThread(atGate, gate.words)));
      while (gate.count(1) < 3) yield* sleep(0.001); // three wait at the gate: none waits for another
      gate.open();
      expect(yield* calls).toEqual(["through", "through", "through"]);
    });
  });

  test("takes the keywords of runInExecutor() with the function", async () => {
    const bytes = new Uint8Array([1, 2, 3]);
    const length = await program(newLoop, () =>
      toThread({ fn: (moved: Uint8Array) => moved.length, transfer: [bytes.buffer] }, bytes),
    );
    expect([length, bytes.length]).toEqual([3, 0]);
  });

  test("context variables stay in the caller's thread: a value goes as an argument [S115 J27]", async () => {
    const variable = new ContextVar<string>("variable");
    variable.set("parrot");
    const [got, error] = await program(newLoop, function* () {
      const got = yield* toThread((text: string) => text, variable.get());
      return [got, yield* errorOf(toThread(() => variable.get()))] as const;
    });
    expect(got).toBe("parrot");
    expect(textOf(error)).toMatch(/^ReferenceError: variable is not defined: .* Pass it as an argument/);
  });

  test("cancelling the await does not stop the call [S115]", async () => {
    const pool = threadPool();
    const gate = new Gate();
    await program(newLoop, function* (loop) {
      loop.setDefaultExecutor(pool);
      const task = createTask(toThread(atGate, gate.words));
      while (gate.count(1) === 0) yield* sleep(0.001);
      task.cancel();
      expect(isCancelled(yield* errorOf(task))).toBe(true);
      gate.open();
      expect(yield* toThread((words: Int32Array) => Atomics.load(words, 2), gate.words)).toBe(1);
    });
  });

  test("with a timeout, and cancel: terminate, ends a call that would not end", async () => {
    const error = await program(newLoop, () =>
      errorOf(
        waitFor(
          toThread({
            fn: () => {
              for (;;);
            },
            cancel: "terminate",
          }),
          0.2,
        ),
      ),
    );
    expect(error).toHaveProperty("name", "TimeoutError");
  });
});

test("toThread() is lazy: nothing is called before it is awaited", async () => {
  const { words } = new Gate();
  const [, newLoop] = LOOPS[0] as (typeof LOOPS)[0];
  await program(newLoop, function* () {
    const call = toThread(count, words, 1);
    yield* toThread(count, words, 2);
    expect(words[1]).toBe(2);
    yield* call;
    expect(words[1]).toBe(3);
  });
});

test("toThread() under virtual time has no threads, and says so", () => {
  const error = thrownBy(() =>
    run(toThread(count, new Int32Array(1), 1), { loopFactory: () => new VirtualEventLoop() }),
  );
  expect(error).toBeInstanceOf(RuntimeError);
  expect(error).not.toBeInstanceOf(DeadlockError);
  expect(textOf(error)).toMatch(/this loop has no default executor/);
});
