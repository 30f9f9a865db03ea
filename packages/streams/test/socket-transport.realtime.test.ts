// The transport over a socket: the order of calls, pausing and flow control, and every way in which a connection ends.
import { Socket } from "node:net";
import type { ExceptionContext } from "@aioloop/loop";
import type { Transport } from "@aioloop/streams";
import { BufferedProtocol, openConnection, Protocol } from "@aioloop/streams";
import { sleep, waitFor } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { SocketTransport } from "../src/socket-transport.ts";
import { event, HOST, onSockets, Recorder, readAll, until } from "./helpers-g.ts";

const MEGABYTE = Buffer.alloc(1 << 20, "x");

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

/** Writes until the kernel takes no more, and `more` bytes on top. */
function fill(transport: Transport, more = 0): void {
  while (transport.getWriteBufferSize() <= more) transport.write(MEGABYTE);
}

describe("the order of calls", () => {
  test("connectionMade(), dataReceived(), eofReceived(), connectionLost(null) [S244]", async () => {
    await onSockets(function* (site) {
      const [, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      peer.write("some ");
      yield* protocol.received(5);
      peer.end("bytes");
      expect(yield* protocol.lost()).toBe(null);
      expect(protocol.text).toBe("some bytes");
      expect(protocol.calls).toEqual(["connectionMade", "dataReceived", "eofReceived", "connectionLost"]);
    });
  });

  test("connectionLost() comes once, whatever else is called after close() [S244]", async () => {
    await onSockets(function* (site) {
      const [client, accepted] = yield* site.pair();
      client.transport.close();
      client.transport.close();
      client.transport.abort();
      expect(yield* client.lost()).toBe(null);
      client.transport.abort();
      client.transport.close();
      expect(yield* accepted.lost()).toBe(null);
      yield* sleep(0.02);
      expect(client.calls).toEqual(["connectionMade", "connectionLost"]);
    });
  });

  test("nothing is called in the caller's own call: close() and abort() come back first [S248 S249]", async () => {
    for (const end of ["close", "abort"] as const) {
      await onSockets(function* (site) {
        const [client] = yield* site.pair();
        client.transport[end]();
        expect(client.transport.isClosing()).toBe(true);
        expect(client.calls).toEqual(["connectionMade"]);
        yield* client.lost();
      });
    }
  });

  test("eofReceived() that gives true keeps the side that writes open [S251]", async () => {
    await onSockets(function* (site) {
      const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      protocol.isKeptOpen = true;
      peer.end("question");
      yield* protocol.called("eofReceived");
      yield* sleep(0.01);
      expect(transport.isClosing()).toBe(false);
      transport.write(Buffer.from("answer"));
      transport.close();
      expect((yield* readAll(peer)).toString()).toBe("answer");
      expect(yield* protocol.lost()).toBe(null);
    });
  });

  test("eofReceived() that gives nothing closes the connection, with what is buffered sent [S251]", async () => {
    await onSockets(function* (site) {
      const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      fill(transport, 1 << 20);
      peer.end();
      yield* protocol.called("eofReceived");
      expect(transport.isClosing()).toBe(true);
      const all = yield* readAll(peer);
      expect(all.length % MEGABYTE.length).toBe(0);
      expect(yield* protocol.lost()).toBe(null);
    });
  });

  test("setProtocol() gives what comes next to another", async () => {
    await onSockets(function* (site) {
      const [transport, first, peer] = yield* site.withRaw(new Recorder(site.loop));
      peer.write("one");
      yield* first.received(3);
      const second = new Recorder(site.loop);
      transport.setProtocol(second);
      expect(transport.getProtocol()).toBe(second);
      peer.end("two");
      yield* second.lost();
      expect([first.text, second.text]).toEqual(["one", "two"]);
      expect(first.calls).toEqual(["connectionMade", "dataReceived"]);
    });
  });
});

describe("reading", () => {
  test("pauseReading() stops dataReceived() until resumeReading(); both may be repeated [S253]", async () => {
    await onSockets(function* (site) {
      const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      expect(transport.isReading()).toBe(true);
      transport.pauseReading();
      transport.pauseReading();
      expect(transport.isReading()).toBe(false);
      peer.write("held back");
      yield* sleep(0.03);
      expect(protocol.calls).toEqual(["connectionMade"]);
      transport.resumeReading();
      transport.resumeReading();
      expect(transport.isReading()).toBe(true);
      yield* protocol.received(9);
      transport.close();
      expect(transport.isReading()).toBe(false);
      transport.resumeReading();
      transport.pauseReading();
      expect(transport.isReading()).toBe(false);
      yield* protocol.lost();
    });
  });

  test("pauseReading() in connectionMade() holds everything back, the end of the stream too", async () => {
    await onSockets(function* (site) {
      class Slow extends Recorder {
        override connectionMade(transport: Transport): void {
          super.connectionMade(transport);
          transport.pauseReading();
        }
      }
      const [transport, protocol, peer] = yield* site.withRaw(new Slow(site.loop));
      peer.end("all at once");
      yield* sleep(0.03);
      expect(protocol.calls).toEqual(["connectionMade"]);
      transport.resumeReading();
      yield* protocol.lost();
      expect(protocol.text).toBe("all at once");
      expect(protocol.calls).toEqual(["connectionMade", "dataReceived", "eofReceived", "connectionLost"]);
    });
  });

  test("pauseReading() in every dataReceived(): a call for each resumeReading(), no byte lost, none out of order", async () => {
    await onSockets(function* (site) {
      const sent = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) & 255));
      let isInside = false;
      class Stepwise extends Recorder {
        override dataReceived(data: Buffer): void {
          expect(isInside).toBe(false);
          isInside = true;
          this.transport.pauseReading();
          super.dataReceived(data);
          site.loop.callLater(0.0001, () => {
            isInside = false;
            this.transport.resumeReading();
          });
        }
      }
      const [, protocol, peer] = yield* site.withRaw(new Stepwise(site.loop));
      for (let i = 0; i < sent.length; i += 10_000) peer.write(sent.subarray(i, i + 10_000));
      peer.end();
      yield* protocol.lost();
      expect(Buffer.concat(protocol.chunks).equals(sent)).toBe(true);
    });
  });

  test("resumeReading() while data is on its way keeps the order", async () => {
    await onSockets(function* (site) {
      class PausesOnA extends Recorder {
        override dataReceived(data: Buffer): void {
          super.dataReceived(data);
          if (data.toString() === "A") this.transport.pauseReading();
        }
      }
      // What the host brings between two turns, with a call of another's among it; by hand, from a socket that is not connected.
      const socket = new Socket();
      const protocol = new PausesOnA(site.loop);
      const transport = new SocketTransport(site.loop, socket, protocol);
      socket.emit("data", Buffer.from("A"));
      socket.emit("data", Buffer.from("B"));
      site.loop.callSoon(() => transport.resumeReading());
      socket.emit("data", Buffer.from("C"));
      yield* waitFor(protocol.received(3), 5);
      expect(protocol.text).toBe("ABC");
      transport.abort();
      yield* protocol.lost();
    });
  });

  test("a paused transport lets its peer fill the kernel's buffers only", async () => {
    await onSockets(function* (site) {
      const [client, accepted] = yield* site.pair();
      accepted.transport.pauseReading();
      for (let i = 0; i < 32; i++) client.transport.write(MEGABYTE);
      yield* sleep(0.05);
      expect(accepted.bytes).toBe(0);
      expect(client.transport.getWriteBufferSize()).toBeGreaterThan(8 << 20);
      accepted.transport.resumeReading();
      yield* accepted.received(32 << 20);
      expect(accepted.bytes).toBe(32 << 20);
      client.transport.close();
      yield* accepted.lost();
      yield* client.lost();
    });
  });
});

