// Making connections and servers: where to, where from, which address first, and what is left when it fails.
import diagnostics from "node:diagnostics_channel";
import type { LookupOptions } from "node:dns";
import dns from "node:dns/promises";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { Coroutine } from "@aioloop/loop";
import { CancelledError, ExceptionGroup, wrapFuture } from "@aioloop/loop";
import type { StreamReader, StreamWriter } from "@aioloop/streams";
import { openConnection, openUnixConnection, startServer, startUnixServer } from "@aioloop/streams";
import { createTask, HostEventLoop, run, sleep, VirtualEventLoop, waitFor } from "@aioloop/tasks";
import { expect, test } from "vitest";
import type { Site } from "./helpers-g.ts";
import { errorOf, event, HOST, onSockets, openHandles, portOf, Recorder, until } from "./helpers-g.ts";

function* upperCase(reader: StreamReader, writer: StreamWriter): Coroutine<void> {
  for (;;) {
    const line = yield* reader.readline();
    if (line.length === 0) break;
    writer.write(Buffer.from(line.toString().toUpperCase()));
    yield* writer.drain();
  }
  writer.close();
  yield* writer.waitClosed();
}

function* talk([reader, writer]: [StreamReader, StreamWriter]): Coroutine<string> {
  writer.write(Buffer.from("one\ntwo\nrest"));
  writer.writeEof();
  const all = yield* reader.read();
  expect(reader.atEof()).toBe(true);
  writer.close();
  yield* writer.waitClosed();
  return all.toString();
}

function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "sockets-"));
  return work(folder).finally(() => rmSync(folder, { recursive: true }));
}

/** Names that resolve to what the test says. */
async function withNames<T>(names: Record<string, string[]>, work: () => Promise<T>): Promise<T> {
  const { lookup } = dns;
  const fake = async (host: string, options: LookupOptions) =>
    names[host] === undefined
      ? await (lookup as (host: string, options: LookupOptions) => Promise<unknown>)(host, options)
      : names[host]
          .map((address) => ({ address, family: address.includes(":") ? 6 : 4 }))
          .filter(({ family }) => options.family === 0 || options.family === family);
  Object.assign(dns, { lookup: fake });
  syncBuiltinESMExports();
  try {
    return await work();
  } finally {
    Object.assign(dns, { lookup });
    syncBuiltinESMExports();
  }
}

/** A port nobody can connect to and nobody is refused at: its backlog is full, and its thread sleeps. */
async function withFullBacklog<T>(work: (port: number) => Promise<T>): Promise<T> {
  const worker = new Worker(
    `const { parentPort } = require("node:worker_threads");
     const server = require("node:net").createServer().listen({ port: 0, host: "${HOST}", backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0), 20);
     });`,
    { eval: true },
  );
  const port = await new Promise<number>((resolve) => worker.once("message", resolve));
  await new Promise((resolve) => setTimeout(resolve, 100));
  const { connect } = await import("node:net");
  const fillers = Array.from({ length: 6 }, () => connect(port, HOST).on("error", () => {}));
  await new Promise((resolve) => setTimeout(resolve, 100));
  try {
    return await work(port);
  } finally {
    for (const filler of fillers) filler.destroy();
    await worker.terminate();
  }
}

test("openConnection() and startServer() are two ends of a stream", async () => {
  await onSockets(function* (site) {
    const server = site.keep(yield* startServer(upperCase, HOST, 0));
    expect(yield* talk(yield* openConnection(HOST, portOf(server)))).toBe("ONE\nTWO\nREST");
  });
});

test("openUnixConnection() and startUnixServer() are two ends of a stream", async () => {
  await inFolder((folder) =>
    onSockets(function* (site) {
      const path = join(folder, "socket");
      const server = site.keep(yield* startUnixServer(upperCase, path));
      expect(server.sockets).toEqual([path]);
      expect(yield* talk(yield* openUnixConnection(path))).toBe("ONE\nTWO\nREST");
    }),
  );
});

