// Datagrams over real UDP sockets on loopback.

import type { Socket } from "node:dgram";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import type { Coroutine, ExceptionContext } from "@aioloop/loop";
import { CancelledError, wrapFuture } from "@aioloop/loop";
import type { DatagramOptions, EventLoop } from "@aioloop/streams";
import { createTask, sleep, waitFor } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { errorOf, HOST, until } from "./helpers-g.ts";
import { Datagrams, hostTurns, onLoop } from "./helpers-k.ts";

type Place = { host: string; port: number };

const ANY: DatagramOptions = { localAddr: { host: HOST, port: 0 } };

function* endpoint(loop: EventLoop, options: DatagramOptions = ANY): Coroutine<Datagrams> {
  const [transport, protocol] = yield* loop.createDatagramEndpoint(() => new Datagrams(loop), options);
  expect(protocol.transport).toBe(transport);
  return protocol;
}

function placeOf(protocol: Datagrams): Place {
  return protocol.transport.getExtraInfo("sockname") as Place;
}

/** An endpoint, and one that talks to it only. */
function* pair(loop: EventLoop): Coroutine<[server: Datagrams, client: Datagrams]> {
  const server = yield* endpoint(loop);
  return [server, yield* endpoint(loop, { remoteAddr: placeOf(server) })];
}

function* closeAll(...protocols: Datagrams[]): Coroutine<void> {
  for (const protocol of protocols) protocol.transport.close();
  for (const protocol of protocols) yield* waitFor(protocol.called("connectionLost"), 5);
}

/** A port at which nobody listens any more. */
function* closedPort(loop: EventLoop): Coroutine<number> {
  const gone = yield* endpoint(loop);
  const { port } = placeOf(gone);
  yield* closeAll(gone);
  return port;
}

const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === "::1"),
);

test("createDatagramEndpoint() with remoteAddr: datagrams go there and back", async () => {
  await onLoop(function* (loop) {
    const [server, client] = yield* pair(loop);
    client.transport.sendto(Buffer.from("there"));
    yield* waitFor(server.called("datagramReceived"), 5);
    expect(server.texts).toEqual(["there"]);
    expect(server.senders).toEqual([placeOf(client)]);
    server.transport.sendto(Buffer.from("back"), server.senders[0]);
    yield* waitFor(client.called("datagramReceived"), 5);
    expect(client.texts).toEqual(["back"]);
    expect(client.senders).toEqual([placeOf(server)]);
    yield* closeAll(server, client);
    expect(client.calls).toEqual(["connectionMade", "datagramReceived", "connectionLost"]);
    expect(client.lostWith).toBeNull();
  });
});

test("createDatagramEndpoint() with remoteAddr gets nothing from elsewhere", async () => {
  await onLoop(function* (loop) {
    const [server, client] = yield* pair(loop);
    const stranger = yield* endpoint(loop);
    stranger.transport.sendto(Buffer.from("stranger"), placeOf(client));
    yield* hostTurns(5);
    server.transport.sendto(Buffer.from("friend"), placeOf(client));
    yield* waitFor(client.called("datagramReceived"), 5);
    expect(client.texts).toEqual(["friend"]);
    yield* closeAll(server, client, stranger);
  });
});

test("createDatagramEndpoint() without addresses is bound to a free port of IPv4", async () => {
  await onLoop(function* (loop) {
    const one = yield* endpoint(loop, {});
    const { host, port } = placeOf(one);
    expect(host).toBe("0.0.0.0");
    expect(port).toBeGreaterThan(0);
    expect(one.transport.getExtraInfo("peername")).toBeNull();
    const other = yield* endpoint(loop);
    other.transport.sendto(Buffer.from("x"), { host: HOST, port });
    yield* waitFor(one.called("datagramReceived"), 5);
    yield* closeAll(one, other);
  });
});

test("createDatagramEndpoint() with localAddr and remoteAddr is bound to the one and sends to the other", async () => {
  await onLoop(function* (loop) {
    const server = yield* endpoint(loop);
    const port = yield* closedPort(loop);
    const client = yield* endpoint(loop, { localAddr: { host: HOST, port }, remoteAddr: placeOf(server) });
    expect(placeOf(client)).toEqual({ host: HOST, port });
    client.transport.sendto(Buffer.from("x"));
    yield* waitFor(server.called("datagramReceived"), 5);
    expect(server.senders).toEqual([{ host: HOST, port }]);
    yield* closeAll(server, client);
  });
});

