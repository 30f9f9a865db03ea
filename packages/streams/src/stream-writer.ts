/** StreamWriter: writes to a transport, and waits for it. CPython: `streams.StreamWriter`. */
import type { BaseEventLoop, Coroutine, Future } from "@aioloop/loop";
import { RuntimeError } from "@aioloop/loop";
import { inspectable } from "@aioloop/loop/kernel";
import type { Manager } from "@aioloop/tasks";
import { wait } from "@aioloop/tasks";
import type { StreamReader } from "./stream-reader.ts";
import type { HandshakeOptions, TlsOptions } from "./tls.ts";
import type { Transport } from "./transports.ts";

/** What a writer needs of its protocol: StreamReaderProtocol, and others with flow control. */
export interface Drainable {
  /** @internal Whether writing is paused, or over. */
  readonly _mustWait: boolean;
  /** @internal */
  _drainHelper(): Coroutine<void>;
  /** @internal */
  readonly _closed: Future<void>;
  /** @internal */
  _startTls?(transport: Transport, ssl: TlsOptions, options: HandshakeOptions): Coroutine<Transport>;
  /** @internal Closes the connection if the writer is let go without being closed. */
  _watch?(writer: StreamWriter): void;
}

/** Let go without being closed it is told of in a warning, and its connection is closed. */
export class StreamWriter implements Manager<StreamWriter> {
  #transport: Transport;
  readonly #protocol: Drainable;
  readonly #reader: StreamReader | null;

  constructor(transport: Transport, protocol: Drainable, reader: StreamReader | null, _loop: BaseEventLoop) {
    this.#transport = transport;
    this.#protocol = protocol;
    this.#reader = reader;
    protocol._watch?.(this);
  }

  get transport(): Transport {
    return this.#transport;
  }

  /** Sends bytes, or buffers them; never waits: `yield* writer.drain()` does. @throws TypeError for text. CPython: `StreamWriter.write`. */
  write(data: Uint8Array): void {
    this.#transport.write(data);
  }

  writelines(list: Iterable<Uint8Array>): void {
    this.#transport.writelines(list);
  }

  /** No more will be written; the other side sees the end of the stream once what is buffered is sent. CPython: `StreamWriter.write_eof`. */
  writeEof(): void {
    this.#transport.writeEof();
  }

  canWriteEof(): boolean {
    return this.#transport.canWriteEof();
  }

  /** Begins to close; what is buffered is sent. Wait for the end with `yield* writer.waitClosed()`. CPython: `StreamWriter.close`. */
  close(): void {
    this.#transport.close();
  }

  isClosing(): boolean {
    return this.#transport.isClosing();
  }

  /** Until the connection is closed. @throws what broke it. CPython: `StreamWriter.wait_closed`. */
  *waitClosed(): Coroutine<void> {
    const closed = this.#protocol._closed;
    yield* wait([closed]);
    closed.result();
  }

  getExtraInfo(name: string, otherwise: unknown = null): unknown {
    return this.#transport.getExtraInfo(name, otherwise);
  }

  /**
   * Waits while the transport's buffer is too full; to be called after writes. Below the high-water mark it does not give way.
   * @throws what broke the connection. CPython: `StreamWriter.drain`.
   */
  *drain(): Coroutine<void> {
    const error = this.#reader?.exception() ?? null;
    if (error !== null) throw error;
    // Lets connectionLost() come, without which a loop that writes and drains would never hear of it.
    if (this.#transport.isClosing()) yield;
    if (this.#protocol._mustWait) yield* this.#protocol._drainHelper();
  }

  /**
   * Goes on over TLS: sends what is buffered, and shakes hands.
   * @throws what the handshake throws, after which the connection is closed. CPython: `StreamWriter.start_tls`.
   */
  *startTls(ssl: TlsOptions = {}, options: HandshakeOptions = {}): Coroutine<void> {
    const replace = this.#protocol._startTls;
    if (replace === undefined) throw new RuntimeError(`startTls(): ${this.#transport} is no connection`);
    yield* this.drain();
    this.#transport = yield* replace.call(this.#protocol, this.#transport, ssl, options);
  }

  *aenter(): Coroutine<this> {
    return this;
  }

  /**
   * Closes, and waits for the end; after a block that failed or was cancelled at once, without what is buffered: a peer that does not
   * read would hold it for ever. What broke the connection is not thrown here.
   */
  *aexit(failure: { error: unknown } | null): Coroutine<void> {
    if (failure === null) this.close();
    else this.#transport.abort();
    try {
      yield* this.waitClosed();
    } catch (error) {
      if (this.#protocol._closed.done() && this.#protocol._closed.exception() === error) return;
      throw error;
    }
  }

  toString(): string {
    return `<StreamWriter transport=${this.#transport}>`;
  }
}

inspectable(StreamWriter);
