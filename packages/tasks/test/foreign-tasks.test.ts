// Tasks that are not ours: what a task factory of yours may give a loop, and what the list of tasks takes.
import type { AbstractTask, BaseEventLoop, Handle, Yieldable } from "@aioloop/loop";
import { CancelledError, Future } from "@aioloop/loop";
import {
  _registerTask,
  _unregisterTask,
  allTasks,
  HostEventLoop,
  run,
  sleep,
  Task,
  VirtualEventLoop,
} from "@aioloop/tasks";
import { expect, test } from "vitest";
import { thrownBy } from "./helpers.ts";

/** As little as a task can be: a future with a name, and with a task of ours for the work if it is given one. */
class PlainTask<T> extends Future<T> implements AbstractTask<T> {
  _before: AbstractTask | null = null;
  _after: AbstractTask | null = null;
  _logDestroyPending = false;
  readonly #worker: Task<T> | null;

  constructor(loop: BaseEventLoop, coro: Yieldable<T> | null = null) {
    super({ loop });
    this.#worker = coro === null ? null : new Task(coro, { loop });
    this.#worker?.addDoneCallback((worker) => {
      if (worker.cancelled()) super.cancel();
      else this.setResult(worker.result());
    });
  }

  override cancel(msg: string | null = null): boolean {
    return this.#worker === null ? super.cancel(msg) : this.#worker.cancel(msg);
  }

  getName(): string {
    return "plain";
  }

  getCoro(): Yieldable<T> | null {
    return null;
  }

  _waitsFor(): string {
    return "nothing";
  }

  _run(): void {}

  _asHandle(): Handle {
    throw new Error("it is never ready");
  }
}

test("_registerTask() lists a task of any kind, and _unregisterTask() takes it off [S95 S97]", () => {
  const loop = new VirtualEventLoop();
  const task = new PlainTask<void>(loop);
  expect(allTasks(loop).size).toBe(0);
  _registerTask(task);
  expect([...allTasks(loop)].map((one) => one.getName())).toEqual(["plain"]);
  _unregisterTask(task);
  expect(allTasks(loop).size).toBe(0);
  loop.close();
});

test("_registerTask() of a task that is done: allTasks() does not give it [S95]", () => {
  const loop = new VirtualEventLoop();
  const task = new PlainTask<void>(loop);
  task.setResult();
  _registerTask(task);
  expect(allTasks(loop).size).toBe(0);
  _unregisterTask(task);
  loop.close();
});

test("_registerTask() of a task that is listed already changes nothing [S97]", () => {
  const loop = new VirtualEventLoop();
  const task = new PlainTask<void>(loop);
  _registerTask(task);
  _registerTask(task);
  expect([task._before, task._after]).toEqual([null, null]); // or the list would have no end
  expect(allTasks(loop).size).toBe(1);
  _unregisterTask(task);
  loop.close();
});

test("run() whose task has no uncancel(): Ctrl-C ends it with the CancelledError [S180]", async () => {
  const others = process.listeners("SIGINT");
  for (const other of others) process.off("SIGINT", other);
  const loop = new HostEventLoop({ debug: false });
  loop.setTaskFactory((itsLoop, coro) => new PlainTask(itsLoop, coro));
  const main = (function* () {
    setImmediate(() => process.emit("SIGINT"));
    yield* sleep(100);
  })();
  await expect(run(main, { loopFactory: () => loop })).rejects.toBeInstanceOf(CancelledError);
  for (const other of others) process.on("SIGINT", other);
});

test("run(…, { signal }) whose task has no uncancel(): aborting ends it with the CancelledError [S180]", () => {
  const controller = new AbortController();
  const loop = new VirtualEventLoop();
  loop.setTaskFactory((itsLoop, coro) => new PlainTask(itsLoop, coro));
  loop.callLater(1, () => controller.abort());
  const main = (function* () {
    yield* sleep(100);
  })();
  expect(thrownBy(() => run(main, { loopFactory: () => loop, signal: controller.signal }))).toBeInstanceOf(
    CancelledError,
  );
});
