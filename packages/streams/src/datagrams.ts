/** Datagrams, over Node's `dgram`. CPython: `create_datagram_endpoint`, `selector_events._SelectorDatagramTransport`. */
import type { RemoteInfo, Socket, SocketOptions } from "node:dgram";
import { createSocket } from "node:dgram";
import type { BaseEventLoop, Coroutine } from "@aioloop/loop";
import { wrapFuture } from "@aioloop/loop";
import { describe, inspectable, leavesLoop } from "@aioloop/loop/kernel";
import type { Address } from "./addresses.ts";
import { resolve } from "./addresses.ts";
import { checkReusePort } from "./listeners.ts";
import type { OpenHandle } from "./open-handles.ts";
import { handleClosed, handleOpened } from "./open-handles.ts";
import type { DatagramProtocol } from "./protocols.ts";
import type { AnyProtocol, DatagramTransport } from "./transports.ts";
import { checkBytes, FlowControl } from "./transports.ts";

/** What a datagram in the buffer counts beside its bytes. */
const HEADER = 8;

export interface DatagramOptions {
  /** Where it is bound; port 0 is any free one. */
  localAddr?: { readonly host: string; readonly port: number } | null | undefined;
  /** The only address that it sends to and receives from. */
  remoteAddr?: { readonly host: string; readonly port: number } | null | undefined;
  /** 4 or 6; default: that of the addresses, else 4. */
  family?: 4 | 6 | undefined;
  /** May send to broadcast addresses. */
  allowBroadcast?: boolean | undefined;
  /** Several sockets may be bound to the port. */
  reuseAddr?: boolean | undefined;
  /** Several sockets may be bound to the port, among which the system shares what comes. Node 22.12 or newer. */
  reusePort?: boolean | undefined;
}

export class UdpTransport extends FlowControl implements DatagramTransport, OpenHandle {
  readonly #socket: Socket;
  #protocol: DatagramProtocol;
  readonly #remote: { readonly host: string; readonly port: number } | null;
  #isClosing = false;
  #isLost = false;
  #buffered = 0;

