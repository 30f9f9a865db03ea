// Three coroutines whose results `gather` returns as a list. Look at the order in which they start: 1, 2, 3, as they were
// given, for gather makes their tasks one after the other and the loop runs what is ready first in, first out. Up to
// Python 3.6 asyncio's did not: its gather put the coroutines in a set first, to drop duplicates, and a set has no order of
// its own, so the same program could start with 3, 1, 2. The results were in the order given even then.
import { gather, run, sleep } from "aioloop";
import { print } from "./lib/print.ts";

function* coroutine(n: number) {
  print(`${n} starts`);
  yield* sleep(1);
  print(`${n} ends`);
  return `result ${n}`;
}

function* main() {
  const list = yield* gather([coroutine(1), coroutine(2), coroutine(3)]);
  print(`[${list.join(", ")}]`);
}

await run(main());
