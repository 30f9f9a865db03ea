// Programs that leave their pools as they are. The first argument says which one, the second is a folder for files that open gates.
import { setTimeout as later } from "node:timers/promises";
import { BlockingEventLoop, executors, run, toThread } from "aioloop";

const { ProcessPoolExecutor, ThreadPoolExecutor } = executors;

const [, , name = "", folder = ""] = process.argv;

const double = (n: number) => n * 2;

/** Blocks its thread. */
const pause = (milliseconds: number, text: string) => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
  console.log(text);
  return text;
};

const pools = { threads: () => new ThreadPoolExecutor(2), processes: () => new ProcessPoolExecutor(2) };

/** Writes line after line, some to stderr, each only when the file before has been made: by who read the last one. */
const speak = (folder: string) => {
  const { existsSync } = process.getBuiltinModule("node:fs");
  const never = new Int32Array(new SharedArrayBuffer(4));
  const gate = (name: string) => {
    while (!existsSync(`${folder}/${name}`)) Atomics.wait(never, 0, 0, 2);
  };
  gate("ready");
  console.error("to stderr");
  gate("stderr");
  console.log("to stdout");
  gate("stdout");
  return "heard";
};

const programs: Record<string, (pool: executors.Executor) => unknown> = {
  unused() {
    console.log("main ends");
  },
  async idle(pool) {
    console.log(await pool.submit(double, 21));
    await later(20); // its workers have gone to sleep
    console.log("main ends");
  },
  idleAfterBlocking(pool) {
    console.log([...pool.map(double, [1, 2, 3])].join(" "), pool.submit(double, 21).result());
    console.log("main ends");
  },
  busy(pool) {
    pool.submit(pause, 150, "from the worker").then((text) => console.log("result:", text));
    console.log("main ends");
  },
  async busyAgain(pool) {
    await pool.submit(double, 1);
    await later(20);
    pool.submit(pause, 150, "from the worker");
    console.log("main ends");
  },
  cancelled(pool) {
    const calls = Array.from({ length: 5 }, () => pool.submit(pause, 20, "made"));
    calls.at(-1)?.cancel();
    console.log("main ends");
  },
  prints(pool) {
    const lines = () => {
      for (let i = 0; i < 200; i++) {
        console.log(`line ${i}`);
        if (i % 50 === 0) console.error(`error ${i}`);
      }
    };
    pool.submit(lines).result();
    console.log("main ends");
  },
  speaksWhileBlocked(pool) {
    console.log("ready");
    console.log(pool.submit(speak, folder).result());
  },
  speaksInABlockingLoop(pool) {
    console.log("ready");
    const loop = new BlockingEventLoop();
    console.log(loop.runUntilComplete(loop.runInExecutor(pool, speak, folder)));
  },
  async exits(pool) {
    // One call that gives way and one that blocks, neither with an end in sight.
    pool.submit(async () => await new Promise((resolve) => setTimeout(resolve, 60_000)));
    pool.submit(pause, 60_000, "never");
    while (pool instanceof ProcessPoolExecutor && pool.pids.length < 2) await later(5);
    await later(100);
    if (pool instanceof ProcessPoolExecutor) console.log(pool.pids.join(" "));
    process.exit(3);
  },
  async isKilled() {
    const pool = new ProcessPoolExecutor(2);
    await Promise.all([pool.submit(pause, 20, "first"), pool.submit(pause, 20, "second")]);
    pool.submit(async () => await new Promise((resolve) => setTimeout(resolve, 60_000)));
    await later(50);
    console.log(pool.pids.join(" "));
    await later(60_000);
  },
  throws(pool) {
    pool.submit(pause, 20, "made");
    throw new Error("main fails");
  },
};

const others: Record<string, () => unknown> = {
  async run() {
    function* main() {
      return yield* toThread(double, 21);
    }
    console.log(await run(main()));
  },
  runBlocking() {
    function* main() {
      return yield* toThread(double, 21);
    }
    console.log(run(main(), { loopFactory: () => new BlockingEventLoop() }));
  },
  loopNotClosed() {
    console.log(new BlockingEventLoop().runUntilComplete(toThread(double, 21)));
  },
};

const [program = "", kind = ""] = name.split(" ");
const newPool = pools[kind as keyof typeof pools];
await (newPool === undefined ? others[program]?.() : programs[program]?.(newPool()));
