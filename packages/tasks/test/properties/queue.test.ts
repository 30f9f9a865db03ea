// Queue, LifoQueue and PriorityQueue against a list: whatever several tasks put and get, and whoever is cancelled meanwhile, each item
// that was put is got once or still in it, in the order promised, and nobody sleeps beside an item or beside room.
import { LifoQueue, PriorityQueue, Queue, QueueEmpty, QueueFull, QueueShutDown } from "@aioloop/tasks";
import fc from "fast-check";
import { expect, test } from "vitest";
import { play, runs, scripts } from "./harness.ts";

interface Item {
  readonly priority: number;
  readonly producer: number;
  readonly number: number;
}

type Step =
  | ["put" | "putNowait", priority: number]
  | ["get" | "getNowait" | "taskDone" | "join"]
  | ["shutdown", immediate: boolean];

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.nat(2).map<Step>((priority) => ["put", priority]) },
  { weight: 6, arbitrary: fc.constant<Step>(["get"]) },
  { weight: 1, arbitrary: fc.nat(2).map<Step>((priority) => ["putNowait", priority]) },
  { weight: 1, arbitrary: fc.constantFrom<Step>(["getNowait"], ["taskDone"], ["join"]) },
);

const withShutdown = fc.oneof(
  { weight: 14, arbitrary: step },
  { weight: 1, arbitrary: fc.boolean().map<Step>((immediate) => ["shutdown", immediate]) },
);

const kinds: [
  name: string,
  make: (maxsize: number) => Queue<Item>,
  next: (items: readonly Item[]) => number,
][] = [
  ["Queue", (maxsize) => new Queue(maxsize), () => 0],
  ["LifoQueue", (maxsize) => new LifoQueue(maxsize), (items) => items.length - 1],
  [
    "PriorityQueue",
    (maxsize) => new PriorityQueue(maxsize, { compare: (a, b) => a.priority - b.priority }),
    (items) =>
      items.reduce((best, item, i) => (item.priority < (items[best] as Item).priority ? i : best), 0),
  ],
];

const ways: [what: string, step: fc.Arbitrary<Step>][] = [
  ["", step],
  [" and is shut down", withShutdown],
];

test.each(
  kinds.flatMap(([name, make, next]) =>
    ways.map(([what, steps]) => [name, what, make, next, steps] as const),
  ),
)(
  "%s that several tasks use%s: as the list, item for item, and nobody sleeps in vain [S206 S207 S208 S210 S211 S213 S214]",
  (_name, _what, make, next, steps) => {
    fc.assert(
      fc.property(fc.nat(3), scripts(steps), (maxsize, programs) => {
        const queue = make(maxsize);
        const inside: Item[] = [];
        let [unfinished, joining, count] = [0, 0, 0];
        let isShutdown = false;

        const isFull = () => maxsize > 0 && inside.length >= maxsize;
        const added = (item: Item) => {
          expect([isFull(), isShutdown]).toEqual([false, false]);
          inside.push(item);
          unfinished += 1;
        };
        const taken = (item: Item) => {
          expect(inside.length).toBeGreaterThan(0);
          expect(item).toBe(inside.splice(next(inside), 1)[0]);
        };

        play<Step>(
          programs,
          function* (step, who) {
            const item: Item = { priority: Number(step[1]), producer: who.index, number: count };
            count += 1;
            try {
              if (step[0] === "put") {
                yield* queue.put(item);
                added(item);
              } else if (step[0] === "putNowait") {
                queue.putNowait(item);
                added(item);
              } else if (step[0] === "get") taken(yield* queue.get());
              else if (step[0] === "getNowait") taken(queue.getNowait());
              else if (step[0] === "taskDone") {
                if (unfinished === 0) return;
                queue.taskDone();
                unfinished -= 1;
              } else if (step[0] === "join") {
                joining += 1;
                try {
                  yield* queue.join();
                } finally {
                  joining -= 1;
                }
              } else {
                queue.shutdown(step[1] === true);
                isShutdown = true;
                if (step[1] === true) unfinished = Math.max(0, unfinished - inside.splice(0).length);
              }
            } catch (error) {
              if (error instanceof QueueShutDown) expect(isShutdown).toBe(true);
              else if (error instanceof QueueFull) expect([step[0], isFull()]).toEqual(["putNowait", true]);
              else if (error instanceof QueueEmpty)
                expect([step[0], inside.length]).toEqual(["getNowait", 0]);
              else throw error;
            }
          },
          (isIdle) => {
            expect([queue.qsize(), queue.empty(), queue.full()]).toEqual([
              inside.length,
              inside.length === 0,
              isFull(),
            ]);
            if (!isIdle) return;
            const shown = String(queue);
            if (inside.length > 0 || isShutdown) expect(shown).not.toContain("getters");
            if (!isFull() || isShutdown) expect(shown).not.toContain("putters");
            if (unfinished === 0) expect(joining).toBe(0);
          },
        );
        const parts = [
          `maxsize=${maxsize}`,
          `qsize=${inside.length}`,
          unfinished > 0 ? `unfinished=${unfinished}` : "",
          isShutdown ? "shutdown" : "",
        ];
        expect(String(queue)).toBe(`<${queue.constructor.name} ${parts.filter(Boolean).join(" ")}>`);
      }),
      runs,
    );
  },
);
