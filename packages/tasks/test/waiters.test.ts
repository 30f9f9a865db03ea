// The list of those who wait at a primitive: order, leaving from anywhere, and who counts as asleep.
import type { Future } from "@aioloop/loop";
import { InvalidStateError } from "@aioloop/loop";
import { VirtualEventLoop } from "@aioloop/tasks";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Waiter } from "../src/waiters.ts";
import { Waiters } from "../src/waiters.ts";
import { thrownBy } from "./helpers.ts";

/** A list of so many that sleep. */
function sleepers(count: number): { waiters: Waiters; places: Waiter[]; futures: Future<void>[] } {
  const loop = new VirtualEventLoop();
  onTestFinished(() => loop.close());
  const waiters = new Waiters();
  const futures = Array.from({ length: count }, () => loop.createFuture<void>());
  return { waiters, futures, places: futures.map((future) => waiters.add(future)) };
}

/** Which of the futures are in the list, front to back, and back to front. */
function order(places: Waiter[], waiters: Waiters): [forwards: string, backwards: string] {
  const numberOf = (waiter: Waiter) => places.indexOf(waiter);
  const walk = (start: Waiter | undefined, step: (waiter: Waiter) => Waiter | null) => {
    const seen: number[] = [];
    for (let one = start ?? null; one !== null; one = step(one)) seen.push(numberOf(one));
    return seen.join("");
  };
  const listed = places.filter((place) => place.isListed);
  expect(waiters.length).toBe(listed.length);
  expect(waiters.first()).toBe(listed[0]?.future ?? null);
  return [walk(listed[0], (one) => one.after), walk(listed.at(-1), (one) => one.before)];
}

const woken = (futures: Future<void>[]) =>
  futures.map((one) => (one.cancelled() ? "c" : one.done() ? "w" : "-")).join("");

describe("Waiters.add() and remove()", () => {
  test("Waiters keeps them in the order in which they came", () => {
    const { waiters, places } = sleepers(4);
    expect(order(places, waiters)).toEqual(["0123", "3210"]);
    expect(order([], new Waiters())).toEqual(["", ""]);
  });

  test.each([
    [[0], "123"],
    [[1], "023"],
    [[3], "012"],
    [[0, 1], "23"],
    [[3, 2], "01"],
    [[1, 2], "03"],
    [[1, 0, 3], "2"],
    [[0, 1, 2, 3], ""],
    [[3, 2, 1, 0], ""],
  ])("Waiters.remove() of %j leaves the others in order, and newcomers behind them", (leaving, left) => {
    const { waiters, places, futures } = sleepers(4);
    for (const index of leaving) waiters.remove(places[index] as Waiter);
    const reversed = [...left].reverse().join("");
    expect(order(places, waiters)).toEqual([left, reversed]);
    places.push(waiters.add(futures[0] as Future<void>));
    expect(order(places, waiters)).toEqual([`${left}4`, `4${reversed}`]);
    for (const index of leaving) {
      const place = places[index] as Waiter;
      expect([place.isListed, place.before, place.after]).toEqual([false, null, null]);
    }
  });

  test("Waiters.remove() of one that is not in it changes nothing", () => {
    const { waiters, places } = sleepers(3);
    const place = places[1] as Waiter;
    waiters.remove(place);
    waiters.remove(place);
    expect(order(places, waiters)).toEqual(["02", "20"]);
    waiters.remove(places[0] as Waiter);
    waiters.remove(places[0] as Waiter);
    expect(order(places, waiters)).toEqual(["2", "2"]);
  });
});

describe("Waiters.wake()", () => {
  test.each([
    [0, "----"],
    [1, "w---"],
    [3, "www-"],
    [4, "wwww"],
    [Number.POSITIVE_INFINITY, "wwww"],
    [Number.NaN, "wwww"],
  ])("Waiters.wake(%d) wakes that many, oldest first, and leaves them in the list", (count, expected) => {
    const { waiters, places, futures } = sleepers(4);
    waiters.wake(count);
    expect(woken(futures)).toBe(expected);
    expect(order(places, waiters)).toEqual(["0123", "3210"]);
  });

  test("Waiters.wake() passes over those that were cancelled or woken, and does not count them", () => {
    const { waiters, futures } = sleepers(6);
    futures[0]?.cancel();
    futures[2]?.cancel();
    futures[3]?.setResult();
    waiters.wake(2);
    expect(woken(futures)).toBe("cwcww-");
    waiters.wake(5);
    expect(woken(futures)).toBe("cwcwww");
    waiters.wake(1);
    expect(thrownBy(() => futures[0]?.setResult())).toBeInstanceOf(InvalidStateError); // what passing over is for
  });
});

