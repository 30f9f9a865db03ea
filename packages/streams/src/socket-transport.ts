/**
 * The transport over a socket of Node's: TCP, Unix or TLS. CPython: `selector_events._SelectorSocketTransport`.
 *
 *      connectionMade ── start reading ── the one who waits for the connection        three calls, one after the other
 *
 * Node's events come between the loop's turns; what they bring is put into the next turn, in their order, so that a protocol is
 * called in turns only. Node buffers what cannot be sent at once, and `writableLength` is the size of that.
 */
import type { Socket } from "node:net";
import type { BaseEventLoop, Callback, Context, Future, TimerHandle } from "@aioloop/loop";
import { copyContext, logger, RuntimeError, TimeoutError } from "@aioloop/loop";
import { handleOf, inspectable, leavesLoop } from "@aioloop/loop/kernel";
import { receive, unreceive } from "./arrivals.ts";
import { brokenPipe } from "./exceptions.ts";
import type { StreamProtocol } from "./protocols.ts";
import { isBuffered } from "./protocols.ts";
import type { AnyProtocol, ExtraInfo, Transport } from "./transports.ts";
import { checkBytes, FlowControl, refuseWrite } from "./transports.ts";

/** After so many writes to a connection that is lost a warning is logged. CPython: `constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES`. */
const LOST_WRITES_TO_WARN = 5;

/** Seconds. CPython: `constants.SSL_SHUTDOWN_TIMEOUT`. */
const SHUTDOWN_TIMEOUT = 30;

/** Bytes that came at once, with more behind them, perhaps. */
const LARGE = 32 * 1024;

const NOTHING = Buffer.alloc(0);

/** Whose clients are counted: a Server. */
export interface Attachable {
  _attach(transport: SocketTransport): void;
  _detach(transport: SocketTransport): void;
}

export interface SocketTransportOptions {
  /** Told when the protocol has been. */
  waiter?: Future<void> | null;
  extra?: ExtraInfo;
  server?: Attachable | null;
  /** Over TLS one side cannot be closed alone. */
  isTls?: boolean;
  /** Over TLS: seconds for the other side to close as well. Default: 30. */
  shutdownTimeout?: number | undefined;
  /** False: the protocol has a transport already, in whose place this one is put. */
  announces?: boolean;
}

