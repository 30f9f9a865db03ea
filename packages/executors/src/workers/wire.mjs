// What two threads of a pool share: where things stand in shared memory, and how values look there. Both sides of a
// pool import this. It is JavaScript since a worker must start on Node as it is, which does not run TypeScript.
//
//   control  Int32 words, then the ring of jobs: the pool's thread writes, workers take
//   worker   Int32 words, then the ring of results: the worker writes, the pool's thread reads
//   bell     Int32 words of the pool's thread: rung when there is something for it (doorbell.ts)
//
// Positions in rings only grow (as 32-bit integers, which wrap); a position's place is its low bits. Records are multiples
// of 8 bytes and never wrap: a filler ends the ring where one does not fit.
import { Deserializer, Serializer } from "node:v8";

/** Words of `control`. */
export const HEAD = 0; // the next job to be taken
export const TAIL = 1; // where the next job will be written
export const SEQUENCE = 2; // counts what workers should look at; idle ones wait on it
export const CLOSED = 3; // not 0: no more jobs will come
export const SLEEPING = 4; // workers that went to sleep in their event loop
export const CONTROL_WORDS = 16;

/** Bytes of the ring of jobs; what finds no room waits in the pool's thread. */
export const JOBS = 1 << 20;

/** Words of a job's record, then its payload. */
export const STATUS = 0; // WAITING, WITHDRAWN, or who took it
export const LENGTH = 1; // of the record, in bytes
export const NUMBER = 2; // of the job
export const CALLABLE = 3; // which function, by its number
export const FORM = 4; // how the payload is written
export const SIZE = 5; // PLAIN: how many values; BYTES: how many bytes
export const JOB_WORDS = 6;

/** STATUS */
export const WAITING = 0;
export const WITHDRAWN = -1;
export const READ = 1 << 16; // beside the worker's number + 1: the payload has been read and its place is free

/** FORM */
export const PLAIN = 0; // primitive values, one after the other
export const BYTES = 1; // a structured clone
export const LETTER = 2; // it does not lie here: the owner has it, under the number in SIZE
export const FAILED = 4; // beside one of the others: thrown, not returned

/** Words of `worker`. */
export const STATE = 0;
export const CURRENT = 1; // the number of the job that runs; negative once it is to be stopped
export const CANCEL = 2; // the number of a job whose cancellation was asked for
export const SENT = 3; // messages posted, calls to wake up apart
export const RESULT_HEAD = 4; // read up to here
export const RESULT_TAIL = 5; // written up to here
export const WORKER_WORDS = 16;

/** STATE */
export const BUSY = 0;
export const ASLEEP = 1; // in its event loop: a message wakes it
export const RETIRED = 2; // it was asked to end, and does
export const LINGERING = 3; // it waits for a job, and may be given one
export const RESERVED = 4; // it is being given one

/** Bytes of a worker's ring of results; what finds no room goes through its port. */
export const RESULTS = 1 << 18;

/** Words of a result's record, then its payload. LENGTH and NUMBER stand as in a job. */
export const RESULT_FORM = 0;
export const RESULT_SIZE = 3;
export const RESULT_WORDS = 4;

/** Whose a job of a process pool is: a word for each, in shared memory of the pool's thread and the owner of its children. */
export const CLAIM_WAITING = 0; // nobody's yet
export const CLAIM_TAKEN = 1; // a child's
export const CLAIM_WITHDRAWN = 2; // the pool's thread has it back
export const CLAIM_PASSED = 3; // and the owner has seen that: the word can be used again

/** Words of a bell. */
export const RUNG = 0; // there is something; a blocked thread waits here
export const POSTED = 1; // a message that says so is on its way to the thread's event loop

/** What is larger does not go through a ring. Bytes. */
export const LARGEST = 1 << 14;

/** Wakes the thread if it blocks. For what a message to its event loop says as well. @param {Int32Array} bell */
export function knock(bell) {
  if (Atomics.exchange(bell, RUNG, 1) === 0) Atomics.notify(bell, RUNG);
}

/**
 * Wakes the thread if it blocks, and has a message posted unless one is on its way.
 * @param {Int32Array} bell
 * @param {{ postMessage(message: unknown): void }} port
 */
export function ring(bell, port) {
  knock(bell);
  if (Atomics.compareExchange(bell, POSTED, 0, 1) === 0) port.postMessage(0);
}

/** How long a thread looks at a word before it waits on it, in milliseconds: to be woken costs more than a short call does. */
const SPIN = 0.05;

/**
 * Looks at a word for a moment. Where that was for nothing it looks less often: on a busy machine whoever is to change the word needs
 * the processor.
 */
export class Spin {
  #misses = 0;
  #skip = 0;

