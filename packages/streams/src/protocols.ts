/**
 * Protocols: what is called with what a transport brings. CPython: `protocols`.
 *
 *      connectionMade ─► dataReceived* ─► eofReceived? ─► connectionLost        once, none, at most once, exactly once
 *
 * In between pauseWriting and resumeWriting, in pairs, tell how full the transport's buffer is. All are called in turns of the loop.
 * The classes do nothing, so that one's own overrides what it needs.
 */
import type { Address } from "./addresses.ts";
import type { BaseTransport, DatagramTransport, SubprocessTransport, Transport } from "./transports.ts";

/** CPython: `protocols.BaseProtocol`. */
export class BaseProtocol {
  /** The connection is there. CPython: `BaseProtocol.connection_made`. */
  connectionMade(_transport: BaseTransport): void {}

  /** The connection is gone: closed by us or the other side (null), or broken. CPython: `BaseProtocol.connection_lost`. */
  connectionLost(_error: unknown): void {}

  /** The transport's buffer went over its high-water mark. CPython: `BaseProtocol.pause_writing`. */
  pauseWriting(): void {}

  /** The transport's buffer has come down to its low-water mark. CPython: `BaseProtocol.resume_writing`. */
  resumeWriting(): void {}
}

/** For streams of bytes. CPython: `protocols.Protocol`. */
export class Protocol extends BaseProtocol {
  override connectionMade(_transport: Transport): void {}

  /** Some bytes have come; how they are divided means nothing. They are the protocol's to keep. CPython: `Protocol.data_received`. */
  dataReceived(_data: Buffer): void {}

  /** The other side will send no more. True keeps the connection open for writing. CPython: `Protocol.eof_received`. */
  eofReceived(): boolean | void {}
}

/** For streams of bytes, into a buffer of the protocol's. CPython: `protocols.BufferedProtocol`. */
export class BufferedProtocol extends BaseProtocol {
  override connectionMade(_transport: Transport): void {}

  /** Where the next bytes are to go; not empty. `sizehint`: bytes, -1 for any. CPython: `BufferedProtocol.get_buffer`. */
  getBuffer(_sizehint: number): Uint8Array {
    throw new TypeError("a BufferedProtocol must override getBuffer(sizehint) and return a Uint8Array");
  }

  /** So many bytes were written into the buffer. CPython: `BufferedProtocol.buffer_updated`. */
  bufferUpdated(_nbytes: number): void {}

  /** As Protocol's. CPython: `BufferedProtocol.eof_received`. */
  eofReceived(): boolean | void {}
}

/** For datagrams. CPython: `protocols.DatagramProtocol`. */
export class DatagramProtocol extends BaseProtocol {
  override connectionMade(_transport: DatagramTransport): void {}

  /** A datagram has come. CPython: `DatagramProtocol.datagram_received`. */
  datagramReceived(_data: Buffer, _address: Address): void {}

  /** A send or receive failed; the transport goes on. CPython: `DatagramProtocol.error_received`. */
  errorReceived(_error: unknown): void {}
}

/** For child processes. CPython: `protocols.SubprocessProtocol`. */
export class SubprocessProtocol extends BaseProtocol {
  override connectionMade(_transport: SubprocessTransport): void {}

  /** The child wrote to its stdout (1) or stderr (2). CPython: `SubprocessProtocol.pipe_data_received`. */
  pipeDataReceived(_fd: number, _data: Buffer): void {}

  /** A pipe was closed. CPython: `SubprocessProtocol.pipe_connection_lost`. */
  pipeConnectionLost(_fd: number, _error: unknown): void {}

  /** The child has ended. CPython: `SubprocessProtocol.process_exited`. */
  processExited(): void {}
}

/** What a connection can be given. */
export type StreamProtocol = Protocol | BufferedProtocol;

export function isBuffered(protocol: BaseProtocol): protocol is BufferedProtocol {
  return typeof (protocol as Partial<BufferedProtocol>).getBuffer === "function";
}
