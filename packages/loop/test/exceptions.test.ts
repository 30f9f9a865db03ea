// The errors: their names, what they extend, and the two questions that CPython's class hierarchy answers.
import {
  CancelledError,
  DeadlockError,
  InvalidStateError,
  isCancelled,
  KeyboardInterrupt,
  LookupError,
  RuntimeError,
  SystemExit,
  TimeoutError,
} from "@aioloop/loop";
import { expect, test } from "vitest";
import { leavesLoop } from "../src/exceptions.ts";

const CLASSES = {
  CancelledError,
  DeadlockError,
  InvalidStateError,
  KeyboardInterrupt,
  LookupError,
  RuntimeError,
  TimeoutError,
};

test.each(Object.entries(CLASSES))("%s is an Error with its name and message", (name, Class) => {
  const error = new Class("the message");
  expect(error).toBeInstanceOf(Error);
  expect([error.name, error.message, String(error)]).toEqual([name, "the message", `${name}: the message`]);
  expect(Object.keys(error).includes("name")).toBe(false);
});

test("A subclass of an error of ours may have a name of its own", () => {
  class Refused extends RuntimeError {}
  expect(new Refused("no")).toBeInstanceOf(RuntimeError);
  expect(new Refused("no").name).toBe("RuntimeError");
});

test("DeadlockError is a RuntimeError", () => {
  expect(new DeadlockError("x")).toBeInstanceOf(RuntimeError);
});

test("CancelledError keeps what was given to cancel(), null where nothing was", () => {
  expect([new CancelledError().msg, new CancelledError(null).message]).toEqual([null, ""]);
  expect([new CancelledError("why").msg, new CancelledError("why").message]).toEqual(["why", "why"]);
});

test("SystemExit has the exit code, 0 by default", () => {
  expect([new SystemExit().code, new SystemExit(3).code, String(new SystemExit(3))]).toEqual([
    0,
    3,
    "SystemExit: exit with code 3",
  ]);
});

test("Errors of ours take a cause [J13]", () => {
  const cause = new Error("cause");
  expect(new RuntimeError("x", { cause }).cause).toBe(cause);
});

test("isCancelled() knows cancellations among whatever can be thrown [J8]", () => {
  expect([new CancelledError(), new CancelledError("x")].map(isCancelled)).toEqual([true, true]);
  const others = [new Error("CancelledError"), new TimeoutError(), undefined, null, "CancelledError", {}];
  expect(others.map(isCancelled)).toEqual(others.map(() => false));
});

test("leavesLoop() knows the two errors that stop a loop [J8 S45]", () => {
  expect([new KeyboardInterrupt(), new SystemExit()].map(leavesLoop)).toEqual([true, true]);
  const others = [new CancelledError(), new Error(), undefined, null];
  expect(others.map(leavesLoop)).toEqual(others.map(() => false));
});
