// StreamReaderProtocol, FlowControlMixin and StreamWriter over a transport made by hand: who is called, in which order, who waits for
// whom, and where an error goes.
import type { Coroutine, ExceptionContext } from "@aioloop/loop";
import { CancelledError, setEventLoop, TimeoutError } from "@aioloop/loop";
import type { ClientConnected } from "@aioloop/streams";
import { FlowControlMixin, StreamReader, StreamReaderProtocol, StreamWriter } from "@aioloop/streams";
import {
  asyncWith,
  coroutine,
  createTask,
  currentTask,
  gather,
  sleep,
  VirtualEventLoop,
  waitFor,
} from "@aioloop/tasks";
import { afterEach, describe, expect, test } from "vitest";
import {
  collectGarbage,
  endOf,
  errorOf,
  logOfLater,
  program,
  textOf,
  thrownBy,
} from "../../tasks/test/helpers.ts";
import { bytes, feed, HandTransport, turns } from "./helpers-f.ts";

interface Connection {
  loop: VirtualEventLoop;
  reader: StreamReader;
  protocol: StreamReaderProtocol;
  transport: HandTransport;
  writer: StreamWriter;
}

interface ConnectionOptions {
  clientConnected?: ClientConnected;
  extra?: Record<string, unknown>;
  limit?: number;
}

function connect(
  loop: VirtualEventLoop,
  { clientConnected, extra, limit }: ConnectionOptions = {},
): Connection {
  const reader = new StreamReader({ loop, limit });
  const protocol = new StreamReaderProtocol(reader, clientConnected ?? null, loop);
  const transport = new HandTransport(loop, protocol, extra);
  protocol.connectionMade(transport);
  return { loop, reader, protocol, transport, writer: new StreamWriter(transport, protocol, reader, loop) };
}

/** A program with a connection. */
function connected<T>(main: (connection: Connection) => Coroutine<T>, options?: ConnectionOptions): T {
  return program((loop) => main(connect(loop, options)));
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}

describe("StreamReaderProtocol()", () => {
  afterEach(() => setEventLoop(null));

  const makes: [name: string, make: (loop: VirtualEventLoop | null) => FlowControlMixin][] = [
    ["FlowControlMixin", (loop) => new FlowControlMixin(loop)],
    [
      "StreamReaderProtocol",
      (loop) =>
        new StreamReaderProtocol(new StreamReader({ loop: loop ?? new VirtualEventLoop() }), null, loop),
    ],
  ];

  test.each(makes)("%s without a loop is a RuntimeError that says how to get one", (_, make) => {
    expect(textOf(thrownBy(() => make(null)))).toMatch(/^RuntimeError: there is no current event loop/);
  });

  test.each(makes)("%s made in a coroutine waits on the running loop", (_, make) => {
    program(function* (loop) {
      const protocol = make(null);
      protocol.pauseWriting();
      loop.callLater(60, () => protocol.resumeWriting());
      yield* protocol._drainHelper();
      expect(loop.time()).toBeGreaterThanOrEqual(60);
    });
  });

  test.each(makes)("%s made outside a coroutine takes the loop of setEventLoop()", (_, make) => {
    const loop = new VirtualEventLoop();
    setEventLoop(loop);
    const protocol = make(null);
    setEventLoop(null);
    protocol.pauseWriting();
    loop.callLater(1, () => protocol.resumeWriting());
    loop.runUntilComplete(protocol._drainHelper());
    loop.close();
  });
});

