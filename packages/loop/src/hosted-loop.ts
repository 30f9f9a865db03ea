/**
 * A loop that is a guest of its host's event loop. CPython's twin of `runForever` blocks the thread; this one returns a
 * Promise, and the host pumps it (selectors/host.ts). A pump lasts a millisecond at most, then the host has its
 * turn: that a turn was interrupted shows nowhere, for the next pump goes on with the rest of it.
 */
import type { EventLoopOptions } from "./base-events.ts";
import { BaseEventLoop, MORE, PARKED } from "./base-events.ts";
import { finishRun, prepareRun } from "./run-until-complete.ts";
import { HostSelector } from "./selectors/host.ts";
import type { Clock } from "./selectors/selector.ts";
import type { Awaitable } from "./suspend.ts";

/** Seconds for which a busy loop keeps its host waiting. */
const SLICE = 0.001;

export interface HostedEventLoopOptions extends Omit<EventLoopOptions, "clock" | "selector"> {
  clock: Clock;
}

export class HostedEventLoop extends BaseEventLoop {
  readonly #host: HostSelector;
  #ended: ((failure: { error: unknown } | null) => void) | null = null;

  constructor(options: HostedEventLoopOptions) {
    const host = new HostSelector();
    super({ ...options, selector: host });
    this.#host = host;
    host.attach(() => this.#pump());
  }

  /**
   * Turns until `stop()`; the promise is fulfilled then. It rejects with a DeadlockError if the host would end the process
   * although the loop was not stopped. CPython: `BaseEventLoop.run_forever`.
   */
  runForever(): Promise<void> {
    return new Promise((resolve, reject) => {
      this._runForeverSetup("runForever");
      this.#ended = (failure) => {
        this.#ended = null;
        this.#host.rest();
        watched.delete(this);
        this._runForeverCleanup();
        if (failure === null) resolve();
        else reject(failure.error);
      };
      watchHost();
      watched.add(this);
      this.#host.wakeup();
    });
  }

  /**
   * Runs until `awaitable` is done; the promise has its result or its error. A coroutine is made a task.
   * CPython: `BaseEventLoop.run_until_complete`.
   */
  async runUntilComplete<T>(awaitable: Awaitable<T>): Promise<T> {
    const run = prepareRun(this, awaitable);
    try {
      await this.runForever();
    } catch (error) {
      finishRun(run, true);
      throw error;
    }
    return finishRun(run, false);
  }

  #pump(): void {
    if (this.#ended === null) return;
    this._parked = false;
    this._enter();
    let status: number;
    try {
      const end = this.time() + SLICE;
      do status = this._runBatch();
      while (status === MORE && this._now < end);
    } catch (error) {
      this._leave();
      this.#ended({ error });
      return;
    }
    this._leave();
    if (status === MORE) this.#host.giveWay();
    else if (status !== PARKED) this.#ended(null);
  }

  /** @internal The host has nothing left to do, and would end the process in silence. */
  _hostIsDry(): void {
    if (this._parked) this.#ended?.({ error: this._deadlock() });
  }
}

/** Loops that run; one listener serves them all, and is there from the first run on. */
const watched = new Set<HostedEventLoop>();
let watching = false;

function watchHost(): void {
  if (watching) return;
  watching = true;
  const host = globalThis as { process?: { on?(event: "beforeExit", listener: () => void): unknown } };
  host.process?.on?.("beforeExit", () => {
    for (const loop of [...watched]) loop._hostIsDry();
  });
}
