// What goes to workers and comes back: every kind of value, by whichever way it goes (primitives and plain data through shared memory,
// the rest through ports), copied when it is given, moved, shared; and errors of every class.

import type { MessagePort } from "node:worker_threads";
import { MessageChannel } from "node:worker_threads";
import type { Executor } from "@aioloop/executors";
import * as executors from "@aioloop/executors";
import { ProcessPoolExecutor, registerErrors, ThreadPoolExecutor } from "@aioloop/executors";
import { CancelledError, ExceptionGroup, RuntimeError, TimeoutError } from "@aioloop/loop";
import { QueueFull } from "@aioloop/tasks";
import { afterAll, describe, expect, test } from "vitest";
import { isCancelled, OutOfStock, registerAll, runOut, throwUnregistered, triple } from "./fixtures/jobs.ts";

// Under this name functions that are sent by their source find it in their worker, too.
const { transfer } = executors;

const threads = new ThreadPoolExecutor(1);
const processes = new ProcessPoolExecutor(1);
afterAll(() => {
  threads.shutdown();
  processes.shutdown();
});

const pools: [string, Executor][] = [
  ["ThreadPoolExecutor", threads],
  ["ProcessPoolExecutor", processes],
];

const values: [string, unknown][] = [
  ["undefined", undefined],
  ["null", null],
  ["booleans", [true, false]],
  ["numbers", [0, -0, 1.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, Number.MIN_VALUE]],
  ["a big integer", 2n ** 80n],
  ["an empty string", ""],
  ["letters of many scripts", "aß€漢😀"],
  ["half of a surrogate pair", "\ud83d"],
  ["a string of 10,000", "x".repeat(10_000)],
  ["a string too long for the ring", "y".repeat(1_000_000)],
  ["an array with a hole", [1, undefined, 3]],
  ["nested objects", { a: [{ b: { c: null } }], d: undefined }],
  ["an array of 5,000", Array.from({ length: 5000 }, (_, i) => i)],
  ["an object that is too large for the ring", Array.from({ length: 20_000 }, (_, i) => `item ${i}`)],
  ["deeply nested arrays", [[[[[[[[[[[[1]]]]]]]]]]]]],
  ["a Map and a Set", new Map<unknown, unknown>([["a", new Set([1, 2])]])],
  ["a Date and a RegExp", [new Date(5), /a+/gi]],
  ["bytes", new Uint8Array([1, 2, 3])],
  ["floats", new Float64Array([1.5, -2.5])],
  ["bytes too many for the ring", new Uint8Array(100_000).fill(7)],
  ["a view of a part", new Uint8Array(new ArrayBuffer(100), 10, 5).fill(3)],
];

