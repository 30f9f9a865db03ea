import { executors, run, CancelledError, isCancelled, createTask, sleep, getRunningLoop, TimeoutError } from "aioloop";
const { jobCancelled, jobSignal, ThreadPoolExecutor, ProcessPoolExecutor, wait } = executors;
const t0 = performance.now();
const tell = (...a: unknown[]) => console.log((performance.now() - t0).toFixed(0).padStart(5), ...a);
const attempt = (f: () => unknown) => { try { tell("value", f()); } catch (e) { tell(`${(e as Error).name}: ${(e as Error).message}`); } };
console.log(process.getActiveResourcesInfo());
const sab = new SharedArrayBuffer(4);
{ const p = new ThreadPoolExecutor({ maxWorkers: 1, resourceLimits: { maxOldGenerationSizeMb: 20 } });
  attempt(() => p.submit(() => { const a: unknown[] = []; for (;;) a.push(new Array(1000).fill(1)); }).result()); p.shutdown(); }
{ const p = new ThreadPoolExecutor({ maxWorkers: 1, execArgv: ["--no-such-option"] }); attempt(() => p.submit(() => 1).result()); p.shutdown(); }
{ const p = new ThreadPoolExecutor({ maxWorkers: 1, execArgv: ["--import", "file:///nowhere/x.mjs"] }); attempt(() => p.submit(() => 1).result()); p.shutdown(); }
{ const p = new ThreadPoolExecutor({ maxWorkers: 1 }); attempt(() => p.submit(() => { setTimeout(() => { throw new Error("later"); }, 0); return new Promise(() => {}); }).result()); p.shutdown(); }
{ const p = new ThreadPoolExecutor({ maxWorkers: 1 }); attempt(() => p.submit(() => { Promise.reject(new Error("unhandled")); return new Promise(() => {}); }).result()); p.shutdown(); }
{ const p = new ThreadPoolExecutor({ maxWorkers: 1, initializer: () => { throw new RangeError("no init"); } }); attempt(() => p.submit(() => 1).result()); attempt(() => p.submit(() => 1).result()); p.shutdown(); }
{ const p = new ProcessPoolExecutor({ maxWorkers: 1 }); attempt(() => p.submit(() => { process.kill(process.pid, "SIGKILL"); return new Promise(() => {}); }).result()); p.shutdown(); }
{ const p = new ProcessPoolExecutor({ maxWorkers: 1, execArgv: ["--no-such-option"] }); attempt(() => p.submit(() => 1).result()); p.shutdown(); }
{ const p = new ProcessPoolExecutor({ maxWorkers: 1, execArgv: ["--max-old-space-size=20"] }); attempt(() => p.submit(() => { const a: unknown[] = []; for (;;) a.push(new Array(1000).fill(1)); }).result()); p.shutdown(); }
{ const p = new ProcessPoolExecutor({ maxWorkers: 1, initializer: () => { throw new RangeError("no init"); } }); attempt(() => p.submit(() => 1).result()); p.shutdown(); }
{ const p = new ProcessPoolExecutor({ maxWorkers: 1 });
  const f = p.submit({ fn: () => { for (;;); }, cancel: "terminate" }); const g = p.submit((x: number) => x, 3);
  attempt(() => f.result(0.5)); tell(f.running(), f.cancel(), f.cancelled()); attempt(() => g.result()); p.shutdown(); }
{ const p = new ThreadPoolExecutor({ maxWorkers: 1 });
  const f = p.submit({ fn: () => { for (;;); }, cancel: "terminate" }); const g = p.submit((x: number) => x, 3);
  attempt(() => f.result(0.5)); tell(f.running(), f.cancel(), f.cancelled()); attempt(() => g.result()); p.shutdown(); }
{ const p = new ThreadPoolExecutor({ maxWorkers: 1 });
  const f = p.submit(() => { while (!jobCancelled()); return "saw it"; }); attempt(() => f.result(0.2)); tell(f.cancel()); attempt(() => f.result());
  const g = p.submit(async () => { await new Promise((r) => jobSignal().addEventListener("abort", r)); return "aborted"; }); attempt(() => g.result(0.1)); tell(g.cancel()); attempt(() => g.result());
  p.shutdown(); }
{ const p = new ProcessPoolExecutor({ maxWorkers: 1 });
  const f = p.submit(() => { while (!jobCancelled()); return "saw it"; }); attempt(() => f.result(0.2)); tell(f.cancel()); attempt(() => f.result());
  const g = p.submit(async () => { await new Promise((r) => jobSignal().addEventListener("abort", r)); return "aborted"; }); attempt(() => g.result(0.1)); tell(g.cancel()); attempt(() => g.result());
  p.shutdown(); }
{ using p = new ThreadPoolExecutor(1);
  attempt(() => p.submit(() => { throw new TypeError("typed", { cause: new RangeError("why") }); }).result());
  attempt(() => p.submit(() => { throw 5; }).result());
  attempt(() => p.submit(() => process.getBuiltinModule("node:fs").readFileSync("/nowhere")).result());
  attempt(() => p.submit((x: unknown) => x, () => 1).result());
  attempt(() => p.submit((x: unknown) => x, Symbol("x")).result());
  attempt(() => p.submit(() => () => 1).result());
  attempt(() => p.submit((x: SharedArrayBuffer) => { new Int32Array(x)[0] = 7; }, sab).result()); tell(new Int32Array(sab)[0]);
  attempt(() => p.submit(Math.max, 1, 2).result());
  attempt(() => p.submit(function* () {} as never).result());
  attempt(() => p.submit((x: string) => x.length, "x".repeat(1e6)).result());
  attempt(() => p.submit((x: number) => "y".repeat(x).length, 1e6).result());
  attempt(() => p.submit((x: number) => "y".repeat(x), 1e6).result().length);
  attempt(() => p.submit((x: bigint) => x * 2n, 10n).result());
  attempt(() => p.submit((x: Map<string, Date>) => x.get("a"), new Map([["a", new Date(0)]])).result());
  attempt(() => p.submit((x: URL) => x, new URL("http://x")).result());
  attempt(() => p.submit((x: Uint8Array) => x, Buffer.from("abc")).result());
  attempt(() => p.submit((b: Blob) => b.text(), new Blob(["blobby"])).result());
}

try { new ThreadPoolExecutor(0); } catch (e) { tell(String(e)); }
console.log(process.getActiveResourcesInfo());

tell("end");
