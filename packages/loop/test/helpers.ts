/** What the tests of this package share: loops under control, and ears for what a loop reports. */
import type {
  BaseEventLoop,
  Clock,
  EventLoopOptions,
  ExceptionContext,
  Selector,
  Source,
} from "@aioloop/loop";
import { BlockingSelector, MonotonicClock, SyncEventLoop, setLogger } from "@aioloop/loop";
import { onTestFinished } from "vitest";

/** One turn: `stop()` before the run lets the loop poll without waiting and run what is ready. */
export function turn(loop: SyncEventLoop, count = 1): void {
  for (; count > 0; count--) {
    loop.stop();
    loop.runForever();
  }
}

/** Runs until `seconds` of the loop's time have passed. */
export function runFor(loop: SyncEventLoop, seconds: number): void {
  loop.callLater(seconds, () => loop.stop());
  loop.runForever();
}

/** Names in the order in which the callbacks made by `note` were called. */
export class Notes extends Array<string> {
  /** A callback that notes its name. */
  note(name: string): () => void {
    return () => void this.push(name);
  }
}

/** What the loop's exception handler is told, from now on. */
export function reportsOf(loop: BaseEventLoop): ExceptionContext[] {
  const reports: ExceptionContext[] = [];
  loop.setExceptionHandler((_, context) => void reports.push(context));
  return reports;
}

/** What is logged until the test ends, as `level: message`. */
export function listenToLog(): string[] {
  const lines: string[] = [];
  const write = (level: string) => (message: string) => void lines.push(`${level}: ${message}`);
  setLogger({
    debug: write("debug"),
    info: write("info"),
    warning: write("warning"),
    error: write("error"),
  });
  onTestFinished(() => setLogger(null));
  return lines;
}

/** What `action` throws, whatever it is; an error if it does not. */
export function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

/** A selector and clock that records each `select`, may bring handles from outside, and jumps to the deadline. */
export class ScriptedSelector implements Selector, Clock {
  polls = true;
  resolution = 1e-9;
  now = 0;
  /** The timeouts that were asked for. */
  readonly timeouts: (number | null)[] = [];
  /** What each `select` brings, one after the other. */
  readonly brings: (() => void)[] = [];
  wakeups = 0;
  closed = 0;

  time(): number {
    return this.now;
  }

  select(timeout: number | null, deadline: number): boolean {
    this.timeouts.push(timeout);
    const bring = this.brings.shift();
    bring?.();
    if (bring === undefined && timeout !== null && timeout > 0) this.now = deadline;
    return timeout !== null || bring !== undefined;
  }

  wakeup(): void {
    this.wakeups++;
  }

  close(): void {
    this.closed++;
  }
}

/** A loop without tasks on a ScriptedSelector. */
export function scriptedLoop(
  options: Omit<EventLoopOptions, "clock" | "selector"> = {},
): [SyncEventLoop, ScriptedSelector] {
  const selector = new ScriptedSelector();
  return [new SyncEventLoop({ debug: false, ...options, clock: selector, selector }), selector];
}

/** A loop on real time that waits itself, and a way to wake it as another thread would. */
export function blockingLoop(): { loop: SyncEventLoop; selector: BlockingSelector } {
  const selector = new BlockingSelector();
  return { loop: new SyncEventLoop({ debug: false, clock: new MonotonicClock(), selector }), selector };
}

/** A source for a BlockingSelector; `ring()` is what another thread would do. */
export function sourceThat(drain: () => void): Source & { ring(): void } {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  return {
    flag,
    drain,
    ring() {
      Atomics.store(flag, 0, 1);
      Atomics.notify(flag, 0);
    },
  };
}

/** Lets the garbage collector run, and whoever waits for what it found. */
export async function collectGarbage(): Promise<void> {
  // When a finalizer is called is the host's business: one of our own, registered last, tells that it is at it.
  let isAtIt = false;
  const registry = new FinalizationRegistry(() => {
    isAtIt = true;
  });
  let rounds = 4;
  registry.register({}, null);
  for (let most = 1000; rounds > 0 && most > 0; most--) {
    (globalThis as { gc?: () => void }).gc?.();
    await new Promise((resolve) => setImmediate(resolve));
    if (isAtIt) rounds -= 1;
  }
}
