// A sleep that spoils everything. Look at the times: three sleeps of 0.2 s at the same time take 0.6 s, and tick 2, due at
// 0.4 s, comes at 0.9. `mySleep` keeps the thread, and while it does the loop can run nobody else: a task makes room for the
// others only where it waits, at a `yield*`. In debug mode the loop reports each step that takes 0.1 s or more
// (`loop.slowCallbackDuration`) to the logger, here stderr; thanks to `coroutine` the report says which function it was.
// In real programs it is a synchronous read, JSON.parse of 100 MB, a long `for`. async-print.ts shows how to wait instead.
import { coroutine, createTask, gather, run, sleep } from "aioloop";
import { block } from "../lib/block.ts";
import { print } from "../lib/print.ts";

const mySleep = coroutine(function* mySleep(name: string, seconds: number) {
  print(`${name} starts`);
  block(seconds);
  print(`${name} is done`);
});

function* ticker() {
  for (let n = 1; ; n++) {
    yield* sleep(0.2);
    print(`tick ${n}`);
  }
}

function* main() {
  print("started");
  const ticks = createTask(ticker());
  yield* sleep(0.3);
  yield* gather([mySleep("A", 0.2), mySleep("B", 0.2), mySleep("C", 0.2)]);
  yield* sleep(0.3);
  ticks.cancel();
}

await run(main(), { debug: true });