test("createDatagramEndpoint() resolves names of hosts", async () => {
  await onLoop(function* (loop) {
    const server = yield* endpoint(loop, { localAddr: { host: "localhost", port: 0 }, family: 4 });
    expect(placeOf(server).host).toBe(HOST);
    const { port } = placeOf(server);
    const client = yield* endpoint(loop, { remoteAddr: { host: "localhost", port }, family: 4 });
    expect(client.transport.getExtraInfo("peername")).toMatchObject({ host: HOST, port });
    client.transport.sendto(Buffer.from("x"));
    yield* waitFor(server.called("datagramReceived"), 5);
    const error = yield* errorOf(
      loop.createDatagramEndpoint(() => new Datagrams(loop), {
        remoteAddr: { host: "nowhere.invalid", port: 1 },
      }),
    );
    expect(["ENOTFOUND", "EAI_AGAIN"]).toContain(error.code);
    yield* closeAll(server, client);
  });
});

test.runIf(hasIpv6)("createDatagramEndpoint() speaks IPv6 by address and by family", async () => {
  await onLoop(function* (loop) {
    const server = yield* endpoint(loop, { localAddr: { host: "::1", port: 0 } });
    expect(placeOf(server).host).toBe("::1");
    const client = yield* endpoint(loop, { family: 6 });
    expect(placeOf(client).host).toBe("::");
    client.transport.sendto(Buffer.from("six"), placeOf(server));
    yield* waitFor(server.called("datagramReceived"), 5);
    expect(server.senders).toEqual([{ host: "::1", port: placeOf(client).port }]);
    yield* closeAll(server, client);
  });
});

test.runIf(hasIpv6)(
  "createDatagramEndpoint() fails for addresses of two families, and leaves nothing open",
  async () => {
    await onLoop(function* (loop) {
      const options = { localAddr: { host: HOST, port: 0 }, remoteAddr: { host: "::1", port: 9 } };
      const error = yield* errorOf(loop.createDatagramEndpoint(() => new Datagrams(loop), options));
      expect(error).toBeInstanceOf(Error);
    });
  },
);

test("createDatagramEndpoint() fails for a port in use and an address that is not here, and leaves nothing open", async () => {
  await onLoop(function* (loop) {
    const first = yield* endpoint(loop);
    const made: Datagrams[] = [];
    const factory = () => {
      made.push(new Datagrams(loop));
      return made[0] as Datagrams;
    };
    const inUse = { localAddr: placeOf(first) };
    expect((yield* errorOf(loop.createDatagramEndpoint(factory, inUse))).code).toBe("EADDRINUSE");
    const notHere = { localAddr: { host: "203.0.113.1", port: 0 } };
    expect((yield* errorOf(loop.createDatagramEndpoint(factory, notHere))).code).toBe("EADDRNOTAVAIL");
    expect(made).toEqual([]);
    yield* closeAll(first);
  });
});

test("createDatagramEndpoint({ reuseAddr }): two may be bound to a port", async () => {
  await onLoop(function* (loop) {
    const first = yield* endpoint(loop, { ...ANY, reuseAddr: true });
    const second = yield* endpoint(loop, { localAddr: placeOf(first), reuseAddr: true });
    expect(placeOf(second)).toEqual(placeOf(first));
    yield* closeAll(first, second);
  });
});

test("createDatagramEndpoint({ allowBroadcast }) may send to a broadcast address; without it errorReceived() is told", async () => {
  await onLoop(function* (loop) {
    const broadcast = { host: "255.255.255.255", port: 9 };
    const refused = yield* endpoint(loop, {});
    refused.transport.sendto(Buffer.from("x"), broadcast);
    yield* waitFor(refused.called("errorReceived"), 5);
    expect(refused.errors[0]?.code).toBe("EACCES");
    const allowed = yield* endpoint(loop, { allowBroadcast: true });
    allowed.transport.sendto(Buffer.from("x"), broadcast);
    yield* until(() => allowed.transport.getWriteBufferSize() === 0);
    yield* hostTurns(3);
    expect(allowed.errors.map(({ code }) => code)).not.toContain("EACCES");
    yield* closeAll(refused, allowed);
  });
});

test("createDatagramEndpoint() closes the socket when the protocol factory throws", async () => {
  await onLoop(function* (loop) {
    const failing = (): Datagrams => {
      throw new RangeError("no protocol today");
    };
    const error = yield* errorOf(loop.createDatagramEndpoint(failing, ANY));
    expect(error.message).toBe("no protocol today");
  });
});

