// StreamReader, fed by hand: what each method returns, when it waits, and what a failure, the end of the stream or a cancellation
// does to it. Limits are in stream-reader-limits.test.ts.
import type { Coroutine } from "@aioloop/loop";
import { CancelledError, setEventLoop, TimeoutError } from "@aioloop/loop";
import { IncompleteReadError, Protocol, StreamReader } from "@aioloop/streams";
import { asyncFor, BREAK, createTask, gather, VirtualEventLoop, waitFor } from "@aioloop/tasks";
import { afterEach, describe, expect, test } from "vitest";
import { endOf, errorOf, program, textOf, thrownBy } from "../../tasks/test/helpers.ts";
import { bytes, feed, HandTransport, rest, turns } from "./helpers-f.ts";

const LINES = "line1\nline2\nline3\n";

function* neverFed(): Coroutine<Buffer> {
  return yield* new StreamReader().readline();
}

/** A program that is given a reader. */
function reading<T>(
  main: (reader: StreamReader, loop: VirtualEventLoop) => Coroutine<T>,
  options: { limit?: number } = {},
): T {
  return program((loop) => main(new StreamReader({ ...options, loop }), loop));
}

describe("StreamReader()", () => {
  afterEach(() => setEventLoop(null));

  test("StreamReader() without a loop is a RuntimeError that says how to get one", () => {
    const error = thrownBy(() => new StreamReader());
    expect(textOf(error)).toMatch(/^RuntimeError: there is no current event loop/);
  });

  test("StreamReader() in a coroutine waits on the running loop", () => {
    program(function* (loop) {
      const reader = new StreamReader();
      const task = createTask(reader.read(9));
      loop.callLater(3600, () => feed(reader, "late"));
      expect(`${yield* task}`).toBe("late");
      expect(loop.time()).toBeGreaterThanOrEqual(3600);
    });
  });

  test("StreamReader() outside a coroutine takes the loop of setEventLoop()", () => {
    const loop = new VirtualEventLoop();
    setEventLoop(loop);
    const reader = new StreamReader();
    setEventLoop(null);
    loop.callLater(1, () => feed(reader, "data"));
    expect(`${loop.runUntilComplete(reader.read(9))}`).toBe("data");
    loop.close();
  });

  test("StreamReader({ limit }) refuses what is not greater than 0 [S216]", () => {
    const loop = new VirtualEventLoop();
    for (const limit of [0, -1, Number.NaN]) {
      expect(textOf(thrownBy(() => new StreamReader({ limit, loop })))).toBe(
        `RangeError: new StreamReader({ limit }): limit must be greater than 0 bytes, got ${limit}`,
      );
    }
    loop.close();
  });
});

