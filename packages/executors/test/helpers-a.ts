/** What the tests of futures, waits and maps share: futures in every state, gates for jobs, and the ways to wait. */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DoneAndNotDoneFutures, Executor, WaitOptions } from "@aioloop/executors";
import { Future, ProcessPoolExecutor, ThreadPoolExecutor, wait, waitAsync } from "@aioloop/executors";
import { setLogger, wrapFuture } from "@aioloop/loop";
import type { CoroutineIterable } from "@aioloop/tasks";
import { asyncFor, BlockingEventLoop, BREAK, HostEventLoop, run } from "@aioloop/tasks";
import { afterAll, beforeAll, onTestFinished } from "vitest";

// ---- futures by hand

export const error: RangeError = new RangeError("by hand");

/** A new future in each of the states, made by hand. */
export function inEachState(): Record<
  "pending" | "running" | "cancelled" | "notified" | "failed" | "successful",
  Future<number>
> {
  const make = (...steps: ((future: Future<number>) => void)[]) => {
    const future = new Future<number>();
    for (const step of steps) step(future);
    return future;
  };
  const take = (future: Future<number>) => void future.setRunningOrNotifyCancel();
  const cancel = (future: Future<number>) => void future.cancel();
  return {
    pending: make(),
    running: make(take),
    cancelled: make(cancel),
    notified: make(cancel, take),
    failed: make(take, (future) => future.setException(error)),
    successful: make(take, (future) => future.setResult(42)),
  };
}

/** Counts who waits for it. */
export class WatchedFuture extends Future<number> {
  waiters = 0;

  override _whenSettled(waiter: (future: object) => unknown): () => void {
    this.waiters += 1;
    const takeBack = super._whenSettled(waiter);
    return () => {
      this.waiters -= 1;
      takeBack();
    };
  }
}

// ---- what is thrown and logged

/** What `action` throws, whatever it is. */
export function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (thrown) {
    return thrown;
  }
  throw new Error("nothing was thrown");
}

/** The same for what comes later. */
export async function rejectionOf(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (thrown) {
    return thrown;
  }
  throw new Error("nothing was thrown");
}

export function textOf(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : `${thrown}`;
}

/** What is logged until the test ends, as `level: message`. */
export function listenToLog(): string[] {
  const lines: string[] = [];
  const write = (level: string) => (message: string) => void lines.push(`${level}: ${message}`);
  setLogger({
    debug: write("debug"),
    info: write("info"),
    warning: write("warning"),
    error: write("error"),
  });
  onTestFinished(() => setLogger(null));
  return lines;
}

// ---- jobs

/** Jobs wait until it is opened, at the latest at the end of the test. A file, since processes share no memory. */
export class Gate {
  readonly path: string;

  constructor() {
    const folder = folderOfTest();
    this.path = join(folder, "closed");
    writeFileSync(this.path, "");
  }

  open(): void {
    rmSync(this.path, { force: true });
  }
}

/** Where jobs note that they have begun. */
export class Notes {
  readonly path: string = join(folderOfTest(), "notes");

  add(name: string): void {
    appendFileSync(this.path, `${name}\n`);
  }

  get all(): string[] {
    return existsSync(this.path) ? readFileSync(this.path, "utf8").trim().split("\n") : [];
  }
}

