/** What may go one way or another in a run, and who decides it. */

/** Choices of different kinds are counted apart, so that one more of a kind does not shift the others. */
export type Stream = "order" | "fault" | "draw";

/**
 * - `timer`: timers of one instant, in either order
 * - `arrival`: something from outside lands now, or later
 * - `eager`: tasks take their first step at once
 * - `task`: tasks that were woken, in either order
 * - `ready`: anything that is ready
 * - `fault`: `sim.fault()`
 * - `draw`: `sim.random()`, `sim.choose()`
 */
export type ChoiceKind = "timer" | "arrival" | "eager" | "task" | "ready" | "fault" | "draw";

/** One choice. Valid during the call of `choose` only: the same object is used for the next one. */
export interface Choice {
  readonly stream: Stream;
  readonly kind: ChoiceKind;
  /** How many ways there are, at least two; 0 is what happens if nobody chooses. */
  readonly count: number;
  /** What a way stands for: a task, a callback, an arrival; null where it stands for nothing of the kind. */
  subject(way: number): object | null;
  /** The same in words. */
  label(way: number): string;
}

/**
 * Decides one run. The three that are told of things can be left out, and cost nothing then. Together they say what partial-order reduction
 * needs: which step touched what, which step has made which one possible, and where another could have been taken.
 *
 *      choose(…) ──► step(one) ──► access(…), ready(other), access(…), … ──► the next
 */
export interface Chooser {
  /** From 0 to `choice.count - 1`. */
  choose(choice: Choice): number;
  /** A task or handle is about to run, whether there was a choice or not: the same object as the `subject()` of a way. */
  step?(one: object): void;
  /** A task or handle has become ready: by the step that was told of last, or by the selector (a timer is due, something has arrived). */
  ready?(one: object): void;
  /** What `sim.random()` draws from in this run, where it is not to be the same in all. */
  readonly seed?: number;
  /** A primitive, or what `shared()` gave, is read or changed, by a step of `task`, or of a callback (null). */
  access?(object: object, kind: "read" | "write", task: object | null): void;
}

/** How much may vary; each includes those before it. */
export const FIDELITIES = ["env", "tasks", "adversarial"] as const;

/**
 * - `env`: what asyncio leaves open: timers of one instant, when something from outside lands, eager starts. The ready queue is first in,
 *   first out, so each failure is a legal execution.
 * - `tasks`: also the order of the tasks that were woken, within a turn.
 * - `adversarial`: anything that is ready.
 */
export type Fidelity = (typeof FIDELITIES)[number];

/** Always what happens if nobody chooses. */
export const FIRST: Chooser = { choose: () => 0 };
