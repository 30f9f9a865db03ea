// What a child process of a ProcessPoolExecutor runs: one job at a time, as its parent sends them.
import { readSync } from "node:fs";
import { callable, define, isThenable, unwrap } from "./callables.mjs";
import { notSendable, pack } from "./failures.mjs";
import { cancel, enter, install } from "./job.mjs";
import { fromBytes, toBytes } from "./wire.mjs";

/** The file into which the parent writes the number of a job whose cancellation was asked for. */
const CANCELLED_FD = 4;
const cancelled = new Int32Array(1);

install((number) => readSync(CANCELLED_FD, cancelled, 0, 4, 0) === 4 && cancelled[0] === number);

process.on("disconnect", () => process.exit());

process.on("message", (/** @type {any} */ message) => {
  if ("define" in message) define(message.define, message.definition);
  else if ("cancel" in message) cancel(message.cancel);
  else if ("initializer" in message) start(message);
  else run(message.job);
});

/** @param {any} message */
async function start({ name, initializer }) {
  process.title = name;
  if (initializer !== null) {
    try {
      const fn = await callable(initializer.callable);
      await fn(.../** @type {unknown[]} */ (fromBytes(initializer.bytes)));
    } catch (error) {
      send({ broken: pack(error) });
      return;
    }
  }
  send({ ready: true });
}

/** @param {{ number: number, callable: number, bytes: Uint8Array, isChunk: boolean }} job */
async function run(job) {
  enter(job.number);
  let answer;
  try {
    const args = /** @type {any[]} */ (fromBytes(job.bytes));
    let fn = callable(job.callable);
    if (typeof fn !== "function") fn = await fn;
    const values = [];
    for (const one of job.isChunk ? args : [args]) {
      const value = fn(...one);
      values.push(unwrap(isThenable(value) ? await value : value).value);
    }
    answer = { result: job.number, failed: false, bytes: bytesOf(job.isChunk ? values : values[0]) };
  } catch (error) {
    answer = { result: job.number, failed: true, bytes: toBytes(pack(error)) };
  }
  enter(0);
  send(answer);
}

/** @param {unknown} value */
function bytesOf(value) {
  try {
    return toBytes(value);
  } catch (error) {
    throw notSendable(error);
  }
}

/** @param {object} message */
function send(message) {
  process.send?.(message, onSent);
}

/** The parent has gone, most likely; if not, it is to hear that this process has. @param {Error | null} error */
function onSent(error) {
  if (error !== null) process.exit();
}
