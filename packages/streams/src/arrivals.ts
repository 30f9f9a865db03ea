/**
 * How bytes come from a socket: read into a buffer that all sockets share, and copied from there into memory of their size.
 *
 * By itself Node takes 64 KiB for each read, cuts them down to what came, and passes that through a Readable, which together costs more
 * than a turn of the loop. Its option `onread` reads into a given buffer instead; but a server's sockets cannot be given the option,
 * so it is set here, where it is kept. A connection that fills the shared buffer gets buffers of its own (slabs.ts), which are given
 * away as they are: large parts are not copied. docs/decisions/0018.
 */
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { PART, putBack, takePart } from "./slabs.ts";

/** Up to this many bytes are copied, also out of a large buffer: a view of so few would keep too much memory alive. */
const SMALL = PART / 4;

/** One read ends before the next begins. */
const SHARED = Buffer.allocUnsafeSlow(PART);

/** Of its beginning, as long as what came last: requests are often alike. */
let view: Uint8Array = SHARED;

/** Where a Socket keeps what `onread` was given. */
interface Places {
  readonly buffer: symbol;
  readonly callback: symbol;
  readonly generator: symbol;
}

type Opened = Record<symbol, unknown> & {
  readonly _handle: { useUserBuffer?(buffer: Uint8Array): void } | null;
};

const places: Places | null = placesOf(new Socket());

/** Null in a Node that keeps them elsewhere: then a socket is read as any other stream. */
function placesOf(socket: Socket): Places | null {
  const named = (name: string) =>
    Object.getOwnPropertySymbols(socket).find((one) => one.description === name);
  const buffer = named("kBuffer");
  const callback = named("kBufferCb");
  const generator = named("kBufferGen");
  if (buffer === undefined || callback === undefined || generator === undefined) return null;
  return { buffer, callback, generator };
}

/** Null for what is no socket of the system's that can be read, or is read by somebody already. */
function ownReader(stream: Duplex): Opened | null {
  if (!(stream instanceof Socket) || stream instanceof TLSSocket) return null;
  if (!stream.readable || stream.readableFlowing !== null) return null;
  const socket = stream as unknown as Opened;
  return typeof socket._handle?.useUserBuffer === "function" ? socket : null;
}

function copyOfShared(count: number): Buffer {
  const data = Buffer.allocUnsafe(count);
  if (view.length !== count) view = new Uint8Array(SHARED.buffer, 0, count);
  data.set(view);
  return data;
}

/** Calls `give` with what comes from now on, and with what has come; what is given is the receiver's to keep. */
export function receive(stream: Duplex, give: (data: Buffer) => void): void {
  const socket = ownReader(stream);
  if (socket === null || places === null) {
    stream.on("data", give);
    return;
  }
  let isLarge = false;
  socket[places.callback] = (count: number, buffer: Buffer): boolean => {
    if (buffer === SHARED) {
      isLarge = count === PART;
      give(copyOfShared(count));
    } else if (count === PART) give(buffer);
    else if (count > SMALL) give(buffer.subarray(0, count));
    else {
      isLarge = false;
      give(Buffer.from(buffer.subarray(0, count)));
      putBack(buffer);
    }
    return true;
  };
  socket[places.generator] = () => (isLarge ? takePart() : SHARED);
  socket[places.buffer] = SHARED;
  socket._handle?.useUserBuffer?.(SHARED);
  for (let data = stream.read() as Buffer | null; data !== null; data = stream.read()) give(data);
  stream.resume(); // or its end would never be told
}

/** Undoes that, for who reads the socket next: TLS. */
export function unreceive(socket: Socket): void {
  socket.removeAllListeners("data");
  if (places !== null) (socket as unknown as Opened)[places.buffer] = null;
}
