/** Making connections and servers over TCP and Unix sockets. CPython: `create_connection`, `create_server` of `base_events.BaseEventLoop`. */

import { statSync, unlinkSync } from "node:fs";
import type { ListenOptions, Socket, TcpNetConnectOpts } from "node:net";
import { connect, Socket as NetSocket } from "node:net";
import { TLSSocket } from "node:tls";
import type { BaseEventLoop, Coroutine } from "@aioloop/loop";
import { copyContext, ExceptionGroup, isCancelled, logger, RuntimeError, wrapFuture } from "@aioloop/loop";
import { describe } from "@aioloop/loop/kernel";
import { staggeredRace } from "@aioloop/tasks";
import type { AddressRecord, Family } from "./addresses.ts";
import { interleave, resolve } from "./addresses.ts";
import { checkReusePort, Listener } from "./listeners.ts";
import { handleClosed, handleOpened } from "./open-handles.ts";
import type { StreamProtocol } from "./protocols.ts";
import { Server } from "./server.ts";
import type { SocketTransportOptions } from "./socket-transport.ts";
import { SocketTransport } from "./socket-transport.ts";
import type { HandshakeOptions, TlsOptions, TlsTimeouts } from "./tls.ts";
import { checkTls, contextOf, secureClient, secureServer, tlsInfo } from "./tls.ts";
import type { ExtraInfo, Transport } from "./transports.ts";

export interface ConnectionOptions extends TlsTimeouts {
  /** 4 or 6; default either. */
  family?: Family | undefined;
  /** Where to connect from. */
  localAddr?: { host?: string; port?: number } | null | undefined;
  /** Seconds after which the next address is tried as well; null: one after the other. CPython: RFC 8305, "happy eyeballs". */
  happyEyeballsDelay?: number | null | undefined;
  /** How many addresses of the first family come before the families take turns. */
  interleave?: number | undefined;
  /** Where all addresses fail, an ExceptionGroup of their errors. */
  allErrors?: boolean | undefined;
  /** Speak TLS: true, or Node's options of a secure context. */
  ssl?: TlsOptions | boolean | null | undefined;
  /** The name that the server must prove; default: `ssl.servername`, or the host. */
  serverHostname?: string | undefined;
  /** A socket that is connected already, through a proxy for example, in place of host and port, which are null then. */
  sock?: Socket | null | undefined;
}

/** Of a connection to a Unix socket. */
export interface UnixConnectionOptions extends HandshakeOptions {
  /** Speak TLS: true, or Node's options of a secure context. */
  ssl?: TlsOptions | boolean | null | undefined;
  /** A Unix socket that is connected already, in place of a path, which is null then. */
  sock?: Socket | null | undefined;
}

/** A socket that is connected. Cancelling destroys it. */
function* connectSocket(
  loop: BaseEventLoop,
  options: TcpNetConnectOpts | { path: string },
): Coroutine<Socket> {
  const connected = loop.createFuture<void>(
    `a connection to ${describe("path" in options ? options.path : options.host)}`,
  );
  const socket = connect({ ...options, allowHalfOpen: true, noDelay: true } as TcpNetConnectOpts);
  const onError = (error: Error) => {
    if (!connected.done()) connected.setException(error);
  };
  socket.once("error", onError);
  socket.once("connect", () => {
    if (!connected.done()) connected.setResult();
  });
  const handle = { _loopClosed: () => void socket.destroy() };
  handleOpened(loop, handle);
  try {
    yield* connected;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    handleClosed(loop, handle);
  }
  return socket; // its listener stays: a reset before its transport listens is no uncaught error
}

/** `locals`: where to connect from, null for anywhere. @throws Error, code EADDRNOTAVAIL, where none of them is of the family */
function optionsFor(
  record: AddressRecord,
  locals: readonly AddressRecord[] | null,
  localPort: number | undefined,
): TcpNetConnectOpts {
  const local = locals?.find(({ family }) => family === record.family);
  if (locals !== null && local === undefined) {
    const message = `no local address of IPv${record.family} to connect to ${record.host} from`;
    throw Object.assign(new Error(message), { code: "EADDRNOTAVAIL", address: record.host });
  }
  return {
    host: record.host,
    port: record.port,
    family: record.family,
    ...(local !== undefined && { localAddress: local.host }),
    ...(localPort !== undefined && { localPort }),
  };
}