describe("StreamReaderProtocol", () => {
  test("connectionMade() gives the reader its transport, which the reader pauses", () => {
    connected(
      function* ({ protocol, transport, reader }) {
        protocol.dataReceived(bytes("12345"));
        expect(transport.calls).toEqual(["pauseReading"]);
        expect(`${yield* reader.read(9)}`).toBe("12345");
        expect(transport.calls).toEqual(["pauseReading", "resumeReading"]);
      },
      { limit: 2 },
    );
  });

  test("connectionMade() a second time is a RuntimeError", () => {
    connected(function* ({ protocol, transport }) {
      expect(textOf(thrownBy(() => protocol.connectionMade(transport)))).toBe(
        "RuntimeError: setTransport(): the reader has a transport already",
      );
    });
  });

  test("dataReceived() and eofReceived() reach the reader, and the side that writes stays open [S233]", () => {
    connected(function* ({ protocol, reader, transport }) {
      const task = createTask(reader.read());
      yield;
      protocol.dataReceived(bytes("da"));
      protocol.dataReceived(bytes("ta"));
      expect(protocol.eofReceived()).toBe(true);
      expect(`${yield* task}`).toBe("data");
      expect(transport.isClosing()).toBe(false);
    });
  });

  test("eofReceived() over TLS does not keep the side that writes open [S233]", () => {
    connected(
      function* ({ protocol, reader }) {
        expect(protocol.eofReceived()).toBe(false);
        expect(reader.atEof()).toBe(true);
      },
      { extra: { sslcontext: {} } },
    );
  });

  test("connectionLost(null) ends the stream and what waits for the end of the connection [S232]", () => {
    connected(function* ({ protocol, reader, writer }) {
      const [line, closed] = [createTask(reader.readline()), createTask(writer.waitClosed())];
      protocol.dataReceived(bytes("half"));
      yield* turns(3);
      expect([line.done(), closed.done()]).toEqual([false, false]);
      protocol.connectionLost(null);
      expect(`${yield* line}`).toBe("half");
      yield* closed;
      expect(reader.exception()).toBe(null);
      expect(reader.atEof()).toBe(true);
      yield* writer.waitClosed();
    });
  });

  test("connectionLost(null) after eofReceived() is nothing new to the reader", () => {
    connected(function* ({ protocol, reader }) {
      protocol.dataReceived(bytes("data"));
      protocol.eofReceived();
      protocol.connectionLost(null);
      expect(`${yield* reader.read()}`).toBe("data");
    });
  });

  test("connectionLost(error) is thrown by who reads, now or later, and by waitClosed() [S232 S236]", () => {
    connected(function* ({ protocol, reader, writer }) {
      const [line, closed] = [createTask(reader.readline()), createTask(writer.waitClosed())];
      yield;
      const broken = new RangeError("broken");
      protocol.connectionLost(broken);
      expect(yield* errorOf(line)).toBe(broken);
      expect(yield* errorOf(closed)).toBe(broken);
      expect(yield* errorOf(reader.read())).toBe(broken);
      expect(yield* errorOf(writer.waitClosed())).toBe(broken);
      expect(reader.exception()).toBe(broken);
    });
  });

  test("connectionLost(error) that nobody asks for is not reported as never retrieved [S232]", async () => {
    const log = await logOfLater(async () => {
      connected(function* ({ protocol }) {
        protocol.connectionLost(new Error("broken"));
      });
      await collectGarbage();
    });
    expect(log).toEqual([]);
  });
});

