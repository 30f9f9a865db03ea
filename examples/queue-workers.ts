// Three workers share a queue, and two presses. Look at who waits for whom: the queue holds two orders, so that `put` waits until
// a worker takes one; a worker waits at the semaphore until one of the presses is free. When the queue is shut down and empty,
// the loops over it end, the workers with them, and so does the group.
import { asyncFor, asyncWith, Queue, run, Semaphore, sleep, TaskGroup } from "aioloop";
import { print } from "./lib/print.ts";

const ORDERS: [title: string, seconds: number][] = [
  ["poster", 1],
  ["flyer", 0.5],
  ["book", 2.2],
  ["card", 0.5],
  ["map", 1],
  ["menu", 0.5],
];

function* customer(orders: Queue<[title: string, seconds: number]>) {
  for (const order of ORDERS) {
    yield* orders.put(order);
    print(`ordered: ${order[0]}`);
  }
  orders.shutdown();
  print("no more orders");
}

function* worker(name: string, orders: Queue<[title: string, seconds: number]>, presses: Semaphore) {
  let count = 0;
  yield* asyncFor(orders, function* ([title, seconds]) {
    yield* asyncWith(presses, function* () {
      print(`${name} prints a ${title}, ${seconds} s`);
      yield* sleep(seconds);
    });
    count += 1;
  });
  print(`${name} goes home, with ${count} done`);
  return count;
}

function* main() {
  const orders = new Queue<[title: string, seconds: number]>(2);
  const presses = new Semaphore(2);
  const workers = yield* asyncWith(new TaskGroup(), function* (group) {
    group.createTask(customer(orders));
    return ["Ann", "Ben", "Cleo"].map((name) => group.createTask(worker(name, orders, presses)));
  });
  const total = workers.reduce((sum, task) => sum + task.result(), 0);
  print(`${total} of ${ORDERS.length} orders printed`);
}

await run(main());