describe("read()", () => {
  test("read(0) returns nothing at once, and takes nothing [S221]", () => {
    reading(function* (reader) {
      expect((yield* reader.read(0)).length).toBe(0);
      feed(reader, LINES);
      expect((yield* reader.read(0)).length).toBe(0);
      expect(yield* rest(reader)).toBe(LINES);
    });
  });

  test("read(n) waits for the first byte, and returns what is there then, fewer than n [S221]", () => {
    reading(function* (reader, loop) {
      const task = createTask(reader.read(30));
      yield* turns(3);
      expect(task.done()).toBe(false);
      loop.callSoon(() => feed(reader, LINES));
      expect(`${yield* task}`).toBe(LINES);
      expect(yield* rest(reader)).toBe("");
    });
  });

  test("read(n) returns n bytes where there are more, and leaves the others", () => {
    reading(function* (reader) {
      feed(reader, "line1", "line2");
      expect(`${yield* reader.read(5)}`).toBe("line1");
      expect(`${yield* reader.read(3)}`).toBe("lin");
      expect(`${yield* reader.read(Number.POSITIVE_INFINITY)}`).toBe("e2");
      feed(reader, "more");
      expect(yield* rest(reader)).toBe("more");
    });
  });

  test("read(n) takes what several chunks hold, and does not give way while something is there", () => {
    reading(function* (reader, loop) {
      feed(reader, "a", "bc", "def");
      let hasTurned = false;
      loop.callSoon(() => {
        hasTurned = true;
      });
      expect(`${yield* reader.read(5)}`).toBe("abcde");
      expect(hasTurned).toBe(false);
    });
  });

  test("read(n) returns nothing at the end of the stream, each time", () => {
    reading(function* (reader, loop) {
      const task = createTask(reader.read(1024));
      yield;
      loop.callSoon(() => reader.feedEof());
      expect((yield* task).length).toBe(0);
      expect((yield* reader.read(1024)).length).toBe(0);
      expect((yield* reader.read()).length).toBe(0);
    });
  });

  test("read() and read(-1) return all up to the end of the stream [S221]", () => {
    reading(function* (reader, loop) {
      const task = createTask(reader.read(-1));
      yield;
      loop.callSoon(() => feed(reader, "chunk1\n"));
      loop.callLater(1, () => feed(reader, "chunk2"));
      loop.callLater(2, () => reader.feedEof());
      expect(`${yield* task}`).toBe("chunk1\nchunk2");
      expect(reader.atEof()).toBe(true);
    });
  });

  test.each([1.5, Number.NaN])("read(%s) is a RangeError and takes nothing", (n) => {
    reading(function* (reader) {
      feed(reader, "abcdef");
      expect(yield* errorOf(reader.read(n))).toBeInstanceOf(RangeError);
      expect(yield* errorOf(reader.readexactly(n))).toBeInstanceOf(RangeError);
      expect(yield* rest(reader)).toBe("abcdef");
    });
  });
});

describe("readline()", () => {
  test("readline() waits until the newline has come, and leaves what follows", () => {
    reading(function* (reader, loop) {
      feed(reader, "chunk1 ");
      const task = createTask(reader.readline());
      loop.callSoon(() => feed(reader, "chunk2 ", "chunk3 ", "\n chunk4"));
      expect(`${yield* task}`).toBe("chunk1 chunk2 chunk3 \n");
      expect(yield* rest(reader)).toBe(" chunk4");
    });
  });

  test("readline() does not wait for what is there, and finds a newline in any of the chunks", () => {
    reading(function* (reader) {
      feed(reader, LINES.slice(0, 6), LINES.slice(6));
      expect(`${yield* reader.readline()}`).toBe("line1\n");
      expect(`${yield* reader.read(7)}`).toBe("line2\nl");
      expect(yield* rest(reader)).toBe("ine3\n");
    });
  });

  test("readline() returns a last line without its newline at the end of the stream, then nothing [S223]", () => {
    reading(function* (reader) {
      feed(reader, "some data");
      reader.feedEof();
      expect(`${yield* reader.readline()}`).toBe("some data");
      expect((yield* reader.readline()).length).toBe(0);
      expect(reader.atEof()).toBe(true);
    });
  });

  test("readline() that waits returns what there is when the stream ends [S223]", () => {
    reading(function* (reader, loop) {
      const [partial, nothing] = [createTask(reader.readline()), new StreamReader()];
      loop.callLater(1, () => feed(reader, "half"));
      loop.callLater(2, () => reader.feedEof());
      loop.callLater(3, () => nothing.feedEof());
      expect(`${yield* partial}`).toBe("half");
      expect((yield* nothing.readline()).length).toBe(0);
    });
  });
});

