// TLS over real sockets, with certificates made on the spot.
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { connect as connectTls } from "node:tls";
import type { Coroutine } from "@aioloop/loop";
import { CancelledError, TimeoutError, wrapFuture } from "@aioloop/loop";
import type {
  Server,
  ServerOptions,
  StreamReader,
  StreamWriter,
  TlsOptions,
  Transport,
} from "@aioloop/streams";
import { openConnection, startServer } from "@aioloop/streams";
import { createTask, gather, sleep, waitFor } from "@aioloop/tasks";
import { expect, vi } from "vitest";
import type { Site } from "./helpers-g.ts";
import { errorOf, HOST, onSockets, portOf, Recorder, readAll, until } from "./helpers-g.ts";
import type { Identity } from "./helpers-k.ts";
import { certificates, opensslTest } from "./helpers-k.ts";

type Handler = (reader: StreamReader, writer: StreamWriter) => unknown;

function* echo(reader: StreamReader, writer: StreamWriter): Coroutine<void> {
  for (;;) {
    const data = yield* reader.read(64 * 1024);
    if (data.length === 0) break;
    writer.write(data);
    yield* writer.drain();
  }
  writer.close();
}

function identityOf({ key, cert }: Identity): TlsOptions {
  return { key, cert };
}

function* tlsServer(
  site: Site,
  handler: Handler = echo,
  ssl: TlsOptions | null = identityOf(certificates().server),
  options: ServerOptions = {},
): Coroutine<[port: number, server: Server]> {
  const server = site.keep(yield* startServer(handler, HOST, 0, { ssl, ...options }));
  return [portOf(server), server];
}

/** A client that trusts our authority. */
function trusting(more: TlsOptions = {}): { ssl: TlsOptions; serverHostname: string } {
  return { ssl: { ca: certificates().ca, ...more }, serverHostname: "localhost" };
}

function* ask(reader: StreamReader, writer: StreamWriter, text = "hello\n"): Coroutine<string> {
  writer.write(Buffer.from(text));
  return `${yield* waitFor(reader.readline(), 5)}`;
}

function* end(writer: StreamWriter): Coroutine<void> {
  writer.close();
  yield* waitFor(writer.waitClosed(), 5);
}

/** The server still serves a client that does it right. */
function* stillServes(port: number): Coroutine<void> {
  const [reader, writer] = yield* waitFor(openConnection(HOST, port, trusting()), 5);
  expect(yield* ask(reader, writer)).toBe("hello\n");
  yield* end(writer);
}

opensslTest("openConnection({ ssl }) and startServer({ ssl }) talk over TLS", async () => {
  await onSockets(function* (site) {
    const [port] = yield* tlsServer(site);
    const [reader, writer] = yield* openConnection(HOST, port, trusting());
    expect((writer.getExtraInfo("socket") as TLSSocket).encrypted).toBe(true);
    expect(yield* ask(reader, writer)).toBe("hello\n");
    expect(writer.getExtraInfo("peername")).toEqual({ host: HOST, port });
    yield* end(writer);
    expect(`${yield* reader.read()}`).toBe("");
    expect(reader.atEof()).toBe(true);
  });
});

opensslTest(
  "openConnection({ ssl }) proves the host it is given, name or address, without a warning",
  async () => {
    const warnings: string[] = [];
    const note = (warning: Error) => void warnings.push(warning.message);
    process.on("warning", note);
    try {
      await onSockets(function* (site) {
        const [port] = yield* tlsServer(site);
        const { ca } = certificates();
        for (const host of [HOST, "localhost"]) {
          const [reader, writer] = yield* openConnection(host, port, { ssl: { ca }, family: 4 });
          expect(yield* ask(reader, writer)).toBe("hello\n");
          yield* end(writer);
        }
        yield* sleep(0.01);
      });
    } finally {
      process.off("warning", note);
    }
    expect(warnings).toEqual([]);
  },
);

