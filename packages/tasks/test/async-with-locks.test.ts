// Locks in asyncWith(): there is no other way to hold one for a block.
import type { Yieldable } from "@aioloop/loop";
import { ensureFuture } from "@aioloop/loop";
import { asyncWith, BoundedSemaphore, Condition, Lock, Semaphore, sleep } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { errorOf, program, thrownBy } from "./helpers.ts";

const primitives = [Lock, Condition, Semaphore, BoundedSemaphore];

describe.each(primitives)("%o", (Primitive) => {
  const { name } = Primitive;

  test(`asyncWith(new ${name}()) holds it for the block, which is given nothing`, () => {
    program(function* () {
      const lock = new Primitive();
      yield* sleep(0.01);
      expect(lock.locked()).toBe(false);
      yield* asyncWith(lock, function* (value) {
        expect(value).toBe(undefined);
        expect(lock.locked()).toBe(true);
        yield* sleep(0.01);
        expect(lock.locked()).toBe(true);
      });
      expect(lock.locked()).toBe(false);
    });
  });

  test(`${name} itself cannot be awaited, and stays free`, () => {
    program(function* () {
      const lock = new Primitive();
      const awaiting = (function* () {
        yield* lock as unknown as Yieldable<void>;
      })();
      expect(yield* errorOf(awaiting)).toBeInstanceOf(TypeError);
      expect(thrownBy(() => ensureFuture(lock as never))).toBeInstanceOf(TypeError);
      expect(lock.locked()).toBe(false);
    });
  });
});
