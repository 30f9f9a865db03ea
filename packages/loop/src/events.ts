/**
 * Handles, and which loop is running. CPython: `events`.
 *
 * CPython marks a cancelled handle with a flag and drops its callback; here the dropped callback is the mark.
 * The running loop is one slot for the thread; after CPython's check of the process id there is no need to ask.
 */
import type { BaseEventLoop } from "./base-events.ts";
import type { Context } from "./contextvars.ts";
import { opened, running } from "./contextvars.ts";
import { leavesLoop, RuntimeError } from "./exceptions.ts";
import type { Future } from "./futures.ts";
import { inspectable } from "./inspectable.ts";
import { describe, describeCallback } from "./reprs.ts";
import type { Yieldable } from "./suspend.ts";
import { iscoroutine } from "./suspend.ts";
import { firstFrame, remember, tracebackOf } from "./tracebacks.ts";

function notRun(callback: unknown): TypeError {
  const name = describe(callback);
  return new TypeError(
    `${name} returned a coroutine, which nobody runs: a callback is a plain function. Write createTask(${name}())`,
  );
}

/** A function that a loop calls. Its arguments are those given beside it. */
export type Callback<A extends unknown[] = never[]> = (...args: A) => unknown;

/** Keywords of Python's `call_soon` and its kin: they travel with the callback. */
export interface CallbackOptions<A extends unknown[] = never[]> {
  callback: Callback<A>;
  /** The context to run in; without one, a copy of the current one. */
  context?: Context | null | undefined;
}

/** What `_args` of a handle is for a callback without arguments; and with one, which stands in `_arg`: most have no more. */
export const NO_ARGS: readonly never[] = [];
const ONE_ARG: readonly never[] = [];

/** How cancelled handles showed before, in debug mode: the callback itself is let go. */
const shownBefore = new WeakMap<Handle, string>();

/**
 * What the ready queue holds and what waits for a future: handles, and tasks, which stand there themselves. Three kinds of
 * objects in all (Handle, TimerHandle, Task), which V8 still dispatches without a look-up; a fifth would cost every turn.
 */
export interface Runnable {
  /** @internal */
  _run(): void;
  /** @internal as those see it who watch the loop */
  _asHandle(): Handle;
}

/**
 * A callback that waits for its turn. Made by `callSoon`. CPython: `events.Handle`.
 *
 * States: waiting (callback set) -> run, or cancelled (callback null). Cancelling frees callback and arguments at once;
 * the handle itself stays in its queue and is skipped.
 */
export class Handle implements Runnable {
  /** @internal null once cancelled */
  _callback: Callback<unknown[]> | null;
  /** @internal the argument where there is one */
  _arg: unknown;
  /** @internal NO_ARGS, ONE_ARG, or several */
  _args: readonly unknown[];
  /** @internal */
  readonly _loop: BaseEventLoop;
  /** @internal a snapshot until somebody asks for it */
  _context: Context;

  constructor(
    callback: Callback<unknown[]> | null,
    args: readonly unknown[],
    loop: BaseEventLoop,
    context: Context | null = null,
  ) {
    const count = args.length;
    this._callback = callback;
    this._arg = count === 1 ? args[0] : undefined;
    this._args = count === 0 ? NO_ARGS : ONE_ARG;
    this._loop = loop;
    this._context = context ?? running.context._snapshot();
    // Apart, so that where this never happens the array of a rest parameter need not be made (it does not escape).
    if (count > 1) this._takeSeveral(args);
    if (loop._debug) remember(this);
  }

  /** @internal */
  _takeOne(arg: unknown): void {
    this._arg = arg;
    this._args = ONE_ARG;
  }

  /** @internal */
  _takeSeveral(args: readonly unknown[]): void {
    this._arg = undefined;
    this._args = args;
  }

  /** The context the callback runs in. CPython: `Handle.get_context`. */
  getContext(): Context {
    this._context = opened(this._context);
    return this._context;
  }

  /** The callback will not run. Idempotent. CPython: `Handle.cancel`. */
  cancel(): void {
    if (this._loop._debug && this._callback !== null) {
      shownBefore.set(this, describeCallback(this._callback, this._allArgs()));
    }
    this._callback = null;
    this._arg = undefined;
    this._args = NO_ARGS;
  }

  cancelled(): boolean {
    return this._callback === null;
  }

