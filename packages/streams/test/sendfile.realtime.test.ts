// EventLoop.sendfile() over real sockets and TLS: offsets, flow control, connections that break. CPython: `test_sendfile`.
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Coroutine } from "@aioloop/loop";
import { CancelledError, RuntimeError, wrapFuture } from "@aioloop/loop";
import type { StreamProtocol, Transport } from "@aioloop/streams";
import {
  BufferedProtocol,
  DatagramProtocol,
  isConnectionLost,
  openConnection,
  SendfileNotAvailableError,
  startServer,
} from "@aioloop/streams";
import { createTask, sleep, waitFor } from "@aioloop/tasks";
import { afterAll, expect, test } from "vitest";
import type { Site } from "./helpers-g.ts";
import { errorOf, HOST, onSockets, Recorder, readAll, until } from "./helpers-g.ts";
import { certificates, opensslTest } from "./helpers-k.ts";

const folder = mkdtempSync(join(tmpdir(), "sendfile-"));
const path = join(folder, "file");
/** No two blocks of it are the same. */
const DATA = Buffer.alloc(16 * 1024 * 1024 + 1);
for (let i = 0; i + 4 <= DATA.length; i += 4) DATA.writeUInt32LE(i, i);
writeFileSync(path, DATA);
afterAll(() => rmSync(folder, { recursive: true }));

/** The files that the process has open, where the system says it. */
function openFiles(): string[] {
  const own = "/proc/self/fd";
  if (!existsSync(own)) return [];
  return readdirSync(own).map((name) => {
    try {
      return readlinkSync(join(own, name));
    } catch {
      return ""; // closed by now
    }
  });
}

/** A transport of ours, its protocol, and what Node's socket at the other end gets until its end. */
function* sending(site: Site): Coroutine<[Transport, Recorder, Promise<Buffer>]> {
  const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
  peer.on("end", () => peer.end());
  const parts: Buffer[] = [];
  peer.on("data", (data: Buffer) => void parts.push(data)).resume();
  const got = new Promise<Buffer>((resolve) => peer.once("end", () => resolve(Buffer.concat(parts))));
  return [transport, protocol, got];
}

test("sendfile() sends a whole file, between what is written before and after, and says how many bytes", async () => {
  await onSockets(function* (site) {
    const [transport, protocol, got] = yield* sending(site);
    const [before, after] = [Buffer.alloc(8192, "before"), Buffer.alloc(8192, "after")];
    transport.write(before);
    expect(yield* site.loop.sendfile(transport, path)).toBe(DATA.length);
    expect(transport.getProtocol()).toBe(protocol);
    transport.write(after);
    transport.close();
    const all = yield* wrapFuture(got);
    expect(all.equals(Buffer.concat([before, DATA, after]))).toBe(true);
    expect(yield* protocol.lost()).toBe(null);
    expect([protocol.calls.at(0), protocol.calls.at(-1)]).toEqual(["connectionMade", "connectionLost"]);
    expect(protocol.calls).not.toContain("dataReceived");
  });
});

test("sendfile({ offset, count }) sends a part; it ends with the file; of an empty file it sends nothing", async () => {
  const empty = join(folder, "empty");
  writeFileSync(empty, "");
  await onSockets(function* (site) {
    for (const [options, from, to] of [
      [{ offset: 1000, count: 100 }, 1000, 1100],
      [{ offset: 70_000 }, 70_000, DATA.length],
      [{ count: 200_000 }, 0, 200_000],
      [{ offset: DATA.length - 10, count: 100 }, DATA.length - 10, DATA.length],
      [{ offset: DATA.length + 10 }, DATA.length, DATA.length],
      [{ offset: 0, count: null }, 0, DATA.length],
    ] as const) {
      const [transport, , got] = yield* sending(site);
      expect(yield* site.loop.sendfile(transport, path, options)).toBe(to - from);
      expect(yield* site.loop.sendfile(transport, empty)).toBe(0);
      transport.close();
      expect((yield* wrapFuture(got)).equals(DATA.subarray(from, to))).toBe(true);
    }
  });
});

test("sendfile() of a FileHandle leaves it open, and its position alone", async () => {
  await onSockets(function* (site) {
    const file: FileHandle = yield* wrapFuture(open(path));
    if (process.platform === "linux") expect(openFiles()).toContain(path);
    const [transport, , got] = yield* sending(site);
    expect(yield* site.loop.sendfile(transport, file, { offset: 100, count: 50 })).toBe(50);
    transport.close();
    expect((yield* wrapFuture(got)).equals(DATA.subarray(100, 150))).toBe(true);
    const { buffer } = yield* wrapFuture(file.read(Buffer.alloc(8), 0, 8, null));
    expect(buffer.equals(DATA.subarray(0, 8))).toBe(true);
    yield* wrapFuture(file.close());
  });
});

