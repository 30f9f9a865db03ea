// What CPython's test_selector_events asks of the transports over a socket and of datagrams, over real sockets, where no other file here does.
import type { ExceptionContext } from "@aioloop/loop";
import type { Transport } from "@aioloop/streams";
import { BufferedProtocol } from "@aioloop/streams";
import { sleep, waitFor } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { HOST, onSockets, Recorder, readAll, until } from "./helpers-g.ts";
import { Datagrams, hostTurns, onLoop } from "./helpers-k.ts";

const MEGABYTE = 1 << 20;

/** Writes until the kernel takes no more; how many bytes it were. */
function fill(transport: Transport): number {
  let written = 0;
  for (; transport.getWriteBufferSize() === 0; written += MEGABYTE) transport.write(Buffer.alloc(MEGABYTE));
  return written;
}

describe("SocketTransport", () => {
  test("write() takes every kind of bytes, sends all of them, and leaves them as they were", async () => {
    await onSockets(function* (site) {
      const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      const whole = Uint8Array.from({ length: 300 }, (_, i) => i % 256);
      const kinds = [
        Buffer.from(whole),
        whole,
        new Uint8Array(whole.buffer, 100, 50),
        whole.subarray(7, 9),
        new Uint8Array(new SharedArrayBuffer(4)).fill(5),
      ];
      const copies = kinds.map((data) => Buffer.from(data));
      for (const data of kinds) transport.write(data);
      const filled = fill(transport);
      for (const data of kinds) transport.write(data); // behind what could not be sent at once
      transport.close();
      const got = yield* readAll(peer);
      const once = Buffer.concat(copies);
      expect(got.length).toBe(filled + 2 * once.length);
      expect(got.subarray(0, once.length).equals(once)).toBe(true);
      expect(got.subarray(-once.length).equals(once)).toBe(true);
      expect(kinds.map((data) => Buffer.from(data))).toEqual(copies);
      peer.end();
      expect(yield* protocol.lost()).toBe(null);
    });
  });

  test("write() of no bytes changes neither what is buffered nor what is sent", async () => {
    await onSockets(function* (site) {
      const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      transport.write(Buffer.alloc(0));
      expect(transport.getWriteBufferSize()).toBe(0);
      const filled = fill(transport);
      const buffered = transport.getWriteBufferSize();
      transport.write(Buffer.alloc(0));
      transport.writelines([]);
      transport.writelines([Buffer.alloc(0), new Uint8Array(0)]);
      expect(transport.getWriteBufferSize()).toBe(buffered);
      transport.close();
      expect((yield* readAll(peer)).length).toBe(filled);
      peer.end();
      yield* protocol.lost();
    });
  });

  test("write() and writelines() behind what is buffered keep the order", async () => {
    await onSockets(function* (site) {
      const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      const filled = fill(transport);
      transport.write(Buffer.from("one "));
      transport.writelines([Buffer.from("two "), Buffer.from("three ")]);
      transport.write(Buffer.from("four"));
      transport.writeEof();
      const got = yield* readAll(peer);
      expect(got.subarray(filled).toString()).toBe("one two three four");
      peer.end();
      expect(yield* protocol.lost()).toBe(null);
    });
  });

  test("writeEof() after close(), and after the end, changes nothing", async () => {
    await onSockets(function* (site) {
      const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      expect(transport.canWriteEof()).toBe(true);
      transport.write(Buffer.from("the last"));
      transport.close();
      transport.writeEof();
      expect(`${yield* readAll(peer)}`).toBe("the last");
      peer.end();
      expect(yield* protocol.lost()).toBe(null);
      transport.writeEof();
      yield* sleep(0.01);
      expect(protocol.calls).toEqual(["connectionMade", "connectionLost"]);
    });
  });

  test("isReading() says what pauseReading(), resumeReading() and close() made of it", async () => {
    await onSockets(function* (site) {
      const [transport, protocol] = yield* site.withRaw(new Recorder(site.loop));
      const seen = [transport.isReading()];
      transport.pauseReading();
      transport.pauseReading();
      seen.push(transport.isReading());
      transport.resumeReading();
      transport.resumeReading();
      seen.push(transport.isReading());
      transport.close();
      transport.resumeReading();
      seen.push(transport.isReading());
      expect(seen).toEqual([true, false, true, false]);
      yield* protocol.lost();
    });
  });
});

/** Reads into four bytes of its own. */
class Buffered extends BufferedProtocol {
  readonly calls: string[] = [];
  text = "";
  isKeptOpen = false;
  lostWith: unknown;
  readonly #space: Buffer = Buffer.alloc(4);

  override getBuffer(): Uint8Array {
    return this.#space;
  }

  override bufferUpdated(nbytes: number): void {
    this.text += this.#space.toString("latin1", 0, nbytes);
  }

  override eofReceived(): boolean {
    this.calls.push("eofReceived");
    return this.isKeptOpen;
  }

  override connectionMade(): void {
    this.calls.push("connectionMade");
  }

  override connectionLost(error: unknown): void {
    this.lostWith = error;
    this.calls.push("connectionLost");
  }
}

