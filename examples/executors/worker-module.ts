// Functions of a module in a worker. ../lib/sound.ts says which of its functions can be called there, and they may use all that the module
// has: imports, helpers, classes. Look at the buffer, which is moved there and back and never copied; at the error, which comes back as
// its class with what hangs on it; and at the two ways to get rid of a job that has begun: to ask it, or to stop its worker.
import { executors } from "aioloop";
import { amplify, listen, listenForEver, SilenceError } from "../lib/sound.ts";

const { CancelledError, ThreadPoolExecutor, wait } = executors;

function untilRunning(job: executors.Future<unknown>) {
  while (!job.running()) wait([job], { timeout: 0.01 });
}

using pool = new ThreadPoolExecutor(1);

console.log("- a buffer that is moved");
const samples = Float32Array.of(0, 0.25, -0.5, 0.125);
const amplified = pool.submit({ fn: amplify, transfer: [samples.buffer] }, samples);
console.log("here are left:", samples.length, "samples");
console.log("there came back:", amplified.result().join(" "));

console.log("- an error");
try {
  pool.submit(amplify, new Float32Array(3)).result();
} catch (error) {
  if (!(error instanceof SilenceError)) throw error;
  console.log(`${error.constructor.name}: ${error.message} (${error.samples} samples)`);
}

console.log("- a job that is asked to end");
const polite = pool.submit(listen);
untilRunning(polite);
console.log("cancelled:", polite.cancel(), "since it has begun");
console.log("result:", polite.result());

console.log("- a job whose worker is stopped");
const stubborn = pool.submit({ fn: listenForEver, cancel: "terminate" });
untilRunning(stubborn);
console.log("cancelled:", stubborn.cancel());
try {
  stubborn.result();
} catch (error) {
  if (!(error instanceof CancelledError)) throw error;
  console.log(error.name);
}
console.log(
  "another worker takes its place:",
  pool.submit(amplify, Float32Array.of(2, 1)).result().join(" "),
);
