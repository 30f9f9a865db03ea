// What the examples of testing/ print of an exploration.
import type { Exploration, Guarantee } from "aioloop/testing";

/** What has failed and how to have it again, or what has been shown. */
export function tell(title: string, { failure, guarantee, runs }: Exploration) {
  if (failure === null) {
    console.log(`${title}: passes, ${wordsFor(guarantee)}`);
    return;
  }
  console.log(`${title}: fails in run ${runs}`);
  for (const line of [...String(failure.error).split("\n"), ...failure.report.split("\n")]) {
    console.log(`  ${line}`);
  }
  console.log(`  token ${failure.token}`);
}

function wordsFor(guarantee: Guarantee) {
  const { kind, schedules } = guarantee;
  if (kind === "exhaustive") return `in all ${schedules} schedules that there are`;
  if (kind === "sampled") return `in ${schedules} schedules, of more`;
  return `in ${schedules} schedules, among them all with up to ${guarantee.delays} deviations`;
}

/** What a function throws, as a text. */
export function thrownBy(call: () => void) {
  try {
    call();
  } catch (error) {
    return String(error).split("\n", 1)[0];
  }
  return "nothing";
}
