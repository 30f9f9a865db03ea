// A seat is looked at and then booked, with a turn between the two: another one looks in that turn.
import type { Coroutine } from "@aioloop/loop";
import { gather, sleep } from "@aioloop/tasks";
import type { Animal } from "./animal.ts";
import { check } from "./animal.ts";

function* theatre(book: (seats: Map<string, string>, who: string) => Coroutine<boolean>): Coroutine<void> {
  const seats = new Map<string, string>();
  function* quick(): Coroutine<boolean> {
    return yield* book(seats, "Ada");
  }
  function* thorough(): Coroutine<boolean> {
    yield* sleep(0); // signs in first
    return yield* book(seats, "Bob");
  }
  const sold = yield* gather([quick(), thorough()]);
  check(sold.filter(Boolean).length === 1, "a seat was sold twice");
}

export const checkThenAct: Animal = {
  name: "check-then-act",
  fidelity: "tasks",
  says: /sold twice/,
  broken: () =>
    theatre(function* (seats, who) {
      if (seats.has("A1")) return false;
      yield* sleep(0); // writes it into the log
      seats.set("A1", who);
      return true;
    }),
  fixed: () =>
    theatre(function* (seats, who) {
      if (seats.has("A1")) return false;
      seats.set("A1", who);
      yield* sleep(0);
      return true;
    }),
};
