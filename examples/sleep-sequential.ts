// Two sleeps of 2 s, one after the other. Look at the end: about 4 s, for `yield*` on a coroutine runs it to its
// end before the next line. sleep-tasks.ts does the same in half the time.
import { run, sleep } from "aioloop";
import { print } from "./lib/print.ts";

function* say(text: string, delay: number) {
  yield* sleep(delay);
  print(text);
}

function* main() {
  print("started");
  yield* say("hello", 2);
  yield* say("world", 2);
  print("finished");
}

await run(main());
