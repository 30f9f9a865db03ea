/** Tests on a loop under control, for vitest: one run, or many schedules. */
import { basename } from "node:path";
import type { TestContext, TestOptions } from "vitest";
import type { RunSettings } from "../body-run.ts";
import { runBody } from "../body-run.ts";
import { FIRST } from "../choices.ts";
import type { ExploreOptions } from "../explore.ts";
import { explore } from "../explore.ts";
import { realNow } from "../guards.ts";
import { REPLAY_VARIABLE, tokenToReplay } from "../replay-variable.ts";
import type { Strategy } from "../strategies/strategy.ts";
import { commandFor, shellHere } from "./command.ts";
import { foundBy, noteOn } from "./message.ts";
import type { SimTest } from "./registration.ts";
import { testsBy } from "./registration.ts";

/** What `simTest` takes beside vitest's own options (timeout, retry, tags, …). */
export type SimTestOptions = Partial<Omit<RunSettings, "fidelity" | "eager">> & TestOptions;

/** What `exploreTest` takes beside vitest's own options. */
export interface ExploreTestOptions extends Omit<ExploreOptions, "name" | "strategy">, TestOptions {
  /** Makes a strategy, for each run of the test a new one. Default: a portfolio, with `seed`. */
  strategy?: (() => Strategy) | undefined;
  /** Seconds of real time at most, after which the test passes. Default: no limit but the test's timeout, at which it fails. */
  seconds?: number | undefined;
}

/** One run on a fresh SimLoop, in the order in which things happen if nobody chooses. */
export const simTest: SimTest<SimTestOptions> = testsBy("simTest", (body, options: SimTestOptions) => {
  const { failure } = runBody(body, FIRST, { ...options, fidelity: "env", seed: options.seed ?? 1 });
  return failure === null ? null : { error: failure.error, note: "" };
});

/**
 * Many schedules, each on a fresh SimLoop. The first that fails, reduced to the fewest deviations, fails the test, with the command that
 * runs it again: with its token in AIOLOOP_REPLAY this test runs that schedule alone, and no other test takes any notice.
 */
export const exploreTest: SimTest<ExploreTestOptions> = testsBy(
  "exploreTest",
  (body, { strategy, ...options }: ExploreTestOptions, { task }) => {
    const name = `${basename(task.file.filepath)} ${fullNameOf(task)}`;
    const timeout = task.timeout > 0 ? task.timeout / 1000 : Number.POSITIVE_INFINITY;
    const begin = realNow();
    const exploration = explore(body, { seconds: timeout, ...options, name, strategy: strategy?.() });
    const { failure, runs } = exploration;
    if (failure !== null) {
      const isReplayed = tokenToReplay(name) !== null;
      const found = isReplayed ? `The schedule of ${REPLAY_VARIABLE}` : foundBy(exploration);
      return { error: failure.error, note: noteOn(failure, found, replayOf(task, failure.token)) };
    }
    if ((realNow() - begin) / 1000 < timeout) return null;
    const limit = `${task.timeout} ms`;
    throw new Error(
      `the test's time is over after ${runs} schedules: give it a longer { timeout } than ${limit}, or fewer { runs }`,
    );
  },
);

function replayOf(task: TestContext["task"], token: string): string {
  const { filepath: path, name, projectName } = task.file;
  const root = path.endsWith(`/${name}`) ? path.slice(0, -name.length - 1) : process.cwd();
  const project = projectName === "" ? undefined : projectName;
  return commandFor({ token, fullName: fullNameOf(task), path, root, project }, shellHere());
}

/** As `-t` sees it. */
function fullNameOf({ name, suite }: Pick<TestContext["task"], "name" | "suite">): string {
  return suite === undefined ? name : `${fullNameOf(suite)} ${name}`;
}