describe("readuntil()", () => {
  test("readuntil() refuses empty separators, none at all, and what is neither bytes nor text [S226]", () => {
    reading(function* (reader) {
      const empty = "RangeError: readuntil(separator): the separator is empty";
      expect(textOf(yield* errorOf(reader.readuntil("")))).toBe(empty);
      expect(textOf(yield* errorOf(reader.readuntil([Buffer.alloc(0)])))).toBe(empty);
      expect(textOf(yield* errorOf(reader.readuntil(["a", ""])))).toBe(empty);
      expect(textOf(yield* errorOf(reader.readuntil([])))).toBe(
        "RangeError: readuntil(separators): at least one separator is required",
      );
      expect(textOf(yield* errorOf(reader.readuntil(10 as unknown as string)))).toBe(
        "TypeError: readuntil(separator): bytes or text are required, got 10",
      );
    });
  });

  test("readuntil() returns what comes before the separator with the separator, and leaves the rest", () => {
    reading(function* (reader) {
      feed(reader, "lineAAA");
      expect(`${yield* reader.readuntil("AAA")}`).toBe("lineAAA");
      feed(reader, "lineAAAxxx");
      expect(`${yield* reader.readuntil("AAA")}`).toBe("lineAAA");
      expect(yield* rest(reader)).toBe("xxx");
    });
  });

  test("readuntil() finds a separator that is cut anywhere", () => {
    reading(function* (reader) {
      for (const chunks of [
        ["QWEaa", "XYaa", "a"],
        ["QWEaa", "XYa", "aa"],
        ["aaa"],
        ["Xaaa"],
        ["XXX", "a", "a", "a"],
        ["aa", "a"],
      ]) {
        feed(reader, ...chunks);
        expect(`${yield* reader.readuntil("aaa")}`).toBe(chunks.join(""));
      }
      expect(yield* rest(reader)).toBe("");
    });
  });

  test("readuntil() finds a separator of which each byte comes in a turn of its own", () => {
    reading(function* (reader, loop) {
      const task = createTask(reader.readuntil("\r\n\r\n"));
      let at = 0;
      for (const byte of "a\r\n\rb\n\r\n\r\nc") loop.callLater(++at, () => feed(reader, byte));
      expect(`${yield* task}`).toBe("a\r\n\rb\n\r\n\r\n");
      yield* turns(1);
    });
  });

  test("readuntil() takes bytes of any kind for a separator, and a newline by default", () => {
    reading(function* (reader) {
      feed(reader, "1\r\n2\r\n3\n4\u00e4");
      expect(`${yield* reader.readuntil(new Uint8Array([13, 10]))}`).toBe("1\r\n");
      expect(`${yield* reader.readuntil([new Uint8Array([0, 13, 10]).subarray(1)])}`).toBe("2\r\n");
      expect(`${yield* reader.readuntil()}`).toBe("3\n");
      expect((yield* reader.readuntil(bytes("\u00e4"))).toString("latin1")).toBe("4\u00e4");
    });
  });

  test("readuntil(several) returns up to the one that ends first, whatever their order [S226]", () => {
    reading(function* (reader) {
      feed(reader, "line 1\nline 2\r");
      expect(`${yield* reader.readuntil(["\r", "\n"])}`).toBe("line 1\n");
      expect(`${yield* reader.readuntil(["\r", "\n"])}`).toBe("line 2\r");
      for (const separators of [
        ["DEF", "BCDE"],
        ["BCDE", "DEF"],
      ]) {
        feed(reader, "ABCDEFG");
        expect(`${yield* reader.readuntil(separators)}`).toBe("ABCDE");
        expect(`${yield* reader.read(9)}`).toBe("FG");
      }
    });
  });

  test("readuntil(several) where a separator is longer than all that has come [S226]", () => {
    reading(function* (reader, loop) {
      feed(reader, "data");
      const task = createTask(reader.readuntil(["A", "long separator"]));
      loop.callSoon(() => feed(reader, "Z"));
      loop.callSoon(() => feed(reader, "Aaaa"));
      expect(`${yield* task}`).toBe("dataZA");
      expect(yield* rest(reader)).toBe("aaa");
    });
  });

  test("readuntil() at the end of the stream is an IncompleteReadError that took all there was [S227]", () => {
    reading(function* (reader) {
      feed(reader, "some dataAA");
      reader.feedEof();
      const error = (yield* errorOf(reader.readuntil("AAA"))) as IncompleteReadError;
      expect(error).toBeInstanceOf(IncompleteReadError);
      expect(textOf(error)).toBe("IncompleteReadError: 11 bytes read on a total of undefined expected bytes");
      expect(`${error.partial}`).toBe("some dataAA");
      expect(error.expected).toBe(null);
      expect(reader.atEof()).toBe(true);
    });
  });

  test("readuntil() finds a separator that comes with the end of the stream [S227]", () => {
    reading(function* (reader, loop) {
      feed(reader, "data");
      const task = createTask(reader.readuntil("--"));
      yield;
      loop.callSoon(() => {
        feed(reader, "--");
        reader.feedEof();
      });
      expect(`${yield* task}`).toBe("data--");
    });
  });
});

