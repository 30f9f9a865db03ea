// ByteQueue against one Buffer that holds the same bytes: what is taken, found and left, what is copied and what is kept.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { collectGarbage } from "../../tasks/test/helpers.ts";
import { ByteQueue } from "../src/byte-queue.ts";
import { bytes } from "./helpers-f.ts";

/** Sizes on both sides of what is gathered, and of what is gathered into. */
const sizes = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 5 }) },
  { weight: 3, arbitrary: fc.integer({ min: 200, max: 300 }) },
  { weight: 1, arbitrary: fc.integer({ min: 4000, max: 4200 }) },
);

/** Few letters, so that patterns are found, and found in part. */
function letters(size: number, seed: number): Buffer {
  const made = Buffer.allocUnsafe(size);
  for (let i = 0; i < size; i++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    made[i] = 97 + ((seed >>> 16) % 2);
  }
  return made;
}

describe("ByteQueue", () => {
  test("ByteQueue gives and finds what one Buffer with the same bytes would", () => {
    const step = fc.oneof(
      fc.tuple(fc.constant("push" as const), sizes, fc.nat(1_000_000)),
      fc.tuple(fc.constant("take" as const), sizes, fc.nat()),
      fc.tuple(fc.constant("all" as const), sizes, fc.nat()),
      fc.tuple(fc.constant("clear" as const), sizes, fc.nat()),
      fc.tuple(fc.constant("find" as const), fc.integer({ min: 1, max: 9 }), fc.nat(1_000_000)),
      fc.tuple(fc.constant("find" as const), fc.integer({ min: 1, max: 9 }), fc.nat(1_000_000)),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new ByteQueue();
        let model = Buffer.alloc(0);
        for (const [kind, size, seed] of steps) {
          if (kind === "push") {
            const chunk = letters(size, seed);
            queue.push(chunk);
            model = Buffer.concat([model, chunk]);
          } else if (kind === "find") {
            const pattern = letters(size, seed);
            const from = seed % (model.length + 2);
            expect(queue.indexOf(pattern, from)).toBe(
              from > model.length ? -1 : model.indexOf(pattern, from),
            );
          } else if (kind === "clear") {
            queue.clear();
            model = Buffer.alloc(0);
          } else {
            const count = kind === "all" ? model.length : Math.min(size, model.length);
            expect(queue.take(count).equals(model.subarray(0, count))).toBe(true);
            model = model.subarray(count);
          }
          expect(queue.length).toBe(model.length);
        }
        expect(queue.take(model.length).equals(model)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test("indexOf() finds each place of a pattern, wherever two chunks meet", () => {
    const pattern = bytes("abcab");
    const text = bytes("xaabcabcabx!");
    for (let cut = 0; cut <= text.length; cut++) {
      for (const filler of [0, 300]) {
        const queue = new ByteQueue();
        queue.push(Buffer.concat([Buffer.alloc(filler, "-"), text.subarray(0, cut)]));
        queue.push(Buffer.concat([text.subarray(cut), Buffer.alloc(filler, "-")]));
        const found = [0, 2, 3, 5, 6].map((from) => queue.indexOf(pattern, filler + from) - filler);
        expect(found).toEqual([2, 2, 5, 5, -1 - filler]);
      }
    }
  });

  test("indexOf() finds a pattern that spans chunks, longer than some of them", () => {
    const pattern = Buffer.alloc(700, "-");
    const queue = new ByteQueue();
    queue.push(Buffer.concat([Buffer.alloc(300, "x"), Buffer.alloc(99, "-")]));
    queue.push(Buffer.alloc(300, "-"));
    queue.push(bytes("-"));
    expect(queue.indexOf(pattern, 0)).toBe(-1);
    queue.push(Buffer.alloc(299, "-"));
    queue.push(Buffer.concat([bytes("-"), Buffer.alloc(300, "y")]));
    expect(queue.indexOf(pattern, 0)).toBe(300);
    expect(queue.indexOf(pattern, 300)).toBe(300);
    expect(queue.indexOf(pattern, 301)).toBe(-1);
    queue.take(300);
    expect(queue.indexOf(pattern, 0)).toBe(0);
    queue.take(1);
    expect(queue.indexOf(pattern, 0)).toBe(-1);
  });

  test("take(0) is empty, of an empty queue too", () => {
    const queue = new ByteQueue();
    expect(queue.take(0).length).toBe(0);
    queue.push(bytes("abc"));
    expect(queue.take(0).length).toBe(0);
    expect(queue.length).toBe(3);
  });

  test("take() of what lies in one chunk copies nothing; what spans several is one copy", () => {
    const queue = new ByteQueue();
    const [first, second] = [Buffer.alloc(300, "a"), Buffer.alloc(300, "b")];
    queue.push(first);
    queue.push(second);
    const begin = queue.take(200);
    expect([begin.buffer, begin.byteOffset]).toEqual([first.buffer, first.byteOffset]);
    const across = queue.take(200);
    expect(`${across}`).toBe("a".repeat(100) + "b".repeat(100));
    expect([first.buffer, second.buffer]).not.toContain(across.buffer);
    expect(across.buffer.byteLength).toBe(200);
    expect(queue.take(200).buffer).toBe(second.buffer);
  });

  test("take() gives bytes that later pushes do not change, where small chunks are gathered", () => {
    const queue = new ByteQueue();
    const taken: Buffer[] = [];
    for (let i = 0; i < 20_000; i++) {
      queue.push(Buffer.from([i & 255]));
      if (i % 7 === 6) taken.push(queue.take(5));
    }
    taken.push(queue.take(queue.length));
    const all = Buffer.concat(taken);
    expect(all.length).toBe(20_000);
    expect(all.every((byte, i) => byte === (i & 255))).toBe(true);
  });

  test("push() of single bytes shares a few pieces of memory among them", () => {
    const queue = new ByteQueue();
    for (let i = 0; i < 100_000; i++) queue.push(Buffer.from([i & 255]));
    const memories = new Set<ArrayBufferLike>();
    let held = 0;
    while (queue.length > 0) {
      const { buffer } = queue.take(1);
      if (!memories.has(buffer)) held += buffer.byteLength;
      memories.add(buffer);
    }
    expect(memories.size).toBeLessThan(100);
    expect(held).toBeLessThan(2 * 100_000);
  });

  test("a chunk that was taken is let go, though later ones are still there", async () => {
    const queue = new ByteQueue();
    const refs: WeakRef<ArrayBufferLike>[] = [];
    for (let i = 0; i < 10; i++) {
      const chunk = Buffer.alloc(1000);
      refs.push(new WeakRef(chunk.buffer));
      queue.push(chunk);
    }
    queue.take(9_500);
    await collectGarbage();
    expect(refs.filter((ref) => ref.deref() !== undefined).length).toBe(1);
    expect(queue.length).toBe(500);
  });

  test("clear() lets everything go, and begins anew", async () => {
    const queue = new ByteQueue();
    const ref = (() => {
      const chunk = Buffer.alloc(1000);
      queue.push(chunk);
      queue.push(bytes("small"));
      return new WeakRef(chunk.buffer);
    })();
    queue.take(1);
    queue.clear();
    await collectGarbage();
    expect(ref.deref()).toBe(undefined);
    expect(queue.length).toBe(0);
    expect(queue.indexOf(bytes("s"), 0)).toBe(-1);
    queue.push(bytes("new"));
    expect(`${queue.take(3)}`).toBe("new");
  });
});
