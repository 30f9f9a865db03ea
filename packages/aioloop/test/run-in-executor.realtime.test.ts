// What a loop does with executors: calls in threads awaited by coroutines, on loops that turn and on loops that block.
import { threadId } from "node:worker_threads";
import type { Job } from "aioloop";
import {
  createTask,
  DeadlockError,
  executors,
  gather,
  getRunningLoop,
  HostEventLoop,
  isCancelled,
  RuntimeError,
  run,
  sleep,
  toThread,
  VirtualEventLoop,
  waitFor,
  wrapFuture,
} from "aioloop";
import { describe, expect, test, vi } from "vitest";
import { runsItsOwn } from "./fixtures/loops.ts";
import {
  atGate,
  errorOf,
  Gate,
  LOOPS,
  listenToLog,
  program,
  textOf,
  threadPool,
  thrownBy,
} from "./helpers.ts";

// Sent by their source.
const word = (text: string) => text;
const where = (text: string) => [text, process.getBuiltinModule("node:worker_threads").threadId] as const;
const fails = () => {
  throw new RangeError("too far");
};

/** Resolves once the call at the gate has begun. */
function* untilBegun(gate: Gate, calls = 1) {
  while (gate.count(1) < calls) yield* sleep(0.001);
}

describe.each(LOOPS)("%s.runInExecutor()", (_, newLoop) => {
  test("calls the function in a thread and gives its result, by the default pool and by another [S31]", async () => {
    const pool = threadPool();
    const results = await program(newLoop, function* (loop) {
      return yield* gather([
        loop.runInExecutor(null, where, "default"),
        loop.runInExecutor(pool, where, "given"),
      ]);
    });
    expect(results.map(([text]) => text)).toEqual(["default", "given"]);
    expect(new Set([threadId, ...results.map(([, id]) => id)]).size).toBe(3);
  });

  test("names the threads of the default pool after aioloop [S31]", async () => {
    const error = await program(newLoop, (loop) => errorOf(loop.runInExecutor(null, fails)));
    expect(textOf(error)).toBe("RangeError: too far");
    expect(error).toBeInstanceOf(RangeError);
    expect((error as Error).stack).toContain("in worker thread 'aioloop_0'");
  });

  test("awaits the promise that a call returns", async () => {
    const value = await program(newLoop, (loop) =>
      loop.runInExecutor(
        null,
        async (milliseconds: number) => {
          await new Promise((resolve) => setTimeout(resolve, milliseconds));
          return "later";
        },
        5,
      ),
    );
    expect(value).toBe("later");
  });

  test("makes many calls at once, and each future gets its own result", async () => {
    const pool = threadPool(2);
    const results = await program(newLoop, (loop) =>
      gather(Array.from({ length: 500 }, (_, i) => loop.runInExecutor(pool, (n: number) => n * 2, i))),
    );
    expect(results).toEqual(Array.from({ length: 500 }, (_, i) => i * 2));
  });

  test("lets the loop turn while calls run", async () => {
    const gate = new Gate();
    const seen = await program(newLoop, function* (loop) {
      const call = loop.runInExecutor(null, atGate, gate.words);
      yield* untilBegun(gate);
      const before = call.done();
      gate.open();
      return [before, yield* call];
    });
    expect(seen).toEqual([false, "through"]);
  });

  test("refuses at once what cannot be called there, and fails the future for what cannot be copied [J27]", async () => {
    await program(newLoop, function* (loop) {
      expect(textOf(thrownBy(() => loop.runInExecutor(null, Math.max as (n: number) => number, 1)))).toMatch(
        /^TypeError: submit\(fn, \.\.\.args\): .*max is a native or bound function/,
      );
      expect(textOf(thrownBy(() => loop.runInExecutor(null, 5 as never)))).toBe(
        "TypeError: submit(fn, ...args): a function is required, got 5",
      );
      const copied = yield* errorOf(
        loop.runInExecutor(
          null,
          (fn: () => void) => void fn,
          () => {},
        ),
      );
      expect(textOf(copied)).toMatch(
        /^TypeError: submit\(fn, \.\.\.args\): argument 1, .* cannot be copied to a worker/,
      );
      const name = "outside";
      const closure = yield* errorOf(loop.runInExecutor(null, () => name));
      expect(textOf(closure)).toMatch(
        /^ReferenceError: name is not defined: .* reaches for 'name' outside itself/,
      );
    });
  });

  test("refuses what is no executor", async () => {
    await program(newLoop, function* (loop) {
      expect(textOf(thrownBy(() => loop.runInExecutor({} as never, word, "x")))).toMatch(
        /^TypeError: runInExecutor\(executor, fn, \.\.\.args\): an Executor is required \(submit, shutdown, join\), got /,
      );
      expect(textOf(thrownBy(() => loop.runInExecutor(word as never, word, "x")))).toMatch(/^TypeError: /);
    });
  });

  test("cancelling the awaiting task lets a call that has begun run on [S115]", async () => {
    const pool = threadPool();
    const gate = new Gate();
    await program(newLoop, function* (loop) {
      const task = createTask(
        (function* () {
          return yield* loop.runInExecutor(pool, atGate, gate.words);
        })(),
      );
      yield* untilBegun(gate);
      task.cancel();
      expect(isCancelled(yield* errorOf(task))).toBe(true);
      expect(gate.count(2)).toBe(0);
      gate.open();
      // The same worker, so this comes after.
      expect(yield* loop.runInExecutor(pool, (words: Int32Array) => Atomics.load(words, 2), gate.words)).toBe(
        1,
      );
    });
  });

  test("cancelling takes a call back that has not begun", async () => {
    const pool = threadPool();
    const gate = new Gate();
    await program(newLoop, function* (loop) {
      const first = loop.runInExecutor(pool, atGate, gate.words);
      yield* untilBegun(gate);
      const second = loop.runInExecutor(pool, atGate, gate.words);
      second.cancel();
      expect(isCancelled(yield* errorOf(second))).toBe(true);
      yield* sleep(0); // the executor hears of it in a turn
      gate.open();
      expect(yield* first).toBe("through");
      yield* loop.runInExecutor(pool, word, "after both");
      expect([gate.count(1), gate.count(2)]).toEqual([1, 1]);
    });
  });

  test("a timeout cancels the await as any other", async () => {
    const pool = threadPool();
    const gate = new Gate();
    await program(newLoop, function* (loop) {
      const error = yield* errorOf(waitFor(loop.runInExecutor(pool, atGate, gate.words), 0.01));
      expect(error).toHaveProperty("name", "TimeoutError");
      gate.open();
    });
  });

  test("a call sees by jobCancelled() that its cancellation was asked for", async () => {
    const pool = threadPool();
    const gate = new Gate();
    const { jobCancelled } = executors;
    await program(newLoop, function* (loop) {
      const call = loop.runInExecutor(
        pool,
        (words: Int32Array) => {
          Atomics.add(words, 1, 1);
          while (!jobCancelled()) Atomics.wait(words, 3, 0, 1);
          Atomics.add(words, 2, 1);
        },
        gate.words,
      );
      yield* untilBegun(gate);
      call.cancel();
      yield* loop.runInExecutor(pool, word, "after it");
      expect(gate.count(2)).toBe(1);
    });
  });

  test("an asynchronous call sees it by jobSignal()", async () => {
    const pool = threadPool();
    const gate = new Gate();
    const { jobSignal } = executors;
    await program(newLoop, function* (loop) {
      const call = loop.runInExecutor(
        pool,
        async (words: Int32Array) => {
          const signal = jobSignal();
          const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
          Atomics.add(words, 1, 1);
          await aborted;
          Atomics.add(words, 2, 1);
        },
        gate.words,
      );
      yield* untilBegun(gate);
      call.cancel();
      yield* loop.runInExecutor(pool, word, "after it");
      expect(gate.count(2)).toBe(1);
    });
  });

  test('{ fn, cancel: "terminate" }: cancelling stops the worker, and another takes its place', async () => {
    const pool = threadPool();
    const gate = new Gate();
    await program(newLoop, function* (loop) {
      const [, before] = yield* loop.runInExecutor(pool, where, "before");
      const endless = loop.runInExecutor(pool, { fn: atGate, cancel: "terminate" }, gate.words);
      yield* untilBegun(gate);
      endless.cancel();
      expect(isCancelled(yield* errorOf(endless))).toBe(true);
      const [, after] = yield* loop.runInExecutor(pool, where, "after");
      expect(after).not.toBe(before);
      gate.open();
      yield* loop.runInExecutor(pool, word, "and again");
      expect(gate.count(2)).toBe(0);
    });
  });

  test("moves what is in transfer", async () => {
    const pixels = new Float64Array([1, 2, 3]);
    const sum = await program(newLoop, (loop) =>
      loop.runInExecutor(
        null,
        { fn: (all: Float64Array) => all.reduce((a, b) => a + b), transfer: [pixels.buffer] },
        pixels,
      ),
    );
    expect([sum, pixels.length]).toEqual([6, 0]);
  });

  test("calls in child processes too", async () => {
    const pool = new executors.ProcessPoolExecutor({ maxWorkers: 1 });
    const pid = await program(newLoop, function* (loop) {
      const pid = yield* loop.runInExecutor(pool, () => process.pid);
      yield* wrapFuture(shutDown(pool));
      return pid;
    });
    expect(pid).not.toBe(process.pid);
  });

  test("a call has no running loop, and may run one of its own", async () => {
    const pools = [threadPool(), new executors.ProcessPoolExecutor({ maxWorkers: 1 })];
    const results = await program(newLoop, function* (loop) {
      const results = yield* gather(pools.map((pool) => loop.runInExecutor(pool, runsItsOwn, "hello")));
      yield* gather(pools.map((pool) => wrapFuture(shutDown(pool))));
      return results;
    });
    expect(results).toEqual([
      [false, "hello"],
      [false, "hello"],
    ]);
  });

  test("of a closed loop is a RuntimeError, with any executor [S31]", async () => {
    const pool = threadPool();
    let closed: Parameters<Parameters<typeof program>[1]>[0] | null = null;
    await program(newLoop, function* (loop) {
      closed = loop;
    });
    for (const executor of [null, pool]) {
      const error = thrownBy(() => closed?.runInExecutor(executor, word, "x"));
      expect(error).toBeInstanceOf(RuntimeError);
      expect(textOf(error)).toMatch(/runInExecutor.*closed/);
    }
  });
});