test("createDatagramEndpoint(): cancelled at any step, nothing is left open", async () => {
  const ends = new Set<string>();
  for (let turns = 0; turns < 12; turns++) {
    await onLoop(function* (loop) {
      const server = yield* endpoint(loop);
      const options = { localAddr: { host: HOST, port: 0 }, remoteAddr: placeOf(server) };
      const task = createTask(endpoint(loop, options));
      yield* hostTurns(turns);
      task.cancel();
      try {
        const client = yield* task;
        ends.add("made");
        yield* closeAll(client);
      } catch (error) {
        expect(error).toBeInstanceOf(CancelledError);
        ends.add("cancelled");
      }
      yield* closeAll(server);
    });
  }
  expect([...ends].sort()).toEqual(["cancelled", "made"]);
});

test("DatagramTransport.sendto() sends empty datagrams [S255]", async () => {
  await onLoop(function* (loop) {
    const [server, client] = yield* pair(loop);
    client.transport.sendto(Buffer.alloc(0));
    yield* waitFor(server.called("datagramReceived"), 5);
    expect(server.texts).toEqual([""]);
    server.transport.sendto(new Uint8Array(0), placeOf(client));
    yield* waitFor(client.called("datagramReceived"), 5);
    expect(client.texts).toEqual([""]);
    yield* closeAll(server, client);
  });
});

test("DatagramTransport.sendto() refuses another address than the remote one, and takes that one [S255]", async () => {
  await onLoop(function* (loop) {
    const [server, client] = yield* pair(loop);
    const { port } = placeOf(server);
    for (const address of [{ host: HOST, port: port + 1 }, { host: "127.0.0.2", port }, "a path"]) {
      expect(() => client.transport.sendto(Buffer.from("x"), address)).toThrow(RangeError);
      expect(() => client.transport.sendto(Buffer.from("x"), address)).toThrow(
        `sendto(data, address): the transport sends to ${HOST}:${port} only, got ${JSON.stringify(address)}`,
      );
    }
    client.transport.sendto(Buffer.from("named"), { host: HOST, port });
    client.transport.sendto(Buffer.from("null"), null);
    yield* waitFor(server.called("datagramReceived", 2), 5);
    expect(server.texts).toEqual(["named", "null"]);
    yield* closeAll(server, client);
  });
});

test("DatagramTransport.sendto() requires an address where there is no remote one, and bytes", async () => {
  await onLoop(function* (loop) {
    const one = yield* endpoint(loop);
    for (const address of [null, undefined, "a path"]) {
      expect(() => one.transport.sendto(Buffer.from("x"), address)).toThrow(TypeError);
    }
    expect(() => one.transport.sendto(Buffer.from("x"))).toThrow(
      "sendto(data, address): an address { host, port } is required where the transport has no remoteAddr, got null",
    );
    for (const data of ["text", null, 5, [1]]) {
      const call = () => one.transport.sendto(data as never, placeOf(one));
      expect(call).toThrow(TypeError);
      expect(call).toThrow("sendto(data, address): bytes are required");
    }
    expect(one.transport.getWriteBufferSize()).toBe(0);
    yield* closeAll(one);
  });
});

test("DatagramTransport.sendto() to a port out of range throws, and the transport can be closed", async () => {
  await onLoop(function* (loop) {
    const one = yield* endpoint(loop);
    try {
      expect(() => one.transport.sendto(Buffer.from("x"), { host: HOST, port: 70_000 })).toThrow(RangeError);
      expect(one.transport.getWriteBufferSize()).toBe(0);
      one.transport.close();
      yield* waitFor(one.called("connectionLost"), 2);
    } finally {
      one.transport.abort();
      yield* hostTurns(3);
    }
  });
});

test("DatagramTransport: a closed port is told to errorReceived(), and the transport goes on [S255]", async () => {
  await onLoop(function* (loop) {
    const port = yield* closedPort(loop);
    const client = yield* endpoint(loop, { remoteAddr: { host: HOST, port } });
    client.transport.sendto(Buffer.from("anybody?"));
    yield* waitFor(client.called("errorReceived"), 5);
    expect(client.errors[0]?.code).toBe("ECONNREFUSED");
    expect(client.transport.isClosing()).toBe(false);
    const late = yield* endpoint(loop, { localAddr: { host: HOST, port } });
    client.transport.sendto(Buffer.from("now"));
    yield* waitFor(late.called("datagramReceived"), 5);
    expect(late.texts).toEqual(["now"]);
    yield* closeAll(client, late);
    expect(client.lostWith).toBeNull();
  });
});

