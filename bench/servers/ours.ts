/** The servers of the bench on aioloop's streams: `ours.ts http` or `ours.ts echo`. The same programs as in net.ts and servers.py. */
import type { Coroutine, StreamReader, StreamWriter } from "aioloop";
import { IncompleteReadError, run, startServer } from "aioloop";
import { ANSWER, collectOnSignal, END_OF_HEAD, LAST_ANSWER, programOf, tellPort } from "./protocol.ts";

function* http(reader: StreamReader, writer: StreamWriter): Coroutine<void> {
  try {
    for (;;) {
      yield* reader.readuntil(END_OF_HEAD);
      writer.write(ANSWER);
      yield* writer.drain();
    }
  } catch (error) {
    if (!isEnd(error)) throw error;
  } finally {
    writer.close();
  }
}

function* echo(reader: StreamReader, writer: StreamWriter): Coroutine<void> {
  try {
    for (let data = yield* reader.read(65536); data.length > 0; data = yield* reader.read(65536)) {
      writer.write(data);
      yield* writer.drain();
    }
  } catch (error) {
    if (!isEnd(error)) throw error;
  } finally {
    writer.close();
  }
}

function* once(reader: StreamReader, writer: StreamWriter): Coroutine<void> {
  try {
    yield* reader.readuntil(END_OF_HEAD);
    writer.write(LAST_ANSWER);
    yield* writer.drain();
  } catch (error) {
    if (!isEnd(error)) throw error;
  } finally {
    writer.close();
  }
}

/** The client has gone, as those of a bench do. */
function isEnd(error: unknown): boolean {
  return error instanceof IncompleteReadError || (error as NodeJS.ErrnoException).code !== undefined;
}

function* main(): Coroutine<void> {
  collectOnSignal();
  const server = yield* startServer(programOf({ http, echo, once }), "127.0.0.1", 0, { backlog: 4096 });
  const [address] = server.sockets;
  tellPort((address as { port: number }).port);
  yield* server.serveForever();
}

await run(main());
