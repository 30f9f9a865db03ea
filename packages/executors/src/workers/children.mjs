// The child processes of process pools, in the thread that owns them (owner.mjs). Each child has one job at a time; a job belongs to
// its pool's thread, which may withdraw it, until its claim is taken here.
import { fork } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CLAIM_PASSED, CLAIM_TAKEN, CLAIM_WAITING } from "./wire.mjs";

/** @typedef {(message: unknown, list?: any[]) => void} Tell */
/** @typedef {{ number: number, slot: number, callable: number, bytes: Uint8Array, isChunk: boolean }} Job */

/** @type {Map<number, Pool>} */
const pools = new Map();

/** @param {any} message @param {Tell} tell */
export function receive(message, tell) {
  if (message.op === "pool") {
    pools.set(message.pool, new Pool(message, tell));
    return;
  }
  const pool = pools.get(message.pool);
  if (pool === undefined) return; // it has ended
  switch (message.op) {
    case "define":
      pool.definitions.set(message.define, message.definition);
      break;
    case "job":
      pool.add(message.job);
      break;
    case "cancel":
      pool.cancel(message.number);
      break;
    case "terminate":
      pool.terminate(message.number);
      break;
    case "close":
      pool.close();
      break;
    case "kill":
      pool.kill(message.signal);
      break;
  }
}

class Pool {
  /** @type {Map<number, unknown>} */
  definitions = new Map();
  /** Oldest first; those before `#next` are gone. @type {(Job | undefined)[]} */
  #jobs = [];
  #next = 0;
  /** @type {Set<Child>} */
  #children = new Set();
  #started = 0;
  #isClosed = false;
  #isBroken = false;

  /** @param {any} options @param {Tell} tell */
  constructor(options, tell) {
    this.options = options;
    this.tell = tell;
  }

  /** @param {Job} job */
  add(job) {
    this.#jobs.push(job);
    this.dispatch();
  }

