/**
 * What a transport reads, while its protocol pauses. Node's own pause() comes too late for what is on its way to a turn of the loop:
 * that is held, and given before what comes later.
 *
 *      Node ──► a turn of the loop ──► protocol                   flowing: not paused, nothing held
 *                      └──► held ──resume──► protocol             also what comes while something is held
 */
import type { Readable } from "node:stream";

/** Bytes, or null for the end. */
export type Arrival = Buffer | null;

export class Inflow {
  readonly #source: Readable;
  #isPaused = false;
  #held: Arrival[] = [];

  constructor(source: Readable) {
    this.#source = source;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#source.pause();
  }

  /** True if something is held that can be given now: by giveHeld(), in a turn of its own. */
  resume(): boolean {
    if (!this.#isPaused) return false;
    this.#isPaused = false;
    this.#source.resume();
    return this.#held.length > 0;
  }

  /** Whether it is held, and not to be given now. */
  holds(arrival: Arrival): boolean {
    if (!this.#isPaused && this.#held.length === 0) return false;
    this.#held.push(arrival);
    if (this.#isPaused) this.#source.pause(); // Node resumes the pipes of a child that has ended
    return true;
  }

  /** Until it is paused again, or cleared. */
  giveHeld(give: (arrival: Arrival) => void): void {
    while (!this.#isPaused && this.#held.length > 0) give(this.#held.shift() as Arrival);
  }

  /** What is held is given to nobody. */
  clear(): void {
    this.#held = [];
  }

  /** What is held goes back to where it came from, for who reads that next. */
  giveBack(): void {
    for (const arrival of this.#held.splice(0).reverse()) if (arrival !== null) this.#source.unshift(arrival);
  }
}
