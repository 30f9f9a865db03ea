// What CPython's test_ssl and test_sslproto ask of TLS, where tls.realtime.test.ts does not: how connections over it end, and who is called.
import type { Socket } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";
import type { Coroutine } from "@aioloop/loop";
import { TimeoutError } from "@aioloop/loop";
import type { TlsOptions } from "@aioloop/streams";
import { BufferedProtocol, openConnection, startServer } from "@aioloop/streams";
import { gather, sleep, waitFor } from "@aioloop/tasks";
import { expect } from "vitest";
import type { Site } from "./helpers-g.ts";
import { errorOf, event, HOST, onSockets, portOf, Recorder, readAll, until } from "./helpers-g.ts";
import { certificates, hostTurns, opensslTest } from "./helpers-k.ts";

const MEGABYTE = 1 << 20;

function serverOptions(): { key: string; cert: string } {
  const { key, cert } = certificates().server;
  return { key, cert };
}

/** A client that trusts our authority. */
function trusting(): { ssl: TlsOptions; serverHostname: string } {
  return { ssl: { ca: certificates().ca }, serverHostname: "localhost" };
}

interface Peer {
  readonly port: number;
  /** The socket below TLS, once somebody has connected. */
  raw: Socket;
  tls: TLSSocket;
}

/** The server's side of TLS, as Node speaks it; it may end one side alone. */
function secured(socket: Socket): TLSSocket {
  const options = { ...serverOptions(), isServer: true, allowHalfOpen: true };
  return new TLSSocket(socket, options).on("error", () => {});
}

/** A server of Node's for one connection. */
function* nodePeer(site: Site): Coroutine<Peer> {
  const port = yield* site.rawServer((socket) => {
    peer.raw = socket;
    peer.tls = secured(socket);
  });
  const peer = { port } as Peer;
  return peer;
}

function* connected(site: Site, peer: Peer): Coroutine<Recorder> {
  const protocol = new Recorder(site.loop);
  yield* waitFor(
    site.loop.createConnection(() => protocol, HOST, peer.port, trusting()),
    5,
  );
  return protocol;
}

/** Writes until the kernel takes no more; how many bytes it were. */
function fill({ transport }: Recorder): number {
  let written = 0;
  for (; transport.getWriteBufferSize() === 0; written += MEGABYTE) transport.write(Buffer.alloc(MEGABYTE));
  return written;
}

opensslTest("startServer({ ssl }): what writelines() and close() leave in the buffer is sent", async () => {
  await onSockets(function* (site) {
    const parts = [Buffer.from("SP"), Uint8Array.of(65), Buffer.alloc(MEGABYTE, "M")];
    const server = site.keep(
      yield* startServer(
        function* (reader, writer) {
          yield* reader.readexactly(2 * MEGABYTE);
          writer.write(Buffer.from("OK"));
          writer.writelines(parts);
          writer.close();
          yield* writer.waitClosed();
        },
        HOST,
        0,
        { ssl: serverOptions() },
      ),
    );
    const clients = Array.from({ length: 5 }, function* () {
      const socket = connectTls({
        host: HOST,
        port: portOf(server),
        ca: certificates().ca,
        servername: "localhost",
      });
      socket.write(Buffer.alloc(2 * MEGABYTE));
      return yield* readAll(socket);
    });
    for (const got of yield* waitFor(gather(clients), 20)) {
      expect(got.equals(Buffer.concat([Buffer.from("OK"), ...parts]))).toBe(true);
    }
  });
});

for (const [how, end] of [
  ["closes TLS", ({ tls }: Peer) => tls.end()],
  ["closes the connection below it", ({ raw }: Peer) => raw.end()],
] as const) {
  opensslTest(`TLS: a peer that ${how} and reads on gets all that was buffered before`, async () => {
    await onSockets(function* (site) {
      const peer = yield* nodePeer(site);
      const client = yield* connected(site, peer);
      const filled = fill(client);
      end(peer);
      yield* waitFor(client.called("eofReceived"), 5);
      const got = yield* waitFor(readAll(peer.tls), 10);
      expect(got.length).toBe(filled);
      peer.tls.end();
      expect(yield* waitFor(client.lost(), 5)).toBe(null);
    });
  });
}

opensslTest("TLS: a peer that closes gives the end of the stream, and no error", async () => {
  await onSockets(function* (site) {
    const peer = yield* nodePeer(site);
    const [reader, writer] = yield* waitFor(openConnection(HOST, peer.port, trusting()), 5);
    writer.write(Buffer.alloc(MEGABYTE, "A"));
    let received = 0;
    peer.tls.on("data", (data: Buffer) => {
      received += data.length;
      if (received === MEGABYTE) peer.tls.end("OK");
    });
    expect(`${yield* waitFor(reader.readexactly(2), 5)}`).toBe("OK");
    expect(`${yield* waitFor(reader.read(), 5)}`).toBe("");
    writer.close();
    yield* waitFor(writer.waitClosed(), 5);
  });
});

