// Server over real sockets: its states, its clients, and its ends.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Coroutine, ExceptionContext } from "@aioloop/loop";
import { CancelledError, ContextVar, getRunningLoop } from "@aioloop/loop";
import type { Server } from "@aioloop/streams";
import { Protocol } from "@aioloop/streams";
import { asyncWith, cancelAndWait, createTask, sleep, wait, waitFor } from "@aioloop/tasks";
import { expect, test } from "vitest";
import type { Site } from "./helpers-g.ts";
import {
  errorOf,
  event,
  HOST,
  onSockets,
  openHandles,
  portOf,
  Recorder,
  readAll,
  until,
} from "./helpers-g.ts";

/** A server with its protocols, each connected to a socket of Node's. */
function* withClients(site: Site, count: number): Coroutine<[server: Server, protocols: Recorder[]]> {
  const protocols: Recorder[] = [];
  const [server, port] = yield* site.serve(() => {
    const protocol = new Recorder(site.loop);
    protocols.push(protocol);
    return protocol;
  });
  for (let i = 0; i < count; i++) (yield* site.rawSocket(port)).resume();
  yield* until(() => protocols.length === count);
  for (const protocol of protocols) yield* protocol.called("connectionMade");
  return [server, protocols];
}

test("createServer() serves at once, and knows where [S264]", async () => {
  await onSockets(function* (site) {
    const [server, port] = yield* site.serve(() => new Recorder(site.loop));
    expect(server.isServing()).toBe(true);
    expect(server.getLoop()).toBe(site.loop);
    expect(server.sockets).toEqual([{ host: HOST, port }]);
    expect(`${server}`).toBe(`<Server ${HOST}:${port}>`);
    yield* server.startServing();
    server.close();
    expect(server.isServing()).toBe(false);
    expect(`${server}`).toBe("<Server closed>");
  });
});

test("createServer({ startServing: false }) accepts nothing until startServing() [S264]", async () => {
  await onSockets(function* (site) {
    const accepted: Recorder[] = [];
    const factory = () => {
      const protocol = new Recorder(site.loop);
      accepted.push(protocol);
      return protocol;
    };
    const [server] = yield* site.serve(factory, { startServing: false });
    expect(server.isServing()).toBe(false);
    yield* server.startServing();
    expect(server.isServing()).toBe(true);
    yield* site.rawSocket(portOf(server));
    yield* until(() => accepted.length === 1);
  });
});

test("Server.serveForever() starts the server, runs once at a time, and closes all when it is cancelled [S259 N10]", async () => {
  await onSockets(function* (site) {
    const accepted = new Recorder(site.loop);
    const [server] = yield* site.serve(() => accepted, { startServing: false });
    const main = createTask(server.serveForever());
    yield* until(() => server.isServing() && server.sockets.length > 0);
    yield* sleep(0.01);
    const again = yield* errorOf(server.serveForever());
    expect(again.name).toBe("RuntimeError");
    expect(again.message).toContain("is being run by another serveForever() already");
    const peer = yield* site.rawSocket(portOf(server));
    peer.resume();
    yield* accepted.called("connectionMade");
    main.cancel();
    expect(yield* errorOf(main)).toBeInstanceOf(CancelledError);
    expect(accepted.calls).toEqual(["connectionMade", "connectionLost"]);
    expect(server.isServing()).toBe(false);
    expect(server.sockets).toEqual([]);
    for (const call of [() => server.serveForever(), () => server.startServing()]) {
      const error = yield* errorOf(call());
      expect(error.name).toBe("RuntimeError");
      expect(error.message).toContain("is closed; make a new server");
    }
  });
});

test("Server.close() cancels serveForever() [S257 S259]", async () => {
  await onSockets(function* (site) {
    const [server] = yield* site.serve(() => new Recorder(site.loop));
    const main = createTask(server.serveForever());
    yield* sleep(0);
    server.close();
    expect(yield* errorOf(main)).toBeInstanceOf(CancelledError);
  });
});

test("Server.close() stops accepting and leaves connections; it is idempotent [S257 S260]", async () => {
  await onSockets(function* (site) {
    const [server, [protocol]] = yield* withClients(site, 1);
    const port = portOf(server);
    server.close();
    server.close();
    expect(server.sockets).toEqual([]);
    const refused = yield* errorOf(site.loop.createConnection(() => new Recorder(site.loop), HOST, port));
    expect(refused.code).toBe("ECONNREFUSED");
    expect(protocol?.transport.isClosing()).toBe(false);
    protocol?.transport.abort();
    yield* server.waitClosed();
  });
});

