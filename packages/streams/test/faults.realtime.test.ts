// What the other side of a connection can do to us, and what is left then: over TCP, with sockets of Node's as peers.
import type { Socket } from "node:net";
import { connect } from "node:net";
import type { Coroutine } from "@aioloop/loop";
import type { StreamReader, StreamWriter } from "@aioloop/streams";
import { LimitOverrunError, openConnection, startServer } from "@aioloop/streams";
import { gather, sleep, waitFor } from "@aioloop/tasks";
import { expect, test } from "vitest";
import type { Site } from "./helpers-g.ts";
import { errorOf, event, HOST, onSockets, openHandles, portOf, readAll, until } from "./helpers-g.ts";

const SOAK = process.env["AIOLOOP_SOAK"] === "1";
const CONNECTIONS = SOAK ? 10_000 : 1_000;
const FLOOD = SOAK ? 1 << 30 : 16 << 20;
const CHUNK = Buffer.alloc(1 << 16, "x");

/** A stream of ours, and the socket of Node's at its other end. */
function* stream(site: Site): Coroutine<[reader: StreamReader, writer: StreamWriter, peer: Socket]> {
  const arrival = site.loop.createFuture<Socket>("a connection");
  const port = yield* site.rawServer((socket) => arrival.setResult(socket.pause()));
  const [reader, writer] = yield* openConnection(HOST, port);
  return [reader, writer, yield* arrival];
}

/** Writes until it fails; the error. */
function* writeForEver(writer: StreamWriter): Coroutine<Error & { code?: string }> {
  return yield* errorOf(
    (function* () {
      for (;;) {
        writer.write(CHUNK);
        yield* writer.drain();
        yield* sleep(0);
      }
    })(),
  );
}

test("a peer that closes while we write ends drain() with an error, and waitClosed() too", async () => {
  await onSockets(function* (site) {
    const [, writer, peer] = yield* stream(site);
    writer.write(CHUNK);
    peer.destroy();
    const error = yield* waitFor(writeForEver(writer), 10);
    expect(["ECONNRESET", "EPIPE"]).toContain(error.code);
    expect(["ECONNRESET", "EPIPE"]).toContain((yield* errorOf(writer.waitClosed())).code);
  });
});

test("a peer that resets while we wait in drain() wakes it with ECONNRESET", async () => {
  await onSockets(function* (site) {
    const [reader, writer, peer] = yield* stream(site);
    site.loop.callLater(0.03, () => void peer.resetAndDestroy());
    const error = yield* waitFor(writeForEver(writer), 10);
    expect(["ECONNRESET", "EPIPE"]).toContain(error.code);
    expect(yield* errorOf(reader.read(1))).toHaveProperty("code", error.code);
  });
});

test("a peer that resets while we read ends the read with ECONNRESET, and every later call", async () => {
  await onSockets(function* (site) {
    const [reader, writer, peer] = yield* stream(site);
    site.loop.callLater(0.01, () => void peer.resetAndDestroy());
    expect((yield* errorOf(reader.readline())).code).toBe("ECONNRESET");
    expect((yield* errorOf(reader.read())).code).toBe("ECONNRESET");
    expect((yield* errorOf(writer.drain())).code).toBe("ECONNRESET");
    expect((yield* errorOf(writer.waitClosed())).code).toBe("ECONNRESET");
    expect(writer.isClosing()).toBe(true);
    writer.write(CHUNK);
    writer.close();
  });
});

test("a client that resets ends its handler's read, and the server goes on", async () => {
  await onSockets(function* (site) {
    const codes: (string | undefined)[] = [];
    function* client(reader: StreamReader, writer: StreamWriter): Coroutine<void> {
      try {
        writer.write(yield* reader.readline());
      } catch (error) {
        codes.push((error as NodeJS.ErrnoException).code);
      }
      writer.close();
    }
    const server = site.keep(yield* startServer(client, HOST, 0));
    for (let i = 0; i < 5; i++) {
      const peer = yield* site.rawSocket(portOf(server));
      peer.write("half a line");
      yield* sleep(0.002);
      peer.resetAndDestroy();
    }
    yield* until(() => codes.length === 5);
    expect(codes).toEqual(Array(5).fill("ECONNRESET"));
    const peer = yield* site.rawSocket(portOf(server));
    peer.end("line\n");
    expect((yield* readAll(peer)).toString()).toBe("line\n");
  });
});