opensslTest("TLS carries 8 MiB each way at once under flow control", async () => {
  await onSockets(function* (site) {
    const [port] = yield* tlsServer(site);
    const [reader, writer] = yield* openConnection(HOST, port, trusting());
    const size = 8 * 1024 * 1024;
    const block = Buffer.alloc(64 * 1024, "0123456789abcdef");
    let most = 0;
    function* send(): Coroutine<void> {
      for (let sent = 0; sent < size; sent += block.length) {
        writer.write(block);
        yield* writer.drain();
        most = Math.max(most, writer.transport.getWriteBufferSize());
      }
    }
    const [, got] = yield* gather([send(), reader.readexactly(size)]);
    expect(got.subarray(0, block.length).equals(block)).toBe(true);
    expect(got.subarray(-block.length).equals(block)).toBe(true);
    expect(most).toBeLessThanOrEqual(64 * 1024);
    yield* end(writer);
  });
});

opensslTest("TLS: a peer that does not read pauses the writer, and what is held stays bounded", async () => {
  await onSockets(function* (site) {
    const go = site.loop.createFuture<void>();
    let received = 0;
    const [port] = yield* tlsServer(site, function* (reader, writer) {
      yield* go;
      for (;;) {
        const data = yield* reader.read(64 * 1024);
        if (data.length === 0) break;
        received += data.length;
      }
      writer.close();
    });
    const [, writer] = yield* openConnection(HOST, port, trusting());
    let sent = 0;
    const sending = createTask(
      (function* () {
        for (let i = 0; i < 1024; i++) {
          writer.write(Buffer.alloc(32 * 1024));
          sent += 32 * 1024;
          yield* writer.drain();
        }
        yield* end(writer);
      })(),
    );
    yield* sleep(0.2);
    expect(sending.done()).toBe(false);
    expect(writer.transport.getWriteBufferSize()).toBeLessThanOrEqual(64 * 1024 + 32 * 1024);
    go.setResult();
    yield* waitFor(sending, 10);
    yield* waitFor(
      until(() => received === sent),
      5,
    );
  });
});

