// ContextVar, Context, Token; and which context a callback runs in.
import { inspect } from "node:util";
import { Context, ContextVar, copyContext, LookupError, RuntimeError, Token } from "@aioloop/loop";
import { VirtualEventLoop } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { Notes, reportsOf, thrownBy, turn } from "./helpers.ts";

const newLoop = () => new VirtualEventLoop({ debug: false });

describe("ContextVar", () => {
  test("ContextVar.get() gives the value, else the fallback, else the default, else a LookupError", () => {
    copyContext().run(() => {
      const plain = new ContextVar<number>("plain");
      const defaulted = new ContextVar("defaulted", { default: 5 });
      expect(() => plain.get()).toThrow(LookupError);
      expect(() => plain.get()).toThrow(
        '<ContextVar plain> has no value here: set() it first, or give it a default: new ContextVar("plain", { default: … })',
      );
      expect([plain.get(1), plain.get(undefined), defaulted.get(), defaulted.get(1)]).toEqual([
        1,
        undefined,
        5,
        1,
      ]);
      plain.set(2);
      defaulted.set(3);
      expect([plain.get(), plain.get(1), defaulted.get(), defaulted.get(1)]).toEqual([2, 2, 3, 3]);
    });
  });

  test("ContextVar takes undefined as a value and as a default", () => {
    const variable = new ContextVar<number | undefined>("v", { default: undefined });
    expect(variable.get()).toBe(undefined);
    copyContext().run(() => {
      variable.set(undefined);
      expect([variable.get(1), copyContext().has(variable as never)]).toEqual([undefined, true]);
    });
  });

  test("ContextVar: two of one name are two", () => {
    const [one, two] = [new ContextVar("v", { default: 0 }), new ContextVar("v", { default: 0 })];
    copyContext().run(() => {
      one.set(1);
      expect([one.get(), two.get()]).toEqual([1, 0]);
    });
  });

  test("new ContextVar() needs a string for a name", () => {
    expect(() => new ContextVar(5 as never)).toThrow(
      "new ContextVar(name): the name must be a string, got 5",
    );
  });

  test("ContextVar.reset() puts back the value from before, or none", () => {
    copyContext().run(() => {
      const variable = new ContextVar<string>("v");
      const first = variable.set("one");
      const second = variable.set("two");
      expect([first.oldValue, second.oldValue, first.var === variable]).toEqual([Token.MISSING, "one", true]);
      variable.reset(second);
      expect(variable.get()).toBe("one");
      variable.reset(first);
      expect(variable.get("none")).toBe("none");
      expect(copyContext().has(variable as never)).toBe(false);
    });
  });

  test("ContextVar.reset() out of order puts back what stood before that set()", () => {
    copyContext().run(() => {
      const variable = new ContextVar<number>("v");
      variable.set(1);
      const token = variable.set(2);
      variable.set(3);
      variable.reset(token);
      expect(variable.get()).toBe(1);
    });
  });

  test("ContextVar.reset() refuses a used token, another variable's, another context's", () => {
    copyContext().run(() => {
      const [one, two] = [new ContextVar<number>("one"), new ContextVar<number>("two")];
      const token = one.set(1);
      expect(() => two.reset(token)).toThrow(
        "<Token of <ContextVar one>> was created by another ContextVar than <ContextVar two>",
      );
      expect(() => copyContext().run(() => one.reset(token))).toThrow(
        "<Token of <ContextVar one>> was created in another Context",
      );
      expect(thrownBy(() => two.reset(token))).toBeInstanceOf(RangeError);
      one.reset(token);
      expect(() => one.reset(token)).toThrow("<Token used of <ContextVar one>> has already been used once");
      expect(thrownBy(() => one.reset(token))).toBeInstanceOf(RuntimeError);
    });
  });
});

