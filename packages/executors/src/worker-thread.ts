/** A worker thread of a pool, as the pool's thread sees it: its words, its ring of results, its port. See workers/wire.mjs. */
import type { MessagePort, ResourceLimits } from "node:worker_threads";
import { MessageChannel } from "node:worker_threads";
import { doorbell } from "./doorbell.ts";
import type { PackedFailure } from "./errors.ts";
import type { FromOwner } from "./owner.ts";
import { Mailbox, owner } from "./owner.ts";
import {
  ASLEEP,
  BUSY,
  BYTES,
  CANCEL,
  CURRENT,
  FAILED,
  fromBytes,
  LENGTH,
  LINGERING,
  NUMBER,
  RESERVED,
  RESULT_FORM,
  RESULT_HEAD,
  RESULT_SIZE,
  RESULT_TAIL,
  RESULT_WORDS,
  RESULTS,
  RETIRED,
  Slate,
  STATE,
  WORKER_WORDS,
} from "./workers/wire.mjs";

/** What comes through its port: a result that did not go through the ring, and all that is no result. */
export type FromThread =
  | { result: number; failed: boolean; value: unknown }
  | { print: "stdout" | "stderr"; chunk: Uint8Array }
  | { broken: PackedFailure };

interface Exited extends FromOwner {
  code: number | null;
  failure: { text: string; stack: string } | null;
}

export interface ThreadListener {
  message(message: FromThread): void;
  result(number: number, value: unknown, failed: boolean): void;
  exit(code: number | null, failure: string | null): void;
}

export class WorkerThread {
  readonly index: number;
  readonly name: string;
  /** It was stopped on purpose. */
  isStopped = false;
  readonly #id: number;
  readonly #mailbox: Mailbox;
  readonly #listener: ThreadListener;
  readonly #words: Int32Array;
  readonly #results: Int32Array;
  readonly #values: Slate;

  constructor(
    index: number,
    name: string,
    options: { execArgv: readonly string[]; resourceLimits: ResourceLimits | undefined },
    data: object,
    listener: ThreadListener,
  ) {
    this.index = index;
    this.name = name;
    this.#listener = listener;
    const buffer = new SharedArrayBuffer(WORKER_WORDS * 4 + RESULTS);
    this.#words = new Int32Array(buffer, 0, WORKER_WORDS);
    this.#results = new Int32Array(buffer, WORKER_WORDS * 4);
    this.#values = new Slate(buffer, WORKER_WORDS * 4, RESULTS);
    const { port1, port2 } = new MessageChannel();
    this.#mailbox = new Mailbox(port1, this.#words, (message: FromThread) => listener.message(message));
    this.#id = owner().register((message) => this.#onExit(message as Exited));
    const own = { index, port: port2, bell: doorbell().words, workerBuffer: buffer };
    owner().post({ op: "thread", id: this.#id, options: { name, ...options }, data: { ...data, ...own } }, [
      port2,
    ]);
  }

  get title(): string {
    return `worker thread '${this.name}'`;
  }

  /** It has ended because it was to. */
  get isRetired(): boolean {
    return Atomics.load(this.#words, STATE) === RETIRED;
  }

  post(message: object, transferList: MessagePort[] = []): void {
    this.#mailbox.port.postMessage(message, transferList);
  }

  /** False: it does not sleep. */
  wake(): boolean {
    if (Atomics.compareExchange(this.#words, STATE, ASLEEP, BUSY) !== ASLEEP) return false;
    this.#mailbox.port.postMessage(0);
    return true;
  }

  /**
   * Gives it a call directly, if it has none: its arguments are copied or moved once and take no detour. False: it is busy.
   * @throws what postMessage throws for what cannot be copied
   */
  give(number: number, callable: number, args: readonly unknown[], transfer: readonly object[]): boolean {
    if (
      Atomics.compareExchange(this.#words, STATE, LINGERING, RESERVED) !== LINGERING &&
      Atomics.compareExchange(this.#words, STATE, ASLEEP, RESERVED) !== ASLEEP
    ) {
      return false;
    }
    Atomics.store(this.#words, CURRENT, number);
    try {
      this.post({ direct: number, callable, args }, transfer as MessagePort[]);
    } catch (error) {
      Atomics.store(this.#words, CURRENT, 0);
      this.post({ direct: 0 });
      throw error;
    }
    return true;
  }

  /** The running call may see that its cancellation was asked for. */
  askToEnd(number: number): void {
    Atomics.store(this.#words, CANCEL, number);
    this.post({ cancel: number });
  }

  /** Stops it in the middle of this call; false if that has just ended. No other can have begun: it asks the same word before. */
  stopIn(number: number): boolean {
    if (Atomics.compareExchange(this.#words, CURRENT, number, -number) !== number) return false;
    this.stop();
    return true;
  }

  stop(): void {
    if (this.isStopped) return;
    this.isStopped = true;
    owner().post({ op: "stop", id: this.#id });
  }

  /** Takes what it sent and wrote. */
  take(): void {
    this.#mailbox.empty();
    const words = this.#words;
    // What is told may take more of it in turn: the head is read anew each time.
    for (;;) {
      const head = words[RESULT_HEAD] as number;
      if (head === Atomics.load(words, RESULT_TAIL)) return;
      const place = head & (RESULTS - 1);
      const at = place >> 2;
      const form = this.#results[at + RESULT_FORM] as number;
      const number = this.#results[at + NUMBER] as number;
      const value = form === -1 ? undefined : this.#read(form, place);
      Atomics.store(words, RESULT_HEAD, (head + (this.#results[at + LENGTH] as number)) | 0);
      if (form !== -1) this.#listener.result(number, value, (form & FAILED) !== 0);
    }
  }

  #read(form: number, place: number): unknown {
    const start = place + RESULT_WORDS * 4;
    if ((form & BYTES) === 0) return this.#values.read(start);
    return fromBytes(this.#values.copy(start, this.#results[(place >> 2) + RESULT_SIZE] as number));
  }

  #onExit({ code, failure }: Exited): void {
    this.take(); // what it said last
    // A call to wake up that this port still holds goes with it; that one is on its way is all that others know.
    doorbell().intercepted();
    owner().forget(this.#id);
    this.#mailbox.port.close();
    this.#listener.exit(code, failure === null ? null : failure.text);
  }
}
