// What a program has left open when its loop is closed does not keep its process: children that must end by themselves.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { Coroutine } from "@aioloop/loop";
import type { Server } from "@aioloop/streams";
import { DatagramProtocol, EventLoop, Protocol, writerTo } from "@aioloop/streams";
import { run, sleep } from "@aioloop/tasks";
import { afterEach, describe, expect, test } from "vitest";
import { start } from "../../../test/programs/child.ts";
import { HOST } from "./helpers-g.ts";
import { inFolder } from "./helpers-k.ts";
import { openResources, turnOfHost } from "./on-loop.ts";

const file = new URL("./programs/left-open.ts", import.meta.url).href;

/** A program that does not end by itself ends with code 9 in the end. */
const play = (name: string, argument = "") => start(file, [name, argument]);

const ENDED = { code: 0, signal: null, stderr: "" };

/** A server, and tasks that wait for it for ever. */
function* createServing(loop: EventLoop): Coroutine<Server> {
  const server = yield* loop.createServer(() => new Protocol(), HOST, 0);
  loop.createTask(server.serveForever());
  loop.createTask(server.waitClosed());
  yield* sleep(0);
  return server;
}

/** A server that neither says anything nor closes. */
async function silent<T>(body: (port: number, sockets: readonly Socket[]) => Promise<T>): Promise<T> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    sockets.push(socket);
  }).listen(0, HOST);
  await once(server, "listening");
  try {
    return await body((server.address() as AddressInfo).port, sockets);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  }
}

describe("EventLoop.close() ends the process that has left open", () => {
  test.each([
    ["a connection", "reader"],
    ["a connection that is paused", "paused"],
    ["a connection that was closed, with more to send than its peer reads", "full"],
  ])("%s", async (_what, name) => {
    await silent(async (port) => {
      expect(await play(name, `${port}`)).toEqual({ ...ENDED, stdout: "\n" });
    });
  });

  test.each([
    ["a server with a connection, both ends", "server"],
    ["a server that serves for ever", "serving"],
    ["a datagram endpoint", "datagrams"],
    ["the pipes of a child of Node's", "pipes"],
    ["a child with its pipes", "child"],
  ])("%s", async (_what, name) => {
    expect(await play(name)).toEqual({ ...ENDED, stdout: "\n" });
  });

  test("the standard streams, which it leaves to the process", async () => {
    expect(await play("standard")).toEqual({ ...ENDED, stdout: "standard\n\n" });
  });

  test("a file, once it has what was written", async () => {
    await inFolder(async (folder) => {
      expect(await play("file", join(folder, "file"))).toEqual({ ...ENDED, stdout: `\n${4 << 20}\n` });
    });
  });
});

describe("EventLoop.close()", () => {
  const before = openResources();
  afterEach(async () => {
    const deadline = performance.now() + 5000;
    while (openResources() > before && performance.now() < deadline) await turnOfHost();
    expect(openResources(), "handles left").toBeLessThanOrEqual(before);
  });

  /** Runs it on a loop that closes then, with what it has opened. */
  function closing<T>(main: (loop: EventLoop) => Coroutine<T>): Promise<T> {
    const loop = new EventLoop();
    return run(main(loop), { loopFactory: () => loop });
  }

  test("closes the connection as its peer sees it, and tells the protocol nothing", async () => {
    await silent(async (port, sockets) => {
      const calls: string[] = [];
      class Listening extends Protocol {
        override connectionLost(): void {
          calls.push("connectionLost");
        }
      }
      await closing(function* (loop) {
        const [transport] = yield* loop.createConnection(() => new Listening(), HOST, port);
        transport.write(Buffer.from("sent"));
      });
      while (sockets.length === 0) await turnOfHost();
      const [peer] = sockets as [Socket];
      const [data] = await once(peer, "data");
      expect(`${data}`).toBe("sent");
      await once(peer, "end");
      expect(calls).toEqual([]);
    });
  });

  test("sends the datagrams that were on their way", async () => {
    const receiver = createSocket("udp4").bind(0, HOST);
    await once(receiver, "listening");
    const message = once(receiver, "message");
    await closing(function* (loop) {
      const remoteAddr = { host: HOST, port: receiver.address().port };
      const [transport] = yield* loop.createDatagramEndpoint(() => new DatagramProtocol(), { remoteAddr });
      transport.sendto(Buffer.from("last"));
    });
    expect(`${(await message)[0]}`).toBe("last");
    receiver.close();
    await once(receiver, "close");
  });

  test("leaves what was closed before as it is, and can be called again", async () => {
    const loop = await closing(function* (loop) {
      const server = yield* loop.createServer(() => new Protocol(), HOST, 0);
      const [transport] = yield* loop.createConnection(() => new Protocol(), HOST, server.port);
      transport.close();
      server.close();
      const [endpoint] = yield* loop.createDatagramEndpoint(() => new DatagramProtocol());
      endpoint.close();
      return loop;
    });
    expect(loop.isClosed()).toBe(true);
    loop.close();
  });

  test("leaves a Writable of no system's to its owner: what was written to it goes on", async () => {
    const stream = new PassThrough();
    await closing(function* () {
      writerTo(stream).write(Buffer.from("kept"));
    });
    expect(`${stream.read()}`).toBe("kept");
    expect(stream.destroyed).toBe(false);
  });

  test("closes a server that a task still serves, and reports the task as any that is pending", async () => {
    const loop = new EventLoop();
    const reports: string[] = [];
    loop.setExceptionHandler((_loop, { message }) => void reports.push(message));
    const server = await loop.runUntilComplete(createServing(loop));
    loop.close();
    expect(server.isServing()).toBe(false);
    expect(reports).toEqual([
      "Task was destroyed but it is pending!",
      "Task was destroyed but it is pending!",
    ]);
    await turnOfHost();
  });

  test("of a loop that runs is refused, and closes nothing", async () => {
    await closing(function* (loop) {
      const server = yield* loop.createServer(() => new Protocol(), HOST, 0);
      const [transport] = yield* loop.createConnection(() => new Protocol(), HOST, server.port);
      expect(() => loop.close()).toThrow("cannot close a running event loop");
      expect(server.isServing()).toBe(true);
      expect(transport.isClosing()).toBe(false);
    });
  });
});
