/**
 * Why a closed loop is not forgotten at once.
 *
 * V8 drops the hidden classes of which no object is left at a full collection, and what was compiled for them. A process that
 * calls `run()` again and again, with collections in between, was seen to come down to a third of its speed after six times,
 * for good (Node 20). So the loop that was closed last is kept, and one of each of the kernel's objects, made
 * anew at each close: their classes are then those that the program has come to use.
 */
import type { BaseEventLoop } from "@aioloop/loop";
import { Future, Handle, SyncEventLoop, TimerHandle, VirtualSelector } from "@aioloop/loop";
import { FutureAwaiter, NO_ARGS } from "@aioloop/loop/kernel";
import { Frame } from "./coroutines.ts";
import { sleep } from "./sleep.ts";

import { Task } from "./tasks.ts";

const kept: { objects: readonly unknown[] } = { objects: [] };
let sampleLoop: SyncEventLoop | null = null;

export function keepShapes(closing: BaseEventLoop): void {
  if (sampleLoop === null) {
    const selector = new VirtualSelector();
    sampleLoop = new SyncEventLoop({ selector, clock: selector, debug: false });
  }
  const loop = sampleLoop;
  const future = new Future<void>(undefined, loop);
  const task = new Task(nothing(), { name: "kept" }, loop);
  loop._unregisterTask(task);
  loop._ready.clear();
  kept.objects = [
    closing,
    future,
    task,
    new FutureAwaiter(future),
    new Handle(noop, NO_ARGS, loop),
    new TimerHandle(0, 0, noop, NO_ARGS, loop),
    new Frame(nothing(), "kept"),
    sleep(1),
  ];
}

function* nothing(): Generator<undefined, void, unknown> {}

function noop(): void {}