describe("clientConnected", () => {
  test("a plain function is called with the reader and a writer, in connectionMade()", () => {
    let given: [StreamReader, StreamWriter] | null = null;
    connected(
      function* ({ reader, transport }) {
        expect(given?.[0]).toBe(reader);
        expect(given?.[1]).toBeInstanceOf(StreamWriter);
        expect(given?.[1].transport).toBe(transport);
        yield* turns(3);
        expect(transport.isClosing()).toBe(false);
      },
      { clientConnected: (reader, writer) => void (given = [reader, writer]) },
    );
  });

  const handlers: [name: string, make: (body: () => Coroutine<void>) => ClientConnected][] = [
    ["a generator function", (body) => () => body()],
    ["a coroutine function", (body) => coroutine(body)],
  ];
  test.each(handlers)("%s runs in a task of its own, beside the protocol's calls [S231]", (_, make) => {
    const log: string[] = [];
    const clientConnected = make(function* () {
      log.push(currentTask() === self ? "in the caller's task" : "in its own");
      yield;
      log.push("ends");
    });
    let self: unknown = null;
    program(function* (loop) {
      self = currentTask();
      const { transport } = connect(loop, { clientConnected });
      log.push("connection made");
      yield* turns(3);
      expect(log).toEqual(["connection made", "in its own", "ends"]);
      expect(transport.calls).toEqual([]);
    });
  });

  function* failing(error: unknown): Coroutine<void> {
    yield;
    throw error;
  }

  test.each([
    ["an Error", new Error("test")],
    ["undefined", undefined],
    ["null", null],
  ])(
    "a handler that throws %s is reported with its transport, and the connection closed [S231]",
    (_, thrown) => {
      const reports: ExceptionContext[] = [];
      program(
        function* (loop) {
          const { transport } = connect(loop, { clientConnected: () => failing(thrown) });
          yield* turns(4);
          expect(reports.map(({ message }) => message)).toEqual([
            "Unhandled exception in the handler of a connection (startServer)",
          ]);
          expect(reports[0]?.exception).toBe(thrown);
          expect(reports[0]?.["transport"]).toBe(transport);
          expect(transport.calls).toEqual(["close"]);
        },
        { reports },
      );
    },
  );

  test("a handler that fails after the connection was lost is reported with the transport it had [S231]", () => {
    const reports: ExceptionContext[] = [];
    program(
      function* (loop) {
        const { protocol, transport } = connect(loop, { clientConnected: (reader) => reader.readline() });
        yield;
        const broken = new Error("broken");
        protocol.connectionLost(broken);
        yield* turns(4);
        expect(reports.length).toBe(1);
        expect(reports[0]?.exception).toBe(broken);
        expect(reports[0]?.["transport"]).toBe(transport);
      },
      { reports },
    );
  });

  test("a handler that is cancelled closes the connection, and nothing is reported [S231]", () => {
    connected(
      function* ({ transport }) {
        yield* turns(4);
        expect(transport.calls).toEqual(["close"]);
      },
      {
        clientConnected: function* () {
          yield;
          currentTask()?.cancel();
          yield;
        },
      },
    );
  });

  test("a handler that closes its writer and is cancelled then: nothing is reported [S231]", () => {
    connected(
      function* ({ transport }) {
        yield* turns(5);
        expect(transport.calls).toEqual(["close"]);
      },
      {
        clientConnected: function* (_reader, writer) {
          writer.close();
          currentTask()?.cancel();
          yield;
        },
      },
    );
  });

  test("a plain function that throws throws out of connectionMade(), to the transport", () => {
    program(function* (loop) {
      const refused = new Error("refused");
      const clientConnected = () => {
        throw refused;
      };
      expect(thrownBy(() => connect(loop, { clientConnected }))).toBe(refused);
    });
  });

  test("a handler that reads lines until the end and answers each", () => {
    connected(
      function* ({ protocol, transport, loop }) {
        loop.callLater(1, () => protocol.dataReceived(bytes("one\ntw")));
        loop.callLater(2, () => protocol.dataReceived(bytes("o\n")));
        loop.callLater(3, () => protocol.eofReceived());
        yield* sleep(4);
        expect(transport.written.map(String)).toEqual(["ONE\n", "TWO\n"]);
        expect(transport.calls).toEqual(["close"]);
      },
      {
        clientConnected: function* (reader, writer) {
          for (;;) {
            const line = yield* reader.readline();
            if (line.length === 0) break;
            writer.write(bytes(`${line}`.toUpperCase()));
            yield* writer.drain();
          }
          writer.close();
          yield* writer.waitClosed();
        },
      },
    );
  });
});

