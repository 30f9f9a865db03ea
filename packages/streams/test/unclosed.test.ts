// Writers that are let go without being closed, over a transport made by hand: who is told, what is closed, and what must not be.
import type { BaseEventLoop, Coroutine, ExceptionContext, Future } from "@aioloop/loop";
import { wrapFuture } from "@aioloop/loop";
import type { StreamReader } from "@aioloop/streams";
import { Protocol, StreamReader as Reader, StreamReaderProtocol, StreamWriter } from "@aioloop/streams";
import { createTask, HostEventLoop, run } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { collectGarbage, logOfLater } from "../../tasks/test/helpers.ts";
import { bytes, HandTransport } from "./helpers-f.ts";

const UNCLOSED =
  "unclosed <StreamWriter transport=<HandTransport>>: it was let go. Write `yield* asyncWith(writer, …)`, or `writer.close()` in a `finally`";

/** Both ends of a connection: who looks at it, and who uses it. */
interface Connection {
  readonly transport: HandTransport;
  readonly protocol: StreamReaderProtocol;
  /** What the program holds; a function of the test's takes them away. */
  readonly held: { reader: StreamReader | null; writer: StreamWriter | null };
}

function connect(loop: BaseEventLoop, makeTransport = HandTransport): Connection {
  const reader = new Reader({ loop });
  const protocol = new StreamReaderProtocol(reader, null, loop);
  const transport = new makeTransport(loop, protocol);
  protocol.connectionMade(transport);
  return {
    transport,
    protocol,
    held: { reader, writer: new StreamWriter(transport, protocol, reader, loop) },
  };
}

/** Apart, so that no frame that is still there holds what is let go. */
function letGo({ held }: Connection, ...names: (keyof Connection["held"])[]): void {
  for (const name of names) held[name] = null;
}

/** Apart as well: calls `use` with what is held. */
function using<T>({ held }: Connection, use: (writer: StreamWriter, reader: StreamReader) => T): T {
  return use(held.writer as StreamWriter, held.reader as StreamReader);
}

const collected = (): Future<void> => wrapFuture(collectGarbage());

/** What is logged while a program runs, with a connection; and while garbage is collected after it. */
function logOfProgram(
  main: (connection: Connection, loop: HostEventLoop) => Coroutine<void>,
  { debug = false, makeTransport = HandTransport, reports = [] as ExceptionContext[] } = {},
): Promise<string[]> {
  return logOfLater(async () => {
    const loop = new HostEventLoop({ debug });
    loop.setExceptionHandler((_loop, context) => void reports.push(context));
    await run(
      (function* () {
        yield* main(connect(loop, makeTransport), loop);
      })(),
      { loopFactory: () => loop },
    );
    await collectGarbage();
  });
}

