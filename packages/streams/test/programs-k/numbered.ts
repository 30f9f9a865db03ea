/** Numbers the lines of its input, and ends with it. */
import type { Coroutine } from "@aioloop/loop";
import { EventLoop, StreamReader, writerTo } from "@aioloop/streams";
import { asyncFor, run } from "@aioloop/tasks";

function* main(): Coroutine<void> {
  const reader = StreamReader.fromReadable(process.stdin);
  const writer = writerTo(process.stdout);
  let count = 0;
  yield* asyncFor(reader, function* (line) {
    count += 1;
    writer.write(Buffer.from(`${count} ${`${line}`.trimEnd()}\n`));
    yield* writer.drain();
  });
  writer.write(Buffer.from(`${count} lines\n`));
  yield* writer.drain();
}

await run(main(), { loopFactory: () => new EventLoop() });