describe("FlowControlMixin", () => {
  test("drain() by several tasks at once: all go on when writing is resumed [S234]", () => {
    program(function* (loop) {
      const protocol = new FlowControlMixin();
      protocol.pauseWriting();
      let drained = 0;
      loop.callLater(1, () => {
        expect(drained).toBe(0);
        protocol.resumeWriting();
      });
      yield* gather(
        Array.from(
          { length: 10 },
          function* () {
            yield* protocol._drainHelper();
            drained += 1;
          }.bind(null),
        ),
      );
      expect(drained).toBe(10);
    });
  });

  test("drain() that is cancelled leaves the others waiting, and resumeWriting() goes on without it [S234]", () => {
    program(function* () {
      const protocol = new FlowControlMixin();
      protocol.pauseWriting();
      const tasks = [1, 2, 3].map(() => createTask(protocol._drainHelper()));
      yield;
      tasks[1]?.cancel();
      yield;
      expect(tasks.map(endOf)).toEqual(["pending", "cancelled", "pending"]);
      tasks[2]?.cancel();
      protocol.resumeWriting();
      yield* turns(2);
      expect(tasks.map(endOf)).toEqual(["result undefined", "cancelled", "cancelled"]);
    });
  });

  test("connectionLost(error) throws from each drain() that waits; later ones get ECONNRESET [S234]", () => {
    program(function* () {
      const protocol = new FlowControlMixin();
      protocol.pauseWriting();
      const tasks = [1, 2, 3].map(() => createTask(protocol._drainHelper()));
      yield;
      const broken = new Error("broken");
      protocol.connectionLost(broken);
      for (const task of tasks) expect(yield* errorOf(task)).toBe(broken);
      const error = yield* errorOf(protocol._drainHelper());
      expect(textOf(error)).toBe("Error: drain(): the connection is lost");
      expect(codeOf(error)).toBe("ECONNRESET");
    });
  });

  test("connectionLost(null) lets each drain() that waits go on; later ones get ECONNRESET [S234]", () => {
    program(function* () {
      const protocol = new FlowControlMixin();
      protocol.pauseWriting();
      const tasks = [1, 2].map(() => createTask(protocol._drainHelper()));
      yield;
      protocol.connectionLost(null);
      yield* gather(tasks);
      expect(codeOf(yield* errorOf(protocol._drainHelper()))).toBe("ECONNRESET");
    });
  });

  test("connectionLost() after the writing was resumed leaves those alone that were woken [S234]", () => {
    program(function* () {
      const protocol = new FlowControlMixin();
      protocol.pauseWriting();
      const task = createTask(protocol._drainHelper());
      yield;
      protocol.resumeWriting();
      protocol.connectionLost(new Error("broken"));
      yield* task;
    });
  });
});