test("Server.waitClosed() waits for close() and for the last connection, also if called before [S258]", async () => {
  await onSockets(function* (site) {
    const [server, protocols] = yield* withClients(site, 2);
    const early = createTask(server.waitClosed());
    yield* sleep(0.005);
    expect(early.done()).toBe(false);
    server.close();
    const late = createTask(server.waitClosed());
    protocols[0]?.transport.close();
    yield* protocols[0]?.lost() ?? sleep(0);
    yield* sleep(0.005);
    expect([early.done(), late.done()]).toEqual([false, false]);
    protocols[1]?.transport.close();
    yield* early;
    yield* late;
    yield* server.waitClosed();
  });
});

test("Server.waitClosed() waits though the connections ended before close() [S258]", async () => {
  await onSockets(function* (site) {
    const [server, [protocol]] = yield* withClients(site, 1);
    protocol?.transport.close();
    const waiting = createTask(server.waitClosed());
    yield* protocol?.lost() ?? sleep(0);
    yield* sleep(0.005);
    expect(waiting.done()).toBe(false);
    server.close();
    yield* waiting;
  });
});

test("Server.closeClients() sends what is buffered, abortClients() does not", async () => {
  for (const end of ["closeClients", "abortClients"] as const) {
    await onSockets(function* (site) {
      const accepted = new Recorder(site.loop);
      const [server, port] = yield* site.serve(() => accepted);
      const peer = (yield* site.rawSocket(port)).pause();
      yield* accepted.called("connectionMade");
      const size = 32 << 20;
      accepted.transport.write(Buffer.alloc(size));
      server.close();
      server[end]();
      expect(accepted.transport.isClosing()).toBe(true);
      let received = 0;
      peer.on("data", (data: Buffer) => {
        received += data.length;
      });
      peer.on("end", () => peer.end()).resume();
      yield* event(peer, "close");
      expect(yield* accepted.lost()).toBe(null);
      expect(received === size).toBe(end === "closeClients");
      yield* server.waitClosed();
    });
  }
});

test("Server.stop(seconds) gives connections their time, and ends those that are left", async () => {
  await onSockets(function* (site) {
    const [server, protocols] = yield* withClients(site, 2);
    const stopping = createTask(server.stop(0.05));
    yield* sleep(0);
    expect(server.isServing()).toBe(false);
    protocols[0]?.transport.write(Buffer.from("good bye"));
    protocols[0]?.transport.close();
    yield* protocols[0]?.lost() ?? sleep(0);
    expect(protocols[1]?.calls).toEqual(["connectionMade"]);
    yield* stopping;
    expect(protocols.map(({ calls }) => calls.at(-1))).toEqual(["connectionLost", "connectionLost"]);
  });
});

test("Server.stop(null) waits as long as it takes; stop(0) ends all at once", async () => {
  await onSockets(function* (site) {
    const [patient, [slow]] = yield* withClients(site, 1);
    const stopping = createTask(patient.stop(null));
    yield* sleep(0.05);
    expect(stopping.done()).toBe(false);
    slow?.transport.close();
    yield* stopping;
    const [hasty, [aborted]] = yield* withClients(site, 1);
    yield* hasty.stop(0);
    expect(aborted?.calls).toEqual(["connectionMade", "connectionLost"]);
  });
});

test("asyncWith(server) closes it at the end of the block", async () => {
  await onSockets(function* (site) {
    const [server] = yield* site.serve(() => new Recorder(site.loop));
    yield* asyncWith(server, function* (given) {
      expect(given).toBe(server);
      expect(given.isServing()).toBe(true);
    });
    expect(server.isServing()).toBe(false);
  });
});

test("createServer() at several hosts listens at each, at one named twice once [S263]", async () => {
  await onSockets(function* (site) {
    const accepted: Recorder[] = [];
    const factory = () => {
      const protocol = new Recorder(site.loop);
      accepted.push(protocol);
      return protocol;
    };
    const hosts = [HOST, "127.0.0.2", HOST];
    const server = site.keep(yield* site.loop.createServer(factory, hosts, 0));
    expect(server.sockets.map((address) => (typeof address === "string" ? address : address.host))).toEqual([
      HOST,
      "127.0.0.2",
    ]);
    for (const address of server.sockets) {
      if (typeof address === "string") throw new Error(address);
      yield* site.loop.createConnection(() => new Recorder(site.loop), address.host, address.port);
    }
    yield* until(() => accepted.length === 2);
    server.abortClients();
  });
});

