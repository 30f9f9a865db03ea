/** Matchers for loops under control. Nothing is registered by an import: `expect.extend(simMatchers)`, best in a set-up file. */
import { DeadlockError } from "@aioloop/loop";
import { describeSubject } from "@aioloop/loop/kernel";
import { Task } from "@aioloop/tasks";
import type { Body } from "../body-run.ts";
import { runBody } from "../body-run.ts";
import { FIRST } from "../choices.ts";
import { labelOf } from "../labels.ts";
import { SimLoop } from "../sim-loop.ts";

/** What vitest takes for the answer of a matcher. */
export interface MatcherResult {
  readonly pass: boolean;
  readonly message: () => string;
}

/** What `expect(…)` gains by `simMatchers`. */
export interface SimMatchers {
  /**
   * Of a task: it waits for this lock, queue, event, future or task, or what else was given to `createFuture(subject)`; without an
   * argument, for anything. What is woken, and only has not run yet, is not blocked.
   */
  toBeBlockedOn(subject?: unknown): void;
  /** Of a body as for `simTest`: run on a loop of its own, it ends in a DeadlockError. Any other error is thrown as it is. */
  toDeadlock(): void;
  /** Of a SimLoop: nothing is left to do in this instant. */
  toBeIdle(): void;
}

/** For `expect.extend(simMatchers)`. */
export const simMatchers: {
  readonly toBeBlockedOn: (received: unknown, ...subjects: readonly unknown[]) => MatcherResult;
  readonly toDeadlock: (received: unknown) => MatcherResult;
  readonly toBeIdle: (received: unknown) => MatcherResult;
} = {
  toBeBlockedOn(received, ...subjects) {
    if (!(received instanceof Task)) throw misused("toBeBlockedOn", "a task", received);
    const waiter = received.done() ? null : received._waiter;
    const isBlocked = waiter !== null && !waiter.done();
    const subject = subjects[0];
    const pass = isBlocked && (subjects.length === 0 || waiter === subject || waiter._subject === subject);
    const on = subjects.length === 0 ? "" : ` on ${describeSubject(subject)}`;
    const found = isBlocked ? `waits for ${received._waitsFor()}` : stateOf(received);
    return {
      pass,
      message: () => `expected ${received.getName()} ${not(pass)}to be blocked${on}: it ${found}`,
    };
  },

  toDeadlock(received) {
    if (typeof received !== "function") throw misused("toDeadlock", "a body: function* (sim) {…}", received);
    const { failure } = runBody(received as Body, FIRST, { fidelity: "env", seed: 1 });
    const pass = failure !== null && failure.error instanceof DeadlockError;
    if (failure !== null && !pass) throw failure.error;
    const found = pass ? `: ${(failure.error as DeadlockError).message}` : ", but it ran to its end";
    return { pass, message: () => `expected ${received.name || "the body"} ${not(pass)}to deadlock${found}` };
  },

  toBeIdle(received) {
    if (!(received instanceof SimLoop)) throw misused("toBeIdle", "a SimLoop", received);
    const { ready, timers, nextDeadline } = received.peek();
    const due = timers.filter((timer) => timer.when() <= received.time());
    const pass = ready.length === 0 && (nextDeadline === null || nextDeadline > received.time());
    const labels = [...ready, ...due].map(labelOf);
    const left = labels.length === 0 ? "something from outside is due" : `${labels.join(", ")} still to run`;
    const found = pass ? "nothing is left to run" : left;
    return {
      pass,
      message: () => `expected the loop ${not(pass)}to be idle at ${received.time()} s: ${found}`,
    };
  },
};

function not(pass: boolean): string {
  return pass ? "not " : "";
}

function stateOf(task: Task<unknown>): string {
  if (task.cancelled()) return "was cancelled";
  return task.done() ? "is done" : "is ready to run";
}

function misused(matcher: string, expected: string, received: unknown): TypeError {
  return new TypeError(`${matcher}() is for ${expected}, got ${describeSubject(received)}`);
}