  /** Gives waiting jobs to idle children, and starts children while there are more jobs than those. */
  dispatch() {
    for (const child of this.#children) {
      if (!child.isIdle) continue;
      const job = this.#take();
      if (job === null) break;
      child.give(job);
    }
    const waiting = this.#jobs.length - this.#next;
    const starting = [...this.#children].filter((child) => child.isStarting).length;
    for (let missing = waiting - starting; missing > 0; missing--) {
      if (this.#isBroken || this.#children.size >= this.options.maxWorkers) break;
      this.#children.add(new Child(this, `${this.options.name}_${this.#started++}`));
    }
    if (this.#isClosed && waiting === 0) {
      for (const child of this.#children) if (child.isIdle || child.isStarting) child.retire();
      if (this.#children.size === 0) this.#end();
    }
  }

  /** The oldest job that was not withdrawn; it cannot be from here on. @returns {Job | null} */
  #take() {
    while (this.#next < this.#jobs.length) {
      const job = /** @type {Job} */ (this.#jobs[this.#next]);
      this.#jobs[this.#next] = undefined;
      this.#next += 1;
      if (this.#next > 1024 && this.#next * 2 > this.#jobs.length) {
        this.#jobs = this.#jobs.slice(this.#next);
        this.#next = 0;
      }
      if (
        Atomics.compareExchange(this.options.claims, job.slot, CLAIM_WAITING, CLAIM_TAKEN) === CLAIM_WAITING
      ) {
        return job;
      }
      Atomics.store(this.options.claims, job.slot, CLAIM_PASSED);
    }
    return null;
  }

  /** @param {number} number */
  cancel(number) {
    for (const child of this.#children) child.cancel(number);
  }

  /** @param {number} number */
  terminate(number) {
    for (const child of this.#children) if (child.current === number) child.stop();
  }

  close() {
    this.#isClosed = true;
    this.dispatch();
  }

  /** @param {NodeJS.Signals} signal */
  kill(signal) {
    this.#isClosed = true;
    this.#isBroken = true;
    this.#jobs = [];
    this.#next = 0;
    for (const child of this.#children) child.kill(signal);
    if (this.#children.size === 0) this.#end();
  }

  /** A child died that was not asked to, or cannot start: none of the pool's jobs can be trusted to end. @param {object} cause */
  break(cause) {
    if (!this.#isBroken) this.tell({ pool: this.options.pool, broken: cause });
    this.kill("SIGTERM");
  }

  /** @param {Child} child */
  left(child) {
    this.#children.delete(child);
    this.tell({ pool: this.options.pool, gone: child.pid });
    this.dispatch();
  }

  #end() {
    if (!pools.delete(this.options.pool)) return;
    this.tell({ pool: this.options.pool, ended: true });
  }
}

class Child {
  /** The number of its job, 0 without one. */
  current = 0;
  isIdle = false;
  isStarting = true;
  /** It is to end: its exit breaks nothing. */
  #isExpected = false;
  #done = 0;
  /** @type {Set<number>} */
  #defined = new Set();

  /** @param {Pool} pool @param {string} name */
  constructor(pool, name) {
    const { execArgv, initializer } = pool.options;
    this.pool = pool;
    const cancelled = temporaryFile();
    this.cancelled = cancelled;
    this.process = fork(fileURLToPath(new URL("./child.mjs", import.meta.url)), [], {
      execArgv,
      serialization: "advanced",
      stdio: ["ignore", "inherit", "inherit", "ipc", cancelled],
      ...(pool.options.env === null ? {} : { env: pool.options.env }),
    });
    this.pid = this.process.pid;
    this.process.on("message", (message) => this.#onMessage(message));
    this.process.on("error", (error) => this.#onEnd(null, null, error));
    this.process.on("exit", (code, signal) => this.#onEnd(code, signal, null));
    if (initializer !== null) this.#define(initializer.callable);
    this.#send({ name, initializer });
    pool.tell({ pool: pool.options.pool, started: { pid: this.pid, name } });
  }

  /** @param {Job} job */
  give(job) {
    this.isIdle = false;
    this.current = job.number;
    this.#define(job.callable);
    this.#send({ job });
  }

  /** @param {number} which */
  #define(which) {
    if (this.#defined.has(which)) return;
    this.#defined.add(which);
    this.#send({ define: which, definition: this.pool.definitions.get(which) });
  }

  /** @param {object} message */
  #send(message) {
    // A child that is dying refuses: its exit is told next, and says more.
    this.process.send(message, () => {});
  }

  /** @param {any} message */
  #onMessage(message) {
    const { options } = this.pool;
    if ("ready" in message) this.isStarting = false;
    else if ("broken" in message) {
      this.#isExpected = true;
      this.pool.break({ initializer: message.broken });
      return;
    } else {
      this.current = 0;
      this.#done += 1;
      this.pool.tell({
        pool: options.pool,
        result: message.result,
        failed: message.failed,
        bytes: message.bytes,
      });
    }
    if (this.#isExpected) return;
    if (options.maxTasksPerChild !== null && this.#done >= options.maxTasksPerChild) this.retire();
    else this.isIdle = true;
    this.pool.dispatch();
  }

  /** It has nothing to do any more and may end. */
  retire() {
    this.#isExpected = true;
    this.isIdle = false;
    if (this.process.connected) this.process.disconnect();
  }

  /** In the middle of its job. */
  stop() {
    this.kill("SIGKILL");
  }

  /** @param {NodeJS.Signals} signal */
  kill(signal) {
    this.#isExpected = true;
    this.isIdle = false;
    this.process.kill(signal);
  }

  /** @param {number} number */
  cancel(number) {
    if (this.current !== number) return;
    // A function that does not give way asks the file (jobCancelled), one that does gets the message (jobSignal).
    writeSync(this.cancelled, new Uint8Array(Int32Array.of(number).buffer), 0, 4, 0);
    this.#send({ cancel: number });
  }

  /** @param {number | null} code @param {string | null} signal @param {Error | null} error */
  #onEnd(code, signal, error) {
    if (this.pid !== -1) closeSync(this.cancelled);
    else return;
    const pid = this.pid;
    if (!this.#isExpected) {
      this.pool.break({
        pid,
        code,
        signal,
        job: this.current,
        failure: error === null ? null : String(error),
      });
    }
    this.isIdle = false;
    this.isStarting = false;
    this.pool.left(this);
    this.pid = -1;
  }
}

/** A file without a name that parent and child have open. */
function temporaryFile() {
  const folder = mkdtempSync(join(tmpdir(), "aioloop-"));
  const file = openSync(join(folder, "cancelled"), "w+");
  rmSync(folder, { recursive: true, force: true });
  return file;
}
