// Two stages, each a `gather`: make users, then save them. Look at the line between them: no user is saved before the
// last one is made, since `yield* gather(...)` waits for all of its stage. Within a stage they run at the same time.
import { gather, run, sleep } from "aioloop";
import { print } from "./lib/print.ts";
import { seeded } from "./lib/random.ts";

const random = seeded(1);

function* makeUser(name: string) {
  yield* sleep(random.seconds(0.1, 1));
  print(`made ${name}`);
  return { name, mail: `${name.toLowerCase()}@example.org` };
}

function* saveUser(user: { name: string; mail: string }) {
  yield* sleep(random.seconds(0.1, 1));
  print(`saved ${user.name} <${user.mail}>`);
}

function* main() {
  print("stage 1: make users");
  const users = yield* gather(["Ann", "Ben", "Cleo", "Dan", "Eve"].map(makeUser));
  print(`stage 2: save ${users.length} users`);
  yield* gather(users.map(saveUser));
  print("done");
}

await run(main());