describe("readexactly()", () => {
  test("readexactly(0) returns nothing, a negative n is a RangeError, and neither takes anything [S222]", () => {
    reading(function* (reader) {
      expect((yield* reader.readexactly(0)).length).toBe(0);
      feed(reader, LINES);
      expect((yield* reader.readexactly(0)).length).toBe(0);
      expect(textOf(yield* errorOf(reader.readexactly(-1)))).toBe(
        "RangeError: readexactly(n): n must be 0 bytes or more, got -1",
      );
      expect(yield* rest(reader)).toBe(LINES);
    });
  });

  test("readexactly(n) waits for n bytes, and leaves the others", () => {
    reading(function* (reader, loop) {
      const task = createTask(reader.readexactly(2 * LINES.length));
      yield;
      loop.callSoon(() => feed(reader, LINES));
      loop.callLater(1, () => feed(reader, LINES, LINES));
      expect(`${yield* task}`).toBe(LINES + LINES);
      expect(yield* rest(reader)).toBe(LINES);
    });
  });

  test("readexactly(n) at the end of the stream is an IncompleteReadError that took all there was [S222]", () => {
    reading(function* (reader, loop) {
      const task = createTask(reader.readexactly(36));
      yield;
      loop.callSoon(() => {
        feed(reader, LINES);
        reader.feedEof();
      });
      const error = (yield* errorOf(task)) as IncompleteReadError;
      expect(error).toBeInstanceOf(IncompleteReadError);
      expect(textOf(error)).toBe("IncompleteReadError: 18 bytes read on a total of 36 expected bytes");
      expect(`${error.partial}`).toBe(LINES);
      expect(error.expected).toBe(36);
      expect(reader.atEof()).toBe(true);
      expect((yield* reader.readexactly(0)).length).toBe(0);
    });
  });
});

describe("asyncFor()", () => {
  test("asyncFor(reader) goes over the lines, the last one without its newline [S228]", () => {
    reading(function* (reader) {
      feed(reader, "line1\nline2\nline3");
      reader.feedEof();
      const lines: string[] = [];
      yield* asyncFor(reader, function* (line) {
        lines.push(`${line}`);
      });
      expect(lines).toEqual(["line1\n", "line2\n", "line3"]);
    });
  });

  test("asyncFor(reader) does not end at an empty line, and takes nothing beyond the line it was left at [S228]", () => {
    reading(function* (reader) {
      feed(reader, "\n\nlast\nkept");
      let count = 0;
      yield* asyncFor(reader, function* (line) {
        count += 1;
        if (`${line}` === "last\n") return BREAK;
        return undefined;
      });
      expect(count).toBe(3);
      expect(yield* rest(reader)).toBe("kept");
    });
  });

  test("asyncFor(reader.chunks(n)) goes over what is there, at most n bytes at a time", () => {
    reading(function* (reader, loop) {
      feed(reader, "abcdefg");
      loop.callLater(1, () => feed(reader, "hi"));
      loop.callLater(2, () => reader.feedEof());
      const chunks: string[] = [];
      yield* asyncFor(reader.chunks(3), function* (chunk) {
        chunks.push(`${chunk}`);
      });
      expect(chunks).toEqual(["abc", "def", "g", "hi"]);
    });
  });

  test("asyncFor(reader.chunks()) gives at most `limit` bytes at a time", () => {
    reading(
      function* (reader) {
        feed(reader, "abcdefg");
        reader.feedEof();
        const chunks: string[] = [];
        yield* asyncFor(reader.chunks(), function* (chunk) {
          chunks.push(`${chunk}`);
        });
        expect(chunks).toEqual(["abcd", "efg"]);
      },
      { limit: 4 },
    );
  });

  test("asyncFor() over lines and chunks throws what the connection broke with", () => {
    for (const over of [(reader: StreamReader) => reader, (reader: StreamReader) => reader.chunks()]) {
      reading(function* (reader, loop) {
        const broken = new Error("broken");
        loop.callLater(1, () => reader.setException(broken));
        expect(yield* errorOf(asyncFor(over(reader), function* () {}))).toBe(broken);
      });
    }
  });
});

