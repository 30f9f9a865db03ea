// Handle and TimerHandle: what they hold, what cancelling does, how they show, how they compare.
import { inspect } from "node:util";
import { copyContext, Handle, TimerHandle } from "@aioloop/loop";
import { VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { collectGarbage, turn } from "./helpers.ts";

function noop(..._args: unknown[]): void {}
function other(): void {}

const loop = new VirtualEventLoop({ debug: false });
const timer = (when: number, seq: number, callback = noop, args: unknown[] = []) =>
  new TimerHandle(when, seq, callback, args, loop);

test("Handle calls its callback with all its arguments, however many [S13]", () => {
  const calls: unknown[][] = [];
  const callback = (...args: unknown[]) => void calls.push(args);
  loop.callSoon(callback);
  loop.callSoon(callback, 1);
  loop.callSoon(callback, undefined);
  loop.callSoon(callback, 1, 2, 3);
  turn(loop);
  expect(calls).toEqual([[], [1], [undefined], [1, 2, 3]]);
});

test("Handle.cancel() keeps the callback from running", () => {
  let ran = false;
  const handle = loop.callSoon(() => void (ran = true));
  handle.cancel();
  turn(loop);
  expect(ran).toBe(false);
});

test("Handle.cancel() may be called again and after the run [S46]", () => {
  const handle = loop.callSoon(noop);
  turn(loop);
  handle.cancel();
  handle.cancel();
  expect(handle.cancelled()).toBe(true);
});

test("Handle.cancelled() is true after cancel() alone, not after the run", () => {
  const handle = loop.callSoon(noop);
  expect(handle.cancelled()).toBe(false);
  turn(loop);
  expect(handle.cancelled()).toBe(false);
  handle.cancel();
  expect(handle.cancelled()).toBe(true);
});

test.each([1, 2])("Handle.cancel() lets go of the callback and of %i arguments [S46]", async (count) => {
  const fresh = new VirtualEventLoop({ debug: false });
  const refs: WeakRef<object>[] = [];
  const handle = (() => {
    const things = Array.from({ length: count }, () => ({}));
    const callback = () => {};
    refs.push(new WeakRef(callback), ...things.map((thing) => new WeakRef(thing)));
    return fresh.callSoon({ callback: callback as (...args: object[]) => void }, ...things);
  })();
  handle.cancel();
  await collectGarbage();
  expect(refs.map((ref) => ref.deref())).toEqual(refs.map(() => undefined));
  expect(handle.cancelled()).toBe(true);
});

test("Handle.cancel() inside its own callback does no harm", () => {
  const handle: Handle = loop.callSoon((_text: string) => handle.cancel(), "argument");
  turn(loop);
  expect(handle.cancelled()).toBe(true);
});

test("Handle.toString() shows callback and arguments, or that it was cancelled [S47]", () => {
  const handle = new Handle(noop, [1, "two", [3, 3]], loop);
  expect(String(handle)).toBe('<Handle noop(1, "two", [2 items])>');
  handle.cancel();
  expect(String(handle)).toBe("<Handle cancelled>");
});

test("Handle.toString() names a function without a name, and survives arguments that cannot be shown", () => {
  const hostile = {
    toString() {
      throw new Error("no");
    },
  };
  expect(String(new Handle((() => () => {})(), [hostile, Object.create(null), Symbol("s")], loop))).toBe(
    "<Handle <function>(<object that cannot be shown>, <object that cannot be shown>, Symbol(s))>",
  );
});

test("TimerHandle.toString() shows `when` second, behind `cancelled` if it was [S47]", () => {
  const handle = timer(123, 0);
  expect(String(handle)).toBe("<TimerHandle when=123 noop()>");
  handle.cancel();
  expect(String(handle)).toBe("<TimerHandle cancelled when=123>");
});

test("console.log shows a Handle as toString() does", () => {
  expect(inspect(new Handle(noop, [], loop))).toBe("<Handle noop()>");
});

test("Handle.toString() in debug mode says where it was made, and keeps what was cancelled [S44 S46]", () => {
  const debugging = new VirtualEventLoop({ debug: true });
  const handle = debugging.callSoon(noop, 1, 2);
  expect(String(handle)).toMatch(/^<Handle noop\(1, 2\) created at .*handles\.test\.ts:\d+:\d+\)?>$/);
  handle.cancel();
  handle.cancel();
  expect(String(handle)).toMatch(
    /^<Handle cancelled noop\(1, 2\) created at .*handles\.test\.ts:\d+:\d+\)?>$/,
  );
  const later = debugging.callLater(2, noop);
  later.cancel();
  expect(String(later)).toMatch(/^<TimerHandle cancelled when=2 noop\(\) created at /);
});

