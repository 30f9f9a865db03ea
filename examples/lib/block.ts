// A bad neighbour: does nothing, and lets nobody else do anything.

/** Keeps the whole thread for that many seconds. Nothing else in it runs, event loops included. */
export function block(seconds: number) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
}
