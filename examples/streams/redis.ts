// A client of a real Redis server, which it starts itself. Look at `command`: it sends at once and gives a future, and one task sets
// these futures in the order of the answers. So whoever waits for each answer talks line by line, and who does not, or hands over
// many commands at once, has pipelining for nothing. A future that was cancelled keeps its place: its answer is thrown away,
// and the next one is still for the next. The subscribers read what comes to them, each over a connection of its own.
import type {
  Coroutine,
  Future,
  Manager,
  Process,
  StreamReader,
  StreamWriter,
  Task,
  TaskStatus,
} from "aioloop";
import {
  asyncWith,
  cancelAndWait,
  createSubprocessExec,
  createTask,
  DEVNULL,
  gather,
  getRunningLoop,
  isCancelled,
  openConnection,
  Queue,
  run,
  sleep,
  startServer,
  TaskGroup,
} from "aioloop";
import type { Command, Reply } from "../lib/resp.ts";
import { commandBytes, ReplyError, readReply } from "../lib/resp.ts";

// ---- the client

class Redis implements Manager<Redis> {
  readonly #reader: StreamReader;
  readonly #writer: StreamWriter;
  /** Who waits for an answer, in the order of the commands. */
  #waiting: Future<Reply>[] = [];
  #receiving: Task<void> | null = null;

  constructor(reader: StreamReader, writer: StreamWriter) {
    this.#reader = reader;
    this.#writer = writer;
  }

  *aenter(): Coroutine<this> {
    this.#receiving = createTask(this.#receive());
    return this;
  }

  *aexit(failure: { error: unknown } | null): Coroutine<void> {
    if (this.#receiving !== null) yield* cancelAndWait(this.#receiving);
    yield* this.#writer.aexit(failure);
  }

  /** Sends a command. The future has its answer, or the server's ReplyError. */
  command(...command: Command): Future<Reply> {
    const reply = this.#expect();
    this.#writer.write(commandBytes(command));
    return reply;
  }

  /** Sends all of them before it waits for the first answer. */
  *pipeline(commands: readonly Command[]): Coroutine<Reply[]> {
    const replies = commands.map(() => this.#expect());
    this.#writer.writelines(commands.map(commandBytes));
    yield* this.#writer.drain();
    return yield* gather(replies);
  }

  #expect() {
    if (this.#receiving?.done() !== false) throw new Error("there is no connection to Redis");
    const reply = getRunningLoop().createFuture<Reply>("an answer of Redis");
    this.#waiting.push(reply);
    return reply;
  }

  *#receive() {
    try {
      for (;;) {
        const reply = yield* readReply(this.#reader);
        const future = this.#waiting.shift();
        if (future === undefined) throw new Error("Redis answered what nobody asked");
        if (future.done()) continue; // cancelled
        if (reply instanceof ReplyError) future.setException(reply);
        else future.setResult(reply);
      }
    } catch (error) {
      for (const future of this.#waiting.splice(0)) {
        if (future.done()) continue;
        if (isCancelled(error)) future.cancel();
        else future.setException(error);
      }
      if (isCancelled(error)) throw error;
    }
  }
}

function* connect(port: number) {
  return new Redis(...(yield* openConnection("127.0.0.1", port)));
}

/** Puts what is published into a queue, until it is cancelled. The queue is there once the server knows of the subscription. */
function* subscribe(port: number, pattern: string, status: TaskStatus<Queue<string>>) {
  const [reader, writer] = yield* openConnection("127.0.0.1", port);
  yield* asyncWith(writer, function* () {
    writer.write(commandBytes(["PSUBSCRIBE", pattern]));
    yield* readReply(reader);
    const messages = new Queue<string>();
    status.started(messages);
    for (;;) {
      const [, , channel, message] = (yield* readReply(reader)) as Reply[];
      messages.putNowait(`${channel}: ${message}`);
    }
  });
}

// ---- what it does with it

/** A reply as redis-cli shows it, in one line. */
function show(reply: Reply): string {
  if (Array.isArray(reply)) return `[${reply.map(show).join(", ")}]`;
  if (reply instanceof ReplyError) return String(reply);
  return reply === null ? "nothing" : Buffer.isBuffer(reply) ? JSON.stringify(reply.toString()) : `${reply}`;
}

function* oneByOne(redis: Redis) {
  console.log("- one by one");
  for (const command of [
    ["PING"],
    ["SET", "greeting", "Grüße\r\naus dem Tal"],
    ["GET", "greeting"],
    ["GET", "nobody"],
    ["RPUSH", "list", 1, "two", Buffer.from([51])],
    ["LRANGE", "list", 0, -1],
    ["INCR", "greeting"],
  ]) {
    try {
      console.log(`${command[0]}: ${show(yield* redis.command(...command))}`);
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      console.log(`${command[0]}: ${error}`);
    }
  }
}

function* pipelined(redis: Redis) {
  console.log("- pipelined");
  const replies = yield* redis.pipeline(Array.from({ length: 10_000 }, () => ["INCR", "counter"]));
  console.log(`${replies.length} answers, the last is ${replies.at(-1)}`);
  const late = redis.command("BLPOP", "empty", "0.1");
  const next = redis.command("PING");
  late.cancel();
  console.log(`one is cancelled, and the next gets its own: ${show(yield* next)}`);
}

function* published(redis: Redis, port: number) {
  console.log("- published");
  yield* asyncWith(new TaskGroup(), function* (group) {
    const subscribed = (pattern: string) =>
      group.start<Queue<string>>((status) => subscribe(port, pattern, status));
    const [all, sport] = [yield* subscribed("news.*"), yield* subscribed("news.sport")];
    for (const [channel, message] of [
      ["news.weather", "It rains"],
      ["news.sport", "The match is put off"],
      ["gossip", "The umpire was seen in the café"],
    ] as const) {
      const count = yield* redis.command("PUBLISH", channel, message);
      console.log(`${channel} reaches ${count}`);
    }
    console.log("news.* heard:", yield* all.get(), "|", yield* all.get());
    console.log("news.sport heard:", yield* sport.get());
    group.cancel();
  });
}

// ---- the server

/** A port that is free now. */
function* freePort() {
  const server = yield* startServer(() => {}, "127.0.0.1", 0);
  const { port } = server;
  server.close();
  yield* server.waitClosed();
  return port;
}

/** Connects as soon as the server listens. */
function* connectToNew(child: Process, port: number) {
  for (;;) {
    try {
      return yield* connect(port);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ECONNREFUSED") throw error;
      if (child.returncode !== null) throw new Error(`redis-server ended with exit code ${child.returncode}`);
      yield* sleep(0.05);
    }
  }
}

/** Starts it on a port; null where there is none. */
function* startRedis(port: number): Coroutine<Process | null> {
  const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", ""];
  try {
    return yield* createSubprocessExec("redis-server", args, {
      stdin: DEVNULL,
      stdout: DEVNULL,
      stderr: DEVNULL,
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return null;
  }
}

function* main() {
  const port = yield* freePort();
  const child = yield* startRedis(port);
  if (child === null) {
    console.log("redis-server is not installed: apt-get install redis-server");
    return;
  }
  try {
    yield* asyncWith(yield* connectToNew(child, port), function* (redis) {
      yield* oneByOne(redis);
      yield* pipelined(redis);
      yield* published(redis, port);
    });
  } finally {
    child.terminate();
    yield* child.wait();
  }
  console.log("the server has ended");
}

await run(main());
