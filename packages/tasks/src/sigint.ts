/**
 * Ctrl-C while a main task runs. CPython: `runners.Runner._on_sigint`.
 *
 * The first cancels the main task, so that clean-up runs; the second ends the process as if nobody listened.
 * Nothing is done where somebody else listens to SIGINT, and in hosts without signals.
 */
import type { AbstractTask } from "@aioloop/loop";

interface SignalHost {
  readonly pid: number;
  listenerCount(event: "SIGINT"): number;
  on(event: "SIGINT", listener: () => void): unknown;
  off(event: "SIGINT", listener: () => void): unknown;
  kill(pid: number, signal: "SIGINT"): unknown;
}

export class SigintWatch {
  /** How many there have been. */
  count = 0;
  readonly #host: SignalHost | null;
  readonly #onSigint: () => void;

  constructor(main: AbstractTask) {
    const host = (globalThis as { process?: SignalHost }).process;
    this.#onSigint = () => {
      if (host !== undefined && host.listenerCount("SIGINT") > 1) return; // somebody else listens since then
      this.count += 1;
      if (this.count === 1 && main.cancel()) return;
      this.end();
      host?.kill(host.pid, "SIGINT");
    };
    const isFree = typeof host?.listenerCount === "function" && host.listenerCount("SIGINT") === 0;
    this.#host = isFree && this.#listens(host) ? host : null;
  }

  /** A host may have signals and not let this thread listen to them. */
  #listens(host: SignalHost): boolean {
    try {
      host.on("SIGINT", this.#onSigint);
      return true;
    } catch {
      return false;
    }
  }

  end(): void {
    this.#host?.off("SIGINT", this.#onSigint);
  }
}