describe("Waiters.wakeNext()", () => {
  test("Waiters.wakeNext() wakes the oldest and takes it out, until nobody is left", () => {
    const { waiters, places, futures } = sleepers(2);
    expect(waiters.wakeNext()).toBe(true);
    expect([woken(futures), ...order(places, waiters)]).toEqual(["w-", "1", "1"]);
    expect(waiters.wakeNext()).toBe(true);
    expect([woken(futures), ...order(places, waiters)]).toEqual(["ww", "", ""]);
    expect(waiters.wakeNext()).toBe(false);
    expect(new Waiters().wakeNext()).toBe(false);
  });

  test("Waiters.wakeNext() takes out those before it that are done, and those alone", () => {
    const { waiters, places, futures } = sleepers(5);
    futures[0]?.cancel();
    futures[1]?.setResult();
    futures[3]?.cancel();
    expect(waiters.wakeNext()).toBe(true);
    expect([woken(futures), ...order(places, waiters)]).toEqual(["cwwc-", "34", "43"]);
    futures[4]?.cancel();
    expect(waiters.wakeNext()).toBe(false);
    expect(order(places, waiters)).toEqual(["", ""]);
  });
});

test("Waiters.hasLive(): somebody was not cancelled, wherever it stands; one that was woken counts until it leaves", () => {
  const { waiters, places, futures } = sleepers(3);
  expect(new Waiters().hasLive()).toBe(false);
  expect(waiters.hasLive()).toBe(true);
  futures[0]?.cancel();
  futures[1]?.cancel();
  expect(waiters.hasLive()).toBe(true);
  futures[2]?.setResult();
  expect(waiters.hasLive()).toBe(true);
  waiters.remove(places[2] as Waiter);
  expect(waiters.hasLive()).toBe(false);
});

test("Waiters.toString() is what a primitive adds to its own: nothing where nobody waits", () => {
  const { waiters, places, futures } = sleepers(2);
  expect(`${waiters}`).toBe(", waiters:2");
  futures[0]?.cancel();
  expect(`${waiters}`).toBe(", waiters:2"); // it has not left yet
  for (const place of places) waiters.remove(place);
  expect(`${waiters}`).toBe("");
});

/** What Waiters does, with a plain array that is searched each time. */
class Plain {
  listed: Future<void>[] = [];
  first = () => this.listed[0] ?? null;
  hasLive = () => this.listed.some((one) => !one.cancelled());
  wake(count: number): Future<void>[] {
    return this.listed.filter((one) => !one.done()).slice(0, count);
  }
  /** Who is woken by `wakeNext`, if anybody; whoever stands before is gone. */
  wakeNext(): Future<void>[] {
    const sleeper = this.listed.findIndex((one) => !one.done());
    const woken = this.listed.slice(sleeper, sleeper + 1);
    this.listed = sleeper < 0 ? [] : this.listed.slice(sleeper + 1);
    return sleeper < 0 ? [] : woken;
  }
}

test("Waiters does what an array would, in every order of five steps from three that sleep", () => {
  const loop = new VirtualEventLoop();
  onTestFinished(() => loop.close());
  const steps = ["add", "cancel first", "cancel last", "leave first", "leave last", "wake", "next", "look"];

  function play(order: string[]): void {
    const waiters = new Waiters();
    const plain = new Plain();
    const places = new Map<Future<void>, Waiter>();
    const add = () => {
      const future = loop.createFuture<void>();
      places.set(future, waiters.add(future));
      plain.listed.push(future);
    };
    const leave = (future: Future<void> | undefined) => {
      if (future === undefined) return;
      waiters.remove(places.get(future) as Waiter);
      plain.listed = plain.listed.filter((one) => one !== future);
    };
    const same = (actual: unknown, expected: unknown) => {
      if (actual !== expected) throw new Error(`${order.join(", ")}: ${actual} instead of ${expected}`);
    };
    const stateBefore = (woken: Future<void>[]) =>
      [...places.keys()].map((one) => one.done() || woken.includes(one)).join();
    const stateNow = () => [...places.keys()].map((one) => one.done()).join();

    for (let count = 0; count < 3; count++) add();
    for (const step of order) {
      if (step === "add") add();
      else if (step === "cancel first") plain.listed.find((one) => !one.done())?.cancel();
      else if (step === "cancel last") plain.listed.findLast((one) => !one.done())?.cancel();
      else if (step === "leave first") leave(plain.listed[0]);
      else if (step === "leave last") leave(plain.listed.at(-1));
      else if (step === "look") same(waiters.hasLive(), plain.hasLive());
      else {
        const woken = step === "wake" ? plain.wake(1) : plain.wakeNext();
        const expected = stateBefore(woken);
        if (step === "wake") waiters.wake(1);
        else same(waiters.wakeNext(), woken.length > 0);
        same(stateNow(), expected);
      }
      same(waiters.length, plain.listed.length);
      same(waiters.first(), plain.first());
    }
    same(waiters.hasLive(), plain.hasLive());
    const expected = stateBefore(plain.wake(Number.POSITIVE_INFINITY));
    waiters.wake(Number.POSITIVE_INFINITY);
    same(stateNow(), expected);
  }

  function every(order: string[]): void {
    if (order.length === 5) play(order);
    else for (const step of steps) every([...order, step]);
  }
  every([]);
});
