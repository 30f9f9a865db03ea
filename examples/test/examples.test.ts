// Each example but the tour, in virtual time: it prints what stands in recorded/. After a change that is meant:
//   npx vitest run examples/test/examples.test.ts --update
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeEach, expect, test, vi } from "vitest";
import type * as Block from "../lib/block.ts";

vi.mock("aioloop", async (original) => ({
  ...(await original<object>()),
  ...(await import("./virtual-time.ts")),
}));

// It blocks in earnest, so that debug mode sees it.
vi.mock("../lib/block.ts", async (original) => {
  const { block } = await original<typeof Block>();
  const { passTime } = await import("./virtual-time.ts");
  return {
    block(seconds: number) {
      block(seconds);
      passTime(seconds);
    },
  };
});

const lines: string[] = [];
const warnings: string[] = [];
beforeEach(() => {
  lines.length = 0;
  warnings.length = 0;
  vi.spyOn(console, "log").mockImplementation((line) => void lines.push(`${line}\n`));
  vi.spyOn(console, "warn").mockImplementation((line) => void warnings.push(line));
});

const namesIn = (folder: string) =>
  readdirSync(new URL(`../${folder}`, import.meta.url))
    .filter((file) => file.endsWith(".ts"))
    .map((file) => folder + file.slice(0, -".ts".length));
const names = ["", "by-hand/", "testing/"].flatMap(namesIn);
// Threads, processes and sockets know no virtual time: executors.realtime.test.ts and streams.realtime.test.ts run these.
const all = [...names, ...["executors/", "streams/"].flatMap(namesIn)];
const isTour = (name: string) => name === "tour";

test.each(names.filter((name) => !isTour(name)))("%s prints its recorded output", async (name) => {
  const started = performance.now();
  await import(fileURLToPath(new URL(`../${name}.ts`, import.meta.url)));
  await expect(lines.join("")).toMatchFileSnapshot(`../recorded/${name}.txt`);
  expect(performance.now() - started).toBeLessThan(2000);

  const slow = warnings.filter((line) => /^Executing .*mySleep.* took 0\.2\d\d seconds$/.test(line));
  expect(slow).toHaveLength(name === "by-hand/my-sleep" ? 3 : 0);
  expect(warnings).toEqual(slow);
});

test("recorded/ holds one output for each example", () => {
  const recorded = readdirSync(new URL("../recorded", import.meta.url), { recursive: true })
    .map((file) => String(file).replaceAll("\\", "/"))
    .filter((file) => file.endsWith(".txt"));
  expect(recorded.sort()).toEqual(all.map((name) => `${name}.txt`).sort());
});

test("README.md names each example with its command", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const commands = [...readme.matchAll(/node scripts\/run\.mjs examples\/(\S+)\.ts/g)].map(
    (match) => match[1],
  );
  expect(new Set(commands)).toEqual(new Set(all));
});