function* openSocket(
  loop: BaseEventLoop,
  host: string,
  port: number,
  options: ConnectionOptions,
): Coroutine<Socket> {
  checkPort("createConnection(…, host, port)", port);
  const { family = 0, happyEyeballsDelay = null, allErrors = false } = options;
  const resolved = yield* wrapFuture(resolve(host, port, family), { loop });
  const { host: localHost, port: localPort } = options.localAddr ?? {};
  const locals =
    localHost === undefined ? null : yield* wrapFuture(resolve(localHost, localPort ?? 0, 0), { loop });
  const first = options.interleave ?? (happyEyeballsDelay === null ? 0 : 1);
  const records = first > 0 ? interleave(resolved, first) : resolved;
  const opened: Socket[] = [];
  const attempts = records.map(
    (record) =>
      function* attempt() {
        const socket = yield* connectSocket(loop, optionsFor(record, locals, localPort));
        opened.push(socket);
        return socket;
      },
  );
  let errors: unknown[];
  if (happyEyeballsDelay === null) {
    errors = [];
    for (const attempt of attempts) {
      try {
        return yield* attempt();
      } catch (error) {
        if (isCancelled(error)) throw error;
        errors.push(error);
      }
    }
  } else {
    try {
      const [socket, , failures] = yield* staggeredRace(attempts, happyEyeballsDelay, { loop });
      if (socket !== null && socket !== undefined) return socket as Socket;
      errors = failures.filter((failure) => failure !== null);
    } catch (error) {
      for (const socket of opened) socket.destroy(); // cancelled after one had connected
      throw error;
    }
  }
  throw failureOf(host, port, errors, allErrors);
}

/** One error where all say the same. */
function failureOf(host: string, port: number, errors: readonly unknown[], allErrors: boolean): unknown {
  if (allErrors) return new ExceptionGroup(`createConnection() to ${host}:${port} failed`, errors as Error[]);
  const texts = new Set(errors.map((error) => (error as Error).message));
  if (texts.size === 1) return errors[0];
  const codes = new Set(errors.map((error) => (error as NodeJS.ErrnoException).code));
  return Object.assign(new Error(`multiple exceptions: ${[...texts].join(", ")}`), {
    code: codes.size === 1 ? [...codes][0] : undefined,
    errors,
  });
}

export function* createConnection<P extends StreamProtocol>(
  loop: BaseEventLoop,
  protocolFactory: () => P,
  host: string | null,
  port: number | null,
  options: ConnectionOptions,
): Coroutine<[Transport, P]> {
  const call = "createConnection(…, host, port)";
  checkTls(call, options);
  const { sock = null } = options;
  const ssl = tlsOptionsOf(options.ssl);
  const serverHostname = options.serverHostname ?? ssl?.servername ?? host ?? undefined;
  checkProof(call, ssl, serverHostname);
  let socket: Socket;
  if (sock !== null) {
    if (host !== null || port !== null)
      throw new RangeError(`${call}: host and port are null where a { sock } is given`);
    checkSocket(call, sock, ssl);
    socket = takeOver(sock);
  } else if (host !== null && port !== null) socket = yield* openSocket(loop, host, port, options);
  else throw new RangeError(`${call}: a host and a port are required, or a { sock }`);
  const handshake = { ...options, serverHostname };
  return yield* connectionOver(loop, socket, protocolFactory, ssl, secureClient, handshake);
}

function tlsOptionsOf(ssl: TlsOptions | boolean | null | undefined): TlsOptions | null {
  return ssl === true ? {} : ssl || null;
}