  /**
   * @internal Runs the callback; what it throws goes to the loop's exception handler, but for what leaves the loop.
   * CPython: `Handle._run`.
   */
  _run(): void {
    const callback = this._callback;
    if (callback === null) return;
    const context = this._context;
    const args = this._args;
    try {
      if (context._entered) throw new RuntimeError(`cannot enter context: ${context} is already entered`);
      if (context !== running.context) running.context = context;
      let result: unknown;
      if (args === NO_ARGS) result = callback();
      else if (args === ONE_ARG) result = callback(this._arg);
      else result = callback(...args);
      // The first `set` in a snapshot put an open context in its place: that is the handle's now.
      if (context !== running.context) this._context = running.context;
      if (result !== undefined && iscoroutine(result)) throw notRun(callback);
    } catch (error) {
      if (!context._entered) this._context = running.context; // the handler is to see what the callback had set
      this._failed(callback, error);
    }
  }

  /** @internal */
  _failed(callback: Callback<unknown[]>, error: unknown): void {
    if (leavesLoop(error)) throw error;
    const sourceTraceback = tracebackOf(this);
    this._loop.callExceptionHandler({
      message: `Exception in callback ${describeCallback(callback, this._allArgs())}`,
      exception: error,
      handle: this,
      ...(sourceTraceback !== null && { sourceTraceback }),
    });
  }

  /** @internal */
  _asHandle(): this {
    return this;
  }

  toString(): string {
    const parts: string[] = [this.constructor.name, ...this._describe()];
    const traceback = tracebackOf(this);
    if (traceback !== null) parts.push(`created at ${firstFrame(traceback)}`);
    return `<${parts.join(" ")}>`;
  }

  /** @internal */
  _describe(): string[] {
    if (this._callback !== null) return [describeCallback(this._callback, this._allArgs())];
    const before = shownBefore.get(this);
    return before === undefined ? ["cancelled"] : ["cancelled", before];
  }

  /** @internal How a future's report names it among its callbacks; a handle of a task has no callback of its own. */
  _name(): string {
    return this._callback === null ? "a task's step" : describe(this._callback);
  }

  /** @internal */
  _allArgs(): readonly unknown[] {
    return this._args === ONE_ARG ? [this._arg] : this._args;
  }
}

/** @internal A handle with one argument, made without an array for it. */
export function handleOf<A>(
  callback: Callback<[A]>,
  arg: A,
  loop: BaseEventLoop,
  context: Context | null,
): Handle {
  const handle = new Handle(callback as Callback<unknown[]>, NO_ARGS, loop, context);
  handle._takeOne(arg);
  return handle;
}

/**
 * A callback with a time. Made by `callLater` and `callAt`. CPython: `events.TimerHandle`.
 *
 * Invariant: `_scheduled` is true exactly while it is in its loop's heap; cancelling counts only there,
 * or the loop's count of cancelled timers would drift.
 */
export class TimerHandle extends Handle {
  /** @internal on the loop's clock, in seconds */
  readonly _when: number;
  /** @internal among equal times the first scheduled is first; CPython leaves that open */
  readonly _seq: number;
  /** @internal */
  _scheduled = false;

  constructor(
    when: number,
    seq: number,
    callback: Callback<unknown[]>,
    args: readonly unknown[],
    loop: BaseEventLoop,
    context: Context | null = null,
  ) {
    super(callback, args, loop, context);
    this._when = when;
    this._seq = seq;
  }

  /** The time at which it runs, in seconds on the loop's clock. CPython: `TimerHandle.when`. */
  when(): number {
    return this._when;
  }

  override cancel(): void {
    if (this._callback === null) return;
    if (this._scheduled) this._loop._timerCancelled();
    super.cancel();
  }

  /** Negative if this one is due before `other`. CPython: `TimerHandle.__lt__`, which compares times alone. */
  compareTo(other: TimerHandle): number {
    return this._when - other._when || this._seq - other._seq;
  }

  /** Same time, callback, arguments and state. CPython: `TimerHandle.__eq__`. */
  equals(other: unknown): boolean {
    if (!(other instanceof TimerHandle) || this._when !== other._when) return false;
    const [args, others] = [this._allArgs(), other._allArgs()];
    const isSameCall = this._callback === other._callback && args.length === others.length;
    return isSameCall && args.every((arg, i) => arg === others[i]);
  }

