// Whatever waits can be cancelled, at any moment. Each operation of the table is cancelled before it starts, while it waits, and
// in the turns in which it ends; each time nothing may be lost or held, and who waits behind it is served.
import type { Coroutine } from "@aioloop/loop";
import { CancelledError, getRunningLoop, wrapFuture } from "@aioloop/loop";
import type { Task, VirtualEventLoop } from "@aioloop/tasks";
import {
  abortable,
  allTasks,
  asyncFor,
  createTask,
  currentTask,
  gather,
  run,
  sleep,
  waitFor,
} from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { endOf, errorOf, program, self } from "../helpers.ts";
import type { Operation, Scene } from "./operations.ts";
import { operations } from "./operations.ts";

/** Turns after which whatever can end by itself has ended. */
const SETTLED = 8;

/** When those of the operations end whom nothing but time lets end. */
const DEADLINE = 10;

function* turns(count: number): Coroutine<void> {
  for (; count > 0; count--) yield;
}

/** One cancellation: the task, what stands behind it, and what has happened so far. */
class Stage {
  readonly #scene: Scene;
  readonly #operation: Operation;
  readonly #loop: VirtualEventLoop;
  #first: Task<unknown> | null = null;
  #next: Task<unknown> | null = null;
  #requests = 0;
  #isComplete = false;

  constructor(loop: VirtualEventLoop, operation: Operation, scene: Scene) {
    this.#loop = loop;
    this.#operation = operation;
    this.#scene = scene;
  }

