/** What vitest shows of a failure: the error itself, its diff and the line it came from, and below its text how to see it again. */
import type { Exploration, Failure } from "../explore.ts";
import { isOfProgram } from "../places.ts";
import type { Guarantee } from "../strategies/strategy.ts";

/** The schedule, how it was found, and the command that runs it again. */
export function noteOn({ report }: Failure, found: string, command: string): string {
  const lines = report.split("\n").map((line) => `  ${line}`);
  return [`${found}:`, ...lines, "", "To run this schedule again:", `  ${command}`, ""].join("\n");
}

/** How a failure was found. */
export function foundBy({ runs, guarantee, failure }: Exploration): string {
  const fidelity = failure === null ? "" : `, fidelity "${failure.schedule.fidelity}"`;
  return `Found in run ${runs} (${wordsOf(guarantee)}${fidelity})`;
}

function wordsOf(guarantee: Guarantee): string {
  const { kind, schedules } = guarantee;
  if (kind === "sampled") return `${counted(schedules, "schedule")} sampled`;
  const all = `all of ${counted(schedules, "schedule")}`;
  return kind === "exhaustive" ? all : `${all} with up to ${counted(guarantee.delays, "deviation")}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/**
 * A failure as vitest is to get it: of the same class and with the same properties, so that it is shown in the same way, with a note below
 * its text, and of its stack what belongs to the program. Where nothing does (a deadlock), the place of the test. The error itself, which
 * may be thrown again, stays as it is.
 */
export function presented(error: unknown, note: string, place: Error): unknown {
  if (error instanceof AggregateError && error.errors.length > 0) {
    const errors: unknown[] = [...error.errors]; // vitest shows them, one by one, and not what holds them
    const last = errors.pop();
    const shown = [...errors.map((one) => presented(one, "", place)), presented(last, note, place)];
    return like(error, { errors: { value: shown, configurable: true, writable: true } });
  }
  const isError = error instanceof Error;
  const name = isError ? error.name : "Error";
  const text = isError ? error.message : `${show(error)} was thrown, which is no error`;
  const message = note === "" ? text : `${text}\n\n${note}`;
  const frames = framesOf(isError ? error.stack : undefined);
  const stack = [`${name}: ${message}`, ...(frames.length > 0 ? frames : placed(place))].join("\n");
  const shown = { name: hidden(name), message: hidden(message), stack: hidden(stack) };
  return like(isError ? error : new Error(text, { cause: error }), shown);
}

function like(error: Error, changes: PropertyDescriptorMap): Error {
  const properties = { ...Object.getOwnPropertyDescriptors(error), ...changes };
  return Object.create(Object.getPrototypeOf(error), properties) as Error;
}

function hidden(value: string): PropertyDescriptor {
  return { value, configurable: true, writable: true, enumerable: false };
}

/** From where it was thrown down to the last frame of the program: below that the loop's begin. */
function framesOf(stack: string | undefined): string[] {
  const lines = (stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return lines.slice(0, lines.findLastIndex(isOfProgram) + 1);
}

function placed(place: Error): string[] {
  return (place.stack ?? "").split("\n").filter(isOfProgram);
}

function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