opensslTest("sendfile() sends over TLS, a whole file and a part of it", async () => {
  const { ca, server: identity } = certificates();
  await onSockets(function* (site) {
    const { key, cert } = identity;
    const received: Buffer[] = [];
    const server = site.keep(
      yield* startServer(
        function* (reader, writer) {
          received.push(yield* reader.read());
          writer.close();
        },
        HOST,
        0,
        { ssl: { key, cert } },
      ),
    );
    for (const options of [{}, { offset: 1000, count: 100 }]) {
      const [reader, writer] = yield* openConnection(HOST, server.port, {
        ssl: { ca },
        serverHostname: "localhost",
      });
      const [before, after] = [Buffer.alloc(7000, "before"), Buffer.alloc(7000, "after")];
      writer.write(before);
      const part = "offset" in options ? DATA.subarray(1000, 1100) : DATA;
      expect(yield* site.loop.sendfile(writer.transport, path, options)).toBe(part.length);
      writer.write(after);
      writer.close();
      yield* reader.read();
      yield* until(() => received.length === 1);
      expect(received.pop()?.equals(Buffer.concat([before, part, after]))).toBe(true);
    }
    yield* server.stop(5);
  });
});

test("sendfile() reads no more than the transport's limits allow while nobody reads", async () => {
  await onSockets(function* (site) {
    const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
    transport.setWriteBufferLimits({ high: 4096, low: 1024 });
    transport.write(Buffer.alloc(16 << 20)); // full before it begins
    const full = transport.getWriteBufferSize();
    expect(full).toBeGreaterThan(4096);
    const sent = createTask(site.loop.sendfile(transport, path));
    yield* sleep(0.1);
    expect(transport.getWriteBufferSize()).toBeLessThanOrEqual(full);
    let most = 0;
    let received = 0;
    peer.on("data", (data: Buffer) => {
      received += data.length;
      if (received > 16 << 20) most = Math.max(most, transport.getWriteBufferSize());
    });
    peer.resume();
    expect(yield* sent).toBe(DATA.length);
    yield* until(() => received === DATA.length + (16 << 20));
    expect(most).toBeLessThanOrEqual(4096 + 64 * 1024);
    transport.abort();
    yield* protocol.lost();
  });
});

test("sendfile() lets the protocol read meanwhile, a BufferedProtocol too", async () => {
  await onSockets(function* (site) {
    const recorder = new Recorder(site.loop);
    const place = Buffer.alloc(16);
    let filled = 0;
    class Buffered extends BufferedProtocol {
      override getBuffer(): Uint8Array {
        return place.subarray(filled);
      }
      override bufferUpdated(nbytes: number): void {
        filled += nbytes;
      }
    }
    for (const protocol of [recorder, new Buffered()] as StreamProtocol[]) {
      const [transport, , peer] = yield* site.withRaw(protocol);
      const sent = createTask(site.loop.sendfile(transport, path));
      yield* sleep(0.02);
      peer.write("while sending");
      yield* until(() => (protocol === recorder ? recorder.bytes : filled) === 13);
      expect(sent.done()).toBe(false);
      const got = createTask(readAll(peer));
      yield* sent;
      transport.close();
      expect((yield* got).equals(DATA)).toBe(true);
    }
    expect(recorder.text).toBe("while sending");
    expect(place.toString("latin1", 0, filled)).toBe("while sending");
  });
});

test("sendfile() throws a connection's error if the peer closes in the middle, and the protocol hears of it", async () => {
  await onSockets(function* (site) {
    const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
    peer.once("data", () => peer.destroy()).resume();
    const error = yield* errorOf(site.loop.sendfile(transport, path));
    expect(isConnectionLost(error)).toBe(true);
    expect(transport.isClosing()).toBe(true);
    yield* protocol.lost();
    expect(transport.getProtocol()).toBe(protocol);
  });
});

test("sendfile() throws ECONNRESET if the transport is closed or aborted in the middle by us", async () => {
  await onSockets(function* (site) {
    for (const end of ["close", "abort"] as const) {
      const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      const sending = createTask(errorOf(site.loop.sendfile(transport, path)));
      yield* sleep(0.05);
      transport[end]();
      peer.on("end", () => peer.end()).resume();
      const error = yield* waitFor(sending, 5);
      expect(error.code).toBe("ECONNRESET");
      expect(error.message).toBe("sendfile(): the connection was closed before the whole file was sent");
      expect(yield* protocol.lost()).toBe(null);
    }
  });
});

