/**
 * Sending files. CPython: `sendfile` of `base_events.BaseEventLoop`, `_SendfileFallbackProtocol`.
 *
 * Node gives no access to the system's sendfile(2), so it is always CPython's fallback: blocks are read and written, and none is
 * read while the transport's buffer is full. CPython stops reading from the connection meanwhile; here it goes on.
 */
import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import type { BaseEventLoop, Coroutine, Future } from "@aioloop/loop";
import { RuntimeError, wrapFuture } from "@aioloop/loop";
import { describe } from "@aioloop/loop/kernel";
import { connectionReset, SendfileNotAvailableError } from "./exceptions.ts";
import type { StreamProtocol } from "./protocols.ts";
import { isBuffered, Protocol } from "./protocols.ts";
import { SocketTransport } from "./socket-transport.ts";
import type { Transport } from "./transports.ts";

/** Bytes that are read at a time. */
const BLOCK = 64 * 1024;

export interface SendfileOptions {
  /** Where in the file to begin, in bytes. Default: 0. */
  offset?: number | undefined;
  /** How many bytes at most; null: to the end of the file. */
  count?: number | null | undefined;
  /** False: throw a SendfileNotAvailableError, since the system's sendfile(2) cannot be reached. Default: true. */
  fallback?: boolean | undefined;
}

export function* sendfile(
  loop: BaseEventLoop,
  transport: Transport,
  file: string | FileHandle,
  options: SendfileOptions,
): Coroutine<number> {
  const { offset = 0, count = null, fallback = true } = options;
  if (!(transport instanceof SocketTransport)) {
    throw new RuntimeError(
      `sendfile(transport, …): the transport of a connection is required, that of a StreamWriter is writer.transport; got ${describe(transport)}`,
    );
  }
  if (transport.isClosing()) throw new RuntimeError(`sendfile(): ${transport} is closing`);
  checkWhole("offset", offset, 0);
  if (count !== null) checkWhole("count", count, 1);
  if (!fallback) {
    throw new SendfileNotAvailableError(
      "sendfile({ fallback: false }): Node cannot reach the system's sendfile(2); leave fallback out, and the file is read and written",
    );
  }
  if (typeof file !== "string" && typeof file?.read !== "function") {
    throw new TypeError(`sendfile(…, file): a path or a FileHandle is required, got ${describe(file)}`);
  }
  if (typeof file !== "string") return yield* copy(loop, transport, file, offset, count);
  const opened = yield* openFile(loop, file);
  try {
    return yield* copy(loop, transport, opened, offset, count);
  } finally {
    yield* wrapFuture(opened.close(), { loop });
  }
}

/** Cancelled, it leaves no file open. */
function* openFile(loop: BaseEventLoop, path: string): Coroutine<FileHandle> {
  const opening = open(path);
  try {
    return yield* wrapFuture(opening, { loop });
  } catch (error) {
    opening.then(
      (file) => file.close(),
      () => {},
    );
    throw error;
  }
}

function* copy(
  loop: BaseEventLoop,
  transport: SocketTransport,
  file: FileHandle,
  offset: number,
  count: number | null,
): Coroutine<number> {
  const gate = new Gate(loop, transport);
  let sent = 0;
  try {
    for (;;) {
      const size = count === null ? BLOCK : Math.min(BLOCK, count - sent);
      if (size === 0) return sent;
      const block = Buffer.allocUnsafeSlow(size); // the transport keeps it
      const { bytesRead } = yield* wrapFuture(file.read(block, 0, size, offset + sent), { loop });
      if (bytesRead === 0) return sent;
      yield* gate.drain();
      transport.write(block.subarray(0, bytesRead));
      sent += bytesRead;
    }
  } finally {
    gate.remove();
  }
}

/** Stands between a transport and its protocol to see when there is room in the buffer; the protocol gets all calls all the same. */
class Gate extends Protocol {
  readonly #loop: BaseEventLoop;
  readonly #transport: SocketTransport;
  readonly #protocol: StreamProtocol;
  readonly getBuffer?: (sizehint: number) => Uint8Array;
  readonly bufferUpdated?: (nbytes: number) => void;
  #isLost = false;
  #failure: unknown = null;
  #waiter: Future<void> | null = null;

  constructor(loop: BaseEventLoop, transport: SocketTransport) {
    super();
    this.#loop = loop;
    this.#transport = transport;
    const protocol = transport.getProtocol();
    this.#protocol = protocol;
    if (isBuffered(protocol)) {
      this.getBuffer = (sizehint) => protocol.getBuffer(sizehint);
      this.bufferUpdated = (nbytes) => protocol.bufferUpdated(nbytes);
    }
    transport.setProtocol(this);
  }

  /** Until there is room. @throws what broke the connection; code ECONNRESET where it was closed */
  *drain(): Coroutine<void> {
    const [, high] = this.#transport.getWriteBufferLimits();
    // By its size: the protocol may have been told before that it is full. resumeWriting() comes in any case.
    if (this.#transport.getWriteBufferSize() > high && !this.#isLost) {
      this.#waiter = this.#loop.createFuture<void>("room in a transport's buffer, for a file");
      yield* this.#waiter;
    }
    if (this.#failure !== null) throw this.#failure;
    if (this.#transport.isClosing()) {
      throw connectionReset("sendfile(): the connection was closed before the whole file was sent");
    }
  }

  remove(): void {
    if (this.#transport.getProtocol() === (this as Protocol)) this.#transport.setProtocol(this.#protocol);
  }

  #wake(): void {
    if (this.#waiter?.done() === false) this.#waiter.setResult();
  }

  override pauseWriting(): void {
    this.#protocol.pauseWriting();
  }

  override resumeWriting(): void {
    this.#wake();
    this.#protocol.resumeWriting();
  }

  override dataReceived(data: Buffer): void {
    (this.#protocol as Protocol).dataReceived(data);
  }

  override eofReceived(): boolean | void {
    return this.#protocol.eofReceived();
  }

  override connectionLost(error: unknown): void {
    this.#isLost = true;
    this.#failure = error;
    this.#wake();
    this.#protocol.connectionLost(error);
  }
}

function checkWhole(name: string, value: unknown, least: number): void {
  const what = `sendfile({ ${name} }): a whole number of bytes, ${least} or more, is required, got ${describe(value)}`;
  if (typeof value !== "number" || !Number.isInteger(value)) throw new TypeError(what);
  if (value < least) throw new RangeError(what);
}
