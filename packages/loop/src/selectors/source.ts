/** What another thread does to be heard by a loop that blocks. */

/** Something outside the thread that can make handles ready. */
export interface Source {
  /** On shared memory. Whoever has something stores a value other than 0 in element 0 and calls `Atomics.notify(flag, 0)`. */
  readonly flag: Int32Array;
  /** Takes what there is; called in the loop's thread after the flag was put back to 0. */
  drain(): void;
}