opensslTest(
  "openConnection({ ssl }) refuses a server with a wrong name, and one that is expired, self-signed or a stranger's",
  async () => {
    await onSockets(function* (site) {
      const { elsewhere, expired, selfSigned, server, ca } = certificates();
      const cases: [Identity, TlsOptions, string][] = [
        [elsewhere, { ca }, "ERR_TLS_CERT_ALTNAME_INVALID"],
        [expired, { ca }, "CERT_HAS_EXPIRED"],
        [selfSigned, { ca }, "DEPTH_ZERO_SELF_SIGNED_CERT"],
        [server, {}, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
      ];
      for (const [identity, ssl, code] of cases) {
        const [port] = yield* tlsServer(site, echo, identityOf(identity));
        const options = { ssl, serverHostname: "localhost" };
        expect((yield* errorOf(waitFor(openConnection(HOST, port, options), 5))).code).toBe(code);
      }
    });
  },
);

opensslTest("openConnection({ ssl: true }) trusts the system's authorities only", async () => {
  await onSockets(function* (site) {
    const [port] = yield* tlsServer(site);
    const error = yield* errorOf(waitFor(openConnection("localhost", port, { ssl: true, family: 4 }), 5));
    expect(error.code).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  });
});

opensslTest(
  "openConnection({ ssl }) takes what rejectUnauthorized: false, or trust in a self-signed certificate, allows",
  async () => {
    await onSockets(function* (site) {
      const { selfSigned, expired } = certificates();
      const cases: [Identity, TlsOptions][] = [
        [expired, { rejectUnauthorized: false }],
        [selfSigned, { ca: selfSigned.cert }],
      ];
      for (const [identity, ssl] of cases) {
        const [port] = yield* tlsServer(site, echo, identityOf(identity));
        const [reader, writer] = yield* openConnection(HOST, port, { ssl, serverHostname: "localhost" });
        expect(yield* ask(reader, writer)).toBe("hello\n");
        yield* end(writer);
      }
    });
  },
);

/** Until the other side has closed it. */
function* dropped(socket: Socket): Coroutine<void> {
  socket.resume();
  yield* waitFor(
    until(() => socket.destroyed || socket.readableEnded),
    3,
  );
}

/** A server that wants to know its clients, and whose name each of them has. */
function* choosyServer(site: Site, names: unknown[]): Coroutine<number> {
  const { server, ca } = certificates();
  const handler: Handler = (reader, writer) => {
    const peer = writer.getExtraInfo("peercert") as { subject?: { CN?: string } };
    names.push(peer.subject?.CN);
    return echo(reader, writer);
  };
  const [port] = yield* tlsServer(site, handler, { ...identityOf(server), ca, requestCert: true });
  return port;
}

opensslTest(
  "startServer({ ssl: { requestCert } }) takes a client with a certificate and knows it",
  async () => {
    await onSockets(function* (site) {
      const names: unknown[] = [];
      const port = yield* choosyServer(site, names);
      const [reader, writer] = yield* openConnection(HOST, port, trusting(identityOf(certificates().client)));
      expect(yield* ask(reader, writer)).toBe("hello\n");
      yield* end(writer);
      expect(names).toEqual(["client"]);
    });
  },
);

opensslTest(
  "startServer({ ssl: { requestCert } }) refuses a client without a certificate, and one whose certificate nobody it trusts has signed",
  async () => {
    await onSockets(function* (site) {
      const names: unknown[] = [];
      const port = yield* choosyServer(site, names);
      for (const ssl of [{}, identityOf(certificates().selfSigned), identityOf(certificates().expired)]) {
        let answer: string | null = null;
        try {
          // With TLS 1.3 the client is through before the server has looked.
          const [reader, writer] = yield* waitFor(openConnection(HOST, port, trusting(ssl)), 5);
          try {
            answer = yield* ask(reader, writer);
          } finally {
            writer.transport.abort();
          }
        } catch (error) {
          expect(error).not.toBeInstanceOf(TimeoutError);
        }
        expect(answer ?? "").toBe("");
      }
      expect(names).toEqual([]);
    });
  },
);

opensslTest("TLS agrees on a protocol by ALPN", async () => {
  await onSockets(function* (site) {
    const agreed: unknown[] = [];
    const handler: Handler = (reader, writer) => {
      agreed.push((writer.getExtraInfo("socket") as TLSSocket).alpnProtocol);
      return echo(reader, writer);
    };
    const ssl = { ...identityOf(certificates().server), ALPNProtocols: ["second", "first"] };
    const [port] = yield* tlsServer(site, handler, ssl);
    const offers = trusting({ ALPNProtocols: ["first", "second"] });
    const [reader, writer] = yield* openConnection(HOST, port, offers);
    expect(yield* ask(reader, writer)).toBe("hello\n");
    expect((writer.getExtraInfo("ssl_object") as TLSSocket).alpnProtocol).toBe("second");
    expect(agreed).toEqual(["second"]);
    yield* end(writer);
    const others = trusting({ ALPNProtocols: ["neither"] });
    const error = yield* errorOf(waitFor(openConnection(HOST, port, others), 5));
    expect(error.code).toMatch(/^(ERR_SSL|ECONNRESET)/);
  });
});

opensslTest("TLS: getExtraInfo() knows sslcontext, cipher, peercert and the addresses", async () => {
  await onSockets(function* (site) {
    const serverSsl = identityOf(certificates().server);
    const arrival = site.loop.createFuture<StreamWriter>();
    const handler: Handler = (reader, writer) => {
      arrival.setResult(writer);
      return echo(reader, writer);
    };
    const [port] = yield* tlsServer(site, handler, serverSsl);
    const options = trusting();
    const [, writer] = yield* openConnection(HOST, port, options);
    expect(writer.getExtraInfo("sslcontext")).toBe(options.ssl);
    expect(writer.getExtraInfo("peercert")).toMatchObject({
      subject: { CN: "server" },
      issuer: { CN: "Test CA" },
    });
    const cipher = writer.getExtraInfo("cipher") as { name: string; version: string };
    expect(cipher.name).toMatch(/^[A-Z0-9_-]+$/);
    expect(cipher.version).toMatch(/^TLSv1/);
    const accepted = yield* waitFor(arrival, 5);
    expect(accepted.getExtraInfo("sslcontext")).toBe(serverSsl);
    expect(accepted.getExtraInfo("peercert")).toEqual({});
    expect(accepted.getExtraInfo("cipher")).toEqual(cipher);
    expect(accepted.getExtraInfo("peername")).toEqual(writer.getExtraInfo("sockname"));
    yield* end(writer);
  });
});

opensslTest(
  "TLS cannot close one side alone: canWriteEof() is false, writeEof() throws, the end of one side ends both [S233]",
  async () => {
    await onSockets(function* (site) {
      const [port] = yield* tlsServer(site, function* (reader, writer) {
        yield* reader.readline();
        writer.write(Buffer.from("bye\n"));
        writer.close();
      });
      const [reader, writer] = yield* openConnection(HOST, port, trusting());
      expect(writer.canWriteEof()).toBe(false);
      expect(() => writer.writeEof()).toThrow(
        "writeEof(): TLS cannot close one side of a connection alone; see canWriteEof()",
      );
      expect(yield* ask(reader, writer)).toBe("bye\n");
      yield* waitFor(writer.waitClosed(), 5);
      expect(writer.isClosing()).toBe(true);

      const protocol = new Recorder(site.loop);
      protocol.isKeptOpen = true;
      const [transport] = yield* site.loop.createConnection(() => protocol, HOST, port, trusting());
      transport.write(Buffer.from("hello\n"));
      expect(yield* waitFor(protocol.lost(), 5)).toBeNull();
      expect(protocol.calls).toEqual(["connectionMade", "dataReceived", "eofReceived", "connectionLost"]);
    });
  },
);

opensslTest(
  "startServer({ ssl }): a client that speaks no TLS is dropped, nothing is reported, and the server lives on",
  async () => {
    await onSockets(function* (site) {
      const [port] = yield* tlsServer(site);
      const socket = yield* site.rawSocket(port);
      socket.write("GET / HTTP/1.1\r\nHost: here\r\n\r\n");
      yield* dropped(socket);
      yield* stillServes(port);
    });
  },
);

opensslTest(
  "startServer({ ssl }): a client that goes in the middle of the handshake is forgotten",
  async () => {
    for (const leave of ["end", "destroy", "resetAndDestroy"] as const) {
      await onSockets(function* (site) {
        const [port] = yield* tlsServer(site);
        const socket = yield* site.rawSocket(port);
        socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02])); // the beginning of a handshake
        yield* sleep(0.02);
        socket[leave]();
        yield* dropped(socket);
        yield* stillServes(port);
      });
    }
  },
);