test("a peer that half-closes ends our reading; what we write still arrives", async () => {
  await onSockets(function* (site) {
    const [reader, writer, peer] = yield* stream(site);
    peer.end("request");
    expect((yield* reader.read()).toString()).toBe("request");
    expect(reader.atEof()).toBe(true);
    for (let i = 0; i < 64; i++) writer.write(CHUNK);
    writer.close();
    expect(yield* readAll(peer)).toHaveLength(64 * CHUNK.length);
    yield* writer.waitClosed();
  });
});

test("our half-close ends the peer's reading; what it writes still arrives", async () => {
  await onSockets(function* (site) {
    const [reader, writer, peer] = yield* stream(site);
    writer.write(Buffer.from("request"));
    writer.writeEof();
    expect((yield* readAll(peer)).toString()).toBe("request");
    peer.end("answer");
    expect((yield* reader.read()).toString()).toBe("answer");
    writer.close();
    yield* writer.waitClosed();
  });
});

test("a peer that never reads: who drains holds the high-water mark plus one write at most", async () => {
  await onSockets(function* (site) {
    const [, writer, peer] = yield* stream(site);
    const [, high] = writer.transport.getWriteBufferLimits();
    let most = 0;
    let written = 0;
    const ended = yield* errorOf(
      waitFor(
        (function* () {
          for (;;) {
            writer.write(CHUNK);
            written += CHUNK.length;
            most = Math.max(most, writer.transport.getWriteBufferSize());
            yield* writer.drain();
          }
        })(),
        0.3,
      ),
    );
    expect(ended.name).toBe("TimeoutError");
    expect(most).toBeGreaterThan(high);
    expect(most).toBeLessThanOrEqual(high + CHUNK.length);
    writer.close();
    expect(yield* readAll(peer)).toHaveLength(written);
    yield* writer.waitClosed();
  });
});

test("a reader nobody reads holds what its limit says, and the peer waits", async () => {
  await onSockets(function* (site) {
    const [reader, writer, peer] = yield* stream(site);
    for (let i = 0; i < 256; i++) peer.write(CHUNK);
    yield* sleep(0.1);
    const held = Number(/(\d+) bytes/.exec(`${reader}`)?.[1]);
    // Twice the limit, and what was on its way when it was passed.
    expect(held).toBeGreaterThan(128 * 1024);
    expect(held).toBeLessThan(1 << 20);
    expect(peer.writableLength).toBeGreaterThan(0);
    for (let left = 256 * CHUNK.length; left > 0; ) left -= (yield* reader.read(1 << 20)).length;
    writer.close();
    yield* writer.waitClosed();
  });
});

test("a peer that sends a byte at a time is read as one that sends all at once", async () => {
  await onSockets(function* (site) {
    const [reader, writer, peer] = yield* stream(site);
    peer.setNoDelay(true);
    const text = "GET / HTTP/1.1\r\nhost: somewhere\r\n\r\n12345678the rest";
    const send = (i: number) => {
      if (i === text.length) peer.end();
      else peer.write(text.charAt(i), () => setImmediate(send, i + 1));
    };
    send(0);
    expect((yield* reader.readline()).toString()).toBe("GET / HTTP/1.1\r\n");
    expect((yield* reader.readuntil("\r\n\r\n")).toString()).toBe("host: somewhere\r\n\r\n");
    expect((yield* reader.readexactly(8)).toString()).toBe("12345678");
    expect((yield* reader.read()).toString()).toBe("the rest");
    writer.close();
    yield* writer.waitClosed();
  });
});

