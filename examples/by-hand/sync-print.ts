// A coroutine that never waits. Look at the order: each of the three prints all of its lines before the next one starts,
// although they are three tasks. A `function*` alone makes nothing concurrent: without a `yield*` on something that is
// not there yet, control never goes back to the loop. async-print.ts waits between its lines.
import { gather, run } from "aioloop";
import { print } from "../lib/print.ts";

function* syncPrint(name: string) {
  for (let line = 1; line <= 3; line++) print(`${name}${line}`);
}

function* main() {
  yield* gather([syncPrint("A"), syncPrint("B"), syncPrint("C")]);
}

await run(main());
