import { ProcessPoolExecutor, ThreadPoolExecutor, TimeoutError } from "@aioloop/executors";
import type { Coroutine } from "@aioloop/loop";
import { asyncFor, createTask, run, sleep } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import {
  after,
  blockingLoop,
  collect,
  divide,
  Gate,
  hostLoop,
  iterations,
  kinds,
  multiply,
  Notes,
  note,
  poolForAll,
  rejectionOf,
  textOf,
  thrownBy,
  until,
  whenOpen,
} from "./helpers-a.ts";

const range = (length: number) => Array.from({ length }, (_, i) => i);
const squares = range(10).map((i) => i * i);

describe.each(kinds)("%s", (kind, make) => {
  describe.each(iterations)("map() in %s", (_, iterate) => {
    const pool = poolForAll(make, 2);

    test("gives results in the order of the items, whichever call ends first [S294]", async () => {
      const { got, thrown } = await collect(iterate, pool().map(after, [0.05, 0.02, 0], ["a", "b", "c"]));
      expect([got, thrown]).toEqual([["a", "b", "c"], null]);
    });

    test("calls fn with an item of each iterable, until the shortest ends", async () => {
      expect(await collect(iterate, pool().map(multiply, range(10), range(10)))).toEqual({
        got: squares,
        thrown: null,
      });
      const { got } = await collect(iterate, pool().map(multiply, range(3), endless()));
      expect(got).toEqual([0, 1, 4]);
    });

    test("gives the same whatever the chunksize [S303]", async () => {
      for (const chunksize of [3, 10, 50]) {
        const results = pool().map({ fn: multiply, chunksize }, range(10), range(10));
        expect(await collect(iterate, results)).toEqual({ got: squares, thrown: null });
      }
    });

    test("throws what a call threw when its turn has come, and ends there [S294]", async () => {
      const { got, thrown } = await collect(iterate, pool().map(divide, [1, 1, 1, 1], [2, 3, 0, 5]));
      expect(got).toEqual([
        [0, 1],
        [0, 1],
      ]);
      expect(textOf(thrown)).toBe("RangeError: division by zero");
    });

    test("no items: ends at once", async () => {
      expect(await collect(iterate, pool().map(multiply, [], range(3)))).toEqual({ got: [], thrown: null });
      expect(await collect(iterate, pool().map({ fn: multiply, buffersize: 2 }, [], []))).toEqual({
        got: [],
        thrown: null,
      });
    });

    test("throws TimeoutError when the time is over, after the results that are there [S294]", async () => {
      const gate = new Gate();
      const notes = new Notes();
      pool().submit(note, "warm", notes.path, "", "").result();
      const results = pool().map(
        { fn: note, timeout: 1 },
        ["a", "b", "c"],
        [notes.path, notes.path, notes.path],
        ["c", "c", "c"],
        [gate.path, gate.path, gate.path],
      );
      const { got, thrown } = await collect(iterate, results);
      gate.open();
      expect(got).toEqual(["a", "b"]);
      expect(thrown).toBeInstanceOf(TimeoutError);
      expect(textOf(thrown)).toBe(
        "TimeoutError: map({ fn, timeout: 1 }, …): 1 calls unfinished after 1 seconds",
      );
    });

    test("the time counts from the call of map(); results that are there come all the same [S294]", async () => {
      const gate = new Gate();
      const results = pool().map({ fn: whenOpen, timeout: 0 }, [`${gate.path}-never`, gate.path], [1, 2]);
      after(0.2, null);
      const first = pool().submit(multiply, 1, 1);
      await first;
      const { got, thrown } = await collect(iterate, results);
      gate.open();
      expect(got).toEqual([1]);
      expect(thrown).toBeInstanceOf(TimeoutError);
    });

    test("buffersize calls are made ahead, one more with each result", async () => {
      for (const buffersize of [1, 2, 4, 8]) {
        let read = 0;
        function* items() {
          for (const i of range(5)) {
            read += 1;
            yield i;
          }
        }
        const ahead: number[] = [];
        const results = pool().map({ fn: multiply, buffersize }, items(), range(5));
        expect(read).toBe(Math.min(buffersize, 5));
        await iterate(results, () => void ahead.push(read));
        expect(ahead).toEqual(range(5).map((i) => Math.min(buffersize + i + 1, 5)));
      }
    });

    test("buffersize: iterables without end are read no further than asked for", async () => {
      const got: number[] = [];
      await iterate(pool().map({ fn: multiply, buffersize: 2 }, endless(), endless()), (result) => {
        got.push(result);
        return got.length === 3;
      });
      expect(got).toEqual([0, 1, 4]);
    });

    test("buffersize: an iterable that fails ends it, and calls that have not begun are cancelled", async () => {
      const { notes, gate, items } = jobs();
      function* failing() {
        yield "a";
        yield "b";
        yield "c";
        throw new RangeError("out of an iterable");
      }
      const own = make(1);
      const results = own.map({ fn: note, buffersize: 3 }, failing(), ...items(3, "b"));
      const { got, thrown } = await collect(iterate, results);
      expect(textOf(thrown)).toBe("RangeError: out of an iterable");
      expect(got).toEqual([]);
      gate.open();
      own.shutdown();
      expect(notes.all).not.toContain("c");
    });

    test("left early: calls that have not begun are cancelled, and the iterables closed [S294]", async () => {
      const { notes, gate, items } = jobs();
      let isClosed = false;
      function* names() {
        try {
          for (const name of "abcdefgh") yield name;
        } finally {
          isClosed = true;
        }
      }
      const own = make(1);
      const got: string[] = [];
      await iterate(own.map({ fn: note, buffersize: 4 }, names(), ...items(8, "b")), (result) => {
        got.push(result);
        return true;
      });
      expect([got, isClosed]).toEqual([["a"], true]);
      gate.open();
      own.shutdown();
      expect(notes.all).not.toContain("c"); // "b" may have begun before
    });

    test("a call that fails: those that have not begun are cancelled [S294]", async () => {
      const gate = new Gate();
      const notes = new Notes();
      const own = make(1);
      const failOrNote = (name: string, path: string, closed: string) => {
        const { appendFileSync, existsSync } = process.getBuiltinModule("node:fs");
        if (name === "a") throw new RangeError("a fails");
        appendFileSync(path, `${name}\n`);
        const never = new Int32Array(new SharedArrayBuffer(4));
        while (existsSync(closed)) Atomics.wait(never, 0, 0, 2);
      };
      const results = own.map(
        failOrNote,
        ["a", "b", "c", "d"],
        Array(4).fill(notes.path),
        Array(4).fill(gate.path),
      );
      const { thrown } = await collect(iterate, results);
      expect(textOf(thrown)).toBe("RangeError: a fails");
      gate.open();
      own.shutdown();
      expect(notes.all).not.toContain("c"); // "b" may have begun before
    });

    test("a timeout: the call that was waited for is cancelled too, if it has not begun [S294]", async () => {
      const { notes, gate, items } = jobs();
      const own = make(1);
      const [paths = [], waits = [], gates = []] = items(2, "");
      const first = own.submit(note, "first", notes.path, "first", gate.path);
      await until(() => notes.all.length === 1);
      const results = own.map({ fn: note, timeout: 0 }, ["second", "third"], paths, waits, gates);
      const { got, thrown } = await collect(iterate, results);
      expect(thrown).toBeInstanceOf(TimeoutError);
      expect(textOf(thrown)).toContain("2 calls unfinished after 0 seconds");
      gate.open();
      expect(first.result()).toBe("first");
      own.shutdown();
      expect([got, notes.all]).toEqual([[], ["first"]]);
    });
  });

  test("map() submits all calls before a result is asked for [S294]", () => {
    const { notes, items } = jobs();
    const pool = make(2);
    const names = [..."abcdefghij"];
    pool.map(note, names, ...items(10, ""));
    pool.shutdown();
    expect(notes.all.sort()).toEqual(names);
  });

  test("map({ buffersize }) makes no more calls than that before a result is asked for", () => {
    const { notes, items } = jobs();
    const pool = make(1);
    const names = [..."abcd"][Symbol.iterator]();
    pool.map({ fn: note, buffersize: 2 }, { [Symbol.iterator]: () => names }, ...items(4, ""));
    pool.shutdown();
    expect(names.next().value).toBe("c");
    expect(notes.all).toEqual(["a", "b"]);
  });

  test("map() whose iterable fails at once throws that, and cancels the calls that have not begun", async () => {
    const { notes, gate, items } = jobs();
    const pool = make(1);
    let isClosed = false;
    function* failing() {
      yield "a";
      yield "b";
      waitForFirst(notes);
      throw new RangeError("out of an iterable");
    }
    const [paths = [], ...others] = items(4, "a");
    function* closing() {
      try {
        yield* paths;
      } finally {
        isClosed = true;
      }
    }
    expect(
      textOf(thrownBy(() => pool.map(note, failing(), closing(), ...(others as [string[], string[]])))),
    ).toBe("RangeError: out of an iterable");
    gate.open();
    pool.shutdown();
    expect([notes.all, isClosed]).toEqual([["a"], true]);
  });

  test("map() after shutdown() is a RuntimeError, while the results of before still come", () => {
    const pool = make(1);
    const before = pool.map(multiply, [1, 2], [3, 4]);
    const buffered = pool.map({ fn: multiply, buffersize: 1 }, [1, 2], [3, 4]);
    pool.shutdown();
    expect([...before]).toEqual([3, 8]);
    expect(textOf(thrownBy(() => pool.map(multiply, [1], [2])))).toContain(
      "cannot schedule new futures after shutdown",
    );
    expect(textOf(thrownBy(() => [...buffered]))).toContain("cannot schedule new futures after shutdown");
  });

  test("map().next() after the end, an error or return() says that it is done", () => {
    const pool = make(1);
    const done = { done: true, value: undefined };
    const whole = pool.map(multiply, [1], [2]);
    expect([whole.next(), whole.next(), whole.next()]).toEqual([{ done: false, value: 2 }, done, done]);
    const failed = pool.map(divide, [1, 1], [0, 1]);
    expect(textOf(thrownBy(() => failed.next()))).toBe("RangeError: division by zero");
    expect(failed.next()).toEqual(done);
    const left = pool.map(multiply, [1, 2], [2, 3]);
    expect([left.next(), left.return(), left.next()]).toEqual([{ done: false, value: 2 }, done, done]);
    pool.shutdown();
  });

  test("map() in asyncFor(): a task's cancellation cancels the calls that have not begun [S294]", async () => {
    const runs: ((main: Coroutine<boolean>) => Promise<boolean>)[] = [
      (main) => run(main, { loopFactory: hostLoop }),
      async (main) => run(main, { loopFactory: blockingLoop }),
    ];
    for (const runIn of runs) {
      const { notes, gate, items } = jobs();
      const pool = make(1);
      const results = pool.map(note, ["a", "b", "c"], ...items(3, "a"));
      const main = () =>
        (function* () {
          const task = createTask(asyncFor(results, function* () {}));
          while (!notes.all.includes("a")) yield* sleep(0.002);
          task.cancel();
          while (!task.done()) yield* sleep(0);
          yield* sleep(0);
          return task.cancelled();
        })();
      expect(await runIn(main())).toBe(true);
      gate.open();
      pool.shutdown();
      expect(notes.all).toEqual(["a"]);
    }
  });

  test.each([
    ["chunksize", 0, "RangeError: map({ fn, chunksize }, …): chunksize must be at least 1, got 0"],
    ["chunksize", -1, "RangeError: map({ fn, chunksize }, …): chunksize must be at least 1, got -1"],
    ["chunksize", 1.5, "TypeError: map({ fn, chunksize }, …): chunksize must be a whole number, got 1.5"],
    ["buffersize", 0, "RangeError: map({ fn, buffersize }, …): buffersize must be at least 1, got 0"],
    ["buffersize", -1, "RangeError: map({ fn, buffersize }, …): buffersize must be at least 1, got -1"],
    ["buffersize", "2", 'TypeError: map({ fn, buffersize }, …): buffersize must be a whole number, got "2"'],
    [
      "timeout",
      "1",
      'TypeError: map({ fn, timeout }, …): timeout must be a number of seconds, or null for none, got "1"',
    ],
    [
      "timeout",
      Number.NaN,
      "RangeError: map({ fn, timeout }, …): timeout must be a number of seconds, got NaN",
    ],
  ])("map() with %s = %j is refused, and no item read [S303]", (option, value, text) => {
    const pool = make(1);
    const items = [1, 2][Symbol.iterator]();
    expect(
      textOf(
        thrownBy(() =>
          pool.map({ fn: multiply, [option]: value }, { [Symbol.iterator]: () => items }, [1, 2]),
        ),
      ),
    ).toBe(text);
    expect(items.next().value).toBe(1);
    pool.shutdown();
  });

  test("map() without an iterable, or of what is none, is a TypeError", () => {
    const pool = make(1);
    expect(textOf(thrownBy(() => pool.map(() => 1)))).toBe(
      "TypeError: map(fn, ...iterables): at least one iterable is required, one for each parameter of fn",
    );
    expect(textOf(thrownBy(() => pool.map(multiply, [1], 5 as never)))).toBe(
      "TypeError: map(fn, ...iterables): iterables are required, one for each parameter of fn, got 5",
    );
    pool.shutdown();
  });

  test(`map({ chunksize }) of a ${kind}: ${kind === "ProcessPoolExecutor" ? "one call takes a chunk, and what fails in it loses the rest of it" : "each item is a call of its own"} [S303]`, () => {
    const notes = new Notes();
    const pool = make(1);
    const failOrNote = (name: string, path: string) => {
      if (name === "c") throw new RangeError("c fails");
      process.getBuiltinModule("node:fs").appendFileSync(path, `${name}\n`);
      return name;
    };
    const results = pool.map({ fn: failOrNote, chunksize: 4 }, [..."abcde"], Array(5).fill(notes.path));
    const got: string[] = [];
    const thrown = thrownBy(() => {
      for (const result of results) got.push(result);
    });
    expect(textOf(thrown)).toBe("RangeError: c fails");
    pool.shutdown();
    if (kind === "ProcessPoolExecutor") {
      expect(got).toEqual([]);
      expect(notes.all.slice(0, 2)).toEqual(["a", "b"]);
      expect(notes.all).not.toContain("d");
    } else expect(got).toEqual(["a", "b"]);
  });
});

