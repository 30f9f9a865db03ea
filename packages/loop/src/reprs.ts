/** How callbacks and values show in reports. CPython: `format_helpers`, `reprlib`. */

const LONGEST = 60;

/** A value in few characters, never throwing: a report must not fail because of what it reports. */
export function describe(value: unknown, longest: number = LONGEST): string {
  const shorten = (text: string) => (text.length <= longest ? text : `${text.slice(0, longest - 1)}…`);
  try {
    if (typeof value === "string") return shorten(JSON.stringify(value));
    if (typeof value === "function") return value.name === "" ? "<function>" : value.name;
    if (Array.isArray(value)) return `[${value.length} items]`;
    if (value instanceof Error)
      return `${value.name}(${value.message === "" ? "" : shorten(JSON.stringify(value.message))})`;
    if (typeof value === "object" && value !== null && value.toString === Object.prototype.toString) {
      const tag = (value as { [Symbol.toStringTag]?: string })[Symbol.toStringTag]; // a generator has no class
      return `<${Object.getPrototypeOf(value)?.constructor?.name || tag || "object"}>`;
    }
    return shorten(String(value));
  } catch {
    return `<${typeof value} that cannot be shown>`;
  }
}

/** `name(args)` of a callback. CPython: `format_helpers._format_callback_source`. */
export function describeCallback(callback: unknown, args: readonly unknown[]): string {
  return `${describe(callback)}(${args.map((arg) => describe(arg)).join(", ")})`;
}

/** An error with its stack, its causes and the errors of a group; or whatever else was thrown. */
export function describeThrown(thrown: unknown, seen: Set<unknown> = new Set()): string {
  if (!(thrown instanceof Error)) return `thrown value: ${describe(thrown)}`;
  if (seen.has(thrown)) return `${describe(thrown)}, see above`;
  seen.add(thrown);
  const parts = [thrown.stack ?? `${thrown.name}: ${thrown.message}`];
  if (thrown instanceof AggregateError) {
    thrown.errors.forEach((error, i) => {
      parts.push(indent(`[${i + 1} of ${thrown.errors.length}] ${describeThrown(error, seen)}`));
    });
  }
  if (thrown.cause !== undefined) parts.push(`Caused by: ${describeThrown(thrown.cause, seen)}`);
  return parts.join("\n");
}

function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}
