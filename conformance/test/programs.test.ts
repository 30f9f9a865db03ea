// How traces are compared, and proof that the comparison would find it if one were another; how a program is run.
import type { Instrument } from "aioloop";
import { describe, expect, test } from "vitest";
import { checkLine } from "../src/check.ts";
import { firstDifference } from "../src/corpus.ts";
import type { Block, Entry, Program, Trace } from "../src/program.ts";
import { runProgram } from "../src/run.ts";

describe("firstDifference()", () => {
  const trace: Trace = [
    [0, "main#1", "start"],
    [0.5, "main#1", "gather", "raised", ["CancelledError"]],
    [0.5, "run", "closed"],
  ];

  test("finds none between equal traces", () => {
    expect(firstDifference(trace, JSON.parse(JSON.stringify(trace)) as Trace)).toBeNull();
  });

  test.each<[what: string, entry: Entry]>([
    ["another time", [0.25, "main#1", "gather", "raised", ["CancelledError"]]],
    ["another coroutine", [0.5, "main#2", "gather", "raised", ["CancelledError"]]],
    ["another value", [0.5, "main#1", "gather", "ok", ["CancelledError"]]],
    ["more inside a value", [0.5, "main#1", "gather", "raised", ["CancelledError", ""]]],
    ["less inside a value", [0.5, "main#1", "gather", "raised", []]],
    ["text for a list", [0.5, "main#1", "gather", "raised", "CancelledError"]],
    ["a value too few", [0.5, "main#1", "gather", "raised"]],
    ["a value too many", [0.5, "main#1", "gather", "raised", ["CancelledError"], null]],
  ])("finds a wrong entry: %s", (_, actual) => {
    expect(firstDifference(trace, trace.with(1, actual))).toEqual({ index: 1, expected: trace[1], actual });
  });

  test("finds a missing entry, in the middle and at the end", () => {
    expect(firstDifference(trace, trace.toSpliced(1, 1))).toEqual({
      index: 1,
      expected: trace[1],
      actual: trace[2],
    });
    expect(firstDifference(trace, trace.slice(0, 2))).toEqual({
      index: 2,
      expected: trace[2],
      actual: undefined,
    });
  });

  test("finds an extra entry, in the middle and at the end", () => {
    const extra: Entry = [0.5, "callback", "s1"];
    expect(firstDifference(trace, trace.toSpliced(2, 0, extra))).toEqual({
      index: 2,
      expected: trace[2],
      actual: extra,
    });
    expect(firstDifference(trace, [...trace, extra])).toEqual({
      index: 3,
      expected: undefined,
      actual: extra,
    });
  });

  test("compares nothing after a deadlock, and the deadlock itself", () => {
    const deadlocked: Trace = [...trace.slice(0, 1), [0, "run", "deadlock"]];
    expect(firstDifference(deadlocked, [...deadlocked, [1, "callback", "s1"]])).toBeNull();
    expect(firstDifference(deadlocked, trace)).toEqual({
      index: 1,
      expected: deadlocked[1],
      actual: trace[1],
    });
  });
});

describe("checkLine()", () => {
  test("shows the first entry that differs with the four before it", () => {
    const program = programOf([["log", "a"]]);
    const trace = runProgram(program);
    expect(checkLine({ program, trace: trace.with(4, [1, "run", "closed"]) }).report).toBe(
      `program example: entry 4 differs
           [0,"main#1","start"]
           [0,"main#1","log","a"]
           [0,"main#1","return",null]
           [0,"run","ok",null]
  expected [1,"run","closed"]
  got      [0,"run","closed"]`,
    );
  });
});