test('createServer() at null or "" listens at all interfaces [S263]', async () => {
  await onSockets(function* (site) {
    for (const host of [null, ""]) {
      const accepted = new Recorder(site.loop);
      const server = site.keep(yield* site.loop.createServer(() => accepted, host, 0, { backlog: 5 }));
      yield* site.rawSocket(portOf(server));
      yield* accepted.called("connectionMade");
    }
  });
});

test("createServer() at a used port throws EADDRINUSE, and leaves none of its listeners [S263]", async () => {
  await onSockets(function* (site) {
    const [, port] = yield* site.serve(() => new Recorder(site.loop));
    const before = openHandles();
    const hosts = ["127.0.0.2", HOST];
    const error = yield* errorOf(site.loop.createServer(() => new Recorder(site.loop), hosts, port));
    expect(error.code).toBe("EADDRINUSE");
    yield* until(() => openHandles() <= before);
  });
});

test("Server.startServing() that fails leaves a server that does not serve", async () => {
  await onSockets(function* (site) {
    const [first, port] = yield* site.serve(() => new Recorder(site.loop));
    const later = site.keep(
      yield* site.loop.createServer(() => new Recorder(site.loop), HOST, port, { startServing: false }),
    );
    expect((yield* errorOf(later.startServing())).code).toBe("EADDRINUSE");
    expect(later.isServing()).toBe(false);
    first.close();
    yield* first.waitClosed();
  });
});

test("createServer() at an address that is not ours throws EADDRNOTAVAIL", async () => {
  await onSockets(function* (site) {
    const error = yield* errorOf(site.loop.createServer(() => new Recorder(site.loop), "192.0.2.1", 0));
    expect(error.code).toBe("EADDRNOTAVAIL");
  });
});

test("createServer() cancelled before it listens leaves no listener", async () => {
  for (let turns = 0; turns < 6; turns++) {
    await onSockets(function* (site) {
      const task = createTask(site.loop.createServer(() => new Recorder(site.loop), HOST, 0));
      for (let i = 0; i < turns; i++) yield* sleep(0);
      task.cancel();
      try {
        site.keep(yield* task);
      } catch (error) {
        expect(error).toBeInstanceOf(CancelledError);
      }
    });
  }
});

test("createServer({ reusePort }) shares a port where Node can, and says from which version on where not", async () => {
  await onSockets(function* (site) {
    const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
    const factory = () => new Recorder(site.loop);
    if (major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)) {
      const [, port] = yield* site.serve(factory, { reusePort: true });
      site.keep(yield* site.loop.createServer(factory, HOST, port, { reusePort: true }));
      return;
    }
    const error = yield* errorOf(site.loop.createServer(factory, HOST, 0, { reusePort: true }));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toContain(`Node ${process.version} cannot share a port; 22.12 and newer can`);
  });
});

test("a protocol factory that throws is reported, its connection closed, and the server goes on", async () => {
  const reports: ExceptionContext[] = [];
  await onSockets(
    function* (site) {
      const accepted = new Recorder(site.loop);
      let calls = 0;
      const [server, port] = yield* site.serve(() => {
        if (calls++ === 0) throw new RangeError("no protocol today");
        return accepted;
      });
      const refused = yield* site.rawSocket(port);
      refused.on("end", () => refused.end());
      refused.resume();
      yield* event(refused, "close");
      const peer = yield* site.rawSocket(port);
      peer.end("hello");
      yield* accepted.lost();
      expect(accepted.text).toBe("hello");
      server.close();
      yield* waitFor(server.waitClosed(), 5);
    },
    { reports },
  );
  expect(reports).toHaveLength(1);
  expect(reports[0]).toMatchObject({
    message: "Error in the protocol factory of a server",
    exception: { message: "no protocol today" },
  });
});

