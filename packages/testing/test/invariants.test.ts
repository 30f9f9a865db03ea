// Invariants: looked at after every step, with the loop standing still, and told from what the program does.
import type { Future } from "@aioloop/loop";
import { RuntimeError } from "@aioloop/loop";
import { createTask, Event, eagerTaskFactory, Lock, Queue, sleep } from "@aioloop/tasks";
import { explore, InvariantError, SimLoop, shared } from "@aioloop/testing";
import { describe, expect, test } from "vitest";

function thrownBy(action: () => unknown): InvariantError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(InvariantError);
    return error as InvariantError;
  }
  throw new Error("nothing was thrown");
}

describe("SimLoop.always()", () => {
  test("is looked at after every step, and after no other moment", () => {
    const sim = new SimLoop();
    const seen: number[] = [];
    sim.always(() => {
      seen.push(sim.steps);
      return true;
    });
    for (let i = 0; i < 3; i++) sim.callSoon(() => undefined);
    sim.callSoon(() => undefined).cancel();
    expect(seen).toEqual([]);
    sim.runUntilIdle();
    expect(seen).toEqual([1, 2, 3]);
    sim.advance(10);
    expect(seen).toEqual([1, 2, 3]);
  });

  test("fails in the step that breaks it, with its name, the time and the number of the step", () => {
    const sim = new SimLoop();
    let balance = 1;
    sim.always(() => balance >= 0, "the balance is never negative");
    sim.callAt(1, () => void (balance -= 1));
    sim.callAt(2, () => void (balance -= 1));
    sim.callAt(3, () => void (balance = 5));
    const error = thrownBy(() => sim.advance(10));
    expect(error.message).toBe(
      'the invariant "the balance is never negative" does not hold (time 2, after step 2)',
    );
    expect(error.invariant).toBe("the balance is never negative");
    expect(balance).toBe(-1);
  });

  test("bears the name of its function where it is given none", () => {
    const sim = new SimLoop();
    const isOpen = () => false;
    sim.always(isOpen);
    sim.callSoon(() => undefined);
    expect(thrownBy(() => sim.step()).invariant).toBe("isOpen");
    const other = new SimLoop();
    other.always(() => false);
    other.callSoon(() => undefined);
    expect(thrownBy(() => other.step()).invariant).toBe("always");
  });

  test("of several, the first that does not hold is named", () => {
    const sim = new SimLoop();
    sim.always(() => true, "a");
    sim.always(() => false, "b");
    sim.always(() => false, "c");
    sim.callSoon(() => undefined);
    expect(thrownBy(() => sim.step()).invariant).toBe("b");
  });

  test("that throws fails with what it has thrown as the cause", () => {
    for (const [thrown, text] of [
      [new RangeError("no such account"), "RangeError: no such account"],
      ["only a text", "'only a text'"],
      [Object.create(null), "<object that cannot be shown>"],
      [undefined, "undefined"],
    ] as const) {
      const sim = new SimLoop();
      sim.always(() => {
        throw thrown;
      }, "it");
      sim.callSoon(() => undefined);
      const error = thrownBy(() => sim.step());
      expect(error.message).toMatch(/^the invariant "it" failed \(time 0, after step 1\): /);
      expect(error.message.replaceAll('"', "'")).toContain(text);
      expect(error.cause).toBe(thrown);
    }
  });

  test.each([
    ["undefined", () => undefined],
    ["a promise", async () => true],
    ["a coroutine", function* () {}],
    ["1", () => 1],
  ])("whose predicate gives %s fails: it would hold, or not, by mistake", (_what, predicate) => {
    const sim = new SimLoop();
    sim.always(predicate as unknown as () => boolean, "it");
    sim.callSoon(() => undefined);
    expect(thrownBy(() => sim.step()).message).toContain("its predicate must give true or false, and gave");
  });

  test("may be added while the loop runs", () => {
    const sim = new SimLoop();
    let count = 0;
    sim.callSoon(() => sim.always(() => count < 2, "fewer than two"));
    for (let i = 0; i < 3; i++) sim.callSoon(() => void (count += 1));
    thrownBy(() => sim.runUntilIdle());
    expect([count, sim.steps]).toEqual([2, 3]);
  });

  test("goes on being looked at after it has failed, and the loop goes on", () => {
    const sim = new SimLoop();
    let isBroken = true;
    sim.always(() => !isBroken);
    sim.callSoon(() => undefined);
    sim.callSoon(() => void (isBroken = false));
    thrownBy(() => sim.step());
    expect(sim.runUntilIdle()).toBe(1);
  });

  test("and eventually() refuse what is no function", () => {
    const sim = new SimLoop();
    expect(() => sim.always(true as never)).toThrow(new TypeError("always(predicate): a function, got true"));
    expect(() => sim.eventually("x" as never)).toThrow(TypeError);
    for (const within of [-1, Number.NaN])
      expect(() => sim.eventually(() => true, { within })).toThrow(
        new RangeError(`eventually(predicate, { within }): a number of seconds, 0 or more, got ${within}`),
      );
  });
});