describe("the end of the stream", () => {
  test("atEof() is true once feedEof() was called and all is read", () => {
    reading(function* (reader) {
      expect(reader.atEof()).toBe(false);
      feed(reader, "some data\n");
      expect(reader.atEof()).toBe(false);
      yield* reader.readline();
      expect(reader.atEof()).toBe(false);
      feed(reader, "some data\n");
      reader.feedEof();
      expect(reader.atEof()).toBe(false);
      yield* reader.readline();
      expect(reader.atEof()).toBe(true);
    });
  });

  test("feedData() ignores nothing at all, and wakes nobody with it [S229]", () => {
    reading(function* (reader) {
      const task = createTask(reader.read(4));
      yield;
      reader.feedData(Buffer.alloc(0));
      yield* turns(3);
      expect(task.done()).toBe(false);
      feed(reader, "data");
      expect(`${yield* task}`).toBe("data");
    });
  });

  test("feedData() after feedEof() is a RuntimeError [S229]", () => {
    reading(function* (reader) {
      reader.feedEof();
      reader.feedEof();
      expect(textOf(thrownBy(() => feed(reader, "late")))).toBe(
        "RuntimeError: feedData() after feedEof(): the stream has ended",
      );
      expect(reader.atEof()).toBe(true);
    });
  });
});

/** `waits`: by what name it waits; a line is read by readuntil(). */
const reads: { name: string; waits: string; read: (reader: StreamReader) => Coroutine<Buffer> }[] = [
  { name: "read(2)", waits: "read", read: (reader) => reader.read(2) },
  { name: "read()", waits: "read", read: (reader) => reader.read() },
  { name: "readline()", waits: "readuntil", read: (reader) => reader.readline() },
  { name: "readuntil()", waits: "readuntil", read: (reader) => reader.readuntil("--") },
  { name: "readexactly(2)", waits: "readexactly", read: (reader) => reader.readexactly(2) },
];

