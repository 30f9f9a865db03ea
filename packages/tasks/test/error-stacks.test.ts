// A stack is taken where an error is made, and nowhere else: what throws it again adds nothing and takes nothing away.
import { coroutine, createTask } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { errorOf, program, thrownBy } from "./helpers.ts";

test("Future.result() throws the same error each time, with the stack of where it was made [J23]", () => {
  program(function* (loop) {
    yield;
    const error = new Error("made here");
    const stack = error.stack;
    const future = loop.createFuture();
    future.setException(error);
    for (let time = 0; time < 3; time++) expect(thrownBy(() => future.result())).toBe(error);
    expect(yield* errorOf(future)).toBe(error);
    expect(error.stack).toBe(stack);
  });
});

test("Task: an error that goes up through tasks and coroutines keeps the stack of where it was made [J23]", () => {
  let error: Error | undefined;
  let stack: string | undefined;
  const failing = coroutine(function* failing(): Generator<undefined, never> {
    yield;
    error = new Error("made here");
    stack = error.stack;
    throw error;
  });
  const middle = coroutine(function* middle() {
    yield* createTask(failing());
  });
  program(function* () {
    expect(yield* errorOf(createTask(middle()))).toBe(error);
    expect(error?.stack).toBe(stack);
    expect(stack).toMatch(/^Error: made here\n\s+at .*failing/);
  });
});
