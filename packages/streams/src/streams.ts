/**
 * The protocol between a transport and a pair of StreamReader and StreamWriter. CPython: `streams`.
 *
 *      transport ──dataReceived──► StreamReaderProtocol ──feedData──► StreamReader ──read()──► coroutine
 *      transport ◄──write()─────── StreamWriter ◄─────────────────────────────────── write() ── coroutine
 *          └──pauseWriting, resumeWriting──► FlowControlMixin ◄────────────────────── drain() ── coroutine
 */
import type { BaseEventLoop, Coroutine, Future } from "@aioloop/loop";
import { getEventLoop, iscoroutine, wrapFuture } from "@aioloop/loop";
import { Failed, isThenable } from "@aioloop/loop/kernel";
import { startTls } from "./connections.ts";
import { connectionReset } from "./exceptions.ts";
import { Protocol } from "./protocols.ts";
import type { StreamReader } from "./stream-reader.ts";
import { StreamWriter } from "./stream-writer.ts";
import type { HandshakeOptions, TlsOptions } from "./tls.ts";
import type { Transport } from "./transports.ts";
import type { Watchable } from "./unclosed.ts";
import { unwatch, watchWriter } from "./unclosed.ts";

/** What `startServer` calls for each connection: a plain function, or one that gives a coroutine or a promise. */
export type ClientConnected = (reader: StreamReader, writer: StreamWriter) => unknown;

/** Lets coroutines wait while the transport's buffer is full. CPython: `streams.FlowControlMixin`. */
export class FlowControlMixin extends Protocol {
  protected readonly loop: BaseEventLoop;
  #isPaused = false;
  #isLost = false;
  readonly #waiters: Set<Future<void>> = new Set();

  constructor(loop: BaseEventLoop | null = null) {
    super();
    this.loop = loop ?? getEventLoop();
  }

  override pauseWriting(): void {
    this.#isPaused = true;
  }

  override resumeWriting(): void {
    this.#isPaused = false;
    for (const waiter of this.#waiters) if (!waiter.done()) waiter.setResult();
  }

  override connectionLost(error: unknown): void {
    this.#isLost = true;
    if (!this.#isPaused) return;
    for (const waiter of this.#waiters) {
      if (waiter.done()) continue;
      if (error === null) waiter.setResult();
      else waiter.setException(error);
    }
  }

  /** @internal Whether _drainHelper() would wait, or throw. */
  get _mustWait(): boolean {
    return this.#isPaused || this.#isLost;
  }

  /** @internal CPython: `FlowControlMixin._drain_helper`. */
  *_drainHelper(): Coroutine<void> {
    if (this.#isLost) throw connectionReset("drain(): the connection is lost");
    if (!this.#isPaused) return;
    const waiter = this.loop.createFuture<void>("room in a transport's buffer");
    this.#waiters.add(waiter);
    try {
      yield* waiter;
    } finally {
      this.#waiters.delete(waiter);
    }
  }
}

/** CPython: `streams.StreamReaderProtocol`. */
export class StreamReaderProtocol extends FlowControlMixin implements Watchable {
  /** Null once its writer was let go without being closed: from then on it is held weakly. */
  #reader: StreamReader | null;
  #weakReader: WeakRef<StreamReader> | null = null;
  readonly #clientConnected: ClientConnected | null;
  #transport: Transport | null = null;
  #isOverTls = false;
  readonly #closed: Future<void>;

  constructor(
    reader: StreamReader,
    clientConnected: ClientConnected | null = null,
    loop: BaseEventLoop | null = null,
  ) {
    super(loop);
    this.#reader = reader;
    this.#clientConnected = clientConnected;
    this.#closed = this.loop.createFuture<void>("the end of a connection");
  }

  override connectionMade(transport: Transport): void {
    const reader = this.#reader as StreamReader; // there was no writer yet
    this.#transport = transport;
    reader.setTransport(transport);
    this.#isOverTls = transport.getExtraInfo("sslcontext", null) !== null;
    if (this.#clientConnected === null) return;
    const writer = new StreamWriter(transport, this, reader, this.loop);
    const handled = this.#clientConnected(reader, writer);
    if (iscoroutine(handled)) this.#watch(this.loop.createTask(handled) as Future<unknown>, transport);
    else if (isThenable(handled)) this.#watch(wrapFuture(handled, { loop: this.loop }), transport);
  }

  /** What a handler throws is nobody else's to see: it is reported, and the connection closed. */
  #watch(handler: Future<unknown>, first: Transport): void {
    handler.addDoneCallback(() => {
      const transport = this.#transport ?? first; // there may be another by now, or none
      if (handler.cancelled()) {
        transport.close();
        return;
      }
      if (handler._state !== Failed) return; // not by its exception, which may be null
      const exception = handler.exception();
      this.loop.callExceptionHandler({
        message: "Unhandled exception in the handler of a connection (startServer)",
        exception,
        transport,
      });
      transport.close();
    });
  }

  /** @internal Puts another transport below. */
  *_startTls(transport: Transport, ssl: TlsOptions, options: HandshakeOptions): Coroutine<Transport> {
    const serverSide = this.#clientConnected !== null;
    const reader = this.#readerThere() as StreamReader; // the writer, which waits for this, holds it
    const secure = yield* startTls(this.loop, transport, this, ssl, { ...options, serverSide }, () =>
      reader._takeAll(),
    );
    this.#transport = secure;
    this.#isOverTls = true;
    reader._replaceTransport(secure);
    return secure;
  }

  #readerThere(): StreamReader | null {
    return this.#reader ?? this.#weakReader?.deref() ?? null;
  }

  override dataReceived(data: Buffer): void {
    this.#readerThere()?.feedData(data);
  }

  /** Keeps the side that writes open, which TLS cannot. */
  override eofReceived(): boolean {
    this.#readerThere()?.feedEof();
    return !this.#isOverTls;
  }

  override connectionLost(error: unknown): void {
    unwatch(this);
    if (error === null) this.#readerThere()?.feedEof();
    else this.#readerThere()?.setException(error);
    if (!this.#closed.done()) {
      if (error === null) this.#closed.setResult();
      else {
        this.#closed.setException(error);
        this.#closed.exception(); // who waits for the end is told; nobody has to
      }
    }
    super.connectionLost(error);
    this.#transport = null;
  }

  /** @internal */
  get _closed(): Future<void> {
    return this.#closed;
  }

  // ---- for a writer that is let go without being closed

  /** @internal */
  _watch(writer: StreamWriter): void {
    watchWriter(writer, this, this.loop);
  }

  /** @internal Another protocol may have taken the transport over: it is that one's to close. */
  _unclosed(): string | null {
    const transport = this.#transport;
    if (transport === null || transport.isClosing() || transport.getProtocol() !== this) return null;
    return `<StreamWriter transport=${transport}>`;
  }

  /** @internal */
  _loosenReader(): StreamReader | null {
    if (this.#reader !== null) {
      this.#weakReader = new WeakRef(this.#reader);
      this.#reader = null;
    }
    return this.#readerThere();
  }

  /** @internal */
  _closeTransport(): void {
    this.#transport?.close();
  }
}
