// A supervisor: it starts programs, passes on what they say, starts those again that die, and leaves nothing behind. Look at `#live`,
// the one place where a child begins and ends: however its block is left, nobody of the child's process group is there afterwards.
// All that stops programs is a cancellation: SIGTERM and Ctrl-C cancel the group, the group cancels the tasks that keep the programs, and
// each of these, cancelled where it waits for its child, stops it: SIGTERM, some time to end by itself, SIGKILL. Without arguments it
// shows three programs: one that works, one that needs three attempts, and one that does not want to end.
//   node scripts/run.mjs examples/streams/supervisor.ts ["COMMAND LINE" …]        (Ctrl-C or SIGTERM ends it)
import { constants } from "node:os";
import type { Coroutine, EventLoop, Process, StreamReader } from "aioloop";
import {
  asyncWith,
  createSubprocessExec,
  createTask,
  DEVNULL,
  Event,
  getRunningLoop,
  IncompleteReadError,
  isCancelled,
  LimitOverrunError,
  moveOnAfter,
  PIPE,
  run,
  STDOUT,
  sleep,
  TaskGroup,
} from "aioloop";

const PATIENCE = 1; // seconds from SIGTERM to SIGKILL
const FIRST_DELAY = 0.1; // seconds until a program is started again; each time twice as long
const DEATHS = 5; // of one program within …
const PERIOD = 10; // … so many seconds are too many

interface Program {
  name: string;
  /** For the shell. In its environment LIFE counts how often it was started. */
  line: string;
  /** It is up when it says this; without it, as soon as it is started. */
  ready?: string;
}

/** Starts the programs one after the other, each when the one before is up, and keeps them until it is told to end. */
function* supervise(programs: readonly Program[], whenUp: () => void = () => {}): Coroutine<void> {
  const width = Math.max(...programs.map(({ name }) => name.length));
  const loop = getRunningLoop<EventLoop>();
  yield* asyncWith(new TaskGroup(), function* (group) {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      loop.addSignalHandler(signal, () => {
        console.log(`${signal}: all are stopped`);
        group.cancel();
      });
    }
    for (const program of programs) {
      const keeper = new Keeper(program, width);
      group.createTask(keeper.keep(() => group.cancel()));
      yield* keeper.up.wait();
    }
    whenUp();
  });
}

class Keeper {
  /** Set when the program is up for the first time. */
  readonly up = new Event();
  readonly #program: Program;
  readonly #name: string;
  #lives = 0;

  constructor(program: Program, width: number) {
    this.#program = program;
    this.#name = program.name.padEnd(width);
  }

  /** Starts the program again until it ends well. One that dies too often is given up. */
  *keep(whenGivenUp: () => void): Coroutine<void> {
    let deaths: number[] = [];
    while ((yield* this.#live()) !== 0) {
      const now = getRunningLoop().time();
      deaths = [...deaths.filter((then) => then > now - PERIOD), now];
      if (deaths.length === DEATHS) {
        this.#say("!", `given up: died ${DEATHS} times within ${PERIOD} s`);
        process.exitCode = 1;
        whenGivenUp();
        return;
      }
      const delay = FIRST_DELAY * 2 ** (deaths.length - 1);
      this.#say("!", `starts again in ${delay} s`);
      yield* sleep(delay);
    }
    this.up.set(); // who has done its work need not say that it is ready
  }

  /** A life of the program, from its start to its end; gives the exit code. Cancelled, it ends the program. */
  *#live(): Coroutine<number> {
    const child = yield* createSubprocessExec("/bin/sh", ["-c", this.#program.line], {
      stdin: DEVNULL,
      stdout: PIPE,
      stderr: STDOUT,
      env: { ...process.env, LIFE: `${++this.#lives}` },
      startNewSession: true, // killGroup reaches all that it starts, and Ctrl-C comes to us alone
    });
    if (this.#program.ready === undefined) this.up.set();
    const output = createTask(this.#passOn(child.stdout!));
    try {
      return yield* child.wait();
    } catch (error) {
      if (isCancelled(error)) yield* this.#stop(child);
      throw error;
    } finally {
      child.killGroup("SIGKILL"); // whom it has started and left behind
      // Only who has left the group could still hold the pipe open.
      yield* asyncWith(moveOnAfter(PATIENCE), () => output);
      this.#say("!", `ended with ${nameOf(child.returncode)}`);
    }
  }

  *#stop(child: Process): Coroutine<void> {
    child.killGroup("SIGTERM");
    const patience = moveOnAfter(PATIENCE);
    yield* asyncWith(patience, () => child.wait());
    if (!patience.expired()) return;
    this.#say("!", "does not end: SIGKILL");
    child.killGroup("SIGKILL");
    yield* child.wait();
  }

  *#passOn(output: StreamReader): Coroutine<void> {
    for (;;) {
      const line = yield* readLine(output);
      if (line === null) return;
      this.#say("|", line);
      if (line === this.#program.ready) this.up.set();
    }
  }

  #say(sign: "|" | "!", text: string) {
    console.log(`${this.#name} ${sign} ${text}`);
  }
}

/** A line without its end, or a piece of one that is too long; null after the last. */
function* readLine(reader: StreamReader): Coroutine<string | null> {
  try {
    const bytes = yield* reader.readuntil("\n");
    return bytes.toString("utf8", 0, bytes.length - 1);
  } catch (error) {
    if (error instanceof LimitOverrunError) return String(yield* reader.readexactly(error.consumed));
    if (!(error instanceof IncompleteReadError)) throw error;
    return error.partial.length === 0 ? null : Buffer.from(error.partial).toString();
  }
}

/** A returncode for people. */
function nameOf(returncode: number | null) {
  if (returncode === null || returncode >= 0) return `exit code ${returncode}`;
  const names = Object.entries(constants.signals);
  return names.find(([, number]) => number === -returncode)?.[0] ?? `signal ${-returncode}`;
}

const SHOWN: Program[] = [
  {
    name: "web",
    line: "trap 'echo closing; exit 0' TERM; echo ready; sleep 1000 & wait",
    ready: "ready",
  },
  {
    name: "stubborn",
    line: "trap '' TERM; echo nobody ends me; while :; do sleep 1; done",
    ready: "nobody ends me",
  },
  {
    name: "database",
    line: "[ $LIFE = 3 ] || { echo the disk is busy; exit $LIFE; }; echo ready; exec sleep 1000",
    ready: "ready",
  },
];

const lines = process.argv.slice(2);
if (lines.length === 0) await run(supervise(SHOWN, () => process.kill(process.pid, "SIGTERM")));
else await run(supervise(lines.map((line) => ({ name: line.split(" ")[0] ?? line, line }))));
