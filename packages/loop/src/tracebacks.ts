/**
 * Where objects were made, in debug mode. CPython: `format_helpers.extract_stack`, kept in `_source_traceback`.
 *
 * Kept beside the objects and not in them: a field that is null outside debug mode would be a word in every one of a million
 * handles and futures.
 */

/** How many frames are kept. CPython: `constants.DEBUG_STACK_DEPTH`. */
const DEBUG_STACK_DEPTH = 10;

const tracebacks = new WeakMap<object, string>();

/** Remembers where `object` is being made. */
export function remember(object: object): void {
  tracebacks.set(object, sourceTraceback());
}

/** Where it was made, newest frame first; null outside debug mode. */
export function tracebackOf(object: object): string | null {
  return tracebacks.get(object) ?? null;
}

/** The stack of who called into the kernel, newest frame first. Costs some 10 µs. */
export function sourceTraceback(): string {
  const host = Error as { stackTraceLimit?: number }; // V8's; elsewhere the stack is whole anyway
  const limit = host.stackTraceLimit;
  host.stackTraceLimit = DEBUG_STACK_DEPTH + 10;
  const stack = new Error().stack ?? "";
  if (limit !== undefined) host.stackTraceLimit = limit;
  const frames = stack.split("\n").slice(2);
  const outside = frames.findIndex(
    (frame) => !/[\\/](?:loop|tasks|testing)[\\/](?:src|dist)[\\/]/.test(frame),
  );
  return (outside > 0 ? frames.slice(outside) : frames).slice(0, DEBUG_STACK_DEPTH).join("\n");
}

export function firstFrame(traceback: string): string {
  return (traceback.split("\n", 1)[0] ?? "").trim().replace(/^at /, "");
}
