/**
 * StreamReader: bytes that come when they come, read as a coroutine wants them. CPython: `streams.StreamReader`.
 *
 * A protocol feeds it; it pauses its transport while it holds more than twice its limit, and lets it go on at the limit.
 * Differences: bytes are kept as they came (byte-queue.ts) and given as views where they can be. What is read is the reader's to keep and to
 * change; the ArrayBuffer around it may be larger, and cannot be transferred to another thread: `new Uint8Array(data)` is a copy that can.
 */
import type { Readable } from "node:stream";
import type { BaseEventLoop, Coroutine, Future } from "@aioloop/loop";
import { getEventLoop, RuntimeError } from "@aioloop/loop";
import { describe, inspectable } from "@aioloop/loop/kernel";
import type { CoroutineIterable, CoroutineIterator } from "@aioloop/tasks";
import { ByteQueue } from "./byte-queue.ts";
import { IncompleteReadError, LimitOverrunError } from "./exceptions.ts";
import { handleClosed, handleOpened } from "./open-handles.ts";
import type { ReadTransport } from "./transports.ts";

/** Bytes of a line, or of what ends in a separator, at most; and half of what is held. CPython: `streams._DEFAULT_LIMIT`. */
export const DEFAULT_LIMIT: number = 64 * 1024;

const NEWLINE = Buffer.from("\n");
const NOTHING = Buffer.alloc(0);

/** Who brings the bytes, as a reader needs it. */
interface Pausable {
  pauseReading(): unknown;
  resumeReading(): unknown;
}

export interface StreamReaderOptions {
  /** Bytes; default 64 KiB. */
  limit?: number | undefined;
  /** By default `getEventLoop()`. */
  loop?: BaseEventLoop | null | undefined;
}

export class StreamReader implements CoroutineIterable<Buffer> {
  readonly #loop: BaseEventLoop;
  readonly #limit: number;
  readonly #bytes: ByteQueue = new ByteQueue();
  #isAtEof = false;
  #waiter: Future<void> | null = null;
  #failure: { error: unknown } | null = null;
  #transport: Pausable | null = null;
  #isPaused = false;

  /** @throws RangeError unless limit is greater than 0 */
  constructor({ limit = DEFAULT_LIMIT, loop = null }: StreamReaderOptions = {}) {
    if (!(limit > 0)) {
      throw new RangeError(`new StreamReader({ limit }): limit must be greater than 0 bytes, got ${limit}`);
    }
    this.#limit = limit;
    this.#loop = loop ?? getEventLoop();
  }

