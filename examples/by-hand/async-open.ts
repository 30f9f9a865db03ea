// Five reads of a real file at the same time, from a disk that takes its time. Look at the order of the three stages: all
// five are opened first, then each is read when the disk has answered, and closed right after. As in async-print.ts the
// wait is a future that a callback sets; here it brings the text. `finally` cancels the timer and closes the file, also
// if the task is cancelled or the read fails. The timer stands for the disk; the read itself is quick.
import { closeSync, openSync, readFileSync } from "node:fs";
import type { Future } from "aioloop";
import { gather, getRunningLoop, run } from "aioloop";
import { print } from "../lib/print.ts";
import { seeded } from "../lib/random.ts";

const random = seeded(5);

function readUnlessCancelled(future: Future<string>, file: number) {
  if (!future.cancelled()) future.setResult(readFileSync(file, "utf8"));
}

function* asyncOpen(n: number) {
  print(`${n} opening`);
  const file = openSync(new URL("five-lines.txt", import.meta.url), "r");
  const loop = getRunningLoop();
  const future = loop.createFuture<string>();
  const handle = loop.callLater(random.seconds(0.2, 1.5), readUnlessCancelled, future, file);
  try {
    const text = yield* future;
    print(`${n} reading: ${text.split("\n")[n - 1]}`);
  } finally {
    handle.cancel();
    closeSync(file);
    print(`${n} closing`);
  }
}

function* main() {
  yield* gather([1, 2, 3, 4, 5].map(asyncOpen));
  print("all are closed");
}

await run(main());
