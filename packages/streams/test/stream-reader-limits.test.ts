// StreamReader's limit: how long a line may be, when the transport is paused and resumed, and what many small pieces cost.
import type { Coroutine } from "@aioloop/loop";
import { LimitOverrunError, Protocol, StreamReader } from "@aioloop/streams";
import type { VirtualEventLoop } from "@aioloop/tasks";
import { createTask } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { errorOf, program, textOf, thrownBy } from "../../tasks/test/helpers.ts";
import { feed, HandTransport, rest, turns } from "./helpers-f.ts";

const FOUND = "LimitOverrunError: the separator is found, but what stands before it is longer than the limit";
const NOT_FOUND = "LimitOverrunError: the separator is not found, and what has come is longer than the limit";

/** A program that is given a reader, and the transport it pauses. */
function reading<T>(
  limit: number | undefined,
  main: (reader: StreamReader, transport: HandTransport, loop: VirtualEventLoop) => Coroutine<T>,
): T {
  return program((loop) => {
    const reader = new StreamReader({ limit, loop });
    const transport = new HandTransport(loop, new Protocol());
    reader.setTransport(transport);
    return main(reader, transport, loop);
  });
}

function* overrunOf(read: Coroutine<Buffer>): Coroutine<[text: string, consumed: number]> {
  const error = yield* errorOf(read);
  expect(error).toBeInstanceOf(LimitOverrunError);
  return [textOf(error), (error as LimitOverrunError).consumed];
}

