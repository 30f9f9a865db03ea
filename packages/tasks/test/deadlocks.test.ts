import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { DeadlockError } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import {
  Condition,
  coroutine,
  createTask,
  Event,
  gather,
  Lock,
  run,
  sleep,
  VirtualEventLoop,
} from "@aioloop/tasks";
import { expect, test } from "vitest";
import { program, textOf, thrownBy } from "./helpers.ts";

/** What a program writes that ends with an error. */
async function outputOf(fixture: string): Promise<string> {
  const file = fileURLToPath(new URL(`fixtures/${fixture}`, import.meta.url));
  const args = ["--conditions=@aioloop/source", "--import", import.meta.resolve("tsx"), file];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (data) => (output += data));
  child.stderr.on("data", (data) => (output += data));
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect(code).not.toBe(0);
  return output;
}

test("DeadlockError says who waits for what, and where", () => {
  const getting = coroutine(function* getting(event: Event) {
    yield* event.wait();
  });
  const error = thrownBy(() =>
    program(function* (loop) {
      const event = new Event();
      createTask(getting(event), { name: "getter" });
      createTask(sleep(Number.POSITIVE_INFINITY), { name: "sleeper" });
      const future = loop.createFuture<void>("the answer");
      yield* gather([createTask(getting(event), { name: "second" }), future]);
    }),
  );
  expect(error).toBeInstanceOf(DeadlockError);
  expect(textOf(error).replace(/Task-\d+/, "main")).toBe(
    [
      "DeadlockError: nothing is ready, nothing is scheduled and nothing can wake the loop: 4 tasks wait for ever",
      "  main waits for gather of 2",
      "  getter waits for <Event [unset, waiters:2]> (in getting > wait)",
      "  sleeper waits for <coroutine sleep(Infinity)> (in sleep)",
      "  second waits for <Event [unset, waiters:2]> (in getting > wait)",
    ].join("\n"),
  );
});

test("DeadlockError of two tasks that await each other names both, and the program ends", () => {
  const error = thrownBy(() =>
    program(function* () {
      const tasks: Task<void>[] = [];
      function* waitingFor(index: number) {
        yield* tasks[index] as Task<void>;
      }
      tasks.push(createTask(waitingFor(1), { name: "hen" }), createTask(waitingFor(0), { name: "egg" }));
      yield* gather(tasks);
    }),
  );
  expect(error).toBeInstanceOf(DeadlockError);
  expect(textOf(error)).toContain("\n  hen waits for task egg\n  egg waits for task hen");
});

test("describeTasks() says the same of a program that only seems to hang", () => {
  program(function* (loop) {
    createTask(sleep(1), { name: "sleeper" });
    yield;
    yield;
    expect(loop.describeTasks()).toMatch(
      /^Task-\d+ waits for its next step\nsleeper waits for <coroutine sleep\(1\)> \(in sleep\)$/,
    );
  });
});

test("a program on the host loop that waits for what nobody will do ends with the DeadlockError, not in silence [J19]", async () => {
  const output = await outputOf("deadlock.ts");
  expect(output).toContain("waiter waits for the answer (in waiting)");
  expect(output).toContain("cleaned up");
  expect(output).toContain("DeadlockError");
});

test("a deadlock on the host loop in debug mode: who holds what since when, and the circle [J19]", async () => {
  const output = await outputOf("lock-circle.ts");
  const lock = (name: string) => `<Lock \\[locked by ${name}, waiters:1\\]>`;
  const held = (name: string) => `${lock(name)}, held by ${name} since time [\\d.]+`;
  expect(output).toMatch(
    new RegExp(
      `\n  left waits for ${lock("right")} \\(in taking .*acquire\\) since time [\\d.]+, held by right since time [\\d.]+\n`,
    ),
  );
  expect(output).toMatch(
    new RegExp(`\n  in a circle: left waits for ${held("right")}, which waits for ${held("left")}\n`),
  );
});

test("run() of a deadlock whose clean-up deadlocks too: the first report is thrown [J19]", () => {
  const lock = new Lock();
  function* main() {
    yield* lock.acquire();
    createTask(lock.acquire(), { name: "one" });
    yield* new Condition(lock).wait(); // cancelled, it wants the lock back, which nobody frees
  }
  const error = thrownBy(() => run(main(), { loopFactory: () => new VirtualEventLoop() }));
  expect(textOf(error)).toMatch(/^DeadlockError: .*waits for <Condition /s);
});
