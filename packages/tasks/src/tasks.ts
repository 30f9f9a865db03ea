/**
 * Task: runs a coroutine in its loop. CPython: `tasks.Task`.
 *
 * What holds when:
 *   created      it is in the ready queue                     _waiter null
 *   waiting      it is a callback of _waiter                  _waiter pending
 *   woken        _waiter is done, it is in the ready queue    _waiter done
 *   gave way     it is in the ready queue                     _waiter null
 *   running      it is loop._currentTask; _waiter null
 *   done         out of the loop's list of tasks
 *
 * It stands in the ready queue and among a future's callbacks itself, in one place at a time, so a step allocates no handle.
 * A cancellation goes to _waiter;
 * where there is none, or it is done already, `_mustCancel` makes the next step throw, whatever it was woken with.
 *
 * Differences: the list of a loop's tasks holds them strongly (CPython's set is weak, and tasks get lost).
 */
import type {
  AbstractTask,
  BaseEventLoop,
  Context,
  Runnable,
  Suspend,
  TaskFactory,
  TaskOptions,
  Yieldable,
} from "@aioloop/loop";
import {
  CancelledError,
  Future,
  getEventLoop,
  Handle,
  InvalidStateError,
  iscoroutine,
  RuntimeError,
} from "@aioloop/loop";
import type { FutureAwaiter } from "@aioloop/loop/kernel";
import {
  CALL,
  Cancelled,
  describeSubject,
  Failed,
  Failure,
  Finished,
  inspectable,
  leave,
  leavesLoop,
  NO_ARGS,
  noteSince,
  opened,
  Pending,
  RESUMED,
  running,
  SUSPEND,
  slots,
  WAIT,
} from "@aioloop/loop/kernel";
import { CALLED, CREATED, coroutineName, Frame, GENERATOR, isGenerator, RETURNING } from "./coroutines.ts";
import { isShared, Sleep } from "./sleep.ts";
import { badYield, notACoroutine, warnSwallowed } from "./task-mistakes.ts";

type AnyGenerator = Generator<Suspend | undefined, unknown, unknown>;

/** The tasks within whose `cancel` we are, each passing the request on to the next. */
const cancelling = new Set<Task<unknown>>();

/** The states of `_foreign`. */
const NO = 0;
const NOT_BEGUN = 1;
const BEGUN = 2;

/** Numbers for tasks without a name, one sequence for the process. CPython: `tasks._task_name_counter`. */
let taskCount = 0;

/** A task's step as those see it who watch the loop: made for them only. */
class StepHandle extends Handle {
  readonly #task: Task<unknown>;

  constructor(task: Task<unknown>) {
    super(null, NO_ARGS, task._loop, task._context);
    this.#task = task;
  }

  /** A step is not cancelled, the task is. */
  override cancel(): void {}

  override cancelled(): boolean {
    return false;
  }

  /** As in CPython, reports about a step show its task. */
  override toString(): string {
    return String(this.#task);
  }
}

export interface TaskConstructorOptions extends TaskOptions {
  /** By default `getEventLoop()`. */
  loop?: BaseEventLoop | undefined;
}

/**
 * Generators are resumed through the intrinsic methods: each generator function has a prototype of its own, so a property
 * `generator.next` is looked up anew for every function there is (megamorphic), a third of a switch. They stand on
 * Task's prototype because V8 takes what stands there for constant, and what stands in a module's variable not.
 */
// biome-ignore lint/correctness/noUnusedVariables: a merged declaration repeats the class's parameters
export interface Task<T> {
  /** @internal */
  readonly _send: AnyGenerator["next"];
  /** @internal */
  readonly _throwInto: AnyGenerator["throw"];
}

export class Task<T> extends Future<T> implements AbstractTask<T>, Runnable {
  /** @internal what it was made of; null once an eager start has finished it */
  _coro: Yieldable<T> | null;
  /** @internal the generator to resume: the innermost frame's */
  _generator: AnyGenerator;
  /** @internal whether the root is no generator of the host but an iterator with its methods: one of ours (sleep), or yours */
  _foreign: typeof NO | typeof NOT_BEGUN | typeof BEGUN = NO;
  /** @internal the innermost frame, null while only a plain generator runs */
  _frame: Frame | null = null;
  /** @internal the future it waits for. CPython: `Task._fut_waiter` */
  _waiter: Future<unknown> | null = null;
  /** @internal the next step throws a CancelledError */
  _mustCancel = false;
  /** @internal requests for cancellation less `uncancel()`s */
  _cancelRequests = 0;
  /** @internal all steps run in it; a snapshot until a step sets a variable, or somebody asks for it */
  _context: Context;
  /** @internal a number is the name Task-N */
  _name: string | number;
  /** @internal */
  _before: AbstractTask | null = null;
  /** @internal */
  _after: AbstractTask | null = null;
  /** @internal */
  _logDestroyPending = true;

