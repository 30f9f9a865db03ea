/**
 * The executor behind `runInExecutor(null, …)`: made when first needed, shut down with its loop. CPython: the
 * `_default_executor` of `base_events.BaseEventLoop`.
 */
import type { AbstractExecutor } from "./abstract-executor.ts";
import type { Handle } from "./events.ts";
import { isCancelled, RuntimeError } from "./exceptions.ts";
import { logger } from "./log.ts";
import { describe } from "./reprs.ts";
import type { Coroutine } from "./suspend.ts";
import { wrapFuture } from "./wrap-future.ts";

/** BaseEventLoop, which cannot be imported here: it imports this. */
type Loop = Handle["_loop"];

export class DefaultExecutor {
  readonly #make: (() => AbstractExecutor) | null;
  #executor: AbstractExecutor | null = null;
  #isShutdown = false;

  constructor(make: (() => AbstractExecutor) | null) {
    this.#make = make;
  }

  get(): AbstractExecutor {
    if (this.#isShutdown) {
      throw new RuntimeError(
        "runInExecutor(null, …): the loop's default executor has been shut down. Give an executor of your own",
      );
    }
    if (this.#executor === null) {
      if (this.#make === null) {
        throw new RuntimeError(
          "runInExecutor(null, …): this loop has no default executor. Give one with setDefaultExecutor(), or take a loop of the package aioloop",
        );
      }
      this.#executor = this.#make();
    }
    return this.#executor;
  }

  set(executor: AbstractExecutor): void {
    checkExecutor("setDefaultExecutor(executor)", executor);
    this.#executor = executor;
  }

  /** CPython: `BaseEventLoop.shutdown_default_executor`, which joins the threads in a thread of its own. */
  *shutdown(loop: Loop, timeout: number | null): Coroutine<void> {
    this.#isShutdown = true;
    const executor = this.#executor;
    if (executor === null) return;
    executor.shutdown({ wait: false });
    const joined = wrapFuture(executor.join(), { loop });
    let isLate = false;
    const timer =
      timeout === null
        ? null
        : loop.callLater(timeout, () => {
            isLate = true;
            joined.cancel();
          });
    try {
      yield* joined;
    } catch (error) {
      if (!isLate || !isCancelled(error)) throw error;
      logger.warning(
        `shutdownDefaultExecutor(${timeout}): the executor did not finish within ${timeout} seconds; its calls go on without the loop`,
      );
    } finally {
      timer?.cancel();
    }
  }

  close(): void {
    this.#isShutdown = true;
    this.#executor?.shutdown({ wait: false });
    this.#executor = null;
  }
}

export function checkExecutor(call: string, executor: AbstractExecutor): void {
  if (
    typeof executor?.submit !== "function" ||
    typeof executor.shutdown !== "function" ||
    typeof executor.join !== "function"
  ) {
    throw new TypeError(
      `${call}: an Executor is required (submit, shutdown, join), got ${describe(executor)}`,
    );
  }
}
