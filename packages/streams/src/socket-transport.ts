/**
 * The transport over a socket of Node's: TCP, Unix or TLS. CPython: `selector_events._SelectorSocketTransport`.
 *
 *      connectionMade ── start reading ── the one who waits for the connection        three calls, one after the other
 *
 * Node's events come between the loop's turns; what they bring is put into the next turn, in their order, so that a protocol is
 * called in turns only. Writing is WritableFlow's.
 */
import type { Socket } from "node:net";
import type { BaseEventLoop, Future } from "@aioloop/loop";
import { logger, RuntimeError } from "@aioloop/loop";
import { inspectable } from "@aioloop/loop/kernel";
import { receive, unreceive } from "./arrivals.ts";
import type { Deliverer } from "./delivery.ts";
import { deliverInto, reportFatal } from "./delivery.ts";
import type { Arrival } from "./inflow.ts";
import { Inflow } from "./inflow.ts";
import type { OpenHandle } from "./open-handles.ts";
import { handleClosed, handleOpened } from "./open-handles.ts";
import type { StreamProtocol } from "./protocols.ts";
import { isBuffered } from "./protocols.ts";
import { SHUTDOWN_TIMEOUT, TlsShutdown } from "./tls-shutdown.ts";
import type { ExtraInfo, Transport } from "./transports.ts";
import { dataInTurn } from "./turns.ts";
import { WritableFlow } from "./writable-flow.ts";

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

