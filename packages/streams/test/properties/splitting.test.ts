// Correctness under splitting: how a stream is cut on its way, and how long its pieces take, is seen by nobody who reads it. Each
// method reads a stream that lies there whole, then the same stream in random pieces with pauses between them, or byte by byte.
// fast-check prints the seed and the smallest stream of a failure; AIOLOOP_SEED runs a seed again, AIOLOOP_SOAK=1 many more streams.
import type { Coroutine } from "@aioloop/loop";
import { IncompleteReadError, LimitOverrunError, Protocol, StreamReader } from "@aioloop/streams";
import { asyncFor, createTask, sleep } from "@aioloop/tasks";
import fc from "fast-check";
import { expect, test } from "vitest";
import { program } from "../../../tasks/test/helpers.ts";
import { runs } from "../../../tasks/test/properties/harness.ts";
import { bytes, HandTransport } from "../helpers-f.ts";

/** What one read gave, or how it failed. */
type Got = string | [error: string, partial?: string, expected?: number | null];

/** Reads a stream to its end, and tells what each read gave. */
type Reads = (reader: StreamReader) => Coroutine<Got[]>;

/** Pieces of a stream, and the pause before each: -1 for none, then seconds. */
type Pieces = readonly (readonly [piece: Buffer, pause: number])[];

function whole(stream: Buffer): Pieces {
  return [[stream, -1]];
}

function byteByByte(stream: Buffer, pause: number): Pieces {
  return Array.from(stream, (byte) => [Buffer.from([byte]), pause] as const);
}

function cut(stream: Buffer, cuts: readonly (readonly [size: number, pause: number])[]): Pieces {
  const pieces: [Buffer, number][] = [];
  let start = 0;
  for (const [size, pause] of cuts) {
    if (start >= stream.length) break;
    pieces.push([stream.subarray(start, start + size), pause]);
    start += size;
  }
  if (start < stream.length) pieces.push([stream.subarray(start), 1]);
  return pieces;
}

/** What is read of a stream that comes like this, through a transport that keeps to its pauses. */
function readOf(pieces: Pieces, reads: Reads, limit: number): Got[] {
  return program(function* (loop) {
    const reader = new StreamReader({ limit, loop });
    const transport = new HandTransport(loop, new Protocol());
    reader.setTransport(transport);
    const task = createTask(reads(reader));
    for (const [piece, pause] of pieces) {
      if (pause === 0) yield;
      if (pause > 0) yield* sleep(pause);
      while (!transport.isReading() && !task.done()) yield;
      reader.feedData(piece);
    }
    reader.feedEof();
    return yield* task;
  });
}

function* gotOf(read: Coroutine<Buffer>): Coroutine<Got> {
  try {
    return (yield* read).toString("latin1");
  } catch (error) {
    if (error instanceof IncompleteReadError) {
      return ["IncompleteReadError", Buffer.from(error.partial).toString("latin1"), error.expected];
    }
    throw error;
  }
}

/** The same read, again and again, until the stream has ended. */
function again(read: (reader: StreamReader, round: number) => Coroutine<Buffer>): Reads {
  return function* (reader) {
    const got: Got[] = [];
    for (let round = 0; !reader.atEof(); round++) {
      const one = yield* gotOf(read(reader, round));
      // A read that waited at the end of the stream gives nothing, one that came later is not made.
      if (reader.atEof() && (one === "" || (Array.isArray(one) && one[1] === ""))) break;
      got.push(one);
    }
    return got;
  };
}

/** read(n) gives what is there: only the bytes count, and that there are 1 to n of them. */
function* inPieces(reader: StreamReader, sizes: readonly number[]): Coroutine<Got[]> {
  let all = "";
  for (let round = 0; !reader.atEof(); round++) {
    const n = sizes[round % sizes.length] as number;
    const data = (yield* reader.read(n)).toString("latin1");
    if (data === "") {
      expect(reader.atEof()).toBe(true);
      break;
    }
    expect(data.length).toBeLessThanOrEqual(n);
    all += data;
  }
  return [all];
}

/** Few letters, so that separators are there, whole, in part, and one in the other. */
const text = fc
  .array(
    fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom("a", "b", "\r", "\n", "-") },
      { weight: 2, arbitrary: fc.constantFrom("\r\n", "\r\n\r\n", "--", "aba", "\u00e4") },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 700 }).map((count) => "x".repeat(count)) },
    ),
    { maxLength: 60 },
  )
  .map((parts) => bytes(parts.join("")));

const cuts = fc.array(
  fc.tuple(
    fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: 1, max: 6 }) },
      { weight: 2, arbitrary: fc.integer({ min: 250, max: 600 }) },
    ),
    fc.integer({ min: -1, max: 2 }),
  ),
  { maxLength: 80 },
);

