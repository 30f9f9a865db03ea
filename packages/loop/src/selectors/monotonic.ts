/** The real clock: `performance.now()` in seconds, with the grain of a microsecond that hosts promise at best. */
import type { Clock } from "./selector.ts";

export class MonotonicClock implements Clock {
  readonly resolution = 1e-6;
  /** Held, since the global is a getter in Node (20 ns), and each `callLater` reads the clock. */
  readonly #host: Performance = performance;

  time(): number {
    return this.#host.now() / 1000;
  }
}
