// The two sleeps of sleep-sequential.ts as two tasks. Look at the end: about 2 s. `createTask` has the loop run a
// coroutine beside the others; `yield*` on a task only waits for it. Neither has started when "made" is printed:
// a task takes its first step when the running one waits.
import { createTask, run, sleep } from "aioloop";
import { print } from "./lib/print.ts";

function* say(text: string, delay: number) {
  print(`${text}: started`);
  yield* sleep(delay);
  print(`${text}: done`);
}

function* main() {
  const hello = createTask(say("hello", 2));
  const world = createTask(say("world", 2));
  print("made");
  yield* hello;
  yield* world;
  print("finished");
}

await run(main());
