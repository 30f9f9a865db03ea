/** The bars: how each kernel of ours must stand beside the other columns. This is the one place to change them. */

/** What a kernel of ours is set beside. */
export const COLUMNS = [
  "native",
  "net",
  "http",
  "cpython",
  "uvloop",
  "effect",
  "effection",
  "piscina",
  "tinypool",
] as const;
export type Column = (typeof COLUMNS)[number];

/**
 * At least so many times as fast; or at most so many times what the other costs, in time or bytes. Of ours itself: at least so many
 * operations per second; or at most so many seconds for all of them.
 */
export type Bar = { readonly atLeast: number } | { readonly atMost: number };
export type Bars = Readonly<Record<string, Readonly<Partial<Record<"ours" | Column, Bar>>>>>;

const atLeast = (times: number): Bar => ({ atLeast: times });
const atMost = (times: number): Bar => ({ atMost: times });

export const bars: Bars = {
  "switch-sleep0": { native: atLeast(1), cpython: atLeast(20), uvloop: atLeast(10) },
  "switch-bare": { native: atLeast(1.5), cpython: atLeast(20), uvloop: atLeast(10) },
  "tasks-1000": { native: atLeast(1), cpython: atLeast(12) },
  "tasks-100000": { native: atLeast(1), cpython: atLeast(12) },
  "tasks-1000000": { native: atLeast(1), cpython: atLeast(12) },
  "call-soon": { native: atLeast(2), cpython: atLeast(30), uvloop: atLeast(12) },
  future: { native: atLeast(1), cpython: atLeast(12) },
  "spawn-plain": { native: atLeast(0.5), cpython: atLeast(8), effect: atLeast(3), effection: atLeast(50) },
  "spawn-coroutine": {
    native: atLeast(0.5),
    cpython: atLeast(8),
    effect: atLeast(3),
    effection: atLeast(50),
  },
  "taskgroup-spawn": { cpython: atLeast(8), effect: atLeast(3), effection: atLeast(50) },
  "child-plain": { native: atLeast(1.5) },
  "child-coroutine": { native: atLeast(0.6) },
  "depth-coroutine-100": { native: atLeast(2), cpython: atLeast(50) },
  "depth-coroutine-1000": { native: atLeast(2), cpython: atLeast(50) },
  sleeps: { native: atMost(1.3), cpython: atLeast(5) },
  "timer-cancel": { native: atLeast(3), cpython: atLeast(8) },
  "queue-1": { cpython: atLeast(10) },
  "lock-free": { cpython: atLeast(2) },
  "lock-contended": { cpython: atLeast(10) },
  memory: { native: atMost(1.4), cpython: atMost(0.7) },
  "executor-round-trip": { piscina: atLeast(1.5) },
  "executor-in-flight": { piscina: atLeast(5), cpython: atLeast(1) },
  "http-64": { net: atLeast(0.95), http: atLeast(1.4), cpython: atLeast(1.5), uvloop: atLeast(1.1) },
  "echo-64KiB": { net: atLeast(0.9), uvloop: atLeast(1) },
  "sim-schedules": { ours: atLeast(10_000) },
  "sim-ticks-1": { ours: atLeast(500_000) },
  "sim-ticks-1000": { ours: atLeast(500_000) },
  "sim-hour": { ours: atMost(0.01) },
};

export interface Standing {
  /** Of a figure by itself, that figure. */
  readonly ratio: number;
  /** null where there is no bar. */
  readonly bar: Bar | null;
  readonly reached: boolean | null;
}

/**
 * How ours stands beside another figure: times as fast, or times the cost where the bar says "at most". Both are
 * operations per second; or both are bytes, and then more is worse.
 */
export function standing(ours: number, other: number, areBytes: boolean, bar: Bar | null = null): Standing {
  const cost = areBytes ? ours / other : other / ours;
  if (bar === null) return { ratio: areBytes ? cost : 1 / cost, bar, reached: null };
  if ("atMost" in bar) return { ratio: cost, bar, reached: cost <= bar.atMost };
  return { ratio: 1 / cost, bar, reached: 1 / cost >= bar.atLeast };
}

/** How a figure of ours stands by itself: `rate` operations per second, of so many in all. */
export function standingAlone(rate: number, operations: number, bar: Bar): Standing & { readonly bar: Bar } {
  const figure = "atMost" in bar ? operations / rate : rate;
  return { ratio: figure, bar, reached: "atMost" in bar ? figure <= bar.atMost : figure >= bar.atLeast };
}
