// Five jobs in three child processes, and questions about all of them: which is first, who is finished, who is not? `wait` blocks until
// all are done, or one of them, or until its time is over, and gives two sets. Look at the order: the longest job is begun first, and
// the short ones follow one another beside it. What is pending after three seconds goes on, and `result` waits for it.
import { executors } from "aioloop";

const { FIRST_COMPLETED, ProcessPoolExecutor, wait } = executors;

/** Work that takes so many seconds. Goes to the processes by its source. */
function work(seconds: number) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
  return `the job of ${seconds} s`;
}

using pool = new ProcessPoolExecutor(3);
const jobs = [4, 0, 1, 2, 3].map((seconds) => pool.submit(work, seconds));

const { done: first } = wait(jobs, { returnWhen: FIRST_COMPLETED });
for (const job of first) console.log("first:", job.result());

const { done: finished, notDone: pending } = wait(jobs, { timeout: 3 });
for (const job of finished) console.log("finished:", job.result());
console.log(`${pending.size} are pending`);
for (const job of pending) console.log("waited for:", job.result());
