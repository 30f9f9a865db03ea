// A coroutine awaited as a task. Look at what `ensureFuture` gives: a coroutine becomes a task, which runs on its own
// from here and can be asked how it is; what is a task already comes back as it is. Code that may be given either, or
// a promise, calls it; who knows that it has a coroutine calls `createTask`.
import { ensureFuture, run, sleep } from "aioloop";
import { print } from "./lib/print.ts";

function* work(seconds: number) {
  print("work started");
  yield* sleep(seconds);
  return `${seconds} s of work`;
}

function* main() {
  const task = ensureFuture(work(2));
  print(`the same again: ${ensureFuture(task) === task}`);
  print(`done: ${task.done()}`);
  const result = yield* task;
  print(`done: ${task.done()}, result: ${result}`);
}

await run(main());