describe("runProgram()", () => {
  test("ends the trace at a deadlock", () => {
    const program = programOf([["try", [["await", ["future", 0]]], { cancelled: [["log", "late"]] }, []]], {
      resources: { futures: 1 },
    });
    expect(runProgram(program)).toEqual([
      [0, "main#1", "start"],
      [0, "run", "deadlock"],
    ]);
  });

  test("ends the trace at a deadlock of the shutdown", () => {
    const stubborn: Block = [
      ["try", [["await", ["future", 0]]], { cancelled: [["await", ["future", 1]]] }, []],
    ];
    const program = programOf(
      [
        ["spawn", "t", "stubborn"],
        ["sleep", 0],
      ],
      {
        resources: { futures: 2 },
        coroutines: { stubborn },
      },
    );
    expect(runProgram(program).slice(-4)).toEqual([
      [0, "run", "ok", null],
      [0, "stubborn#1", "await", "raised", ["CancelledError"]],
      [0, "stubborn#1", "caught", ["CancelledError"]],
      [0, "run", "deadlock"],
    ]);
  });

  test.each<[what: string, block: Block, message: string]>([
    ["statement", [["frobnicate", 1]], 'program example: unknown statement "frobnicate"'],
    ["statement with an object's name", [["toString"]], 'program example: unknown statement "toString"'],
    ["coroutine", [["await", ["coro", "c9"]]], 'program example: no coroutine "c9"'],
    ["future", [["future_set", 1, 0]], "program example: no future 1, it declares 0"],
    ["lock", [["lock", 0, []]], "program example: no lock 0, it declares 0"],
    [
      "task where a coroutine is given",
      [["cancel", ["coro", "main"], null]],
      'program example: a task or future was expected, got ["coro","main"]',
    ],
  ])("refuses an unknown %s, also where the program would catch it", (_, block, message) => {
    expect(() => runProgram(programOf(block))).toThrow(message);
    expect(() => runProgram(programOf([["try", block, { error: [] }, []]]))).toThrow(message);
  });

  test("runs the coroutines of `runs` one after the other, each list of them by a Runner of its own", () => {
    const program = programOf([["sleep", 1]], {
      coroutines: { again: [["sleep", 1]], other: [["sleep", 1]] },
      runs: [["main", "again"], ["other"]],
    });
    expect(runProgram(program).filter(([, who, what]) => who === "run" || what === "start")).toEqual([
      [0, "main#1", "start"],
      [1, "run", "ok", null],
      [1, "again#1", "start"],
      [2, "run", "ok", null],
      [2, "run", "closed"],
      [0, "other#1", "start"],
      [1, "run", "ok", null],
      [1, "run", "closed"],
    ]);
  });

  test("runs no further coroutine after a deadlock", () => {
    const program = programOf([["await", ["future", 0]]], {
      resources: { futures: 1 },
      runs: [["main", "main"], ["main"]],
    });
    expect(runProgram(program)).toEqual([
      [0, "main#1", "start"],
      [0, "run", "deadlock"],
    ]);
  });

  test("writes down what comes out of a Runner's close()", () => {
    const program = programOf(
      [
        ["spawn", "t", "exits"],
        ["sleep", 0],
      ],
      {
        coroutines: { exits: [["try", [["sleep", 1]], {}, [["raise", "SystemExit", "x"]]]] },
      },
    );
    expect(runProgram(program).slice(-2)).toEqual([
      [0, "run", "close", "raised", ["SystemExit", "x"]],
      [0, "run", "closed"],
    ]);
  });

  test("refuses a callback that waits", () => {
    const program = programOf([
      ["callback", "s", ["soon"], [["sleep", 1]]],
      ["sleep", 0],
    ]);
    expect(() => runProgram(program)).toThrow("program example: a callback waits");
  });

  test("has an instrument watch from the first task to the last", () => {
    const names: string[] = [];
    const instrument: Instrument = {
      taskCreated: (task) => names.push(`${task.getName()} created`),
      taskDone: (task) => names.push(`${task.getName()} done`),
    };
    runProgram(programOf([["spawn", "t", "c"]], { coroutines: { c: [["sleep", 1]] } }), { instrument });
    expect(names.filter((name) => name.startsWith("t "))).toEqual(["t created", "t done"]);
    expect(names).toHaveLength(8); // main, t and the two of the shutdown
  });
});

function programOf(main: Block, { coroutines = {}, ...others }: Partial<Program> = {}): Program {
  return { name: "example", ...others, coroutines: { ...coroutines, main } };
}
