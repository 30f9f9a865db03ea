/** EventLoop: the host loop on Node, with connections and servers. CPython: `unix_events.SelectorEventLoop`. */
import type { FileHandle } from "node:fs/promises";
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import type { Callback, Coroutine } from "@aioloop/loop";
import { wrapFuture } from "@aioloop/loop";
import { HostEventLoop } from "@aioloop/tasks";
import type { AddressRecord, Family } from "./addresses.ts";
import { nameOf, resolve } from "./addresses.ts";
import type { SubprocessOptions } from "./children.ts";
import { subprocessExec, subprocessShell } from "./children.ts";
import type {
  AcceptedSocketOptions,
  ConnectionOptions,
  ServerOptions,
  StartTlsOptions,
  UnixConnectionOptions,
} from "./connections.ts";
import {
  checkPath,
  connectAcceptedSocket,
  createConnection,
  createServer,
  createUnixConnection,
  placesOf,
  removeStaleSocket,
  startTls,
} from "./connections.ts";
import type { DatagramOptions } from "./datagrams.ts";
import { createDatagramEndpoint } from "./datagrams.ts";
import { closeHandles } from "./open-handles.ts";
import { connectReadPipe, connectWritePipe } from "./pipes.ts";
import type {
  BaseProtocol,
  DatagramProtocol,
  Protocol,
  StreamProtocol,
  SubprocessProtocol,
} from "./protocols.ts";
import type { SendfileOptions } from "./sendfile.ts";
import { sendfile } from "./sendfile.ts";
import type { Server } from "./server.ts";
import type { Signal } from "./signals.ts";
import { SignalHandlers } from "./signals.ts";
import type { TlsOptions } from "./tls.ts";
import type {
  DatagramTransport,
  ReadTransport,
  SubprocessTransport,
  Transport,
  WriteTransport,
} from "./transports.ts";

export class EventLoop extends HostEventLoop {
  readonly #signals: SignalHandlers = new SignalHandlers(this);
  /** To be closed with the loop. */
  readonly #servers: Set<Server> = new Set();

  /**
   * Connects to a host by TCP; the protocol's connectionMade() has been called when it returns. With a `sock`, which is connected
   * already and is the transport's from then on, host and port are null.
   * @throws Node's error with its code (ECONNREFUSED, ENOTFOUND, …). CPython: `BaseEventLoop.create_connection`.
   */
  createConnection<P extends StreamProtocol>(
    protocolFactory: () => P,
    host: string | null,
    port: number | null,
    options: ConnectionOptions = {},
  ): Coroutine<[Transport, P]> {
    return createConnection(this, protocolFactory, host, port, options);
  }

  /** Connects to a Unix socket, or a named pipe of Windows; with a `sock` the path is null. CPython: `create_unix_connection`. */
  createUnixConnection<P extends StreamProtocol>(
    protocolFactory: () => P,
    path: string | null,
    options: UnixConnectionOptions = {},
  ): Coroutine<[Transport, P]> {
    return createUnixConnection(this, protocolFactory, path, options);
  }

  /**
   * Listens by TCP: at a host, at several, or (null, "") at all interfaces; port 0 is any free one.
   * @throws Node's error with its code (EADDRINUSE, EACCES, …). CPython: `BaseEventLoop.create_server`.
   */
  *createServer(
    protocolFactory: () => StreamProtocol,
    host: string | readonly string[] | null,
    port: number,
    options: ServerOptions = {},
  ): Coroutine<Server> {
    const places = yield* placesOf(this, host, port, options.family ?? 0);
    return this.#keep(yield* createServer(this, protocolFactory, places, options));
  }

  /** Listens at a Unix socket, or a named pipe of Windows. CPython: `create_unix_server`. */
  *createUnixServer(
    protocolFactory: () => StreamProtocol,
    path: string,
    options: ServerOptions = {},
  ): Coroutine<Server> {
    checkPath("createUnixServer(…, path)", path);
    removeStaleSocket(path);
    return this.#keep(yield* createServer(this, protocolFactory, [{ path }], options));
  }

  #keep(server: Server): Server {
    for (const other of this.#servers) if (other._isClosed) this.#servers.delete(other);
    this.#servers.add(server);
    return server;
  }

  /**
   * A connection that somebody else has accepted, a server of Node's for example, gets a transport and a protocol; the socket is the
   * transport's from then on. With `ssl` this side is the server of the handshake.
   * @throws what the handshake throws. CPython: `BaseEventLoop.connect_accepted_socket`.
   */
  connectAcceptedSocket<P extends StreamProtocol>(
    protocolFactory: () => P,
    socket: Socket,
    options: AcceptedSocketOptions = {},
  ): Coroutine<[Transport, P]> {
    return connectAcceptedSocket(this, protocolFactory, socket, options);
  }

