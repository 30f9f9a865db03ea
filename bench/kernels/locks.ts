/** A lock is taken and given back: by one task that finds it free, and by a hundred that wait for each other. */
import type { Coroutine } from "aioloop";
import { gather, Lock, run, sleep } from "aioloop";
import type { Kernel } from "./kernel.ts";

const CONTENDERS = 100;

function* free(times: number): Coroutine<number> {
  const lock = new Lock();
  let done = 0;
  while (done < times) {
    yield* lock.acquire();
    done += 1;
    lock.release();
  }
  return done;
}

function* contender(lock: Lock, times: number): Coroutine<number> {
  let done = 0;
  while (done < times) {
    yield* lock.acquire();
    yield* sleep(0); // held over a turn: all the others come to wait
    done += 1;
    lock.release();
  }
  return done;
}

function* contended(times: number): Coroutine<number> {
  const lock = new Lock();
  const each = Math.ceil(times / CONTENDERS);
  const all = Array.from({ length: CONTENDERS }, () => contender(lock, each));
  return (yield* gather(all)).reduce((a, b) => a + b, 0);
}

async function freeEffect(times: number, begin: () => void): Promise<number> {
  const { Effect, Semaphore } = await import("effect");
  begin();
  return await Effect.runPromise(
    Effect.gen(function* () {
      const lock = yield* Semaphore.make(1);
      let done = 0;
      while (done < times) {
        yield* lock.take(1);
        done += 1;
        yield* lock.release(1);
      }
      return done;
    }),
  );
}

async function contendedEffect(times: number, begin: () => void): Promise<number> {
  const { Effect, Semaphore } = await import("effect");
  begin();
  const each = Math.ceil(times / CONTENDERS);
  return await Effect.runPromise(
    Effect.gen(function* () {
      const lock = yield* Semaphore.make(1);
      const contender = Effect.gen(function* () {
        let done = 0;
        while (done < each) {
          yield* lock.take(1);
          yield* Effect.yieldNow;
          done += 1;
          yield* lock.release(1);
        }
        return done;
      });
      const all = Array.from({ length: CONTENDERS }, () => contender);
      return (yield* Effect.all(all, { concurrency: "unbounded" })).reduce((a, b) => a + b, 0);
    }),
  );
}

export const locks: readonly Kernel[] = [
  {
    name: "lock-free",
    title: "one task takes and gives back a Lock that nobody else wants",
    shown: "rate",
    operations: 2_000_000,
    programs: { ours: (times) => run(free(times)), effect: freeEffect },
    python: { program: "lock-free", operations: 300_000, columns: ["cpython"] },
  },
  {
    name: "lock-contended",
    title: "100 tasks take a Lock, hold it over a turn, and give it back",
    shown: "rate",
    operations: 300_000,
    programs: { ours: (times) => run(contended(times)), effect: contendedEffect },
    python: { program: "lock-contended", operations: 50_000, columns: ["cpython"] },
  },
];