/** A client over TLS that has no name to be proved would trust whoever answers. */
function checkProof(call: string, ssl: TlsOptions | null, serverHostname: string | undefined): void {
  if (ssl === null || ssl.rejectUnauthorized === false || serverHostname !== undefined) return;
  throw new RangeError(
    `${call}: a client must say which name the server has to prove, { serverHostname }; or prove none, { rejectUnauthorized: false }`,
  );
}

export function* createUnixConnection<P extends StreamProtocol>(
  loop: BaseEventLoop,
  protocolFactory: () => P,
  path: string | null,
  options: UnixConnectionOptions,
): Coroutine<[Transport, P]> {
  const call = "createUnixConnection(…, path)";
  checkTls(call, options);
  const { sock = null } = options;
  const ssl = tlsOptionsOf(options.ssl);
  const serverHostname = options.serverHostname ?? ssl?.servername;
  checkProof(call, ssl, serverHostname);
  let socket: Socket;
  if (sock === null) {
    checkPath(call, path);
    socket = yield* connectSocket(loop, { path });
  } else {
    if (path !== null) throw new RangeError(`${call}: path is null where a { sock } is given`);
    checkSocket(call, sock, ssl);
    if (sock.remoteFamily !== undefined) {
      throw new RangeError(`${call}: a Unix socket is required; for one of TCP take createConnection()`);
    }
    socket = takeOver(sock);
  }
  const handshake = { ...options, serverHostname };
  const extra = path === null ? {} : { peername: path };
  return yield* connectionOver(loop, socket, protocolFactory, ssl, secureClient, handshake, extra);
}

export function checkPath(call: string, path: unknown): asserts path is string {
  if (typeof path === "string" && path !== "") return;
  throw new TypeError(`${call}: the path of a Unix socket is required, got ${describe(path)}`);
}

export interface AcceptedSocketOptions extends TlsTimeouts {
  /** Speak TLS: Node's options of a secure context, with `key` and `cert`. */
  ssl?: TlsOptions | null | undefined;
}

export function* connectAcceptedSocket<P extends StreamProtocol>(
  loop: BaseEventLoop,
  protocolFactory: () => P,
  socket: Socket,
  options: AcceptedSocketOptions,
): Coroutine<[Transport, P]> {
  const call = "connectAcceptedSocket(protocolFactory, socket)";
  const { ssl = null } = options;
  checkTls(call, options);
  checkSocket(call, socket, ssl);
  return yield* connectionOver(loop, takeOver(socket), protocolFactory, ssl, secureServer, options);
}

/** Whether a transport can be made of a socket of somebody else's. */
function checkSocket(call: string, socket: unknown, ssl: TlsOptions | null): void {
  if (!(socket instanceof NetSocket)) {
    throw new TypeError(`${call}: a Socket of node:net is required, got ${describe(socket)}`);
  }
  if (socket.connecting) throw new RangeError(`${call}: the socket is not connected yet`);
  if (socket instanceof TLSSocket && ssl !== null) {
    throw new TypeError(`${call}: the socket speaks TLS already; leave ssl out`);
  }
}

/** As ours are from the beginning. */
function takeOver(socket: Socket): Socket {
  socket.on("error", () => {}); // until its transport listens
  socket.allowHalfOpen = true;
  return socket.setNoDelay(true);
}

/** A transport and a protocol over a socket that is connected, with TLS between them where `ssl` is given. */
function* connectionOver<P extends StreamProtocol>(
  loop: BaseEventLoop,
  socket: Socket,
  protocolFactory: () => P,
  ssl: TlsOptions | null,
  secure: typeof secureClient | typeof secureServer,
  options: HandshakeOptions,
  extra: ExtraInfo = {},
): Coroutine<[Transport, P]> {
  const connected = ssl === null ? socket : yield* secure(loop, socket, ssl, options);
  const over = connected instanceof TLSSocket ? overTls(connected, ssl ?? {}, options, extra) : { extra };
  return yield* transportOver(loop, connected, protocolFactory, over);
}

