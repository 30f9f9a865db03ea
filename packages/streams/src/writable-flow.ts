/**
 * Writing to a Writable of Node's, the same for sockets and pipes. CPython has it twice, in `selector_events` and `unix_events`.
 *
 *      write ──► Node's buffer ──over the high-water mark──► pauseWriting
 *                     └── a mark, behind what is not sent yet ──all before it is sent──► resumeWriting
 *                                                             └──it could not be───────► connectionLost
 *
 * Node buffers what cannot be sent at once, and `writableLength` is the size of that. The mark is an empty write, for its callback: one
 * is under way at a time, whatever the number of writes.
 */
import type { Writable } from "node:stream";
import type { BaseEventLoop, Context } from "@aioloop/loop";
import { copyContext, RuntimeError } from "@aioloop/loop";
import { brokenPipe, isConnectionLost } from "./exceptions.ts";
import type { AnyProtocol, WriteTransport } from "./transports.ts";
import { checkBytes, FlowControl } from "./transports.ts";
import { inTurn } from "./turns.ts";

const NOTHING = Buffer.alloc(0);

export abstract class WritableFlow<W extends Writable, P extends AnyProtocol>
  extends FlowControl
  implements WriteTransport
{
  protected readonly writable: W;
  protected protocol: P;
  protected readonly context: Context = copyContext();
  /** From close() or abort() on, or since the other side has gone. */
  protected isEnding = false;
  /** connectionLost() has been called, or nobody is to be told. */
  protected isLost = false;
  /** What connectionLost() is to be called with. */
  protected failure: unknown = null;
  #hasWrittenEof = false;
  #isMarked = false;

  constructor(loop: BaseEventLoop, writable: W, protocol: P) {
    super(loop);
    this.writable = writable;
    this.protocol = protocol;
  }

  /** In a turn of the loop, in the context in which the transport was made. */
  protected soon(callback: (value: never) => void, value: unknown = null): void {
    inTurn(this._loop, this.context, callback, value);
  }

  getWriteBufferSize(): number {
    return this.writable.writableLength;
  }

  write(data: Uint8Array): void {
    checkBytes("write(data)", data);
    if (this.#hasWrittenEof) throw new RuntimeError("write(): cannot write after writeEof()");
    if (data.length === 0) return;
    if (this.isEnding) {
      this.warnOfLost("write()");
      return;
    }
    this.writable.write(data);
    if (this.writable.writableLength > 0) this.#watchBuffer();
  }

  writelines(list: Iterable<Uint8Array>): void {
    this.writable.cork();
    try {
      for (const data of list) this.write(data);
    } finally {
      this.writable.uncork();
    }
  }

  /** Not all could be sent at once. */
  #watchBuffer(): void {
    this.maybePauseProtocol();
    if (this.#isMarked) return;
    this.#isMarked = true;
    this.writable.write(NOTHING, (error) => this.#onMark(error));
  }

  #onMark(error: Error | null | undefined): void {
    this.#isMarked = false;
    if (error != null) {
      // A child that ends has its stdin closed without an error: this is the only one that tells.
      if (!this.isEnding) this.failure ??= unsent(error);
      return;
    }
    if (this.isLost) return;
    this.resumeSoon();
    if (this.writable.writableLength > 0 && !this.#hasWrittenEof && !this.isEnding) this.#watchBuffer();
  }

  protected resumeSoon(): void {
    this.soon(() => this.maybeResumeProtocol());
  }

  canWriteEof(): boolean {
    return true;
  }

  writeEof(): void {
    if (this.isEnding || this.#hasWrittenEof) return;
    this.#hasWrittenEof = true;
    this.writable.end();
  }

  isClosing(): boolean {
    return this.isEnding;
  }

  abstract abort(): void;

  setProtocol(protocol: AnyProtocol): void {
    this.protocol = protocol as P;
  }

  getProtocol(): P {
    return this.protocol;
  }
}

/** Why not all was sent: the other side has gone, whatever was noticed of that first, or what the stream says. */
function unsent(error: NodeJS.ErrnoException): Error {
  const isGone = isConnectionLost(error) || error.code === "ERR_STREAM_DESTROYED";
  return isGone ? brokenPipe("the other side has closed the connection") : error;
}
