/** A ready queue in which somebody else decides what runs next: one of the loop's four seams. */
import type { Runnable } from "@aioloop/loop";
import { ReadyQueue, TimerHandle } from "@aioloop/loop";
import { Task } from "@aioloop/tasks";
import type { Choice, ChoiceKind, Chooser, Fidelity } from "./choices.ts";
import { labelOf } from "./labels.ts";

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
  /** Set while nothing may become ready. */
  isFrozen: (() => never) | null = null;
  readonly #chooser: Chooser;
  readonly #fidelity: Fidelity;
  #items: Runnable[] = [];
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
  }

  override shift(): Runnable {
    if (this.#turn === 0) this.#turn = this.length;
    this.#turn -= 1;
    this.length -= 1;
    const items = this.#items;
    const at = items.length === 1 ? 0 : this.#next();
    const one = items[at] as Runnable;
    if (at === 0) items.shift();
    else if (this.kind === "task") {
      items[at] = items[0] as Runnable; // the two change places: callbacks between them keep theirs
      items.shift();
    } else items.splice(at, 1);
    this.last = one;
    return one;
  }

  /** Where the next one is. */
  #next(): number {
    const head = this.#items[0] as Runnable;
    const ways = this.#ways;
    ways.length = 0;
    if (this.#fidelity === "adversarial") this.#collect("ready", this.#items.length, isAny);
    else if (head instanceof TimerHandle) this.#collectTies(head);
    else if (this.#fidelity === "tasks" && head instanceof Task)
      this.#collect("task", this.#turn + 1, isTask);
    if (ways.length < 2) return 0;
    this.count = ways.length;
    return ways[this.#chooser.choose(this)] as number;
  }

  #collect(kind: ChoiceKind, end: number, fits: (one: Runnable) => boolean): void {
    this.kind = kind;
    for (let i = 0; i < end; i++) if (fits(this.#items[i] as Runnable)) this.#ways.push(i);
  }

  /** Timers of one instant stand behind each other. */
  #collectTies(head: TimerHandle): void {
    this.kind = "timer";
    for (let i = 0; i <= this.#turn; i++) {
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
    this.#turn = 0;
    this.length = 0;
  }

  override [Symbol.iterator](): IterableIterator<Runnable> {
    return this.#items[Symbol.iterator]();
  }
}

function isTask(one: Runnable): boolean {
  return one instanceof Task;
}

function isAny(one: Runnable): boolean {
  return one instanceof Task || !one._asHandle().cancelled();
}
