/** A planted bug: a small program that works in the order which any loop has, and fails in another one; and the same without the bug. */
import type { Body, ExploreOptions, Fidelity } from "@aioloop/testing";

export interface Animal {
  readonly name: string;
  /** The lowest at which it fails. */
  readonly fidelity: Fidelity;
  /** What the failure says. */
  readonly says: RegExp;
  readonly broken: Body;
  readonly fixed: Body;
  readonly limits?: Pick<ExploreOptions, "maxStepsPerInstant">;
}

/** @throws Error unless `condition` holds */
export function check(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}
