/** Every Executor there is does what any must do; and so does one written by hand, which shows what that takes. */
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";
import type { Job, ShutdownOptions } from "@aioloop/executors";
import { BaseExecutor, doorbell, Future, ProcessPoolExecutor, ThreadPoolExecutor } from "@aioloop/executors";
import { RuntimeError } from "@aioloop/loop";
import { executorTests } from "./executor-tests.ts";

/** The other side: it could as well be a thread that talks to another machine. What it posts comes first, then it rings. */
const WORKER = `
  const { workerData: { port, bell } } = require("node:worker_threads");
  const answer = (message) => {
    port.postMessage(message);
    Atomics.store(bell, 0, 1);
    Atomics.notify(bell, 0);
  };
  port.on("message", async ({ source, args }) => {
    let value;
    try {
      value = await (0, eval)("(" + source + ")")(...args);
    } catch (error) {
      answer({ error });
      return;
    }
    try {
      answer({ value });
    } catch (error) {
      answer({ error: new TypeError("the result cannot be copied: " + error.message) });
    }
  });`;

interface Call {
  readonly future: Future<never>;
  readonly source: string;
  readonly args: unknown[];
}

/** One worker thread, one call at a time, functions by their source. */
class OneThreadExecutor extends BaseExecutor {
  readonly #waiting: Call[] = [];
  #running: Call | null = null;
  readonly #joined: Future<void> = new Future();
  #isShut = false;
  readonly #port = new MessageChannel();
  readonly #worker = new Worker(WORKER, {
    eval: true,
    workerData: { port: this.#port.port2, bell: doorbell().words },
    transferList: [this.#port.port2],
  });
  /** Whoever blocks is woken by the bell, and takes what there is; who does not gets it in a turn of the event loop. */
  readonly #stopListening: () => void;

  constructor() {
    super();
    const { port1 } = this.#port;
    this.#stopListening = doorbell().listen(() => {
      const received = receiveMessageOnPort(port1);
      if (received !== undefined) this.#onAnswer(received.message);
    });
    port1.on("message", (answer) => this.#onAnswer(answer));
    port1.unref();
    this.#worker.unref();
  }

  submit<A extends unknown[], R>(job: Job<A, R>, ...args: A): Future<Awaited<R>> {
    if (this.#isShut) throw new RuntimeError("submit(): cannot schedule new futures after shutdown");
    const fn = typeof job === "object" && job !== null && "fn" in job ? job.fn : job;
    if (typeof fn !== "function") throw new TypeError("submit(fn, ...args): a function is required");
    const future = new Future<Awaited<R>>();
    try {
      const call = { future: future as Future<never>, source: String(fn), args: structuredClone(args) };
      doorbell().hold(); // the process stays alive for it, and it is worth blocking for
      this.#waiting.push(call);
      this.#sendNext();
    } catch (error) {
      future.setException(error);
    }
    return future;
  }

  shutdown({ wait = true, cancelFutures = false }: ShutdownOptions = {}): void {
    if (!this.#isShut) doorbell().hold(); // its end can be waited for, too
    this.#isShut = true;
    if (cancelFutures) for (const { future } of this.#waiting) future.cancel();
    this.#sendNext();
    if (wait) this.#joined.result();
  }

  join(): Future<void> {
    return this.#joined;
  }

  #sendNext(): void {
    while (this.#running === null) {
      const call = this.#waiting.shift();
      if (call === undefined) {
        this.#endIfShut();
        return;
      }
      if (call.future.setRunningOrNotifyCancel()) {
        this.#running = call;
        this.#port.port1.postMessage({ source: call.source, args: call.args });
      } else doorbell().release();
    }
  }

  #onAnswer(answer: { value: never } | { error: unknown }): void {
    const future = this.#running?.future;
    this.#running = null;
    doorbell().release();
    if ("error" in answer) future?.setException(answer.error);
    else future?.setResult(answer.value);
    this.#sendNext();
  }

  #endIfShut(): void {
    if (!this.#isShut || this.#joined.done()) return;
    this.#stopListening();
    this.#port.port1.close();
    doorbell().release();
    this.#joined.setResult();
  }
}

executorTests("ThreadPoolExecutor", () => new ThreadPoolExecutor({ maxWorkers: 2 }));
executorTests("ProcessPoolExecutor", () => new ProcessPoolExecutor({ maxWorkers: 2 }));
executorTests("OneThreadExecutor", () => new OneThreadExecutor());
