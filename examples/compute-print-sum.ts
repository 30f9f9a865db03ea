// A coroutine that awaits another one, on a loop of our own. Look at how `yield*` hands over: printSum stands still while
// compute sleeps, and goes on with what compute returned. `run(printSum(1, 2))` would do what the last lines do, and
// also cancel tasks that are left over; here each step is written out: make a loop, run it, close it.
import { newEventLoop, sleep } from "aioloop";
import { print } from "./lib/print.ts";

function* compute(x: number, y: number) {
  print(`compute ${x} + ${y} ...`);
  yield* sleep(1);
  return x + y;
}

function* printSum(x: number, y: number) {
  const sum = yield* compute(x, y);
  print(`${x} + ${y} = ${sum}`);
}

const loop = newEventLoop();
await loop.runUntilComplete(printSum(1, 2));
loop.close();
