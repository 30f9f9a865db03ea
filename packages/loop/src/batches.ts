/**
 * How many handles run between two looks at the clock. CPython looks in every turn.
 *
 * Reading the clock costs as much as a whole switch, 50 ns, so with the largest batch it adds a nanosecond to each; a program that goes
 * from cheap callbacks to costly ones keeps its host waiting once, for at most so many of them.
 */

export const LARGEST_BATCH = 64;

/** Seconds that a batch should take. */
const BATCH_SECONDS = 0.000_2;

/** The size of the next batch, from that of the last and the seconds it took. */
export function nextBatch(size: number, took: number): number {
  if (took < BATCH_SECONDS / 2) return Math.min(size * 2, LARGEST_BATCH);
  if (took > BATCH_SECONDS * 2) return Math.max(1, Math.floor((size * BATCH_SECONDS) / took));
  return size;
}
