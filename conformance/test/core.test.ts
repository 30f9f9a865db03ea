// Same program, same trace as CPython: the random programs of tasks, futures, timers and the functions that wait for
// them; and proof that the comparison would find it if a trace were another.
import type { Instrument } from "aioloop";
import { describe, expect, test } from "vitest";
import { checkLine } from "../src/check.ts";
import { firstDifference, readCorpus } from "../src/corpus.ts";
import { CountingInstrument } from "../src/counting-instrument.ts";
import type { Block, Entry, Program, Trace } from "../src/program.ts";
import type { ProgramRunOptions } from "../src/run.ts";
import { runProgram } from "../src/run.ts";

const corpus = readCorpus(new URL("../corpora/corpus-core.jsonl", import.meta.url));

/** What is wrong, for each program whose trace is not CPython's. */
function reports(options?: ProgramRunOptions): string[] {
  return corpus.map((line) => checkLine(line, options).report).filter((report) => report !== null);
}

describe("corpus-core", () => {
  test("holds 500 programs", () => {
    expect(corpus).toHaveLength(500);
  });

  test("gives CPython's traces", () => {
    expect(reports()).toEqual([]);
  });

  test("gives the same traces with an instrument, all of whose hooks are called", () => {
    const instrument = new CountingInstrument();
    expect(reports({ instrument })).toEqual([]);
    // A primitive is no part of this corpus.
    const { access: _, ...calls } = instrument.calls;
    for (const [hook, count] of Object.entries(calls)) expect(count, hook).toBeGreaterThan(0);
  });

  test("gives the same traces with the programs' coroutines as plain generators", () => {
    expect(reports({ plain: true })).toEqual([]);
  });
});

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
    [
      "task where a coroutine is given",
      [["cancel", ["coro", "main"], null]],
      'program example: a task or future was expected, got ["coro","main"]',
    ],
  ])("refuses an unknown %s, also where the program would catch it", (_, block, message) => {
    expect(() => runProgram(programOf(block))).toThrow(message);
    expect(() => runProgram(programOf([["try", block, { error: [] }, []]]))).toThrow(message);
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

function programOf(main: Block, { resources = {}, coroutines = {} }: Partial<Program> = {}): Program {
  return { name: "example", resources, coroutines: { ...coroutines, main } };
}