describe("Context", () => {
  test("new Context() is empty, also when made where variables are set", () => {
    const variable = new ContextVar<number>("v");
    copyContext().run(() => {
      variable.set(1);
      expect(new Context().size).toBe(0);
      expect(new Context().run(() => variable.get(0))).toBe(0);
    });
  });

  test("Context is a mapping of the variables set in it", () => {
    const [one, two, unset] = ["one", "two", "unset"].map((name) => new ContextVar<number>(name)) as [
      ContextVar<number>,
      ContextVar<number>,
      ContextVar<number>,
    ];
    const context = new Context();
    context.run(() => {
      one.set(1);
      two.set(2);
    });
    expect([context.size, context.has(one as never), context.has(unset as never)]).toEqual([2, true, false]);
    expect([context.at(one), context.get(two), context.get(unset), context.get(unset, 7)]).toEqual([
      1,
      2,
      undefined,
      7,
    ]);
    expect(() => context.at(unset)).toThrow("<ContextVar unset> is not set in <Context of 2 variables>");
    expect(thrownBy(() => context.at(unset))).toBeInstanceOf(LookupError);
    expect([...context].map(({ name }) => name)).toEqual(["one", "two"]);
    expect([...context.keys()].map(({ name }) => name)).toEqual(["one", "two"]);
    expect([...context.values()]).toEqual([1, 2]);
    expect([...context.items()].map(([{ name }, value]) => [name, value])).toEqual([
      ["one", 1],
      ["two", 2],
    ]);
  });

  test("Context.run() passes arguments and result, and what is thrown", () => {
    expect(copyContext().run((a: number, b: number) => a + b, 1, 2)).toBe(3);
    const error = new Error("no");
    const context = copyContext();
    const fail = () => {
      throw error;
    };
    expect(thrownBy(() => context.run(fail))).toBe(error);
    expect(context.run(() => "entered again")).toBe("entered again");
  });

  test("Context.run(): what is set inside stays inside, and is there the next time", () => {
    const variable = new ContextVar("v", { default: "outside" });
    const context = copyContext();
    context.run(() => void variable.set("inside"));
    expect([variable.get(), context.run(() => variable.get())]).toEqual(["outside", "inside"]);
  });

  test("Context.run() inside another context's run() comes back to it", () => {
    const variable = new ContextVar("v", { default: "-" });
    const [a, b] = [copyContext(), copyContext()];
    a.run(() => {
      variable.set("a");
      b.run(() => variable.set("b"));
      expect(variable.get()).toBe("a");
    });
    expect([a.get(variable), b.get(variable), variable.get()]).toEqual(["a", "b", "-"]);
  });

  test("Context.run() of a context that is entered already is a RuntimeError, and nothing is disturbed [S285]", () => {
    const variable = new ContextVar("v", { default: 0 });
    const [outer, inner] = [copyContext(), copyContext()];
    outer.run(() => {
      variable.set(1);
      const message = /^cannot enter context: <Context of 1 variables> is already entered$/;
      expect(() => outer.run(() => {})).toThrow(message);
      inner.run(() => expect(() => outer.run(() => {})).toThrow(message));
      expect(variable.get()).toBe(1);
    });
    expect(outer.run(() => variable.get())).toBe(1);
  });

  test("copyContext() and Context.copy() are apart from what they were made of", () => {
    const variable = new ContextVar<string>("v");
    const original = new Context();
    original.run(() => variable.set("old"));
    const copy = original.copy();
    copy.run(() => variable.set("new"));
    original.run(() => {
      const current = copyContext();
      variable.set("newer");
      expect(current.get(variable)).toBe("old");
    });
    expect([original.get(variable), copy.get(variable)]).toEqual(["newer", "new"]);
  });

  test("Context, ContextVar and Token show what they are", () => {
    const variable = new ContextVar<number>("v");
    copyContext().run(() => {
      const token = variable.set(1);
      expect([variable, token, new Context()].map((thing) => inspect(thing))).toEqual([
        "<ContextVar v>",
        "<Token of <ContextVar v>>",
        "<Context of 0 variables>",
      ]);
    });
  });
});

