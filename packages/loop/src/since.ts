/**
 * Since when a task waits for something, or holds it: for reports. Kept beside the objects, since most loops never ask, and written
 * only where a loop remembers (`_remembers`: debug mode, an instrument, a loop under control).
 */

interface Since {
  readonly other: object;
  readonly time: number;
}

const noted = new WeakMap<object, Since>();

/** From now on `one` has to do with `other`, and no more with whatever it had to do with before. */
export function noteSince(one: object, other: object, time: number): void {
  noted.set(one, { other, time });
}

/** In seconds on the loop's clock; null where it was not noted. */
export function sinceOf(one: object, other: object): number | null {
  const since = noted.get(one);
  return since !== undefined && since.other === other ? since.time : null;
}
