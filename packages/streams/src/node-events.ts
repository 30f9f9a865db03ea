/** EventLoop: the host loop on Node, with connections and servers. CPython: `unix_events.SelectorEventLoop`. */
import type { Coroutine } from "@aioloop/loop";
import { wrapFuture } from "@aioloop/loop";
import { HostEventLoop } from "@aioloop/tasks";
import type { AddressRecord, Family } from "./addresses.ts";
import { nameOf, resolve } from "./addresses.ts";
import type { ConnectionOptions, ServerOptions } from "./connections.ts";
import { createConnection, createServer, createUnixConnection, placesOf } from "./connections.ts";
import type { StreamProtocol } from "./protocols.ts";
import type { Server } from "./server.ts";
import type { Transport } from "./transports.ts";

export class EventLoop extends HostEventLoop {
  /**
   * Connects to a host by TCP; the protocol's connectionMade() has been called when it returns.
   * @throws Node's error with its code (ECONNREFUSED, ENOTFOUND, …). CPython: `BaseEventLoop.create_connection`.
   */
  createConnection<P extends StreamProtocol>(
    protocolFactory: () => P,
    host: string,
    port: number,
    options: ConnectionOptions = {},
  ): Coroutine<[Transport, P]> {
    return createConnection(this, protocolFactory, host, port, options);
  }

  /** Connects to a Unix socket, or a named pipe of Windows. CPython: `create_unix_connection`. */
  createUnixConnection<P extends StreamProtocol>(
    protocolFactory: () => P,
    path: string,
  ): Coroutine<[Transport, P]> {
    return createUnixConnection(this, protocolFactory, path);
  }

  /**
   * Listens by TCP: at a host, at several, or (null, "") at all interfaces; port 0 is any free one.
   * @throws Node's error with its code (EADDRINUSE, EACCES, …). CPython: `BaseEventLoop.create_server`.
   */
  createServer(
    protocolFactory: () => StreamProtocol,
    host: string | readonly string[] | null,
    port: number,
    options: ServerOptions = {},
  ): Coroutine<Server> {
    return createServer(this, protocolFactory, placesOf(host, port), options);
  }

  /** Listens at a Unix socket, or a named pipe of Windows. CPython: `create_unix_server`. */
  createUnixServer(
    protocolFactory: () => StreamProtocol,
    path: string,
    options: ServerOptions = {},
  ): Coroutine<Server> {
    return createServer(this, protocolFactory, [{ path }], options);
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