describe("the limit of what is read", () => {
  test("read() and readexactly() return more than the limit", () => {
    reading(3, function* (reader) {
      feed(reader, "chunk");
      expect(`${yield* reader.read(5)}`).toBe("chunk");
      feed(reader, "chunk");
      expect(`${yield* reader.readexactly(5)}`).toBe("chunk");
      feed(reader, "chunk", "chunk");
      reader.feedEof();
      expect(`${yield* reader.read()}`).toBe("chunkchunk");
    });
  });

  test("readuntil() over the limit takes nothing, and says how much holds no separator [S224]", () => {
    reading(3, function* (reader) {
      feed(reader, "some dataAA");
      expect(yield* overrunOf(reader.readuntil("AAA"))).toEqual([NOT_FOUND, 9]);
      expect(yield* overrunOf(reader.readuntil("AAA"))).toEqual([NOT_FOUND, 9]);
      feed(reader, "A");
      expect(yield* overrunOf(reader.readuntil("AAA"))).toEqual([FOUND, 9]);
      expect(`${yield* reader.readexactly(9)}`).toBe("some data");
      expect(`${yield* reader.readuntil("AAA")}`).toBe("AAA");
      expect(yield* rest(reader)).toBe("");
    });
  });

  test("readuntil() counts what stands before the separator only: exactly `limit` bytes are fine [S225]", () => {
    reading(7, function* (reader) {
      feed(reader, "1234567--12345678--");
      expect(`${yield* reader.readuntil("--")}`).toBe("1234567--");
      expect(yield* overrunOf(reader.readuntil("--"))).toEqual([FOUND, 8]);
    });
  });

  test("readuntil() waits for the separator after exactly `limit` bytes, with half of it there, and fails at one more [S225]", () => {
    reading(7, function* (reader) {
      feed(reader, "1234567-");
      const fits = createTask(reader.readuntil("--"));
      yield* turns(2);
      expect(fits.done()).toBe(false);
      feed(reader, "-");
      expect(`${yield* fits}`).toBe("1234567--");
      feed(reader, "1234567");
      const overruns = createTask(reader.readuntil("--"));
      yield* turns(2);
      feed(reader, "8");
      yield* turns(2);
      expect(overruns.done()).toBe(false); // the eighth may be the beginning of a separator
      feed(reader, "9");
      expect(yield* overrunOf(overruns as unknown as Coroutine<Buffer>)).toEqual([NOT_FOUND, 8]);
      expect(yield* rest(reader)).toBe("123456789");
    });
  });

  test("readuntil(several) that end at the same place: the shortest is the one that was found, whatever their order [S226]", () => {
    for (const separators of [
      ["A", "ome dataA"],
      ["ome dataA", "A"],
    ]) {
      reading(3, function* (reader) {
        feed(reader, "some dataA");
        expect(yield* overrunOf(reader.readuntil(separators))).toEqual([FOUND, 9]);
        expect(yield* rest(reader)).toBe("some dataA");
      });
    }
  });

  test("readuntil() fails with the limit rather than wait for a stream that has no separator [S224]", () => {
    reading(undefined, function* (reader) {
      const task = createTask(reader.readuntil("\r\n"));
      for (let i = 0; i < 64; i++) {
        feed(reader, "x".repeat(1024));
        yield;
      }
      yield;
      expect(task.done()).toBe(false); // the last byte may be the first of a separator
      feed(reader, "xx");
      expect(yield* overrunOf(task as unknown as Coroutine<Buffer>)).toEqual([NOT_FOUND, 65_537]);
      expect((yield* rest(reader)).length).toBe(65_538);
    });
  });

  test("LimitOverrunError.consumed bytes can be read and thrown away until the separator comes [S224]", () => {
    reading(10, function* (reader, _transport, loop) {
      const parts = ["a".repeat(25), "b".repeat(30), "\r", "\nnext\r\n"];
      parts.forEach((part, i) => {
        loop.callLater(i, () => feed(reader, part));
      });
      let thrownAway = 0;
      for (;;) {
        try {
          // The last byte of what was too long may have been half of a separator, and was left.
          expect(`${yield* reader.readuntil("\r\n")}`).toBe("b\r\n");
          break;
        } catch (error) {
          if (!(error instanceof LimitOverrunError)) throw error;
          expect(error.consumed).toBeGreaterThan(10);
          thrownAway += (yield* reader.readexactly(error.consumed)).length;
        }
      }
      expect(thrownAway).toBe(54);
      expect(`${yield* reader.readuntil("\r\n")}`).toBe("next\r\n");
    });
  });

  test("readline() over the limit is a RangeError that loses the line, and the next one is there [S223]", () => {
    reading(3, function* (reader) {
      feed(reader, "li", "ne1\nline2\n");
      expect(textOf(yield* errorOf(reader.readline()))).toBe(
        "RangeError: readline(): the separator is found, but what stands before it is longer than the limit; the line is lost",
      );
      expect(yield* rest(reader)).toBe("line2\n");
    });
  });

  test("readline() over the limit before its newline has come loses all there is [S223]", () => {
    reading(3, function* (reader) {
      feed(reader, "li", "ne1", "li");
      expect(textOf(yield* errorOf(reader.readline()))).toBe(
        "RangeError: readline(): the separator is not found, and what has come is longer than the limit; the line is lost",
      );
      expect(yield* rest(reader)).toBe("");
    });
  });

  test("readline() that waits fails where the line gets longer than the limit [S223]", () => {
    for (const [chunks, left] of [
      [["chunk1", "chunk2", "chunk3\n"], ""],
      [["chunk1", "chunk2\n", "chunk3\n"], "chunk3\n"],
    ] as const) {
      reading(7, function* (reader, _transport, loop) {
        const task = createTask(reader.readline());
        yield;
        loop.callSoon(() => feed(reader, ...chunks));
        expect(yield* errorOf(task)).toBeInstanceOf(RangeError);
        expect(yield* rest(reader)).toBe(left);
      });
    }
  });

  test("readline() takes a line of exactly `limit` bytes and a newline, and no more [S223 S225]", () => {
    reading(7, function* (reader) {
      feed(reader, "1234567\n");
      expect(`${yield* reader.readline()}`).toBe("1234567\n");
      feed(reader, "12345678\n");
      expect(yield* errorOf(reader.readline())).toBeInstanceOf(RangeError);
      feed(reader, "12345678");
      expect(yield* errorOf(reader.readline())).toBeInstanceOf(RangeError);
      expect(yield* rest(reader)).toBe("");
    });
  });

  test("the default limit is 64 KiB [S216]", () => {
    reading(undefined, function* (reader) {
      feed(reader, `${"x".repeat(65_536)}\n`);
      expect((yield* reader.readline()).length).toBe(65_537);
      feed(reader, `${"x".repeat(65_537)}\n`);
      expect(yield* errorOf(reader.readline())).toBeInstanceOf(RangeError);
    });
  });
});

