// Five jobs in three child processes, and three ways to ask for what becomes of them, none of which needs a loop. Look at what blocks:
// `done()` never does, `result()` until the job has ended, `result(seconds)` for at most so long. A TimeoutError says that
// somebody did not want to wait any longer; the job knows nothing of it, and its result can be asked for again.
import { executors, TimeoutError } from "aioloop";

/** Work that takes so many seconds. Goes to the processes by its source. */
function work(seconds: number) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
  return `the job of ${seconds} s`;
}

using pool = new executors.ProcessPoolExecutor(3);
const jobs = [0, 1, 2, 3, 4].map((seconds) => pool.submit(work, seconds));
const [first, , third, fourth, last] = jobs;
console.log("done, at once:", ...jobs.map((job) => job.done()));

console.log("result:", first?.result());
console.log("result:", third?.result());
console.log("done, after two seconds:", ...jobs.map((job) => job.done()));

try {
  last?.result(0.5);
} catch (error) {
  if (!(error instanceof TimeoutError)) throw error;
  console.log("no result within half a second; it goes on:", last?.running());
}
console.log("result:", fourth?.result());
console.log("result:", last?.result());
console.log("done, in the end:", ...jobs.map((job) => job.done()));
