/** Handing a transport's bytes to its protocol. CPython: `_read_ready__get_buffer` and `_fatal_error` of `selector_events`. */
import type { BaseEventLoop } from "@aioloop/loop";
import { leavesLoop } from "@aioloop/loop/kernel";
import type { BufferedProtocol } from "./protocols.ts";
import type { BaseTransport } from "./transports.ts";

/** Whose protocol may throw. */
export interface Deliverer {
  /** @internal `call`: the protocol's method that threw. */
  _protocolFailed(exception: unknown, call: string): void;
}

/** Into the protocol's own buffers, as many as it takes. */
export function deliverInto(protocol: BufferedProtocol, data: Buffer, deliverer: Deliverer): void {
  let call = "getBuffer";
  try {
    for (let start = 0; start < data.length; ) {
      call = "getBuffer";
      const buffer = protocol.getBuffer(data.length - start);
      if (!(buffer instanceof Uint8Array) || buffer.length === 0) {
        throw new RangeError("getBuffer() must return a Uint8Array that is not empty");
      }
      const part = data.subarray(start, start + buffer.length);
      buffer.set(part);
      start += part.length;
      call = "bufferUpdated";
      protocol.bufferUpdated(part.length);
    }
  } catch (error) {
    deliverer._protocolFailed(error, call);
  }
}

/** What a protocol throws is reported; its transport ends the connection then. */
export function reportFatal(
  loop: BaseEventLoop,
  transport: BaseTransport,
  exception: unknown,
  call: string,
): void {
  if (leavesLoop(exception)) throw exception;
  const message = `Fatal error: protocol.${call}() call failed.`;
  loop.callExceptionHandler({ message, exception, transport, protocol: transport.getProtocol() });
}
