// What CPython's test_events and test_base_events ask of connections, servers, datagrams, pipes and children, where no other file here does.
import type { LookupOptions } from "node:dns";
import dns from "node:dns/promises";
import { once } from "node:events";
import { syncBuiltinESMExports } from "node:module";
import type { AddressInfo, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { PassThrough } from "node:stream";
import type { Coroutine } from "@aioloop/loop";
import { ExceptionGroup } from "@aioloop/loop";
import type { DatagramOptions, SubprocessOptions } from "@aioloop/streams";
import { BaseProtocol, EventLoop, Protocol, SubprocessProtocol } from "@aioloop/streams";
import { run, waitFor } from "@aioloop/tasks";
import { expect, test } from "vitest";
import type { Site } from "./helpers-g.ts";
import { errorOf, event, HOST, onSockets, portOf, Recorder, until } from "./helpers-g.ts";
import { Datagrams, onLoop } from "./helpers-k.ts";

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === "::1"),
);

const BOTH = "both.test";

/** While BOTH resolves to the loopback of IPv6, and then that of IPv4. */
async function withBoth<T>(work: () => Promise<T>): Promise<T> {
  const { lookup } = dns;
  const addresses = ["::1", HOST].map((address) => ({ address, family: address === HOST ? 4 : 6 }));
  const otherwise = lookup as (host: string, options: LookupOptions) => Promise<unknown>;
  Object.assign(dns, {
    lookup: async (host: string, options: LookupOptions) =>
      host === BOTH ? addresses : await otherwise(host, options),
  });
  syncBuiltinESMExports();
  try {
    return await work();
  } finally {
    Object.assign(dns, { lookup });
    syncBuiltinESMExports();
  }
}

/** A port at which nobody listens. */
function* closedPort(site: Site): Coroutine<number> {
  const [server, port] = yield* site.serve(() => new Protocol());
  server.close();
  return port;
}

/** A socket of Node's that is connected to the port of a host. */
function* rawSocketTo(host: string, port: number): Coroutine<Socket> {
  const socket = connect({ host, port });
  yield* event(socket, "connect");
  return socket;
}

test("createConnection({ localAddr }) at a port in use throws EADDRINUSE, and names the address", async () => {
  await onSockets(function* (site) {
    const port = yield* site.rawServer();
    const localAddr = { host: HOST, port };
    const error = yield* errorOf(site.loop.createConnection(() => new Protocol(), HOST, port, { localAddr }));
    expect(error.code).toBe("EADDRINUSE");
    expect(error.message).toContain(`${HOST}:${port}`);
  });
});

test.runIf(hasIpv6)(
  "createConnection({ localAddr }) of another family than the address fails, and the next address is tried",
  async () => {
    await withBoth(() =>
      onSockets(function* (site) {
        const port = yield* site.rawServer();
        const connected: Recorder[] = [];
        const factory = () => {
          const protocol = new Recorder(site.loop);
          connected.push(protocol);
          return protocol;
        };
        const options = { localAddr: { host: HOST } };
        const [transport, protocol] = yield* site.loop.createConnection(factory, BOTH, port, options);
        expect(transport.getExtraInfo("peername")).toEqual({ host: HOST, port });
        transport.abort();
        yield* protocol.lost();
        expect(connected).toEqual([protocol]);
      }),
    );
    await onSockets(function* (site) {
      const port = yield* site.rawServer();
      const options = { localAddr: { host: HOST } };
      const error = yield* errorOf(site.loop.createConnection(() => new Protocol(), "::1", port, options));
      expect(error).toHaveProperty("code");
    });
  },
);

