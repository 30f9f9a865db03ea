// Options of connections, servers and datagram endpoints: sockets that are given, keepalive, families, shared ports, the times TLS may take.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { AddressInfo, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import type { Coroutine } from "@aioloop/loop";
import { TimeoutError, wrapFuture } from "@aioloop/loop";
import type { StreamReader, StreamWriter, Transport } from "@aioloop/streams";
import { openConnection, openUnixConnection, Protocol, startServer, startUnixServer } from "@aioloop/streams";
import { waitFor } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import type { Site } from "./helpers-g.ts";
import { errorOf, event, HOST, onSockets, portOf, Recorder } from "./helpers-g.ts";
import { certificates, Datagrams, hostTurns, inFolder, onLoop, opensslTest } from "./helpers-k.ts";

const hasIpv6 = Object.values(networkInterfaces()).some((one) =>
  one?.some(({ address }) => address === "::1"),
);

function* echo(reader: StreamReader, writer: StreamWriter): Coroutine<void> {
  writer.write(yield* reader.read());
  writer.close();
}

/** What comes back for what is written, up to the end. */
function* talk([reader, writer]: [StreamReader, StreamWriter], text: string): Coroutine<string> {
  writer.write(Buffer.from(text));
  if (writer.canWriteEof()) writer.writeEof();
  const answer = yield* waitFor(reader.read(), 5);
  writer.close();
  yield* waitFor(writer.waitClosed(), 5);
  return `${answer}`;
}

describe("{ sock }", () => {
  test.each(["flowing", "paused"])(
    "openConnection({ sock }) goes on where a proxy has left off, %s, and gives what was read already",
    async (state) => {
      await onSockets(function* (site) {
        const port = yield* site.rawServer((socket) => {
          socket.once("data", () => {
            socket.write("200 established\nearly ");
            socket.on("data", (data) => socket.write(data)).on("end", () => socket.end());
          });
        });
        const sock = yield* site.rawSocket(port);
        sock.write("CONNECT somewhere\n");
        const head = (yield* event(sock, "data")) as Buffer;
        const end = head.indexOf("\n") + 1;
        expect(`${head.subarray(0, end)}`).toBe("200 established\n");
        if (state === "paused") sock.pause();
        sock.unshift(head.subarray(end));
        const ends = yield* openConnection(null, null, { sock });
        expect(ends[1].getExtraInfo("socket")).toBe(sock);
        expect(ends[1].getExtraInfo("peername")).toEqual({ host: HOST, port });
        expect(yield* talk(ends, "late")).toBe("early late");
      });
    },
  );

  opensslTest("openConnection({ sock, ssl }) proves the name it is given, and requires one", async () => {
    const { ca, server: identity } = certificates();
    await onSockets(function* (site) {
      const secure = createTlsServer({ key: identity.key, cert: identity.cert }, (socket) => {
        socket.once("data", (data: Buffer) => socket.end(`you said ${data}`));
      });
      secure.listen(0, HOST);
      yield* wrapFuture(once(secure, "listening"));
      const { port } = secure.address() as AddressInfo;
      try {
        const sock = yield* site.rawSocket(port);
        const nameless = yield* errorOf(openConnection(null, null, { sock, ssl: { ca } }));
        expect(nameless).toBeInstanceOf(RangeError);
        expect(nameless.message).toContain("a client must say which name the server has to prove");
        expect(sock.destroyed).toBe(false);
        const options = { sock, ssl: { ca }, serverHostname: "localhost" };
        expect(yield* talk(yield* openConnection(null, null, options), "hello")).toBe("you said hello");
        const other = { ...options, sock: yield* site.rawSocket(port), serverHostname: "elsewhere.test" };
        expect((yield* errorOf(openConnection(null, null, other))).code).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
        const secured = connectTls({ host: HOST, port, ca, servername: "localhost" });
        yield* wrapFuture(once(secured, "secureConnect"));
        const twice = yield* errorOf(openConnection(null, null, { ...options, sock: secured }));
        expect(twice.message).toContain("the socket speaks TLS already; leave ssl out");
        const ends = yield* openConnection(null, null, { sock: secured });
        expect(ends[1].canWriteEof()).toBe(false);
        expect(yield* talk(ends, "hello")).toBe("you said hello");
      } finally {
        secure.close();
      }
    });
  });

  test("openUnixConnection({ sock }) takes a Unix socket that is connected, and none of TCP", async () => {
    await inFolder((folder) =>
      onSockets(function* (site) {
        const path = join(folder, "socket");
        site.keep(yield* startUnixServer(echo, path));
        const sock = connect(path);
        yield* wrapFuture(once(sock, "connect"));
        const both = yield* errorOf(openUnixConnection(path, { sock }));
        expect(both).toBeInstanceOf(RangeError);
        expect(both.message).toBe("createUnixConnection(…, path): path is null where a { sock } is given");
        expect(yield* talk(yield* openUnixConnection(null, { sock }), "hello")).toBe("hello");
        const port = yield* site.rawServer();
        const wrong = yield* errorOf(openUnixConnection(null, { sock: yield* site.rawSocket(port) }));
        expect(wrong).toBeInstanceOf(RangeError);
        expect(wrong.message).toContain("a Unix socket is required; for one of TCP take createConnection()");
      }),
    );
  });

  test("createConnection() refuses a sock beside host and port, none of them, and what is no connected socket", async () => {
    await onSockets(function* (site) {
      const port = yield* site.rawServer();
      const sock = yield* site.rawSocket(port);
      const refused = (host: string | null, port: number | null, given: unknown) =>
        errorOf(site.loop.createConnection(() => new Protocol(), host, port, { sock: given as Socket }));
      for (const [host, at] of [
        [HOST, port],
        [HOST, null],
        [null, port],
      ] as const) {
        const error = yield* refused(host, at, sock);
        expect(error).toBeInstanceOf(RangeError);
        expect(error.message).toContain("host and port are null where a { sock } is given");
      }
      const none = yield* refused(null, null, null);
      expect(none).toBeInstanceOf(RangeError);
      expect(none.message).toBe(
        "createConnection(…, host, port): a host and a port are required, or a { sock }",
      );
      const other = yield* refused(null, null, {});
      expect(other).toBeInstanceOf(TypeError);
      expect(other.message).toContain("a Socket of node:net is required, got");
      const connecting = connect(port, HOST);
      expect((yield* refused(null, null, connecting)).message).toContain("the socket is not connected yet");
      connecting.destroy();
    });
  });
});

