// VirtualSelector and BlockingSelector; what takes real time is in waiting.realtime.test.ts.
import {
  BlockingSelector,
  ContextVar,
  copyContext,
  DeadlockError,
  MonotonicClock,
  VirtualSelector,
} from "@aioloop/loop";
import { VirtualEventLoop } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { blockingLoop, Notes, sourceThat, turn } from "./helpers.ts";

const nothing = () => {};

test("VirtualSelector begins at 0, or where it is told to", () => {
  expect(new VirtualSelector().time()).toBe(0);
  expect(new VirtualSelector(1000).time()).toBe(1000);
});

test("VirtualSelector.select() jumps to the deadline, exactly", () => {
  const selector = new VirtualSelector();
  expect(selector.select(0.1, 0.3)).toBe(true);
  expect(selector.time()).toBe(0.3);
});

test("VirtualSelector.select() without a wait leaves the time, and without an end there is nothing to wait for", () => {
  const selector = new VirtualSelector(5);
  expect(selector.select(0, 3)).toBe(true);
  expect(selector.time()).toBe(5);
  expect(selector.select(null, Number.POSITIVE_INFINITY)).toBe(false);
  expect(selector.time()).toBe(5);
});

test.each([0, 1, 1e6, 1e8, 1e12, -1e12])(
  "VirtualSelector at %d: a time plus its resolution is a later time [S4]",
  (at) => {
    const started = new VirtualSelector(at);
    expect(started.time() + started.resolution).toBeGreaterThan(started.time());
    const jumped = new VirtualSelector(at - 10);
    jumped.select(10, at);
    expect(jumped.time() + jumped.resolution).toBeGreaterThan(at);
    expect(started.resolution).toBeLessThan(1e-3);
  },
);

test("VirtualSelector: an hour of timers passes at once", () => {
  const loop = new VirtualEventLoop();
  let ticks = 0;
  const tick = () => {
    if (++ticks === 3600) loop.stop();
    else loop.callLater(1, tick);
  };
  loop.callLater(1, tick);
  loop.runForever();
  expect([loop.time(), ticks]).toEqual([3600, 3600]);
});

test("MonotonicClock never goes back and has the grain of a microsecond [J17 S12]", () => {
  const monotonic = new MonotonicClock();
  expect(monotonic.resolution).toBe(1e-6);
  let last = monotonic.time();
  for (let i = 0; i < 1000; i++) {
    const now = monotonic.time();
    expect(now).toBeGreaterThanOrEqual(last);
    last = now;
  }
});

test("BlockingSelector.select() drains a source that has something, and puts its flag back", () => {
  const selector = new BlockingSelector();
  const drained = new Notes();
  const source = sourceThat(drained.note("drained"));
  selector.addSource(source);
  selector.select(0);
  expect(drained).toEqual([]);
  source.ring();
  selector.select(0);
  selector.select(0);
  expect(drained).toEqual(["drained"]);
});

test("BlockingSelector.select() does not wait when a source has something already", () => {
  const selector = new BlockingSelector();
  const drained = new Notes();
  const source = sourceThat(drained.note("drained"));
  selector.addSource(source);
  source.ring();
  expect(selector.select(null)).toBe(true); // would never return otherwise
  expect(drained).toEqual(["drained"]);
});

test("BlockingSelector drains each of several sources, in the order in which they were added", () => {
  const selector = new BlockingSelector();
  const drained = new Notes();
  const sources = ["a", "b", "c"].map((name) => sourceThat(drained.note(name)));
  for (const source of sources) selector.addSource(source);
  sources[2]?.ring();
  sources[0]?.ring();
  selector.select(null);
  expect(drained).toEqual(["a", "c"]);
});

test("BlockingSelector.addSource() returns a function that takes the source out, once", () => {
  const selector = new BlockingSelector();
  const drained = new Notes();
  const [first, second] = [sourceThat(drained.note("first")), sourceThat(drained.note("second"))];
  const remove = selector.addSource(first);
  selector.addSource(second);
  expect(selector.polls).toBe(true);
  remove();
  remove();
  first.ring();
  second.ring();
  selector.select(0);
  expect(drained).toEqual(["second"]);
});

test("BlockingSelector: a source may take itself out while it drains", () => {
  const selector = new BlockingSelector();
  const drained = new Notes();
  const source = sourceThat(() => {
    drained.push("once");
    remove();
  });
  const remove = selector.addSource(source);
  const other = sourceThat(drained.note("other"));
  selector.addSource(other);
  source.ring();
  other.ring();
  selector.select(0);
  expect(drained).toEqual(["once", "other"]);
});

test.each([
  ["nothing", undefined],
  ["no flag", { drain: nothing }],
  ["a flag of another type", { flag: new Float64Array(1), drain: nothing }],
  ["a flag that is not shared", { flag: new Int32Array(1), drain: nothing }],
  ["no drain", { flag: new Int32Array(new SharedArrayBuffer(4)) }],
])("BlockingSelector.addSource() refuses %s", (_, source) => {
  expect(() => new BlockingSelector().addSource(source as never)).toThrow(
    "addSource({ flag, drain }): flag must be an Int32Array on a SharedArrayBuffer, drain a function",
  );
});

test("SyncEventLoop with a BlockingSelector: what a source brings runs after what is ready [S2]", () => {
  const { loop, selector } = blockingLoop();
  const ran = new Notes();
  const source = sourceThat(() => loop.callSoon(ran.note("source")));
  selector.addSource(source);
  source.ring();
  loop.callSoon(ran.note("ready"));
  loop.callLater(-1, ran.note("timer"));
  turn(loop);
  expect(ran).toEqual(["ready", "source", "timer"]);
});

test("BlockingSelector: a source is drained in the context of addSource(), whatever ran before [S282]", () => {
  const variable = new ContextVar("variable", { default: "unset" });
  const { loop, selector } = blockingLoop();
  const seen = new Notes();
  const source = sourceThat(() => {
    seen.push(variable.get());
    loop.callSoon(() => void seen.push(variable.get()));
  });
  copyContext().run(() => {
    variable.set("at addSource()");
    selector.addSource(source);
  });
  loop.callSoon(() => {
    variable.set("of a callback");
    source.ring();
  });
  turn(loop, 3);
  expect(seen).toEqual(["at addSource()", "at addSource()"]);
});

test("SyncEventLoop with a BlockingSelector and no source: waiting for nothing is a DeadlockError", () => {
  const { loop } = blockingLoop();
  expect(() => loop.runForever()).toThrow(DeadlockError);
});

test("BlockingSelector.close() lets go of its sources", () => {
  const { loop, selector } = blockingLoop();
  selector.addSource(sourceThat(nothing));
  loop.close();
  expect(selector.polls).toBe(false);
});
