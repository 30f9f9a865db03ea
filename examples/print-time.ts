// Ten tasks with random sleeps, by the loop's own methods, stage by stage. Look at the first stages: a task made outside
// the loop does nothing until the loop runs. Then all ten start in one turn, in order, and end as their sleeps do.
// `wait` needs tasks, and takes a timeout and `returnWhen`; it gives two sets, of those that are done and those that are not.
import { newEventLoop, sleep, wait } from "aioloop";
import { print } from "./lib/print.ts";
import { seeded } from "./lib/random.ts";

const random = seeded(3);

function* printTime(n: number, delay: number) {
  print(`task ${n} sleeps ${delay} s`);
  yield* sleep(delay);
  print(`task ${n} is done`);
}

console.log("make the loop");
const loop = newEventLoop();

console.log("make the tasks");
const numbers = Array.from({ length: 10 }, (_, i) => i + 1);
const tasks = numbers.map((n) => loop.createTask(printTime(n, random.seconds(0.2, 3))));

console.log("run until all are done");
const [done, pending] = await loop.runUntilComplete(wait(tasks));

console.log(`close the loop: ${done.size} done, ${pending.size} pending`);
loop.close();
