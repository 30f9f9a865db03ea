// Programs with signal handlers. The first argument says which one; "ready" at the end of a line asks for the next signal.
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { EventLoop } from "@aioloop/streams";
import { Event, run, sleep } from "@aioloop/tasks";

function* untilSignal(loop: EventLoop, name: NodeJS.Signals) {
  const came = new Event();
  loop.addSignalHandler(name, () => came.set());
  console.log("ready");
  yield* came.wait();
}

const programs: Record<string, () => unknown> = {
  waits() {
    const loop = new EventLoop();
    const main = function* () {
      yield* untilSignal(loop, "SIGTERM");
      console.log("SIGTERM");
      loop.removeSignalHandler("SIGTERM");
      console.log("main ends");
    };
    return run(main(), { loopFactory: () => loop });
  },
  idle() {
    new EventLoop().addSignalHandler("SIGTERM", () => {});
    process.on("SIGTERM", () => console.log("still here, ready"));
    console.log("ready");
  },
  removed() {
    const loop = new EventLoop();
    loop.addSignalHandler("SIGTERM", () => {});
    loop.addSignalHandler("SIGHUP", () => {});
    loop.removeSignalHandler("SIGTERM");
    loop.removeSignalHandler("SIGHUP");
    console.log("main ends");
  },
  closed() {
    const loop = new EventLoop();
    loop.addSignalHandler("SIGTERM", () => {});
    loop.close();
    console.log("main ends");
  },
  waitsForNothing() {
    const loop = new EventLoop();
    const main = function* () {
      loop.addSignalHandler("SIGTERM", () => {});
      yield* sleep(0.01);
      loop.removeSignalHandler("SIGTERM");
      yield* new Event().wait();
    };
    return run(main(), { loopFactory: () => loop });
  },
  defaultAgain() {
    const loop = new EventLoop();
    const main = function* () {
      yield* untilSignal(loop, "SIGTERM");
      loop.removeSignalHandler("SIGTERM");
      console.log("handled, ready");
      yield* sleep(3600);
    };
    return run(main(), { loopFactory: () => loop });
  },
  async interrupted() {
    const loop = new EventLoop();
    const main = function* () {
      yield* untilSignal(loop, "SIGINT");
      yield* sleep(0.01);
      loop.removeSignalHandler("SIGINT");
      console.log("handled, ready");
      yield* sleep(3600);
    };
    try {
      await run(main(), { loopFactory: () => loop });
    } catch (error) {
      console.log((error as Error).name);
    }
  },
  inAThread() {
    if (isMainThread) {
      // A thread has to be told itself how to load sources.
      const here = JSON.stringify(import.meta.url);
      const load = `import("tsx/esm/api").then(({ tsImport }) => tsImport(${here}, ${here}))`;
      const thread = new Worker(load, { eval: true, argv: ["inAThread"] });
      thread.on("message", (line) => console.log(line));
      return;
    }
    const main = function* (loop: EventLoop) {
      try {
        loop.addSignalHandler("SIGUSR2", () => {});
      } catch (error) {
        parentPort?.postMessage(`${error}`);
      }
      parentPort?.postMessage(`${loop.removeSignalHandler("SIGUSR2")}`);
    };
    const loop = new EventLoop();
    return run(main(loop), { loopFactory: () => loop });
  },
};

await programs[process.argv[2] ?? ""]?.();