export class SocketTransport extends FlowControl implements Transport {
  readonly #socket: Socket;
  readonly #context: Context = copyContext();
  /** What is called in turns of the loop. */
  readonly #on = {
    begin: (): void => this.#begin(),
    deliver: (data: Buffer | null): void => this.#deliver(data),
    giveHeld: (): void => this.#giveHeld(),
    resume: (): void => this.maybeResumeProtocol(),
    error: (error: NodeJS.ErrnoException): void => this.#onError(error),
    close: (): void => this.#onClose(),
  };
  readonly #extra: ExtraInfo;
  readonly #server: Attachable | null;
  readonly #isTls: boolean;
  readonly #shutdownTimeout: number;
  #protocol: StreamProtocol;
  #isClosing = false;
  #isPaused = false;
  #hasWrittenEof = false;
  #isLost = false;
  #lostWrites = 0;
  #failure: unknown = null;
  /** What came before the protocol's pauseReading() was known below: bytes, null for the end of the stream. */
  #held: (Buffer | null)[] = [];
  #isClosedBelow = false;
  /** Over TLS, between close() and the end of the other side. */
  #shutdownTimer: TimerHandle | null = null;
  /** An empty write is under way, whose end tells that what was before it has been sent. */
  #isMarked = false;

  constructor(
    loop: BaseEventLoop,
    socket: Socket,
    protocol: StreamProtocol,
    options: SocketTransportOptions = {},
  ) {
    super(loop);
    this.#socket = socket;
    this.#protocol = protocol;
    this.#server = options.server ?? null;
    this.#extra = { socket, ...addressesOf(socket), ...options.extra };
    socket.on("error", (error) => this.#soon(this.#on.error, error));
    socket.on("close", () => this.#soon(this.#on.close, null));
    // At once, since Node throws away what comes while nobody listens; deliver() is called after begin().
    receive(socket, (data) => this.#arrived(data));
    socket.on("end", () => this.#soon(this.#on.deliver, null));
    socket.once("finish", () => this.#soon(this.#on.resume, null));
    this.#server?._attach(this);
    const { waiter = null } = options;
    this.#isTls = options.isTls === true;
    this.#shutdownTimeout = options.shutdownTimeout ?? SHUTDOWN_TIMEOUT;
    if (options.announces !== false) this.#soon(this.#on.begin, null);
    if (waiter !== null) {
      this.#soon(() => {
        if (!waiter.done()) waiter.setResult();
      }, null);
    }
    if (socket.closed) {
      // It was reset before anybody listened.
      this.#failure = socket.errored;
      this.#soon(this.#on.close, null);
    }
  }

  /** In a turn of the loop, in the context in which the transport was made. Made by hand, without a closure: this is each chunk's way. */
  #soon(callback: (value: never) => void, value: unknown): void {
    const loop = this._loop;
    if (loop.isClosed()) {
      this.#socket.destroy();
      return;
    }
    loop._enqueueArrival(handleOf(callback as Callback<[unknown]>, value, loop, this.#context));
  }

  #arrived(data: Buffer): void {
    this.#soon(this.#on.deliver, data);
    // Node reads on as long as there is as much; who wants no more is to say so now.
    if (data.length >= LARGE) this._loop._wakeNow();
  }

  #begin(): void {
    try {
      this.#protocol.connectionMade(this);
    } catch (error) {
      this.#fatal(error, "Fatal error: protocol.connectionMade() call failed.");
    }
  }

  // ---- reading

  isReading(): boolean {
    return !this.#isPaused && !this.#isClosing;
  }

  pauseReading(): void {
    if (this.#isClosing || this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resumeReading(): void {
    if (this.#isClosing || !this.#isPaused) return;
    this.#isPaused = false;
    if (this.#held.length > 0) this.#soon(this.#on.giveHeld, null);
    this.#socket.resume();
  }

  /** Bytes, or null for the end. */
  #deliver(data: Buffer | null): void {
    if (this.#isClosing) {
      if (data === null && this.#shutdownTimer !== null) this.#socket.destroySoon();
      return;
    }
    // Behind what is held, also when reading goes on: in the order in which it came.
    if (this.#isPaused || this.#held.length > 0) {
      this.#held.push(data);
      if (this.#isPaused) this.#socket.pause(); // Node resumes the pipes of a child that has ended
    } else this.#give(data);
  }

  #giveHeld(): void {
    while (!this.#isPaused && !this.#isClosing && this.#held.length > 0) {
      this.#give(this.#held.shift() as Buffer | null);
    }
    if (this.#isClosedBelow && this.#held.length === 0) this.#onClose();
  }

  #give(data: Buffer | null): void {
    if (data === null) this.#deliverEof();
    else this.#deliverData(data);
  }

  #deliverData(data: Buffer): void {
    const protocol = this.#protocol;
    if (isBuffered(protocol)) {
      this.#deliverInto(protocol, data);
      return;
    }
    try {
      protocol.dataReceived(data);
    } catch (error) {
      this.#fatal(error, "Fatal error: protocol.dataReceived() call failed.");
    }
  }

  #deliverInto(protocol: Extract<StreamProtocol, { getBuffer: unknown }>, data: Buffer): void {
    let call = "getBuffer";
    try {
      for (let start = 0; start < data.length; ) {
        call = "getBuffer";
        const buffer = protocol.getBuffer(data.length - start);
        if (!(buffer instanceof Uint8Array) || buffer.length === 0) {
          throw new RangeError("getBuffer() must return a Uint8Array that is not empty");
        }
        const part = data.subarray(start, start + buffer.length);
        buffer.set(part);
        start += part.length;
        call = "bufferUpdated";
        protocol.bufferUpdated(part.length);
      }
    } catch (error) {
      this.#fatal(error, `Fatal error: protocol.${call}() call failed.`);
    }
  }

  #deliverEof(): void {
    let isKept: boolean | void;
    try {
      isKept = this.#protocol.eofReceived();
    } catch (error) {
      this.#fatal(error, "Fatal error: protocol.eofReceived() call failed.");
      return;
    }
    if (isKept !== true || this.#isTls) this.close();
  }

  // ---- writing

  getWriteBufferSize(): number {
    return this.#socket.writableLength;
  }

  write(data: Uint8Array): void {
    checkBytes("write(data)", data);
    if (this.#hasWrittenEof) refuseWrite();
    if (data.length === 0) return;
    if (this.#isLost || this.#isClosing) {
      this.#lostWrites += 1;
      if (this.#lostWrites === LOST_WRITES_TO_WARN) {
        logger.warning(`write() to a connection that is lost, ${LOST_WRITES_TO_WARN} times: ${this}`);
      }
      return;
    }
    this.#socket.write(data);
    if (this.#socket.writableLength > 0) this.#watchBuffer();
  }

  writelines(list: Iterable<Uint8Array>): void {
    this.#socket.cork();
    try {
      for (const data of list) this.write(data);
    } finally {
      this.#socket.uncork();
    }
  }

  /** Not all could be sent at once. */
  #watchBuffer(): void {
    this.maybePauseProtocol();
    if (this.#isMarked) return;
    this.#isMarked = true;
    this.#socket.write(NOTHING, (error) => {
      this.#isMarked = false;
      if (error != null) {
        // Not all was sent: connectionLost() says so, and not resumeWriting(). A child that ends has its stdin closed without an error.
        if (!this.#isClosing) this.#failure ??= brokenPipe("the other side has closed the connection");
        return;
      }
      if (this.#isLost) return;
      this.#soon(this.#on.resume, null);
      if (this.#socket.writableLength > 0 && !this.#hasWrittenEof && !this.#isClosing) this.#watchBuffer();
    });
  }

  canWriteEof(): boolean {
    return !this.#isTls;
  }

  writeEof(): void {
    if (this.#isTls) {
      throw new RuntimeError(
        "writeEof(): TLS cannot close one side of a connection alone; see canWriteEof()",
      );
    }
    if (this.#isClosing || this.#hasWrittenEof) return;
    this.#hasWrittenEof = true;
    this.#socket.end();
  }

  // ---- the end

  isClosing(): boolean {
    return this.#isClosing;
  }

  close(): void {
    if (this.#isClosing) return;
    // Over TLS the end is a message, which is to be sent.
    if (!this.#isTls && this.#socket.writableLength === 0) {
      this.#forceClose(null);
      return;
    }
    this.#isClosing = true;
    this.#held = [];
    if (this.#isTls && !this.#socket.readableEnded) this.#shutDown();
    else {
      this.#socket.pause();
      this.#socket.destroySoon();
    }
  }

  /**
   * Reads on until the other side has closed as well: a socket that is closed with bytes unread, and be it TLS's own, is reset, and
   * what the other side has not read yet is lost. CPython: `sslproto.SSLProtocol._start_shutdown`.
   */
  #shutDown(): void {
    const seconds = this.#shutdownTimeout;
    this.#shutdownTimer = this._loop.callLater(seconds, () =>
      this.#forceClose(new TimeoutError(`the other side did not close TLS within ${seconds} seconds`)),
    );
    this.#socket.end();
    this.#socket.resume();
  }

  abort(): void {
    this.#forceClose(null);
  }

  #forceClose(failure: unknown): void {
    if (this.#isLost) return;
    this.#failure ??= failure;
    this.#isClosing = true;
    this.#held = [];
    this.#socket.destroy();
    this.#soon(this.#on.close, null); // Node's own event takes some turns
  }

  #onError(error: NodeJS.ErrnoException): void {
    if (this._loop.getDebug()) logger.debug(`${this}: ${error.message}`);
    this.#forceClose(error);
  }

  /** What a protocol throws is reported, and ends the connection. CPython: `_SelectorTransport._fatal_error`. */
  #fatal(exception: unknown, message: string): void {
    if (leavesLoop(exception)) throw exception;
    this._loop.callExceptionHandler({ message, exception, transport: this, protocol: this.#protocol });
    this.#forceClose(exception);
  }

  #onClose(): void {
    if (this.#isLost) return;
    if (!this.#isClosing && this.#failure === null && this.#held.length > 0) {
      this.#isClosedBelow = true; // the protocol has paused, and gets what came before first
      return;
    }
    this.#isLost = true;
    this.#isClosing = true;
    this.#shutdownTimer?.cancel();
    try {
      this.#protocol.connectionLost(this.#failure);
    } finally {
      this.#server?._detach(this);
    }
  }

  /** @internal Gives the socket away, with what was not delivered yet; the protocol is told nothing. For start-tls. */
  _release(): Socket {
    const socket = this.#socket;
    socket.pause();
    unreceive(socket);
    for (const event of ["end", "error", "close"]) socket.removeAllListeners(event);
    for (const held of this.#held.splice(0).reverse()) if (held !== null) socket.unshift(held);
    this.#isLost = true;
    this.#isClosing = true;
    this.#server?._detach(this);
    return socket;
  }

  /** @internal */
  get _server(): Attachable | null {
    return this.#server;
  }

  // ---- what it is

  getExtraInfo(name: string, otherwise: unknown = null): unknown {
    return this.#extra[name] ?? otherwise;
  }

  setProtocol(protocol: AnyProtocol): void {
    this.#protocol = protocol as StreamProtocol;
  }

  getProtocol(): StreamProtocol {
    return this.#protocol;
  }

  override toString(): string {
    const state = this.#isLost ? "closed" : this.#isClosing ? "closing" : this.#isPaused ? "paused" : "open";
    return `<SocketTransport ${state} ${JSON.stringify(this.#extra["peername"] ?? null)} buffered=${this.getWriteBufferSize()}>`;
  }
}

inspectable(SocketTransport);

function addressesOf(socket: Socket): ExtraInfo {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  return {
    ...(localAddress !== undefined && { sockname: { host: localAddress, port: localPort } }),
    ...(remoteAddress !== undefined && { peername: { host: remoteAddress, port: remotePort } }),
  };
}
