/**
 * Server: who listens, and the connections that came of it. CPython: `base_events.Server`.
 *
 *      created ──startServing──► serving ──close──► closed ──the last connection ends──► waitClosed() returns
 */
import type { AddressInfo, Server as NetServer } from "node:net";
import type { BaseEventLoop, Coroutine, Future } from "@aioloop/loop";
import { isCancelled, RuntimeError, wrapFuture } from "@aioloop/loop";
import { inspectable } from "@aioloop/loop/kernel";
import type { Manager } from "@aioloop/tasks";
import type { Address } from "./addresses.ts";
import type { Attachable, SocketTransport } from "./socket-transport.ts";

/** Something that listens when it is told to. */
export interface Listener {
  readonly server: NetServer;
  listen(): Promise<void>;
}

export class Server implements Manager<Server>, Attachable {
  readonly #loop: BaseEventLoop;
  #listeners: readonly Listener[] | null;
  #isServing = false;
  readonly #clients: Set<SocketTransport> = new Set();
  #waiters: Future<void>[] | null = [];
  #forever: Future<void> | null = null;
  #isForever = false;

  constructor(loop: BaseEventLoop, listeners: readonly Listener[]) {
    this.#loop = loop;
    this.#listeners = listeners;
  }

  getLoop(): BaseEventLoop {
    return this.#loop;
  }

  isServing(): boolean {
    return this.#isServing;
  }

  /** The addresses at which it listens; none once it is closed. CPython: `Server.sockets`. */
  get sockets(): readonly Address[] {
    return (this.#listeners ?? []).map(({ server }) => {
      const address = server.address() as AddressInfo | string | null;
      return typeof address === "string" || address === null
        ? (address ?? "")
        : { host: address.address, port: address.port };
    });
  }

  /** Accepts connections; a server that does already is left as it is. @throws RuntimeError once closed. CPython: `Server.start_serving`. */
  *startServing(): Coroutine<void> {
    yield* this._startServing();
    yield; // the loop's turn in which the first connections can come
  }

  /** @internal */
  *_startServing(): Coroutine<void> {
    if (this.#listeners === null)
      throw new RuntimeError(`startServing(): ${this} is closed; make a new server`);
    if (this.#isServing) return;
    this.#isServing = true;
    try {
      for (const listener of this.#listeners) yield* wrapFuture(listener.listen(), { loop: this.#loop });
    } catch (error) {
      this.#isServing = false;
      throw error;
    }
  }

  /**
   * Serves until it is cancelled, which closes the server and its connections.
   * @throws RuntimeError once closed, or while another serves for ever. CPython: `Server.serve_forever`.
   */
  *serveForever(): Coroutine<void> {
    if (this.#isForever) {
      throw new RuntimeError(`serveForever(): ${this} is being run by another serveForever() already`);
    }
    if (this.#listeners === null)
      throw new RuntimeError(`serveForever(): ${this} is closed; make a new server`);
    this.#isForever = true;
    try {
      yield* this._startServing();
      this.#forever = this.#loop.createFuture<void>(`${this}, for ever`);
      yield* this.#forever;
    } catch (error) {
      if (isCancelled(error)) {
        this.close();
        this.closeClients();
        yield* this.waitClosed();
      }
      throw error;
    } finally {
      this.#forever = null;
      this.#isForever = false;
    }
  }

  /** Stops accepting connections; those that there are stay. Idempotent. CPython: `Server.close`. */
  close(): void {
    const listeners = this.#listeners;
    if (listeners === null) return;
    this.#listeners = null;
    this.#isServing = false;
    for (const { server } of listeners) {
      if (server.listening) server.close();
      else server.once("listening", () => server.close()); // it may be about to listen
    }
    const forever = this.#forever;
    if (forever !== null && !forever.done()) forever.cancel();
    if (this.#clients.size === 0) this.#wake();
  }

  /** Closes the connections; what they have buffered is sent. CPython: `Server.close_clients`. */
  closeClients(): void {
    for (const client of [...this.#clients]) client.close();
  }

  /** Closes the connections at once. CPython: `Server.abort_clients`. */
  abortClients(): void {
    for (const client of [...this.#clients]) client.abort();
  }

  /** Until the server is closed and its last connection has ended. CPython: `Server.wait_closed`. */
  *waitClosed(): Coroutine<void> {
    if (this.#waiters === null) return;
    const waiter = this.#loop.createFuture<void>(`the end of ${this}`);
    this.#waiters.push(waiter);
    yield* waiter;
  }

  /**
   * Stops gracefully: accepts no more, gives connections `seconds` to end by themselves (null: without end), and ends those
   * that are left.
   */
  *stop(seconds: number | null): Coroutine<void> {
    this.close();
    const timer = seconds === null ? null : this.#loop.callLater(seconds, () => this.abortClients());
    try {
      yield* this.waitClosed();
    } finally {
      timer?.cancel();
    }
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = null;
    for (const waiter of waiters ?? []) if (!waiter.done()) waiter.setResult();
  }

  /** @internal */
  _attach(transport: SocketTransport): void {
    this.#clients.add(transport);
  }

  /** @internal */
  _detach(transport: SocketTransport): void {
    this.#clients.delete(transport);
    if (this.#clients.size === 0 && this.#listeners === null) this.#wake();
  }

  *aenter(): Coroutine<this> {
    return this;
  }

  *aexit(): Coroutine<void> {
    this.close();
    yield* this.waitClosed();
  }

  toString(): string {
    const where = this.sockets.map((address) =>
      typeof address === "string" ? address : `${address.host}:${address.port}`,
    );
    return `<Server ${this.#listeners === null ? "closed" : where.join(", ")}>`;
  }
}

inspectable(Server);
