// Memory for large parts of a stream: nobody's part is another's.
import fc from "fast-check";
import { expect, test } from "vitest";
import { PART, putBack, takePart } from "../src/slabs.ts";

const placeOf = (part: Buffer) => ({ block: part.buffer, from: part.byteOffset });

test("takePart() gives 64 KiB that no other part shares", () => {
  const parts = Array.from({ length: 11 }, () => takePart());
  for (const [i, part] of parts.entries()) part.fill(i);
  for (const [i, part] of parts.entries()) {
    expect(part.length).toBe(PART);
    expect(part.every((byte) => byte === i)).toBe(true);
  }
});

test("a block is four parts long, so that one that is kept keeps no more", () => {
  const parts = Array.from({ length: 9 }, () => takePart());
  for (const part of parts) expect(part.buffer.byteLength).toBe(4 * PART);
  expect(new Set(parts.map((part) => part.buffer)).size).toBeLessThanOrEqual(4);
});

test("a block cannot be moved to another thread together with one of its parts: others would lose theirs", () => {
  const parts = Array.from({ length: 8 }, () => takePart());
  for (const { buffer } of parts) {
    // Older Nodes copy instead, newer ones refuse.
    try {
      structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
    } catch (error) {
      expect(error).toHaveProperty("name", "DataCloneError");
    }
  }
  for (const part of parts) expect(part.length).toBe(PART);
});

test("a part that is put back is the next one", () => {
  const unused = takePart();
  const place = placeOf(unused);
  putBack(unused);
  expect(placeOf(takePart())).toEqual(place);
  expect(placeOf(takePart())).not.toEqual(place);
});

test("whatever is taken and put back, no two have the same part", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 60 }), (takes) => {
      const held: Buffer[] = [];
      for (const take of takes) {
        const last = take ? undefined : held.pop();
        if (last === undefined) held.push(takePart());
        else putBack(last);
      }
      for (const [i, part] of held.entries()) part.writeUInt32LE(i);
      for (const [i, part] of held.entries()) expect(part.readUInt32LE()).toBe(i);
    }),
  );
});
