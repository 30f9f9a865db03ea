/**
 * Several errors at once: what a TaskGroup throws. CPython: builtin `BaseExceptionGroup` and `ExceptionGroup` (PEP 654).
 *
 * JavaScript's AggregateError has the list and nothing else; here are `split`, `subgroup` and `derive`, and `catchGroup`
 * in the place of `except*`. Where it differs from its twin: any value can be thrown, so any value may be in a group; and a
 * handler re-raises (Python's bare `raise`) by throwing the very group it was given.
 */
import { isCancelled, leavesLoop } from "./exceptions.ts";
import { describe, describeThrown } from "./reprs.ts";
import { isGeneratorFunction } from "./suspend.ts";

/** An error class. */
export type ErrorClass = abstract new (...args: never[]) => Error;

/** Which errors are meant: those of a class, those of any of several, or those for which a function returns true. */
export type GroupCondition = ErrorClass | readonly ErrorClass[] | ((error: unknown) => boolean);

/** What is done about the errors that a condition means; see `catchGroup`. */
export type GroupHandler = (group: BaseExceptionGroup) => void;

type Matcher = (error: unknown) => boolean;

/**
 * A group of any errors. If all of them are ordinary ones, `new BaseExceptionGroup(…)` makes an ExceptionGroup. Groups may hold groups.
 * @throws TypeError unless message is a string and errors an array, RangeError if that is empty. CPython: builtin `BaseExceptionGroup`.
 */
export class BaseExceptionGroup extends AggregateError {
  static {
    this.prototype.name = "BaseExceptionGroup";
  }
  /** The same list as `exceptions`, under the name that AggregateError gives it. Frozen. */
  declare readonly errors: unknown[];

  constructor(message: string, errors: readonly unknown[], options?: ErrorOptions) {
    const name = new.target.name;
    if (typeof message !== "string") {
      throw new TypeError(`new ${name}(message, errors): message must be a string, got ${describe(message)}`);
    }
    if (!Array.isArray(errors)) {
      throw new TypeError(`new ${name}(message, errors): errors must be an array, got ${describe(errors)}`);
    }
    if (errors.length === 0) {
      throw new RangeError(`new ${name}(message, errors): a group has at least one error, got []`);
    }
    super(errors, message, options);
    Object.defineProperty(this, "errors", { value: Object.freeze([...errors]), writable: false });
    if (new.target === BaseExceptionGroup && this.errors.every(isOrdinary)) {
      Object.setPrototypeOf(this, ExceptionGroup.prototype);
    }
  }

  /** The errors of the group, groups among them. Frozen. */
  get exceptions(): readonly unknown[] {
    return this.errors;
  }

  /**
   * The group in two: what the condition means, and the rest; null where that would be empty. Inner groups keep their place. A group for which the condition
   * holds itself goes as a whole; note that for `Error` it does, and that a CancelledError is an `Error` too. CPython: `BaseExceptionGroup.split`.
   */
  split(condition: GroupCondition): [matching: BaseExceptionGroup | null, rest: BaseExceptionGroup | null] {
    return splitBy(this, matcherOf("split", condition));
  }

  /** What the condition means, in its place in the inner groups; null for nothing. CPython: `BaseExceptionGroup.subgroup`. */
  subgroup(condition: GroupCondition): BaseExceptionGroup | null {
    return splitBy(this, matcherOf("subgroup", condition))[0];
  }

  /**
   * A group like this one, of other errors; `split` and `subgroup` make theirs with it. A subclass that is to stay one, or has something to
   * hand on, overrides it. `cause` and `stack` are handed on for it. CPython: `BaseExceptionGroup.derive`.
   */
  derive(errors: readonly unknown[]): BaseExceptionGroup {
    return new BaseExceptionGroup(this.message, errors);
  }

  /** The name, the message and how many errors; then each error on a line, with its place. CPython: `__str__`, which is the first line. */
  override toString(): string {
    const lines = [titleOf(this)];
    for (const { place, error } of membersOf(this)) {
      const isGroup = error instanceof BaseExceptionGroup;
      lines.push(`  [${place}] ${isGroup ? titleOf(error) : describe(error, Number.POSITIVE_INFINITY)}`);
    }
    return lines.join("\n");
  }
}