opensslTest(
  "startServer({ ssl, sslHandshakeTimeout }): a client that says nothing is dropped in time",
  async () => {
    await onSockets(function* (site) {
      const [port] = yield* tlsServer(site, echo, identityOf(certificates().server), {
        sslHandshakeTimeout: 0.2,
      });
      const socket = yield* site.rawSocket(port);
      yield* dropped(socket);
      yield* stillServes(port);
    });
  },
);

opensslTest(
  "openConnection({ ssl, sslHandshakeTimeout }) to a server that says nothing is a TimeoutError, and the connection is closed",
  async () => {
    await onSockets(function* (site) {
      let isClosed = false;
      const port = yield* site.rawServer(
        (socket) =>
          void socket
            .resume()
            .on("close", () => (isClosed = true))
            .on("end", () => socket.end()),
      );
      const error = yield* errorOf(openConnection(HOST, port, { ...trusting(), sslHandshakeTimeout: 0.1 }));
      expect(error).toBeInstanceOf(TimeoutError);
      expect(error.message).toBe("the TLS handshake took longer than 0.1 seconds");
      yield* waitFor(
        until(() => isClosed),
        5,
      );
    });
  },
);

opensslTest(
  "openConnection({ ssl }) to a peer that closes, resets or speaks no TLS in the middle of the handshake fails",
  async () => {
    await onSockets(function* (site) {
      const peers = {
        end: yield* site.rawServer((socket) => void socket.once("data", () => socket.end())),
        reset: yield* site.rawServer((socket) => void socket.once("data", () => socket.resetAndDestroy())),
        text: yield* site.rawServer(
          (socket) => void socket.once("data", () => socket.end("220 mail ready\r\n")),
        ),
      };
      for (const port of [peers.end, peers.reset]) {
        expect((yield* errorOf(waitFor(openConnection(HOST, port, trusting()), 5))).code).toBe("ECONNRESET");
      }
      const error = yield* errorOf(waitFor(openConnection(HOST, peers.text, trusting()), 5));
      expect(error.code).toBe("ERR_SSL_WRONG_VERSION_NUMBER");
    });
  },
);