test.runIf(hasIpv6)(
  "createConnection({ localAddr, allErrors }) tells what each address failed with [S262]",
  async () => {
    await withBoth(() =>
      onSockets(function* (site) {
        const port = yield* closedPort(site);
        const options = { localAddr: { host: HOST } };
        const attempt = (more: object) =>
          errorOf(site.loop.createConnection(() => new Protocol(), BOTH, port, { ...options, ...more }));
        expect((yield* attempt({})).message).toMatch(/^multiple exceptions: .*, connect ECONNREFUSED /);
        const group = yield* attempt({ allErrors: true });
        expect(group).toBeInstanceOf(ExceptionGroup);
        const [first, second] = (group as ExceptionGroup).errors as NodeJS.ErrnoException[];
        expect(first?.code).not.toBe("ECONNREFUSED");
        expect(second?.code).toBe("ECONNREFUSED");
      }),
    );
  },
);

test.runIf(hasIpv6)("createConnection() takes addresses of IPv6, with their zone", async () => {
  await onSockets(function* (site) {
    const accepted = new Recorder(site.loop);
    const server = site.keep(yield* site.loop.createServer(() => accepted, "::1", 0));
    const port = portOf(server);
    const [transport, client] = yield* site.loop.createConnection(() => new Recorder(site.loop), "::1", port);
    expect(transport.getExtraInfo("peername")).toEqual({ host: "::1", port });
    transport.close();
    yield* client.lost();
    yield* accepted.lost();
    const [record] = yield* site.loop.getaddrinfo("fe80::1%1", 80);
    expect(record).toEqual({ family: 6, host: "fe80::1%1", port: 80 });
  });
});

test("createServer() at a name that does not resolve throws ENOTFOUND, at what is no port RangeError", async () => {
  await onSockets(function* (site) {
    const nowhere = site.loop.createServer(() => new Protocol(), "nowhere.invalid", 0);
    expect((yield* errorOf(nowhere)).code).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/);
    for (const port of [-1, 65_536, 1.5, Number.NaN, "http", undefined]) {
      const error = yield* errorOf(site.loop.createServer(() => new Protocol(), HOST, port as number));
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toContain("port must be a whole number from 0 to 65535");
    }
  });
});

test.runIf(hasIpv6)("createServer() at null is reached over IPv4 and over IPv6", async () => {
  await onSockets(function* (site) {
    const accepted: Recorder[] = [];
    const factory = () => {
      const protocol = new Recorder(site.loop);
      accepted.push(protocol);
      return protocol;
    };
    const port = portOf(site.keep(yield* site.loop.createServer(factory, null, 0)));
    for (const [index, host] of [HOST, "::1"].entries()) {
      const socket = yield* rawSocketTo(host, port);
      socket.end("hello");
      yield* until(() => accepted[index]?.calls.includes("connectionLost") === true);
      expect(accepted[index]?.text).toBe("hello");
    }
  });
});

test.runIf(hasIpv6)("createServer() at hosts of IPv6 listens at each, at one named twice once", async () => {
  await onSockets(function* (site) {
    const server = site.keep(yield* site.loop.createServer(() => new Protocol(), ["::1", HOST, "::1"], 0));
    const hosts = server.sockets.map((address) => (typeof address === "string" ? address : address.host));
    expect(hosts).toEqual(["::1", HOST]);
  });
});

test("createDatagramEndpoint() at or to a name that does not resolve throws ENOTFOUND", async () => {
  await onLoop(function* (loop) {
    const address = { host: "nowhere.invalid", port: 1 };
    for (const options of [{ localAddr: address }, { remoteAddr: address }]) {
      const error = yield* errorOf(loop.createDatagramEndpoint(() => new Datagrams(loop), options));
      expect(error.code).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/);
    }
  });
});

test("createDatagramEndpoint({ remoteAddr, allowBroadcast }) closes without having sent anything", async () => {
  await onLoop(function* (loop) {
    const one = new Datagrams(loop);
    const remoteAddr = { host: HOST, port: 9 };
    const [transport] = yield* loop.createDatagramEndpoint(() => one, { remoteAddr, allowBroadcast: true });
    transport.close();
    yield* waitFor(one.called("connectionLost"), 5);
    expect(one.calls).toEqual(["connectionMade", "connectionLost"]);
  });
});

class WriteOnly extends BaseProtocol {
  readonly calls: string[] = [];

  override connectionMade(): void {
    this.calls.push("connectionMade");
  }

  override connectionLost(): void {
    this.calls.push("connectionLost");
  }
}

