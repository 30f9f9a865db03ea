// What CPython's test_server and test_unix_events say of servers of streams: started late and cancelled by a client, waited for from
// all sides, closed with clients that are stuck; and of paths that are taken.
import { existsSync, lstatSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { Coroutine, Future } from "@aioloop/loop";
import { CancelledError, RuntimeError, wrapFuture } from "@aioloop/loop";
import type { ClientConnected, Server, StreamReader, StreamWriter } from "@aioloop/streams";
import { openConnection, Protocol, startServer, startUnixServer } from "@aioloop/streams";
import { asyncWith, createTask, sleep, waitFor } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import type { Site } from "./helpers-g.ts";
import { errorOf, HOST, onSockets, openHandles, portOf, until } from "./helpers-g.ts";
import { inFolder } from "./helpers-k.ts";

const LINE = Buffer.from(`${"1".repeat(5 * 1024)}\n`);

/** Serves until a client's line cancels that, and says what is left. `open` makes the server, which does not serve yet. */
function* servedUntilCancelled(
  open: (handler: ClientConnected) => Coroutine<Server>,
  addressOf: (server: Server) => { host: string; port: number } | { path: string },
): Coroutine<void> {
  let main: Future<unknown> | null = null;
  const server = yield* open(function* (reader, writer) {
    yield* reader.readline();
    main?.cancel();
    writer.write(Buffer.from("1"));
    writer.close();
    yield* writer.waitClosed();
  });
  expect(server.isServing()).toBe(false);
  const started = server.getLoop().createFuture<void>("the server");
  main = createTask(
    asyncWith(server, function* () {
      expect(server.isServing()).toBe(false);
      yield* server.startServing();
      expect(server.isServing()).toBe(true);
      started.setResult();
      yield* server.serveForever();
    }),
  );
  yield* waitFor(started, 5);
  const peer = connect(addressOf(server));
  peer.end(LINE);
  const [answer] = yield* wrapFuture(
    new Promise<Buffer[]>((resolve) => peer.once("data", (data: Buffer) => resolve([data]))),
  );
  expect(`${answer}`).toBe("1");
  expect(yield* errorOf(main)).toBeInstanceOf(CancelledError);
  expect(server.sockets).toEqual([]);
  expect(server.isServing()).toBe(false);
  yield* server.waitClosed();
  const again = yield* errorOf(server.serveForever());
  expect(again).toBeInstanceOf(RuntimeError);
  expect(again.message).toContain("is closed");
  peer.destroy();
}

describe("asyncWith(server) with serveForever() that a client's handler cancels", () => {
  test("ends with the CancelledError, at TCP: nothing is served any more, and that is said [S259]", async () => {
    await onSockets(function* (site) {
      yield* servedUntilCancelled(
        function* (handler) {
          return site.keep(yield* startServer(handler, HOST, 0, { startServing: false }));
        },
        (server) => ({ host: HOST, port: portOf(server) }),
      );
    });
  });

  test("ends with the CancelledError, at a Unix socket: nothing is served any more, and that is said [S259]", async () => {
    await inFolder((folder) =>
      onSockets(function* (site) {
        const path = join(folder, "socket");
        yield* servedUntilCancelled(
          function* (handler) {
            return site.keep(yield* startUnixServer(handler, path, { startServing: false }));
          },
          () => ({ path }),
        );
        expect(existsSync(path)).toBe(false);
      }),
    );
  });
});

function* readToTheEnd(reader: StreamReader, writer: StreamWriter): Coroutine<void> {
  try {
    yield* reader.read();
  } finally {
    writer.close();
    yield* writer.waitClosed();
  }
}

function* connected(
  site: Site,
  handler: ClientConnected,
): Coroutine<[server: Server, reader: StreamReader, writer: StreamWriter]> {
  const server = site.keep(yield* startServer(handler, HOST, 0));
  const [reader, writer] = yield* openConnection(HOST, portOf(server), { limit: 4096 });
  return [server, reader, writer];
}

describe("Server.waitClosed() of a server of streams", () => {
  test("waits for close() and for the handlers' connections, whenever it was called [S258]", async () => {
    await onSockets(function* (site) {
      const handled = site.loop.createFuture<void>("a handler");
      const handler: ClientConnected = (...streams) => {
        handled.setResult();
        return readToTheEnd(...streams);
      };
      const server = site.keep(yield* startServer(handler, HOST, 0));
      const waits = [createTask(server.waitClosed())];
      const [, writer] = yield* openConnection(HOST, portOf(server));
      yield* waitFor(handled, 5);
      waits.push(createTask(server.waitClosed()));
      yield* sleep(0);
      expect(waits.map((wait) => wait.done())).toEqual([false, false]);
      server.close();
      waits.push(createTask(server.waitClosed()));
      yield* sleep(0);
      expect(waits.map((wait) => wait.done())).toEqual([false, false, false]);
      writer.close();
      yield* waitFor(writer.waitClosed(), 5);
      for (const wait of waits) yield* waitFor(wait, 5);
      yield* waitFor(server.waitClosed(), 5);
    });
  });

  test("ends where the server and the last connection are closed in the same turn [S258]", async () => {
    await onSockets(function* (site) {
      const [server, , writer] = yield* connected(site, readToTheEnd);
      const early = createTask(server.waitClosed());
      yield* sleep(0);
      expect(early.done()).toBe(false);
      site.loop.callSoon(() => server.close());
      site.loop.callSoon(() => writer.close());
      yield* waitFor(server.waitClosed(), 5);
      yield* waitFor(early, 5);
    });
  });

  test("ends after close() and closeClients(), though the clients stay", async () => {
    await onSockets(function* (site) {
      const handled = site.loop.createFuture<void>("a handler");
      const [server, reader, writer] = yield* connected(site, function* (...streams) {
        handled.setResult();
        yield* readToTheEnd(...streams);
      });
      const waiting = createTask(server.waitClosed());
      yield* handled;
      expect(waiting.done()).toBe(false);
      server.close();
      server.closeClients();
      yield* waitFor(waiting, 5);
      expect(yield* waitFor(reader.read(), 5)).toHaveLength(0);
      expect(writer.isClosing()).toBe(false);
      writer.close();
      yield* waitFor(writer.waitClosed(), 5);
    });
  });

  test("ends after close() and abortClients(), though a client reads nothing and the buffer is full", async () => {
    await onSockets(function* (site) {
      const accepted = site.loop.createFuture<StreamWriter>("a connection");
      const [server, , client] = yield* connected(site, function* (_reader, writer) {
        accepted.setResult(writer);
        yield* writer.waitClosed();
      });
      const writer = yield* waitFor(accepted, 5);
      writer.write(Buffer.alloc(32 << 20));
      yield* until(() => !client.transport.isReading());
      yield* sleep(0.01);
      expect(writer.transport.getWriteBufferSize()).toBeGreaterThan(0);
      const waiting = createTask(server.waitClosed());
      yield* sleep(0);
      expect(waiting.done()).toBe(false);
      server.close();
      server.abortClients();
      yield* waitFor(waiting, 5);
      client.transport.abort();
    });
  });
});

describe("createUnixServer() at a path", () => {
  test("that is a file throws EADDRINUSE, and leaves the file", async () => {
    await inFolder((folder) =>
      onSockets(function* (site) {
        const path = join(folder, "file");
        writeFileSync(path, "mine");
        const error = yield* errorOf(site.loop.createUnixServer(() => new Protocol(), path));
        expect(error.code).toBe("EADDRINUSE");
        expect(lstatSync(path).isFile()).toBe(true);
      }),
    );
  });

  test("in a folder that is missing throws what the system says, and leaves no socket open", async () => {
    await inFolder((folder) =>
      onSockets(function* (site) {
        const before = openHandles();
        const path = join(folder, "missing", "socket");
        const error = yield* errorOf(site.loop.createUnixServer(() => new Protocol(), path));
        expect(["ENOENT", "EACCES"]).toContain(error.code);
        yield* until(() => openHandles() <= before);
      }),
    );
  });

  test("is there once it serves, and gone once it is closed, without a turn between", async () => {
    await inFolder((folder) =>
      onSockets(function* (site) {
        const path = join(folder, "socket");
        const server = site.keep(yield* startUnixServer(() => {}, path));
        expect(lstatSync(path).isSocket()).toBe(true);
        server.close();
        expect(existsSync(path)).toBe(false);
        yield* waitFor(server.waitClosed(), 5);
      }),
    );
  });
});