opensslTest("TLS: what came while reading was paused is given by resumeReading(), then the end", async () => {
  await onSockets(function* (site) {
    const peer = yield* nodePeer(site);
    class Pausing extends Recorder {
      override dataReceived(data: Buffer): void {
        super.dataReceived(data);
        if (this.text === "hello") {
          this.transport.write(Buffer.from("world"));
          this.transport.pauseReading();
        }
      }
    }
    const client = new Pausing(site.loop);
    yield* waitFor(
      site.loop.createConnection(() => client, HOST, peer.port, trusting()),
      5,
    );
    peer.tls.write("hello");
    expect(`${yield* event(peer.tls, "data")}`).toBe("world");
    peer.tls.write(" and more");
    peer.tls.end();
    yield* sleep(0.05);
    expect(client.calls).toEqual(["connectionMade", "dataReceived"]);
    client.transport.resumeReading();
    expect(yield* waitFor(client.lost(), 5)).toBe(null);
    expect(client.text).toBe("hello and more");
    expect(client.calls).toEqual(["connectionMade", "dataReceived", "eofReceived", "connectionLost"]);
  });
});

opensslTest(
  "TLS: bytes that are no TLS end the connection with an error, which the reader throws",
  async () => {
    await onSockets(function* (site) {
      const peer = yield* nodePeer(site);
      const [reader, writer] = yield* waitFor(openConnection(HOST, peer.port, trusting()), 5);
      peer.tls.write("A\n");
      expect(`${yield* waitFor(reader.readline(), 5)}`).toBe("A\n");
      peer.raw.write("please corrupt the connection");
      const error = yield* errorOf(waitFor(reader.readline(), 5));
      expect(error.code).toMatch(/^ERR_SSL_/);
      writer.close();
      expect(yield* errorOf(waitFor(writer.waitClosed(), 5))).toBe(error);
    });
  },
);

opensslTest(
  "createConnection({ ssl }) makes no protocol where the handshake fails, or no host is named",
  async () => {
    await onSockets(function* (site) {
      let made = 0;
      const factory = () => {
        made += 1;
        return new Recorder(site.loop);
      };
      const closing = yield* site.rawServer((socket) => socket.once("data", () => socket.destroy()));
      const reset = yield* errorOf(site.loop.createConnection(factory, HOST, closing, trusting()));
      expect(reset.code).toBe("ECONNRESET");
      const silent = yield* site.rawServer();
      const late = yield* errorOf(
        waitFor(
          site.loop.createConnection(factory, HOST, silent, { ...trusting(), sslHandshakeTimeout: 10 }),
          0.05,
        ),
      );
      expect(late).toBeInstanceOf(TimeoutError);
      expect(late.message).not.toContain("handshake");
      const peer = yield* nodePeer(site);
      const untrusted = { ssl: {}, serverHostname: "localhost" };
      const refused = yield* errorOf(site.loop.createConnection(factory, HOST, peer.port, untrusted));
      expect(refused.code).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
      const nameless = yield* errorOf(site.loop.createConnection(factory, "", peer.port, { ssl: true }));
      expect(nameless.code).toBe("ENOTFOUND");
      expect(made).toBe(0);
    });
  },
);

/** Reads a byte at a time. */
class ByteByByte extends BufferedProtocol {
  text = "";
  made = 0;
  readonly #space: Buffer = Buffer.alloc(1);

  override connectionMade(): void {
    this.made += 1;
  }

  override getBuffer(): Uint8Array {
    return this.#space;
  }

  override bufferUpdated(nbytes: number): void {
    this.text += this.#space.toString("latin1", 0, nbytes);
  }
}

opensslTest(
  "EventLoop.startTls() below a BufferedProtocol: it is called on, and setProtocol() puts another in its place",
  async () => {
    await onSockets(function* (site) {
      const first = new ByteByByte();
      const [transport, , socket] = yield* site.withRaw(first);
      transport.write(Buffer.alloc(100_000, "1"));
      let clear = 0;
      socket.on("data", (data: Buffer) => void (clear += data.length)).resume();
      yield* waitFor(
        until(() => clear === 100_000),
        5,
      );
      socket.removeAllListeners("data").pause();
      const peer = secured(socket);
      const { ssl, serverHostname } = trusting();
      const secure = yield* waitFor(site.loop.startTls(transport, first, ssl, { serverHostname }), 5);
      expect(secure).not.toBe(transport);
      peer.write("Over TLS");
      yield* waitFor(
        until(() => first.text === "Over TLS"),
        5,
      );
      secure.write(Buffer.from("2"));
      expect(`${yield* event(peer, "data")}`).toBe("2");
      const second = new Recorder(site.loop);
      secure.setProtocol(second);
      peer.end("to another");
      expect(yield* waitFor(second.lost(), 5)).toBe(null);
      expect(second.text).toBe("to another");
      expect([first.text, first.made]).toEqual(["Over TLS", 1]);
      expect(second.calls).toEqual(["dataReceived", "eofReceived", "connectionLost"]);
      peer.destroy();
    });
  },
);

