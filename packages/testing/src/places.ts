/** Where in a program tasks wait, and where they touch what they share. */
import type { AbstractTask, Future } from "@aioloop/loop";
import { tracebackOf } from "@aioloop/loop/kernel";

interface Touch {
  readonly object: object;
  readonly kind: "read" | "write";
  readonly place: string | null;
}

/** A frame of a program, not of the library. */
const FRAME = /\(?((?:file:\/\/|\/|[A-Za-z]:[\\/])[^()]*?:\d+:\d+)\)?$/;
const OURS =
  /[\\/](?:packages|@aioloop)[\\/](?:loop|tasks|executors|streams|testing)[\\/](?:src|dist)[\\/]|node:/;

export class Places {
  readonly #waits: WeakMap<object, string> = new WeakMap();
  readonly #touches: Map<object, Touch[]> = new Map();

  waits(task: AbstractTask, future: Future<unknown> | null): void {
    const place = future === null ? null : placeIn(tracebackOf(future));
    if (place === null) this.#waits.delete(task);
    else this.#waits.set(task, place);
  }

  touches(object: object, kind: "read" | "write", task: object | null): void {
    if (task === null) return;
    let touches = this.#touches.get(task);
    if (touches === undefined) this.#touches.set(task, (touches = []));
    touches.push({ object, kind, place: placeIn(new Error().stack) });
  }

  /** Where it waits, `file:line`; null if that is not known. */
  of(task: object): string | null {
    return this.#waits.get(task) ?? null;
  }

  /** What both of them touched, at least one of them to change it. */
  conflict(one: object, other: object): string | null {
    for (const touch of this.#touches.get(one) ?? []) {
      const second = this.#touches
        .get(other)
        ?.find(({ object, kind }) => object === touch.object && (kind === "write" || touch.kind === "write"));
      if (second !== undefined) return `${String(touch.object)}: ${verbOf(touch)}, ${verbOf(second)}`;
    }
    return null;
  }
}

function verbOf({ kind, place }: Touch): string {
  const verb = kind === "read" ? "read" : "changed";
  return place === null ? verb : `${verb} at ${place}`;
}

/** The first frame that is the program's: its file, without folders, and its line. */
export function placeIn(stack: string | null | undefined): string | null {
  for (const line of stack?.split("\n") ?? []) {
    const frame = FRAME.exec(line.trim())?.[1];
    if (frame === undefined || OURS.test(frame)) continue;
    return frame.replace(/^.*[\\/]/, "").replace(/:\d+$/, "");
  }
  return null;
}
