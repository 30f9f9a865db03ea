/** What the tests of TaskGroup share: they run with tasks that start in the next turn, and with eager ones. */
import type { Coroutine, TaskFactory } from "@aioloop/loop";
import { BaseExceptionGroup } from "@aioloop/loop";
import { eagerTaskFactory, sleep } from "@aioloop/tasks";
import { textOf } from "./helpers.ts";

/** An error in a line, groups with what is in them. */
export function told(error: unknown): string {
  return error instanceof BaseExceptionGroup
    ? `${error.name}(${error.errors.map(told).join(", ")})`
    : textOf(error);
}

export function* crash(seconds: number, text: string): Coroutine<never> {
  yield* sleep(seconds);
  throw new Error(text);
}

export const FACTORIES: [how: string, factory: TaskFactory | null][] = [
  ["in the next turn", null],
  ["eagerly", eagerTaskFactory],
];
