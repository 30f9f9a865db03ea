// Contexts of tasks under many switches, and in each of the ways to make a task.
import type { Coroutine } from "@aioloop/loop";
import { ContextVar, copyContext } from "@aioloop/loop";
import { createTask, gather, sleep, Task } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { program } from "./helpers.ts";

test("Task keeps its values while the callbacks of what it awaits set theirs [S75 S282]", () => {
  const variable = new ContextVar("variable", { default: "nope" });
  program(function* (loop) {
    let told = 0;
    const tell = () => {
      told += 1;
      variable.set("the callback's");
    };
    for (let outer = 0; outer < 2; outer++) {
      const future = loop.createFuture<void>();
      future.addDoneCallback(tell);
      variable.set(`${outer}`);
      loop.callSoon(() => future.setResult());
      yield* future;
      expect(variable.get()).toBe(`${outer}`);
      for (let inner = 0; inner < 3; inner++) {
        variable.set(`${outer}.${inner}`);
        yield* sleep(0.001);
        expect(variable.get()).toBe(`${outer}.${inner}`);
      }
    }
    expect(told).toBe(2);
  });
  expect(variable.get()).toBe("nope");
});

test("Task: a hundred at once, each sets the same variable ten times, and sees its own values alone [S75 S283]", () => {
  const variable = new ContextVar("variable", { default: -1 });
  program(function* () {
    function* worker(number: number): Coroutine<number> {
      let wrong = 0;
      for (let round = 0; round < 10; round++) {
        variable.set(number + round);
        yield* sleep(0.001 * (((number * 7 + round * 13) % 50) + 1));
        if (variable.get() !== number + round) wrong += 1;
      }
      return wrong;
    }
    const wrong = yield* gather(Array.from({ length: 100 }, (_, number) => createTask(worker(number))));
    expect(wrong.filter((count) => count > 0)).toEqual([]);
    expect(variable.get()).toBe(-1);
  });
});

test.each(["new Task()", "createTask()", "loop.createTask()"] as const)(
  "%s with { context }: one after the other in the same, each sets it anew [S283]",
  (way) => {
    const variable = new ContextVar<number>("variable");
    program(function* (loop) {
      function* setting(value: number): Coroutine<void> {
        yield* sleep(0);
        variable.set(value);
      }
      const context = copyContext();
      const seen = [context.get(variable, null)];
      for (const value of [1, 2]) {
        if (way === "new Task()") yield* new Task(setting(value), { loop, context });
        else
          yield* (way === "createTask()" ? createTask : loop.createTask.bind(loop))(setting(value), {
            context,
          });
        seen.push(context.get(variable, null));
      }
      expect(seen).toEqual([null, 1, 2]);
      expect(variable.get(0)).toBe(0);
    });
  },
);