  /**
   * Reads a Readable of Node's, which is to be read by nobody else: a file, process.stdin, what a library gives. What breaks it the
   * reads throw.
   */
  static fromReadable(readable: Readable, options: StreamReaderOptions = {}): StreamReader {
    const reader = new StreamReader(options);
    const feed = (data: Buffer | string) => {
      if (!reader.#isAtEof) reader.feedData(typeof data === "string" ? Buffer.from(data) : data);
    };
    readable.on("data", feed);
    readable.resume(); // somebody may have paused it before
    readable.on("end", () => reader.feedEof());
    readable.on("close", () => reader.feedEof()); // also without an end: it was destroyed
    readable.on("error", (error) => reader.setException(error));
    reader.#transport = { pauseReading: () => readable.pause(), resumeReading: () => readable.resume() };
    // A terminal would keep the process when nobody can read it any more.
    const handle = { _loopClosed: () => void readable.pause() };
    handleOpened(reader.#loop, handle);
    readable.once("close", () => handleClosed(reader.#loop, handle));
    if (readable.errored !== null) reader.setException(readable.errored);
    if (readable.readableEnded || readable.destroyed) reader.feedEof();
    return reader;
  }

  // ---- for protocols

  /** What later reads will throw, null for nothing. CPython: `StreamReader.exception`. */
  exception(): unknown {
    return this.#failure === null ? null : this.#failure.error;
  }

  /** Every read throws it from now on, also where bytes are left. CPython: `StreamReader.set_exception`. */
  setException(error: unknown): void {
    this.#failure = { error };
    const waiter = this.#waiter;
    this.#waiter = null;
    if (waiter !== null && !waiter.done()) waiter.setException(error);
  }

  /** Who is paused when too much comes. CPython: `StreamReader.set_transport`. */
  setTransport(transport: ReadTransport): void {
    if (this.#transport !== null)
      throw new RuntimeError("setTransport(): the reader has a transport already");
    this.#transport = transport;
  }

  /** @internal for start-tls, which puts another transport below */
  _replaceTransport(transport: ReadTransport): void {
    this.#transport = transport;
    this.#isPaused = false;
  }

  /** @internal What has come and was not read: it goes to whom takes over. */
  _takeAll(): Buffer {
    return this.#bytes.take(this.#bytes.length);
  }

  /** No more will come. CPython: `StreamReader.feed_eof`. */
  feedEof(): void {
    this.#isAtEof = true;
    this.#wake();
  }

  /** @throws RuntimeError after feedEof(). CPython: `StreamReader.feed_data`. */
  feedData(data: Uint8Array): void {
    if (this.#isAtEof) throw new RuntimeError("feedData() after feedEof(): the stream has ended");
    if (data.length === 0) return;
    this.#bytes.push(Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.length));
    this.#wake();
    if (this.#transport === null || this.#isPaused || this.#bytes.length <= 2 * this.#limit) return;
    if (typeof this.#transport.pauseReading !== "function") {
      this.#transport = null; // it cannot: what comes is held, however much it is
      return;
    }
    this.#isPaused = true;
    this.#transport.pauseReading();
  }

  #wake(): void {
    const waiter = this.#waiter;
    if (waiter === null) return;
    this.#waiter = null;
    if (!waiter.done()) waiter.setResult();
  }

  #take(count: number): Buffer {
    const data = this.#bytes.take(count);
    this.#maybeResume();
    return data;
  }

  #maybeResume(): void {
    if (!this.#isPaused || this.#bytes.length > this.#limit) return;
    this.#isPaused = false;
    this.#transport?.resumeReading();
  }

  // ---- for who reads

  /** True once all is read and no more will come. CPython: `StreamReader.at_eof`. */
  atEof(): boolean {
    return this.#isAtEof && this.#bytes.length === 0;
  }

  /**
   * Up to `n` bytes: what is there, at least one; none at the end of the stream. Without `n`, or with -1, all up to the end.
   * @throws RuntimeError while another coroutine reads; what setException() was given. CPython: `StreamReader.read`.
   */
  *read(n = -1): Coroutine<Buffer> {
    checkWhole("read", n);
    this.#check();
    if (n === 0) return NOTHING;
    if (n < 0) {
      const all = new ByteQueue();
      for (;;) {
        const block = yield* this.read(this.#limit);
        if (block.length === 0) return all.take(all.length);
        all.push(block);
      }
    }
    while (this.#bytes.length === 0 && !this.#isAtEof) yield* this.#more("read");
    return this.#take(Math.min(n, this.#bytes.length));
  }

  /**
   * A line with its newline; the last may have none, and at the end of the stream it is empty.
   * @throws RangeError for a line over the limit, which is lost. CPython: `StreamReader.readline`.
   */
  *readline(): Coroutine<Buffer> {
    try {
      return yield* this.readuntil(NEWLINE);
    } catch (error) {
      if (error instanceof IncompleteReadError) return error.partial as Buffer;
      if (!(error instanceof LimitOverrunError)) throw error;
      if (this.#bytes.indexOf(NEWLINE, error.consumed) === error.consumed)
        this.#bytes.take(error.consumed + 1);
      else this.#bytes.clear();
      this.#maybeResume();
      throw new RangeError(`readline(): ${error.message}; the line is lost`);
    }
  }

  /**
   * Everything up to and with `separator`; of several the one that ends first.
   * @throws IncompleteReadError at the end of the stream, LimitOverrunError where it does not come within the limit: nothing is lost
   * then. CPython: `StreamReader.readuntil`.
   */
  *readuntil(separator: Uint8Array | string | readonly (Uint8Array | string)[] = NEWLINE): Coroutine<Buffer> {
    const wanted = separatorsOf(separator);
    this.#check();
    for (let searched = 0; ; ) {
      const end = this.#endOf(wanted, searched);
      if (end > 0) return this.#take(end);
      searched = this.#searchedFor(wanted);
      if (this.#isAtEof) throw new IncompleteReadError(this.#bytes.take(this.#bytes.length), null);
      yield* this.#more("readuntil");
    }
  }

  /** How many bytes there are up to the end of the separator that ends first; 0 where none has come. None begins before `from`. */
  #endOf(wanted: readonly Buffer[], from: number): number {
    if (this.#bytes.length === 0) return 0;
    let start = -1;
    let end = Number.POSITIVE_INFINITY;
    for (const one of wanted) {
      const found = this.#bytes.indexOf(one, from);
      if (found < 0 || found + one.length >= end) continue;
      start = found;
      end = found + one.length;
    }
    if (start < 0) return 0;
    if (start <= this.#limit) return end;
    const message = "the separator is found, but what stands before it is longer than the limit";
    throw new LimitOverrunError(message, start);
  }

  /** Where a separator may begin that is not there yet: the end may be the beginning of one. */
  #searchedFor(wanted: readonly Buffer[]): number {
    const { length: longest } = wanted[wanted.length - 1] as Buffer;
    const searched = Math.max(0, this.#bytes.length + 1 - longest);
    if (searched <= this.#limit) return searched;
    const message = "the separator is not found, and what has come is longer than the limit";
    throw new LimitOverrunError(message, searched);
  }

  /**
   * Exactly `n` bytes.
   * @throws IncompleteReadError at the end of the stream, with what had come; RangeError for a negative n. CPython: `StreamReader.readexactly`.
   */
  *readexactly(n: number): Coroutine<Buffer> {
    checkWhole("readexactly", n);
    if (n < 0) throw new RangeError(`readexactly(n): n must be 0 bytes or more, got ${n}`);
    this.#check();
    while (this.#bytes.length < n) {
      if (this.#isAtEof) throw new IncompleteReadError(this.#bytes.take(this.#bytes.length), n);
      yield* this.#more("readexactly");
    }
    return this.#take(n);
  }

  /** Lines, for `asyncFor(reader, …)`. CPython: `StreamReader.__aiter__`. */
  aiter(): CoroutineIterator<Buffer> {
    return iterate(() => this.readline());
  }

  /** Bytes as they come, at most `n` at a time, for `asyncFor(reader.chunks(), …)`. */
  chunks(n: number = this.#limit): CoroutineIterable<Buffer> {
    return { aiter: () => iterate(() => this.read(n)) };
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** What to wait for until more has come. No generator of its own: each would be another one to resume for every chunk. */
  #more(operation: string): Future<void> {
    // One that is done was cancelled: who gets data lets go of it.
    if (this.#waiter !== null && !this.#waiter.done()) {
      throw new RuntimeError(
        `${operation}() while another coroutine waits for data of this StreamReader: one reader at a time, or a Queue between them`,
      );
    }
    // Who waits for more than the buffer may hold would wait for ever.
    if (this.#isPaused) {
      this.#isPaused = false;
      this.#transport?.resumeReading();
    }
    const waiter = this.#loop.createFuture<void>(this);
    this.#waiter = waiter;
    return waiter;
  }

  toString(): string {
    const parts = [`StreamReader`];
    if (this.#bytes.length > 0) parts.push(`${this.#bytes.length} bytes`);
    if (this.#isAtEof) parts.push("eof");
    if (this.#limit !== DEFAULT_LIMIT) parts.push(`limit=${this.#limit}`);
    if (this.#waiter?.done() === false) parts.push("waited for");
    if (this.#failure !== null) parts.push(`exception=${describe(this.#failure.error)}`);
    if (this.#isPaused) parts.push("paused");
    return `<${parts.join(" ")}>`;
  }
}

inspectable(StreamReader);

function checkWhole(operation: string, n: number): void {
  if (Number.isInteger(n) || n === Number.POSITIVE_INFINITY) return;
  throw new RangeError(`${operation}(n): n must be a whole number of bytes, got ${describe(n)}`);
}

function iterate(read: () => Coroutine<Buffer>): CoroutineIterator<Buffer> {
  return {
    *anext() {
      const value = yield* read();
      return value.length === 0 ? { done: true, value: undefined } : { done: false, value };
    },
  };
}

/** Separators that were given before, as bytes: most programs have one or two. */
const known: Map<string, Buffer> = new Map();

/** The shortest first. */
function separatorsOf(given: unknown): readonly Buffer[] {
  if (!Array.isArray(given)) return [separatorOf(given)];
  if (given.length === 0) throw new RangeError("readuntil(separators): at least one separator is required");
  // Of two that end at the same byte the shorter one counts.
  return given.map(separatorOf).sort((a, b) => a.length - b.length);
}

function separatorOf(given: unknown): Buffer {
  let bytes: Buffer | undefined;
  if (typeof given === "string") {
    bytes = known.get(given);
    if (bytes === undefined) {
      bytes = Buffer.from(given);
      if (known.size < 100) known.set(given, bytes);
    }
  } else if (given instanceof Uint8Array) {
    bytes = Buffer.isBuffer(given) ? given : Buffer.from(given.buffer, given.byteOffset, given.length);
  } else {
    throw new TypeError(`readuntil(separator): bytes or text are required, got ${describe(given)}`);
  }
  if (bytes.length === 0) throw new RangeError("readuntil(separator): the separator is empty");
  return bytes;
}
