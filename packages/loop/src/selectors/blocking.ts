/**
 * Real time, synchronous: the thread itself waits, with `Atomics.wait`, as CPython's waits in `select`. Nothing of the host's
 * (promises, sockets, listeners) can happen meanwhile; what other threads finish comes in through a source.
 */
import type { Context } from "../contextvars.ts";
import { copyContext } from "../contextvars.ts";
import { RuntimeError } from "../exceptions.ts";
import type { Selector } from "./selector.ts";
import type { Source } from "./source.ts";

/** `Atomics.wait` takes one flag. With several, the first is waited for and the others looked at this often, in seconds. */
const SEVERAL_FLAGS = 0.001;

export class BlockingSelector implements Selector {
  readonly #sources: { readonly source: Source; readonly context: Context }[] = [];
  readonly #expected: Map<Source, { count: number; readonly remove: () => void }> = new Map();
  readonly #sleepOn: Int32Array = new Int32Array(new SharedArrayBuffer(4));

  get polls(): boolean {
    return this.#sources.length > 0;
  }

  /** Returns a function that takes the source out again. `drain` runs in a copy of the context that is current now. */
  addSource(source: Source): () => void {
    const buffer: unknown = source?.flag instanceof Int32Array ? source.flag.buffer : null;
    if (!(buffer instanceof SharedArrayBuffer) || typeof source.drain !== "function") {
      throw new TypeError(
        "addSource({ flag, drain }): flag must be an Int32Array on a SharedArrayBuffer, drain a function",
      );
    }
    const entry = { source, context: copyContext() };
    this.#sources.push(entry);
    return () => {
      const i = this.#sources.indexOf(entry);
      if (i >= 0) this.#sources.splice(i, 1);
    };
  }

  expect(source: Source): void {
    const known = this.#expected.get(source);
    if (known === undefined) this.#expected.set(source, { count: 1, remove: this.addSource(source) });
    else known.count += 1;
  }

  expectNoMore(source: Source): void {
    const known = this.#expected.get(source);
    if (known === undefined) return; // the selector was closed
    known.count -= 1;
    if (known.count > 0) return;
    this.#expected.delete(source);
    known.remove();
  }

  select(timeout: number | null): boolean {
    if (timeout !== 0) {
      if (timeout === null && this.#sources.length === 0) return false;
      this.#sleep(timeout ?? Number.POSITIVE_INFINITY);
    }
    this.#drain();
    return true;
  }

  #sleep(seconds: number): void {
    const flags = new Set(this.#sources.map(({ source }) => source.flag));
    const [flag = this.#sleepOn] = flags;
    const end = performance.now() + seconds * 1000;
    const slice = flags.size > 1 ? SEVERAL_FLAGS * 1000 : Number.POSITIVE_INFINITY;
    for (;;) {
      for (const one of flags) if (Atomics.load(one, 0) !== 0) return;
      const left = end - performance.now();
      if (left <= 0) return;
      try {
        Atomics.wait(flag, 0, 0, Math.min(left, slice));
      } catch (error) {
        throw new RuntimeError(
          "a blocking loop cannot wait here: this thread may not block (a browser's main thread). Use the host loop, or a worker",
          {
            cause: error,
          },
        );
      }
    }
  }

  #drain(): void {
    for (const { source, context } of [...this.#sources]) {
      if (Atomics.exchange(source.flag, 0, 0) !== 0) context.run(() => source.drain());
    }
  }

  wakeup(): void {}

  close(): void {
    this.#sources.length = 0;
    this.#expected.clear();
  }
}
