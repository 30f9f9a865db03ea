// Lock, Semaphore and BoundedSemaphore against a count: never more holders than places, nobody sleeps while a place is free, first
// come, first served, and no cancellation takes a place away or makes one.
import type { Coroutine } from "@aioloop/loop";
import { BoundedSemaphore, Lock, Semaphore } from "@aioloop/tasks";
import fc from "fast-check";
import { expect, test } from "vitest";
import { thrownBy } from "../helpers.ts";
import type { Actor } from "./harness.ts";
import { play, runs, scripts } from "./harness.ts";

type Step = ["acquire" | "release" | "add"] | ["hold", seconds: number];

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>(["acquire"]) },
  { weight: 3, arbitrary: fc.constant<Step>(["release"]) },
  { weight: 2, arbitrary: fc.nat(2).map<Step>((seconds) => ["hold", seconds]) },
);
const growing = fc.oneof(
  { weight: 9, arbitrary: steps },
  { weight: 1, arbitrary: fc.constant<Step>(["add"]) },
);

interface Acquirable {
  acquire(): Coroutine<true>;
  release(): void;
  locked(): boolean;
}

const kinds: [
  name: string,
  steps: fc.Arbitrary<Step>,
  places: fc.Arbitrary<number>,
  make: (places: number) => Acquirable,
][] = [
  ["Lock", steps, fc.constant(1), () => new Lock()],
  ["Semaphore", growing, fc.nat(3), (places) => new Semaphore(places)],
  ["BoundedSemaphore", steps, fc.integer({ min: 1, max: 3 }), (places) => new BoundedSemaphore(places)],
];

test.each(kinds)(
  "%s that several tasks hold, wait for and are cancelled at: no place too many, none lost, served in order [S183 S184 S195 S197 S198]",
  (name, step, places, make) => {
    fc.assert(
      fc.property(places, scripts(step), (begin, programs) => {
        const thing = make(begin);
        let total = begin;
        const holders: Actor[] = [];
        const line: Actor[] = [];

        function* acquire(who: Actor): Coroutine<void> {
          line.push(who);
          try {
            expect(yield* thing.acquire()).toBe(true);
            // Those before it have been cancelled, and are about to leave.
            expect(line.slice(0, line.indexOf(who)).every(({ isCancelled }) => isCancelled)).toBe(true);
            holders.push(who);
            expect(holders.length).toBeLessThanOrEqual(total);
          } finally {
            line.splice(line.indexOf(who), 1);
          }
        }
        const release = (who: Actor) => {
          holders.splice(holders.indexOf(who), 1);
          thing.release();
        };

        play<Step>(
          programs,
          function* ([kind], who) {
            const isHolder = holders.includes(who);
            if (kind === "acquire" && !isHolder) yield* acquire(who);
            else if (kind === "release" && isHolder) release(who);
            else if (kind === "add") {
              total += 1;
              thing.release();
            } else if (kind === "hold" && !isHolder) {
              yield* acquire(who);
              try {
                yield;
              } finally {
                release(who);
              }
            }
          },
          (isIdle) => {
            if (!isIdle) return;
            const isFree = holders.length < total;
            expect(thing.locked()).toBe(!isFree);
            if (isFree) expect(line).toEqual([]);
            expect(String(thing).match(/waiters:(\d+)/)?.[1] ?? "0").toBe(String(line.length));
          },
        );
        for (const who of [...holders]) release(who);
        const state = total === 0 ? "locked" : `unlocked${name === "Lock" ? "" : `, value:${total}`}`;
        expect(String(thing)).toBe(`<${name} [${state}]>`);
        if (name !== "Semaphore") expect(thrownBy(() => thing.release())).toBeInstanceOf(Error);
      }),
      runs,
    );
  },
);