test("openConnection() and startServer() give their readers the limit", async () => {
  await onSockets(function* (site) {
    const ends: string[] = [];
    const done = site.loop.createFuture<void>();
    function* client(reader: StreamReader, writer: StreamWriter): Coroutine<void> {
      ends.push((yield* errorOf(reader.readline())).name);
      writer.write(Buffer.from("longer than the limit\n"));
      yield* writer.drain();
      done.setResult();
    }
    const server = site.keep(yield* startServer(client, HOST, 0, { limit: 8 }));
    const [reader, writer] = yield* openConnection(HOST, portOf(server), { limit: 10 });
    writer.write(Buffer.from("longer than the limit\n"));
    ends.push((yield* errorOf(reader.readline())).name);
    yield* done;
    writer.close();
    yield* writer.waitClosed();
    expect(ends).toEqual(["RangeError", "RangeError"]);
  });
});

test("createConnection() returns its protocol after connectionMade(), with what that scheduled run before [S245]", async () => {
  await onSockets(function* (site) {
    const order: string[] = [];
    class Ordered extends Recorder {
      override connectionMade(transport: Recorder["transport"]): void {
        super.connectionMade(transport);
        order.push("made");
        site.loop.callSoon(() => order.push("scheduled by connectionMade"));
      }
    }
    const port = yield* site.rawServer();
    const [transport, protocol] = yield* site.loop.createConnection(() => new Ordered(site.loop), HOST, port);
    order.push("returned");
    expect(order).toEqual(["made", "scheduled by connectionMade", "returned"]);
    expect(transport).toBe(protocol.transport);
    expect(transport.getProtocol()).toBe(protocol);
    transport.close();
    expect(yield* protocol.lost()).toBe(null);
  });
});

test("createConnection({ localAddr }) connects from this host and port", async () => {
  await onSockets(function* (site) {
    const arrival = site.loop.createFuture<Socket>();
    const port = yield* site.rawServer((socket) => arrival.setResult(socket));
    const [free, freePort] = yield* site.serve(() => new Recorder(site.loop));
    free.close();
    const localAddr = { host: HOST, port: freePort };
    const protocol = new Recorder(site.loop);
    const [transport] = yield* site.loop.createConnection(() => protocol, HOST, port, { localAddr });
    const { remoteAddress, remotePort } = yield* arrival;
    expect([remoteAddress, remotePort]).toEqual([HOST, freePort]);
    expect(transport.getExtraInfo("sockname")).toEqual(localAddr);
    transport.abort();
    yield* protocol.lost();
  });
});

test("createConnection({ localAddr }) gives the system's error for an address that is not ours", async () => {
  await onSockets(function* (site) {
    const port = yield* site.rawServer();
    const error = yield* errorOf(openConnection(HOST, port, { localAddr: { host: "192.0.2.1" } }));
    expect(error.code).toBe("EADDRNOTAVAIL");
  });
});

test("createConnection({ family }) takes only addresses of the family", async () => {
  await withNames({ "both.test": ["::1", HOST] }, () =>
    onSockets(function* (site) {
      const port = yield* site.rawServer();
      const [, writer] = yield* openConnection("both.test", port, { family: 4 });
      expect(writer.getExtraInfo("peername")).toEqual({ host: HOST, port });
      writer.close();
      yield* writer.waitClosed();
      const error = yield* errorOf(openConnection("both.test", port, { family: 6 }));
      expect(error.message).toContain("::1");
    }),
  );
});

test("createConnection({ family }) refuses an address of the other family", async () => {
  await onSockets(function* (site) {
    const port = yield* site.rawServer();
    const connected: Recorder[] = [];
    const factory = () => {
      const protocol = new Recorder(site.loop);
      connected.push(protocol);
      return protocol;
    };
    const error = yield* errorOf(
      (function* () {
        const [transport, protocol] = yield* site.loop.createConnection(factory, HOST, port, { family: 6 });
        transport.abort();
        yield* protocol.lost();
      })(),
    );
    expect(connected).toEqual([]);
    expect(error).toHaveProperty("code");
  });
});

