// What `sleep` is made of: a future, a timer that will set it, and a task that awaits it. Look at `pause`, four lines, the same
// four that CPython's sleep has; then at the order: the three take turns, since each waits after every line.
//  - The callback sets the future only if it was not cancelled meanwhile: a future can be set once.
//  - `finally` cancels the timer: whoever is cancelled while it waits, like C after 0.7 s, leaves none behind.
import type { Future } from "aioloop";
import { createTask, getRunningLoop, run, wait } from "aioloop";
import { print } from "../lib/print.ts";

function setUnlessCancelled(future: Future<void>) {
  if (!future.cancelled()) future.setResult();
}

function* pause(seconds: number) {
  const loop = getRunningLoop();
  const future = loop.createFuture();
  const handle = loop.callLater(seconds, setUnlessCancelled, future);
  try {
    yield* future;
  } finally {
    handle.cancel();
  }
}

function* asyncPrint(name: string) {
  for (let line = 1; line <= 3; line++) {
    print(`${name}${line}`);
    yield* pause(0.5);
  }
  print(`${name} is done`);
}

function* main() {
  const tasks = ["A", "B", "C"].map((name) => createTask(asyncPrint(name)));
  getRunningLoop().callLater(0.7, () => tasks[2]?.cancel());
  yield* wait(tasks);
  print(`cancelled: ${tasks.map((task) => task.cancelled()).join(", ")}`);
}

await run(main());