test("sendfile() to a peer that closes once it has all of it sends all of it", async () => {
  await onSockets(function* (site) {
    const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
    let received = 0;
    peer.on("data", (data: Buffer) => {
      received += data.length;
      if (received === DATA.length) peer.end();
    });
    peer.resume();
    expect(yield* site.loop.sendfile(transport, path)).toBe(DATA.length);
    expect(yield* protocol.lost()).toBe(null);
    expect(received).toBe(DATA.length);
  });
});

test("sendfile() cancelled leaves the connection usable, the protocol in its place, and no file open", async () => {
  await onSockets(function* (site) {
    for (const delay of [0, 0.05]) {
      const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      const sending = createTask(site.loop.sendfile(transport, path));
      yield* sleep(0);
      if (delay > 0) yield* sleep(delay);
      sending.cancel();
      expect(yield* errorOf(sending)).toBeInstanceOf(CancelledError);
      expect(transport.getProtocol()).toBe(protocol);
      transport.write(Buffer.from("the end"));
      transport.close();
      const got = yield* readAll(peer);
      const part = got.subarray(0, -7);
      expect(`${got.subarray(-7)}`).toBe("the end");
      expect(part.equals(DATA.subarray(0, part.length))).toBe(true);
      expect(part.length).toBeLessThan(DATA.length);
      peer.end();
      yield* protocol.lost();
    }
    yield* until(() => !openFiles().includes(path));
  });
});

test("sendfile({ fallback: false }) throws a SendfileNotAvailableError, and sends nothing", async () => {
  await onSockets(function* (site) {
    const [transport, , got] = yield* sending(site);
    const error = yield* errorOf(site.loop.sendfile(transport, path, { fallback: false }));
    expect(error).toBeInstanceOf(SendfileNotAvailableError);
    expect(error).toBeInstanceOf(RuntimeError);
    expect(`${error}`).toBe(
      "SendfileNotAvailableError: sendfile({ fallback: false }): Node cannot reach the system's sendfile(2); leave fallback out, and the file is read and written",
    );
    transport.close();
    expect((yield* wrapFuture(got)).length).toBe(0);
  });
});

test("sendfile() refuses a transport that is closing, and one of datagrams", async () => {
  await onSockets(function* (site) {
    const [transport, protocol, got] = yield* sending(site);
    transport.close();
    const closing = yield* errorOf(site.loop.sendfile(transport, path));
    expect(closing).toBeInstanceOf(RuntimeError);
    expect(closing.message).toMatch(/^sendfile\(\): <SocketTransport closing .*> is closing$/);
    expect((yield* wrapFuture(got)).length).toBe(0);
    yield* protocol.lost();
    const [datagrams] = yield* site.loop.createDatagramEndpoint(() => new DatagramProtocol(), {
      localAddr: { host: HOST, port: 0 },
    });
    const error = yield* errorOf(site.loop.sendfile(datagrams as never, path));
    expect(error).toBeInstanceOf(RuntimeError);
    expect(error.message).toContain("the transport of a connection is required");
    datagrams.close();
    yield* sleep(0.01);
  });
});

test("sendfile() checks offset, count and file before it sends anything", async () => {
  await onSockets(function* (site) {
    const [transport, protocol] = yield* sending(site);
    const thrown = (file: unknown, options: object) =>
      errorOf(site.loop.sendfile(transport, file as string, options));
    for (const offset of ["1", 1.5, null]) expect(yield* thrown(path, { offset })).toBeInstanceOf(TypeError);
    for (const count of ["1", 1.5]) expect(yield* thrown(path, { count })).toBeInstanceOf(TypeError);
    const error = yield* thrown(path, { offset: -1 });
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toBe(
      "sendfile({ offset }): a whole number of bytes, 0 or more, is required, got -1",
    );
    for (const count of [0, -1]) expect(yield* thrown(path, { count })).toBeInstanceOf(RangeError);
    expect((yield* thrown(17, {})).message).toBe(
      "sendfile(…, file): a path or a FileHandle is required, got 17",
    );
    expect((yield* thrown(join(folder, "missing"), {})).code).toBe("ENOENT");
    expect((yield* thrown(folder, {})).code).toBe("EISDIR");
    expect(transport.getWriteBufferSize()).toBe(0);
    expect(transport.getProtocol()).toBe(protocol);
    transport.close();
    yield* protocol.lost();
  });
});