test("DatagramTransport: sending to a closed port without remoteAddr harms nothing", async () => {
  await onLoop(function* (loop) {
    const port = yield* closedPort(loop);
    const [one, other] = [yield* endpoint(loop), yield* endpoint(loop)];
    for (let i = 0; i < 3; i++) one.transport.sendto(Buffer.from("x"), { host: HOST, port });
    yield* hostTurns(5);
    one.transport.sendto(Buffer.from("to you"), placeOf(other));
    yield* waitFor(other.called("datagramReceived"), 5);
    expect(other.texts).toEqual(["to you"]);
    yield* closeAll(one, other);
  });
});

test("DatagramTransport: a datagram that is too long is told to errorReceived()", async () => {
  await onLoop(function* (loop) {
    const [server, client] = yield* pair(loop);
    client.transport.sendto(Buffer.alloc(70_000));
    yield* waitFor(client.called("errorReceived"), 5);
    expect(client.errors[0]?.code).toBe("EMSGSIZE");
    client.transport.sendto(Buffer.alloc(60_000, "y"));
    yield* waitFor(server.called("datagramReceived"), 5);
    expect(server.received[0]).toHaveLength(60_000);
    yield* closeAll(server, client);
  });
});

test("DatagramTransport pauses the protocol over the high-water mark, 8 bytes more a datagram, and resumes it [S240] [S255]", async () => {
  await onLoop(function* (loop) {
    const [server, client] = yield* pair(loop);
    const { transport } = client;
    expect(transport.getWriteBufferLimits()).toEqual([16 * 1024, 64 * 1024]);
    transport.setWriteBufferLimits({ high: 35 });
    transport.sendto(Buffer.alloc(10));
    expect(transport.getWriteBufferSize()).toBe(18);
    transport.sendto(Buffer.alloc(9));
    expect(transport.getWriteBufferSize()).toBe(35);
    expect(client.calls).toEqual(["connectionMade"]);
    transport.sendto(Buffer.alloc(0));
    expect(transport.getWriteBufferSize()).toBe(43);
    expect(client.calls).toEqual(["connectionMade", "pauseWriting"]);
    yield* waitFor(client.called("resumeWriting"), 5);
    expect(transport.getWriteBufferSize()).toBe(0);
    yield* waitFor(server.called("datagramReceived", 3), 5);
    expect(client.calls).toEqual(["connectionMade", "pauseWriting", "resumeWriting"]);
    yield* closeAll(server, client);
  });
});

test("DatagramTransport.close() sends what is buffered, and calls connectionLost(null) once", async () => {
  await onLoop(function* (loop) {
    const [server, client] = yield* pair(loop);
    for (let i = 0; i < 10; i++) client.transport.sendto(Buffer.from(`${i}`));
    client.transport.close();
    client.transport.close();
    expect(client.transport.isClosing()).toBe(true);
    expect(client.calls).toEqual(["connectionMade"]);
    yield* waitFor(client.called("connectionLost"), 5);
    yield* waitFor(server.called("datagramReceived", 10), 5);
    expect(server.texts.join("")).toBe("0123456789");
    client.transport.close();
    client.transport.abort();
    yield* closeAll(server);
    expect(client.calls.filter((call) => call === "connectionLost")).toHaveLength(1);
    expect(client.lostWith).toBeNull();
  });
});

test("DatagramTransport.abort() closes at once, also after close(), and calls connectionLost(null) once [S249]", async () => {
  await onLoop(function* (loop) {
    for (const isClosedFirst of [false, true]) {
      const [server, client] = yield* pair(loop);
      for (let i = 0; i < 10; i++) client.transport.sendto(Buffer.from(`${i}`));
      if (isClosedFirst) client.transport.close();
      client.transport.abort();
      client.transport.abort();
      expect(client.transport.getWriteBufferSize()).toBe(0);
      expect(client.calls).toEqual(["connectionMade"]);
      yield* waitFor(client.called("connectionLost"), 5);
      yield* closeAll(server);
      yield* hostTurns(3);
      expect(client.calls).toEqual(["connectionMade", "connectionLost"]);
      expect(client.lostWith).toBeNull();
    }
  });
});

test("DatagramTransport.sendto() after close() is dropped; from the fifth on each is logged [S247]", async () => {
  const warnings: string[] = [];
  await onLoop(
    function* (loop) {
      const [server, client] = yield* pair(loop);
      client.transport.close();
      for (let i = 0; i < 4; i++) client.transport.sendto(Buffer.from("late"));
      expect(warnings).toEqual([]);
      for (let i = 0; i < 4; i++) client.transport.sendto(Buffer.from("late"));
      expect(warnings).toHaveLength(4);
      expect(warnings[0]).toContain("sendto() over a transport that is closed, 5 times");
      yield* waitFor(client.called("connectionLost"), 5);
      expect(server.texts).toEqual([]);
      yield* closeAll(server);
    },
    { warnings },
  );
});

