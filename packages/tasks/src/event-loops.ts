/**
 * The loops to use: a BaseEventLoop with its selector and the task factory. CPython: `unix_events.SelectorEventLoop` and its kin.
 *
 *   HostEventLoop      guest of Node, Deno, Bun, a browser     runUntilComplete gives a promise
 *   BlockingEventLoop  waits itself, real time                 runUntilComplete gives the value
 *   VirtualEventLoop   jumps from deadline to deadline         runUntilComplete gives the value
 */
import type { EventLoopOptions, Source } from "@aioloop/loop";
import {
  BlockingSelector,
  HostedEventLoop,
  MonotonicClock,
  SyncEventLoop,
  VirtualSelector,
} from "@aioloop/loop";
import { keepShapes } from "./shapes.ts";

import { defaultTaskFactory } from "./tasks.ts";

/** What all three take. */
export type LoopOptions = Pick<EventLoopOptions, "debug" | "ready" | "defaultExecutor">;

/** Runs as a guest of the host's own event loop, beside promises, timers and I/O. The default of `run()`. */
export class HostEventLoop extends HostedEventLoop {
  constructor(options: LoopOptions = {}) {
    super({ ...options, clock: new MonotonicClock(), taskFactory: defaultTaskFactory });
  }

  override close(): void {
    super.close();
    keepShapes(this);
  }
}

/** Has the thread to itself, in real time: a plain script can run coroutines and get their value. Promises stand still meanwhile. */
export class BlockingEventLoop extends SyncEventLoop {
  readonly #selector: BlockingSelector;

  constructor(options: LoopOptions = {}) {
    const selector = new BlockingSelector();
    super({ ...options, selector, clock: new MonotonicClock(), taskFactory: defaultTaskFactory });
    this.#selector = selector;
  }

  /** Lets another thread wake this loop; returns a function that ends it. See Source. */
  addSource(source: Source): () => void {
    return this.#selector.addSource(source);
  }

  override close(): void {
    super.close();
    keepShapes(this);
  }
}

export interface VirtualLoopOptions extends LoopOptions {
  /** The time at which it begins, in seconds. */
  start?: number | undefined;
}

/** Virtual time, synchronous and deterministic: sleeps pass at once, and a deadlock is an error with names in it. */
export class VirtualEventLoop extends SyncEventLoop {
  constructor(options: VirtualLoopOptions = {}) {
    const selector = new VirtualSelector(options.start);
    super({
      debug: options.debug,
      ready: options.ready,
      defaultExecutor: options.defaultExecutor,
      selector,
      clock: selector,
      taskFactory: defaultTaskFactory,
    });
  }

  override close(): void {
    super.close();
    keepShapes(this);
  }
}

/** A new host loop. CPython: `events.new_event_loop`. */
export function newEventLoop(options?: LoopOptions): HostEventLoop {
  return new HostEventLoop(options);
}
