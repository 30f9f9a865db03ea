/**
 * How a thread hears of what others did for it. `Atomics.wait` waits on one word, so a thread has one bell for all of its pools.
 *
 *   the thread blocks:          a worker rings ── Atomics.wait returns ── the listeners take what there is
 *   the thread turns its loop:  a worker rings and posts a message ── its listener has them take it
 *
 * CPython needs none of this: its threads share their futures, and a Condition in each wakes who waits.
 */
import type { Source } from "@aioloop/loop";
import { RuntimeError } from "@aioloop/loop";
import { POSTED, RUNG, Spin } from "./workers/wire.mjs";

/** A timer that never fires, in milliseconds: what keeps the process alive while calls are outstanding. */
const NEVER = 2 ** 31 - 1;

class Doorbell {
  /** Element 0: rung. Element 1: a message that says so is on its way. */
  readonly words: Int32Array = new Int32Array(new SharedArrayBuffer(8));
  /** For a loop that blocks. */
  readonly source: Source = { flag: this.words, drain: () => this.answer() };
  readonly #listeners: Set<() => void> = new Set();
  readonly #keepAlive: NodeJS.Timeout = setInterval(() => {}, NEVER).unref();
  readonly #spin: Spin = new Spin();
  #outstanding = 0;

  /** `take` is called when there may be something; returns a function that ends it. */
  listen(take: () => void): () => void {
    this.#listeners.add(take);
    return () => void this.#listeners.delete(take);
  }

  /** A call is outstanding: the process stays alive for it, and it is worth waiting for. */
  hold(): void {
    this.#outstanding += 1;
    if (this.#outstanding === 1) this.#keepAlive.ref();
  }

  release(): void {
    this.#outstanding -= 1;
    if (this.#outstanding === 0) this.#keepAlive.unref();
  }

  /** Whether anything can still ring. */
  get isExpecting(): boolean {
    return this.#outstanding > 0;
  }

  /** A message came to the thread's event loop. */
  posted(): void {
    Atomics.store(this.words, POSTED, 0);
    this.answer();
  }

  /** The message was taken out of its port by hand: it has still to come, for nobody posts another before. */
  intercepted(): void {
    setImmediate(() => this.posted()).unref();
  }

  /** Takes what there is. */
  answer(): void {
    Atomics.store(this.words, RUNG, 0);
    for (const take of [...this.#listeners]) take();
  }

  /** As `answer`, if it was rung. */
  look(): void {
    if (Atomics.load(this.words, RUNG) !== 0) this.answer();
  }

  /**
   * Blocks the thread until it is rung or `seconds` have passed (null: without end), and takes what there is.
   * False: the time has passed.
   */
  wait(seconds: number | null): boolean {
    let woken = "not-equal";
    try {
      if (!this.#spin.until(this.words, RUNG, 0)) {
        woken = Atomics.wait(
          this.words,
          RUNG,
          0,
          seconds === null ? Number.POSITIVE_INFINITY : seconds * 1000,
        );
      }
    } catch (error) {
      throw new RuntimeError(
        "this thread may not block (a browser's main thread): await the future instead",
        {
          cause: error,
        },
      );
    }
    this.answer();
    return woken !== "timed-out";
  }
}

let ours: Doorbell | null = null;

/** This thread's bell, made when first needed. For who writes an Executor of his own. */
export function doorbell(): Doorbell {
  ours ??= new Doorbell();
  return ours;
}

export type { Doorbell };

/** Waits, blocking, until `isDone()`; false if `timeout` seconds passed before. @throws RuntimeError if nobody can ring. */
export function blockUntil(isDone: () => boolean, timeout: number | null, what: () => string): boolean {
  const bell = doorbell();
  bell.look();
  const end = timeout === null ? null : performance.now() + timeout * 1000;
  while (!isDone()) {
    if (end === null) {
      if (!bell.isExpecting) {
        throw new RuntimeError(
          `${what()} would block for ever: no executor of this thread has a call under way. Set its result before, or give a timeout`,
        );
      }
      bell.wait(null);
    } else {
      const left = (end - performance.now()) / 1000;
      if (left <= 0) return false;
      bell.wait(left);
    }
  }
  return true;
}
