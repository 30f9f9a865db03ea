// What five coroutines return, collected by `gather`. Look at the order: they finish as their delays say, and the
// results stand in the order in which they were given. Their types are inferred: `results` is number[].
import { gather, run, sleep } from "aioloop";
import { print } from "./lib/print.ts";

function* square(n: number, delay: number) {
  yield* sleep(delay);
  print(`the square of ${n} is ready`);
  return n * n;
}

function* main() {
  print("started");
  const delays = [2, 0.5, 1.5, 1, 2.5];
  const results = yield* gather(delays.map((delay, i) => square(i + 1, delay)));
  print(`results: ${results.join(", ")}`);
}

await run(main());
