/**
 * Transports over any Readable or Writable of Node's: pipes, files, process.stdin, what libraries give. CPython:
 * `unix_events._UnixReadPipeTransport`, `_UnixWritePipeTransport`.
 */
import type { Readable, Writable } from "node:stream";
import type { BaseEventLoop, Coroutine } from "@aioloop/loop";
import { logger, RuntimeError } from "@aioloop/loop";
import { describe, inspectable, leavesLoop } from "@aioloop/loop/kernel";
import { brokenPipe } from "./exceptions.ts";
import type { BaseProtocol, Protocol } from "./protocols.ts";
import type { AnyProtocol, ReadTransport, WriteTransport } from "./transports.ts";
import { BaseTransport, checkBytes, FlowControl } from "./transports.ts";

const NOTHING = Buffer.alloc(0);

/** After so many writes to a pipe that is closed a warning is logged. CPython: `constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES`. */
const LOST_WRITES_TO_WARN = 5;

export class ReadPipeTransport extends BaseTransport implements ReadTransport {
  readonly #loop: BaseEventLoop;
  readonly #readable: Readable;
  #protocol: Protocol;
  #isPaused = false;
  #isClosing = false;
  #isLost = false;
  /** What came before the protocol's pauseReading() was known below: bytes, null for the end. */
  #held: (Buffer | null)[] = [];

  constructor(loop: BaseEventLoop, readable: Readable, protocol: Protocol) {
    super();
    this.#loop = loop;
    this.#readable = readable;
    this.#protocol = protocol;
    this.#soon(() => this.#protocol.connectionMade(this as never));
    this.#soon(() => this.#startReading());
  }

  #soon(call: () => void): void {
    if (!this.#loop.isClosed()) this.#loop.callSoon(call);
  }

