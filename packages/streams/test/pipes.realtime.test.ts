// Readables and Writables of Node's under protocols and streams: real pipes, files, child programs, what libraries make.
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, createWriteStream, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { createGunzip, createGzip } from "node:zlib";
import type { Coroutine, ExceptionContext } from "@aioloop/loop";
import { ContextVar, RuntimeError, TimeoutError, wrapFuture } from "@aioloop/loop";
import type { EventLoop, ReadTransport, WriteTransport } from "@aioloop/streams";
import { IncompleteReadError, LimitOverrunError, StreamReader, writerTo } from "@aioloop/streams";
import { asyncFor, createTask, gather, sleep, waitFor } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { errorOf, Recorder, until } from "./helpers-g.ts";
import { hostTurns, inFolder, onLoop } from "./helpers-k.ts";

/** A child program that is ended with the test, whatever comes. */
function* withChild<T>(child: ChildProcess, body: () => Coroutine<T>): Coroutine<T> {
  const closed = wrapFuture(once(child, "close"));
  try {
    return yield* body();
  } finally {
    child.kill("SIGKILL");
    for (const pipe of [child.stdin, child.stdout]) pipe?.destroy();
    yield* closed;
  }
}

function cat(): ChildProcess & { stdin: Writable; stdout: Readable } {
  return spawn("cat", [], { stdio: ["pipe", "pipe", "inherit"] }) as never;
}

function* reading(
  loop: EventLoop,
  pipe: Readable,
): Coroutine<[transport: ReadTransport, protocol: Recorder]> {
  return yield* loop.connectReadPipe(() => new Recorder(loop), pipe);
}

function* writing(
  loop: EventLoop,
  pipe: Writable,
): Coroutine<[transport: WriteTransport, protocol: Recorder]> {
  return yield* loop.connectWritePipe(() => new Recorder(loop), pipe);
}

test("connectReadPipe() and connectWritePipe() over real pipes: what goes in comes out, to the end [S267]", async () => {
  await onLoop(function* (loop) {
    const child = cat();
    yield* withChild(child, function* () {
      const [out, writer] = yield* writing(loop, child.stdin);
      const [source, reader] = yield* reading(loop, child.stdout);
      expect(writer.transport).toBe(out);
      expect(reader.transport).toBe(source);
      out.write(Buffer.from("one "));
      yield* waitFor(reader.received(4), 5);
      out.writelines([Buffer.from("two "), Buffer.alloc(0), Buffer.from("three")]);
      yield* waitFor(reader.received(13), 5);
      expect(reader.text).toBe("one two three");
      expect(out.canWriteEof()).toBe(true);
      out.writeEof();
      expect(yield* waitFor(writer.lost(), 5)).toBeNull();
      expect(yield* waitFor(reader.lost(), 5)).toBeNull();
      expect(writer.calls).toEqual(["connectionMade", "connectionLost"]);
      expect(reader.calls).toEqual(["connectionMade", "dataReceived", "eofReceived", "connectionLost"]);
    });
  });
});

test("connectReadPipe(): what eofReceived() returns is ignored, and two turns tell the end [S267]", async () => {
  await onLoop(function* (loop) {
    const stream = new PassThrough();
    const [transport, protocol] = yield* reading(loop, stream);
    protocol.isKeptOpen = true;
    stream.end("x");
    yield* waitFor(protocol.called("eofReceived"), 5);
    expect(protocol.calls).toEqual(["connectionMade", "dataReceived", "eofReceived"]);
    expect(transport.isClosing()).toBe(true);
    expect(yield* waitFor(protocol.lost(), 5)).toBeNull();
    expect(stream.destroyed).toBe(true);
  });
});

test("connectReadPipe() reads a file to its end, and a stream of text as bytes", async () => {
  await inFolder((folder) =>
    onLoop(function* (loop) {
      const file = join(folder, "file");
      const text = "a line of text, ä\n".repeat(30_000);
      writeFileSync(file, text);
      for (const encoding of [undefined, "utf8"] as const) {
        const [, protocol] = yield* reading(loop, createReadStream(file, encoding));
        expect(yield* waitFor(protocol.lost(), 5)).toBeNull();
        expect(Buffer.concat(protocol.chunks).toString()).toBe(text);
        expect(protocol.calls).toEqual(["connectionMade", "dataReceived", "eofReceived", "connectionLost"]);
      }
    }),
  );
});

