/**
 * Server: who listens, and the connections that came of it. CPython: `base_events.Server`.
 *
 *      created ──startServing──► serving ──close──► closed ──the last connection ends──► waitClosed() returns
 */
import type { BaseEventLoop, Coroutine, Future } from "@aioloop/loop";
import { isCancelled, logger, RuntimeError, wrapFuture } from "@aioloop/loop";
import { inspectable } from "@aioloop/loop/kernel";
import type { Manager } from "@aioloop/tasks";
import { currentTask, wait } from "@aioloop/tasks";
import type { Address } from "./addresses.ts";
import type { Listener } from "./listeners.ts";
import type { Attachable, SocketTransport } from "./socket-transport.ts";

/** Codes of an address that is none of this machine. */
const NOT_HERE: ReadonlySet<unknown> = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT"]);

export class Server implements Manager<Server>, Attachable {
  readonly #loop: BaseEventLoop;
  #listeners: readonly Listener[] | null;
  #isServing = false;
  readonly #clients: Set<SocketTransport> = new Set();
  #waiters: Future<void>[] | null = [];
  #forever: Future<void> | null = null;
  #isForever = false;
  /** @internal What `startServer` made of its handlers, and is not done yet. */
  _handlers: ReadonlySet<Future<unknown>> = new Set();

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

  /**
   * The addresses at which it listens, none once it is closed; before startServing() those at which it will, with port 0 where the
   * system is to choose one. CPython: `Server.sockets`.
   */
  get sockets(): readonly Address[] {
    return (this.#listeners ?? []).map(({ address }) => address);
  }

  /** The port of the first socket: what port 0 has become. @throws RuntimeError where there is none: closed, not started, a Unix socket */
  get port(): number {
    const [first] = this.sockets;
    if (typeof first !== "object" || first.port === 0) throw new RuntimeError(`port: ${this} has none`);
    return first.port;
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
    const listeners = this.#listeners;
    try {
      const listening = yield* this.#listen(listeners);
      if (this.#listeners !== null) this.#listeners = listening;
    } catch (error) {
      this.#isServing = false;
      for (const listener of listeners) listener.close();
      throw error;
    }
  }

  /** An address that this machine has not is passed over where there are others: of a name, or of a family that is switched off. */
  *#listen(listeners: readonly Listener[]): Coroutine<Listener[]> {
    const listening: Listener[] = [];
    for (const listener of listeners) {
      if (this.#listeners === null) break; // closed meanwhile
      try {
        yield* wrapFuture(listener.listen(), { loop: this.#loop });
        listening.push(listener);
      } catch (error) {
        const isLast = listener === listeners.at(-1) && listening.length === 0;
        if (isLast || !NOT_HERE.has((error as NodeJS.ErrnoException).code)) throw error;
        if (this.#loop.getDebug()) logger.warning(`createServer(): ${(error as Error).message}`);
      }
    }
    return listening;
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
    for (const listener of listeners) listener.close();
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
   * Stops gracefully: accepts no more, and waits until the connections have ended and the handlers that `startServer` made tasks of
   * are done. After `seconds` (null: never) the connections that are left are aborted, and the handlers cancelled. A handler that
   * calls it does not wait for itself.
   */
  *stop(seconds: number | null): Coroutine<void> {
    this.close();
    const self = currentTask(this.#loop);
    const handlers = () => [...this._handlers].filter((handler) => handler !== self);
    const end = () => {
      this.abortClients();
      for (const handler of handlers()) handler.cancel();
    };
    const timer = seconds === null ? null : this.#loop.callLater(seconds, end);
    try {
      yield* this.waitClosed();
      for (let left = handlers(); left.length > 0; left = handlers()) yield* wait(left);
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
  get _isClosed(): boolean {
    return this.#listeners === null;
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