opensslTest(
  "openConnection({ ssl }) cancelled at any step of the handshake closes the connection",
  async () => {
    const ends = new Set<string>();
    for (let steps = 0; steps < 16; steps++) {
      await onSockets(function* (site) {
        const [port] = yield* tlsServer(site);
        const task = createTask(openConnection(HOST, port, trusting()));
        for (let i = 0; i < steps; i++) yield* sleep(i < 8 ? 0 : 0.001);
        task.cancel();
        try {
          const [, writer] = yield* task;
          ends.add("connected");
          yield* end(writer);
        } catch (error) {
          expect(error).toBeInstanceOf(CancelledError);
          ends.add("cancelled");
        }
      });
    }
    expect(ends).toContain("cancelled");
  },
);

opensslTest("a program that ends in the middle of a server's handshake leaves nothing", async () => {
  await onSockets(function* (site) {
    const [port, server] = yield* tlsServer(site);
    yield* site.rawSocket(port);
    yield* sleep(0.02);
    server.close();
  });
});

opensslTest("TLS: a connection that is reset tells its protocol", async () => {
  await onSockets(function* (site) {
    const [port] = yield* tlsServer(site, function* (reader, writer) {
      yield* reader.readline();
      (
        writer.getExtraInfo("socket") as TLSSocket & { _parent: { resetAndDestroy(): void } }
      )._parent.resetAndDestroy();
    });
    const [reader, writer] = yield* openConnection(HOST, port, trusting());
    writer.write(Buffer.from("go\n"));
    const error = yield* errorOf(waitFor(reader.readexactly(1), 5));
    expect(error).not.toBeInstanceOf(TimeoutError);
    writer.close();
    yield* waitFor(
      until(() => writer.isClosing()),
      5,
    );
  });
});

/** A server that says when to begin, and begins itself. */
function* upgradingServer(site: Site, sawError: unknown[] = []): Coroutine<number> {
  const [port] = yield* tlsServer(
    site,
    function* (reader, writer) {
      expect(`${yield* reader.readline()}`).toBe("upgrade\n");
      writer.write(Buffer.from("go on\n"));
      try {
        yield* writer.startTls(identityOf(certificates().server));
      } catch (error) {
        sawError.push(error);
        return;
      }
      yield* echo(reader, writer);
    },
    null,
  );
  return port;
}

opensslTest("StreamWriter.startTls() on both sides goes on over TLS", async () => {
  await onSockets(function* (site) {
    const port = yield* upgradingServer(site);
    const [reader, writer] = yield* openConnection(HOST, port);
    expect(yield* ask(reader, writer, "upgrade\n")).toBe("go on\n");
    expect(writer.getExtraInfo("sslcontext")).toBeNull();
    const before = writer.transport;
    const { ssl, serverHostname } = trusting();
    yield* waitFor(writer.startTls(ssl, { serverHostname }), 5);
    expect(writer.transport).not.toBe(before);
    expect(before.isClosing()).toBe(true);
    expect(writer.getExtraInfo("sslcontext")).toBe(ssl);
    expect(writer.getExtraInfo("peercert")).toMatchObject({ subject: { CN: "server" } });
    expect(writer.canWriteEof()).toBe(false);
    const large = Buffer.alloc(2 * 1024 * 1024, "x");
    writer.write(large);
    expect((yield* waitFor(reader.readexactly(large.length), 10)).equals(large)).toBe(true);
    yield* end(writer);
    expect(`${yield* reader.read()}`).toBe("");
  });
});