test("DatagramTransport: nothing is delivered after close()", async () => {
  await onLoop(function* (loop) {
    const [server, client] = yield* pair(loop);
    server.transport.sendto(Buffer.from("x"), placeOf(client));
    client.transport.close();
    yield* closeAll(server, client);
    expect(client.calls).toEqual(["connectionMade", "connectionLost"]);
  });
});

test("DatagramTransport: what datagramReceived() throws is reported, and the endpoint goes on", async () => {
  const reports: ExceptionContext[] = [];
  await onLoop(
    function* (loop) {
      class Fragile extends Datagrams {
        override datagramReceived(data: Buffer, address: Place): void {
          super.datagramReceived(data, address);
          if (data.toString() === "poison") throw new RangeError("I cannot read that");
        }
      }
      const [, server] = yield* loop.createDatagramEndpoint(() => new Fragile(loop), ANY);
      const client = yield* endpoint(loop, { remoteAddr: placeOf(server) });
      client.transport.sendto(Buffer.from("poison"));
      client.transport.sendto(Buffer.from("fine"));
      try {
        yield* waitFor(server.called("datagramReceived", 2), 2);
      } finally {
        yield* closeAll(server, client);
      }
      expect(server.texts).toEqual(["poison", "fine"]);
      expect(server.lostWith).toBeNull();
    },
    { reports },
  );
  expect(reports.map(({ exception }) => `${exception}`)).toEqual(["RangeError: I cannot read that"]);
});

test("DatagramTransport.getExtraInfo() knows socket, sockname and peername; setProtocol() changes who is called", async () => {
  await onLoop(function* (loop) {
    const [server, client] = yield* pair(loop);
    const { transport } = client;
    expect(transport.getExtraInfo("peername")).toMatchObject(placeOf(server));
    expect(transport.getExtraInfo("socket")).toBeInstanceOf(createSocket("udp4").close().constructor);
    expect(transport.getExtraInfo("nothing")).toBeNull();
    expect(transport.getExtraInfo("nothing", 5)).toBe(5);
    expect(transport.getProtocol()).toBe(client);
    expect(`${transport}`).toBe("<UdpTransport open>");
    const other = new Datagrams(loop);
    transport.setProtocol(other);
    server.transport.sendto(Buffer.from("x"), placeOf(client));
    yield* waitFor(other.called("datagramReceived"), 5);
    expect(client.received).toEqual([]);
    transport.close();
    expect(`${transport}`).toBe("<UdpTransport closing>");
    yield* waitFor(other.called("connectionLost"), 5);
    expect(`${transport}`).toBe("<UdpTransport closed>");
    expect(transport.getExtraInfo("sockname", "gone")).toBe("gone");
    yield* closeAll(server);
  });
});

test("DatagramTransport talks to a socket of Node's", async () => {
  await onLoop(function* (loop) {
    const socket: Socket = createSocket("udp4", (data, from) =>
      socket.send(`you said ${data}`, from.port, from.address),
    );
    socket.bind(0, HOST);
    yield* wrapFuture(once(socket, "listening"));
    const client = yield* endpoint(loop, { remoteAddr: { host: HOST, port: socket.address().port } });
    for (const word of ["one", "two"]) client.transport.sendto(Buffer.from(word));
    yield* waitFor(client.called("datagramReceived", 2), 5);
    expect(client.texts.sort()).toEqual(["you said one", "you said two"]);
    socket.close();
    yield* closeAll(client);
  });
});

test("DatagramTransport: thousands of datagrams under the protocol's flow control arrive, and none twice", async () => {
  await onLoop(function* (loop) {
    const [server, client] = yield* pair(loop);
    const count = 3000;
    const seen = new Set<number>();
    for (let i = 0; i < count; i++) {
      const data = Buffer.alloc(200);
      data.writeUInt32LE(i);
      client.transport.sendto(data);
      // UDP has no flow control of its own: not more than a few under way.
      if (i % 50 === 49) yield* waitFor(server.called("datagramReceived", i + 1), 5);
      else if (i % 10 === 0) yield* sleep(0);
    }
    for (const data of server.received) seen.add(data.readUInt32LE());
    expect(server.received).toHaveLength(count);
    expect(seen.size).toBe(count);
    expect(client.transport.getWriteBufferSize()).toBe(0);
    yield* closeAll(server, client);
  });
});
