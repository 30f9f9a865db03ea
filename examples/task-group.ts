// Tasks that end together. Look at the second dinner: when the roast burns, the other tasks are cancelled, each cleans up, and
// only then does the block end, with the error in an ExceptionGroup. Nothing runs on behind it. On the way: `start` waits until
// its child says that it is ready, and `cancel` ends a group that has done what it was for, without an error.
import type { TaskStatus } from "aioloop";
import { asyncWith, ExceptionGroup, isCancelled, run, sleep, TaskGroup } from "aioloop";
import { print } from "./lib/print.ts";

function* oven(status: TaskStatus<number>) {
  print("oven: heats up");
  yield* sleep(1);
  status.started(220);
  try {
    yield* sleep(60);
  } finally {
    print("oven: off");
  }
}

function* cook(dish: string, seconds: number) {
  print(`${dish}: begun`);
  try {
    yield* sleep(seconds);
    if (dish === "roast") throw new Error("the roast burns");
    print(`${dish}: done`);
  } catch (error) {
    if (isCancelled(error)) print(`${dish}: thrown away`);
    throw error;
  }
}

function* dinner(dishes: [name: string, seconds: number][]) {
  yield* asyncWith(new TaskGroup(), function* (kitchen) {
    const degrees = yield* kitchen.start(oven);
    print(`oven: at ${degrees} degrees`);
    yield* asyncWith(new TaskGroup(), function* (cooks) {
      for (const [name, seconds] of dishes) cooks.createTask(cook(name, seconds));
    });
    print("all dishes are done: the oven is needed no more");
    kitchen.cancel();
  });
}

function* main() {
  print("first dinner");
  yield* dinner([
    ["soup", 2],
    ["bread", 1],
  ]);

  print("second dinner");
  try {
    yield* dinner([
      ["soup", 2],
      ["roast", 1.5],
      ["bread", 1],
    ]);
  } catch (error) {
    if (!(error instanceof ExceptionGroup)) throw error;
    // A group in a group, as the blocks are.
    for (const line of `${error}`.split("\n")) print(line);
  }
}

await run(main());
