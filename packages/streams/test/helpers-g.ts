/** What the tests over real sockets share: a loop with its peers, protocols that remember, and a look at the handles that are left. */
import { once } from "node:events";
import type { AddressInfo, Server as NetServer, Socket } from "node:net";
import { connect, createServer } from "node:net";
import type { Coroutine, Future, Yieldable } from "@aioloop/loop";
import { wrapFuture } from "@aioloop/loop";
import type { EventLoop, Server, ServerOptions, StreamProtocol, Transport } from "@aioloop/streams";
import { Protocol } from "@aioloop/streams";

import type { LoopTestOptions } from "./on-loop.ts";
import { onLoop, turnOfHost } from "./on-loop.ts";

export { openResources as openHandles } from "./on-loop.ts";

export const HOST = "127.0.0.1";

/** Runs `main(site)` on a loop with sockets, closes what the site has opened, and checks that no handle is left. */
export function onSockets<T>(main: (site: Site) => Yieldable<T>, options?: LoopTestOptions): Promise<T> {
  return onLoop(function* (loop) {
    const site = new Site(loop);
    try {
      return yield* main(site);
    } finally {
      yield* site.close();
    }
  }, options);
}

/** A loop, and what was opened on it, ours and Node's. */
export class Site {
  readonly loop: EventLoop;
  readonly #raw: Set<Socket> = new Set();
  readonly #rawServers: NetServer[] = [];
  readonly #servers: Server[] = [];

  constructor(loop: EventLoop) {
    this.loop = loop;
  }

  /** A server of ours on loopback, and its port. */
  *serve(factory: () => StreamProtocol, options: ServerOptions = {}): Coroutine<[Server, number]> {
    const server = this.keep(yield* this.loop.createServer(factory, HOST, 0, options));
    return [server, options.startServing === false ? 0 : portOf(server)];
  }

  /** Closed at the end, if it is not by then. */
  keep(server: Server): Server {
    this.#servers.push(server);
    return server;
  }