/** Shuts down without blocking, and gives what is done when that has happened. */
function shutDown(pool: executors.Executor): executors.Future<void> {
  pool.shutdown({ wait: false });
  return pool.join();
}

describe.each(LOOPS)("%s's default executor", (_, newLoop) => {
  test("setDefaultExecutor() takes any Executor, and its calls go there [S32]", async () => {
    const pool = threadPool();
    const submit = vi.spyOn(pool, "submit");
    const error = await program(newLoop, (loop) => {
      loop.setDefaultExecutor(pool);
      return errorOf(loop.runInExecutor(null, fails));
    });
    expect((error as Error).stack).toContain("in worker thread 'test_0'");
    expect(submit).toHaveBeenCalledTimes(1);
  });

  test("setDefaultExecutor() of what is no executor is a TypeError, and changes nothing [S32]", async () => {
    await program(newLoop, function* (loop) {
      for (const wrong of [null, undefined, 5, {}, () => {}, { submit() {}, shutdown() {} }]) {
        expect(textOf(thrownBy(() => loop.setDefaultExecutor(wrong as never)))).toMatch(
          /^TypeError: setDefaultExecutor\(executor\): an Executor is required \(submit, shutdown, join\), got /,
        );
      }
      expect(yield* loop.runInExecutor(null, word, "as before")).toBe("as before");
    });
  });

  test("shutdownDefaultExecutor() waits for its calls; afterwards only a given executor is left [S31 S33]", async () => {
    const pool = threadPool();
    const gate = new Gate();
    await program(newLoop, function* (loop) {
      const call = loop.runInExecutor(null, atGate, gate.words);
      yield* untilBegun(gate);
      const shutdown = createTask(loop.shutdownDefaultExecutor());
      yield* sleep(0);
      const error = thrownBy(() => loop.runInExecutor(null, word, "x"));
      expect(textOf(error)).toBe(
        "RuntimeError: runInExecutor(null, …): the loop's default executor has been shut down. Give an executor of your own",
      );
      expect(shutdown.done()).toBe(false);
      gate.open();
      yield* shutdown;
      expect(gate.count(2)).toBe(1);
      expect(yield* call).toBe("through");
      expect(yield* loop.runInExecutor(pool, word, "given")).toBe("given");
    });
  });

  test("shutdownDefaultExecutor() counts also where there was no pool yet [S33]", async () => {
    await program(newLoop, function* (loop) {
      yield* loop.shutdownDefaultExecutor();
      yield* loop.shutdownDefaultExecutor(); // nothing happens
      expect(thrownBy(() => loop.runInExecutor(null, word, "x"))).toBeInstanceOf(RuntimeError);
    });
  });

  test("shutdownDefaultExecutor(timeout) warns once the time is over, and the calls go on [S33]", async () => {
    const log = listenToLog();
    const gate = new Gate();
    const pool = threadPool();
    await program(newLoop, function* (loop) {
      loop.setDefaultExecutor(pool);
      const call = loop.runInExecutor(null, atGate, gate.words);
      yield* untilBegun(gate);
      yield* loop.shutdownDefaultExecutor(0.02);
      expect(log).toEqual([
        "warning: shutdownDefaultExecutor(0.02): the executor did not finish within 0.02 seconds; its calls go on without the loop",
      ]);
      gate.open();
      expect(yield* call).toBe("through");
    });
    // Whoever else waits for the pool's end is told of it.
    await pool.join();
    expect(log).toHaveLength(1);
  });

  test("cancelling shutdownDefaultExecutor() leaves the pool to its end [S33]", async () => {
    const log = listenToLog();
    const gate = new Gate();
    const pool = threadPool();
    await program(newLoop, function* (loop) {
      loop.setDefaultExecutor(pool);
      const call = loop.runInExecutor(null, atGate, gate.words);
      yield* untilBegun(gate);
      const shutdown = createTask(loop.shutdownDefaultExecutor(60));
      yield* sleep(0);
      shutdown.cancel();
      expect(isCancelled(yield* errorOf(shutdown))).toBe(true);
      gate.open();
      expect(yield* call).toBe("through");
    });
    await pool.join();
    expect(log).toEqual([]);
  });

  test("run() shuts it down at its end, after its calls have ended [S176]", async () => {
    const pool = threadPool();
    const gate = new Gate();
    await program(newLoop, function* (loop) {
      loop.setDefaultExecutor(pool);
      const call = loop.runInExecutor(
        null,
        (words: Int32Array) => {
          Atomics.add(words, 1, 1);
          Atomics.wait(words, 3, 0, 50);
          Atomics.add(words, 2, 1);
        },
        gate.words,
      );
      yield* untilBegun(gate);
      call.cancel();
    });
    expect(gate.count(2)).toBe(1);
    expect(pool.threads).toEqual([]);
    expect(textOf(thrownBy(() => pool.submit(word, "x")))).toMatch(
      /cannot schedule new futures after shutdown/,
    );
  });

  test("close() shuts it down without waiting [S26]", () => {
    const pool = threadPool();
    const gate = new Gate();
    const loop = newLoop();
    loop.setDefaultExecutor(pool);
    const call = pool.submit(atGate, gate.words);
    loop.close();
    expect(call.done()).toBe(false);
    expect(thrownBy(() => pool.submit(word, "x"))).toBeInstanceOf(RuntimeError);
    gate.open();
    expect(call.result(30)).toBe("through");
  });

  test("a call that ends after its loop was closed touches the loop no more", async () => {
    const pool = threadPool();
    const gate = new Gate();
    const loop = newLoop();
    const future = loop.runInExecutor(pool, atGate, gate.words);
    loop.close();
    const called = [vi.spyOn(loop, "callSoon"), vi.spyOn(loop, "callSoonThreadsafe")];
    gate.open();
    await pool.submit(word, "after it");
    for (const spy of called) expect(spy).not.toHaveBeenCalled();
    expect(future.done()).toBe(false);
  });
});