  /**
   * Usually made by `createTask`. Takes its first step in the loop's next turn, or at once with `eagerStart` while the loop runs.
   * @throws TypeError unless `coro` is a coroutine, RuntimeError if it has been used. CPython: `tasks.Task`.
   */
  constructor(coro: Yieldable<T>, options?: TaskConstructorOptions);
  /** @internal without an object for the options */
  constructor(coro: Yieldable<T>, options: TaskConstructorOptions | undefined, loop: BaseEventLoop);
  constructor(
    coro: Yieldable<T>,
    options?: TaskConstructorOptions,
    loop: BaseEventLoop = options?.loop ?? getEventLoop(),
  ) {
    super(undefined, loop, undefined);
    this._coro = coro;
    this._generator = this._take(coro);
    const name = options?.name;
    this._name = name === undefined || name === null ? ++taskCount : String(name);
    this._context = options?.context ?? running.context._snapshot();
    const isEager = options?.eagerStart === true && slots.running === loop;
    if (!isEager) loop._enqueue(this); // first, since a closed loop refuses it
    loop._registerTask(this);
    if (loop._instrument !== null) loop._instrument.taskCreated(this);
    if (isEager) this._startEagerly();
  }

  /** @internal */
  _take(coro: Yieldable<T>): AnyGenerator {
    if (coro instanceof Frame) {
      if (coro._state !== CREATED) throw coro._misused();
      this._frame = coro;
      return coro._start();
    }
    if (!isGenerator(coro)) {
      if (!iscoroutine(coro)) throw notACoroutine(coro);
      this._foreign = NOT_BEGUN;
      if (coro instanceof Sleep) coro._take();
      if (coro instanceof Sleep || isShared(coro)) return coro as unknown as AnyGenerator;
    }
    // V8 would let two tasks resume one generator by turns. That it cannot be extended marks it as taken: a coroutine has its
    // own state, a plain generator no place for a mark that would not cost another object.
    if (!Object.isExtensible(coro)) {
      throw new RuntimeError(
        "createTask(): the coroutine belongs to a task already. Two may wait for one task; for a second one call the generator function again",
      );
    }
    return Object.preventExtensions(coro as unknown as AnyGenerator);
  }

  // ---- cancellation

  /**
   * Asks the task to stop: a CancelledError with this message is thrown into its coroutine where it waits, or at its next step.
   * True unless it is done already. The task may still end otherwise. CPython: `Task.cancel`.
   */
  override cancel(msg: string | null = null): boolean {
    if (this._state !== Pending) {
      this._retrieve();
      return false;
    }
    if (cancelling.has(this)) {
      this._leaveCircle(msg);
      return true;
    }
    this._cancelRequests += 1;
    // The waiter stays: it may be a task that swallows this, and the next request must reach it again.
    const waiter = this._waiter;
    if (waiter !== null && waiter.cancel === Future.prototype.cancel) {
      if (waiter.cancel(msg)) return true;
    } else if (waiter !== null) {
      cancelling.add(this);
      try {
        if (waiter.cancel(msg)) return true;
      } finally {
        cancelling.delete(this);
      }
    }
    this._mustCancel = true;
    this._setCancelMessage(msg);
    return true;
  }

  /**
   * @internal The request has come back to where it began: tasks wait for each other in a circle, and none of them will ever
   * be woken by what it waits for. This one is thrown the error, which then takes its way through the others.
   * CPython: the recursion has no end.
   */
  _leaveCircle(msg: string | null): void {
    const waiter = this._waiter as Future<unknown>;
    const kept = waiter._runnables().filter((one) => one !== this);
    waiter._callback = kept[0] ?? null;
    waiter._callbacks = kept.length > 1 ? kept.slice(1) : null;
    waiter.addDoneCallback((future) => future._retrieve()); // nobody waits for it any more
    this._throwLater(new CancelledError(msg));
  }

  /** How many cancellations have been asked for and not taken back. CPython: `Task.cancelling`. */
  cancelling(): number {
    return this._cancelRequests;
  }

