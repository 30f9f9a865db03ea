/** What tests of real pools share: a gate at which calls wait, seen by threads and processes alike, and what is left of workers. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Future, ProcessPoolOptions, ThreadPoolOptions } from "@aioloop/executors";
import { ProcessPoolExecutor, ThreadPoolExecutor } from "@aioloop/executors";

export { errorOf, thrownBy } from "../../tasks/test/helpers.ts";

/** Calls wait at `path` (waitAt, waitAtAsync) until it is opened, and say there when they begin and end. */
export class Gate {
  readonly path: string = join(mkdtempSync(join(tmpdir(), "aioloop-gate-")), "gate");

  open(): void {
    writeFileSync(this.path, "");
  }

  /** What calls said, in order: "a began", "a ended". */
  get log(): string[] {
    const file = `${this.path}.log`;
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  }

  /** How many calls have begun. */
  get begun(): number {
    return this.log.filter((line) => line.endsWith(" began")).length;
  }

  /** Opens it for good, and takes its folder away. */
  remove(): void {
    rmSync(join(this.path, ".."), { recursive: true, force: true });
  }
}

/** Runs `body` with a gate, and opens it at the end whatever happens, so that no call waits for ever. */
export async function withGate(body: (gate: Gate) => unknown): Promise<void> {
  const gate = new Gate();
  try {
    await body(gate);
  } finally {
    gate.remove();
  }
}

// Sent by their source: nothing outside themselves. A gate whose folder has gone is open.

/** Blocks its worker until the gate opens, and gives `value`. */
export function waitAt(gate: string, value: string): string {
  const { appendFileSync, existsSync } = process.getBuiltinModule("node:fs");
  const say = (what: string) => {
    try {
      appendFileSync(`${gate}.log`, `${value} ${what}\n`);
    } catch {} // the folder has gone
  };
  const folder = gate.replace(/[^\\/]*$/, "");
  const cell = new Int32Array(new SharedArrayBuffer(4));
  say("began");
  while (existsSync(folder) && !existsSync(gate)) Atomics.wait(cell, 0, 0, 2);
  say("ended");
  return value;
}

/** The same without blocking its worker. */
export async function waitAtAsync(gate: string, value: string): Promise<string> {
  const { existsSync } = process.getBuiltinModule("node:fs");
  const folder = gate.replace(/[^\\/]*$/, "");
  while (existsSync(folder) && !existsSync(gate)) await new Promise((resolve) => setTimeout(resolve, 2));
  return value;
}

/** Blocks its worker for a while. */
export function block(milliseconds: number): number {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
  return milliseconds;
}

export function add(a: number, b: number): number {
  return a + b;
}

export function absolute(n: number): number {
  return Math.abs(n);
}

/** What a test has to clean up, whatever kind of pool it has. */
export type Pool = ThreadPoolExecutor | ProcessPoolExecutor;
export type PoolOptions = Pick<
  ThreadPoolOptions<never[]> & ProcessPoolOptions<never[]>,
  "maxWorkers" | "initializer" | "initargs"
>;
export const kinds: [name: string, make: (options?: PoolOptions) => Pool][] = [
  ["ThreadPoolExecutor", (options = {}) => new ThreadPoolExecutor({ maxWorkers: 2, ...options })],
  ["ProcessPoolExecutor", (options = {}) => new ProcessPoolExecutor({ maxWorkers: 2, ...options })],
];

/** Runs `body` with the pool, then shuts it down and waits for its workers' ends. */
export async function withPool<P extends Pool>(pool: P, body: (pool: P) => unknown): Promise<void> {
  try {
    await body(pool);
  } finally {
    pool.shutdown({ wait: false, cancelFutures: true });
    await pool.join();
  }
}

/** How many workers there are. */
export function workersOf(pool: Pool): number {
  return pool instanceof ThreadPoolExecutor ? pool.threads.length : pool.pids.length;
}

/** Waits until it is so, for which it looks now and then; the test's own time limit ends it otherwise. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Collects garbage until it is so; finalizers run between the host's turns, and a WeakRef that was asked holds on until the next. */
export async function collectUntil(isSo: () => boolean): Promise<void> {
  do await collect();
  while (!isSo());
}

export async function collect(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 2));
  (globalThis as { gc?: () => void }).gc?.();
  await new Promise((resolve) => setTimeout(resolve, 2));
}

/** What a promise, or a future, rejects with. */
export async function rejectionOf(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it did not reject");
}

/** How a future ended, in a word. */
export function endOf(future: Future<unknown>): string {
  if (!future.done()) return "pending";
  if (future.cancelled()) return "cancelled";
  const error = future.exception();
  if (error === null) return `returned ${String(future.result())}`;
  return `threw ${(error as Error)?.name ?? String(error)}`;
}
