// What CPython's test_unix_events, test_server and test_streams say of Unix sockets with TLS, of paths and options that are refused,
// of a path that somebody else has taken, and of writes after the end.

import { once } from "node:events";
import { existsSync, lstatSync, readdirSync, unlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { createServer as createSecureServer } from "node:tls";
import { wrapFuture } from "@aioloop/loop";
import { openConnection, openUnixConnection, Protocol, startServer, startUnixServer } from "@aioloop/streams";
import { waitFor } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { errorOf, HOST, onSockets, portOf, Recorder } from "./helpers-g.ts";
import { certificates, hostTurns, inFolder, onLoop, opensslTest } from "./helpers-k.ts";

describe("openUnixConnection({ ssl })", () => {
  opensslTest("talks over TLS to a server of Node's that proves the name it is asked for", async () => {
    const { ca, server: identity } = certificates();
    const secure = createSecureServer({ key: identity.key, cert: identity.cert }, (socket) => {
      socket.once("data", (data: Buffer) => socket.end(`you said ${data}`));
    });
    await inFolder((folder) =>
      onLoop(function* () {
        const path = join(folder, "socket");
        secure.listen(path);
        yield* wrapFuture(once(secure, "listening"));
        try {
          const options = { ssl: { ca }, serverHostname: "localhost" };
          const [reader, writer] = yield* waitFor(openUnixConnection(path, options), 5);
          expect(writer.getExtraInfo("sslcontext")).toBe(options.ssl);
          expect(writer.getExtraInfo("peername")).toBe(path);
          writer.write(Buffer.from("hello"));
          expect(`${yield* waitFor(reader.read(), 5)}`).toBe("you said hello");
          writer.close();
          yield* waitFor(writer.waitClosed(), 5);
          const wrong = openUnixConnection(path, { ssl: { ca }, serverHostname: "elsewhere.test" });
          expect((yield* errorOf(wrong)).code).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
        } finally {
          secure.close();
        }
      }),
    );
  });

  opensslTest(
    "and startUnixServer({ ssl }) are two ends of a stream, with nothing to prove if so told",
    async () => {
      const { key, cert } = certificates().server;
      await inFolder((folder) =>
        onSockets(function* (site) {
          const path = join(folder, "socket");
          const server = yield* startUnixServer(
            function* (reader, writer) {
              writer.write(yield* reader.readline());
              writer.close();
            },
            path,
            { ssl: { key, cert } },
          );
          site.keep(server);
          const [reader, writer] = yield* openUnixConnection(path, { ssl: { rejectUnauthorized: false } });
          writer.write(Buffer.from("hello\n"));
          expect(`${yield* waitFor(reader.readline(), 5)}`).toBe("hello\n");
          writer.close();
          yield* waitFor(writer.waitClosed(), 5);
        }),
      );
    },
  );
});

describe("Unix sockets refuse", () => {
  test("createUnixConnection({ ssl }) without a name to prove, which is a RangeError that says what to write", async () => {
    await onLoop(function* (loop) {
      const error = yield* errorOf(
        loop.createUnixConnection(() => new Protocol(), "/dev/null", { ssl: true }),
      );
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toContain("{ serverHostname }");
    });
  });

  test("serverHostname without ssl, which is a RangeError; so does createConnection()", async () => {
    await onLoop(function* (loop) {
      const options = { serverHostname: "spam" };
      for (const call of [
        loop.createUnixConnection(() => new Protocol(), "/dev/null", options),
        loop.createConnection(() => new Protocol(), HOST, 1, options),
      ]) {
        const error = yield* errorOf(call);
        expect(error).toBeInstanceOf(RangeError);
        expect(error.message).toContain("serverHostname is for TLS only");
      }
    });
  });

  test("sslHandshakeTimeout without ssl, which is a RangeError, at both ends; so does TCP", async () => {
    await onLoop(function* (loop) {
      const options = { sslHandshakeTimeout: 1 };
      for (const call of [
        loop.createUnixConnection(() => new Protocol(), "spam", options),
        loop.createUnixServer(() => new Protocol(), "spam", options),
        loop.createConnection(() => new Protocol(), HOST, 1, options),
        loop.createServer(() => new Protocol(), HOST, 0, options),
      ]) {
        const error = yield* errorOf(call);
        expect(error).toBeInstanceOf(RangeError);
        expect(error.message).toContain("sslHandshakeTimeout is for TLS only");
      }
      expect(existsSync("spam")).toBe(false);
    });
  });

  test("createUnixServer({ ssl: true }), which is a TypeError that says what to give; so does createServer()", async () => {
    await onLoop(function* (loop) {
      const options = { ssl: true as never };
      for (const call of [
        loop.createUnixServer(() => new Protocol(), "spam", options),
        loop.createServer(() => new Protocol(), HOST, 0, options),
      ]) {
        const error = yield* errorOf(call);
        expect(error).toBeInstanceOf(TypeError);
        expect(error.message).toContain("options with a `key` and a `cert` are required, got true");
      }
      expect(existsSync("spam")).toBe(false);
    });
  });

  test("createServer({ ssl }) with a key that is none, before a client comes", async () => {
    await onLoop(function* (loop) {
      const ssl = { key: "no key", cert: "no certificate" };
      expect(yield* errorOf(loop.createServer(() => new Protocol(), HOST, 0, { ssl }))).toBeInstanceOf(Error);
    });
  });

  test.each([null, undefined, "", 5, new URL("file:///socket")])(
    "%j as a path, which is a TypeError",
    async (path) => {
      await onLoop(function* (loop) {
        for (const call of [
          loop.createUnixConnection(() => new Protocol(), path as string),
          loop.createUnixServer(() => new Protocol(), path as string),
          openUnixConnection(path as string),
          startUnixServer(() => {}, path as string),
        ]) {
          const error = yield* errorOf(call);
          expect(error).toBeInstanceOf(TypeError);
          expect(error.message).toContain("the path of a Unix socket is required, got ");
        }
      });
    },
  );
});

describe("Server.close() of a Unix server", () => {
  test("leaves a socket that somebody else has put in its place, who goes on to serve there", async () => {
    await inFolder((folder) =>
      onSockets(function* (site) {
        const path = join(folder, "socket");
        const server = site.keep(yield* startUnixServer(() => {}, path));
        unlinkSync(path);
        const other = createServer((socket) => socket.end("the other"));
        other.listen(path);
        yield* wrapFuture(once(other, "listening"));
        server.close();
        expect(readdirSync(folder)).toEqual(["socket"]);
        const [reader, writer] = yield* openUnixConnection(path);
        expect(`${yield* waitFor(reader.read(), 5)}`).toBe("the other");
        writer.close();
        yield* waitFor(writer.waitClosed(), 5);
        other.close();
      }),
    );
  });

  test("leaves its file with { cleanupSocket: false }, where the next server takes its place", async () => {
    await inFolder((folder) =>
      onSockets(function* (site) {
        const path = join(folder, "socket");
        const server = site.keep(yield* startUnixServer(() => {}, path, { cleanupSocket: false }));
        server.close();
        expect(lstatSync(path).isSocket()).toBe(true);
        expect(readdirSync(folder)).toEqual(["socket"]);
        site.keep(yield* startUnixServer(() => {}, path)).close();
        expect(readdirSync(folder)).toEqual([]);
      }),
    );
  });
});

describe("after the end", () => {
  test("StreamWriter.write() and drain() after close() of a connection are ECONNRESET at the first drain() [S235]", async () => {
    await onSockets(function* (site) {
      const server = yield* startServer((_reader, writer) => writer.close(), HOST, 0);
      site.keep(server);
      const [reader, writer] = yield* openConnection(HOST, portOf(server));
      expect(yield* waitFor(reader.read(), 5)).toHaveLength(0);
      writer.close();
      writer.write(Buffer.from("data"));
      expect(yield* errorOf(writer.drain())).toHaveProperty("code", "ECONNRESET");
    });
  });

  test("WriteTransport.write() to a pipe that is closed is dropped, and the fifth is warned about [S247]", async () => {
    const warnings: string[] = [];
    await onLoop(
      function* (loop) {
        const stream = new PassThrough();
        const [transport, protocol] = yield* loop.connectWritePipe(() => new Recorder(loop), stream);
        stream.destroy();
        yield* waitFor(protocol.lost(), 5);
        for (let i = 1; i <= 6; i++) {
          transport.write(Buffer.from("data"));
          expect(warnings).toHaveLength(Math.max(0, i - 4));
        }
        yield* hostTurns(2);
      },
      { warnings },
    );
    for (const [i, warning] of warnings.entries()) {
      const text = `write() over a transport that is closed, ${i + 5} times: <WritePipeTransport closed`;
      expect(warning).toContain(text);
    }
  });
});