describe("a StreamWriter that is let go", () => {
  test("without being closed is warned of, and its connection closed [S238]", async () => {
    const log = await logOfProgram(function* (connection) {
      letGo(connection, "reader", "writer");
      yield* collected();
      expect(connection.transport.calls).toEqual(["close"]);
    });
    expect(log).toEqual([UNCLOSED]);
  });

  test("is warned of while its reader is held, which reads on; without both the connection is closed [S230 S238]", async () => {
    const log = await logOfProgram(function* (connection) {
      const { transport, protocol } = connection;
      letGo(connection, "writer");
      yield* collected();
      expect(transport.calls).toEqual([]);
      protocol.dataReceived(bytes("some "));
      protocol.dataReceived(bytes("data"));
      expect(`${yield* using(connection, (_, reader) => reader.readexactly(9))}`).toBe("some data");
      yield* collected();
      expect(transport.calls).toEqual([]);
      letGo(connection, "reader");
      yield* collected();
      expect(transport.calls).toEqual(["close"]);
    });
    expect(log).toEqual([UNCLOSED]);
  });

  test("leaves its reader what breaks the connection, and its end [S230]", async () => {
    const ends: unknown[] = [];
    for (const error of [null, new Error("broken")]) {
      await logOfProgram(function* (connection) {
        letGo(connection, "writer");
        yield* collected();
        connection.protocol.connectionLost(error);
        using(connection, (_, reader) => ends.push([reader.atEof(), reader.exception()]));
        letGo(connection, "reader");
        yield* collected();
        expect(connection.transport.calls).toEqual([]);
      });
    }
    expect(ends).toEqual([
      [true, null],
      [false, new Error("broken")],
    ]);
  });

  test("with its reader loses what comes until the connection is closed [S230]", async () => {
    const log = await logOfProgram(function* (connection) {
      const { transport, protocol } = connection;
      transport.close = () => void transport.calls.push("close"); // one that takes its time
      letGo(connection, "reader", "writer");
      yield* collected();
      expect(transport.calls).toEqual(["close"]);
      protocol.dataReceived(bytes("x".repeat(1_000_000)));
      expect(protocol.eofReceived()).toBe(true);
      expect(transport.calls).toEqual(["close"]);
      protocol.connectionLost(null);
    });
    expect(log).toEqual([UNCLOSED]);
  });

  const ends: [name: string, end: (connection: Connection) => void][] = [
    ["closed", (connection) => using(connection, (writer) => writer.close())],
    ["aborted", ({ transport }) => transport.abort()],
    ["lost", ({ transport }) => transport.break(new Error("broken"))],
  ];
  for (const [name, end] of ends) {
    test(`of a connection that was ${name} is not warned of [S238]`, async () => {
      const log = await logOfProgram(function* (connection) {
        end(connection);
        letGo(connection, "reader", "writer");
        yield* collected();
        expect(connection.transport.calls).toHaveLength(1);
      });
      expect(log).toEqual([]);
    });
  }

  test("whose transport has another protocol by now is not warned of, and nothing closed", async () => {
    const log = await logOfProgram(function* (connection) {
      connection.transport.setProtocol(new Protocol());
      letGo(connection, "reader", "writer");
      yield* collected();
      expect(connection.transport.calls).toEqual([]);
    });
    expect(log).toEqual([]);
  });

  test("beside another writer of its connection closes nothing while that is held", async () => {
    const log = await logOfProgram(function* (connection, loop) {
      const { transport, protocol } = connection;
      const other = using(connection, (_, reader) => new StreamWriter(transport, protocol, reader, loop));
      letGo(connection, "reader", "writer");
      yield* collected();
      expect(transport.calls).toEqual([]);
      other.close();
      expect(transport.calls).toEqual(["close"]);
    });
    expect(log).toEqual([UNCLOSED]);
  });

  test("after its loop was closed is warned of in debug mode alone, and nothing is closed [S238]", async () => {
    for (const debug of [true, false]) {
      const transports: HandTransport[] = [];
      const log = await logOfProgram(
        function* (connection) {
          transports.push(connection.transport);
        },
        { debug },
      );
      expect(log.map((line) => line.split("\n", 1)[0])).toEqual(
        debug ? [UNCLOSED.replace("it was let go", "its loop is closed")] : [],
      );
      expect(transports[0]?.calls).toEqual([]);
    }
  });

  test("is warned of with where it was made, in debug mode [S238]", async () => {
    const log = await logOfProgram(
      function* (connection) {
        letGo(connection, "reader", "writer");
        yield* collected();
      },
      { debug: true },
    );
    const [text, title, ...frames] = log[0]?.split("\n") ?? [];
    expect([text, title]).toEqual([UNCLOSED, "StreamWriter created at (newest call first):"]);
    expect(frames.join("\n")).toContain("unclosed.test.ts");
  });

  test("what its transport's close() throws goes to the exception handler", async () => {
    class Stubborn extends HandTransport {
      override close(): void {
        throw new Error("no");
      }
    }
    const reports: ExceptionContext[] = [];
    const log = await logOfProgram(
      function* (connection) {
        letGo(connection, "reader", "writer");
        yield* collected();
      },
      { makeTransport: Stubborn, reports },
    );
    expect(log).toEqual([UNCLOSED]);
    expect(reports.map(({ exception }) => exception)).toEqual([new Error("no")]);
  });
});

describe("a connection is held by who waits for it", () => {
  const waits: [name: string, wait: (writer: StreamWriter, reader: StreamReader) => Coroutine<unknown>][] = [
    ["readline()", (_, reader) => reader.readline()],
    ["drain()", (writer) => writer.drain()],
    ["waitClosed()", (writer) => writer.waitClosed()],
  ];
  for (const [name, wait] of waits) {
    test(`with ${name}`, async () => {
      await logOfProgram(function* (connection) {
        const { transport, protocol } = connection;
        protocol.pauseWriting();
        const waiting = using(connection, (writer, reader) => createTask(wait(writer, reader)));
        letGo(connection, "reader", "writer");
        yield* collected();
        expect(waiting.done()).toBe(false);
        expect(transport.calls).toEqual([]);
        protocol.connectionLost(null);
        yield* waiting;
      });
    });
  }
});
