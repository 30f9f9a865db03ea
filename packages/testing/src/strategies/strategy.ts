/** How schedules are chosen. A public interface: write one of your own, and give it to `explore`. */

import type { RunRecord } from "../body-run.ts";
import type { Chooser } from "../choices.ts";

/**
 * - `exhaustive`: there is no other schedule
 * - `delay-bounded`: there is no other one with so many deviations, or fewer
 * - `sampled`: some were tried
 */
export type Guarantee =
  | { readonly kind: "exhaustive"; readonly schedules: number }
  | { readonly kind: "delay-bounded"; readonly delays: number; readonly schedules: number }
  | { readonly kind: "sampled"; readonly schedules: number };

export interface Strategy {
  readonly name: string;
  /** Who decides the next run; null if there is nothing left to try. */
  next(): Chooser | null;
  /** What came of the run; called after each. */
  seen(record: RunRecord): void;
  /** What has been shown by the runs that were seen. */
  guarantee(): Guarantee;
}
