// The check of what is held must find what is not: each part, on small inputs.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { checkBehaviours } from "../scripts/held/behaviours.mjs";
import type { Mapping } from "../scripts/held/cpython-tests.mjs";
import { checkTests } from "../scripts/held/cpython-tests.mjs";
import type { Entry, Library, Name, Names, Scope } from "../scripts/held/names.mjs";
import { checkNames, missingIn } from "../scripts/held/names.mjs";
import { page } from "../scripts/held/page.mjs";
import type { Row, Test } from "../scripts/held/rows.mjs";
import { partOf, readTests, show } from "../scripts/held/rows.mjs";

/** Rows in a line each. */
const lines = (rows: Row[]) => rows.map(({ state, what, by }) => `${state}: ${what}: ${by}`);

const passed = (fullName: string, title = fullName): Test => ({ fullName, title, holds: true });
const failed = (fullName: string): Test => ({ fullName, title: fullName, holds: false });

describe("readTests()", () => {
  function read(...assertionResults: { fullName: string; title: string; status: string }[]): Test[] {
    const folder = mkdtempSync(join(tmpdir(), "aioloop-held-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "tests.json");
    writeFileSync(file, JSON.stringify({ testResults: [{ assertionResults }, { assertionResults: [] }] }));
    return readTests(file);
  }

  test("gives each test and whether it passed; a skipped one does not hold", () => {
    expect(
      read(
        { fullName: "Lock waits [S1]", title: "waits [S1]", status: "passed" },
        { fullName: "b", title: "b", status: "failed" },
        { fullName: "c", title: "c", status: "skipped" },
      ),
    ).toEqual([passed("Lock waits [S1]", "waits [S1]"), failed("b"), failed("c")]);
  });

  test("takes a skipped test that names the system package it needs, and leaves that out of its title", () => {
    const title = "runs in a browser (needs Chromium: apt-get install chromium)";
    expect(read({ fullName: title, title, status: "skipped" })).toEqual([passed("runs in a browser")]);
    expect(read({ fullName: title, title, status: "failed" })).toEqual(
      [failed("runs in a browser")].map((one) => ({ ...one, title: "runs in a browser" })),
    );
  });
});

describe("partOf()", () => {
  const parts = { m: "tasks", "m A": "streams", "m A.later": "executors" };

  test("takes the most specific entry", () => {
    expect(["m f", "m A", "m A.now", "m A.later"].map((name) => partOf(parts, name))).toEqual([
      "tasks",
      "streams",
      "streams",
      "executors",
    ]);
  });

  test("refuses what has no entry", () => {
    expect(() => partOf(parts, "n f")).toThrow("held/scope.json says to which part of aioloop n f belongs");
  });
});

describe("show()", () => {
  const table: Record<string, Row[]> = {
    names: [
      { state: "covered", what: "a", by: "A" },
      { state: "open", what: "b", by: "is missing" },
    ],
    tests: [{ state: "later", what: "c", by: "streams" }],
  };

  test("counts each part and names what is open", () => {
    expect(show(table)).toBe(
      [
        "            covered   waived     open    later",
        "names             1        0        1        0",
        "tests             0        0        0        1",
        "open: names: b: is missing",
      ].join("\n"),
    );
  });

  test("lists everything if it is asked to", () => {
    expect(show(table, { list: true }).split("\n").slice(3)).toEqual([
      "covered: names: a: A",
      "open: names: b: is missing",
      "later: tests: c: streams",
    ]);
  });
});

class Base {
  inherited(): number {
    return 1;
  }
}
class Thing extends Base {
  static readonly NONE = 0;
  field = 1;
  get size(): number {
    return 1;
  }
  wait(): object {
    return { isAwaitable: true };
  }
  eager(): never {
    throw new Error("no argument");
  }
  [Symbol.iterator](): number {
    return 1;
  }
}
class Failing extends Error {}

/** As `export * as space` makes it. */
const space = { [Symbol.toStringTag]: "Module", Thing, plain: () => 1 };

const library: Library = {
  exports: { Thing, Failing, plain: () => 1, later: () => ({ isAwaitable: true }), LIMIT: 5, space },
  instanceOf: () => new Thing(),
  call: (_path, fn, self) => fn.call(self),
  isAwaitable: (value) => typeof value === "object" && value !== null && "isAwaitable" in value,
};

describe("missingIn()", () => {
  test.each([
    ["Thing", "class"],
    ["Failing", "exception"],
    ["Failing", "class"],
    ["plain", "function"],
    ["later", "coroutine function"],
    ["LIMIT", "constant"],
    ["LIMIT", "attribute"],
    ["Thing.inherited", "method"],
    ["Thing.[Symbol.iterator]", "method"],
    ["Thing.wait", "coroutine method"],
    ["Thing.size", "property"],
    ["Thing.field", "attribute"],
    ["Thing.NONE", "attribute"],
    ["space.plain", "function"],
    ["space.Thing.wait", "coroutine method"],
    ["space.Thing.field", "attribute"],
  ])("finds %s as a %s", (path, kind) => {
    expect(missingIn(library, path, kind)).toBe(null);
  });

  test.each([
    ["Nothing", "class", "Nothing is not exported"],
    ["Nothing.at", "method", "Nothing is not exported"],
    ["plain.at", "method", "plain is no class"],
    ["plain", "class", "plain is no class"],
    ["Thing", "exception", "Thing is no exception"],
    ["Thing", "function", "Thing is no function"],
    ["plain", "coroutine function", "plain() gives nothing to await"],
    ["Thing", "coroutine function", "Thing is no coroutine function"],
    ["plain", "constant", "plain is no constant"],
    ["Thing.size", "method", "Thing.size is no method"],
    ["Thing.[Symbol.asyncIterator]", "method", "Thing.[Symbol.asyncIterator] is no method"],
    ["Thing.wait", "property", "Thing.wait is no getter"],
    ["Thing.inherited", "coroutine method", "Thing.inherited() gives nothing to await"],
    ["Thing.size", "coroutine method", "Thing.size is no method"],
    [
      "Thing.eager",
      "coroutine method",
      "Thing.eager() throws Error: no argument: it is to be lazy, or scripts/held/library.mjs is to give it arguments",
    ],
    ["Thing.gone", "attribute", "Thing.gone is no attribute"],
    ["space.gone", "function", "space.gone is not exported"],
    ["space.Thing.size", "method", "space.Thing.size is no method"],
  ])("says what is wrong with %s as a %s", (path, kind, problem) => {
    expect(missingIn(library, path, kind)).toBe(problem);
  });

  test("refuses a kind it does not know", () => {
    expect(() => missingIn(library, "Thing.wait", "command")).toThrow("kind of member that is not known");
  });
});

const scope: Scope = {
  now: ["tasks"],
  aliases: { "m Abstract": "m Thing" },
  names: { m: "tasks", "m Thing.send": "streams", s: "streams" },
  tests: { test_a: "tasks", "test_a A.test_socket": "streams", test_s: "streams" },
};

const name = (module: string, python: string, ts: string, kind: string, portable = "yes"): Name => ({
  module,
  python,
  ts,
  kind,
  portable,
});

const namesOf = (names: Record<string, Entry>, absent: Names["absent"] = []): Names => ({
  modules: ["m"],
  namespaces: {},
  members: { __repr__: { differs: "our own text" } },
  names,
  absent,
});

describe("checkNames()", () => {
  const rowsOf = (surface: Name[], names: Names, behaviours: Row[] = []) =>
    lines(checkNames(surface, scope, names, library, behaviours));

  test("finds what is there, what is not, and what belongs to a later part", () => {
    const surface = [
      name("m", "Thing.wait", "Thing.wait", "coroutine method"),
      name("m", "gone(x=)", "gone(x)", "function"),
      name("m", "Thing.send", "Thing.send", "method"),
      name("s", "Stream", "Stream", "class"),
    ];
    expect(rowsOf(surface, namesOf({}))).toEqual([
      "covered: m.Thing.wait: Thing.wait",
      "open: m.gone(x=): gone is not exported",
      "later: m.Thing.send: streams",
      "later: s.Stream: streams",
    ]);
  });

  test("looks for the methods of a class under the name of the class that it is here", () => {
    const surface = [
      name("m", "Abstract.inherited", "Abstract.inherited", "method"),
      name("m", "Abstract.send", "Abstract.send", "method"),
      name("m", "Abstract", "Abstract", "class"),
    ];
    expect(rowsOf(surface, namesOf({ "m Abstract": { ours: "Thing" } }))).toEqual([
      "covered: m.Abstract.inherited: Thing.inherited",
      "later: m.Abstract.send: streams",
      "covered: m.Abstract: Thing",
    ]);
  });

  test("takes other names, all of them, from the data", () => {
    const surface = [name("m", "a", "a", "function"), name("m", "b", "b", "function")];
    const names = namesOf({ "m a": { ours: "plain" }, "m b": { ours: ["plain", "gone"] } });
    expect(rowsOf(surface, names)).toEqual(["covered: m.a: plain", "open: m.b: gone is not exported"]);
  });

  test("looks for the names of a module that is a namespace here in that", () => {
    const surface = [
      name("m", "plain", "plain", "function"),
      name("m", "Thing.wait", "Thing.wait", "coroutine method"),
      name("m", "Other", "Other", "class"),
      name("m", "later", "later", "coroutine function"),
    ];
    const names = { ...namesOf({ "m Other": { ours: "Thing" } }), namespaces: { m: "space" } };
    expect(rowsOf(surface, names)).toEqual([
      "covered: m.plain: space.plain",
      "covered: m.Thing.wait: space.Thing.wait",
      "covered: m.Other: space.Thing",
      "open: m.later: space.later is not exported",
    ]);
  });

  test("wants to know how an adapted name differs, by itself or as a member of that name", () => {
    const surface = [
      name("m", "Thing", "Thing", "class", "adapted"),
      name("m", "Thing.__repr__", "Thing.toString", "method", "adapted"),
    ];
    expect(rowsOf(surface, namesOf({}))).toEqual([
      "open: m.Thing: differs, and held/names.json does not say how",
      "covered: m.Thing.__repr__: Thing.toString",
    ]);
  });

  test("takes a waiver, and the state of the behaviour that holds a name", () => {
    const surface = [
      name("m", "MAX", "MAX", "constant"),
      name("m", "Thing.__del__", "Thing.(none)", "method"),
      name("m", "Thing.__new__", "Thing.(none)", "method"),
    ];
    const names = namesOf({
      "m MAX": { waived: "internal" },
      "m Thing.__del__": { heldBy: "S1" },
      "m Thing.__new__": { heldBy: "S9" },
    });
    expect(rowsOf(surface, names, [{ state: "waived", what: "S1 a title", by: "0001.md" }])).toEqual([
      "waived: m.MAX: internal",
      "waived: m.Thing.__del__: 0001.md",
      "open: m.Thing.__new__: there is no S9",
    ]);
  });

  test("finds names that do not carry over and are not explained, and data about no name", () => {
    const surface = [
      name("m", "Policy", "Policy", "class", "no"),
      name("m", "Policy.get", "Policy.get", "method", "no"),
      name("m", "fork", "fork", "function", "no"),
    ];
    const names = namesOf({ "m typo": { differs: "…" } }, [{ names: ["m Policy"], why: "gone" }]);
    expect(rowsOf(surface, names)).toEqual([
      "open: m typo: held/names.json has it, the surface has not",
      "open: m fork: does not carry over, and held/names.json does not say why (absent)",
    ]);
  });
});

describe("page()", () => {
  const surface = [
    name("m", "Thing", "Thing", "class"),
    name("m", "Thing.wait", "Thing.wait", "coroutine method"),
    name("m", "Thing.wait(x=)", "Thing.wait(x)", "coroutine method"),
    name("m", "Abstract.wait", "Abstract.wait", "coroutine method"),
    name("m", "Thing.__del__", "Thing.(none)", "method"),
    name("m", "MAX", "MAX", "constant"),
    name("m", "fork", "fork", "function", "no"),
    name("m", "Thing.send", "Thing.send", "method"),
    name("s", "Stream", "Stream", "class"),
    name("s", "Stream.read", "Stream.read", "method"),
  ];
  const names = namesOf(
    {
      "m Thing": { differs: "a | b" },
      "m Thing.__del__": { heldBy: "S1", differs: "told at close" },
      "m MAX": { waived: "internal" },
    },
    [{ names: ["m fork"], why: "no forks" }],
  );

  test("has a row for each name that is here, and lists for what is not and what is to come", () => {
    expect(page("# Head\n", surface, scope, names)).toBe(
      [
        "# Head",
        "",
        "## Names",
        "",
        "### m",
        "",
        "| Python          | here         | how it differs |",
        "| --------------- | ------------ | -------------- |",
        "| `Thing`         | `Thing`      | a \\| b         |",
        "| `Thing.wait`    | `Thing.wait` | same           |",
        "| `Thing.__del__` |              | told at close  |",
        "",
        "## Not here",
        "",
        "- `fork`: no forks.",
        "",
        "## To come",
        "",
        "- With streams: `m.Thing.send`, `s.Stream`.",
        "",
      ].join("\n"),
    );
  });

  test("refuses a module that has no place on it", () => {
    expect(() => page("", surface, scope, { ...names, modules: [] })).toThrow("where m comes on the page");
  });
});

describe("checkBehaviours()", () => {
  const behaviours = {
    S1: { part: "tasks", title: "one" },
    S2: { part: "tasks", title: "two" },
    J1: { part: "tasks", title: "three" },
    N1: { part: "streams", title: "four" },
  };
  const rowsOf = (tests: Test[], decisions: { file: string; text: string }[] = []) =>
    lines(checkBehaviours(behaviours, ["tasks"], tests, decisions));

  test("takes the tags of tests that passed, then those of decisions; later parts wait", () => {
    const decisions = [{ file: "0001.md", text: "None is seen [S1 J1]; see [0002](0002.md)." }];
    expect(rowsOf([passed("Lock.acquire() waits [S1 S2]")], decisions)).toEqual([
      "covered: S1 one: Lock.acquire() waits [S1 S2]",
      "covered: S2 two: Lock.acquire() waits [S1 S2]",
      "waived: J1 three: 0001.md",
      "later: N1 four: streams",
    ]);
  });

  test("finds what has no test, only one that did not pass, or a tag that is none", () => {
    expect(
      rowsOf([failed("fails [S1]"), passed("passes (S2) [s2] [S2, J1]"), passed("unknown [S99]")]),
    ).toEqual([
      "open: S1 one: did not pass: fails [S1]",
      "open: S2 two: no test and no decision has its tag",
      "open: J1 three: no test and no decision has its tag",
      "later: N1 four: streams",
      "open: S99: there is no such number: unknown [S99]",
    ]);
  });
});

describe("checkTests()", () => {
  const inventory = {
    "test_asyncio/test_a.py": {
      A: { portable: 1, adaptable: 1, tests: ["test_one", "test_socket"] },
      NotOurs: { portable: 0, adaptable: 0, tests: ["test_fd"] },
    },
    "test_asyncio/test_s.py": { S: { portable: 0, adaptable: 1, tests: ["test_read"] } },
  };
  const rowsOf = (mapping: Mapping, tests: Test[] = []) =>
    lines(checkTests(inventory, scope, { test_a: mapping }, tests)).slice(0, -1);

  test("takes titles, whole or only one test's, and reasons; later parts wait", () => {
    const tests = [
      passed("Lock waits", "waits"),
      passed("Queue waits", "waits"),
      passed("Lock leaves", "leaves"),
    ];
    const rows = checkTests(
      inventory,
      scope,
      { test_a: { A: { test_one: ["Lock waits", "leaves"] } } },
      tests,
    );
    expect(lines(rows)).toEqual([
      "covered: test_a A.test_one: Lock waits; leaves",
      "later: test_a A.test_socket: streams",
      "later: test_s S.test_read: streams",
    ]);
    expect(rowsOf({ A: { test_one: { reason: "no threads" }, test_socket: "leaves" } }, tests)).toEqual([
      "waived: test_a A.test_one: no threads",
      "covered: test_a A.test_socket: leaves",
    ]);
  });

  test.each<[Mapping, string]>([
    [{}, "held/cpython-tests/test_a.json has no entry"],
    [{ A: { test_one: "gone" } }, 'no test is called "gone"'],
    [{ A: { test_one: "waits" } }, 'several tests are called "waits": write the whole title'],
    [{ A: { test_one: ["Lock waits", "fails"] } }, 'did not pass: "fails"'],
    [{ A: { test_one: [] } }, "no test is named"],
    [{ A: { test_one: { reason: " " } } }, "no reason is given"],
  ])("finds what is wrong with %o", (mapping, problem) => {
    const tests = [passed("Lock waits", "waits"), passed("Queue waits", "waits"), failed("fails")];
    expect(rowsOf(mapping, tests)[0]).toBe(`open: test_a A.test_one: ${problem}`);
  });

  test("takes a title that several tests have whole, if all of them passed", () => {
    const mapping = { A: { test_one: "same" } };
    expect(rowsOf(mapping, [passed("same"), passed("same")])[0]).toBe("covered: test_a A.test_one: same");
    expect(rowsOf(mapping, [passed("same"), failed("same")])[0]).toMatch("did not pass");
  });

  test("finds entries for what the inventory has not", () => {
    const mapping = {
      A: { test_one: { reason: "r" }, test_two: { reason: "r" } },
      NotOurs: { test_fd: "x" },
    };
    expect(lines(checkTests(inventory, scope, { test_a: mapping }, [])).slice(-2)).toEqual([
      "open: test_a A.test_two: the inventory has no such test to be held",
      "open: test_a NotOurs.test_fd: the inventory has no such test to be held",
    ]);
  });
});
