/** Child processes with their pipes as streams. CPython: `subprocess`. */
import type { BaseEventLoop, Coroutine, Future } from "@aioloop/loop";
import { isCancelled } from "@aioloop/loop";
import { inspectable } from "@aioloop/loop/kernel";
import { gather } from "@aioloop/tasks";
import type { SubprocessOptions } from "./children.ts";
import { loopFor } from "./open-streams.ts";
import type { SubprocessProtocol } from "./protocols.ts";
import type { Signal } from "./signals.ts";
import { signalName } from "./signals.ts";
import { StreamReader } from "./stream-reader.ts";
import { StreamWriter } from "./stream-writer.ts";
import { FlowControlMixin } from "./streams.ts";
import type { ChildTransport } from "./subprocess-transport.ts";
import type { Transport } from "./transports.ts";

/** CPython: `subprocess.SubprocessStreamProtocol`. */
export class SubprocessStreamProtocol extends FlowControlMixin implements SubprocessProtocol {
  stdin: StreamWriter | null = null;
  stdout: StreamReader | null = null;
  stderr: StreamReader | null = null;
  readonly #limit: number | undefined;
  readonly #stdinClosed: Future<void>;
  /** Until it is closed, once the child has ended and so has its output. */
  #transport: ChildTransport | null = null;
  /** stdout and stderr, as long as they are open. */
  readonly #outputs: Set<number> = new Set();
  #hasExited = false;

  constructor(limit: number | undefined, loop: BaseEventLoop) {
    super(loop);
    this.#limit = limit;
    this.#stdinClosed = loop.createFuture<void>("the end of a child's stdin");
  }

  override connectionMade(transport: object): void {
    const child = transport as ChildTransport;
    this.#transport = child;
    this.stdout = this.#readerOf(child, 1);
    this.stderr = this.#readerOf(child, 2);
    const stdin = child.getPipeTransport(0);
    if (stdin !== null) this.stdin = new StreamWriter(stdin, this, null, this.loop);
  }

