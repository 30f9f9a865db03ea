/** What binds itself to a loop when it first has to wait, not when it is made. CPython: `mixins._LoopBoundMixin`. */
import type { BaseEventLoop } from "@aioloop/loop";
import { getRunningLoop, RuntimeError } from "@aioloop/loop";
import { slots } from "@aioloop/loop/kernel";

export abstract class LoopBound {
  #loop: BaseEventLoop | null = null;

  /** @internal @throws RuntimeError in another loop than the first. */
  _getLoop(): BaseEventLoop {
    const loop = getRunningLoop();
    this.#loop ??= loop;
    if (this.#loop !== loop)
      throw new RuntimeError(`${this} is bound to a different event loop: make one for each loop`);
    return loop;
  }

  /** @internal Tells who watches the running loop that this object's state was looked at, or changed. */
  _accessed(kind: "read" | "write"): void {
    if (slots.running !== null && slots.running._instrument !== null) {
      slots.running._instrument.access(this, kind);
    }
  }
}