  /** Whether the word is another than `value` by now. @param {Int32Array} words @param {number} index @param {number} value */
  until(words, index, value) {
    if (this.#skip > 0) {
      this.#skip -= 1;
      return false;
    }
    const end = performance.now() + SPIN;
    do {
      for (let i = 0; i < 64; i++) {
        if (Atomics.load(words, index) === value) continue;
        this.#misses = 0;
        return true;
      }
    } while (performance.now() < end);
    this.#misses = Math.min(this.#misses + 1, 6);
    this.#skip = (1 << this.#misses) - 1;
    return false;
  }
}

const UNDEFINED = 0;
const NULL = 1;
const FALSE = 2;
const TRUE = 3;
const NUMERIC = 4;
const TEXT = 5;

/** Part of a shared buffer, written and read as values. */
export class Slate {
  /** @param {SharedArrayBuffer} buffer @param {number} start @param {number} length */
  constructor(buffer, start, length) {
    this.view = new DataView(buffer, start, length);
    this.bytes = Buffer.from(buffer, start, length);
  }

  /**
   * Writes one primitive value at `at`; returns where it ends, -1 if it is no primitive or would end after `limit`.
   * @param {unknown} value @param {number} at @param {number} limit
   */
  write(value, at, limit) {
    const { view } = this;
    switch (typeof value) {
      case "number":
        if (at + 9 > limit) return -1;
        view.setUint8(at, NUMERIC);
        view.setFloat64(at + 1, value, true);
        return at + 9;
      case "string": {
        const size = value.length * 2;
        if (at + 5 + size > limit) return -1;
        view.setUint8(at, TEXT);
        view.setUint32(at + 1, size, true);
        if (size > 0) this.bytes.write(value, at + 5, size, "utf16le");
        return at + 5 + size;
      }
      case "undefined":
      case "boolean":
        if (at + 1 > limit) return -1;
        view.setUint8(at, value === undefined ? UNDEFINED : value ? TRUE : FALSE);
        return at + 1;
      default:
        if (value !== null || at + 1 > limit) return -1;
        view.setUint8(at, NULL);
        return at + 1;
    }
  }

  /**
   * Reads the value at `at`, and leaves in `end` where it ends.
   * @param {number} at
   * @returns {unknown}
   */
  read(at) {
    const { view } = this;
    switch (view.getUint8(at)) {
      case NUMERIC:
        this.end = at + 9;
        return view.getFloat64(at + 1, true);
      case TEXT: {
        this.end = at + 5 + view.getUint32(at + 1, true);
        return this.bytes.toString("utf16le", at + 5, this.end);
      }
      case TRUE:
        this.end = at + 1;
        return true;
      case FALSE:
        this.end = at + 1;
        return false;
      case NULL:
        this.end = at + 1;
        return null;
      default:
        this.end = at + 1;
        return undefined;
    }
  }

  end = 0;

  /** A copy: what is read from it must not change with the ring. @param {number} at @param {number} size */
  copy(at, size) {
    return Buffer.from(this.bytes.subarray(at, at + size));
  }
}

/** How deep `isPlainData` looks. */
const DEEPEST = 8;

/** What is more than this is not looked at for a ring: values; bytes of the memory behind a typed array. */
const RING_VALUES = 1000;

/**
 * Whether a value is made of primitives, arrays, plain objects and typed arrays only: then its structured clone can be written as bytes
 * here. Ports, shared memory, keys, blobs need a real port to go through.
 * @param {unknown} value @param {number} [values] at most so many @param {number} [bytes] fewer than so many behind each typed array
 */
export function isPlainData(value, values = RING_VALUES, bytes = LARGEST) {
  let left = values;
  // Where there is no limit, what is shared by many is looked at once: a limit bounds that by itself.
  const seen = values === Number.POSITIVE_INFINITY ? new Set() : null;
  /** @param {unknown} item @param {number} depth @returns {boolean} */
  const look = (item, depth) => {
    if (--left < 0 || depth > DEEPEST) return false;
    if (typeof item !== "object") return typeof item !== "function" && typeof item !== "symbol";
    if (item === null || seen?.has(item)) return true;
    seen?.add(item);
    if (Array.isArray(item)) return item.every((one) => look(one, depth + 1));
    if (ArrayBuffer.isView(item)) return item.buffer instanceof ArrayBuffer && item.buffer.byteLength < bytes;
    const prototype = Object.getPrototypeOf(item);
    if (prototype !== Object.prototype && prototype !== null) return false;
    return Object.values(item).every((one) => look(one, depth + 1));
  };
  return look(value, 0);
}

/** A structured clone as bytes. @param {unknown} value @returns {Buffer} */
export function toBytes(value) {
  const serializer = new Serializer();
  serializer.writeHeader();
  serializer.writeValue(value);
  return serializer.releaseBuffer();
}

/** @param {Uint8Array} bytes @returns {unknown} */
export function fromBytes(bytes) {
  const deserializer = new Deserializer(bytes);
  deserializer.readHeader();
  return deserializer.readValue();
}
