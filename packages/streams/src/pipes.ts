/**
 * Transports over any Readable or Writable of Node's: pipes, files, process.stdin, what libraries give. CPython:
 * `unix_events._UnixReadPipeTransport`, `_UnixWritePipeTransport`.
 */

import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import type { BaseEventLoop, Context, Coroutine } from "@aioloop/loop";
import { copyContext, RuntimeError } from "@aioloop/loop";
import { describe, inspectable } from "@aioloop/loop/kernel";
import type { Deliverer } from "./delivery.ts";
import { reportFatal } from "./delivery.ts";
import { brokenPipe } from "./exceptions.ts";
import type { Arrival } from "./inflow.ts";
import { Inflow } from "./inflow.ts";
import type { OpenHandle } from "./open-handles.ts";
import { handleClosed, handleOpened } from "./open-handles.ts";
import type { BaseProtocol, Protocol } from "./protocols.ts";
import type { AnyProtocol, ReadTransport } from "./transports.ts";
import { BaseTransport } from "./transports.ts";
import { dataInTurn, inTurn } from "./turns.ts";
import { WritableFlow } from "./writable-flow.ts";

export class ReadPipeTransport extends BaseTransport implements ReadTransport, Deliverer, OpenHandle {
  readonly #loop: BaseEventLoop;
  readonly #context: Context = copyContext();
  readonly #readable: Readable;
  readonly #inflow: Inflow;
  #protocol: Protocol;
  #isClosing = false;
  #isLost = false;

  constructor(loop: BaseEventLoop, readable: Readable, protocol: Protocol) {
    super();
    this.#loop = loop;
    this.#readable = readable;
    this.#inflow = new Inflow(readable);
    this.#protocol = protocol;
    handleOpened(loop, this);
    this.#soon(() => this.#protocol.connectionMade(this as never));
    this.#soon(() => this.#startReading());
  }

  #soon(call: () => void): void {
    inTurn(this.#loop, this.#context, call, null);
  }

  #startReading(): void {
    const readable = this.#readable;
    const deliver = (arrival: Arrival) => this.#onArrival(arrival);
    const end = () => this.#soon(() => this.#onArrival(null));
    readable.on("data", (data: Buffer | string) => {
      const bytes = typeof data === "string" ? Buffer.from(data) : data;
      dataInTurn(this.#loop, this.#context, deliver, bytes);
    });
    readable.on("end", end);
    readable.on("close", end); // also without an end: it was destroyed
    readable.on("error", (error) => this.#soon(() => this.#lose(error)));
    if (this.#inflow.isPaused) readable.pause();
    else readable.resume(); // somebody may have paused it before
    if (readable.readableEnded || readable.destroyed) end();
  }

  #onArrival(arrival: Arrival): void {
    if (!this.#isClosing && !this.#inflow.holds(arrival)) this.#give(arrival);
  }

  #give(arrival: Arrival): void {
    try {
      if (arrival !== null) this.#protocol.dataReceived(arrival);
      else {
        this.#end();
        this.#protocol.eofReceived();
        this.#soon(() => this.#lose(null));
      }
    } catch (exception) {
      this._protocolFailed(exception, arrival === null ? "eofReceived" : "dataReceived");
    }
  }

  /** @internal */
  _protocolFailed(exception: unknown, call: string): void {
    reportFatal(this.#loop, this, exception, call);
    this.#lose(exception);
  }

  /** Nothing more is given. */
  #end(): void {
    this.#isClosing = true;
    this.#inflow.clear();
  }

  #lose(error: unknown): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#end();
    this.#readable.destroy();
    handleClosed(this.#loop, this);
    this.#protocol.connectionLost(error);
  }

  /** @internal The process's own stdin is left to it, and to the next loop. */
  _loopClosed(): void {
    if (this.#readable === process.stdin) this.#readable.pause();
    else this.#readable.destroy();
  }

  isReading(): boolean {
    return !this.#inflow.isPaused && !this.#isClosing;
  }

  pauseReading(): void {
    if (!this.#isClosing) this.#inflow.pause();
  }

  resumeReading(): void {
    if (this.#isClosing || !this.#inflow.resume()) return;
    this.#soon(() => this.#inflow.giveHeld((arrival) => this.#give(arrival)));
  }

  isClosing(): boolean {
    return this.#isClosing;
  }

  close(): void {
    if (this.#isClosing) return;
    this.#end();
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
    const { isPaused } = this.#inflow;
    const state = this.#isLost ? "closed" : this.#isClosing ? "closing" : isPaused ? "paused" : "open";
    return `<ReadPipeTransport ${state}>`;
  }
}

export class WritePipeTransport extends WritableFlow<Writable, BaseProtocol> implements OpenHandle {
  constructor(loop: BaseEventLoop, writable: Writable, protocol: BaseProtocol) {
    super(loop, writable, protocol);
    if (isPipe(writable)) handleOpened(loop, this);
    writable.on("error", (error) => this.soon(() => this.#lose(error)));
    writable.on("close", () => this.soon(() => this.#onClose()));
    writable.on("finish", () => this.soon(() => this.#lose(null)));
    this.soon(() => this.protocol.connectionMade(this));
  }

  #onClose(): void {
    const isCut = !this.isEnding && this.getWriteBufferSize() > 0;
    this.#lose(isCut ? brokenPipe("the reader has closed the pipe") : null);
  }

  #lose(failure: unknown): void {
    if (this.isLost) return;
    this.isLost = true;
    this.isEnding = true;
    handleClosed(this._loop, this);
    this.protocol.connectionLost(this.failure ?? failure);
  }

  /** @internal */
  _loopClosed(): void {
    this.writable.destroy();
  }

  override writeEof(): void {
    super.writeEof();
    this.isEnding = true;
  }

  close(): void {
    if (this.isEnding) return;
    this.isEnding = true;
    this.writable.end();
  }

  abort(): void {
    if (this.isLost) return;
    this.isEnding = true;
    this.writable.destroy();
  }

  getExtraInfo(name: string, otherwise: unknown = null): unknown {
    return name === "pipe" ? this.writable : otherwise;
  }

  override toString(): string {
    const state = this.isLost ? "closed" : this.isEnding ? "closing" : "open";
    return `<WritePipeTransport ${state} buffered=${this.getWriteBufferSize()}>`;
  }
}

/** What may wait for its other side without end. A file gets what was written, and stdout and stderr are the process's. */
function isPipe(writable: Writable): boolean {
  return writable instanceof Socket && writable !== process.stdout && writable !== process.stderr;
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
  if (pipe.destroyed || pipe.writableEnded) {
    throw new RuntimeError("connectWritePipe(…, pipe): the stream has ended");
  }
  const protocol = protocolFactory();
  const transport = new WritePipeTransport(loop, pipe, protocol);
  yield;
  return [transport, protocol];
}