  /**
   * Sends a file, by its path or as a FileHandle (whose own position does not count and does not change), over a connection; gives
   * the number of bytes. They are sent or in the transport's buffer then, which does not grow beyond its limits.
   * @throws RuntimeError for a transport that closes, SendfileNotAvailableError where `fallback` is false, Node's error with its code
   * if the file cannot be read (ENOENT, …) or the connection breaks (ECONNRESET, EPIPE). CPython: `BaseEventLoop.sendfile`.
   */
  sendfile(
    transport: Transport,
    file: string | FileHandle,
    options: SendfileOptions = {},
  ): Coroutine<number> {
    return sendfile(this, transport, file, options);
  }

  /** Reads a Readable of Node's with a protocol. CPython: `BaseEventLoop.connect_read_pipe`. */
  connectReadPipe<P extends Protocol>(
    protocolFactory: () => P,
    pipe: Readable,
  ): Coroutine<[ReadTransport, P]> {
    return connectReadPipe(this, protocolFactory, pipe);
  }

  /** Writes to a Writable of Node's with a protocol. CPython: `BaseEventLoop.connect_write_pipe`. */
  connectWritePipe<P extends BaseProtocol>(
    protocolFactory: () => P,
    pipe: Writable,
  ): Coroutine<[WriteTransport, P]> {
    return connectWritePipe(this, protocolFactory, pipe);
  }

  /** Datagrams over UDP: bound to `localAddr`, or with `remoteAddr` as the only partner. CPython: `BaseEventLoop.create_datagram_endpoint`. */
  createDatagramEndpoint<P extends DatagramProtocol>(
    protocolFactory: () => P,
    options: DatagramOptions = {},
  ): Coroutine<[DatagramTransport, P]> {
    return createDatagramEndpoint(this, protocolFactory, options);
  }

  /**
   * Puts TLS between a transport and its protocol, and gives the transport to use from then on.
   * @throws what the handshake throws, after which the connection is closed. CPython: `BaseEventLoop.start_tls`.
   */
  startTls(
    transport: Transport,
    protocol: StreamProtocol,
    ssl: TlsOptions = {},
    options: StartTlsOptions = {},
  ): Coroutine<Transport> {
    return startTls(this, transport, protocol, ssl, options);
  }

  /** Starts a program with a protocol for its pipes. @throws Node's error with its code (ENOENT, …). CPython: `BaseEventLoop.subprocess_exec`. */
  subprocessExec<P extends SubprocessProtocol>(
    protocolFactory: () => P,
    program: string,
    args: readonly string[] = [],
    options: SubprocessOptions = {},
  ): Coroutine<[SubprocessTransport, P]> {
    return subprocessExec(this, protocolFactory, program, args, options);
  }

  /** Runs a command line in the system's shell with a protocol for its pipes. CPython: `BaseEventLoop.subprocess_shell`. */
  subprocessShell<P extends SubprocessProtocol>(
    protocolFactory: () => P,
    command: string,
    options: SubprocessOptions = {},
  ): Coroutine<[SubprocessTransport, P]> {
    return subprocessShell(this, protocolFactory, command, options);
  }

  /**
   * Calls `callback(...args)` in a turn of the loop when the signal comes, in place of what the loop called for it before. A handler
   * keeps the process alive until it is removed, or the loop closed.
   * @throws RuntimeError for a signal that cannot be caught, and outside the main thread. CPython: `add_signal_handler`.
   */
  addSignalHandler<A extends unknown[]>(signal: Signal, callback: Callback<A>, ...args: A): void {
    this._checkClosed("addSignalHandler");
    this.#signals.add(signal, callback, args);
  }

  /** True if there was a handler. CPython: `remove_signal_handler`. */
  removeSignalHandler(signal: Signal): boolean {
    return this.#signals.remove(signal);
  }

  override close(): void {
    // Before there are no turns any more: a server's end may wake somebody. A loop that runs refuses to close.
    if (!this.isRunning()) for (const server of this.#servers) server.close();
    super.close();
    this.#signals.close();
    closeHandles(this);
  }

  /** The addresses of a host. CPython: `BaseEventLoop.getaddrinfo`. */
  *getaddrinfo(host: string, port: number, options: { family?: Family } = {}): Coroutine<AddressRecord[]> {
    return yield* wrapFuture(resolve(host, port, options.family ?? 0), { loop: this });
  }

  /** The names of an address and of its port. CPython: `BaseEventLoop.getnameinfo`. */
  *getnameinfo(address: { host: string; port: number }): Coroutine<{ hostname: string; service: string }> {
    return yield* wrapFuture(nameOf(address.host, address.port), { loop: this });
  }
}
