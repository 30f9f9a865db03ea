// The thread that owns the workers and child processes of another thread's pools. It never blocks, so that it hears of their deaths,
// starts new ones and takes what children send, also while the pools' thread waits in Atomics.wait.
import { Worker, workerData } from "node:worker_threads";
import { knock, SENT } from "./wire.mjs";

const { port, bell, words } = workerData;

/** @type {Map<number, Worker>} */
const threads = new Map();
/**
 * Arguments of calls that lie in no ring (transferred, large, ports). They wait here and not with the pool's thread, which may be
 * blocked by then.
 * @type {Map<number, import("node:worker_threads").MessagePort>}
 */
const letters = new Map();
/** Workers that asked for a letter before it was here. @type {Map<number, Worker>} */
const asked = new Map();
/** Loaded when the first process pool is made. @type {Promise<typeof import("./children.mjs")> | null} */
let children = null;

/** @param {unknown} message @param {any[]} list */
function tell(message, list = []) {
  port.postMessage(message, list);
  Atomics.add(words, SENT, 1);
  knock(bell);
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
    worker.on("message", ({ want }) => {
      const letter = letters.get(want);
      if (letter === undefined) asked.set(want, worker);
      else hand(worker, want, letter);
    });
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

/** @param {Worker} worker @param {number} letter @param {import("node:worker_threads").MessagePort} port */
function hand(worker, letter, port) {
  letters.delete(letter);
  asked.delete(letter);
  worker.postMessage({ letter, port }, [port]);
}

/** @param {{ letter: number, port: import("node:worker_threads").MessagePort }} message */
function keep({ letter, port }) {
  const worker = asked.get(letter);
  if (worker === undefined) letters.set(letter, port);
  else hand(worker, letter, port);
}

/** @param {{ letter: number }} message */
function forget({ letter }) {
  letters.get(letter)?.close();
  letters.delete(letter);
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
  else if (message.op === "letter") keep(message);
  else if (message.op === "forget") forget(message);
  else {
    children ??= import("./children.mjs");
    children.then(({ receive }) => receive(message, tell));
  }
});