  /** Takes one request back, for who asked for it and has dealt with it; returns how many are left. CPython: `Task.uncancel`. */
  uncancel(): number {
    if (this._cancelRequests > 0) {
      this._cancelRequests -= 1;
      if (this._cancelRequests === 0) this._mustCancel = false;
    }
    return this._cancelRequests;
  }

  // ---- what it is

  getName(): string {
    return typeof this._name === "number" ? `Task-${this._name}` : this._name;
  }

  setName(name: string): void {
    this._name = String(name);
  }

  /** The coroutine; null if an eager start finished it. CPython: `Task.get_coro`. */
  getCoro(): Yieldable<T> | null {
    return this._coro;
  }

  /** The context all its steps run in. CPython: `Task.get_context`. */
  getContext(): Context {
    if (this._context._isSnapshot) {
      const isCurrent = this._loop._currentTask === this && slots.running === this._loop;
      this._context = opened(isCurrent ? running.context : this._context);
      if (isCurrent) running.context = this._context;
    }
    return this._context;
  }

  /**
   * The names of the coroutines it is in, outermost first; a plain generator is `<generator>`, whatever it delegates to.
   * CPython: `Task.get_stack`.
   */
  getStack(options?: { limit?: number | null }): string[] {
    if (this._state !== Pending) return [];
    const names: string[] = [];
    for (let frame = this._frame; frame !== null; frame = frame._caller) names.push(frame.name);
    if (!(this._coro instanceof Frame)) names.push(coroutineName(this._coro));
    const limit = options?.limit ?? null;
    return (limit === null ? names : names.slice(0, limit)).reverse();
  }

  /** Writes `getStack()` to the console, outermost first. CPython: `Task.print_stack`. */
  printStack(options?: { limit?: number | null }): void {
    const names = this.getStack(options).map((name) => `  ${name}`);
    console.error([names.length === 0 ? `No stack for ${this}` : `Stack for ${this}:`, ...names].join("\n"));
  }

  /** Tasks get their result from their coroutine. @throws RuntimeError always. CPython: `Task.set_result`. */
  override setResult(_result: T): never {
    throw new RuntimeError(
      `setResult() of ${this}: a task does not support it, its coroutine's return value is its result`,
    );
  }

  /** @throws RuntimeError always. CPython: `Task.set_exception`. */
  override setException(_exception: unknown): never {
    throw new RuntimeError(`setException() of ${this}: a task does not support it, cancel() asks it to stop`);
  }

  // ---- stepping

  /** @internal The next step. CPython: `Task.__step`, `Task.__wakeup`. */
  _run(): void {
    if (this._state !== Pending) {
      this._refuseStep();
      return;
    }
    const loop = this._loop;
    const context = this._context;
    if (context !== running.context && !this._enterContext(context)) return;
    loop._currentTask = this;
    if (loop._instrument !== null) this._tellStep();
    const waiter = this._waiter;
    if (waiter === null && !this._mustCancel) this._resume(false, undefined);
    else this._wakeup(waiter);
    loop._currentTask = null;
    // The first `set` of a context variable puts an open context in place of a snapshot: it is the task's from now on.
    if (context !== running.context) this._context = running.context;
  }

  /** @internal Somebody has finished it past its own methods: `Future.prototype.setResult.call(task, …)`. */
  _refuseStep(): void {
    this._loop._unregisterTask(this);
    const exception = new InvalidStateError(`the next step of ${this}: it is done already`);
    this._loop.callExceptionHandler({ message: `Exception in a step of ${this}`, exception, task: this });
  }

  /** @internal */
  _asHandle(): Handle {
    return new StepHandle(this);
  }

  /** @internal */
  _enterContext(context: Context): boolean {
    if (context._entered) {
      this._context = context.copy(); // or the step that throws could not be taken either
      this._throwLater(
        new RuntimeError(`cannot step ${this}: its context is entered already, by who runs the loop`),
      );
      return false;
    }
    running.context = context;
    return true;
  }

  /** @internal Resumes with what it waited for, or with a cancellation. */
  _wakeup(waiter: Future<unknown> | null): void {
    this._waiter = null;
    let throwing = false;
    let thrown: unknown;
    if (waiter !== null && waiter._state !== Finished) {
      throwing = true;
      thrown = waiter._thrown();
    }
    if (this._mustCancel) {
      this._mustCancel = false;
      if (!throwing || !(thrown instanceof CancelledError)) {
        throwing = true;
        thrown = this._makeCancelledError();
      }
    }
    this._resume(throwing, thrown);
  }

