// Barrier: groups of exactly `parties`, each with all the numbers once; nobody waits where enough have come, or where it is broken; and
// however it was treated, it can be used again.
import { Barrier, BrokenBarrierError } from "@aioloop/tasks";
import fc from "fast-check";
import { expect, test } from "vitest";
import { play, runs, scripts } from "./harness.ts";

type Step = ["wait"] | ["reset"] | ["abort"];

const waiting: fc.Arbitrary<Step> = fc.constant<Step>(["wait"]);
const breaking: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: waiting },
  { weight: 1, arbitrary: fc.constantFrom<Step>(["reset"], ["abort"]) },
);
const someParties = fc.integer({ min: 1, max: 4 });

const upTo = (parties: number): number[] => Array.from({ length: parties }, (_, index) => index);

test("Barrier at which nobody is cancelled: they pass in groups of `parties`, each with the numbers 0 to parties - 1 [S200 S201]", () => {
  fc.assert(
    fc.property(someParties, scripts(waiting, { cancels: false }), (parties, programs) => {
      const barrier = new Barrier(parties);
      const passed: number[] = [];
      let [arrived, isEnding] = [0, false];
      play<Step>(
        programs,
        function* () {
          arrived += 1;
          try {
            passed.push(yield* barrier.wait());
          } catch (error) {
            isEnding = true; // those that are left over are cancelled in the end
            throw error;
          }
        },
        (isIdle) => {
          if (isEnding || !isIdle) return;
          expect(passed.length).toBe(arrived - (arrived % parties));
          expect(barrier.nWaiting).toBe(arrived % parties);
        },
      );
      for (let i = 0; i < passed.length; i += parties)
        expect(passed.slice(i, i + parties).sort()).toEqual(upTo(parties));
    }),
    runs,
  );
});

test("Barrier at which some are cancelled: nobody waits where enough have come, and it works on [S202]", () => {
  fc.assert(
    fc.property(someParties, scripts(waiting), (parties, programs) => {
      const barrier = new Barrier(parties);
      let inside = 0;
      play<Step>(
        programs,
        function* () {
          inside += 1;
          try {
            expect(upTo(parties)).toContain(yield* barrier.wait());
          } finally {
            inside -= 1;
          }
        },
        (isIdle) => {
          expect(barrier.nWaiting).toBeLessThan(parties);
          if (isIdle) expect([inside, inside < parties]).toEqual([barrier.nWaiting, true]);
        },
      );
      expect(barrier.nWaiting).toBe(0);
    }),
    runs,
  );
});

test("Barrier that is aborted and reset at any time: who waits is told, nobody waits at a broken one, reset() repairs it [S201 S203]", () => {
  fc.assert(
    fc.property(someParties, scripts(breaking), (parties, programs) => {
      const barrier = new Barrier(parties);
      let [isBroken, inside, breaks] = [false, 0, 0];
      play<Step>(
        programs,
        function* ([kind]) {
          if (kind === "wait") {
            const [wasBroken, before] = [isBroken, breaks];
            inside += 1;
            try {
              expect(upTo(parties)).toContain(yield* barrier.wait());
              expect(wasBroken).toBe(false);
            } catch (error) {
              if (!(error instanceof BrokenBarrierError)) throw error;
              expect(wasBroken || breaks > before).toBe(true);
            } finally {
              inside -= 1;
            }
          } else {
            yield* barrier[kind]();
            isBroken = kind === "abort";
            breaks += 1;
          }
        },
        (isIdle) => {
          expect(barrier.broken).toBe(isBroken);
          if (isIdle) expect([inside, isBroken && inside > 0]).toEqual([barrier.nWaiting, false]);
        },
      );
      expect([barrier.nWaiting, barrier.broken]).toEqual([0, isBroken]);
    }),
    runs,
  );
});