/** The timer of the connection that the server has: 2 is that of keepalive, 0 none. */
function timerOf(port: number, clientPort: number): number {
  const hex = (number: number) => number.toString(16).toUpperCase().padStart(4, "0");
  const pattern = new RegExp(`:${hex(port)} \\w+:${hex(clientPort)} 01 \\S+ (\\d\\d):`);
  return Number(pattern.exec(readFileSync("/proc/net/tcp", "latin1"))?.[1]);
}

test("createServer({ keepAlive }) sets it for the connections that come; otherwise it is not set", async () => {
  await onSockets(function* (site) {
    for (const keepAlive of [true, false]) {
      const accepted = site.loop.createFuture<Recorder>("a connection");
      const factory = () => {
        const protocol = new Recorder(site.loop);
        accepted.setResult(protocol);
        return protocol;
      };
      const [, port] = yield* site.serve(factory, { keepAlive });
      const socket = yield* site.rawSocket(port);
      socket.write("hello");
      yield* (yield* accepted).received(5);
      yield* hostTurns(3); // what was sent is acknowledged
      if (process.platform === "linux") {
        expect(timerOf(port, (socket.address() as AddressInfo).port)).toBe(keepAlive ? 2 : 0);
      }
    }
  });
});

test("createServer({ family }) listens at the addresses of one family only, also at all interfaces", async () => {
  await onSockets(function* (site) {
    const factory = () => new Recorder(site.loop);
    const hosts = function* (host: string | null, family: 4 | 6): Coroutine<unknown[]> {
      const server = site.keep(yield* site.loop.createServer(factory, host, 0, { family }));
      return server.sockets.map((address) => typeof address === "object" && address.host);
    };
    expect(yield* hosts(null, 4)).toEqual(["0.0.0.0"]);
    expect(yield* hosts("localhost", 4)).toEqual([HOST]);
    const wrong = yield* errorOf(hosts(HOST, 6));
    expect(wrong.code).toBe("ENOTFOUND");
    if (!hasIpv6) return;
    const server = site.keep(yield* startServer(echo, null, 0, { family: 6 }));
    expect(server.sockets).toEqual([{ host: "::", port: portOf(server) }]);
    expect((yield* errorOf(openConnection(HOST, portOf(server)))).code).toBe("ECONNREFUSED");
    expect(yield* talk(yield* openConnection("::1", portOf(server)), "hello")).toBe("hello");
  });
});