test("connectReadPipe() of a stream that breaks, or ended before, tells connectionLost() [S267]", async () => {
  await onLoop(function* (loop) {
    const [, missing] = yield* reading(loop, createReadStream("/nowhere/at/all"));
    expect(yield* waitFor(missing.lost(), 5)).toHaveProperty("code", "ENOENT");
    expect(missing.calls).toEqual(["connectionMade", "connectionLost"]);
    const gone = new PassThrough().destroy();
    const [, protocol] = yield* reading(loop, gone);
    expect(yield* waitFor(protocol.lost(), 5)).toBeNull();
    const cut = new PassThrough();
    const [, other] = yield* reading(loop, cut);
    cut.destroy();
    expect(yield* waitFor(other.lost(), 5)).toBeNull();
  });
});

test("ReadTransport.pauseReading() holds data and the end back; resumeReading() gives them in order [S253]", async () => {
  await onLoop(function* (loop) {
    const child = cat();
    yield* withChild(child, function* () {
      const [out] = yield* writing(loop, child.stdin);
      const [source, reader] = yield* reading(loop, child.stdout);
      expect(source.isReading()).toBe(true);
      source.pauseReading();
      source.pauseReading();
      expect(source.isReading()).toBe(false);
      out.write(Buffer.from("held"));
      out.writeEof();
      yield* sleep(0.1);
      expect(reader.calls).toEqual(["connectionMade"]);
      source.resumeReading();
      source.resumeReading();
      expect(source.isReading()).toBe(true);
      yield* waitFor(reader.lost(), 5);
      expect(reader.text).toBe("held");
      expect(reader.calls).toEqual(["connectionMade", "dataReceived", "eofReceived", "connectionLost"]);
      source.resumeReading();
      expect(source.isReading()).toBe(false);
    });
  });
});

test("ReadTransport.pauseReading() in dataReceived() holds back what has come already", async () => {
  await onLoop(function* (loop) {
    class OneByOne extends Recorder {
      override dataReceived(data: Buffer): void {
        super.dataReceived(data);
        this.transport.pauseReading();
      }
    }
    const stream = new PassThrough();
    const [transport, protocol] = yield* loop.connectReadPipe(() => new OneByOne(loop), stream);
    for (let i = 0; i < 5; i++) stream.write(`${i}`);
    stream.end();
    for (let i = 1; i < 5; i++) {
      yield* waitFor(protocol.received(i), 5);
      yield* hostTurns(5);
      expect(protocol.calls).not.toContain("eofReceived");
      transport.resumeReading();
    }
    yield* waitFor(protocol.received(5), 5);
    transport.resumeReading();
    yield* waitFor(protocol.lost(), 5);
    expect(protocol.text).toBe("01234");
  });
});

test("ReadTransport.close() calls connectionLost(null) once, and nothing after it", async () => {
  await onLoop(function* (loop) {
    const stream = new PassThrough();
    const [transport, protocol] = yield* reading(loop, stream);
    stream.write("late");
    transport.close();
    transport.close();
    expect(transport.isClosing()).toBe(true);
    expect(protocol.calls).toEqual(["connectionMade"]);
    expect(yield* waitFor(protocol.lost(), 5)).toBeNull();
    expect(stream.destroyed).toBe(true);
    yield* hostTurns(5);
    expect(protocol.calls).toEqual(["connectionMade", "connectionLost"]);
  });
});

test("ReadTransport: what the protocol throws is reported and ends it [S252]", async () => {
  for (const call of ["dataReceived", "eofReceived"] as const) {
    const reports: ExceptionContext[] = [];
    await onLoop(
      function* (loop) {
        const failure = new RangeError("I cannot");
        class Failing extends Recorder {
          override dataReceived(data: Buffer): void {
            super.dataReceived(data);
            if (call === "dataReceived") throw failure;
          }
          override eofReceived(): boolean {
            if (call === "eofReceived") throw failure;
            return super.eofReceived();
          }
        }
        const stream = new PassThrough();
        const [, protocol] = yield* loop.connectReadPipe(() => new Failing(loop), stream);
        stream.end("x");
        expect(yield* waitFor(protocol.lost(), 5)).toBe(failure);
        expect(stream.destroyed).toBe(true);
      },
      { reports },
    );
    expect(reports.map(({ message }) => message)).toEqual([`Fatal error: protocol.${call}() call failed.`]);
  }
});

