// What a worker thread of a ThreadPoolExecutor runs. It takes jobs out of the ring itself, whatever the pool's thread does
// meanwhile, and writes results into a ring of its own.
//
//   take a job ── run it ── write its result, ring the bell ── take the next one …
//   no job: wait for one for a moment (Atomics.wait, the fastest way to be woken), then sleep in the event loop, where what
//   jobs left behind (timers, sockets) can go on
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { callable, define, isDefined, isThenable, unwrap } from "./callables.mjs";
import { notSendable, pack } from "./failures.mjs";
import { cancel, enter, install } from "./job.mjs";
import {
  ASLEEP,
  BUSY,
  BYTES,
  CALLABLE,
  CANCEL,
  CLOSED,
  CONTROL_WORDS,
  CURRENT,
  FAILED,
  FORM,
  fromBytes,
  HEAD,
  isPlainData,
  JOB_WORDS,
  JOBS,
  knock,
  LARGEST,
  LENGTH,
  LETTER,
  LINGERING,
  NUMBER,
  PLAIN,
  READ,
  RESULT_FORM,
  RESULT_HEAD,
  RESULT_SIZE,
  RESULT_TAIL,
  RESULT_WORDS,
  RESULTS,
  RETIRED,
  ring,
  SENT,
  SEQUENCE,
  SIZE,
  SLEEPING,
  Slate,
  Spin,
  STATE,
  STATUS,
  TAIL,
  toBytes,
  WAITING,
  WORKER_WORDS,
} from "./wire.mjs";

/** How long an idle worker waits before it sleeps in its event loop, and for how long a busy one keeps that waiting. Milliseconds. */
const LINGER = 2;
const SLICE = 2;

const { index, port, bell, controlBuffer, workerBuffer, definitions, initializer } = workerData;
const ownersPort = /** @type {import("node:worker_threads").MessagePort} */ (parentPort);
const control = new Int32Array(controlBuffer, 0, CONTROL_WORDS);
const jobs = new Int32Array(controlBuffer, CONTROL_WORDS * 4);
const jobValues = new Slate(controlBuffer, CONTROL_WORDS * 4, JOBS);
const words = new Int32Array(workerBuffer, 0, WORKER_WORDS);
const results = new Int32Array(workerBuffer, WORKER_WORDS * 4);
const resultValues = new Slate(workerBuffer, WORKER_WORDS * 4, RESULTS);

const spin = new Spin();

/** Nothing runs, and a message is to begin it. */
let isAsleep = false;
/** A call was given to this worker, not to any of the pool. @type {{ direct: number, callable: number, args: unknown[] } | null} */
let direct = null;
let isReserved = false;

/** The oldest job's place in the ring, in words, or -1. It is this worker's from here on. */
function take() {
  for (;;) {
    const head = Atomics.load(control, HEAD);
    if (head === Atomics.load(control, TAIL)) return -1;
    const at = (head & (JOBS - 1)) >> 2;
    // If another worker is faster this may be anything; then the exchange fails.
    const length = Atomics.load(jobs, at + LENGTH);
    if (Atomics.compareExchange(control, HEAD, head, (head + length) | 0) !== head) continue;
    if (Atomics.load(jobs, at + STATUS) !== WAITING) continue; // withdrawn, or a filler
    // First, so that a job that is marked as taken is either the current one or has ended.
    Atomics.store(words, CURRENT, Atomics.load(jobs, at + NUMBER));
    if (Atomics.compareExchange(jobs, at + STATUS, WAITING, index + 1) === WAITING) return at;
    Atomics.store(words, CURRENT, 0);
  }
}

function serve() {
  const end = performance.now() + SLICE;
  for (;;) {
    const sequence = Atomics.load(control, SEQUENCE);
    let running = null;
    let at = -1;
    if (direct !== null) running = beginDirect();
    else {
      at = take();
      if (at < 0) {
        if (Atomics.load(control, CLOSED) !== 0) {
          Atomics.store(words, STATE, RETIRED);
          process.exit();
        }
        if (linger(sequence) || sleep()) continue;
        return;
      }
      running = begin(at);
    }
    if (running !== null) {
      running.then(serve);
      return;
    }
    if (performance.now() > end) {
      setImmediate(serve);
      return;
    }
  }
}

