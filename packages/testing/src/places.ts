/** Where in a program tasks wait, and where they touch what they share. */
import type { AbstractTask, Future } from "@aioloop/loop";
import { Handle } from "@aioloop/loop";
import { describe, tracebackOf } from "@aioloop/loop/kernel";
import { Task } from "@aioloop/tasks";
import { labelOf } from "./labels.ts";

interface Touch {
  /** The number of it in the run. */
  readonly at: number;
  readonly object: object;
  readonly kind: "read" | "write";
  readonly place: string | null;
}

/** A frame of a program, not of the library. */
const FRAME = /\(?((?:file:\/\/|\/|[A-Za-z]:[\\/])[^()]*?:\d+:\d+)\)?$/;
const OURS =
  /[\\/](?:packages|@aioloop)[\\/](?:loop|tasks|executors|streams|testing)[\\/](?:src|dist)[\\/]|[\\/]node_modules[\\/]@?vitest[\\/]|node:/;

export class Places {
  readonly #waits: WeakMap<object, string> = new WeakMap();
  /** Of tasks, and of callbacks that are no task's. */
  readonly #touches: Map<object, Touch[]> = new Map();
  /** How many there have been. */
  count = 0;

  waits(task: AbstractTask, future: Future<unknown> | null): void {
    const place = future === null ? null : placeIn(tracebackOf(future));
    if (place === null) this.#waits.delete(task);
    else this.#waits.set(task, place);
  }

  touches(object: object, kind: "read" | "write", actor: object): void {
    let touches = this.#touches.get(actor);
    if (touches === undefined) this.#touches.set(actor, (touches = []));
    touches.push({ at: this.count, object, kind, place: placeIn(new Error().stack) });
    this.count += 1;
  }

  /** `at` where a task waits; `from` where it, or a callback, was made; null if neither is known. */
  of(actor: object): string | null {
    const waits = this.#waits.get(actor);
    if (waits !== undefined) return `at ${waits}`;
    const made = placeIn(tracebackOf(actor));
    return made === null ? null : `from ${made}`;
  }

  /** What both of them have touched from some moment on, at least one of them to change it. */
  conflict(one: object, other: object, since: number): string | null {
    const [touches, others] = [one, other].map((actor) => this.#since(actor, since)) as [Touch[], Touch[]];
    for (const touch of touches) {
      const isConflict = ({ object, kind }: Touch) =>
        object === touch.object && (kind === "write" || touch.kind === "write");
      const second = others.find(isConflict);
      if (second !== undefined)
        return `${nameOf(touch.object)}: ${deedOf(one, touch)}, ${deedOf(other, second)}`;
    }
    return null;
  }

  #since(actor: object, since: number): Touch[] {
    return (this.#touches.get(actor) ?? []).filter(({ at }) => at >= since);
  }
}

/** A primitive shows its state, which is another one when this is read. */
function nameOf(object: object): string {
  const text = describe(object);
  const [, name] = /^<(\w+)/.exec(text) ?? [];
  return name === undefined ? text : `${/^[AEIOU]/.test(name) ? "an" : "a"} ${name}`;
}

function deedOf(actor: object, { kind, place }: Touch): string {
  const who = actor instanceof Task || actor instanceof Handle ? labelOf(actor) : "it";
  const deed = `${who} ${kind === "read" ? "reads" : "changes"} it`;
  return place === null ? deed : `${deed} at ${place}`;
}

/** The first frame that is the program's: its file, without folders, and its line. */
export function placeIn(stack: string | null | undefined): string | null {
  for (const line of stack?.split("\n") ?? []) {
    const frame = frameOf(line);
    if (frame === null) continue;
    return frame.replace(/^.*[\\/]/, "").replace(/:\d+$/, "");
  }
  return null;
}

/** Whether a line of a stack is a frame of the program, not of the library or of who runs tests. */
export function isOfProgram(line: string): boolean {
  return frameOf(line) !== null;
}

function frameOf(line: string): string | null {
  const frame = FRAME.exec(line.trim())?.[1];
  return frame === undefined || OURS.test(frame) ? null : frame;
}
