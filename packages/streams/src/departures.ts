/**
 * How bytes go to a socket: into the system at once, past the Writable, while that has nothing to send.
 *
 * A Writable makes a request, a tick and a callback for each write, though the system takes nearly all of them whole, on the spot. So
 * Node's handle is called here as the Writable would call it. What the system does not take libuv keeps, and sends before whatever is
 * given to it later, by the Writable too. docs/decisions/0022.
 */
import { Socket } from "node:net";
import type { Writable } from "node:stream";
import { getSystemErrorName } from "node:util";

/** Node's object for a write that is under way. It is untouched by one that is done when it returns. */
interface WriteRequest {
  /** What is not sent yet lies there: the collector must not have it. */
  buffer?: Uint8Array;
  oncomplete?: (status: number) => void;
  /** Of one under way; -1 otherwise. */
  getAsyncId(): number;
}

/** Node's handle of a socket or a pipe. */
export interface WriteHandle {
  /** @returns 0, or the negative number of the system's error */
  writeBuffer(request: WriteRequest, data: Uint8Array): number;
}

type Handled = { readonly _handle?: Partial<WriteHandle> | null };

/** Null in a Node that has another one, or none: then all goes through the Writable. */
const RequestClass: (new () => WriteRequest) | null = requestClass();

/** One for all sockets, until a write stays under way with it. */
let spare: WriteRequest | null = null;

/** Node hands the class to nobody, but a request of it to every handle. */
function requestClass(): (new () => WriteRequest) | null {
  let seen: WriteRequest | null = null;
  const handle = {
    writeBuffer: (request: WriteRequest) => {
      seen = request;
      return 0;
    },
  };
  try {
    const options: object = { handle, readable: false, manualStart: true };
    new Socket(options).write(Buffer.alloc(1));
    const Class = (seen as unknown as object).constructor as new () => WriteRequest;
    return new Class().getAsyncId() === -1 ? Class : null;
  } catch {
    return null;
  }
}

/** Null for what is no plain socket or pipe of Node's: TLS, a file, whatever has a `write()` of its own. */
export function writeHandleOf(stream: Writable): WriteHandle | null {
  if (RequestClass === null || Object.getPrototypeOf(stream) !== Socket.prototype) return null;
  if (stream.write !== Socket.prototype.write) return null;
  const { _handle: handle } = stream as Handled;
  return typeof handle?.writeBuffer === "function" ? (handle as WriteHandle) : null;
}

/** Whether nothing is before what is written now, and nobody but the system has to know of it. */
export function isIdle(stream: Writable): boolean {
  const { connecting, timeout } = stream as Socket;
  return stream.writableLength === 0 && stream.writable && !connecting && !timeout;
}

/** Who has sent something that stays under way. */
export interface Sender {
  /** @internal Now it is sent, or will not be. */
  _onSent(error: NodeJS.ErrnoException | null): void;
}

/**
 * Sends to a handle whose stream is idle.
 * @returns false where all is sent, or could not be, which `sender` has been told of; true where it will be told.
 */
export function sendAtOnce(handle: WriteHandle, data: Uint8Array, sender: Sender): boolean {
  const request = (spare ??= new (RequestClass as new () => WriteRequest)());
  const status = handle.writeBuffer(request, data);
  if (status !== 0) sender._onSent(errorOf(status));
  if (request.getAsyncId() === -1) return false;
  spare = null;
  request.buffer = data;
  request.oncomplete = (status) => sender._onSent(status === 0 ? null : errorOf(status));
  return true;
}

/** As Node makes it. */
function errorOf(errno: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(errno);
  return Object.assign(new Error(`write ${code}`), { errno, code, syscall: "write" });
}
