// No false alarm: random programs, as the conformance tests draw them, deadlock in a SimLoop exactly where they do in the virtual loop. A
// circle that findDeadlocks() shows is looked for after every step, and stays until somebody outside of it breaks it: a task that
// cancels one of its tasks or waits for one with a time limit, or `run()` at its end.
import type { DeadlockError, Future, Handle, WaitCircle, WaitGraph } from "@aioloop/loop";
import type { Waitable } from "@aioloop/loop/kernel";
import type { Task } from "@aioloop/tasks";
import { SimLoop } from "@aioloop/testing";
import type { VirtualEventLoop } from "aioloop";
import { expect, test } from "vitest";
import { firstDifference } from "../../../conformance/src/corpus.ts";
import { batches } from "../../../conformance/src/draw-arguments.ts";
import type { Program } from "../../../conformance/src/program.ts";
import { Reference } from "../../../conformance/src/reference.ts";
import { runProgram } from "../../../conformance/src/run.ts";

const KINDS = ["general", "core", "contended", "runs"];
const COUNT = process.env.AIOLOOP_SOAK === "1" ? 25_000 : 500;

/** Others each time; AIOLOOP_SEED replays those of a run that failed. */
const seed = Number(process.env.AIOLOOP_SEED ?? Math.floor(Date.now() / 1000));

/** A task in a circle. */
interface Member {
  readonly task: Task<unknown>;
  readonly waiter: Future<unknown> | null;
  readonly requests: number;
}

/** Looks for circles after every step. */
class Watched extends SimLoop {
  /** How many circles there were. */
  seen = 0;
  /** What is wrong. */
  readonly wrong: string[] = [];
  hasDeadlocked = false;
  #circles: readonly { readonly circle: WaitCircle; readonly members: readonly Member[] }[] = [];
  /** What was changed in this step. */
  readonly #changed: Set<unknown> = new Set();
  #isTimeout = false;

