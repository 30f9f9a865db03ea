// Sleeps until Ctrl-C. Its argument says what it does with the cancellation: "clean" lets it pass, "stubborn" goes on.
import { isCancelled, KeyboardInterrupt, run, sleep } from "aioloop";

function* main() {
  console.log("ready");
  try {
    yield* sleep(60);
  } catch (error) {
    if (!isCancelled(error)) throw error;
    console.log("cancelled");
    if (process.argv[2] === "stubborn") yield* sleep(60);
    throw error;
  } finally {
    console.log("cleaned up");
  }
}

try {
  await run(main());
} catch (error) {
  if (!(error instanceof KeyboardInterrupt)) throw error;
  console.log("KeyboardInterrupt", process.listenerCount("SIGINT"));
  process.exitCode = 130;
}