  constructor(
    loop: BaseEventLoop,
    socket: Socket,
    protocol: DatagramProtocol,
    remote: { readonly host: string; readonly port: number } | null,
  ) {
    super(loop);
    this.#socket = socket;
    this.#protocol = protocol;
    this.#remote = remote;
    socket.on("message", (data, from) => this.#soon(() => this.#deliver(data, from)));
    socket.on("error", (error) => this.#soon(() => this.#errorReceived(error)));
    socket.on("close", () => this.#soon(() => this.#onClose()));
    handleOpened(loop, this);
    this.#soon(() => this.#protocol.connectionMade(this));
  }

  #soon(call: () => void): void {
    if (!this._loop.isClosed()) this._loop.callSoon(call);
  }

  #deliver(data: Buffer, from: RemoteInfo): void {
    if (this.#isClosing) return;
    try {
      this.#protocol.datagramReceived(data, { host: from.address, port: from.port });
    } catch (exception) {
      if (leavesLoop(exception)) throw exception;
      // One bad datagram does not end a server.
      const message = "protocol.datagramReceived() failed";
      this._loop.callExceptionHandler({ message, exception, transport: this, protocol: this.#protocol });
    }
  }

  #errorReceived(error: unknown): void {
    if (!this.#isClosing) this.#protocol.errorReceived(error);
  }

  /** @throws TypeError for what is no bytes, RangeError for another address than the remote one */
  sendto(data: Uint8Array, address: Address | null = null): void {
    checkBytes("sendto(data, address)", data);
    const to = this.#destination(address);
    if (this.#isClosing) {
      this.warnOfLost("sendto()");
      return;
    }
    const copy = Buffer.from(data); // the caller's buffer is the caller's again
    const size = copy.length + HEADER;
    const sent = (error: Error | null) => {
      this.#buffered -= size;
      if (this.#isLost) return;
      this.#soon(() => {
        if (error !== null) this.#errorReceived(error);
        this.maybeResumeProtocol();
      });
      if (this.#isClosing && this.#buffered === 0) this.#socket.close();
    };
    if (to === null) this.#socket.send(copy, sent);
    else this.#socket.send(copy, to.port, to.host, sent);
    this.#buffered += size; // not for what Node refuses at once
    this.maybePauseProtocol();
  }

  #destination(address: Address | null): { readonly host: string; readonly port: number } | null {
    const remote = this.#remote;
    if (remote !== null) {
      const isOther =
        address !== null &&
        (typeof address === "string" || address.host !== remote.host || address.port !== remote.port);
      if (isOther) {
        throw new RangeError(
          `sendto(data, address): the transport sends to ${remote.host}:${remote.port} only, got ${JSON.stringify(address)}`,
        );
      }
      return null;
    }
    if (address === null || typeof address === "string") {
      throw new TypeError(
        `sendto(data, address): an address { host, port } is required where the transport has no remoteAddr, got ${describe(address)}`,
      );
    }
    return address;
  }

  getWriteBufferSize(): number {
    return this.#buffered;
  }

  isClosing(): boolean {
    return this.#isClosing;
  }

  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (this.#buffered === 0) this.#socket.close();
  }

  abort(): void {
    if (this.#isLost) return;
    const wasWaiting = !this.#isClosing || this.#buffered > 0;
    this.#isClosing = true;
    this.#buffered = 0;
    if (wasWaiting) this.#socket.close();
  }

  #onClose(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    handleClosed(this._loop, this);
    this.#protocol.connectionLost(null);
  }

  /** @internal What is on its way is sent. */
  _loopClosed(): void {
    this.close();
  }

  getExtraInfo(name: string, otherwise: unknown = null): unknown {
    if (name === "socket") return this.#socket;
    if (name === "peername") return this.#remote ?? otherwise;
    if (name !== "sockname" || this.#isLost) return otherwise;
    const { address, port } = this.#socket.address();
    return { host: address, port };
  }

  setProtocol(protocol: AnyProtocol): void {
    this.#protocol = protocol as DatagramProtocol;
  }

  getProtocol(): DatagramProtocol {
    return this.#protocol;
  }

  override toString(): string {
    return `<UdpTransport ${this.#isLost ? "closed" : this.#isClosing ? "closing" : "open"}>`;
  }
}

inspectable(UdpTransport);

export function* createDatagramEndpoint<P extends DatagramProtocol>(
  loop: BaseEventLoop,
  protocolFactory: () => P,
  options: DatagramOptions,
): Coroutine<[UdpTransport, P]> {
  const { localAddr = null, remoteAddr = null, allowBroadcast = false } = options;
  const { reuseAddr = false, reusePort = false } = options;
  if (reusePort) checkReusePort("createDatagramEndpoint({ reusePort })");
  const local = localAddr === null ? null : yield* first(loop, localAddr, options.family);
  const remote = remoteAddr === null ? null : yield* first(loop, remoteAddr, options.family);
  const family = options.family ?? remote?.family ?? local?.family ?? 4;
  const socketOptions: SocketOptions = {
    type: family === 4 ? "udp4" : "udp6",
    reuseAddr,
    ...(reusePort && { reusePort }),
  };
  const socket = createSocket(socketOptions);
  let protocol: P;
  try {
    yield* event(loop, socket, (done) =>
      local === null ? socket.bind(0, done) : socket.bind(local.port, local.host, done),
    );
    if (remote !== null) yield* event(loop, socket, (done) => socket.connect(remote.port, remote.host, done));
    if (allowBroadcast) socket.setBroadcast(true);
    protocol = protocolFactory();
  } catch (error) {
    socket.close();
    throw error;
  }
  const transport = new UdpTransport(loop, socket, protocol, remote);
  yield; // connectionMade() comes first
  return [transport, protocol];
}

function* first(
  loop: BaseEventLoop,
  address: { readonly host: string; readonly port: number },
  family: 4 | 6 | undefined,
): Coroutine<{ family: 4 | 6; host: string; port: number }> {
  if (typeof address !== "object" || typeof address.host !== "string") {
    throw new TypeError(
      `createDatagramEndpoint({ localAddr, remoteAddr }): an address { host, port } is required, got ${describe(address)}`,
    );
  }
  const [record] = yield* wrapFuture(resolve(address.host, address.port, family ?? 0), { loop });
  return record as { family: 4 | 6; host: string; port: number };
}

/** Until Node calls back, or the socket fails. */
function* event(loop: BaseEventLoop, socket: Socket, begin: (done: () => void) => unknown): Coroutine<void> {
  const future = loop.createFuture<void>("a datagram socket");
  const onError = (error: Error) => {
    if (!future.done()) future.setException(error);
  };
  socket.once("error", onError);
  begin(() => {
    if (!future.done()) future.setResult();
  });
  try {
    yield* future;
  } finally {
    socket.off("error", onError);
  }
}