  /** @internal */
  override _describe(): string[] {
    const when = `when=${this._when}`;
    const [first = "", ...rest] = super._describe();
    return this._callback === null ? [first, when, ...rest] : [when, first, ...rest];
  }
}

inspectable(Handle);

/** What a loop knows of its tasks. `tasks.Task` implements it; another implementation may. */
export interface AbstractTask<T = unknown> extends Future<T>, Runnable {
  getName(): string;
  getCoro(): Yieldable<T> | null;
  /** @internal neighbours in the loop's list of unfinished tasks */
  _before: AbstractTask | null;
  /** @internal */
  _after: AbstractTask | null;
  /** @internal one line for a DeadlockError: what it waits for */
  _waitsFor(): string;
  /** @internal the future it waits for, done or not; null for none, undefined where a task does not tell */
  readonly _waiter?: Future<unknown> | null;
  /** The names of its coroutines, outermost first. */
  getStack?(): string[];
  /** @internal false: nobody minds if it never finishes */
  _logDestroyPending: boolean;
}

export interface TaskOptions {
  name?: string | null | undefined;
  /** The context it runs in; by default a copy of the current one. */
  context?: Context | null | undefined;
  /** Take the first step at once, within createTask. */
  eagerStart?: boolean | undefined;
}

/** Makes the tasks of a loop. CPython: the argument of `set_task_factory`, called as `factory(loop, coro, **kwargs)`. */
export type TaskFactory = <T>(
  loop: BaseEventLoop,
  coro: Yieldable<T>,
  options?: TaskOptions,
) => AbstractTask<T>;

/** What the loop tells its exception handler; `message` is always there. CPython: `call_exception_handler`. */
export interface ExceptionContext {
  message: string;
  /** What was thrown; the key is there even where `undefined` was thrown. */
  exception?: unknown;
  /** The future it concerns, or how it showed if it has been collected. */
  future?: Future<unknown> | string;
  task?: AbstractTask;
  handle?: Handle;
  protocol?: unknown;
  transport?: unknown;
  socket?: unknown;
  asyncgen?: unknown;
  /** The TaskGroup whose other errors hide this one. */
  taskGroup?: unknown;
  sourceTraceback?: string;
  handleTraceback?: string;
  /** In a report about a handler that threw: what it was called with. */
  context?: ExceptionContext;
}

export type ExceptionHandler = (loop: BaseEventLoop, context: ExceptionContext) => void;

/** @internal The loop whose turn it is, and the one `setEventLoop` was given (undefined: never called). */
export const slots: {
  running: BaseEventLoop | null;
  set: BaseEventLoop | null | undefined;
  /** The running loop is in debug mode. */
  debug: boolean;
} = { running: null, set: undefined, debug: false };

/**
 * The loop whose turn this is; `getRunningLoop<EventLoop>()` where one knows of which class it is, which nobody checks.
 * @throws RuntimeError outside a turn. CPython: `events.get_running_loop`.
 */
export function getRunningLoop<L extends BaseEventLoop = BaseEventLoop>(): L {
  if (slots.running === null) {
    throw new RuntimeError(
      "no running event loop: getRunningLoop() answers in a coroutine or a callback only",
    );
  }
  return slots.running as L;
}

/** The same, null outside a turn. CPython: `events._get_running_loop`. */
export function _getRunningLoop(): BaseEventLoop | null {
  return slots.running;
}

/** For other implementations of a loop: says whose turn it is. CPython: `events._set_running_loop`. */
export function _setRunningLoop(loop: BaseEventLoop | null): void {
  slots.running = loop;
}

/**
 * The running loop, else the one given to `setEventLoop`.
 * @throws RuntimeError where there is neither. CPython: `events.get_event_loop` as of 3.14.
 */
export function getEventLoop(): BaseEventLoop {
  const loop = slots.running ?? slots.set;
  if (loop === null || loop === undefined) {
    throw new RuntimeError(
      "there is no current event loop: make one with `const loop = newEventLoop()` (and `setEventLoop(loop)` to have it found here), or start with `run(main())`",
    );
  }
  return loop;
}

/** The loop that `getEventLoop()` answers with outside a turn; null for none. CPython: `events.set_event_loop`. */
export function setEventLoop(loop: BaseEventLoop | null): void {
  if (loop !== null && (typeof loop !== "object" || typeof loop.callSoon !== "function")) {
    throw new TypeError(`setEventLoop(loop): loop must be an event loop or null, got ${String(loop)}`);
  }
  slots.set = loop;
}
