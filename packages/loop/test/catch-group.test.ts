// catchGroup(), the counterpart of `except*`: what comes out was compared with that of CPython 3.13, where `throw group` is its bare `raise`.
import type { ErrorClass, GroupHandler } from "@aioloop/loop";
import {
  BaseExceptionGroup,
  CancelledError,
  catchGroup,
  ExceptionGroup,
  isCancelled,
  KeyboardInterrupt,
  RuntimeError,
} from "@aioloop/loop";
import fc from "fast-check";
import { expect, test } from "vitest";
import { thrownBy } from "./helpers.ts";

/** A group as nested arrays: the message, then its errors. */
function shapeOf(error: unknown): unknown {
  return error instanceof BaseExceptionGroup ? [error.message, ...error.errors.map(shapeOf)] : error;
}

function leavesOf(error: unknown): unknown[] {
  return error instanceof BaseExceptionGroup ? error.errors.flatMap(leavesOf) : [error];
}

/** A handler that notes what it is given. */
function noting(into: unknown[]): GroupHandler {
  return (group) => void into.push(shapeOf(group));
}

/** A handler that throws. */
function throwing(error: unknown): GroupHandler {
  return () => {
    throw error;
  };
}

const again: GroupHandler = (group) => {
  throw group;
};

const [type, range, runtime] = [new TypeError("t"), new RangeError("r"), new RuntimeError("x")];
const first = new Error("first");
const second = new Error("second");

// ---- an error outside of any group

test("catchGroup() wraps an error that is in no group, without a message, for its handler [J14]", () => {
  const got: unknown[] = [];
  expect(
    catchGroup(type, [RangeError, throwing(first)], [TypeError, noting(got)], [Error, throwing(second)]),
  ).toBe(undefined);
  expect(got).toEqual([["", type]]);
});

test.each([type, new CancelledError(), "thrown", undefined, null])(
  "catchGroup() throws an error that nobody takes as it is: %s [J14]",
  (error) => {
    expect(thrownBy(() => catchGroup(error, [RangeError, throwing(first)]))).toBe(error);
    expect(thrownBy(() => catchGroup(error))).toBe(error);
  },
);

test("catchGroup() lets out what the handler of a bare error throws, its wrapping included [J14]", () => {
  expect(thrownBy(() => catchGroup(type, [TypeError, throwing(first)], [Error, throwing(second)]))).toBe(
    first,
  );
  const wrapping = thrownBy(() => catchGroup(type, [TypeError, again]));
  expect([(wrapping as Error).name, shapeOf(wrapping)]).toEqual(["ExceptionGroup", ["", type]]);
});

test("catchGroup() wraps KeyboardInterrupt in a BaseExceptionGroup", () => {
  const wrapping = thrownBy(() => catchGroup(new KeyboardInterrupt(), [KeyboardInterrupt, again]));
  expect((wrapping as Error).constructor).toBe(BaseExceptionGroup);
});

// ---- a group

test("catchGroup() gives each handler its subgroup of what those before it left [J14]", () => {
  const group = new ExceptionGroup("g", [type, new ExceptionGroup("n", [range, type]), runtime]);
  const got: unknown[] = [];
  catchGroup(
    group,
    [TypeError, noting(got)],
    [[RangeError, TypeError], noting(got)],
    [() => true, noting(got)],
  );
  expect(got).toEqual([
    ["g", type, ["n", type]],
    ["g", ["n", range]],
    ["g", runtime],
  ]);
});

test("catchGroup() does not call a handler for nothing", () => {
  const got: unknown[] = [];
  catchGroup(
    new ExceptionGroup("g", [type]),
    [RangeError, noting(got)],
    [TypeError, noting(got)],
    [Error, noting(got)],
  );
  expect(got).toEqual([["g", type]]);
});

