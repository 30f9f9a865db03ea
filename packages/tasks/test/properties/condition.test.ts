// Condition against a list of sleepers: wait() ends only with the lock, each notify(n) wakes the n who have slept longest and nobody
// else, and what a cancelled waiter was woken for goes to the next.
import type { Coroutine } from "@aioloop/loop";
import { asyncWith, Condition, sleep } from "@aioloop/tasks";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Actor } from "./harness.ts";
import { play, runs, scripts } from "./harness.ts";

type Step =
  | ["wait", turns: number, seconds: number]
  | ["notify", n: number, turns: number]
  | ["notifyAll", turns: number];

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant("wait" as const), fc.nat(2), fc.nat(1)) },
  { weight: 3, arbitrary: fc.tuple(fc.constant("notify" as const), fc.nat(3), fc.nat(2)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("notifyAll" as const), fc.nat(2)) },
);

function* turns(count: number): Coroutine<void> {
  for (; count > 0; count--) yield;
}

test("Condition that several tasks wait at, notify and are cancelled at: woken are those who should be, and they hold the lock [S190 S191 S192]", () => {
  fc.assert(
    fc.property(scripts(steps), (programs) => {
      const condition = new Condition();
      let holder: Actor | null = null;
      const sleeping: Actor[] = [];
      const woken: Set<Actor> = new Set();

      const take = (who: Actor) => {
        expect(holder).toBe(null);
        expect(condition.locked()).toBe(true);
        holder = who;
      };
      /** The oldest ones who have not been cancelled: those are awake already. */
      const wake = (n: number) => {
        for (const who of sleeping.filter(({ isCancelled }) => !isCancelled).slice(0, n)) {
          sleeping.splice(sleeping.indexOf(who), 1);
          woken.add(who);
        }
      };

      function* wait(who: Actor): Coroutine<void> {
        holder = null;
        sleeping.push(who);
        try {
          expect(yield* condition.wait()).toBe(true);
          expect(woken.delete(who)).toBe(true);
          take(who);
        } catch (error) {
          // Cancelled: it has the lock all the same, and has woken another one.
          if (!woken.delete(who)) sleeping.splice(sleeping.indexOf(who), 1);
          take(who);
          wake(1);
          throw error;
        }
      }

      play<Step>(
        programs,
        (step, who) =>
          asyncWith(condition, function* () {
            take(who);
            try {
              if (step[0] === "wait") {
                yield* turns(step[1]);
                yield* wait(who);
                if (step[2] > 0) yield* sleep(step[2]);
              } else if (step[0] === "notify") {
                yield* turns(step[2]);
                condition.notify(step[1]);
                wake(step[1]);
                yield* turns(step[2]);
              } else {
                condition.notifyAll();
                wake(Number.POSITIVE_INFINITY);
                yield* turns(step[1]);
              }
            } finally {
              expect(holder).toBe(who);
              holder = null;
            }
          }),
        (isIdle) => {
          if (!isIdle || holder !== null) return;
          expect(woken.size).toBe(0);
          expect(String(condition)).toBe(
            `<Condition [unlocked${sleeping.length > 0 ? `, waiters:${sleeping.length}` : ""}]>`,
          );
        },
      );
      expect([holder, sleeping, woken.size]).toEqual([null, [], 0]);
      expect(String(condition)).toBe("<Condition [unlocked]>");
    }),
    runs,
  );
});
