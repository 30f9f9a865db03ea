// Writers of real connections that are let go without being closed: who finds out, on either side.
import type { Future } from "@aioloop/loop";
import { wrapFuture } from "@aioloop/loop";
import type { StreamReader } from "@aioloop/streams";
import { openConnection, startServer } from "@aioloop/streams";
import { asyncWith, createTask } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { collectGarbage } from "../../tasks/test/helpers.ts";
import { HOST } from "./helpers-g.ts";
import { certificates, onLoop, opensslTest } from "./helpers-k.ts";

const collected = (): Future<void> => wrapFuture(collectGarbage());

const UNCLOSED =
  /^unclosed <StreamWriter transport=<SocketTransport open \{"host":"127\.0\.0\.1",.*: it was let go\. /;

test("openConnection(): a connection that is let go unclosed is warned of, and the server sees its end [S238]", async () => {
  const warnings: string[] = [];
  const got: string[] = [];
  await onLoop(
    function* () {
      const server = yield* startServer(
        function* (reader, writer) {
          got.push(`${yield* reader.read()}`);
          writer.close();
        },
        HOST,
        0,
      );
      yield* asyncWith(server, function* () {
        yield* createTask(
          (function* () {
            const [, writer] = yield* openConnection(HOST, server.port);
            writer.write(Buffer.from("request"));
          })(),
        );
        while (got.length === 0) yield* collected();
        yield* server.stop(null);
      });
    },
    { warnings },
  );
  expect(got).toEqual(["request"]);
  expect(warnings).toEqual([expect.stringMatching(UNCLOSED)]);
});

test("startServer(): a handler that ends without close() is warned of, and the client sees the end [S238]", async () => {
  const warnings: string[] = [];
  await onLoop(
    function* () {
      const server = yield* startServer(
        function* (reader, writer) {
          writer.write(yield* reader.readline());
        },
        HOST,
        0,
      );
      yield* asyncWith(server, function* () {
        const [reader, writer] = yield* openConnection(HOST, server.port);
        yield* asyncWith(writer, function* () {
          writer.write(Buffer.from("hello\n"));
          const reads = createTask(reader.read());
          while (!reads.done()) yield* collected();
          expect(`${yield* reads}`).toBe("hello\n");
        });
      });
    },
    { warnings },
  );
  expect(warnings).toEqual([expect.stringMatching(UNCLOSED)]);
});

test("openConnection(): who holds the reader alone reads on to the end, though the writer is collected [S230 S238]", async () => {
  const warnings: string[] = [];
  await onLoop(
    function* () {
      const server = yield* startServer(
        function* (reader, writer) {
          yield* asyncWith(writer, function* () {
            for (let i = 0; i < 3; i++) writer.write(yield* reader.readline());
          });
        },
        HOST,
        0,
      );
      yield* asyncWith(server, function* () {
        const open = function* () {
          const [reader, writer] = yield* openConnection(HOST, server.port);
          writer.write(Buffer.from("1\n2\n3\n"));
          return { transport: writer.transport, readers: [reader] };
        };
        const { transport, readers } = yield* createTask(open());
        while (warnings.length === 0) yield* collected();
        // Apart, so that nothing here holds the reader afterwards.
        const read = () => createTask((readers.pop() as StreamReader).read());
        expect(`${yield* read()}`).toBe("1\n2\n3\n");
        while (!transport.isClosing()) yield* collected();
      });
    },
    { warnings },
  );
  expect(warnings).toEqual([expect.stringMatching(UNCLOSED)]);
});

opensslTest(
  "StreamWriter.startTls(): the connection over TLS is closed if the writer is let go [S238]",
  async () => {
    const warnings: string[] = [];
    let hasEnded = false;
    await onLoop(
      function* () {
        const { key, cert } = certificates().server;
        const server = yield* startServer(
          function* (reader, writer) {
            yield* asyncWith(writer, function* () {
              yield* writer.startTls({ key, cert });
              yield* reader.read();
              hasEnded = true;
            });
          },
          HOST,
          0,
        );
        yield* asyncWith(server, function* () {
          yield* createTask(
            (function* () {
              const [, writer] = yield* openConnection(HOST, server.port);
              yield* writer.startTls({ ca: certificates().ca }, { serverHostname: "localhost" });
            })(),
          );
          while (!hasEnded) yield* collected();
        });
      },
      { warnings },
    );
    expect(warnings).toEqual([expect.stringMatching(UNCLOSED)]);
  },
);