describe("SimLoop.eventually()", () => {
  test("is content with one step after which it was true", () => {
    const sim = new SimLoop();
    let light = "red";
    sim.eventually(() => light === "green", { within: 5, name: "green" });
    for (const [when, next] of [
      [1, "yellow"],
      [5, "green"],
      [6, "red"],
    ] as const)
      sim.callAt(when, () => void (light = next));
    sim.advance(10);
    sim.checkEventually();
  });

  test("fails at the first step after its time, also if it has come true with that one", () => {
    const sim = new SimLoop();
    let isGreen = false;
    sim.advance(100);
    sim.eventually(() => isGreen, { within: 5, name: "green" });
    sim.callAt(106, () => void (isGreen = true));
    expect(thrownBy(() => sim.advance(10)).message).toBe(
      'the invariant "green" has not become true by 105 (time 106, after step 1)',
    );
  });

  test("fails at the end if it has not come true, where nothing has happened after its time too", () => {
    const sim = new SimLoop();
    sim.eventually(() => false, { name: "an answer" });
    sim.callSoon(() => undefined);
    sim.advance(10);
    expect(thrownBy(() => sim.checkEventually()).message).toBe(
      'the invariant "an answer" has not become true before the end (time 10, after step 1)',
    );
    const other = new SimLoop();
    other.eventually(() => false, { within: 5, name: "an answer" });
    other.advance(10);
    expect(thrownBy(() => other.checkEventually()).message).toContain("has not become true by 5 (time 10");
  });

  test("is asked no more once it was true", () => {
    const sim = new SimLoop();
    let asked = 0;
    sim.eventually(() => {
      asked += 1;
      return sim.steps === 2;
    });
    for (let i = 0; i < 5; i++) sim.callSoon(() => undefined);
    sim.runUntilIdle();
    expect(asked).toBe(2);
  });

  test("is checked at the end of each explored run", () => {
    const { failure } = explore((sim) => {
      sim.eventually(() => false, { name: "never" });
    });
    expect(failure?.error).toMatchObject({ name: "InvariantError", invariant: "never" });
    expect(explore((sim) => sim.eventually(() => true)).failure).toBe(null);
  });
});

/** All that a predicate could do to the loop or to the program; `ready`: a loop with something to do it to. */
const MISDEEDS: readonly [name: string, misdeed: (given: Given) => unknown, text: RegExp][] = [
  ["callSoon()", ({ sim }) => sim.callSoon(() => undefined), /has scheduled something/],
  ["callSoonThreadsafe()", ({ sim }) => sim.callSoonThreadsafe(() => undefined), /has scheduled something/],
  ["callLater()", ({ sim }) => sim.callLater(1, () => undefined), /has scheduled something/],
  ["callAt() in the past", ({ sim }) => sim.callAt(0, () => undefined), /has scheduled something/],
  [
    "callLater() and cancel()",
    ({ sim }) => sim.callLater(1, () => undefined).cancel(),
    /scheduled something/,
  ],
  ["createTask()", ({ sim }) => sim.createTask(sleep(1)), /has scheduled something/],
  ["createTask() of the module", () => createTask(sleep(1)), /has scheduled something/],
  ["createTask({ eagerStart })", ({ sim }) => sim.createTask(sleep(1), { eagerStart: true }), /made a task/],
  ["an eager task", ({ sim }) => eagerTaskFactory(sim, sleep(0)), /has made a task/],
  ["Future.setResult() with a waiter", ({ awaited }) => awaited.setResult(), /has scheduled something/],
  ["Future.setException() with a waiter", ({ awaited }) => awaited.setException(new Error()), /scheduled/],
  ["Future.cancel() with a waiter", ({ awaited }) => awaited.cancel(), /has scheduled something/],
  [
    "Future.addDoneCallback() of a done one",
    ({ done }) => done.addDoneCallback(() => undefined),
    /scheduled/,
  ],
  ["Event.set() with a waiter", ({ event }) => event.set(), /has changed <Event/],
  ["Event.set() without", () => new Event().set(), /has changed <Event/],
  ["Event.clear()", ({ event }) => event.clear(), /has changed <Event/],
  ["Queue.putNowait()", ({ queue }) => queue.putNowait(1), /has changed <Queue/],
  ["Queue.getNowait()", ({ full }) => full.getNowait(), /has changed <Queue/],
  ["Queue.taskDone()", ({ full }) => full.taskDone(), /has changed <Queue/],
  ["Queue.shutdown()", ({ full }) => full.shutdown(), /has changed <Queue/],
  ["Lock.release()", ({ lock }) => lock.release(), /has changed <Lock/],
  ["a write to what is shared()", ({ data }) => (data.value = 2), /has changed the data/],
  ["Task.cancel() of one that waits", ({ waiting }) => waiting.cancel(), /has scheduled something/],
  ["Task.cancel() of one that is ready", ({ ready }) => ready.cancel(), /has cancelled something/],
  ["TimerHandle.cancel()", ({ sim }) => sim.peek().timers[0]?.cancel(), /has cancelled something/],
  ["Handle.cancel()", ({ handle }) => handle.cancel(), /has cancelled something/],
  ["stop()", ({ sim }) => sim.stop(), /has stopped the loop/],
  ["random()", ({ sim }) => sim.random(), /has called random\(\)/],
  ["choose()", ({ sim }) => sim.choose([1, 2]), /has called choose\(\)/],
  ["fault()", ({ sim }) => sim.fault(), /has called fault\(\)/],
  ["always()", ({ sim }) => sim.always(() => true), /has called always\(\)/],
  ["eventually()", ({ sim }) => sim.eventually(() => true), /has called eventually\(\)/],
  ["step()", ({ sim }) => sim.step(), /already running/],
  ["runUntilComplete()", ({ sim }) => sim.runUntilComplete(sleep(1)), /already running/],
];