opensslTest(
  "StreamWriter.startTls() throws what the handshake throws, and the connection is closed on both sides",
  async () => {
    await onSockets(function* (site) {
      const sawError: unknown[] = [];
      const port = yield* upgradingServer(site, sawError);
      const [reader, writer] = yield* openConnection(HOST, port);
      expect(yield* ask(reader, writer, "upgrade\n")).toBe("go on\n");
      const { ssl } = trusting();
      const error = yield* errorOf(waitFor(writer.startTls(ssl, { serverHostname: "elsewhere.test" }), 5));
      expect(error.code).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
      expect(writer.isClosing()).toBe(true);
      writer.close();
      try {
        yield* waitFor(writer.waitClosed(), 2);
      } catch (broken) {
        expect(broken).not.toBeInstanceOf(TimeoutError);
      }
      yield* waitFor(
        until(() => sawError.length > 0),
        2,
      );
    });
  },
);

opensslTest(
  "StreamWriter.startTls(): what came behind the request in the clear fails the handshake, and is never read",
  async () => {
    await onSockets(function* (site) {
      const sawError: unknown[] = [];
      const port = yield* upgradingServer(site, sawError);
      const [reader, writer] = yield* openConnection(HOST, port);
      expect(yield* ask(reader, writer, "upgrade\ndelete everything\n")).toBe("go on\n");
      const { ssl, serverHostname } = trusting();
      const error = yield* errorOf(waitFor(writer.startTls(ssl, { serverHostname }), 5));
      expect(error).not.toBeInstanceOf(TimeoutError);
      yield* waitFor(
        until(() => sawError.length > 0),
        2,
      );
      writer.close();
    });
  },
);

opensslTest(
  "StreamWriter.startTls(): a handshake that the reader has taken in already is not lost",
  async () => {
    await onSockets(function* (site) {
      const [port] = yield* tlsServer(
        site,
        function* (reader, writer) {
          yield* reader.readline();
          writer.write(Buffer.from("go on\n"));
          yield* until(() => `${reader}`.includes(" bytes"));
          yield* writer.startTls(identityOf(certificates().server));
          yield* echo(reader, writer);
        },
        null,
      );
      const [reader, writer] = yield* openConnection(HOST, port);
      expect(yield* ask(reader, writer, "upgrade\n")).toBe("go on\n");
      const { ssl, serverHostname } = trusting();
      yield* waitFor(writer.startTls(ssl, { serverHostname }), 5);
      expect(yield* ask(reader, writer, "here\n")).toBe("here\n");
      yield* end(writer);
    });
  },
);

opensslTest("StreamWriter.startTls() sends what was written before it in the clear first", async () => {
  await onSockets(function* (site) {
    const size = 8 * 1024 * 1024;
    const go = site.loop.createFuture<void>();
    const clear = site.loop.createFuture<Buffer>();
    const [port] = yield* tlsServer(
      site,
      function* (reader, writer) {
        yield* go;
        clear.setResult(yield* reader.readexactly(size));
        yield* writer.startTls(identityOf(certificates().server));
        yield* echo(reader, writer);
      },
      null,
    );
    const [reader, writer] = yield* openConnection(HOST, port);
    writer.transport.setWriteBufferLimits({ high: 2 * size });
    for (let i = 0; i < 8; i++) writer.write(Buffer.alloc(size / 8, "c"));
    const { ssl, serverHostname } = trusting();
    const upgraded = createTask(writer.startTls(ssl, { serverHostname }));
    yield* sleep(0.05);
    go.setResult();
    expect((yield* waitFor(clear, 3)).every((byte) => byte === 0x63)).toBe(true);
    yield* waitFor(upgraded, 3);
    expect(yield* ask(reader, writer)).toBe("hello\n");
    yield* end(writer);
  });
});

