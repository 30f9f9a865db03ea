// Debug mode is the running loop's: what is made while another loop runs, or none, is not watched.
import { coroutine, sleep, VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { collectGarbage, logOfLater } from "./helpers.ts";

const forgotten = coroutine(function* forgotten() {
  yield* sleep(1);
});

test("coroutines are watched in a debug run alone, not before it or after it [S37 J10]", async () => {
  const log = await logOfLater(async () => {
    const loop = new VirtualEventLoop({ debug: false });
    loop.setDebug(true);
    forgotten();
    loop.runUntilComplete(
      (function* () {
        forgotten();
      })(),
    );
    forgotten();
    loop.close();
    await collectGarbage();
  });
  expect(log.map((line) => line.split("\n", 1)[0])).toEqual([
    "coroutine forgotten was never awaited: write `yield* forgotten(…)` or createTask(forgotten(…))",
  ]);
});