  #readerOf(child: ChildTransport, fd: number): StreamReader | null {
    const pipe = child.getPipeTransport(fd);
    if (pipe === null) return null;
    this.#outputs.add(fd);
    const reader = new StreamReader({ limit: this.#limit, loop: this.loop });
    reader.setTransport(pipe as Transport);
    return reader;
  }

  pipeDataReceived(fd: number, data: Buffer): void {
    (fd === 1 ? this.stdout : this.stderr)?.feedData(data);
  }

  pipeConnectionLost(fd: number, error: unknown): void {
    if (fd === 0) {
      super.connectionLost(error);
      if (this.#stdinClosed.done()) return;
      if (error === null) this.#stdinClosed.setResult();
      else {
        this.#stdinClosed.setException(error);
        this.#stdinClosed.exception(); // who waits for the end is told; nobody has to
      }
      return;
    }
    const reader = fd === 1 ? this.stdout : this.stderr;
    if (error === null) reader?.feedEof();
    else reader?.setException(error);
    this.#outputs.delete(fd);
    this.#closeIfOver();
  }

  processExited(): void {
    this.#hasExited = true;
    this.#closeIfOver();
  }

  /** CPython: `SubprocessStreamProtocol._maybe_close_transport`. */
  #closeIfOver(): void {
    if (!this.#hasExited || this.#outputs.size > 0) return;
    this.#transport?.close();
    this.#transport = null;
  }

  /** The child's end, not that of its stdin. */
  override connectionLost(): void {}

  /** @internal */
  get _closed(): Future<void> {
    return this.#stdinClosed;
  }
}

/** A child process. CPython: `subprocess.Process`. */
export class Process {
  readonly #transport: ChildTransport;
  readonly #ownsGroup: boolean;
  /** null where it is no PIPE. */
  readonly stdin: StreamWriter | null;
  readonly stdout: StreamReader | null;
  readonly stderr: StreamReader | null;
  readonly pid: number;
  /** What communicate() has read: a cancelled one's next goes on with it. */
  readonly #read: Map<StreamReader, Buffer[]> = new Map();

  constructor(transport: ChildTransport, protocol: SubprocessStreamProtocol, ownsGroup: boolean) {
    this.#transport = transport;
    this.#ownsGroup = ownsGroup;
    this.stdin = protocol.stdin;
    this.stdout = protocol.stdout;
    this.stderr = protocol.stderr;
    this.pid = transport.getPid();
  }

  /** The exit code, minus the signal's number where one ended it; null while it runs. CPython: `Process.returncode`. */
  get returncode(): number | null {
    return this.#transport.getReturncode();
  }

  /** Until it has ended; gives the returncode. With PIPEs that nobody reads a child may never end: see communicate(). CPython: `Process.wait`. */
  *wait(): Coroutine<number> {
    return yield* this.#transport._wait();
  }

  /**
   * Sends a signal, which a child that has ended does not get; 0 is none, and asks whether the child runs.
   * @throws RangeError for what is no signal; for 0 an error with code ESRCH where the child has ended. CPython: `Process.send_signal`.
   */
  sendSignal(signal: Signal): void {
    this.#transport.sendSignal(signal);
  }

  terminate(): void {
    this.#transport.terminate();
  }

  kill(): void {
    this.#transport.kill();
  }

  /**
   * Sends a signal to the child and those that it started, if it was started with `startNewSession`.
   * @throws RangeError if it was not
   */
  killGroup(signal: Signal = "SIGKILL"): void {
    if (!this.#ownsGroup) {
      throw new RangeError(
        "killGroup(): the child shares this process's group. Start it with { startNewSession: true }",
      );
    }
    try {
      process.kill(-this.pid, signalName("killGroup(signal)", signal));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  /**
   * Sends `input` to stdin and closes it, reads stdout and stderr to their ends, and waits for the child; null for a stream that is
   * no PIPE. Cancelled, it loses nothing: what was read comes with the next call. CPython: `Process.communicate`.
   */
  *communicate(input: Uint8Array | null = null): Coroutine<[stdout: Buffer | null, stderr: Buffer | null]> {
    const [, stdout, stderr] = yield* gather([
      this.#feed(input),
      this.#readAll(this.stdout),
      this.#readAll(this.stderr),
    ]);
    yield* this.wait();
    this.#read.clear();
    return [stdout && Buffer.concat(stdout), stderr && Buffer.concat(stderr)];
  }

  *#feed(input: Uint8Array | null): Coroutine<void> {
    const stdin = this.stdin;
    if (stdin === null || stdin.isClosing()) return;
    if (input !== null) {
      stdin.write(input);
      try {
        yield* stdin.drain();
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (isCancelled(error) || (code !== "EPIPE" && code !== "ECONNRESET")) throw error;
      }
    }
    stdin.close();
  }

  *#readAll(reader: StreamReader | null): Coroutine<Buffer[] | null> {
    if (reader === null) return null;
    let parts = this.#read.get(reader);
    if (parts === undefined) this.#read.set(reader, (parts = []));
    for (;;) {
      const block = yield* reader.read(1 << 20);
      if (block.length === 0) break;
      parts.push(block);
    }
    return parts;
  }

  toString(): string {
    return `<Process ${this.pid}${this.returncode === null ? "" : ` returncode=${this.returncode}`}>`;
  }
}

inspectable(Process);

export interface ProcessOptions extends SubprocessOptions {
  /** Bytes of a line at most, and half of what a reader holds. Default: 64 KiB. */
  limit?: number | undefined;
}

/** What is not redirected is this process's own, where the methods of the loop make pipes. As in CPython. */
function own(options: SubprocessOptions): SubprocessOptions {
  return { stdin: null, stdout: null, stderr: null, ...options };
}

/**
 * Starts a program. @throws Node's error with its code (ENOENT, EACCES) where it cannot be started.
 * CPython: `asyncio.create_subprocess_exec`.
 */
export function* createSubprocessExec(
  program: string,
  args: readonly string[] = [],
  { limit, ...options }: ProcessOptions = {},
): Coroutine<Process> {
  const loop = loopFor("createSubprocessExec()");
  const make = () => new SubprocessStreamProtocol(limit, loop);
  const [transport, protocol] = yield* loop.subprocessExec(make, program, args, own(options));
  return new Process(transport as ChildTransport, protocol, options.startNewSession === true);
}

/** Runs a command line in the system's shell. CPython: `asyncio.create_subprocess_shell`. */
export function* createSubprocessShell(
  command: string,
  { limit, ...options }: ProcessOptions = {},
): Coroutine<Process> {
  const loop = loopFor("createSubprocessShell()");
  const make = () => new SubprocessStreamProtocol(limit, loop);
  const [transport, protocol] = yield* loop.subprocessShell(make, command, own(options));
  return new Process(transport as ChildTransport, protocol, options.startNewSession === true);
}
