// Deadlocks: what the error and the picture behind it say of each primitive, and partial deadlocks that findDeadlocks() finds, and those it
// must not find.
import type { Coroutine, WaitEdge, WaitGraph } from "@aioloop/loop";
import { DeadlockError } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import {
  ALL_COMPLETED,
  asyncWith,
  Barrier,
  BoundedSemaphore,
  Condition,
  cancelAndWait,
  coroutine,
  createTask,
  Event,
  FIRST_COMPLETED,
  gather,
  Lock,
  Queue,
  Semaphore,
  shield,
  sleep,
  TaskGroup,
  timeout,
  VirtualEventLoop,
  wait,
} from "@aioloop/tasks";
import { SimLoop } from "@aioloop/testing";
import { expect, test } from "vitest";

/** What a program that can never go on is told. */
function deadlockOf(main: (sim: SimLoop) => Coroutine<unknown>): DeadlockError {
  const sim = new SimLoop();
  try {
    sim.runUntilComplete(main(sim));
  } catch (error) {
    if (error instanceof DeadlockError) return error;
    throw error;
  }
  throw new Error("it has ended");
}

const linesOf = ({ message }: DeadlockError) => message.split("\n  ").slice(1);

/** Takes one lock, and in a second the other. */
const taking = coroutine(function* taking(first: Lock, second: Lock) {
  yield* asyncWith(first, function* () {
    yield* sleep(1);
    yield* asyncWith(second, function* () {});
  });
});

function* beating() {
  for (;;) yield* sleep(1);
}

const show = ({ edges }: { readonly edges: readonly WaitEdge[] }) =>
  edges.map(
    ({ from, kind, to, since }) => `${from.label} ${kind} ${to.label}${since === null ? "" : ` (${since})`}`,
  );

function node(graph: WaitGraph, object: unknown) {
  const found = graph.node(object);
  if (found === null) throw new Error("it is not in the graph");
  return found;
}

// ---- the error

test("DeadlockError: two tasks that take two locks in different orders are shown with who holds what since when, and as a circle", () => {
  const error = deadlockOf(function* () {
    const [one, two] = [new Lock(), new Lock()];
    createTask(taking(one, two), { name: "A" });
    yield* sleep(0.5);
    createTask(taking(two, one), { name: "B" });
    yield* sleep(Number.POSITIVE_INFINITY);
  });
  expect(error.message).toMatch(/: 3 tasks wait for ever\n/);
  expect(linesOf(error)).toEqual([
    "Task-1 waits for <coroutine sleep(Infinity)> since time 0.5",
    "A waits for <Lock [locked by B, waiters:1]> (in taking > asyncWith > asyncWith > acquire) since time 1, held by B since time 0.5",
    "B waits for <Lock [locked by A, waiters:1]> (in taking > asyncWith > asyncWith > acquire) since time 1.5, held by A since time 0",
    "in a circle: A waits for <Lock [locked by B, waiters:1]>, held by B since time 0.5, which waits for <Lock [locked by A, waiters:1]>, held by A since time 0",
  ]);
});

