// Tokens in fresh processes: 30 of them here, 1,000 under AIOLOOP_SOAK=1, some of those in a process each.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { findFailures } from "./random-programs.ts";

const isSoak = process.env.AIOLOOP_SOAK === "1";
const [COUNT, ALONE, BATCH] = isSoak ? [1000, 20, 100] : [30, 2, 28];
const file = fileURLToPath(new URL("fixtures/replay-tokens.ts", import.meta.url));

function inAProcess(input: unknown, { args = [], token }: { args?: string[]; token?: string } = {}): unknown {
  const command = ["--conditions=@aioloop/source", "--import", import.meta.resolve("tsx"), file, ...args];
  const env = { ...process.env, ...(token !== undefined && { AIOLOOP_REPLAY: token }) };
  return JSON.parse(
    execFileSync(process.execPath, command, { input: JSON.stringify(input), env, encoding: "utf8" }),
  );
}

const found = findFailures(COUNT);

test(`replay() of ${COUNT} tokens of random programs in fresh processes: all fail in the same way`, () => {
  const fidelities = new Set(found.map(({ token }) => token.split(".")[1]));
  expect([...fidelities].sort()).toEqual(isSoak ? ["a", "e", "t"] : ["e", "t"]);
  expect(found.filter(({ token }) => token.split(".")[3] === "")).toEqual([]);
  const groups = found.slice(0, ALONE).map((one) => [one]);
  for (let i = ALONE; i < COUNT; i += BATCH) groups.push(found.slice(i, i + BATCH));
  for (const group of groups) {
    expect(inAProcess(group)).toEqual(group.map(({ outcome }) => outcome));
  }
});

test("explore() with a token in AIOLOOP_REPLAY runs that schedule alone, in a fresh process", () => {
  const { seed, token, outcome } = found.find((one) => one.token.length > 12) as (typeof found)[number];
  expect(inAProcess([], { args: [String(seed)], token })).toEqual({ runs: 1, token, outcome });
});