const separator = fc
  .array(fc.constantFrom("a", "b", "\r", "\n", "-"), { minLength: 1, maxLength: 5 })
  .map((letters) => letters.join(""));
const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 });

const kinds: [name: string, reads: fc.Arbitrary<Reads>][] = [
  ["read(n)", sizes.map((list) => (reader) => inPieces(reader, list))],
  ["read()", fc.constant(again((reader) => reader.read()))],
  ["readline()", fc.constant(again((reader) => reader.readline()))],
  [
    "readexactly(n)",
    sizes.map((list) => again((reader, round) => reader.readexactly(list[round % list.length] as number))),
  ],
  ["readuntil(separator)", separator.map((one) => again((reader) => reader.readuntil(one)))],
  [
    "readuntil(several)",
    fc
      .array(separator, { minLength: 2, maxLength: 4 })
      .map((several) => again((reader) => reader.readuntil(several))),
  ],
  [
    "several methods in turn",
    fc.tuple(separator, sizes).map(([one, list]) =>
      again((reader, round) => {
        if (round % 3 === 0) return reader.readline();
        if (round % 3 === 1) return reader.readexactly(list[round % list.length] as number);
        return reader.readuntil([one, "--"]);
      }),
    ),
  ],
  [
    "asyncFor() over lines",
    fc.constant(function* (reader: StreamReader) {
      const got: Got[] = [];
      yield* asyncFor(reader, function* (line) {
        got.push(line.toString("latin1"));
      });
      return got;
    }),
  ],
  [
    "asyncFor() over chunks()",
    fc.integer({ min: 1, max: 400 }).map(
      (n) =>
        function* (reader: StreamReader) {
          let all = "";
          yield* asyncFor(reader.chunks(n), function* (chunk) {
            expect(chunk.length).toBeGreaterThan(0);
            expect(chunk.length).toBeLessThanOrEqual(n);
            all += chunk.toString("latin1");
          });
          return [all];
        },
    ),
  ],
];

test.each(kinds)("%s gives the same however the stream is cut", (_, reads) => {
  fc.assert(
    fc.property(text, cuts, reads, fc.integer({ min: -1, max: 1 }), (stream, where, read, pause) => {
      const expected = readOf(whole(stream), read, 1_000_000);
      expect(readOf(cut(stream, where), read, 1_000_000)).toEqual(expected);
      expect(readOf(byteByByte(stream, pause), read, 1_000_000)).toEqual(expected);
    }),
    runs,
  );
});

test("read(), readexactly() and lines within the limit give the same however the stream is cut, also where the transport is paused", () => {
  const lines = fc
    .array(fc.integer({ min: 0, max: 20 }), { maxLength: 30 })
    .map((lengths) => bytes(lengths.map((length) => `${"x".repeat(length)}\n`).join("")));
  const read = fc.constantFrom(
    again((reader) => reader.readline()),
    again((reader) => reader.readuntil(["\n", "xy"])),
    again((reader) => reader.readexactly(57)),
    again((reader) => reader.read()),
  );
  fc.assert(
    fc.property(lines, cuts, read, (stream, where, reads) => {
      const expected = readOf(whole(stream), reads, 1_000_000);
      for (const pieces of [
        whole(stream),
        cut(stream, where),
        byteByByte(stream, 0),
        byteByByte(stream, -1),
      ]) {
        expect(readOf(pieces, reads, 20)).toEqual(expected);
      }
    }),
    runs,
  );
});

test("readuntil() over the limit, with its `consumed` thrown away each time, throws no separator away and finds each, however the stream is cut [S224]", () => {
  const reads: Reads = function* (reader) {
    let all = "";
    let records = 0;
    while (!reader.atEof()) {
      try {
        const record = (yield* reader.readuntil("\r\n")).toString("latin1");
        expect(record.endsWith("\r\n")).toBe(true);
        all += record;
        records += 1;
      } catch (error) {
        if (error instanceof IncompleteReadError) {
          all += Buffer.from(error.partial).toString("latin1");
          break;
        }
        if (!(error instanceof LimitOverrunError)) throw error;
        const skipped = (yield* reader.readexactly(error.consumed)).toString("latin1");
        expect(skipped.includes("\r\n")).toBe(false); // no separator is ever thrown away
        all += skipped;
      }
    }
    return [all, `${records} records`];
  };
  fc.assert(
    fc.property(text, cuts, (stream, where) => {
      const given = stream.toString("latin1");
      const expected = [given, `${given.split("\r\n").length - 1} records`];
      for (const pieces of [
        whole(stream),
        cut(stream, where),
        byteByByte(stream, -1),
        byteByByte(stream, 0),
      ]) {
        expect(readOf(pieces, reads, 10)).toEqual(expected);
      }
    }),
    runs,
  );
});