describe.each(pools)("%s", (_name, pool) => {
  test.each(values)("%s goes there and comes back", (_what, value) => {
    expect(pool.submit((one: unknown) => one, value).result()).toEqual(value);
    expect(pool.submit((...all: unknown[]) => all, 1, value, "end").result()).toEqual([1, value, "end"]);
  });

  test("an object that holds itself goes there and comes back", () => {
    const circle: { self?: unknown; name: string } = { name: "circle" };
    circle.self = circle;
    const back = pool.submit((one: typeof circle) => one, circle).result();
    expect(back.name).toBe("circle");
    expect(back.self).toBe(back);
  });

  test("an object of a class comes back as a plain object, as from a structured clone", () => {
    class Point {
      x = 1;
    }
    expect(pool.submit((point: Point) => point, new Point()).result()).toEqual({ x: 1 });
  });

  test("arguments are those of the moment of submit(): a later change does not show", () => {
    const list = [1];
    const bytes = new Uint8Array([1]);
    const calls = Array.from({ length: 20 }, () =>
      pool.submit((l: number[], b: Uint8Array) => [l[0], b[0]], list, bytes),
    );
    list[0] = 2;
    bytes[0] = 2;
    for (const call of calls) expect(call.result()).toEqual([1, 1]);
  });

  test("no arguments, and more than a function has", () => {
    expect(pool.submit(() => "none").result()).toBe("none");
    expect(
      pool.submit((...all: number[]) => all.length, ...Array.from({ length: 100 }, (_, i) => i)).result(),
    ).toBe(100);
  });

  test("functions of many forms are sent by their source", () => {
    const object = {
      method(n: number) {
        return n + 1;
      },
      async later(n: number) {
        return n + 2;
      },
    };
    function declared(n: number) {
      return n + 3;
    }
    async function declaredLater(n: number) {
      await null;
      return n + 4;
    }
    const expression = (n: number) => n + 5;
    const each = [object.method, object.later, declared, declaredLater, expression];
    expect(each.map((fn) => pool.submit<[number], number | Promise<number>>(fn, 10).result())).toEqual([
      11, 12, 13, 14, 15,
    ]);
  });

  test("a function by reference is called in its module, TypeScript or not", () => {
    expect(pool.submit(triple, 14).result()).toBe(42);
    expect(triple(1)).toBe(3);
    expect(pool.submit(isCancelled).result()).toBe(false);
  });

  test("a buffer that is moved is empty here afterwards, and whole there", () => {
    const floats = new Float64Array([1, 2, 3]);
    const call = pool.submit(
      { fn: (given: Float64Array) => given.reduce((a, b) => a + b), transfer: [floats.buffer] },
      floats,
    );
    expect(floats.length).toBe(0);
    expect(call.result()).toBe(6);
  });

  test("transfer() in a worker moves the result; outside it gives the value", () => {
    const big = pool.submit(() => {
      const made = new Float64Array(100_000).fill(2);
      return transfer(made, [made.buffer]);
    });
    expect(big.result().length).toBe(100_000);
    expect(transfer(5, [])).toBe(5);
  });

  test.each([
    [() => new TypeError("wrong"), TypeError],
    [() => new RangeError("far"), RangeError],
    [() => new SyntaxError("odd"), SyntaxError],
    [() => new URIError("where"), URIError],
  ])("an error that is built in comes back as its class", (make, type) => {
    const source = `${make}`;
    const fails = (text: string) => {
      throw new Function(`return (${text})()`)();
    };
    const error = pool.submit(fails, source).exception() as Error;
    expect(error).toBeInstanceOf(type);
    expect(error.constructor).toBe(type);
    expect(error.message).toBe(make().message);
  });

  test("an error comes back with cause, properties and the worker's stack [S302]", () => {
    const read = () => {
      try {
        process.getBuiltinModule("node:fs").readFileSync("/no/such/file");
      } catch (error) {
        throw Object.assign(new Error("cannot read", { cause: error }), { attempts: 3 });
      }
    };
    const error = pool.submit(read).exception() as Error & { attempts: number; cause: NodeJS.ErrnoException };
    expect([error.message, error.attempts]).toEqual(["cannot read", 3]);
    expect([error.cause.code, error.cause.syscall]).toEqual(["ENOENT", "open"]);
    const lines = error.stack?.split("\n") ?? [];
    expect(lines[0]).toBe("Error: cannot read");
    expect(lines[1]).toMatch(/^ {4}in (?:worker thread|ProcessPoolExecutor) '/);
    expect(lines[2]).toMatch(/^ {4}at /);
  });

  test("an AggregateError brings its errors along", () => {
    const error = pool
      .submit(() => {
        throw new AggregateError([new RangeError("one"), 2], "several");
      })
      .exception() as AggregateError;
    expect(error).toBeInstanceOf(AggregateError);
    expect(error.errors[0]).toBeInstanceOf(RangeError);
    expect(error.errors[1]).toBe(2);
  });

  test("any value can be thrown, undefined and null too", () => {
    for (const thrown of [undefined, null, 0, "text", { plain: true }]) {
      const call = pool.submit((value: unknown) => {
        throw value;
      }, thrown);
      let caught: unknown = "nothing";
      try {
        call.result();
      } catch (error) {
        caught = error;
      }
      expect(caught).toEqual(thrown);
    }
  });

  test.each([
    ["bytes in memory of many more", new Uint8Array(new ArrayBuffer(100_000), 10, 5).fill(3)],
    ["an array of 5,000", Array.from({ length: 5000 }, (_, i) => i)],
  ])("%s: on an error, and thrown, it comes back", (_what, value) => {
    const onError = (data: unknown) => {
      throw Object.assign(new Error("with data"), { data });
    };
    expect(pool.submit(onError, value).exception()).toMatchObject({ message: "with data", data: value });
    const byItself = (data: unknown) => {
      throw data;
    };
    expect(pool.submit(byItself, value).exception()).toEqual(value);
  });

  test("an error brings along what is shared by very many of its data", () => {
    const fails = () => {
      let data: unknown = "shared";
      for (let depth = 0; depth < 7; depth++) data = new Array(40).fill(data);
      throw Object.assign(new Error("with data"), { data });
    };
    const { data } = pool.submit(fails).exception() as Error & { data: string[][][][][][][] };
    expect(data[39]?.[39]?.[39]?.[39]?.[39]?.[39]?.[39]).toBe("shared");
  });

  test("a registered class comes back as itself, without its constructor being called", () => {
    registerAll();
    const error = pool.submit(runOut, 2).exception();
    expect(error).toBeInstanceOf(OutOfStock);
    expect((error as OutOfStock).missing).toBe(2);
    expect(String(error)).toBe("OutOfStock: 2 are missing");
  });

  test("a class that nobody registered comes back as the closest one above it, under its own name", () => {
    const error = pool.submit(throwUnregistered).exception() as Error;
    expect(error).toBeInstanceOf(RangeError);
    expect(error.name).toBe("Unregistered");
    expect(error.message).toBe("nobody knows me");
  });
});

test.each([
  ["RuntimeError", RuntimeError],
  ["TimeoutError", TimeoutError],
  ["QueueFull", QueueFull],
  ["CancelledError", CancelledError],
  ["ExceptionGroup", ExceptionGroup],
])("an error of ours, %s, comes back as its class", (name, type) => {
  const fails = (className: string) => {
    // A class of this name, as a worker that imports the package would throw it.
    const made = { [className]: class extends AggregateError {} }[className] as typeof AggregateError;
    throw new made([], "from there");
  };
  expect(threads.submit(fails, name).exception()).toBeInstanceOf(type);
});

test("registerErrors() wins over a class of the same name that is known already", () => {
  class QueueEmpty extends Error {}
  registerErrors(QueueEmpty);
  const fails = () => {
    class QueueEmpty extends Error {}
    throw new QueueEmpty("mine");
  };
  expect(threads.submit(fails).exception()).toBeInstanceOf(QueueEmpty);
});

test("ThreadPoolExecutor: shared memory is shared, also with a thread that waits by other means", () => {
  using pool = new ThreadPoolExecutor(1);
  const cell = new Int32Array(new SharedArrayBuffer(4));
  pool.submit((words: Int32Array) => {
    Atomics.store(words, 0, 1);
    Atomics.notify(words, 0);
  }, cell);
  expect(["ok", "not-equal"]).toContain(Atomics.wait(cell, 0, 0, 20_000));
});

test("ThreadPoolExecutor: a port can be moved, and talks to the worker", async () => {
  const { port1, port2 } = new MessageChannel();
  const heard = new Promise((resolve) => port1.once("message", resolve));
  await threads.submit({ fn: (port: MessagePort) => port.postMessage("hello"), transfer: [port2] }, port2);
  expect(await heard).toBe("hello");
  port1.close();
});

test("ThreadPoolExecutor: a Blob and a key go as a structured clone takes them", async () => {
  expect(await threads.submit((blob: Blob) => blob.text(), new Blob(["inside"]))).toBe("inside");
});

test("ThreadPoolExecutor: calls whose arguments lie in no ring keep their place in the queue", () => {
  using pool = new ThreadPoolExecutor(1);
  const order = new Int32Array(new SharedArrayBuffer(4 * 41));
  const note = (words: Int32Array, i: number) => {
    words[Atomics.add(words, 0, 1) + 1] = i;
  };
  const noteLong = (words: Int32Array, i: number, _ballast: string) => {
    words[Atomics.add(words, 0, 1) + 1] = i;
  };
  for (let i = 0; i < 40; i++) {
    if (i % 2 === 0) pool.submit(note, order, i);
    else pool.submit(noteLong, order, i, "z".repeat(50_000));
  }
  pool.shutdown();
  expect([...order.slice(1)]).toEqual(Array.from({ length: 40 }, (_, i) => i));
});

test("ProcessPoolExecutor: shared memory is refused, with the reason", () => {
  expect(String(processes.submit((cell: unknown) => cell, new SharedArrayBuffer(4)).exception())).toMatch(
    /^TypeError: submit\(fn, \.\.\.args\): an argument cannot be sent to this kind of worker \(/,
  );
});

test("ThreadPoolExecutor: 50,000 calls at once, more than the ring holds, all come back", async () => {
  using pool = new ThreadPoolExecutor(2);
  const calls = Array.from({ length: 50_000 }, (_, i) => pool.submit((n: number) => n, i));
  const results = await Promise.all(calls);
  expect(results.every((result, i) => result === i)).toBe(true);
});

test("ThreadPoolExecutor: results too many for a ring that nobody reads all come back", () => {
  using pool = new ThreadPoolExecutor(1);
  const done = new Int32Array(new SharedArrayBuffer(4));
  const calls = Array.from({ length: 300 }, () =>
    pool.submit((words: Int32Array) => {
      Atomics.add(words, 0, 1);
      Atomics.notify(words, 0);
      return "r".repeat(2000);
    }, done),
  );
  while (Atomics.load(done, 0) < 300) Atomics.wait(done, 0, Atomics.load(done, 0), 100);
  for (const call of calls) expect(call.result()).toHaveLength(2000);
});