describe("setException()", () => {
  test("exception() is null, then what setException() was given, whatever that is", () => {
    reading(function* (reader) {
      expect(reader.exception()).toBe(null);
      const broken = new RangeError("broken");
      reader.setException(broken);
      expect(reader.exception()).toBe(broken);
      reader.setException(0);
      expect(reader.exception()).toBe(0);
      expect(yield* errorOf(reader.read(1))).toBe(0);
    });
  });

  test.each(reads)(
    "$name throws what setException() was given, also where bytes are left [S220]",
    ({ read }) => {
      reading(function* (reader) {
        feed(reader, "line\n--");
        expect(`${yield* reader.read(1)}`).toBe("l");
        const broken = new Error("broken");
        reader.setException(broken);
        expect(yield* errorOf(read(reader))).toBe(broken);
        expect(yield* errorOf(read(reader))).toBe(broken);
      });
    },
  );

  test.each(reads)("$name that waits is woken with what setException() is given [S220]", ({ read }) => {
    reading(function* (reader) {
      const task = createTask(read(reader));
      yield;
      const broken = new Error("broken");
      reader.setException(broken);
      expect(yield* errorOf(task)).toBe(broken);
    });
  });

  test("setException() after the one who waits was cancelled does nothing to it", () => {
    reading(function* (reader) {
      const task = createTask(reader.readline());
      yield;
      task.cancel();
      reader.setException(new Error("message"));
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
      expect(endOf(task)).toBe("cancelled");
      expect(`${reader}`).toBe('<StreamReader exception=Error("message")>');
    });
  });

  test("feedData() and feedEof() in the turn in which the one who waits was cancelled wake nobody, and lose nothing", () => {
    reading(function* (reader) {
      const task = createTask(reader.readline());
      yield;
      task.cancel();
      feed(reader, "data\n");
      yield;
      expect(endOf(task)).toBe("cancelled");
      expect(`${yield* reader.readline()}`).toBe("data\n");
      const second = createTask(reader.readline());
      yield;
      second.cancel();
      reader.feedEof();
      yield;
      expect(endOf(second)).toBe("cancelled");
      expect((yield* reader.readline()).length).toBe(0);
    });
  });
});

describe("one reader at a time", () => {
  test.each(reads)(
    "$name while another coroutine waits is a RuntimeError, and the other waits on [S219]",
    ({ waits, read }) => {
      reading(function* (reader) {
        const first = createTask(reader.readexactly(4));
        yield;
        expect(textOf(yield* errorOf(read(reader)))).toBe(
          `RuntimeError: ${waits}() while another coroutine waits for data of this StreamReader: one reader at a time, or a Queue between them`,
        );
        expect(first.done()).toBe(false);
        feed(reader, "data--\n");
        expect(`${yield* first}`).toBe("data");
        reader.feedEof();
        expect((yield* read(reader)).length).toBeGreaterThan(0);
      });
    },
  );

  test("read() by a second coroutine, after the first was woken and before it runs, is woken in its turn", () => {
    reading(function* (reader) {
      const first = createTask(reader.read(1));
      yield;
      feed(reader, "a");
      const second = (function* () {
        return yield* reader.readexactly(3);
      })();
      second.next(); // waits, while the first is about to run
      yield;
      expect(`${yield* first}`).toBe("a");
      expect(`${reader}`).toBe("<StreamReader waited for>");
      feed(reader, "bcd");
      const step = second.next();
      expect(step.done === true && `${step.value}`).toBe("bcd");
    });
  });

  test("read() by a second coroutine is possible once the first has its data, or was cancelled", () => {
    reading(function* (reader, loop) {
      const first = createTask(reader.read(2));
      yield;
      loop.callSoon(() => feed(reader, "ab"));
      expect(`${yield* first}`).toBe("ab");
      const second = createTask(reader.read(2));
      yield;
      second.cancel();
      yield;
      const third = createTask(reader.read(2));
      yield;
      feed(reader, "cd");
      expect(`${yield* third}`).toBe("cd");
    });
  });

  test.each(reads)(
    "$name that is cancelled when it has been woken loses nothing of the stream",
    ({ read }) => {
      reading(function* (reader) {
        const woken = createTask(read(reader));
        yield;
        feed(reader, "12\n34--");
        woken.cancel();
        expect(yield* errorOf(woken)).toBeInstanceOf(CancelledError);
        expect(yield* rest(reader)).toBe("12\n34--");
      });
    },
  );

  test("readuntil(), readline() and readexactly() that are cancelled while they wait leave what had come", () => {
    reading(function* (reader) {
      feed(reader, "a");
      for (const read of [reader.readuntil("--"), reader.readline(), reader.readexactly(5)]) {
        const task = createTask(read);
        yield* turns(2);
        task.cancel();
        expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
      }
      expect(yield* rest(reader)).toBe("a");
    });
  });

  test("waitFor(reader.readline(), …) that is late leaves the half line to the next one", () => {
    reading(function* (reader, loop) {
      feed(reader, "half ");
      loop.callLater(2, () => feed(reader, "a line\n"));
      expect(yield* errorOf(waitFor(reader.readline(), 1))).toBeInstanceOf(TimeoutError);
      expect(`${yield* reader.readline()}`).toBe("half a line\n");
    });
  });

  test("readers of their own do not disturb each other", () => {
    program(function* (loop) {
      const readers = Array.from({ length: 5 }, () => new StreamReader());
      readers.forEach((reader, i) => {
        loop.callLater(5 - i, () => feed(reader, `${i}`));
      });
      const all = yield* gather(readers.map((reader) => reader.read(1)));
      expect(all.map(String)).toEqual(["0", "1", "2", "3", "4"]);
    });
  });
});