test(`${FLOOD >> 20} MiB without a separator: LimitOverrunError, nothing is lost, and the connection goes on`, async () => {
  await onSockets(function* (site) {
    const [reader, writer, peer] = yield* stream(site);
    const block = Buffer.alloc(1 << 20, "x");
    let sent = 0;
    const send = () => {
      if (sent === FLOOD) peer.write("\r\nnext\r\n");
      else {
        sent += block.length;
        peer.write(block, send);
      }
    };
    send();
    let passed = 0;
    let overruns = 0;
    let most = 0;
    let line: Buffer | null = null;
    while (line === null) {
      try {
        line = yield* reader.readuntil("\r\n");
      } catch (error) {
        if (!(error instanceof LimitOverrunError)) throw error;
        overruns += 1;
        most = Math.max(most, error.consumed);
        expect(error.consumed).toBeGreaterThan(0);
        passed += (yield* reader.readexactly(error.consumed)).length;
      }
    }
    expect(passed + line.length).toBe(FLOOD + 2);
    expect(overruns).toBeGreaterThanOrEqual(Math.floor(FLOOD / most) - 1);
    expect(most).toBeLessThan(1 << 20);
    expect((yield* reader.readuntil("\r\n")).toString()).toBe("next\r\n");
    writer.write(Buffer.from("still there"));
    writer.close();
    expect((yield* readAll(peer)).toString()).toBe("still there");
    yield* writer.waitClosed();
  });
});

/** Numbers that look random and are the same in each run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

test(`${CONNECTIONS} clients that come and go at random leave no handle and no error`, async () => {
  await onSockets(function* (site) {
    const random = randomNumbers(7);
    let begun = 0;
    let ended = 0;
    function* echo(reader: StreamReader, writer: StreamWriter): Coroutine<void> {
      begun += 1;
      try {
        for (;;) {
          const data = yield* reader.read(1000);
          if (data.length === 0) break;
          writer.write(data);
          yield* writer.drain();
        }
      } catch (error) {
        expect(["ECONNRESET", "EPIPE"]).toContain((error as NodeJS.ErrnoException).code);
      } finally {
        writer.close();
        ended += 1;
      }
    }
    const server = site.keep(yield* startServer(echo, HOST, 0, { backlog: 512 }));
    const port = portOf(server);
    const before = openHandles();
    function* client(): Coroutine<void> {
      yield* sleep(random() * (SOAK ? 10 : 1));
      const socket = connect({ host: HOST, port, allowHalfOpen: random() < 0.5 });
      socket.on("error", () => {});
      const gone = event(socket, "close");
      socket.resume();
      socket.on("end", () => socket.end());
      const fate = random();
      if (fate < 0.9) {
        yield* sleep(random() * 0.02);
        socket.write("some bytes");
        yield* sleep(random() * 0.02);
      }
      if (fate < 0.3) socket.resetAndDestroy();
      else if (fate < 0.6) socket.end();
      else socket.destroy();
      yield* gone;
    }
    yield* gather(Array.from({ length: CONNECTIONS }, client));
    yield* waitFor(
      until(() => ended === begun && openHandles() <= before),
      SOAK ? 60 : 15,
    );
    expect(begun).toBeGreaterThan(CONNECTIONS / 2);
    server.close();
    yield* waitFor(server.waitClosed(), 10);
  });
});

test(`${CONNECTIONS} connections of ours, dropped and cancelled at random, leave no handle and no error`, async () => {
  await onSockets(function* (site) {
    const random = randomNumbers(11);
    const port = yield* site.rawServer((socket) => {
      socket.on("end", () => socket.end()).resume();
      const fate = random();
      if (fate < 0.3) setTimeout(() => socket.resetAndDestroy(), random() * 20);
      else if (fate < 0.6) setTimeout(() => socket.end("good bye"), random() * 20);
    });
    const before = openHandles();
    function* visit(): Coroutine<void> {
      const [reader, writer] = yield* openConnection(
        HOST,
        port,
        random() < 0.5 ? {} : { happyEyeballsDelay: 0.1 },
      );
      try {
        writer.write(CHUNK);
        yield* writer.drain();
        yield* reader.read();
      } finally {
        if (random() < 0.5) writer.close();
        else writer.transport.abort();
      }
    }
    const outcomes = new Map<string, number>();
    function* client(): Coroutine<void> {
      yield* sleep(random() * (SOAK ? 10 : 1));
      let outcome = "ended";
      try {
        yield* waitFor(visit(), random() * 0.03);
      } catch (error) {
        outcome = (error as NodeJS.ErrnoException).code ?? (error as Error).name;
      }
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    yield* gather(Array.from({ length: CONNECTIONS }, client));
    yield* waitFor(
      until(() => openHandles() <= before),
      SOAK ? 60 : 15,
    );
    for (const outcome of outcomes.keys())
      expect(["ended", "TimeoutError", "ECONNRESET", "EPIPE"]).toContain(outcome);
  });
});