interface Given {
  readonly sim: SimLoop;
  readonly event: Event;
  readonly awaited: Future<void>;
  readonly done: Future<void>;
  readonly waiting: { cancel(): void };
  readonly ready: { cancel(): void };
  readonly handle: { cancel(): void };
  readonly queue: Queue<number>;
  readonly full: Queue<number>;
  readonly lock: Lock;
  readonly data: { value: number };
}

/** Tasks that wait in all the ways there are, and a ready one; one step is to be made. */
function given(): Given {
  const sim = new SimLoop();
  const [event, queue, full, lock] = [new Event(), new Queue<number>(), new Queue<number>(), new Lock()];
  const [awaited, done] = [sim.createFuture(), sim.createFuture()];
  done.setResult();
  full.putNowait(1);
  const data = shared({ value: 1 }, "the data");
  const main = function* () {
    yield* lock.acquire();
  };
  sim.createTask(main());
  sim.createTask(event.wait());
  sim.createTask(queue.get());
  sim.createTask(sleep(9));
  const waiting = sim.createTask(
    (function* () {
      yield* awaited;
    })(),
  );
  sim.runUntilIdle();
  sim.callSoon(() => undefined);
  const ready = sim.createTask(sleep(0));
  const handle = sim.callSoon(() => undefined);
  return { sim, event, awaited, done, waiting, ready, handle, queue, full, lock, data };
}

describe("a predicate", () => {
  test.each(MISDEEDS)("that calls %s fails, and is named", (_name, misdeed, text) => {
    const it = given();
    it.sim.always(() => {
      misdeed(it);
      return true;
    }, "only looks");
    const error = thrownBy(() => it.sim.step());
    expect(error.message).toMatch(/^the invariant "only looks" failed /);
    expect(error.message).toMatch(text);
    expect(error.cause).toBeInstanceOf(RuntimeError);
  });

  test.each(MISDEEDS.filter(([name]) => !/^(?:step|runUntilComplete)/.test(name)))(
    "that calls %s and catches what that throws fails all the same",
    (_name, misdeed) => {
      const it = given();
      it.sim.eventually(
        () => {
          try {
            misdeed(it);
          } catch {
            return true;
          }
          return true;
        },
        { name: "only looks" },
      );
      expect(thrownBy(() => it.sim.step()).invariant).toBe("only looks");
    },
  );

  test("may look at everything", () => {
    const it = given();
    const { sim, event, awaited, queue, full, lock, data } = it;
    sim.always(() => {
      const seen = [event.isSet(), awaited.done(), queue.qsize(), full.empty(), lock.locked(), data.value];
      return (
        seen.join() === "false,false,0,false,true,1" && sim.peek().timers.length === 1 && sim.time() === 0
      );
    }, "only looks");
    expect(sim.runUntilIdle()).toBeGreaterThan(1);
  });

  test("that looks at what is shared is no access of the program's", () => {
    const accesses: string[] = [];
    const sim = new SimLoop();
    sim.addInstrument({ access: (object, kind) => void accesses.push(`${kind} ${object}`) });
    const data = shared({ value: 1 }, "the data");
    sim.always(() => data.value > 0);
    sim.callSoon(() => void (data.value = 2));
    sim.runUntilIdle();
    expect(accesses).toEqual(["write the data"]);
  });

  test("sees the loop as the running one, and no task", () => {
    const sim = new SimLoop();
    let current: unknown = "not asked";
    sim.always(() => {
      current = sim._currentTask;
      return true;
    });
    sim.createTask(sleep(0));
    sim.step();
    expect(current).toBe(null);
  });

  test("that has failed leaves the loop thawed", () => {
    const { sim } = given();
    let isFirst = true;
    sim.always(() => {
      if (isFirst) sim.fault();
      return true;
    });
    thrownBy(() => sim.step());
    isFirst = false;
    expect(() => sim.random()).not.toThrow();
    sim.callSoon(() => undefined);
    sim.callLater(1, () => undefined);
    expect(sim.runUntilIdle()).toBeGreaterThan(0);
  });
});

test("always() in an explored run finds the schedule that breaks it", () => {
  const { failure } = explore((sim) => {
    const order: string[] = [];
    sim.always(() => order[0] !== "b", "a is first");
    for (const name of ["a", "b"]) sim.callLater(1, () => void order.push(name));
    sim.advance(1);
  });
  expect(failure?.error).toMatchObject({ name: "InvariantError", invariant: "a is first" });
  expect(failure?.schedule.deviations).toHaveLength(1);
});
