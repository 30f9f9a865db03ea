/** A producer and a consumer with a queue of one place between them: each item makes both of them wait. */
import type { Coroutine } from "aioloop";
import { gather, Queue, run } from "aioloop";
import type { Kernel } from "./kernel.ts";

function* produce(queue: Queue<number>, items: number): Coroutine<void> {
  for (let i = 0; i < items; i++) yield* queue.put(1);
}

function* consume(queue: Queue<number>, items: number): Coroutine<number> {
  let got = 0;
  while (got < items) got += yield* queue.get();
  return got;
}

function* ours(items: number): Coroutine<number> {
  const queue = new Queue<number>(1);
  const [, got] = yield* gather([produce(queue, items), consume(queue, items)]);
  return got;
}

async function effect(items: number, begin: () => void): Promise<number> {
  const { Effect, Queue } = await import("effect");
  begin();
  return await Effect.runPromise(
    Effect.gen(function* () {
      const queue = yield* Queue.bounded<number>(1);
      const producer = Effect.gen(function* () {
        for (let i = 0; i < items; i++) yield* Queue.offer(queue, 1);
        return 0;
      });
      const consumer = Effect.gen(function* () {
        let got = 0;
        while (got < items) got += yield* Queue.take(queue);
        return got;
      });
      const [, got] = yield* Effect.all([producer, consumer], { concurrency: "unbounded" });
      return got;
    }),
  );
}

export const queue: Kernel = {
  name: "queue-1",
  title: "an item goes through a Queue(1) from one task to another",
  shown: "rate",
  operations: 300_000,
  programs: { ours: (items) => run(ours(items)), effect },
  python: { program: "queue", operations: 50_000, columns: ["cpython"] },
};
