/**
 * Native promises that wait for futures of a loop. CPython has no such thing: there nobody outside the loop can await.
 *
 * If the loop is closed before a future is done, its promise is rejected: it must not wait for ever.
 */
import { RuntimeError } from "./exceptions.ts";
import type { Future } from "./futures.ts";

export class WaitingPromises {
  readonly #abandons: Set<() => void> = new Set();

  /** Settles as the future does, through the loop; or when it is abandoned. */
  add<T>(future: Future<T>, resolve: (value: T) => void, reject: (reason: unknown) => void): void {
    const abandon = () => {
      if (future.done()) future._settle(resolve, reject);
      else reject(new RuntimeError(`await of ${future}: its event loop was closed before it was done`));
    };
    this.#abandons.add(abandon);
    future.addDoneCallback(() => {
      this.#abandons.delete(abandon);
      future._settle(resolve, reject);
    });
  }

  abandonAll(): void {
    for (const abandon of this.#abandons) abandon();
    this.#abandons.clear();
  }
}
