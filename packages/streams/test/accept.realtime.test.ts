// Accepting: out of descriptors, errors of accept(), addresses that are not there, sockets that others have accepted.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { Server as NetServer, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { fileURLToPath } from "node:url";
import type { Coroutine, ExceptionContext } from "@aioloop/loop";
import { RuntimeError, wrapFuture } from "@aioloop/loop";
import type { StreamReader, StreamWriter } from "@aioloop/streams";
import { openConnection, startServer, startUnixServer } from "@aioloop/streams";
import { createTask, sleep, waitFor } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { Listener } from "../src/listeners.ts";
import { Server } from "../src/server.ts";
import { errorOf, event, HOST, onSockets, Recorder, readAll, until } from "./helpers-g.ts";
import { certificates, opensslTest } from "./helpers-k.ts";

/** An address of nobody's: RFC 5737. */
const ELSEWHERE = "192.0.2.1";

/** What comes next over a socket. */
async function heard(socket: Socket): Promise<string> {
  const chunk = await new Promise<Buffer | null>((resolve) => {
    const end = () => resolve(null);
    socket.once("data", resolve).once("end", end).once("close", end); // it may be a reset
  });
  return chunk === null ? "(the end)" : `${chunk}`;
}

test("a server without descriptors reports it, ends what comes, keeps its connections, and accepts again [S256]", async () => {
  const program = fileURLToPath(new URL("programs/few-descriptors.ts", import.meta.url));
  const flags = `--conditions=@aioloop/source --import tsx`;
  const command = `ulimit -n 100; exec "${process.execPath}" ${flags} "${program}"`;
  const child = spawn("/bin/sh", ["-c", command], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  const said = async (pattern: RegExp) => {
    for (;;) {
      const match = pattern.exec(output);
      if (match !== null) return match;
      await once(child.stdout, "data");
    }
  };
  child.stdout.on("data", (data) => (output += data));
  const sockets: Socket[] = [];
  try {
    const port = Number((await said(/ready (\d+)/))[1]);
    const ask = async () => {
      const socket = connect({ host: HOST, port });
      sockets.push(socket.on("error", () => {}));
      await once(socket, "connect");
      socket.write("hello");
      return [socket, await heard(socket)] as const;
    };
    const served: Socket[] = [];
    let ended = 0;
    while (ended < 3) {
      const [socket, answer] = await ask();
      if (answer === "hello") served.push(socket);
      else ended += 1;
      expect(served.length).toBeLessThan(100);
    }
    if (process.platform === "linux") await said(/report EMFILE a connection has taken the last/);
    expect(output.match(/report/g)?.length ?? 0).toBeLessThanOrEqual(1);
    expect(served.length).toBeGreaterThan(10);
    served[0]?.write("again");
    expect(await heard(served[0] as Socket)).toBe("again");
    for (const socket of served.splice(0, 5)) {
      socket.end();
      await once(socket.resume(), "close");
    }
    let [, answer] = await ask();
    for (let most = 100; answer !== "hello" && most > 0; most--) [, answer] = await ask();
    expect(answer).toBe("hello");
  } finally {
    for (const socket of sockets) socket.destroy();
    child.kill("SIGKILL");
    await once(child, "close");
  }
});

test("a server that cannot accept closes, and listens again at its port in a second, as often as it takes [S256]", async () => {
  const reports: ExceptionContext[] = [];
  await onSockets(
    function* (site) {
      const accepted: Socket[] = [];
      const listener = new Listener(site.loop, { host: HOST, port: 0 }, (socket) => {
        accepted.push(socket.on("error", () => {}));
      });
      const server = site.keep(new Server(site.loop, [listener]));
      yield* server.startServing();
      const { port } = server;
      yield* site.rawSocket(port);
      yield* until(() => accepted.length === 1);

      listener._acceptFailed(Object.assign(new Error("accept ENOMEM"), { code: "ENOMEM" }));
      expect((yield* errorOf(openConnection(HOST, port))).code).toBe("ECONNREFUSED");
      expect(server.sockets).toEqual([{ host: HOST, port }]);
      expect(accepted[0]?.destroyed).toBe(false);
      const other = createServer().listen(port, HOST); // somebody takes the port
      yield* event(other, "listening");
      yield* until(() => reports.length === 2);
      other.close();

      for (;;) {
        try {
          yield* site.rawSocket(port);
          break;
        } catch {
          yield* sleep(0.05);
        }
      }
      yield* until(() => accepted.length === 2);
      for (const socket of accepted) socket.destroy();

      listener._acceptFailed(Object.assign(new Error("accept ENOMEM"), { code: "ENOMEM" }));
      server.close();
      expect(server.sockets).toEqual([]);
    },
    { reports },
  );
  const message = "a server cannot accept connections; it tries again in 1 s";
  expect(reports.map(({ message }) => message)).toEqual([message, message, message]);
  expect(reports.map(({ exception }) => (exception as NodeJS.ErrnoException).code)).toEqual([
    "ENOMEM",
    "EADDRINUSE",
    "ENOMEM",
  ]);
});

test("createServer() passes over an address that is not this machine's, where there are others [S263]", async () => {
  const warnings: string[] = [];
  await onSockets(
    function* (site) {
      site.loop.setDebug(true);
      const factory = () => new Recorder(site.loop);
      for (const hosts of [
        [ELSEWHERE, HOST],
        [HOST, ELSEWHERE],
      ]) {
        const server = site.keep(yield* site.loop.createServer(factory, hosts, 0));
        expect(server.sockets).toEqual([{ host: HOST, port: server.port }]);
        yield* site.rawSocket(server.port);
        server.close();
        server.abortClients();
      }
      const none = yield* errorOf(site.loop.createServer(factory, [ELSEWHERE, "203.0.113.1"], 0));
      expect(none.code).toBe("EADDRNOTAVAIL");
    },
    { warnings },
  );
  expect(warnings.filter((text) => text.startsWith("createServer(): listen EADDRNOTAVAIL"))).toHaveLength(3);
});

test("Server.startServing() that fails at one address listens at none, and can be tried again", async () => {
  await onSockets(function* (site) {
    const [taken] = yield* site.serve(() => new Recorder(site.loop));
    const { port } = taken;
    const listeners = ["127.0.0.2", HOST].map((host) => {
      return new Listener(site.loop, { host, port }, (socket) => void socket.destroy());
    });
    const server = site.keep(new Server(site.loop, listeners));
    expect((yield* errorOf(server.startServing())).code).toBe("EADDRINUSE");
    expect(server.isServing()).toBe(false);
    expect((yield* errorOf(openConnection("127.0.0.2", port))).code).toBe("ECONNREFUSED");
    taken.close();
    yield* server.startServing();
    expect(server.isServing()).toBe(true);
    yield* site.rawSocket(port);
  });
});

test("Server.close() while it is about to listen leaves nothing that listens", async () => {
  await onSockets(function* (site) {
    const factory = () => new Recorder(site.loop);
    const options = { startServing: false };
    const server = site.keep(yield* site.loop.createServer(factory, [HOST, "127.0.0.2"], 0, options));
    const starting = createTask(server.startServing());
    yield* sleep(0);
    server.close();
    yield* starting;
    expect(server.sockets).toEqual([]);
    expect(server.isServing()).toBe(false);
  });
});

test("Server.sockets says before startServing() where it will listen; Server.port is what port 0 has become", async () => {
  const folder = mkdtempSync(join(tmpdir(), "accept-"));
  await onSockets(function* (site) {
    const factory = () => new Recorder(site.loop);
    const options = { startServing: false };
    const later = site.keep(yield* site.loop.createServer(factory, HOST, 0, options));
    expect(later.sockets).toEqual([{ host: HOST, port: 0 }]);
    expect(() => later.port).toThrow(new RuntimeError(`port: <Server ${HOST}:0> has none`));
    yield* later.startServing();
    expect(later.port).toBeGreaterThan(0);
    expect(later.sockets).toEqual([{ host: HOST, port: later.port }]);
    const { port } = later;
    later.close();
    expect(() => later.port).toThrow(RuntimeError);
    const fixed = site.keep(yield* site.loop.createServer(factory, null, port, options));
    expect(fixed.sockets).toEqual([{ host: "::", port }]);
    expect(fixed.port).toBe(port);
    const path = join(folder, "socket");
    const unix = site.keep(yield* site.loop.createUnixServer(factory, path, options));
    expect(unix.sockets).toEqual([path]);
    expect(() => unix.port).toThrow(new RuntimeError(`port: <Server ${path}> has none`));
  });
  rmSync(folder, { recursive: true });
});

// ---- stop()

test("Server.stop(seconds) waits for handlers that go on after their connections, and cancels those that are left", async () => {
  const folder = mkdtempSync(join(tmpdir(), "accept-"));
  await onSockets(function* (site) {
    for (const where of ["tcp", "unix"] as const) {
      const log: string[] = [];
      function* handler(reader: StreamReader, writer: StreamWriter): Coroutine<void> {
        const name = `${yield* reader.readline()}`.trim();
        log.push(`${name} begins`);
        try {
          if (name === "waiting") yield* reader.read();
          writer.close();
          yield* sleep(name === "endless" ? 3600 : 0.02);
          log.push(`${name} is done`);
        } finally {
          yield* sleep(0.01);
          log.push(`${name} ends`);
        }
      }
      const path = join(folder, "socket");
      const server = site.keep(
        yield* where === "tcp" ? startServer(handler, HOST, 0) : startUnixServer(handler, path),
      );
      const names = ["quick", "endless", "waiting"];
      for (const name of names) {
        const socket = where === "tcp" ? connect(server.port, HOST) : connect(path);
        socket.on("error", () => {}).on("end", () => name !== "waiting" && socket.end());
        socket.resume().write(`${name}\n`);
      }
      yield* until(() => log.length === names.length);
      yield* server.stop(0.2);
      expect(log.sort()).toEqual(
        [
          ...["quick begins", "quick is done", "quick ends"],
          ...["endless begins", "endless ends", "waiting begins", "waiting ends"],
        ].sort(),
      );
    }
  });
  rmSync(folder, { recursive: true });
});

test("Server.stop() waits for async handlers too, and for no handler that calls it", async () => {
  await onSockets(function* (site) {
    let isDone = false;
    const first = site.keep(
      yield* startServer(
        async (_reader, writer) => {
          writer.close();
          await new Promise((resolve) => setTimeout(resolve, 30));
          isDone = true;
        },
        HOST,
        0,
      ),
    );
    (yield* site.rawSocket(first.port)).on("end", function (this: Socket) {
      this.end();
    });
    yield* sleep(0.01);
    yield* first.stop(null);
    expect(isDone).toBe(true);

    const stopped = site.loop.createFuture<string>();
    const second: Server = site.keep(
      yield* startServer(
        function* (_reader, writer) {
          writer.close();
          yield* writer.waitClosed();
          yield* second.stop(10);
          stopped.setResult("stopped");
        },
        HOST,
        0,
      ),
    );
    (yield* site.rawSocket(second.port))
      .on("end", function (this: Socket) {
        this.end();
      })
      .resume();
    expect(yield* waitFor(stopped, 5)).toBe("stopped");
  });
});

// ---- connectAcceptedSocket()

/** A server of Node's that gives its next connection. */
function* nodeServer<T extends NetServer>(
  server: T,
  event = "connection",
): Coroutine<[port: number, accepted: Promise<unknown[]>]> {
  const accepted = once(server, event);
  server.listen(0, HOST);
  yield* wrapFuture(once(server, "listening"));
  return [(server.address() as { port: number }).port, accepted];
}

test("connectAcceptedSocket() serves a connection that Node's server has accepted, paused or not", async () => {
  for (const options of [{}, { pauseOnConnect: true }, { allowHalfOpen: true }]) {
    await onSockets(function* (site) {
      const server = createServer(options);
      const [port, accepted] = yield* nodeServer(server);
      const peer = yield* site.rawSocket(port);
      peer.write("hello");
      const [socket] = (yield* wrapFuture(accepted)) as [Socket];
      const made = new Recorder(site.loop);
      made.isKeptOpen = true;
      const [transport, protocol] = yield* site.loop.connectAcceptedSocket(() => made, socket);
      expect(protocol).toBe(made);
      expect(made.calls[0]).toBe("connectionMade");
      expect(transport.getExtraInfo("sockname")).toEqual({ host: HOST, port });
      yield* made.received(5);
      peer.end();
      yield* made.called("eofReceived");
      transport.write(Buffer.from("after the end")); // one side is closed only
      const answer = createTask(readAll(peer));
      transport.close();
      expect(`${yield* answer}`).toBe("after the end");
      expect(yield* made.lost()).toBe(null);
      server.close();
    });
  }
});

opensslTest(
  "connectAcceptedSocket({ ssl }) shakes hands as server; over TLS already it takes no ssl",
  async () => {
    const { ca, server: identity } = certificates();
    const { key, cert } = identity;
    await onSockets(function* (site) {
      const trusting = { ssl: { ca }, serverHostname: "localhost" };
      for (const isSecure of [false, true]) {
        const server = isSecure ? createTlsServer({ key, cert }) : createServer();
        const [port, accepted] = yield* nodeServer(server, isSecure ? "secureConnection" : "connection");
        const opening = createTask(openConnection(HOST, port, trusting));
        const [socket] = (yield* wrapFuture(accepted)) as [Socket];
        const made = new Recorder(site.loop);
        const factory = () => made;
        if (isSecure) {
          const error = yield* errorOf(
            site.loop.connectAcceptedSocket(factory, socket, { ssl: { key, cert } }),
          );
          expect(error).toBeInstanceOf(TypeError);
          expect(error.message).toContain("speaks TLS already");
        }
        const options = isSecure ? {} : { ssl: { key, cert } };
        const [transport] = yield* site.loop.connectAcceptedSocket(factory, socket, options);
        expect(transport.getExtraInfo("cipher")).not.toBe(null);
        expect(transport.canWriteEof()).toBe(false);
        const [reader, writer] = yield* opening;
        writer.write(Buffer.from("hello"));
        yield* made.received(5);
        transport.write(Buffer.from("good bye"));
        transport.close();
        expect(`${yield* reader.read()}`).toBe("good bye");
        writer.close();
        yield* made.lost();
        server.close();
      }
    });
  },
);

test("connectAcceptedSocket() refuses what is no connected socket, and a handshake's timeout without ssl", async () => {
  await onSockets(function* (site) {
    const factory = () => new Recorder(site.loop);
    const refused = (socket: unknown, options = {}) =>
      errorOf(site.loop.connectAcceptedSocket(factory, socket as Socket, options));
    const port = yield* site.rawServer();
    const socket = yield* site.rawSocket(port);
    expect((yield* refused({})).message).toContain("a Socket of node:net is required, got");
    const timeout = yield* refused(socket, { sslHandshakeTimeout: 1 });
    expect(timeout).toBeInstanceOf(RangeError);
    expect(timeout.message).toContain("sslHandshakeTimeout is for TLS only; give { ssl } as well");
    const connecting = connect(port, HOST);
    expect((yield* refused(connecting)).message).toContain("is not connected yet");
    connecting.destroy();
  });
});

test("connectAcceptedSocket() with a factory that throws destroys the socket; a lost connection is told to the protocol", async () => {
  await onSockets(function* (site) {
    const server = createServer();
    const [port, accepted] = yield* nodeServer(server);
    yield* site.rawSocket(port);
    const [socket] = (yield* wrapFuture(accepted)) as [Socket];
    const throwing = () => {
      throw new RangeError("no protocol today");
    };
    const error = yield* errorOf(site.loop.connectAcceptedSocket(throwing, socket));
    expect(error.message).toBe("no protocol today");
    expect(socket.destroyed).toBe(true);

    const again = once(server, "connection");
    const peer = yield* site.rawSocket(port);
    const [lost] = (yield* wrapFuture(again)) as [Socket];
    lost.on("error", () => {}).resume();
    peer.resetAndDestroy();
    yield* until(() => lost.closed);
    const made = new Recorder(site.loop);
    yield* site.loop.connectAcceptedSocket(() => made, lost);
    yield* made.lost();
    expect(made.calls).toEqual(["connectionMade", "connectionLost"]);
    server.close();
  });
});
