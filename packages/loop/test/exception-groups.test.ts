// Groups of errors: what may be in one, how they are split, how they show. What is done about them is in catch-group.test.ts.
import { inspect } from "node:util";
import type { ErrorClass, GroupCondition } from "@aioloop/loop";
import {
  BaseExceptionGroup,
  CancelledError,
  ExceptionGroup,
  KeyboardInterrupt,
  RuntimeError,
  SystemExit,
  TimeoutError,
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

const [type, range, runtime] = [new TypeError("t"), new RangeError("r"), new RuntimeError("x")];

// ---- making one

test("BaseExceptionGroup is an AggregateError with its message and its errors, under both names [J14]", () => {
  const group = new BaseExceptionGroup("several", [type, range]);
  expect(group).toBeInstanceOf(AggregateError);
  expect([group.message, group.errors, group.exceptions]).toEqual(["several", [type, range], [type, range]]);
  expect(group.exceptions).toBe(group.errors);
  expect(Object.keys(group)).toEqual([]);
});

test("BaseExceptionGroup.errors is a copy that cannot be changed", () => {
  const errors = [type, range];
  const group = new BaseExceptionGroup("several", errors);
  errors.pop();
  expect(group.errors).toHaveLength(2);
  expect(Object.isFrozen(group.errors)).toBe(true);
  expect(thrownBy(() => ((group as { errors: unknown[] }).errors = []))).toBeInstanceOf(TypeError);
});

test("new BaseExceptionGroup() of ordinary errors makes an ExceptionGroup [J14]", () => {
  const inner = new ExceptionGroup("inner", [range]);
  for (const errors of [[type], [type, inner], ["thrown", undefined, null, 0]]) {
    const group = new BaseExceptionGroup("m", errors);
    expect(group).toBeInstanceOf(ExceptionGroup);
    expect([group.name, group.constructor]).toEqual(["ExceptionGroup", ExceptionGroup]);
    expect(group.stack).toMatch(/^ExceptionGroup: m\n/);
  }
});

const EXTRAORDINARY = [
  new CancelledError(),
  new KeyboardInterrupt(),
  new SystemExit(1),
  new BaseExceptionGroup("inner", [new CancelledError()]),
];

test.each(EXTRAORDINARY)("BaseExceptionGroup holds what ExceptionGroup refuses: %s [J14]", (error) => {
  const group = new BaseExceptionGroup("m", [type, error]);
  expect([group.constructor, group.name]).toEqual([BaseExceptionGroup, "BaseExceptionGroup"]);
  expect(group).not.toBeInstanceOf(ExceptionGroup);
  const refusal = thrownBy(() => new ExceptionGroup("m", [type, error]));
  expect(refusal).toBeInstanceOf(TypeError);
  expect(String(refusal)).toContain("is no ordinary error; new BaseExceptionGroup(…) takes it");
});

test("A subclass of BaseExceptionGroup stays what it is, whatever it holds", () => {
  class Mine extends BaseExceptionGroup {}
  expect(new Mine("m", [type]).constructor).toBe(Mine);
});

test("A group refuses an empty list, no list, and a message that is no string", () => {
  expect(String(thrownBy(() => new BaseExceptionGroup("m", [])))).toBe(
    "RangeError: new BaseExceptionGroup(message, errors): a group has at least one error, got []",
  );
  for (const none of [null, undefined, 3, type, new Set([type])]) {
    const refusal = thrownBy(() => new ExceptionGroup("m", none as unknown as unknown[]));
    expect(refusal).toBeInstanceOf(TypeError);
    expect(String(refusal)).toContain("new ExceptionGroup(message, errors): errors must be an array, got ");
  }
  expect(String(thrownBy(() => new ExceptionGroup([type] as unknown as string, "m" as unknown as [])))).toBe(
    "TypeError: new ExceptionGroup(message, errors): message must be a string, got [1 items]",
  );
});

test("A group takes a cause", () => {
  expect(new ExceptionGroup("m", [type], { cause: range }).cause).toBe(range);
  expect("cause" in new ExceptionGroup("m", [type])).toBe(false);
});

// ---- split and subgroup

test("split() puts apart what a class means and the rest, each in its place in the inner groups [J14]", () => {
  const group = new ExceptionGroup("outer", [
    type,
    new ExceptionGroup("inner", [range, type, new ExceptionGroup("innermost", [range])]),
    new ExceptionGroup("other", [type]),
    range,
  ]);
  const [matching, rest] = group.split(RangeError);
  expect(shapeOf(matching)).toEqual(["outer", ["inner", range, ["innermost", range]], range]);
  expect(shapeOf(rest)).toEqual(["outer", type, ["inner", type], ["other", type]]);
  expect(shapeOf(group.subgroup(RangeError))).toEqual(shapeOf(matching));
});

test("split() gives null for what would be empty", () => {
  const group = new ExceptionGroup("m", [type, range]);
  expect(group.split(RuntimeError)[0]).toBe(null);
  expect(shapeOf(group.split(RuntimeError)[1])).toEqual(["m", type, range]);
  const [all, none] = group.split([TypeError, RangeError]);
  expect([shapeOf(all), none]).toEqual([["m", type, range], null]);
  expect(group.subgroup(RuntimeError)).toBe(null);
});

test("split() takes a class, an array of classes, or a function [J14]", () => {
  class Mine extends RangeError {}
  const mine = new Mine("mine");
  const group = new ExceptionGroup("m", [type, mine, "thrown"]);
  // Has a prototype, as a class has.
  function byName(error: unknown) {
    return error === mine;
  }
  const conditions: [GroupCondition, unknown[]][] = [
    [RangeError, [mine]],
    [Error, [type, mine, "thrown"]], // the group itself is an Error
    [
      [Mine, TypeError],
      [type, mine],
    ],
    [(error) => error === "thrown", ["thrown"]],
    [(error) => error instanceof Error && error.message === "t", [type]],
    [byName, [mine]],
  ];
  for (const [condition, matching] of conditions)
    expect(leavesOf(group.subgroup(condition))).toEqual(matching);
});

test("split() asks about groups too, and one that meets the condition goes as a whole", () => {
  const inner = new ExceptionGroup("inner", [type, range]);
  const group = new BaseExceptionGroup("outer", [inner, new CancelledError()]);
  const [matching, rest] = group.split(ExceptionGroup);
  expect(matching?.errors).toEqual([inner]);
  expect(matching?.errors[0]).toBe(inner);
  expect(leavesOf(rest)).toEqual([group.errors[1]]);
  expect(group.split(BaseExceptionGroup)).toEqual([group, null]);
  expect(group.subgroup((error) => error === group)).toBe(group);
  const asked: unknown[] = [];
  group.subgroup((error) => void asked.push(error) as unknown as boolean);
  expect(asked).toEqual([group, inner, type, range, group.errors[1]]);
});

test("What is left of a BaseExceptionGroup without its cancellations is an ExceptionGroup", () => {
  const [cancelled, rest] = new BaseExceptionGroup("m", [new CancelledError(), type]).split(CancelledError);
  expect([cancelled?.name, rest?.name]).toEqual(["BaseExceptionGroup", "ExceptionGroup"]);
});

test("The parts of a group keep its cause and say where it was made", () => {
  function made() {
    return new BaseExceptionGroup("m", [type, new CancelledError()], { cause: range });
  }
  const group = made();
  for (const part of group.split(TypeError)) {
    expect(part?.cause).toBe(range);
    expect(Object.keys(part as object)).toEqual([]);
  }
  const [ordinary] = group.split(TypeError);
  expect(group.stack?.startsWith("BaseExceptionGroup: m\n")).toBe(true);
  expect(ordinary?.stack).toBe(group.stack?.replace("BaseExceptionGroup", "ExceptionGroup"));
  expect(ordinary?.stack?.split("\n")[1]).toContain("made");
  expect("cause" in (new ExceptionGroup("m", [type, range]).subgroup(TypeError) as object)).toBe(false);
});

test("What is no condition is refused: split() and subgroup()", () => {
  const group = new ExceptionGroup("m", [type]);
  const refused: unknown[] = [null, undefined, 3, "TypeError", type, [], [TypeError, 3], [() => true]];
  for (const condition of refused) {
    for (const operation of ["split", "subgroup"] as const) {
      const refusal = thrownBy(() => group[operation](condition as ErrorClass));
      expect(refusal).toBeInstanceOf(TypeError);
      expect(String(refusal)).toContain(
        `${operation}(condition): an error class, an array of error classes or a function (error) => boolean, got `,
      );
    }
  }
});

test("What a condition throws comes out of split()", () => {
  const thrown = thrownBy(() =>
    new ExceptionGroup("m", [type]).split(() => {
      throw range;
    }),
  );
  expect(thrown).toBe(range);
});

// ---- derive

test("split() and subgroup() make the parts of a subclass with its derive() [J14]", () => {
  class Batch extends ExceptionGroup {
    readonly code: number;
    constructor(errors: readonly unknown[], code: number) {
      super(`batch ${code}`, errors);
      this.code = code;
    }
    override derive(errors: readonly unknown[]): Batch {
      return new Batch(errors, this.code);
    }
  }
  const inner = new Batch([type, range], 2);
  const parts = new ExceptionGroup("outer", [inner, runtime]).split(TypeError);
  const inners = parts.map((part) => part?.errors[0] as Batch);
  expect(inners.map((one) => [one.constructor, one.code, one.message])).toEqual([
    [Batch, 2, "batch 2"],
    [Batch, 2, "batch 2"],
  ]);
  expect(parts.map((part) => part?.constructor)).toEqual([ExceptionGroup, ExceptionGroup]);
});

test("derive() without an override gives a plain group with the same message", () => {
  class Mine extends ExceptionGroup {}
  expect(new Mine("m", [type]).subgroup((error) => error === type)?.constructor).toBe(ExceptionGroup);
  const group = new ExceptionGroup("m", [type]).derive([new CancelledError(), range]);
  expect([group.constructor, group.message, group.errors.length]).toEqual([BaseExceptionGroup, "m", 2]);
});

test("A derive() that returns no group is refused", () => {
  class Broken extends ExceptionGroup {
    override derive(): BaseExceptionGroup {
      return [] as unknown as BaseExceptionGroup;
    }
  }
  expect(String(thrownBy(() => new Broken("m", [type]).subgroup(TypeError)))).toBe(
    "TypeError: derive() of Broken must return a group, got [0 items]",
  );
});

// ---- how it shows

test("String(group) has the count, then each error on a line with its place [J14]", () => {
  const inner = new BaseExceptionGroup("inner", [range, new ExceptionGroup("innermost", ["thrown\nvalue"])]);
  const group = new ExceptionGroup("unhandled errors in a TaskGroup", [type, inner]);
  expect(String(group)).toBe(
    [
      "ExceptionGroup: unhandled errors in a TaskGroup (2 sub-exceptions)",
      '  [1] TypeError("t")',
      "  [2] ExceptionGroup: inner (2 sub-exceptions)",
      '  [2.1] RangeError("r")',
      "  [2.2] ExceptionGroup: innermost (1 sub-exception)",
      '  [2.2.1] "thrown\\nvalue"',
    ].join("\n"),
  );
  expect(String(new ExceptionGroup("", [type]))).toMatch(/^ExceptionGroup \(1 sub-exception\)\n/);
});

test("inspect(group) shows all errors at a glance, then where each was thrown and why", () => {
  const failed = new Error("failed", { cause: type });
  const group = new BaseExceptionGroup("m", [failed, new ExceptionGroup("inner", [failed, 7])], {
    cause: range,
  });
  for (const error of [group, failed, type, range])
    error.stack = `${error.name}: ${error.message}\n    at there`;
  expect(inspect(group)).toBe(
    [
      "ExceptionGroup: m (2 sub-exceptions)",
      '  [1] Error("failed")',
      "  [2] ExceptionGroup: inner (2 sub-exceptions)",
      '  [2.1] Error("failed")',
      "  [2.2] 7",
      "    at there",
      "Caused by: RangeError: r",
      "    at there",
      "[1] Error: failed",
      "    at there",
      "Caused by: TypeError: t",
      "    at there",
      '[2.1] Error("failed"), see above',
      "[2.2] thrown value: 7",
    ].join("\n"),
  );
  expect(inspect({ deep: { deeper: { group } } }, { depth: 1 })).not.toContain("at there");
});

test("inspect(group) is only its title where Node goes no deeper, and bears a stack that others have written", () => {
  const group = new ExceptionGroup("m", [7]);
  const hook = group as unknown as Record<symbol, (depth: number) => string>;
  const show = (depth: number) => hook[Symbol.for("nodejs.util.inspect.custom")]?.call(group, depth);
  expect(show(-1)).toBe("[ExceptionGroup: m (1 sub-exception)]");
  group.stack = "at a place";
  expect(show(0)).toBe("ExceptionGroup: m (1 sub-exception)\n  [1] 7\nat a place\n[1] thrown value: 7");
});

// ---- any group

const leaf = fc.constantFrom<unknown>(
  type,
  range,
  runtime,
  new TimeoutError(),
  new CancelledError(),
  "s",
  undefined,
);
const group = fc.letrec<{ group: BaseExceptionGroup; error: unknown }>((tie) => ({
  group: fc
    .array(tie("error"), { minLength: 1, maxLength: 5 })
    .map((errors) => new BaseExceptionGroup(`${errors.length} errors`, errors)),
  error: fc.oneof({ maxDepth: 4, withCrossShrink: true }, leaf, tie("group")),
})).group;
const classes = fc.subarray<ErrorClass>([TypeError, RangeError, RuntimeError, CancelledError], {
  minLength: 1,
});
const FIXED = { seed: 654, numRuns: 300 };

test("Any group: split() loses nothing, invents nothing and keeps the order [J14]", () => {
  fc.assert(
    fc.property(group, classes, (group, condition) => {
      const meant = (error: unknown) => condition.some((one) => error instanceof one);
      const [matching, rest] = group.split(condition);
      const leaves = leavesOf(group);
      expect(matching === null ? [] : leavesOf(matching)).toEqual(leaves.filter(meant));
      expect(rest === null ? [] : leavesOf(rest)).toEqual(leaves.filter((error) => !meant(error)));
    }),
    FIXED,
  );
});

test("Any group: the parts have no group that the whole has not, in the same nesting, and none is empty [J14]", () => {
  const within = (part: unknown, whole: unknown): boolean => {
    if (!(part instanceof BaseExceptionGroup)) return part === whole;
    if (!(whole instanceof BaseExceptionGroup) || part.message !== whole.message) return false;
    let at = 0;
    for (const error of part.errors) {
      while (at < whole.errors.length && !within(error, whole.errors[at])) at++;
      if (at++ >= whole.errors.length) return false;
    }
    return part.errors.length > 0;
  };
  fc.assert(
    fc.property(group, classes, (group, condition) => {
      for (const part of group.split(condition)) if (part !== null) expect(within(part, group)).toBe(true);
    }),
    FIXED,
  );
});

test("Any group: what holds a cancellation is no ExceptionGroup, and what holds none is one [J14]", () => {
  const isCancellation = (error: unknown) => error instanceof CancelledError;
  fc.assert(
    fc.property(group, classes, (group, condition) => {
      for (const part of [group, ...group.split(condition)]) {
        if (part !== null) expect(part instanceof ExceptionGroup).toBe(!leavesOf(part).some(isCancellation));
      }
    }),
    FIXED,
  );
});
