// The bug zoo: each planted bug is found by the default portfolio at the lowest fidelity that shows it, and shrunk; each mended variant
// stands the same exploration.
import { logger } from "@aioloop/loop";
import type { Exploration, Guarantee } from "@aioloop/testing";
import { explore, replay } from "@aioloop/testing";
import { afterAll, describe, expect, test, vi } from "vitest";
import { FIDELITIES } from "../src/choices.ts";
import type { Animal } from "./zoo/animal.ts";
import { zoo } from "./zoo/index.ts";

/** What is promised is 2 seconds; a busy machine is given more. */
const SECONDS = 10;

/** What was seen of each, in the order of the header. */
const HEADER = ["animal", "fidelity", "deviations", "runs", "ms", "token", "mended"];
const found = new Map<Animal, (string | number)[]>();

const messageOf = ({ failure }: Exploration): string =>
  failure?.error instanceof Error ? failure.error.message : "";
const shown = (guarantee: Guarantee): string =>
  guarantee.kind === "delay-bounded" ? `${guarantee.kind} ${guarantee.delays}` : guarantee.kind;

test("the zoo has at least 18 animals, and no two of one name", () => {
  expect(zoo.length).toBeGreaterThanOrEqual(18);
  expect(new Set(zoo.map(({ name }) => name)).size).toBe(zoo.length);
});

describe.each(zoo.map((animal) => [animal.name, animal] as const))("%s", (_name, animal) => {
  const { fidelity, limits } = animal;
  const lower = FIDELITIES.slice(0, FIDELITIES.indexOf(fidelity));

  test("the default portfolio finds it at the lowest fidelity that shows it, and shrinks it", () => {
    const warning = vi.spyOn(logger, "warning").mockImplementation(() => {}); // a swallowed cancellation is reported, too
    const start = performance.now();
    const result = explore(animal.broken, { fidelity, ...limits });
    const milliseconds = performance.now() - start;
    warning.mockRestore();
    expect(result.failure).not.toBeNull();
    const { schedule, token } = result.failure as NonNullable<Exploration["failure"]>;
    expect(messageOf(result)).toMatch(animal.says);
    expect(schedule.fidelity).toBe(fidelity);
    expect(schedule.deviations.length).toBeGreaterThanOrEqual(1); // it works in the order that any loop has
    expect(schedule.deviations.length).toBeLessThanOrEqual(5);
    expect(token.length).toBeLessThanOrEqual(80);
    expect(milliseconds).toBeLessThan(SECONDS * 1000);
    expect(() => replay(animal.broken, token, limits)).toThrow(messageOf(result));
    const { length } = schedule.deviations;
    found.set(animal, [animal.name, fidelity, length, result.runs, milliseconds.toFixed(0), token]);
  });

  test("its mended variant fails at no schedule of the same exploration, and that says how far it went", () => {
    const { failure, guarantee, runs } = explore(animal.fixed, { fidelity, ...limits });
    expect(failure).toBeNull();
    expect(guarantee.kind).not.toBe("sampled");
    found.get(animal)?.push(`${shown(guarantee)} (${runs} runs)`);
  });

  if (lower.length === 0) return;
  test(`no schedule of lower fidelity shows it (${lower.join(", ")})`, () => {
    for (const one of lower) {
      expect(explore(animal.broken, { fidelity: one, ...limits })).toMatchObject({
        failure: null,
        guarantee: { kind: "exhaustive" },
      });
    }
  });
});

test("what is found at the highest fidelity is given at the lowest that shows it", () => {
  const warning = vi.spyOn(logger, "warning").mockImplementation(() => {});
  const results = zoo.map(({ broken, limits }) => explore(broken, { fidelity: "adversarial", ...limits }));
  warning.mockRestore();
  expect(results.map(({ failure }) => failure?.schedule.fidelity)).toEqual(
    zoo.map(({ fidelity }) => fidelity),
  );
});

test("the median animal is shrunk to 3 deviations or fewer", () => {
  const sorted = [...found.values()].map(([, , deviations]) => Number(deviations)).sort((a, b) => a - b);
  expect(sorted).toHaveLength(zoo.length);
  expect(sorted[Math.ceil(sorted.length / 2)]).toBeLessThanOrEqual(3);
});

afterAll(() => {
  const lines = [HEADER, ...found.values()];
  const widths = HEADER.map((_, i) => Math.max(...lines.map((line) => String(line[i]).length)));
  const shownLine = (line: readonly (string | number)[]) =>
    line.map((cell, i) => String(cell).padEnd(widths[i] ?? 0)).join("  ");
  console.log(lines.map((line) => shownLine(line).trimEnd()).join("\n"));
});