function folderOfTest(): string {
  const folder = mkdtempSync(join(tmpdir(), "aioloop-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A job: gives `value` once the gate is open. */
export function whenOpen<T>(gate: string, value: T): T {
  const { existsSync } = process.getBuiltinModule("node:fs");
  const never = new Int32Array(new SharedArrayBuffer(4));
  while (existsSync(gate)) Atomics.wait(never, 0, 0, 2);
  return value;
}

/** A job: gives `value` after some seconds. */
export function after<T>(seconds: number, value: T): T {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
  return value;
}

/** A job: fails after some seconds. */
export function failAfter(seconds: number): never {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
  throw new RangeError("in a worker");
}

/** A job. */
export function multiply(a: number, b: number): number {
  return a * b;
}

/** A job: the whole part of a quotient, and what is left. */
export function divide(a: number, b: number): [number, number] {
  if (b === 0) throw new RangeError("division by zero");
  return [Math.floor(a / b), a % b];
}

/** A job: notes its name; if it stands in `waits`, it ends once the gate is open. */
export function note(name: string, notes: string, waits: string, gate: string): string {
  const { appendFileSync, existsSync } = process.getBuiltinModule("node:fs");
  appendFileSync(notes, `${name}\n`);
  const never = new Int32Array(new SharedArrayBuffer(4));
  while (waits.includes(name) && existsSync(gate)) Atomics.wait(never, 0, 0, 2);
  return name;
}

// ---- pools

export const kinds: [name: string, make: (maxWorkers: number) => Executor][] = [
  ["ThreadPoolExecutor", (maxWorkers) => new ThreadPoolExecutor({ maxWorkers })],
  ["ProcessPoolExecutor", (maxWorkers) => new ProcessPoolExecutor({ maxWorkers })],
];

/** A pool for all tests of a `describe`. */
export function poolForAll(make: (maxWorkers: number) => Executor, maxWorkers: number): () => Executor {
  let pool: Executor;
  beforeAll(() => {
    pool = make(maxWorkers);
  });
  afterAll(async () => {
    pool.shutdown({ wait: false });
    await pool.join();
  });
  return () => pool;
}

/** Looks again and again, while the host goes on. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 2));
}

// ---- ways to wait

type Waiting = <F extends Future<unknown>>(
  fs: Iterable<F>,
  options?: WaitOptions,
) => Promise<DoneAndNotDoneFutures<F>>;

/** `wait` in all its forms, as one. */
export const waits: [name: string, waiting: Waiting][] = [
  ["wait()", async (fs, options) => wait(fs, options)],
  ["await waitAsync()", async (fs, options) => await waitAsync(fs, options)],
  ["waitAsync() on a host loop", (fs, options) => run(waitIn(fs, options), { loopFactory: hostLoop })],
  [
    "waitAsync() on a blocking loop",
    async (fs, options) => run(waitIn(fs, options), { loopFactory: blockingLoop }),
  ],
];

function* waitIn<F extends Future<unknown>>(fs: Iterable<F>, options: WaitOptions | undefined) {
  return yield* wrapFuture(waitAsync(fs, options));
}

/** What `asCompleted` and `map` give. */
type Items<T> = Iterable<T> & AsyncIterable<T> & CoroutineIterable<T>;

/** Goes through `items` until `body` says true. */
type Iteration = <T>(items: Items<T>, body: (item: T) => boolean | void) => Promise<void>;

export const iterations: [name: string, iterate: Iteration][] = [
  [
    "for … of",
    async (items, body) => {
      for (const item of items) if (body(item) === true) break;
    },
  ],
  [
    "for await … of",
    async (items, body) => {
      for await (const item of items) if (body(item) === true) break;
    },
  ],
  [
    "asyncFor() on a host loop",
    (items, body) => run(asyncFor(items, bodyIn(body)), { loopFactory: hostLoop }),
  ],
  [
    "asyncFor() on a blocking loop",
    async (items, body) => run(asyncFor(items, bodyIn(body)), { loopFactory: blockingLoop }),
  ],
];

function bodyIn<T>(body: (item: T) => boolean | void) {
  return function* (item: T) {
    return body(item) === true ? BREAK : undefined;
  };
}

/** All items, and what ended the iteration, null for its end. */
export async function collect<T>(
  iterate: Iteration,
  items: Items<T>,
): Promise<{ got: T[]; thrown: unknown }> {
  const got: T[] = [];
  try {
    await iterate(items, (item) => void got.push(item));
  } catch (thrown) {
    return { got, thrown };
  }
  return { got, thrown: null };
}

export function hostLoop(): HostEventLoop {
  return new HostEventLoop();
}

export function blockingLoop(): BlockingEventLoop {
  return new BlockingEventLoop();
}
