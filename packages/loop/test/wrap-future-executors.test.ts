// wrapFuture of what is known by its shape as the future of an executor: ends go one way, cancellations both.
import type { ExecutorFuture, Source } from "@aioloop/loop";
import { DeadlockError, isfuture, setEventLoop, wrapFuture } from "@aioloop/loop";
import { expect, onTestFinished, test, vi } from "vitest";
import { blockingLoop, scriptedLoop, sourceThat, thrownBy, turn } from "./helpers.ts";

/** An executor's future by hand, as another package would write one. */
class Handmade<T> implements ExecutorFuture<T> {
  source?: Source | null;
  state: "pending" | "running" | "cancelled" | "done" = "pending";
  #value: { result: T } | { error: unknown } | null = null;
  #callbacks: ((future: this) => unknown)[] = [];

  finish(value: { result: T } | { error: unknown }): void {
    this.#value = value;
    this.#end("done");
  }

  #end(state: "cancelled" | "done"): void {
    this.state = state;
    for (const callback of this.#callbacks.splice(0)) callback(this);
  }

  cancel(): boolean {
    if (this.state === "pending") this.#end("cancelled");
    return this.state === "cancelled";
  }

  cancelled(): boolean {
    return this.state === "cancelled";
  }

  running(): boolean {
    return this.state === "running";
  }

  done(): boolean {
    return this.state === "cancelled" || this.state === "done";
  }

