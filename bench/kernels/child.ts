/** A child is called and awaited, and does not wait itself: what it costs to cut a coroutine in two. */
import type { Coroutine } from "aioloop";
import { coroutine, run } from "aioloop";
import type { Kernel } from "./kernel.ts";

function* plain(done: number): Coroutine<number> {
  return done + 1;
}

const framed: (done: number) => Coroutine<number> = coroutine(function* (done: number) {
  return done + 1;
});

async function nativeChild(done: number): Promise<number> {
  return done + 1;
}

function* callPlain(times: number): Coroutine<number> {
  let done = 0;
  while (done < times) done = yield* plain(done);
  return done;
}

function* callFramed(times: number): Coroutine<number> {
  let done = 0;
  while (done < times) done = yield* framed(done);
  return done;
}

async function native(times: number): Promise<number> {
  let done = 0;
  while (done < times) done = await nativeChild(done);
  return done;
}

export const childCalls: readonly Kernel[] = [
  {
    name: "child-plain",
    title: "a plain generator that does not wait is called, beside await of such an async function",
    shown: "rate",
    operations: 2_000_000,
    programs: { ours: (times) => run(callPlain(times)), native },
  },
  {
    name: "child-coroutine",
    title: "a coroutine() that does not wait is called, beside await of such an async function",
    shown: "rate",
    operations: 2_000_000,
    programs: { ours: (times) => run(callFramed(times)), native },
  },
];
