// Children: where programs are found, the signal that is none, waiting that is cancelled. CPython: `os.get_exec_path`, `test_subprocess`.
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Coroutine } from "@aioloop/loop";
import { CancelledError } from "@aioloop/loop";
import type { ProcessOptions } from "@aioloop/streams";
import { createSubprocessExec, PIPE, STDOUT } from "@aioloop/streams";
import { createTask, sleep, waitFor } from "@aioloop/tasks";
import { afterEach, beforeEach, expect, test } from "vitest";
import { errorOf } from "./helpers-g.ts";
import { folder, program } from "./helpers-i.ts";

const PATH = process.env["PATH"] ?? "";
let home = "";

/** A program that is on this process's PATH only. */
beforeEach(() => {
  home = folder();
  mkdirSync(join(home, "bin"));
  const path = join(home, "bin", "aioloop-here");
  writeFileSync(path, "#!/bin/sh\necho here\n");
  chmodSync(path, 0o755);
  process.env["PATH"] = `${join(home, "bin")}${delimiter}${PATH}`;
});

afterEach(() => {
  process.env["PATH"] = PATH;
});

function* output(name: string, options: ProcessOptions): Coroutine<string> {
  const child = yield* createSubprocessExec(name, [], { stdout: PIPE, ...options });
  const [stdout] = yield* child.communicate();
  return `${stdout}`;
}

/** The shell that joins stderr to stdout is to find programs as Node does. */
test.each([{}, { stderr: STDOUT }] as const)(
  "createSubprocessExec() finds a program by the PATH of env, and without one in /bin and /usr/bin (%j)",
  async (more) => {
    await program(function* () {
      const find = (name: string, options: ProcessOptions) => output(name, { ...options, ...more });
      const code = function* (name: string, options: ProcessOptions) {
        return (yield* errorOf(find(name, options))).code;
      };
      expect(yield* find("aioloop-here", {})).toBe("here\n");
      for (const env of [{}, { OTHER: "1" }, { PATH: "/nowhere" }]) {
        expect(yield* code("aioloop-here", { env })).toBe("ENOENT");
      }
      expect(yield* find("echo", { env: {} })).toBe("\n");
      expect(yield* code("echo", { env: { PATH: "" } })).toBe("ENOENT");
      // Folders of PATH are seen from where the child will be; an empty one is that itself.
      expect(yield* find("aioloop-here", { env: { PATH: "bin" }, cwd: home })).toBe("here\n");
      expect(yield* find("aioloop-here", { env: { PATH: "" }, cwd: join(home, "bin") })).toBe("here\n");
      expect(yield* find("./aioloop-here", { env: {}, cwd: join(home, "bin") })).toBe("here\n");
    });
  },
);

test("Process.sendSignal(0) sends nothing, and throws ESRCH once the child has ended [S273]", async () => {
  await program(function* () {
    const child = yield* createSubprocessExec("sleep", ["100"]);
    child.sendSignal(0);
    yield* sleep(0.01);
    expect(child.returncode).toBe(null);
    child.kill();
    yield* child.wait();
    let code: unknown;
    try {
      child.sendSignal(0);
    } catch (error) {
      code = (error as NodeJS.ErrnoException).code;
    }
    expect(code).toBe("ESRCH");
    child.sendSignal("SIGTERM"); // a signal is for nobody then
  });
});

test("Process.wait() cancelled many times still gives the returncode to all that wait on", async () => {
  await program(function* () {
    const child = yield* createSubprocessExec("cat", [], { stdin: PIPE });
    const first = createTask(child.wait());
    for (let i = 0; i < 100; i++) {
      const waiting = createTask(child.wait());
      yield* sleep(0);
      waiting.cancel();
      expect(yield* errorOf(waiting)).toBeInstanceOf(CancelledError);
    }
    const last = createTask(child.wait());
    yield* sleep(0);
    child.stdin?.close();
    expect([yield* waitFor(first, 10), yield* waitFor(last, 10), yield* child.wait()]).toEqual([0, 0, 0]);
  });
});
