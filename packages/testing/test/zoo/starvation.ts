// The most urgent job first, whatever else waits: the nightly report waits as long as there is anything urgent.
import type { Coroutine } from "@aioloop/loop";
import { gather, PriorityQueue, sleep } from "@aioloop/tasks";
import type { Animal } from "./animal.ts";
import { check } from "./animal.ts";

type Job = [priority: number, name: string];

const ROUNDS = 6;

/** `aging`: how much more urgent a job of each round is less than those of the round before. */
function* office(aging: number): Coroutine<void> {
  const jobs = new PriorityQueue<Job>();
  const done: string[] = [];
  function* clerk(): Coroutine<void> {
    for (let i = 0; i < ROUNDS; i++) {
      const [, name] = yield* jobs.get();
      done.push(name);
      yield* sleep(0);
    }
  }
  function* callers(): Coroutine<void> {
    for (let i = 0; i < ROUNDS; i++) {
      jobs.putNowait([i * aging, `call ${i}`]);
      yield* sleep(0);
    }
  }
  jobs.putNowait([2, "the report"]);
  yield* gather([clerk(), callers()]);
  check(done.includes("the report"), `the report starves: ${done.join()}`);
}

export const starvation: Animal = {
  name: "starvation by priority",
  fidelity: "tasks",
  says: /starves/,
  broken: () => office(0),
  fixed: () => office(1),
};
