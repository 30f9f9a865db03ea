/**
 * Instruments: what can watch a loop. One of the four seams; CPython has none.
 *
 * A loop without instruments runs the plain version of its turn, and objects pay one null test (`loop._instrument`).
 * With one or more, `Instruments` stands there and passes each event on to all that want it. An instrument that
 * throws is removed and reported; the program goes on.
 */
import type { AbstractTask, Handle } from "./events.ts";
import type { Future } from "./futures.ts";

/** Every hook is optional. Hooks are called synchronously and must not change what they see. */
export interface Instrument {
  /** A task exists; its first step has not been taken. Those made before the instrument was added are not told of. */
  taskCreated?(task: AbstractTask): void;
  /** A step of the task begins. */
  taskStep?(task: AbstractTask): void;
  /** The task waits for `future`, or gives way (null). `frames`: the names of its coroutines, outermost first. */
  taskWait?(task: AbstractTask, future: Future<unknown> | null, frames: readonly string[]): void;
  /** The task has a result, an exception, or was cancelled. To ask for `exception()` here would count as retrieving it. */
  taskDone?(task: AbstractTask): void;
  /** A handle is about to run. */
  handleBefore?(handle: Handle): void;
  /** It has run. */
  handleAfter?(handle: Handle): void;
  /** A primitive (lock, queue, event, …) was read or changed. */
  access?(object: object, kind: "read" | "write"): void;
}

type Hook = keyof Instrument;

/** What is needed of the loop; named by shape, since the loop names its instruments. */
interface Watched {
  removeInstrument(instrument: Instrument): void;
  callExceptionHandler(context: { message: string; exception: unknown }): void;
}

export class Instruments implements Required<Instrument> {
  readonly #loop: Watched;
  #all: readonly Instrument[];

  constructor(loop: Watched, all: readonly Instrument[]) {
    this.#loop = loop;
    this.#all = all;
  }

  taskCreated(task: AbstractTask): void {
    this.#tell("taskCreated", (one) => one.taskCreated?.(task));
  }
  taskStep(task: AbstractTask): void {
    this.#tell("taskStep", (one) => one.taskStep?.(task));
  }
  taskWait(task: AbstractTask, future: Future<unknown> | null, frames: readonly string[]): void {
    this.#tell("taskWait", (one) => one.taskWait?.(task, future, frames));
  }
  taskDone(task: AbstractTask): void {
    this.#tell("taskDone", (one) => one.taskDone?.(task));
  }
  handleBefore(handle: Handle): void {
    this.#tell("handleBefore", (one) => one.handleBefore?.(handle));
  }
  handleAfter(handle: Handle): void {
    this.#tell("handleAfter", (one) => one.handleAfter?.(handle));
  }
  access(object: object, kind: "read" | "write"): void {
    this.#tell("access", (one) => one.access?.(object, kind));
  }

  #tell(hook: Hook, call: (one: Instrument) => void): void {
    for (const one of this.#all) {
      try {
        call(one);
      } catch (error) {
        this.#loop.removeInstrument(one);
        this.#loop.callExceptionHandler({
          message: `Instrument removed: its ${hook}() failed`,
          exception: error,
        });
      }
    }
  }
}
