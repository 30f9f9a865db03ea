/** A ready queue in which somebody else decides what runs next: one of the loop's four seams. */
import type { Runnable } from "@aioloop/loop";
import { Handle, ReadyQueue, TimerHandle } from "@aioloop/loop";
import { Task } from "@aioloop/tasks";
import type { Choice, ChoiceKind, Chooser, Fidelity } from "./choices.ts";
import { FIRST } from "./choices.ts";
import { labelOf } from "./labels.ts";

/** So many slots that have been emptied are given back when they are half of all. */
const EMPTY_SLOTS = 1024;

/**
 * It knows turns as the loop does: what is ready when one begins runs in it, what comes meanwhile in the next. Ways that stand for
 * handles that were cancelled are no ways.
 */
export class ExploredQueue extends ReadyQueue implements Choice {
  readonly stream = "order";
  kind: ChoiceKind = "ready";
  count = 0;
  /** What ran last. */
  last: Runnable | null = null;
  /** It had been cancelled: nothing ran. */
  isVoid = false;
  /** Set while nothing may become ready. */
  isFrozen: (() => never) | null = null;
  readonly #chooser: Chooser;
  readonly #fidelity: Fidelity;
  /** From `#head` on; what stands before has run. */
  #items: (Runnable | undefined)[] = [];
  #head = 0;
  /** How many of them belong to the present turn. */
  #turn = 0;
  /** Where the ways of the present choice are. */
  readonly #ways: number[] = [];

  constructor(chooser: Chooser, fidelity: Fidelity) {
    super();
    this.#chooser = chooser;
    this.#fidelity = fidelity;
  }

  override push(one: Runnable): void {
    this.isFrozen?.();
    this.#items.push(one);
    this.length += 1;
    this.#chooser.ready?.(one);
  }

  override shift(): Runnable {
    if (this.#turn === 0) this.#turn = this.length;
    const at = this.length === 1 || this.#chooser === FIRST ? this.#head : this.#next();
    this.#turn -= 1;
    this.length -= 1;
    const one = this.#take(at);
    this.last = one;
    this.isVoid = one instanceof Handle && one.cancelled();
    this.#chooser.step?.(one);
    return one;
  }

  #take(at: number): Runnable {
    const items = this.#items;
    const head = this.#head;
    const one = items[at] as Runnable;
    if (at !== head && this.kind !== "task") {
      items.splice(at, 1);
      return one;
    }
    items[at] = items[head]; // where it is a task, the two change places: callbacks between them keep theirs
    items[head] = undefined;
    this.#head += 1;
    if (this.#head === items.length || (this.#head > EMPTY_SLOTS && this.#head > items.length / 2)) {
      items.splice(0, this.#head);
      this.#head = 0;
    }
    return one;
  }

  /** Where the next one is. */
  #next(): number {
    const start = this.#head;
    const head = this.#items[start] as Runnable;
    const ways = this.#ways;
    ways.length = 0;
    if (this.#fidelity === "adversarial") this.#collect("ready", this.#items.length, isAny);
    else if (head instanceof TimerHandle) this.#collectTies(head);
    else if (this.#fidelity === "tasks" && head instanceof Task)
      this.#collect("task", start + this.#turn, isTask);
    if (ways.length < 2) return ways[0] ?? start;
    this.count = ways.length;
    return ways[this.#chooser.choose(this)] as number;
  }

  #collect(kind: ChoiceKind, end: number, fits: (one: Runnable) => boolean): void {
    this.kind = kind;
    for (let i = this.#head; i < end; i++) if (fits(this.#items[i] as Runnable)) this.#ways.push(i);
  }

  /** Timers of one instant stand behind each other. */
  #collectTies(head: TimerHandle): void {
    this.kind = "timer";
    const end = this.#head + this.#turn;
    for (let i = this.#head; i < end; i++) {
      const one = this.#items[i];
      if (!(one instanceof TimerHandle) || one.when() !== head.when()) return;
      if (!one.cancelled()) this.#ways.push(i);
    }
  }

  subject(way: number): Runnable {
    return this.#items[this.#ways[way] as number] as Runnable;
  }

  label(way: number): string {
    return labelOf(this.subject(way));
  }

  override trim(): void {}

  override clear(): void {
    this.#items = [];
    this.#head = 0;
    this.#turn = 0;
    this.length = 0;
  }

  override *[Symbol.iterator](): IterableIterator<Runnable> {
    for (let i = this.#head; i < this.#items.length; i++) yield this.#items[i] as Runnable;
  }
}

function isTask(one: Runnable): boolean {
  return one instanceof Task;
}

function isAny(one: Runnable): boolean {
  return one instanceof Task || !one._asHandle().cancelled();
}
