// What the examples get in virtual time instead of `newEventLoop` and `run`: an example is a script like any
// user's, so the test puts these in place of what it imports.
import type { Yieldable } from "@aioloop/loop";
import { SyncEventLoop, VirtualSelector } from "@aioloop/loop";
import type { LoopOptions, RunOptions } from "@aioloop/tasks";
import { run as runOn, Task } from "@aioloop/tasks";

let blocked = 0;

/** Virtual time, in which blocking takes its time too. */
class BlockableSelector extends VirtualSelector {
  override time() {
    return super.time() + blocked;
  }

  override select(timeout: number | null, deadline: number) {
    return super.select(timeout, deadline - blocked);
  }
}

export function newEventLoop(options?: LoopOptions) {
  const selector = new BlockableSelector();
  const loop = new SyncEventLoop({ ...options, selector, clock: selector });
  loop.setTaskFactory((loop, coro, options) => new Task(coro, { ...options, loop }));
  return loop;
}

export function run<T>(main: Yieldable<T>, options?: RunOptions) {
  return runOn(main, { loopFactory: newEventLoop, ...options });
}

/** The thread was blocked for that many seconds. */
export function passTime(seconds: number) {
  blocked += seconds;
}
