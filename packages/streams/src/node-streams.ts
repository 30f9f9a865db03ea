/** A StreamWriter over a Writable of Node's: a file, process.stdout, what a library gives. For Readables there is StreamReader.fromReadable. */
import type { Writable } from "node:stream";
import type { Future } from "@aioloop/loop";
import { getEventLoop } from "@aioloop/loop";
import { WritePipeTransport } from "./pipes.ts";
import { StreamWriter } from "./stream-writer.ts";
import { FlowControlMixin } from "./streams.ts";
import type { ReadTransport, Transport } from "./transports.ts";

/** Writes to a Writable of Node's: `close()` ends it. */
export function writerTo(writable: Writable): StreamWriter {
  const loop = getEventLoop();
  const protocol = new WritableProtocol(loop);
  const transport = new WritePipeTransport(loop, writable, protocol);
  return new StreamWriter(transport as unknown as Transport & ReadTransport, protocol, null, loop);
}

class WritableProtocol extends FlowControlMixin {
  /** @internal */
  readonly _closed: Future<void> = this.loop.createFuture<void>("the end of a Writable");

  override connectionLost(error: unknown): void {
    super.connectionLost(error);
    if (this._closed.done()) return;
    if (error === null) this._closed.setResult();
    else {
      this._closed.setException(error);
      this._closed.exception(); // who waits for the end is told; nobody has to
    }
  }
}