/** Waits for a moment. False: nothing came. */
function linger(/** @type {number} */ sequence) {
  Atomics.store(words, STATE, LINGERING);
  const isCalled =
    spin.until(control, SEQUENCE, sequence) ||
    Atomics.wait(control, SEQUENCE, sequence, LINGER) !== "timed-out";
  if (Atomics.compareExchange(words, STATE, LINGERING, BUSY) === LINGERING) return isCalled;
  awaitDirect();
  return true;
}

/** A call is being given to this worker, and its message is there, or will be in a moment. */
function awaitDirect() {
  Atomics.store(words, STATE, BUSY);
  isReserved = true;
  while (isReserved) receive();
}

/**
 * Whoever brings a sleeping worker something changes its STATE and posts a message. True: there is something to do after all, and
 * the worker saw that first.
 */
function sleep() {
  Atomics.store(words, STATE, ASLEEP);
  Atomics.add(control, SLEEPING, 1);
  isAsleep = true;
  const hasWork =
    Atomics.load(control, HEAD) !== Atomics.load(control, TAIL) || Atomics.load(control, CLOSED) !== 0;
  if (!hasWork || Atomics.compareExchange(words, STATE, ASLEEP, BUSY) !== ASLEEP) return false;
  awake();
  return true;
}

function awake() {
  isAsleep = false;
  Atomics.sub(control, SLEEPING, 1);
}

/**
 * Runs a job. A promise: it takes longer, and no other job may begin meanwhile. It never rejects.
 * @param {number} at
 * @returns {Promise<unknown> | null}
 */
function begin(at) {
  const number = jobs[at + NUMBER] ?? 0;
  const size = jobs[at + SIZE] ?? 0;
  const form = jobs[at + FORM];
  const which = jobs[at + CALLABLE] ?? 0;
  const start = (at + JOB_WORDS) * 4;
  /** @type {unknown[]} */
  const args = [];
  /** @type {Uint8Array | null} */
  let bytes = null;
  if (form === PLAIN) {
    let from = start;
    for (let i = 0; i < size; i++) {
      args.push(jobValues.read(from));
      from = jobValues.end;
    }
  } else if (form === BYTES) bytes = jobValues.copy(start, size);
  Atomics.store(jobs, at + STATUS, (index + 1) | READ);
  enter(number);
  if (form === LETTER) return letterOf(size).then((read) => call(number, which, read));
  const copied = bytes;
  if (copied !== null) return call(number, which, () => /** @type {unknown[]} */ (fromBytes(copied)));
  return call(number, which, args);
}

function beginDirect() {
  const given = /** @type {NonNullable<typeof direct>} */ (direct);
  direct = null;
  enter(given.direct);
  return call(given.direct, given.callable, given.args);
}

/**
 * @param {number} number
 * @param {number} which
 * @param {unknown[] | (() => unknown[])} given
 * @returns {Promise<void> | null}
 */
function call(number, which, given) {
  let value;
  try {
    const args = typeof given === "function" ? given() : given;
    while (!isDefined(which)) receive(); // its definition was posted before the job
    const fn = callable(which);
    value = typeof fn === "function" ? fn(...args) : fn.then((loaded) => loaded(...args));
  } catch (error) {
    threw(number, error);
    return null;
  }
  if (isThenable(value)) return finishLater(number, value);
  returned(number, value);
  return null;
}

/** @param {number} number @param {PromiseLike<unknown>} promise */
async function finishLater(number, promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    threw(number, error);
    return;
  }
  returned(number, value);
}

