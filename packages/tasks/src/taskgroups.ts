/** Tasks that end together. CPython: `taskgroups`. */
import type { BaseEventLoop, Coroutine, Future, TaskOptions, Yieldable } from "@aioloop/loop";
import {
  BaseExceptionGroup,
  CancelledError,
  futureAddToAwaitedBy,
  futureDiscardFromAwaitedBy,
  getRunningLoop,
  InvalidStateError,
  RuntimeError,
} from "@aioloop/loop";
import type { Holding, Waitable } from "@aioloop/loop/kernel";
import { describe, Failed, inspectable, leavesLoop, needs } from "@aioloop/loop/kernel";
import { Children } from "./children.ts";
import { coroutine } from "./coroutines.ts";
import { currentTask } from "./current-tasks.ts";
import type { Manager } from "./managers.ts";
import { checkSteps } from "./managers.ts";
import type { Task } from "./tasks.ts";
import { wait } from "./waits.ts";

const START = "start(fn): fn";

/** What `TaskGroup.start` gives the function it starts. */
export interface TaskStatus<T> {
  /** Says that it is ready, once: `start` returns with this value. @throws InvalidStateError the second time. */
  started(value: T): void;
}

type State = "created" | "entered" | "exiting" | "finished";

/**
 * Its block does not end before all its tasks have ended, and if one of them fails, the others and the block are cancelled:
 *
 *     yield* asyncWith(new TaskGroup(), function* (group) {
 *       group.createTask(fetch(a));
 *       group.createTask(fetch(b));
 *     });
 *
 *   created ──aenter──► entered ──aexit──► exiting ──(the last task has ended)──► finished
 *
 * `#isAborting`, in entered and exiting: a task or the block has failed, the block was cancelled, or `cancel()` was called. All
 * tasks have been cancelled then, and no new ones are taken.
 * `#cancelledParent`: the group itself has called `parent.cancel()`, and owes it an `uncancel()` at the end. If no request is
 * left after that, nobody else wants the parent cancelled, and the CancelledError was the group's own.
 *
 * What it throws: a KeyboardInterrupt or SystemExit as it is; else, if there are any errors, a BaseExceptionGroup of them in the order in which they
 * happened, the block's own last; else a cancellation from outside. CPython: `taskgroups.TaskGroup`.
 */
export class TaskGroup implements Manager<TaskGroup>, Waitable {
  #state: State = "created";
  #isAborting = false;
  #cancelledParent = false;
  /** `cancel()` came before the block was entered. */
  #cancelAtEntry = false;
  #loop: BaseEventLoop | null = null;
  #parent: Task<unknown> | null = null;
  readonly #tasks: Children = new Children();
  #errors: unknown[] = [];
  /** The first KeyboardInterrupt or SystemExit. */
  #leaving: { readonly error: unknown } | null = null;
  /** Done when the last task has ended; there while aexit waits. */
  #completed: Future<void> | null = null;
  readonly #onTaskDone = (task: Future<unknown>): void => this.#taskDone(task as Task<unknown>);

