// Who decides which loop there is: run() and setEventLoop(), and nothing behind them.
import * as loop from "@aioloop/loop";
import { getEventLoop, setEventLoop } from "@aioloop/loop";
import * as tasks from "@aioloop/tasks";
import { run, VirtualEventLoop } from "@aioloop/tasks";
import { afterEach, expect, test } from "vitest";

afterEach(() => setEventLoop(null));

test("getEventLoop() makes no loop, neither before the first program nor after one [N9]", () => {
  expect(() => getEventLoop()).toThrow("there is no current event loop");
  run(tasks.sleep(1), { loopFactory: () => new VirtualEventLoop() });
  expect(() => getEventLoop()).toThrow("there is no current event loop");
});

test("aioloop has no policies and no child watchers [N9]", () => {
  const names = [...Object.keys(loop), ...Object.keys(tasks)];
  expect(names.filter((name) => /Policy|Watcher/.test(name))).toEqual([]);
});