test("ProcessPoolExecutor.map({ chunksize }) divides the items into as many calls as are needed, and gives single results [S303]", () => {
  const pool = new ProcessPoolExecutor(2);
  const expected = range(40).map((i) => i * i);
  for (const chunksize of [6, 50, 40]) {
    expect([...pool.map({ fn: multiply, chunksize }, range(40), range(40))]).toEqual(expected);
  }
  pool.shutdown();
});

test("ProcessPoolExecutor.map({ chunksize, buffersize }): the buffer holds chunks", () => {
  const pool = new ProcessPoolExecutor(1);
  let read = 0;
  function* items() {
    for (const i of range(20)) {
      read += 1;
      yield i;
    }
  }
  const results = pool.map({ fn: multiply, chunksize: 3, buffersize: 2 }, items(), range(20));
  expect(read).toBe(6);
  expect([results.next().value, read]).toEqual([0, 9]);
  expect([results.next().value, results.next().value, read]).toEqual([1, 4, 9]);
  expect([results.next().value, read]).toEqual([9, 12]);
  expect([...results]).toEqual(
    range(20)
      .slice(4)
      .map((i) => i * i),
  );
  pool.shutdown();
});

test("map() in for await … of: an error out of the body cancels the calls that have not begun [S294]", async () => {
  const { notes, gate, items } = jobs();
  const pool = new ThreadPoolExecutor(1);
  const thrown = await rejectionOf(
    (async () => {
      for await (const name of pool.map(note, ["a", "b", "c"], ...items(3, "b"))) {
        throw new RangeError(`out of the body at ${name}`);
      }
    })(),
  );
  expect(textOf(thrown)).toBe("RangeError: out of the body at a");
  gate.open();
  pool.shutdown();
  expect(notes.all).not.toContain("c"); // "b" may have begun before
});

test("map(): for … of, for await … of and next() may follow each other", async () => {
  using pool = new ThreadPoolExecutor(1);
  const results = pool.map(multiply, range(4), range(4));
  expect(results.next().value).toBe(0);
  const got: number[] = [];
  for await (const result of results) got.push(result);
  expect(got).toEqual([1, 4, 9]);
  expect([...results]).toEqual([]);
});

function* endless(): Generator<number> {
  for (let i = 0; ; i++) yield i;
}

/** What `note` needs: where to note, a gate, and the iterables beside the names. Jobs called as in `waits` end with the gate. */
function jobs() {
  const notes = new Notes();
  const gate = new Gate();
  return {
    notes,
    gate,
    items: (count: number, waits: string): [string[], string[], string[]] => [
      Array(count).fill(notes.path),
      Array(count).fill(waits),
      Array(count).fill(gate.path),
    ],
  };
}

/** Blocks until a job has begun. */
function waitForFirst(notes: Notes): void {
  while (notes.all.length === 0) after(0.002, null);
}