test("connectWritePipe() over a socket: the end of the reader is connectionLost(), though nothing is written", async () => {
  await onSockets(function* (site) {
    const arrival = site.loop.createFuture<Socket>("a connection");
    const port = yield* site.rawServer((socket) => arrival.setResult(socket));
    const pipe = yield* rawSocketTo(HOST, port);
    const protocol = new WriteOnly();
    const [transport] = yield* site.loop.connectWritePipe(() => protocol, pipe);
    expect(transport.getExtraInfo("pipe")).toBe(pipe);
    transport.write(Buffer.from("1"));
    const reader = yield* arrival;
    expect(`${yield* event(reader, "data")}`).toBe("1");
    reader.destroy();
    yield* waitFor(
      until(() => protocol.calls.length === 2),
      5,
    );
    expect(protocol.calls).toEqual(["connectionMade", "connectionLost"]);
  });
});

test("transports say that they are open after their loop was closed, and tell their protocols nothing more", async () => {
  const server = createServer().listen(0, HOST);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const [readable, writable] = [new PassThrough(), new PassThrough()];
  const loop = new EventLoop();
  const protocols = [new Recorder(loop), new WriteOnly(), new Recorder(loop)] as const;
  const transports = await run(
    (function* () {
      const [reading] = yield* loop.connectReadPipe(() => protocols[0], readable);
      const [writing] = yield* loop.connectWritePipe(() => protocols[1], writable);
      const [connection] = yield* loop.createConnection(() => protocols[2], HOST, port);
      return [reading, writing, connection];
    })(),
    { loopFactory: () => loop },
  );
  expect(loop.isClosed()).toBe(true);
  for (const transport of transports) expect(`${transport}`).toMatch(/^<\w+ open/);
  const [peer] = await accepted;
  peer.on("error", () => {}).write("to a loop that is closed");
  readable.end("too late");
  writable.destroy();
  await once(peer, "close");
  for (const { calls } of protocols) expect(calls).toEqual(["connectionMade"]);
  server.close();
});

test.each([{ universalNewlines: true }, { text: true }, { encoding: "utf8" }, { bufsize: 4096 }])(
  "EventLoop.subprocessExec() and subprocessShell() refuse %j: streams are bytes [S277]",
  async (options) => {
    await onLoop(function* (loop) {
      const factory = () => new SubprocessProtocol();
      for (const attempt of [
        loop.subprocessExec(factory, "pwd", [], options as SubprocessOptions),
        loop.subprocessShell(factory, "pwd", options as SubprocessOptions),
      ]) {
        const error = yield* errorOf(attempt);
        expect(error).toBeInstanceOf(RangeError);
        expect(error.message).toContain("cannot be set: streams are bytes");
      }
    });
  },
);

test("createConnection({ localAddr }) takes a name, and connects from its address of the family", async () => {
  await onSockets(function* (site) {
    const port = yield* site.rawServer();
    const protocol = new Recorder(site.loop);
    const options = { localAddr: { host: "localhost" } };
    const [transport] = yield* site.loop.createConnection(() => protocol, HOST, port, options);
    expect(transport.getExtraInfo("sockname")).toMatchObject({ host: HOST });
    transport.abort();
    yield* protocol.lost();
    const nowhere = { localAddr: { host: "nowhere.invalid" } };
    const error = yield* errorOf(site.loop.createConnection(() => protocol, HOST, port, nowhere));
    expect(error.code).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/);
  });
});

test("createDatagramEndpoint() refuses an address that is no { host, port }", async () => {
  await onLoop(function* (loop) {
    for (const address of ["localhost", ["localhost", 1], { port: 1 }, 5]) {
      for (const options of [{ localAddr: address }, { remoteAddr: address }]) {
        const error = yield* errorOf(
          loop.createDatagramEndpoint(() => new Datagrams(loop), options as unknown as DatagramOptions),
        );
        expect(error).toBeInstanceOf(TypeError);
        expect(error.message).toContain("an address { host, port } is required, got ");
      }
    }
  });
});