test("WriteTransport pauses the protocol while a pipe is full, and resumes it [S240]", async () => {
  await onLoop(function* (loop) {
    const child = cat();
    yield* withChild(child, function* () {
      const [out, protocol] = yield* writing(loop, child.stdin);
      expect(out.getWriteBufferLimits()).toEqual([16 * 1024, 64 * 1024]);
      const size = 4 * 1024 * 1024;
      out.write(Buffer.alloc(size, "x"));
      expect(protocol.calls).toEqual(["connectionMade", "pauseWriting"]);
      expect(out.getWriteBufferSize()).toBeGreaterThan(64 * 1024);
      const [, reader] = yield* reading(loop, child.stdout);
      yield* waitFor(protocol.called("resumeWriting"), 5);
      expect(out.getWriteBufferSize()).toBeLessThanOrEqual(16 * 1024);
      out.close();
      yield* waitFor(reader.lost(), 5);
      expect(reader.bytes).toBe(size);
      expect(protocol.calls).toEqual(["connectionMade", "pauseWriting", "resumeWriting", "connectionLost"]);
    });
  });
});

test("WriteTransport: a reader that has gone is connectionLost() with a broken pipe where data is buffered [S268]", async () => {
  await onLoop(function* (loop) {
    const child = spawn("sleep", ["60"], { stdio: ["pipe", "ignore", "inherit"] });
    yield* withChild(child, function* () {
      const [out, protocol] = yield* writing(loop, child.stdin as Writable);
      out.write(Buffer.alloc(4 * 1024 * 1024));
      child.kill("SIGKILL");
      const error = yield* waitFor(protocol.lost(), 5);
      expect(["EPIPE", "ECONNRESET"]).toContain((error as { code?: string }).code);
      expect(out.isClosing()).toBe(true);
      out.write(Buffer.from("nobody hears"));
      yield* hostTurns(3);
      expect(protocol.calls.filter((call) => call === "connectionLost")).toHaveLength(1);
    });
  });
});

test("WriteTransport: a stream that is destroyed is connectionLost(), with a broken pipe where data is buffered [S268]", async () => {
  await onLoop(function* (loop) {
    for (const isFull of [false, true]) {
      const stream = new Writable({ write: (_data, _encoding, done) => void (isFull || done()) });
      const [out, protocol] = yield* writing(loop, stream);
      out.write(Buffer.from("x"));
      yield* hostTurns(2);
      stream.destroy();
      const error = (yield* waitFor(protocol.lost(), 5)) as { code?: string } | null;
      expect(error?.code ?? null).toBe(isFull ? "EPIPE" : null);
    }
  });
});

test("WriteTransport.close() sends what is buffered; abort() drops it [S248] [S249]", async () => {
  await onLoop(function* (loop) {
    for (const isAborted of [false, true]) {
      const child = cat();
      yield* withChild(child, function* () {
        const [out, protocol] = yield* writing(loop, child.stdin);
        const size = 2 * 1024 * 1024;
        out.write(Buffer.alloc(size));
        if (isAborted) {
          out.abort();
          out.abort();
        } else {
          out.close();
          out.close();
        }
        expect(out.isClosing()).toBe(true);
        expect(protocol.calls).not.toContain("connectionLost");
        const [, reader] = yield* reading(loop, child.stdout);
        expect(yield* waitFor(protocol.lost(), 5)).toBeNull();
        yield* waitFor(reader.lost(), 5);
        if (isAborted) expect(reader.bytes).toBeLessThan(size);
        else expect(reader.bytes).toBe(size);
        yield* hostTurns(3);
        expect(protocol.calls.filter((call) => call === "connectionLost")).toHaveLength(1);
      });
    }
  });
});

