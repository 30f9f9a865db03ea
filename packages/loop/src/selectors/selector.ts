/** How a loop waits and what time it is: two of the four seams. CPython: `selectors.BaseSelector` and `BaseEventLoop.time`. */

import type { Source } from "./source.ts";

export interface Clock {
  /** Seconds, monotonic. */
  time(): number;
  /** The clock's grain in seconds: a timer closer than this is due. */
  readonly resolution: number;
}

export interface Selector {
  /** True: `select(0)` is wanted in every turn, also while handles are ready. */
  readonly polls: boolean;
  /**
   * Waits up to `timeout` seconds (null: without end, 0: not at all), which is until `deadline` on the loop's clock, and
   * lets what came from outside make handles ready. False: it cannot wait here. Either it has the loop pumped when
   * there is something to do (host), or there can never be (virtual, blocking without a source).
   */
  select(timeout: number | null, deadline: number): boolean;
  /** A future of the loop hangs on `source`: until `expectNoMore`, called as often, there is something to wait for. */
  expect?(source: Source): void;
  expectNoMore?(source: Source): void;
  /** Something became ready while the loop waited. */
  wakeup(): void;
  /** The same for I/O: more may have come at the same time, and is to be in the same turn. */
  gather?(): void;
  close(): void;
}
