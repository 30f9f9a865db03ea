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
  /** Who wakes whom, from any of them round to it again; empty if they run in no fixed order. */
  readonly circle: readonly string[];

  /** `trail`: what ran last. */
  constructor(steps: number, time: number, trail: readonly string[]) {
    const circle = circleIn(trail);
    const who =
      circle.length > 0
        ? `they wake each other in a circle: ${[...circle, circle[0]].join(" → ")}`
        : `these run again and again: ${whoIn(trail)}`;
    super(`more than ${steps} steps at time ${time}, which stands still: ${who}`);
    this.circle = circle;
  }
}

/** What the end of a trail repeats, as short as possible; how it came into the circle does not matter. */
function circleIn(trail: readonly string[]): readonly string[] {
  const end = trail.slice(-Math.ceil(trail.length / 2));
  for (let length = 1; length <= end.length / 3; length++) {
    const isCircle = end.every((label, i) => i < length || label === end[i - length]);
    if (isCircle) return end.slice(end.length - length);
  }
  return [];
}

/** Most often first. */
function whoIn(trail: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const label of trail) counts.set(label, (counts.get(label) ?? 0) + 1);
  const names = [...counts].sort(([, a], [, b]) => b - a).map(([label]) => label);
  return names.slice(0, 5).join(", ") + (names.length > 5 ? ` and ${names.length - 5} more` : "");
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