describe("pausing the transport", () => {
  test("feedData() pauses the transport once over twice the limit, once only [S217]", () => {
    reading(10, function* (reader, transport) {
      feed(reader, "x".repeat(20));
      expect(transport.calls).toEqual([]);
      feed(reader, "x");
      expect(transport.calls).toEqual(["pauseReading"]);
      feed(reader, "x".repeat(100));
      expect(transport.calls).toEqual(["pauseReading"]);
    });
  });

  test("feedData() forgets a transport that cannot pause [S217]", () => {
    program(function* () {
      const reader = new StreamReader({ limit: 10 });
      const transport: Partial<HandTransport> = {};
      reader.setTransport(transport as HandTransport);
      feed(reader, "x".repeat(21));
      reader.setTransport(transport as HandTransport); // refused while there is one
      feed(reader, "x".repeat(1000));
      expect((yield* reader.read(2000)).length).toBe(1021);
    });
  });

  test("feedData() without a transport holds what comes", () => {
    program(function* () {
      const reader = new StreamReader({ limit: 10 });
      feed(reader, "x".repeat(1000));
      expect((yield* reader.read(1000)).length).toBe(1000);
    });
  });

  const takes: [name: string, take: (reader: StreamReader, count: number) => Coroutine<unknown>][] = [
    ["read", (reader, count) => reader.read(count)],
    ["readexactly", (reader, count) => reader.readexactly(count)],
  ];
  test.each(takes)(
    "%s() resumes the transport at the limit, not before, and it can be paused again [S218]",
    (_, take) => {
      reading(10, function* (reader, transport) {
        feed(reader, "x".repeat(21));
        yield* take(reader, 10);
        expect(transport.calls).toEqual(["pauseReading"]); // 11 are left
        yield* take(reader, 1);
        expect(transport.calls).toEqual(["pauseReading", "resumeReading"]);
        yield* take(reader, 1);
        expect(transport.calls.length).toBe(2);
        feed(reader, "x".repeat(12));
        expect(transport.calls).toEqual(["pauseReading", "resumeReading", "pauseReading"]);
      });
    },
  );

  test("readuntil() and readline() resume the transport at the limit [S218]", () => {
    for (const read of [
      (reader: StreamReader) => reader.readuntil("\n"),
      (reader: StreamReader) => reader.readline(),
    ]) {
      reading(10, function* (reader, transport) {
        feed(reader, "12345\n12345\n1234567890");
        yield* read(reader);
        expect(transport.calls).toEqual(["pauseReading"]);
        yield* read(reader);
        expect(transport.calls).toEqual(["pauseReading", "resumeReading"]);
      });
    }
  });

  test("readline() that loses a line over the limit resumes the transport [S218]", () => {
    for (const newline of ["\n", ""]) {
      reading(10, function* (reader, transport) {
        feed(reader, "x".repeat(30) + newline);
        expect(yield* errorOf(reader.readline())).toBeInstanceOf(RangeError);
        expect(transport.calls).toEqual(["pauseReading", "resumeReading"]);
      });
    }
  });

  test("readuntil() that fails with the limit leaves the transport paused: nothing was taken", () => {
    reading(10, function* (reader, transport) {
      feed(reader, "x".repeat(30));
      yield* overrunOf(reader.readuntil("\n"));
      expect(transport.calls).toEqual(["pauseReading"]);
    });
  });

  test("readexactly() of more than is held resumes the transport before it waits [S219]", () => {
    reading(10, function* (reader, transport, loop) {
      feed(reader, "x".repeat(30));
      expect(transport.isReading()).toBe(false);
      const task = createTask(reader.readexactly(100));
      yield;
      expect(transport.calls).toEqual(["pauseReading", "resumeReading"]);
      for (let i = 1; i <= 7; i++) {
        loop.callLater(i, () => {
          // As a transport would: nothing while it is paused.
          expect(transport.isReading()).toBe(true);
          feed(reader, "y".repeat(10));
        });
      }
      expect(`${yield* task}`).toBe("x".repeat(30) + "y".repeat(70));
      expect(transport.isReading()).toBe(true);
    });
  });

  test("read() up to the end never stands still, however small the limit [S219 S221]", () => {
    reading(1, function* (reader, transport, loop) {
      const more = (left: number): void => {
        if (transport.isReading()) {
          if (left === 0) {
            reader.feedEof();
            return;
          }
          feed(reader, "data");
          left -= 1;
        }
        loop.callLater(1, more, left);
      };
      more(50);
      expect(`${yield* reader.read()}`).toBe("data".repeat(50));
    });
  });

  test("setTransport() a second time is a RuntimeError", () => {
    reading(10, function* (reader, transport) {
      expect(textOf(thrownBy(() => reader.setTransport(transport)))).toBe(
        "RuntimeError: setTransport(): the reader has a transport already",
      );
    });
  });
});

