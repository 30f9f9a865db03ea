// Runs as programs put them together: turn by turn, one after the other, after one that broke off.
import { BaseEventLoop, getRunningLoop, SystemExit } from "@aioloop/loop";
import { sleep, Task, VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { Notes, ScriptedSelector, thrownBy } from "./helpers.ts";

const newLoop = () => new VirtualEventLoop({ debug: false });

test("BaseEventLoop can be run by turns of one's own, between _runForeverSetup() and _runForeverCleanup()", () => {
  const selector = new ScriptedSelector();
  class ByTurns extends BaseEventLoop {
    run(turns: number, meanwhile: () => void): void {
      this._runForeverSetup("run");
      this._enter();
      meanwhile();
      for (; turns > 0; turns--) this._runOnce(Number.POSITIVE_INFINITY);
      this._leave();
      this._runForeverCleanup();
    }
  }
  const loop = new ByTurns({ clock: selector, selector, debug: false });
  const ran = new Notes();
  const answers: boolean[] = [];
  loop.callSoon(ran.note("callback"));
  loop.run(10, () => answers.push(getRunningLoop() === loop, loop.isRunning()));
  expect(answers).toEqual([true, true]);
  expect(() => getRunningLoop()).toThrow("no running event loop");
  expect(loop.isRunning()).toBe(false);
  expect(selector.timeouts).toEqual([0, ...Array(9).fill(null)]);
  expect(ran).toEqual(["callback"]);
});

test("BaseEventLoop: callSoon(stop), then runForever(), runs what is ready, once [S18]", () => {
  const loop = newLoop();
  const ran = new Notes();
  loop.callSoon(ran.note("callback"));
  for (let i = 0; i < 2; i++) {
    loop.callSoon(() => loop.stop());
    loop.runForever();
  }
  expect(ran).toEqual(["callback"]);
});

test("SyncEventLoop.runUntilComplete() of a sleep takes as long as that", () => {
  const loop = newLoop();
  loop.runUntilComplete(sleep(0.1));
  expect(loop.time()).toBe(0.1);
});

test("SyncEventLoop.runUntilComplete() that a callback's SystemExit broke off does not stop the next one [S21 S22]", () => {
  const loop = newLoop();
  const exit = new SystemExit();
  loop.callSoon(() => {
    throw exit;
  });
  expect(thrownBy(() => loop.runUntilComplete(sleep(1, "first")))).toBe(exit);
  // The first sleep ends within the second run, whose end it must not be.
  expect(loop.runUntilComplete(sleep(2, "second"))).toBe("second");
  expect(loop.time()).toBe(2);
  loop.close();
});

test("BaseEventLoop.createTask() gives the task that the factory made, of its class, until it is taken away [S29 S30]", () => {
  class Mine<T> extends Task<T> {}
  const loop = newLoop();
  expect(loop.getTaskFactory()).toBe(null);
  loop.setTaskFactory((where, coro, options) => new Mine(coro, { ...options, loop: where }));
  const task = loop.createTask(sleep(1, "slept"));
  expect(task).toBeInstanceOf(Mine);
  expect(loop.runUntilComplete(task)).toBe("slept");
  loop.setTaskFactory(null);
  const plain = loop.createTask(sleep(1, "slept"));
  expect([plain instanceof Task, plain instanceof Mine]).toEqual([true, false]);
  expect(loop.runUntilComplete(plain)).toBe("slept");
});

test("BaseEventLoop.createTask() of the first factory names the task as it is told [S28]", () => {
  const loop = newLoop();
  const task = loop.createTask(sleep(1), { name: "test task" });
  expect(task.getName()).toBe("test task");
  loop.runUntilComplete(task);
});
