// Programs with children. The first argument says which one.
import { createSubprocessShell, EventLoop } from "@aioloop/streams";
import { run } from "@aioloop/tasks";

const programs: Record<string, () => unknown> = {
  /** Children that use what this process has: by default, and where null is given. */
  inherits: () =>
    run(
      (function* () {
        console.log("ready");
        const first = yield* createSubprocessShell('read x; echo "out $x"; echo err >&2');
        yield* first.wait();
        const second = yield* createSubprocessShell("echo out", { stdin: null, stdout: null, stderr: null });
        yield* second.wait();
      })(),
      { loopFactory: () => new EventLoop() },
    ),
};

await programs[process.argv[2] ?? ""]?.();
