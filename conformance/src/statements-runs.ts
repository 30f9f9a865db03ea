/** The statements of the loop itself: stopping it, and running another inside. */
import { Runner, run, VirtualEventLoop } from "aioloop";
import type { Scope, StatementTable } from "./interpreter.ts";
import { attempt } from "./statements-attempts.ts";

/** Each is an error inside a running loop. */
type Nested = "run" | "runner" | "same_runner" | "run_until_complete" | "run_forever" | "close";

export const runStatements = {
  *stop(at: Scope) {
    at.loop.stop();
    at.log("stop");
  },

  *nested(at: Scope, what: Nested, name: string) {
    const { loop } = at;
    const { runner } = at.interpreter;
    const coro = at.interpreter.coroutine(name);
    const loopFactory = () => new VirtualEventLoop();
    const actions: Record<Nested, () => unknown> = {
      run: () => run(coro, { loopFactory }),
      runner: () => new Runner({ loopFactory }).run(coro),
      same_runner: () => runner.run(coro),
      run_until_complete: () => loop.runUntilComplete(coro),
      run_forever: () => loop.runForever(),
      close: () => loop.close(),
    };
    attempt(at, "nested", actions[what]);
  },
} satisfies StatementTable;