describe("StreamWriter", () => {
  test("write(), writelines(), writeEof(), canWriteEof(), getExtraInfo() and isClosing() are the transport's", () => {
    connected(
      function* ({ writer, transport }) {
        expect(writer.transport).toBe(transport);
        writer.write(bytes("a"));
        writer.writelines([bytes("b"), bytes("c")]);
        writer.writeEof();
        expect(writer.canWriteEof()).toBe(true);
        expect(transport.written.map(String)).toEqual(["a", "b", "c"]);
        expect(writer.getExtraInfo("peername")).toEqual({ host: "here", port: 1 });
        expect(writer.getExtraInfo("cipher")).toBe(null);
        expect(writer.getExtraInfo("cipher", "none")).toBe("none");
        expect(writer.isClosing()).toBe(false);
        writer.close();
        expect(writer.isClosing()).toBe(true);
        expect(transport.calls).toEqual(["writeEof", "close"]);
        yield* writer.waitClosed();
      },
      { extra: { peername: { host: "here", port: 1 } } },
    );
  });

  test("drain() does not give way up to the high-water mark [S235]", () => {
    connected(function* ({ writer, transport, loop }) {
      transport.setWriteBufferLimits({ high: 10 });
      let hasTurned = false;
      loop.callSoon(() => {
        hasTurned = true;
      });
      writer.write(Buffer.alloc(10));
      yield* writer.drain();
      expect(hasTurned).toBe(false);
    });
  });

  test("drain() over the high-water mark waits until the low-water mark is reached", () => {
    connected(function* ({ writer, transport }) {
      transport.setWriteBufferLimits({ high: 10, low: 4 });
      writer.write(Buffer.alloc(11));
      const task = createTask(writer.drain());
      yield* turns(2);
      transport.send(6);
      yield* turns(2);
      expect(task.done()).toBe(false);
      transport.send(1);
      yield* task;
      expect(transport.getWriteBufferSize()).toBe(4);
    });
  });

  test("drain() throws what the reader has, also where the buffer has room [S235]", () => {
    connected(function* ({ writer, reader }) {
      const broken = new Error("broken");
      reader.setException(broken);
      expect(yield* errorOf(writer.drain())).toBe(broken);
    });
  });

  test("drain() without a reader has no exception of it to throw", () => {
    connected(function* ({ protocol, transport, reader, loop }) {
      reader.setException(new Error("broken"));
      yield* new StreamWriter(transport, protocol, null, loop).drain();
    });
  });

  test("write() and drain() without end hear of a connection that was closed [S235]", () => {
    connected(function* ({ writer, transport, loop }) {
      loop.callLater(1, () => transport.close());
      yield* sleep(1);
      let rounds = 0;
      const error = yield* errorOf(
        (function* () {
          for (; rounds < 1000; rounds++) {
            writer.write(bytes("foo\n"));
            yield* writer.drain();
          }
        })(),
      );
      expect(codeOf(error)).toBe("ECONNRESET");
      expect(rounds).toBeLessThan(3);
    });
  });

  test("drain() after close() is ECONNRESET once the connection is closed; after a failure it is that [S235]", () => {
    connected(function* ({ writer }) {
      writer.close();
      writer.write(bytes("data"));
      expect(codeOf(yield* errorOf(writer.drain()))).toBe("ECONNRESET");
    });
    connected(function* ({ writer, transport }) {
      const broken = new Error("broken");
      transport.break(broken);
      yield;
      expect(yield* errorOf(writer.drain())).toBe(broken);
    });
  });

  test("close() begins to close, and waitClosed() waits for connectionLost(); the reader is at its end then [S236]", () => {
    connected(function* ({ writer, reader }) {
      const closed = createTask(writer.waitClosed());
      yield* turns(3);
      expect(closed.done()).toBe(false);
      writer.close();
      expect(reader.atEof()).toBe(false);
      yield* closed;
      expect(reader.atEof()).toBe(true);
      expect((yield* reader.read()).length).toBe(0);
    });
  });

  test("waitClosed() by several tasks: each is told, and a cancelled one takes nothing from the others [S236]", () => {
    for (const broken of [null, new Error("broken")]) {
      connected(function* ({ writer, transport }) {
        const tasks = [1, 2, 3].map(() => createTask(writer.waitClosed()));
        yield;
        tasks[1]?.cancel();
        yield* turns(2);
        expect(tasks.map(endOf)).toEqual(["pending", "cancelled", "pending"]);
        transport.break(broken);
        yield* turns(4);
        const end = broken === null ? "result undefined" : "exception Error: broken";
        expect(tasks.map(endOf)).toEqual([end, "cancelled", end]);
      });
    }
  });

  test("waitClosed() that was given up: what breaks the connection later is not reported [S236]", () => {
    connected(function* ({ writer, transport }) {
      expect(yield* errorOf(waitFor(writer.waitClosed(), 1))).toBeInstanceOf(TimeoutError);
      transport.break(new Error("broken"));
      yield* turns(4);
      expect(textOf(yield* errorOf(writer.waitClosed()))).toBe("Error: broken");
    });
  });

  test("asyncWith(writer) gives the writer, closes it and waits for the end", () => {
    connected(function* ({ writer, transport, reader }) {
      const result = yield* asyncWith(writer, function* (same) {
        expect(same).toBe(writer);
        same.write(bytes("data"));
        return "done";
      });
      expect(result).toBe("done");
      expect(transport.calls).toEqual(["close"]);
      expect(reader.atEof()).toBe(true);
    });
  });

  test("asyncWith(writer) throws what its block throws, and nothing for a connection that broke meanwhile", () => {
    connected(function* ({ writer, transport }) {
      const own = new Error("own");
      const error = yield* errorOf(
        asyncWith(writer, function* () {
          transport.break(new Error("broken"));
          throw own;
        }),
      );
      expect(error).toBe(own);
    });
    connected(function* ({ writer, transport }) {
      yield* asyncWith(writer, function* () {
        transport.break(new Error("broken"));
      });
    });
  });

  test("asyncWith(writer) that is cancelled while it waits for the end throws the CancelledError", () => {
    connected(function* ({ writer, protocol }) {
      // A peer that never answers: the transport tells nobody of its end.
      (writer.transport as HandTransport).setProtocol(new FlowControlMixin());
      const task = createTask(asyncWith(writer, function* () {}));
      yield* turns(4);
      expect(task.done()).toBe(false);
      task.cancel();
      expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
      protocol.connectionLost(null);
      yield* writer.waitClosed();
    });
  });

  test("StreamWriter names its transport", () => {
    connected(function* ({ writer, reader }) {
      feed(reader, "data");
      expect(`${writer}`).toMatch(/^<StreamWriter transport=<HandTransport>.*>$/);
    });
  });
});
