// The heap of timers: (when, seq) order, and how it gets rid of cancelled ones. What the loop makes of it: timers.test.ts.
import { TimerHandle } from "@aioloop/loop";
import { VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { TimerHeap } from "../src/timer-heap.ts";

const loop = new VirtualEventLoop({ debug: false });

function heapOf(...whens: number[]): [TimerHeap, TimerHandle[]] {
  const heap = new TimerHeap();
  const timers = whens.map((when, seq) => new TimerHandle(when, seq, () => {}, [], loop));
  for (const timer of timers) heap.push(timer);
  return [heap, timers];
}

/** As TimerHandle.cancel() does, counted in this heap. */
function cancel(heap: TimerHeap, timer: TimerHandle | undefined): void {
  if (timer === undefined) return;
  timer.cancel();
  heap.cancelled += 1;
}

function drain(heap: TimerHeap): [when: number, seq: number][] {
  const order: [number, number][] = [];
  while (heap.length > 0) {
    const timer = heap.pop();
    order.push([timer._when, timer._seq]);
  }
  return order;
}

test("TimerHeap.pop() gives the earliest, of equals the first scheduled [S9]", () => {
  const [heap] = heapOf(2, 1, 2, 1, -1);
  expect(heap.peek()._when).toBe(-1);
  expect(drain(heap)).toEqual([
    [-1, 4],
    [1, 1],
    [1, 3],
    [2, 0],
    [2, 2],
  ]);
});

test("TimerHeap keeps eight timers of one deadline in order [S9]", () => {
  const [heap] = heapOf(...Array<number>(8).fill(5));
  expect(drain(heap).map(([, seq]) => seq)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test("TimerHeap marks the timers that are in it [S7]", () => {
  const [heap, timers] = heapOf(1, 2);
  expect(timers.map((timer) => timer._scheduled)).toEqual([true, true]);
  heap.pop();
  expect(timers.map((timer) => timer._scheduled)).toEqual([false, true]);
  heap.clear();
  expect(timers.map((timer) => timer._scheduled)).toEqual([false, false]);
  expect([heap.length, heap.cancelled]).toEqual([0, 0]);
});

test("TimerHeap.purge() drops cancelled timers at the head and stops at the first live one [S6]", () => {
  const [heap, timers] = heapOf(1, 2, 3, 4);
  for (const i of [0, 1, 3]) cancel(heap, timers[i]);
  heap.purge();
  expect([heap.length, heap.cancelled]).toEqual([2, 1]);
  expect(heap.peek()).toBe(timers[2]);
});

test("TimerHeap.purge() of nothing but cancelled timers leaves an empty heap [S6]", () => {
  const [heap, timers] = heapOf(1, 2, 3);
  for (const timer of timers) cancel(heap, timer);
  heap.purge();
  expect([heap.length, heap.cancelled]).toEqual([0, 0]);
});

test("TimerHeap.purge() rebuilds over 100 timers with over half cancelled, and keeps the order [S6]", () => {
  const whens = Array.from({ length: 200 }, (_, i) => (i * 37) % 101);
  const [heap, timers] = heapOf(...whens);
  const gone = timers.filter((_, i) => i % 3 !== 1); // 133 of 200
  for (const timer of gone) cancel(heap, timer);
  heap.purge();
  expect([heap.length, heap.cancelled]).toEqual([67, 0]);
  expect(gone.every((timer) => !timer._scheduled)).toBe(true);
  expect(gone.length).toBe(133);
  const expected = timers.filter((timer) => !timer.cancelled()).sort((a, b) => a.compareTo(b));
  expect(drain(heap)).toEqual(expected.map((timer) => [timer._when, timer._seq]));
});

test("TimerHeap is iterated over all that is in it", () => {
  const [heap, timers] = heapOf(3, 1, 2);
  expect(new Set(heap)).toEqual(new Set(timers));
});