  constructor() {
    super();
    this.addInstrument({
      access: (object, kind) => void (kind === "write" && this.#changed.add(object)),
      handleBefore: (handle) => {
        this.#isTimeout = false;
        // What `run()` has cancelled between two runs is broken already.
        this.#circles = this.#circles.filter(({ circle, members }) => !this.#isBroken(circle, members));
        this.#isTimeout = isDeadline(handle);
      },
    });
  }

  protected override afterStep(): void {
    super.afterStep();
    const circles = this.findDeadlocks();
    for (const { circle, members } of this.#circles) {
      if (circles.some((one) => isSame(one, circle)) || this.#isBroken(circle, members)) continue;
      // A circle that a time limit will break is none: somebody with a limit may have come to wait for one of its tasks. Nor is one of which
      // somebody will be told that a future is done. And of circles that have tasks in common not all are shown.
      const isInDoubt = isTold(connectedTo(circle, this.waitGraph()), this.#told());
      const isInOther = circles.some((one) => sharesTask(one, circle));
      if ((isInDoubt || isInOther) && members.every(isWhereItWas)) continue;
      this.wrong.push(`a circle is gone by itself: ${circle}`);
    }
    this.seen += circles.filter((one) => !this.#circles.some(({ circle }) => isSame(one, circle))).length;
    this.#circles = circles.map((circle) => ({ circle, members: membersOf(circle) }));
    this.#changed.clear();
  }

  /** The arguments of time limits and of what is ready. */
  #told(): Set<unknown> {
    const { ready } = this.peek();
    const handles = [...[...this._scheduled].filter(isDeadline), ...ready];
    return new Set(handles.flatMap((handle) => handle._allArgs()));
  }

  /** Its tasks take no step, so it was somebody else who cancelled one of them, or released what it holds; but no timeout. */
  #isBroken({ edges }: WaitCircle, members: readonly Member[]): boolean {
    if (this.#isTimeout) return false;
    if (edges.some(({ kind, from }) => kind === "held by" && this.#changed.has(from.object))) return true;
    return members.some(({ task, waiter, requests }) => task.cancelling() > requests || waiter?.cancelled());
  }

  override _deadlock(): DeadlockError {
    const error = super._deadlock();
    this.hasDeadlocked = true;
    const { nodes, edges } = error.graph;
    for (const node of nodes.slice(0, this._unfinishedTasks().length)) {
      const waits = edges.filter(({ from }) => from === node);
      if (node.state !== "waiting" || waits.length !== 1)
        this.wrong.push(`${node.label} does not wait, in ${error}`);
    }
    return error;
  }
}

/** Of `timeout()` and `waitFor()`. */
function isDeadline(handle: Handle): boolean {
  return handle._name() === "onTimeout";
}

/** The objects that a circle's tasks wait for or are waited for by, directly or through others; a group waits for its tasks. */
function connectedTo(circle: WaitCircle, { nodes, edges }: WaitGraph): Set<unknown> {
  const next = new Map<unknown, unknown[]>(nodes.map(({ object }) => [object, []]));
  const connect = (one: unknown, other: unknown) => {
    next.get(one)?.push(other);
    next.get(other)?.push(one);
  };
  for (const { from, to } of edges) connect(from.object, to.object);
  for (const { kind, object } of nodes) {
    if (kind === "task") for (const parent of (object as Task<unknown>)._awaiters()) connect(object, parent);
  }
  const connected = new Set(circle.tasks.map(({ object }) => object));
  for (const one of connected) for (const other of next.get(one) ?? []) connected.add(other); // the loop comes to it
  return connected;
}

/** Whether a callback with one of these arguments is about one of the objects, or about what one of them needs. */
function isTold(objects: ReadonlySet<unknown>, args: ReadonlySet<unknown>): boolean {
  for (const object of objects) {
    if (args.has(object)) return true;
    const { _subject: subject } = object as Partial<Future<unknown>>;
    for (const one of [object, subject] as Partial<Waitable>[]) {
      if (one?._heldBy?.()?.by.some(({ future }) => args.has(future))) return true;
    }
  }
  return false;
}

function isWhereItWas({ task, waiter }: Member): boolean {
  return task._waiter === waiter && waiter?.done() === false;
}

function isSame(one: WaitCircle, other: WaitCircle): boolean {
  return (
    one.tasks.length === other.tasks.length &&
    one.tasks.every(({ object }, i) => object === other.tasks[i]?.object)
  );
}

function sharesTask(one: WaitCircle, other: WaitCircle): boolean {
  return one.tasks.some(({ object }) => other.tasks.some((node) => node.object === object));
}

function membersOf({ tasks }: WaitCircle): Member[] {
  return tasks.map(({ object }) => {
    const task = object as Task<unknown>;
    return { task, waiter: task._waiter, requests: task.cancelling() };
  });
}

/** Runs a program in both loops. */
function check(program: Program): {
  readonly wrong: string[];
  readonly deadlocks: number;
  readonly circles: number;
} {
  const loops: Watched[] = [];
  const newLoop = () => {
    const loop = new Watched();
    loops.push(loop);
    return loop as unknown as VirtualEventLoop;
  };
  const difference = firstDifference(runProgram(program), runProgram(program, { newLoop }));
  const wrong = loops.flatMap((loop) => loop.wrong);
  if (difference !== null) wrong.push(`another trace: ${JSON.stringify(difference)}`);
  return {
    wrong: wrong.map((text) => `${program.name}: ${text}`),
    deadlocks: loops.filter((loop) => loop.hasDeadlocked).length,
    circles: loops.reduce((sum, { seen }) => sum + seen, 0),
  };
}

test(`${KINDS.length * COUNT} random programs: SimLoop deadlocks where the virtual loop does; findDeadlocks() raises no false alarm`, async () => {
  const reference = await Reference.start();
  const wrong: string[] = [];
  let deadlocks = 0;
  let circles = 0;
  for (const kind of KINDS) {
    for (const part of batches({ kind, seed, count: COUNT })) {
      for (const { program } of reference.drawn(kind, part.seed, part.count)) {
        const seen = check(program);
        wrong.push(...seen.wrong);
        deadlocks += seen.deadlocks;
        circles += seen.circles;
      }
    }
  }
  console.log(`AIOLOOP_SEED=${seed}: ${deadlocks} deadlocks, ${circles} circles`);
  expect(wrong.join("\n")).toBe("");
  expect(Math.min(deadlocks, circles)).toBeGreaterThan(0);
});