test("WriteTransport.write() after close() is dropped, as over a socket, and refuses what is no bytes", async () => {
  await onLoop(function* (loop) {
    const stream = new PassThrough();
    const [out, protocol] = yield* writing(loop, stream);
    expect(() => out.write("text" as never)).toThrow(TypeError);
    out.write(Buffer.from("in time"));
    out.close();
    out.write(Buffer.from("late"));
    yield* waitFor(protocol.lost(), 5);
    out.write(Buffer.from("later"));
    expect(`${stream.read()}`).toBe("in time");
    stream.resume();
  });
});

test("WriteTransport.write() after writeEof() is refused, as over a socket [S246]", async () => {
  await onLoop(function* (loop) {
    const stream = new PassThrough();
    const [out, protocol] = yield* writing(loop, stream);
    out.write(Buffer.from("all"));
    out.writeEof();
    out.writeEof();
    expect(out.isClosing()).toBe(true);
    expect(() => out.write(Buffer.from("late"))).toThrow("write(): cannot write after writeEof()");
    expect(() => out.writelines([Buffer.from("late")])).toThrow(RuntimeError);
    expect(yield* waitFor(protocol.lost(), 5)).toBeNull();
    expect(`${stream.read()}`).toBe("all");
    stream.resume();
  });
});

test("WriteTransport: what could not be written is no resumeWriting() but connectionLost(), with what broke the stream", async () => {
  await onLoop(function* (loop) {
    const failure = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    let fail = (_error: Error) => {};
    const stream = new Writable({
      write: (_data, _encoding, done) => {
        fail = done;
      },
    });
    const [out, protocol] = yield* writing(loop, stream);
    out.write(Buffer.alloc(100_000));
    out.write(Buffer.alloc(100_000));
    fail(failure);
    expect(yield* waitFor(protocol.lost(), 5)).toBe(failure);
    yield* hostTurns(3);
    expect(protocol.calls).toEqual(["connectionMade", "pauseWriting", "connectionLost"]);
  });
});

test("WriteTransport.writelines() hands all to the stream in one go", async () => {
  await onLoop(function* (loop) {
    const batches: string[] = [];
    const stream = new Writable({
      write: (data, _encoding, done) => {
        batches.push(`${data}`);
        done();
      },
      writev: (chunks, done) => {
        batches.push(chunks.map(({ chunk }) => `${chunk}`).join("|"));
        done();
      },
    });
    const [out, protocol] = yield* writing(loop, stream);
    out.writelines([Buffer.from("one"), Buffer.from("two"), Buffer.from("three")]);
    out.close();
    expect(yield* waitFor(protocol.lost(), 5)).toBeNull();
    expect(batches.map((batch) => batch.replaceAll(/\|+/g, "|"))).toEqual(["one|two|three"]);
  });
});

test("ReadTransport: what resumes the stream below does not fill the memory of a paused transport", async () => {
  await onLoop(function* (loop) {
    let made = 0;
    const stream = new Readable({
      highWaterMark: 1000,
      read() {
        made += 1000;
        setImmediate(() => this.push(Buffer.alloc(1000, "x")));
      },
    });
    const [transport, protocol] = yield* reading(loop, stream);
    yield* waitFor(protocol.received(5000), 5);
    transport.pauseReading();
    stream.resume();
    yield* hostTurns(200);
    const before = made;
    yield* hostTurns(200);
    expect(made).toBe(before);
    expect(stream.isPaused()).toBe(true);
    const received = protocol.bytes;
    transport.resumeReading();
    yield* waitFor(protocol.received(received + 10_000), 5);
    transport.close();
    expect(yield* waitFor(protocol.lost(), 5)).toBeNull();
  });
});

test("the protocols of pipes are called in the context in which their transports were made", async () => {
  await onLoop(function* (loop) {
    const variable = new ContextVar<string>("variable");
    const seen: (string | null)[] = [];
    class Looking extends Recorder {
      override dataReceived(data: Buffer): void {
        seen.push(variable.get(null));
        super.dataReceived(data);
      }
      override connectionLost(error: unknown): void {
        seen.push(variable.get(null));
        super.connectionLost(error);
      }
    }
    const stream = new PassThrough();
    variable.set("ours");
    const [, source] = yield* loop.connectReadPipe(() => new Looking(loop), stream);
    const [out, sink] = yield* loop.connectWritePipe(() => new Looking(loop), stream);
    variable.set("later");
    out.write(Buffer.from("x"));
    yield* waitFor(source.received(1), 5);
    out.close();
    yield* waitFor(sink.lost(), 5);
    yield* waitFor(source.lost(), 5);
    expect(seen).toEqual(["ours", "ours", "ours"]);
  });
});