/** Bytes in use after garbage is collected. */
function memoryInUse(): number {
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const MILLION = 1_000_000;
const ways: [name: string, read: (reader: StreamReader, size: number) => Coroutine<Buffer>][] = [
  ["readexactly(n)", (reader, size) => reader.readexactly(size)],
  ["readuntil(separator)", (reader) => reader.readuntil("\r\n\r\n")],
  ["readuntil(several)", (reader) => reader.readuntil(["----", "\r\n\r\n"])],
  ["read()", (reader) => reader.read()],
];

/** Reads `size` bytes that come one by one, each in a turn of its own: seconds, and the bytes held at the end beside those given. */
function costOf(read: (typeof ways)[0][1], size: number): [seconds: number, held: number] {
  const begin = performance.now();
  const held = program((loop) => {
    const reader = new StreamReader({ limit: 10 * MILLION, loop });
    const separator = Buffer.from("\r\n\r\n");
    const before = memoryInUse();
    return (function* () {
      const task = createTask(read(reader, size));
      for (let i = 0; i < size; i++) {
        reader.feedData(Buffer.from([i < size - 4 ? 120 : (separator[i - size + 4] as number)]));
        yield;
      }
      const during = memoryInUse() - before;
      reader.feedEof();
      const data = yield* task;
      expect(data.length).toBe(size);
      expect(data.subarray(-5).equals(Buffer.from("x\r\n\r\n"))).toBe(true);
      return during;
    })();
  });
  return [(performance.now() - begin) / 1000, held];
}

describe("a million bytes, one by one", () => {
  test.each(ways)("%s takes memory and time in proportion to the bytes", (_, read) => {
    costOf(read, 50_000); // what is compiled and made once
    const [quarter] = costOf(read, MILLION / 4);
    const [whole, held] = costOf(read, MILLION);
    expect(held).toBeLessThan(8 * MILLION);
    expect(whole).toBeLessThan(12 * quarter); // 4 times; 16 if each piece cost another look at all before it
  });

  test("readuntil() of a record in very many chunks takes time in proportion", () => {
    const secondsFor = (chunks: number): number => {
      const begin = performance.now();
      reading(1000 * MILLION, function* (reader) {
        const chunk = Buffer.alloc(300, "x");
        const task = createTask(reader.readuntil("\r\n"));
        for (let i = 0; i < chunks; i++) {
          reader.feedData(chunk);
          yield;
        }
        feed(reader, "\r\n");
        expect((yield* task).length).toBe(300 * chunks + 2);
      });
      return (performance.now() - begin) / 1000;
    };
    secondsFor(2000);
    expect(secondsFor(40_000)).toBeLessThan(25 * secondsFor(5000)); // 8 times; 64 if each looked at all before it
  });
});
