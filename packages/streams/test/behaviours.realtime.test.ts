// Behaviours of CPython's that no other file here is about, each by its number.
import type { Socket } from "node:net";
import type { Coroutine } from "@aioloop/loop";
import { setLogger } from "@aioloop/loop";
import type { StreamReader } from "@aioloop/streams";
import { createSubprocessShell, openConnection, PIPE } from "@aioloop/streams";
import { createTask } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { HOST, onSockets, Recorder, readAll } from "./helpers-g.ts";
import { program } from "./helpers-i.ts";

test("StreamWriter.close() begins to close, and all that is buffered is sent before waitClosed() ends [S237]", async () => {
  await onSockets(function* (site) {
    const arrival = site.loop.createFuture<Socket>("a connection");
    const port = yield* site.rawServer((socket) => arrival.setResult(socket.pause()));
    const [, writer] = yield* openConnection(HOST, port);
    const peer = yield* arrival;
    const data = Buffer.alloc(8 << 20, "x");
    writer.write(data);
    writer.close();
    expect(writer.isClosing()).toBe(true);
    expect(writer.transport.getWriteBufferSize()).toBeGreaterThan(0);
    const closed = createTask(writer.waitClosed());
    yield;
    expect(closed.done()).toBe(false);
    expect((yield* readAll(peer)).equals(data)).toBe(true);
    yield* closed;
    expect(writer.transport.getWriteBufferSize()).toBe(0);
  });
});

test("what the system says of a connection is logged in debug mode, and reported never [S250]", async () => {
  for (const debug of [true, false]) {
    const logged: string[] = [];
    const ignore = () => {};
    setLogger({ debug: (text) => void logged.push(text), info: ignore, warning: ignore, error: ignore });
    try {
      await onSockets(function* (site) {
        const [, protocol, peer] = yield* site.withRaw(new Recorder(site.loop));
        site.loop.setDebug(debug);
        peer.resetAndDestroy();
        expect(yield* protocol.lost()).toMatchObject({ code: "ECONNRESET" });
        site.loop.setDebug(false);
      });
    } finally {
      setLogger(null);
    }
    expect(logged.filter((text) => text.includes("ECONNRESET"))).toHaveLength(debug ? 1 : 0);
  }
});

test("a child process's pipes are open until it has ended and its output has, then nothing is left of it [S276]", async () => {
  await program(function* () {
    // Another process writes to stdout when the child has ended.
    const child = yield* createSubprocessShell("(sleep 0.2; echo late) & echo early", {
      stdin: PIPE,
      stdout: PIPE,
      stderr: PIPE,
    });
    const { stdin, stdout, stderr } = child;
    if (stdin === null || stdout === null || stderr === null) throw new Error("no pipes");
    expect(yield* child.wait()).toBe(0);
    expect(`${yield* stdout.readline()}`).toBe("early\n");
    expect(stdout.atEof()).toBe(false);
    expect(`${yield* stdout.readline()}`).toBe("late\n");
    expect([yield* ended(stdout), yield* ended(stderr)]).toEqual([true, true]);
    yield* stdin.waitClosed();
    expect(stdin.isClosing()).toBe(true);
  });
});

function* ended(reader: StreamReader): Coroutine<boolean> {
  return (yield* reader.read()).length === 0 && reader.atEof();
}
