// Fear: a program ends in silence, or not at all. Each runs in a process of its own, as a user's would.
import { describe, expect, test } from "vitest";
import { start } from "./programs/child.ts";

describe("a program whose tasks wait for what nobody will do", () => {
  test("fails with a DeadlockError that says who waits for what, after its clean-up", async () => {
    const { code, stdout, stderr } = await start("waits-for-ever.ts");
    expect(stdout).toBe("cleaned up\n");
    expect(stderr).toContain(
      "DeadlockError: nothing is ready, nothing is scheduled and nothing can wake the loop",
    );
    expect(stderr).toMatch(/Task-1 waits for task consumer \(in main\)/);
    expect(stderr).toMatch(/consumer waits for <Queue maxsize=0 qsize=0 getters=1> \(in consumer > get\)/);
    expect(stderr).toMatch(/asker waits for an answer/);
    expect(code).toBe(1);
  });
});

describe("Ctrl-C", () => {
  test("cancels the main task, runs its clean-up, and run() rejects with KeyboardInterrupt [S178 S179 S180]", async () => {
    const { code, stdout } = await start("counts-interrupts.ts", ["clean"], (said, child) => {
      if (said === "ready\n") child.kill("SIGINT");
    });
    expect(stdout).toBe("ready\ncancelled\ncleaned up\nKeyboardInterrupt 0\n");
    expect(code).toBe(130);
  });

  test("twice ends the process as if nobody listened [S179 J28]", async () => {
    const { code, signal, stdout } = await start("counts-interrupts.ts", ["stubborn"], (said, child) => {
      if (said === "ready\n" || said.endsWith("cancelled\n")) child.kill("SIGINT");
    });
    expect(stdout).toBe("ready\ncancelled\n");
    expect(signal).toBe("SIGINT");
    expect(code).toBeNull();
  });
});
