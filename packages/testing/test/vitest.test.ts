// The helpers for vitest as far as they can be seen from inside; what vitest makes of them is in vitest.realtime.test.ts.
import { createTask, Event, Lock, Queue, sleep } from "@aioloop/tasks";
import { explore, REPLAY_VARIABLE, replay, SimLoop } from "@aioloop/testing";
import { exploreTest, simMatchers, simTest } from "@aioloop/testing/vitest";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Replayed } from "../src/vitest/command.ts";
import { commandFor } from "../src/vitest/command.ts";
import { presented } from "../src/vitest/message.ts";

expect.extend(simMatchers);

afterEach(() => void vi.unstubAllEnvs());

describe("tests", () => {
  simTest("simTest() runs a coroutine on a SimLoop whose time it has for itself", function* (sim) {
    yield* sleep(3600);
    expect(sim.time()).toBe(3600);
  });

  simTest("simTest() runs a plain function that drives the loop", (sim) => {
    sim.advance(5);
    expect(sim.time()).toBe(5);
  });

  simTest.each([
    ["a", 1],
    ["b", 2],
  ] as const)("simTest.each() spreads cases that are arrays: %s, %i", function* (sim, name, delay) {
    yield* sleep(delay);
    expect([name, sim.time()]).toEqual([name, delay]);
  });

  let runs = 0;
  exploreTest("exploreTest() runs a body under many schedules", { runs: 20 }, function* () {
    runs += 1;
    const tasks = [1, 1, 1, 1].map((delay) => createTask(sleep(delay)));
    for (const task of tasks) yield* task;
  });

  test("exploreTest() has run as many as it was told to", () => {
    expect(runs).toBe(20);
  });

  test("simTest() and exploreTest() say what they are given in which order", () => {
    const wrong = "body" as unknown as () => void;
    expect(() => simTest("first", wrong)).toThrow(
      'simTest("first", …): the body comes last: function* (sim) {…}',
    );
  });
});

describe("matchers", () => {
  simTest("toBeBlockedOn(subject) knows locks, queues, events, futures and tasks", function* (sim) {
    const [lock, queue, event, future] = [new Lock(), new Queue<number>(), new Event(), sim.createFuture()];
    yield* lock.acquire();
    const tasks = [lock.acquire(), queue.get(), event.wait(), future].map((awaitable) =>
      createTask(
        (function* () {
          yield* awaitable;
        })(),
      ),
    );
    const waiter = createTask(
      (function* () {
        yield* tasks[3]!;
      })(),
    );
    yield* sim.waitAllTasksBlocked();
    for (const [i, subject] of [lock, queue, event, future].entries()) {
      expect(tasks[i]).toBeBlockedOn(subject);
      expect(tasks[i]).toBeBlockedOn();
    }
    expect(waiter).toBeBlockedOn(tasks[3]);
    expect(tasks[0]).not.toBeBlockedOn(queue);
    expect(() => expect(tasks[0]).toBeBlockedOn(queue)).toThrow(
      /^expected Task-2 to be blocked on <Queue .*>: it waits for <Lock /,
    );
    expect(() => expect(tasks[0]).not.toBeBlockedOn(lock)).toThrow(
      /^expected Task-2 not to be blocked on <Lock/,
    );
  });

  simTest("toBeBlockedOn() does not hold for a task that is woken, or done", function* (sim) {
    const event = new Event();
    const task = createTask(event.wait());
    expect(() => expect(task).toBeBlockedOn()).toThrow("expected Task-2 to be blocked: it is ready to run");
    yield* sim.waitAllTasksBlocked();
    event.set();
    expect(task).not.toBeBlockedOn(event);
    yield* task;
    expect(() => expect(task).toBeBlockedOn(event)).toThrow(/: it is done$/);
    const cancelled = createTask(new Event().wait());
    cancelled.cancel();
    yield* sleep(0);
    expect(() => expect(cancelled).toBeBlockedOn()).toThrow(/: it was cancelled$/);
  });

  test("toDeadlock() runs a body on a loop of its own", () => {
    function* waits() {
      yield* new Event().wait();
    }
    function* ends() {
      yield* sleep(1);
    }
    expect(waits).toDeadlock();
    expect(ends).not.toDeadlock();
    expect((sim: SimLoop) => sim.runUntilComplete(waits())).toDeadlock();
    expect(() => expect(ends).toDeadlock()).toThrow("expected ends to deadlock, but it ran to its end");
    expect(() => expect(waits).not.toDeadlock()).toThrow(
      /^expected waits not to deadlock: nothing is ready.*Task-1 waits for <Event/s,
    );
  });

  test("toDeadlock() throws any other error of the body", () => {
    const error = new RangeError("another");
    function* fails() {
      yield* sleep(1);
      throw error;
    }
    for (const check of [() => expect(fails).toDeadlock(), () => expect(fails).not.toDeadlock()]) {
      expect(check).toThrow(error);
    }
  });

  test("toBeIdle() looks at this instant only, and names what is left", () => {
    const sim = new SimLoop();
    expect(sim).toBeIdle();
    sim.callLater(1, function later() {});
    expect(sim).toBeIdle();
    sim.callSoon(function soon() {});
    expect(sim).not.toBeIdle();
    expect(() => expect(sim).toBeIdle()).toThrow("expected the loop to be idle at 0 s: soon still to run");
    sim.runUntilIdle();
    expect(() => expect(sim).not.toBeIdle()).toThrow(
      "expected the loop not to be idle at 0 s: nothing is left to run",
    );
    sim.close();
  });

  test("matchers refuse what they are not for", () => {
    expect(() => expect(1).toBeBlockedOn()).toThrow("toBeBlockedOn() is for a task, got 1");
    expect(() => expect(1).toDeadlock()).toThrow("toDeadlock() is for a body: function* (sim) {…}, got 1");
    expect(() => expect(1).toBeIdle()).toThrow("toBeIdle() is for a SimLoop, got 1");
  });
});

