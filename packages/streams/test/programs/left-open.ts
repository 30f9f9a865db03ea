// Programs that leave something open when their loop is closed. The first argument says which one; each prints what the process has open
// once the loop is closed, and must end by itself.
import { spawn } from "node:child_process";
import { createWriteStream, readFileSync } from "node:fs";
import type { Coroutine } from "@aioloop/loop";
import {
  DatagramProtocol,
  EventLoop,
  openConnection,
  Protocol,
  SubprocessProtocol,
  startServer,
} from "@aioloop/streams";
import { createTask, run, sleep } from "@aioloop/tasks";

const HOST = "127.0.0.1";
const MEGABYTE = Buffer.alloc(1 << 20);
const given = process.argv[3] ?? "";

/** The port of a server that says nothing, in another process. */
const port = Number(given);

const programs: Record<string, (loop: EventLoop) => Coroutine<unknown>> = {
  *reader() {
    return yield* openConnection(HOST, port);
  },
  *full() {
    const [, writer] = yield* openConnection(HOST, port);
    for (let i = 0; i < 16; i++) writer.write(MEGABYTE);
    writer.close();
  },
  *paused() {
    const [, writer] = yield* openConnection(HOST, port);
    writer.transport.pauseReading();
  },
  *server() {
    const server = yield* startServer(() => {}, HOST, 0);
    return yield* openConnection(HOST, server.port);
  },
  *serving(loop) {
    const server = yield* loop.createServer(() => new Protocol(), HOST, 0);
    createTask(server.serveForever());
    createTask(server.waitClosed());
    yield* sleep(0);
  },
  *datagrams(loop) {
    return yield* loop.createDatagramEndpoint(() => new DatagramProtocol(), {
      localAddr: { host: HOST, port: 0 },
    });
  },
  *pipes(loop) {
    const child = spawn("cat", [], { stdio: ["pipe", "pipe", "inherit"] });
    child.unref(); // ends with its stdin
    const [out] = yield* loop.connectWritePipe(() => new Protocol(), child.stdin);
    yield* loop.connectReadPipe(() => new Protocol(), child.stdout);
    out.write(Buffer.from("x"));
  },
  *child(loop) {
    return yield* loop.subprocessExec(() => new SubprocessProtocol(), "sleep", ["60"]);
  },
  *standard(loop) {
    yield* loop.connectReadPipe(() => new Protocol(), process.stdin);
    const [out] = yield* loop.connectWritePipe(() => new Protocol(), process.stdout);
    out.write(Buffer.from("standard\n"));
  },
  *file(loop) {
    const [out] = yield* loop.connectWritePipe(() => new Protocol(), createWriteStream(given));
    for (let i = 0; i < 4; i++) out.write(MEGABYTE);
    process.on("exit", () => console.log(readFileSync(given).length));
  },
};

/** Sockets, pipes and children; the standard streams are there anyhow. */
const open = () => process.getActiveResourcesInfo().filter((name) => /TCP|UDP|Process/.test(name));

setTimeout(() => process.exit(9), 10_000).unref(); // what does not end by itself shall not go on either
const loop = new EventLoop();
const program = programs[process.argv[2] ?? ""] as (loop: EventLoop) => Coroutine<unknown>;
await run(program(loop), { loopFactory: () => loop });
await new Promise((resolve) => setTimeout(resolve, 50)); // Node closes handles in its next turn
console.log(open().join());
