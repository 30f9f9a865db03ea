// Five sleeps at the same time through `gather`, which makes a task of each coroutine. Look at the end: as long as
// the longest of them, 2.5 s, and not 7.5 s, their sum.
import { gather, run, sleep } from "aioloop";
import { print } from "./lib/print.ts";

function* nap(name: string, delay: number) {
  print(`${name} sleeps ${delay} s`);
  yield* sleep(delay);
  print(`${name} is awake`);
}

function* main() {
  yield* gather([nap("Ann", 2.5), nap("Ben", 1), nap("Cleo", 2), nap("Dan", 0.5), nap("Eve", 1.5)]);
  print("all are awake");
}

await run(main());