  /** @internal CPython: `Task.__eager_start`. */
  _startEagerly(): void {
    const loop = this._loop;
    const outerTask = loop._currentTask;
    let outerContext: Context;
    try {
      outerContext = this._context._enter();
    } catch (error) {
      loop._unregisterTask(this); // it will never take a step
      throw error;
    }
    loop._currentTask = this;
    loop._eagerSteps += 1;
    try {
      this._resume(false, undefined);
    } finally {
      loop._eagerSteps -= 1;
      this._context = running.context;
      leave(outerContext);
      loop._currentTask = outerTask;
      if (this._state !== Pending) this._coro = null;
    }
  }

  /**
   * @internal Resumes the innermost generator, goes from frame to frame while none of them waits, and sees to what it
   * waits for. CPython: `Task.__step_run_and_handle_result`.
   */
  _resume(throwing: boolean, thrown: unknown): void {
    let generator: AnyGenerator | null = this._generator;
    let value: unknown = RESUMED;
    do {
      let result: IteratorResult<Suspend | undefined, unknown>;
      try {
        if (this._foreign !== NO) result = this._resumeForeign(generator, throwing, thrown, value);
        else result = throwing ? this._throwInto.call(generator, thrown) : this._send.call(generator, value);
      } catch (error) {
        throwing = true;
        thrown = error;
        generator = this._frameThrew(error);
        continue;
      }
      const given = result.value;
      if (result.done === true) {
        throwing = false;
        value = given;
        generator = this._frameReturned(given);
      } else if (given === undefined) {
        const loop = this._loop;
        const ready = loop._ready;
        if (ready.length === 0 && !this._mustCancel && loop._isAlone()) {
          throwing = false;
          value = RESUMED;
          generator = this._generator; // a frame may have begun
          continue;
        }
        if (loop._instrument !== null) this._tellWait(null);
        ready.push(this); // in a turn no loop is parked
        return;
      } else {
        throwing = false;
        value = undefined;
        generator = this._suspended(given as Suspend);
      }
    } while (generator !== null);
  }

  /** @internal Where the root is foreign: it or a frame that it called. As with `yield*`, its first `next` is given undefined. */
  _resumeForeign(
    generator: AnyGenerator,
    throwing: boolean,
    thrown: unknown,
    value: unknown,
  ): IteratorResult<Suspend | undefined, unknown> {
    if (generator !== (this._coro as unknown)) {
      return throwing ? this._throwInto.call(generator, thrown) : this._send.call(generator, value);
    }
    const isFirst = this._foreign === NOT_BEGUN;
    this._foreign = BEGUN;
    if (throwing) return generator.throw(thrown);
    return generator.next(isFirst ? undefined : value);
  }

  /** @internal What a frame waits for; or the frame that it called, which runs next. */
  _suspended(given: Suspend): AnyGenerator | null {
    const kind = given === null ? undefined : given[SUSPEND];
    if (kind === WAIT) {
      this._waitFor((given as FutureAwaiter<unknown>).future, given);
      return null;
    }
    if (kind === CALL && (given as Frame)._state === CALLED) {
      const frame = given as Frame;
      frame._caller = this._frame;
      this._frame = frame;
      this._generator = frame._start();
      return this._generator;
    }
    this._throwLater(badYield(this, given));
    return null;
  }

  /** @internal Gives who runs next, the caller; null if that was the root. */
  _frameReturned(value: unknown): AnyGenerator | null {
    const frame = this._frame;
    if (frame !== null && (frame as unknown) !== this._coro) return this._leave(frame);
    this._return(value as T);
    return null;
  }

  /** @internal The same for an error. */
  _frameThrew(error: unknown): AnyGenerator | null {
    const frame = this._frame;
    if (frame !== null && (frame as unknown) !== this._coro) return this._leave(frame);
    this._fail(error);
    return null;
  }

  /** @internal Back to the caller of a frame that has ended. */
  _leave(frame: Frame): AnyGenerator {
    frame._state = RETURNING;
    const caller = frame._caller;
    frame._caller = null;
    this._frame = caller;
    this._generator = caller === null ? (this._coro as unknown as AnyGenerator) : caller._generator;
    return this._generator;
  }