test("a server's protocols are made and called in turns of its loop, in the context that made the server", async () => {
  await onSockets(function* (site) {
    const name = new ContextVar<string>("name", { default: "nobody" });
    const seen: unknown[] = [];
    name.set("who made the server");
    class Asking extends Recorder {
      override connectionMade(transport: Recorder["transport"]): void {
        seen.push(getRunningLoop() === site.loop, name.get());
        super.connectionMade(transport);
      }
    }
    const accepted = site.loop.createFuture<Recorder>();
    const [, port] = yield* site.serve(() => {
      seen.push(getRunningLoop() === site.loop);
      const protocol = new Asking(site.loop);
      accepted.setResult(protocol);
      return protocol;
    });
    name.set("somebody else");
    yield* site.rawSocket(port);
    yield* (yield* waitFor(accepted, 5)).called("connectionMade");
    expect(seen).toEqual([true, true, "who made the server"]);
  });
});

test("createUnixServer() makes the path and removes it when it closes, also where it is gone already", async () => {
  const folder = mkdtempSync(join(tmpdir(), "servers-"));
  try {
    await onSockets(function* (site) {
      for (const isGone of [false, true]) {
        const path = join(folder, "socket");
        const accepted = new Recorder(site.loop);
        const server = site.keep(yield* site.loop.createUnixServer(() => accepted, path));
        expect(server.sockets).toEqual([path]);
        expect(existsSync(path)).toBe(true);
        const [transport] = yield* site.loop.createUnixConnection(() => new Recorder(site.loop), path);
        transport.write(Buffer.from("over a path"));
        transport.close();
        yield* accepted.lost();
        expect(accepted.text).toBe("over a path");
        if (isGone) unlinkSync(path);
        server.close();
        yield* server.waitClosed();
        yield* until(() => !existsSync(path));
      }
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a server answers many clients at once, each with its own protocol", async () => {
  await onSockets(function* (site) {
    class Greeter extends Recorder {
      override dataReceived(data: Buffer): void {
        super.dataReceived(data);
        this.transport.write(Buffer.from(`hello ${data}`));
        this.transport.close();
      }
    }
    const [server, port] = yield* site.serve(() => new Greeter(site.loop));
    const names = Array.from({ length: 50 }, (_, i) => `client ${i}`);
    const answers = [];
    for (const name of names) {
      const peer = yield* site.rawSocket(port);
      peer.end(name);
      answers.push(createTask(readAll(peer)));
    }
    for (const [i, answer] of answers.entries()) expect((yield* answer).toString()).toBe(`hello ${names[i]}`);
    server.close();
    yield* server.waitClosed();
  });
});

test("createServer() listens at every address of every host, each once [S263]", async () => {
  await onSockets(function* (site) {
    const port = portOf(site.keep(yield* site.loop.createServer(() => new Protocol(), HOST, 0)));
    expect(port).toBeGreaterThan(0);
    const server = site.keep(
      yield* site.loop.createServer(() => new Protocol(), ["localhost", HOST, HOST], 0),
    );
    const hosts = server.sockets.map((address) => (typeof address === "string" ? address : address.host));
    expect(hosts).toContain(HOST);
    expect(new Set(hosts).size).toBe(hosts.length);
  });
});

test("createServer() at all interfaces of both families takes them one by one [S263]", async () => {
  await onSockets(function* (site) {
    const first = site.keep(yield* site.loop.createServer(() => new Protocol(), "0.0.0.0", 0));
    const second = site.keep(yield* site.loop.createServer(() => new Protocol(), "::", portOf(first)));
    expect(portOf(second)).toBe(portOf(first));
  });
});

test("createUnixServer() takes the place of a socket that nobody listens at", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "aioloop-stale-")), "socket");
  // A process that is killed leaves its socket file behind.
  const program = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["-e", program]);
  expect(existsSync(path)).toBe(true);
  await onSockets(function* (site) {
    const server = site.keep(yield* site.loop.createUnixServer(() => new Protocol(), path));
    expect(server.sockets).toEqual([path]);
  });
  rmSync(join(path, ".."), { recursive: true });
});

test("Server.serveForever() a second time is refused, also where the first is about to listen [S259]", async () => {
  await onSockets(function* (site) {
    const server = site.keep(
      yield* site.loop.createServer(() => new Protocol(), HOST, 0, { startServing: false }),
    );
    const first = createTask(server.serveForever());
    const second = createTask(server.serveForever());
    yield* wait([second]);
    expect(String(second.exception())).toMatch(/^RuntimeError: serveForever\(\): .* is being run by another/);
    yield* cancelAndWait(first);
  });
});