describe("callbacks", () => {
  const variable = new ContextVar("variable", { default: "unset" });

  test("BaseEventLoop: a callback sees the values of its scheduling, not of its run [S44 S282]", () => {
    const loop = newLoop();
    const seen = new Notes();
    const note = () => void seen.push(variable.get());
    copyContext().run(() => {
      loop.callSoon(note);
      variable.set("one");
      loop.callSoon(note);
      loop.callLater(0, note);
      loop.callSoonThreadsafe(note);
      variable.set("two");
      loop.callSoon(note);
      loop.callAt(0, note);
    });
    turn(loop);
    expect(seen).toEqual(["unset", "one", "one", "two", "one", "two"]);
  });

  test("BaseEventLoop: what a callback sets is not seen by others, nor by who runs the loop [S282]", () => {
    const loop = newLoop();
    const seen = new Notes();
    const note = () => void seen.push(variable.get());
    loop.callSoon(() => void variable.set("mine"));
    loop.callSoon(note);
    loop.callLater(0, note);
    turn(loop);
    expect([...seen, variable.get()]).toEqual(["unset", "unset", "unset"]);
  });

  test("BaseEventLoop: what a callback schedules takes its values along [S44 S282]", () => {
    const loop = newLoop();
    const seen = new Notes();
    loop.callSoon(() => {
      variable.set("set by the first");
      loop.callSoon(() => {
        seen.push(variable.get());
        variable.set("set by the second");
        loop.callSoon(() => void seen.push(variable.get()));
      });
      variable.set("too late");
    });
    turn(loop, 3);
    expect(seen).toEqual(["set by the first", "set by the second"]);
  });

  test("BaseEventLoop: callbacks given one context share it [S282]", () => {
    const loop = newLoop();
    const seen = new Notes();
    const context = copyContext();
    loop.callSoon({ callback: () => void variable.set("shared"), context });
    loop.callSoon({ callback: () => void seen.push(variable.get()), context });
    loop.callLater(0, { callback: () => void seen.push(variable.get()), context });
    loop.callSoonThreadsafe({ callback: () => void seen.push(variable.get()), context });
    turn(loop);
    expect([...seen, variable.get(), context.get(variable)]).toEqual([
      "shared",
      "shared",
      "shared",
      "unset",
      "shared",
    ]);
  });

  test("BaseEventLoop: `context: null` is as none given [S44]", () => {
    const loop = newLoop();
    const seen = new Notes();
    loop.callSoon({ callback: () => void seen.push(variable.get()), context: null });
    turn(loop);
    expect(seen).toEqual(["unset"]);
  });

  test("BaseEventLoop: a callback whose context is entered, by who runs the loop, is reported [S285]", () => {
    const loop = newLoop();
    const reports = reportsOf(loop);
    const ran = new Notes();
    const context = copyContext();
    context.run(() => {
      loop.callSoon({ callback: ran.note("in the entered context"), context });
      loop.callSoon(ran.note("next"));
      turn(loop);
    });
    expect(ran).toEqual(["next"]);
    expect(String(reports[0]?.exception)).toMatch(
      /^RuntimeError: cannot enter context: <Context of 0 variables> is already entered$/,
    );
    loop.callSoon({ callback: ran.note("now it can"), context });
    turn(loop);
    expect(ran).toEqual(["next", "now it can"]);
  });

  test("BaseEventLoop: a token from one callback cannot be used in another [S282]", () => {
    const loop = newLoop();
    const reports = reportsOf(loop);
    loop.callSoon(() => {
      const token = variable.set("x");
      loop.callSoon(() => variable.reset(token));
      expect(variable.get()).toBe("x");
    });
    turn(loop, 2);
    expect(String(reports[0]?.exception)).toContain("was created in another Context");
  });

  test("BaseEventLoop: an error in a callback leaves no context behind [S282]", () => {
    const loop = newLoop();
    const seen = new Notes();
    loop.setExceptionHandler(() => {
      variable.set("by the handler");
      throw new Error("handler broken");
    });
    loop.defaultExceptionHandler = () => {};
    loop.callSoon(() => {
      variable.set("by the callback");
      throw new Error();
    });
    loop.callSoon(() => void seen.push(variable.get()));
    turn(loop);
    expect([...seen, variable.get()]).toEqual(["unset", "unset"]);
  });

  test("BaseEventLoop.runForever(): the caller's context is what it was, whatever ran inside [S282]", () => {
    const loop = newLoop();
    const context = copyContext();
    context.run(() => {
      variable.set("caller's");
      loop.callSoon(() => void variable.set("callback's"));
      turn(loop);
      expect(variable.get()).toBe("caller's");
      variable.set("caller's, later");
    });
    expect(context.get(variable)).toBe("caller's, later");
  });

  test("Task: sees the values of its creation, keeps what it sets, and nothing flows back [S283]", () => {
    const loop = newLoop();
    const seen = new Notes();
    copyContext().run(() => {
      variable.set("at creation");
      loop.createTask(
        (function* () {
          seen.push(variable.get());
          variable.set("task's");
          yield;
          seen.push(variable.get());
        })(),
      );
      variable.set("creator's");
      turn(loop, 2);
      seen.push(variable.get());
    });
    expect(seen).toEqual(["at creation", "task's", "creator's"]);
  });

  test("Task: what it sets is seen in the context it was given [S283]", () => {
    const loop = newLoop();
    const context = copyContext();
    loop.createTask(
      (function* () {
        variable.set("task's");
      })(),
      { context },
    );
    turn(loop);
    expect([context.get(variable), variable.get()]).toEqual(["task's", "unset"]);
  });
});

test("Handle.getContext() shows what the callback set [S44 S282]", () => {
  const variable = new ContextVar<string>("v");
  const loop = newLoop();
  const handle = loop.callSoon(() => void variable.set("x"));
  turn(loop);
  expect(handle.getContext().get(variable)).toBe("x");
});