function overTls(
  secure: TLSSocket,
  ssl: TlsOptions,
  { sslShutdownTimeout }: TlsTimeouts,
  extra: ExtraInfo = {},
): SocketTransportOptions {
  return { isTls: true, shutdownTimeout: sslShutdownTimeout, extra: { ...tlsInfo(secure, ssl), ...extra } };
}

function* transportOver<P extends StreamProtocol>(
  loop: BaseEventLoop,
  socket: Socket,
  protocolFactory: () => P,
  options: SocketTransportOptions,
): Coroutine<[Transport, P]> {
  let protocol: P;
  try {
    protocol = protocolFactory();
  } catch (error) {
    socket.destroy();
    throw error;
  }
  const waiter = loop.createFuture<void>("the start of a transport");
  const transport = new SocketTransport(loop, socket, protocol, { ...options, waiter });
  try {
    yield* waiter;
  } catch (error) {
    transport.close();
    throw error;
  }
  if (transport.isReading()) socket.resume(); // one that was given may have been paused
  return [transport, protocol];
}

export interface StartTlsOptions extends HandshakeOptions {
  /** This side is the server. */
  serverSide?: boolean | undefined;
}

/** Puts TLS between a transport and its protocol; the transport is not to be used any more. */
export function* startTls(
  loop: BaseEventLoop,
  transport: Transport,
  protocol: StreamProtocol,
  ssl: TlsOptions,
  options: StartTlsOptions,
  takeEarly: (() => Buffer) | null = null,
): Coroutine<Transport> {
  if (!(transport instanceof SocketTransport)) {
    throw new TypeError(
      `startTls(transport, …): the transport of a connection is required, got ${describe(transport)}`,
    );
  }
  checkTls("startTls()", { ...options, ssl });
  if (transport.isClosing()) throw new RuntimeError(`startTls(): ${transport} is closing`);
  const mustProve = options.serverSide !== true && ssl.rejectUnauthorized !== false;
  const serverHostname = options.serverHostname ?? ssl.servername;
  if (mustProve && serverHostname === undefined) {
    throw new RangeError(
      "startTls(): a client must say which name the server has to prove, { serverHostname }; or prove none, { rejectUnauthorized: false }",
    );
  }
  transport.pauseReading();
  try {
    yield; // what has come, and waits for its turn, is held then
  } catch (error) {
    transport.abort();
    throw error;
  }
  if (transport.isClosing()) throw new RuntimeError(`startTls(): ${transport} is closing`);
  const server = transport._server;
  const socket = transport._release();
  const early = takeEarly?.() ?? null;
  if (early !== null && early.length > 0) socket.unshift(early);
  let secure: TLSSocket;
  try {
    secure = yield* options.serverSide === true
      ? secureServer(loop, socket, ssl, options)
      : secureClient(loop, socket, ssl, { ...options, serverHostname });
  } catch (error) {
    loop.callSoon(() => protocol.connectionLost(isCancelled(error) ? null : error));
    throw error;
  }
  const over = overTls(secure, ssl, options);
  return new SocketTransport(loop, secure, protocol, { ...over, announces: false, server });
}

export interface ServerOptions extends TlsTimeouts {
  /** Connections that wait to be accepted. Default: 100. */
  backlog?: number | undefined;
  /** Listen at once. Default: true. */
  startServing?: boolean | undefined;
  /** 4 or 6: only the addresses of this family, where a host has both; at all interfaces only those. Default: either. */
  family?: Family | undefined;
  /** Connections ask now and then whether the other side is still there: SO_KEEPALIVE. */
  keepAlive?: boolean | undefined;
  /** Several processes may listen on the port. Node 22.12 or newer. */
  reusePort?: boolean | undefined;
  /** Of a Unix socket: remove its file when the server closes, unless another has taken its place. Default: true. */
  cleanupSocket?: boolean | undefined;
  /** Speak TLS: Node's options of a secure context, with `key` and `cert`. */
  ssl?: TlsOptions | null | undefined;
}

