/** What ends a run under control. */
import { RuntimeError } from "@aioloop/loop";

/** Nothing is left to run, and what was waited for has not happened. */
export class IdleError extends RuntimeError {
  static {
    this.prototype.name = "IdleError";
  }
}

/** More handles ran than a run may take. */
export class StepLimitError extends RuntimeError {
  static {
    this.prototype.name = "StepLimitError";
  }

  constructor(maxSteps: number, time: number) {
    super(`more than ${maxSteps} steps, at time ${time}: give { maxSteps } if that is right`);
  }
}

/** The loop's clock has gone further than a run may last. */
export class TimeLimitError extends RuntimeError {
  static {
    this.prototype.name = "TimeLimitError";
  }

  constructor(maxTime: number) {
    super(`the time is over: a run lasts ${maxTime} seconds at most, give { maxTime } if that is wrong`);
  }
}

/** Tasks wake each other without end, and time stands still. */
export class LivelockError extends RuntimeError {
  static {
    this.prototype.name = "LivelockError";
  }
  /** Who wakes whom, from any of them round to it again; empty if there is no circle. */
  readonly circle: readonly string[];

  /** `trail`: what ran last. */
  constructor(steps: number, time: number, trail: readonly string[]) {
    const circle = circleIn(trail);
    const who =
      circle.length > 0
        ? `they wake each other in a circle: ${[...circle, circle[0]].join(" → ")}`
        : `the last of them: ${trail.slice(-5).join(", ")}`;
    super(`more than ${steps} steps at time ${time}, which stands still: ${who}`);
    this.circle = circle;
  }
}

/** What the end of a trail repeats, as short as possible. */
function circleIn(trail: readonly string[]): readonly string[] {
  for (let length = 1; length <= trail.length / 4; length++) {
    const isCircle = trail.every((label, i) => i < length || label === trail[i - length]);
    if (isCircle) return trail.slice(trail.length - length);
  }
  return [];
}

/** What had to hold does not. */
export class InvariantError extends RuntimeError {
  static {
    this.prototype.name = "InvariantError";
  }
  /** The name that it was given. */
  readonly invariant: string;

  constructor(invariant: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.invariant = invariant;
  }
}