/**
 * A group of ordinary errors. @throws TypeError if one of them is none: a CancelledError, KeyboardInterrupt, SystemExit, or a group of such.
 * CPython: builtin `ExceptionGroup`.
 */
export class ExceptionGroup extends BaseExceptionGroup {
  static {
    this.prototype.name = "ExceptionGroup";
  }

  constructor(message: string, errors: readonly unknown[], options?: ErrorOptions) {
    super(message, errors, options);
    const other = this.errors.find((error) => !isOrdinary(error));
    if (other !== undefined) {
      throw new TypeError(
        `new ${new.target.name}(message, errors): ${describe(other)} is no ordinary error; new BaseExceptionGroup(…) takes it`,
      );
    }
  }
}

// Node's hook, a registered symbol: first all errors at a glance, then where each was thrown.
Object.defineProperty(BaseExceptionGroup.prototype, Symbol.for("nodejs.util.inspect.custom"), {
  value: function (this: BaseExceptionGroup, depth: number): string {
    if (depth < 0) return `[${titleOf(this)}]`;
    const parts = [`${this}${framesOf(this)}`];
    const seen = new Set<unknown>();
    if (this.cause !== undefined) parts.push(`Caused by: ${describeThrown(this.cause, seen)}`);
    for (const { place, error } of membersOf(this)) {
      if (!(error instanceof BaseExceptionGroup)) parts.push(`[${place}] ${describeThrown(error, seen)}`);
    }
    return parts.join("\n");
  },
});

/**
 * `except*`: `catch (error) { catchGroup(error, [TypeError, (group) => …], [[RangeError, URIError], (group) => …]) }`.
 *
 * Each handler gets what its condition means of what the handlers before it left, as a group; an error that is not in a group comes in one
 * without a message. Thrown again is what no handler took, together with what handlers threw: a group that a
 * handler throws as it was given it takes its old place, other errors stand beside the rest in a new group.
 * @throws TypeError for a condition that groups themselves meet by their class, and for handlers that are coroutine functions.
 */
export function catchGroup(
  error: unknown,
  ...clauses: [condition: GroupCondition, handler: GroupHandler][]
): void {
  const checked = clauses.map(([condition, handler]) => ({
    matches: catchable(condition),
    handler: called(handler),
  }));
  if (!(error instanceof BaseExceptionGroup)) {
    const clause = checked.find(({ matches }) => matches(error));
    if (clause === undefined) throw error;
    clause.handler(new BaseExceptionGroup("", [error]));
    return;
  }
  const thrown: unknown[] = [];
  const kept = new Set<unknown>();
  let rest: BaseExceptionGroup | null = error;
  let isTouched = false;
  for (const { matches, handler } of checked) {
    if (rest === null) break;
    const [matching, remaining]: Split = splitBy(rest, matches);
    if (matching === null) continue;
    isTouched = true;
    rest = remaining;
    try {
      handler(matching);
    } catch (reason) {
      if (reason === matching) keep(kept, matching);
      else thrown.push(reason);
    }
  }
  if (!isTouched) throw error;
  if (rest !== null) keep(kept, rest);
  const [left] = splitBy(error, (one) => kept.has(one));
  if (left !== null && thrown.length === 0) throw left;
  if (left !== null) thrown.push(left);
  if (thrown.length === 1) throw thrown[0];
  if (thrown.length > 1) throw new BaseExceptionGroup("", thrown);
}

type Split = [matching: BaseExceptionGroup | null, rest: BaseExceptionGroup | null];

function splitBy(group: BaseExceptionGroup, matches: Matcher): Split {
  if (matches(group)) return [group, null];
  const matching: unknown[] = [];
  const rest: unknown[] = [];
  for (const error of group.errors) {
    if (error instanceof BaseExceptionGroup) {
      const [inner, others] = splitBy(error, matches);
      if (inner !== null) matching.push(inner);
      if (others !== null) rest.push(others);
    } else (matches(error) ? matching : rest).push(error);
  }
  return [partOf(group, matching), partOf(group, rest)];
}

