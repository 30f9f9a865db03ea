// The examples of executors/, started as a user starts them: threads and processes know no virtual time. After a change that is
// meant, write what the example prints to recorded/executors/.
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { crc32, inflateSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "aioloop-examples-"));
const picture = join(folder, "picture.png");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const namesIn = (place: string, ending: string) =>
  readdirSync(new URL(place, import.meta.url))
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice(0, -ending.length))
    .sort();
const recorded = (name: string) =>
  readFileSync(new URL(`../recorded/executors/${name}.txt`, import.meta.url), "utf8");

/** What it writes; fails unless it ends with exit code 0. */
function start(name: string, ...args: string[]) {
  const command = ["scripts/run.mjs", `examples/executors/${name}.ts`, ...args];
  return promisify(execFile)(process.execPath, command, { cwd: root, timeout: 120_000 });
}

/** The seconds that it says it took, and the text without them. */
function apart(text: string) {
  const seconds = Number(/about (\d+) s/.exec(text)?.[1]);
  return { seconds, text: text.replace(/about \d+ s/, "about N s") };
}

/** These sleep, most of the time, so they do it together. */
const sleepers = new Map<string, ReturnType<typeof start>>();
beforeAll(() => {
  for (const name of ["load-urls", "blocking-sleeps", "process-results", "process-wait"]) {
    const output = start(name);
    output.catch(() => {}); // its own test reports it
    sleepers.set(name, output);
  }
});

test("load-urls loads four pages in less time than one after the other; they come as they are ready, and one fails", async () => {
  const { stdout, stderr } = await sleepers.get("load-urls")!;
  // When a name turns out not to resolve is the business of the network.
  const failure = /^http:\/\/nobody\.invalid\/: .*\n/m;
  const [printed, expected] = [apart(stdout), apart(recorded("load-urls"))];
  expect(printed.text.replace(failure, "")).toBe(expected.text.replace(failure, ""));
  expect(failure.exec(stdout)?.[0]).toBe(failure.exec(recorded("load-urls"))?.[0]);
  expect(printed.seconds).toBeLessThan(7);
  expect(stderr).toBe("");
});

test("blocking-sleeps sleeps five times 2 s in less than 6 s, while its loop goes on", async () => {
  const { stdout, stderr } = await sleepers.get("blocking-sleeps")!;
  const printed = apart(stdout);
  expect(printed.text).toBe(apart(recorded("blocking-sleeps")).text);
  expect(printed.seconds).toBeLessThan(6);
  expect(stderr).toBe("");
});

test("process-results asks for results at once, for half a second and to the end, and prints its recorded output", async () => {
  expect(await sleepers.get("process-results")!).toEqual({ stdout: recorded("process-results"), stderr: "" });
});

test("process-wait parts the finished from the pending, and prints its recorded output", async () => {
  expect(await sleepers.get("process-wait")!).toEqual({ stdout: recorded("process-wait"), stderr: "" });
});

test("worker-module moves a buffer, gets its own error back, ends a job in two ways, and prints its recorded output", async () => {
  expect(await start("worker-module")).toEqual({ stdout: recorded("worker-module"), stderr: "" });
});

test("mandelbrot draws the recorded picture, shows its progress, and writes a PNG", async () => {
  const { stdout, stderr } = await start("mandelbrot", picture);
  expect(stdout).toBe(recorded("mandelbrot"));
  expect(stderr.match(/\d+(?= %)/g)).toEqual(["10", "20", "30", "40", "50", "60", "70", "80", "90", "100"]);
  const { width, height, pixels } = decoded(readFileSync(picture));
  const checksum = crc32(pixels).toString(16).padStart(8, "0");
  expect(stdout).toBe(`${width} × ${height} pixels, checksum ${checksum}\n`);
});

/** A PNG as lib/png.ts writes it: three chunks, no filters. */
function decoded(file: Buffer) {
  expect(file.subarray(0, 8)).toEqual(Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]));
  const chunks: [name: string, data: Buffer][] = [];
  for (let at = 8; at < file.length; ) {
    const length = file.readUInt32BE(at);
    const end = at + 8 + length;
    expect(file.readUInt32BE(end)).toBe(crc32(file.subarray(at + 4, end)));
    chunks.push([file.toString("latin1", at + 4, at + 8), file.subarray(at + 8, end)]);
    at = end + 4;
  }
  expect(chunks.map(([name]) => name)).toEqual(["IHDR", "IDAT", "IEND"]);
  const [header, data] = chunks.map(([, part]) => part) as [Buffer, Buffer];
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const rows = inflateSync(data);
  const step = 1 + width * 3;
  expect(rows.length).toBe(height * step);
  const lines = Array.from({ length: height }, (_, y) => rows.subarray(y * step, (y + 1) * step));
  for (const line of lines) expect(line[0]).toBe(0);
  return { width, height, pixels: Buffer.concat(lines.map((line) => line.subarray(1))) };
}

test("recorded/executors/ holds one output for each example, and README.md its command", () => {
  const names = namesIn("../executors/", ".ts");
  expect(namesIn("../recorded/executors/", ".txt")).toEqual(names);
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const commands = readme.matchAll(/node scripts\/run\.mjs examples\/executors\/(\S+)\.ts/g);
  expect([...commands].map((match) => match[1]).sort()).toEqual(names);
});
