// The thread that owns the workers and child processes of another thread's pools. It never blocks, so that it hears of their deaths,
// starts new ones and takes what children send, also while the pools' thread waits in Atomics.wait.
import { Worker, workerData } from "node:worker_threads";
import { ring, SENT } from "./wire.mjs";

const { port, bell, words } = workerData;

/** @type {Map<number, Worker>} */
const threads = new Map();
/** Loaded when the first process pool is made. @type {Promise<typeof import("./children.mjs")> | null} */
let children = null;

/** @param {unknown} message @param {any[]} list */
export function tell(message, list = []) {
  port.postMessage(message, list);
  Atomics.add(words, SENT, 1);
  ring(bell, port);
}

/** @param {any} message */
function startThread({ id, options, data }) {
  /** @type {unknown} */
  let failure = null;
  try {
    const worker = new Worker(new URL("./thread.mjs", import.meta.url), {
      ...options,
      workerData: data,
      transferList: [data.port],
    });
    threads.set(id, worker);
    worker.on("error", (error) => {
      failure = error;
    });
    worker.on("exit", (code) => {
      threads.delete(id);
      tell({ exited: id, code, failure: describe(failure) });
    });
  } catch (error) {
    tell({ exited: id, code: null, failure: describe(error) });
  }
}

/** @param {unknown} failure */
function describe(failure) {
  if (failure === null) return null;
  return failure instanceof Error
    ? { text: String(failure), stack: String(failure.stack) }
    : { text: String(failure), stack: "" };
}

port.on("message", (/** @type {any} */ message) => {
  if (message.op === "thread") startThread(message);
  else if (message.op === "stop") threads.get(message.id)?.terminate();
  else {
    children ??= import("./children.mjs");
    children.then(({ receive }) => receive(message, tell));
  }
});