  #startReading(): void {
    const readable = this.#readable;
    const end = () => this.#soon(() => this.#deliver(null));
    readable.on("data", (data: Buffer | string) => {
      const bytes = typeof data === "string" ? Buffer.from(data) : data;
      this.#soon(() => this.#deliver(bytes));
    });
    readable.on("end", end);
    readable.on("close", end); // also without an end: it was destroyed
    readable.on("error", (error) => this.#soon(() => this.#lose(error)));
    if (this.#isPaused) readable.pause();
    else readable.resume(); // somebody may have paused it before
    if (readable.readableEnded || readable.destroyed) end();
  }

  #deliver(data: Buffer | null): void {
    if (this.#isClosing) return;
    if (this.#isPaused) {
      this.#held.push(data);
      return;
    }
    try {
      if (data !== null) this.#protocol.dataReceived(data);
      else {
        this.#isClosing = true;
        this.#protocol.eofReceived();
        this.#soon(() => this.#lose(null));
      }
    } catch (exception) {
      if (leavesLoop(exception)) throw exception;
      const call = data === null ? "eofReceived" : "dataReceived";
      this.#loop.callExceptionHandler({
        message: `Fatal error: protocol.${call}() call failed.`,
        exception,
        transport: this,
        protocol: this.#protocol,
      });
      this.#lose(exception);
    }
  }

  #lose(error: unknown): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#isClosing = true;
    this.#held = [];
    this.#readable.destroy();
    this.#protocol.connectionLost(error);
  }

  isReading(): boolean {
    return !this.#isPaused && !this.#isClosing;
  }

  pauseReading(): void {
    if (this.#isClosing || this.#isPaused) return;
    this.#isPaused = true;
    this.#readable.pause();
  }

  resumeReading(): void {
    if (this.#isClosing || !this.#isPaused) return;
    this.#isPaused = false;
    for (const held of this.#held.splice(0)) this.#soon(() => this.#deliver(held));
    this.#readable.resume();
  }

  isClosing(): boolean {
    return this.#isClosing;
  }

  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#soon(() => this.#lose(null));
  }

  getExtraInfo(name: string, otherwise: unknown = null): unknown {
    return name === "pipe" ? this.#readable : otherwise;
  }

  setProtocol(protocol: AnyProtocol): void {
    this.#protocol = protocol as Protocol;
  }

  getProtocol(): Protocol {
    return this.#protocol;
  }

  override toString(): string {
    const state = this.#isLost ? "closed" : this.#isClosing ? "closing" : this.#isPaused ? "paused" : "open";
    return `<ReadPipeTransport ${state}>`;
  }
}

export class WritePipeTransport extends FlowControl implements WriteTransport {
  readonly #writable: Writable;
  #protocol: BaseProtocol;
  #isClosing = false;
  #isLost = false;
  #isMarked = false;
  #lostWrites = 0;

  constructor(loop: BaseEventLoop, writable: Writable, protocol: BaseProtocol) {
    super(loop);
    this.#writable = writable;
    this.#protocol = protocol;
    writable.on("error", (error) => this.#soon(() => this.#lose(error)));
    writable.on("close", () =>
      this.#soon(() => {
        const isCut = !this.#isClosing && writable.writableLength > 0;
        this.#lose(isCut ? brokenPipe("the reader has closed the pipe") : null);
      }),
    );
    writable.on("finish", () => this.#soon(() => this.#lose(null)));
    this.#soon(() => this.#protocol.connectionMade(this));
  }

  #soon(call: () => void): void {
    if (!this._loop.isClosed()) this._loop.callSoon(call);
  }

  #lose(error: unknown): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#isClosing = true;
    this.#protocol.connectionLost(error);
  }

  write(data: Uint8Array): void {
    checkBytes("write(data)", data);
    if (data.length === 0) return;
    if (this.#isClosing) {
      this.#lostWrites += 1;
      if (this.#lostWrites === LOST_WRITES_TO_WARN) {
        logger.warning(`write() to a pipe that is closed, ${LOST_WRITES_TO_WARN} times: ${this}`);
      }
      return;
    }
    this.#writable.write(data);
    if (this.#writable.writableLength > 0) this.#watchBuffer();
  }

  #watchBuffer(): void {
    this.maybePauseProtocol();
    if (this.#isMarked) return;
    this.#isMarked = true;
    this.#writable.write(NOTHING, () => {
      this.#isMarked = false;
      if (this.#isLost) return;
      this.#soon(() => this.maybeResumeProtocol());
      if (this.#writable.writableLength > 0 && !this.#isClosing) this.#watchBuffer();
    });
  }

  writelines(list: Iterable<Uint8Array>): void {
    for (const data of list) this.write(data);
  }

  getWriteBufferSize(): number {
    return this.#writable.writableLength;
  }

  canWriteEof(): boolean {
    return true;
  }

  writeEof(): void {
    this.close();
  }

  isClosing(): boolean {
    return this.#isClosing;
  }

  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#writable.end();
  }

  abort(): void {
    if (this.#isLost) return;
    this.#isClosing = true;
    this.#writable.destroy();
  }

  getExtraInfo(name: string, otherwise: unknown = null): unknown {
    return name === "pipe" ? this.#writable : otherwise;
  }

  setProtocol(protocol: AnyProtocol): void {
    this.#protocol = protocol as BaseProtocol;
  }

  getProtocol(): BaseProtocol {
    return this.#protocol;
  }

  override toString(): string {
    const state = this.#isLost ? "closed" : this.#isClosing ? "closing" : "open";
    return `<WritePipeTransport ${state} buffered=${this.getWriteBufferSize()}>`;
  }
}

inspectable(ReadPipeTransport, WritePipeTransport);

export function* connectReadPipe<P extends Protocol>(
  loop: BaseEventLoop,
  protocolFactory: () => P,
  pipe: Readable,
): Coroutine<[ReadPipeTransport, P]> {
  if (typeof pipe?.on !== "function" || typeof pipe.pause !== "function") {
    throw new TypeError(`connectReadPipe(…, pipe): a Readable of Node's is required, got ${describe(pipe)}`);
  }
  const protocol = protocolFactory();
  const transport = new ReadPipeTransport(loop, pipe, protocol);
  yield; // connectionMade() comes first
  return [transport, protocol];
}

export function* connectWritePipe<P extends BaseProtocol>(
  loop: BaseEventLoop,
  protocolFactory: () => P,
  pipe: Writable,
): Coroutine<[WritePipeTransport, P]> {
  if (typeof pipe?.on !== "function" || typeof pipe.write !== "function") {
    throw new TypeError(`connectWritePipe(…, pipe): a Writable of Node's is required, got ${describe(pipe)}`);
  }
  if (pipe.destroyed || pipe.writableEnded)
    throw new RuntimeError("connectWritePipe(…, pipe): the stream has ended");
  const protocol = protocolFactory();
  const transport = new WritePipeTransport(loop, pipe, protocol);
  yield;
  return [transport, protocol];
}
