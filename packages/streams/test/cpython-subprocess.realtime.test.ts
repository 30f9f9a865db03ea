// What CPython's test_subprocess says of a child whose end is not known yet, and of environments.
import { spawnSync } from "node:child_process";
import { createSubprocessExec, createSubprocessShell, PIPE, SubprocessProtocol } from "@aioloop/streams";
import { createTask, gather, sleep, waitFor } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { block, program } from "./helpers-i.ts";

/** Blocks this thread until the child has ended, and waits to be asked how. */
function blockUntilEnded(pid: number): void {
  for (let most = 200; most > 0; most--) {
    const { stdout } = spawnSync("ps", ["-o", "state=", "-p", `${pid}`], { encoding: "latin1" });
    if (/^\s*Z/.test(`${stdout}`)) return;
    block(20);
  }
}

test("SubprocessTransport.close() of a child that has ended without our knowing yet keeps its exit code [S272]", async () => {
  await program(function* (loop) {
    const ended = loop.createFuture<void>("connectionLost()");
    class Ends extends SubprocessProtocol {
      override connectionLost(): void {
        ended.setResult();
      }
    }
    const [transport] = yield* loop.subprocessShell(() => new Ends(), "exit 7");
    blockUntilEnded(transport.getPid());
    expect(transport.getReturncode()).toBeNull();
    transport.close();
    yield* waitFor(ended, 10);
    expect(transport.getReturncode()).toBe(7);
  });
});

test("SubprocessTransport.kill(), terminate() and sendSignal() of a child that has ended do nothing [S273]", async () => {
  await program(function* (loop) {
    const ended = loop.createFuture<void>("connectionLost()");
    const calls: string[] = [];
    class Ends extends SubprocessProtocol {
      override connectionMade(): void {
        calls.push("connectionMade");
      }
      override processExited(): void {
        calls.push("processExited");
      }
      override connectionLost(error: unknown): void {
        calls.push(`connectionLost(${error})`);
        ended.setResult();
      }
    }
    const nothing = { stdin: null, stdout: null, stderr: null };
    const [transport] = yield* loop.subprocessShell(() => new Ends(), "exit 6", nothing);
    yield* waitFor(ended, 10);
    expect(calls).toEqual(["connectionMade", "processExited", "connectionLost(null)"]);
    expect(transport.getReturncode()).toBe(6);
    expect(transport.isClosing()).toBe(false);
    transport.sendSignal("SIGTERM");
    transport.terminate();
    transport.kill();
    transport.close();
    yield* sleep(0.01);
    expect(transport.getReturncode()).toBe(6);
  });
});

test.each(["createSubprocessShell", "createSubprocessExec"] as const)(
  "%s({ env }) gives a variable beside our own to the child, and a wait() after its end is done at once",
  async (name) => {
    const options = {
      env: { ...(process.env as Record<string, string>), FOO: "bar" },
      stdout: PIPE,
    } as const;
    const command = 'printf %s "$FOO"';
    await program(function* () {
      const child = yield* name === "createSubprocessShell"
        ? createSubprocessShell(command, options)
        : createSubprocessExec("sh", ["-c", command], options);
      const [stdout] = yield* child.communicate();
      expect(`${stdout}`).toBe("bar");
      expect(child.returncode).toBe(0);
      const waiting = createTask(child.wait());
      yield* sleep(0);
      expect(waiting.result()).toBe(0);
      expect(yield* gather(Array.from({ length: 10 }, () => child.wait()))).toEqual(Array(10).fill(0));
    });
  },
);

test("Process.sendSignal() at about the time at which a child ends takes no exit code away [S273]", async () => {
  await program(function* () {
    for (let i = 0; i < 10; i++) {
      const child = yield* createSubprocessExec("sleep", ["0.02"]);
      yield* sleep(0.02);
      child.sendSignal("SIGUSR1");
      expect([0, -10, -30]).toContain(yield* waitFor(child.wait(), 10));
    }
  });
});

test("createSubprocessShell(`cat | …`) gives a child a stdin that it can open by name", async () => {
  await program(function* () {
    const child = yield* createSubprocessShell("cat | cat /dev/stdin", { stdin: PIPE, stdout: PIPE });
    expect(`${(yield* child.communicate(Buffer.from("abc")))[0]}`).toBe("abc");
  });
});