test("connectReadPipe() and connectWritePipe() say what they need", async () => {
  await onLoop(function* (loop) {
    for (const wrong of [null, undefined, 5, "file", {}]) {
      const read = yield* errorOf(loop.connectReadPipe(() => new Recorder(loop), wrong as never));
      expect(read).toBeInstanceOf(TypeError);
      expect(read.message).toContain("connectReadPipe(…, pipe): a Readable of Node's is required, got ");
      const write = yield* errorOf(loop.connectWritePipe(() => new Recorder(loop), wrong as never));
      expect(write).toBeInstanceOf(TypeError);
      expect(write.message).toContain("connectWritePipe(…, pipe): a Writable of Node's is required, got ");
    }
    const ended = new PassThrough();
    ended.end();
    const error = yield* errorOf(loop.connectWritePipe(() => new Recorder(loop), ended));
    expect(error.name).toBe("RuntimeError");
    expect(error.message).toBe("connectWritePipe(…, pipe): the stream has ended");
  });
});

test("the transports of pipes: getExtraInfo('pipe'), setProtocol() and text", async () => {
  await onLoop(function* (loop) {
    const stream = new PassThrough();
    const [source, reader] = yield* reading(loop, stream);
    const [out, writer] = yield* writing(loop, stream);
    expect([source.getExtraInfo("pipe"), out.getExtraInfo("pipe")]).toEqual([stream, stream]);
    expect([source.getExtraInfo("x"), out.getExtraInfo("x", 5)]).toEqual([null, 5]);
    expect([source.getProtocol(), out.getProtocol()]).toEqual([reader, writer]);
    expect([`${source}`, `${out}`]).toEqual([
      "<ReadPipeTransport open>",
      "<WritePipeTransport open buffered=0>",
    ]);
    const other = new Recorder(loop);
    source.setProtocol(other);
    out.write(Buffer.from("x"));
    yield* waitFor(other.received(1), 5);
    source.pauseReading();
    expect(`${source}`).toBe("<ReadPipeTransport paused>");
    source.close();
    expect(`${source}`).toBe("<ReadPipeTransport closing>");
    yield* waitFor(other.lost(), 5);
    expect(`${source}`).toBe("<ReadPipeTransport closed>");
    yield* waitFor(writer.lost(), 5);
    expect(`${out}`).toContain("<WritePipeTransport closed");
    expect(reader.calls).toEqual(["connectionMade"]);
  });
});

test("StreamReader.fromReadable() and writerTo() over files: written lines are read", async () => {
  await inFolder((folder) =>
    onLoop(function* () {
      const file = join(folder, "lines");
      const writer = writerTo(createWriteStream(file));
      for (let i = 0; i < 20_000; i++) {
        writer.write(Buffer.from(`line ${i}\n`));
        yield* writer.drain();
      }
      writer.write(Buffer.from("rest"));
      writer.close();
      yield* waitFor(writer.waitClosed(), 5);
      const reader = StreamReader.fromReadable(createReadStream(file));
      const lines: string[] = [];
      yield* asyncFor(reader, function* (line) {
        lines.push(`${line}`);
      });
      expect(lines).toHaveLength(20_001);
      expect(lines[19_999]).toBe("line 19999\n");
      expect(lines[20_000]).toBe("rest");
      expect(reader.atEof()).toBe(true);
      expect(statSync(file).size).toBe(lines.join("").length);
    }),
  );
});

test("StreamReader.fromReadable(): every way to read, over a PassThrough", async () => {
  await onLoop(function* () {
    const stream = new PassThrough();
    const reader = StreamReader.fromReadable(stream);
    stream.write("head|line\n");
    expect(`${yield* reader.readuntil("|")}`).toBe("head|");
    expect(`${yield* reader.readline()}`).toBe("line\n");
    stream.write("12345678");
    expect(`${yield* reader.readexactly(3)}`).toBe("123");
    expect(`${yield* reader.read(2)}`).toBe("45");
    stream.end();
    const error = yield* errorOf(reader.readexactly(10));
    expect(error).toBeInstanceOf(IncompleteReadError);
    expect(`${(error as IncompleteReadError).partial}`).toBe("678");
    expect(`${yield* reader.read()}`).toBe("");
  });
});

