// A server that says everything back, and three of its clients, in one program. Look at the shape: a connection is a pair of a
// StreamReader and a StreamWriter, and its handler a coroutine of its own, so that the server reads straight down and still talks to
// all at once. `drain` waits while the other side does not read; without it the server would hold in memory what a client sends faster
// than it reads. `asyncWith(writer, …)` closes the connection, however its block ends.
import { createHash, randomBytes } from "node:crypto";
import type { Coroutine, StreamReader, StreamWriter } from "aioloop";
import { asyncFor, asyncWith, gather, openConnection, run, startServer } from "aioloop";

function* echo(reader: StreamReader, writer: StreamWriter) {
  yield* asyncWith(writer, function* () {
    yield* asyncFor(reader.chunks(), function* (chunk) {
      writer.write(chunk);
      yield* writer.drain();
    });
  });
}

/** A line, its answer, and the next line. */
function* polite(reader: StreamReader, writer: StreamWriter) {
  for (const line of ["Hello\n", "Is anybody there?\n", "Grüße aus dem Tal\n"]) {
    writer.write(Buffer.from(line));
    const answer = yield* reader.readline();
    console.log(`polite: ${answer.toString().trimEnd()}`);
  }
}

/** Everything at once, then the end of its side; the other side stays open until the last answer is there. */
function* hasty(reader: StreamReader, writer: StreamWriter) {
  writer.writelines(["one\n", "two\n", "three\n"].map((line) => Buffer.from(line)));
  writer.writeEof();
  let lines = 0;
  yield* asyncFor(reader, function* () {
    lines += 1;
  });
  console.log(`hasty: ${lines} lines, and nothing more will come: ${reader.atEof()}`);
}

const PIECE = 64 * 1024;
const PIECES = 128;

/** 8 MiB, sent and read at the same time: more than fits into all buffers in between. */
function* talkative(reader: StreamReader, writer: StreamWriter) {
  const [sent, received] = [createHash("sha256"), createHash("sha256")];

  function* send() {
    for (let i = 0; i < PIECES; i++) {
      const piece = randomBytes(PIECE);
      sent.update(piece);
      writer.write(piece);
      yield* writer.drain();
    }
  }

  function* receive() {
    for (let i = 0; i < PIECES; i++) received.update(yield* reader.readexactly(PIECE));
  }

  yield* gather([send(), receive()]);
  const isSame = sent.digest("hex") === received.digest("hex");
  console.log(`talkative: ${(PIECES * PIECE) / 1024 / 1024} MiB came back, and are the same: ${isSame}`);
}

function* visit(port: number, client: (reader: StreamReader, writer: StreamWriter) => Coroutine<void>) {
  const [reader, writer] = yield* openConnection("127.0.0.1", port);
  yield* asyncWith(writer, () => client(reader, writer));
}

function* main() {
  const server = yield* startServer(echo, "127.0.0.1", 0);
  yield* asyncWith(server, function* () {
    for (const client of [polite, hasty, talkative]) yield* visit(server.port, client);
    yield* gather([1, 2, 3].map(() => visit(server.port, quiet)));
  });
  console.log("the server is closed:", !server.isServing());
}

/** Comes, and goes. */
function* quiet(reader: StreamReader, writer: StreamWriter) {
  writer.writeEof();
  const bytes = yield* reader.read();
  console.log(`quiet: ${bytes.length} bytes`);
}

await run(main());