test("catchGroup() throws the rest again, in its place [J14]", () => {
  const group = new BaseExceptionGroup("g", [
    type,
    new ExceptionGroup("n", [range, type]),
    new KeyboardInterrupt(),
  ]);
  const rest = thrownBy(() => catchGroup(group, [TypeError, () => {}]));
  expect(shapeOf(rest)).toEqual(["g", ["n", range], group.errors[2]]);
});

test("catchGroup() throws a group of which nobody takes anything as it is", () => {
  const group = new ExceptionGroup("g", [type]);
  expect(thrownBy(() => catchGroup(group, [RangeError, throwing(first)]))).toBe(group);
});

test("catchGroup() returns when the handlers took everything [J14]", () => {
  const group = new ExceptionGroup("g", [type, range]);
  expect(catchGroup(group, [TypeError, () => {}], [RangeError, () => {}])).toBe(undefined);
  expect(catchGroup(group, [(error) => error === group, () => {}])).toBe(undefined);
});

test("catchGroup() lets a single error of a handler out by itself if nothing else is left [J14]", () => {
  expect(thrownBy(() => catchGroup(new ExceptionGroup("g", [type]), [TypeError, throwing(first)]))).toBe(
    first,
  );
});

test("catchGroup() puts what a handler throws beside the rest, in a group without a message [J14]", () => {
  const group = new ExceptionGroup("g", [type, range]);
  const thrown = thrownBy(() => catchGroup(group, [TypeError, throwing(first)]));
  expect(shapeOf(thrown)).toEqual(["", first, ["g", range]]);
});

test("catchGroup() gathers the errors of several handlers, and calls each of them [J14]", () => {
  const group = new ExceptionGroup("g", [type, range]);
  const thrown = thrownBy(() =>
    catchGroup(group, [TypeError, throwing(first)], [RangeError, throwing(second)]),
  );
  expect(shapeOf(thrown)).toEqual(["", first, second]);
});

test("catchGroup() puts a subgroup that its handler throws back into its place [J14]", () => {
  const group = new ExceptionGroup("g", [type, new ExceptionGroup("n", [runtime, type]), range]);
  const one = thrownBy(() => catchGroup(group, [TypeError, again], [RuntimeError, throwing(first)]));
  expect(shapeOf(one)).toEqual(["", first, ["g", type, ["n", type], range]]);
  const all = thrownBy(() => catchGroup(group, [TypeError, again], [RangeError, again]));
  expect(shapeOf(all)).toEqual(shapeOf(group));
});

test("catchGroup() takes one error that a handler picks from its subgroup as a new one", () => {
  const group = new ExceptionGroup("g", [type, range]);
  const thrown = thrownBy(() =>
    catchGroup(group, [
      TypeError,
      (taken) => {
        throw taken.errors[0];
      },
    ]),
  );
  expect(shapeOf(thrown)).toEqual(["", type, ["g", range]]);
});

test("catchGroup() makes a BaseExceptionGroup where a cancellation is left", () => {
  const group = new BaseExceptionGroup("g", [new CancelledError(), type]);
  const thrown = thrownBy(() => catchGroup(group, [TypeError, throwing(first)])) as BaseExceptionGroup;
  expect([thrown.constructor, shapeOf(thrown)]).toEqual([
    BaseExceptionGroup,
    ["", first, ["g", group.errors[0]]],
  ]);
});

test("catchGroup() hands out subgroups that keep the group's cause and class", () => {
  class Batch extends ExceptionGroup {
    override derive(errors: readonly unknown[]): Batch {
      return new Batch(this.message, errors);
    }
  }
  const group = new Batch("g", [type, range], { cause: first });
  const rest = thrownBy(() =>
    catchGroup(group, [
      TypeError,
      (taken) => expect([taken.constructor, taken.cause]).toEqual([Batch, first]),
    ]),
  );
  expect([(rest as Error).constructor, (rest as Error).cause]).toEqual([Batch, first]);
});