opensslTest(
  "EventLoop.startTls() puts TLS below a protocol, on both sides; connectionMade() does not come again [S265]",
  async () => {
    await onSockets(function* (site) {
      const { loop } = site;
      const [client, accepted] = yield* site.pair();
      const { ssl, serverHostname } = trusting();
      const [clientTls, serverTls] = yield* waitFor(
        gather([
          loop.startTls(client.transport, client, ssl, { serverHostname }),
          loop.startTls(accepted.transport, accepted, identityOf(certificates().server), {
            serverSide: true,
          }),
        ]),
        5,
      );
      clientTls.write(Buffer.from("from the client"));
      serverTls.write(Buffer.from("from the server"));
      yield* waitFor(gather([client.received(15), accepted.received(15)]), 5);
      expect([client.text, accepted.text]).toEqual(["from the server", "from the client"]);
      clientTls.close();
      expect(yield* waitFor(client.lost(), 5)).toBeNull();
      expect(yield* waitFor(accepted.lost(), 5)).toBeNull();
      expect(client.calls).toEqual(["connectionMade", "dataReceived", "connectionLost"]);
      expect(accepted.calls).toEqual(["connectionMade", "dataReceived", "eofReceived", "connectionLost"]);
    });
  },
);

opensslTest(
  "EventLoop.startTls(): a handshake that came early, while reading was paused, is not lost [S265]",
  async () => {
    await onSockets(function* (site) {
      const { loop } = site;
      const [client, accepted] = yield* site.pair();
      accepted.transport.pauseReading();
      const { ssl, serverHostname } = trusting();
      const early = createTask(loop.startTls(client.transport, client, ssl, { serverHostname }));
      yield* sleep(0.05);
      const ssl2 = identityOf(certificates().server);
      const serverTls = yield* waitFor(
        loop.startTls(accepted.transport, accepted, ssl2, { serverSide: true }),
        5,
      );
      (yield* waitFor(early, 5)).write(Buffer.from("early"));
      yield* waitFor(accepted.received(5), 5);
      serverTls.close();
      yield* waitFor(client.lost(), 5);
    });
  },
);

opensslTest("EventLoop.startTls(): a handshake that came between two turns is not lost [S265]", async () => {
  await onSockets(function* (site) {
    const { loop } = site;
    const [client, accepted] = yield* site.pair();
    const upgraded = loop.createFuture<Transport>("a server's transport over TLS");
    function* upgrade(): Coroutine<void> {
      const ssl = identityOf(certificates().server);
      upgraded.setResult(yield* loop.startTls(accepted.transport, accepted, ssl, { serverSide: true }));
    }
    // Begins in the turn in which the bytes would have been given to the protocol, just before.
    vi.spyOn(loop, "_enqueueArrival").mockImplementationOnce((arrival) => {
      loop.createTask(upgrade());
      loop._enqueueArrival(arrival);
    });
    const { ssl, serverHostname } = trusting();
    const clientTls = yield* waitFor(
      loop.startTls(client.transport, client, ssl, { serverHostname, sslHandshakeTimeout: 2 }),
      5,
    );
    const serverTls = yield* waitFor(upgraded, 5);
    clientTls.write(Buffer.from("here"));
    yield* waitFor(accepted.received(4), 5);
    expect(accepted.text).toBe("here");
    serverTls.close();
    yield* waitFor(client.lost(), 5);
  });
});

opensslTest(
  "EventLoop.startTls() as a client without serverHostname refuses to begin, unless nothing is to be proved",
  async () => {
    await onSockets(function* (site) {
      const { ca, server } = certificates();
      const [client, accepted] = yield* site.pair();
      const { loop } = site;
      const error = yield* errorOf(waitFor(loop.startTls(client.transport, client, { ca }), 1));
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toContain("serverHostname");
      expect(client.transport.isClosing()).toBe(false);
      const [clientTls] = yield* waitFor(
        gather([
          loop.startTls(client.transport, client, { rejectUnauthorized: false }),
          loop.startTls(accepted.transport, accepted, identityOf(server), { serverSide: true }),
        ]),
        5,
      );
      clientTls.close();
      yield* waitFor(gather([client.lost(), accepted.lost()]), 5);
    });
  },
);

