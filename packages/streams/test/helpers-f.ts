/** What the tests of readers, writers and their protocol share: readers fed by hand, and a transport made by hand. */
import type { BaseEventLoop, Coroutine } from "@aioloop/loop";
import type { StreamReader } from "@aioloop/streams";
import type { AnyProtocol, ExtraInfo, Transport } from "../src/transports.ts";
import { FlowControl } from "../src/transports.ts";

export function bytes(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** Feeds each of these. */
export function feed(reader: StreamReader, ...texts: string[]): void {
  for (const text of texts) reader.feedData(bytes(text));
}

/** What is still in a reader, taken out of it: it gets its end of the stream unless it has. */
export function* rest(reader: StreamReader): Coroutine<string> {
  reader.feedEof();
  return `${yield* reader.read()}`;
}

/** Waits for so many turns of the loop. */
export function* turns(count: number): Coroutine<void> {
  for (; count > 0; count--) yield;
}

/** Carries nothing: what is written stays in its buffer until `send`, and it tells what it was asked. */
export class HandTransport extends FlowControl implements Transport {
  /** The calls that change something below, in order. */
  readonly calls: string[] = [];
  readonly written: Buffer[] = [];
  #protocol: AnyProtocol;
  readonly #extra: ExtraInfo;
  #buffered = 0;
  #isReading = true;
  #isClosing = false;

  constructor(loop: BaseEventLoop, protocol: AnyProtocol, extra: ExtraInfo = {}) {
    super(loop);
    this.#protocol = protocol;
    this.#extra = extra;
  }

  /** So many bytes have gone. */
  send(count: number = this.#buffered): void {
    this.#buffered -= count;
    this.maybeResumeProtocol();
  }

  write(data: Uint8Array): void {
    this.written.push(Buffer.from(data));
    this.#buffered += data.length;
    this.maybePauseProtocol();
  }

  writelines(list: Iterable<Uint8Array>): void {
    for (const data of list) this.write(data);
  }

  getWriteBufferSize(): number {
    return this.#buffered;
  }

  writeEof(): void {
    this.calls.push("writeEof");
  }

  canWriteEof(): boolean {
    return true;
  }

  isReading(): boolean {
    return this.#isReading;
  }

  pauseReading(): void {
    this.calls.push("pauseReading");
    this.#isReading = false;
  }

  resumeReading(): void {
    this.calls.push("resumeReading");
    this.#isReading = true;
  }

  isClosing(): boolean {
    return this.#isClosing;
  }

  close(): void {
    this.#end("close", null);
  }

  abort(): void {
    this.#end("abort", null);
  }

  /** The connection breaks: the protocol is told in the next turn, as by every transport. */
  break(error: unknown): void {
    this.#end("break", error);
  }

  #end(call: string, error: unknown): void {
    if (this.#isClosing) return;
    this.calls.push(call);
    this.#isClosing = true;
    this._loop.callSoon(() => this.#protocol.connectionLost(error));
  }

  getExtraInfo(name: string, otherwise: unknown = null): unknown {
    return this.#extra[name] ?? otherwise;
  }

  setProtocol(protocol: AnyProtocol): void {
    this.#protocol = protocol;
  }

  getProtocol(): AnyProtocol {
    return this.#protocol;
  }

  override toString(): string {
    return "<HandTransport>";
  }
}
