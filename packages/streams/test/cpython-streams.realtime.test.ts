// What CPython's test_streams says of connections to a server that nobody here wrote, of handlers that are plain functions, of pipes
// and of errors that go from one thread to another.
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { RequestListener } from "node:http";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, ListenOptions, Server as NetServer } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { Coroutine } from "@aioloop/loop";
import { wrapFuture } from "@aioloop/loop";
import type { StreamWriter } from "@aioloop/streams";
import {
  IncompleteReadError,
  LimitOverrunError,
  openConnection,
  openUnixConnection,
  StreamReader,
  StreamReaderProtocol,
  startServer,
  startUnixServer,
} from "@aioloop/streams";
import { createTask, waitFor } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { registerErrors, ThreadPoolExecutor } from "../../executors/src/index.ts";
import { errorOf, HOST, onSockets, portOf, Recorder } from "./helpers-g.ts";
import { certificates, hostTurns, inFolder, onLoop, opensslTest } from "./helpers-k.ts";

type Connection = [reader: StreamReader, writer: StreamWriter];

const PAGE = "Test message";
const answer: RequestListener = (_request, response) => {
  response.setHeader("Connection", "close");
  response.end(PAGE);
};

/** Runs `body` while a server of Node's listens. */
function* serving<T>(
  server: NetServer,
  place: ListenOptions,
  body: (port: number) => Coroutine<T>,
): Coroutine<T> {
  server.listen(place);
  yield* wrapFuture(once(server, "listening"));
  const address = server.address() as AddressInfo | string;
  try {
    return yield* body(typeof address === "string" ? 0 : address.port);
  } finally {
    server.close();
  }
}

