/**
 * `sleep(1)` without `yield*` does nothing, silently. In debug mode coroutines that are collected before anybody
 * awaited them are reported, with where they were made. CPython: the RuntimeWarning "coroutine … was never awaited".
 */
import { logger } from "@aioloop/loop";
import { slots, sourceTraceback } from "@aioloop/loop/kernel";

interface Watched {
  readonly name: string;
  readonly traceback: string;
  awaited: boolean;
}

const watched = new WeakMap<object, Watched>();
const collected = new FinalizationRegistry<Watched>(({ name, traceback, awaited }) => {
  if (awaited) return;
  logger.warning(
    `coroutine ${name} was never awaited: write \`yield* ${name}(…)\` or createTask(${name}(…))\nCoroutine created at (newest call first):\n${traceback}`,
  );
});

/** Once debug mode has been seen: until then `unwatch` is one test. */
let used = false;

export function watch(coro: object, name: string): void {
  if (!slots.debug) return;
  used = true;
  const record: Watched = { name, traceback: sourceTraceback(), awaited: false };
  watched.set(coro, record);
  collected.register(coro, record);
}

export function unwatch(coro: object): void {
  if (!used) return;
  const record = watched.get(coro);
  if (record !== undefined) record.awaited = true;
}
