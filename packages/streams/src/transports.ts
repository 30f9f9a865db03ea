/**
 * Transports: what carries bytes for a protocol. CPython: `transports`.
 *
 * Abstract here; sockets, pipes, datagrams and child processes have theirs. The flow control of those that write is FlowControl's.
 */
import type { BaseEventLoop } from "@aioloop/loop";
import { logger } from "@aioloop/loop";
import { describe, leavesLoop } from "@aioloop/loop/kernel";
import type { Address } from "./addresses.ts";

/** What `getExtraInfo` knows, by name: "peername", "sockname", "socket", "pipe", "subprocess", "peercert", "cipher", "sslcontext". */
export type ExtraInfo = Readonly<Record<string, unknown>>;

/** What a transport needs of any protocol; the classes are in protocols.ts. */
export interface AnyProtocol {
  connectionLost(error: unknown): void;
  pauseWriting(): void;
  resumeWriting(): void;
}

/** CPython: `transports.BaseTransport`. */
export abstract class BaseTransport {
  /** A detail of what lies below; `otherwise` if there is none of this name. CPython: `BaseTransport.get_extra_info`. */
  abstract getExtraInfo(name: string, otherwise?: unknown): unknown;
  /** True from the moment on at which it closes. CPython: `BaseTransport.is_closing`. */
  abstract isClosing(): boolean;
  /** Stops reading, sends what is buffered, then closes; the protocol's connectionLost(null) follows. CPython: `BaseTransport.close`. */
  abstract close(): void;
  abstract setProtocol(protocol: AnyProtocol): void;
  abstract getProtocol(): AnyProtocol;
}

/** CPython: `transports.ReadTransport`. */
export interface ReadTransport extends BaseTransport {
  isReading(): boolean;
  /** The protocol gets no more bytes until resumeReading(). Idempotent. CPython: `ReadTransport.pause_reading`. */
  pauseReading(): void;
  resumeReading(): void;
}

/** CPython: `transports.WriteTransport`. */
export interface WriteTransport extends BaseTransport {
  /** High- and low-water mark of the buffer, in bytes. @throws RangeError unless high >= low >= 0. CPython: `WriteTransport.set_write_buffer_limits`. */
  setWriteBufferLimits(limits?: WriteBufferLimits): void;
  /** Bytes that are not sent yet. */
  getWriteBufferSize(): number;
  /** [low, high]. CPython: `WriteTransport.get_write_buffer_limits`. */
  getWriteBufferLimits(): [low: number, high: number];
  /** Sends bytes, or buffers them; never waits. CPython: `WriteTransport.write`. */
  write(data: Uint8Array): void;
  writelines(list: Iterable<Uint8Array>): void;
  /** Closes the side that writes, once what is buffered is sent. CPython: `WriteTransport.write_eof`. */
  writeEof(): void;
  canWriteEof(): boolean;
  /** Closes at once; what is buffered is lost. CPython: `WriteTransport.abort`. */
  abort(): void;
}

export interface WriteBufferLimits {
  /** Bytes; default 64 KiB, or four times `low`. */
  high?: number | null | undefined;
  /** Bytes; default a quarter of `high`. */
  low?: number | null | undefined;
}

/** Both ways. CPython: `transports.Transport`. */
export interface Transport extends ReadTransport, WriteTransport {}

/** CPython: `transports.DatagramTransport`. */
export interface DatagramTransport extends BaseTransport {
  /** Sends a datagram; `address` unless the transport has a remote address. CPython: `DatagramTransport.sendto`. */
  sendto(data: Uint8Array, address?: Address | null): void;
  /** As WriteTransport's; each datagram counts 8 more than its bytes. */
  setWriteBufferLimits(limits?: WriteBufferLimits): void;
  getWriteBufferSize(): number;
  getWriteBufferLimits(): [low: number, high: number];
  abort(): void;
}

/** CPython: `transports.SubprocessTransport`. */
export interface SubprocessTransport extends BaseTransport {
  getPid(): number;
  /** The exit code, minus the signal's number where one ended the child; null while it runs. */
  getReturncode(): number | null;
  /** The transport of the child's stdin (0), stdout (1) or stderr (2), null where that is no pipe. */
  getPipeTransport(fd: number): BaseTransport | null;
  sendSignal(signal: number | NodeJS.Signals): void;
  terminate(): void;
  kill(): void;
}

const HIGH_WATER = 64 * 1024;

/** From so many writes to a transport that is closed on, each is warned of. CPython: `constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES`. */
const LOST_WRITES_TO_WARN = 5;

/** Pauses and resumes the protocol's writing by the size of the buffer. CPython: `transports._FlowControlMixin`. */
export abstract class FlowControl extends BaseTransport {
  readonly _loop: BaseEventLoop;
  #high: number = HIGH_WATER;
  #low: number = HIGH_WATER / 4;
  #isPaused = false;
  #lostWrites = 0;

  constructor(loop: BaseEventLoop) {
    super();
    this._loop = loop;
  }

  abstract getWriteBufferSize(): number;

  /** To be called after each write. */
  protected maybePauseProtocol(): void {
    const size = this.getWriteBufferSize();
    if (size <= this.#high || this.#isPaused) return;
    this.#isPaused = true;
    this.#tell("pauseWriting");
  }

  /** To be called when something was sent. */
  protected maybeResumeProtocol(): void {
    if (!this.#isPaused || this.getWriteBufferSize() > this.#low) return;
    this.#isPaused = false;
    this.#tell("resumeWriting");
  }

  #tell(what: "pauseWriting" | "resumeWriting"): void {
    const protocol = this.getProtocol();
    try {
      protocol[what]();
    } catch (exception) {
      if (leavesLoop(exception)) throw exception;
      this._loop.callExceptionHandler({
        message: `protocol.${what}() failed`,
        exception,
        transport: this,
        protocol,
      });
    }
  }

  /** To be called for each write that is dropped, since the transport is closed. */
  protected warnOfLost(call: string): void {
    this.#lostWrites += 1;
    if (this.#lostWrites < LOST_WRITES_TO_WARN) return;
    logger.warning(`${call} over a transport that is closed, ${this.#lostWrites} times: ${this}`);
  }

  setWriteBufferLimits({ high = null, low = null }: WriteBufferLimits = {}): void {
    const newHigh = high ?? (low === null ? HIGH_WATER : 4 * low);
    const newLow = low ?? Math.floor(newHigh / 4);
    if (!(newHigh >= newLow && newLow >= 0)) {
      throw new RangeError(
        `setWriteBufferLimits({ high, low }): high must be at least low, and low at least 0 bytes, got high ${newHigh} and low ${newLow}`,
      );
    }
    this.#high = newHigh;
    this.#low = newLow;
    this.maybePauseProtocol();
  }

  getWriteBufferLimits(): [low: number, high: number] {
    return [this.#low, this.#high];
  }
}

/** @throws TypeError for what is no bytes */
export function checkBytes(call: string, data: unknown): asserts data is Uint8Array {
  if (data instanceof Uint8Array) return;
  const hint = typeof data === "string" ? `. For text write Buffer.from(${describe(data, 20)})` : "";
  throw new TypeError(`${call}: bytes are required (Buffer, Uint8Array), got ${describe(data)}${hint}`);
}
