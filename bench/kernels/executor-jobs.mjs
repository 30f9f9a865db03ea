// What the workers of every column call. JavaScript, so that a worker starts on Node as it is, without a loader.

/** @param {number} n */
export function increment(n) {
  return n + 1;
}

/** @param {{ id: number, name: string, values: number[] }} order */
export function next({ id, name, values }) {
  return { id: id + 1, name, values };
}

/** Counts in its first element, and sends all of it back. @param {Float64Array<ArrayBuffer>} data */
export function count(data) {
  data[0] = (data[0] ?? 0) + 1;
  return data;
}

/** Waits until all of `size` workers are in here: each of them has started, and none makes two of the calls. @param {{ words: Int32Array, size: number }} meeting */
export function meet({ words, size }) {
  Atomics.add(words, 0, 1);
  Atomics.notify(words, 0);
  for (let met = Atomics.load(words, 0); met < size; met = Atomics.load(words, 0))
    Atomics.wait(words, 0, met);
  return 1;
}
