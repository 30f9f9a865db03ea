// What executors/worker-module.ts has done in a worker. Each function is exported under its own name, and `workerFunction` remembers where
// it stands: a worker imports this module and calls the export. Here it is an ordinary function still.
import { executors } from "aioloop";
import { block } from "./block.ts";

const { jobCancelled, registerErrors, transfer, workerFunction } = executors;

export class SilenceError extends Error {
  readonly samples: number;

  constructor(samples: number) {
    super("there is nothing to amplify");
    this.samples = samples;
  }
}
registerErrors(SilenceError);

/** Makes the loudest sample 1. The samples are moved back, not copied. */
export const amplify = workerFunction(import.meta.url, function amplify(samples: Float32Array) {
  const peak = loudest(samples);
  if (peak === 0) throw new SilenceError(samples.length);
  for (let i = 0; i < samples.length; i++) samples[i] = (samples[i] ?? 0) / peak;
  return transfer(samples, [samples.buffer]);
});

/** Listens until it is asked to stop, and says so. */
export const listen = workerFunction(import.meta.url, function listen() {
  while (!jobCancelled()) block(0.01);
  return "stopped listening, as it was asked to";
});

/** Listens for ever, and asks nobody. */
export const listenForEver = workerFunction(import.meta.url, function listenForEver() {
  for (;;) block(60);
});

function loudest(samples: Float32Array) {
  return samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
}
