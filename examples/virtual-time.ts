// An hour in no time. Look at the last line: on a VirtualEventLoop nothing waits, the clock jumps to whatever is due next,
// and everything happens in the order in which it would. Such a loop is synchronous: `run` returns the value itself, not a
// promise. Tests of programs that sleep are made like this.
import { gather, run, sleep, VirtualEventLoop } from "aioloop";
import { print } from "./lib/print.ts";

function* strike(clock: string, minutes: number) {
  for (let strokes = 1; strokes * minutes <= 60; strokes++) {
    yield* sleep(minutes * 60);
    print(`${clock}: stroke ${strokes}`);
  }
  return clock;
}

function* main() {
  print("an hour begins");
  return yield* gather([strike("town hall", 20), strike("church", 15)]);
}

const started = performance.now();
const clocks = run(main(), { loopFactory: () => new VirtualEventLoop() });
const seconds = (performance.now() - started) / 1000;
console.log(`${clocks.join(" and ")}: an hour in less than a second: ${seconds < 1}`);