test("DeadlockError.graph: tasks with their frames, locks, edges and circles", () => {
  const [one, two] = [new Lock(), new Lock()];
  let tasks: Task<unknown>[] = [];
  const { graph } = deadlockOf(function* () {
    tasks = [createTask(taking(one, two), { name: "A" }), createTask(taking(two, one), { name: "B" })];
    yield* gather(tasks);
  });
  expect(graph.nodes.map(({ kind, label }) => `${kind} ${label}`)).toEqual([
    "task Task-1",
    "task A",
    "task B",
    "future gather of 2",
    "primitive <Lock [locked by B, waiters:1]>",
    "primitive <Lock [locked by A, waiters:1]>",
  ]);
  expect(graph.nodes.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(node(graph, tasks[0])).toMatchObject({
    label: "A",
    state: "waiting",
    frames: ["taking", "asyncWith", "asyncWith", "acquire"],
  });
  expect(graph.circles).toHaveLength(1);
  const [circle] = graph.circles;
  expect(circle?.tasks.map(({ object }) => tasks.indexOf(object as Task<unknown>))).toEqual([0, 1]);
  expect(circle?.edges.map(({ kind, since }) => [kind, since])).toEqual([
    ["waits for", 1],
    ["held by", 0],
    ["waits for", 1],
    ["held by", 0],
  ]);
  expect([node(graph, one).label, node(graph, two).label]).toEqual([
    "<Lock [locked by A, waiters:1]>",
    "<Lock [locked by B, waiters:1]>",
  ]);
  expect(graph.node(new Lock())).toBeNull();
});

test("DeadlockError.graph does not change with what the program does afterwards", () => {
  const lock = new Lock();
  const { graph } = deadlockOf(function* () {
    yield* lock.acquire();
    yield* lock.acquire();
  });
  const before = [show(graph), `${graph.circles[0]}`];
  lock.release();
  expect([show(graph), `${graph.circles[0]}`]).toEqual(before);
});

test("DeadlockError: its graph is not printed with it, and is empty where there is none", () => {
  const error = new DeadlockError("x");
  expect(error.graph).toEqual({ nodes: [], edges: [], circles: [] });
  expect(Object.keys(error)).toEqual([]);
});

test("DeadlockError: a circle of five philosophers names each once; one of a hundred tasks is shown without its middle", () => {
  const dining = (count: number) =>
    deadlockOf(function* () {
      const forks = Array.from({ length: count }, () => new Lock());
      yield* gather(forks.map((fork, i) => taking(fork, forks[(i + 1) % count] as Lock)));
    });
  const five = dining(5);
  expect(five.graph.circles).toHaveLength(1);
  expect(five.graph.circles[0]?.tasks.map(({ label }) => label)).toEqual([
    "Task-2",
    "Task-3",
    "Task-4",
    "Task-5",
    "Task-6",
  ]);
  const hundred = dining(100);
  expect(hundred.graph.circles[0]?.tasks).toHaveLength(100);
  expect(`${hundred.graph.circles[0]}`).toContain(", <180 more>, ");
});

test("DeadlockError: ten thousand tasks, each waiting for the next, are one circle", () => {
  const count = 10_000;
  const tasks: Task<unknown>[] = [];
  const { graph } = deadlockOf(function* () {
    function* next(i: number): Coroutine<void> {
      yield;
      yield* tasks[(i + 1) % count] as Task<unknown>;
    }
    for (let i = 0; i < count; i++) tasks.push(createTask(next(i)));
    yield* gather(tasks);
  });
  expect(graph.circles.map((circle) => circle.tasks.length)).toEqual([count]);
});

// ---- what each of them says of itself

/** The edges of a deadlock, and its circles in words. */
function picture(main: (sim: SimLoop) => Coroutine<unknown>): [string[], string[]] {
  const { graph } = deadlockOf(main);
  return [show(graph), graph.circles.map(String)];
}

test("a Lock whose holder has ended: the report says so", () => {
  const error = deadlockOf(function* () {
    const lock = new Lock();
    yield* createTask(lock.acquire(), { name: "gone" });
    yield* lock.acquire();
  });
  expect(linesOf(error)).toEqual([
    "Task-1 waits for <Lock [locked by gone, waiters:1]> (in acquire) since time 0, held by gone, which has ended, since time 0",
  ]);
  expect(error.graph.circles).toEqual([]);
});

test.each([
  ["Semaphore", Semaphore],
  ["BoundedSemaphore", BoundedSemaphore],
])("a %s names those who took one and did not give it back", (name, Kind) => {
  const error = deadlockOf(function* () {
    const permits = new Kind(2);
    yield* permits.acquire();
    yield* permits.acquire();
    permits.release();
    yield* sleep(1);
    yield* createTask(permits.acquire(), { name: "other" });
    yield* permits.acquire();
  });
  expect(linesOf(error)).toEqual([
    `Task-1 waits for <${name} [locked, waiters:1]> (in acquire) since time 1, held by Task-1 since time 0, other, which has ended, since time 1`,
    `in a circle: Task-1 waits for <${name} [locked, waiters:1]>, held by Task-1 since time 0`,
  ]);
});

test("a Semaphore that somebody else gives back: the oldest has one less", () => {
  const error = deadlockOf(function* () {
    const permits = new Semaphore(0);
    const taken = createTask(permits.acquire(), { name: "first" });
    yield;
    permits.release();
    yield* taken;
    yield* permits.acquire();
  });
  expect(linesOf(error)[0]).toContain("held by first, which has ended, since time 0");
  expect(
    linesOf(
      deadlockOf(function* () {
        const permits = new Semaphore(1);
        yield* createTask(permits.acquire());
        permits.release();
        yield* permits.acquire();
        permits.release();
        yield* permits.acquire();
        yield* permits.acquire();
      }),
    )[0],
  ).toMatch(/held by Task-1 since time 0$/);
});

test("Event, Condition, Barrier, Queue and a future: nobody is known to hold them", () => {
  const event = new Event();
  const condition = new Condition();
  const barrier = new Barrier(2);
  const full = new Queue<number>(1);
  const { graph } = deadlockOf(function* (sim) {
    full.putNowait(1);
    const waits = [
      event.wait(),
      asyncWith(condition, () => condition.wait()),
      barrier.wait(),
      full.put(2),
      full.join(),
      sim.createFuture("the answer"),
    ];
    yield* gather(waits);
  });
  expect([event, condition, barrier, full].map((one) => node(graph, one).label)).toEqual([
    "<Event [unset, waiters:1]>",
    "<Condition [unlocked, waiters:1]>",
    "<Barrier [filling, waiters:1/2]>",
    "<Queue maxsize=1 qsize=1 putters=1 unfinished=1>",
  ]);
  expect(show(graph).filter((edge) => edge.startsWith("<"))).toEqual([]);
  expect(show(graph)).toContain("Task-1 waits for gather of 6 (0)");
  expect(show(graph)).toContain("gather of 6 needs the answer");
  expect(graph.edges.filter(({ to }) => to.object === full)).toHaveLength(2);
});

test("a Condition that waits for its lock: who holds that", () => {
  const [edges, circles] = picture(function* () {
    const condition = new Condition();
    const waiting = createTask(
      asyncWith(condition, () => condition.wait()),
      { name: "waiting" },
    );
    yield;
    yield* asyncWith(condition, function* () {
      condition.notify();
      yield* waiting;
    });
  });
  expect(edges).toContain("<Lock [locked by Task-1, waiters:1]> held by Task-1 (0)");
  expect(circles).toEqual([
    "Task-1 waits for task waiting, which waits for <Lock [locked by Task-1, waiters:1]>, held by Task-1 since time 0",
  ]);
});

test("gather, TaskGroup, wait(), shield() and cancelAndWait() need their tasks", () => {
  const circleThrough = (waiting: (child: Task<unknown>) => Coroutine<unknown>) =>
    picture(function* () {
      const lock = new Lock();
      yield* lock.acquire();
      const child = createTask(lock.acquire(), { name: "child" });
      yield;
      yield* waiting(child);
    })[1];
  const via = (what: string) => [
    `Task-1 waits for ${what}, which needs task child, which waits for <Lock [locked by Task-1, waiters:1]>, held by Task-1 since time 0`,
  ];
  expect(
    circleThrough(function* (child) {
      yield* gather([child, sleep(1)]);
    }),
  ).toEqual(via("gather of 2"));
  expect(
    circleThrough(function* (child) {
      yield* wait([child], { returnWhen: ALL_COMPLETED });
    }),
  ).toEqual(via("wait for ALL_COMPLETED of 1"));
  expect(
    circleThrough(function* (child) {
      yield* shield(child);
    }),
  ).toEqual(via("task child, shielded"));
  expect(
    picture(function* () {
      const lock = new Lock();
      yield* lock.acquire();
      yield* asyncWith(new TaskGroup(), function* (group) {
        group.createTask(lock.acquire(), { name: "child" });
      });
    })[1],
  ).toEqual(via("<TaskGroup tasks=1 exiting>"));
  expect(
    picture(function* () {
      const parents: Task<unknown>[] = [];
      const child: Task<unknown> = createTask(
        (function* () {
          try {
            yield* sleep(100);
          } finally {
            yield* parents[0] as Task<unknown>;
          }
        })(),
        { name: "child" },
      );
      function* parent() {
        yield;
        yield* cancelAndWait(child);
      }
      parents.push(createTask(parent(), { name: "parent" }));
      yield* sleep(Number.POSITIVE_INFINITY);
    })[1],
  ).toEqual([
    expect.stringMatching(
      /^child waits for task parent, which waits for the end of <Task .*, which needs task child$/,
    ),
  ]);
});

// ---- in part of a program

/** A loop with a heartbeat and what `main` starts, after so many seconds. */
function livingOn(main: (sim: SimLoop) => Coroutine<unknown>, seconds = 10): SimLoop {
  const sim = new SimLoop();
  sim.createTask(beating(), { name: "heartbeat" });
  sim.createTask(main(sim), { name: "main" });
  sim.advance(seconds);
  return sim;
}

const found = (sim: SimLoop) =>
  sim.findDeadlocks().map((circle) => circle.tasks.map(({ label }) => label).join(" "));

function* crossing() {
  const [one, two] = [new Lock(), new Lock()];
  yield* gather([createTask(taking(one, two), { name: "A" }), createTask(taking(two, one), { name: "B" })]);
}

test("SimLoop.findDeadlocks() finds the circle of lock holders while a heartbeat lives on, from the step on in which it closes", () => {
  const sim = livingOn(crossing, 0.999);
  expect(found(sim)).toEqual([]);
  sim.advance(0.001);
  expect(found(sim)).toEqual(["A B"]);
  sim.advance(100);
  expect(sim.findDeadlocks().map(String)).toEqual([
    "A waits for <Lock [locked by B, waiters:1]>, held by B since time 0, which waits for <Lock [locked by A, waiters:1]>, held by A since time 0",
  ]);
});

test("SimLoop.findDeadlocks() finds tasks that wait for each other, and a task that waits for its own lock", () => {
  expect(
    found(
      livingOn(function* () {
        const tasks: Task<unknown>[] = [];
        function* other(i: number): Coroutine<void> {
          yield;
          yield* tasks[1 - i] as Task<unknown>;
        }
        tasks.push(createTask(other(0), { name: "hen" }), createTask(other(1), { name: "egg" }));
        yield* sleep(Number.POSITIVE_INFINITY);
      }),
    ),
  ).toEqual(["hen egg"]);
  expect(
    found(
      livingOn(function* () {
        const lock = new Lock();
        yield* lock.acquire();
        yield* lock.acquire();
      }),
    ),
  ).toEqual(["main"]);
});

test("SimLoop.findDeadlocks() as an invariant stops the run in the step in which the circle closes", () => {
  const sim = new SimLoop();
  sim.always(() => sim.findDeadlocks().length === 0, "no deadlock");
  sim.createTask(beating());
  sim.createTask(crossing());
  expect(() => sim.advance(10)).toThrow('the invariant "no deadlock" does not hold (time 1, after step');
});

test("SimLoop.findDeadlocks(): a circle that a timeout will break is none: of one of its tasks, of what awaits them, of their group", () => {
  const limited = (within: () => Coroutine<unknown>) =>
    function* () {
      try {
        yield* asyncWith(timeout(50), within);
      } catch {
        // told by the time
      }
    };
  expect(found(livingOn(limited(crossing)))).toEqual([]);
  expect(
    found(
      livingOn(function* () {
        const [one, two] = [new Lock(), new Lock()];
        yield* gather([taking(one, two), limited(() => taking(two, one))()]);
      }),
    ),
  ).toEqual([]);
  const inGroup = function* () {
    yield* asyncWith(new TaskGroup(), function* (group) {
      const [one, two] = [new Lock(), new Lock()];
      group.createTask(taking(one, two));
      group.createTask(taking(two, one));
      yield* sleep(1000);
    });
  };
  expect(found(livingOn(limited(inGroup)))).toEqual([]);
  expect(found(livingOn(inGroup))).toEqual(["Task-1 Task-2"]);
});

test("SimLoop.findDeadlocks(): a wait with a time limit of its own, or for the first of several, is no part of a circle", () => {
  const holding = (how: (child: Task<unknown>) => Coroutine<unknown>) =>
    found(
      livingOn(function* () {
        const lock = new Lock();
        yield* lock.acquire();
        yield* how(createTask(lock.acquire(), { name: "child" }));
      }),
    );
  expect(
    holding(function* (child) {
      yield* wait([child], { timeout: 100 });
    }),
  ).toEqual([]);
  expect(
    holding(function* (child) {
      yield* wait([child, createTask(sleep(100))], { returnWhen: FIRST_COMPLETED });
    }),
  ).toEqual([]);
  expect(
    holding(function* (child) {
      yield* gather([child, sleep(100)]); // it may fail
    }),
  ).toEqual([]);
  expect(
    holding(function* (child) {
      yield* wait([child, createTask(sleep(100))]);
    }),
  ).toEqual(["main child"]);
  expect(
    holding(function* (child) {
      yield* gather([child]);
    }),
  ).toEqual(["main child"]);
});

test("SimLoop.findDeadlocks(): who waits for an Event, a Queue or a Semaphore may be woken by anybody", () => {
  const sim = livingOn(function* () {
    const permits = new Semaphore(1);
    const lock = new Lock();
    yield* permits.acquire();
    yield* lock.acquire();
    createTask(
      asyncWith(lock, function* () {}),
      { name: "behind" },
    );
    createTask(new Event().wait());
    createTask(new Queue().get());
    yield* permits.acquire();
  });
  expect(found(sim)).toEqual([]);
});

test("SimLoop.findDeadlocks(): a gather whose child has failed in this instant is about to be told", () => {
  const sim = new SimLoop();
  const seen: string[][] = [];
  sim.always(() => seen.push(found(sim)) > 0);
  sim.createTask(beating());
  sim.createTask(
    (function* () {
      const lock = new Lock();
      function* failing() {
        yield;
        throw new Error("failed");
      }
      try {
        yield* asyncWith(lock, function* () {
          yield* gather([lock.acquire(), failing()]);
        });
      } catch {
        lock.locked();
      }
    })(),
  );
  sim.advance(1);
  expect(seen.flat()).toEqual([]);
});

// ---- on other loops

test("waitGraph() and describeTasks() of a virtual loop: since when is known in debug mode, the circle always", () => {
  const report = (debug: boolean) => {
    const loop = new VirtualEventLoop({ debug });
    let text = "";
    let graph: WaitGraph | undefined;
    loop.runUntilComplete(
      (function* () {
        const [one, two] = [new Lock(), new Lock()];
        const tasks = [
          createTask(taking(one, two), { name: "A" }),
          createTask(taking(two, one), { name: "B" }),
        ];
        yield* sleep(2);
        text = loop.describeTasks();
        graph = loop.waitGraph();
        for (const task of tasks) task.cancel();
        yield* wait(tasks);
      })(),
    );
    return { lines: text.split("\n").slice(1), since: graph?.edges.map(({ since }) => since) };
  };
  expect(report(false)).toEqual({
    lines: [
      "A waits for <Lock [locked by B, waiters:1]> (in taking > asyncWith > asyncWith > acquire)",
      "B waits for <Lock [locked by A, waiters:1]> (in taking > asyncWith > asyncWith > acquire)",
      "in a circle: A waits for <Lock [locked by B, waiters:1]>, held by B, which waits for <Lock [locked by A, waiters:1]>, held by A",
    ],
    since: [null, null, null, null],
  });
  expect(report(true).since).toEqual([1, 1, 0, 0]);
});

test("waitGraph(): who runs, who is ready and who waits", () => {
  const sim = new SimLoop();
  let states: string[] = [];
  sim.runUntilComplete(
    (function* () {
      createTask(sleep(0), { name: "ready" });
      createTask(sleep(1), { name: "waiting" });
      yield;
      createTask(sleep(0), { name: "new" });
      states = sim.waitGraph().nodes.map(({ label, state }) => `${label} ${state}`);
    })(),
  );
  expect(states.slice(0, 4)).toEqual(["Task-1 running", "ready ready", "waiting waiting", "new ready"]);
});
