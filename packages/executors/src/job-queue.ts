/**
 * The jobs of a thread pool that wait, in memory that its workers share: each takes the next one itself, whatever the pool's thread
 * does meanwhile. This is the side that writes; workers/thread.mjs reads, workers/wire.mjs says where things stand.
 *
 *   freed ........ HEAD ........ TAIL            positions in the ring, each growing
 *     │ taken; not yet   │ waiting  │
 *     │ read by a worker            └ the next job is written here
 *     └ oldest record whose place is in use
 */
import { Backlog } from "./backlog.ts";
import type { JobFuture } from "./jobs.ts";
import {
  BYTES,
  CALLABLE,
  CONTROL_WORDS,
  FORM,
  HEAD,
  isPlainData,
  JOB_WORDS,
  JOBS,
  LARGEST,
  LENGTH,
  LETTER,
  NUMBER,
  PLAIN,
  READ,
  SIZE,
  Slate,
  STATUS,
  TAIL,
  toBytes,
  WAITING,
  WITHDRAWN,
} from "./workers/wire.mjs";

/** Primitives, or the bytes of a structured clone, or the number of a letter that has them: they are large, or no bytes can stand for them. */
export type Packed =
  | { readonly args: readonly unknown[] }
  | { readonly bytes: Uint8Array }
  | { readonly letter: number };

/** What args are written as, decided when they are given: what the caller does with them afterwards does not show. Null: a letter. */
export function packArgs(args: readonly unknown[]): Packed | null {
  let size = 0;
  for (const value of args) {
    const type = typeof value;
    if (type === "string") size += (value as string).length * 2 + 5;
    else if (type === "object" ? value === null : PRIMITIVE.has(type)) size += 9;
    else return packObjects(args);
  }
  return size > LARGEST ? null : { args };
}

const PRIMITIVE = new Set(["number", "boolean", "undefined"]);

function packObjects(args: readonly unknown[]): Packed | null {
  if (!isPlainData(args)) return null;
  const bytes = toBytes(args);
  return bytes.length > LARGEST ? null : { bytes };
}

interface InRing {
  readonly job: JobFuture | null;
  readonly place: number;
  readonly length: number;
}

export class JobQueue {
  readonly buffer: SharedArrayBuffer = new SharedArrayBuffer(CONTROL_WORDS * 4 + JOBS);
  readonly control: Int32Array = new Int32Array(this.buffer, 0, CONTROL_WORDS);
  readonly #words: Int32Array = new Int32Array(this.buffer, CONTROL_WORDS * 4);
  readonly #values: Slate = new Slate(this.buffer, CONTROL_WORDS * 4, JOBS);
  /** Records whose place is in use, the oldest first. */
  readonly #records: Backlog<InRing> = new Backlog();
  #freed = 0;

  /** Writes a job at the end; false if there is no room. */
  push(job: JobFuture, callable: number, payload: Packed): boolean {
    const tail = this.control[TAIL] as number;
    const room = JOBS - ((tail - this.#freed) | 0);
    const place = tail & (JOBS - 1);
    const toEnd = JOBS - place;
    if (this.#write(job, callable, payload, tail, place, place + Math.min(room, toEnd))) return true;
    if (room <= toEnd) return false;
    this.#publish(null, tail, place, toEnd, WITHDRAWN); // a filler: the record begins at the ring's beginning
    return this.push(job, callable, payload);
  }

  #write(
    job: JobFuture,
    callable: number,
    payload: Packed,
    tail: number,
    place: number,
    limit: number,
  ): boolean {
    const start = place + JOB_WORDS * 4;
    if (start > limit) return false;
    const at = place >> 2;
    const words = this.#words;
    let end = start;
    if ("letter" in payload) {
      words[at + FORM] = LETTER;
      words[at + SIZE] = payload.letter;
    } else if ("bytes" in payload) {
      const { bytes } = payload;
      end = start + bytes.length;
      if (end > limit) return false;
      this.#values.bytes.set(bytes, start);
      words[at + FORM] = BYTES;
      words[at + SIZE] = bytes.length;
    } else {
      const { args } = payload;
      for (let i = 0; i < args.length; i++) {
        end = this.#values.write(args[i], end, limit);
        if (end < 0) return false;
      }
      words[at + FORM] = PLAIN;
      words[at + SIZE] = args.length;
    }
    words[at + CALLABLE] = callable;
    words[at + NUMBER] = job._number;
    job._place = place;
    this.#publish(job, tail, place, (end - place + 7) & ~7, WAITING);
    return true;
  }

  #publish(job: JobFuture | null, tail: number, place: number, length: number, status: number): void {
    const at = place >> 2;
    this.#words[at + LENGTH] = length;
    this.#records.push({ job, place, length });
    Atomics.store(this.#words, at + STATUS, status);
    Atomics.store(this.control, TAIL, (tail + length) | 0);
  }

  get isEmpty(): boolean {
    return Atomics.load(this.control, HEAD) === Atomics.load(this.control, TAIL);
  }

  /** Takes a waiting job back; false if a worker has it. */
  withdraw(job: JobFuture): boolean {
    if (job._place < 0) return false;
    return Atomics.compareExchange(this.#words, (job._place >> 2) + STATUS, WAITING, WITHDRAWN) === WAITING;
  }

  /** The index of the worker that took the job, -1 if none has. */
  takenBy(job: JobFuture): number {
    if (job._worker >= 0 || job._place < 0) return job._worker;
    const status = Atomics.load(this.#words, (job._place >> 2) + STATUS);
    return status > 0 ? (status & (READ - 1)) - 1 : -1;
  }

  /** Frees the places of jobs whose payload was read, and of withdrawn ones that the workers have passed. */
  free(): void {
    const records = this.#records;
    const head = Atomics.load(this.control, HEAD);
    for (let record = records.first; record !== undefined; record = records.first) {
      const { job, place, length } = record;
      const status = Atomics.load(this.#words, (place >> 2) + STATUS);
      const isPassed = ((head - this.#freed) | 0) >= length;
      if (!isPassed || (status !== WITHDRAWN && (status & READ) === 0)) break;
      if (job !== null) {
        if (status > 0) job._worker = (status & (READ - 1)) - 1;
        job._place = -1;
      }
      this.#freed = (this.#freed + length) | 0;
      records.shift();
    }
  }
}
