// Its tasks wait for what nobody will do: node would end in silence, with exit code 0.
import { coroutine, createTask, getRunningLoop, Queue, run } from "aioloop";

const consumer = coroutine(function* consumer(queue: Queue<string>) {
  return yield* queue.get();
});

const main = coroutine(function* main() {
  const task = createTask(consumer(new Queue<string>()), { name: "consumer" });
  createTask(
    (function* () {
      yield* getRunningLoop().createFuture("an answer");
    })(),
    { name: "asker" },
  );
  try {
    yield* task;
  } finally {
    console.log("cleaned up");
  }
});

await run(main());
