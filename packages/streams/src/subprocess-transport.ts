/**
 * The transport of a child process. CPython: `base_subprocess.BaseSubprocessTransport`.
 *
 *      spawned ── its pipes have their transports ──► connectionMade ─► pipeDataReceived*, pipeConnectionLost*, processExited
 *                                                                      └─ all of them over ──► connectionLost
 */
import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import type { BaseEventLoop, Coroutine, Future } from "@aioloop/loop";
import { inspectable } from "@aioloop/loop/kernel";
import type { OpenHandle } from "./open-handles.ts";
import { handleClosed, handleOpened } from "./open-handles.ts";
import type { SubprocessProtocol } from "./protocols.ts";
import { Protocol } from "./protocols.ts";
import type { Signal } from "./signals.ts";
import { signalName, signalNumber } from "./signals.ts";
import { SocketTransport } from "./socket-transport.ts";
import type { AnyProtocol, SubprocessTransport } from "./transports.ts";
import { BaseTransport } from "./transports.ts";

/** A pipe of the child, as its transport sees it. */
class PipeProtocol extends Protocol {
  readonly #owner: ChildTransport;
  readonly #fd: number;

  constructor(owner: ChildTransport, fd: number) {
    super();
    this.#owner = owner;
    this.#fd = fd;
  }

  override dataReceived(data: Buffer): void {
    this.#owner._pipeDataReceived(this.#fd, data);
  }

  override connectionLost(error: unknown): void {
    this.#owner._pipeConnectionLost(this.#fd, error);
  }

  override pauseWriting(): void {
    this.#owner.getProtocol().pauseWriting();
  }

  override resumeWriting(): void {
    this.#owner.getProtocol().resumeWriting();
  }
}

export class ChildTransport extends BaseTransport implements SubprocessTransport, OpenHandle {
  readonly #loop: BaseEventLoop;
  readonly #child: ChildProcess;
  readonly #pid: number;
  #protocol: SubprocessProtocol;
  readonly #pipes: Map<number, SocketTransport> = new Map();
  readonly #connecting: Future<void>[] = [];
  /** Pipes that are not closed yet. */
  readonly #open: Set<number> = new Set();
  /** Calls of the protocol that wait for its connectionMade(). */
  #early: (() => void)[] | null = [];
  #returncode: number | null = null;
  #isClosing = false;
  #isFinished = false;
  readonly #waiters: Set<Future<number>> = new Set();

  /** `child` has been spawned. */
  constructor(loop: BaseEventLoop, child: ChildProcess, protocol: SubprocessProtocol) {
    super();
    handleOpened(loop, this);
    this.#loop = loop;
    this.#child = child;
    this.#pid = child.pid as number;
    this.#protocol = protocol;
    for (const [fd, pipe] of [child.stdin, child.stdout, child.stderr].entries()) {
      if (pipe === null) continue;
      const waiter = loop.createFuture<void>("a pipe of a child process");
      const options = { waiter, extra: { pipe } };
      this.#open.add(fd);
      this.#pipes.set(fd, new SocketTransport(loop, pipe as Socket, new PipeProtocol(this, fd), options));
      this.#connecting.push(waiter);
    }
    child.on("exit", (code, signal) => this.#onExit(code ?? -signalNumber(signal as string)));
  }

  /** @internal Gives the pipes their transports, and then tells the protocol. */
  *_connect(): Coroutine<void> {
    for (const waiter of this.#connecting) yield* waiter;
    this.#protocol.connectionMade(this);
    const early = this.#early ?? [];
    this.#early = null;
    for (const call of early) call();
    this.#finishIfDone();
  }

  #call(call: () => void): void {
    if (this.#loop.isClosed()) return;
    if (this.#early !== null) this.#early.push(call);
    else this.#loop.callSoon(call);
  }

  /** @internal */
  _pipeDataReceived(fd: number, data: Buffer): void {
    if (this.#early !== null) this.#early.push(() => this.#protocol.pipeDataReceived(fd, data));
    else this.#protocol.pipeDataReceived(fd, data);
  }

  /** @internal */
  _pipeConnectionLost(fd: number, error: unknown): void {
    this.#open.delete(fd);
    if (this.#early !== null) this.#early.push(() => this.#protocol.pipeConnectionLost(fd, error));
    else this.#protocol.pipeConnectionLost(fd, error); // a turn later a drain() would not know yet
    this.#finishIfDone();
  }

  #onExit(returncode: number): void {
    this.#returncode = returncode;
    this.#call(() => this.#protocol.processExited());
    handleClosed(this.#loop, this);
    if (this.#loop.isClosed()) return;
    for (const waiter of this.#waiters) if (!waiter.done()) waiter.setResult(returncode);
    this.#finishIfDone();
  }

  #finishIfDone(): void {
    if (this.#isFinished || this.#early !== null || this.#returncode === null || this.#open.size > 0) return;
    this.#isFinished = true;
    this.#call(() => this.#protocol.connectionLost(null));
  }

  /** @internal Until the child has ended. CPython: `BaseSubprocessTransport._wait`, which since gh-119710 does not wait for the pipes. */
  *_wait(): Coroutine<number> {
    if (this.#returncode !== null) return this.#returncode;
    const waiter = this.#loop.createFuture<number>(`the end of child process ${this.#pid}`);
    this.#waiters.add(waiter);
    try {
      return yield* waiter;
    } finally {
      this.#waiters.delete(waiter);
    }
  }

  getPid(): number {
    return this.#pid;
  }

  getReturncode(): number | null {
    return this.#returncode;
  }

  getPipeTransport(fd: number): SocketTransport | null {
    return this.#pipes.get(fd) ?? null;
  }

  /**
   * A child that has ended is left alone. Signal 0 is none: it asks whether the child is there.
   * @throws RangeError for what is no signal; Node's error, code ESRCH, for signal 0 where the child has ended. CPython: `SubprocessTransport.send_signal`.
   */
  sendSignal(signal: Signal): void {
    if (signal === 0) {
      if (this.#returncode === null) return;
      const text = `sendSignal(0): the child process ${this.#pid} has ended`;
      throw Object.assign(new Error(text), { code: "ESRCH", syscall: "kill" });
    }
    const name = signalName("sendSignal(signal)", signal);
    if (this.#returncode === null) this.#child.kill(name);
  }

  terminate(): void {
    this.sendSignal("SIGTERM");
  }

  kill(): void {
    this.sendSignal("SIGKILL");
  }

  getExtraInfo(name: string, otherwise: unknown = null): unknown {
    return name === "subprocess" ? this.#child : otherwise;
  }

  isClosing(): boolean {
    return this.#isClosing;
  }

  /** Closes the pipes, and kills a child that still runs. CPython: `BaseSubprocessTransport.close`. */
  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    // First, or it might see the end of its input, and end by itself.
    if (this.#returncode === null) this.kill();
    for (const pipe of this.#pipes.values()) pipe.close();
  }

  /** @internal CPython: `BaseSubprocessTransport.__del__`. */
  _loopClosed(): void {
    this.close();
  }

  setProtocol(protocol: AnyProtocol): void {
    this.#protocol = protocol as SubprocessProtocol;
  }

  getProtocol(): SubprocessProtocol {
    return this.#protocol;
  }

  override toString(): string {
    const state = this.#returncode === null ? "running" : `returncode=${this.#returncode}`;
    return `<ChildTransport pid=${this.#pid} ${state}>`;
  }
}

inspectable(ChildTransport);
