// A server with as many descriptors as `ulimit -n` has left it: it echoes, and says what is reported to it. "ready" and a port at first.
import type { Coroutine } from "@aioloop/loop";
import type { StreamReader, StreamWriter } from "@aioloop/streams";
import { EventLoop, startServer } from "@aioloop/streams";
import { run } from "@aioloop/tasks";

function* echo(reader: StreamReader, writer: StreamWriter): Coroutine<void> {
  for (;;) {
    const data = yield* reader.read(1024);
    if (data.length === 0) break;
    writer.write(data);
    yield* writer.drain();
  }
  writer.close();
}

const loop = new EventLoop();
loop.setExceptionHandler((_loop, { message, exception }) => {
  console.log(`report ${(exception as NodeJS.ErrnoException).code} ${message}`);
});

function* main(): Coroutine<void> {
  const server = yield* startServer(echo, "127.0.0.1", 0);
  console.log(`ready ${server.port}`);
  yield* server.serveForever();
}

await run(main(), { loopFactory: () => loop });
