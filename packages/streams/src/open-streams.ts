/** Connections and servers as pairs of StreamReader and StreamWriter. CPython: `open_connection`, `start_server` of `streams`. */
import type { Coroutine, Future } from "@aioloop/loop";
import { getRunningLoop, iscoroutine, RuntimeError, wrapFuture } from "@aioloop/loop";
import { isThenable } from "@aioloop/loop/kernel";
import type { ConnectionOptions, ServerOptions, UnixConnectionOptions } from "./connections.ts";
import { EventLoop } from "./node-events.ts";
import type { Server } from "./server.ts";
import { StreamReader } from "./stream-reader.ts";
import { StreamWriter } from "./stream-writer.ts";
import type { ClientConnected } from "./streams.ts";
import { StreamReaderProtocol } from "./streams.ts";

export interface LimitOption {
  /** Bytes of a line at most, and half of what a reader holds. Default: 64 KiB. */
  limit?: number | undefined;
}

/** @internal The running loop, which must be able to connect. */
export function loopFor(call: string): EventLoop {
  const loop = getRunningLoop();
  if (loop instanceof EventLoop) return loop;
  throw new RuntimeError(
    `${call}: ${loop} has no sockets. Run the program on the default loop of the package aioloop, \`run(main())\`, or on a \`new EventLoop()\``,
  );
}

/**
 * Connects by TCP; with a `sock`, which is connected already, host and port are null. @throws Node's error with its code (ECONNREFUSED, ENOTFOUND, …). CPython: `streams.open_connection`.
 */
export function* openConnection(
  host: string | null,
  port: number | null,
  { limit, ...options }: ConnectionOptions & LimitOption = {},
): Coroutine<[StreamReader, StreamWriter]> {
  const loop = loopFor("openConnection()");
  const reader = new StreamReader({ limit, loop });
  const protocol = new StreamReaderProtocol(reader, null, loop);
  const [transport] = yield* loop.createConnection(() => protocol, host, port, options);
  return [reader, new StreamWriter(transport, protocol, reader, loop)];
}

/** Connects to a Unix socket; with a `sock`, which is connected already, the path is null. CPython: `streams.open_unix_connection`. */
export function* openUnixConnection(
  path: string | null,
  { limit, ...options }: UnixConnectionOptions & LimitOption = {},
): Coroutine<[StreamReader, StreamWriter]> {
  const loop = loopFor("openUnixConnection()");
  const reader = new StreamReader({ limit, loop });
  const protocol = new StreamReaderProtocol(reader, null, loop);
  const [transport] = yield* loop.createUnixConnection(() => protocol, path, options);
  return [reader, new StreamWriter(transport, protocol, reader, loop)];
}

/**
 * Listens by TCP and calls `clientConnected(reader, writer)` for each connection; if that gives a coroutine it is made a task.
 * What it throws is reported and closes the connection. CPython: `streams.start_server`.
 */
export function* startServer(
  clientConnected: ClientConnected,
  host: string | readonly string[] | null,
  port: number,
  { limit, ...options }: ServerOptions & LimitOption = {},
): Coroutine<Server> {
  const loop = loopFor("startServer()");
  const handlers = new Handlers(loop, clientConnected, limit);
  return handlers.of(yield* loop.createServer(() => handlers.newProtocol(), host, port, options));
}

/** Listens at a Unix socket. CPython: `streams.start_unix_server`. */
export function* startUnixServer(
  clientConnected: ClientConnected,
  path: string,
  { limit, ...options }: ServerOptions & LimitOption = {},
): Coroutine<Server> {
  const loop = loopFor("startUnixServer()");
  const handlers = new Handlers(loop, clientConnected, limit);
  return handlers.of(yield* loop.createUnixServer(() => handlers.newProtocol(), path, options));
}

/** What runs for the connections of one server, so that Server.stop() can wait for it. */
class Handlers {
  readonly #loop: EventLoop;
  readonly #clientConnected: ClientConnected;
  readonly #limit: number | undefined;
  readonly #running: Set<Future<unknown>> = new Set();

  constructor(loop: EventLoop, clientConnected: ClientConnected, limit: number | undefined) {
    this.#loop = loop;
    this.#clientConnected = clientConnected;
    this.#limit = limit;
  }

  newProtocol(): StreamReaderProtocol {
    const reader = new StreamReader({ limit: this.#limit, loop: this.#loop });
    return new StreamReaderProtocol(reader, (reader, writer) => this.#handle(reader, writer), this.#loop);
  }

  of(server: Server): Server {
    server._handlers = this.#running;
    return server;
  }

  #handle(reader: StreamReader, writer: StreamWriter): Future<unknown> | null {
    const loop = this.#loop;
    const handled = this.#clientConnected(reader, writer);
    let running: Future<unknown>;
    if (iscoroutine(handled)) running = loop.createTask(handled) as Future<unknown>;
    else if (isThenable(handled)) running = wrapFuture(handled, { loop });
    else return null;
    this.#running.add(running);
    running.addDoneCallback(() => void this.#running.delete(running));
    return running;
  }
}