describe("BufferedProtocol", () => {
  class Buffered extends BufferedProtocol {
    readonly calls: string[] = [];
    readonly parts: Buffer[] = [];
    readonly buffer = Buffer.alloc(4);
    override getBuffer(sizehint: number): Uint8Array {
      expect(sizehint === -1 || sizehint > 0).toBe(true);
      return this.buffer;
    }
    override bufferUpdated(nbytes: number): void {
      this.parts.push(Buffer.from(this.buffer.subarray(0, nbytes)));
    }
    override eofReceived(): boolean {
      this.calls.push("eofReceived");
      return false;
    }
    override connectionLost(error: unknown): void {
      this.calls.push(`connectionLost(${error})`);
    }
  }

  test("getBuffer() and bufferUpdated() fill the protocol's own buffer, as often as it takes", async () => {
    await onSockets(function* (site) {
      const [, protocol, peer] = yield* site.withRaw(new Buffered());
      peer.end("more than four bytes");
      yield* until(() => protocol.calls.length === 2);
      expect(Buffer.concat(protocol.parts).toString()).toBe("more than four bytes");
      expect(protocol.parts.every(({ length }) => length <= 4)).toBe(true);
      expect(protocol.calls).toEqual(["eofReceived", "connectionLost(null)"]);
    });
  });

  const broken: [string, Partial<BufferedProtocol>, string][] = [
    ["an empty buffer", { getBuffer: () => Buffer.alloc(0) }, "getBuffer"],
    ["no buffer", { getBuffer: () => "text" as unknown as Uint8Array }, "getBuffer"],
    ["an error of getBuffer()", { getBuffer: failing }, "getBuffer"],
    ["an error of bufferUpdated()", { bufferUpdated: failing }, "bufferUpdated"],
  ];
  test.each(broken)("%s is reported and ends the connection [S252]", async (_what, methods, call) => {
    const reports: ExceptionContext[] = [];
    await onSockets(
      function* (site) {
        const [, protocol, peer] = yield* site.withRaw(Object.assign(new Buffered(), methods));
        peer.write("bytes");
        yield* until(() => protocol.calls.length > 0);
        expect(protocol.calls).toHaveLength(1);
        expect(protocol.calls[0]).toMatch(/^connectionLost\(\w*Error/);
      },
      { reports },
    );
    expect(reports.map(({ message }) => message)).toEqual([`Fatal error: protocol.${call}() call failed.`]);
  });
});

function failing(): never {
  throw new TypeError("out of order");
}

describe("protocols that throw", () => {
  test.each(["dataReceived", "eofReceived"] as const)(
    "%s() that throws is reported, and ends the connection with that error [S250 S252]",
    async (name) => {
      const reports: ExceptionContext[] = [];
      await onSockets(
        function* (site) {
          const protocol = Object.assign(new Recorder(site.loop), { [name]: failing });
          const [transport, , peer] = yield* site.withRaw(protocol);
          peer.end("bytes");
          const error = yield* protocol.lost();
          expect(error).toBeInstanceOf(TypeError);
          expect(reports).toHaveLength(1);
          expect(reports[0]).toMatchObject({ message: `Fatal error: protocol.${name}() call failed.` });
          expect(reports[0]?.exception).toBe(error);
          expect(reports[0]?.["transport"]).toBe(transport);
          expect(reports[0]?.["protocol"]).toBe(protocol);
        },
        { reports },
      );
    },
  );

  test("connectionMade() that throws is reported, and the connection does not stay", async () => {
    const reports: ExceptionContext[] = [];
    await onSockets(
      function* (site) {
        const port = yield* site.rawServer((socket) => void socket.on("end", () => socket.end()).resume());
        const protocol = Object.assign(new Recorder(site.loop), { connectionMade: failing });
        const [transport] = yield* site.loop.createConnection(() => protocol, HOST, port);
        expect(transport.isClosing()).toBe(true);
        yield* protocol.lost();
      },
      { reports },
    );
    expect(reports).toHaveLength(1);
    expect(reports[0]?.exception).toBeInstanceOf(TypeError);
  });

  test("connectionLost() that throws is reported, and the connection is closed all the same", async () => {
    const reports: ExceptionContext[] = [];
    await onSockets(
      function* (site) {
        class Failing extends Protocol {
          override connectionLost(): void {
            failing();
          }
        }
        const [server, port] = yield* site.serve(() => new Failing());
        const peer = yield* site.rawSocket(port);
        peer.end();
        yield* until(() => reports.length > 0);
        server.close();
        yield* server.waitClosed();
      },
      { reports },
    );
    expect(reports).toHaveLength(1);
    expect(reports[0]?.exception).toBeInstanceOf(TypeError);
  });

  test("pauseWriting() and resumeWriting() that throw are reported, and break neither write() nor the connection [S241]", async () => {
    const reports: ExceptionContext[] = [];
    await onSockets(
      function* (site) {
        const protocol = Object.assign(new Recorder(site.loop), {
          pauseWriting: failing,
          resumeWriting: failing,
        });
        const [transport, , peer] = yield* site.withRaw(protocol);
        fill(transport, 1 << 20);
        expect(reports.map(({ message }) => message)).toEqual(["protocol.pauseWriting() failed"]);
        expect(reports[0]?.["transport"]).toBe(transport);
        expect(reports[0]?.["protocol"]).toBe(protocol);
        peer.resume();
        yield* until(() => reports.length === 2);
        expect(reports[1]).toMatchObject({ message: "protocol.resumeWriting() failed" });
        expect(transport.isClosing()).toBe(false);
        transport.abort();
        yield* protocol.lost();
      },
      { reports },
    );
  });
});

describe("flow control", () => {
  test("pauseWriting() above the high-water mark, in the call of write(); resumeWriting() once it is down [S240]", async () => {
    await onSockets(function* (site) {
      const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      expect(transport.getWriteBufferLimits()).toEqual([16 * 1024, 64 * 1024]);
      fill(transport);
      if (!protocol.calls.includes("pauseWriting")) transport.write(MEGABYTE);
      expect(protocol.calls).toEqual(["connectionMade", "pauseWriting"]);
      transport.write(MEGABYTE);
      yield* sleep(0.01);
      expect(protocol.calls).toEqual(["connectionMade", "pauseWriting"]);
      peer.resume();
      yield* protocol.called("resumeWriting");
      expect(transport.getWriteBufferSize()).toBeLessThanOrEqual(16 * 1024);
      transport.close();
      expect(yield* protocol.lost()).toBe(null);
      expect(protocol.calls).toEqual(["connectionMade", "pauseWriting", "resumeWriting", "connectionLost"]);
    });
  });

  test("pauseWriting() and resumeWriting() come in pairs, as often as the buffer fills [S240]", async () => {
    await onSockets(function* (site) {
      const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      let received = 0;
      let sent = 0;
      peer.on("data", (data: Buffer) => {
        received += data.length;
      });
      for (let round = 0; round < 5; round++) {
        peer.pause();
        const start = transport.getWriteBufferSize();
        while (transport.getWriteBufferSize() <= start + (1 << 20)) {
          transport.write(MEGABYTE);
          sent += MEGABYTE.length;
        }
        peer.resume();
        yield* until(() => received === sent && transport.getWriteBufferSize() === 0);
        yield* until(() => protocol.calls.at(-1) === "resumeWriting");
      }
      const pair = ["pauseWriting", "resumeWriting"];
      expect(protocol.calls).toEqual(["connectionMade", ...pair, ...pair, ...pair, ...pair, ...pair]);
      transport.abort();
      yield* protocol.lost();
    });
  });

  test("setWriteBufferLimits() fills in what is not given, and refuses what does not fit [S239 S243]", async () => {
    await onSockets(function* (site) {
      const [client] = yield* site.pair();
      const { transport } = client;
      const limits = (given?: { high?: number; low?: number }) => {
        transport.setWriteBufferLimits(given);
        return transport.getWriteBufferLimits();
      };
      expect(limits({ high: 1000 })).toEqual([250, 1000]);
      expect(limits({ low: 10 })).toEqual([10, 40]);
      expect(limits({ high: 20, low: 10 })).toEqual([10, 20]);
      expect(limits({ high: 0 })).toEqual([0, 0]);
      expect(limits()).toEqual([16 * 1024, 64 * 1024]);
      for (const wrong of [{ high: 1, low: 2 }, { high: -1 }, { low: -1 }, { high: 5, low: -1 }]) {
        expect(thrownBy(() => limits(wrong))).toBeInstanceOf(RangeError);
      }
      expect(transport.getWriteBufferLimits()).toEqual([16 * 1024, 64 * 1024]);
      transport.close();
      yield* client.lost();
    });
  });

  test("setWriteBufferLimits() pauses at once where the buffer is over the new mark, and does not resume [S242]", async () => {
    await onSockets(function* (site) {
      const [transport, protocol] = yield* site.withRaw(new Recorder(site.loop));
      transport.setWriteBufferLimits({ high: 1 << 30 });
      fill(transport, 1 << 20);
      expect(protocol.calls).toEqual(["connectionMade"]);
      transport.setWriteBufferLimits({ high: 1000 });
      expect(protocol.calls).toEqual(["connectionMade", "pauseWriting"]);
      transport.setWriteBufferLimits({ high: 1 << 30 });
      yield* sleep(0.01);
      expect(protocol.calls).toEqual(["connectionMade", "pauseWriting"]);
      transport.abort();
      yield* protocol.lost();
    });
  });

  test("writelines() over the high-water mark calls pauseWriting() before it returns [S254 N11]", async () => {
    await onSockets(function* (site) {
      const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      transport.writelines(Array.from({ length: 16 }, () => MEGABYTE));
      expect(transport.getWriteBufferSize()).toBeGreaterThan(64 * 1024);
      expect(protocol.calls).toEqual(["connectionMade", "pauseWriting"]);
      peer.resume();
      yield* protocol.called("resumeWriting");
      transport.close();
      yield* protocol.lost();
    });
  });

  test("writelines() after writeEof() throws, after close() it is dropped, and what was buffered is sent all the same", async () => {
    for (const end of ["writeEof", "close"] as const) {
      await onSockets(function* (site) {
        const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
        fill(transport);
        const written = (transport.getExtraInfo("socket") as Socket).bytesWritten;
        transport[end]();
        const call = () => transport.writelines([Buffer.from("late")]);
        if (end === "close") call();
        else expect(call).toThrow("writeEof");
        expect(yield* readAll(peer)).toHaveLength(written);
        peer.end();
        expect(yield* protocol.lost()).toBe(null);
      });
    }
  });

  test("drain() after writeEof() ends when what was buffered is sent [S240]", async () => {
    await onSockets(function* (site) {
      const arrival = site.loop.createFuture<Socket>();
      const port = yield* site.rawServer((socket) => arrival.setResult(socket.pause()));
      const [, writer] = yield* openConnection(HOST, port);
      for (let i = 0; i < 8; i++) writer.write(MEGABYTE);
      writer.writeEof();
      (yield* arrival).resume();
      yield* waitFor(writer.drain(), 5);
      expect(writer.transport.getWriteBufferSize()).toBe(0);
      writer.close();
      yield* writer.waitClosed();
    });
  });

  test("close() that sends what is buffered calls resumeWriting() before connectionLost() [S240 S248]", async () => {
    await onSockets(function* (site) {
      const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      for (let i = 0; i < 8; i++) transport.write(MEGABYTE);
      transport.close();
      peer.resume();
      yield* protocol.lost();
      expect(protocol.calls).toEqual(["connectionMade", "pauseWriting", "resumeWriting", "connectionLost"]);
    });
  });
});

describe("writing", () => {
  test("write() sends at once where it can; the buffer stays empty [S246]", async () => {
    await onSockets(function* (site) {
      const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      transport.write(Buffer.from("small"));
      expect(transport.getWriteBufferSize()).toBe(0);
      transport.write(new Uint8Array(0));
      transport.write(new Uint8Array([33]));
      transport.writelines([Buffer.from(" and"), Buffer.alloc(0), Buffer.from(" more")]);
      transport.writelines([]);
      transport.close();
      expect((yield* readAll(peer)).toString()).toBe("small! and more");
      expect(yield* protocol.lost()).toBe(null);
    });
  });

  test("write() refuses text, and says what to write [S246]", async () => {
    await onSockets(function* (site) {
      const [client, accepted] = yield* site.pair();
      for (const wrong of ["text", 1, null, undefined, [1]]) {
        expect(thrownBy(() => client.transport.write(wrong as unknown as Buffer))).toBeInstanceOf(TypeError);
      }
      const error = thrownBy(() => client.transport.write("text" as unknown as Buffer)) as Error;
      expect(error.message).toContain('Buffer.from("text")');
      expect(thrownBy(() => client.transport.writelines(["a"] as unknown as Buffer[]))).toBeInstanceOf(
        TypeError,
      );
      client.transport.write(Buffer.from("still there"));
      yield* accepted.received(11);
      client.transport.close();
      yield* client.lost();
    });
  });

  test("writeEof() ends what the peer reads, after what is buffered; reading goes on [S246]", async () => {
    await onSockets(function* (site) {
      const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      expect(transport.canWriteEof()).toBe(true);
      for (let i = 0; i < 8; i++) transport.write(MEGABYTE);
      transport.writeEof();
      transport.writeEof();
      const error = thrownBy(() => transport.write(Buffer.from("late"))) as Error;
      expect(error.name).toBe("RuntimeError");
      expect(error.message).toBe("write(): cannot write after writeEof()");
      expect(yield* readAll(peer)).toHaveLength(8 << 20);
      expect(transport.isClosing()).toBe(false);
      peer.end("answer");
      expect(yield* protocol.lost()).toBe(null);
      expect(protocol.text).toBe("answer");
    });
  });

  test("close() sends what is buffered, and reads no more [S248]", async () => {
    await onSockets(function* (site) {
      const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      for (let i = 0; i < 8; i++) transport.write(MEGABYTE);
      transport.close();
      expect(protocol.calls.includes("connectionLost")).toBe(false);
      expect(yield* readAll(peer)).toHaveLength(8 << 20);
      expect(yield* protocol.lost()).toBe(null);
      expect(protocol.bytes).toBe(0);
    });
  });

  test("close() while data is on its way gives none of it to the protocol [S248]", async () => {
    await onSockets(function* (site) {
      const [transport, protocol] = yield* site.withRaw(new Recorder(site.loop));
      const socket = transport.getExtraInfo("socket") as Socket;
      socket.emit("data", Buffer.from("late"));
      transport.close();
      yield* protocol.lost();
      expect(protocol.calls).toEqual(["connectionMade", "connectionLost"]);
    });
  });

  test("abort() drops what is buffered, and connectionLost(null) follows [S249]", async () => {
    await onSockets(function* (site) {
      const [transport, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      for (let i = 0; i < 32; i++) transport.write(MEGABYTE);
      transport.abort();
      expect(yield* protocol.lost()).toBe(null);
      let received = 0;
      peer.on("data", (data: Buffer) => {
        received += data.length;
      });
      peer.on("end", () => peer.end()).resume();
      yield* event(peer, "close");
      expect(received).toBeLessThan(32 << 20);
    });
  });

  test("write() after the end is dropped, and the fifth is warned about [S247]", async () => {
    const warnings: string[] = [];
    await onSockets(
      function* (site) {
        const [client] = yield* site.pair();
        client.transport.abort();
        yield* client.lost();
        for (let i = 0; i < 4; i++) client.transport.write(Buffer.from("lost"));
        expect(warnings).toEqual([]);
        for (let i = 5; i <= 7; i++) {
          client.transport.write(Buffer.from("lost"));
          expect(warnings).toHaveLength(i - 4);
          expect(warnings.at(-1)).toContain(
            `write() over a transport that is closed, ${i} times: <SocketTransport closed`,
          );
        }
        expect(client.transport.getWriteBufferSize()).toBe(0);
      },
      { warnings },
    );
  });
});

describe("what breaks a connection", () => {
  test("a reset comes as connectionLost(error) with its code, and is not reported [S250]", async () => {
    await onSockets(function* (site) {
      const [, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      peer.resetAndDestroy();
      expect(yield* protocol.lost()).toMatchObject({ code: "ECONNRESET" });
      expect(protocol.calls).toEqual(["connectionMade", "connectionLost"]);
    });
  });

  test("data that came before a reset is given before connectionLost()", async () => {
    await onSockets(function* (site) {
      const [, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
      peer.write("last words");
      yield* protocol.received(10);
      peer.resetAndDestroy();
      yield* protocol.lost();
      expect(protocol.calls).toEqual(["connectionMade", "dataReceived", "connectionLost"]);
    });
  });
});

describe("getExtraInfo()", () => {
  test("knows both addresses and the socket, and gives what is asked for in place of the rest", async () => {
    await onSockets(function* (site) {
      const [client, accepted] = yield* site.pair();
      const [ours, theirs] = [client.transport, accepted.transport];
      expect(ours.getExtraInfo("peername")).toEqual(theirs.getExtraInfo("sockname"));
      expect(ours.getExtraInfo("sockname")).toEqual(theirs.getExtraInfo("peername"));
      expect(ours.getExtraInfo("peername")).toMatchObject({ host: HOST, port: expect.any(Number) });
      expect(typeof (ours.getExtraInfo("socket") as Socket).setNoDelay).toBe("function");
      expect(ours.getExtraInfo("unknown")).toBe(null);
      expect(ours.getExtraInfo("unknown", 7)).toBe(7);
      ours.close();
      yield* client.lost();
      expect(ours.getExtraInfo("peername")).toMatchObject({ host: HOST });
    });
  });

  test("a transport says what it is and how it is", async () => {
    await onSockets(function* (site) {
      const [client] = yield* site.pair();
      const { transport } = client;
      const texts = [`${transport}`];
      transport.pauseReading();
      texts.push(`${transport}`);
      transport.close();
      texts.push(`${transport}`);
      yield* client.lost();
      texts.push(`${transport}`);
      const states = texts.map(
        (text) => /^<SocketTransport (\w+) \{"host":"127\.0\.0\.1","port":\d+\} buffered=0>$/.exec(text)?.[1],
      );
      expect(states).toEqual(["open", "paused", "closing", "closed"]);
    });
  });
});

test("a server's and a client's transport echo a megabyte unchanged", async () => {
  await onSockets(function* (site) {
    class Echo extends Protocol {
      #transport!: Transport;
      override connectionMade(transport: Transport): void {
        this.#transport = transport;
      }
      override dataReceived(data: Buffer): void {
        this.#transport.write(data);
      }
    }
    const [, port] = yield* site.serve(() => new Echo());
    const [transport, protocol] = yield* site.loop.createConnection(
      () => new Recorder(site.loop),
      HOST,
      port,
    );
    const sent = Buffer.from(Array.from({ length: 1 << 20 }, (_, i) => (i * 31 + (i >> 9)) & 255));
    transport.write(sent);
    transport.writeEof();
    yield* protocol.lost();
    expect(Buffer.concat(protocol.chunks).equals(sent)).toBe(true);
  });
});