  /** A server of Node's; the handler gets each socket. Errors of the sockets are nobody's. */
  *rawServer(handler: (socket: Socket) => void = () => {}): Coroutine<number> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#keepRaw(socket);
      handler(socket);
    });
    this.#rawServers.push(server);
    server.listen(0, HOST);
    yield* wrapFuture(once(server, "listening"));
    return (server.address() as AddressInfo).port;
  }

  /** A socket of Node's that is connected to `port`. */
  *rawSocket(port: number): Coroutine<Socket> {
    const socket = connect({ host: HOST, port, allowHalfOpen: true, noDelay: true });
    this.#keepRaw(socket);
    yield* wrapFuture(once(socket, "connect"));
    return socket;
  }

  #keepRaw(socket: Socket): void {
    this.#raw.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#raw.delete(socket));
  }

  /** A transport of ours whose other end is a socket of Node's that nobody reads yet. */
  *withRaw<P extends StreamProtocol>(
    protocol: P,
  ): Coroutine<[transport: Transport, protocol: P, peer: Socket]> {
    const arrival = this.loop.createFuture<Socket>("a connection");
    const port = yield* this.rawServer((socket) => arrival.setResult(socket.pause()));
    const [transport] = yield* this.loop.createConnection(() => protocol, HOST, port);
    return [transport, protocol, yield* arrival];
  }

  /** Client and server, both of ours. */
  *pair(): Coroutine<[client: Recorder, accepted: Recorder]> {
    const arrival = this.loop.createFuture<Recorder>("a connection");
    const [, port] = yield* this.serve(() => {
      const accepted = new Recorder(this.loop);
      arrival.setResult(accepted);
      return accepted;
    });
    const [, client] = yield* this.loop.createConnection(() => new Recorder(this.loop), HOST, port);
    return [client, yield* arrival];
  }

  *close(): Coroutine<void> {
    for (const socket of this.#raw) socket.destroy();
    for (const server of this.#rawServers) server.close();
    for (const server of this.#servers) {
      server.close();
      server.abortClients();
      yield* server.waitClosed();
    }
  }
}

export function portOf(server: Server): number {
  const address = server.sockets[0];
  if (typeof address !== "object") throw new Error(`no port: ${server}`);
  return address.port;
}

/** Resolves what waits for the next call of a protocol. */
class Signal {
  readonly #loop: EventLoop;
  readonly #waiters: Set<Future<void>> = new Set();

  constructor(loop: EventLoop) {
    this.#loop = loop;
  }

  notify(): void {
    for (const waiter of this.#waiters) if (!waiter.done()) waiter.setResult();
  }

  *until(condition: () => boolean, what: string): Coroutine<void> {
    while (!condition()) {
      const waiter = this.#loop.createFuture<void>(what);
      this.#waiters.add(waiter);
      try {
        yield* waiter;
      } finally {
        this.#waiters.delete(waiter);
      }
    }
  }
}

/** A protocol that remembers how it was called. */
export class Recorder extends Protocol {
  /** The calls in their order; dataReceived calls that follow each other are one. */
  readonly calls: string[] = [];
  readonly chunks: Buffer[] = [];
  bytes = 0;
  transport!: Transport;
  /** What connectionLost() was given. */
  lostWith: unknown;
  /** What eofReceived() returns. */
  isKeptOpen = false;
  readonly #signal: Signal;

  constructor(loop: EventLoop) {
    super();
    this.#signal = new Signal(loop);
  }

  #called(name: string): void {
    if (name !== "dataReceived" || this.calls.at(-1) !== name) this.calls.push(name);
    this.#signal.notify();
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString("latin1");
  }

  override connectionMade(transport: Transport): void {
    this.transport = transport;
    this.#called("connectionMade");
  }

  override dataReceived(data: Buffer): void {
    this.chunks.push(data);
    this.bytes += data.length;
    this.#called("dataReceived");
  }

  override eofReceived(): boolean {
    this.#called("eofReceived");
    return this.isKeptOpen;
  }

  override connectionLost(error: unknown): void {
    this.lostWith = error;
    this.#called("connectionLost");
  }

  override pauseWriting(): void {
    this.#called("pauseWriting");
  }

  override resumeWriting(): void {
    this.#called("resumeWriting");
  }

  /** Until a call of this name has come. */
  *called(name: string): Coroutine<void> {
    yield* this.#signal.until(() => this.calls.includes(name), `${name}()`);
  }

  *received(bytes: number): Coroutine<void> {
    yield* this.#signal.until(() => this.bytes >= bytes, `${bytes} bytes`);
  }

  /** Until the connection is lost; what it was lost with. */
  *lost(): Coroutine<unknown> {
    yield* this.called("connectionLost");
    return this.lostWith;
  }
}

/** Until an event of a Node object. */
export function* event(emitter: NodeJS.EventEmitter, name: string): Coroutine<unknown> {
  const [value] = yield* wrapFuture(once(emitter, name) as Promise<unknown[]>);
  return value;
}

/** Everything a socket of Node's gets until the end of the stream, from now on. */
export function* readAll(socket: Socket): Coroutine<Buffer> {
  const parts: Buffer[] = [];
  socket.on("data", (data: Buffer) => void parts.push(data)).resume();
  yield* event(socket, "end");
  return Buffer.concat(parts);
}

/** Until something is so; for what only the other side can see. */
export function* until(condition: () => boolean): Coroutine<void> {
  while (!condition()) yield* wrapFuture(turnOfHost());
}

/** What a coroutine throws. */
export function* errorOf(awaitable: Yieldable<unknown>): Coroutine<Error & { code?: string }> {
  let value: unknown;
  try {
    value = yield* awaitable;
  } catch (error) {
    return error as Error & { code?: string };
  }
  throw new Error(`nothing was thrown; the result was ${value}`);
}