export class SocketTransport
  extends WritableFlow<Socket, StreamProtocol>
  implements Transport, Deliverer, OpenHandle
{
  readonly #extra: ExtraInfo;
  readonly #server: Attachable | null;
  readonly #isTls: boolean;
  readonly #shutdownTimeout: number;
  readonly #inflow: Inflow;
  /** Made once: this is each chunk's way. */
  readonly #deliver = (arrival: Arrival): void => this.#onArrival(arrival);
  /** The socket has closed, and the protocol, which has paused, gets what came before first. */
  #isClosedBelow = false;
  /** Over TLS, from close() on. */
  #shutdown: TlsShutdown | null = null;

  constructor(
    loop: BaseEventLoop,
    socket: Socket,
    protocol: StreamProtocol,
    options: SocketTransportOptions = {},
  ) {
    super(loop, socket, protocol);
    this.#inflow = new Inflow(socket);
    this.#server = options.server ?? null;
    this.#extra = { socket, ...addressesOf(socket), ...options.extra };
    this.#isTls = options.isTls === true;
    this.#shutdownTimeout = options.shutdownTimeout ?? SHUTDOWN_TIMEOUT;
    handleOpened(loop, this);
    this.#server?._attach(this);
    this.#listen(socket);
    const { waiter = null } = options;
    if (options.announces !== false) this.soon(() => this.#begin());
    if (waiter !== null) {
      this.soon(() => {
        if (!waiter.done()) waiter.setResult();
      });
    }
    if (socket.closed) {
      // It was reset before anybody listened.
      this.failure = socket.errored;
      this.#loseSoon();
    }
  }

  #listen(socket: Socket): void {
    socket.on("error", (error) => this.soon(() => this.#onError(error)));
    socket.on("close", () => this.#loseSoon());
    // At once, since Node throws away what comes while nobody listens; it is delivered after #begin().
    receive(socket, (data) => dataInTurn(this._loop, this.context, this.#deliver, data));
    socket.on("end", () => this.soon(this.#deliver));
    socket.once("finish", () => this.resumeSoon());
  }

  #begin(): void {
    try {
      this.protocol.connectionMade(this);
    } catch (error) {
      this._protocolFailed(error, "connectionMade");
    }
  }

  // ---- reading

  isReading(): boolean {
    return !this.#inflow.isPaused && !this.isEnding;
  }

  pauseReading(): void {
    if (!this.isEnding) this.#inflow.pause();
  }

  resumeReading(): void {
    if (!this.isEnding && this.#inflow.resume()) this.soon(() => this.#giveHeld());
  }

  #giveHeld(): void {
    this.#inflow.giveHeld((arrival) => this.#give(arrival));
    if (this.#isClosedBelow && this.#inflow.isEmpty) this.#lose();
  }

  #onArrival(arrival: Arrival): void {
    if (this.isEnding) {
      if (arrival === null) this.#shutdown?.finish();
    } else if (!this.#inflow.holds(arrival)) this.#give(arrival);
  }

  #give(arrival: Arrival): void {
    const { protocol } = this;
    if (arrival === null) this.#giveEnd();
    else if (isBuffered(protocol)) deliverInto(protocol, arrival, this);
    else {
      try {
        protocol.dataReceived(arrival);
      } catch (error) {
        this._protocolFailed(error, "dataReceived");
      }
    }
  }

  #giveEnd(): void {
    try {
      const isKept = this.protocol.eofReceived() === true;
      if (isKept && !this.#isTls) return;
    } catch (error) {
      this._protocolFailed(error, "eofReceived");
      return;
    }
    this.close();
  }

  // ---- writing

  override canWriteEof(): boolean {
    return !this.#isTls;
  }

  override writeEof(): void {
    if (this.#isTls) {
      throw new RuntimeError(
        "writeEof(): TLS cannot close one side of a connection alone; see canWriteEof()",
      );
    }
    super.writeEof();
  }

  // ---- the end

  close(): void {
    if (this.isEnding) return;
    const socket = this.writable;
    if (!this.#isTls && this.getWriteBufferSize() === 0) {
      this.#forceClose(null);
      return;
    }
    this.isEnding = true;
    this.#inflow.clear();
    if (this.#isTls && !socket.readableEnded) {
      const fail = (error: unknown) => this.#forceClose(error);
      this.#shutdown = new TlsShutdown(this._loop, socket, this.#shutdownTimeout, fail);
    } else {
      socket.pause();
      socket.destroySoon();
    }
  }

  abort(): void {
    this.#forceClose(null);
  }

  #forceClose(failure: unknown): void {
    if (this.isLost) return;
    this.failure ??= failure;
    this.isEnding = true;
    this.#inflow.clear();
    this.writable.destroy();
    this.#loseSoon(); // Node's own event takes some turns
  }

  #onError(error: NodeJS.ErrnoException): void {
    if (this._loop.getDebug()) logger.debug(`${this}: ${error.message}`);
    this.#forceClose(error);
  }

  /** @internal */
  _protocolFailed(exception: unknown, call: string): void {
    reportFatal(this._loop, this, exception, call);
    this.#forceClose(exception);
  }

  #loseSoon(): void {
    this.soon(() => this.#lose());
  }

  #lose(): void {
    if (this.isLost) return;
    if (!this.isEnding && this.failure === null && !this.#inflow.isEmpty) {
      this.#isClosedBelow = true;
      return;
    }
    this.#leave();
    try {
      this.protocol.connectionLost(this.failure);
    } finally {
      this.#server?._detach(this);
    }
  }

  #leave(): void {
    this.isLost = true;
    this.isEnding = true;
    this.#shutdown?.cancel();
    handleClosed(this._loop, this);
  }

  /** @internal */
  _loopClosed(): void {
    this.writable.destroy();
  }

  /** @internal Gives the socket away, with what was not delivered yet; the protocol is told nothing. For start-tls. */
  _release(): Socket {
    const socket = this.writable;
    socket.pause();
    unreceive(socket);
    for (const event of ["end", "error", "close"]) socket.removeAllListeners(event);
    this.#inflow.giveBack();
    this.#leave();
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

  override toString(): string {
    const { isPaused } = this.#inflow;
    const state = this.isLost ? "closed" : this.isEnding ? "closing" : isPaused ? "paused" : "open";
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
