// Fear: a program with pools never ends, ends too early, keeps what its workers print to itself, or leaves processes behind. Each runs
// in a process of its own, as a user's would; that `start` gives its end says that nobody holds its stdout any more.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { start } from "../../../test/programs/child.ts";

const program = new URL("./programs/pools.ts", import.meta.url).href;

/** Whether there is such a process, and not only what its parent has still to hear of it. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function untilGone(pids: number[]): Promise<void> {
  for (const end = performance.now() + 10_000; performance.now() < end; ) {
    if (!pids.some(isAlive)) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const pidsIn = (text: string) => text.trim().split(" ").map(Number);

describe.each(["threads", "processes"])("a program with a pool of %s that it does not shut down", (kind) => {
  const run = (name: string) => start(program, [`${name} ${kind}`]);

  test("ends if the pool was never used", async () => {
    expect(await run("unused")).toEqual({ code: 0, signal: null, stdout: "main ends\n", stderr: "" });
  });

  test("ends if the pool is idle, though its workers are there [J20]", async () => {
    expect(await run("idle")).toEqual({ code: 0, signal: null, stdout: "42\nmain ends\n", stderr: "" });
  });

  test("ends if it is a plain synchronous script that blocked for its calls [J20]", async () => {
    expect(await run("idleAfterBlocking")).toEqual({
      code: 0,
      signal: null,
      stdout: "2 4 6 42\nmain ends\n",
      stderr: "",
    });
  });

  test("does not end before its calls have, whose output and results come [J20]", async () => {
    const { code, stdout } = await run("busy");
    expect(stdout).toBe("main ends\nfrom the worker\nresult: from the worker\n");
    expect(code).toBe(0);
  });

  test("does not end while a worker that was idle before is busy [J20]", async () => {
    const { code, stdout } = await run("busyAgain");
    expect(stdout).toBe("main ends\nfrom the worker\n");
    expect(code).toBe(0);
  });

  test("ends when the calls that were not cancelled have been made", async () => {
    const { code, stdout } = await run("cancelled");
    expect(stdout).toBe(`main ends\n${"made\n".repeat(4)}`);
    expect(code).toBe(0);
  });

  test("shows what workers print, all of it and in order, before what comes after their call", async () => {
    const { stdout, stderr } = await run("prints");
    expect(stdout).toBe(`${Array.from({ length: 200 }, (_, i) => `line ${i}\n`).join("")}main ends\n`);
    expect(stderr).toBe("error 0\nerror 50\nerror 100\nerror 150\n");
  });

  test.each(["speaksWhileBlocked", "speaksInABlockingLoop"])(
    "shows what workers print while its thread blocks, at once and on both streams (%s)",
    async (name) => {
      const folder = mkdtempSync(join(tmpdir(), "aioloop-"));
      onTestFinished(() => rmSync(folder, { recursive: true }));
      const open = (gate: string) => writeFileSync(join(folder, gate), "");
      const { code, stdout, stderr } = await start(program, [`${name} ${kind}`, folder], (said, child) => {
        if (said === "ready\n") {
          child.stderr.once("data", () => open("stderr"));
          open("ready");
        } else if (said === "ready\nto stdout\n") open("stdout");
      });
      expect([code, stdout, stderr]).toEqual([0, "ready\nto stdout\nheard\n", "to stderr\n"]);
    },
  );

  test("ends by process.exit() in the middle of calls, with its code, and leaves no process behind", async () => {
    const { code, stdout } = await run("exits");
    expect(code).toBe(3);
    if (kind === "threads") return;
    const pids = pidsIn(stdout);
    expect(pids).toHaveLength(2);
    await untilGone(pids);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test("that throws ends with that error", async () => {
    const { code, stderr } = await run("throws");
    expect(code).toBe(1);
    expect(stderr).toContain("Error: main fails");
  });
});

test("a program that is killed leaves no process of its pool behind", async () => {
  const { signal, stdout } = await start(program, ["isKilled processes"], (said, child) => {
    if (/\n\d+ \d+\n$/.test(said)) child.kill("SIGKILL");
  });
  expect(signal).toBe("SIGKILL");
  const pids = pidsIn(stdout.split("\n").at(-2) ?? "");
  expect(pids).toHaveLength(2);
  await untilGone(pids);
  expect(pids.filter(isAlive)).toEqual([]);
});

test.each(["run", "runBlocking", "loopNotClosed"])(
  "a program ends that used a loop's default pool (%s) [J20]",
  async (name) => {
    expect(await start(program, [name])).toEqual({ code: 0, signal: null, stdout: "42\n", stderr: "" });
  },
);
