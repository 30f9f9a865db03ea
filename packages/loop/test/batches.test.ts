// How many handles run between two looks at the clock: between 1 and 64, as many as take 0.2 ms.
import { expect, test } from "vitest";
import { LARGEST_BATCH, nextBatch } from "../src/batches.ts";

/** The sizes of the batches of a program whose handles take `seconds` each, beginning with `size`. */
function sizes(size: number, seconds: number, count: number): number[] {
  const all = [size];
  for (let i = 0; i < count; i++) all.push((size = nextBatch(size, size * seconds)));
  return all;
}

test("nextBatch() doubles while handles are cheap, up to the largest batch", () => {
  expect(sizes(1, 50e-9, 8)).toEqual([1, 2, 4, 8, 16, 32, 64, 64, 64]);
  expect(LARGEST_BATCH).toBe(64);
});

test("nextBatch() comes down at once where handles are costly, to 1 at least", () => {
  expect(nextBatch(64, 64 * 0.000_1)).toBe(2);
  expect(nextBatch(64, 10)).toBe(1);
  expect(nextBatch(1, 10)).toBe(1);
});

test("nextBatch() stays where a batch takes about as long as it should", () => {
  for (const took of [0.000_1, 0.000_2, 0.000_4]) expect(nextBatch(8, took)).toBe(8);
});

test("nextBatch() where the clock stands still is the largest soon", () => {
  expect(sizes(1, 0, 6).at(-1)).toBe(64);
});
