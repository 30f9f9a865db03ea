// A crawler, the first thing to run. It fetches the pages of a small web site (which it starts itself), slow on purpose and
// not reliable. Look at how four workers share a queue; each attempt has a time limit; what failed is tried again after a
// while; one page is cancelled in the middle of its request, and the server notices; at the end nothing is left open. The
// timeline is drawn from what the loop tells an instrument.
import {
  abortable,
  coroutine,
  createTask,
  gather,
  getRunningLoop,
  isCancelled,
  Queue,
  QueueShutDown,
  run,
  sleep,
  TimeoutError,
  waitFor,
  wrapFuture,
} from "aioloop";
import { elapsed } from "./lib/print.ts";
import { startSlowServer } from "./lib/slow-server.ts";
import { coloured, endProgress, showProgress, width } from "./lib/terminal.ts";
import { Timeline } from "./lib/timeline.ts";

const WORKERS = 4;
const ATTEMPTS = 3;
const TIME_LIMIT = 1; // seconds, for each attempt
const UNWANTED = "/news/archive"; // cancelled after half a second, as if its reader had left

const queue = new Queue<string>();
const pages = new Set<string>();
const outcomes = new Map<string, string>();
let busy = 0;

/** A request as the host makes it. If the task is cancelled, the request is aborted. */
const request = (url: string) =>
  abortable(async (signal) => {
    const response = await fetch(url, { signal });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return response.text();
  });

// With `coroutine` its name is known, and the timeline can draw this wait in a way of its own.
const backOff = coroutine(function* backOff(seconds: number) {
  yield* sleep(seconds);
});

/** Fetches a page, and returns the links on it. */
function* fetchPage(url: string, path: string) {
  for (let attempt = 1; ; attempt++) {
    try {
      const html = yield* waitFor(request(url + path), TIME_LIMIT);
      return [...html.matchAll(/href="(.*?)"/g)].map(([, link = ""]) => link);
    } catch (error) {
      if (isCancelled(error) || attempt === ATTEMPTS) throw error;
      const seconds = 0.1 * 2 ** attempt;
      tell(path, `${reasonOf(error)}, again in ${seconds} s`);
      yield* backOff(seconds);
    }
  }
}

function* visit(url: string, path: string) {
  const started = elapsed();
  const page = createTask(fetchPage(url, path), { name: path });
  if (path === UNWANTED) getRunningLoop().callLater(0.5, () => page.cancel());
  // gather, so that its error comes as a value, and that who cancels the worker cancels the page too.
  const [result] = yield* gather([page], { returnExceptions: true });
  if (result instanceof Error) {
    outcomes.set(path, isCancelled(result) ? "cancelled" : `given up: ${reasonOf(result)}`);
  } else {
    outcomes.set(path, "fetched");
    result.forEach(add);
  }
  busy += elapsed() - started;
  tell(path, outcomes.get(path) ?? "");
  queue.taskDone();
}

function* worker(url: string) {
  try {
    for (;;) yield* visit(url, yield* queue.get());
  } catch (error) {
    if (!(error instanceof QueueShutDown)) throw error; // shut down: there are no more pages
  }
}

function* crawl(url: string) {
  add("/");
  const workers = Array.from({ length: WORKERS }, (_, i) =>
    createTask(worker(url), { name: `worker ${i + 1}` }),
  );
  yield* queue.join();
  queue.shutdown();
  yield* gather(workers);
}

function add(path: string) {
  if (pages.has(path)) return;
  pages.add(path);
  queue.putNowait(path);
}

function reasonOf(error: unknown) {
  if (error instanceof TimeoutError) return `no answer in ${TIME_LIMIT} s`;
  return error instanceof Error ? error.message : String(error);
}

function tell(path: string, what: string) {
  const done = outcomes.size;
  const bar = "█".repeat(done) + "░".repeat(pages.size - done);
  showProgress(
    `${elapsed().toFixed(1)} s  ${bar.padEnd(12)} ${done} of ${pages.size} pages  ${path}: ${what}`,
  );
}

function* main() {
  const loop = getRunningLoop();
  const timeline = new Timeline({ abortable: "━", backOff: "┄", get: "·" });
  const server = yield* wrapFuture(startSlowServer());
  console.log(`${WORKERS} workers fetch a web site from ${server.url}\n`);
  loop.addInstrument(timeline);
  try {
    elapsed();
    yield* createTask(crawl(server.url), { name: "crawl" });
  } finally {
    loop.removeInstrument(timeline);
    endProgress();
    yield* wrapFuture(server.close());
  }

  const seconds = elapsed();
  const count = (outcome: string) => [...outcomes.values()].filter((one) => one.startsWith(outcome)).length;
  const { requests, failures, endedEarly } = server.seen;
  const picture = timeline.draw({ width, note: (name) => outcomes.get(name) ?? "" }).join("\n");
  console.log(`
${pages.size} pages in ${seconds.toFixed(1)} s; one after the other they would have taken ${busy.toFixed(1)} s.
${count("fetched")} fetched, ${count("given up")} given up after ${ATTEMPTS} attempts, ${count("cancelled")} cancelled.
The server had ${requests} requests and failed ${failures}; it noticed that ${endedEarly} were aborted: by the time limit and
by the cancellation.

The timeline of the tasks:
${coloured(picture, { cyan: /━+/g, yellow: /┄+/g, red: /✗|given up.*|cancelled$/gm })}

█ runs  ━ waits for the server  ┄ backs off  ─ waits for other tasks  · is idle  ✗ was cancelled

Read next what a task is, examples/sleep-tasks.ts. All examples are listed in examples/README.md.
    node scripts/run.mjs examples/sleep-tasks.ts`);
}

await run(main());
