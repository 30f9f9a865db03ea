/** What the tests of child processes and signals share: programs that must leave nothing behind, and children that say what they do. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Coroutine, ExceptionContext, Yieldable } from "@aioloop/loop";
import { EventLoop } from "@aioloop/streams";
import { run, sleep } from "@aioloop/tasks";
import { expect, onTestFinished } from "vitest";

/** What keeps a process alive and belongs to children. */
function handles(): string[] {
  return process.getActiveResourcesInfo().filter((name) => name === "ProcessWrap" || name === "PipeWrap");
}

export async function until(isTrue: () => boolean): Promise<void> {
  for (const end = performance.now() + 10_000; performance.now() < end && !isTrue(); ) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Runs `main(loop)`; in the end no child runs, none waits to be reaped, and no pipe is open. `reports` takes what the exception handler gets. */
export async function program<T>(
  main: (loop: EventLoop) => Yieldable<T>,
  reports: ExceptionContext[] | null = null,
): Promise<T> {
  const before = handles().length;
  const loop = new EventLoop();
  const seen = reports ?? [];
  loop.setExceptionHandler((_loop, context) => void seen.push(context));
  const value = await run(main(loop), { loopFactory: () => loop });
  if (reports === null) expect(seen.map(({ message }) => message)).toEqual([]);
  await nothingLeft(before);
  return value;
}

export function openHandles(): number {
  return handles().length;
}

export async function nothingLeft(before: number): Promise<void> {
  await until(() => handles().length <= before);
  expect(handles().length, handles().join(" ")).toBeLessThanOrEqual(before);
}

/** True for a zombie too. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Waits in a coroutine, for what only the system can say. */
export function* eventually(isTrue: () => boolean): Coroutine<void> {
  for (let most = 2000; most > 0 && !isTrue(); most--) yield* sleep(0.005);
  expect(isTrue()).toBe(true);
}

/** Blocks this thread: what happens meanwhile, Node learns later. */
export function block(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** A folder that goes with the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "aioloop-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** The numbers from 1 to n, a line each: what `seq n` prints. */
export function lines(n: number): string {
  return Array.from({ length: n }, (_, i) => `${i + 1}\n`).join("");
}
