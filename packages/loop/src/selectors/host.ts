/**
 * The host's event loop as selector: Node, Deno, Bun, browsers. It may not be blocked, so the loop is its guest: where
 * CPython's `select` sleeps, this one arms one host timer, returns, and has the loop pumped again.
 *
 *      parked ──(host timer, for the earliest deadline)──────────────► pump
 *      parked ──(something became ready: wakeup)── microtask ────────► pump
 *      parked ──(bytes came in: gather)── setImmediate ──────────────► pump, for all sockets that had some
 *      busy for a while ── give way ── setImmediate / MessageChannel ► pump
 */
import type { Selector } from "./selector.ts";

type Timer = ReturnType<typeof setTimeout>;

/** A host timer cannot be longer than this (2^31 ms); a day is what `select` asks for at most. */
const LONGEST_MS = 24 * 3600 * 1000;

/** With a thousand sockets that are ready at once, what the first ones brought would have left the processor's cache before its turn. */
const MOST_GATHERED = 32;

export class HostSelector implements Selector {
  readonly polls = false;
  readonly #giveWay: (callback: () => void) => void = giveWayOfHost();
  #pump: () => void = () => {};
  #timer: Timer | null = null;
  /** What the host timer is set for, on the loop's clock. */
  #armedFor = 0;
  /** A pump is on its way, and another need not be sent; a microtask still goes before one that gathers. */
  #called = false;
  #gathering = false;
  /** How many arrivals the gathering pump will find. */
  #gathered = 0;

  /** Who is pumped. */
  attach(pump: () => void): void {
    this.#pump = () => {
      if (!this.#called && !this.#gathering) return;
      this.#called = false;
      this.#gathering = false;
      pump();
    };
  }

  select(timeout: number | null, deadline: number): boolean {
    if (timeout === 0) return true;
    if (timeout === null) this.#disarm();
    else if (this.#timer === null || deadline < this.#armedFor) this.#arm(timeout, deadline);
    // A timer that is armed for an earlier time stays: it fires, nothing is due, and it is armed anew.
    return false;
  }

  /** Rounded up to a millisecond, the host's grain: never early, and seldom for nothing. */
  #arm(timeout: number, deadline: number): void {
    this.#disarm();
    this.#armedFor = deadline;
    const milliseconds = Math.min(Math.ceil(timeout * 1000), LONGEST_MS);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#called = true;
      this.#pump();
    }, milliseconds);
  }

  #disarm(): void {
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** In a microtask: after the code that made something ready, before the host does anything else. */
  wakeup(): void {
    if (this.#called) return;
    this.#called = true;
    queueMicrotask(this.#pump);
  }

  /** When the host has told of all that came in this round of its own: one pump for it, as one `select` tells of many sockets. */
  gather(): void {
    if (this.#called) return;
    if (!this.#gathering) {
      this.#gathering = true;
      this.#gathered = 1;
      this.#giveWay(this.#pump);
    } else if (++this.#gathered === MOST_GATHERED) this.wakeup();
  }

  /** The loop has more to do; first the host's timers, I/O and promises get their chance. */
  giveWay(): void {
    if (this.#called) return;
    this.#called = true;
    this.#giveWay(this.#pump);
  }

  /** Not pumped any more, and nothing of it keeps the process alive. */
  rest(): void {
    this.#called = false;
    this.#gathering = false;
    this.#disarm();
  }

  close(): void {
    this.rest();
  }
}

function giveWayOfHost(): (callback: () => void) => void {
  const host = globalThis as { setImmediate?: (callback: () => void) => unknown };
  if (typeof host.setImmediate === "function") return host.setImmediate;
  // Browsers hold setTimeout back to 4 ms; a message comes at once. Made only when first needed.
  let channel: MessageChannel | null = null;
  const waiting: (() => void)[] = [];
  return (callback) => {
    if (channel === null) {
      channel = new MessageChannel();
      channel.port1.onmessage = () => waiting.shift()?.();
    }
    waiting.push(callback);
    channel.port2.postMessage(null);
  };
}
