// How a task shows itself from its creation to its end, with the callbacks and the future that belong to it.
import type { Coroutine } from "@aioloop/loop";
import { coroutine, createTask, sleep, wait } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { errorOf, program } from "./helpers.ts";

const notMuch = coroutine(function* notMuch(): Coroutine<string> {
  return "abc";
});

test("Task shows its callbacks before its first step, while it is being cancelled, and no more once done [S93 S69]", () => {
  program(function* () {
    const task = createTask(notMuch(), { name: "TestTask" });
    task.addDoneCallback(function tell() {});
    expect(String(task)).toBe("<Task pending name='TestTask' coro=notMuch cb=[tell]>");
    task.cancel(); // takes effect in its next step
    expect(String(task)).toBe("<Task cancelling name='TestTask' coro=notMuch cb=[tell]>");
    yield* wait([task]);
    expect(String(task)).toBe("<Task cancelled name='TestTask' coro=notMuch>");
    const other = createTask(notMuch(), { name: "TestTask" });
    yield* other;
    expect(String(other)).toBe(`<Task finished name='TestTask' coro=notMuch result="abc">`);
  });
});

test("Task without a name shows its number, another for each, counting up [S74 S93]", () => {
  program(function* () {
    const numbers = [createTask(notMuch()), createTask(notMuch())].map((task) =>
      Number(/^<Task pending name='Task-(\d+)' /.exec(String(task))?.[1]),
    ) as [number, number];
    expect(numbers[0]).toBeLessThan(numbers[1]);
    yield* sleep(0);
  });
});

test("Task whose name is a number shows that number, which is no Task-N [S74]", () => {
  program(function* () {
    const task = createTask(notMuch(), { name: 987654321 as never });
    expect(task.getName()).toBe("987654321");
    task.setName(123456789 as never);
    expect(task.getName()).toBe("123456789");
    yield* task;
  });
});

test("Task shows the plain future it waits for as that shows itself [S93]", () => {
  program(function* (loop) {
    const future = loop.createFuture<void>();
    const task = createTask(
      (function* () {
        yield* future;
      })(),
    );
    yield;
    future.addDoneCallback(function tell() {});
    expect(String(task)).toContain("waitFor=<<Future pending cb=[");
    expect(String(task)).toContain(", tell]>>");
    future.setResult();
    yield* task;
  });
});

test("Task.cancelling() is 0 before cancel() and counts from then on, and so it shows; cancel() is true again [S105 S93]", () => {
  program(function* () {
    const task = createTask(sleep(10));
    expect(task.cancelling()).toBe(0);
    expect(String(task)).not.toContain("cancelling");
    expect(task.cancel()).toBe(true);
    expect(task.cancelling()).toBe(1);
    expect(String(task)).toContain("<Task cancelling ");
    expect(task.cancel()).toBe(true);
    expect(task.cancelling()).toBe(2);
    yield* errorOf(task);
  });
});