describe("one pool", () => {
  test("serves several loops, and each gets its own results", async () => {
    const pool = threadPool(2);
    const main = (first: number) =>
      function* (loop: HostEventLoop) {
        const calls = Array.from({ length: 20 }, (_, i) =>
          loop.runInExecutor(pool, (n: number) => -n, first + i),
        );
        return yield* gather(calls);
      };
    const runs = [0, 100].map((first) => {
      const loop = new HostEventLoop();
      return run(main(first)(loop), { loopFactory: () => loop });
    });
    const results = await Promise.all(runs);
    expect(results).toEqual([0, 100].map((first) => Array.from({ length: 20 }, (_, i) => -(first + i))));
  });

  test("outlives the loops that used it", async () => {
    const pool = threadPool();
    for (const [, newLoop] of [...LOOPS, ...LOOPS]) {
      expect(await program(newLoop, (loop) => loop.runInExecutor(pool, word, "again"))).toBe("again");
    }
  });
});

describe("VirtualEventLoop", () => {
  test("has no default executor, and says so", () => {
    const loop = new VirtualEventLoop();
    expect(textOf(thrownBy(() => loop.runInExecutor(null, word, "x")))).toBe(
      "RuntimeError: runInExecutor(null, …): this loop has no default executor. Give one with setDefaultExecutor(), or take a loop of the package aioloop",
    );
    loop.close();
  });

  test("cannot wait for a thread: a DeadlockError names the call it waits for, and nothing hangs", () => {
    const pool = threadPool();
    const gate = new Gate();
    const error = thrownBy(() =>
      run(
        (function* main() {
          return yield* getRunningLoop().runInExecutor(pool, atGate, gate.words);
        })(),
        { loopFactory: () => new VirtualEventLoop() },
      ),
    );
    gate.open();
    expect(error).toBeInstanceOf(DeadlockError);
    expect(textOf(error)).toMatch(/Task-\d+ waits for <Future (PENDING|RUNNING)>/);
  });

  test("does not wait for a timeout's time either: virtual time passes at once, and the thread is as far as it was", () => {
    const pool = threadPool();
    const gate = new Gate();
    const error = thrownBy(() =>
      run(
        (function* main() {
          return yield* waitFor(getRunningLoop().runInExecutor(pool, atGate, gate.words), 3600);
        })(),
        { loopFactory: () => new VirtualEventLoop() },
      ),
    );
    gate.open();
    expect(error).toHaveProperty("name", "TimeoutError");
  });

  test("takes the result of a call that has ended", () => {
    const call = threadPool().submit(word, "there");
    call.result();
    function* main() {
      return yield* wrapFuture(call);
    }
    expect(run(main(), { loopFactory: () => new VirtualEventLoop() })).toBe("there");
  });

  test("calls in an executor of the caller's own, whose calls end in turns of the loop", () => {
    const calls: unknown[][] = [];
    /** Calls at once. */
    class Inline extends executors.BaseExecutor {
      submit<A extends unknown[], R>(job: Job<A, R>, ...args: A): executors.Future<Awaited<R>> {
        const future = new executors.Future<Awaited<R>>();
        calls.push(args);
        future.setResult((job as (...args: A) => Awaited<R>)(...args));
        return future;
      }
      shutdown(): void {}
      join(): executors.Future<void> {
        const future = new executors.Future<void>();
        future.setResult();
        return future;
      }
    }
    function* main() {
      getRunningLoop().setDefaultExecutor(new Inline());
      return yield* toThread(word, "inline");
    }
    expect(run(main(), { loopFactory: () => new VirtualEventLoop() })).toBe("inline");
    expect(calls).toEqual([["inline"]]);
  });
});
