/**
 * Tests on a loop under control, for vitest: `@aioloop/testing/vitest`. The only entry that needs vitest.
 *
 *      simTest(name, function* (sim) {…})                 one run
 *      exploreTest(name, { runs }, function* (sim) {…})   many schedules; a failure shows the smallest, and the command that runs it again
 *      expect.extend(simMatchers)                         toBeBlockedOn, toDeadlock, toBeIdle; nothing is registered by the import
 *
 * A body runs many times in one test: what counts or collects in vitest (`expect.assertions`, `expect.soft`, snapshots) does so over all runs.
 */
import type { SimMatchers } from "./vitest/matchers.ts";

export { type MatcherResult, type SimMatchers, simMatchers } from "./vitest/matchers.ts";
export type { CaseBody, CasesOf, SimTest } from "./vitest/registration.ts";
export { type ExploreTestOptions, exploreTest, type SimTestOptions, simTest } from "./vitest/sim-test.ts";

declare module "vitest" {
  interface Matchers<T> extends SimMatchers {}
}