test("catchGroup() takes a function as its condition, so cancellations can be let through [J8 J14]", () => {
  const cancelled = new CancelledError();
  const got: unknown[] = [];
  const ordinary = (error: unknown) => !(error instanceof BaseExceptionGroup) && !isCancelled(error);
  const rest = thrownBy(() =>
    catchGroup(new BaseExceptionGroup("g", [type, cancelled]), [ordinary, noting(got)]),
  );
  expect([got, shapeOf(rest)]).toEqual([[["g", type]], ["g", cancelled]]);
});

// ---- what is refused, before any handler is called

test("catchGroup() refuses groups as a condition, as `except*` does", () => {
  class Mine extends ExceptionGroup {}
  for (const condition of [BaseExceptionGroup, ExceptionGroup, Mine, [TypeError, ExceptionGroup]]) {
    const refusal = thrownBy(() =>
      catchGroup(type, [TypeError, throwing(first)], [condition, throwing(first)]),
    );
    expect(refusal).toBeInstanceOf(TypeError);
    expect(String(refusal)).toMatch(
      /^TypeError: catchGroup\(error, \[(\w+), handler\]\): the errors in groups are caught, not groups\. Write `error instanceof \1`$/,
    );
  }
});

test("catchGroup() refuses what is no condition and no handler", () => {
  const refusal = (condition: unknown, handler: unknown) =>
    String(
      thrownBy(() =>
        catchGroup(type, [TypeError, throwing(first)], [condition as ErrorClass, handler as GroupHandler]),
      ),
    );
  expect(refusal(null, again)).toBe(
    "TypeError: catchGroup(condition): an error class, an array of error classes or a function (error) => boolean, got null",
  );
  expect(refusal(TypeError, undefined)).toBe(
    "TypeError: catchGroup(error, [condition, handler]): handler must be a function, got undefined",
  );
  expect(refusal(TypeError, function* handle() {})).toBe(
    "TypeError: catchGroup(error, [condition, handler]): handle is a coroutine function, and calling it runs nothing. Write `const [matching, rest] = error.split(condition)`",
  );
});

// ---- any group

const leaf = fc.constantFrom<unknown>(type, range, runtime, new CancelledError(), "s", undefined);
const anyGroup = fc.letrec<{ group: BaseExceptionGroup; error: unknown }>((tie) => ({
  group: fc
    .array(tie("error"), { minLength: 1, maxLength: 5 })
    .map((errors) => new BaseExceptionGroup(`${errors.length} errors`, errors)),
  error: fc.oneof({ maxDepth: 4 }, leaf, tie("group")),
})).group;
const FIXED = { seed: 654, numRuns: 300 };

test("Any group: with handlers that throw their subgroups, catchGroup() throws the group as it was [J14]", () => {
  fc.assert(
    fc.property(anyGroup, (group) => {
      const thrown = thrownBy(() =>
        catchGroup(group, [TypeError, again], [[RangeError, CancelledError], again]),
      );
      expect(shapeOf(thrown)).toEqual(shapeOf(group));
    }),
    FIXED,
  );
});

test("Any group: each error comes to one handler or out again [J14]", () => {
  fc.assert(
    fc.property(anyGroup, (group) => {
      const seen: unknown[] = [];
      const take: GroupHandler = (taken) => void seen.push(...leavesOf(taken));
      try {
        catchGroup(group, [TypeError, take], [[RangeError, RuntimeError], take]);
      } catch (rest) {
        seen.push(...leavesOf(rest));
      }
      const isOne = (of: ErrorClass[]) => (error: unknown) => of.some((one) => error instanceof one);
      const [isType, isTaken] = [isOne([TypeError]), isOne([TypeError, RangeError, RuntimeError])];
      const leaves = leavesOf(group);
      expect(seen).toEqual([
        ...leaves.filter(isType),
        ...leaves.filter((error) => isTaken(error) && !isType(error)),
        ...leaves.filter((error) => !isTaken(error)),
      ]);
    }),
    FIXED,
  );
});
