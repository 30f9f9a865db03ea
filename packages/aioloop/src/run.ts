/** Where all is put together: loops with a thread pool as their default executor, and `run` on such a loop. */

import { ThreadPoolExecutor } from "@aioloop/executors";
import type { AbstractExecutor } from "@aioloop/loop";
import { EventLoop as BareEventLoop } from "@aioloop/streams";
import type { AnyLoop, LoopOptions, Run } from "@aioloop/tasks";
import {
  BlockingEventLoop as BareBlockingEventLoop,
  HostEventLoop as BareHostEventLoop,
  Runner as BareRunner,
  runWith,
} from "@aioloop/tasks";

/** CPython: `run_in_executor`, where threads are called asyncio_0, asyncio_1, … */
function threadPool(): AbstractExecutor {
  return new ThreadPoolExecutor({ threadNamePrefix: "aioloop" });
}

/**
 * The default of `run()`: a guest of Node's own event loop, beside promises, timers and I/O, with connections and servers. Its
 * default executor is a thread pool.
 */
export class EventLoop extends BareEventLoop {
  constructor(options: LoopOptions = {}) {
    super({ defaultExecutor: threadPool, ...options });
  }
}

/** EventLoop without its connections and servers. */
export class HostEventLoop extends BareHostEventLoop {
  constructor(options: LoopOptions = {}) {
    super({ defaultExecutor: threadPool, ...options });
  }
}

/**
 * Has the thread to itself, in real time: a plain script can run coroutines and get their value. Promises stand still meanwhile;
 * threads do not: its default executor is a thread pool.
 */
export class BlockingEventLoop extends BareBlockingEventLoop {
  constructor(options: LoopOptions = {}) {
    super({ defaultExecutor: threadPool, ...options });
  }
}

/** A new loop of the default kind. CPython: `events.new_event_loop`. */
export function newEventLoop(options?: LoopOptions): EventLoop {
  return new EventLoop(options);
}

/** Runs several mains one after the other on one loop, with one context. CPython: `runners.Runner`. */
export class Runner<L extends AnyLoop = EventLoop> extends BareRunner<L> {
  /** @internal */
  override _newEventLoop(): AnyLoop {
    return newEventLoop();
  }
}

/**
 * Runs a program: makes a loop, runs `main` to its end, cancels and awaits what is left, closes the loop. On the default host loop
 * it gives a promise; with `loopFactory: () => new VirtualEventLoop()` (or a blocking loop) it returns the value.
 * @throws what main throws; TypeError unless main is a coroutine; RuntimeError inside a turn. CPython: `runners.run`.
 */
export const run: Run = runWith(Runner);
