// The instrument's `access`: which primitive is read and which is changed, for explorers that look for races. A queue counts
// its unfinished items with an Event of its own, which tells as well.
import type { Instrument } from "@aioloop/loop";
import { Event, Queue } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { program } from "./helpers.ts";

test("Instrument.access() is told of reads and writes of Event and Queue", () => {
  program(function* (loop) {
    const event = new Event();
    const queue = new Queue<string>(1);
    const told: [string, "read" | "write"][] = [];
    const instrument: Instrument = {
      access: (object, kind) => void told.push([object.constructor.name, kind]),
    };
    loop.addInstrument(instrument);
    event.set();
    yield* event.wait();
    event.clear();
    yield* queue.put("a");
    yield* queue.get();
    queue.taskDone();
    loop.removeInstrument(instrument);
    queue.putNowait("nobody is told of this");
    expect(told).toEqual([
      ["Event", "write"],
      ["Event", "read"],
      ["Event", "write"],
      ["Queue", "read"],
      ["Queue", "write"],
      ["Event", "write"],
      ["Queue", "read"],
      ["Queue", "write"],
      ["Queue", "write"],
      ["Event", "write"],
    ]);
  });
});
