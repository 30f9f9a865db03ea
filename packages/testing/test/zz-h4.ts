import { createTask, gather, Lock, sleep, timeout, waitFor, asyncWith } from "@aioloop/tasks";
import { explore, Exhaustive, replay, shared, SimLoop, Pct } from "@aioloop/testing";

let total = 0;
function* lost(sim: SimLoop) {
  const account = shared({ balance: 0 }, "the account");
  function* deposit() {
    const before = account.balance;
    yield* sleep(1);
    account.balance = before + 1;
  }
  function* audit() { yield* sleep(1); }
  const a = createTask(deposit()), b = createTask(deposit());
  yield* gather([a, b]);
  if (account.balance !== 2) throw new Error(`lost update ${account.balance}`);
}
let t0 = performance.now();
let r = explore(lost);
console.log(r.runs, r.guarantee, r.failure?.error, r.failure?.token, r.failure?.report, performance.now() - t0);

function* tie() {
  let state = "";
  function* one() { yield* sleep(1); state += "a"; }
  function* two() { yield* sleep(1); state += "b"; }
  yield* gather([one(), two()]);
  if (state !== "ab") throw new Error("order " + state);
}
t0 = performance.now();
r = explore(tie);
console.log(r.runs, r.guarantee, r.failure?.error, r.failure?.token, "\n" + r.failure?.report, performance.now() - t0);
try { replay(tie, r.failure!.token); } catch (e) { console.log("replayed", (e as Error).message); }

function* locked(sim: SimLoop) {
  const lock = new Lock();
  let n = 0;
  function* worker() {
    for (let i = 0; i < 3; i++) {
      yield* asyncWith(lock, function* () { const x = n; yield* sleep(0); n = x + 1; });
    }
  }
  yield* gather([worker(), worker(), worker()]);
  if (n !== 9) throw new Error("lost");
}
for (const fidelity of ["env", "tasks", "adversarial"] as const) {
  t0 = performance.now();
  r = explore(locked, { fidelity, runs: 10000 });
  const dt = performance.now() - t0;
  console.log(fidelity, r.runs, r.guarantee, r.failure?.error, dt, (r.runs / dt * 1000).toFixed(0), "schedules/s");
}
t0 = performance.now();
const r2 = explore((sim) => {
  function* t() { yield; yield; yield; total++; }
  for (let i = 0; i < 3; i++) sim.createTask(t());
  sim.runUntilIdle();
}, { fidelity: "adversarial", strategy: new Exhaustive(), runs: 1e6, eager: false });
console.log(r2, performance.now() - t0);
t0 = performance.now();
const sim = new SimLoop();
sim.runUntilComplete((function* () { for (let i = 0; i < 3600; i++) yield* sleep(1); })());
console.log("hour", sim.time(), performance.now() - t0);