test("createConnection() tries the addresses one after the other, and takes the first that answers", async () => {
  await withNames({ "some.test": ["127.0.0.9", HOST, "127.0.0.8"] }, () =>
    onSockets(function* (site) {
      const port = yield* site.rawServer();
      const [, writer] = yield* openConnection("some.test", port);
      expect(writer.getExtraInfo("peername")).toEqual({ host: HOST, port });
      writer.close();
      yield* writer.waitClosed();
    }),
  );
});

/** A port at which nobody listens. */
function* closedPort(site: Site): Coroutine<number> {
  const [server, port] = yield* site.serve(() => new Recorder(site.loop));
  server.close();
  return port;
}

test("openConnection() to a closed port throws ECONNREFUSED", async () => {
  await onSockets(function* (site) {
    const error = yield* errorOf(openConnection(HOST, yield* closedPort(site)));
    expect(error).toBeInstanceOf(Error);
    expect(error.code).toBe("ECONNREFUSED");
  });
});

test("createConnection() throws one error where several say different things, and all of them with allErrors [S262]", async () => {
  await withNames({ "none.test": ["127.0.0.9", "127.0.0.8"] }, () =>
    onSockets(function* (site) {
      const port = yield* closedPort(site);
      const one = yield* errorOf(openConnection("none.test", port));
      expect(one.message).toMatch(/^multiple exceptions: .*127\.0\.0\.9.*, .*127\.0\.0\.8/);
      expect(one.code).toBe("ECONNREFUSED");
      for (const happyEyeballsDelay of [null, 0.01]) {
        const all = yield* errorOf(
          openConnection("none.test", port, { allErrors: true, happyEyeballsDelay }),
        );
        expect(all).toBeInstanceOf(ExceptionGroup);
        const codes = (all as ExceptionGroup).errors.map((one) => (one as NodeJS.ErrnoException).code);
        expect(codes).toEqual(["ECONNREFUSED", "ECONNREFUSED"]);
      }
    }),
  );
});

test("createConnection() throws the error itself where all addresses give the same [S262]", async () => {
  await withNames({ "same.test": [HOST, HOST] }, () =>
    onSockets(function* (site) {
      const port = yield* closedPort(site);
      const error = yield* errorOf(openConnection("same.test", port));
      expect(error.message).toBe(`connect ECONNREFUSED ${HOST}:${port}`);
    }),
  );
});

test("createConnection({ allErrors }) gives a group for one address too [S262]", async () => {
  await onSockets(function* (site) {
    const error = yield* errorOf(openConnection(HOST, yield* closedPort(site), { allErrors: true }));
    expect(error).toBeInstanceOf(ExceptionGroup);
    expect((error as ExceptionGroup).errors).toHaveLength(1);
  });
});

test("createConnection({ interleave }) lets the families take turns", async () => {
  const addresses = ["127.0.0.7", "127.0.0.8", "127.0.0.9", "::1", "::ffff:127.0.0.3"];
  await withNames({ "mixed.test": addresses }, () =>
    onSockets(function* (site) {
      const port = yield* closedPort(site);
      const tried = function* (options: { interleave?: number; happyEyeballsDelay?: number }) {
        const error = yield* errorOf(openConnection("mixed.test", port, { ...options, allErrors: true }));
        return (error as ExceptionGroup).errors.map((one) => (one as Error & { address: string }).address);
      };
      const inTurn = ["127.0.0.7", "::1", "127.0.0.8", "::ffff:127.0.0.3", "127.0.0.9"];
      expect(yield* tried({})).toEqual(addresses);
      expect(yield* tried({ interleave: 1 })).toEqual(inTurn);
      expect(yield* tried({ interleave: 2 })).toEqual([
        "127.0.0.7",
        "127.0.0.8",
        "::1",
        "127.0.0.9",
        "::ffff:127.0.0.3",
      ]);
      expect(yield* tried({ happyEyeballsDelay: 10 })).toEqual(inTurn);
      expect(yield* tried({ happyEyeballsDelay: 10, interleave: 0 })).toEqual(addresses);
    }),
  );
});

