// isConnectionLost(): which errors say that the other side is gone. CPython: the classes below ConnectionError.
import { CancelledError, TimeoutError } from "@aioloop/loop";
import { IncompleteReadError, isConnectionLost, SendfileNotAvailableError } from "@aioloop/streams";
import { expect, test } from "vitest";
import { brokenPipe, connectionReset } from "../src/exceptions.ts";

test("isConnectionLost() knows the codes of CPython's ConnectionError, and no others", () => {
  for (const code of ["ECONNRESET", "EPIPE", "ESHUTDOWN", "ECONNABORTED", "ECONNREFUSED"]) {
    expect(isConnectionLost(Object.assign(new Error("gone"), { code }))).toBe(true);
  }
  expect(isConnectionLost(connectionReset("gone"))).toBe(true);
  expect(isConnectionLost(brokenPipe("gone"))).toBe(true);
  for (const code of ["ENOENT", "ETIMEDOUT", "EADDRINUSE", "ENOTFOUND", undefined, 104]) {
    expect(isConnectionLost(Object.assign(new Error("something else"), { code }))).toBe(false);
  }
});

test("isConnectionLost() takes whatever was thrown", () => {
  const others = [new CancelledError(), new TimeoutError(), new SendfileNotAvailableError(), "ECONNRESET", 0];
  for (const thrown of [...others, null, undefined, {}, new IncompleteReadError(Buffer.alloc(0), 1)]) {
    expect(isConnectionLost(thrown)).toBe(false);
  }
});
