/**
 * A schedule is a value: what deviates from the order that any loop has, and the seed of the program's draws.
 *
 *      sim1.e.1.BQEABwI     format, fidelity, seed (base 36), deviations: for each its stream, the choices since the last, the way, a check
 *
 * What follows after another dot is a mark (replay-variable.ts).
 */
import { RuntimeError } from "@aioloop/loop";
import type { Fidelity, Stream } from "./choices.ts";
import { FIDELITIES } from "./choices.ts";

/** Another way than the first is taken at a choice. */
export interface Deviation {
  readonly stream: Stream;
  /** The number of the choice in its stream, from 0. */
  readonly at: number;
  readonly way: number;
  /** Of what ran, to see whether a program has changed: 8 bits. */
  readonly check: number;
}

export interface Schedule {
  readonly fidelity: Fidelity;
  readonly seed: number;
  /** Sorted by stream, then by number. */
  readonly deviations: readonly Deviation[];
}

const FORMAT = "sim1";
const STREAMS: readonly Stream[] = ["order", "fault", "draw"];

/** A schedule as text: some 5 characters for each deviation. */
export function tokenOf({ fidelity, seed, deviations }: Schedule): string {
  const bytes: number[] = [];
  for (const [i, stream] of STREAMS.entries()) {
    let last = -1;
    for (const { at, way, check } of deviations.filter((one) => one.stream === stream)) {
      pushNumber(bytes, (at - last - 1) * STREAMS.length + i);
      pushNumber(bytes, way);
      bytes.push(check);
      last = at;
    }
  }
  return [FORMAT, fidelity[0], seed.toString(36), Buffer.from(bytes).toString("base64url")].join(".");
}

/** @throws RangeError for what is no token */
export function scheduleOf(token: string): Schedule {
  const [format, letter, seed = "", body = ""] = token.split(".");
  const fidelity = FIDELITIES.find((one) => one[0] === letter);
  if (format !== FORMAT || fidelity === undefined || !/^[0-9a-z]+$/.test(seed) || !/^[\w-]*$/.test(body)) {
    throw new RangeError(
      `replay(body, token): ${JSON.stringify(token)} is no token of explore(); they begin with "${FORMAT}."`,
    );
  }
  const bytes = [...Buffer.from(body, "base64url")];
  const deviations: Deviation[] = [];
  const last: Record<Stream, number> = { order: -1, fault: -1, draw: -1 };
  while (bytes.length > 0) {
    const gap = takeNumber(bytes, token);
    const stream = STREAMS[gap % STREAMS.length] as Stream;
    const at = last[stream] + 1 + Math.floor(gap / STREAMS.length);
    const way = takeNumber(bytes, token);
    const check = bytes.shift();
    if (check === undefined) throw truncated(token);
    last[stream] = at;
    deviations.push({ stream, at, way, check });
  }
  return { fidelity, seed: Number.parseInt(seed, 36), deviations };
}

/** Seven bits a byte, the lowest first; the eighth says that more follow. */
function pushNumber(bytes: number[], value: number): void {
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
}

function takeNumber(bytes: number[], token: string): number {
  let value = 0;
  for (let unit = 1; ; unit *= 128) {
    const byte = bytes.shift();
    if (byte === undefined) throw truncated(token);
    value += (byte % 128) * unit;
    if (byte < 128) return value;
  }
}

function truncated(token: string): RangeError {
  return new RangeError(`replay(body, token): ${JSON.stringify(token)} has lost its end`);
}

/** What runs is not what the schedule was made for. */
export class ScheduleMismatchError extends RuntimeError {
  static {
    this.prototype.name = "ScheduleMismatchError";
  }
}

/** A program does different things after the same choices. */
export class NondeterminismError extends RuntimeError {
  static {
    this.prototype.name = "NondeterminismError";
  }

  constructor(what: string, options?: ErrorOptions) {
    super(
      `the program is not deterministic: ${what}. It must not depend on the clock, on Math.random(), or on what earlier runs have left behind (module variables, caches)`,
      options,
    );
  }
}

/** Eight bits of a label. */
export function checkOf(label: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 16) ^ (hash >>> 8)) & 255;
}