test("createConnection({ happyEyeballsDelay }) takes the second address where the first does not answer", async () => {
  await withFullBacklog((port) =>
    withNames({ "half.test": [HOST, "127.0.0.2"] }, () =>
      onSockets(function* (site) {
        const server = site.keep(
          yield* site.loop.createServer(() => new Recorder(site.loop), "127.0.0.2", port),
        );
        const [, writer] = yield* openConnection("half.test", port, { happyEyeballsDelay: 0.02 });
        expect(writer.getExtraInfo("peername")).toEqual({ host: "127.0.0.2", port });
        writer.close();
        yield* writer.waitClosed();
        server.close();
      }),
    ),
  );
});

test("openConnection() to a full backlog waits, and leaves nothing behind when it is cancelled", async () => {
  await withFullBacklog((port) =>
    onSockets(function* () {
      const before = openHandles();
      for (const options of [{}, { happyEyeballsDelay: 0.01 }]) {
        const error = yield* errorOf(waitFor(openConnection(HOST, port, options), 0.1));
        expect(error.name).toBe("TimeoutError");
        yield* until(() => openHandles() === before);
      }
    }),
  );
});

test("openConnection() to a name that does not resolve throws what the system says", async () => {
  await onSockets(function* () {
    const error = yield* errorOf(openConnection("does-not-exist.invalid", 80));
    expect(["ENOTFOUND", "EAI_AGAIN"]).toContain(error.code);
    expect(error.message).toContain("does-not-exist.invalid");
  });
});

test("openConnection() refuses what is no port", async () => {
  await onSockets(function* () {
    expect(yield* errorOf(openConnection(HOST, 65536))).toBeInstanceOf(RangeError);
  });
});

test("openUnixConnection() to a wrong path throws ENOENT, to what is no socket ECONNREFUSED", async () => {
  await inFolder((folder) =>
    onSockets(function* () {
      expect((yield* errorOf(openUnixConnection(join(folder, "missing")))).code).toBe("ENOENT");
      writeFileSync(join(folder, "file"), "");
      expect((yield* errorOf(openUnixConnection(join(folder, "file")))).code).toBe("ECONNREFUSED");
    }),
  );
});

test("createConnection() closes the connection when the protocol factory throws", async () => {
  await onSockets(function* (site) {
    const arrival = site.loop.createFuture<Socket>();
    const port = yield* site.rawServer((socket) => arrival.setResult(socket.resume()));
    const failing = (): Recorder => {
      throw new RangeError("no protocol today");
    };
    expect((yield* errorOf(site.loop.createConnection(failing, HOST, port))).message).toBe(
      "no protocol today",
    );
    const peer = yield* arrival;
    peer.end();
    yield* waitFor(event(peer, "close"), 5);
  });
});

test("createConnection(): cancelled at any step after the connection is there, it is closed", async () => {
  for (const options of [{}, { happyEyeballsDelay: 0.1 }]) {
    const left: number[] = [];
    const ends = new Set<string>();
    for (let turns = 0; turns < 14; turns++) {
      const connected: Socket[] = [];
      await onSockets(function* (site) {
        const port = yield* site.rawServer((socket) => void socket.on("end", () => socket.end()).resume());
        const cancelAfter = (more: number) => {
          if (more > 0) site.loop.callSoon(cancelAfter, more - 1);
          else task.cancel();
        };
        const watch = (message: unknown) => {
          const { socket } = message as { socket: Socket };
          connected.push(socket);
          socket.once("connect", () => cancelAfter(turns));
        };
        diagnostics.subscribe("net.client.socket", watch);
        const task = createTask(openConnection(HOST, port, options));
        try {
          const [, writer] = yield* task;
          ends.add("connected");
          writer.close();
          yield* writer.waitClosed();
        } catch (error) {
          expect(error).toBeInstanceOf(CancelledError);
          ends.add("cancelled");
          for (let i = 0; i < 5; i++) yield* wrapFuture(new Promise((resolve) => setImmediate(resolve)));
          if (connected.some((socket) => !socket.destroyed)) left.push(turns);
        } finally {
          diagnostics.unsubscribe("net.client.socket", watch);
        }
        for (const socket of connected) socket.destroy();
      });
    }
    expect([...ends]).toEqual(["cancelled", "connected"]);
    expect(left, JSON.stringify(options)).toEqual([]);
  }
});

