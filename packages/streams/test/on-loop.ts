/** Runs programs over real sockets, and looks at what they leave open and report. */
import type { ExceptionContext, Yieldable } from "@aioloop/loop";
import { setLogger } from "@aioloop/loop";
import { EventLoop } from "@aioloop/streams";
import { run } from "@aioloop/tasks";
import { expect } from "vitest";

/** A turn of the host's event loop. */
export const turnOfHost = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** How many sockets, servers and pipes the process has open. */
export function openResources(): number {
  return process.getActiveResourcesInfo().filter((name) => /TCP|Pipe|UDP|TLS/i.test(name)).length;
}

export interface LoopTestOptions {
  /** Takes what reaches the exception handler; without it nothing may. */
  reports?: ExceptionContext[];
  /** Takes what is logged as a warning. */
  warnings?: string[];
}

/** Runs `main(loop)` on a loop with sockets, and checks that nothing is left open and nothing was reported. */
export async function onLoop<T>(
  main: (loop: EventLoop) => Yieldable<T>,
  { reports, warnings }: LoopTestOptions = {},
): Promise<T> {
  const before = openResources();
  const seen = reports ?? [];
  const loop = new EventLoop();
  loop.setExceptionHandler((_loop, context) => void seen.push(context));
  const ignore = () => {};
  if (warnings !== undefined) {
    setLogger({ debug: ignore, info: ignore, warning: (text) => void warnings.push(text), error: ignore });
  }
  let value: T;
  try {
    value = await run(main(loop), { loopFactory: () => loop });
  } finally {
    if (warnings !== undefined) setLogger(null);
  }
  const deadline = performance.now() + 5000;
  while (openResources() > before && performance.now() < deadline) await turnOfHost();
  expect(openResources(), "handles left").toBeLessThanOrEqual(before);
  if (reports === undefined) expect(seen.map(({ message }) => message)).toEqual([]);
  return value;
}