opensslTest(
  "EventLoop.startTls() cancelled, or out of time, closes the connection and tells its protocol [S265]",
  async () => {
    await onSockets(function* (site) {
      for (const isCancelled of [true, false]) {
        const protocol = new Recorder(site.loop);
        const [transport, , peer] = yield* site.withRaw(protocol);
        const closed = wrapFuture(once(peer.on("end", () => peer.end()).resume(), "close"));
        const { ssl, serverHostname } = trusting();
        const options = { serverHostname, ...(!isCancelled && { sslHandshakeTimeout: 0.05 }) };
        const task = createTask(site.loop.startTls(transport, protocol, ssl, options));
        if (isCancelled) {
          yield* sleep(0.02);
          task.cancel();
        }
        expect(yield* errorOf(task)).toBeInstanceOf(isCancelled ? CancelledError : TimeoutError);
        yield* waitFor(closed, 5);
        yield* waitFor(protocol.lost(), 2);
      }
    });
  },
);

opensslTest("EventLoop.startTls() refuses what is no connection, and one that closes", async () => {
  await onSockets(function* (site) {
    const [client] = yield* site.pair();
    const wrong = yield* errorOf(site.loop.startTls({} as never, client, {}));
    expect(wrong).toBeInstanceOf(TypeError);
    expect(wrong.message).toContain(
      "startTls(transport, …): the transport of a connection is required, got ",
    );
    client.transport.close();
    expect((yield* errorOf(site.loop.startTls(client.transport, client, {}))).name).toBe("RuntimeError");
    yield* client.lost();
  });
});

opensslTest("Server.closeClients() and waitClosed() hold connections over TLS as well", async () => {
  await onSockets(function* (site) {
    const [port, server] = yield* tlsServer(site);
    const [reader, writer] = yield* openConnection(HOST, port, trusting());
    expect(yield* ask(reader, writer)).toBe("hello\n");
    server.close();
    const ended = createTask(server.waitClosed());
    yield* sleep(0.02);
    expect(ended.done()).toBe(false);
    server.closeClients();
    yield* waitFor(ended, 5);
    expect(`${yield* waitFor(reader.read(), 5)}`).toBe("");
    yield* end(writer);
  });
});

opensslTest("startServer({ ssl }) serves Node's own client", async () => {
  await onSockets(function* (site) {
    const [port] = yield* tlsServer(site, function* (reader, writer) {
      writer.write(Buffer.from(`you said ${yield* reader.readline()}`));
      writer.close();
    });
    const { ca } = certificates();
    const socket = connectTls({ host: HOST, port, ca, servername: "localhost" });
    socket.write("hi\n");
    expect(`${yield* waitFor(readAll(socket), 5)}`).toBe("you said hi\n");
  });
});

opensslTest("startServer({ ssl }) serves `openssl s_client`, which verifies its certificate", async () => {
  await onSockets(function* (site) {
    const [port] = yield* tlsServer(site, function* (reader, writer) {
      writer.write(Buffer.from(`you said ${yield* reader.readline()}`));
      writer.close();
    });
    const { caFile } = certificates();
    const args = [
      "s_client",
      "-connect",
      `${HOST}:${port}`,
      "-CAfile",
      caFile,
      "-verify_hostname",
      "localhost",
    ];
    const child = spawn("openssl", [...args, "-verify_return_error", "-ign_eof"], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    let output = "";
    child.stdout.on("data", (data: Buffer) => void (output += data));
    const closed = wrapFuture(once(child, "close"));
    child.stdin.write("hi from openssl\n");
    const [code] = yield* waitFor(closed, 10);
    expect(output).toContain("you said hi from openssl\n");
    expect(output).toContain("Verify return code: 0 (ok)");
    expect(code).toBe(0);
  });
});

opensslTest("a hundred TLS connections at once are served, and leave no handle", async () => {
  await onSockets(function* (site) {
    const [port] = yield* tlsServer(site);
    function* one(i: number): Coroutine<string> {
      const [reader, writer] = yield* openConnection(HOST, port, trusting());
      const answer = yield* ask(reader, writer, `${i}\n`);
      yield* end(writer);
      return answer;
    }
    const answers = yield* gather(Array.from({ length: 100 }, (_, i) => one(i)));
    expect(answers).toEqual(Array.from({ length: 100 }, (_, i) => `${i}\n`));
  });
});