test("createConnection(): a connection that is reset before its transport is there is lost, not forgotten", async () => {
  for (const options of [{}, { happyEyeballsDelay: 0.1 }]) {
    await onSockets(function* (site) {
      let peer: Socket | null = null;
      let isConnected = false;
      let isOver = false;
      const port = yield* site.rawServer((socket) => {
        peer = socket;
      });
      // A busy loop: between the connection and the task that waits for it the host has time to see the reset.
      const busy = () => {
        const end = performance.now() + 2;
        while (performance.now() < end);
        if (isConnected) peer?.resetAndDestroy();
        if (!isOver) site.loop.callSoon(busy);
      };
      for (let i = 0; i < 5; i++) busy();
      const watch = (message: unknown) => {
        (message as { socket: Socket }).socket.once("connect", () => {
          isConnected = true;
        });
      };
      diagnostics.subscribe("net.client.socket", watch);
      try {
        const protocol = new Recorder(site.loop);
        yield* site.loop.createConnection(() => protocol, HOST, port, options);
        yield* waitFor(protocol.lost(), 5);
        expect(protocol.calls).toEqual(["connectionMade", "connectionLost"]);
      } catch (error) {
        expect(error).toHaveProperty("code", "ECONNRESET"); // createConnection() may see it as well
      } finally {
        isOver = true;
        diagnostics.unsubscribe("net.client.socket", watch);
      }
    });
  }
});

test("openConnection() cancelled while the name is resolved ends at once", async () => {
  await onSockets(function* (site) {
    const port = yield* site.rawServer();
    const task = createTask(openConnection("localhost", port));
    yield* sleep(0);
    task.cancel();
    expect(yield* errorOf(task)).toBeInstanceOf(CancelledError);
    yield* wrapFuture(dns.lookup("localhost"));
  });
});

test("openConnection(), startServer() and the others say which loop to take", async () => {
  const calls = {
    "openConnection()": () => openConnection(HOST, 1),
    "startServer()": () => startServer(() => {}, HOST, 0),
    "openUnixConnection()": () => openUnixConnection("/nowhere"),
    "startUnixServer()": () => startUnixServer(() => {}, "/nowhere"),
  };
  for (const [name, call] of Object.entries(calls)) {
    const onVirtual = () => run(errorOf(call()), { loopFactory: () => new VirtualEventLoop() });
    const onHost = () => run(errorOf(call()), { loopFactory: () => new HostEventLoop() });
    for (const error of [onVirtual(), await onHost()]) {
      expect(error.name).toBe("RuntimeError");
      expect(error.message).toContain(`${name}: <`);
      expect(error.message).toContain(
        "has no sockets. Run the program on the default loop of the package aioloop, `run(main())`",
      );
    }
  }
});

test("EventLoop.getaddrinfo() and getnameinfo() give addresses and names", async () => {
  await withNames({ "both.test": ["::1", HOST] }, () =>
    onSockets(function* (site) {
      expect(yield* site.loop.getaddrinfo("both.test", 80)).toEqual([
        { family: 6, host: "::1", port: 80 },
        { family: 4, host: HOST, port: 80 },
      ]);
      expect(yield* site.loop.getaddrinfo("both.test", 80, { family: 4 })).toEqual([
        { family: 4, host: HOST, port: 80 },
      ]);
      const { hostname, service } = yield* site.loop.getnameinfo({ host: HOST, port: 22 });
      expect(hostname).toMatch(/./);
      expect(service).toMatch(/./);
    }),
  );
});
