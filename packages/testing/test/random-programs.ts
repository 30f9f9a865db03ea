// Small random programs, each a function of its seed, that fail where something happens in another order than if nobody chooses: for
// tokens by the thousand. What a program throws tells all that has happened in it, so that "fails in the same way" says much.
import type { Coroutine } from "@aioloop/loop";
import { isCancelled } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import { asyncWith, Event, gather, Lock, Queue, Semaphore, sleep, waitFor } from "@aioloop/tasks";
import type { Body, Fidelity } from "@aioloop/testing";
import { explore, replay, SimLoop } from "@aioloop/testing";

/** Numbers from 0 up to `end`, a function of the seed. */
function dice(seed: number): (end: number) => number {
  let state = (seed * 7919 + 1) % 2147483647;
  return (end) => {
    for (let i = 0; i < 3; i++) state = (state * 48271) % 2147483647; // below 2 ** 53
    return state % end;
  };
}

type Operation = keyof Omit<Play, "log" | "run">;

const OPERATIONS: readonly Operation[] = [
  "sleep",
  "sleep",
  "giveWay",
  "lock",
  "semaphore",
  "put",
  "get",
  "set",
  "wait",
  "cancel",
  "timer",
  "choose",
  "draw",
  "fault",
];

/** Without what breaks most programs at "env" already. */
const QUIET = OPERATIONS.slice(0, OPERATIONS.indexOf("timer"));

interface Step {
  readonly operation: Operation;
  readonly number: number;
}

function scriptsOf(seed: number): Step[][] {
  const roll = dice(seed);
  const isQuiet = seed % 2 === 1;
  const operations = isQuiet ? QUIET : OPERATIONS;
  const step = (): Step => ({
    operation: operations[roll(operations.length)] as Operation,
    number: isQuiet ? roll(2) * 0.7 ** roll(9) : roll(3),
  });
  return Array.from({ length: 2 + roll(3) }, () => Array.from({ length: 2 + roll(5) }, step));
}

/** Carries out scripts, each in a task of its own. */
class Play {
  readonly log: string[] = [];
  readonly #sim: SimLoop;
  readonly #lock = new Lock();
  readonly #semaphore = new Semaphore(2);
  readonly #queue = new Queue<number>(2);
  readonly #event = new Event();
  readonly #tasks: Task<void>[] = [];

  constructor(sim: SimLoop) {
    this.#sim = sim;
  }

  *run(scripts: readonly Step[][]): Coroutine<void> {
    for (const [who, script] of scripts.entries())
      this.#tasks.push(this.#sim.createTask(this.#carryOut(who, script)));
    yield* gather(this.#tasks, { returnExceptions: true }); // who is cancelled before its first step ends cancelled
  }

  *#carryOut(who: number, script: readonly Step[]): Coroutine<void> {
    for (const { operation, number } of script) {
      try {
        const seen = yield* this[operation](number);
        this.log.push(`${who} ${operation} ${number}${seen === undefined ? "" : ` ${seen}`}`);
      } catch (error) {
        if (isCancelled(error)) this.#tasks[who]?.uncancel();
        this.log.push(`${who} ${operation} ${error instanceof Error ? error.name : error}`);
      }
    }
  }

  *sleep(seconds: number): Coroutine<void> {
    yield* sleep(seconds);
  }

  *giveWay(times: number): Coroutine<void> {
    for (let i = 0; i < times; i++) yield;
  }

  *lock(seconds: number): Coroutine<void> {
    yield* asyncWith(this.#lock, () => sleep(seconds));
  }

  *semaphore(seconds: number): Coroutine<void> {
    yield* asyncWith(this.#semaphore, () => sleep(seconds));
  }

  *put(item: number): Coroutine<void> {
    yield* waitFor(this.#queue.put(item), 3);
  }

  *get(seconds: number): Coroutine<number> {
    return yield* waitFor(this.#queue.get(), seconds);
  }

  *set(): Coroutine<void> {
    if (this.#event.isSet()) this.#event.clear();
    else this.#event.set();
  }

  *wait(seconds: number): Coroutine<void> {
    yield* waitFor(this.#event.wait(), seconds);
  }

  *timer(seconds: number): Coroutine<void> {
    this.#sim.callLater(seconds, () => void this.log.push("timer"));
  }

  *cancel(who: number): Coroutine<boolean | undefined> {
    return this.#tasks[Math.ceil(who)]?.cancel();
  }

  *choose(number: number): Coroutine<number> {
    return this.#sim.choose([number, 7, 8]);
  }

  *draw(): Coroutine<number> {
    return this.#sim.random();
  }

  *fault(): Coroutine<boolean> {
    return this.#sim.fault();
  }
}

/** All that happens in the program of a seed if nobody chooses, but for what it draws. */
function usual(seed: number): string {
  const sim = new SimLoop();
  const play = new Play(sim);
  sim.runUntilComplete(play.run(scriptsOf(seed)));
  sim.close();
  return shown(play);
}

function shown({ log }: Play): string {
  return log.map((line) => line.replace(/(draw \d).*/, "$1")).join("; ");
}

/** Throws an error of one of several kinds, or what is no error, if anything happens in another order. */
export function programOf(seed: number): Body {
  const [scripts, expected] = [scriptsOf(seed), usual(seed)];
  return function* (sim) {
    const play = new Play(sim);
    yield* play.run(scripts);
    if (shown(play) === expected) return;
    const text = play.log.join("; ");
    if (seed % 5 === 0) throw text;
    if (seed % 5 === 1) sim.callSoon(() => fail(new RangeError(text)));
    else throw new Error(text);
  };
}

function fail(error: unknown): never {
  throw error;
}

export interface Found {
  readonly seed: number;
  readonly fidelity: Fidelity;
  readonly token: string;
  /** How it fails. */
  readonly outcome: string;
}

/** Without eager starts, which break most programs by themselves, more is needed. */
export function optionsOf(seed: number): { eager: boolean } {
  return { eager: seed % 4 === 0 };
}

/** A failure of the program of a seed; null if none of some schedules fails. */
export function findFailure(seed: number): Found | null {
  const fidelity = (["env", "tasks", "adversarial"] as const)[seed % 3] as Fidelity;
  const { failure } = explore(programOf(seed), { ...optionsOf(seed), fidelity, runs: 60, seed });
  return failure && { seed, fidelity, token: failure.token, outcome: outcomeOf(failure.error) };
}

/** The first failures from a seed on. */
export function findFailures(count: number, first = 1): Found[] {
  const found: Found[] = [];
  for (let seed = first; found.length < count; seed++) {
    const failure = findFailure(seed);
    if (failure !== null) found.push(failure);
  }
  return found;
}

/** How the program of a seed fails with a token. */
export function replayed({ seed, token }: Pick<Found, "seed" | "token">): string {
  try {
    replay(programOf(seed), token, optionsOf(seed));
  } catch (error) {
    return outcomeOf(error);
  }
  return "it does not fail";
}

export function outcomeOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : `${typeof error}: ${error}`;
}