  /** @internal */
  _waitFor(future: Future<unknown>, given: Suspend): void {
    const loop = this._loop;
    if (future._loop !== loop) {
      this._throwLater(
        future instanceof Future
          ? new RuntimeError(`${this} got ${future} of a different loop: await it in a task of its own loop`)
          : badYield(this, given), // a sleep that has not begun
      );
      return;
    }
    if ((future as unknown) === this) {
      this._throwLater(new RuntimeError(`${this} cannot await itself`));
      return;
    }
    if (loop._remembers) this._rememberWait(future);
    this._waiter = future;
    future._addRunnable(this);
    if (this._mustCancel && future.cancel(this._cancelMessage)) this._mustCancel = false;
  }

  // Apart, so that the hot functions stay small enough to be inlined into the turn:

  /** @internal */
  _tellStep(): void {
    this._loop._instrument?.taskStep(this);
  }

  /** @internal */
  _rememberWait(future: Future<unknown>): void {
    const loop = this._loop;
    if (loop._instrument !== null) this._tellWait(future);
    if (loop._debug && this._cancelRequests > 0) warnSwallowed(this, `goes on waiting, for ${future}`);
    noteSince(this, future, loop._now);
  }

  /** @internal */
  _tellWait(future: Future<unknown> | null): void {
    this._loop._instrument?.taskWait(this, future, this.getStack());
  }

  /** @internal Throws into the coroutine in the next step, as if it had waited for something that failed. */
  _throwLater(error: unknown): void {
    const failed = new Future<never>({ loop: this._loop });
    failed._finish(Failed, new Failure(error, failed));
    this._waiter = failed;
    this._loop._enqueue(this);
  }

  /** @internal */
  _return(value: T): void {
    if (this._mustCancel) {
      this._mustCancel = false;
      this._end(Cancelled, undefined);
      return;
    }
    if (this._loop._debug && this._cancelRequests > 0) warnSwallowed(this, "ended normally");
    this._end(Finished, value);
  }

  /** @internal */
  _fail(error: unknown): void {
    if (error instanceof CancelledError) {
      this._setCancelMessage(null); // the error has it
      this._end(Cancelled, error);
      return;
    }
    this._end(Failed, new Failure(error, this));
    if (!leavesLoop(error)) return;
    this._loop._currentTask = null;
    this._context = running.context;
    throw error;
  }

  /** @internal */
  _end(state: 1 | 2 | 3, result: unknown): void {
    const loop = this._loop;
    loop._unregisterTask(this);
    this._frame = null;
    this._finish(state, result);
    if (loop._instrument !== null) loop._instrument.taskDone(this);
  }

  // ---- reports

  /** @internal what a DeadlockError says of it */
  _waitsFor(): string {
    const waiter = this._waiter;
    const stack = this.getStack().filter((name) => name !== "<generator>");
    if (stack.length > 10) stack.splice(5, stack.length - 10, `<${stack.length - 10} more>`);
    const where = stack.length === 0 ? "" : ` (in ${stack.join(" > ")})`;
    if (waiter === null) return `its next step${where}`;
    if (waiter instanceof Task) return `task ${waiter.getName()}${where}`;
    return (waiter._subject === undefined ? String(waiter) : describeSubject(waiter._subject)) + where;
  }

  /** @internal CPython: `base_tasks._task_repr_info` */
  override _describe(): string[] {
    const [state = "", ...rest] = super._describe();
    const parts = [
      this._cancelRequests > 0 && this._state === Pending ? "cancelling" : state,
      `name='${this.getName()}'`,
    ];
    parts.push(`coro=${coroutineName(this._coro)}`);
    if (this._waiter !== null && this._state === Pending) parts.push(`waitFor=<${this._waitsFor()}>`);
    return [...parts, ...rest];
  }

  /** @internal */
  override _title(): string {
    return `<${this.constructor.name} name='${this.getName()}' coro=${coroutineName(this._coro)}>`;
  }
}

Object.defineProperty(Task.prototype, "_send", { value: GENERATOR.next });
Object.defineProperty(Task.prototype, "_throwInto", { value: GENERATOR.throw });
inspectable(Task);

/** Whether it is a coroutine, and certainly one that no task has taken. */
export function isFreshCoroutine(coro: unknown): boolean {
  if (coro instanceof Frame) return coro._state === CREATED;
  if (coro instanceof Sleep) return coro._isFresh();
  return iscoroutine(coro) && !isShared(coro) && Object.isExtensible(coro);
}

/** The task factory that event-loops.ts gives its loops. */
export const defaultTaskFactory: TaskFactory = <T>(
  loop: BaseEventLoop,
  coro: Yieldable<T>,
  options?: TaskOptions,
) => new Task(coro, options, loop);
