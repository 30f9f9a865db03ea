/**
 * Memory for large parts of a stream: buffers of one size, four cut from one block.
 *
 * What is given away comes back by the garbage collector alone, in the background, and malloc's lock is then held there while the
 * next part is wanted here: fewer and larger blocks meet less often. The cost: who keeps a part keeps its block. docs/decisions/0021.
 *
 * Invariant: a block stays in this thread. Others read into it, and the system writes to where it lay.
 */
import { markAsUntransferable } from "node:worker_threads";

/** Bytes of a buffer: of a read at most, as in Node. */
export const PART: number = 64 * 1024;

const BLOCK = 4 * PART;

/** Bytes, never touched. From then on malloc keeps twice as many: what is given away between two collections. */
const FREED_ONCE = 16 * 1024 * 1024;

let block: Buffer = Buffer.alloc(0);
let cut = 0;
/** Was taken, and came back unused. */
let spare: Buffer | null = null;

/** A buffer of PART bytes, the caller's alone. */
export function takePart(): Buffer {
  if (spare !== null) {
    const part = spare;
    spare = null;
    return part;
  }
  if (cut === block.length) {
    if (cut === 0) keepFreedMemory();
    block = Buffer.allocUnsafeSlow(BLOCK);
    markAsUntransferable(block.buffer);
    cut = 0;
  }
  const part = block.subarray(cut, cut + PART);
  cut += PART;
  return part;
}

/** Gives back a buffer that nobody else has seen. */
export function putBack(part: Buffer): void {
  spare = part;
}

/**
 * glibc hands memory that is freed back to the system, which has to map it page by page for the next part, until a process has
 * freed a large block once: from then on it keeps as much as two of those. Any program that has read a large file has done so;
 * here it is done on purpose. With another malloc nothing comes of it.
 */
function keepFreedMemory(): void {
  Buffer.allocUnsafeSlow(FREED_ONCE);
}
