import { describe, expect, test } from "vitest";
import { batches, checkKind, parseDrawing } from "../src/draw-arguments.ts";
import type { Program } from "../src/program.ts";
import { shrink } from "../src/shrink.ts";

describe("shrink()", () => {
  const large: Program = {
    name: "large",
    eager: true,
    resources: { locks: 1 },
    runs: [["main", "again"], ["again"]],
    coroutines: {
      main: [
        ["sleep", 1],
        [
          "lock",
          0,
          [
            [
              "timeout",
              2,
              [
                ["log", "wanted"],
                ["sleep", 2],
              ],
            ],
          ],
        ],
        [
          "try",
          [["sleep", 3]],
          {
            error: [
              [
                "gather",
                [
                  ["coro", "c1"],
                  ["coro", "c2"],
                ],
                false,
              ],
            ],
          },
          [["sleep", 4]],
        ],
      ],
      again: [["sleep", 5]],
      c1: [],
      c2: [],
    },
  };
  const has = (text: string) => (program: Program) => JSON.stringify(program.coroutines).includes(text);

  test("leaves the statement that matters, out of the blocks around it", () => {
    expect(shrink(large, has("wanted"))).toEqual({
      name: "large",
      eager: false,
      resources: { locks: 1 },
      runs: [["again"]],
      coroutines: { main: [["log", "wanted"]] },
    });
  });

  test("keeps a block that matters and empties it", () => {
    expect(shrink(large, has('"lock"')).coroutines).toEqual({ main: [["lock", 0, []]] });
  });

  test("looks into handlers, and takes awaitables away down to one", () => {
    expect(shrink(large, has("gather")).coroutines).toEqual({ main: [["gather", [["coro", "c2"]], false]] });
  });

  test("gives the program itself where nothing can be spared", () => {
    const small: Program = { name: "small", coroutines: { main: [["log", "x"]] } };
    expect(shrink(small, has('"x"'))).toBe(small);
  });
});

describe("parseDrawing()", () => {
  test("takes KIND, SEED and COUNT", () => {
    expect(parseDrawing(["core", "0", "20"])).toEqual({ kind: "core", seed: 0, count: 20 });
  });

  test.each([
    [[], "KIND, SEED and COUNT are required"],
    [["core", "1"], "KIND, SEED and COUNT are required"],
    [["core", "1", "2", "3"], "KIND, SEED and COUNT are required"],
    [["core", "-1", "1"], "SEED must be a whole number, 0 or more, got -1"],
    [["core", "x", "1"], "SEED must be a whole number, 0 or more, got x"],
    [["core", "1", "0"], "COUNT must be a whole number, 1 or more, got 0"],
    [["core", "1", "1.5"], "COUNT must be a whole number, 1 or more, got 1.5"],
    [["core", "1", ""], "COUNT must be a whole number, 1 or more, got "],
  ])("refuses %j", (given, message) => {
    expect(() => parseDrawing(given)).toThrow(message);
  });

  test("checkKind() says which kinds there are", () => {
    expect(() => checkKind("odd", ["core", "general"])).toThrow(
      "unknown KIND odd: write one of core, general",
    );
  });

  test("batches() are of a hundred, the last of what is left", () => {
    expect([...batches({ kind: "core", seed: 7, count: 250 })]).toEqual([
      { seed: 7, count: 100 },
      { seed: 107, count: 100 },
      { seed: 207, count: 50 },
    ]);
  });
});
