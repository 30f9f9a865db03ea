/** What the tests of this package share: both real-time loops, gates at which calls in workers wait, and what is thrown and logged. */
import type { HostedEventLoop, SyncEventLoop, Yieldable } from "aioloop";
import { BlockingEventLoop, executors, HostEventLoop, run, setLogger } from "aioloop";
import { onTestFinished } from "vitest";

export { errorOf, textOf, thrownBy } from "../../tasks/test/helpers.ts";

type RealLoop = SyncEventLoop | HostedEventLoop;

/** The loops that have a default executor. */
export const LOOPS: [string, () => RealLoop][] = [
  ["HostEventLoop", () => new HostEventLoop({ debug: false })],
  ["BlockingEventLoop", () => new BlockingEventLoop({ debug: false })],
];

/** Runs a program on a loop of either kind. */
export async function program<T>(
  newLoop: () => RealLoop,
  main: (loop: RealLoop) => Yieldable<T>,
): Promise<T> {
  const loop = newLoop();
  return await run(main(loop), { loopFactory: () => loop });
}

/** A pool that is shut down when the test ends, whatever it did. */
export function threadPool(maxWorkers = 1): executors.ThreadPoolExecutor {
  const pool = new executors.ThreadPoolExecutor({ maxWorkers, threadNamePrefix: "test" });
  onTestFinished(() => {
    for (const gate of gates.splice(0)) gate.open(); // of a test that failed before it did
    pool.shutdown({ cancelFutures: true });
  });
  return pool;
}

const gates: Gate[] = [];

/** Words that threads share: at 0 they wait until it is open, the others are theirs to count in. */
export class Gate {
  readonly words: Int32Array = new Int32Array(new SharedArrayBuffer(16));

  constructor() {
    gates.push(this);
  }

  open(): void {
    Atomics.store(this.words, 0, 1);
    Atomics.notify(this.words, 0);
  }

  count(index: number): number {
    return Atomics.load(this.words, index);
  }
}

/** For a worker: says that it has begun (1), waits until the gate opens, says that it has ended (2). */
export const atGate = (words: Int32Array): string => {
  Atomics.add(words, 1, 1);
  Atomics.wait(words, 0, 0);
  Atomics.add(words, 2, 1);
  return "through";
};

/** What is logged until the test ends, as `level: message`. */
export function listenToLog(): string[] {
  const lines: string[] = [];
  const write = (level: string) => (message: string) => void lines.push(`${level}: ${message}`);
  setLogger({ debug: write("debug"), info: write("info"), warning: write("warning"), error: write("error") });
  onTestFinished(() => setLogger(null));
  return lines;
}