test("Handle.getContext() is the context that was given [S44]", () => {
  const context = copyContext();
  expect(loop.callSoon({ callback: noop, context }).getContext()).toBe(context);
  expect(loop.callLater(1, { callback: noop, context }).getContext()).toBe(context);
});

test("Handle.getContext() without one given is always the same copy [S44]", () => {
  const handle = loop.callSoon(noop);
  expect(handle.getContext()).toBe(handle.getContext());
  expect(handle.getContext()).not.toBe(loop.callSoon(noop).getContext());
  turn(loop);
});

test("TimerHandle.when() is the time it was scheduled for, also when cancelled [S12]", () => {
  const handle = loop.callAt(1234.5, noop);
  expect(handle.when()).toBe(1234.5);
  handle.cancel();
  expect(handle.when()).toBe(1234.5);
});

test("TimerHandle.compareTo() orders by time, then by the order of scheduling [S9]", () => {
  const timers = [timer(2, 0), timer(1, 3), timer(1, 1), timer(-1, 2)];
  expect(timers.sort((a, b) => a.compareTo(b)).map(({ _when, _seq }) => [_when, _seq])).toEqual([
    [-1, 2],
    [1, 1],
    [1, 3],
    [2, 0],
  ]);
  const one = timer(1, 1);
  expect(one.compareTo(one)).toBe(0);
});

test("TimerHandle.equals() compares time, callback, arguments and state, not identity [S10]", () => {
  const one = timer(10, 0, noop, [1, 2]);
  expect(one.equals(timer(10, 1, noop, [1, 2]))).toBe(true);
  expect(one.equals(timer(11, 0, noop, [1, 2]))).toBe(false);
  expect(one.equals(timer(10, 0, other, [1, 2]))).toBe(false);
  expect(one.equals(timer(10, 0, noop, [1, 3]))).toBe(false);
  expect(one.equals(timer(10, 0, noop, [1]))).toBe(false);
  expect(one.equals(timer(10, 0, noop, []))).toBe(false);
  expect(timer(10, 0, noop, [1]).equals(timer(10, 0, noop, [2]))).toBe(false);
  expect(timer(10, 0, noop, [undefined]).equals(timer(10, 0, noop, []))).toBe(false);
  expect(one.equals(new Handle(noop, [1, 2], loop))).toBe(false);
  expect(one.equals(null)).toBe(false);
  const cancelled = timer(10, 0, noop, [1, 2]);
  cancelled.cancel();
  expect(one.equals(cancelled)).toBe(false);
});

test("Handle: two of the same callback are two, and cancelling one leaves the other [S10]", () => {
  let count = 0;
  const callback = () => void count++;
  const at = loop.time() + 5;
  const [first, second] = [loop.callAt(at, callback), loop.callAt(at, callback)];
  expect(first.equals(second)).toBe(true);
  second.cancel();
  loop.callAt(at, () => loop.stop());
  loop.runForever();
  expect(count).toBe(1);
});

test("TimerHandle.cancel() is counted by the loop once [S8]", () => {
  const fresh = new VirtualEventLoop({ debug: false });
  const handle = fresh.callLater(10, noop);
  handle.cancel();
  handle.cancel();
  expect(fresh._scheduled.cancelled).toBe(1);
});