  start(isOwn = false): void {
    const { begin, next } = this.#scene;
    if (isOwn) this.#requests += 1;
    this.#first = createTask(
      (function* () {
        if (isOwn) self().cancel("stop");
        return yield* begin();
      })(),
    );
    if (next !== undefined) this.#next = createTask(next.begin());
  }

  /** To where it waits, for what it is to wait for. */
  *arrive(): Coroutine<void> {
    yield* turns(SETTLED);
    if (this.#scene.arrange !== undefined) yield* this.#scene.arrange();
  }

  /** At the time at which the operation ends by itself. */
  cancelLater(): void {
    this.#loop.callAt(DEADLINE, () => this.cancel());
  }

  cancel(): void {
    const first = this.#first as Task<unknown>;
    const isAccepted = !first.done();
    expect(first.cancel("stop")).toBe(isAccepted);
    if (isAccepted) this.#requests += 1;
  }

  *complete(): Coroutine<void> {
    this.#isComplete = true;
    if (this.#scene.complete !== undefined) yield* this.#scene.complete();
  }

  /** What must hold in the end, whatever the moment was. */
  *check(): Coroutine<void> {
    const { next, left } = this.#scene;
    const first = this.#first as Task<unknown>;
    yield* turns(SETTLED);
    if (this.#requests > 0 && this.#operation.lingers !== true) expect(first.done()).toBe(true);
    if (!this.#isComplete) yield* this.complete();
    yield* turns(SETTLED);
    if (this.#requests > 0) {
      const error = yield* errorOf(first);
      expect(error).toBeInstanceOf(CancelledError);
      // Of two requests for one cancellation the first gives the message, and a timer gives none. [S102]
      if (this.#loop.time() === 0) expect((error as CancelledError).msg).toBe("stop");
      expect([first.cancelled(), first.cancelling()]).toEqual([true, this.#requests]);
    } else {
      // It was faster: then it has what was there, and the next one gets what comes next.
      expect(endOf(first)).toMatch(/^(result|exception (BrokenBarrierError|QueueShutDown))/);
      expect(first.cancelling()).toBe(0);
      if (this.#next?.done() === false) yield* this.complete();
    }
    if (this.#next !== null) expect(yield* this.#next).toEqual(next?.value);
    yield* turns(SETTLED);
    if (left !== undefined) expect(left.see()).toEqual(left.is);
    expect([...allTasks()].map(String)).toEqual([String(currentTask())]);
    const timers = [...this.#loop._scheduled].filter((timer) => !timer.cancelled());
    if (this.#operation.goesOn !== true) expect(timers).toHaveLength(0);
    expect([0, DEADLINE]).toContain(this.#loop.time()); // it waited for nothing else
  }
}

type Moment = [when: string, holds: string, play: (stage: Stage) => Coroutine<void>];

const atAnyTime: Moment[] = [
  [
    "before it starts",
    "S101",
    function* (stage) {
      stage.start();
      stage.cancel();
    },
  ],
  [
    "by itself, before it waits",
    "S104 S88",
    function* (stage) {
      stage.start(true);
    },
  ],
];

const whileItWaits: Moment[] = [
  [
    "a turn after it has begun",
    "S99",
    function* (stage) {
      stage.start();
      yield;
      stage.cancel();
    },
  ],
  [
    "while it waits",
    "S99",
    function* (stage) {
      stage.start();
      yield* stage.arrive();
      stage.cancel();
    },
  ],
  [
    "twice, while it waits",
    "S105",
    function* (stage) {
      stage.start();
      yield* stage.arrive();
      stage.cancel();
      stage.cancel();
    },
  ],
];

const asItEnds: Moment[] = [
  [
    "in the turn in which it completes, before the completing call",
    "S110",
    function* (stage) {
      stage.start();
      yield* stage.arrive();
      stage.cancel();
      yield* stage.complete();
    },
  ],
  [
    "in the turn in which it completes, after the completing call",
    "S110",
    function* (stage) {
      stage.start();
      yield* stage.arrive();
      yield* stage.complete();
      stage.cancel();
    },
  ],
  ...[1, 2, 3, 4].map(
    (count): Moment => [
      `${count} turns after the completing call`,
      "S110",
      function* (stage) {
        stage.start();
        yield* stage.arrive();
        yield* stage.complete();
        yield* turns(count);
        stage.cancel();
      },
    ],
  ),
];

/** Its time comes in the turn in which it is cancelled. */
const asItsTimeComes: Moment[] = (["before", "after"] as const).map((order) => [
  `in the turn in which its time comes, ${order} the timer`,
  "S110",
  function* (stage) {
    if (order === "before") stage.cancelLater();
    stage.start();
    yield* stage.arrive();
    if (order === "after") stage.cancelLater();
    yield* sleep(DEADLINE);
  },
]);

function momentsOf({ endsBy }: Operation): Moment[] {
  if (endsBy === "itself") return atAnyTime;
  if (endsBy === "nothing") return [...atAnyTime, ...whileItWaits];
  return [...atAnyTime, ...whileItWaits, ...(endsBy === "time" ? asItsTimeComes : asItEnds)];
}

const cases = operations.flatMap((operation) =>
  momentsOf(operation).map(([when, holds, play]): [string, Operation, Moment[2]] => {
    const semantics = [operation.holds, holds].filter(Boolean).join(" ");
    return [`${operation.name} cancelled ${when} [${semantics}]`, operation, play];
  }),
);

describe("nothing is lost, nothing is held, the next one is served", () => {
  test.each(cases)("%s", (_title, operation, play) => {
    program(function* (loop) {
      const stage = new Stage(loop, operation, yield* operation.scene(loop));
      yield* play(stage);
      yield* stage.check();
    });
  });
});

/** On the host loop, with the host's own promises: they come true between turns. */
const overPromises: [name: string, begin: (promise: Promise<string>) => Coroutine<unknown>][] = [
  [
    "wrapFuture(promise)",
    function* (promise) {
      return yield* wrapFuture(promise);
    },
  ],
  ["abortable()", (promise) => abortable(() => promise)],
  ["waitFor(promise, null)", (promise) => waitFor(promise, null)],
  [
    "gather([promise])",
    function* (promise) {
      return yield* gather([promise]);
    },
  ],
  [
    "asyncFor() over an async generator",
    (promise) =>
      asyncFor(
        (async function* () {
          yield await promise;
        })(),
        function* () {},
      ),
  ],
];
const hostMoments = [
  "before it starts",
  "while it waits",
  "in the turn in which the promise comes true",
] as const;

describe("on the host loop", () => {
  test.each(
    overPromises.flatMap(([name, begin]) => hostMoments.map((moment) => [name, moment, begin] as const)),
  )("%s cancelled %s: ended at once, nothing is left, nothing is reported", async (_name, moment, begin) => {
    const reports: string[] = [];
    await run(
      (function* () {
        getRunningLoop().setExceptionHandler((_loop, { message }) => void reports.push(message));
        let resolve: (value: string) => void = () => {};
        const promise = new Promise<string>((fulfil) => {
          resolve = fulfil;
        });
        const task = createTask(begin(promise));
        if (moment !== "before it starts") yield* turns(3);
        if (moment === "in the turn in which the promise comes true") resolve("done");
        task.cancel();
        yield* turns(5);
        expect([task.cancelled(), task.cancelling()]).toEqual([true, 1]);
        resolve("too late");
        yield* wrapFuture(promise);
        yield* turns(3);
        expect(allTasks().size).toBe(1);
      })(),
    );
    expect(reports).toEqual([]);
  });
});