test("StreamReader.fromReadable({ limit }) pauses the stream and lets it go on, and readuntil() holds to the limit", async () => {
  await onLoop(function* () {
    let made = 0;
    const stream = new Readable({
      highWaterMark: 1000,
      read() {
        made += 1000;
        this.push(made > 1_000_000 ? null : Buffer.alloc(1000, "x"));
      },
    });
    const reader = StreamReader.fromReadable(stream, { limit: 5000 });
    yield* sleep(0.05);
    expect(made).toBeLessThanOrEqual(20_000);
    expect(yield* errorOf(reader.readuntil("\n"))).toBeInstanceOf(LimitOverrunError);
    expect(yield* waitFor(reader.read(), 5)).toHaveLength(1_000_000);
  });
});

test("StreamReader.fromReadable() throws what breaks the stream, and is at its end where that is destroyed or has ended", async () => {
  await onLoop(function* () {
    const missing = StreamReader.fromReadable(createReadStream("/nowhere/at/all"));
    expect((yield* errorOf(waitFor(missing.readline(), 5))).code).toBe("ENOENT");
    expect((yield* errorOf(missing.read(1))).code).toBe("ENOENT");
    const stream = new PassThrough();
    const reader = StreamReader.fromReadable(stream);
    const line = createTask(reader.readline());
    stream.write("half a");
    yield* sleep(0);
    stream.destroy();
    expect(`${yield* waitFor(line, 5)}`).toBe("half a");
    expect(reader.atEof()).toBe(true);
    for (const over of [new PassThrough().destroy(), Readable.from([])]) {
      over.resume();
      yield* until(() => over.destroyed);
      expect(StreamReader.fromReadable(over).atEof()).toBe(true);
    }
    const broken = new PassThrough();
    broken.on("error", () => {});
    broken.destroy(new RangeError("it broke earlier"));
    yield* until(() => broken.closed);
    const late = yield* errorOf(StreamReader.fromReadable(broken).read(1));
    expect(late.message).toBe("it broke earlier");
  });
});

test("connectReadPipe() and StreamReader.fromReadable() read a stream that was paused before", async () => {
  await onLoop(function* (loop) {
    const [one, other] = [new PassThrough().pause(), new PassThrough().pause()];
    for (const stream of [one, other]) stream.end("bytes");
    const [, protocol] = yield* reading(loop, one);
    yield* waitFor(protocol.lost(), 2);
    expect(protocol.text).toBe("bytes");
    expect(`${yield* waitFor(StreamReader.fromReadable(other).read(), 2)}`).toBe("bytes");
  });
});

test("StreamReader.fromReadable() reads text and generators' items as bytes", async () => {
  await onLoop(function* () {
    const text = new PassThrough({ encoding: "utf8" });
    const reader = StreamReader.fromReadable(text);
    text.end("ä€\n");
    expect(yield* reader.read()).toEqual(Buffer.from("ä€\n"));
    const items = StreamReader.fromReadable(Readable.from(["one\n", "two\n"]));
    expect(`${yield* items.readline()}${yield* items.readline()}`).toBe("one\ntwo\n");
    expect(`${yield* items.read()}`).toBe("");
  });
});

test("writerTo() and StreamReader.fromReadable() over zlib: packed and unpacked under flow control", async () => {
  await onLoop(function* () {
    const [gzip, gunzip] = [createGzip(), createGunzip()];
    const [toGzip, toGunzip] = [writerTo(gzip), writerTo(gunzip)];
    const [packed, unpacked] = [StreamReader.fromReadable(gzip), StreamReader.fromReadable(gunzip)];
    const block = Buffer.from(Array.from({ length: 32 * 1024 }, (_, i) => (i * i) & 0xff));
    const count = 64;
    function* send(): Coroutine<void> {
      for (let i = 0; i < count; i++) {
        toGzip.write(block);
        yield* toGzip.drain();
      }
      toGzip.close();
      yield* toGzip.waitClosed();
    }
    function* carry(): Coroutine<void> {
      yield* asyncFor(packed.chunks(1000), function* (chunk) {
        toGunzip.write(chunk);
        yield* toGunzip.drain();
      });
      toGunzip.close();
      yield* toGunzip.waitClosed();
    }
    const [, , all] = yield* waitFor(gather([send(), carry(), unpacked.read()]), 10);
    expect(all).toHaveLength(count * block.length);
    expect(all.subarray(-block.length).equals(block)).toBe(true);
  });
});

