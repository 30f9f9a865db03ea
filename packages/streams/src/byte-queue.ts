/**
 * Bytes as they came, in chunks, taken out as they are asked for. What lies in one chunk is given as a view of it; only what spans
 * several is copied, once. Small chunks are gathered, so that a peer that sends byte by byte does not cost an object for each.
 */

/** Up to this many bytes a chunk is copied into a gathering one. */
const SMALL = 256;
const GATHERING = 4096;

/** In the place of a chunk that was taken: it is the reader's alone from then on. */
const GONE = Buffer.alloc(0);

export class ByteQueue {
  /** The number of bytes. */
  length = 0;
  #chunks: Buffer[] = [];
  /** The first chunk, and the first byte in it, that were not taken. */
  #first = 0;
  #offset = 0;
  /** The memory of the last chunk, if that is one of ours that has room. */
  #gathering: Buffer | null = null;
  #gathered = 0;

  push(chunk: Buffer): void {
    this.length += chunk.length;
    if (chunk.length > SMALL) {
      this.#gathering = null;
      this.#chunks.push(chunk);
      return;
    }
    if (this.#gathering === null || this.#gathered + chunk.length > GATHERING) {
      if (this.length === chunk.length) {
        this.#chunks.push(chunk); // alone, as most are: the answer to it will be read before more comes
        return;
      }
      this.#gathering = Buffer.allocUnsafeSlow(GATHERING);
      this.#gathered = 0;
      this.#chunks.push(this.#gathering);
    }
    const start = this.#gathered;
    this.#gathering.set(chunk, start);
    this.#gathered += chunk.length;
    const last = this.#chunks.length - 1;
    this.#chunks[last] = this.#gathering.subarray(0, this.#gathered);
  }

  clear(): void {
    this.length = 0;
    if (this.#chunks.length === 1) this.#chunks.pop();
    else if (this.#chunks.length > 0) this.#chunks = [];
    this.#first = 0;
    this.#offset = 0;
    this.#gathering = null;
  }

  /** The next `count` bytes; there must be as many. */
  take(count: number): Buffer {
    if (count === 0) return Buffer.alloc(0);
    const first = this.#chunks[this.#first] as Buffer;
    const end = this.#offset + count;
    if (end <= first.length) {
      const taken = this.#offset === 0 && end === first.length ? first : first.subarray(this.#offset, end);
      this.#pass(count);
      return taken;
    }
    const taken = Buffer.allocUnsafeSlow(count);
    for (let filled = 0; filled < count; ) {
      const chunk = this.#chunks[this.#first] as Buffer;
      const size = Math.min(chunk.length - this.#offset, count - filled);
      taken.set(chunk.subarray(this.#offset, this.#offset + size), filled);
      filled += size;
      this.#pass(size);
    }
    return taken;
  }

  /** Passes bytes of the first chunk. */
  #pass(count: number): void {
    this.length -= count;
    this.#offset += count;
    if (this.length === 0) {
      this.clear();
      return;
    }
    if (this.#offset < (this.#chunks[this.#first] as Buffer).length) return;
    this.#chunks[this.#first] = GONE;
    this.#first += 1;
    this.#offset = 0;
    if (this.#first > 64 && this.#first * 2 > this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Where `pattern` begins, at `from` or after it; -1 if it is not there. */
  indexOf(pattern: Buffer, from: number): number {
    let i = this.#first;
    let start = -this.#offset; // of the chunk, counted from the first byte there is
    if (from > this.length / 2 && this.#chunks.length > 0) {
      // Who has looked at most of it already does not walk over that again.
      i = this.#chunks.length - 1;
      start = this.length - (this.#chunks[i] as Buffer).length;
      while (start > from && i > this.#first) {
        i -= 1;
        start -= (this.#chunks[i] as Buffer).length;
      }
    }
    for (; i < this.#chunks.length; i++) {
      const chunk = this.#chunks[i] as Buffer;
      const end = start + chunk.length;
      if (end > from) {
        const found = chunk.indexOf(pattern, Math.max(from - start, i === this.#first ? this.#offset : 0));
        if (found >= 0) return start + found;
        if (pattern.length > 1 && i + 1 < this.#chunks.length) {
          const across = this.#indexAcross(
            pattern,
            i,
            Math.max(from - start, i === this.#first ? this.#offset : 0),
          );
          if (across >= 0) return start + across;
        }
      }
      start = end;
    }
    return -1;
  }

  /** A pattern that begins in chunk `i`, at `from` in it or after, and ends in a later one. */
  #indexAcross(pattern: Buffer, i: number, from: number): number {
    const chunk = this.#chunks[i] as Buffer;
    const begin = Math.max(chunk.length - pattern.length + 1, from);
    const parts = [chunk.subarray(begin)];
    let missing = pattern.length - 1;
    for (let j = i + 1; j < this.#chunks.length && missing > 0; j++) {
      const part = (this.#chunks[j] as Buffer).subarray(0, missing);
      parts.push(part);
      missing -= part.length;
    }
    const found = Buffer.concat(parts).indexOf(pattern); // at most two lengths of the pattern
    return found < 0 ? -1 : begin + found;
  }
}