  /** Binds the group to the task that enters it. @throws RuntimeError if it was entered before, or outside a task. */
  *aenter(): Coroutine<this> {
    if (this.#state !== "created")
      throw new RuntimeError(`${this} has already been entered: make one for each block`);
    const parent = currentTask();
    if (parent === null) throw new RuntimeError("a TaskGroup must be used inside a task");
    this.#loop = getRunningLoop();
    this.#parent = parent;
    this.#state = "entered";
    if (this.#cancelAtEntry) this.cancel();
    return this;
  }

  /**
   * Starts a child. @throws RuntimeError before the block is entered, after it has ended, and while the group shuts down; the coroutine
   * is closed then. CPython: `TaskGroup.create_task`.
   */
  createTask<T>(coro: Yieldable<T>, options?: TaskOptions): Task<T> {
    if (this.#state === "created" || this.#isOver() || this.#isAborting) {
      (coro as Partial<Coroutine<T>> | null)?.return?.(undefined as T);
      throw new RuntimeError(`createTask() of ${this}: ${this.#whyNot()}`);
    }
    const task = (this.#loop as BaseEventLoop).createTask(coro, options) as Task<T>;
    futureAddToAwaitedBy(task, this.#parent as Task<unknown>);
    // A callback also where an eager start has finished the child: its error must not cancel the parent in the middle of the
    // parent's own step (gh-128550, gh-128588).
    this.#tasks.add(task);
    task.addDoneCallback(this.#onTaskDone);
    if (this.#isAborting) task.cancel(); // in its eager start it has cancelled the group (gh-155418)
    return task;
  }

  /** The block has ended and the tasks too, though aexit may not have run on: nobody could wait for another one. */
  #isOver(): boolean {
    return this.#state === "finished" || (this.#state === "exiting" && this.#tasks.unfinished === 0);
  }

  #whyNot(): string {
    if (this.#state === "created")
      return "it has not been entered. Write yield* asyncWith(new TaskGroup(), function* (group) { … })";
    if (this.#isOver()) return "it is finished. Start tasks inside its block";
    return "it is shutting down, since a task has failed or it was cancelled";
  }

  /**
   * Starts `fn(status)` as a child and waits until that has called `status.started(value)`; gives the value. The child then goes on
   * in the group. If it fails before, `start` throws its error, and the group goes on; if `start` is cancelled, so is the child.
   * @throws RuntimeError if the child ends without being ready, and as createTask. CPython has none; trio: `Nursery.start`.
   */
  start<T = void>(fn: (status: TaskStatus<T>) => Yieldable<unknown>, options?: TaskOptions): Coroutine<T> {
    if (typeof fn !== "function") {
      throw new TypeError(
        `${START} must be a generator function, function* (status) { … }, got ${describe(fn)}`,
      );
    }
    return TaskGroup.#start(this, fn, options);
  }

  static readonly #start: <T>(
    group: TaskGroup,
    fn: (status: TaskStatus<T>) => Yieldable<unknown>,
    options: TaskOptions | undefined,
  ) => Coroutine<T> = coroutine(function* start<T>(
    group: TaskGroup,
    fn: (status: TaskStatus<T>) => Yieldable<unknown>,
    options: TaskOptions | undefined,
  ) {
    const ready = getRunningLoop().createFuture<T>(`${describe(fn)} to be started`);
    const child = group.createTask(untilStarted(fn, ready), options);
    child.addDoneCallback(() => {
      if (!ready.done()) ready.setException(neverStarted(fn, cancellationOf(child)));
    });
    try {
      return yield* ready;
    } catch (error) {
      // Not ready, and nobody waits for it any more.
      if (ready.cancelled()) yield* ended(child, group.#isAborting);
      throw error;
    }
  });

  /**
   * Ends the group early: cancels its tasks and its block, which ends without an error. Before the block is entered: cancels it at
   * its first wait; when it has ended: does nothing. CPython 3.15: `TaskGroup.cancel`.
   */
  cancel(): void {
    if (this.#state === "created") this.#cancelAtEntry = true;
    if (this.#state === "created" || this.#isOver()) return;
    if (!this.#isAborting) this.#abort();
    this.#cancelParent();
  }

  #cancelParent(): void {
    if (this.#cancelledParent) return;
    this.#cancelledParent = true;
    this.#parent?.cancel();
  }

  #abort(): void {
    this.#isAborting = true;
    this.#tasks.cancel();
  }

  #taskDone(task: Task<unknown>): void {
    const parent = this.#parent as Task<unknown>;
    this.#tasks.finished();
    futureDiscardFromAwaitedBy(task, parent);
    if (this.#completed !== null && this.#tasks.unfinished === 0 && !this.#completed.done())
      this.#completed.setResult();
    if (task._state !== Failed) return; // that a child was cancelled is no failure of the group
    const error = task.exception();
    this.#collect(error);
    if (parent.done()) {
      const message = `${task} has failed, and its parent ${parent} is done already`;
      parent.getLoop().callExceptionHandler({ message, exception: error, task });
      return;
    }
    if (this.#isAborting) return;
    this.#abort();
    // Whatever the block waits for; in aexit this is found and taken back.
    this.#cancelParent();
  }

  #collect(error: unknown): void {
    this.#errors.push(error);
    if (leavesLoop(error)) this.#leaving ??= { error };
  }

  *aexit(failure: { error: unknown } | null): Coroutine<boolean> {
    try {
      return yield* this.#exit(failure);
    } finally {
      this.#state = "finished";
      // Errors, tasks and their contexts are not to be held by a group that somebody keeps.
      this.#parent = null;
      this.#errors = [];
      this.#leaving = null;
    }
  }

  *#exit(failure: { error: unknown } | null): Coroutine<boolean> {
    this.#state = "exiting";
    const parent = this.#parent as Task<unknown>;
    let cancellation = failure !== null && failure.error instanceof CancelledError ? failure.error : null;
    /** The last cancellation after the tasks had been cancelled: whose it is shows at the end. */
    let late: CancelledError | null = null;
    if (failure !== null && leavesLoop(failure.error)) this.#leaving ??= { error: failure.error };
    if (failure !== null && !this.#isAborting) this.#abort();

    while (this.#tasks.unfinished > 0) {
      this.#completed ??= (this.#loop as BaseEventLoop).createFuture(this);
      try {
        yield* this.#completed;
      } catch (error) {
        if (!(error instanceof CancelledError)) throw error;
        if (this.#isAborting) late = error;
        else {
          cancellation = error;
          this.#abort();
        }
      }
      this.#completed = null;
    }

    if (this.#leaving !== null) {
      if (failure !== null && !(failure.error instanceof CancelledError)) this.#errors.push(failure.error);
      this.#reportOthers(this.#leaving.error);
      throw this.#leaving.error;
    }
    if (this.#cancelledParent && parent.uncancel() === 0) cancellation = late = null;
    // The group's own cancellation and one from outside, which came behind it (gh-155433).
    if (this.#cancelledParent && late !== null) cancellation = late;
    if (cancellation !== null && this.#errors.length === 0) throw cancellation;
    if (failure !== null && !(failure.error instanceof CancelledError)) this.#errors.push(failure.error);
    if (this.#errors.length > 0) {
      // Errors go first. A cancellation from outside is asked for anew, for the parent's next wait.
      if (parent.cancelling() > 0) {
        parent.uncancel();
        parent.cancel();
      }
      throw new BaseExceptionGroup("unhandled errors in a TaskGroup", this.#errors);
    }
    return true;
  }

  /** A KeyboardInterrupt or SystemExit comes out alone: the other errors are told of, or they would be lost (gh-135736). */
  #reportOthers(leaving: unknown): void {
    for (const exception of this.#errors) {
      if (exception === leaving) continue;
      (this.#loop as BaseEventLoop).callExceptionHandler({
        message: `error in a TaskGroup that ended with ${describe(leaving)}`,
        exception,
        taskGroup: this,
      });
    }
  }

  /** @internal The first that fails has the others cancelled. */
  _heldBy(): Holding {
    const pending = [...this.#tasks].filter((task) => !task.done());
    return needs(pending, pending.length < this.#tasks.unfinished ? "anybody" : "any"); // one is done, and not reported yet
  }

  toString(): string {
    const parts: string[] = [];
    if (this.#tasks.unfinished > 0) parts.push(`tasks=${this.#tasks.unfinished}`);
    if (this.#errors.length > 0) parts.push(`errors=${this.#errors.length}`);
    if (this.#isAborting && this.#state !== "finished") parts.push("cancelling");
    else if (this.#state !== "created") parts.push(this.#state);
    return `<${[this.constructor.name, ...parts].join(" ")}>`;
  }
}

inspectable(TaskGroup);

/** What runs as the child of `start`: up to `started()` its failure is the starter's, after that the group's. */
const untilStarted = coroutine(function* start<T>(
  fn: (status: TaskStatus<T>) => Yieldable<unknown>,
  ready: Future<T>,
): Coroutine<void> {
  const status: TaskStatus<T> = {
    started(value) {
      if (ready.cancelled()) return; // the starter has gone, and this is being cancelled
      if (ready.done()) throw new InvalidStateError(`${describe(fn)} has called status.started() already`);
      ready.setResult(value);
    },
  };
  try {
    yield* checkSteps(`${START} must be a generator function, function* (status) { … }`, fn(status));
  } catch (error) {
    if (ready.done() || error instanceof CancelledError) throw error;
    if (!leavesLoop(error)) {
      ready.setException(error);
      return;
    }
    ready.setException(neverStarted(fn, error));
    throw error;
  }
});

function neverStarted(fn: unknown, cause: unknown): RuntimeError {
  return new RuntimeError(`${describe(fn)} ended without calling status.started()`, { cause });
}

function cancellationOf(task: Task<unknown>): CancelledError | undefined {
  return task.cancelled() ? task._makeCancelledError() : undefined;
}

/**
 * Cancels a task, unless its group has done that, and waits for it however often that is cancelled: each time it is asked again. Who calls
 * throws a cancellation anyway.
 */
function* ended(task: Task<unknown>, isCancelled: boolean): Coroutine<void> {
  if (!isCancelled) task.cancel();
  while (!task.done()) {
    try {
      yield* wait([task]);
    } catch (error) {
      if (!(error instanceof CancelledError)) throw error;
      task.cancel();
    }
  }
}
