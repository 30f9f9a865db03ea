// What the examples print: a line with the time since the first one, from the clock of the loop that runs.
import type { BaseEventLoop } from "aioloop";
import { getRunningLoop } from "aioloop";

const starts = new WeakMap<BaseEventLoop, number>();

/** Seconds since this was first asked in the running loop. */
export function elapsed() {
  const loop = getRunningLoop();
  const now = loop.time();
  if (!starts.has(loop)) starts.set(loop, now);
  return now - (starts.get(loop) ?? now);
}

/** Prints a line with the time, to a tenth of a second. */
export function print(text: string) {
  console.log(`${elapsed().toFixed(1)} s  ${text}`);
}
