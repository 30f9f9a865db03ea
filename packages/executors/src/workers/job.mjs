// The job that runs, as its function sees it: whether its cancellation was asked for. `jobCancelled` and `jobSignal` ask here, from
// whatever copy of the package the function imports.
const JOB = Symbol.for("aioloop.job");

let number = 0;
/** @type {AbortController | null} */
let controller = null;
/** @type {(number: number) => boolean} */
let isAsked = () => false;

/** @param {(number: number) => boolean} asked whether the cancellation of a job was asked for */
export function install(asked) {
  isAsked = asked;
  Object.defineProperty(globalThis, JOB, {
    value: {
      cancelled: () => number !== 0 && isAsked(number),
      signal() {
        controller ??= new AbortController();
        if (number !== 0 && isAsked(number)) controller.abort();
        return controller.signal;
      },
    },
  });
}

/** @param {number} next the number of the job that begins, 0 when it has ended */
export function enter(next) {
  number = next;
  controller = null;
}

/** A message asks for the cancellation of a job. @param {number} asked */
export function cancel(asked) {
  if (asked === number) controller?.abort();
}