function partOf(group: BaseExceptionGroup, errors: unknown[]): BaseExceptionGroup | null {
  if (errors.length === 0) return null;
  const part = group.derive(errors);
  if (!(part instanceof BaseExceptionGroup)) {
    throw new TypeError(
      `derive() of ${describe(group.constructor)} must return a group, got ${describe(part)}`,
    );
  }
  // Not enumerable, as Error leaves them.
  const own = { writable: true, configurable: true };
  if (group.cause !== undefined) Object.defineProperty(part, "cause", { value: group.cause, ...own });
  Object.defineProperty(part, "stack", { value: `${headOf(part)}${framesOf(group)}`, ...own });
  return part;
}

/** The leaves of `group` join `kept`. */
function keep(kept: Set<unknown>, group: BaseExceptionGroup): void {
  for (const { error } of membersOf(group)) if (!(error instanceof BaseExceptionGroup)) kept.add(error);
}

/** All errors in the group and its inner groups, outer ones first, with their places: 2.1 is the first of the second. */
function* membersOf(group: BaseExceptionGroup, above = ""): Generator<{ place: string; error: unknown }> {
  for (const [i, error] of group.errors.entries()) {
    const place = `${above}${i + 1}`;
    yield { place, error };
    if (error instanceof BaseExceptionGroup) yield* membersOf(error, `${place}.`);
  }
}

function matcherOf(operation: string, condition: GroupCondition): Matcher {
  if (isErrorClass(condition)) return (error) => error instanceof condition;
  if (typeof condition === "function") return condition as Matcher;
  if (Array.isArray(condition) && condition.length > 0 && condition.every(isErrorClass)) {
    return (error) => condition.some((one) => error instanceof one);
  }
  throw new TypeError(
    `${operation}(condition): an error class, an array of error classes or a function (error) => boolean, got ${describe(condition)}`,
  );
}

/** `except* ExceptionGroup` is refused in Python too: each handler gets a group anyway. */
function catchable(condition: GroupCondition): Matcher {
  for (const one of Array.isArray(condition) ? condition : [condition]) {
    if (one === BaseExceptionGroup || one?.prototype instanceof BaseExceptionGroup) {
      throw new TypeError(
        `catchGroup(error, [${describe(one)}, handler]): the errors in groups are caught, not groups. Write \`error instanceof ${describe(one)}\``,
      );
    }
  }
  return matcherOf("catchGroup", condition);
}

function called(handler: GroupHandler): GroupHandler {
  if (typeof handler !== "function") {
    throw new TypeError(
      `catchGroup(error, [condition, handler]): handler must be a function, got ${describe(handler)}`,
    );
  }
  if (isGeneratorFunction(handler)) {
    throw new TypeError(
      `catchGroup(error, [condition, handler]): ${describe(handler)} is a coroutine function, and calling it runs nothing. Write \`const [matching, rest] = error.split(condition)\``,
    );
  }
  return handler;
}

function isErrorClass(value: unknown): value is ErrorClass {
  return typeof value === "function" && (value === Error || value.prototype instanceof Error);
}

/** What Python has under Exception, not under BaseException alone. */
function isOrdinary(error: unknown): boolean {
  if (error instanceof BaseExceptionGroup) return error instanceof ExceptionGroup;
  return !isCancelled(error) && !leavesLoop(error);
}

/** What heads a group's stack, as V8 writes it. */
function headOf(group: BaseExceptionGroup): string {
  return Error.prototype.toString.call(group);
}

function titleOf(group: BaseExceptionGroup): string {
  const count = group.errors.length;
  return `${headOf(group)} (${count} sub-exception${count === 1 ? "" : "s"})`;
}

/** Where the group was made, without what heads its stack. */
function framesOf(group: BaseExceptionGroup): string {
  const stack = group.stack ?? "";
  const head = headOf(group);
  return stack.startsWith(head) ? stack.slice(head.length) : `\n${stack}`;
}