  result(): T {
    if (this.#value === null) throw new Error("not asked before the end");
    if ("error" in this.#value) throw this.#value.error;
    return this.#value.result;
  }

  exception(): unknown {
    return this.#value !== null && "error" in this.#value ? this.#value.error : null;
  }

  addDoneCallback(callback: (future: this) => unknown): void {
    if (this.done()) callback(this);
    else this.#callbacks.push(callback);
  }

  /** Thenable, as executors' futures are, and not to be taken for a promise. */
  then(): never {
    throw new Error("taken for a promise");
  }
}

test("wrapFuture() of an executor's future gives a future of the loop with its result [S70 S71]", () => {
  const [loop] = scriptedLoop();
  const call = new Handmade<string>();
  const future = wrapFuture(call, { loop });
  expect([isfuture(future), future.getLoop() === loop, future.done()]).toEqual([true, true, false]);
  call.finish({ result: "value" });
  expect(future.done()).toBe(false); // only in a turn
  turn(loop);
  expect(future.result()).toBe("value");
});

test.each([new RangeError("too far"), undefined, "text"])(
  "wrapFuture() of an executor's future throws what the call threw: %s [S70]",
  (error) => {
    const [loop] = scriptedLoop();
    const call = new Handmade<string>();
    const future = wrapFuture(call, { loop });
    call.finish({ error });
    turn(loop);
    expect(thrownBy(() => future.result())).toBe(error);
  },
);

test("wrapFuture() of an executor's future that is done gives its result a turn later [S71]", () => {
  const [loop] = scriptedLoop();
  const call = new Handmade<number>();
  call.finish({ result: 1 });
  const future = wrapFuture(call, { loop });
  expect(future.done()).toBe(false);
  turn(loop);
  expect(future.result()).toBe(1);
});

test("wrapFuture() of an executor's future takes the current loop where none is given [S72]", () => {
  const [loop] = scriptedLoop();
  setEventLoop(loop);
  onTestFinished(() => setEventLoop(null));
  expect(wrapFuture(new Handmade()).getLoop()).toBe(loop);
});

test("wrapFuture() of an executor's future without a loop is a RuntimeError [S72 S41]", () => {
  expect(thrownBy(() => wrapFuture(new Handmade()))).toHaveProperty("name", "RuntimeError");
});

test("wrapFuture() within a turn takes the running loop, for an executor's future too [S72 S21]", () => {
  const [loop] = scriptedLoop();
  let taken: unknown = null;
  loop.callSoon(() => {
    taken = wrapFuture(new Handmade()).getLoop();
  });
  turn(loop);
  expect(taken).toBe(loop);
});

test("wrapFuture(): cancelling the future cancels the executor's, a turn later [S71]", () => {
  const [loop] = scriptedLoop();
  const call = new Handmade();
  const future = wrapFuture(call, { loop });
  expect(future.cancel()).toBe(true);
  expect(call.cancelled()).toBe(false);
  turn(loop);
  expect([call.cancelled(), future.cancelled()]).toEqual([true, true]);
});

test("wrapFuture(): cancelling the future after the executor's has ended changes nothing of that [S70]", () => {
  const [loop] = scriptedLoop();
  const call = new Handmade<number>();
  const future = wrapFuture(call, { loop });
  call.finish({ result: 42 });
  future.cancel();
  turn(loop, 2);
  expect([call.cancelled(), call.result(), future.cancelled()]).toEqual([false, 42, true]);
});

test("wrapFuture(): a call that runs on after its future was cancelled ends unheard [S70]", () => {
  const [loop] = scriptedLoop();
  const call = new Handmade<number>();
  const future = wrapFuture(call, { loop });
  call.state = "running";
  future.cancel();
  turn(loop);
  expect(call.cancelled()).toBe(false);
  const scheduled = vi.spyOn(loop, "callSoonThreadsafe");
  call.finish({ result: 1 });
  expect(scheduled).not.toHaveBeenCalled();
  expect(future.cancelled()).toBe(true);
});

test("wrapFuture(): an executor's future that is cancelled cancels the loop's [S71]", () => {
  const [loop] = scriptedLoop();
  const call = new Handmade();
  const future = wrapFuture(call, { loop });
  call.cancel();
  turn(loop);
  expect(future.cancelled()).toBe(true);
});

test("wrapFuture(): an end between the loop's own and its turn is not set twice [S70]", () => {
  const [loop] = scriptedLoop();
  const call = new Handmade<number>();
  const future = wrapFuture(call, { loop });
  call.finish({ result: 1 });
  future.setResult(2);
  turn(loop);
  expect(future.result()).toBe(2);
});

test("wrapFuture(): an end after the loop was closed touches it no more [S71]", () => {
  const [loop] = scriptedLoop();
  const call = new Handmade<number>();
  const future = wrapFuture(call, { loop });
  loop.close();
  call.finish({ result: 1 });
  expect(future.done()).toBe(false);
});

test("wrapFuture() tells executors' futures from promises and other thenables", () => {
  const [loop] = scriptedLoop();
  const { cancel, running, result } = Handmade.prototype;
  const then = vi.fn();
  wrapFuture({ then, cancel, running, result } as never, { loop }); // no addDoneCallback
  expect(then).toHaveBeenCalledTimes(1);
});

test("a blocking loop waits for an executor's future by its source, and only as long as one hangs on it", () => {
  const { loop, selector } = blockingLoop();
  const calls = [new Handmade<number>(), new Handmade<number>()];
  let drained = 0;
  const source = sourceThat(() => {
    drained += 1;
    calls[drained - 1]?.finish({ result: drained });
    if (drained < calls.length) source.ring();
  });
  for (const call of calls) call.source = source;
  const futures = calls.map((call) => wrapFuture(call, { loop }));
  expect(selector.polls).toBe(true);
  source.ring();
  expect(futures.map((future) => loop.runUntilComplete(future))).toEqual([1, 2]);
  turn(loop);
  expect(selector.polls).toBe(false);
});

test("a blocking loop waits for no source when the last future on it was cancelled: a deadlock then", () => {
  const { loop, selector } = blockingLoop();
  const source = sourceThat(() => {});
  const calls = [new Handmade<number>(), new Handmade<number>()];
  for (const call of calls) call.source = source;
  const [first, second] = calls.map((call) => wrapFuture(call, { loop }));
  first?.cancel();
  turn(loop);
  expect(selector.polls).toBe(true);
  second?.cancel();
  turn(loop);
  expect(selector.polls).toBe(false);
  expect(thrownBy(() => loop.runForever())).toBeInstanceOf(DeadlockError);
});

test("a blocking loop does not wait for an executor's future without a source: nothing can wake it", () => {
  for (const source of [undefined, null]) {
    const { loop } = blockingLoop();
    const call = new Handmade<number>();
    if (source !== undefined) call.source = source;
    const future = wrapFuture(call, { loop });
    expect(thrownBy(() => loop.runUntilComplete(future))).toBeInstanceOf(DeadlockError);
  }
});

test("a loop whose selector cannot wait for a source deadlocks too, and does not hang", () => {
  const [loop, selector] = scriptedLoop();
  const call = new Handmade<number>();
  call.source = sourceThat(() => {});
  const future = wrapFuture(call, { loop });
  expect(thrownBy(() => loop.runUntilComplete(future))).toBeInstanceOf(DeadlockError);
  expect(selector.timeouts.at(-1)).toBeNull();
});

test("BlockingSelector: after close() futures that end expect nothing of it any more", () => {
  const { loop, selector } = blockingLoop();
  const call = new Handmade<number>();
  call.source = sourceThat(() => {});
  wrapFuture(call, { loop });
  loop.close();
  expect(selector.polls).toBe(false);
  expect(() => selector.expectNoMore(call.source as Source)).not.toThrow();
});
