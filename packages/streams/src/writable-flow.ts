/**
 * Writing to a Writable of Node's, the same for sockets and pipes. CPython has it twice, in `selector_events` and `unix_events`.
 *
 *      write ──► Node's buffer ──over the high-water mark──► pauseWriting
 *                     └── a mark, behind what is not sent yet ──all before it is sent──► resumeWriting
 *                                                             └──it could not be───────► connectionLost
 *
 * What the system takes at once goes past the Writable (departures.ts). Node buffers the rest, and `writableLength` is the size of that. The mark is an empty write, for its callback: one
 * is under way at a time, whatever the number of writes.
 */
import type { Writable } from "node:stream";
import type { BaseEventLoop, Context } from "@aioloop/loop";
import { copyContext, RuntimeError } from "@aioloop/loop";
import type { Sender, WriteHandle } from "./departures.ts";
import { isIdle, sendAtOnce, writeHandleOf } from "./departures.ts";
import { brokenPipe, isConnectionLost } from "./exceptions.ts";
import type { AnyProtocol, WriteTransport } from "./transports.ts";
import { checkBytes, FlowControl } from "./transports.ts";
import { inTurn } from "./turns.ts";

const NOTHING = Buffer.alloc(0);

export abstract class WritableFlow<W extends Writable, P extends AnyProtocol>
  extends FlowControl
  implements WriteTransport, Sender
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
  /** Null where all goes through the Writable. */
  readonly #handle: WriteHandle | null;
  /** Bytes of a write past the Writable that the system has not taken whole. */
  #underWay = 0;
  #hasWrittenEof = false;
  #isMarked = false;

  constructor(loop: BaseEventLoop, writable: W, protocol: P) {
    super(loop);
    this.writable = writable;
    this.protocol = protocol;
    this.#handle = writeHandleOf(writable);
  }

  /** In a turn of the loop, in the context in which the transport was made. */
  protected soon(callback: (value: never) => void, value: unknown = null): void {
    inTurn(this._loop, this.context, callback, value);
  }

  getWriteBufferSize(): number {
    if (this.isLost) return 0;
    return this.writable.writableLength + this.#underWay;
  }

  write(data: Uint8Array): void {
    if (!this.#accepts(data)) return;
    if (this.#handle !== null && this.#underWay === 0 && isIdle(this.writable)) {
      if (sendAtOnce(this.#handle, data, this)) this.#underWay = data.length;
    } else this.writable.write(data);
    this.#watch();
  }

  writelines(list: Iterable<Uint8Array>): void {
    this.writable.cork();
    try {
      for (const data of list) if (this.#accepts(data)) this.writable.write(data);
    } finally {
      this.writable.uncork();
      this.#watch();
    }
  }

  /** Whether it is to be sent. */
  #accepts(data: Uint8Array): boolean {
    checkBytes("write(data)", data);
    if (this.#hasWrittenEof) throw new RuntimeError("write(): cannot write after writeEof()");
    if (data.length === 0) return false;
    if (this.isEnding) this.warnOfLost("write()");
    return !this.isEnding;
  }

  /** @internal */
  _onSent(error: Error | null): void {
    if (error === null) this.#underWay = 0;
    else this.writable.destroy(error);
  }

  /** Pauses the protocol if too much could not be sent at once, and waits until that is. */
  #watch(): void {
    if (this.getWriteBufferSize() === 0 || this.#hasWrittenEof || this.isEnding) return;
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
    this.#watch();
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
