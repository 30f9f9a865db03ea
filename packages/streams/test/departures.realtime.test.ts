// How bytes go to a socket: past its Writable where they can, and never past what stands before them.
import { spawn } from "node:child_process";
import { connect, Socket } from "node:net";
import { PassThrough } from "node:stream";
import { wrapFuture } from "@aioloop/loop";
import type { Transport } from "@aioloop/streams";
import { BaseProtocol } from "@aioloop/streams";
import { sleep } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { collectGarbage } from "../../loop/test/helpers.ts";
import { writeHandleOf } from "../src/departures.ts";
import { HOST, onSockets, Recorder, readAll, until } from "./helpers-g.ts";
import { onLoop } from "./on-loop.ts";

const LARGE = 16 << 20;

/** Bytes that tell where they stood. */
function pattern(length: number, seed: number): Buffer {
  const data = Buffer.allocUnsafeSlow(length);
  for (let i = 0; i < length; i++) data[i] = (i * 31 + seed) & 255;
  return data;
}

/** The chunks that a socket's Writable is asked to write from now on. */
function chunksOf(socket: Socket): unknown[] {
  const chunks: unknown[] = [];
  const { _write: write } = socket;
  socket._write = (chunk, encoding, callback) => {
    chunks.push(chunk);
    write.call(socket, chunk, encoding, callback);
  };
  return chunks;
}

describe("which streams have a handle to write to", () => {
  test("a socket of this Node's that is connected; not one that is not, nor another Writable", async () => {
    await onSockets(function* (site) {
      const socket = yield* site.rawSocket(yield* site.rawServer());
      expect(writeHandleOf(socket)).not.toBe(null);
      expect(writeHandleOf(new Socket())).toBe(null);
      expect(writeHandleOf(new PassThrough())).toBe(null);
    });
  });

  test("none that has a write() of its own, be it by its class or by hand", async () => {
    class Counted extends Socket {}
    await onSockets(function* (site) {
      const socket = yield* site.rawSocket(yield* site.rawServer());
      const { _handle: handle } = socket as unknown as { _handle: unknown };
      expect(writeHandleOf(Object.assign(new Counted(), { _handle: handle }))).toBe(null);
      const { write } = socket;
      socket.write = ((data: Uint8Array) => write.call(socket, data)) as Socket["write"];
      expect(writeHandleOf(socket)).toBe(null);
    });
  });
});