describe("AIOLOOP_REPLAY", () => {
  function body(sim: SimLoop) {
    let first = "";
    for (const name of ["a", "b"]) sim.callLater(1, () => void (first ||= name));
    sim.advance(1);
    expect(first).toBe("a");
  }
  const tokenOf = (name?: string) => explore(body, { name }).failure?.token ?? "";

  test("a token with a mark reaches the exploration of that name alone", () => {
    const token = tokenOf("one");
    vi.stubEnv(REPLAY_VARIABLE, token);
    expect(explore(body, { name: "one" })).toMatchObject({ runs: 1, failure: { token } });
    for (const name of [undefined, "another"]) expect(explore(() => {}, { name }).failure).toBeNull();
    expect(explore(() => {}, { name: "one" }).failure).not.toBeNull();
  });

  test("a token without a mark reaches explorations without a name", () => {
    vi.stubEnv(REPLAY_VARIABLE, tokenOf());
    expect(explore(body)).toMatchObject({ runs: 1, failure: {} });
    expect(explore(() => {}, { name: "one" }).failure).toBeNull();
  });

  test("replay() takes tokens with a mark and without", () => {
    for (const token of [tokenOf(), tokenOf("one")]) {
      expect(() => replay(body, token)).toThrow("expected 'b' to be 'a'");
    }
  });
});

describe("commandFor()", () => {
  const replayed: Replayed = {
    token: "sim1.e.1.AwHh.1fjuk",
    fullName: "bank (small) it's $kept | 100%",
    path: "/home/me/app/test/bank.test.ts",
    root: "/home/me/app",
    project: undefined,
  };
  const posix = (changes: Partial<Replayed> = {}, cwd = "/home/me/app") =>
    commandFor({ ...replayed, ...changes }, { cwd, isWindows: false });

  test("names the file and the whole test, in quotes that no POSIX shell looks into", () => {
    expect(posix()).toBe(
      "AIOLOOP_REPLAY=sim1.e.1.AwHh.1fjuk npx vitest run test/bank.test.ts -t '^bank \\(small\\) it[^]s \\$kept \\| 100%$'",
    );
  });

  test("its pattern is the name, and not one that begins or ends so, whatever stands in it", () => {
    for (const fullName of ["a.b", "it's", "a\nb", "`$(x)` \\ ^[a]{1}?*+|/", "ünï — 漢字 🎉", '"quoted" !']) {
      const [, source = ""] = /-t '(.*)'$/s.exec(posix({ fullName })) ?? [];
      expect(source).not.toMatch(/['\n]/);
      expect(fullName).toMatch(new RegExp(source));
      expect(`${fullName} more`).not.toMatch(new RegExp(source));
    }
  });

  test("names vitest's root where it is another folder, and the project where there are several", () => {
    expect(posix({}, "/home/me")).toContain(" run --root app app/test/bank.test.ts -t ");
    expect(posix({ project: "node 20" }, "/home/me")).toContain(
      " run --project 'node 20' app/test/bank.test.ts -t ",
    );
  });

  test("quotes paths that need it", () => {
    const path = "/home/me/app/it's/a b.test.ts";
    expect(posix({ path })).toContain(" run 'it'\\''s/a b.test.ts' -t ");
  });

  test("on Windows it is for cmd and PowerShell alike: no quotes within the quotes", () => {
    const windows = (changes: Partial<Replayed>) =>
      commandFor({ ...replayed, ...changes }, { cwd: "/home/me/app", isWindows: true });
    expect(windows({})).toBe(
      'cmd /c "set AIOLOOP_REPLAY=sim1.e.1.AwHh.1fjuk&& npx vitest run test/bank.test.ts -t bank..small..it.s..kept...100."',
    );
    expect(windows({ path: "/home/me/app/my tests/bank.test.ts", project: "node 20" })).toContain(
      " run --project node*20 tests/bank.test.ts -t ",
    );
  });
});

describe("presented()", () => {
  const place = new Error("place");

  test("is of the error's class, with its properties, and leaves the error itself as it is", () => {
    class OutOfStock extends Error {
      readonly item: string;
      constructor(item: string) {
        super(`no ${item}`);
        this.item = item;
      }
    }
    const error = new OutOfStock("tea");
    const shown = presented(error, "note", place) as OutOfStock;
    expect(shown).toBeInstanceOf(OutOfStock);
    expect(shown).toMatchObject({ item: "tea", message: "no tea\n\nnote" });
    expect(shown.stack).toMatch(/^Error: no tea\n\nnote\n\s+at .*vitest\.test\.ts:/);
    expect(error.message).toBe("no tea");
  });

  test("of a group notes the last error, since vitest shows each and not the group", () => {
    const group = new AggregateError([new Error("one"), new Error("two")], "group");
    const { errors } = presented(group, "note", place) as AggregateError;
    expect(errors.map(({ message }: Error) => message)).toEqual(["one", "two\n\nnote"]);
  });

  test("of what is no error says so, and shows the place of the test", () => {
    const shown = presented(undefined, "", place) as Error;
    expect(shown.message).toBe("undefined was thrown, which is no error");
    expect(shown.stack).toMatch(/\n\s+at .*vitest\.test\.ts:/);
  });
});