describe("what is given", () => {
  test("what lies in one chunk is a view of it, not a copy", () => {
    reading(function* (reader) {
      const chunk = Buffer.from(`${"x".repeat(299)}\n${"y".repeat(299)}\n${"z".repeat(400)}`);
      reader.feedData(chunk);
      const taken = [
        yield* reader.readline(),
        yield* reader.readuntil("y\n"),
        yield* reader.readexactly(100),
        yield* reader.read(100),
        yield* reader.read(1000),
      ];
      expect(Buffer.concat(taken).equals(chunk)).toBe(true);
      for (const data of taken) expect(data.buffer).toBe(chunk.buffer);
      let at = chunk.byteOffset;
      for (const data of taken) {
        expect(data.byteOffset).toBe(at);
        at += data.length;
      }
    });
  });

  test("a chunk that is read whole is given as it came", () => {
    reading(function* (reader) {
      for (const size of [1, 300, 70_000]) {
        const chunk = Buffer.alloc(size, "x");
        reader.feedData(chunk);
        expect(yield* reader.read(size)).toBe(chunk);
      }
      const last = Buffer.alloc(300);
      reader.feedData(last);
      reader.feedEof();
      expect(yield* reader.read()).toBe(last);
    });
  });

  test("feedData() takes any Uint8Array, and what is read is a Buffer", () => {
    reading(function* (reader) {
      reader.feedData(new Uint8Array([1, 2, 3, 4]).subarray(1, 3));
      const data = yield* reader.read(9);
      expect(Buffer.isBuffer(data)).toBe(true);
      expect([...data]).toEqual([2, 3]);
    });
  });
});

describe("toString()", () => {
  test("StreamReader names its state", () => {
    program(function* (loop) {
      const reader = new StreamReader();
      expect(`${reader}`).toBe("<StreamReader>");
      feed(reader, "data");
      expect(`${reader}`).toBe("<StreamReader 4 bytes>");
      reader.feedEof();
      expect(`${reader}`).toBe("<StreamReader 4 bytes eof>");
      const small = new StreamReader({ limit: 123 });
      expect(`${small}`).toBe("<StreamReader limit=123>");
      const task = createTask(small.read(1));
      yield;
      expect(`${small}`).toBe("<StreamReader limit=123 waited for>");
      feed(small, "x");
      yield* task;
      expect(`${small}`).toBe("<StreamReader limit=123>");
      small.setTransport(new HandTransport(loop, new Protocol()));
      small.feedData(Buffer.alloc(247));
      expect(`${small}`).toBe("<StreamReader 247 bytes limit=123 paused>");
      const broken = new StreamReader();
      broken.setException(new RangeError("no"));
      expect(`${broken}`).toBe('<StreamReader exception=RangeError("no")>');
    });
  });

  test("a deadlock names the StreamReader that is waited for", () => {
    const error = thrownBy(() => program(() => neverFed()));
    expect(textOf(error)).toMatch(/^DeadlockError: .*<StreamReader waited for>/s);
  });
});