export function* createServer(
  loop: BaseEventLoop,
  protocolFactory: () => StreamProtocol,
  places: readonly ListenOptions[],
  options: ServerOptions,
): Coroutine<Server> {
  const { backlog = 100, startServing = true, reusePort = false, ssl = null } = options;
  const { cleanupSocket = true, keepAlive = false } = options;
  checkTls("createServer(…)", options);
  if (ssl !== null) {
    if (typeof ssl !== "object") {
      throw new TypeError(
        `createServer({ ssl }): options with a \`key\` and a \`cert\` are required, got ${describe(ssl)}`,
      );
    }
    contextOf(ssl); // what is wrong with them is thrown here, and not found by each client
  }
  if (reusePort) checkReusePort("createServer({ reusePort })");
  const accept = (socket: Socket, more: SocketTransportOptions) => {
    try {
      if (server._isClosed)
        socket.destroy(); // it was on its way
      else new SocketTransport(loop, socket, protocolFactory(), { ...more, server });
    } catch (exception) {
      socket.destroy();
      loop.callExceptionHandler({ message: "Error in the protocol factory of a server", exception });
    }
  };
  function* acceptSecure(socket: Socket, ssl: TlsOptions): Coroutine<void> {
    let secure: TLSSocket;
    try {
      secure = yield* secureServer(loop, socket, ssl, options);
    } catch (error) {
      if (isCancelled(error)) throw error;
      // Anybody can send anything to a port: no error of the program's.
      if (loop.getDebug()) logger.debug(`a TLS handshake of a client failed: ${describe(error)}`);
      return;
    }
    accept(secure, overTls(secure, ssl, options));
  }
  const begin = (socket: Socket) => {
    if (ssl !== null) loop.createTask(acceptSecure(socket, ssl));
    else accept(socket, {});
  };
  // In a turn of the loop, and in the context of who made the server.
  const context = copyContext();
  const listeners = places.map((place) => {
    const onSocket = (socket: Socket) => {
      socket.on("error", () => {}); // until its transport listens
      if (loop.isClosed()) socket.destroy();
      else loop.callSoon({ callback: begin, context }, socket);
    };
    const listen = { ...place, backlog, ...(reusePort && { reusePort }) };
    return new Listener(loop, listen, onSocket, { cleanupSocket, keepAlive });
  });
  const server = new Server(loop, listeners);
  if (startServing) {
    try {
      yield* server._startServing();
    } catch (error) {
      server.close();
      throw error;
    }
    yield;
  }
  return server;
}

/** Node would throw only once it has made a handle. */
function checkPort(call: string, port: number): void {
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return;
  throw new RangeError(`${call}: port must be a whole number from 0 to 65535, got ${describe(port)}`);
}

const ALL_INTERFACES: Readonly<Record<Family, ListenOptions>> = {
  0: {}, // Node takes both, or IPv4 where there is no other
  4: { host: "0.0.0.0" },
  6: { host: "::", ipv6Only: true },
};

/** Where to listen: all addresses of all hosts, each once; null or "" stands for all interfaces. */
export function* placesOf(
  loop: BaseEventLoop,
  host: string | readonly string[] | null,
  port: number,
  family: Family,
): Coroutine<ListenOptions[]> {
  checkPort("createServer(…, host, port)", port);
  const hosts = typeof host === "string" || host === null ? [host] : host;
  if (hosts.some((one) => one === null || one === "")) return [{ port, ...ALL_INTERFACES[family] }];
  const all = Promise.all(hosts.map((one) => resolve(one as string, port, family)));
  const records = (yield* wrapFuture(all, { loop })).flat();
  const places = new Map(records.map((record) => [record.host, record]));
  // An IPv6 socket would take the IPv4 addresses as well.
  return [...places.values()].map((place) => ({ host: place.host, port, ipv6Only: place.family === 6 }));
}

/** A socket file that nobody listens at any more is in the way. CPython removes it whoever does. */
export function removeStaleSocket(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() === true) unlinkSync(path);
}
