/** The statements of what synchronizes tasks. */
import { Event } from "aioloop";
import type { Scope, StatementTable } from "./interpreter.ts";
import { counted, resource } from "./interpreter.ts";

/** The events that a program declares. */
export const eventOf: (at: Scope, index: number) => Event = resource(
  "event",
  ({ events }) => counted(events),
  () => new Event(),
);

export const syncStatements = {
  *event_wait(at: Scope, index: number) {
    yield* at.observe("event_wait", eventOf(at, index).wait());
  },

  *event_set(at: Scope, index: number) {
    eventOf(at, index).set();
    at.log("event_set");
  },

  *event_clear(at: Scope, index: number) {
    eventOf(at, index).clear();
    at.log("event_clear");
  },
} satisfies StatementTable;
