/**
 * Listener: one address at which a Server accepts connections. CPython: `_start_serving` and `_accept_connection` of
 * `selector_events.BaseSelectorEventLoop`.
 *
 * Where a process is out of descriptors CPython leaves connections waiting, and tries again in a second. Node keeps a spare
 * descriptor, with which it accepts what comes and closes it, so that clients see the end at once; the server goes on by itself as
 * soon as there are descriptors. Of that Node tells nobody. What can be known is that a connection has taken the last descriptor
 * (Linux): that is reported. Where accepting fails all the same (the spare is lost, or no memory), libuv tries again without end and
 * lets nothing else run: the listener closes, and listens again in a second.
 */
import { linkSync, lstatSync, readFileSync, renameSync } from "node:fs";
import type { AddressInfo, ListenOptions, Server as NetServer, Socket } from "node:net";
import { createServer } from "node:net";
import type { BaseEventLoop, TimerHandle } from "@aioloop/loop";
import type { Address } from "./addresses.ts";

/** Seconds. CPython: `constants.ACCEPT_RETRY_DELAY`. */
const ACCEPT_RETRY_DELAY = 1;

export interface ListenerOptions {
  /** Of a Unix socket: remove its file in the end, if that is still the file it made. */
  cleanupSocket?: boolean;
  /** Connections ask now and then whether the other side is still there: SO_KEEPALIVE. */
  keepAlive?: boolean;
}

export class Listener {
  readonly #loop: BaseEventLoop;
  readonly #server: NetServer;
  readonly #options: ListenOptions;
  #address: Address;
  #isOpen = false;
  readonly #removesFile: boolean;
  /** Of the file of a Unix socket. */
  #inode: number | undefined;
  #retry: TimerHandle | null = null;
  /** In the loop's time: when it was last reported that there are no descriptors left. */
  #reportedAt: number = Number.NEGATIVE_INFINITY;

  /** `accept` is called for each connection, outside of turns. */
  constructor(
    loop: BaseEventLoop,
    options: ListenOptions,
    accept: (socket: Socket) => void,
    { cleanupSocket = true, keepAlive = false }: ListenerOptions = {},
  ) {
    this.#loop = loop;
    this.#removesFile = cleanupSocket;
    this.#options = options;
    this.#address = options.path ?? { host: options.host ?? "::", port: options.port ?? 0 };
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive }, (socket) => {
      accept(socket);
      if (descriptorOf(socket) === lastDescriptor()) this.#outOfDescriptors();
    });
    this.#server.on("listening", () => this.#listening());
    this.#server.on("error", (error) => {
      if (this.#server.listening) this._acceptFailed(error); // or it is about to listen, see listen()
    });
  }

  /** Where it listens, or will: port 0 until the system has chosen one. */
  get address(): Address {
    return this.#address;
  }

  /** @throws Node's error with its code: EADDRINUSE, EACCES, EADDRNOTAVAIL, … */
  listen(): Promise<void> {
    this.#isOpen = true;
    const server = this.#server;
    return new Promise((resolve, reject) => {
      const settle = (error?: Error) => {
        server.off("listening", settle);
        server.off("error", settle);
        if (error === undefined) resolve();
        else reject(error);
      };
      server.once("listening", settle);
      server.once("error", settle);
      server.listen(this.#options);
    });
  }

  #listening(): void {
    const address = this.#server.address() as AddressInfo | string;
    if (typeof address === "string") this.#inode = inodeOf(address);
    if (!this.#isOpen) {
      this.#stop(); // closed before it could listen
      return;
    }
    this.#address = typeof address === "string" ? address : { host: address.address, port: address.port };
  }

  /** Listens no more; it can again. Connections are left alone. */
  close(): void {
    this.#isOpen = false;
    this.#retry?.cancel();
    this.#retry = null;
    if (this.#server.listening) this.#stop();
  }

  /** Node removes the file of a Unix socket, whosever it is by then: what is to stay is held by another name meanwhile. */
  #stop(): void {
    const path = this.#server.address();
    const inode = typeof path === "string" ? inodeOf(path) : undefined;
    if (inode === undefined || (this.#removesFile && inode === this.#inode)) {
      this.#server.close();
      return;
    }
    const kept = `${path}.${process.pid}.kept`;
    linkSync(path as string, kept);
    this.#server.close();
    renameSync(kept, path as string);
  }

  /** @internal */
  _acceptFailed(exception: unknown): void {
    this.#server.close();
    if (this.#loop.isClosed()) return;
    const message = `a server cannot accept connections; it tries again in ${ACCEPT_RETRY_DELAY} s`;
    this.#loop.callExceptionHandler({ message, exception });
    this.#retry = this.#loop.callLater(ACCEPT_RETRY_DELAY, () => this.#listenAgain());
  }

  #listenAgain(): void {
    this.#retry = null;
    if (typeof this.#address !== "string") this.#options.port = this.#address.port;
    this.listen().catch((error: unknown) => {
      if (this.#isOpen) this._acceptFailed(error);
    });
  }

  /** As often as CPython would say it. */
  #outOfDescriptors(): void {
    const now = this.#loop.time();
    if (this.#loop.isClosed() || now - this.#reportedAt < ACCEPT_RETRY_DELAY) return;
    this.#reportedAt = now;
    const text = "accept EMFILE: too many open files";
    this.#loop.callExceptionHandler({
      message:
        "a connection has taken the last file descriptor: until one is closed, a server closes connections as they come",
      exception: Object.assign(new Error(text), { code: "EMFILE", syscall: "accept" }),
    });
  }
}

/** @throws RangeError in a Node that has no such option, and would ignore it */
export function checkReusePort(call: string): void {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)) return;
  throw new RangeError(
    `${call}: Node ${process.version} cannot share a port; 22.12 and newer can. Take the cluster module, or one process`,
  );
}

/** Undefined where there is nothing. */
function inodeOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ino;
}

/** Node knows no other way to it. -1 where a socket has none. */
function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle: { readonly fd?: number } | null };
  return handle?.fd ?? -1;
}

let last: number | undefined;

/** The highest descriptor that the process may have: the system gives the lowest that is free. NaN where it does not say how many. */
function lastDescriptor(): number {
  if (last === undefined) {
    try {
      const [, count] = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1")) ?? [];
      last = Number(count) - 1;
    } catch {
      last = Number.NaN;
    }
  }
  return last;
}
