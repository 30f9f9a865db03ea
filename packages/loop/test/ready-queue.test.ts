// The ring buffer: order, growth in the middle of the ring, giving memory back.
import type { Runnable } from "@aioloop/loop";
import { Handle, ReadyQueue } from "@aioloop/loop";
import { VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";

const loop = new VirtualEventLoop({ debug: false });
const handles = Array.from({ length: 1000 }, (_, i) => new Handle(() => {}, [i], loop));
const number = (one: Runnable): number => one._asHandle()._arg as number;

function filled(from: number, to: number): ReadyQueue {
  const queue = new ReadyQueue();
  for (const handle of handles.slice(from, to)) queue.push(handle);
  return queue;
}

test("ReadyQueue.shift() gives handles in the order of push()", () => {
  const queue = filled(0, 10);
  expect(Array.from({ length: 10 }, () => number(queue.shift()))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(queue.length).toBe(0);
});

test.each([1, 63, 64, 65, 128, 129])(
  "ReadyQueue keeps the order of %i handles when the ring wraps and grows",
  (size) => {
    const queue = filled(0, 40);
    const out: number[] = [];
    for (let i = 0; i < 40; i++) out.push(number(queue.shift())); // the head stands in the middle
    for (const handle of handles.slice(40, 40 + size)) queue.push(handle);
    expect(queue.length).toBe(size);
    while (queue.length > 0) out.push(number(queue.shift()));
    expect(out).toEqual(handles.slice(0, 40 + size).map(number));
  },
);

test("ReadyQueue is iterated in order, without taking anything out", () => {
  const queue = filled(0, 60);
  for (let i = 0; i < 50; i++) queue.shift();
  for (const handle of handles.slice(60, 80)) queue.push(handle);
  expect([...queue].map(number)).toEqual(handles.slice(50, 80).map(number));
  expect(queue.length).toBe(30);
});

test("ReadyQueue.clear() empties it, and it works on", () => {
  const queue = filled(0, 500);
  queue.clear();
  expect([queue.length, [...queue].length]).toEqual([0, 0]);
  queue.push(handles[7] as Handle);
  expect(number(queue.shift())).toBe(7);
});

test("ReadyQueue.trim() of a queue that holds something changes nothing", () => {
  const queue = new ReadyQueue();
  for (let i = 0; i < 40_000; i++) queue.push(handles[i % 1000] as Handle);
  queue.trim();
  expect(queue.length).toBe(40_000);
  for (let i = 0; i < 40_000; i++) expect(number(queue.shift())).toBe(i % 1000);
  queue.trim();
  queue.push(handles[3] as Handle);
  expect(number(queue.shift())).toBe(3);
});

test("ReadyQueue agrees with an array over a long mixture of push() and shift()", () => {
  const queue = new ReadyQueue();
  const model: number[] = [];
  for (let i = 0, x = 1; i < 20_000; i++) {
    x = (x * 48271) % 2147483647; // a fixed pseudo-random sequence
    if (x % 100 < 52 || model.length === 0) {
      queue.push(handles[i % 1000] as Handle);
      model.push(i % 1000);
    } else expect(number(queue.shift())).toBe(model.shift());
    expect(queue.length).toBe(model.length);
  }
});