describe("a transport over a socket", () => {
  test("writes past the Writable what the system takes whole, and the socket counts it", async () => {
    await onSockets(function* (site) {
      const [transport, , peer] = yield* site.withRaw(new Recorder(site.loop));
      const socket = transport.getExtraInfo("socket") as Socket;
      const chunks = chunksOf(socket);
      transport.write(Buffer.from("one, "));
      transport.write(new Uint8Array(Buffer.from("two")));
      expect([chunks.length, transport.getWriteBufferSize(), socket.bytesWritten]).toEqual([0, 0, 8]);
      transport.close();
      expect(`${yield* readAll(peer)}`).toBe("one, two");
    });
  });

  test("keeps the order: what is under way, what waits behind it, what the socket is given by hand, what follows", async () => {
    await onSockets(function* (site) {
      const [transport, , peer] = yield* site.withRaw(new Recorder(site.loop));
      const socket = transport.getExtraInfo("socket") as Socket;
      const parts = [LARGE, 10, 20, 30, 100_000, 40].map(pattern);
      const [first, second, third, fourth, fifth, sixth] = parts as [
        Buffer,
        Buffer,
        Buffer,
        Buffer,
        Buffer,
        Buffer,
      ];
      transport.write(first);
      expect([transport.getWriteBufferSize(), socket.writableLength]).toEqual([LARGE, 0]);
      transport.write(second);
      socket.write(third);
      transport.writelines([fourth, fifth]);
      expect(transport.getWriteBufferSize()).toBe(LARGE + 10 + 20 + 30 + 100_000);
      const received: Buffer[] = [];
      peer.on("data", (data: Buffer) => void received.push(data)).resume();
      yield* until(() => transport.getWriteBufferSize() === 0);
      const chunks = chunksOf(socket);
      transport.write(sixth);
      expect(chunks).toEqual([]); // idle again
      transport.close();
      yield* until(() => peer.readableEnded);
      expect(Buffer.concat(received).equals(Buffer.concat(parts))).toBe(true);
    });
  });

  test("writes behind what somebody else has given to the socket", async () => {
    await onSockets(function* (site) {
      const [transport, , peer] = yield* site.withRaw(new Recorder(site.loop));
      const socket = transport.getExtraInfo("socket") as Socket;
      const parts = [LARGE, 10, 20].map(pattern) as [Buffer, Buffer, Buffer];
      socket.write(parts[0]);
      socket.write(parts[1]); // waits in the Writable, not in the system
      transport.write(parts[2]);
      transport.close();
      expect((yield* readAll(peer)).equals(Buffer.concat(parts))).toBe(true);
    });
  });

  test("each of several has its own under way, and holds it: the collector does not take it", async () => {
    await onSockets(function* (site) {
      const connections: [Transport, Recorder, Socket][] = [];
      for (let i = 0; i < 3; i++) connections.push(yield* site.withRaw(new Recorder(site.loop)));
      const write = () => {
        for (const [i, [transport]] of connections.entries()) transport.write(pattern(LARGE, i));
      };
      write();
      yield* wrapFuture(collectGarbage());
      for (const [i, [transport, , peer]] of connections.entries()) {
        expect(transport.getWriteBufferSize()).toBe(LARGE);
        transport.close();
        expect((yield* readAll(peer)).equals(pattern(LARGE, i))).toBe(true);
      }
    });
  });

  test.each(["close", "writeEof"] as const)("%s() lets what is under way go out first", async (end) => {
    await onSockets(function* (site) {
      const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      transport.write(pattern(LARGE, 1));
      expect(transport.getWriteBufferSize()).toBe(LARGE);
      transport[end]();
      expect((yield* readAll(peer)).equals(pattern(LARGE, 1))).toBe(true);
      peer.end();
      expect(yield* protocol.lost()).toBe(null);
    });
  });

  test("abort() drops what is under way; nothing is buffered when connectionLost(null) comes", async () => {
    await onSockets(function* (site) {
      const [transport, protocol] = yield* site.withRaw(new Recorder(site.loop));
      transport.write(pattern(LARGE, 1));
      transport.abort();
      expect(yield* protocol.lost()).toBe(null);
      expect(transport.getWriteBufferSize()).toBe(0);
      yield* sleep(0.01);
      expect(protocol.calls).toEqual(["connectionMade", "pauseWriting", "connectionLost"]);
    });
  });

  test("a reset while something is under way ends the connection with it", async () => {
    await onSockets(function* (site) {
      const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      transport.write(pattern(LARGE, 1));
      peer.resetAndDestroy();
      expect(yield* protocol.lost()).toMatchObject({ code: expect.stringMatching(/ECONNRESET|EPIPE/) });
    });
  });

  test("what the system refuses ends the connection, with the error that a socket gives", async () => {
    await onSockets(function* (site) {
      const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      // The reset is here by then, and nobody has read it: a write gets it.
      peer.once("close", () => transport.write(Buffer.from("x")));
      peer.resetAndDestroy();
      const error = yield* protocol.lost();
      expect(error).toMatchObject({ code: "ECONNRESET", errno: -104, syscall: "write" });
      expect((error as Error).message).toBe("write ECONNRESET");
    });
  });

  test("a write counts against an idle timeout that the socket was given", async () => {
    await onSockets(function* (site) {
      const [transport] = yield* site.withRaw(new Recorder(site.loop));
      const socket = transport.getExtraInfo("socket") as Socket;
      socket.setTimeout(60_000);
      const chunks = chunksOf(socket);
      transport.write(Buffer.from("x"));
      expect(chunks).toHaveLength(1);
      socket.setTimeout(0);
      transport.write(Buffer.from("y"));
      expect(chunks).toHaveLength(1);
      transport.abort();
    });
  });
});

test("a socket that is still connecting gets what is written to it through its Writable", async () => {
  await onSockets(function* (site) {
    const arrival = site.loop.createFuture<Socket>("a connection");
    const port = yield* site.rawServer((socket) => arrival.setResult(socket.pause()));
    const socket = connect(port, HOST);
    const [transport] = yield* site.loop.connectWritePipe(() => new BaseProtocol(), socket);
    expect(socket.connecting).toBe(true);
    transport.write(Buffer.from("early"));
    transport.close();
    expect(`${yield* readAll(yield* arrival)}`).toBe("early");
  });
});

test("what a child did not read when it ended is a broken pipe, be it all under way", async () => {
  await onLoop(function* (loop) {
    const idle = ["-e", "setInterval(() => {}, 1000)"];
    const child = spawn(process.execPath, idle, { stdio: ["pipe", "ignore", "inherit"] });
    const [transport, protocol] = yield* loop.connectWritePipe(() => new Recorder(loop), child.stdin);
    transport.write(pattern(LARGE, 1));
    expect(transport.getWriteBufferSize()).toBe(LARGE);
    child.kill();
    expect(yield* protocol.lost()).toMatchObject({ code: "EPIPE" });
  });
});
