// Random numbers that are the same in every run: mulberry32, by Tommy Ettinger (public domain).

/** A source of random seconds. They are tenths, so that times rounded to a tenth do not depend on noise. */
export function seeded(seed: number) {
  function next() {
    seed = (seed + 0x6d2b79f5) | 0;
    let bits = Math.imul(seed ^ (seed >>> 15), seed | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }
  return {
    /** From `low` to `high`, both included. */
    seconds(low: number, high: number) {
      return Math.round(low * 10 + next() * (high - low) * 10) / 10;
    },
  };
}
