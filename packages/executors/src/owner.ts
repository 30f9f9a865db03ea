/**
 * The thread that owns the workers of this thread's pools, as seen from here. A blocked thread hears nothing of its own workers' ends
 * and cannot read what child processes send; the owner never blocks (workers/owner.mjs).
 */
import type { MessagePort } from "node:worker_threads";
import { MessageChannel, receiveMessageOnPort, SHARE_ENV, Worker } from "node:worker_threads";
import { doorbell } from "./doorbell.ts";
import { SENT, WORKER_WORDS } from "./workers/wire.mjs";

/** What it tells: of a worker thread, by its number, or of a process pool. */
export interface FromOwner {
  exited?: number;
  pool?: number;
}

type Listener = (message: FromOwner) => void;

/** A port and the counter of what came through it: a blocked thread takes the messages itself. */
export class Mailbox {
  readonly port: MessagePort;
  readonly #words: Int32Array;
  readonly #onMessage: (message: never) => void;
  #taken = 0;

  /** `message` 0 is a call to wake up, and not counted. */
  constructor(port: MessagePort, words: Int32Array, onMessage: (message: never) => void) {
    this.port = port;
    this.#words = words;
    this.#onMessage = onMessage;
    port.on("message", (message: unknown) => {
      if (message === 0) doorbell().posted();
      else {
        this.#take(message);
        doorbell().look();
      }
    });
    port.unref();
  }

  #take(message: unknown): void {
    this.#taken = (this.#taken + 1) | 0;
    this.#onMessage(message as never);
  }

  /** Takes what was posted before now. */
  empty(): void {
    while (this.#taken !== Atomics.load(this.#words, SENT)) {
      const received = receiveMessageOnPort(this.port);
      if (received === undefined) return;
      if (received.message === 0) doorbell().intercepted();
      else this.#take(received.message);
    }
  }
}

class Owner {
  readonly #mailbox: Mailbox;
  readonly #listeners: Map<number, Listener> = new Map();
  #count = 0;
  #letters = 0;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    const words = new Int32Array(new SharedArrayBuffer(WORKER_WORDS * 4));
    const worker = new Worker(new URL("./workers/owner.mjs", import.meta.url), {
      name: "aioloop owner of workers",
      workerData: { port: port2, words, bell: doorbell().words },
      transferList: [port2],
      execArgv: [],
      env: SHARE_ENV,
    });
    worker.unref();
    worker.on("error", (error) => {
      throw error; // a defect of ours; nothing could be relied on after it
    });
    this.#mailbox = new Mailbox(port1, words, (message: FromOwner) => this.#onMessage(message));
    doorbell().listen(() => this.#mailbox.empty());
  }

  /** A number for a worker or a pool, and who is told of it. */
  register(listener: Listener): number {
    this.#count += 1;
    this.#listeners.set(this.#count, listener);
    return this.#count;
  }

  forget(number: number): void {
    this.#listeners.delete(number);
  }

  /** Keeps a port with the arguments of a call until a worker asks for it; it is thrown away with `forgetLetter`. */
  postLetter(port: MessagePort): number {
    this.#letters = (this.#letters % 0x7fff_ffff) + 1;
    this.post({ op: "letter", letter: this.#letters, port }, [port]);
    return this.#letters;
  }

  forgetLetter(letter: number): void {
    this.post({ op: "forget", letter });
  }

  post(message: object, transferList: MessagePort[] = []): void {
    this.#mailbox.port.postMessage(message, transferList);
  }

  #onMessage(message: FromOwner): void {
    this.#listeners.get(message.exited ?? message.pool ?? 0)?.(message);
  }
}

let ours: Owner | null = null;

/** This thread's owner of workers, started when first needed. */
export function owner(): Owner {
  ours ??= new Owner();
  return ours;
}
