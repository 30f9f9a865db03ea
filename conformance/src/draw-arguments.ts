/** What `conformance:record` and `conformance:fuzz` are called with: KIND SEED COUNT. */

export interface Drawing {
  readonly kind: string;
  readonly seed: number;
  readonly count: number;
}

/** @throws Error that says what is wrong. */
export function parseDrawing(positionals: readonly string[]): Drawing {
  const [kind, seed, count] = positionals;
  if (kind === undefined || seed === undefined || count === undefined || positionals.length > 3) {
    throw new Error("KIND, SEED and COUNT are required");
  }
  return { kind, seed: wholeNumber("SEED", seed, 0), count: wholeNumber("COUNT", count, 1) };
}

/** @throws Error that says which kinds there are. */
export function checkKind(kind: string, kinds: readonly string[]): void {
  if (!kinds.includes(kind)) throw new Error(`unknown KIND ${kind}: write one of ${kinds.join(", ")}`);
}

/** Parts of a drawing that are small enough for one call. */
export function* batches({ seed, count }: Drawing, size = 100): Generator<{ seed: number; count: number }> {
  for (let done = 0; done < count; done += size) {
    yield { seed: seed + done, count: Math.min(size, count - done) };
  }
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least || text.trim() === "") {
    throw new Error(`${name} must be a whole number, ${least} or more, got ${text}`);
  }
  return value;
}