test("createDatagramEndpoint({ reusePort }) shares a port where Node can, and says from which version on where not", async () => {
  await onLoop(function* (loop) {
    const make = function* (localAddr: { host: string; port: number }): Coroutine<Datagrams> {
      const options = { localAddr, reusePort: true };
      const [, protocol] = yield* loop.createDatagramEndpoint(() => new Datagrams(loop), options);
      return protocol;
    };
    const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
    if (major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)) {
      const first = yield* make({ host: HOST, port: 0 });
      const place = first.transport.getExtraInfo("sockname") as { host: string; port: number };
      const second = yield* make(place);
      expect(second.transport.getExtraInfo("sockname")).toEqual(place);
      for (const { transport } of [first, second]) transport.close();
      yield* hostTurns(3);
      return;
    }
    const error = yield* errorOf(make({ host: HOST, port: 0 }));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toContain(`createDatagramEndpoint({ reusePort }): Node ${process.version} cannot`);
  });
});

describe("sslShutdownTimeout", () => {
  const timeouts = { sslShutdownTimeout: 0.05 };

  /** A server over TLS, at a port or a path, that never closes its side. */
  function* silentServer(at: number | string): Coroutine<{ place: AddressInfo | string; close(): void }> {
    const { key, cert } = certificates().server;
    const sockets: TLSSocket[] = [];
    const server = createTlsServer({ key, cert, allowHalfOpen: true }, (socket) => {
      sockets.push(socket.on("error", () => {}).resume());
    });
    if (typeof at === "string") server.listen(at);
    else server.listen(at, HOST);
    yield* wrapFuture(once(server, "listening"));
    const close = () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    };
    return { place: server.address() as AddressInfo | string, close };
  }

  /** A client over TLS that never closes its side. */
  function* silentClient(port: number): Coroutine<TLSSocket> {
    const options = { host: HOST, port, ca: certificates().ca, servername: "localhost", allowHalfOpen: true };
    const socket = connectTls(options as ConnectionOptions);
    socket.on("error", () => {}).resume();
    yield* wrapFuture(once(socket, "secureConnect"));
    return socket;
  }

  const client = () => ({ ssl: { ca: certificates().ca }, serverHostname: "localhost", ...timeouts });
  const server = () => {
    const { key, cert } = certificates().server;
    return { ssl: { key, cert }, ...timeouts };
  };

  /** Who closes to a side that does not: its protocol, and how the other side is let go. */
  type Closing = [Recorder, () => void];
  const cases: Record<string, (site: Site, folder: string) => Coroutine<Closing>> = {
    *createConnection({ loop }) {
      const { place, close } = yield* silentServer(0);
      const { port } = place as AddressInfo;
      const [, made] = yield* loop.createConnection(() => new Recorder(loop), HOST, port, client());
      return [made, close];
    },
    *createUnixConnection({ loop }, folder) {
      const { place, close } = yield* silentServer(join(folder, "socket"));
      const [, made] = yield* loop.createUnixConnection(() => new Recorder(loop), place as string, client());
      return [made, close];
    },
    *startTls({ loop }) {
      const { place, close } = yield* silentServer(0);
      const made = new Recorder(loop);
      const { port } = place as AddressInfo;
      const [transport] = yield* loop.createConnection(() => made, HOST, port);
      const { ssl, ...options } = client();
      made.transport = yield* loop.startTls(transport, made, ssl, options);
      return [made, close];
    },
    *createServer(site) {
      const accepted = site.loop.createFuture<Recorder>("a connection");
      const factory = () => {
        const protocol = new Recorder(site.loop);
        accepted.setResult(protocol);
        return protocol;
      };
      const [, port] = yield* site.serve(factory, server());
      const socket = yield* silentClient(port);
      const made = yield* accepted;
      yield* made.called("connectionMade");
      return [made, () => socket.destroy()];
    },
    *connectAcceptedSocket(site) {
      const net = createServer();
      net.listen(0, HOST);
      yield* wrapFuture(once(net, "listening"));
      const arrival = once(net, "connection");
      const shaken = site.loop.createTask(silentClient((net.address() as AddressInfo).port));
      const [socket] = (yield* wrapFuture(arrival)) as [Socket];
      const factory = () => new Recorder(site.loop);
      const [, made] = yield* site.loop.connectAcceptedSocket(factory, socket, server());
      const peer = yield* shaken;
      const close = () => {
        peer.destroy();
        net.close();
      };
      return [made, close];
    },
  };

  for (const [name, make] of Object.entries(cases)) {
    opensslTest(
      `${name}({ sslShutdownTimeout }) ends a connection whose other side does not close TLS, with a TimeoutError`,
      async () => {
        await inFolder((folder) =>
          onSockets(function* (site) {
            const [made, close] = yield* make(site, folder);
            made.transport.close();
            expect(made.calls).not.toContain("connectionLost");
            const error = yield* waitFor(made.lost(), 5);
            expect(error).toBeInstanceOf(TimeoutError);
            expect((error as Error).message).toBe("the other side did not close TLS within 0.05 seconds");
            close();
          }),
        );
      },
    );
  }

  opensslTest(
    "sslHandshakeTimeout and sslShutdownTimeout are numbers of seconds greater than 0, and for TLS alone",
    async () => {
      await onSockets(function* (site) {
        const { loop } = site;
        const factory = () => new Protocol();
        const { key, cert } = certificates().server;
        const port = yield* site.rawServer();
        const sock = yield* site.rawSocket(port);
        const [transport, protocol] = yield* loop.createConnection(() => new Recorder(loop), HOST, port);
        const calls = (options: object, ssl?: object) => [
          loop.createConnection(factory, HOST, port, { ...(ssl && { ssl }), ...options }),
          loop.createUnixConnection(factory, "spam", { ...(ssl && { ssl }), ...options }),
          loop.createServer(factory, HOST, 0, { ...(ssl && { ssl }), ...options }),
          loop.createUnixServer(factory, "spam", { ...(ssl && { ssl }), ...options }),
          loop.connectAcceptedSocket(factory, sock, { ...(ssl && { ssl }), ...options }),
        ];
        for (const name of ["sslHandshakeTimeout", "sslShutdownTimeout"]) {
          for (const value of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, "1", null]) {
            const options = { [name]: value };
            const starting = loop.startTls(
              transport,
              protocol,
              {},
              { serverHostname: "localhost", ...options },
            );
            for (const call of [...calls(options, { key, cert }), starting]) {
              const error = yield* errorOf(call);
              expect(error).toBeInstanceOf(RangeError);
              expect(error.message).toContain(`${name} must be a number of seconds greater than 0, got `);
            }
          }
          for (const call of calls({ [name]: 1 })) {
            const error = yield* errorOf(call);
            expect(error).toBeInstanceOf(RangeError);
            expect(error.message).toContain(`${name} is for TLS only; give { ssl } as well`);
          }
        }
        expect((transport as Transport).isClosing()).toBe(false);
        transport.close();
        yield* protocol.lost();
      });
    },
  );
});
