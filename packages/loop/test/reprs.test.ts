// How values and errors show in reports: in few characters, and never throwing.
import { expect, test } from "vitest";
import { describe, describeCallback, describeThrown } from "../src/reprs.ts";

class Mailbox {}
class Named {
  toString() {
    return "<Named thing>";
  }
}

test.each([
  [undefined, "undefined"],
  [null, "null"],
  [5, "5"],
  [10n, "10"],
  ["text", '"text"'],
  ['with "quotes"\n', '"with \\"quotes\\"\\n"'],
  [[1, 2, 3], "[3 items]"],
  [{}, "<Object>"],
  [new Mailbox(), "<Mailbox>"],
  [new Named(), "<Named thing>"],
  [Object.create(null), "<object that cannot be shown>"],
  [Symbol("s"), "Symbol(s)"],
  [function named() {}, "named"],
  [(() => () => {})(), "<function>"],
  [new RangeError("no"), 'RangeError("no")'],
  [new Error(), "Error()"],
])("describe() of case %# is short and says what it is", (value, expected) => {
  expect(describe(value)).toBe(expected);
});

test("describe() cuts long texts, unless it is told not to", () => {
  const long = "x".repeat(200);
  expect(describe(long)).toHaveLength(60);
  expect(describe(long)).toMatch(/^"x+…$/);
  expect(describe(long, Number.POSITIVE_INFINITY)).toBe(`"${long}"`);
});

test("describe() survives getters, proxies and toString() that throw", () => {
  const hostile = [
    new Proxy(
      {},
      {
        get() {
          throw new Error("no");
        },
        getPrototypeOf() {
          throw new Error("no");
        },
      },
    ),
    {
      get toString(): () => string {
        throw new Error("no");
      },
    },
    Proxy.revocable({}, {}),
  ];
  const [revoked] = [Proxy.revocable({}, {})];
  revoked.revoke();
  for (const value of [...hostile, revoked.proxy]) expect(typeof describe(value)).toBe("string");
});

test("describeCallback() shows the arguments, each for itself", () => {
  function send(): void {}
  const long = "x".repeat(59);
  expect(describeCallback(send, [1, "two", long, long])).toMatch(/^send\(1, "two", "x{58}…, "x{58}…\)$/);
  expect(describeCallback(send, [])).toBe("send()");
});

test("describeThrown() shows an error's stack, or whatever else was thrown [J7]", () => {
  expect(describeThrown(new Error("no"))).toMatch(/^Error: no\n\s+at .*reprs\.test\.ts/);
  expect([undefined, null, "text"].map((thrown) => describeThrown(thrown))).toEqual([
    "thrown value: undefined",
    "thrown value: null",
    'thrown value: "text"',
  ]);
});

test("describeThrown() of an error without a stack shows name and message", () => {
  const error = new RangeError("no");
  Object.defineProperty(error, "stack", { value: undefined });
  expect(describeThrown(error)).toBe("RangeError: no");
});

test("describeThrown() follows causes, and stops where they go in a circle [J13]", () => {
  const [one, two] = [new Error("one"), new Error("two")];
  one.cause = two;
  two.cause = one;
  for (const error of [one, two]) error.stack = String(error);
  expect(describeThrown(one)).toBe('Error: one\nCaused by: Error: two\nCaused by: Error("one"), see above');
});
