/** A full collection, so that no round pays for the garbage of another. */
export function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error("node runs without --expose-gc: write npm run bench");
  globalThis.gc();
}