/** Nothing after this: whoever asked for this job's end has the thread stopped, or finds that the job has ended. @param {number} number */
function leave(number) {
  enter(0);
  if (Atomics.compareExchange(words, CURRENT, number, 0) === number) return;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

/** @param {number} number @param {unknown} result */
function returned(number, result) {
  leave(number);
  try {
    const { value, list } = unwrap(result);
    answer(number, value, list, 0);
  } catch (error) {
    answer(number, pack(notSendable(error)), [], FAILED);
  }
}

/** @param {number} number @param {unknown} error */
function threw(number, error) {
  leave(number);
  answer(number, pack(error), [], FAILED);
}

/** @param {number} number @param {unknown} value @param {object[]} list @param {number} failed */
function answer(number, value, list, failed) {
  const tail = words[RESULT_TAIL] ?? 0;
  const room = RESULTS - ((tail - Atomics.load(words, RESULT_HEAD)) | 0);
  const isObject = typeof value === "object" && value !== null;
  if (list.length > 0 || (isObject && !isPlainData(value)) || !write(number, value, tail, room, failed)) {
    post({ result: number, failed: failed !== 0, value }, list);
  } else ring(bell, port);
}

/** @param {number} number @param {unknown} value @param {number} tail @param {number} room @param {number} failed @returns {boolean} */
function write(number, value, tail, room, failed) {
  const place = tail & (RESULTS - 1);
  const here = Math.min(room, RESULTS - place);
  const start = place + RESULT_WORDS * 4;
  if (start <= place + here) {
    const end = resultValues.write(value, start, place + here);
    if (end >= 0) return publish(place, tail, number, PLAIN | failed, 1, end);
  }
  if (here < room && here < LARGEST) {
    // The end of the ring is too short: a filler, and once more from its beginning.
    results[(place >> 2) + LENGTH] = here;
    results[(place >> 2) + RESULT_FORM] = -1;
    Atomics.store(words, RESULT_TAIL, (tail + here) | 0);
    return write(number, value, (tail + here) | 0, room - here, failed);
  }
  if (typeof value !== "object") return false;
  const bytes = toBytes(value);
  if (bytes.length > LARGEST || start + bytes.length > place + here) return false;
  resultValues.bytes.set(bytes, start);
  return publish(place, tail, number, BYTES | failed, bytes.length, start + bytes.length);
}

/** @param {number} place @param {number} tail @param {number} number @param {number} form @param {number} size @param {number} end */
function publish(place, tail, number, form, size, end) {
  const length = (end - place + 7) & ~7;
  const at = place >> 2;
  results[at + RESULT_FORM] = form;
  results[at + LENGTH] = length;
  results[at + NUMBER] = number;
  results[at + RESULT_SIZE] = size;
  Atomics.store(words, RESULT_TAIL, (tail + length) | 0);
  return true;
}

// ---- messages

/** @type {Map<number, (read: () => unknown[]) => void>} */
const letters = new Map();

/**
 * Asks the owner for arguments that lie in no ring. What it gives reads them, which may fail.
 * @param {number} letter
 * @returns {Promise<() => unknown[]>}
 */
function letterOf(letter) {
  return new Promise((resolve) => {
    letters.set(letter, resolve);
    ownersPort.postMessage({ want: letter });
  });
}

ownersPort.on("message", ({ letter, port: from }) => {
  letters.get(letter)?.(() => {
    const received = receiveMessageOnPort(from);
    from.close();
    return /** @type {any} */ (received).message;
  });
  letters.delete(letter);
});

/** The counter comes after the message: who sees it finds the message. @param {unknown} message @param {any[]} list */
function post(message, list = []) {
  port.postMessage(message, list);
  Atomics.add(words, SENT, 1);
  knock(bell);
}

/** What waits at the port, without a turn of the event loop. */
function receive() {
  try {
    for (let one = receiveMessageOnPort(port); one !== undefined; one = receiveMessageOnPort(port)) {
      onMessage(one.message);
    }
  } catch (error) {
    onUnreadable(error);
  }
}

/** Arguments that were copied but cannot be made again here: they were for the call that this worker was given. @param {unknown} error */
function onUnreadable(error) {
  threw(Atomics.load(words, CURRENT), error);
  onDirect();
}

function onDirect() {
  isReserved = false;
  if (!isAsleep) return;
  Atomics.store(words, STATE, BUSY);
  awake();
  serve();
}

/** @param {any} message */
function onMessage(message) {
  if (message === 0) {
    if (!isAsleep) return;
    awake();
    serve();
  } else if ("define" in message) define(message.define, message.definition);
  else if ("cancel" in message) cancel(message.cancel);
  else if ("direct" in message) {
    if (message.direct !== 0) direct = message;
    onDirect();
  }
}

/**
 * What is printed goes to the pool's thread at once: Node would let the second line wait until that thread's event loop and this
 * one's have turned, which a blocked thread's does not.
 * @param {"stdout" | "stderr"} name
 */
function forward(name) {
  const stream = process[name];
  /** @type {any} */ (stream)._writev = undefined;
  stream._write = (chunk, encoding, done) => {
    post({ print: name, chunk: typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk });
    done();
  };
}

async function start() {
  forward("stdout");
  forward("stderr");
  install((number) => Atomics.load(words, CANCEL) === number);
  for (const [number, definition] of definitions) define(number, definition);
  port.on("message", onMessage);
  port.on("messageerror", onUnreadable);
  if (initializer !== null) {
    try {
      const fn = await callable(initializer.callable);
      await fn(...initializer.args);
    } catch (error) {
      post({ broken: pack(error) });
      return;
    }
  }
  serve();
}

start();
