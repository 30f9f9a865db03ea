// What CPython's test_protocols and test_streams say of protocols without a transport, and of readers that no other file here does.
import { BaseProtocol, BufferedProtocol, DatagramProtocol, Protocol, StreamReader } from "@aioloop/streams";
import { createTask, sleep } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { program, thrownBy } from "../../tasks/test/helpers.ts";
import { SubprocessProtocol } from "../src/protocols.ts";
import { feed, HandTransport, rest } from "./helpers-f.ts";

describe("protocols", () => {
  const transport = {} as never;
  const data = Buffer.from("data");
  const ofAll = (protocol: BaseProtocol) => [
    protocol.connectionMade(transport),
    protocol.connectionLost(null),
    protocol.pauseWriting(),
    protocol.resumeWriting(),
  ];
  const NOTHING = [undefined, undefined, undefined, undefined];

  test("BaseProtocol's methods do nothing, and an object of it has no fields", () => {
    const protocol = new BaseProtocol();
    expect(ofAll(protocol)).toEqual(NOTHING);
    expect(Object.keys(protocol)).toEqual([]);
  });

  test("Protocol's methods do nothing; eofReceived() lets the connection be closed", () => {
    const protocol = new Protocol();
    expect(protocol).toBeInstanceOf(BaseProtocol);
    expect([...ofAll(protocol), protocol.dataReceived(data), protocol.eofReceived()]).toEqual([
      ...NOTHING,
      undefined,
      undefined,
    ]);
    expect(Object.keys(protocol)).toEqual([]);
  });

  test("BufferedProtocol's methods do nothing, except getBuffer(), which says that it must be overridden", () => {
    const protocol = new BufferedProtocol();
    expect(protocol).toBeInstanceOf(BaseProtocol);
    expect([...ofAll(protocol), protocol.bufferUpdated(150), protocol.eofReceived()]).toEqual([
      ...NOTHING,
      undefined,
      undefined,
    ]);
    expect(String(thrownBy(() => protocol.getBuffer(100)))).toBe(
      "TypeError: a BufferedProtocol must override getBuffer(sizehint) and return a Uint8Array",
    );
    expect(Object.keys(protocol)).toEqual([]);
  });

  test("DatagramProtocol's methods do nothing", () => {
    const protocol = new DatagramProtocol();
    expect(protocol).toBeInstanceOf(BaseProtocol);
    expect([
      ...ofAll(protocol),
      protocol.datagramReceived(data, { host: "127.0.0.1", port: 1 }),
      protocol.errorReceived(new Error("no")),
    ]).toEqual([...NOTHING, undefined, undefined]);
    expect(Object.keys(protocol)).toEqual([]);
  });

  test("SubprocessProtocol's methods do nothing", () => {
    const protocol = new SubprocessProtocol();
    expect(protocol).toBeInstanceOf(BaseProtocol);
    expect([
      ...ofAll(protocol),
      protocol.pipeDataReceived(1, data),
      protocol.pipeConnectionLost(1, null),
      protocol.processExited(),
    ]).toEqual([...NOTHING, undefined, undefined, undefined]);
    expect(Object.keys(protocol)).toEqual([]);
  });
});

describe("StreamReader", () => {
  test("StreamReader.readline() and read(n) take turns: what one leaves the other takes", () => {
    program(function* () {
      const reader = new StreamReader();
      feed(reader, "line1\nline2\nline3\n");
      expect(`${yield* reader.readline()}`).toBe("line1\n");
      expect(`${yield* reader.read(7)}`).toBe("line2\nl");
      expect(yield* rest(reader)).toBe("ine3\n");
    });
  });

  test("StreamReader.atEof() is false while a line is left, also after the end of the stream was told", () => {
    program(function* () {
      const reader = new StreamReader();
      const seen = [reader.atEof()];
      feed(reader, "some data\n");
      seen.push(reader.atEof());
      yield* reader.readline();
      seen.push(reader.atEof());
      feed(reader, "some data\n");
      reader.feedEof();
      seen.push(reader.atEof());
      yield* reader.readline();
      seen.push(reader.atEof());
      expect(seen).toEqual([false, false, false, false, true]);
    });
  });

  test("StreamReader.setException() by another task ends the wait of who reads a line, and of nobody later", () => {
    program(function* () {
      const reader = new StreamReader();
      const line = createTask(reader.readline());
      const cancelled = new StreamReader();
      const given = createTask(cancelled.readline());
      yield* sleep(0);
      const failure = new RangeError("no line");
      reader.setException(failure);
      given.cancel();
      yield* sleep(0);
      cancelled.setException(failure);
      yield* sleep(0);
      expect(line.exception()).toBe(failure);
      expect(given.cancelled()).toBe(true);
      expect(cancelled.exception()).toBe(failure);
    });
  });
});

describe("transports", () => {
  test("WriteTransport.setWriteBufferLimits() refuses high < low and changes nothing; lower ones pause what is over them [S239 S242]", () => {
    program(function* (loop) {
      const told: string[] = [];
      class Told extends Protocol {
        override pauseWriting(): void {
          told.push("pauseWriting");
        }
      }
      const transport = new HandTransport(loop, new Told());
      transport.write(Buffer.alloc(512));
      expect(thrownBy(() => transport.setWriteBufferLimits({ high: 0, low: 1 }))).toBeInstanceOf(RangeError);
      expect(transport.getWriteBufferLimits()).toEqual([16 * 1024, 64 * 1024]);
      transport.setWriteBufferLimits({ high: 1024, low: 128 });
      expect(told).toEqual([]);
      expect(transport.getWriteBufferLimits()).toEqual([128, 1024]);
      transport.setWriteBufferLimits({ high: 256, low: 128 });
      expect(told).toEqual(["pauseWriting"]);
      expect(transport.getWriteBufferLimits()).toEqual([128, 256]);
    });
  });
});