describe("BufferedProtocol", () => {
  test("connectionMade() comes first, and eofReceived() that gives nothing closes the connection", async () => {
    await onSockets(function* (site) {
      const [, protocol, peer] = yield* site.withRaw(new Buffered());
      expect(protocol.calls).toEqual(["connectionMade"]);
      peer.end("data and more");
      yield* until(() => protocol.calls.length === 3);
      expect(protocol.text).toBe("data and more");
      expect(protocol.calls).toEqual(["connectionMade", "eofReceived", "connectionLost"]);
      expect(protocol.lostWith).toBe(null);
    });
  });

  test("eofReceived() that gives true keeps the side that writes open", async () => {
    await onSockets(function* (site) {
      const [transport, protocol, peer] = yield* site.withRaw(
        Object.assign(new Buffered(), { isKeptOpen: true }),
      );
      peer.end("data");
      yield* until(() => protocol.calls.includes("eofReceived"));
      expect(transport.isClosing()).toBe(false);
      transport.write(Buffer.from("an answer"));
      transport.close();
      expect(`${yield* readAll(peer)}`).toBe("an answer");
      yield* until(() => protocol.calls.includes("connectionLost"));
      expect(protocol.lostWith).toBe(null);
    });
  });

  test("eofReceived() that throws is reported, and ends the connection with that error [S252]", async () => {
    const reports: ExceptionContext[] = [];
    await onSockets(
      function* (site) {
        const failing = () => {
          throw new TypeError("out of order");
        };
        const [, protocol, peer] = yield* site.withRaw(
          Object.assign(new Buffered(), { eofReceived: failing }),
        );
        peer.end();
        yield* until(() => protocol.calls.includes("connectionLost"));
        expect(protocol.lostWith).toBeInstanceOf(TypeError);
        expect(reports.map(({ exception }) => exception)).toEqual([protocol.lostWith]);
      },
      { reports },
    );
    expect(reports[0]?.message).toBe("Fatal error: protocol.eofReceived() call failed.");
  });

  test("a reset comes to it as connectionLost(error) with its code, and is not reported [S250]", async () => {
    await onSockets(function* (site) {
      const [, protocol, peer] = yield* site.withRaw(new Buffered());
      peer.resetAndDestroy();
      yield* until(() => protocol.calls.includes("connectionLost"));
      expect(protocol.lostWith).toHaveProperty("code", "ECONNRESET");
      expect(protocol.calls).toEqual(["connectionMade", "connectionLost"]);
    });
  });

  test("setProtocol() puts one in the place of a Protocol, and a Protocol in its place", async () => {
    await onSockets(function* (site) {
      const [transport, first, peer] = yield* site.withRaw(new Recorder(site.loop));
      peer.write("data");
      yield* first.received(4);
      const second = new Buffered();
      transport.setProtocol(second);
      expect(transport.getProtocol()).toBe(second);
      peer.write("into a buffer");
      yield* until(() => second.text === "into a buffer");
      const third = new Recorder(site.loop);
      transport.setProtocol(third);
      peer.end("and back");
      expect(yield* third.lost()).toBe(null);
      expect([first.text, second.text, third.text]).toEqual(["data", "into a buffer", "and back"]);
      expect(first.calls).toEqual(["connectionMade", "dataReceived"]);
      expect(second.calls).toEqual([]);
      expect(third.calls).toEqual(["dataReceived", "eofReceived", "connectionLost"]);
    });
  });
});

describe("DatagramTransport", () => {
  test("sendto() takes every kind of bytes, and sends them as they were when it was called", async () => {
    await onLoop(function* (loop) {
      const server = new Datagrams(loop);
      const client = new Datagrams(loop);
      const localAddr = { host: HOST, port: 0 };
      yield* loop.createDatagramEndpoint(() => server, { localAddr });
      yield* loop.createDatagramEndpoint(() => client, { localAddr });
      const place = server.transport.getExtraInfo("sockname") as { host: string; port: number };
      const data = Uint8Array.from(Buffer.from("...data..."));
      const kinds = [Buffer.from("data"), Uint8Array.from(Buffer.from("data")), data.subarray(3, 7)];
      for (const one of kinds) {
        client.transport.sendto(one, place);
        one.fill(0); // the caller's buffer is the caller's again
      }
      yield* waitFor(server.called("datagramReceived", 3), 5);
      expect(server.texts).toEqual(["data", "data", "data"]);
      client.transport.close();
      server.transport.close();
      yield* hostTurns(3);
    });
  });

  test("sendto() of several at once sends each by itself, in their order, the empty one too", async () => {
    await onLoop(function* (loop) {
      const server = new Datagrams(loop);
      const client = new Datagrams(loop);
      yield* loop.createDatagramEndpoint(() => server, { localAddr: { host: HOST, port: 0 } });
      const remoteAddr = server.transport.getExtraInfo("sockname") as { host: string; port: number };
      yield* loop.createDatagramEndpoint(() => client, { remoteAddr });
      for (const text of ["data1", "data2", "", "data3"]) client.transport.sendto(Buffer.from(text));
      client.transport.close(); // what is buffered is sent
      yield* waitFor(server.called("datagramReceived", 4), 5);
      yield* waitFor(client.called("connectionLost"), 5);
      expect(server.texts).toEqual(["data1", "data2", "", "data3"]);
      expect(client.lostWith).toBe(null);
      server.transport.close();
      yield* hostTurns(3);
    });
  });
});
