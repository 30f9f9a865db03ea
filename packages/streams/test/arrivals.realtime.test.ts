// How bytes come from a socket: what is given is the receiver's, whoever else is read meanwhile.
import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { expect, test } from "vitest";
import { receive, unreceive } from "../src/arrivals.ts";

async function pair(): Promise<{ sender: Socket; receiver: Socket; close: () => void }> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const sender = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [receiver] = (await once(server, "connection")) as [Socket];
  const close = () => {
    sender.destroy();
    receiver.destroy();
    server.close();
  };
  return { sender, receiver, close };
}

/** Waits until `count` bytes have come. */
async function bytes(given: readonly Buffer[], count: number): Promise<Buffer> {
  while (given.reduce((sum, { length }) => sum + length, 0) < count) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  return Buffer.concat(given);
}

test("receive() takes this Node's sockets from their stream", async () => {
  const { receiver, close } = await pair();
  receive(receiver, () => {});
  expect(receiver.listenerCount("data")).toBe(0);
  close();
});

test("receive() gives each part memory of its own, also while other sockets are read", async () => {
  const [first, second] = [await pair(), await pair()];
  const given: Buffer[][] = [[], []];
  receive(first.receiver, (data) => void given[0]?.push(data));
  receive(second.receiver, (data) => void given[1]?.push(data));
  first.sender.write("one");
  await bytes(given[0] as Buffer[], 3);
  second.sender.write("two");
  await bytes(given[1] as Buffer[], 3);
  first.sender.write("three");
  expect(`${await bytes(given[0] as Buffer[], 8)}`).toBe("onethree");
  expect(`${await bytes(given[1] as Buffer[], 3)}`).toBe("two");
  first.close();
  second.close();
});

test("receive() gives what fills a buffer as it is, in the order in which it came, and small parts again after it", async () => {
  const { sender, receiver, close } = await pair();
  const given: Buffer[] = [];
  receive(receiver, (data) => void given.push(data));
  const large = Buffer.from(Array.from({ length: 1 << 20 }, (_, i) => (i * 31) & 255));
  sender.write(large);
  expect((await bytes(given, large.length)).equals(large)).toBe(true);
  for (const text of ["a", "b", "c"]) {
    const before = given.length;
    sender.write(text);
    while (given.length === before) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(`${Buffer.concat(given).subarray(large.length)}`).toBe("abc");
  expect(given.at(-1)?.buffer.byteLength).toBeLessThanOrEqual(Buffer.poolSize);
  close();
});

test("receive() gives parts that are kept memory of their own, large and small in turn, for two sockets", async () => {
  const pairs = [await pair(), await pair()];
  const given: Buffer[][] = [[], []];
  const sent: Buffer[][] = [[], []];
  for (const [i, { receiver }] of pairs.entries()) receive(receiver, (data) => void given[i]?.push(data));
  for (let round = 0; round < 12; round++) {
    const lengths = round % 3 === 2 ? [5, 300_000] : [300_000, 5];
    for (const [i, { sender }] of pairs.entries()) {
      const part = Buffer.alloc(lengths[i] as number, 1 + round * 2 + i);
      sent[i]?.push(part);
      sender.write(part);
    }
    for (const i of [0, 1]) await bytes(given[i] as Buffer[], Buffer.concat(sent[i] as Buffer[]).length);
  }
  for (const i of [0, 1]) {
    const all = Buffer.concat(given[i] as Buffer[]);
    expect(all.equals(Buffer.concat(sent[i] as Buffer[]))).toBe(true);
  }
  for (const { close } of pairs) close();
});

test("receive() gives what had come before it was called", async () => {
  const { sender, receiver, close } = await pair();
  sender.write("early");
  while (receiver.readableLength < 5) await new Promise((resolve) => setImmediate(resolve));
  const given: Buffer[] = [];
  receive(receiver, (data) => void given.push(data));
  sender.write(", late");
  expect(`${await bytes(given, 11)}`).toBe("early, late");
  close();
});

test("receive() reads a socket that somebody reads already by its events", async () => {
  const { sender, receiver, close } = await pair();
  const others: Buffer[] = [];
  receiver.on("data", (data: Buffer) => void others.push(data));
  const given: Buffer[] = [];
  receive(receiver, (data) => void given.push(data));
  sender.write("both");
  expect(`${await bytes(given, 4)}`).toBe("both");
  expect(`${Buffer.concat(others)}`).toBe("both");
  close();
});

test("a socket that is paused gives nothing, and its end is told when all has been given", async () => {
  const { sender, receiver, close } = await pair();
  const given: Buffer[] = [];
  receive(receiver, (data) => void given.push(data));
  receiver.pause();
  sender.end("the last");
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  expect(given).toEqual([]);
  const ended = once(receiver, "end");
  receiver.resume();
  await ended;
  expect(`${Buffer.concat(given)}`).toBe("the last");
  close();
});

test("unreceive() gives the socket back to its stream", async () => {
  const { sender, receiver, close } = await pair();
  receive(receiver, () => {});
  unreceive(receiver);
  receiver.pause();
  receiver.unshift(Buffer.from("back"));
  expect(`${receiver.read()}`).toBe("back");
  sender.end();
  close();
});