/** Whether the collector has taken all of these, in some turns of the host's loop. */
function* areCollected(refs: readonly WeakRef<object>[]): Coroutine<boolean> {
  for (let i = 0; i < 100 && refs.some((ref) => ref.deref() !== undefined); i++) {
    yield* hostTurns(2);
    (globalThis as { gc?: () => void }).gc?.();
  }
  return refs.every((ref) => ref.deref() === undefined);
}

opensslTest("TLS: a connection that is over, or failed in its handshake, is kept by nothing", async () => {
  await onSockets(function* (site) {
    const { ca } = certificates();
    const refs: WeakRef<object>[] = [];
    function* talk(): Coroutine<void> {
      const peer = yield* nodePeer(site);
      const ssl: TlsOptions = { ca };
      const protocol = new Recorder(site.loop);
      const options = { ssl, serverHostname: "localhost" };
      const [transport] = yield* site.loop.createConnection(() => protocol, HOST, peer.port, options);
      refs.push(new WeakRef(ssl), new WeakRef(protocol), new WeakRef(transport));
      transport.write(Buffer.from("O"));
      expect(`${yield* event(peer.tls, "data")}`).toBe("O");
      peer.tls.end();
      expect(yield* waitFor(protocol.lost(), 5)).toBe(null);
    }
    function* giveUp(): Coroutine<void> {
      const ssl: TlsOptions = { ca };
      refs.push(new WeakRef(ssl));
      const options = { ssl, serverHostname: "localhost", sslHandshakeTimeout: 600 };
      const silent = yield* site.rawServer((socket) => socket.on("end", () => socket.end()).resume());
      yield* errorOf(
        waitFor(
          site.loop.createConnection(() => new Recorder(site.loop), HOST, silent, options),
          0.05,
        ),
      );
    }
    yield* talk();
    yield* giveUp();
    expect(yield* areCollected(refs)).toBe(true);
  });
});

opensslTest("EventLoop.startTls() over a transport that speaks TLS: TLS in TLS, on both sides", async () => {
  await onSockets(function* (site) {
    const { loop } = site;
    const arrival = loop.createFuture<Recorder>("a connection");
    const [, port] = yield* site.serve(
      () => {
        const accepted = new Recorder(loop);
        arrival.setResult(accepted);
        return accepted;
      },
      { ssl: serverOptions() },
    );
    const client = new Recorder(loop);
    const [outer] = yield* waitFor(
      loop.createConnection(() => client, HOST, port, trusting()),
      5,
    );
    const accepted = yield* arrival;
    yield* accepted.called("connectionMade");
    const { ssl, serverHostname } = trusting();
    const [inner, answering] = yield* waitFor(
      gather([
        loop.startTls(outer, client, ssl, { serverHostname }),
        loop.startTls(accepted.transport, accepted, serverOptions(), { serverSide: true }),
      ]),
      5,
    );
    inner.write(Buffer.alloc(MEGABYTE, "A"));
    yield* waitFor(accepted.received(MEGABYTE), 10);
    answering.write(Buffer.alloc(MEGABYTE, "B"));
    yield* waitFor(client.received(MEGABYTE), 10);
    expect(client.chunks.every((chunk) => chunk.every((byte) => byte === 66))).toBe(true);
    answering.close();
    expect(yield* waitFor(client.lost(), 5)).toBe(null);
    yield* waitFor(accepted.lost(), 5);
  });
});

opensslTest("TLS: close() sends what is buffered, and then tells connectionLost(null)", async () => {
  await onSockets(function* (site) {
    const peer = yield* nodePeer(site);
    const client = yield* connected(site, peer);
    const filled = fill(client);
    client.transport.write(Buffer.from("the last"));
    client.transport.close();
    expect(client.calls).not.toContain("connectionLost");
    const got = yield* waitFor(readAll(peer.tls), 10);
    expect(got.length).toBe(filled + "the last".length);
    expect(got.subarray(filled).toString()).toBe("the last");
    peer.tls.end();
    expect(yield* waitFor(client.lost(), 5)).toBe(null);
  });
});
