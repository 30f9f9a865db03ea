import type { Context, Coroutine } from "@aioloop/loop";
import { ContextVar, copyContext } from "@aioloop/loop";
import type { Task } from "@aioloop/tasks";
import { createTask, currentTask, gather, sleep, VirtualEventLoop, waitFor } from "@aioloop/tasks";
import { expect, test } from "vitest";
import { program } from "./helpers.ts";

const variable = new ContextVar<string>("variable", { default: "default" });

function* settingTo(value: string): Coroutine<string> {
  variable.set(value);
  yield* sleep(1);
  return variable.get();
}

test("Task keeps what it set from one step to the next [S75]", () => {
  program(function* () {
    const [first, second] = yield* gather([settingTo("first"), settingTo("second")]);
    expect([first, second]).toEqual(["first", "second"]);
  });
});

test("Task sees its creator's values as of its creation, and its own do not flow back [S283 S75]", () => {
  program(function* () {
    variable.set("as of creation");
    const task = createTask(
      (function* () {
        const seen = variable.get();
        variable.set("the task's");
        yield* sleep(1);
        return [seen, variable.get()];
      })(),
    );
    variable.set("later");
    expect(yield* task).toEqual(["as of creation", "the task's"]);
    expect(variable.get()).toBe("later");
  });
});

test("Task with { context } runs there: what it sets shows in that context and not in the creator's [S283]", () => {
  program(function* () {
    const context = copyContext();
    yield* createTask(settingTo("in the context"), { context });
    expect(context.get(variable)).toBe("in the context");
    expect(variable.get()).toBe("default");
  });
});

test("Task with { context } may share it with another: they see each other's values [S283]", () => {
  program(function* () {
    const context = copyContext();
    const first = createTask(settingTo("first"), { context });
    const second = createTask(settingTo("second"), { context });
    expect(yield* gather([first, second])).toEqual(["second", "second"]);
  });
});

test("Task.getContext() is the context its steps run in [S75]", () => {
  program(function* () {
    const given = copyContext();
    const task = createTask(settingTo("here"), { context: given });
    expect(task.getContext()).toBe(given);
    const other = createTask(settingTo("there"));
    const its = other.getContext();
    yield* other;
    expect(other.getContext()).toBe(its);
    expect(its.get(variable)).toBe("there");
    yield* task;
  });
});

test("Task.getContext() asked for from within is the one that is current [S75]", () => {
  program(function* () {
    const seen: Context[] = [];
    const task: Task<void> = createTask(
      (function* () {
        seen.push((currentTask() as Task<unknown>).getContext());
        variable.set("after it was asked for");
        yield* sleep(1);
        seen.push((currentTask() as Task<unknown>).getContext());
      })(),
    );
    yield* task;
    expect(seen[0]).toBe(seen[1]);
    expect(seen[0]?.get(variable)).toBe("after it was asked for");
  });
});

test("callSoon() in a task runs in a copy: what the callback sets, the task does not see [S282]", () => {
  program(function* (loop) {
    variable.set("the task's");
    const seen: string[] = [];
    loop.callSoon(() => {
      seen.push(variable.get());
      variable.set("the callback's");
    });
    loop.callSoon(() => seen.push(variable.get()));
    yield* sleep(1);
    expect(seen).toEqual(["the task's", "the task's"]);
    expect(variable.get()).toBe("the task's");
  });
});

test("waitFor(): what the coroutine sets reaches its caller, whose task it runs in [S284 S134]", () => {
  program(function* () {
    yield* waitFor(settingTo("inside"), 5);
    expect(variable.get()).toBe("inside");
    yield* waitFor(settingTo("without end"), null);
    expect(variable.get()).toBe("without end");
  });
});

test("Task cancelled before its first step leaves its context as it was", () => {
  program(function* () {
    const context = copyContext();
    const task = createTask(settingTo("never"), { context });
    task.cancel();
    yield* sleep(1);
    expect(context.get(variable, "nothing")).toBe("nothing");
  });
});

test("ContextVar.reset() with the token of an earlier step of the same task", () => {
  program(function* () {
    const token = variable.set("for a while");
    yield* sleep(1);
    expect(variable.get()).toBe("for a while");
    variable.reset(token);
    expect(variable.get()).toBe("default");
  });
});

test("Task: a done callback runs in the context it was added in [S282]", () => {
  program(function* () {
    const task = createTask(settingTo("the task's"));
    const seen: string[] = [];
    variable.set("of who added it");
    task.addDoneCallback(() => seen.push(variable.get()));
    variable.set("later");
    yield* task;
    yield;
    expect(seen).toEqual(["of who added it"]);
  });
});

test("a failed task that nobody looked at: its report runs in the context it failed in [S49 S64]", () => {
  const name = new ContextVar<string>("name", { default: "outside" });
  const loop = new VirtualEventLoop();
  const seen: string[] = [];
  loop.setExceptionHandler((_loop, { message }) => void seen.push(`${name.get()}: ${message}`));
  loop.createTask(
    (function* () {
      name.set("the task's");
      yield* sleep(1);
      throw new Error("nobody looks");
    })(),
  );
  loop.callLater(2, () => loop.stop());
  loop.runForever();
  loop.close();
  expect(seen).toEqual(["the task's: Task exception was never retrieved"]);
});
