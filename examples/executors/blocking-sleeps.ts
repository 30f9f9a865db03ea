// Five sleeps that block their thread, in the time of one. `block` would stop the whole loop (by-hand/my-sleep.ts shows how that
// looks); `runInExecutor` calls it in a thread of the loop's own pool instead, where nobody minds, and gives a future to wait for. Look
// at the ticks: the loop goes on meanwhile.
import { createTask, gather, getRunningLoop, run, sleep } from "aioloop";
import { block } from "../lib/block.ts";

function* ticks() {
  for (const tick of [1, 2, 3]) {
    yield* sleep(0.5);
    console.log(`tick ${tick}`);
  }
}

function* main() {
  const loop = getRunningLoop();
  const started = loop.time();
  createTask(ticks());
  console.log("five threads fall asleep");
  yield* gather([1, 2, 3, 4, 5].map(() => loop.runInExecutor(null, block, 2)));
  console.log(`all are awake again after about ${Math.round(loop.time() - started)} s, and not after 10 s`);
}

await run(main());