test("StreamReader.fromReadable(gunzip) throws what the data makes it throw", async () => {
  await onLoop(function* () {
    const gunzip = createGunzip();
    const reader = StreamReader.fromReadable(gunzip);
    const writer = writerTo(gunzip);
    writer.write(Buffer.from("this is not packed"));
    expect((yield* errorOf(waitFor(reader.read(), 5))).code).toBe("Z_DATA_ERROR");
    expect((yield* errorOf(waitFor(writer.waitClosed(), 5))).code).toBe("Z_DATA_ERROR");
    expect(yield* errorOf(writer.drain())).toHaveProperty("code", "ECONNRESET");
  });
});

test("StreamWriter of writerTo(): drain() waits for a slow stream, closing is seen, startTls() is refused", async () => {
  await onLoop(function* () {
    const pending: (() => void)[] = [];
    const slow = new Writable({ write: (_data, _encoding, done) => void pending.push(done) });
    const writer = writerTo(slow);
    writer.write(Buffer.alloc(100_000));
    const draining = createTask(writer.drain());
    yield* hostTurns(3);
    expect(draining.done()).toBe(false);
    while (!draining.done()) {
      pending.shift()?.();
      yield* hostTurns(1);
    }
    expect(writer.canWriteEof()).toBe(true);
    expect(writer.getExtraInfo("pipe")).toBe(slow);
    const refused = yield* errorOf(writer.startTls());
    expect(refused.name).toBe("RuntimeError");
    writer.writeEof();
    expect(writer.isClosing()).toBe(true);
    while (pending.length > 0) pending.shift()?.();
    yield* waitFor(writer.waitClosed(), 5);
    expect(yield* errorOf(writer.drain())).toHaveProperty("code", "ECONNRESET");
  });
});

test("StreamWriter of writerTo(): what breaks the stream is thrown by waitClosed(), and wakes who drains", async () => {
  await onLoop(function* () {
    const stream = new Writable({ write: () => {} });
    const writer = writerTo(stream);
    writer.write(Buffer.alloc(100_000));
    const draining = createTask(writer.drain());
    yield* hostTurns(2);
    stream.destroy(new RangeError("the disk is full"));
    expect((yield* errorOf(waitFor(draining, 5))).message).toBe("the disk is full");
    const error = yield* errorOf(waitFor(writer.waitClosed(), 5));
    expect(error).not.toBeInstanceOf(TimeoutError);
    expect(error.message).toBe("the disk is full");
  });
});

test("StreamReader.fromReadable(process.stdin) and writerTo(process.stdout) in a program of their own", async () => {
  await inFolder((folder) =>
    onLoop(function* () {
      const program = fileURLToPath(new URL("./programs-k/numbered.ts", import.meta.url));
      const flags = ["--conditions=@aioloop/source", "--import", import.meta.resolve("tsx"), program];
      const file = join(folder, "input");
      writeFileSync(file, "one\ntwo\nthree");
      const fromPipe = spawn(process.execPath, flags, { stdio: ["pipe", "pipe", "inherit"] });
      const output = yield* withChild(fromPipe, function* () {
        const ended = wrapFuture(once(fromPipe, "exit"));
        const reader = StreamReader.fromReadable(fromPipe.stdout);
        const writer = writerTo(fromPipe.stdin);
        writer.write(readFileSync(file));
        writer.close();
        const all = `${yield* waitFor(reader.read(), 15)}`;
        expect((yield* waitFor(ended, 5))[0]).toBe(0);
        return all;
      });
      expect(output).toBe("1 one\n2 two\n3 three\n3 lines\n");
    }),
  );
});
