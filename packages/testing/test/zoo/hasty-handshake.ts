// Gives way twice so that a connection can be made meanwhile: that says nothing about whether it has been.
import type { Coroutine } from "@aioloop/loop";
import { createTask, Event, sleep } from "@aioloop/tasks";
import type { Animal } from "./animal.ts";
import { check } from "./animal.ts";

function* handshake(ready: (connected: Event) => Coroutine<unknown>): Coroutine<void> {
  const connected = new Event();
  const connecting = createTask(
    (function* connect(): Coroutine<void> {
      connected.set();
    })(),
  );
  yield* ready(connected);
  check(connected.isSet(), "it sends before it is connected");
  yield* connecting;
}

export const hastyHandshake: Animal = {
  name: "hasty handshake",
  fidelity: "adversarial",
  says: /before it is connected/,
  broken: () =>
    handshake(function* () {
      yield* sleep(0);
      yield* sleep(0);
    }),
  fixed: () => handshake((connected) => connected.wait()),
};