/** Asks for the page and reads the first line of the answer. */
function* ask([reader, writer]: Connection): Coroutine<string> {
  writer.write(Buffer.from(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`));
  return `${yield* waitFor(reader.readline(), 5)}`;
}

function* askForAll(connection: Connection): Coroutine<void> {
  expect(yield* ask(connection)).toBe("HTTP/1.1 200 OK\r\n");
  const [head, body] = `${yield* waitFor(connection[0].read(), 5)}`.split("\r\n\r\n");
  expect(head).toContain(`Content-Length: ${PAGE.length}`);
  expect(body).toBe(PAGE);
}

function* end(writer: StreamWriter): Coroutine<void> {
  writer.close();
  expect(writer.isClosing()).toBe(true);
  yield* waitFor(writer.waitClosed(), 5);
}

const kinds: [string, (body: (open: () => Coroutine<Connection>) => Coroutine<void>) => Promise<void>][] = [
  [
    "openConnection()",
    (body) =>
      onLoop(() =>
        serving(createServer(answer), { host: HOST, port: 0 }, (port) =>
          body(() => openConnection(HOST, port)),
        ),
      ),
  ],
  [
    "openUnixConnection()",
    (body) =>
      inFolder((folder) => {
        const path = join(folder, "http");
        return onLoop(() =>
          serving(createServer(answer), { path }, () => body(() => openUnixConnection(path))),
        );
      }),
  ],
];

describe.each(kinds)("%s to an HTTP server of Node's", (_name, withServer) => {
  test("gives an answer line by line and to its end; close() begins to close, waitClosed() waits for it", async () => {
    await withServer(function* (open) {
      const connection = yield* open();
      yield* askForAll(connection);
      expect(connection[1].isClosing()).toBe(false);
      yield* end(connection[1]);
    });
  });

  test("waitClosed() ends though bytes are left that nobody has read", async () => {
    await withServer(function* (open) {
      const connection = yield* open();
      expect(yield* ask(connection)).toBe("HTTP/1.1 200 OK\r\n");
      yield* end(connection[1]);
    });
  });

  test("a reader whose writer was closed is at its end, and gives nothing", async () => {
    await withServer(function* (open) {
      const [reader, writer] = yield* open();
      yield* end(writer);
      expect(reader.atEof()).toBe(true);
      expect(yield* reader.read()).toHaveLength(0);
    });
  });

  test("connectionLost(error) is thrown by read(), and waitClosed()", async () => {
    await withServer(function* (open) {
      const [reader, writer] = yield* open();
      const failure = new RangeError("broken");
      (writer.transport as unknown as { getProtocol(): StreamReaderProtocol })
        .getProtocol()
        .connectionLost(failure);
      expect(yield* errorOf(reader.read())).toBe(failure);
      expect(yield* errorOf(writer.waitClosed())).toBe(failure);
      writer.close();
      yield* hostTurns(2);
    });
  });
});

opensslTest("openConnection({ ssl }) to an HTTPS server of Node's gives an answer to its end", async () => {
  const { ca, server } = certificates();
  const https = createSecureServer({ key: server.key, cert: server.cert }, answer);
  await onLoop(() =>
    serving(https, { host: HOST, port: 0 }, function* (port) {
      const connection = yield* openConnection(HOST, port, { ssl: { ca }, serverHostname: "localhost" });
      yield* askForAll(connection);
      yield* end(connection[1]);
    }),
  );
});

describe("startServer() and startUnixServer() with a handler that is a plain function", () => {
  function* echoLine(reader: StreamReader, writer: StreamWriter): Coroutine<void> {
    writer.write(yield* reader.readline());
    yield* writer.drain();
    writer.close();
    yield* writer.waitClosed();
  }
  const inTask = (reader: StreamReader, writer: StreamWriter) => void createTask(echoLine(reader, writer));

  function* hello([reader, writer]: Connection): Coroutine<string> {
    writer.write(Buffer.from("hello world!\n"));
    const line = yield* waitFor(reader.readline(), 5);
    yield* end(writer);
    return `${line}`;
  }

  test("it may make a task of its own, over TCP", async () => {
    await onSockets(function* (site) {
      const server = site.keep(yield* startServer(inTask, HOST, 0));
      expect(yield* hello(yield* openConnection(HOST, portOf(server)))).toBe("hello world!\n");
    });
  });

  test("it may make a task of its own, at a Unix socket", async () => {
    await inFolder((folder) =>
      onSockets(function* (site) {
        const path = join(folder, "socket");
        site.keep(yield* startUnixServer(inTask, path));
        expect(yield* hello(yield* openUnixConnection(path))).toBe("hello world!\n");
      }),
    );
  });
});

describe("pipes", () => {
  test("StreamReaderProtocol over connectReadPipe() has what a child wrote that has ended, more than twice the limit", async () => {
    await onLoop(function* (loop) {
      const child = spawn("printf", ["data"], { stdio: ["ignore", "pipe", "inherit"] });
      const exited = wrapFuture(once(child, "exit"));
      const reader = new StreamReader({ limit: 1 });
      const protocol = new StreamReaderProtocol(reader);
      const [transport] = yield* loop.connectReadPipe(() => protocol, child.stdout);
      yield* waitFor(exited, 5);
      expect(`${yield* waitFor(reader.read(), 5)}`).toBe("data");
      expect(transport.isClosing()).toBe(true);
    });
  });

  test("ReadTransport.pauseReading() and resumeReading() of a pipe do nothing twice, unpaused, or after close() [S253]", async () => {
    await onLoop(function* (loop) {
      const stream = new PassThrough();
      const [transport, protocol] = yield* loop.connectReadPipe(() => new Recorder(loop), stream);
      transport.resumeReading();
      expect(transport.isReading()).toBe(true);
      transport.pauseReading();
      transport.pauseReading();
      expect(transport.isReading()).toBe(false);
      stream.write("x");
      transport.resumeReading();
      yield* waitFor(protocol.received(1), 5);
      transport.close();
      yield* waitFor(protocol.lost(), 5);
      transport.pauseReading();
      transport.resumeReading();
      expect(transport.isReading()).toBe(false);
      yield* hostTurns(2);
      expect(protocol.calls).toEqual(["connectionMade", "dataReceived", "connectionLost"]);
    });
  });
});

describe("errors from a worker thread", () => {
  // The workers' functions make a class of the same name, as one that imports the package would throw it.
  test("IncompleteReadError that was registered comes back with its text, partial and expected", () => {
    registerErrors(IncompleteReadError);
    using pool = new ThreadPoolExecutor(1);
    const fails = () => {
      class IncompleteReadError extends Error {
        partial = Buffer.from("abc");
        expected = 10;
      }
      throw new IncompleteReadError("3 bytes read on a total of 10 expected bytes");
    };
    const error = pool.submit(fails).exception() as IncompleteReadError;
    expect(error).toBeInstanceOf(IncompleteReadError);
    expect(String(error)).toBe(String(new IncompleteReadError(Buffer.from("abc"), 10)));
    expect([`${Buffer.from(error.partial)}`, error.expected]).toEqual(["abc", 10]);
  });

  test("LimitOverrunError that was registered comes back with its text and consumed", () => {
    registerErrors(LimitOverrunError);
    using pool = new ThreadPoolExecutor(1);
    const fails = () => {
      class LimitOverrunError extends Error {
        consumed = 10;
      }
      throw new LimitOverrunError("message");
    };
    const error = pool.submit(fails).exception() as LimitOverrunError;
    expect(error).toBeInstanceOf(LimitOverrunError);
    expect(String(error)).toBe("LimitOverrunError: message");
    expect(error.consumed).toBe(10);
  });
});
